"""Writes the cells of a table as text: one line for each row, which names its columns.

    Age: 1 year; Dose (mg/kg), Sepsis: 7; Dose (mg/kg), Endocarditis: 1

So a row can be searched, cut, quoted and cited without the rest of its table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise, zip_longest
from typing import NamedTuple

from ...types import Block, BlockKind
from .reader import flat, one_line

CAPTION_LIMIT = 200  # characters of a caption that are repeated before each part of a table
_BLOCK = 1 << 14  # characters of rows in a block
_MOST_COLUMNS = 1_000  # a table with more is cut; a cell may claim to span any number
_MOST_PLACES = 1_000_000  # of a table; below them spans are no longer followed
_REPEATED = 300  # characters of a name or heading that are written in each row
_NAME_LIMIT = 80  # characters of a column's name, where the source does not mark it as one
_HEADER_ROWS = 4  # the most that are looked for where the source does not mark them
_BULLETS = "-–•·"
_JOINS = "±–/"
_UNIT = re.compile(r"%|±|\b(?:n|no\.|mean|median|sd|se|sem|ci|iqr|range)\b", re.IGNORECASE)
_STEP = 3  # quarters of an em; less may be an accident
_VALUE = "0123456789<>≤≥=±~+-−–.("
_PATIENT = re.compile(r"\b(?:kg|years?|yrs?|months?|weeks?|days?)\b")  # of weight or age


class Cell(NamedTuple):
    """One cell of a table as the source gives it.

    Attributes:
        text: in any form; it is cleaned to one line here.
        rows, columns: how many it spans; 0 rows means all that are left.
        heading: whether the source marks it as the heading of a column or row.
        column: the first column that it may be in, from 0.
        indent: how far its text is set in, in quarters of an em: a row below a less indented one
            is part of it.
        bold: whether it is set apart from other cells, by bold type or a colour.
    """

    text: str
    rows: int = 1
    columns: int = 1
    heading: bool = False
    column: int = 0
    indent: int = 0
    bold: bool = False


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
    labels: bool = False,
) -> Iterator[Block]:
    """Yield a table as its caption and blocks of whole rows.

    A cell that spans rows or columns is repeated in each of them. A column under several headers
    is named by all of them, from the top. A row that is one cell across the whole table is a
    heading of the rows below it, and is written before each of them. Where columns have no names,
    an empty cell keeps its place: "Iron; ; 5 mg".

    Args:
        rows: may have different lengths.
        caption: with its label, e.g. "Table 2. Doses".
        guess_header: whether the first row may be the header although nothing marks it. It then is
            if it is bold; if it has only words, and numbers are below it; or if it has the weights
            or ages of patients. If not, a bold first column names the rows.
        labels: whether a row with a label alone always heads the rows below it, as in journals, in
            a table that begins with one. Otherwise each label must have two rows or more: what
            looks like a label may be a drug whose dose is not given.
    """
    caption = flat(caption)
    glue = "\n\n"
    if caption:
        yield Block(caption, section=section, page=page, kind=BlockKind.caption)
        glue = "\n"
    header = one_line(caption, CAPTION_LIMIT)
    lines: list[str] = []
    size = 0
    for line in _lines(rows, guess_header, labels):
        if lines and size + len(line) > _BLOCK:
            yield Block("\n".join(lines), glue, page, section, BlockKind.table, header)
            lines, size, glue = [], 0, "\n"
        lines.append(line)
        size += len(line)
    if lines:
        yield Block("\n".join(lines), glue, page, section, BlockKind.table, header)


def _lines(rows: Sequence[Row], guess_header: bool, labels: bool) -> Iterator[str]:
    """Yield a line for each row of the body."""
    grid = resolved(rows)
    if not any(map(_has_text, grid)):
        return
    width = max(map(len, grid))
    title = int(_is_group(grid[0], width) and not _is_header(rows[0], grid[0]))
    heads = _height(rows[title:], grid[title:], guess_header)
    if title and heads:  # it then is a heading of the rows below the header
        rows = [*rows[1 : heads + 1], rows[0], *rows[heads + 1 :]]
        grid = [*grid[1 : heads + 1], grid[0], *grid[heads + 1 :]]
    if not heads and guess_header and all(_is_named(cells) for cells in grid if _has_text(cells)):
        grid = [[cells[0]._replace(heading=True), *cells[1:]] for cells in grid]
    names = _names(grid[:heads], width)
    # A row with a label alone heads the rows below it only in a table of such groups, or one that
    # indents them: elsewhere it is a row whose values are missing.
    body = [
        (row, cells)
        for row, cells in zip(rows[heads:], grid[heads:], strict=True)
        if _has_text(cells)
    ]
    yield from _too_long(grid[:heads])
    again = _repeated(grid[heads - 1] if heads else (), [cells for _, cells in body])
    indented = any(cells[0].indent for _, cells in body)
    labelled = width > 1 and _has_labels(body, least=1 if labels else 2)
    all_headings = all(_is_header(row, cells) for row, cells in body)
    bold = [cells for _, cells in body if cells[0].text and cells[0].bold]
    apart = len(bold) < len(body) and all(map(_is_label, bold))
    group = label = ""
    label_indent = 0
    listed = False  # whether their rows begin with bullets
    unused: list[str] = []  # headings of rows that had none yet; the last may be notes
    renamed = ""  # the same for a header
    above: list[tuple[int, str]] = []  # the rows that this row is part of, by their indents
    header: list[Sequence[Cell]] = list(grid[:heads])  # in force at this row
    changing = False  # whether the row above was a header too
    for number, (row, cells) in enumerate(body):
        first = cells[0]
        below = body[number + 1][1][0] if number + 1 < len(body) else Cell("")
        step = below.indent - first.indent if below.text else 0
        across = _is_group(cells, width)
        heading = (across and first.indent > 0) or (not across and _is_label(cells))
        deeper = step > 0 and (heading or (step >= _STEP and not _bullet(first)))
        if first.text:
            above = [one for one in above if one[0] < first.indent]
        parts = [text for _, text in above]
        if first.text and (deeper or (indented and not below.text)):
            above.append((first.indent, first.text))
        marked = (
            not all_headings
            and len({cell.text for cell in cells}) > 1
            and _is_header(row, cells)
            and not any(_is_value(cell.text) for cell in cells[1:])  # then it is a row of totals
        )
        if number in again or _is_unit(cells) or (marked and not _is_label(cells)):
            if not changing and (marked or number + 1 in again):
                header = []
            header = [*header, cells] if changing or not header else _changed(header, cells)
            if renamed and not changing:
                yield renamed
            renamed = "; ".join(dict.fromkeys(cell.text for cell in cells if cell.text))
            changing = True
            names, above = _names(header, width), []
            yield from _too_long([cells])
            continue
        changing = False
        if listed and first.text and first.text[0] not in _BULLETS:
            group = label = ""  # their list has ended
            listed = False
        if across:
            group, label = group if first.indent else "", ""
            group = group if deeper else first.text
            above = above if deeper else []
            listed = not deeper and _bullet(below)
            unused.append(first.text)
        elif _is_label(cells) and (labelled or deeper or _is_marked(row) or (apart and first.bold)):
            if first.indent <= label_indent:
                label, label_indent = "", first.indent
            if not deeper:
                label, above = first.text, []
                listed = _bullet(below)
            unused.append(first.text)
        else:
            headings = list(filter(None, [group, label, *parts]))
            yield from (text for text in unused if text not in headings or len(text) > _REPEATED)
            unused, renamed = [], ""
            yield "; ".join([*map(_short, headings), *_pairs(names, cells)])
    yield from filter(None, [renamed, *unused])


def _changed(header: Sequence[Sequence[Cell]], cells: Sequence[Cell]) -> list[Sequence[Cell]]:
    """Return the header after a row further down that names or measures its columns anew."""
    *upper, lowest = header
    if cells[0].text:  # the lowest level again
        return [*([Cell(""), *row[1:]] for row in upper), cells]
    both = list(zip(lowest, cells, strict=False))
    if all(_UNIT.search(old.text) for old, new in both if new.text):
        return [*upper, [new if new.text else old for old, new in both]]
    return [*header, cells]


def _repeated(header: Sequence[Cell], body: Sequence[Sequence[Cell]]) -> set[int]:
    """Return which rows of the body are the header again, with a row above that spans columns."""
    again = set()
    for number, cells in enumerate(body):
        same = [
            one.text == two.text
            for one, two in zip(cells[1:], header[1:], strict=False)
            if one.text
        ]
        if len(same) > 1 and all(same):
            again.add(number)
            spans = body[number - 1] if number else ()
            wide = any(one is two and one.text for one, two in pairwise(spans[1:]))
            if wide and not _is_group(spans, len(cells)):
                again.add(number - 1)
    return again


def resolved(rows: Sequence[Row]) -> list[list[Cell]]:
    """Return the grid of a table: a cell that spans rows or columns is in each of its places.

    Places that no cell covers are empty. Columns in which no text starts are left out. The texts
    are cleaned, each on one line.
    """
    grid: list[list[Cell]] = []
    left_over = _MOST_PLACES
    open_: dict[int, tuple[Cell, int]] = {}  # cells from above by column, and rows still to come
    for number, row in enumerate(rows):
        if left_over <= 0:
            grid.append([cell._replace(text=flat(cell.text)) for cell in row])
            continue
        places: dict[int, Cell] = {}
        for column, (cell, left) in list(open_.items()):
            places[column] = cell
            left_over -= len(cell.text) // 100  # it is written again
            if left == 1:
                del open_[column]
            else:
                open_[column] = cell, left - 1
        column = 0
        for number_in_row, cell in enumerate(row):
            column = max(column, min(cell.column, _MOST_COLUMNS))
            while column in places:
                column += 1
            shown = cell._replace(text=flat(cell.text))
            deep = (cell.rows or len(rows)) - 1
            others = len(row) - number_in_row - 1
            for _ in range(max(1, min(cell.columns, _MOST_COLUMNS - column - others))):
                if column in places or column >= _MOST_COLUMNS:
                    break
                places[column] = shown
                if deep > 0:
                    open_[column] = shown, min(deep, len(rows) - number - 1) or 1
                column += 1
        width = 1 + max(places, default=-1)
        grid.append([places.get(column, Cell("")) for column in range(width)])
        left_over -= width
    used = {
        column
        for cells in grid
        for column, (left, cell) in enumerate(pairwise([None, *cells]))
        if cell is not left and cell is not None and cell.text
    }
    return [[cell for column, cell in enumerate(cells) if column in used] for cells in grid]


def _names(header: Sequence[Sequence[Cell]], width: int) -> list[str]:
    """Return the name of each column: its headers from the top, each of them once."""
    columns = ([_short(row[n].text) for row in header if n < len(row)] for n in range(width))
    return [", ".join(dict.fromkeys(filter(None, column))) for column in columns]


def _short(text: str) -> str:
    """Return a text as it is written in each row."""
    return text if len(text) <= _REPEATED else one_line(text, _REPEATED)


def _too_long(header: Sequence[Sequence[Cell]]) -> Iterator[str]:
    """Yield the names of columns that are not written in each row as they are."""
    for cells in header:
        yield from dict.fromkeys(cell.text for cell in cells if len(cell.text) > _REPEATED)


def _pairs(names: Sequence[str], cells: Sequence[Cell]) -> Iterator[str]:
    """Yield "column: value" for each cell with text; a cell across columns has all their names.

    Between cells of columns without names, "" stands for an empty cell.
    """
    first = cells[0]
    if not any(names) and len(cells) > 1 and first.heading and first.text:
        yield f"{first.text}: " + "; ".join(_pairs(names[1:], cells[1:]))
        return
    pairs: list[tuple[str, str]] = []
    empty = 0  # cells since the last pair, in columns without names
    for _, group in groupby(zip(names, cells, strict=False), lambda pair: id(pair[1])):
        same = list(group)
        text = same[0][1].text
        name = " / ".join(dict.fromkeys(name for name, _ in same if name))
        if pairs and name and pairs[-1][0] == name and _is_one(pairs[-1][1], text):
            pairs[-1] = name, f"{pairs[-1][1]} {text}"
        elif text:
            pairs += [("", "")] * (0 if name else empty)
            pairs.append((name, text))
        empty = 0 if name or text else empty + 1
        if text and not any(names):  # then it stands in each of its columns
            again = len(same) - 1
            short = len(text) * again <= _REPEATED
            pairs += [("", text)] * (again if short else 0)
            empty = 0 if short else again
    for name, text in pairs:
        yield f"{name}: {text}" if name and name != text else text


def _is_one(text: str, following: str) -> bool:
    """Tell whether two cells under one name are one value: "5.2", "±", "0.3"; "12", "(40%)"."""
    return text[-1:] in _JOINS or following[:1] in _JOINS or following[:1] in "(["


def _is_header(row: Row, cells: Sequence[Cell]) -> bool:
    return bool(cells) and (row.header or all(cell.heading or not cell.text for cell in cells))


def _bullet(cell: Cell) -> bool:
    """Tell whether a cell begins with a bullet, which may be a minus before a number."""
    text = cell.text
    return bool(text) and text[0] in _BULLETS and not text[1:2].isdigit()


def _is_unit(cells: Sequence[Cell]) -> bool:
    """Tell whether a row only says in what its columns are from here on: "", "n (%)", "n (%)"."""
    texts = [cell.text for cell in cells[1:] if cell.text]
    same = len(texts) > 1 and len(set(texts)) == 1 and not cells[0].text
    return same and bool(_UNIT.search(texts[0])) and not any(sign.isdigit() for sign in texts[0])


def _is_label(cells: Sequence[Cell]) -> bool:
    """Tell whether only the first cell of a row has text; it may span others."""
    first = cells[0] if cells else Cell("")
    return bool(first.text) and not any(cell.text for cell in cells if cell is not first)


def _has_labels(body: Sequence[tuple[Row, Sequence[Cell]]], least: int) -> bool:
    """Tell whether a table begins with a label that heads rows, and so do others.

    Args:
        least: how many rows each label must have below it, unless the first is marked.
    """
    if not body or not _is_label(body[0][1]) or body[0][1][0].rows != 1:
        return False
    if least == 1 or body[0][0].header or _is_marked(body[0][0]):
        return True
    sizes: list[int] = []
    for _, cells in body:
        if _is_label(cells):
            sizes.append(0)
        else:
            sizes[-1] += 1
    return len(sizes) > 1 and min(sizes) >= least


def _is_group(cells: Sequence[Cell], width: int) -> bool:
    """Tell whether a row is one cell across the whole table."""
    return width > 1 and len(cells) == width and all(cell is cells[0] for cell in cells)


def _height(rows: Sequence[Row], grid: Sequence[Sequence[Cell]], guess: bool) -> int:
    """Return how many of the first rows are the header."""
    heads = 0
    for row, cells in zip(rows, grid, strict=True):
        # A heading alone below other headings is one of rows.
        if not _is_header(row, cells) or (heads and not row.header and _is_label(cells)):
            break
        heads += 1
    if heads and heads == len(grid):
        heads = min(1, len(grid) - 1)  # headings all through: the first row names the columns
    if not heads and guess and _may_be_header(grid):
        heads = 1
    if heads == 1 and len(grid) > 1 and max(map(len, grid)) > 1 and _is_label(grid[0]):
        return 0  # the first of several labels, not a name of columns
    while 0 < heads < min(len(grid) - 1, _HEADER_ROWS) and _goes_on(grid, heads):
        heads += 1
    return heads


def _goes_on(grid: Sequence[Sequence[Cell]], number: int) -> bool:
    """Tell whether a row below a header is a part of it.

    It is if a heading spans both; if the header has merged cells, and the row has words above
    numbers; or if the header has cells across columns, and the row has no name but divides these,
    either only them or with words.
    """
    above, cells = grid[number - 1 : number + 1]
    across = {n for n, pair in enumerate(pairwise(above)) if pair[0] is pair[1]}
    across |= {n + 1 for n in across}
    both = list(zip(above, cells, strict=False))
    below = (old.text for old, new in both[:1] if old.text == new.text)
    if (across or any(below)) and _is_over_numbers(grid, number):
        return True
    if above[0] is cells[0] and above[0].text and above[0].heading:
        return True
    others = (new.text in ("", old.text) for n, (old, new) in enumerate(both) if n not in across)
    parts = {cells[n].text for n in across if n < len(cells)}
    words = cells[0].text in ("", above[0].text) and not any(map(_is_value, parts))
    return 0 not in across and len(parts) > 1 and (all(others) or words)


def _may_be_header(grid: Sequence[Sequence[Cell]]) -> bool:
    """Tell whether the first row looks like a header that nothing marks."""
    if len(grid) < 2 or len(grid[0]) < 2:
        return False
    if grid[0][0].text and grid[0][0] is grid[1][0] and not _goes_on(grid, 1):
        return False  # it spans rows, so it heads them
    texts = [cell.text for cell in {id(cell): cell for cell in grid[0]}.values()]
    bold, also = ([cell.bold for cell in cells if cell.text] for cells in grid[:2])
    if len(set(texts)) > 1 and len(bold) > 1 and all(bold) and not all(also):
        return True
    named = all(texts[1:]) and len(set(texts)) == len(texts)
    named = named and all(len(text) <= _NAME_LIMIT for text in texts)
    return (named and _is_over_numbers(grid, 0)) or _is_over_doses(grid)


def _is_over_numbers(grid: Sequence[Sequence[Cell]], number: int) -> bool:
    """Tell whether a row has only words, at least two, and half of a column below are numbers."""
    texts = {cell.text for cell in grid[number] if cell.text}
    if len(texts) < 2 or any(map(_is_value, texts)):
        return False
    rows = (row for row in grid[number + 1 :] if not _is_label(row))
    columns = (list(map(_is_value, filter(None, column))) for column in _columns(rows))
    return any(column and 2 * sum(column) >= len(column) for column in columns)


def _columns(rows: Iterable[Sequence[Cell]]) -> Iterator[tuple[str, ...]]:
    return zip_longest(*([cell.text for cell in row] for row in rows), fillvalue="")


def _is_over_doses(grid: Sequence[Sequence[Cell]]) -> bool:
    """Tell whether the first row has weights or ages, and none are below: "Drug, 5 kg, 10 kg"."""
    first, *rest = ([bool(_PATIENT.search(cell.text)) for cell in row[1:]] for row in grid)
    numbers = any(_is_value(cell.text) for row in grid[1:] for cell in row[1:])
    words = not _is_value(grid[0][0].text)
    return words and len(first) > 1 and all(first) and numbers and not any(map(any, rest))


def _has_text(cells: Sequence[Cell]) -> bool:
    return any(cell.text for cell in cells)


def _is_named(cells: Sequence[Cell]) -> bool:
    """Tell whether of a row only the first cell is bold, or it and some others."""
    first = cells[0] if cells else Cell("")
    return bool(first.text) and first.bold and not all(cell.bold for cell in cells if cell.text)


def _is_marked(row: Row) -> bool:
    """Tell whether the source marks each cell of a row as a heading."""
    return bool(row) and all(cell.heading for cell in row)


def _is_value(text: str) -> bool:
    return text[:1] in _VALUE if text else False
