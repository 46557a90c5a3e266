"""Choose backend, device and precision by what the machine has; docs/lab-log.md has why."""

from __future__ import annotations

import platform
from dataclasses import dataclass

from ...config import Backend, Device, EmbedderConfig, Precision
from ...errors import ModelError
from ...hardware import cpu_has_bf16, has_gpu_driver


@dataclass(frozen=True, slots=True)
class Choice:
    """How the model is run.

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


def choose(config: EmbedderConfig) -> Choice:
    """Fill in what the configuration leaves to the machine.

    Raises:
        ModelError: a GPU is asked for and there is none; or bf16 of OpenVINO, on a CPU without it.
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
            auto = config.precision == Precision.auto
            precision = _gpu_precision() if auto else config.precision
            return Choice(Backend.torch, Device.cuda, precision, "a GPU is there")
    # On ARM, OpenVINO in bf16 is unmeasured; int8 is the choice there.
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
    # OpenVINO has no fp16 on most CPUs, and takes fp32 without a word where the CPU has no bf16.
    # Torch has both everywhere, slow as they are.
    without = precision == Precision.fp16 or (precision == Precision.bf16 and not fast_bf16)
    backend = config.backend
    if backend == Backend.auto:
        backend = Backend.torch if without else Backend.openvino
    if backend == Backend.openvino and without:
        raise ModelError(
            "embedder.precision=bf16, but this CPU has no instructions for it and OpenVINO would "
            "take fp32; use embedder.precision=auto, or embedder.backend=torch"
        )
    return Choice(backend, Device.cpu, precision, why)


def _sees_gpu() -> bool:
    if not has_gpu_driver():  # importing torch takes seconds
        return False
    import torch

    return bool(torch.cuda.is_available())


def _gpu_precision() -> Precision:
    import torch

    native = torch.cuda.is_bf16_supported(including_emulation=False)
    return Precision.bf16 if native else Precision.fp16
