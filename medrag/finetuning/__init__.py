"""Fine-tuning: preflight checks, QLoRA for the generator, contrastive tuning for the retriever.

Importing this loads no model library; calling its functions does.
"""

from __future__ import annotations

from .generator import TrainingResult, train_generator
from .preflight import MemoryEstimate, estimate_memory, preflight
from .retriever import RetrieverResult, train_retriever
from .tiny import TINY, build_tiny_model

__all__ = [
    "TINY",
    "MemoryEstimate",
    "RetrieverResult",
    "TrainingResult",
    "build_tiny_model",
    "estimate_memory",
    "preflight",
    "train_generator",
    "train_retriever",
]
