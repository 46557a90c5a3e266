"""`embedder` and `cache`: what turns text into vectors, and where vectors are cached."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from .checks import at_least, coerce_enums, require


class Device(StrEnum):
    """Where a model runs; `auto` is the GPU if there is one."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class Precision(StrEnum):
    """Number format of a forward pass; `auto` is the fastest on this machine."""

    auto = "auto"
    fp32 = "fp32"
    bf16 = "bf16"
    fp16 = "fp16"
    int8 = "int8"


class Backend(StrEnum):
    """What runs the embedder; `auto` is torch on a GPU, and the fastest one on a CPU."""

    auto = "auto"
    onnxruntime = "onnxruntime"
    openvino = "openvino"
    torch = "torch"


@dataclass
class EmbedderConfig:
    """Which model turns text into vectors."""

    model: str = ""  # a folder or a hub id; empty: the MiniLM that is installed with medrag
    device: Device = Device.auto
    backend: Backend = Backend.auto
    precision: Precision = Precision.auto
    batch_tokens: int = 0  # tokens a forward pass, padding counted in; 0: what suits the backend

    def __post_init__(self) -> None:
        coerce_enums(self)
        at_least(0, "embedder", self, "batch_tokens")
        formats = _PRECISIONS.get(self.backend, tuple(Precision))
        right = self.precision == Precision.auto or self.precision in formats
        what = f"embedder.backend={self.backend.value}"
        said = f"{what} computes in {' or '.join(formats)}"
        require(right, "embedder.precision", self.precision.value, said)
        if self.precision == Precision.int8:
            what = "embedder.precision=int8"
        if self.precision == Precision.int8 or self.backend in (
            Backend.onnxruntime,
            Backend.openvino,
        ):
            right = self.device != Device.cuda
            require(right, "embedder.device", "cuda", f"{what} is for a CPU")


_PRECISIONS = {
    Backend.onnxruntime: (Precision.int8,),
    Backend.openvino: (Precision.fp32, Precision.bf16),
    Backend.torch: (Precision.fp32, Precision.bf16, Precision.fp16),
}


@dataclass
class CacheConfig:
    """Where vectors are cached for all indexes, so that no text is embedded twice."""

    # A file on a local disk ("~/.cache" is $XDG_CACHE_HOME if that is set); redis://, rediss:// or
    # unix:// for a Redis server; "" for no cache. To keep a password out of run records, write
    # redis://:${oc.env:REDIS_PASSWORD}@HOST.
    embeddings: str = "~/.cache/medrag/embeddings.sqlite"
    # Size limit of the file in gigabytes (1e9 bytes); the least recently used vectors are removed
    # first. Redis has its own limit, `maxmemory`.
    max_gb: float = 2.0

    def __post_init__(self) -> None:
        scheme, separator, _ = self.embeddings.partition("://")
        # The error shows only the scheme: a password may follow it.
        require(
            not separator or scheme in ("redis", "rediss", "unix"),
            "cache.embeddings",
            scheme + separator,
            "give a file, or redis://, rediss:// or unix:// for a Redis server, or ''",
        )
        right = math.isfinite(self.max_gb) and self.max_gb > 0
        require(right, "cache.max_gb", self.max_gb, "give gigabytes above 0")
