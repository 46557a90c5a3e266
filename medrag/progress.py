"""What a person sees while work goes on: progress with rate, time left and memory."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

# Progress and summaries go to standard error: standard output is for results.
console = Console(stderr=True)

Advance = Callable[[float], None]


class _RateColumn(ProgressColumn):
    """Units per second, and the memory of the process."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        rate = f"{speed:,.0f} {task.fields['unit']}/s" if speed else ""
        return Text(f"{rate}  {resident_mb():,.0f} MB", style="dim")


@contextmanager
def progress(description: str, total: float | None, unit: str) -> Iterator[Advance]:
    """Show a bar while the block runs; the block calls what it is given with units done.

    Where nobody watches (no terminal) only the finished line is printed.
    """
    bar = Progress(
        TextColumn("{task.description:<12}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        _RateColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        disable=not sys.stderr.isatty(),
    )
    with bar:
        task = bar.add_task(description, total=total, unit=unit)
        yield lambda amount: bar.advance(task, amount)


def silent(amount: float) -> None:
    """An `Advance` that shows nothing."""


def peak_mb() -> float:
    """Peak resident memory of this process so far, in MB (1e6 bytes)."""
    # Linux reports KiB, macOS bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def resident_mb() -> float:
    """Resident memory of this process now, in MB (1e6 bytes); the peak where /proc is missing."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return peak_mb()
    return pages * resource.getpagesize() / 1e6
