"""Run an encoder with OpenVINO: the fastest on a CPU, and light, for it needs no torch."""

from __future__ import annotations

import sys
import textwrap
import threading
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ...config import Precision
from ...errors import ModelError
from .choosing import Choice
from .conversion import converted


class OpenVinoEncoder:
    """A model that was converted once, with pooling and normalisation in it (see `Encoder`)."""

    def __init__(self, folder: Path, pooling: str, weights: str, chosen: Choice) -> None:
        openvino = import_openvino()
        path = converted(folder, pooling, weights, chosen.backend)
        settings = {
            "PERFORMANCE_HINT": "LATENCY",  # one pass at a time, on all cores
            "INFERENCE_PRECISION_HINT": "bf16" if chosen.precision == Precision.bf16 else "f32",
            "ENABLE_CPU_PINNING": False,  # other processes want the cores, too
        }
        try:
            compiled = openvino.Core().compile_model(path, "CPU", settings)
        except RuntimeError as error:
            reason = textwrap.shorten(str(error), 300, placeholder=" …")
            raise ModelError(f"OpenVINO cannot load {path}: {reason}") from error
        self.chosen = chosen
        self._request = compiled.create_infer_request()
        self._output = compiled.output(0)
        self._lock = threading.Lock()

    def encode(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """See `Encoder.encode`."""
        with self._lock:  # a request serves one thread at a time
            vectors: NDArray[np.float32] = self._request.infer([ids, mask])[self._output]
        return vectors


def import_openvino() -> Any:
    """The package, kept from sending usage data: it would do so when it is imported.

    Raises:
        ModelError: it is not installed or cannot be loaded here.
    """
    # Without the sender it takes its own stub in its place.
    sys.modules.setdefault("openvino_telemetry", cast(ModuleType, None))
    try:
        import openvino
    except (ImportError, OSError) as error:
        raise ModelError(f"OpenVINO cannot be loaded ({error})") from error
    return openvino
