"""Choose how to run an encoder on this machine, and load it; docs/lab-log.md has the reasons."""

from __future__ import annotations

import logging
import platform
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...config import Backend, Device, EmbedderConfig, Precision
from ...errors import ModelError
from ...hardware import cpu_has_bf16, has_gpu_driver
from .backends import Choice, OnnxEncoder, OpenVinoEncoder, TorchEncoder
from .conversion import converted
from .folder import ModelFolder

_log = logging.getLogger(__name__)


class Encoder(Protocol):
    """A loaded model; `encode` is one forward pass.

    Attributes:
        chosen: how it is run.
    """

    chosen: Choice

    def encode(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """L2-normalised vectors [n, dimension] of token ids [n, width]; mask: 0 for padding."""


def open_encoder(files: ModelFolder, config: EmbedderConfig) -> Encoder:
    """Load a model.

    Settings left on `auto` fall back, with a warning, to what can run the model: from int8 to
    fp32, from OpenVINO to torch.

    Raises:
        ModelError: it cannot be loaded, or not as the configuration asks.
    """
    choice = choose(config)
    auto = config.backend == Backend.auto
    if choice.backend == Backend.onnxruntime:
        try:
            return OnnxEncoder(converted(files, choice.backend), choice)
        except ModelError as error:
            if not (auto and config.precision == Precision.auto):
                raise
            _log.warning("%s; going on in fp32, which is slower", error)
            why = "the model cannot run in int8"
            choice = Choice(Backend.openvino, choice.device, Precision.fp32, why)
    if choice.backend == Backend.openvino:
        try:
            return OpenVinoEncoder(converted(files, choice.backend), choice)
        except ModelError as error:
            if not auto:
                raise
            _log.warning("%s; going on with torch, which is slower on a CPU", error)
            choice = replace(choice, backend=Backend.torch, why="OpenVINO cannot run it here")
    return TorchEncoder(files.path, files.pooling, choice)


def choose(config: EmbedderConfig) -> Choice:
    """Decide what the configuration leaves on `auto`.

    Raises:
        ModelError: the configuration asks for a GPU and there is none, or for bf16 by OpenVINO on
            a CPU without it.
    """
    for_cpu = config.precision == Precision.int8 or config.backend in (
        Backend.onnxruntime,
        Backend.openvino,
    )
    if not for_cpu and config.device != Device.cpu:
        cuda = _sees_gpu()
        if config.device == Device.cuda and not cuda:
            raise ModelError("embedder.device=cuda, but torch sees no GPU; use embedder.device=cpu")
        if cuda:
            import torch

            native = torch.cuda.is_bf16_supported(including_emulation=False)
            best = Precision.bf16 if native else Precision.fp16
            precision = best if config.precision == Precision.auto else config.precision
            return Choice(Backend.torch, Device.cuda, precision, "there is a GPU")
    # On ARM, OpenVINO in bf16 is unmeasured, so int8 is used there.
    fast_bf16 = cpu_has_bf16() and platform.machine() in ("x86_64", "AMD64")
    if config.precision != Precision.auto:
        precision, why = config.precision, "as configured"
    elif config.backend == Backend.onnxruntime:
        precision, why = Precision.int8, "as configured"
    elif fast_bf16:
        precision, why = Precision.bf16, "the CPU multiplies bf16"
    elif config.backend == Backend.auto:
        precision, why = Precision.int8, "this CPU has no bf16"
    else:
        precision, why = Precision.fp32, "this CPU has no bf16"
    if precision == Precision.int8:
        return Choice(Backend.onnxruntime, Device.cpu, precision, why)
    # On most CPUs OpenVINO has no fp16, and without bf16 instructions it silently uses fp32.
    # Torch computes both everywhere, though slowly.
    without = precision == Precision.fp16 or (precision == Precision.bf16 and not fast_bf16)
    backend = config.backend
    if backend == Backend.auto:
        backend = Backend.torch if without else Backend.openvino
    if backend == Backend.openvino and without:
        raise ModelError(
            "embedder.precision=bf16, but this CPU has no instructions for it and OpenVINO would "
            "use fp32; use embedder.precision=auto, or embedder.backend=torch"
        )
    return Choice(backend, Device.cpu, precision, why)


def _sees_gpu() -> bool:
    if not has_gpu_driver():  # importing torch takes seconds
        return False
    import torch

    return bool(torch.cuda.is_available())
