"""From medical documents to grounded, cited answers. Importing medrag loads no model library."""

from __future__ import annotations

from . import interrupts as interrupts  # first: it sees to Ctrl-C during the imports below

# isort: split
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
from .types import Answer, AnswerSentence, Chunk, Citation, Document, Example, Hit, Support

if TYPE_CHECKING:
    from .grounding import check_support
    from .pipeline import RAGPipeline

__version__ = "0.1.0"

__all__ = [
    "Answer", "AnswerSentence", "CacheConfig", "Chunk", "ChunkingConfig", "Citation",
    "CorpusConfig", "DatasetConfig", "Document", "EmbedderConfig", "EvaluationConfig", "Example",
    "FieldsConfig", "FineTuneConfig", "GeneratorConfig", "GroundingConfig", "Hit", "IndexConfig",
    "MedragError", "PipelineConfig", "RAGPipeline", "RetrieverConfig", "Support",
    "TrackingConfig", "__version__", "check_support",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    # These load NumPy and more, so they are imported on first use.
    if name == "RAGPipeline":
        return import_module(".pipeline", __name__).RAGPipeline
    if name == "check_support":
        return import_module(".grounding", __name__).check_support
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
