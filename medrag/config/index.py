"""`index` and `retriever`: where the index is, and how it is searched."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .checks import at_least, coerce_enums, share


class IndexKind(StrEnum):
    """Which FAISS structure holds the vectors; `auto` decides by their number."""

    auto = "auto"
    flat = "flat"  # exact
    hnsw = "hnsw"  # a graph over all vectors
    ivfpq = "ivfpq"  # compressed; the best are reranked with exact vectors


class RetrieverMode(StrEnum):
    """Which part of the index is searched: vectors, words, or both."""

    dense = "dense"
    lexical = "lexical"
    hybrid = "hybrid"


@dataclass
class IndexConfig:
    """Where the index is, and what kind."""

    dir: str = "outputs/index"
    kind: IndexKind = IndexKind.auto
    rebuild: bool = False  # True: replace a damaged index, or one made with other settings

    def __post_init__(self) -> None:
        coerce_enums(self)


@dataclass
class RetrieverConfig:
    """How many hits are found, and how they are ranked."""

    mode: RetrieverMode = RetrieverMode.hybrid
    k: int = 5  # hits returned
    candidates: int = 50  # hits taken from vectors and from words before fusion
    dense_weight: float = 0.9  # weight of vectors in fusion, 0..1; see docs/benchmarks.md

    def __post_init__(self) -> None:
        coerce_enums(self)
        at_least(1, "retriever", self, "k", "candidates")
        share("retriever", self, "dense_weight")
