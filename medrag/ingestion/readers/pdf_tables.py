"""Recovers the tables on a page of a PDF from ruled lines and from columns that are aligned."""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from statistics import mean, median
from typing import NamedTuple

from .pdf_objects import Box, Rule
from .pdf_order import Piece, are_prose, merged
from .tables import Cell, Row

_MOST_RULES = 600  # of a page; more are a drawing
_MOST_CELLS = 20_000
_NEAR = 3.0  # points between lines that are meant to touch
_GAP = 0.5  # em between two cells of a line in a ruled table
_NARROWEST = 0.35  # em of a gap between columns
_HEADER_LINES = 6
_CAPTION_LINES = 4
_MARK = 2  # characters of a cell that says no more than yes or no
_TRIES = 4  # lines before a table that may look as if they were of it
_JUMP = 8  # lines of a cell; a longer way up leads to another column
_MOST_WORDS = 24  # of names of columns side by side
_VALUE = re.compile(r"[<>≤≥=±~+−–(-]*\s*\d|[-–—−]\Z|n\.?[as]\.?\Z", re.I)
_NUMBER = re.compile(r"[<>≤≥=±~+−–(-]*\s*\d")
_BULLET = re.compile(r"[-*•‣▪◦–·]|\(?(?:\d{1,3}|[a-z]|[ivx]+)[.)]|\[\d{1,3}\]")
_POINT = re.compile(r"(?<![\w)\]])\.\Z")  # of a number without a digit before it
_OPEN_END = re.compile(r"[-–—,;/(]\Z|\b(?:and|or|of|with|the|to|for|in)\Z")
_CAPTION = re.compile(r"(?:Supplementary |Appendix )?Table\s+[A-Z]?\d+(?:\.\d+)*(?:\W|\Z)", re.I)
_CONTINUED = re.compile(r"\b(?:continued|cont\.|cont'd)", re.I)
_CAPTION_GOES_ON = re.compile(r"(?:Supplementary |Appendix )?Table\s+\S+\s+[a-z]")


@dataclass(slots=True)
class Table(Piece):
    """A table in its place on the page.

    Attributes:
        rows: its cells.
        columns: where the text of its columns begins and ends, in points.
        caption: "" if none stands next to it.
    """

    rows: list[Row] = field(default_factory=list)
    columns: list[tuple[float, float]] = field(default_factory=list)
    caption: str = ""

    def continue_from(self, before: Table) -> None:
        """Take over the header of the table at the end of the page before, if this one goes on."""
        header = [row for row in before.rows if row.header]
        own = any(row.header for row in self.rows)
        named = self.caption and not _CONTINUED.search(self.caption)
        if own or named or not header or len(self.columns) != len(before.columns):
            return
        shift = self.left - before.left  # left and right pages have other margins
        if all(
            min(abs(x0 - u0), abs(x1 - u1), abs(x0 + x1 - u0 - u1) / 2) < 2 * _NEAR
            for (x0, x1), (u0, u1) in zip(
                self.columns, ((u0 + shift, u1 + shift) for u0, u1 in before.columns), strict=True
            )
        ):
            self.rows = [*header, *self.rows]
            self.caption = self.caption or before.caption


class Reading(NamedTuple):
    """How the text of cells is read.

    Attributes:
        order: puts text of one line, given as drawn, into the order of reading.
        right_to_left: whether the first column is the one on the right.
        bold: tells whether a piece is in bold type.
    """

    order: Callable[[str], str]
    right_to_left: bool
    bold: Callable[[Piece], bool]

    def ordered(self, pieces: list[Piece]) -> list[Piece]:
        """Put the text of each piece into the order of reading."""
        for piece in pieces:
            piece.text = self.order(piece.text)
        return pieces

    def joined(self, line: list[Piece]) -> str:
        """Return the text of pieces that are on one line, given from left to right."""
        texts = [piece.text.strip() for piece in line]
        return " ".join(reversed(texts) if self.right_to_left else texts)


_Line = list[Piece]  # from left to right


class _Span(NamedTuple):
    first: int
    last: int
    text: str


# --- ruled tables ------------------------------------------------------------------------------


def ruled(
    characters: list[Piece], rules: Sequence[Rule], reading: Reading
) -> tuple[list[Piece], int]:
    """Take out the characters of ruled tables and put each table where its first one was.

    Returns:
        the characters and tables in the order of drawing, and the number of tables.
    """
    flats, uprights = _joined(rules, True), _joined(rules, False)
    if not flats or len(flats) + len(uprights) > _MOST_RULES:
        return characters, 0
    page = _Page(characters)
    tables: list[Table] = []
    grids, loose = _grids(flats, uprights)
    for grid_flats, grid_uprights in grids:
        box = _around(grid_flats, grid_uprights)
        if any(_overlap(box, table) for table in tables):
            continue
        if table := _latticed(page.inside(box), grid_flats, grid_uprights, reading):
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
        self._rising = sorted(characters, key=_height)
        self._heights = [*map(_height, self._rising)]

    def inside(self, box: Box) -> list[Piece]:
        left, bottom, right, top = box
        low, high = bisect_right(self._heights, bottom), bisect_left(self._heights, top)
        return [
            piece
            for piece in self._rising[low:high]
            if left - _NEAR < (piece.left + piece.right) / 2 < right + _NEAR
        ]


def _height(piece: Piece) -> float:
    return (piece.bottom + piece.top) / 2


def may_have_tables(parts: Sequence[Piece], rules: Sequence[Rule]) -> bool:
    """Tell whether some text between ruled lines has gaps. This costs little.

    Args:
        parts: the boxes of runs of text.
    """
    heights = [rule.at for rule in rules if rule.flat]
    if len(heights) < 2:
        return False
    low, high = min(heights), max(heights)
    left = min(rule.start for rule in rules if rule.flat) - _NEAR
    right = max(rule.stop for rule in rules if rule.flat) + _NEAR
    inside = sorted(
        (
            part
            for part in parts
            if low < (part.bottom + part.top) / 2 < high and left < part.left < right
        ),
        key=lambda part: (-round(part.bottom + part.top), part.left),
    )
    return any(
        before.beside(part) and part.left - before.right > _GAP * part.height
        for before, part in pairwise(inside)
    )


def _overlap(box: Box, table: Table) -> bool:
    return (
        min(box[2], table.right) - max(box[0], table.left) > _NEAR
        and min(box[3], table.top) - max(box[1], table.bottom) > _NEAR
    )


def _joined(rules: Iterable[Rule], flat: bool) -> list[Rule]:
    """Return the lines of one direction; those that continue each other are joined."""
    found: list[Rule] = []
    for rule in sorted(rule for rule in rules if rule.flat == flat):
        for n in range(len(found) - 1, max(-1, len(found) - 50), -1):
            other = found[n]
            if rule.at - other.at > 1.5:
                continue
            if rule.start <= other.stop + _NEAR and rule.stop >= other.start - _NEAR:
                start, stop = min(rule.start, other.start), max(rule.stop, other.stop)
                found[n] = Rule(flat, other.at, start, stop)
                break
        else:
            found.append(rule)
    return found


def _grids(
    flats: list[Rule], uprights: list[Rule]
) -> tuple[list[tuple[list[Rule], list[Rule]]], list[Rule]]:
    """Return the groups of lines that cross, and the horizontal lines that cross none."""
    group = list(range(len(flats) + len(uprights)))

    def root(n: int) -> int:
        while group[n] != n:
            group[n] = group[group[n]]
            n = group[n]
        return n

    for n, flat in enumerate(flats):
        for m, upright in enumerate(uprights, start=len(flats)):
            if (
                flat.start - _NEAR <= upright.at <= flat.stop + _NEAR
                and upright.start - _NEAR <= flat.at <= upright.stop + _NEAR
            ):
                group[root(n)] = root(m)
    members: dict[int, tuple[list[Rule], list[Rule]]] = defaultdict(lambda: ([], []))
    for n, rule in enumerate([*flats, *uprights]):
        members[root(n)][0 if rule.flat else 1].append(rule)
    grids = [grid for grid in members.values() if all(grid)]
    loose = [rule for grid in members.values() if not grid[1] for rule in grid[0]]
    grids.sort(key=lambda grid: -max(rule.at for rule in grid[0]))
    return grids, loose


def _around(flats: list[Rule], uprights: list[Rule]) -> Box:
    return (
        min(min(rule.start for rule in flats), min(rule.at for rule in uprights)),
        min(min(rule.at for rule in flats), min(rule.start for rule in uprights)),
        max(max(rule.stop for rule in flats), max(rule.at for rule in uprights)),
        max(max(rule.at for rule in flats), max(rule.stop for rule in uprights)),
    )


def _places(values: Iterable[float]) -> list[float]:
    """Return the different ones of some positions, in rising order."""
    found: list[float] = []
    for value in sorted(values):
        if not found or value - found[-1] > _NEAR:
            found.append(value)
    return found


def _latticed(
    characters: list[Piece], flats: list[Rule], uprights: list[Rule], reading: Reading
) -> Table | None:
    """Return the table whose cells have lines around them."""
    left, bottom, right, top = _around(flats, uprights)
    xs = _places([left, right, *(rule.at for rule in uprights)])
    ys = _places([bottom, top, *(rule.at for rule in flats)])[::-1]
    wide, high = len(xs) - 1, len(ys) - 1
    if wide < 2 or wide * high > _MOST_CELLS or not characters:
        return None
    upright_at = [[rule for rule in uprights if abs(rule.at - x) <= _NEAR] for x in xs]
    flat_at = [[rule for rule in flats if abs(rule.at - y) <= _NEAR] for y in ys]
    cells: dict[tuple[int, int], list[Piece]] = defaultdict(list)
    rising = ys[::-1]
    for piece in characters:
        column = bisect_right(xs, (piece.left + piece.right) / 2) - 1
        row = high - bisect_right(rising, (piece.bottom + piece.top) / 2)
        cells[min(max(row, 0), high - 1), min(max(column, 0), wide - 1)].append(piece)

    def is_divided(row: int, column: int, below: bool) -> bool:
        """Tell whether a line is between a cell and the one below, or else the one to the right."""
        if below:
            x = (xs[column] + xs[column + 1]) / 2
            return any(rule.start - 1 <= x <= rule.stop + 1 for rule in flat_at[row + 1])
        y = (ys[row] + ys[row + 1]) / 2
        return any(rule.start - 1 <= y <= rule.stop + 1 for rule in upright_at[column + 1])

    taken: set[tuple[int, int]] = set()
    rows: list[Row] = []
    bold: list[bool] = []
    spans: list[tuple[int, int]] = []  # rows and columns of the widest cell of each row
    for row in range(high):
        out: list[Cell] = []
        starts: list[Piece] = []
        deepest = widest = 1
        for column in range(wide):
            if (row, column) in taken:
                continue
            stop = column + 1
            while stop < wide and not is_divided(row, stop - 1, False) and (row, stop) not in taken:
                stop += 1
            end = row + 1
            while end < high and not any(is_divided(end - 1, n, True) for n in range(column, stop)):
                if any(is_divided(end, n, False) for n in range(column, stop - 1)):
                    break
                end += 1
            area = [(r, c) for r in range(row, end) for c in range(column, stop)]
            taken.update(area)
            pieces = [piece for place in area for piece in cells.get(place, [])]
            starts += [piece for piece in pieces if piece.text.strip()][:1]
            out.append(Cell(_text(_text_lines(pieces, reading), reading), end - row, stop - column))
            deepest = max(deepest, end - row)
            widest = max(widest, stop - column if column else 1)
        if deepest == 1 and not any(cell.text for cell in out):
            continue
        rows.append(Row(out))
        bold.append(bool(starts) and all(map(reading.bold, starts)))
        spans.append((deepest, widest))
    filled = sum(1 for row in rows for cell in row if cell.text)
    if filled < 3:
        return None
    if _is_divided_by_text(cells, high, wide, reading):
        lines = _text_lines(characters, reading)
        inner = [rule for rule in flats if bottom + _NEAR < rule.at < top - _NEAR]
        return _from_lines(lines, inner, (left, bottom, right, top), reading, xs[1:-1])
    if high < 2 or sum(1 for row in rows if any(cell.text for cell in row)) < 2:
        return None
    heads = _lattice_header(rows, bold, spans, wide)
    if reading.right_to_left:
        rows = [Row(reversed(row)) for row in rows]
    for header in rows[:heads]:
        header.header = True
    for n, body in enumerate(rows[heads:-1], start=heads):
        texts = [cell.text for cell in body if cell.text]
        if bold[n] and not bold[n + 1] and len(texts) == 1 and body[0].rows == 1:
            rows[n] = Row([Cell(texts[0], columns=wide)])  # it heads the rows below
    return Table(left, bottom, right, top, rows=rows, columns=[*pairwise(xs)])


def _is_divided_by_text(
    cells: dict[tuple[int, int], list[Piece]], high: int, wide: int, reading: Reading
) -> bool:
    """Tell whether lines divide only the columns: one row of the grid has all rows of the text."""
    if high > 3:
        return False
    for row in range(high):
        counts = [len(_text_lines(cells.get((row, column), []), reading)) for column in range(wide)]
        several = [count for count in counts if count >= 2]
        if len(several) < 2 or max(counts) < 3 - (high < 2):
            continue
        values = 0
        for column in range(wide):
            lines = _text_lines(cells.get((row, column), []), reading)
            values += len(lines) > 1 and sum(_is_value(line) for line in lines) >= 0.7 * len(lines)
        if values or several.count(max(counts)) == wide:
            return True
    return False


def _is_value(line: _Line) -> bool:
    return bool(line) and _VALUE.match(line[0].text.strip()) is not None


def _lattice_header(
    rows: list[Row], bold: list[bool], spans: list[tuple[int, int]], wide: int
) -> int:
    """Return how many rows at the top of a grid are its header."""
    heads = 0
    while heads < len(rows) - 1 and bold[heads]:
        heads += 1
    while heads and sum(bool(cell.text) for cell in rows[heads - 1]) == 1:
        heads -= 1  # it heads rows, not columns
    if 0 < heads < len(rows) - 1 or (heads == 1):
        return heads
    if all(bold):
        return 1
    heads = 0
    # A row with a cell across some columns is above the names of these columns.
    while heads < min(_HEADER_LINES, len(rows) - 1) and 1 < spans[heads][1] < wide:
        if any(_VALUE.match(cell.text) for cell in rows[heads]):
            break
        heads += 1
    if heads:
        return heads + 1
    texts = [[cell.text for cell in row] for row in rows]
    return min(1, _wordy(texts))


# --- tables without lines between the columns --------------------------------------------------


def _of_one_width(flats: Iterable[Rule]) -> Iterator[list[Rule]]:
    """Yield the groups of horizontal lines that start and end below each other, from the top."""
    groups: list[list[Rule]] = []
    for rule in sorted(flats, key=lambda rule: -rule.at):
        for group in groups:
            if (
                abs(group[0].start - rule.start) < 2 * _NEAR
                and abs(group[0].stop - rule.stop) < 2 * _NEAR
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
    heights = _places(rule.at for rule in group)[::-1]
    spaces: list[list[_Line]] = [
        _text_lines(page.inside((left, low, right, high)), reading)
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
                if box[1] + _NEAR < rule.at < box[3] - _NEAR
                and rule.start > left - 2 * _NEAR
                and rule.stop < right + 2 * _NEAR
            ]
            if len(lines) >= 2 and (table := _from_lines(lines, inner, box, reading)):
                yield table
        start = max(stop, start + 1)


def _is_tabular(lines: list[_Line]) -> bool:
    """Tell whether many lines have gaps."""
    gaps = sum(len(line) > 1 for line in lines)
    return gaps > 0 and gaps >= 0.4 * len(lines)


def aligned(pieces: list[Piece], reading: Reading) -> list[Piece]:
    """Return pieces in reading order with the tables that only their alignment shows.

    The cells of a row may be drawn one after the other, each with all of its lines.
    """
    out: list[Piece] = []
    for stretch in _stretches(pieces):
        lines = _text_lines((part for piece in stretch for part in piece.parts or []), reading)
        tables: list[Table] = []
        start = tries = 0
        while start < len(lines):
            stop = _run(lines, start)
            table = None
            if stop - start >= 3:
                run = lines[start:stop]
                table = _from_lines(run, [], _box(run), reading, strict=True)
            if table is not None:
                tables.append(table)
                start, tries = stop, 0
            elif stop - start >= 3 and tries < _TRIES:  # the first lines may not belong to it
                start, tries = start + 1, tries + 1
            else:
                start, tries = max(stop, start + 1), 0
        placed: set[int] = set()
        for piece in stretch:
            owner = next((table for table in tables if _holds(table, piece)), None)
            if owner is None:
                out.append(piece)
            elif id(owner) not in placed:
                placed.add(id(owner))
                out.append(owner)
    return out


def _stretches(pieces: list[Piece]) -> Iterator[list[Piece]]:
    """Yield the pieces up to each table and each jump up the page, as to another column."""
    stretch: list[Piece] = []
    for piece in pieces:
        if stretch and (
            isinstance(piece, Table)
            or isinstance(stretch[-1], Table)
            or piece.bottom > stretch[-1].top + _JUMP * piece.height
        ):
            yield stretch
            stretch = []
        stretch.append(piece)
    if stretch:
        yield stretch


def _holds(box: Piece, piece: Piece) -> bool:
    x, y = (piece.left + piece.right) / 2, _height(piece)
    return box.left <= x <= box.right and box.bottom <= y <= box.top


def _run(lines: list[_Line], start: int) -> int:
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


def _box(lines: list[_Line]) -> Box:
    pieces = [piece for line in lines for piece in line]
    return (
        min(piece.left for piece in pieces),
        min(piece.bottom for piece in pieces),
        max(piece.right for piece in pieces),
        max(piece.top for piece in pieces),
    )


def looks_tabular(pieces: Sequence[Piece]) -> bool:
    """Tell whether at least 3 lines have several numbers with gaps between them."""
    rows = 0
    values = 0
    for before, piece in pairwise([*pieces, Piece(0, 0, 0, 0)]):
        values += _NUMBER.match(before.text.strip()) is not None and len(before.text) < 30
        if not (before.beside(piece) and piece.left > before.right):
            rows += values >= 2
            values = 0
    return rows >= 3


def _text_lines(characters: Iterable[Piece], reading: Reading) -> list[_Line]:
    """Return the lines of some characters from the top, each as pieces from left to right."""
    lines: list[list[Piece]] = []
    for piece in sorted(characters, key=lambda piece: -(piece.bottom + piece.top)):
        if lines and max(lines[-1][:2], key=lambda one: one.height).beside(piece):
            lines[-1].append(piece)
        else:
            lines.append([piece])
    found = (merged(sorted(line, key=lambda piece: piece.left), _GAP) for line in lines)
    filled = ([piece for piece in line if piece.text.strip()] for line in found)
    return [reading.ordered(line) for line in filled if line]


def _text(lines: Iterable[_Line], reading: Reading) -> str:
    """Return the text of a cell; words divided at a line end are joined."""
    text = ""
    for line in lines:
        part = reading.joined(line)
        text = _wrapped(text, part)
    return text.replace("\x02", "-").replace("\ufffe", "-")


def _from_lines(
    lines: list[_Line],
    rules: list[Rule],
    box: Box,
    reading: Reading,
    dividers: list[float] | None = None,
    strict: bool = False,
) -> Table | None:
    """Return the table that some lines of text are, or None if they are none.

    Args:
        lines: from the top.
        rules: the horizontal lines between them.
        dividers: where the columns are divided, if vertical lines show it.
        strict: nothing but its alignment shows that it is a table.
    """
    wide = [rule for rule in rules if rule.stop - rule.start > 0.9 * (box[2] - box[0])]
    if not wide:  # the name of the first column may stand lower than the line
        wide = [
            rule
            for rule in rules
            if rule.stop > box[2] - 2 * _NEAR and rule.stop - rule.start > 0.6 * (box[2] - box[0])
        ]
    heads = _header_lines(lines, wide, reading)
    body = lines[heads:]
    if not body:
        return None
    gaps = dividers if dividers is not None else _gaps(body if len(body) > 1 else lines)
    if not gaps:
        return None
    columns = _Columns(gaps, body, box, reading)
    lines = _unwrapped(lines, heads) + body
    heads = len(lines) - len(body)
    placed: list[list[_Placed]] = []
    for n, line in reversed([*enumerate(lines)]):
        below = [one.first for lower in placed[-(heads - 1 - n) :] for one in lower]
        below = below if n < heads - 1 else []
        placed.append(_placed(line, columns, below))
    placed.reverse()
    spans = [_spans(line, reading) for line in placed]
    named = heads > 0 and (not strict or all(map(reading.bold, lines[heads - 1])))
    if not _is_table(
        lines[heads:], spans[heads:], len(gaps) + 1, strict, named, reading.right_to_left
    ):
        return None
    narrow = [rule for rule in rules if rule not in wide]
    if strict and len(gaps) == 1 and not heads:
        return None  # names and values, or a table of contents: they are plain as lines
    rows = _header_rows(placed[:heads], spans[:heads], narrow, columns)
    rows += _body_rows(body, spans[heads:], wide, len(gaps) + 1, reading)
    if reading.right_to_left:
        rows = [_mirrored(row) for row in rows]
    return Table(*box, rows=rows, columns=[*zip(columns.lefts, columns.rights, strict=True)])


def _unwrapped(lines: list[_Line], heads: int) -> list[_Line]:
    """Return the lines of a header; where a name goes on in a close line, it is one piece."""
    steps = [_middle(upper) - _middle(lower) for upper, lower in pairwise(lines)]
    limit = _leading(lines, steps)
    if median(steps[heads:] or [math.inf]) < limit:  # the rows are no further apart
        limit = 0.0
    out: list[_Line] = []
    for line, step in zip(lines[:heads], [math.inf, *steps], strict=False):
        rest = line
        if out and step < limit:
            above, rest = out[-1], []
            for piece in line:
                over = [one for one in above if _overlaps(one, piece)]
                if len(over) == 1 and sum(_overlaps(over[0], one) for one in line) == 1:
                    joined = over[0].copy()
                    joined.add(piece)
                    joined.text = _wrapped(over[0].text.strip(), piece.text.strip())
                    above[above.index(over[0])] = joined
                else:
                    rest.append(piece)
        if rest:
            out.append(rest)
    return out


def _overlaps(one: Piece, other: Piece) -> bool:
    return one.left < other.right and other.left < one.right


def _mirrored(row: Row) -> Row:
    return Row(reversed(row), row.header)


def _header_lines(lines: list[_Line], wide: list[Rule], reading: Reading) -> int:
    """Return how many lines are the header: those above the first line across, bold or wordy."""
    for rule in sorted(wide, key=lambda rule: -rule.at):
        above = sum(_middle(line) > rule.at for line in lines)
        if 0 < above <= _HEADER_LINES and above < len(lines):
            return above
        if above:
            break
    bold = [all(map(reading.bold, line)) for line in lines[: _HEADER_LINES + 1]]
    heads = bold.index(False) if False in bold else 0
    if heads and len(lines[heads - 1]) == 1:  # the last one heads rows, not columns
        heads -= 1
    if heads:
        return heads
    rows = [[piece.text.strip() for piece in line] for line in lines]
    return _wordy([row[::-1] for row in rows] if reading.right_to_left else rows)


def _wordy(rows: Sequence[Sequence[str]]) -> int:
    """Return how many rows at the top have words where the rows below have numbers."""
    filled = [sum(map(bool, row)) for row in rows]
    shares = [
        sum(_NUMBER.match(text) is not None or 0 < len(text) <= _MARK for text in row[1:])
        / max(1, count - 1)
        for row, count in zip(rows, filled, strict=True)
    ]
    most = max(filled, default=0)
    full = [share for count, share in zip(filled, shares, strict=True) if count >= 0.6 * most]
    usual = median(full) if full else 0.0
    heads = 0
    if usual > 0:
        while (
            heads < min(3, len(rows) - 1)
            and shares[heads] <= 0.6 * usual
            and filled[heads] >= max(2, 0.4 * most)
        ):
            heads += 1
    return heads if any(count >= 0.6 * most for count in filled[:heads]) else 0


def _middle(line: _Line) -> float:
    return _height(line[0])


def _gaps(lines: list[_Line]) -> list[float]:
    """Return the middles of the gaps between columns: where nearly no line has text."""
    most = max(map(len, lines))
    if most < 2:
        return []
    used = [line for line in lines if len(line) >= max(2, 0.5 * most)]
    allowed = len(used) // 10
    events = sorted(
        [(piece.left, 1) for line in used for piece in line]
        + [(piece.right, -1) for line in used for piece in line]
    )
    em = median(piece.height for line in used for piece in line)
    found: list[float] = []
    covering, free_from = 0, None
    for n, (x, change) in enumerate(events):
        if free_from is not None and covering <= allowed and covering + change > allowed:
            if x - free_from >= _NARROWEST * em:
                found.append((free_from + x) / 2)
            free_from = None
        covering += change
        if covering <= allowed and free_from is None and 0 < n < len(events) - 1:
            free_from = x
    return found


class _Columns:
    """The columns of a table, and where their text usually begins and ends."""

    def __init__(self, gaps: list[float], lines: list[_Line], box: Box, reading: Reading) -> None:
        self.reading = reading
        self.gaps = gaps
        lefts: list[list[float]] = [[] for _ in range(len(gaps) + 1)]
        rights: list[list[float]] = [[] for _ in range(len(gaps) + 1)]
        for piece in (piece for line in lines for piece in line):
            first, last = self.of(piece)
            if first == last:
                lefts[first].append(piece.left)
                rights[first].append(piece.right)
        edges = [box[0], *gaps, box[2]]
        self.lefts = [median(at) if at else edges[n] for n, at in enumerate(lefts)]
        self.rights = [median(at) if at else edges[n + 1] for n, at in enumerate(rights)]
        self.box = box

    def of(self, piece: Piece) -> tuple[int, int]:
        """Return the first and the last column that a piece is in."""
        slack = min(0.3 * piece.height, 0.2 * (piece.right - piece.left))
        first = bisect_left(self.gaps, piece.left + slack)
        return first, max(first, bisect_left(self.gaps, piece.right - slack))

    def crosses(self, piece: Piece, following: Piece) -> bool:
        """Tell whether a piece reaches the middle of the column in which the next one starts."""
        column = self.of(following)[0]
        return piece.right > (self.lefts[column] + self.rights[column]) / 2

    def aligns(self, piece: Piece, column: int) -> bool:
        """Tell whether a piece begins, ends or is centred as the text of a column."""
        left, right = self.lefts[column], self.rights[column]
        near = 0.25 * piece.height
        return (
            abs(piece.left - left) < near
            or abs(piece.right - right) < near
            or abs(piece.left + piece.right - left - right) < 2 * near
        )

    def middles(self, first: int, last: int) -> list[float]:
        """Return where the middle of some columns may be, by what is known of their edges."""
        right = self.lefts[last + 1] if last < len(self.gaps) else self.box[2]
        left = self.rights[first - 1] if first else self.box[0]
        return [
            (self.lefts[first] + self.rights[last]) / 2,
            (self.lefts[first] + right) / 2,
            (left + self.rights[last]) / 2,
        ]


class _Placed(NamedTuple):
    piece: Piece
    first: int
    last: int


def _placed(line: _Line, columns: _Columns, names: Iterable[int] = ()) -> list[_Placed]:
    """Return the pieces of a line with the first and the last column that each is in.

    Args:
        names: the columns that have names on the line below, in a header.
    """
    out: list[_Placed] = []
    named = set(names)
    for piece, following in zip(line, [*line[1:], None], strict=True):
        first, last = columns.of(piece)
        if following is not None and not columns.crosses(piece, following):
            last = max(first, min(last, columns.of(following)[0] - 1))
        if first == last:
            out.append(_Placed(piece, first, last))
            continue
        words = merged(_without_spaces(piece), 0.15)
        few = 0 < len(words) < _MOST_WORDS
        parts = _side_by_side(words, first, last, columns) if few else None
        if parts is not None:
            out += parts
            continue
        own = [column for column in range(first, last + 1) if columns.aligns(piece, column)]
        if own and not set(range(first, last + 1)) <= named:
            first = last = own[0]  # a long name that reaches into the next column
        out.append(_Placed(piece, first, last))
    return out


def _side_by_side(
    words: list[Piece], first: int, last: int, columns: _Columns
) -> list[_Placed] | None:
    """Return words as the names of columns side by side, if they stand as the columns do."""
    gaps = [right.left - left.right for left, right in pairwise(words)]
    # More than between the words of a name.
    space = max(0.3 * words[0].height, 1.1 * min(gaps) if len(gaps) > 1 else 0.0)
    for count in range(1, len(words) + 1) if first < last else (len(words),):
        name = words[0].copy()
        for word in words[1:count]:
            name.add(Piece(word.left, word.bottom, word.right, word.top, " " + word.text))
        if not columns.aligns(name, first):
            continue
        if count < len(words) and words[count].left - words[count - 1].right < space:
            continue
        name.text = columns.reading.order(name.text)
        if first == last:
            return [_Placed(name, first, last)]
        if count < len(words) and (
            others := _side_by_side(words[count:], first + 1, last, columns)
        ):
            return [_Placed(name, first, first), *others]
    return None


def _spans(placed: Iterable[_Placed], reading: Reading) -> list[_Span]:
    """Return the texts of a line; what is in one column is joined."""
    spans: list[_Span] = []
    for piece, first, last in placed:
        text = piece.text.strip()
        if spans and spans[-1].last >= first:
            before = spans.pop()
            text = f"{text} {before.text}" if reading.right_to_left else f"{before.text} {text}"
            first, last = before.first, max(before.last, last)
        spans.append(_Span(first, last, text))
    return spans


def _without_spaces(piece: Piece) -> Iterator[Piece]:
    for part in piece.parts or []:
        yield from _without_spaces(part) if part.parts else [part] if part.text.strip() else []


def _is_table(
    lines: list[_Line],
    spans: list[list[_Span]],
    wide: int,
    strict: bool,
    named: bool,
    right_to_left: bool,
) -> bool:
    """Tell whether lines in columns are a table, not prose or a list.

    Args:
        strict: nothing but its alignment shows that it is a table.
        named: whether its columns have names: if `strict`, in bold type.
        right_to_left: whether the first column is the one on the right.
    """
    cells = sum(len(line) for line in spans)
    rows = sum(len(line) > 1 for line in spans)
    if not rows or (strict and cells < 0.35 * wide * len(spans)):
        return False
    if sum(span.last > span.first for line in spans for span in line) > 0.2 * cells:
        return False
    columns: list[list[tuple[Piece, str]]] = [[] for _ in range(wide)]
    for line, line_spans in zip(lines, spans, strict=True):
        if len(line) != len(line_spans):
            continue
        for piece, span in zip(line, line_spans, strict=True):
            if span.first == span.last:
                columns[span.first].append((piece, span.text))
    if not all(columns):
        return False
    if right_to_left:
        columns.reverse()
    values = [
        sum(_VALUE.match(text) is not None for _, text in column) / len(column)
        for column in columns
    ]
    bullets = sum(_BULLET.fullmatch(text) is not None for _, text in columns[0])
    if bullets > 0.5 * len(columns[0]) and wide == 2:
        return False  # a list
    prose = [[piece for piece, _ in column] for column in columns]
    long = [column for column in prose if len(column) >= 3]
    if len(long) >= 2 and max(values) < 0.3 and are_prose(long):
        return False
    if not strict:
        return named or max(values) >= 0.3
    numeric = sum(share >= 0.6 for share in values[1:])
    in_line = sum(_is_aligned([piece for piece, _ in column]) for column in columns)
    if rows < 3 - (named and wide > 3) or in_line < wide - 1:
        return False
    return numeric >= max(1, (wide - 1) // 2) or (named and wide > 2 and in_line == wide)


def _is_aligned(column: Sequence[Piece]) -> bool:
    """Tell whether most pieces of a column share their left, right or middle."""
    em = median(piece.height for piece in column)
    for at in (
        [piece.left for piece in column],
        [piece.right for piece in column],
        [(piece.left + piece.right) / 2 for piece in column],
    ):
        middle = median(at)
        if sum(abs(x - middle) < 0.35 * em for x in at) >= 0.7 * len(at):
            return True
    return False


def _header_rows(
    lines: list[list[_Placed]], spans: list[list[_Span]], rules: list[Rule], columns: _Columns
) -> list[Row]:
    """Return the rows of the header. Lines that only wrap a name are joined."""
    levels: list[list[_Span]] = []
    apart = between_above = False  # whether the next line is a level of its own
    for n, (line, found) in enumerate(zip(lines, spans, strict=True)):
        pieces = [placed.piece for placed in line]
        if n + 1 < len(lines) and len(pieces) == len(found):
            upper, lower = _middle(pieces), _middle([lines[n + 1][0].piece])
            middles = [(piece.left + piece.right) / 2 for piece in pieces]
            # A line below several names does not show what they are for.
            between = [
                rule
                for rule in rules
                if lower < rule.at < upper
                and sum(rule.start < middle < rule.stop for middle in middles) == 1
            ]
            if between:
                found = _disjoint(_over_lines(pieces, found, between, columns))
            else:
                found = _disjoint(_over_names(pieces, found, _below(spans, n), columns))
        else:
            between = []
        broad = any(span.last > span.first for span in found)
        if levels and not apart and not broad:
            levels[-1] = _beneath(levels[-1], found)
        else:
            if levels and not between_above:  # names of one column go on in the next line
                found, levels[-1] = _pulled_down(levels[-1], found)
            levels.append(found)
        between_above = bool(between)
        apart = broad or bool(between)
    return [_row(level, len(columns.gaps) + 1, header=True) for level in levels]


def _below(spans: list[list[_Span]], number: int) -> list[_Span]:
    """Return the names below a line of a header: in each column the first one."""
    names: list[_Span] = []
    for span in chain.from_iterable(spans[number + 1 :]):
        if all(span.last < name.first or name.last < span.first for name in names):
            names.append(span)
    return sorted(names)


def _disjoint(spans: list[_Span]) -> list[_Span]:
    """Join the spans that share a column."""
    out: list[_Span] = []
    for span in spans:
        if out and span.first <= out[-1].last:
            first, last = min(out[-1].first, span.first), max(out[-1].last, span.last)
            out[-1] = _Span(first, last, f"{out[-1].text} {span.text}")
        else:
            out.append(span)
    return out


def _pulled_down(upper: list[_Span], lower: list[_Span]) -> tuple[list[_Span], list[_Span]]:
    """Join the names of single columns in two levels in the lower one; return it and the upper."""
    single = {span.first: span for span in upper if span.first == span.last}
    joined = [
        span._replace(text=_wrapped(single.pop(span.first).text, span.text))
        if span.first == span.last and span.first in single
        else span
        for span in lower
    ]
    left = [span for span in upper if span.first < span.last or span.first in single]
    return joined, left


def _over_lines(
    pieces: list[Piece], found: list[_Span], rules: list[Rule], columns: _Columns
) -> list[_Span]:
    """Return the spans of headers over lines that show the columns that they are for."""
    out: list[_Span] = []
    for piece, span in zip(pieces, found, strict=True):
        middle = (piece.left + piece.right) / 2
        under = [
            column
            for rule in rules
            if rule.start - _NEAR <= middle <= rule.stop + _NEAR
            for column in range(len(columns.gaps) + 1)
            if rule.start - _NEAR
            <= (columns.lefts[column] + columns.rights[column]) / 2
            <= rule.stop + _NEAR
        ]
        out.append(_Span(min(under), max(under), span.text) if under else span)
    return out


def _over_names(
    pieces: list[Piece], found: list[_Span], below: list[_Span], columns: _Columns
) -> list[_Span]:
    """Return the spans of a header line; one centred over several names is for all of them."""
    named = [span.first for span in below if span.first == span.last]
    if len(found) >= len(below) or len(named) < len(below):
        return found
    names = [span.text for span in below if span.first]
    starts = [n for n, name in enumerate(names, start=1) if name == names[0]]
    if len(starts) == len(found) > 1 and found[0].first:
        # The same names under each header.
        each = starts[1] - starts[0]
        equal = [_Span(n, n + each - 1, one.text) for n, one in zip(starts, found, strict=True)]
        if [*starts] == [*range(1, 1 + each * len(starts), each)] and all(
            span.first <= bisect_left(columns.gaps, (piece.left + piece.right) / 2) <= span.last
            for span, piece in zip(equal, pieces, strict=True)
        ):
            return equal
    out: list[_Span] = []
    for n, (piece, span) in enumerate(zip(pieces, found, strict=True)):
        from_ = out[-1].last + 1 if out else 0
        to = found[n + 1].first - 1 if n + 1 < len(found) else len(columns.gaps)
        middle = (piece.left + piece.right) / 2
        best, least = span, piece.height
        if span.first == span.last and columns.aligns(piece, span.first):
            least = 0.0
        if span.last > span.first and abs(piece.left - columns.lefts[span.first]) < _NEAR:
            # Set to the left over several columns: it is for all up to the next header, and the
            # last one for as many as the one before.
            most = to
            if n + 1 == len(found):
                most = span.first + out[-1].last - out[-1].first if out else span.last
            while span.last < most and span.last + 1 in named:
                span = span._replace(last=span.last + 1)
            out.append(span)
            continue
        for first in range(from_, span.first + 1):
            for last in range(max(span.last, first + 1), to + 1):
                if set(range(first, last + 1)) <= set(named):
                    off = min(abs(at - middle) for at in columns.middles(first, last))
                    if off < least:
                        best, least = _Span(first, last, span.text), off
        out.append(best)
    return out


def _beneath(upper: list[_Span], lower: list[_Span]) -> list[_Span]:
    """Join the texts of two lines column by column."""
    texts = {span.first: span.text for span in upper}
    for span in lower:
        texts[span.first] = _wrapped(texts.get(span.first, ""), span.text)
    return [_Span(column, column, text) for column, text in sorted(texts.items())]


def _wrapped(before: str, after: str) -> str:
    if before.endswith(("\x02", "\ufffe")):
        return before[:-1] + after if after[:1].islower() else f"{before[:-1]}-{after}"
    if before.endswith("-") or (_POINT.search(before) and after[:1].isdigit()):
        return before + after
    return f"{before} {after}".strip()


def _row(spans: Iterable[_Span], wide: int, header: bool = False) -> Row:
    row = Row(header=header)
    column = 0
    for span in sorted(spans):
        row += [Cell("")] * (span.first - column)
        row.append(Cell(span.text, columns=span.last - span.first + 1))
        column = span.last + 1
    row += [Cell("")] * (wide - column)
    return row


@dataclass(slots=True)
class _Body:
    """A row that is being put together from lines."""

    spans: list[_Span]
    left: float  # of its first cell
    bold: bool
    line: _Line

    @property
    def columns(self) -> set[int]:
        return {span.first for span in self.spans}

    @property
    def is_label(self) -> bool:
        return len(self.spans) == 1 and self.spans[0].first == 0


def _body_rows(
    lines: list[_Line], spans: list[list[_Span]], rules: list[Rule], wide: int, reading: Reading
) -> list[Row]:
    steps = [_middle(upper) - _middle(lower) for upper, lower in pairwise(lines)]
    limit = _leading(lines, steps)
    close = [len(line) for line, step in zip(lines[1:], steps, strict=True) if step < limit]
    starts = [len(line) for line, step in zip(lines[1:], steps, strict=True) if step >= limit]
    # If lines that are close to the one above have fewer cells, they all continue its cells.
    sure = bool(close) and mean(close) < 0.8 * mean([len(lines[0]), *starts])
    heights = sorted(rule.at for rule in rules)
    first_column = wide - 1 if reading.right_to_left else 0
    bodies: list[_Body] = []
    for n, (line, found) in enumerate(zip(lines, spans, strict=True)):
        if first_column:  # count the columns from the right
            found = [_Span(wide - 1 - s.last, wide - 1 - s.first, s.text) for s in found][::-1]
        new = _Body(found, line[-1 if first_column else 0].left, all(map(reading.bold, line)), line)
        if bodies:
            step = steps[n - 1]
            ruled_off = bisect_left(heights, _middle(line)) != bisect_left(
                heights, _middle(lines[n - 1])
            )
            beyond = lines[n + 1][0].left if n + 1 < len(lines) else 0.0
            indent = 0.3 * line[0].height
            in_group = new.left > bodies[-1].left + indent and beyond > bodies[-1].left + indent
            if not ruled_off and (
                step < limit
                if sure
                else not (bodies[-1].is_label and in_group)
                and _joins(bodies[-1], new, step < limit)
            ):
                bodies[-1].spans = _beneath(bodies[-1].spans, found)
                bodies[-1].line = line
                continue
            if not ruled_off and 0 not in new.columns and len(new.columns) > 0 and wide > 2:
                # A blank first cell means the same as above.
                above = [span for span in bodies[-1].spans if span.first == 0 == span.last]
                new.spans = [*above, *new.spans]
        bodies.append(new)
    rows: list[Row] = []
    label = ""
    label_left = 0.0
    for n, body in enumerate(bodies):
        following = bodies[n + 1] if n + 1 < len(bodies) else None
        if body.is_label and following is not None and not following.is_label:
            indent = 0.3 * body.line[0].height
            if following.left > body.left + indent and not reading.right_to_left:
                label, label_left = body.spans[0].text, body.left
                continue
            if body.bold and not following.bold:
                label = ""
                rows.append(Row([Cell(body.spans[0].text, columns=wide)]))
                continue
        if label and body.left <= label_left + 0.3 * body.line[0].height:
            label = ""
        found = body.spans
        if label and found and found[0].first == 0:
            found = [found[0]._replace(text=f"{label}, {found[0].text}"), *found[1:]]
        row = _row(found, wide)
        rows.append(_mirrored(row) if first_column else row)
    return rows


def _leading(lines: list[_Line], steps: list[float]) -> float:
    """Return the distance below which lines are closer to each other than rows are, or 0."""
    rising = sorted(steps)
    if not rising or rising[0] > 1.3 * median(line[0].height for line in lines):
        return 0.0
    for less, more in pairwise(rising):
        if more > 1.1 * less:
            return (less + more) / 2
    return 0.0


def _joins(above: _Body, line: _Body, close: bool) -> bool:
    """Tell whether a line of text continues the row above it."""
    texts = {span.first: span.text for span in above.spans}
    values = [span for span in line.spans if _VALUE.match(span.text)]
    if any(span.last > span.first for span in [*line.spans, *above.spans]):
        return False
    if any(_VALUE.match(texts.get(span.first, "")) for span in values):
        return False  # two values in a column are two rows
    small = [span for span in line.spans if span.text[:1].islower() or span.text[:1] in "(/&+"]
    open_ = [span for span in line.spans if _OPEN_END.search(texts.get(span.first, ""))]
    if line.is_label:  # a long name goes on below, or heads the next rows
        return bool(small or open_) and 0 in texts
    if above.is_label:  # a long name goes on beside the values
        return 0 in line.columns and bool(
            (small and small[0].first == 0) or (open_ and open_[0].first == 0)
        )
    if 0 not in line.columns:
        return not values and (close or bool(small or open_) or len(line.spans) == 1)
    goes_on = bool(small or open_) and line.spans[0] in [*small, *open_]
    return not values and goes_on and (close or len(small) + len(open_) >= len(line.spans))


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
