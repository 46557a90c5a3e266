"""Reads .pdf: page by page, makes paragraphs of the lines and drops running headers and footers."""

from __future__ import annotations

import math
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import Any

from ...types import Block, Document
from .pdf_layout import page_lines
from .reader import Source, breaks_on_purpose, one_line
from .scans import Scans

_EDGE = 3  # lines at the top and at the bottom of a page that may be headers and footers
_AROUND = 6  # pages before and after a page that its edges are compared with
_AHEAD = 64  # pages read before one is yielded, to know the hyphenated words in them
_COMPOUNDS_LIMIT = 50_000  # hyphenated words remembered from a document
_LINE = 200  # characters; a line with a page number is shorter
_HEADER_WORDS = 3  # words next to a number that make it a header with its page number
_COMPOUND = re.compile(r"\w+-\w+")
# First halves of compounds that do not look like syllables (unlike "anti-", "re-", "all-").
_PREFIXES = frozenset(
    """
    alpha beta gamma kappa blood cross dose double drug evidence first five four half high life
    long low non patient placebo quality risk self single third three two type well world
    """.split()  # noqa: SIM905
)
_NUMBER = re.compile(r"(?<![\w.,])\d{1,5}(?!\w|[.,]\d)")
# The words of a line show that its number, "#" here, is a page number.
_PAGE_NUMBER = re.compile(
    r"""[\W_]*\#(?:\s*(?:/|of|von|de|sur|di)\s*\d+)?[\W_]*  # "- 3 -", "3 of 9"
    |(?:.*\W)?(?:p\ ?a\ ?g\ ?e|p[aá]g(?:ina)?|seite|side|sida|pp?\.|s\.)\W{0,3}
        \#(?:\W.*)?  # "Page 3", "p. 3"
    |\#\W*p\ ?a\ ?g\ ?e\b.*  # "3 | Page"
    """,
    re.I | re.X,
)
_HEADER = re.compile(r"\#\s\W*(?P<after>.+)|(?P<before>.*[^\s:=])\s+\#")
# A line as it is compared between pages: its text, with "#" for a page number (only "#" if the
# rest does not matter), and that number minus the number of the page.
_Key = tuple[str, int | None]

_SENTENCE_END = re.compile(r"[.!?:;][\"'”’)\]]*\Z")
_BULLET = re.compile(r"\s*(?:[-*•‣▪◦–]|\(?\d{1,3}[.)])\s+\S")
_STARTS = re.compile(_BULLET.pattern + r"|(?:Table|Figure|Fig\.) \d+[.:]")
_NO_TITLE = re.compile(r"untitled|\(?anonymous\)?|\(?unspecified\)?|microsoft word\b.*", re.I)


def read(source: Source) -> Iterator[Document]:
    """Yield the document; its pages are read while its blocks are.

    Its title is the file's own if that is sensible, else the first line of text if no word is
    divided at its end, else the file's name. Running headers, footers and page numbers are
    dropped (`_Pages`), unless there is no other text. Text comes in the order of drawing, as
    corrected by `reading_order`; three columns drawn line by line come out mixed. Raised numbers
    are marked ("10^9/L"), except in turned text and on pages that had to be reordered. Line
    lengths show the paragraphs (`breaks_on_purpose`).

    A word divided at a line end is joined. It keeps its hyphen if the document has that compound
    inside a line, if its first half is usual in compounds ("beta-", "non-"), is a single letter
    or is not just lower-case letters ("IL-", "T-"), or if its second half does not start in lower
    case.

    Raises:
        DocumentError: not a PDF, damaged, or encrypted; also from the blocks, and if no page has
            text.
    """
    metadata: dict[str, Any] = {}
    left_out: Counter[str] = Counter()
    scans = Scans(source, metadata, left_out)
    pages = _Pages(page_lines(source, scans.lines))
    known = _properties(source)
    title, author = known.get("title", ""), known.get("author", "")
    if len(title) < 4 or _NO_TITLE.fullmatch(title) or title.lower().endswith((".pdf", ".docx")):
        title = pages.first_line()
        if title.endswith("-"):  # half a word: the text continues
            title = ""
    title = one_line(title) if len(title) <= 200 else ""
    if author and not _NO_TITLE.fullmatch(author):
        metadata["author"] = author
    yield Document(
        source.document_id,
        title or source.title,
        scans.flagged(_blocks(source, pages, title, scans)),
        metadata=metadata,
        left_out=left_out,
    )


def _properties(source: Source) -> dict[str, str]:
    """Return the title and author that the file itself gives."""
    from pypdfium2 import PdfDocument

    with closing(PdfDocument(source.path)) as document:
        found = document.get_metadata_dict(skip_empty=True)
    return {key.lower(): one_line(value) for key, value in found.items()}


def _blocks(source: Source, pages: _Pages, title: str, scans: Scans) -> Iterator[Block]:
    """Yield the paragraphs; one that continues on the next page becomes two glued blocks."""
    last: Block | None = None  # held back: the next page may complete its last word
    for number, lines in enumerate(pages, start=1):
        width = sorted(map(len, lines))[int(0.9 * (len(lines) - 1))] if lines else 0
        if number == 1 and one_line(lines[0] if lines else "") == title and lines[1:]:
            # A short line is only the title; a full one may be the first of the text.
            del lines[: breaks_on_purpose(lines[0], lines[1], width)]
        for block in _paragraphs(lines, width, pages.compounds, number):
            if last is not None:
                if last.page != number and _runs_on(last.text, block.text):
                    text, glue = _dehyphenated(last.text, block.text, pages.compounds)
                    last, block = replace(last, text=text), replace(block, glue=glue)
                yield last
            last = block
    if last is not None:
        yield last
    elif pages.stripped:  # only running lines: they are the text
        again = _Pages(page_lines(source, scans.lines), strip=False)
        yield from _blocks(source, again, title, scans)


def _runs_on(before: str, after: str) -> bool:
    """Tell whether a sentence continues from the end of one page on the next."""
    if _SENTENCE_END.search(before) or _BULLET.match(after):
        return False
    return after[0].islower() or len(before.rsplit("\n", 1)[-1]) > 60


def _paragraphs(lines: list[str], width: int, compounds: set[str], page: int) -> Iterator[Block]:
    """Join the lines of a page to paragraphs.

    A short line that does not end a sentence (a heading, a table row) stays a line of its own.
    """
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
            text, glue = _dehyphenated(text, following, compounds)
            text += glue


def _dehyphenated(before: str, after: str, compounds: set[str]) -> tuple[str, str]:
    """Return `before`, without its last hyphen if that divides a word, and the glue to `after`."""
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


@dataclass(slots=True)
class _Page:
    number: int
    lines: list[str]
    tops: set[_Key] = field(init=False)
    bottoms: set[_Key] = field(init=False)

    def __post_init__(self) -> None:
        self.tops = {key for line in self.lines[:_EDGE] for key, _ in _keys(line, self.number)}
        self.bottoms = {key for line in self.lines[-_EDGE:] for key, _ in _keys(line, self.number)}
        numbers = {key for key in self.tops | self.bottoms if key[0] == "#"}
        self.tops |= numbers  # the first page of a chapter may have it at the other edge
        self.bottoms |= numbers


class _Pages:
    """The pages of a document, without the lines that run from page to page.

    A line runs if it is on at least 3 pages, and on a third of the 6 pages before and after it
    (on 2 pages if the document has no more than 3). The text must be equal, numbers too; only a
    page number may differ, if it advances with the pages. A number is a page number if the line
    has no other text ("3", "3 / 9"), or a word for page, or is a capitalized header of at least
    3 words with the number at its start or end. If the number in such a header is not above that
    of the page, it may count cases or days, so 6 pages must have it. All other counts,
    measurements and doses stay.

    Args:
        pages: the lines of each page.
        strip: False to keep running lines.

    Attributes:
        compounds: hyphenated words of the pages seen, in lower case, e.g. "long-lasting".
        stripped: whether any line was dropped.
    """

    def __init__(self, pages: Iterable[list[str]], *, strip: bool = True) -> None:
        self._pages = iter(pages)
        self._strip = strip
        self._behind: deque[_Page] = deque(maxlen=_AROUND)
        self._ahead: deque[_Page] = deque()
        self._count = 0
        self.compounds: set[str] = set()
        self.stripped = False
        self._look_ahead()

    def __iter__(self) -> Iterator[list[str]]:
        """Yield the lines of each page without its running header and footer."""
        while self._ahead:
            yield self._body(0)
            self._behind.append(self._ahead.popleft())
            self._look_ahead()

    def first_line(self) -> str:
        """Return the first line of text on the pages ahead, or ""."""
        return next((body[0] for n in range(len(self._ahead)) if (body := self._body(n))), "")

    def _look_ahead(self) -> None:
        while len(self._ahead) < _AHEAD and (lines := next(self._pages, None)) is not None:
            self._count += 1
            self._ahead.append(_Page(self._count, lines))
            for line in lines:
                if len(self.compounds) < _COMPOUNDS_LIMIT:
                    self.compounds.update(word.lower() for word in _COMPOUND.findall(line))

    def _body(self, index: int) -> list[str]:
        """Return the lines of a page ahead without its running header and footer."""
        page = self._ahead[index]
        lines = page.lines
        if not self._strip:
            return lines
        seen = chain(self._behind, islice(self._ahead, index + _AROUND + 1))
        around = [other for other in seen if other.number >= page.number - _AROUND]
        tops = [other.tops for other in around]
        bottoms = [other.bottoms for other in around]
        start, stop = 0, len(lines)
        while start < min(_EDGE, stop) and self._runs(tops, lines[start], page.number):
            start += 1
        while stop > max(start, len(lines) - _EDGE) and self._runs(
            bottoms, lines[stop - 1], page.number
        ):
            stop -= 1
        self.stripped |= stop - start < len(lines)
        return lines[start:stop]

    def _runs(self, around: list[set[_Key]], line: str, page: int) -> bool:
        """Tell whether a line repeats at the edges of enough of the pages around."""
        for key, least in _keys(line, page):
            if self._count <= 3:
                least -= 1
            if sum(key in edge for edge in around) >= max(least, len(around) / 3):
                return True
        return False


def _keys(line: str, page: int) -> Iterator[tuple[_Key, float]]:
    """Yield the keys of a line, and on how many pages each must be for the line to run."""
    yield (line, None), 3
    for match in _NUMBER.finditer(line) if len(line) <= _LINE else ():
        rest = f"{line[: match.start()]}#{line[match.end() :]}"
        offset = int(match[0]) - page
        if _PAGE_NUMBER.fullmatch(rest):
            yield ("#", offset), 3
        elif header := _HEADER.fullmatch(rest):
            text = header["after"] or header["before"]
            words = [word for word in text.split() if any(map(str.isalpha, word))]
            if len(words) >= _HEADER_WORDS and text.lstrip("\"'“‘([")[:1].isupper():
                yield (rest, offset), 3 if offset > 0 else 2 * 3
                yield ("#", offset), math.inf  # counts for lines of other pages that are "#" only
