"""Compare artefacts of one kind: settings that differ, results, curves and examples."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from .. import __version__
from ..errors import ArtefactError, ConfigError
from ..manifest import atomic_write
from ..terminal import plain
from ..tracking import flatten
from .adapters import REPLIES
from .html import environment
from .lineage import Found
from .loss_curves import HISTORY
from .plots import COLOURS, RC, svg_of
from .retriever_card import gain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_EXAMPLES = 5  # rows that the artefacts answered differently
_SIZE = (7.5, 3.8)  # inches, of the plot
_LONGEST = 400  # characters of a reply
_FOLDER = Path(__file__).parent
_HASH = re.compile(r"[0-9a-f]{16,}")


@dataclass(frozen=True)
class Line:
    """A line of a table: a name, and what each artefact has."""

    name: str
    values: tuple[str, ...]

    @property
    def differs(self) -> bool:
        return len({*self.values}) > 1


@dataclass(frozen=True)
class Example:
    """A held-out question that the artefacts answered differently.

    Attributes:
        before: the reply of the model that the first one was trained from.
        replies: of each artefact.
    """

    question: str
    label: str
    before: str
    replies: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """What artefacts of one kind have in common, and what not.

    Attributes:
        names: of the artefacts, each different.
        settings, lineage: the lines that differ.
        same: how many settings do not.
        results: all figures.
        histories: the log of each training; empty for what has none.
        alike: the places of artefacts that the same stage made: only their losses are of one kind.
        mixes: nDCG@10 by the share of tuned weights, of each retriever; empty for others.
    """

    kind: str
    names: tuple[str, ...]
    settings: Sequence[Line]
    same: int
    lineage: Sequence[Line]
    results: Sequence[Line]
    histories: Sequence[Sequence[Mapping[str, Any]]]
    alike: Sequence[Sequence[int]]
    mixes: Sequence[Sequence[Mapping[str, float]]]
    examples: Sequence[Example]


_Draw = Callable[[Comparison, "Axes"], None]


def compare_artefacts(some: Sequence[Found]) -> Comparison:
    """Compare them.

    Raises:
        ConfigError: fewer than two are named, or they are of different kinds.
    """
    kinds = {one.kind for one in some}
    if len(some) < 2:
        raise ConfigError("name two or more artefacts: python -m medrag.runs compare A B")
    if len(kinds) > 1:
        what = ", ".join(f"{one.directory} ({one.kind})" for one in some)
        raise ConfigError(f"only artefacts of one kind can be compared: {what}")
    settings = [*_lines([flatten(one.manifest.settings) for one in some])]
    results = [_figures(one.manifest.counts) for one in some]
    lineage = [
        {"medrag": one.manifest.package_version}
        | {kind: parent.fingerprint[:8] for kind, parent in one.manifest.parents.items()}
        for one in some
    ]
    differing = [line for line in settings if line.differs]
    return Comparison(
        kind=some[0].kind,
        names=_names([one.directory for one in some]),
        settings=differing,
        same=len(settings) - len(differing),
        lineage=[line for line in _lines(lineage) if line.differs],
        results=[*_lines(results)],
        histories=[_history(one.directory) for one in some],
        alike=_alike(some),
        mixes=[one.manifest.counts.get("curve", []) for one in some],
        examples=[*islice(_examples(some), _EXAMPLES)],
    )


def differing_settings(some: Sequence[Found]) -> list[dict[str, str]]:
    """Of each artefact, the settings in which others of its kind and of its parents differ."""
    found: list[dict[str, str]] = [{} for _ in some]
    siblings: dict[tuple[str, ...], list[int]] = {}
    for place, one in enumerate(some):
        if one.manifest.parents:  # the settings of an index tell what is in it, too
            parents = (parent.fingerprint for parent in one.manifest.parents.values())
            of_kind = siblings.setdefault((one.kind, *parents, *one.manifest.settings), [])
            of_kind.append(place)
    for places in siblings.values():
        for line in _lines([flatten(some[place].manifest.settings) for place in places]):
            if line.differs and not any(map(_HASH.fullmatch, line.values)):
                for place, value in zip(places, line.values, strict=True):
                    found[place][line.name] = value
    return found


def _alike(some: Sequence[Found]) -> list[list[int]]:
    """Places of artefacts whose settings have the same names: each stage has its own."""
    found: dict[frozenset[str], list[int]] = {}
    for place, one in enumerate(some):
        found.setdefault(frozenset(one.manifest.settings), []).append(place)
    return [*found.values()]


def _names(folders: Sequence[Path]) -> tuple[str, ...]:
    """The names of the folders, or their paths if names are equal."""
    names = tuple(folder.name for folder in folders)
    return names if len({*names}) == len(names) else tuple(map(str, folders))


def _lines(columns: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
    for name in dict.fromkeys(name for column in columns for name in column):
        yield Line(name, tuple(_shown(column.get(name, "–")) for column in columns))


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}"
    return f"{value:,}" if type(value) is int else str(value)


def _figures(counts: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of an artefact; those with an interval as "0.59 [0.48, 0.69]"."""
    found: dict[str, Any] = {}
    for name, value in counts.items():
        if name == "measured" and isinstance(value, list):
            found |= {f"measured, {row['name']} ({row['questions']:,})": gain(row) for row in value}
        elif isinstance(value, Mapping):
            if {"value", "low", "high"} <= {*value}:
                if value["value"] is not None:
                    found[name] = "{value:.2f} [{low:.2f}, {high:.2f}]".format(**value)
            else:
                found |= {f"{name}/{key}": one for key, one in _figures(value).items()}
        elif isinstance(value, str):
            if value:
                found[name] = Path(value).name if Path(value).is_absolute() else value
        elif isinstance(value, int | float):
            found[name] = value
    return found


def _history(folder: Path) -> list[dict[str, Any]]:
    path = folder / HISTORY
    if not path.is_file():
        return []
    try:
        entries = json.loads(path.read_bytes())
        return [{**entry, "step": entry["step"]} for entry in entries]  # each has one
    except (ValueError, TypeError, LookupError) as error:
        raise ArtefactError(f"{path} is damaged ({error!r}); remove it, or train again") from None


def _examples(some: Sequence[Found]) -> Iterator[Example]:
    """Held-out rows that all of them answered, and not in the same words."""
    replies = [_replies(one.directory) for one in some]
    for id_, first in replies[0].items():
        if not all(id_ in one for one in replies):
            continue
        said = tuple(_cut(one[id_]["replies"].get("tuned", "")) for one in replies)
        if len({*said}) > 1:
            before = _cut(first["replies"].get("before", ""))
            yield Example(first["question"], _cut(first["label"]), before, said)


def _replies(folder: Path) -> dict[str, dict[str, Any]]:
    path = folder / REPLIES
    if not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8") as file:
            return {row["id"]: row for row in map(json.loads, file)}
    except (ValueError, TypeError, LookupError) as error:
        raise ArtefactError(f"{path} is damaged ({error!r}); remove it, or train again") from None


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 2]} …"


# --- shown ----------------------------------------------------------------------------------------


def tables(one: Comparison) -> Iterator[Table]:
    """For the terminal."""
    same = f" ({one.same} are the same)" if one.same else ""
    for title, lines in (
        (f"settings that differ{same}", one.settings),
        ("made from", one.lineage),
        ("results", one.results),
    ):
        if lines:
            table = Table(title=title, title_justify="left", min_width=len(title) + 1)
            for name in ("", *one.names):
                table.add_column(plain(name), overflow="fold")
            for line in lines:
                table.add_row(plain(line.name), *map(plain, line.values))
            yield table


def write_comparison(folder: Path, one: Comparison) -> tuple[Path, Path | None]:
    """Write `comparison.html`, which needs nothing but itself, and `comparison.png`.

    Returns:
        Both paths; None for the picture if no artefact has a training's log.
    """
    folder.mkdir(parents=True, exist_ok=True)
    plots = _plots(one)
    picture = folder / "comparison.png" if plots else None
    if picture:
        _draw_png(picture, one, [*plots.values()])
    page = (
        environment()
        .get_template("comparison.html.j2")
        .render(
            comparison=one,
            plots={told: svg_of(partial(draw, one), told, _SIZE) for told, draw in plots.items()},
            style=(_FOLDER / "report.css").read_text(encoding="utf-8"),
            version=__version__,
        )
    )
    path = folder / "comparison.html"
    atomic_write(path, page)
    return path, picture


def _plots(one: Comparison) -> dict[str, _Draw]:
    """How to draw what there is, by what it shows."""
    found: dict[str, _Draw] = {}
    for places in one.alike:
        if any(one.histories[place] for place in places):
            of = "" if len(one.alike) == 1 else f" of {', '.join(one.names[at] for at in places)}"
            found[f"the losses{of} by optimiser step"] = partial(_draw_losses, places)
    if any(one.mixes):
        found["nDCG@10 by the share of tuned weights"] = _draw_mixes
    return found


def _draw_png(path: Path, one: Comparison, plots: Sequence[_Draw]) -> None:
    import matplotlib
    from matplotlib.figure import Figure

    width, height = _SIZE
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(width, height * len(plots)), dpi=130, layout="constrained")
        for axes, draw in zip(figure.subplots(len(plots), squeeze=False)[:, 0], plots, strict=True):
            draw(one, axes)
        figure.savefig(path)


def _draw_losses(places: Sequence[int], one: Comparison, axes: Axes) -> None:
    """The losses of some trainings: training as a line, validation with marks."""
    from matplotlib.ticker import MaxNLocator

    for place in places:
        name, history = one.names[place], one.histories[place]
        colour = COLOURS[place % len(COLOURS)]
        for key, kind in (("loss", "training"), ("eval_loss", "validation")):
            points = [(entry["step"], entry[key]) for entry in history if key in entry]
            if points:
                steps, losses = zip(*points, strict=True)
                mark, line = ("", "-") if key == "loss" else ("o", "--")
                axes.plot(
                    steps, losses, label=f"{name}, {kind}", color=colour, marker=mark, ls=line
                )
    axes.set_xlabel("optimiser step")
    axes.set_ylabel("loss")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(bottom=0, top=axes.get_ylim()[1])
    _legend(axes)


def _draw_mixes(one: Comparison, axes: Axes) -> None:
    """What retrievers gain and forget: a colour for each, a kind of line for each set."""
    for number, (name, curve) in enumerate(zip(one.names, one.mixes, strict=True)):
        sets = [key for key in curve[0] if key != "share"] if curve else []
        for key, line in zip(sets, cycle(("-", "--", ":", "-.")), strict=False):
            axes.plot(
                [point["share"] for point in curve],
                [point[key] for point in curve],
                label=f"{name}, {key}",
                color=COLOURS[number % len(COLOURS)],
                ls=line,
            )
    axes.set_xlabel("share of the tuned weights; 0 is the base")
    axes.set_ylabel("nDCG@10")
    axes.set_xticks(sorted({point["share"] for curve in one.mixes for point in curve}))
    _legend(axes)


def _legend(axes: Axes) -> None:
    """Beside the curves."""
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
