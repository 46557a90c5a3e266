"""Where an index is kept: what retrieval reads from it, and what indexing writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from ..types import Hit

Vector = NDArray[np.float32]
# (chunk id, score), best first
Scored = list[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Counts:
    """How much an index holds."""

    documents: int
    chunks: int
    tokens: int
    characters: int


@dataclass(frozen=True, slots=True)
class EmbedderRecord:
    """The embedder that an index was made with: how to find it again, and its vector space."""

    name: str
    model: str
    fingerprint: str
    dimension: int


@dataclass(frozen=True, slots=True)
class Filter:
    """Which chunks a search may return; it is applied inside the search, never after the cut.

    Attributes:
        documents: ids of the documents whose chunks may be found.
    """

    documents: frozenset[str]


class IndexReader(Protocol):
    """One published generation of an index: what retrieval, answers and evaluation read.

    Later builds do not disturb it. Every method raises ArtefactError when the store turns out to be
    damaged. It may be shared by threads.

    Attributes:
        location: where the index is kept, as people know it.
        fingerprint: of the index; what is made from it names it as its parent.
    """

    @property
    def location(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def counts(self) -> Counts: ...
    @property
    def embedder(self) -> EmbedderRecord: ...

    def search_vectors(self, query: Vector, k: int, where: Filter | None = None) -> Scored:
        """The `k` chunks nearest to a query [dimension], by cosine."""

    def search_words(self, words: Sequence[str], k: int, where: Filter | None = None) -> Scored:
        """The `k` best chunks by BM25 over title, section and text."""

    def word_frequency(self, word: str) -> int:
        """In how many chunks a word, or another form of its stem, occurs."""

    def hits(self, chunk_ids: Sequence[int]) -> dict[int, Hit]:
        """The chunks with these ids, by id; scores are 0."""

    def chunk_vectors(self, chunk_ids: Sequence[int]) -> Mapping[int, Vector]:
        """Vectors [dimension] of some chunks, by id."""

    def document_ids(self) -> Iterator[str]:
        """Ids of all documents, sorted."""

    def document_text(self, id_: str) -> str | None:
        """The cleaned text of a document; None if it is unknown."""

    def document_chunk_ids(self, document: str) -> list[int]:
        """Ids of a document's chunks, in text order."""

    def page_at(self, id_: str, offset: int) -> int | None:
        """The page on which a character offset of a document lies, if it has pages."""

    def texts(self) -> Iterator[str]:
        """Every chunk's text, in id order."""

    def close(self) -> None:
        """Let go of what is open; a second call does nothing."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...
