"""The figures of a run, computed from its records: means with intervals, curves, blame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import quantiles
from typing import Any

import numpy as np

from ..metrics import (
    area_under_risk_coverage,
    calibration_error,
    coverage_at_risk,
    oracle_area,
    reliability,
    risk_coverage,
)
from ..statistics import Bootstrap, Figure, Floats
from ..types import QuestionKind
from .records import Blame, Record

SECTIONS = ("retrieval", "answers", "citations", "abstention")
_RISKS = (0.05, 0.1)
_POINTS = 400  # of a curve, at most: enough for a plot


def summarise(
    records: Mapping[str, Sequence[Record]], rounds: int, settings: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """The figures of each system, and how each differs from the first one.

    Args:
        records: by system, the first of which is the one that others are compared with.
        rounds: bootstrap resamples.
        settings: by system, what is shown beside its figures.
    """
    first = next(iter(records.values()))
    names = [record.id for record in first]
    bootstrap = Bootstrap(names, rounds)
    return {
        "questions": {
            "all": len(first),
            "answerable": sum(one.answerable is True for one in first),
            "unanswerable": sum(one.answerable is False for one in first),
            "unknown": sum(one.answerable is None for one in first),
        },
        "judged_by": dict(Counter(one.basis for one in first)),
        "majority": _majority(first),
        "systems": {
            system: {**settings.get(system, {}), **_of_system(some, bootstrap)}
            for system, some in records.items()
        },
        "differences": _differences(records, bootstrap),
    }


def _of_system(records: Sequence[Record], bootstrap: Bootstrap) -> dict[str, Any]:
    sections: dict[str, dict[str, Any]] = {name: {} for name in SECTIONS}
    for measure in dict.fromkeys(name for record in records for name in record.values):
        section, _, name = measure.partition("/")
        sections[section][name] = asdict(bootstrap.mean(_values(records, measure)))
    judged = {
        one.id: (one.confidence, float(one.draft_right is True)) for one in records if _counts(one)
    }
    # Without a draft there is no claim to be calibrated.
    drafts = {one.id: judged[one.id] for one in records if one.draft and one.id in judged}
    selective = _selective(judged, bootstrap) | {"ece": bootstrap.statistic(drafts, _ece)}
    sections["abstention"].update({name: asdict(figure) for name, figure in selective.items()})
    curve = risk_coverage(*_columns(judged))
    return {
        "threshold": records[0].threshold if records else None,
        **sections,
        "latency": {name: _latency(records, name) for name in ("retrieve", "query")},
        "blame": {blame.value: sum(one.blame == blame for one in records) for blame in Blame},
        "risk_coverage": [list(point) for point in _thinned(curve)],
        "calibration": [list(one) for one in reliability(*_columns(drafts))],
    }


def _selective(
    judged: Mapping[str, tuple[float, float]], bootstrap: Bootstrap
) -> dict[str, Figure]:
    """How well the confidence tells right from wrong, at any threshold."""

    def curve(sure: Floats, right: Floats) -> list[tuple[float, float]]:
        return risk_coverage(sure.tolist(), right.tolist())

    def area(sure: Floats, right: Floats) -> float:
        return area_under_risk_coverage(curve(sure, right))

    found = {
        "aurc": bootstrap.statistic(judged, area),
        "aurc_excess": bootstrap.statistic(
            judged, lambda sure, right: area(sure, right) - oracle_area(right.tolist())
        ),
    }
    for risk in _RISKS:

        def covered(sure: Floats, right: Floats, risk: float = risk) -> float:
            return coverage_at_risk(curve(sure, right), risk)

        found[f"coverage_at_{100 * risk:.0f}"] = bootstrap.statistic(judged, covered)
    return found


def _ece(sure: Floats, right: Floats) -> float:
    return calibration_error(sure.tolist(), right.tolist())


def _columns(pairs: Mapping[str, tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [sure for sure, _ in pairs.values()], [right for _, right in pairs.values()]


def _thinned(curve: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """At most so many points as a plot needs, the last one among them."""
    return curve[:: -max(1, -(-len(curve) // _POINTS))][::-1]


def _counts(record: Record) -> bool:
    """Whether a question says something about abstention: it is judged, or must be refused."""
    return record.answerable is not None and record.draft_right is not None


def _values(records: Sequence[Record], measure: str) -> dict[str, float]:
    return {one.id: one.values[measure] for one in records if measure in one.values}


def _differences(
    records: Mapping[str, Sequence[Record]], bootstrap: Bootstrap
) -> dict[str, dict[str, Any]]:
    (_, first), *others = records.items()
    found: dict[str, dict[str, Any]] = {}
    for system, some in others:
        found[system] = {}
        for measure in dict.fromkeys(name for record in first for name in record.values):
            values, base = _values(some, measure), _values(first, measure)
            if difference := bootstrap.difference(values, base):
                found[system][measure] = asdict(difference)
    return found


def _majority(records: Sequence[Record]) -> dict[str, Any] | None:
    """The answer that most yes/no questions have, and how often it is right: a trivial baseline."""
    asked = [one for one in records if one.kind == QuestionKind.yes_no and one.exact]
    if not asked:
        return None
    answer, count = Counter(one.exact for one in asked).most_common(1)[0]
    return {"answer": answer, "share": count / len(asked), "n": len(asked)}


def _latency(records: Sequence[Record], name: str) -> dict[str, float] | None:
    """Median and 95th percentile, in milliseconds."""
    times = [one.milliseconds[name] for one in records if name in one.milliseconds]
    if not times:
        return None
    if len(times) == 1:
        times = times * 2
    cuts = quantiles(times, n=20, method="inclusive")
    return {"p50": round(float(np.median(times)), 1), "p95": round(cuts[18], 1)}
