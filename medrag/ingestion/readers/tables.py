"""Writes the cells of a table as text: one line for each row, which names its columns.

    Age: 1 year; Dose (mg/kg), Sepsis: 7; Dose (mg/kg), Endocarditis: 1

So a row can be searched, cut, quoted and cited without the rest of its table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, takewhile
from typing import NamedTuple

from ...types import Block, BlockKind
from .reader import flat, one_line

CAPTION_LIMIT = 200  # characters of a caption that are repeated before each part of a table
_BLOCK = 1 << 14  # characters of rows in a block
_MOST_COLUMNS = 1_000  # a table with more is cut; a cell may claim to span any number
_VALUE = "0123456789<>≤≥=±~+-−–.("


class Cell(NamedTuple):
    """One cell of a table as the source gives it.

    Attributes:
        text: in any form; it is cleaned to one line here.
        rows, columns: how many it spans; 0 rows means all that are left.
        heading: whether the source marks it as the heading of a column or row.
        column: the first column that it may be in, from 0.
    """

    text: str
    rows: int = 1
    columns: int = 1
    heading: bool = False
    column: int = 0


class Row(list[Cell]):
    """The cells of one row. `header` is True if the source marks the row as a header."""

    def __init__(self, cells: Iterable[Cell] = (), header: bool = False) -> None:
        super().__init__(cells)
        self.header = header


def table_blocks(
    rows: Sequence[Row],
    caption: str = "",
    section: str = "",
    page: int | None = None,
    guess_header: bool = True,
) -> Iterator[Block]:
    """Yield a table as its caption and blocks of whole rows.

    A cell that spans rows or columns is repeated in each of them. A column under several headers
    is named by all of them, from the top. A row that is one cell across the whole table is a
    heading of the rows below it, and is written before each of them.

    Args:
        rows: may have different lengths.
        caption: with its label, e.g. "Table 2. Doses".
        guess_header: whether the first row may be the header although nothing marks it. It then is
            if it has only words, and numbers are below it.
    """
    caption = flat(caption)
    glue = "\n\n"
    if caption:
        yield Block(caption, section=section, page=page, kind=BlockKind.caption)
        glue = "\n"
    header = one_line(caption, CAPTION_LIMIT)
    lines: list[str] = []
    size = 0
    for line in _lines(rows, guess_header):
        if lines and size + len(line) > _BLOCK:
            yield Block("\n".join(lines), glue, page, section, BlockKind.table, header)
            lines, size, glue = [], 0, "\n"
        lines.append(line)
        size += len(line)
    if lines:
        yield Block("\n".join(lines), glue, page, section, BlockKind.table, header)


def _lines(rows: Sequence[Row], guess_header: bool) -> Iterator[str]:
    """Yield a line for each row of the body."""
    grid = resolved(rows)
    width = max(map(len, grid), default=0)
    heads = sum(1 for _ in takewhile(lambda n: _is_header(rows[n], grid[n]), range(len(grid))))
    if heads == len(grid):
        heads = min(1, len(grid) - 1)  # headings all through: the first row names the columns
    if not heads and guess_header and _looks_like_header(grid):
        heads = 1
    names = _names(grid[:heads], width)
    # A row with a label alone heads the rows below it only in a table that begins with one:
    # elsewhere nothing shows where its rows end.
    body = [cells for cells in grid[heads:] if any(cell.text for cell in cells)]
    labelled = bool(body) and width > 1 and _is_label(body[0])
    group = label = ""
    for row, cells in zip(rows[heads:], grid[heads:], strict=True):
        texts = [cell.text for cell in cells]
        if not any(texts):
            continue
        if _is_group(cells, width):
            group, label = texts[0], ""
        elif labelled and _is_label(cells):
            label = texts[0]
        elif len(set(texts)) > 1 and _is_header(row, cells):
            names = _names([cells], width)  # a second header, further down
        else:
            yield "; ".join(filter(None, [group, label, *_pairs(names, cells)]))


def resolved(rows: Sequence[Row]) -> list[list[Cell]]:
    """Return the grid of a table: a cell that spans rows or columns is in each of its places.

    Places that no cell covers are empty. The texts are cleaned, each on one line.
    """
    grid: list[list[Cell]] = []
    open_: dict[int, tuple[Cell, int]] = {}  # cells from above by column, and rows still to come
    for number, row in enumerate(rows):
        places: dict[int, Cell] = {}
        for column, (cell, left) in list(open_.items()):
            places[column] = cell
            if left == 1:
                del open_[column]
            else:
                open_[column] = cell, left - 1
        column = 0
        for cell in row:
            column = max(column, min(cell.column, _MOST_COLUMNS))
            while column in places:
                column += 1
            shown = cell._replace(text=flat(cell.text))
            deep = (cell.rows or len(rows)) - 1
            for _ in range(max(1, cell.columns)):
                if column in places or column >= _MOST_COLUMNS:
                    break
                places[column] = shown
                if deep > 0:
                    open_[column] = shown, min(deep, len(rows) - number - 1) or 1
                column += 1
        width = 1 + max(places, default=-1)
        grid.append([places.get(column, Cell("")) for column in range(width)])
    return grid


def _names(header: Sequence[Sequence[Cell]], width: int) -> list[str]:
    """Return the name of each column: its headers from the top, each of them once."""
    columns = ([row[n].text for row in header if n < len(row)] for n in range(width))
    return [", ".join(dict.fromkeys(filter(None, column))) for column in columns]


def _pairs(names: Sequence[str], cells: Sequence[Cell]) -> Iterator[str]:
    """Yield "column: value" for each cell with text; a cell across columns has all their names."""
    if not any(names) and len(cells) > 1 and cells[0].heading and cells[0].text:
        yield f"{cells[0].text}: " + "; ".join(cell.text for cell in cells[1:] if cell.text)
        return
    for _, group in groupby(zip(names, cells, strict=False), lambda pair: id(pair[1])):
        pairs = list(group)
        text = pairs[0][1].text
        name = " / ".join(dict.fromkeys(name for name, _ in pairs if name))
        if text:
            yield f"{name}: {text}" if name and name != text else text


def _is_header(row: Row, cells: Sequence[Cell]) -> bool:
    return bool(cells) and (row.header or all(cell.heading or not cell.text for cell in cells))


def _is_label(cells: Sequence[Cell]) -> bool:
    """Tell whether only the first cell of a row has text; it may span others."""
    first = cells[0] if cells else Cell("")
    return bool(first.text) and not any(cell.text for cell in cells if cell is not first)


def _is_group(cells: Sequence[Cell], width: int) -> bool:
    """Tell whether a row is one cell across the whole table."""
    return width > 1 and len(cells) == width and all(cell is cells[0] for cell in cells)


def _looks_like_header(grid: Sequence[Sequence[Cell]]) -> bool:
    """Tell whether the first row has only words, and numbers are below it."""
    if len(grid) < 2 or len(grid[0]) < 2:
        return False
    first = [cell.text for cell in grid[0]]
    if len(set(first)) < len(first) or not all(first[1:]) or any(map(_is_value, first)):
        return False
    return any(_is_value(cell.text) for row in grid[1:] for cell in row)


def _is_value(text: str) -> bool:
    return text[:1] in _VALUE if text else False
