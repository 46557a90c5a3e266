"""Bootstrap intervals: they cover what they should, and pairs are kept together."""

from __future__ import annotations

import numpy as np
import pytest

from medrag.statistics import NOTHING, Bootstrap

NAMES = [f"q{number}" for number in range(200)]


def test_an_interval_covers_the_true_mean_about_as_often_as_it_says() -> None:
    draw = np.random.default_rng(1)
    covered = 0
    for seed in range(200):
        values = dict(zip(NAMES, draw.random(200) < 0.3, strict=True))
        figure = Bootstrap(NAMES, 300, seed).mean({k: float(v) for k, v in values.items()})
        assert figure.value is not None and figure.low is not None and figure.high is not None
        assert figure.low <= figure.value <= figure.high
        covered += figure.low <= 0.3 <= figure.high
    assert 0.88 <= covered / 200 <= 0.99


def test_a_mean_of_some_questions_counts_only_these() -> None:
    figure = Bootstrap(NAMES, 100).mean({"q3": 1.0, "q7": 0.0})
    assert (figure.value, figure.n) == (0.5, 2)
    assert (figure.low, figure.high) == (0.0, 1.0)
    assert Bootstrap(NAMES, 100).mean({}) == NOTHING


def test_a_small_difference_on_the_same_questions_is_seen() -> None:
    """Unpaired, this difference would drown in how much questions differ."""
    draw = np.random.default_rng(2)
    base = dict(zip(NAMES, draw.random(200), strict=True))
    better = {name: value + 0.01 + 0.001 * draw.random() for name, value in base.items()}
    found = Bootstrap(NAMES, 500).difference(better, base)
    assert found is not None
    assert 0 < found.low <= found.difference <= found.high < 0.02
    assert found.p < 0.01
    back = Bootstrap(NAMES, 500).difference(base, better)
    assert back is not None and back.high < 0 and back.p < 0.01


def test_no_difference_is_not_significant() -> None:
    draw = np.random.default_rng(3)
    one, other = (dict(zip(NAMES, draw.random(200), strict=True)) for _ in range(2))
    found = Bootstrap(NAMES, 500).difference(one, other)
    assert found is not None and found.low < 0 < found.high and found.p > 0.05
    same = Bootstrap(NAMES, 500).difference(one, one)
    assert same is not None and (same.difference, same.p) == (0.0, 1.0)
    assert Bootstrap(NAMES, 500).difference({"q1": 1.0}, {"q2": 1.0}) is None


def test_a_statistic_of_pairs_is_resampled_in_pairs() -> None:
    pairs = {name: (float(number), 2.0 * number) for number, name in enumerate(NAMES)}
    figure = Bootstrap(NAMES, 100).statistic(
        pairs, lambda one, other: float(np.corrcoef(one, other)[0, 1])
    )
    assert (figure.value, figure.low, figure.high) == pytest.approx((1.0, 1.0, 1.0))
