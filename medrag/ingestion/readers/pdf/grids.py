"""Recovers the tables of a PDF whose cells have lines around them."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise

from ..tables import Cell, Row
from .cells import NEAR, VALUE, Line, Reading, Table, cell_text, indents, places, text_lines
from .header import HEADER_LINES, wordy
from .lines import from_lines
from .objects import Box, Rule
from .order import Piece

_MOST_CELLS = 20_000


def joined_rules(rules: Iterable[Rule], flat: bool) -> list[Rule]:
    """Return the lines of one direction; those that continue each other are joined."""
    found: list[Rule] = []
    for rule in sorted(rule for rule in rules if rule.flat == flat):
        for n in range(len(found) - 1, max(-1, len(found) - 50), -1):
            other = found[n]
            if rule.at - other.at > 1.5:
                continue
            if rule.start <= other.stop + NEAR and rule.stop >= other.start - NEAR:
                start, stop = min(rule.start, other.start), max(rule.stop, other.stop)
                found[n] = Rule(flat, other.at, start, stop)
                break
        else:
            found.append(rule)
    return found


def grids_of(
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
                flat.start - NEAR <= upright.at <= flat.stop + NEAR
                and upright.start - NEAR <= flat.at <= upright.stop + NEAR
            ):
                group[root(n)] = root(m)
    members: dict[int, tuple[list[Rule], list[Rule]]] = defaultdict(lambda: ([], []))
    for n, rule in enumerate([*flats, *uprights]):
        members[root(n)][0 if rule.flat else 1].append(rule)
    grids = [grid for grid in members.values() if all(grid)]
    loose = [rule for grid in members.values() if not grid[1] for rule in grid[0]]
    grids.sort(key=lambda grid: -max(rule.at for rule in grid[0]))
    return grids, loose


def around(flats: list[Rule], uprights: list[Rule]) -> Box:
    """Return the box around some lines."""
    return (
        min(min(rule.start for rule in flats), min(rule.at for rule in uprights)),
        min(min(rule.at for rule in flats), min(rule.start for rule in uprights)),
        max(max(rule.stop for rule in flats), max(rule.at for rule in uprights)),
        max(max(rule.at for rule in flats), max(rule.stop for rule in uprights)),
    )


def lattice(
    characters: list[Piece], flats: list[Rule], uprights: list[Rule], reading: Reading
) -> Table | None:
    """Return the table whose cells have lines around them."""
    left, bottom, right, top = around(flats, uprights)
    xs = places([left, right, *(rule.at for rule in uprights)])
    ys = places([bottom, top, *(rule.at for rule in flats)])[::-1]
    wide, high = len(xs) - 1, len(ys) - 1
    if wide < 2 or wide * high > _MOST_CELLS or not characters:
        return None
    upright_at = [[rule for rule in uprights if abs(rule.at - x) <= NEAR] for x in xs]
    flat_at = [[rule for rule in flats if abs(rule.at - y) <= NEAR] for y in ys]
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
    labels: list[Piece | None] = []  # where the text of the first column begins
    spans: list[tuple[int, int]] = []  # rows and columns of the widest cell of each row
    for row in range(high):
        out: list[Cell] = []
        starts: list[Piece] = []
        label: Piece | None = None
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
            found = text_lines(pieces, reading)
            if not column and found:
                label = found[0][0]
            out.append(Cell(cell_text(found, reading), end - row, stop - column))
            deepest = max(deepest, end - row)
            widest = max(widest, stop - column if column else 1)
        if deepest == 1 and not any(cell.text for cell in out):
            continue
        rows.append(Row(out))
        labels.append(label)
        bold.append(bool(starts) and all(map(reading.bold, starts)))
        spans.append((deepest, widest))
    filled = sum(1 for row in rows for cell in row if cell.text)
    if filled < 3:
        return None
    if _is_divided_by_text(cells, high, wide, reading):
        lines = text_lines(characters, reading)
        inner = [rule for rule in flats if bottom + NEAR < rule.at < top - NEAR]
        return from_lines(lines, inner, (left, bottom, right, top), reading, xs[1:-1])
    if high < 2 or sum(1 for row in rows if any(cell.text for cell in row)) < 2:
        return None
    heads = _lattice_header(rows, bold, spans, wide)
    if reading.right_to_left:
        rows = [Row(reversed(row)) for row in rows]
    for header in rows[:heads]:
        header.header = True
    if not reading.right_to_left:
        for body, step in zip(rows[heads:], indents(labels[heads:]), strict=True):
            body[0] = body[0]._replace(indent=step)
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
        counts = [len(text_lines(cells.get((row, column), []), reading)) for column in range(wide)]
        several = [count for count in counts if count >= 2]
        if len(several) < 2 or max(counts) < 3 - (high < 2):
            continue
        values = 0
        for column in range(wide):
            lines = text_lines(cells.get((row, column), []), reading)
            values += len(lines) > 1 and sum(_is_value(line) for line in lines) >= 0.7 * len(lines)
        if values or several.count(max(counts)) == wide:
            return True
    return False


def _is_value(line: Line) -> bool:
    return bool(line) and VALUE.match(line[0].text.strip()) is not None


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
    while heads < min(HEADER_LINES, len(rows) - 1) and 1 < spans[heads][1] < wide:
        if any(VALUE.match(cell.text) for cell in rows[heads]):
            break
        heads += 1
    if heads:
        return heads + 1
    texts = [[cell.text for cell in row] for row in rows]
    return min(1, wordy(texts))
