"""How sure an answer is: a calibrated probability, and the threshold that keeps a risk.

A calibration belongs to one embedder and one way to answer (the reader). One for the packaged
embedder and the extractive reader comes with medrag; `python -m medrag.evaluate
evaluation.calibrate=true` fits one on a user's questions and keeps it with the index.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..config import PipelineConfig
from ..decoding import decoded
from ..errors import ConfigError
from ..manifest import atomic_write, file_sha256, fingerprint, model_identity
from ..retrieval.cross_encoder import PACKAGED, READER

CALIBRATIONS = "calibration.json"  # in the directory of an index
PACKAGED_CALIBRATIONS = Path(__file__).with_name("calibration.json")
_VERSION = 2  # raise it when signals or the reader change, so that old calibrations are not used
_PENALTY = 25.0  # of squared weights, for signals of variance 1: strong, so that levels transfer
_LEAST = 30  # questions; with fewer nothing is fitted
_APART = 1.25  # of the mean distance of the calibration's own questions: a set of other questions

Signals = Mapping[str, float]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """A logistic regression on signals, and how it did on the questions it was calibrated on.

    Attributes:
        key: see `calibration_key`.
        names: of the signals, in the order of what follows.
        center, scale: mean and standard deviation of each signal.
        weights, intercept: of the scaled signals.
        scores: (confidence, 1.0 if right) of questions that it was not fitted on, from which
            thresholds are taken.
        spread: inverse covariance of the scaled signals that are known before an answer is
            written, the first ones of `names`; for `is_unlike`.
        farthest: the squared distance of the farthest of the calibration's own questions.
        questions: name of the question set; for people.
    """

    key: str
    names: tuple[str, ...]
    center: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float
    scores: tuple[tuple[float, float], ...]
    spread: tuple[tuple[float, ...], ...]
    farthest: float
    questions: str

    def probability(self, signals: Signals) -> float:
        """The probability, in [0, 1], that an answer with these signals is right."""
        logit = self.intercept + float(np.dot(self.weights, self._scaled(signals)))
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, logit))))

    def weight(self, name: str) -> float:
        """The weight of a signal; 0 if it is not used."""
        return dict(zip(self.names, self.weights, strict=True)).get(name, 0.0)

    def shares(self, signals: Signals) -> dict[str, float]:
        """What each signal adds to the logit of the probability; an average one adds 0."""
        added = np.multiply(self.weights, self._scaled(signals))
        return dict(zip(self.names, added.tolist(), strict=True))

    def is_unlike(self, signals: Signals) -> bool:
        """Whether a question is farther from the calibration than each of its own questions.

        Args:
            signals: those known before an answer is written.
        """
        return self._distance(signals) > self.farthest

    def are_unlike(self, questions: Sequence[Signals]) -> bool:
        """Whether a set of questions, 30 or more, is farther on average than the calibration's own.

        Args:
            questions: signals of each, as for `is_unlike`.
        """
        count, known = len(self.scores), len(self.spread)
        if len(questions) < _LEAST or count <= known + 2:
            return False
        # The mean for others of the same kind, by the covariance of so few (Hotelling 1931).
        alike = known * (count + 1) / (count - known - 2)
        return fmean(map(self._distance, questions)) > _APART * alike

    def _distance(self, signals: Signals) -> float:
        """The squared Mahalanobis distance from the mean of the calibration's questions."""
        known = len(self.spread)
        values = np.array([signals[name] for name in self.names[:known]])
        away = (values - self.center[:known]) / self.scale[:known]
        return float(away @ np.array(self.spread) @ away)

    def threshold(self, target_risk: float) -> float | None:
        """The confidence from which on answers are shown, so that few of them are wrong.

        Conformal risk control (Angelopoulos et al. 2022, arXiv:2208.02814) with the loss
        1{shown}·(1{wrong} − α), whose expectation is at most 0 exactly if the share of wrong
        answers among those shown is at most α. The loss is bounded by 1 − α, so the empirical rule
        is (wrong + 1) / (shown + 1) ≤ α; of the thresholds that keep it, the lowest is taken. This
        loss is not monotone in the threshold, so the paper's guarantee holds for large calibration
        sets, not for every size; a test looks at the risk on new questions.

        Args:
            target_risk: α, the share of shown answers that may be wrong, 0..1.

        Returns:
            None if no threshold keeps the risk on the calibration's questions.
        """
        return next((score for score, risk in self._bounds() if risk <= target_risk), None)

    def risk(self, confidence: float) -> float | None:
        """The share of wrong answers among those that were as sure or surer; None if none was."""
        right = [right for score, right in self.scores if score >= confidence]
        return round(1.0 - sum(right) / len(right), 4) if right else None

    def least_risk(self) -> float:
        """The smallest target for which there is a threshold."""
        return min((risk for _, risk in self._bounds()), default=1.0)

    def _bounds(self) -> list[tuple[float, float]]:
        """The bound on the risk at each threshold, the lowest threshold first."""
        ranked = sorted(self.scores, reverse=True)
        found, wrong = [], 0.0
        for shown, (score, right) in enumerate(ranked, 1):
            wrong += 1.0 - right
            if shown == len(ranked) or ranked[shown][0] != score:  # equal ones are shown together
                found.append((score, (wrong + 1) / (shown + 1)))
        return found[::-1]

    def _scaled(self, signals: Signals) -> np.ndarray:
        try:
            values = np.array([signals[name] for name in self.names])
        except KeyError as error:
            raise ConfigError(
                f"the calibration on {self.questions} needs the signal {error}, which this version "
                "of medrag does not have; calibrate again: python -m medrag.evaluate "
                "evaluation.calibrate=true"
            ) from error
        scaled: np.ndarray = (values - self.center) / self.scale
        return scaled

    @classmethod
    def from_json(cls, content: Mapping[str, object]) -> Self:
        """A calibration as `asdict` gives it, after JSON.

        Raises:
            ValueError: it has other fields, or numbers that cannot be used.
        """
        found: Self = decoded(cls, content)
        found._check()
        return found

    def _check(self) -> None:
        """Refuse numbers of which a confidence could be anything: a file may have been edited."""
        length, known = len(self.names), len(self.spread)
        numbers = np.array([self.center, self.scale, self.weights], dtype=float)
        spread, scores = np.array(self.spread, dtype=float), np.array(self.scores, dtype=float)
        right = (
            length == len({*self.names})
            and numbers.shape == (3, length)
            and spread.shape == (known, known)
            and known <= length
            and scores.shape == (len(self.scores), 2)
            and all(np.isfinite(one).all() for one in (numbers, spread, scores))
            and math.isfinite(self.intercept)
            and math.isfinite(self.farthest)
            and bool((numbers[1] > 0).all())
            and bool(((scores >= 0) & (scores <= 1)).all())
        )
        if not right:
            raise ValueError("its numbers or names cannot be used")


def fit_calibration(
    key: str,
    signals: Sequence[Signals],
    right: Sequence[bool],
    questions: str,
    known: int,
    either_way: Collection[str] = (),
) -> Calibration:
    """Fit a calibration; its scores are those of two-fold cross-fitting.

    Args:
        known: how many of the signals, the first ones, are known before an answer is written.
        either_way: signals that may speak against an answer; the weights of others are not
            negative, so that signals which say the same do not cancel each other out.

    Raises:
        ConfigError: there are too few questions, or all answers are right, or all wrong.
    """
    if len(right) < _LEAST or len({*right}) < 2:
        raise ConfigError(
            f"{len(right)} judged questions, {sum(right)} of them answered rightly, are too few to "
            "calibrate on; give 100 questions or more, with both right and wrong answers: half of "
            "them are fitted on"
        )
    names = tuple(signals[0])
    values = np.array([[one[name] for name in names] for one in signals])
    labels = np.array(right, dtype=float)
    center, scale = values.mean(axis=0), values.std(axis=0)
    scale[scale < 1e-9] = 1.0  # a signal that never changes says nothing
    scaled = (values - center) / scale

    least = np.array([-np.inf if name in either_way else 0.0 for name in names])
    everything = np.arange(len(labels))
    weights, intercept = _logistic(scaled, labels, least, _PENALTY)
    logits = np.zeros(len(labels))
    for fold in (0, 1):
        held, rest = everything[everything % 2 == fold], everything[everything % 2 != fold]
        # On half of the questions, half of the penalty shrinks as much.
        its, at = _logistic(scaled[rest], labels[rest], least, _PENALTY / 2)
        logits[held] = scaled[held] @ its + at
    # The penalty makes all logits small; Platt 1999 gives them their scale again.
    # Smoothed labels keep the scale finite where the two kinds are told apart without a mistake.
    count = labels.sum()
    smoothed = np.where(labels > 0, (count + 1) / (count + 2), 1 / (len(labels) - count + 2))
    (slope,), shift = _logistic(logits[:, None], smoothed, np.zeros(1), 0.0)
    weights, intercept = slope * weights, slope * intercept + shift
    scores = _sigmoid(slope * logits + shift)
    before = scaled[:, :known]
    spread = np.linalg.pinv(np.cov(before.T) + 1e-3 * np.eye(known))
    distances = np.einsum("ij,jk,ik->i", before, spread, before)
    return Calibration(
        key=key,
        names=names,
        center=tuple(center.round(6).tolist()),
        scale=tuple(scale.round(6).tolist()),
        weights=tuple(weights.round(5).tolist()),
        intercept=round(intercept, 5),
        scores=tuple(
            # Down, so that no threshold is above every confidence.
            (math.floor(1e4 * float(score)) / 1e4, float(label))
            for score, label in zip(scores, labels, strict=True)
        ),
        spread=tuple(map(tuple, spread.round(5).tolist())),
        farthest=round(float(distances.max()), 4),
        questions=questions,
    )


def _logistic(
    values: Floats, labels: Floats, least: Floats, penalty: float
) -> tuple[Floats, float]:
    """Weights and intercept of a logistic regression with a penalty and lower bounds."""
    from scipy.optimize import minimize

    def loss(at: Floats) -> tuple[float, Floats]:
        logits = values @ at[:-1] + at[-1]
        missed = _sigmoid(logits) - labels
        total = (np.logaddexp(0.0, logits) - labels * logits).sum()
        slope = values.T @ missed + 2 * penalty * at[:-1]
        return total + penalty * (at[:-1] ** 2).sum(), np.append(slope, missed.sum())

    bounds = [(low if np.isfinite(low) else None, None) for low in (*least, -np.inf)]
    start = np.zeros(values.shape[1] + 1)
    found: Floats = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B").x
    return found[:-1], float(found[-1])


def _sigmoid(logits: Floats) -> Floats:
    found: Floats = 1.0 / (1.0 + np.exp(-np.clip(logits, -30.0, 30.0)))
    return found


def calibration_key(config: PipelineConfig, embedder: str, generator: str = "") -> str:
    """Identifies what a calibration belongs to: the embedder and the reader.

    The search is no part of it, because no signal has the scale of a search's scores.

    Args:
        embedder: fingerprint of the embedder.
        generator: name of one that the configuration does not describe.
    """
    settings = config.generator
    return fingerprint(
        {
            "version": _VERSION,
            "embedder": embedder,
            "reader": {
                "kind": generator or settings.kind.value,
                "model": model_identity(settings.model),
                "adapter": model_identity(settings.adapter),
                "context_tokens": settings.context_tokens,
                "max_sentences": settings.max_sentences,
            },
            "reads": reader_identity(config.grounding.reader),
            "verifier": model_identity(config.grounding.verifier),
            "min_support": config.grounding.min_support,
        }
    )


def reader_identity(model: str) -> str:
    """Identifies a reader model: the packaged one by its changes to MiniLM."""
    return file_sha256(READER.changes)[:16] if model == PACKAGED else model_identity(model)


@cache
def _packaged() -> dict[str, Calibration]:
    content = json.loads(PACKAGED_CALIBRATIONS.read_text(encoding="utf-8"))
    return {key: Calibration.from_json(one) for key, one in content.items()}


def packaged(with_reader: bool = True) -> Calibration:
    """The calibration of the packaged embedder, with the reader model or with rules alone."""
    return [*_packaged().values()][0 if with_reader else 1]


def load_calibration(directory: Path, key: str) -> Calibration | None:
    """The calibration with a key that is kept with an index, else the packaged one with it."""
    return _kept(directory).get(key) or _packaged().get(key)


def save_calibration(directory: Path, calibration: Calibration) -> None:
    """Keep a calibration with an index, beside those of other readers."""
    write_calibrations(directory / CALIBRATIONS, [*_kept(directory).values(), calibration])


def write_calibrations(path: Path, calibrations: Sequence[Calibration]) -> None:
    """Write calibrations into a file; of several with one key the last stays."""
    content = {one.key: asdict(one) for one in calibrations}
    atomic_write(path, json.dumps(content) + "\n")


def _kept(directory: Path) -> dict[str, Calibration]:
    path = directory / CALIBRATIONS
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {key: Calibration.from_json(one) for key, one in content.items()}
    except (
        OSError, ValueError, TypeError, AttributeError, OverflowError, RecursionError,
    ) as error:  # fmt: skip
        raise ConfigError(
            f"{path} cannot be read ({error}); delete it, or calibrate again: "
            "python -m medrag.evaluate evaluation.calibrate=true"
        ) from error
