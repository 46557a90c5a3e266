"""Reads .pdf: the text layer page by page, made into paragraphs, running headers taken off."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from ...errors import DocumentError
from ...types import Block, Document
from .common import breaks_on_purpose, one_line, readable_stem

_EDGE = 3  # lines at the top and at the bottom of a page where headers and footers are looked for
_AHEAD = 64  # pages read before one is handed on
_PATTERNS_LIMIT = 10_000  # lines remembered to find those that repeat
_COMPOUNDS_LIMIT = 50_000  # hyphenated words remembered from a document
_SENTENCE_END = re.compile(r"[.!?:;][\"'”’)\]]*\Z")
_BULLET = re.compile(r"\s*(?:[-*•‣▪◦–]|\(?\d{1,3}[.)])\s+\S")
_STARTS = re.compile(_BULLET.pattern + r"|(?:Table|Figure|Fig\.) \d+[.:]")
_NO_TITLE = re.compile(r"untitled|\(?anonymous\)?|\(?unspecified\)?|microsoft word\b.*", re.I)
_COMPOUND = re.compile(r"\w+-\w+")
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


class _Pages:
    """The pages of a document, seen with so many of those ahead that what repeats is known."""

    def __init__(self, path: Path) -> None:
        self._pages = _pages(path)
        self._ahead: deque[list[str]] = deque()
        self._count = 0
        self._tops: Counter[str] = Counter()
        self._bottoms: Counter[str] = Counter()
        self.compounds: set[str] = set()
        self._look_ahead()

    def __iter__(self) -> Iterator[list[str]]:
        """The lines of each page without its running header and footer."""
        while self._ahead:
            yield self._body(self._ahead.popleft())
            self._look_ahead()

    def first_line(self) -> str:
        """The first line of text on the pages ahead, or ""."""
        return next((body[0] for lines in self._ahead if (body := self._body(lines))), "")

    def _look_ahead(self) -> None:
        while len(self._ahead) < _AHEAD and (lines := next(self._pages, None)) is not None:
            self._ahead.append(lines)
            self._count += 1
            for seen, edge in ((self._tops, lines[:_EDGE]), (self._bottoms, lines[-_EDGE:])):
                seen.update({_pattern(line) for line in edge})
                if len(seen) > _PATTERNS_LIMIT:
                    for pattern in [pattern for pattern, times in seen.items() if times < 3]:
                        del seen[pattern]
            for line in lines:
                if len(self.compounds) < _COMPOUNDS_LIMIT:
                    self.compounds.update(word.lower() for word in _COMPOUND.findall(line))

    def _body(self, lines: list[str]) -> list[str]:
        """A page's lines without its running header and footer."""
        start, stop = 0, len(lines)
        while start < min(_EDGE, stop) and self._runs(self._tops, lines[start]):
            start += 1
        while stop > max(start, len(lines) - _EDGE) and self._runs(self._bottoms, lines[stop - 1]):
            stop -= 1
        return lines[start:stop]

    def _runs(self, seen: Counter[str], line: str) -> bool:
        """Tell whether a line repeats on 3 pages, or on 2 that are more than half of all."""
        times = seen[_pattern(line)]
        return times >= 3 or (times == 2 and self._count <= 3)


def read(path: Path, document_id: str) -> Document:
    """Return the document; its pages are read as its blocks are asked for.

    Title: the file's own if it is sensible, else the first line of text, else the file's name.
    Running headers and footers are lines that repeat, but for their numbers, among the pages
    before and the next 64.
    Paragraphs follow from line lengths (`breaks_on_purpose`). A word divided at a line end is
    joined, and keeps its hyphen if the document has that compound inside a line, if its first
    half is a usual one of compounds ("beta-", "non-"), a single letter, or not lower-case letters
    alone ("IL-", "T-"), or if the second half does not start in lower case.

    Raises:
        DocumentError: not a PDF, damaged, or encrypted; from the blocks too, and if there is no
            text in any page.
    """
    pages = _Pages(path)
    known = _properties(path)
    title, author = known.get("title", ""), known.get("author", "")
    if len(title) < 4 or _NO_TITLE.fullmatch(title) or title.lower().endswith((".pdf", ".docx")):
        title = pages.first_line()
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


def _pages(path: Path) -> Iterator[list[str]]:
    """Yield the lines of each page that are not blank; hyphens at line ends are "-"."""
    from pypdfium2 import PdfDocument, PdfiumError
    from pypdfium2.raw import FPDF_ERR_PASSWORD

    try:
        document = PdfDocument(path)
    except PdfiumError as error:
        if error.err_code == FPDF_ERR_PASSWORD:
            raise DocumentError(f"{path.name}: encrypted") from error
        raise DocumentError(f"{path.name}: not a readable PDF ({error})") from error
    except (OSError, ValueError) as error:
        raise DocumentError(f"{path.name}: not a readable PDF ({error})") from error
    with closing(document):
        for number in range(len(document)):
            try:
                with closing(document[number]) as page, closing(page.get_textpage()) as layer:
                    text = layer.get_text_bounded()
            except (PdfiumError, OSError, ValueError) as error:
                raise DocumentError(f"{path.name}: page {number + 1}: {error}") from error
            yield _lines(text)


def _lines(text: str) -> list[str]:
    # pdfium joins a word divided at a line end and puts a mark there; the line end is wanted back.
    text = re.sub("[\x02\ufffe]", "-\n", text).replace("\r\n", "\n").replace("\r", "\n")
    text = re.sub(
        "[\ufb00-\ufb06]", lambda ligature: unicodedata.normalize("NFKC", ligature[0]), text
    )
    text = text.replace("\xad\n", "-\n").replace("\0", "")
    return [line.strip() for line in text.split("\n") if line.strip()]


def _pattern(line: str) -> str:
    """Return a line as it is compared between pages: digits do not count."""
    return re.sub(r"\d+", "#", line[:200])


def _blocks(path: Path, pages: _Pages, title: str) -> Iterator[Block]:
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
