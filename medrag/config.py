"""Every setting and its default, once, with its unit. Plain dataclasses; nothing here acts.

The same tree serves Python (`PipelineConfig(index=IndexConfig(dir="…"))`) and the shell
(`index.dir=…`), where Hydra uses `Config` as the schema.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import get_type_hints

from .errors import ConfigError


def _coerce_enums(config: object) -> None:
    """Turn plain strings, as people write them in Python, into the enums the fields declare."""
    for name, kind in get_type_hints(type(config)).items():
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            value = getattr(config, name)
            try:
                setattr(config, name, kind(value))
            except ValueError:
                raise ConfigError(
                    f"{type(config).__name__}.{name}={value!r} cannot be used: "
                    f"give one of {', '.join(kind)}"
                ) from None


def _require(condition: bool, name: str, value: object, mend: str) -> None:
    if not condition:
        raise ConfigError(f"{name}={value!r} cannot be used: {mend}")


class GeneratorKind(StrEnum):
    """Who writes the answer."""

    extractive = "extractive"
    hf = "hf"
    openai = "openai"


class RetrieverMode(StrEnum):
    """Which side of the index is searched."""

    dense = "dense"
    lexical = "lexical"
    hybrid = "hybrid"


class IndexKind(StrEnum):
    """Which FAISS structure holds the vectors; `auto` goes by how many there are."""

    auto = "auto"
    flat = "flat"  # exact
    hnsw = "hnsw"  # a graph over all vectors
    ivfpq = "ivfpq"  # compressed, ranked again by the vectors of the store


class Device(StrEnum):
    """Where a model runs; `auto` takes a GPU if there is one."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class Precision(StrEnum):
    """Number format of a model's forward pass; `auto` takes the fastest that the machine has."""

    auto = "auto"
    fp32 = "fp32"
    bf16 = "bf16"
    fp16 = "fp16"
    int8 = "int8"


class Backend(StrEnum):
    """What runs the embedder; `auto` is torch on a GPU, and on a CPU what is fastest there."""

    auto = "auto"
    onnxruntime = "onnxruntime"
    openvino = "openvino"
    torch = "torch"


class EmbedderKind(StrEnum):
    """Where text becomes vectors: on this machine, or on a server with one of two interfaces."""

    local = "local"
    openai = "openai"  # any server with OpenAI's /v1/embeddings
    cohere = "cohere"  # Cohere's /v2/embed


class TrainTarget(StrEnum):
    """Which half of the pair `medrag.train` tunes."""

    generator = "generator"
    retriever = "retriever"


class WandbMode(StrEnum):
    """`auto` is online with a key and offline without one."""

    auto = "auto"
    online = "online"
    offline = "offline"
    disabled = "disabled"


def _at_least(minimum: float, group: str, config: object, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        _require(value >= minimum, f"{group}.{name}", value, f"give {minimum:g} or more")


@dataclass
class FieldsConfig:
    """Names of the JSONL and CSV fields; an empty name means the usual ones are tried in turn."""

    text: str = ""  # else text, contents, abstract, body
    title: str = ""  # else title
    id: str = ""  # else id, _id, pmid
    url: str = ""  # else url


@dataclass
class CorpusConfig:
    """What is read."""

    paths: list[str] = field(default_factory=list)  # files, directories or https:// URLs
    fields: FieldsConfig = field(default_factory=FieldsConfig)
    strict: bool = False  # True: the first unusable document is an error
    max_document_mb: int = 200  # megabytes a single PDF, DOCX or HTML file may have
    max_archive_mb: int = 20_000  # megabytes the files in a .zip or .tar may have together
    workers: int = 0  # processes that parse; 0: one for each CPU core but one, 8 at most
    max_parser_mb: int = 1024  # megabytes one of them may take for a document; needs Linux
    max_parser_seconds: float = 120.0  # the longest it may go without giving anything

    def __post_init__(self) -> None:
        given: object = self.paths  # from Python it may be anything
        _require(
            not isinstance(given, str) and all(str(path) for path in self.paths),
            "corpus.paths",
            self.paths,
            "give a list of files, directories or URLs",
        )
        _at_least(1, "corpus", self, "max_document_mb", "max_archive_mb")
        _at_least(0, "corpus", self, "workers")
        _at_least(64, "corpus", self, "max_parser_mb")
        _require(
            self.max_parser_seconds > 0,
            "corpus.max_parser_seconds",
            self.max_parser_seconds,
            "give seconds above 0",
        )


@dataclass
class ChunkingConfig:
    """How cleaned text becomes chunks."""

    max_tokens: int = 256  # embedder tokens, title and special tokens counted in

    def __post_init__(self) -> None:
        _at_least(32, "chunking", self, "max_tokens")


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
        _coerce_enums(self)
        _at_least(0, "embedder", self, "batch_tokens", "dimension", "max_tokens")
        _at_least(1, "embedder", self, "concurrency")
        _require(self.timeout_s > 0, "embedder.timeout_s", self.timeout_s, "give seconds above 0")
        _require(
            self.kind == EmbedderKind.local or bool(self.model),
            "embedder.model",
            self.model,
            f"embedder.kind={self.kind.value} needs the name of a model",
        )
        scheme, _, rest = self.base_url.partition("://")
        _require(
            not self.base_url or (scheme in ("http", "https") and "@" not in rest),
            "embedder.base_url",
            f"{scheme[:8]}…",  # the rest may hold a password
            "give http(s)://HOST/PATH, and the key by embedder.api_key_env",
        )
        formats = _PRECISIONS.get(self.backend, tuple(Precision))
        right = self.precision == Precision.auto or self.precision in formats
        what = f"embedder.backend={self.backend.value}"
        said = f"{what} computes in {' or '.join(formats)}"
        _require(right, "embedder.precision", self.precision.value, said)
        if self.precision == Precision.int8:
            what = "embedder.precision=int8"
        if self.precision == Precision.int8 or self.backend in (
            Backend.onnxruntime,
            Backend.openvino,
        ):
            right = self.device != Device.cuda
            _require(right, "embedder.device", "cuda", f"{what} is for a CPU")


_PRECISIONS = {
    Backend.onnxruntime: (Precision.int8,),
    Backend.openvino: (Precision.fp32, Precision.bf16),
    Backend.torch: (Precision.fp32, Precision.bf16, Precision.fp16),
}


@dataclass
class CacheConfig:
    """Where vectors are kept for every index, so that no text is embedded twice."""

    # A file on a local disk ("~/.cache" is $XDG_CACHE_HOME where that is set), or redis://,
    # rediss:// or unix:// for a Redis server, or "" for no cache. A password stays out of the
    # records of runs as redis://:${oc.env:REDIS_PASSWORD}@HOST.
    embeddings: str = "~/.cache/medrag/embeddings.sqlite"
    # Gigabytes (1e9 bytes) the file may have; what went unused the longest goes first. Redis has
    # its own bound, `maxmemory`.
    max_gb: float = 2.0

    def __post_init__(self) -> None:
        scheme, separator, _ = self.embeddings.partition("://")
        # Only the scheme is shown: there may be a password behind it.
        _require(
            not separator or scheme in ("redis", "rediss", "unix"),
            "cache.embeddings",
            scheme + separator,
            "give a file, or redis://, rediss:// or unix:// for a Redis server, or ''",
        )
        right = math.isfinite(self.max_gb) and self.max_gb > 0
        _require(right, "cache.max_gb", self.max_gb, "give gigabytes above 0")


@dataclass
class IndexConfig:
    """Where the index lies and what it is made of."""

    dir: str = "outputs/index"
    kind: IndexKind = IndexKind.auto
    rebuild: bool = False  # True: replace an index made with other settings, or damaged

    def __post_init__(self) -> None:
        _coerce_enums(self)


@dataclass
class RetrieverConfig:
    """How hits are found."""

    mode: RetrieverMode = RetrieverMode.hybrid
    k: int = 5  # hits returned
    candidates: int = 50  # hits taken from each side before fusion
    dense_weight: float = 0.9  # share of the dense side, 0..1; measured: docs/benchmarks.md

    def __post_init__(self) -> None:
        _coerce_enums(self)
        _at_least(1, "retriever", self, "k", "candidates")
        _require(
            0.0 <= self.dense_weight <= 1.0,
            "retriever.dense_weight",
            self.dense_weight,
            "give a share between 0 and 1",
        )


@dataclass
class GeneratorConfig:
    """Who writes the answer, and within which limits."""

    kind: GeneratorKind = GeneratorKind.extractive
    model: str = ""  # hf: folder or hub id of the base model; openai: the model's name
    adapter: str = ""  # hf: folder of a LoRA adapter made by `medrag.train`
    load_in_4bit: bool = True  # hf: NF4 where a GPU is present; full precision on a CPU
    # Prompt budget, counted in the embedder's tokens: dataset and every generator see one prompt.
    context_tokens: int = 1536
    max_new_tokens: int = 256  # answer budget, in the generator's tokens
    max_sentences: int = 2  # extractive: sentences in an answer
    base_url: str = ""  # openai: e.g. http://localhost:8000/v1
    api_key_env: str = "OPENAI_API_KEY"  # openai: environment variable that holds the key
    timeout_s: float = 60.0  # openai: seconds for one answer, retries included

    def __post_init__(self) -> None:
        _coerce_enums(self)
        _at_least(1, "generator", self, "max_new_tokens", "max_sentences")
        _at_least(128, "generator", self, "context_tokens")
        _require(self.timeout_s > 0, "generator.timeout_s", self.timeout_s, "give seconds above 0")


@dataclass
class GroundingConfig:
    """When an answer counts as supported."""

    min_confidence: float = 0.4  # below it the pipeline abstains, 0..1
    min_support: float = 0.5  # share of a generated statement's terms its source must hold, 0..1

    def __post_init__(self) -> None:
        for name in ("min_confidence", "min_support"):
            value = getattr(self, name)
            _require(0.0 <= value <= 1.0, f"grounding.{name}", value, "give a number in 0..1")


@dataclass
class PipelineConfig:
    """Everything `RAGPipeline` and `build_index` need."""

    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    chunking: ChunkingConfig = field(default_factory=ChunkingConfig)
    embedder: EmbedderConfig = field(default_factory=EmbedderConfig)
    cache: CacheConfig = field(default_factory=CacheConfig)
    index: IndexConfig = field(default_factory=IndexConfig)
    retriever: RetrieverConfig = field(default_factory=RetrieverConfig)
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    grounding: GroundingConfig = field(default_factory=GroundingConfig)


@dataclass
class DatasetFieldsConfig:
    """Names of the fields in a question file; empty means the usual ones are tried in turn."""

    question: str = ""  # else question, text
    answer: str = ""  # else answer
    documents: str = ""  # else documents, document
    id: str = ""  # else id, _id


@dataclass
class DatasetConfig:
    """How a QA dataset is built; contexts come as `retriever` and `generator` say."""

    questions: str = "samples/questions.jsonl"
    dir: str = "outputs/dataset"
    fields: DatasetFieldsConfig = field(default_factory=DatasetFieldsConfig)
    validation_share: float = 0.1  # of the questions, 0..1
    test_share: float = 0.2  # of the questions, 0..1
    seed: int = 13

    def __post_init__(self) -> None:
        shares = self.validation_share + self.test_share
        _require(
            self.validation_share >= 0 and self.test_share >= 0 and shares < 1,
            "dataset.validation_share + dataset.test_share",
            shares,
            "give two shares ≥ 0 that leave room for training rows (sum below 1)",
        )


@dataclass
class TinyModelConfig:
    """Shape of the small Mistral-architecture model that the dry run trains from scratch."""

    vocab_size: int = 4096
    hidden_size: int = 256
    intermediate_size: int = 512
    layers: int = 4
    heads: int = 8
    kv_heads: int = 4

    def __post_init__(self) -> None:
        for name in ("vocab_size", "hidden_size", "intermediate_size", "layers", "heads"):
            value = getattr(self, name)
            _require(value >= 1, f"finetune.tiny.{name}", value, "give 1 or more")
        _require(
            self.hidden_size % (2 * self.heads) == 0,
            "finetune.tiny.hidden_size",
            self.hidden_size,
            f"give a multiple of twice the heads ({2 * self.heads})",
        )
        _require(
            self.kv_heads >= 1 and self.heads % self.kv_heads == 0,
            "finetune.tiny.kv_heads",
            self.kv_heads,
            f"give a divisor of the heads ({self.heads})",
        )


@dataclass
class FineTuneConfig:
    """A QLoRA run. The method: Dettmers et al. 2023, "QLoRA", arXiv:2305.14314."""

    base_model: str = "mistralai/Mistral-7B-Instruct-v0.2"  # folder or hub id; "tiny": dry run
    dataset: str = "outputs/dataset"
    dir: str = "outputs/models/adapter"
    device: Device = Device.cuda  # qlora needs a GPU; the dry run says cpu
    lora_r: int = 16
    lora_alpha: int = 32
    lora_dropout: float = 0.05
    double_quant: bool = True
    max_length: int = 2048  # tokens of one training row; longer rows are refused, never cut
    batch_size: int = 4  # rows per forward pass
    gradient_accumulation: int = 4  # forward passes per optimiser step
    learning_rate: float = 2e-4
    warmup_steps: int = 10
    epochs: float = 2.0
    max_steps: int = -1  # optimiser steps; -1: as many as `epochs` takes
    eval_steps: int = 50  # optimiser steps between validation losses
    logging_steps: int = 5
    gradient_checkpointing: bool = True
    seed: int = 13
    tiny: TinyModelConfig = field(default_factory=TinyModelConfig)

    def __post_init__(self) -> None:
        _coerce_enums(self)
        counts = ("lora_r", "lora_alpha", "batch_size", "gradient_accumulation", "max_length")
        _at_least(1, "finetune", self, *counts, "eval_steps", "logging_steps")
        _at_least(0, "finetune", self, "warmup_steps", "lora_dropout")
        _require(
            self.lora_dropout < 1,
            "finetune.lora_dropout",
            self.lora_dropout,
            "give a share below 1",
        )
        _require(
            self.max_steps == -1 or self.max_steps >= 1,
            "finetune.max_steps",
            self.max_steps,
            "give -1 (all epochs) or 1 and more",
        )
        for name in ("epochs", "learning_rate"):
            value = getattr(self, name)
            right = math.isfinite(value) and value > 0
            _require(right, f"finetune.{name}", value, "give a positive number")


@dataclass
class RetrieverTuneConfig:
    """Contrastive tuning of the retriever's encoder."""

    base_model: str = ""  # folder or hub id; empty: the MiniLM that is installed with medrag
    dataset: str = "outputs/dataset"
    dir: str = "outputs/models/retriever"
    device: Device = Device.auto
    batch_size: int = 64  # pairs per step; each question has the others' passages as negatives
    max_length: int = 160  # tokens of a passage that training sees; the saved model keeps its own
    learning_rate: float = 2e-5
    epochs: float = 1.0
    max_steps: int = -1  # optimiser steps; -1: as many as `epochs` takes
    seed: int = 13

    def __post_init__(self) -> None:
        _coerce_enums(self)
        _require(
            self.batch_size >= 2,
            "retriever_tuning.batch_size",
            self.batch_size,
            "give 2 or more: a question needs another one's passage to tell its own from",
        )


@dataclass
class EvaluationConfig:
    """A run over a question set."""

    questions: str = "samples/questions.jsonl"
    dir: str = "outputs/evaluation"
    fields: DatasetFieldsConfig = field(default_factory=DatasetFieldsConfig)
    ks: list[int] = field(default_factory=lambda: [1, 3, 5, 10])  # cut-offs of recall@k
    limit: int = 0  # questions evaluated, from the start of the file; 0: all

    def __post_init__(self) -> None:
        _at_least(0, "evaluation", self, "limit")
        right = bool(self.ks) and min(self.ks) >= 1
        _require(right, "evaluation.ks", self.ks, "give cut-offs of 1 or more")


@dataclass
class TrackingConfig:
    """Where runs are compared."""

    wandb: WandbMode = WandbMode.auto
    project: str = "medrag"
    dir: str = "outputs/runs"
    group: str = ""  # runs that belong together

    def __post_init__(self) -> None:
        _coerce_enums(self)


@dataclass
class Config(PipelineConfig):
    """The Hydra root: the pipeline's settings and those of the other stages."""

    dataset: DatasetConfig = field(default_factory=DatasetConfig)
    train: TrainTarget = (
        TrainTarget.generator
    )  # generator: `finetune`, retriever: `retriever_tuning`
    finetune: FineTuneConfig = field(default_factory=FineTuneConfig)
    retriever_tuning: RetrieverTuneConfig = field(default_factory=RetrieverTuneConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)

    def __post_init__(self) -> None:
        _coerce_enums(self)
