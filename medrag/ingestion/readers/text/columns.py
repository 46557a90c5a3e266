"""Reads lines with columns: between bars, or kept apart by tabs or runs of spaces."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

from ..tables import Cell, Row
from .lines import MARK

# Two spaces may also follow a sentence; any number of them may follow a label: "Name:   Smith".
_GAP = re.compile(r"(?:(?<=[^\s:.?!;,\"”]) {2,}|(?<=[.?!;,\"”]) {3,}|(?<=[^\s:]) *\t\s*)(?=[^\s:])")
_WIDE = re.compile(r"[^\s:](?: {3,}| *\t\s*)(?=[^\s:])")  # no one writes it by accident
_JUSTIFIED = 50  # characters; shorter lines are not prose with even margins
_VALUE = re.compile(r"[<>≤≥=±~+\u2212\u2013-]?\s?[\d.]")


class _Piece(NamedTuple):
    start: int  # the column on the screen
    end: int
    text: str


def runs(lines: Sequence[str], ruled: bool) -> Iterator[tuple[bool, list[str]]]:
    """Cut a paragraph, which may have had a rule in it, into runs with and without columns."""
    kinds = [_kind(line) for line in lines]
    if any(kinds) and not _is_justified(lines):
        second = 0  # where the second column starts
        for number, (line, kind) in enumerate(zip(lines, kinds, strict=True)):
            if kind == " ":
                second = _pieces(line)[1].start
            elif kind or not second or _indent(line) < second:
                second = 0
            else:  # a cell that goes on
                kinds[number] = " "
        for kind, group in groupby(range(len(lines)), kinds.__getitem__):
            numbers = list(group)
            if not ruled and not _is_clear(kind, [lines[number] for number in numbers]):
                for number in numbers:
                    kinds[number] = ""
    else:
        kinds = [""] * len(lines)
    for kind, group in groupby(range(len(lines)), kinds.__getitem__):
        yield kind != "", [lines[number] for number in group]


def grid(lines: Sequence[str]) -> list[Row]:
    """Return the cells of lines with columns; one that goes on in the next line is one cell.

    All rows have the same length if it is clear which cells are below each other.
    """
    if any(map(has_bars, lines)):
        return [Row(map(Cell, line.strip().strip("|").split("|"))) for line in lines]
    by_tabs = [line.split("\t") for line in lines]
    if len(by_tabs[0]) > 1 and len({len(cells) for cells in by_tabs}) == 1:
        return [Row(map(Cell, cells)) for cells in by_tabs]
    pieces = list(map(_pieces, lines))
    placed = _placed(pieces)
    same = len({len(row) for row in pieces}) == 1
    # The heading of a column may be beside it.
    if not placed or (same and len({tuple(map(bool, cells)) for cells in placed[1:]}) == 1):
        return [Row(Cell(piece.text) for piece in row) for row in pieces]
    rows: list[list[str]] = []
    for cells in placed:
        if rows and not cells[0] and all(c[:1].islower() or c[:1] == "(" for c in cells if c):
            pairs = zip(rows[-1], cells, strict=True)
            rows[-1] = [" ".join(filter(None, pair)) for pair in pairs]
        else:
            rows.append(cells)
    return [Row(map(Cell, cells)) for cells in rows]


def has_header(rows: Sequence[Row], ruled: bool) -> bool:
    """Tell whether the first row names the columns, which a rule below it may show.

    Else its cells begin with capital letters, and numbers are below one of them; in the first
    column, limits such as "< 1.5". A column may lack a name, but then no name lacks a column.
    """
    first, *body = [[cell.text.strip() for cell in row] for row in rows]
    if len(list(filter(None, first))) < 2 or not body or any(len(r) != len(first) for r in body):
        return False
    columns = [[text for text in column if text] for column in zip(*body, strict=True)]
    if not all(first[1:]) and not all(columns[n] for n, name in enumerate(first) if name):
        return False
    if ruled:
        return True
    if any(name and not name[0].isupper() for name in first):
        return False
    limits = all(map(_VALUE.match, columns[0])) and any(c[0] in "<>≤≥" for c in columns[0])
    return limits or any(2 * sum(map(bool, map(_VALUE.match, c))) > len(c) for c in columns[1:])


def in_places(header: str, lines: Sequence[str]) -> bool:
    """Tell whether all cells of lines start exactly below those of a header elsewhere."""
    if any("\t" in line or has_bars(line) for line in (header, *lines)):
        return False
    starts = {piece.start for piece in _pieces(header)}
    return len(starts) > 2 and all(p.start in starts for line in lines for p in _pieces(line))


def has_bars(line: str) -> bool:
    """Tell whether bars are between the cells of a line."""
    return line.lstrip().startswith("|") or " | " in line


def has_columns(line: str) -> bool:
    """Tell whether a line alone shows that it has columns."""
    return has_bars(line) or _WIDE.search(line) is not None or len(_pieces(line)) > 2


def filled(rows: list[Row]) -> list[Row]:
    """Return the rows; one without the first cell has that of the row above."""
    for above, row in pairwise(rows[1:]):
        if row[0].text.strip() == "" and len(list(filter(None, (c.text for c in row)))) > 1:
            row[0] = above[0]
    return rows


def _kind(line: str) -> str:
    if has_bars(line):
        return "|"
    return " " if ("  " in line or "\t" in line) and len(_pieces(line)) > 1 else ""


def _pieces(line: str) -> list[_Piece]:
    """Return what is between the gaps of a line."""
    begin = len(line) - len(line.lstrip())
    found = []
    mark = MARK.match(line)
    for gap in _GAP.finditer(line, mark.end() if mark else begin):
        found.append((begin, gap.start()))
        begin = gap.end()
    found.append((begin, len(line.rstrip())))
    return [
        _Piece(len(line[:a].expandtabs()), len(line[:b].expandtabs()), line[a:b]) for a, b in found
    ]


def _is_clear(kind: str, lines: Sequence[str]) -> bool:
    """Tell whether lines have columns, and not only a bar or two spaces in prose."""
    if kind == "|":
        return len(lines) > 1
    return kind != "" and (len(lines) > 2 or any(map(_WIDE.search, lines)))


def _placed(rows: Sequence[Sequence[_Piece]]) -> list[list[str]] | None:
    """Return the cells of each row by columns; None if it is not clear which column they are in.

    A column is where pieces of some rows are above each other.
    """
    starts: list[int] = []
    end = -1
    for piece in sorted(piece for row in rows for piece in row):
        if piece.start > end:
            starts.append(piece.start)
        end = max(end, piece.end)
    placed = []
    for row in rows:
        cells = [""] * len(starts)
        for piece in row:
            column = bisect_right(starts, piece.start) - 1
            if cells[column]:
                return None
            cells[column] = piece.text
        placed.append(cells)
    return placed


def _is_justified(lines: Sequence[str]) -> bool:
    """Tell whether spaces only make the right margin of prose even."""
    widths = {len(line.rstrip()) for line in lines[:-1]}
    even = len(lines) > 2 and min(widths) >= _JUSTIFIED and max(widths) - min(widths) < 3
    return even and _placed(list(map(_pieces, lines))) is None


def _indent(line: str) -> int:
    return len(line[: len(line) - len(line.lstrip())].expandtabs())
