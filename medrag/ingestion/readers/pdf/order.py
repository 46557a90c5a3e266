"""Puts the pieces of text on a page of a PDF into the order in which they are read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

_COLUMN_LINES = 3  # lines side by side that make columns
CELL_LINES = 8  # of a cell at most; a longer way up leads to another column
_COLUMN_WIDTH = 10  # em; narrower columns must show more clearly that they are prose
_COLUMN_CHARACTERS = 25  # average length of a line of prose, likewise
_NARROWEST = 4  # em
_FEWEST_CHARACTERS = 9
_JUMPS = 100  # jumps up a page; a page with more is a drawing
_SENTENCE_END = re.compile(r"[.:;?!](?:\s|\Z)")
_VALUE = re.compile(r"[<>≤≥=±~+−–(-]*\s*\d[\d.,%\s]*\Z")


@dataclass(slots=True)
class Piece:
    """Text on one line without a gap; its box is in points from the page's lower left corner.

    `number` is the position of its first character in the text layer, `parts` is what it was
    merged from.
    """

    left: float
    bottom: float
    right: float
    top: float
    text: str = ""
    number: int = -1
    parts: list[Piece] | None = None

    @property
    def height(self) -> float:
        return self.top - self.bottom

    def beside(self, other: Piece) -> bool:
        """Tell whether both are on one line."""
        shared = min(self.top, other.top) - max(self.bottom, other.bottom)
        return shared > 0.5 * min(self.height, other.height)

    def continues_in(self, other: Piece, gap: float = 1.0) -> bool:
        """Tell whether `other` continues the line, with less than `gap` em between."""
        em = max(self.height, other.height)
        return self.beside(other) and -em < other.left - self.right < gap * em

    def add(self, other: Piece) -> None:
        """Append the text of `other`, and make the box large enough for both."""
        self.surround(other)
        self.text += other.text

    def surround(self, other: Piece) -> None:
        """Make the box large enough for both."""
        if other.left < self.left:
            self.left = other.left
        if other.right > self.right:
            self.right = other.right
        if other.bottom < self.bottom:
            self.bottom = other.bottom
        if other.top > self.top:
            self.top = other.top

    def copy(self) -> Piece:
        return Piece(self.left, self.bottom, self.right, self.top, self.text, self.number)


def merged(parts: Iterable[Piece], gap: float = 1.0) -> list[Piece]:
    """Merge parts that continue each other on a line with less than `gap` em between."""
    pieces: list[Piece] = []
    for part in parts:
        if type(part) is not Piece:  # a table
            pieces.append(part)
        elif pieces and type(pieces[-1]) is Piece and pieces[-1].continues_in(part, gap):
            pieces[-1].add(part)
            if pieces[-1].parts is not None:
                pieces[-1].parts.append(part)
        else:
            pieces.append(part.copy())
            if part.text:
                pieces[-1].parts = [part]
    return pieces


def reading_order(pieces: Sequence[Piece], right_to_left: bool = False) -> list[Piece]:
    """Return the pieces in the order in which they are read.

    This is the order of drawing, which is right in nearly all files and tells a table from
    columns, with two corrections: columns of prose drawn line by line across the gutters, and a
    block that is wholly above blocks drawn before it. Pieces may come without text, to find out
    whether a page needs a correction.

    Args:
        right_to_left: whether the first column is the one on the right.
    """
    return _from_top(_by_column(pieces, right_to_left))


def is_reordered(pieces: list[Piece]) -> bool:
    """Tell whether `reading_order` changes anything."""
    return any(a is not b for a, b in zip(pieces, reading_order(pieces), strict=True))


def has_block_below(pieces: list[Piece]) -> bool:
    """Tell whether a block is drawn before one above it; `side_by_side` finds the other reason."""
    return any(a is not b for a, b in zip(pieces, _from_top(pieces), strict=True))


def side_by_side(pieces: Sequence[Piece]) -> bool:
    """Tell whether some lines below each other have gaps, as in a table or in columns.

    The cells of a row may be drawn one after the other, each with all of its lines.
    """
    rows = without = 0
    has_gap = False
    for before, piece in pairwise(pieces):
        up = piece.top - before.top
        if piece.left > before.right and (
            before.beside(piece) or 0 < up < CELL_LINES * piece.height
        ):
            rows += max(not has_gap, round(0.5 * up / piece.height))
            has_gap = True
            if rows >= _COLUMN_LINES:
                return True
        else:
            without = 0 if has_gap else without + 1
            if without >= CELL_LINES:
                rows = 0
            has_gap = False
    return False


def _from_top(pieces: Sequence[Piece]) -> list[Piece]:
    """Move each run of pieces that starts with a jump up before the runs wholly below it."""
    runs: list[list[Piece]] = []
    boxes: list[Piece] = []
    for piece in pieces:
        if not runs or piece.bottom > runs[-1][-1].top + 0.5 * piece.height:
            runs.append([])
            boxes.append(Piece(piece.left, piece.bottom, piece.right, piece.top))
        runs[-1].append(piece)
        boxes[-1].surround(piece)
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
    """Tell whether one box is wholly above the other and overlaps it sideways; they may touch."""
    return upper.bottom >= lower.top - slack and min(upper.right, lower.right) > max(
        upper.left, lower.left
    )


def _by_column(pieces: Sequence[Piece], right_to_left: bool) -> list[Piece]:
    """Put each column before the next one if their lines alternate."""
    runs: list[tuple[list[Piece], list[list[Piece]]]] = []  # pieces as drawn, and their columns
    start = 0
    while start < len(pieces):
        columns = _columns(pieces, start)
        stop = start + max(1, sum(map(len, columns)))
        runs.append((list(pieces[start:stop]), columns))
        start = stop
    sure = [columns for _, columns in runs if columns and are_prose(columns)]
    ordered: list[Piece] = []
    for run, columns in runs:
        # A few lines between the same gutters as other prose are prose too.
        if columns and any(columns is other or _continue(columns, other) for other in sure):
            for column in reversed(columns) if right_to_left else columns:
                ordered += column
        else:
            ordered += run
    return ordered


def _columns(pieces: Sequence[Piece], start: int) -> list[list[Piece]]:
    """Return the pieces from `start` on that are on both sides of one or two gutters."""
    first, second = pieces[start], pieces[start + 1] if start + 1 < len(pieces) else None
    if second is None or not first.beside(second) or second.left <= first.right + first.height / 2:
        return []
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
    left, right = columns
    if any(upper.beside(lower) for upper, lower in pairwise(right)):
        further = _columns(right, 0)
        if sum(map(len, further)) == len(right):
            return [left, *further]
    return [left, right]


def _continue(columns: list[list[Piece]], others: list[list[Piece]]) -> bool:
    """Tell whether a few lines have the columns of others, and no numbers that stand alone."""
    if len(columns) != len(others) or max(map(len, columns)) >= _COLUMN_LINES:
        return False
    return all(
        abs(min(piece.left for piece in one) - min(piece.left for piece in other)) < one[0].height
        and not any(_VALUE.fullmatch(piece.text.strip()) for piece in one)
        for one, other in zip(columns, others, strict=True)
    )


def are_prose(columns: Sequence[Sequence[Piece]]) -> bool:
    """Tell whether columns are prose, not a table: full lines and wrapped sentences."""
    return all(map(_is_prose, columns))


def _goes_on(text: str) -> bool:
    """Tell whether text may be within a sentence: it starts in lower case, or has no case."""
    return text[:1].islower() or (text[:1].isalpha() and text.lower() == text.upper())


def _is_prose(column: Sequence[Piece]) -> bool:
    if len(column) < _COLUMN_LINES:
        return False
    width = max(piece.right for piece in column) - min(piece.left for piece in column)
    em = median(piece.height for piece in column)
    if width < _NARROWEST * em:
        return False
    if any(upper.beside(lower) for upper, lower in pairwise(column)):
        return False  # more than one piece to a line
    texts = [piece.text.strip() for piece in column]
    characters = sum(map(len, texts)) / len(texts)
    known = any(texts)
    narrow = width < _COLUMN_WIDTH * em or (known and characters < _COLUMN_CHARACTERS)
    full = 0.6 if narrow else 0.75
    if sum(piece.right - piece.left > full * width for piece in column) <= 0.5 * len(column):
        return False
    if not known:
        return True
    starts = [
        _goes_on(text) or before.endswith(("-", "\x02", "\ufffe"))
        for before, text in pairwise(texts)
    ]
    wrapped = sum(starts)
    if not any(map(_SENTENCE_END.search, texts)):
        return False
    if not narrow:
        return wrapped >= 0.4 * (len(texts) - 1)
    # Lines that do not end a sentence go on in lower case, or with a number or a name.
    open_ = sum(not _SENTENCE_END.search(text[-3:]) for text in texts[:-1])
    return (
        characters >= _FEWEST_CHARACTERS
        and len(texts) > _COLUMN_LINES
        and wrapped >= 0.6 * max(open_, 1)
        and wrapped >= 0.4 * (len(texts) - 1)
        and sum(bool(_VALUE.fullmatch(text)) for text in texts) <= 0.1 * len(texts)
    )
