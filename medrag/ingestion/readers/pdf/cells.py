"""What the parts that read the tables of a PDF share: a table, and the text of its cells."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ..tables import Cell, Row
from .order import Piece, merged

NEAR = 3.0  # points between lines that are meant to touch
_EM = 1.17  # height of a piece by the size of its type
GAP = 0.5  # em between two cells of a line in a ruled table
VALUE = re.compile(r"[<>≤≥=±~+−–(-]*\s*\d|[-–—−]\Z|n\.?[as]\.?\Z", re.I)
NUMBER = re.compile(r"[<>≤≥=±~+−–(-]*\s*\d")
_POINT = re.compile(r"(?<![\w)\]])\.\Z")  # of a number without a digit before it
_CONTINUED = re.compile(r"\b(?:continued|cont\.|cont'd)", re.I)

Line = list[Piece]  # from left to right


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
            min(abs(x0 - u0), abs(x1 - u1), abs(x0 + x1 - u0 - u1) / 2) < 2 * NEAR
            for (x0, x1), (u0, u1) in zip(
                self.columns, ((u0 + shift, u1 + shift) for u0, u1 in before.columns), strict=True
            )
        ):
            self.rows = [*header, *self.rows]
            self.caption = self.caption or before.caption


@dataclass(slots=True)
class InColumns(Piece):
    """Lines in columns that could not be read as a table.

    Attributes:
        rows: their text, with " | " between columns, also if they are empty.
        whole: whether each row is just a name and its value.
    """

    rows: list[str] = field(default_factory=list)
    whole: bool = False


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


class Span(NamedTuple):
    """Text in the columns from `first` to `last`, counted from 0."""

    first: int
    last: int
    text: str


def height(piece: Piece) -> float:
    """Return the height of the middle of a piece on the page."""
    return (piece.bottom + piece.top) / 2


def middle(line: Line) -> float:
    """Return the height of the middle of a line on the page."""
    return height(line[0])


def text_lines(characters: Iterable[Piece], reading: Reading) -> list[Line]:
    """Return the lines of some characters from the top, each as pieces from left to right."""
    lines: list[list[Piece]] = []
    for piece in sorted(characters, key=lambda piece: -(piece.bottom + piece.top)):
        if lines and max(lines[-1][:2], key=lambda one: one.height).beside(piece):
            lines[-1].append(piece)
        else:
            lines.append([piece])
    found = (merged(sorted(line, key=lambda piece: piece.left), GAP) for line in lines)
    filled = ([piece for piece in line if piece.text.strip()] for line in found)
    return [reading.ordered(line) for line in filled if line]


def cell_text(lines: Iterable[Line], reading: Reading) -> str:
    """Return the text of a cell; words divided at a line end are joined."""
    text = ""
    for line in lines:
        part = reading.joined(line)
        text = wrapped(text, part)
    return text.replace("\x02", "-").replace("\ufffe", "-")


def wrapped(before: str, after: str) -> str:
    """Return the text of two lines of a cell; a word divided at the line end is joined."""
    if before.endswith(("\x02", "\ufffe")):
        return before[:-1] + after if after[:1].islower() else f"{before[:-1]}-{after}"
    if before.endswith("-") or (_POINT.search(before) and after[:1].isdigit()):
        return before + after
    return f"{before} {after}".strip()


def outline(lines: Iterable[Line]) -> tuple[float, float, float, float]:
    """Return the left, bottom, right and top of some lines."""
    pieces = [piece for line in lines for piece in line]
    return (
        min(piece.left for piece in pieces),
        min(piece.bottom for piece in pieces),
        max(piece.right for piece in pieces),
        max(piece.top for piece in pieces),
    )


def places(values: Iterable[float]) -> list[float]:
    """Return the different ones of some positions, in rising order."""
    found: list[float] = []
    for value in sorted(values):
        if not found or value - found[-1] > NEAR:
            found.append(value)
    return found


def indents(labels: Sequence[Piece | None]) -> list[int]:
    """Return how far the labels of rows are set in, in quarters of an em, as `Cell.indent` is.

    All are 0 if the labels are centred, or set to the right.
    """
    found = [label for label in labels if label]
    lefts = places(label.left for label in found)
    rights = places(label.right for label in found)
    middles = places((label.left + label.right) / 2 for label in found)
    if len(lefts) > max(2, len(found) / 2) or len(lefts) > min(len(rights), len(middles)):
        return [0] * len(labels)
    return [
        round(4 * _EM * (label.left - lefts[0]) / label.height) if label else 0 for label in labels
    ]


def row_of(spans: Iterable[Span], wide: int, header: bool = False) -> Row:
    """Return a row of `wide` columns. What claims a column that is taken joins the cell there."""
    row = Row(header=header)
    column = 0
    for span in sorted(spans):
        if span.first < column:
            row[-1] = row[-1]._replace(text=f"{row[-1].text} {span.text}")
            continue
        row += [Cell("")] * (span.first - column)
        row.append(Cell(span.text, columns=span.last - span.first + 1))
        column = span.last + 1
    row += [Cell("")] * (wide - column)
    return row


def mirrored(row: Row) -> Row:
    """Return a row with its last cell first."""
    return Row(reversed(row), row.header)
