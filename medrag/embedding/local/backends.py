"""The three ways to run an encoder: ONNX Runtime in int8, OpenVINO, and torch."""

from __future__ import annotations

import ctypes
import os
import sys
import textwrap
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from ...config import Backend, Device, Precision
from ...errors import ModelError
from ...hardware import usable_cores

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Choice:
    """How a model is run.

    Attributes:
        backend, precision: never `auto`.
        device: "cpu" or "cuda".
        why: one clause for people.
    """

    backend: Backend
    device: Device
    precision: Precision
    why: str

    def __str__(self) -> str:
        return f"{self.backend.value} {self.precision.value} on {self.device.value} ({self.why})"


class OnnxEncoder:
    """A converted model (see `Encoder`), one text in each thread.

    ONNX Runtime's own threads are not used: they wait for each other at every multiplication.
    """

    def __init__(self, model: Path, chosen: Choice) -> None:
        self.chosen = chosen
        self._path = model
        self._session: Any = open_session(model)
        _ENCODERS.add(self)

    def encode(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        session = self._session = self._session or open_session(self._path)

        def vector(text: NDArray[np.int64]) -> NDArray[np.float32]:
            found: NDArray[np.float32] = session.run(None, {"ids": text})[0]
            return found

        lengths = mask.sum(axis=1)
        texts = [row[None, :length] for row, length in zip(ids, lengths, strict=True)]
        if len(texts) == 1:
            return vector(texts[0])
        # Threads of this call alone: a forked process would find longer-lived ones dead.
        with ThreadPoolExecutor(usable_cores(), thread_name_prefix="encoder") as threads:
            return np.concatenate(list(threads.map(vector, texts)))

    def forget_parent(self) -> None:
        """In a forked process: another thread of the parent may have held a lock of its session."""
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._session))  # freeing it may need the lock
        self._session = None


def open_session(path: Path) -> Any:
    """A graph that any thread may run.

    Raises:
        ModelError: ONNX Runtime is not installed or cannot load it.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # it would start on import
    try:
        import onnxruntime
    except (ImportError, OSError) as error:
        raise ModelError(f"ONNX Runtime cannot be loaded ({error})") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # errors
    # Higher levels fuse operations that are faster apart: see `int8_graph`.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    # Otherwise it keeps a plan for every length of text.
    options.enable_mem_pattern = False
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no narrower common class
        reason = textwrap.shorten(str(error), 300, placeholder=" …")
        raise ModelError(f"ONNX Runtime cannot load {path}: {reason}") from error


class OpenVinoEncoder:
    """A converted model that includes pooling and normalisation (see `Encoder`).

    OpenVINO does not survive a fork: its threads are gone in the child, and freeing what they
    served waits for them forever. So a forked process leaves its parent's model untouched and
    loads its own at the first text.
    """

    def __init__(self, model: Path, chosen: Choice) -> None:
        self.chosen = chosen
        self._path = model
        self._lock = threading.Lock()
        self._request = self._load()
        _ENCODERS.add(self)

    def encode(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        with self._lock:  # a request serves one thread at a time
            if self._request is None:
                self._request = self._load()
            vectors: NDArray[np.float32] = self._request.infer([ids, mask])[0]
        return vectors

    def forget_parent(self) -> None:
        """In a forked process: make sure that the parent's model is never freed here."""
        self._lock = threading.Lock()  # another thread of the parent may have held the old one
        if self._request is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._request))
            self._request = None

    def _load(self) -> Any:
        """Compile the model; returns its one request."""
        bf16 = self.chosen.precision == Precision.bf16
        settings = {
            "PERFORMANCE_HINT": "LATENCY",  # one pass at a time, on all cores
            "INFERENCE_PRECISION_HINT": "bf16" if bf16 else "f32",
            "ENABLE_CPU_PINNING": False,  # other processes need the cores too
        }
        try:
            compiled = import_openvino().Core().compile_model(self._path, "CPU", settings)
        except RuntimeError as error:
            reason = textwrap.shorten(str(error), 300, placeholder=" …")
            raise ModelError(f"OpenVINO cannot load {self._path}: {reason}") from error
        return compiled.create_infer_request()


_ENCODERS: weakref.WeakSet[OnnxEncoder | OpenVinoEncoder] = weakref.WeakSet()


def _forget_parents() -> None:
    for encoder in list(_ENCODERS):
        encoder.forget_parent()


os.register_at_fork(after_in_child=_forget_parents)


def import_openvino() -> Any:
    """The package, with telemetry off; it would start on import.

    Raises:
        ModelError: it is not installed or cannot be loaded here.
    """
    # Without the telemetry package, OpenVINO uses a stub of its own.
    sys.modules.setdefault("openvino_telemetry", cast(ModuleType, None))
    try:
        import openvino
    except (ImportError, OSError) as error:
        raise ModelError(f"OpenVINO cannot be loaded ({error})") from error
    return openvino


class TorchEncoder:
    """A transformers model, followed by pooling and normalisation (see `Encoder`)."""

    def __init__(self, folder: Path, pooling: str, chosen: Choice) -> None:
        import torch

        self.chosen = chosen
        self._pooling = pooling
        dtypes = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
        self._model = load_model(folder, dtypes[chosen.precision]).to(chosen.device.value)
        self._process = os.getpid()

    def encode(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        import torch

        if self._model.device.type == "cuda" and self._process != os.getpid():
            raise ModelError(
                "the embedder was loaded on a GPU before this process was forked, and CUDA does "
                "not work after a fork; start processes with the method 'spawn'"
            )
        on_device = [torch.from_numpy(values).to(self._model.device) for values in (ids, mask)]
        with torch.inference_mode():
            vectors = pooled(self._model, self._pooling, *on_device)
        result: NDArray[np.float32] = vectors.cpu().numpy()
        return result


def _use_one_thread() -> None:
    """In a forked process: OpenMP's threads are gone, and a parallel loop would wait for them."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


os.register_at_fork(after_in_child=_use_one_thread)


def load_model(folder: Path, dtype: torch.dtype) -> Any:
    """The transformers model in a folder, for inference.

    Raises:
        ModelError: it is not an encoder, or weights are missing.
    """
    import transformers

    transformers.utils.logging.disable_progress_bar()  # it loads in a second
    try:
        model, found = transformers.AutoModel.from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except Exception as error:  # a folder may be wrong in any way
        reason = textwrap.shorten(str(error), 300, placeholder=" …")
        raise ModelError(f"{folder} cannot be loaded as an encoder: {reason}") from error
    # Missing weights are replaced by random numbers. The pooler is not used here.
    missing = [name for name in found["missing_keys"] if not name.startswith("pooler.")]
    if missing:
        raise ModelError(
            f"{folder} lacks {len(missing)} weights of the encoder, such as {min(missing)}; "
            "download the model again"
        )
    return model.eval()


def pooled(model: Any, pooling: str, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """One forward pass with pooling: L2-normalised float32 [n, dimension]."""
    import torch

    states = model(input_ids=ids, attention_mask=mask).last_hidden_state.float()
    if pooling == "cls":
        vectors = states[:, 0]
    else:
        weights = mask.unsqueeze(-1).float()
        vectors = (states * weights).sum(1) / weights.sum(1).clamp(min=1)
    return torch.nn.functional.normalize(vectors, dim=1)
