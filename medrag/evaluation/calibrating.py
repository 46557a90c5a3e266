"""Fit the confidence on a user's questions: one half to fit, the other half to report on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ..config import Config
from ..dataset import split_by_document
from ..grounding.calibration import (
    Calibration,
    calibration_key,
    fit_calibration,
    save_calibration,
)
from ..grounding.signals import KNOWN_BEFORE
from ..pipeline import RAGPipeline
from ..types import Example
from .judgement import judge

_SEED = 13


def halves(examples: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """Two halves that share no question and no document: to fit on, and to report on."""
    splits = split_by_document(examples, 0.0, 0.5, _SEED)
    return splits["train"], splits["test"]


def calibrate(
    config: Config,
    rag: RAGPipeline,
    examples: Sequence[Example],
    advance: Callable[[float], None],
) -> Calibration:
    """Ask questions, judge the answers, and keep what they tell about the confidence.

    Questions of which nothing tells whether the answer is right are passed over. So is a question
    to which nothing could be written: there is no confidence to calibrate.

    Args:
        advance: called with 1 after each question.

    Raises:
        ConfigError: too few questions are left.
    """
    signals, right = [], []
    for example in examples:
        draft = rag.draft(example.question)
        verdict = judge(example, draft.answer)
        if verdict.right is not None and not draft.answer.abstained:
            signals.append(draft.signals)
            right.append(verdict.right)
        advance(1)
    key = calibration_key(config, rag.index.embedder.fingerprint)
    name = Path(config.evaluation.benchmark or config.evaluation.questions).name
    about = f"{len(right)} questions of {name}"
    calibration = fit_calibration(key, signals, right, about, KNOWN_BEFORE)
    save_calibration(Path(config.index.dir), calibration)
    return calibration
