"""Reads .pdf: page by page, makes paragraphs of lines and drops running headers and footers."""

from __future__ import annotations

import math
import re
from collections import Counter, deque
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import Any

from ....types import Block, BlockKind, Document, Flag
from ..reader import Source, breaks_on_purpose, one_line
from ..tables import table_blocks
from .cells import Table
from .layout import SENTENCE_END, Apart, PageText, RowLine, page_texts
from .scans import Scans

# Reasons for which pages are missing from the text.
_MISSING_PAGES = {
    "pages that cannot be read", "pages without text", "pages that OCR could not read"
}  # fmt: skip
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

_BULLET = re.compile(r"\s*(?:[-*•‣▪◦–]|\(?\d{1,3}[.)])\s+\S")
_STARTS = re.compile(_BULLET.pattern + r"|(?:Table|Figure|Fig\.) \d+[.:]")
_NOTE = re.compile(r"[a-l*†‡§¶] [A-Z\d]")  # a footnote with its mark
_NO_TITLE = re.compile(r"untitled|\(?anonymous\)?|\(?unspecified\)?|microsoft word\b.*", re.I)


def read(source: Source) -> Iterator[Document]:
    """Yield the document; its pages are read while its blocks are.

    Its title is the file's own if that is sensible, else the first line of text if the text does
    not continue a word or sentence from it, else the file's name. Running headers, footers and
    page numbers are dropped (`_Pages`), unless there is no other text. Text comes in the order of
    drawing, as corrected by `reading_order`. Tables are recovered where ruled lines or aligned
    numbers show them (`finder`), and raised numbers are marked ("10^9/L"), except in turned
    text. Text that nobody sees is left out (`objects.look`). Line lengths show the paragraphs
    (`breaks_on_purpose`).

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
    pages = _Pages(page_texts(source, scans.read))
    known = _properties(source)
    title, author = known.get("title", ""), known.get("author", "")
    if len(title) < 4 or _NO_TITLE.fullmatch(title) or title.lower().endswith((".pdf", ".docx")):
        title, following = pages.first_lines()
        if title.endswith("-") or following[:1].islower():  # the text continues
            title = ""
        if title.endswith((",", ";")) or (title.endswith(".") and any(map(str.isdigit, title))):
            title = ""  # a sentence with a number: it must stay in the text
    title = one_line(title) if len(title) <= 200 else ""
    if author and not _NO_TITLE.fullmatch(author):
        metadata["author"] = author
    document = Document(
        source.document_id, title or source.title, (), metadata=metadata, left_out=left_out
    )
    yield replace(document, blocks=_blocks(source, pages, title, document, scans))


def _properties(source: Source) -> dict[str, str]:
    """Return the title and author that the file itself gives."""
    from pypdfium2 import PdfDocument

    with closing(PdfDocument(source.path)) as document:
        found = document.get_metadata_dict(skip_empty=True)
    return {key.lower(): one_line(value) for key, value in found.items()}


def _blocks(
    source: Source, pages: _Pages, title: str, document: Document, scans: Scans
) -> Iterator[Block]:
    """Yield the paragraphs and tables; a paragraph over two pages becomes two glued blocks."""
    last: Block | None = None  # held back: the next page may complete its last word
    table: Table | None = None  # at the end of the page before
    for number, page in enumerate(pages, start=1):
        lines = page.lines
        if page.hidden:
            document.left_out["hidden text"] += page.hidden
            document.flags.add(Flag.hidden_text)
        if Flag.truncated in page.flags:
            document.left_out["pages that cannot be read"] += 1
        texts = [line for line in lines if isinstance(line, str)]
        width = sorted(map(len, texts))[int(0.9 * (len(texts) - 1))] if texts else 0
        if number == 1 and lines[1:] and isinstance(lines[0], str) and one_line(lines[0]) == title:
            # A short line is only the title; a full one may be the first of the text.
            following = lines[1] if isinstance(lines[1], str) else ""
            del lines[: breaks_on_purpose(lines[0], following, width)]
        if lines and table is not None and isinstance(lines[0], Table):
            lines[0].continue_from(table)
        table = lines[-1] if lines and isinstance(lines[-1], Table) else None
        for block in _of_page(lines, width, pages.compounds, number):
            if last is not None:
                if last.page != number and _runs_on(last, block):
                    text, glue = _dehyphenated(last.text, block.text, pages.compounds)
                    last, block = replace(last, text=text), replace(block, glue=glue)
                yield last
            flags = page.flags
            if block.kind == BlockKind.table:
                flags -= {Flag.tables_as_lines}
            last = replace(block, flags=flags) if flags else block
    if not _MISSING_PAGES.isdisjoint(document.left_out):
        document.flags.add(Flag.truncated)
    if pages.stripped:
        document.left_out["page furniture"] = pages.stripped
    if last is not None:
        yield last
    elif pages.stripped:  # only running lines: they are the text
        document.left_out.clear()
        again = _Pages(page_texts(source, scans.read), strip=False)
        yield from _blocks(source, again, title, document, scans)
    else:
        raise scans.error()


def _of_page(
    lines: Sequence[str | Table], width: int, compounds: set[str], page: int
) -> Iterator[Block]:
    """Yield the paragraphs and tables. A table within a sentence comes after its paragraph."""
    texts: list[str] = []
    tables: list[tuple[int, Table]] = []  # with the number of lines before it
    for line in lines:
        if isinstance(line, str):
            texts.append(line)
        else:
            tables.append((len(texts), line))
    stops = {
        n
        for n, _ in tables
        if not (0 < n < len(texts) and texts[n][0].islower() and _is_open(texts[n - 1]))
    }
    paragraphs = chain([(0, None)], _paragraphs(texts, stops, width, compounds, page))
    for done, block in paragraphs:
        if block is not None:
            yield block
        while tables and tables[0][0] <= done:
            table = tables.pop(0)[1]
            yield from table_blocks(table.rows, table.caption, page=page)


def _is_open(line: str) -> bool:
    return not SENTENCE_END.search(line)


def _runs_on(before: Block, after: Block) -> bool:
    """Tell whether a sentence continues from the end of one page on the next."""
    if not before.kind == after.kind == BlockKind.text:
        return False
    if not _is_open(before.text) or _BULLET.match(after.text):
        return False
    return after.text[0].islower() or len(before.text.rsplit("\n", 1)[-1]) > 60


def _paragraphs(
    lines: list[str], stops: Container[int], width: int, compounds: set[str], page: int
) -> Iterator[tuple[int, Block]]:
    """Join lines to paragraphs; yield each with the number of lines up to its end.

    A short line that does not end a sentence (a heading, a table row) stays a line of its own.

    Args:
        stops: the numbers of lines after which a paragraph ends in any case.
    """
    text = ""
    for n, (line, following) in enumerate(zip(lines, [*lines[1:], ""], strict=False), start=1):
        text += line
        rows = isinstance(line, RowLine)
        note = SENTENCE_END.search(line) and _NOTE.match(following)
        if not following or n in stops or note or rows != isinstance(following, RowLine):
            yield n, Block(text, page=page)
            text = ""
        elif rows:
            text += "\n"
        elif not (line.endswith("-") or following[0].islower()) and (
            _STARTS.match(following)
            or isinstance(following, Apart)
            or breaks_on_purpose(line, following, width)
        ):
            if SENTENCE_END.search(line) and not _BULLET.match(following):
                yield n, Block(text, page=page)
                text = ""
            else:
                text += "\n"
        else:
            text, glue = _dehyphenated(text, following, compounds)
            text += glue


def _dehyphenated(before: str, after: str, compounds: set[str]) -> tuple[str, str]:
    """Return `before`, without its last hyphen if that divides a word, and the glue to `after`."""
    match = re.search(r"(\w+)-\Z", before[-80:]) if before.endswith("-") else None
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
    text: PageText
    tops: set[_Key] = field(init=False)
    bottoms: set[_Key] = field(init=False)

    def __post_init__(self) -> None:
        lines = self.text.lines
        self.tops = {key for line in lines[:_EDGE] for key, _ in _keys(line, self.number)}
        self.bottoms = {key for line in lines[-_EDGE:] for key, _ in _keys(line, self.number)}
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
        pages: the text of each page.
        strip: False to keep running lines.

    Attributes:
        compounds: hyphenated words of the pages seen, in lower case, e.g. "long-lasting".
        stripped: how many lines were dropped from the pages yielded.
    """

    def __init__(self, pages: Iterable[PageText], *, strip: bool = True) -> None:
        self._pages = iter(pages)
        self._strip = strip
        self._behind: deque[_Page] = deque(maxlen=_AROUND)
        self._ahead: deque[_Page] = deque()
        self._count = 0
        self.compounds: set[str] = set()
        self.stripped = 0
        self._look_ahead()

    def __iter__(self) -> Iterator[PageText]:
        """Yield each page without its running header and footer."""
        while self._ahead:
            text, body = self._ahead[0].text, self._body(0)
            self.stripped += len(text.lines) - len(body)
            yield replace(text, lines=body)
            self._behind.append(self._ahead.popleft())
            self._look_ahead()

    def first_lines(self) -> tuple[str, str]:
        """Return the first two lines of text on the pages ahead, or ""."""
        for n in range(len(self._ahead)):
            lines = [line if isinstance(line, str) else line.caption for line in self._body(n)]
            if found := [line for line in lines if line]:
                return found[0], found[1] if found[1:] else ""
        return "", ""

    def _look_ahead(self) -> None:
        while len(self._ahead) < _AHEAD and (text := next(self._pages, None)) is not None:
            self._count += 1
            self._ahead.append(_Page(self._count, text))
            for line in text.lines:
                if isinstance(line, str) and len(self.compounds) < _COMPOUNDS_LIMIT:
                    self.compounds.update(word.lower() for word in _COMPOUND.findall(line))

    def _body(self, index: int) -> list[str | Table]:
        """Return the lines of a page ahead without its running header and footer."""
        page = self._ahead[index]
        lines = page.text.lines
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
        return lines[start:stop]

    def _runs(self, around: list[set[_Key]], line: str | Table, page: int) -> bool:
        """Tell whether a line repeats at the edges of enough of the pages around."""
        for key, least in _keys(line, page):
            if self._count <= 3:
                least -= 1
            if sum(key in edge for edge in around) >= max(least, len(around) / 3):
                return True
        return False


def _keys(line: str | Table, page: int) -> Iterator[tuple[_Key, float]]:
    """Yield the keys of a line, and on how many pages each must be for the line to run."""
    if not isinstance(line, str):
        return
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
