"""From a configuration to a loaded encoder."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...config import Backend, EmbedderConfig, Precision
from ...errors import ModelError
from .backends import OnnxEncoder, OpenVinoEncoder, TorchEncoder
from .choice import Choice, choose

_log = logging.getLogger(__name__)


class Encoder(Protocol):
    """A loaded model, one forward pass at a time.

    Attributes:
        chosen: how it is run.
    """

    chosen: Choice

    def encode(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """L2-normalised vectors [n, dimension] of token ids [n, width]; mask: 0 for padding."""


def open_encoder(folder: Path, pooling: str, weights: str, config: EmbedderConfig) -> Encoder:
    """Load the model in `folder`.

    What the configuration leaves to the machine falls back, with a warning, on what can run the
    model: from int8 on fp32, from OpenVINO on torch.

    Args:
        pooling: "mean" or "cls".
        weights: their hash.

    Raises:
        ModelError: it cannot be loaded, or not as the configuration asks for.
    """
    choice = choose(config)
    auto = config.backend == Backend.auto
    if choice.backend == Backend.onnxruntime:
        try:
            return OnnxEncoder(folder, pooling, weights, choice)
        except ModelError as error:
            if not (auto and config.precision == Precision.auto):
                raise
            _log.warning("%s; going on in fp32, which is slower", error)
            why = "the model cannot be had in int8"
            choice = Choice(Backend.openvino, choice.device, Precision.fp32, why)
    if choice.backend == Backend.openvino:
        try:
            return OpenVinoEncoder(folder, pooling, weights, choice)
        except ModelError as error:
            if not auto:
                raise
            _log.warning("%s; going on with torch, which is slower on a CPU", error)
            choice = replace(choice, backend=Backend.torch, why="OpenVINO cannot run it here")
    return TorchEncoder(folder, pooling, choice)
