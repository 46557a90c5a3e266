"""`embedder` and `cache`: what turns text into vectors, and where vectors are cached."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .checks import at_least, coerce_enums, key_env, positive, require


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


class EmbedderKind(StrEnum):
    """Where text becomes vectors: on this machine, or on a server with one of two interfaces."""

    local = "local"
    openai = "openai"  # any server with OpenAI's /v1/embeddings
    cohere = "cohere"  # Cohere's /v2/embed


@dataclass
class EmbedderConfig:
    """Which model turns text into vectors."""

    # local: a folder or a hub id; empty: the MiniLM that is installed with medrag.
    # openai, cohere: the model's name on the server.
    model: str = ""
    device: Device = Device.auto
    backend: Backend = Backend.auto
    precision: Precision = Precision.auto
    # Tokens in a forward pass, padding included, or in a request; 0: what suits the backend.
    batch_tokens: int = 0
    kind: EmbedderKind = EmbedderKind.local
    # The settings below are for openai and cohere.
    base_url: str = ""  # e.g. http://localhost:8000/v1; empty: the provider's own
    api_key_env: str = ""  # variable that holds the key; empty: OPENAI_API_KEY or CO_API_KEY
    dimension: int = 0  # length of the vectors to ask for; 0: the model's own
    max_tokens: int = 0  # tokens that the model reads of a text; 0: 512
    timeout_s: float = 60.0  # seconds for one request, retries included
    concurrency: int = 4  # requests in flight at once

    def __post_init__(self) -> None:
        coerce_enums(self)
        at_least(0, "embedder", self, "batch_tokens", "dimension", "max_tokens")
        at_least(1, "embedder", self, "concurrency")
        positive("embedder", self, "timeout_s")
        named = self.kind == EmbedderKind.local or bool(self.model)
        fix = f"give the name of a model, which embedder.kind={self.kind.value} needs"
        require(named, "embedder.model", self.model, fix)
        scheme, _, rest = self.base_url.partition("://")
        require(
            not self.base_url or (scheme in ("http", "https") and "@" not in rest),
            "embedder.base_url",
            f"{scheme[:8]}…",  # the rest may hold a password
            "give an address like http://HOST/v1; the key goes into an environment variable, and "
            "embedder.api_key_env names it",
        )
        require(
            not self.base_url or self.kind != EmbedderKind.local,
            "embedder.base_url",
            self.base_url,
            "it also needs embedder.kind=openai or embedder.kind=cohere",
        )
        key_env("embedder.api_key_env", self.api_key_env)
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
    """Where vectors are cached for all indexes, and how many answers a pipeline remembers."""

    # A file on a local disk ("~/.cache" is $XDG_CACHE_HOME if that is set); redis://, rediss:// or
    # unix:// for a Redis server; "" for no cache. To keep a password out of run records, write
    # redis://:${oc.env:REDIS_PASSWORD}@HOST.
    embeddings: str = "~/.cache/medrag/embeddings.sqlite"
    # Size limit of the file in gigabytes (1e9 bytes); the least recently used vectors are removed
    # first. Redis has its own limit, `maxmemory`.
    max_gb: float = 2.0
    answers: int = 256  # answers that a pipeline remembers while the index stays; 0: none

    def __post_init__(self) -> None:
        at_least(0, "cache", self, "answers")
        scheme, separator, _ = self.embeddings.partition("://")
        # The error shows only the scheme: a password may follow it.
        require(
            not separator or scheme in ("redis", "rediss", "unix"),
            "cache.embeddings",
            scheme + separator,
            "give a file, or redis://, rediss:// or unix:// for a Redis server, or ''",
        )
        positive("cache", self, "max_gb")
