"""The consoles, and progress on the terminal: rate, time left and memory."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from .terminal import reader_has_gone


class _Progress(Console):
    def on_broken_pipe(self) -> None:
        """Keep working when the reader of a pipe has gone."""
        self.quiet = True


class _Results(Console):
    def on_broken_pipe(self) -> None:
        """Nobody reads the rest: `… | head -1`."""
        reader_has_gone()


def _colours() -> Literal["auto"] | None:
    """No codes at all where colours are not wanted (https://no-color.org), not even for bold."""
    return None if os.environ.get("NO_COLOR") else "auto"


# Progress and summaries go to standard error: standard output is for results.
console = _Progress(stderr=True, emoji=False, color_system=_colours())


def results(soft_wrap: bool = False, width: int | None = None) -> Console:
    """A console for results, on standard output.

    Args:
        soft_wrap: leave it to the terminal to wrap lines.
        width: of a line, in columns; the terminal's by default.
    """
    return _Results(
        highlight=False, emoji=False, soft_wrap=soft_wrap, width=width, color_system=_colours()
    )


# Takes the units done since the last call, and optionally a short note, such as a loss.
Advance = Callable[..., None]

_LINE_EVERY = 20.0  # seconds between lines without a terminal


class _RateColumn(ProgressColumn):
    """Units per second, and the memory of the process."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        rate = f"{speed:,.{_decimals(speed)}f} {task.fields['unit']}/s" if speed else ""
        return Text(f"{rate}  {resident_mb():,.0f} MB  {task.fields['note']}", style="dim")


@contextmanager
def progress(description: str, total: float, unit: str) -> Iterator[Advance]:
    """Show progress while the block runs.

    On a terminal it is a bar with rate, time left and memory. Elsewhere (a log file, CI) it is a
    line every 20 seconds, so a long run can be followed and a short one prints nothing.

    Yields:
        A function to call with the units done since its last call.
    """
    if console.is_terminal and not console.is_dumb_terminal:
        with _bar() as bar:
            task = bar.add_task(description, total=total, unit=unit, note="")

            def advance(amount: float, note: str = "") -> None:
                bar.update(task, advance=amount)
                if note:
                    bar.update(task, note=note)

            try:
                yield advance
            except BaseException:
                bar.live.transient = True  # a bar that stands still says nothing
                raise
    else:
        yield _line_printer(description, total, unit)


def _bar() -> Progress:
    wide = console.width >= 100  # one line on a terminal of 80 columns, too
    columns = [
        TextColumn("{task.description:<10}"),
        BarColumn(bar_width=24 if wide else 12),
        TaskProgressColumn(),
        _RateColumn(table_column=Column(no_wrap=True)),
        *([TimeElapsedColumn()] if wide else []),
        TextColumn("[dim]left[/]"),
        TimeRemainingColumn(),
    ]
    return Progress(*columns, console=console)


def _line_printer(description: str, total: float, unit: str) -> Advance:
    started = last = time.monotonic()
    done = 0.0

    def advance(amount: float, note: str = "") -> None:
        nonlocal last, done
        done += amount
        now = time.monotonic()
        if now - last >= _LINE_EVERY:
            last = now
            rate = done / (now - started)
            left = timedelta(seconds=round((total - done) / rate)) if rate else "?"
            console.print(
                f"{description} {done:,.0f}/{total:,.0f} {unit}, {rate:,.{_decimals(rate)}f} "
                f"{unit}/s, left {left}, {resident_mb():,.0f} MB {note}",
                highlight=False,
            )

    return advance


def _decimals(rate: float) -> int:
    return 0 if rate >= 10 else 2


def peak_mb() -> float:
    """Peak resident memory of this process so far, in MB (1e6 bytes)."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    # Includes memory of the parent at the fork. Linux reports KiB, macOS bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def resident_mb() -> float:
    """Resident memory of this process now, in MB (1e6 bytes); the peak if there is no /proc."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return peak_mb()
    return pages * resource.getpagesize() / 1e6
