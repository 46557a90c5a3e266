"""The loss curves of a training, as a PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .plots import COLOURS, RC

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CURVES = "loss.png"
HISTORY = "history.json"  # what the curves are drawn of: the log of the trainer
_FEW = 30  # points, up to which each is marked


def draw_curves(path: Path, history: Sequence[Mapping[str, Any]], unit: str) -> None:
    """Draw training and validation loss by optimiser step.

    Args:
        unit: of the losses.
    """
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    with matplotlib.rc_context(RC):
        drawing = Figure(figsize=(7, 3.6), dpi=130, layout="constrained")
        axes = drawing.subplots()
        _line(axes, history, "loss", "training", COLOURS[0])
        _line(axes, history, "eval_loss", "validation", COLOURS[1])
        axes.set_xlabel("optimiser step")
        axes.set_ylabel(f"loss, {unit}")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylim(bottom=0, top=axes.get_ylim()[1])
        axes.legend()
        drawing.savefig(path)


def _line(
    axes: Axes, history: Sequence[Mapping[str, Any]], name: str, label: str, colour: str
) -> None:
    points = [(entry["step"], entry[name]) for entry in history if name in entry]
    if points:
        steps, losses = zip(*points, strict=True)
        marker = "o" if len(points) < _FEW else ""
        axes.plot(steps, losses, label=label, color=colour, marker=marker, markersize=3)
