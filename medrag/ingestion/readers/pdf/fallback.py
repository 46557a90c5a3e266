"""Keeps the columns of lines in a PDF that could not be read as a table."""

from __future__ import annotations

from itertools import accumulate, pairwise
from statistics import median

from .cells import InColumns, Line, Reading, Span, mirrored, outline, row_of
from .columns import Columns, gaps_between, placed_in, spans_of
from .lines import BULLET, grouped, is_aligned, joined
from .order import are_prose

_FEWEST = 3  # lines whose gaps are in the same places


def in_columns(lines: list[Line], order: dict[int, int], reading: Reading) -> InColumns | None:
    """Return the rows of lines whose gaps are in the same places, or None if they are not.

    A line is a row if nothing shows that a row has several. Lines are not in columns if these are
    read one after the other, unless all cells are filled.

    Args:
        order: when a piece is read, by its number.
    """
    gaps = gaps_between(lines) if len(lines) >= _FEWEST else []
    if not gaps or not _are_wide(gaps, lines):
        return None
    wide = len(gaps) + 1
    columns = Columns(gaps, lines, outline(lines), reading)
    placed = [placed_in(line, columns) for line in lines]
    texts = [
        [one.piece for line in placed for one in line if one.first == one.last == column]
        for column in range(wide)
    ]
    long = [column for column in texts if len(column) >= _FEWEST]
    if len(long) >= 2 and are_prose(long):
        return None
    bullets = sum(BULLET.fullmatch(piece.text.strip()) is not None for piece in texts[0])
    if wide == 2 and (bullets > 0.5 * len(texts[0]) or not all(map(is_aligned, texts))):
        return None  # a list, or gaps by chance
    full = all(len(line) == wide for line in lines)
    if not (_is_by_line(lines, order) or (full and wide > 2)):
        return None
    spans = [spans_of(line, reading) for line in placed]
    rows: list[list[Span]] = []
    groups = [] if reading.right_to_left else grouped(lines, [line[0].first == 0 for line in spans])
    for group in groups or [[n] for n in range(len(lines))]:
        row = joined([spans[n] for n in group], wide)
        rows += [row] if row else [spans[n] for n in group]
    return InColumns(
        *outline(lines),
        rows=[_text(row, wide, reading) for row in rows],
        whole=wide == 2 and all(len(row) == 2 for row in rows),
    )


def _are_wide(gaps: list[float], lines: list[Line]) -> bool:
    """Tell whether each gap is wide on some lines; a single one must be wider."""
    em = median(piece.height for line in lines for piece in line)
    least = em if len(gaps) > 1 else 2 * em
    pairs = [pair for line in lines for pair in pairwise(line)]
    return all(
        sum(
            one.right <= gap <= other.left and other.left - one.right >= least
            for one, other in pairs
        )
        >= _FEWEST
        for gap in gaps
    )


def _is_by_line(lines: list[Line], order: dict[int, int]) -> bool:
    """Tell whether at least two lines are read before all that is below them."""
    read = [[order[piece.number] for piece in line] for line in lines]
    below = [*accumulate(map(min, read[::-1]), min)][::-1]
    above = [*accumulate(map(max, read), max)]
    return sum(last < first for last, first in zip(above, below[1:], strict=False)) >= 2


def _text(spans: list[Span], wide: int, reading: Reading) -> str:
    row = row_of(spans, wide)
    cells = [cell.text for cell in (mirrored(row) if reading.right_to_left else row)]
    text = " ".join(" | ".join(cells).rstrip(" |").split())
    return text.replace("\x02", "-").replace("\ufffe", "-")
