"""Every setting, with its default and its unit. Plain dataclasses: nothing here acts.

The settings are the same in Python (`PipelineConfig(index=IndexConfig(dir="…"))`) and in the shell
(`index.dir=…`), where Hydra uses `Config` as its schema.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from .checks import at_least, coerce_enums
from .corpus import ChunkingConfig, CorpusConfig, FieldsConfig, Ocr
from .dataset import (
    DatasetConfig,
    DatasetFieldsConfig,
    EvaluationConfig,
    TeacherConfig,
    Writer,
)
from .embedder import Backend, CacheConfig, Device, EmbedderConfig, EmbedderKind, Precision
from .finetuning import (
    DistilConfig,
    FineTuneConfig,
    PreferenceTuneConfig,
    RerankerTuneConfig,
    RetrieverTuneConfig,
    TinyModelConfig,
    TrainConfig,
    TrainTarget,
)
from .retrieval import (
    GeneratorConfig,
    GeneratorKind,
    GroundingConfig,
    IndexConfig,
    IndexKind,
    RetrieverConfig,
    RetrieverMode,
)

__all__ = [
    "Backend", "CacheConfig", "ChunkingConfig", "Config", "CorpusConfig", "DatasetConfig",
    "DatasetFieldsConfig", "Device", "DistilConfig", "EmbedderConfig", "EmbedderKind",
    "EvaluationConfig", "ExportConfig", "FieldsConfig", "FineTuneConfig", "GeneratorConfig",
    "GeneratorKind", "GroundingConfig", "IndexConfig", "IndexKind", "Ocr", "PipelineConfig",
    "Precision", "PreferenceTuneConfig", "RerankerTuneConfig", "RetrieverConfig", "RetrieverMode",
    "RetrieverTuneConfig", "RunsConfig", "TeacherConfig", "TinyModelConfig", "TrackingConfig",
    "TrainConfig", "TrainTarget", "WandbMode", "Writer",
]  # fmt: skip


class WandbMode(StrEnum):
    """How W&B records runs; `auto` is online if there is an API key, and offline otherwise."""

    auto = "auto"
    online = "online"
    offline = "offline"
    disabled = "disabled"


@dataclass
class TrackingConfig:
    """Where runs are recorded."""

    wandb: WandbMode = WandbMode.auto
    project: str = "medrag"
    dir: str = "outputs/runs"
    group: str = ""  # W&B group of the run
    tensorboard: bool = False  # trainings also write for TensorBoard, below `dir`/tensorboard

    def __post_init__(self) -> None:
        coerce_enums(self)


@dataclass
class ExportConfig:
    """What `medrag.export` writes."""

    dir: str = "outputs/exports"  # a folder for each model
    gguf: bool = True  # of an adapter: also a GGUF file
    device: Device = Device.auto  # on which an adapter is merged
    rows: int = 20  # validation rows, on which what the adapter is merged into is compared

    def __post_init__(self) -> None:
        coerce_enums(self)
        at_least(0, "export", self, "rows")


@dataclass
class RunsConfig:
    """Where `medrag.runs` looks for artefacts, and puts comparisons."""

    dir: str = "outputs"


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
class Config(PipelineConfig):
    """All settings: those of the pipeline and of every stage. The root of Hydra's schema."""

    dataset: DatasetConfig = field(default_factory=DatasetConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    finetune: FineTuneConfig = field(default_factory=FineTuneConfig)
    preference_tuning: PreferenceTuneConfig = field(default_factory=PreferenceTuneConfig)
    retriever_tuning: RetrieverTuneConfig = field(default_factory=RetrieverTuneConfig)
    distil: DistilConfig = field(default_factory=DistilConfig)
    reranker_tuning: RerankerTuneConfig = field(default_factory=RerankerTuneConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    runs: RunsConfig = field(default_factory=RunsConfig)
    export: ExportConfig = field(default_factory=ExportConfig)
