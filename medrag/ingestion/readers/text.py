"""Reads .txt: turns a stream of lines into paragraphs, in constant memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, pairwise

from ...types import Block, BlockKind, Document
from ..files import read_chunks
from .reader import HeadingPath, Source, asks, breaks_on_purpose, flat, one_line, told_apart
from .tables import Cell, Row, table_blocks

_PARAGRAPH_LIMIT = 1 << 14  # characters collected before a paragraph is yielded in parts
_UNDERLINE = re.compile(r"\s*(={3,}|-{3,})\s*\Z")
_RULE = re.compile(r"\s*([-*_=])(\s*\1){2,}\s*\Z")
_ITEM = re.compile(r"\s*(?:[-*+•‣–]|\(?\d{1,3}[.)]|\(?[a-z]\))\s+\S")
_TABLE_RULE = re.compile(r"\s*\|?\s*:?-{2,}:?\s*(\|\s*:?-{2,}:?\s*)*\|?\s*\Z")
_TITLE_LIMIT = 120  # characters; a longer first line is not a title
_HEADING_LIMIT = 60  # characters; a longer line in plain text is not a heading
_MARKUP_LIMIT = 1000  # characters; a longer line is prose, whatever it starts with


def read(source: Source) -> Iterator[Document]:
    """Yield the document; the file is read while its blocks are.

    The title is the first line, if that is short, does not end like a sentence, and is followed by
    a blank line or an underline. Otherwise the file's name is used.

    Raises:
        DocumentError: the file cannot be read or decoded; later also from the blocks.
    """
    pieces = (piece.replace("\r\n", "\n").replace("\r", "\n") for piece in read_chunks(source.path))
    heading, head = _title_line(next(pieces, ""))
    title = heading or source.title
    yield Document(source.document_id, title, _Paragraphs(title).blocks(chain([head], pieces)))


def _title_line(head: str) -> tuple[str, str]:
    """Split the title off the start of a plain text, if its first line is a title."""
    match = re.match(r"\s*(\S[^\n]*)\n(?:[ \t]*\n|[ \t]*(?:={3,}|-{3,})[ \t]*(?:\n|\Z))", head)
    if (
        not match
        or len(match[1]) > _TITLE_LIMIT
        or match[1].rstrip().endswith((".", ",", ";"))
        or _ITEM.match(match[1])
    ):
        return "", head
    return one_line(match[1]), head[match.end() :]


def _is_row(line: str) -> bool:
    """Tell whether a line is a row of a table, with bars or tabs between its cells."""
    return line.lstrip().startswith("|") or " | " in line or line.count("\t") > 1


def _cells(line: str) -> Row:
    bars = "|" in line
    return Row(map(Cell, line.strip().strip("|").split("|") if bars else line.split("\t")))


def _has_number(row: Row) -> bool:
    return any(cell.text.strip()[:1] in "0123456789<>≤≥±" for cell in row if cell.text.strip())


class _Paragraphs:
    """Collects lines into paragraphs; holds one paragraph at a time."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._path = HeadingPath()
        self._lines: list[str] = []
        self._size = 0  # characters in _lines
        self._glue = "\n\n"  # before the next block
        self._ruled = False  # a rule is under the first line
        self._header: Row | None = None  # of the table that goes on

    def blocks(self, pieces: Iterator[str]) -> Iterator[Block]:
        """Yield the blocks of a text that comes in pieces, which may end within a line."""
        begun = ""  # the start of a line that the next piece continues
        giant = False  # that line is too long to collect, and its start has been yielded
        for piece in pieces:
            *lines, last = (begun + piece).split("\n")
            begun = last
            for line in lines:
                if giant:
                    yield from self._part(line)
                    self._glue, giant = "\n\n", False
                else:
                    yield from self._add(line)
            if giant or len(begun) > _PARAGRAPH_LIMIT:
                yield from self._flush()
                yield from self._part(begun)
                begun, giant = "", True
        if begun:
            yield from self._add(begun)
        yield from self._flush()

    def _part(self, text: str) -> Iterator[Block]:
        """Yield a piece of a line that is too long to collect; the next one continues the word."""
        if text:
            yield Block(text, self._glue, section=str(self._path))
            self._glue = ""

    def _add(self, line: str) -> Iterator[Block]:
        """Add a whole line; yield what it completes."""
        if not line.strip():
            yield from self._flush()
            self._glue = "\n\n"
            self._header = None
        elif len(line) > _MARKUP_LIMIT:
            yield from self._keep(line)
        elif len(self._lines) == 1 and (mark := _UNDERLINE.match(line)):
            heading = self._lines.pop()
            yield from self._heading(1 if mark[1][0] == "=" else 2, heading)
        elif self._lines and _TABLE_RULE.match(line):
            self._ruled = len(self._lines) == 1
        elif not _RULE.match(line):
            yield from self._keep(line)

    def _keep(self, line: str) -> Iterator[Block]:
        """Add a line to the paragraph; if that gets too long, yield what there is of it first."""
        if self._lines and self._size + len(line) > _PARAGRAPH_LIMIT:
            glue = self._joint(self._lines[-1], line, max(map(len, self._lines)))
            yield from self._flush()
            self._glue = " " if glue == " " else "\n\n"
        self._lines.append(line)
        self._size += len(line)

    def _heading(self, level: int, heading: str) -> Iterator[Block]:
        """Enter a section; yield its heading, unless it repeats the title."""
        heading = flat(heading)
        self._size = 0
        if level == 1 and heading == self._title:
            self._path.leave(1)
        elif heading:
            yield self._path.enter(level, heading)
        self._glue = "\n\n"

    def _flush(self) -> Iterator[Block]:
        """Yield the paragraph collected so far."""
        lines, self._lines, self._size = self._lines, [], 0
        ruled, self._ruled = self._ruled, False
        if not lines:
            return
        width = max(map(len, lines))
        if self._glue == "\n\n" and self._is_heading(lines, width):
            yield from self._heading(2, lines.pop(0))
        text = lines[0].strip() if lines else ""
        for line, following in pairwise(lines):
            text += self._joint(line, following, width) + following.strip()
        if text:
            section = str(self._path)
            if len(lines) > 1 and all(map(_is_row, lines)):
                yield from self._table(lines, text, ruled)
            else:
                asked = text[-1] == "?" and asks(text)
                kind = BlockKind.question if asked else BlockKind.text
                block = Block(text, self._glue, section=section, kind=kind)
                if "Q" in text[:4]:  # it may be labelled; most are spared the call
                    yield from told_apart(block)
                else:
                    yield block
            self._glue = "\n\n"

    def _table(self, lines: list[str], text: str, ruled: bool) -> Iterator[Block]:
        """Yield rows as a table if they have the same number of cells, else as they are."""
        rows = [_cells(line) for line in lines]
        section = str(self._path)
        if len({len(row) for row in rows}) > 1:
            yield Block(text, self._glue, section=section, kind=BlockKind.table)
            return
        if self._header is not None:
            rows.insert(0, self._header)
        elif ruled or (not _has_number(rows[0]) and any(map(_has_number, rows[1:]))):
            rows[0].header = True
            self._header = rows[0]
        yield from table_blocks(rows, section=section, guess_header=False)

    def _is_heading(self, lines: list[str], width: int) -> bool:
        """Tell whether a plain paragraph starts with a short line that names what follows."""
        line = lines[0].strip()
        return (
            len(line) <= _HEADING_LIMIT
            and (line[0].isupper() or line[0].isdigit())
            and line[-1] not in ".,;:!?|"
            and any(map(str.isalpha, line))
            and not _is_row(line)
            and (len(lines) == 1 or (not _ITEM.match(line) and width > _HEADING_LIMIT))
            and (len(lines) == 1 or breaks_on_purpose(line, lines[1], width))
        )

    def _joint(self, line: str, following: str, width: int) -> str:
        """Return what goes between two lines of a paragraph: a newline or a space."""
        if _ITEM.match(following) or _is_row(line) or _is_row(following):
            return "\n"
        if _ITEM.match(line):
            return " "
        return "\n" if breaks_on_purpose(line, following, width) else " "
