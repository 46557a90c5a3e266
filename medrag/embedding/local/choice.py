"""Choose backend, device and precision by what the machine has; docs/lab-log.md has why."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from ...config import Backend, Device, EmbedderConfig, Precision
from ...errors import ModelError


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
    fast_bf16 = cpu_has_fast_bf16()
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


def cpu_has_fast_bf16() -> bool:
    """True where the CPU multiplies bf16 natively; elsewhere bf16 is far slower than fp32."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def _sees_gpu() -> bool:
    # Importing torch takes seconds, and is left out where no driver is installed.
    drivers = ("/dev/nvidiactl", "/dev/kfd")
    if not (any(Path(file).exists() for file in drivers) or shutil.which("nvidia-smi")):
        return False
    import torch

    return bool(torch.cuda.is_available())


def _gpu_precision() -> Precision:
    import torch

    native = torch.cuda.is_bf16_supported(including_emulation=False)
    return Precision.bf16 if native else Precision.fp16
