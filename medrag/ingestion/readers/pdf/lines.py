"""Makes the rows of a table from lines of text of a PDF."""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean, median

from ..tables import Cell, Row
from .cells import (
    NEAR,
    VALUE,
    Line,
    Reading,
    Span,
    Table,
    indents,
    middle,
    mirrored,
    row_of,
)
from .columns import Columns, Placed, gaps_between, placed_in, spans_of
from .header import beneath, header_lines, header_rows, leading, unwrapped
from .objects import Box, Rule
from .order import Piece, are_prose

BULLET = re.compile(r"[-*•‣▪◦–·]|\(?(?:\d{1,3}|[a-z]|[ivx]+)[.)]|\[\d{1,3}\]")
_OPEN_END = re.compile(r"[-–—,;/(]\Z|\b(?:and|or|of|with|the|to|for|in)\Z")


def from_lines(
    lines: list[Line],
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
            if rule.stop > box[2] - 2 * NEAR and rule.stop - rule.start > 0.6 * (box[2] - box[0])
        ]
    heads = header_lines(lines, wide, reading)
    if strict and not reading.right_to_left:  # the first lines of a row are no header
        edge = box[0] + lines[0][0].height
        for group in grouped(lines, [line[0].left < edge for line in lines]):
            heads = group[0] if heads in group else heads
    body = lines[heads:]
    if not body:
        return None
    gaps = dividers if dividers is not None else gaps_between(body if len(body) > 1 else lines)
    if not gaps:
        return None
    columns = Columns(gaps, body, box, reading)
    lines = unwrapped(lines, heads) + body
    heads = len(lines) - len(body)
    placed: list[list[Placed]] = []
    for n, line in reversed([*enumerate(lines)]):
        below = [one.first for lower in placed[-(heads - 1 - n) :] for one in lower]
        below = below if n < heads - 1 else []
        placed.append(placed_in(line, columns, below))
    placed.reverse()
    spans = [spans_of(line, reading) for line in placed]
    named = heads > 0 and (not strict or all(map(reading.bold, lines[heads - 1])))
    if not _is_table(
        lines[heads:], spans[heads:], len(gaps) + 1, strict, named, reading.right_to_left
    ):
        return None
    narrow = [rule for rule in rules if rule not in wide]
    if strict and len(gaps) == 1 and not heads:
        return None  # names and values, or a table of contents: they are plain as lines
    header = header_rows(placed[:heads], spans[:heads], narrow, columns)
    rows = header + _body_rows(body, spans[heads:], wide, len(gaps) + 1, reading)
    if reading.right_to_left:
        rows = [mirrored(row) for row in rows]
    if strict and not rows[len(header)][0].text:
        return None  # the first label may stand lower than the first line of its row
    return Table(*box, rows=rows, columns=[*zip(columns.lefts, columns.rights, strict=True)])


def _is_table(
    lines: list[Line],
    spans: list[list[Span]],
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
        sum(VALUE.match(text) is not None for _, text in column) / len(column) for column in columns
    ]
    bullets = sum(BULLET.fullmatch(text) is not None for _, text in columns[0])
    if bullets > 0.5 * len(columns[0]) and wide == 2:
        return False  # a list
    prose = [[piece for piece, _ in column] for column in columns]
    long = [column for column in prose if len(column) >= 3]
    if len(long) >= 2 and max(values) < 0.3 and are_prose(long):
        return False
    if not strict:
        return named or max(values) >= 0.3
    numeric = sum(share >= 0.6 for share in values[1:])
    in_line = sum(is_aligned([piece for piece, _ in column]) for column in columns)
    if rows < 3 - (named and wide > 3) or in_line < wide - 1:
        return False
    return numeric >= max(1, (wide - 1) // 2) or (named and wide > 2 and in_line == wide)


def is_aligned(column: Sequence[Piece]) -> bool:
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


@dataclass(slots=True)
class _Body:
    """A row that is being put together from lines."""

    spans: list[Span]
    start: Piece  # the first line of its first cell
    bold: bool
    line: Line

    @property
    def columns(self) -> set[int]:
        return {span.first for span in self.spans}

    @property
    def is_label(self) -> bool:
        return len(self.spans) == 1 and self.spans[0].first == 0


def _body_rows(
    lines: list[Line], spans: list[list[Span]], rules: list[Rule], wide: int, reading: Reading
) -> list[Row]:
    steps = [middle(upper) - middle(lower) for upper, lower in pairwise(lines)]
    limit = leading(lines, steps)
    close = [len(line) for line, step in zip(lines[1:], steps, strict=True) if step < limit]
    starts = [len(line) for line, step in zip(lines[1:], steps, strict=True) if step >= limit]
    # If lines that are close to the one above have fewer cells, they all continue its cells.
    sure = bool(close) and mean(close) < 0.8 * mean([len(lines[0]), *starts])
    heights = sorted(rule.at for rule in rules)
    first_column = wide - 1 if reading.right_to_left else 0
    if first_column:  # count the columns from the right
        spans = [
            [Span(wide - 1 - s.last, wide - 1 - s.first, s.text) for s in found][::-1]
            for found in spans
        ]
    low = [*_with_low_labels(lines, spans, wide)]
    lines, spans = (list(each) for each in zip(*low, strict=True)) if low else (lines, spans)
    bodies: list[_Body] = []
    for n, (line, found) in enumerate(zip(lines, spans, strict=True)):
        new = _Body(found, line[-1 if first_column else 0], all(map(reading.bold, line)), line)
        if bodies and not low:
            step = steps[n - 1]
            ruled_off = bisect_left(heights, middle(line)) != bisect_left(
                heights, middle(lines[n - 1])
            )
            beyond = lines[n + 1][0].left if n + 1 < len(lines) else 0.0
            inner = bodies[-1].start.left + 0.3 * line[0].height
            in_group = line[0].left > inner and beyond > inner
            if not ruled_off and (
                step < limit
                if sure
                else not (bodies[-1].is_label and in_group)
                and _joins(bodies[-1], new, step < limit)
            ):
                bodies[-1].spans = beneath(bodies[-1].spans, found)
                bodies[-1].line = line
                continue
            if not ruled_off and 0 not in new.columns and len(new.columns) > 0 and wide > 2:
                # A blank first cell means the same as above.
                above = [span for span in bodies[-1].spans if span.first == 0 == span.last]
                new.spans = [*above, *new.spans]
                new.start = bodies[-1].start
        bodies.append(new)
    far_in = indents([body.start if 0 in body.columns else None for body in bodies])
    rows: list[Row] = []
    for body, following, step in zip(bodies, [*bodies[1:], None], far_in, strict=True):
        if body.is_label and body.bold and following is not None and not following.bold:
            rows.append(Row([Cell(body.spans[0].text, columns=wide)]))  # it heads those below
            continue
        row = row_of(body.spans, wide)
        if first_column:
            row = mirrored(row)
        else:
            row[0] = row[0]._replace(indent=step)
        rows.append(row)
    return rows


def grouped(lines: list[Line], labelled: list[bool]) -> list[list[int]]:
    """Return the numbers of the lines of each row.

    Empty if the distances of the lines do not show the rows, or not each has one label.

    Args:
        labelled: whether a line has text in the first column.
    """
    steps = [middle(upper) - middle(lower) for upper, lower in pairwise(lines)]
    limit = leading(lines, steps)
    groups: list[list[int]] = []
    for n, step in enumerate([math.inf, *steps]):
        if step < limit:
            groups[-1].append(n)
        else:
            groups.append([n])
    one_label = all(sum(labelled[n] for n in group) == 1 for group in groups)
    return groups if limit and one_label else []


def joined(group: list[list[Span]], wide: int) -> list[Span] | None:
    """Return the spans of a row from those of its lines; None if some line is a row of its own.

    A line is that if it fills all columns but the first, or has a second value for one.
    """
    values = [span.first for line in group for span in line if span.first and _has_value(span)]
    if len(values) > len(set(values)) or any(
        wide > 2 and len(line) >= wide - 1 and line[0].first for line in group
    ):
        return None
    row: list[Span] = []
    for line in group:
        row = beneath(row, line)
    return row


def _has_value(span: Span) -> bool:
    return VALUE.match(span.text) is not None


def _with_low_labels(
    lines: list[Line], spans: list[list[Span]], wide: int
) -> Iterator[tuple[Line, list[Span]]]:
    """Yield rows whose labels stand in the middle or at the bottom, with the line of the label.

    If lines of a row are rows of their own, each gets its label. Nothing is yielded if the lines
    show no such rows.
    """
    labelled = [line[0].first == 0 for line in spans]
    groups = grouped(lines, labelled)
    if all(labelled[group[0]] for group in groups):
        return
    for group in groups:
        label = next(n for n in group if labelled[n])
        if row := joined([spans[n] for n in group], wide):
            yield lines[label], row
        else:
            for n in group:
                yield lines[label], spans[n] if n == label else [spans[label][0], *spans[n]]


def _joins(above: _Body, line: _Body, close: bool) -> bool:
    """Tell whether a line of text continues the row above it."""
    texts = {span.first: span.text for span in above.spans}
    values = [span for span in line.spans if VALUE.match(span.text)]
    if any(span.last > span.first for span in [*line.spans, *above.spans]):
        return False
    if any(VALUE.match(texts.get(span.first, "")) for span in values):
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
