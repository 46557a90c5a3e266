"""The order in which the pieces of a PDF page are read, where they were drawn in another."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

_COLUMN_LINES = 3  # lines side by side that make columns
_COLUMN_WIDTH = 10  # em; columns of prose are not narrower, but those of tables are
_COLUMN_CHARACTERS = 25  # in a line of prose
_JUMPS = 100  # up a page; with more it is a drawing
_SENTENCE_END = re.compile(r"[.:;?!](?:\s|\Z)")


@dataclass(slots=True)
class Piece:
    """Text drawn on one line without a gap, in points from the page's lower left corner."""

    left: float
    bottom: float
    right: float
    top: float
    text: str = ""

    @property
    def height(self) -> float:
        return self.top - self.bottom

    def beside(self, other: Piece) -> bool:
        """Tell whether both are on one line."""
        shared = min(self.top, other.top) - max(self.bottom, other.bottom)
        return shared > 0.5 * min(self.height, other.height)

    def goes_on_in(self, other: Piece) -> bool:
        """Tell whether `other` is the next piece of the same line, with no gap but a space."""
        em = max(self.height, other.height)
        return self.beside(other) and -em < other.left - self.right < em

    def add(self, other: Piece) -> None:
        self.left, self.right = min(self.left, other.left), max(self.right, other.right)
        self.bottom, self.top = min(self.bottom, other.bottom), max(self.top, other.top)
        self.text += other.text


def merged(parts: Iterable[Piece]) -> list[Piece]:
    """Return the pieces that parts of lines make, in the order in which they were drawn."""
    pieces: list[Piece] = []
    for part in parts:
        if pieces and pieces[-1].goes_on_in(part):
            pieces[-1].add(part)
        else:
            pieces.append(part)
    return pieces


def reading_order(pieces: Sequence[Piece]) -> list[Piece]:
    """Return the pieces as they are read.

    The order of drawing stands (it is right in nearly all files, and only it tells a table from
    columns) but for two cases: columns of prose drawn line by line across the gutter, and a block
    that is wholly above those drawn before it. Where the text of the pieces is not known, the
    order only tells by comparison whether it is needed.
    """
    return _from_top(_by_column(pieces))


def _from_top(pieces: Sequence[Piece]) -> list[Piece]:
    """Move each run of pieces that starts by a jump up before the runs wholly below it."""
    runs: list[list[Piece]] = []
    boxes: list[Piece] = []
    for piece in pieces:
        if not runs or piece.bottom > runs[-1][-1].top + 0.5 * piece.height:
            runs.append([])
            boxes.append(Piece(piece.left, piece.bottom, piece.right, piece.top))
        runs[-1].append(piece)
        boxes[-1].add(Piece(piece.left, piece.bottom, piece.right, piece.top))
    if len(runs) > _JUMPS:
        return list(pieces)
    for n in range(1, len(runs)):
        to = n
        while to and _is_over(boxes[n], boxes[to - 1], 0.25 * runs[n][-1].height):
            to -= 1
        if to < n:
            runs.insert(to, runs.pop(n))
            boxes.insert(to, boxes.pop(n))
    return [piece for run in runs for piece in run]


def _is_over(upper: Piece, lower: Piece, slack: float) -> bool:
    """Tell whether one box is wholly above the other, which it may touch."""
    return upper.bottom >= lower.top - slack and min(upper.right, lower.right) > max(
        upper.left, lower.left
    )


def _by_column(pieces: Sequence[Piece]) -> list[Piece]:
    """Put the left column before the right one where their lines alternate."""
    ordered: list[Piece] = []
    start = 0
    while start < len(pieces):
        left, right = _columns(pieces, start)
        stop = start + max(1, len(left) + len(right))
        if _are_prose(left) and _are_prose(right):
            ordered += left + right
        else:
            ordered += pieces[start:stop]
        start = stop
    return ordered


def _columns(pieces: Sequence[Piece], start: int) -> tuple[list[Piece], list[Piece]]:
    """Return the pieces from `start` on that lie to the left and to the right of one gutter."""
    first, second = pieces[start], pieces[start + 1] if start + 1 < len(pieces) else None
    if second is None or not first.beside(second) or second.left <= first.right + first.height / 2:
        return [], []
    columns: tuple[list[Piece], list[Piece]] = ([first], [second])
    from_, to = first.right, second.left  # the gutter
    last = second
    for piece in pieces[start + 2 :]:
        if piece.bottom > last.top:  # a jump up
            break
        if piece.right < to and piece.left < from_:
            columns[0].append(piece)
            from_ = max(from_, piece.right)
        elif piece.left > from_ and piece.right > to:
            columns[1].append(piece)
            to = min(to, piece.left)
        else:
            break
        last = piece
    return columns


def _are_prose(column: Sequence[Piece]) -> bool:
    """Tell a column of running text from one of a table: full lines of sentences that wrap."""
    if len(column) < _COLUMN_LINES:
        return False
    width = max(piece.right for piece in column) - min(piece.left for piece in column)
    if width < _COLUMN_WIDTH * median(piece.height for piece in column):
        return False
    if any(upper.beside(lower) for upper, lower in pairwise(column)):
        return False  # more than one piece to a line
    if sum(piece.right - piece.left > 0.75 * width for piece in column) <= 0.5 * len(column):
        return False
    texts = [piece.text.strip() for piece in column]
    if not any(texts):
        return True
    wrapped = sum(text[:1].islower() for text in texts[1:])
    return (
        sum(map(len, texts)) >= _COLUMN_CHARACTERS * len(texts)
        and wrapped >= 0.4 * (len(texts) - 1)
        and any(map(_SENTENCE_END.search, texts))
    )
