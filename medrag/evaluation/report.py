"""Show an evaluation in the terminal: the figures, and what changed. Plots are in plots.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from more_itertools import chunked
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from .labels import (
    SAMPLES,
    Row,
    Summary,
    asked,
    blames,
    changed,
    compared,
    describe,
    excludes_zero,
    hundredfold,
    interval,
    judged,
    milliseconds,
    notes,
    sections,
    signed,
    union,
)
from .plots import plot

__all__ = ["MetricsTable", "changes_table", "metrics_table", "plot"]

# Widths in characters; with these, three systems fit into 80 columns.
_LABEL, _N, _VALUE, _BOUNDS = 25, 6, 5, 9
_FIGURE, _DIFFERENCE = _VALUE + 1 + _BOUNDS, 23
_CHANGES = 20  # shown of those of a comparison; all are in metrics.json


@dataclass(frozen=True, slots=True)
class MetricsTable:
    """The figures of all systems, side by side as far as the terminal is wide enough."""

    summary: Summary
    title: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(self.title, "bold")
        yield Text(asked(self.summary))
        for note in notes(self.summary):
            yield Text(note, "yellow" if note == SAMPLES else "")
        for systems in self._blocks(list(self.summary["systems"]), _FIGURE, options):
            yield ""
            yield self._figures(systems)
        for systems in self._blocks(list(compared(self.summary)), _DIFFERENCE, options):
            yield ""
            yield self._differences(systems)
        yield ""
        basis = judged(self.summary) or "nothing"
        yield Text(f"In %, with 95 % intervals. Judged by: {basis}.", "dim")
        if compared(self.summary):
            yield Text("* The interval of the difference excludes 0.", "dim")

    @staticmethod
    def _blocks(names: Sequence[str], width: int, options: ConsoleOptions) -> list[list[str]]:
        fit = (options.max_width - _LABEL - _N - 1) // (width + 1)
        return list(chunked(names, max(1, fit)))

    def _figures(self, systems: Sequence[str]) -> Table:
        table = _table(["", "n", *systems], _FIGURE)
        every = list(self.summary["systems"])
        places = [every.index(name) for name in systems]
        parts = [self.summary["systems"][name] for name in systems]
        for section, rows in sections(self.summary):
            _heading(table, section)
            for row in rows:
                table.add_row(_label(row.label), row.n, *(_cell(row, place) for place in places))
        times = [part.get("latency", {}) for part in parts]
        if names := union(times):
            _heading(table, "latency, ms: p50 / p95")
            for name in names:
                table.add_row(_label(name), "", *(_times(one.get(name) or {}) for one in times))
        if kinds := blames(self.summary):
            _heading(table, "what went wrong")
            counts = [part.get("blame", {}) for part in parts]
            for kind in kinds:
                table.add_row(_label(kind), "", *(_whole(one.get(kind, 0)) for one in counts))
        return table

    def _differences(self, systems: Sequence[str]) -> Table:
        table = _table([f"minus {next(iter(self.summary['systems']))}", "n", *systems], _DIFFERENCE)
        parts = [compared(self.summary)[name] for name in systems]
        section = ""
        for measure in union(parts):
            if section != (section := measure.partition("/")[0]):
                _heading(table, section)
            found = [part.get(measure) for part in parts]
            counts = {one["n"] for one in found if one}
            n = f"{min(counts)}" if len(counts) == 1 else f"≥{min(counts)}"
            table.add_row(_label(describe(measure)[0]), n, *map(_difference, found))
        return table


def metrics_table(summary: Summary, title: str) -> MetricsTable:
    """What to print for a summary: `console.print(metrics_table(…))`."""
    return MetricsTable(summary, title)


def changes_table(against: Mapping[str, Any]) -> RenderableType:
    """What to print for a comparison with another run: its reasons, and the first changes.

    Args:
        against: as in metrics.json.
    """
    heading = Text(changed(against), "bold")
    counts = {**against["verdicts"], **against["reasons"]}
    reasons = Text(" · ".join(f"{name} {count}" for name, count in counts.items()))
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(Text("question", "bold"), ratio=3)
    table.add_column(Text("why", "bold"), ratio=2)
    for one in against["changes"][:_CHANGES]:
        table.add_row(
            Text(one["question"]), Text("; ".join(filter(None, (one["verdict"], *one["reasons"]))))
        )
    left = len(against["changes"]) - _CHANGES
    more = [Text(f"… and {left:,} more in metrics.json", "dim")] if left > 0 else []
    return Group(heading, reasons, *([table] if against["changes"] else []), *more)


def _table(columns: Sequence[str], width: int) -> Table:
    label, n, *systems = (Text(name, "bold") for name in columns)
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(label, width=_LABEL)
    table.add_column(n, width=_N, justify="right", style="dim")
    for name in systems:
        table.add_column(name, width=width, overflow="fold")
    return table


def _heading(table: Table, name: str) -> None:
    table.add_row()
    table.add_row(Text(name, "bold", overflow="ellipsis", no_wrap=True))


def _label(text: str) -> Text:
    return Text(f" {text}", overflow="ellipsis", no_wrap=True)


def _cell(row: Row, place: int) -> Text:
    figure = row.figures[place]
    if row.is_count:
        return _whole(figure.value)
    return Text(hundredfold(figure.value).rjust(_VALUE)).append(f" {interval(figure)}", "dim")


def _whole(count: float | None) -> Text:
    return Text(("–" if count is None else f"{count:,.0f}").rjust(_VALUE))


def _times(times: Mapping[str, float | None]) -> Text:
    median, high = (milliseconds(times.get(part)) for part in ("p50", "p95"))
    return Text(f"{median:>{_VALUE}} / {high}")


def _difference(found: Mapping[str, float] | None) -> Text:
    if found is None:
        return Text("–".rjust(_VALUE + 1))
    marked = excludes_zero(found)
    text = Text(signed(found["difference"]).rjust(_VALUE + 1), "bold" if marked else "")
    text.append(f" {signed(found['low'])} to {signed(found['high'])}", "not bold dim")
    return text.append(" *" if marked else "", "bold")
