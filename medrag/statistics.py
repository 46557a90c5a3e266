"""Bootstrap intervals of means, and of the difference between two systems on the same questions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LOW, _HIGH = 2.5, 97.5  # percentiles: 95 % intervals
_CURVES = 200  # resamples of a figure that needs all questions in order; others take all

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its 95 % interval; None where there was nothing to measure."""

    value: float | None
    low: float | None
    high: float | None
    n: int


NOTHING = Figure(None, None, None, 0)


@dataclass(frozen=True, slots=True)
class Difference:
    """How much a system is above another one, on the questions that both were measured on.

    Attributes:
        p: twice the share of resamples in which the difference has the other sign or is 0; 1 at
            most.
    """

    difference: float
    low: float
    high: float
    p: float
    n: int


class Bootstrap:
    """Resamples questions (Efron 1979), the same way for every figure of a run.

    Args:
        questions: their ids, in any order.
        rounds: number of resamples.
    """

    def __init__(self, questions: Sequence[str], rounds: int, seed: int = 13) -> None:
        self._place = {name: at for at, name in enumerate(questions)}
        count = len(questions)
        draw = np.random.default_rng(seed)
        # How often each resample has each question: [rounds, questions].
        self._times = draw.multinomial(count, [1 / max(1, count)] * count, size=rounds)

    def mean(self, values: Mapping[str, float]) -> Figure:
        """The mean of some questions' values, by the question's id."""
        if not values:
            return NOTHING
        numbers, times = self._arrays(values)
        low, high = _interval(_means(numbers, times))
        return Figure(float(numbers.mean()), low, high, len(numbers))

    def statistic(
        self, values: Mapping[str, tuple[float, float]], compute: Callable[[Floats, Floats], float]
    ) -> Figure:
        """A figure of pairs of values, such as confidence and correctness."""
        if not values:
            return NOTHING
        _, times = self._arrays(dict.fromkeys(values, 0.0))
        one, other = np.array(list(values.values()), dtype=float).T
        found = []
        for row in times[:_CURVES]:
            taken = np.repeat(np.arange(len(one)), row)
            if len(taken):
                found.append(compute(one[taken], other[taken]))
        low, high = _interval(np.array(found)) if found else (None, None)
        return Figure(compute(one, other), low, high, len(one))

    def difference(
        self, values: Mapping[str, float], base: Mapping[str, float]
    ) -> Difference | None:
        """The paired difference of two systems; None if no question is measured for both."""
        both = {name: values[name] - base[name] for name in values if name in base}
        if not both:
            return None
        numbers, times = self._arrays(both)
        means = _means(numbers, times)
        low, high = _interval(means)
        assert low is not None and high is not None
        observed = float(numbers.mean())
        # Nothing differs anywhere: no resample does either.
        other = np.mean(means <= 0) if observed > 0 else np.mean(means >= 0)
        return Difference(observed, low, high, min(1.0, 2 * float(other)), len(numbers))

    def _arrays(self, values: Mapping[str, float]) -> tuple[Floats, NDArray[np.int64]]:
        places = [self._place[name] for name in values]
        return np.array(list(values.values()), dtype=float), self._times[:, places]


def _means(numbers: Floats, times: NDArray[np.int64]) -> Floats:
    counts = times.sum(axis=1)
    kept = counts > 0
    means: Floats = (times[kept] @ numbers) / counts[kept]
    return means


def _interval(values: Floats) -> tuple[float, float] | tuple[None, None]:
    if not len(values):
        return None, None
    low, high = np.percentile(values, [_LOW, _HIGH])
    return float(low), float(high)
