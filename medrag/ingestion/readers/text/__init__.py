"""Reads .txt: turns a stream of lines into paragraphs, in constant memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from ....types import Block, BlockKind, Document
from ...files import read_chunks
from ..reader import HeadingPath, Source, asks, breaks_on_purpose, flat, one_line, told_apart
from ..tables import table_blocks
from .columns import filled, grid, has_bars, has_columns, has_header, in_places, runs
from .lines import MARK, joints, names_a_dose, unquoted

_PARAGRAPH_LIMIT = 1 << 14  # characters collected before a paragraph is yielded in parts
_UNDERLINE = re.compile(r"\s*(={3,}|-{3,})\s*\Z")
_RULE = re.compile(r"\s*([-*_=])(\s*\1){2,}\s*\Z")
_TABLE_RULE = re.compile(r"\s*[|+]?\s*:?[-=]{2,}:?\s*([|+]\s*:?[-=]{2,}:?\s*)*[|+]?\s*\Z")
_LABELLED = re.compile(r"[^:]+:\s+[a-z\d]")  # "Allergies: none"
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
        or MARK.match(match[1])
        or has_columns(match[1])
    ):
        return "", head
    return one_line(match[1]), head[match.end() :]


class _Paragraphs:
    """Collects lines into paragraphs; holds one paragraph at a time."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._path = HeadingPath()
        self._lines: list[str] = []
        self._size = 0  # characters in _lines
        self._glue = "\n\n"  # before the next block
        self._ruled = 0  # lines above the first rule
        self._header = ""  # the last line that names columns
        self._parted = False  # a blank line is below its table

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
        if not line.strip().strip("> \t"):  # blank, also in a quoted message
            yield from self._flush()
            self._glue = "\n\n"
            self._parted = True
        elif len(line) > _MARKUP_LIMIT:
            yield from self._keep(line)
        elif (
            len(self._lines) == 1
            and (mark := _UNDERLINE.match(line))
            and not has_columns(self._lines[0])
        ):
            heading = self._lines.pop()
            yield from self._heading(1 if mark[1][0] == "=" else 2, heading)
        elif _RULE.match(line) or ((self._lines or "+" in line) and _TABLE_RULE.match(line)):
            self._ruled = self._ruled or len(self._lines)
        else:
            yield from self._keep(line)

    def _keep(self, line: str) -> Iterator[Block]:
        """Add a line to the paragraph; if that gets too long, yield what there is of it first."""
        if self._lines and self._size + len(line) > _PARAGRAPH_LIMIT:
            glue = joints([*self._lines, line])[-1]
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
        ruled, self._ruled = self._ruled, 0
        if not lines:
            return
        at = 0
        parts = list(runs(lines if len(lines) == 1 else unquoted(lines), ruled > 0))
        for number, (columns, group) in enumerate(parts, start=1):
            if columns:
                yield from self._table(group, ruled == at + 1)
            else:
                if len(group) == 1 and number < len(parts):  # it may head the rows below
                    self._glue = "\n\n"
                yield from self._prose(group)
            at += len(group)
            self._glue = "\n"
        self._glue = "\n\n"

    def _prose(self, lines: list[str]) -> Iterator[Block]:
        if self._glue == "\n\n" and self._is_heading(lines):
            yield from self._heading(2, lines[0])
            lines = lines[1:]
        if not lines:
            return
        ends = ["", *joints(lines)]
        text = "".join(end + line.strip() for end, line in zip(ends, lines, strict=True))
        asked = text[-1] == "?" and asks(text)
        kind = BlockKind.question if asked else BlockKind.text
        block = Block(text, self._glue, section=str(self._path), kind=kind)
        if "Q" in text[:4]:  # it may be labelled; most are spared the call
            yield from told_apart(block)
        else:
            yield block

    def _table(self, lines: list[str], ruled: bool) -> Iterator[Block]:
        """Yield lines as rows that name their columns, if that is clear, else their cells."""
        rows = grid(lines)
        section = str(self._path)
        if has_header(rows, ruled):
            self._header, self._parted = lines[0], False
        elif (
            self._header
            and (not self._parted or in_places(self._header, lines))
            and has_header(more := grid([self._header, *lines]), True)
        ):
            rows = more
        else:
            if has_bars(lines[0]) and len(set(map(len, rows))) > 1:
                text = "\n".join(map(str.strip, lines))
            else:
                cells = ([flat(cell.text) for cell in row] for row in rows)
                text = "\n".join("; ".join(filter(None, row)) for row in cells)
            kind = BlockKind.table if len(rows) > 1 else BlockKind.text
            yield Block(text, self._glue, section=section, kind=kind)
            return
        rows[0].header = True
        yield from table_blocks(filled(rows), section=section, guess_header=False)

    def _is_heading(self, lines: list[str]) -> bool:
        """Tell whether a plain paragraph starts with a short line that names what follows."""
        line, width = lines[0].strip(), max(map(len, lines))
        return (
            len(line) <= _HEADING_LIMIT
            and (line[0].isupper() or line[0].isdigit())
            and line[-1] not in ".,;:!?|"
            and any(map(str.isalpha, line))
            and not has_bars(line)
            and not names_a_dose(line)
            and not _LABELLED.match(line)
            and (len(lines) == 1 or (not MARK.match(line) and width > _HEADING_LIMIT))
            and (len(lines) == 1 or breaks_on_purpose(line, lines[1], width))
        )
