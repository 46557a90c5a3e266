"""Fit the confidence on a user's questions: one half to fit, the other half to report on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..config import Config
from ..dataset import split_by_document
from ..errors import ConfigError
from ..grounding.calibration import (
    Calibration,
    calibration_key,
    fit_calibration,
    save_calibration,
)
from ..grounding.signals import EITHER_WAY, KNOWN_BEFORE
from ..types import Example
from .records import Record

_SEED = 13


def halves(examples: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """Two halves that share no question and no document: to fit on, and to report on.

    Raises:
        ConfigError: all questions are about the same documents.
    """
    splits = split_by_document(examples, 0.0, 0.5, _SEED)
    if not splits["train"] or not splits["test"]:
        raise ConfigError(
            f"evaluation: the {len(examples)} questions cannot be halved so that no "
            "document is in both halves; give more questions about more documents"
        )
    return splits["train"], splits["test"]


def calibrate(config: Config, embedder: str, records: Sequence[Record]) -> Calibration:
    """Fit the confidence on what became of some questions, and keep it with the index.

    Questions of which nothing tells whether the answer is right are passed over. So is a question
    to which nothing could be written: there is no confidence to calibrate.

    Args:
        embedder: fingerprint of the embedder.
        records: of the system that is configured.

    Raises:
        ConfigError: too few questions are left.
    """
    judged = [one for one in records if one.draft_right is not None and one.draft]
    signals, right = [one.signals for one in judged], [one.draft_right is True for one in judged]
    key = calibration_key(config, embedder)
    name = Path(config.evaluation.benchmark or config.evaluation.questions).name
    about = f"{len(right)} questions of {name}"
    calibration = fit_calibration(key, signals, right, about, KNOWN_BEFORE, EITHER_WAY)
    save_calibration(Path(config.index.dir), calibration)
    return calibration
