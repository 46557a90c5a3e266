"""Draw an evaluation: a PNG with four panels, and each panel as an SVG for the HTML report."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .labels import SAMPLES, Summary, as_figure, asked, blames
from .records import Blame

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Readable on white and on black, and told apart with any kind of colour vision.
COLOURS = ["#3182bd", "#e08214", "#35978f", "#a6559d", "#b8860b", "#cb5a5e", "#7570b3", "#6b8e23"]
_GREY = "#8c8c8c"
_MARKERS = "osD^vPX*"
_BLAMES: dict[str, str] = dict(
    zip(
        (kind for kind in Blame if kind),
        ["#a63d40", "#8a7340", "#5b7c99", "#7d6b91", "#c47a3d", "#b0596b"],
        strict=True,
    )
)
_NAME = 24  # characters of a system's name
_INK = "#456789"  # stands for the text colour of the page in an SVG; black in a PNG
RC = {
    "svg.fonttype": "none",
    "svg.hashsalt": "medrag",  # the same ids every time
    "text.parse_math": False,  # a $ in a name is a $
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
}
_COLOURED = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")


def plot(path: Path, summary: Summary, title: str) -> None:
    """Draw all panels into one PNG."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(11, 8.2), dpi=130, layout="constrained")
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
        for axes, (name, draw) in zip(figure.subplots(2, 2).flat, PANELS.items(), strict=True):
            axes.set_title(f"{name} · {_questions(name, summary)}")
            draw(axes, summary)
        below = asked(summary) + (f" · {SAMPLES}" if summary.get("samples") else "")
        figure.supxlabel(below, x=0.01, ha="left", fontsize=9, color="#555555")
        figure.savefig(path)


def panel_svg(summary: Summary, name: str) -> str:
    """One of `PANELS` as an `<svg>` element; see `svg_of`."""
    return svg_of(lambda axes: PANELS[name](axes, summary), name)


def svg_of(draw: Callable[[Axes], None], name: str, size: tuple[float, float] = (4.6, 3.5)) -> str:
    """A plot as an `<svg>` element that takes the text colour of the page.

    It has no title and no width: it is as wide as what it stands in.

    Args:
        name: of the plot, different for each plot of a page.
        size: width and height in inches, for the size of the text beside that of the plot.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({**RC, **dict.fromkeys(_COLOURED, _INK)}):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.subplots())
        file = StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    drawn = file.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", drawn, flags=re.S)
    drawn = re.sub(r'\A<svg[^>]*?viewBox="([^"]*)"[^>]*>', r'<svg viewBox="\1">', drawn)
    prefix = f"{name.replace(' ', '-')}-"  # ids must differ between the panels of a page
    drawn = re.sub(r'(\bid="|url\(#|href="#)', rf"\1{prefix}", drawn)
    return drawn.replace(_INK, "currentColor").replace("xlink:href", "href")


def _questions(name: str, summary: Summary) -> str:
    """What a panel is about: "65 questions with known documents"."""
    if name != "retrieval":
        return f"{summary['questions']['all']:,} questions"
    figures = [
        as_figure(figure)
        for system in summary["systems"].values()
        for measure, figure in system.get("retrieval", {}).items()
        if measure != "questions"
    ]
    return f"{max((one.n for one in figures), default=0):,} questions with known documents"


def _retrieval(axes: Axes, summary: Summary) -> None:
    systems = summary["systems"]
    ks = sorted(
        {
            int(name.removeprefix("recall@"))
            for system in systems.values()
            for name in system.get("retrieval", {})
            if re.fullmatch(r"recall@\d+", name)
        }
    )
    lowest = 1.0
    for number, (name, system) in enumerate(systems.items()):
        # Systems stand side by side, so that equal ones do not hide each other.
        aside = (number - (len(systems) - 1) / 2) * min(0.14, 0.7 / len(systems))
        places, values, bounds = [], [], []
        for at, k in enumerate(ks):
            figure = as_figure(system.get("retrieval", {}).get(f"recall@{k}"))
            if (value := figure.value) is not None:
                low = value if figure.low is None else figure.low
                high = value if figure.high is None else figure.high
                places.append(at + aside)
                values.append(value)
                bounds.append((value - low, high - value))
                lowest = min(lowest, low)
        if places:
            axes.errorbar(
                places,
                values,
                list(zip(*bounds, strict=True)),
                fmt=_MARKERS[number % len(_MARKERS)],
                color=_colour(number),
                markersize=5,
                elinewidth=1.3,
                label=_short(name),
            )
    axes.set_xticks(range(len(ks)), [str(k) for k in ks])
    axes.set(
        xlabel="k (documents looked at)",
        ylabel="share of the gold documents found",
        ylim=(max(0.0, lowest - 0.05), 1.02),
        xlim=(-0.5, max(0.5, len(ks) - 0.5)),
    )
    _legend(axes)


def _risk_coverage(axes: Axes, summary: Summary) -> None:
    top, targets = 0.1, set()
    for number, (name, system) in enumerate(summary["systems"].items()):
        curve = system.get("risk_coverage") or []
        if not curve:
            continue
        coverage, risk = zip(*curve, strict=True)
        colour = _colour(number)
        axes.plot(coverage, risk, color=colour, lw=1.7, label=_short(name))
        steps = [step / 100 for step in range(1, 101)]
        oracle = [max(0.0, 1 - (1 - risk[-1]) / step) for step in steps]  # the right ones first
        axes.plot(steps, oracle, color=colour, lw=1, ls=":")
        answered = as_figure(system.get("answers", {}).get("coverage")).value
        if answered is not None:
            at = min(curve, key=lambda point: abs(point[0] - answered))
            axes.plot(*at, marker=_MARKERS[number % len(_MARKERS)], color=colour, ms=7, mec="white")
        # The first few answers say nothing, and may be all wrong.
        top = max([top, *(wrong for share, wrong in curve if share >= 0.1)])
        targets.add(system.get("target_risk") or 0.0)
    for target in filter(None, sorted(targets)):
        axes.axhline(target, color=_GREY, lw=1, ls="--", label=f"wanted: {target:.0%} wrong")
    axes.plot([], [], color=_GREY, lw=1, ls=":", label="best possible order")
    axes.plot([], [], color=_GREY, marker="o", ls="", label="at the threshold")
    axes.set(
        xlim=(0, 1.02),
        ylim=(0, min(1.02, top * 1.1)),
        xlabel="share of all questions answered",
        ylabel="share of shown answers that are wrong",
    )
    _legend(axes)


def _calibration(axes: Axes, summary: Summary) -> None:
    axes.plot([0, 1], [0, 1], color=_GREY, lw=1, ls="--", label="as sure as right")
    for number, (name, system) in enumerate(summary["systems"].items()):
        if points := system.get("calibration"):
            sure, right, counts = zip(*points, strict=True)
            colour, most = _colour(number), max(counts)
            axes.plot(sure, right, color=colour, lw=1.3, label=_short(name))
            sizes = [12 + 30 * count / most for count in counts]
            axes.scatter(sure, right, sizes, color=colour, marker=_MARKERS[number % len(_MARKERS)])
    axes.set(
        xlim=(0, 1.02),
        ylim=(-0.03, 1.03),
        xlabel="confidence, mean of a group of answers",
        ylabel="share of the group that is right",
    )
    _legend(axes)


def _blame(axes: Axes, summary: Summary) -> None:
    names = list(summary["systems"])
    left = [0] * len(names)
    for kind in blames(summary):
        counts = [system.get("blame", {}).get(kind, 0) for system in summary["systems"].values()]
        colour = _BLAMES.get(kind, _GREY)
        bars = axes.barh(range(len(names)), counts, left=left, color=colour, height=0.6, label=kind)
        shown = [f"{count}" if count else "" for count in counts]
        axes.bar_label(bars, shown, label_type="center", fontsize=8.5, color="white")
        left = [before + count for before, count in zip(left, counts, strict=True)]
    axes.set_yticks(range(len(names)), [*map(_short, names)])
    axes.set(
        xlabel=f"questions that went wrong, of {summary['questions']['all']:,}",
        xlim=(0, max([1, *left]) * 1.05),
        ylim=(len(names) - 0.4, -0.6),  # the first system on top
    )
    axes.locator_params(axis="x", integer=True)
    _legend(axes, columns=2)  # the names of the systems take room


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _short(name: str) -> str:
    """A name with room for the plot; matplotlib hides what starts with "_"."""
    name = name.lstrip("_")
    return name if len(name) <= _NAME else name[: _NAME - 1] + "…"


def _legend(axes: Axes, columns: int = 3) -> None:
    """Below the plot, where it hides nothing."""
    handles, labels = axes.get_legend_handles_labels()
    if not handles:
        axes.text(0.5, 0.5, "nothing to show", ha="center", transform=axes.transAxes)
    else:
        axes.legend(
            handles, labels, loc="upper left", bbox_to_anchor=(-0.02, -0.17), ncols=columns,
            handlelength=1.5, columnspacing=1.2, borderaxespad=0,
        )  # fmt: skip


PANELS: dict[str, Callable[[Any, Summary], None]] = {
    "retrieval": _retrieval,
    "risk and coverage": _risk_coverage,
    "calibration": _calibration,
    "what went wrong": _blame,
}
