"""Finds the columns of a table in a PDF by the gaps between its texts."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from .cells import Line, Reading, Span
from .objects import Box
from .order import Piece, merged

_NARROWEST = 0.35  # em of a gap between columns
_MOST_WORDS = 24  # of names of columns side by side


def gaps_between(lines: list[Line]) -> list[float]:
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


class Columns:
    """The columns of a table, and where their text usually begins and ends."""

    def __init__(self, gaps: list[float], lines: list[Line], box: Box, reading: Reading) -> None:
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


class Placed(NamedTuple):
    """A piece and the first and last column that it is in, counted from 0."""

    piece: Piece
    first: int
    last: int


def placed_in(line: Line, columns: Columns, names: Iterable[int] = ()) -> list[Placed]:
    """Return the pieces of a line with the first and the last column that each is in.

    Args:
        names: the columns that have names on the line below, in a header.
    """
    out: list[Placed] = []
    named = set(names)
    for piece, following in zip(line, [*line[1:], None], strict=True):
        first, last = columns.of(piece)
        if following is not None and not columns.crosses(piece, following):
            last = max(first, min(last, columns.of(following)[0] - 1))
        if first == last:
            out.append(Placed(piece, first, last))
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
        out.append(Placed(piece, first, last))
    return out


def _side_by_side(
    words: list[Piece], first: int, last: int, columns: Columns
) -> list[Placed] | None:
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
            return [Placed(name, first, last)]
        if count < len(words) and (
            others := _side_by_side(words[count:], first + 1, last, columns)
        ):
            return [Placed(name, first, first), *others]
    return None


def spans_of(placed: Iterable[Placed], reading: Reading) -> list[Span]:
    """Return the texts of a line; what is in one column is joined."""
    spans: list[Span] = []
    for piece, first, last in placed:
        text = piece.text.strip()
        if spans and spans[-1].last >= first:
            before = spans.pop()
            text = f"{text} {before.text}" if reading.right_to_left else f"{before.text} {text}"
            first, last = before.first, max(before.last, last)
        spans.append(Span(first, last, text))
    return spans


def _without_spaces(piece: Piece) -> Iterator[Piece]:
    for part in piece.parts or []:
        yield from _without_spaces(part) if part.parts else [part] if part.text.strip() else []
