"""Run an encoder with OpenVINO: the fastest on a CPU with bf16, and light: it needs no torch."""

from __future__ import annotations

import ctypes
import os
import sys
import textwrap
import threading
import weakref
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
    """A model that was converted once, with pooling and normalisation in it (see `Encoder`).

    OpenVINO does not survive a fork: its threads are gone in the child, and freeing what they
    served waits for them forever. So a forked process keeps its parent's model untouched and loads
    its own at the first text.
    """

    def __init__(self, folder: Path, pooling: str, weights: str, chosen: Choice) -> None:
        import_openvino()
        self.chosen = chosen
        self._path = converted(folder, pooling, weights, chosen.backend)
        self._loading = threading.Lock()
        self._loaded: _Loaded | None = _Loaded(self._path, chosen)
        _ENCODERS.add(self)

    def encode(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """See `Encoder.encode`."""
        with self._loading:
            if self._loaded is None:
                self._loaded = _Loaded(self._path, self.chosen)
            loaded = self._loaded
        return loaded.encode(ids, mask)

    def forget_parent(self) -> None:
        """Called in a forked process: keep the parent's model from ever being freed here."""
        self._loading = threading.Lock()  # the parent's may have been held by another thread
        if self._loaded is not None:
            self._loaded.never_free()
            self._loaded = None


class _Loaded:
    """A compiled model and the one request through which texts are sent to it."""

    def __init__(self, path: Path, chosen: Choice) -> None:
        settings = {
            "PERFORMANCE_HINT": "LATENCY",  # one pass at a time, on all cores
            "INFERENCE_PRECISION_HINT": "bf16" if chosen.precision == Precision.bf16 else "f32",
            "ENABLE_CPU_PINNING": False,  # other processes want the cores, too
        }
        try:
            compiled = import_openvino().Core().compile_model(path, "CPU", settings)
        except RuntimeError as error:
            reason = textwrap.shorten(str(error), 300, placeholder=" …")
            raise ModelError(f"OpenVINO cannot load {path}: {reason}") from error
        self._request = compiled.create_infer_request()
        self._output = compiled.output(0)
        self._lock = threading.Lock()

    def encode(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        with self._lock:  # a request serves one thread at a time
            vectors: NDArray[np.float32] = self._request.infer([ids, mask])[self._output]
        return vectors

    def never_free(self) -> None:
        for part in (self._request, self._output):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(part))


_ENCODERS: weakref.WeakSet[OpenVinoEncoder] = weakref.WeakSet()


def _forget_parents() -> None:
    for encoder in list(_ENCODERS):
        encoder.forget_parent()


os.register_at_fork(after_in_child=_forget_parents)


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
