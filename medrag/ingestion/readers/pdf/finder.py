"""Finds the tables on a page of a PDF by ruled lines or by columns that are aligned."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from .cells import (
    GAP,
    NEAR,
    NUMBER,
    InColumns,
    Line,
    Reading,
    Table,
    height,
    outline,
    places,
    text_lines,
)
from .fallback import in_columns
from .grids import around, grids_of, joined_rules, lattice
from .lines import from_lines
from .objects import Box, Rule
from .order import CELL_LINES, Piece

_MOST_RULES = 600  # of a page; more are a drawing
_CAPTION_LINES = 4
_TRIES = 4  # lines before a table that may look as if they were of it
_CAPTION = re.compile(r"(?:Supplementary |Appendix )?Table\s+[A-Z]?\d+(?:\.\d+)*(?:\W|\Z)", re.I)
_CAPTION_GOES_ON = re.compile(r"(?:Supplementary |Appendix )?Table\s+\S+\s+[a-z]")


def ruled(
    characters: list[Piece], rules: Sequence[Rule], reading: Reading
) -> tuple[list[Piece], int]:
    """Take out the characters of ruled tables and put each table where its first one was.

    Returns:
        the characters and tables in the order of drawing, and the number of tables.
    """
    flats, uprights = joined_rules(rules, True), joined_rules(rules, False)
    if not flats or len(flats) + len(uprights) > _MOST_RULES:
        return characters, 0
    page = _Page(characters)
    tables: list[Table] = []
    grids, loose = grids_of(flats, uprights)
    for grid_flats, grid_uprights in grids:
        box = around(grid_flats, grid_uprights)
        if any(_overlap(box, table) for table in tables):
            continue
        if table := lattice(page.inside(box), grid_flats, grid_uprights, reading):
            tables.append(table)
        elif len(grid_flats) > 1:
            loose += grid_flats
    for group in _of_one_width(loose):
        for table in _between(page, group, loose, reading):
            box = table.left, table.bottom, table.right, table.top
            if not any(_overlap(box, other) for other in tables):
                tables.append(table)
    owner = {
        id(piece): table
        for table in tables
        for piece in page.inside((table.left, table.bottom, table.right, table.top))
    }
    rest: list[Piece] = []
    placed: set[int] = set()
    for piece in characters:
        found = owner.get(id(piece))
        if found is None:
            rest.append(piece)
        elif id(found) not in placed:
            placed.add(id(found))
            rest.append(found)
    return rest, len(tables)


class _Page:
    """The characters of a page, to be found by their place."""

    def __init__(self, characters: list[Piece]) -> None:
        self._rising = sorted(characters, key=height)
        self._heights = [*map(height, self._rising)]

    def inside(self, box: Box) -> list[Piece]:
        left, bottom, right, top = box
        low, high = bisect_right(self._heights, bottom), bisect_left(self._heights, top)
        return [
            piece
            for piece in self._rising[low:high]
            if left - NEAR < (piece.left + piece.right) / 2 < right + NEAR
        ]


def may_have_tables(parts: Sequence[Piece], rules: Sequence[Rule]) -> bool:
    """Tell whether some text between ruled lines has gaps. This costs little.

    Args:
        parts: the boxes of runs of text.
    """
    heights = [rule.at for rule in rules if rule.flat]
    if len(heights) < 2:
        return False
    low, high = min(heights), max(heights)
    left = min(rule.start for rule in rules if rule.flat) - NEAR
    right = max(rule.stop for rule in rules if rule.flat) + NEAR
    inside = sorted(
        (
            part
            for part in parts
            if low < (part.bottom + part.top) / 2 < high and left < part.left < right
        ),
        key=lambda part: (-round(part.bottom + part.top), part.left),
    )
    return any(
        before.beside(part) and part.left - before.right > GAP * part.height
        for before, part in pairwise(inside)
    )


def _overlap(box: Box, table: Table) -> bool:
    return (
        min(box[2], table.right) - max(box[0], table.left) > NEAR
        and min(box[3], table.top) - max(box[1], table.bottom) > NEAR
    )


def _of_one_width(flats: Iterable[Rule]) -> Iterator[list[Rule]]:
    """Yield the groups of horizontal lines that start and end below each other, from the top."""
    groups: list[list[Rule]] = []
    for rule in sorted(flats, key=lambda rule: -rule.at):
        for group in groups:
            if (
                abs(group[0].start - rule.start) < 2 * NEAR
                and abs(group[0].stop - rule.stop) < 2 * NEAR
            ):
                group.append(rule)
                break
        else:
            groups.append([rule])
    yield from (group for group in groups if len(group) > 1 and group[0].stop - group[0].start > 60)


def _between(
    page: _Page, group: list[Rule], flats: list[Rule], reading: Reading
) -> Iterator[Table]:
    """Yield the tables between horizontal lines of one width."""
    left, right = group[0].start, group[0].stop
    heights = places(rule.at for rule in group)[::-1]
    spaces: list[list[Line]] = [
        text_lines(page.inside((left, low, right, high)), reading)
        for high, low in pairwise(heights)
    ]
    start = 0
    while start < len(spaces):
        stop = start
        while stop < len(spaces) and (
            _is_tabular(spaces[stop]) or (stop > start and len(spaces[stop]) <= 2 and spaces[stop])
        ):
            stop += 1
        if stop > start:
            box = (left, heights[stop], right, heights[start])
            lines = [line for space in spaces[start:stop] for line in space]
            inner = [
                rule
                for rule in flats
                if box[1] + NEAR < rule.at < box[3] - NEAR
                and rule.start > left - 2 * NEAR
                and rule.stop < right + 2 * NEAR
            ]
            if len(lines) >= 2 and (table := from_lines(lines, inner, box, reading)):
                yield table
        start = max(stop, start + 1)


def _is_tabular(lines: list[Line]) -> bool:
    """Tell whether many lines have gaps."""
    gaps = sum(len(line) > 1 for line in lines)
    return gaps > 0 and gaps >= 0.4 * len(lines)


def aligned(pieces: list[Piece], reading: Reading) -> list[Piece]:
    """Return pieces in reading order with the tables that only their alignment shows.

    The cells of a row may be drawn one after the other, each with all of its lines.
    """
    out: list[Piece] = []
    for stretch in _stretches(pieces):
        lines = text_lines((part for piece in stretch for part in piece.parts or [piece]), reading)
        tables: list[Table] = []
        start = tries = 0
        while start < len(lines):
            stop = _run(lines, start)
            table = None
            if stop - start >= 3:
                run = lines[start:stop]
                table = from_lines(run, [], outline(run), reading, strict=True)
            if table is not None:
                tables.append(table)
                start, tries = stop, 0
            elif stop - start >= 3 and tries < _TRIES:  # the first lines may not belong to it
                start, tries = start + 1, tries + 1
            else:
                start, tries = max(stop, start + 1), 0
        order = {
            part.number: n for n, piece in enumerate(stretch) for part in piece.parts or [piece]
        }
        found: list[Piece] = [*tables, *_in_columns(lines, tables, order, reading)]
        placed: set[int] = set()
        for piece in stretch:
            owner = next((one for one in found if _holds(one, piece)), None)
            if owner is None:
                out.append(piece)
            elif id(owner) not in placed:
                placed.add(id(owner))
                out.append(owner)
    return out


def _in_columns(
    lines: list[Line], tables: list[Table], order: dict[int, int], reading: Reading
) -> Iterator[InColumns]:
    """Yield the lines that are in columns, but in none of the tables."""
    start = 0
    while start < len(lines):
        stop = start
        end = _run(lines, start)
        while stop < end and not any(_holds(table, lines[stop][0]) for table in tables):
            stop += 1
        if found := in_columns(lines[start:stop], order, reading):
            yield found
        start = max(stop, start + 1)


def _stretches(pieces: list[Piece]) -> Iterator[list[Piece]]:
    """Yield the pieces up to each table and each jump up the page, as to another column.

    A short jump leads to another cell, unless what follows was drawn before and put there.
    """
    stretch: list[Piece] = []
    for piece in pieces:
        if stretch and (
            isinstance(piece, Table)
            or isinstance(stretch[-1], Table)
            or piece.bottom > stretch[-1].top + CELL_LINES * piece.height
            or (piece.bottom > stretch[-1].top and piece.number < stretch[-1].number)
        ):
            yield stretch
            stretch = []
        stretch.append(piece)
    if stretch:
        yield stretch


def _holds(box: Piece, piece: Piece) -> bool:
    x, y = (piece.left + piece.right) / 2, height(piece)
    return box.left <= x <= box.right and box.bottom <= y <= box.top


def _run(lines: list[Line], start: int) -> int:
    """Return where the lines end that start at `start` and may be a table without ruled lines."""
    if len(lines[start]) < 2:
        return start
    stop = last = start + 1
    right = lines[start][0].right  # of the first column
    while stop < len(lines):
        line, above = lines[stop], lines[stop - 1]
        if above[0].bottom - line[0].top > 1.5 * line[0].height:
            break
        if len(line) > 1:
            last = stop + 1
            right = max(right, line[0].right)
        elif stop - last >= 2 and line[0].left <= right:
            break
        stop += 1
    while last < stop and len(lines[last]) == 1 and lines[last][0].left > right:
        last += 1  # the last cell goes on below its line
    return last


def looks_tabular(pieces: Sequence[Piece]) -> bool:
    """Tell whether rows may stand without their columns.

    So they may where lines are in columns, or 3 have several numbers with gaps between them.
    """
    if any(isinstance(piece, InColumns) and not piece.whole for piece in pieces):
        return True
    rows = 0
    values = 0
    for before, piece in pairwise([*pieces, Piece(0, 0, 0, 0)]):
        values += NUMBER.match(before.text.strip()) is not None and len(before.text) < 30
        if not (before.beside(piece) and piece.left > before.right):
            rows += values >= 2
            values = 0
    return rows >= 3


def with_captions(lines: list[str | Table]) -> list[str | Table]:
    """Give each table the caption that stands directly above or below it among the lines."""
    out: list[str | Table] = []
    n = 0
    while n < len(lines):
        item = lines[n]
        n += 1
        if isinstance(item, Table):
            for back in range(1, min(_CAPTION_LINES, len(out)) + 1):
                above = out[-back]
                if isinstance(above, Table):
                    break
                if _is_caption(above):
                    item.caption = " ".join(str(line) for line in out[-back:])
                    del out[-back:]
                    break
            if not item.caption and n < len(lines) and _is_caption(lines[n]):
                stop = n
                while stop < min(len(lines), n + _CAPTION_LINES) and isinstance(lines[stop], str):
                    stop += 1
                    if str(lines[stop - 1]).endswith("."):
                        break
                # The caption of the next table stands above that one.
                if stop == len(lines) or not isinstance(lines[stop], Table):
                    item.caption = " ".join(str(line) for line in lines[n:stop])
                    n = stop
        out.append(item)
    return out


def _is_caption(line: str | Table) -> bool:
    return (
        isinstance(line, str)
        and _CAPTION.match(line) is not None
        and not _CAPTION_GOES_ON.match(line)
    )
