"""`index` and `retriever`: where the index is, and how it is searched."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .checks import at_least, coerce_enums, require


class IndexKind(StrEnum):
    """Which FAISS structure holds the vectors; `auto` goes by how many there are."""

    auto = "auto"
    flat = "flat"  # exact
    hnsw = "hnsw"  # a graph over all vectors
    ivfpq = "ivfpq"  # compressed, ranked again by the vectors of the store


class RetrieverMode(StrEnum):
    """Which side of the index is searched."""

    dense = "dense"
    lexical = "lexical"
    hybrid = "hybrid"


@dataclass
class IndexConfig:
    """Where the index lies and what it is made of."""

    dir: str = "outputs/index"
    kind: IndexKind = IndexKind.auto
    rebuild: bool = False  # True: replace an index made with other settings, or damaged

    def __post_init__(self) -> None:
        coerce_enums(self)


@dataclass
class RetrieverConfig:
    """How hits are found."""

    mode: RetrieverMode = RetrieverMode.hybrid
    k: int = 5  # hits returned
    candidates: int = 50  # hits taken from each side before fusion
    dense_weight: float = 0.9  # share of the dense side, 0..1; measured: docs/benchmarks.md

    def __post_init__(self) -> None:
        coerce_enums(self)
        at_least(1, "retriever", self, "k", "candidates")
        require(
            0.0 <= self.dense_weight <= 1.0,
            "retriever.dense_weight",
            self.dense_weight,
            "give a share between 0 and 1",
        )
