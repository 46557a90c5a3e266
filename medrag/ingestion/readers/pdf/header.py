"""Finds the names of the columns of a table in a PDF, over one or several levels."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from itertools import chain, pairwise
from statistics import median

from ..tables import Row
from .cells import NEAR, NUMBER, Line, Reading, Span, middle, row_of, wrapped
from .columns import Columns, Placed
from .objects import Rule
from .order import Piece

HEADER_LINES = 6
_MARK = 2  # characters of a cell that says no more than yes or no


def header_lines(lines: list[Line], wide: list[Rule], reading: Reading) -> int:
    """Return how many lines are the header: those above the first line across, bold or wordy."""
    for rule in sorted(wide, key=lambda rule: -rule.at):
        above = sum(middle(line) > rule.at for line in lines)
        if 0 < above <= HEADER_LINES and above < len(lines):
            return above
        if above:
            break
    bold = [all(map(reading.bold, line)) for line in lines[: HEADER_LINES + 1]]
    heads = bold.index(False) if False in bold else 0
    if heads and len(lines[heads - 1]) == 1:  # the last one heads rows, not columns
        heads -= 1
    if heads:
        return heads
    rows = [[piece.text.strip() for piece in line] for line in lines]
    return wordy([row[::-1] for row in rows] if reading.right_to_left else rows)


def wordy(rows: Sequence[Sequence[str]]) -> int:
    """Return how many rows at the top have words where the rows below have numbers."""
    filled = [sum(map(bool, row)) for row in rows]
    shares = [
        sum(NUMBER.match(text) is not None or 0 < len(text) <= _MARK for text in row[1:])
        / max(1, count - 1)
        for row, count in zip(rows, filled, strict=True)
    ]
    most = max(filled, default=0)
    full = [share for count, share in zip(filled, shares, strict=True) if count >= 0.6 * most]
    usual = median(full) if full else 0.0
    heads = 0
    if usual > 0:
        while (
            heads < min(3, len(rows) - 1)
            and shares[heads] <= 0.6 * usual
            and filled[heads] >= max(2, 0.4 * most)
        ):
            heads += 1
    return heads if any(count >= 0.6 * most for count in filled[:heads]) else 0


def unwrapped(lines: list[Line], heads: int) -> list[Line]:
    """Return the lines of a header; where a name goes on in a close line, it is one piece."""
    steps = [middle(upper) - middle(lower) for upper, lower in pairwise(lines)]
    limit = leading(lines, steps)
    if median(steps[heads:] or [math.inf]) < limit:  # the rows are no further apart
        limit = 0.0
    out: list[Line] = []
    for line, step in zip(lines[:heads], [math.inf, *steps], strict=False):
        rest = line
        if out and step < limit:
            above, rest = out[-1], []
            for piece in line:
                over = [one for one in above if _overlaps(one, piece)]
                if len(over) == 1 and sum(_overlaps(over[0], one) for one in line) == 1:
                    joined = over[0].copy()
                    joined.add(piece)
                    joined.text = wrapped(over[0].text.strip(), piece.text.strip())
                    above[above.index(over[0])] = joined
                else:
                    rest.append(piece)
        if rest:
            out.append(rest)
    return out


def _overlaps(one: Piece, other: Piece) -> bool:
    return one.left < other.right and other.left < one.right


def header_rows(
    lines: list[list[Placed]], spans: list[list[Span]], rules: list[Rule], columns: Columns
) -> list[Row]:
    """Return the rows of the header. Lines that only wrap a name are joined."""
    levels: list[list[Span]] = []
    apart = between_above = False  # whether the next line is a level of its own
    for n, (line, found) in enumerate(zip(lines, spans, strict=True)):
        pieces = [placed.piece for placed in line]
        if n + 1 < len(lines) and len(pieces) == len(found):
            upper, lower = middle(pieces), middle([lines[n + 1][0].piece])
            middles = [(piece.left + piece.right) / 2 for piece in pieces]
            # A line below several names does not show what they are for.
            between = [
                rule
                for rule in rules
                if lower < rule.at < upper
                and sum(rule.start < middle < rule.stop for middle in middles) == 1
            ]
            if between:
                found = _disjoint(_over_lines(pieces, found, between, columns))
            else:
                found = _disjoint(_over_names(pieces, found, _below(spans, n), columns))
        else:
            between = []
        broad = any(span.last > span.first for span in found)
        if levels and not apart and not broad:
            levels[-1] = beneath(levels[-1], found)
        else:
            if levels and not between_above:  # names of one column go on in the next line
                found, levels[-1] = _pulled_down(levels[-1], found)
            levels.append(found)
        between_above = bool(between)
        apart = broad or bool(between)
    return [row_of(level, len(columns.gaps) + 1, header=True) for level in levels]


def _below(spans: list[list[Span]], number: int) -> list[Span]:
    """Return the names below a line of a header: in each column the first one."""
    names: list[Span] = []
    for span in chain.from_iterable(spans[number + 1 :]):
        if all(span.last < name.first or name.last < span.first for name in names):
            names.append(span)
    return sorted(names)


def _disjoint(spans: list[Span]) -> list[Span]:
    """Join the spans that share a column."""
    out: list[Span] = []
    for span in spans:
        if out and span.first <= out[-1].last:
            first, last = min(out[-1].first, span.first), max(out[-1].last, span.last)
            out[-1] = Span(first, last, f"{out[-1].text} {span.text}")
        else:
            out.append(span)
    return out


def _pulled_down(upper: list[Span], lower: list[Span]) -> tuple[list[Span], list[Span]]:
    """Join the names of single columns in two levels in the lower one; return it and the upper."""
    single = {span.first: span for span in upper if span.first == span.last}
    joined = [
        span._replace(text=wrapped(single.pop(span.first).text, span.text))
        if span.first == span.last and span.first in single
        else span
        for span in lower
    ]
    left = [span for span in upper if span.first < span.last or span.first in single]
    return joined, left


def _over_lines(
    pieces: list[Piece], found: list[Span], rules: list[Rule], columns: Columns
) -> list[Span]:
    """Return the spans of headers over lines that show the columns that they are for."""
    out: list[Span] = []
    for piece, span in zip(pieces, found, strict=True):
        middle = (piece.left + piece.right) / 2
        under = [
            column
            for rule in rules
            if rule.start - NEAR <= middle <= rule.stop + NEAR
            for column in range(len(columns.gaps) + 1)
            if rule.start - NEAR
            <= (columns.lefts[column] + columns.rights[column]) / 2
            <= rule.stop + NEAR
        ]
        out.append(Span(min(under), max(under), span.text) if under else span)
    return out


def _over_names(
    pieces: list[Piece], found: list[Span], below: list[Span], columns: Columns
) -> list[Span]:
    """Return the spans of a header line; one centred over several names is for all of them."""
    named = [span.first for span in below if span.first == span.last]
    if len(found) >= len(below) or len(named) < len(below):
        return found
    names = [span.text for span in below if span.first]
    starts = [n for n, name in enumerate(names, start=1) if name == names[0]]
    if len(starts) == len(found) > 1 and found[0].first:
        # The same names under each header.
        each = starts[1] - starts[0]
        equal = [Span(n, n + each - 1, one.text) for n, one in zip(starts, found, strict=True)]
        if [*starts] == [*range(1, 1 + each * len(starts), each)] and all(
            span.first <= bisect_left(columns.gaps, (piece.left + piece.right) / 2) <= span.last
            for span, piece in zip(equal, pieces, strict=True)
        ):
            return equal
    out: list[Span] = []
    for n, (piece, span) in enumerate(zip(pieces, found, strict=True)):
        from_ = out[-1].last + 1 if out else 0
        to = found[n + 1].first - 1 if n + 1 < len(found) else len(columns.gaps)
        middle = (piece.left + piece.right) / 2
        best, least = span, piece.height
        if span.first == span.last and columns.aligns(piece, span.first):
            least = 0.0
        if span.last > span.first and abs(piece.left - columns.lefts[span.first]) < NEAR:
            # Set to the left over several columns: it is for all up to the next header, and the
            # last one for as many as the one before.
            most = to
            if n + 1 == len(found):
                most = span.first + out[-1].last - out[-1].first if out else span.last
            while span.last < most and span.last + 1 in named:
                span = span._replace(last=span.last + 1)
            out.append(span)
            continue
        for first in range(from_, span.first + 1):
            for last in range(max(span.last, first + 1), to + 1):
                if set(range(first, last + 1)) <= set(named):
                    off = min(abs(at - middle) for at in columns.middles(first, last))
                    if off < least:
                        best, least = Span(first, last, span.text), off
        out.append(best)
    return out


def beneath(upper: list[Span], lower: list[Span]) -> list[Span]:
    """Join the texts of two lines column by column."""
    texts = {span.first: span.text for span in upper}
    for span in lower:
        texts[span.first] = wrapped(texts.get(span.first, ""), span.text)
    return [Span(column, column, text) for column, text in sorted(texts.items())]


def leading(lines: list[Line], steps: list[float]) -> float:
    """Return the distance below which lines are closer to each other than rows are, or 0."""
    rising = sorted(steps)
    if not rising or rising[0] > 1.3 * median(line[0].height for line in lines):
        return 0.0
    for less, more in pairwise(rising):
        if more > 1.1 * less:
            return (less + more) / 2
    return 0.0
