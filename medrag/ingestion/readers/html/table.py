"""Reads the tables of an HTML page, and tells which of them only arrange text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import TYPE_CHECKING

from ....types import Block
from ..tables import Cell, Row, table_blocks
from .nodes import children

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_CELL_OF_PROSE = 200  # characters; cells of tables have fewer on average
_SPANS = 100  # cells that span the same row and are followed


class Table:
    """A table being read."""

    def __init__(self, around: list[str]) -> None:
        self.around = around  # the text before it, in the cell that it is in
        self.caption = ""
        self.rows: list[Row] = []
        self.foot: list[Row] = []  # may stand before the body
        self._start = 0  # of the part being read, in its list

    def part(self, tag: str) -> list[Row]:
        """Return the rows of the part that a "thead", "tbody" or "tfoot" adds to."""
        return self.foot if tag == "tfoot" else self.rows

    def start(self, tag: str) -> None:
        """Start a part."""
        self._start = len(self.part(tag))

    def end(self, tag: str) -> None:
        """End a part, and the cells that claim to span rows below it."""
        for left, row in enumerate(reversed(self.part(tag)[self._start :]), 1):
            row[:] = [cell._replace(rows=min(cell.rows or left, left)) for cell in row]

    def blocks(self, section: str) -> Iterator[Block]:
        """Yield it.

        A line across the whole table is a part of its caption above the column headings, a note
        at its end, and elsewhere a heading of the rows below it. It is such a heading at the top
        too, if there is another between the rows.
        """
        rows = self.rows + self.foot
        width = max((sum(cell.columns for cell in row) for row in rows), default=0)
        for row in self.foot:
            if len(row) == 1:  # a note, although it does not say that it is across the table
                row[0] = row[0]._replace(columns=max(1, width))
        rows = _filled(rows)
        start, end = 0, len(rows)
        while start < end and _is_across(rows[start], width):
            start += 1
        while end > start and _is_across(rows[end - 1], width):
            end -= 1
        above = [row[0].text for row in rows[:start]]
        body = [_labelled(row, width) for row in rows[start:end]]
        first = body[0] if body else Row()
        heads = sum(1 for _ in takewhile(_is_header, body))
        groups = [_is_across(row, width) for row in body[heads:]]
        if above and (not heads or (any(groups) and not groups[0])):
            body.insert(0, Row([Cell(above.pop(), columns=width)]))
        guess = not any(cell.heading and cell.text.strip() for cell in first)
        caption = " ".join([self.caption, *above])
        yield from table_blocks(body, caption, section, guess_header=guess)
        for row in rows[end:]:
            yield Block(row[0].text, "\n", section=section)


def _is_header(row: Row) -> bool:
    return row.header or all(cell.heading for cell in row)


def _labelled(row: Row, width: int) -> Row:
    """Return a row in which headings of rows cannot be taken for those of columns."""
    if _is_across(row, width):
        return Row(cell._replace(heading=False) for cell in row)
    values = [cell for cell in row if not cell.heading]
    if row.header or not values:
        return row
    named = any(cell.text.strip() for cell in values)
    return Row(cell._replace(heading=cell.heading and named and cell.rows == 1) for cell in row)


def _filled(rows: Iterable[Row]) -> list[Row]:
    """Leave out the rows without text, such as deleted ones; cells that span them get shorter."""
    kept: list[Row] = []
    spans: list[tuple[Row, int, int]] = []  # row, place in it, the last row that it spans
    for number, row in enumerate(rows):
        spans = [span for span in spans if span[2] >= number][:_SPANS]
        if all(cell.rows == 1 and not cell.text.strip() for cell in row):
            for above, place, _ in spans:
                above[place] = above[place]._replace(rows=above[place].rows - 1)
            continue
        kept.append(row)
        for place, cell in enumerate(row):
            if cell.rows > 1:
                spans.append((row, place, number + cell.rows - 1))
    return kept


def _is_across(row: Row, width: int) -> bool:
    """Tell whether a row is one cell across a table of several columns."""
    return len(row) == 1 and row[0].columns >= width > 1 and row[0].rows == 1


def captions_table(caption: LexborNode) -> bool:
    figure = caption.parent
    return figure is not None and figure.tag == "figure" and figure.css_first("table") is not None


def is_layout(table: LexborNode) -> bool:
    """Tell whether a table only arranges text, which then is read as running text."""
    if table.attributes.get("role") in ("presentation", "none"):
        return True
    rows = [[cell for cell in children(row) if cell.tag in ("td", "th")] for row in _rows(table)]
    if not any(len(row) > 1 for row in rows):
        return True
    cells = [cell for row in rows for cell in row]
    named = any(cell.tag == "th" for cell in cells)
    if named or any(child.tag in ("caption", "thead") for child in children(table)):
        return False
    if any(cell.css_first("h1, h2, h3, h4, h5, h6, table, article, section") for cell in cells):
        return True
    return sum(len(cell.text()) for cell in cells) > _CELL_OF_PROSE * len(cells)


def _rows(table: LexborNode) -> Iterator[LexborNode]:
    """Yield the rows of a table, without those of tables in it."""
    for child in children(table):
        if child.tag == "tr":
            yield child
        elif child.tag in ("thead", "tbody", "tfoot"):
            yield from (row for row in children(child) if row.tag == "tr")


def section_of(cell: LexborNode) -> str:
    """Return what part of the table a cell is in: "thead", "tbody" or "tfoot"."""
    section = cell.parent.parent if cell.parent else None
    return (section.tag if section else "") or ""


def cell_of(node: LexborNode, text: str, bold: bool) -> Cell:
    attributes = node.attributes
    rows, columns = (
        int(value) if (value := (attributes.get(name) or "").strip()).isdecimal() else 1
        for name in ("rowspan", "colspan")
    )
    heading = node.tag == "th"
    return Cell(text, min(rows, 65_534), max(1, min(columns, 1_000)), heading, bold=bold)
