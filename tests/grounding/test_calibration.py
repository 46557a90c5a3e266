"""The confidence is a probability, and its threshold keeps the risk it is set for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medrag import GeneratorConfig, GroundingConfig, PipelineConfig, RetrieverConfig
from medrag.errors import ConfigError
from medrag.grounding.calibration import (
    PACKAGED_CALIBRATIONS,
    Calibration,
    calibration_key,
    fit_calibration,
    load_calibration,
    packaged,
    save_calibration,
)
from medrag.grounding.signals import KNOWN_BEFORE, best_after, signals_after, signals_before
from medrag.ingestion import TextEmbedder
from medrag.types import Answer

Rows = tuple[list[dict[str, float]], list[bool]]


def questions(count: int, seed: int) -> Rows:
    """Signals that tell a little about what is right, and one that tells nothing."""
    draw = np.random.default_rng(seed)
    near, noise = draw.normal(size=count), draw.normal(size=count)
    right = draw.random(count) < 1 / (1 + np.exp(-(2 * near - 0.5)))
    signals = [{"near": float(a), "noise": float(b)} for a, b in zip(near, noise, strict=True)]
    return signals, right.tolist()


def fitted(count: int = 600, seed: int = 1) -> Calibration:
    return fit_calibration("key", *questions(count, seed), "made up", known=1)


def test_the_probability_is_that_of_being_right_on_other_questions() -> None:
    calibration = fitted()
    signals, right = questions(4000, seed=2)
    sure = np.array([calibration.probability(one) for one in signals])
    for low in np.arange(0, 1, 0.2):
        inside = (sure >= low) & (sure < low + 0.2)
        assert np.mean(np.array(right)[inside]) == pytest.approx(sure[inside].mean(), abs=0.08)
    assert calibration.weight("near") > 5 * abs(calibration.weight("noise"))
    assert calibration.weight("no such signal") == 0


@pytest.mark.parametrize("target", [0.1, 0.2])
def test_the_threshold_keeps_the_risk_on_other_questions(target: float) -> None:
    """As conformal risk control promises, on average; nor is it far too strict."""
    risks, coverages = [], []
    for seed in range(60):
        calibration = fitted(400, seed)
        threshold = calibration.threshold(target)
        if threshold is None:  # nothing is shown
            coverages.append(0.0)
            continue
        signals, right = questions(1000, seed + 1000)
        shown = [
            r
            for one, r in zip(signals, right, strict=True)
            if calibration.probability(one) >= threshold
        ]
        risks.append(1 - float(np.mean(shown)) if shown else 0.0)
        coverages.append(len(shown) / 1000)
    assert target * 0.6 < np.mean(risks) <= target + 0.01
    assert np.mean(coverages) > 0.1


def test_a_threshold_by_hand() -> None:
    """(wrong + 1) / (shown + 1): 1/5 after four right ones, 2/6 after a wrong one, then 2/10."""
    scores = [(0.9 - n / 100, float(n != 4)) for n in range(9)]
    calibration = with_scores(scores)
    assert calibration.threshold(0.1) is None
    assert calibration.threshold(0.2) == pytest.approx(0.9 - 8 / 100)  # 2/10: the lowest that holds
    assert with_scores(scores[:5]).threshold(0.2) == pytest.approx(0.9 - 3 / 100)  # 1/5
    assert calibration.least_risk() == pytest.approx(0.2)
    assert (calibration.risk(0.87), calibration.risk(0.855)) == (0.0, 0.2)
    assert calibration.risk(0.95) is None
    # Equal scores are shown together, whichever of them is right.
    equal = with_scores([(0.5, 1.0)] * 9 + [(0.5, 0.0)] * 9)
    assert equal.threshold(0.2) is None
    assert equal.threshold(0.6) == 0.5


def with_scores(scores: list[tuple[float, float]]) -> Calibration:
    return Calibration(
        "key", ("near",), (0.0,), (1.0,), (1.0,), 0.0, tuple(scores), ((1.0,),), 9.0, "made up"
    )


def test_a_question_far_from_those_of_the_calibration_is_noticed() -> None:
    calibration = fitted()
    signals, _ = questions(1000, seed=5)
    alarms = [calibration.is_unlike({"near": one["near"]}) for one in signals]
    assert np.mean(alarms) < 0.03
    assert calibration.is_unlike({"near": 8.0})


def test_a_set_of_questions_unlike_the_calibration_is_noticed() -> None:
    calibration = fitted()
    alike, _ = questions(1000, seed=5)
    assert not calibration.are_unlike(alike)
    shifted = [{"near": one["near"] + 1.0} for one in alike]
    assert calibration.are_unlike(shifted)
    assert not calibration.are_unlike(shifted[:29])  # too few to tell


def test_too_few_questions_are_refused() -> None:
    for signals, right in (questions(20, 1), ([{"near": 1.0}] * 60, [True] * 60)):
        with pytest.raises(ConfigError, match="too few to calibrate on"):
            fit_calibration("key", signals, right, "made up", known=1)


def test_a_calibration_is_kept_with_an_index_beside_others(tmp_path: Path) -> None:
    one, other = fitted(), fitted(seed=3)
    save_calibration(tmp_path, one)
    assert load_calibration(tmp_path, "key") == one
    save_calibration(tmp_path, other)  # the same reader: the newer one stays
    assert load_calibration(tmp_path, "key") == other
    assert load_calibration(tmp_path, "another key") is None
    assert load_calibration(tmp_path, packaged().key) == packaged()


@pytest.mark.parametrize(
    "change",
    [
        {"weights": [float("nan"), 1.0]},
        {"weights": [1.0]},
        {"weights": None},
        {"intercept": float("nan")},
        {"intercept": "0.1"},
        {"scale": [0.0, 1.0]},
        {"names": ["near", "near"]},
        {"scores": [[5.0, 1.0]]},
        {"scores": [[0.5]]},
        {"scores": None},
        {"spread": []},
        {"spread": [[1.0], [2.0, 3.0]]},
        {"farthest": None},
        {"farthest": float("inf")},
    ],
)
def test_numbers_that_were_edited_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    """One NaN among the weights would make every answer certain."""
    save_calibration(tmp_path, fitted())
    path = tmp_path / "calibration.json"
    content = json.loads(path.read_text())
    content["key"].update(change)
    path.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=r"calibration\.json cannot be read"):
        load_calibration(tmp_path, "key")


def test_a_signal_that_is_not_known_is_one_clear_error() -> None:
    with pytest.raises(ConfigError, match=r"needs the signal 'noise'.*calibrate again"):
        fitted().probability({"near": 1.0})


@pytest.mark.parametrize("content", ["", "{", "[]", '{"key": 1}', '{"key": {"names": []}}'])
def test_a_damaged_calibration_is_one_clear_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "calibration.json").write_text(content)
    with pytest.raises(ConfigError, match=r"calibration\.json cannot be read.*calibrate=true"):
        load_calibration(tmp_path, "key")


def test_each_way_to_answer_has_its_own_calibration() -> None:
    config = PipelineConfig()
    key = calibration_key(config, "embedder")
    assert key == calibration_key(PipelineConfig(), "embedder")
    assert key != calibration_key(config, "another embedder")
    for other in (
        PipelineConfig(generator=GeneratorConfig(max_sentences=1)),
        PipelineConfig(grounding=GroundingConfig(reader="")),
    ):
        assert calibration_key(other, "embedder") != key
    assert calibration_key(config, "embedder", "Parrot") != key
    # No signal has the scale of a search's scores.
    assert calibration_key(PipelineConfig(retriever=RetrieverConfig(k=3)), "embedder") == key
    # What only decides what is shown leaves the confidence as it is.
    shown = PipelineConfig(grounding=GroundingConfig(min_confidence=0.5, target_risk=0.1))
    assert calibration_key(shown, "embedder") == key


@pytest.mark.parametrize("reader", ["packaged", ""])
def test_the_packaged_calibrations_belong_to_the_default_settings(
    tmp_path: Path, reader: str
) -> None:
    config = PipelineConfig(grounding=GroundingConfig(reader=reader))
    key = calibration_key(config, TextEmbedder().fingerprint)
    calibration = load_calibration(tmp_path, key)
    assert calibration == packaged(with_reader=bool(reader))
    assert calibration.least_risk() < (0.25 if reader else 0.4)
    before = signals_before("What is gout?", [], [])
    after = signals_after("What is gout?", Answer("", "", True, 0.0, (), ()), lambda word: 1.0)
    assert calibration.names == (*before, *after)
    assert len(before) == KNOWN_BEFORE == len(calibration.spread)
    best = best_after("What is gout?", [], lambda word: 1.0, lambda name: 1.0)
    assert {*best} == {*after}
    assert best["words of the question in the answer"] == 0.0  # no hit has any
    json.dumps(calibration.scores)


@pytest.mark.parametrize("field", ["scores", "spread", "scale", "weights"])
def test_a_number_that_is_a_text_is_one_clear_error(tmp_path: Path, field: str) -> None:
    content = json.loads(PACKAGED_CALIBRATIONS.read_text(encoding="utf-8"))
    numbers = next(iter(content.values()))[field]
    (numbers[0] if field in ("scores", "spread") else numbers)[0] = "1.0"
    (tmp_path / "calibration.json").write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=r"cannot be read \(.*has the wrong type"):
        load_calibration(tmp_path, "key")


def test_a_calibration_that_is_nested_too_deeply_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "calibration.json").write_text("[" * 100_000)
    with pytest.raises(ConfigError, match=r"cannot be read"):
        load_calibration(tmp_path, "key")
