"""Reads .pdf: the text layer page by page, made into paragraphs, running headers taken off."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from ...errors import DocumentError
from ...types import Block, Document
from .common import breaks_on_purpose, one_line, readable_stem
from .pdf_lines import page_lines
from .running import Pages

_SENTENCE_END = re.compile(r"[.!?:;][\"'”’)\]]*\Z")
_BULLET = re.compile(r"\s*(?:[-*•‣▪◦–]|\(?\d{1,3}[.)])\s+\S")
_STARTS = re.compile(_BULLET.pattern + r"|(?:Table|Figure|Fig\.) \d+[.:]")
_NO_TITLE = re.compile(r"untitled|\(?anonymous\)?|\(?unspecified\)?|microsoft word\b.*", re.I)
# First halves of compounds that no syllable looks like (unlike "anti-", "re-", "all-").
_PREFIXES = {
    "alpha",
    "beta",
    "gamma",
    "kappa",
    "blood",
    "cross",
    "dose",
    "double",
    "drug",
    "evidence",
    "first",
    "five",
    "four",
    "half",
    "high",
    "life",
    "long",
    "low",
    "non",
    "patient",
    "placebo",
    "quality",
    "risk",
    "self",
    "single",
    "third",
    "three",
    "two",
    "type",
    "well",
    "world",
}


def read(path: Path, document_id: str) -> Document:
    """Return the document; its pages are read as its blocks are asked for.

    Title: the file's own if it is sensible, else the first line of text if no word is divided at
    its end, else the file's name. Running headers, footers and page numbers are taken off
    (`Pages`), unless there is no other text. Text comes in the order of drawing, but for what
    `reading_order` mends: three columns drawn line by line come out mixed. Raised numbers are
    marked ("10^9/L"), but not in turned text nor on pages that had to be put in order.
    Paragraphs follow from line lengths (`breaks_on_purpose`). A word divided at a line end is
    joined, and keeps its hyphen if the document has that compound inside a line, if its first
    half is a usual one of compounds ("beta-", "non-"), a single letter, or not lower-case letters
    alone ("IL-", "T-"), or if the second half does not start in lower case.

    Raises:
        DocumentError: not a PDF, damaged, or encrypted; from the blocks too, and if there is no
            text in any page.
    """
    pages = Pages(page_lines(path))
    known = _properties(path)
    title, author = known.get("title", ""), known.get("author", "")
    if len(title) < 4 or _NO_TITLE.fullmatch(title) or title.lower().endswith((".pdf", ".docx")):
        title = pages.first_line()
        if title.endswith("-"):  # half a word: the text goes on
            title = ""
    title = one_line(title) if len(title) <= 200 else ""
    return Document(
        document_id,
        title or readable_stem(path),
        _blocks(path, pages, title),
        metadata={"author": author} if author and not _NO_TITLE.fullmatch(author) else {},
    )


def _properties(path: Path) -> dict[str, str]:
    """Return the file's own title and author, where it names them."""
    from pypdfium2 import PdfDocument

    with closing(PdfDocument(path)) as document:
        found = document.get_metadata_dict(skip_empty=True)
    return {key.lower(): one_line(value) for key, value in found.items()}


def _blocks(path: Path, pages: Pages, title: str) -> Iterator[Block]:
    """Yield the paragraphs; one that runs over a page end comes as two blocks glued together."""
    last: Block | None = None  # held back, because the next page may complete its last word
    for number, lines in enumerate(pages, start=1):
        width = sorted(map(len, lines))[int(0.9 * (len(lines) - 1))] if lines else 0
        if number == 1 and one_line(lines[0] if lines else "") == title and lines[1:]:
            # A line cut short is the title alone; a full one may be the text's first.
            del lines[: breaks_on_purpose(lines[0], lines[1], width)]
        for block in _paragraphs(lines, width, pages.compounds, number):
            if last is not None:
                if last.page != number and _runs_on(last.text, block.text):
                    text, glue = _joined(last.text, block.text, pages.compounds)
                    last, block = replace(last, text=text), replace(block, glue=glue)
                yield last
            last = block
    if last is None and pages.stripped:  # nothing but running lines: they are the text
        yield from _blocks(path, Pages(page_lines(path), strip=False), title)
        return
    if last is None:
        raise DocumentError(f"{path.name}: no text layer (scanned?); medrag does no OCR")
    yield last


def _runs_on(before: str, after: str) -> bool:
    """Tell whether a sentence runs from the end of one page to the start of the next."""
    if _SENTENCE_END.search(before) or _BULLET.match(after):
        return False
    return after[0].islower() or len(before.rsplit("\n", 1)[-1]) > 60


def _paragraphs(lines: list[str], width: int, compounds: set[str], page: int) -> Iterator[Block]:
    """Join the lines of a page. A short line that ends no sentence (a heading, a table row) stays
    a line of its own, with what follows below it."""
    text = ""
    for line, following in zip(lines, [*lines[1:], ""], strict=False):
        text += line
        if not following:
            yield Block(text, page=page)
        elif not (line.endswith("-") or following[0].islower()) and (
            _STARTS.match(following) or breaks_on_purpose(line, following, width)
        ):
            if _SENTENCE_END.search(line) and not _BULLET.match(following):
                yield Block(text, page=page)
                text = ""
            else:
                text += "\n"
        else:
            text, glue = _joined(text, following, compounds)
            text += glue


def _joined(before: str, after: str, compounds: set[str]) -> tuple[str, str]:
    """Return `before`, its last hyphen gone if it only divided a word, and the glue to `after`."""
    match = re.search(r"(\w+)-\Z", before[-80:])
    if not match:
        return before, " "
    half = match[1]
    rest = re.match(r"\w*", after)
    compound = f"{half}-{rest[0] if rest else ''}".lower()
    if (
        compound in compounds
        or half.lower() in _PREFIXES
        or len(half) == 1
        or not (half.isalpha() and half[1:].islower())
        or not after[:1].islower()
    ):
        return before, ""
    return before[:-1], ""
