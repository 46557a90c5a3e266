"""Run an encoder in int8 with ONNX Runtime: the fastest on a CPU that does not multiply bf16."""

from __future__ import annotations

import os
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from ..cores import usable_cores
from .choosing import Choice
from .conversion import converted


class OnnxEncoder:
    """A model that was converted once (see `Encoder`); each thread computes one text at a time.

    Not the threads of ONNX Runtime, which wait for each other at every multiplication.
    """

    def __init__(self, folder: Path, pooling: str, weights: str, chosen: Choice) -> None:
        self.chosen = chosen
        self._session = open_session(converted(folder, pooling, weights, chosen.backend))

    def encode(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """See `Encoder.encode`."""
        lengths = mask.sum(axis=1)
        texts = [row[None, :length] for row, length in zip(ids, lengths, strict=True)]
        if len(texts) == 1:
            return self._vector(texts[0])
        # Threads of this call only: those that outlive it would be dead in a forked process.
        with ThreadPoolExecutor(usable_cores(), thread_name_prefix="encoder") as threads:
            return np.concatenate(list(threads.map(self._vector, texts)))

    def _vector(self, text: NDArray[np.int64]) -> NDArray[np.float32]:
        vector: NDArray[np.float32] = self._session.run(None, {"ids": text})[0]
        return vector


def open_session(path: Path) -> Any:
    """A graph, ready to be run in whatever thread calls.

    Raises:
        ModelError: ONNX Runtime is not installed or cannot load it.
    """
    onnxruntime = _import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # errors
    # More would fuse what is faster apart: see `quantising`.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    # It would keep a plan for every length of text that it has met.
    options.enable_mem_pattern = False
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no common class but this
        reason = textwrap.shorten(str(error), 300, placeholder=" …")
        raise ModelError(f"ONNX Runtime cannot load {path}: {reason}") from error


def _import_onnxruntime() -> Any:
    """The package, kept from sending usage data: it would begin when it is imported."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    try:
        import onnxruntime
    except (ImportError, OSError) as error:
        raise ModelError(f"ONNX Runtime cannot be loaded ({error})") from error
    return onnxruntime
