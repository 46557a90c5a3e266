"""From a choice to a loaded encoder."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...config import Backend, Precision
from ...errors import ModelError
from .choosing import Choice
from .conversion import converted
from .onnxruntime import OnnxEncoder
from .openvino import OpenVinoEncoder
from .torch import TorchEncoder

_log = logging.getLogger(__name__)


class Encoder(Protocol):
    """A loaded model, one forward pass at a time.

    Attributes:
        chosen: how it is run.
    """

    chosen: Choice

    def encode(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """L2-normalised vectors [n, dimension] of token ids [n, width]; mask: 0 for padding."""


def or_fp32(choice: Choice, folder: Path, pooling: str, weights: str) -> Choice:
    """The choice, int8, if the model can be had in it; else fp32, with a warning."""
    try:
        converted(folder, pooling, weights, choice.backend)
    except ModelError as error:
        _log.warning("%s; going on in fp32, which is slower", error)
        why = "the model cannot be had in int8"
        return replace(choice, backend=Backend.openvino, precision=Precision.fp32, why=why)
    return choice


def open_encoder(folder: Path, pooling: str, weights: str, choice: Choice, auto: bool) -> Encoder:
    """Load the model in `folder`.

    Args:
        pooling: "mean" or "cls".
        weights: their hash.
        auto: take torch, with a warning, for a model that OpenVINO cannot run.

    Raises:
        ModelError: it cannot be loaded, or not by the backend that was asked for.
    """
    if choice.backend == Backend.onnxruntime:
        return OnnxEncoder(folder, pooling, weights, choice)
    if choice.backend == Backend.openvino:
        try:
            return OpenVinoEncoder(folder, pooling, weights, choice)
        except ModelError as error:
            if not auto:
                raise
            _log.warning("%s; going on with torch, which is slower on a CPU", error)
            choice = replace(choice, backend=Backend.torch, why="OpenVINO cannot run it here")
    return TorchEncoder(folder, pooling, choice)
