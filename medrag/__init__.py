"""From medical documents to grounded, cited answers. Importing medrag loads no model library."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .config import (
    CacheConfig,
    ChunkingConfig,
    CorpusConfig,
    DatasetConfig,
    EmbedderConfig,
    EvaluationConfig,
    FieldsConfig,
    FineTuneConfig,
    GeneratorConfig,
    GroundingConfig,
    IndexConfig,
    PipelineConfig,
    RetrieverConfig,
    TrackingConfig,
)
from .errors import MedragError
from .types import Answer, Chunk, Citation, Document, Example, Hit

if TYPE_CHECKING:
    from .pipeline import RAGPipeline

__version__ = "0.1.0"

__all__ = [
    "Answer", "CacheConfig", "Chunk", "ChunkingConfig", "Citation", "CorpusConfig",
    "DatasetConfig", "Document", "EmbedderConfig", "EvaluationConfig", "Example",
    "FieldsConfig", "FineTuneConfig", "GeneratorConfig", "GroundingConfig", "Hit",
    "IndexConfig", "MedragError", "PipelineConfig", "RAGPipeline", "RetrieverConfig",
    "TrackingConfig", "__version__",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    # RAGPipeline loads FAISS and NumPy, so it is imported on first use.
    if name == "RAGPipeline":
        return import_module(".pipeline", __name__).RAGPipeline
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
