"""Find the chunks that may answer a question: dense, lexical, or both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..config import RetrieverConfig, RetrieverMode
from ..embedding import Embedder
from ..errors import ArtefactError, ConfigError, QuestionError
from ..stores.local.index import Index
from ..text.cleaning import clean_text
from ..text.words import STOPWORDS, words
from ..types import Hit

# A question longer than this is no question.
_MAX_QUESTION = 4000  # characters


class Retriever:
    """Searches one opened index.

    Args:
        index: pinned to one generation.
        embedder: must be the one the index was made with (`Index.check_embedder`).
    """

    def __init__(self, index: Index, embedder: Embedder, config: RetrieverConfig) -> None:
        self._index = index
        self._embedder = embedder
        self._config = config

    def retrieve(self, question: str, k: int | None = None) -> list[Hit]:
        """The best chunks for a question, best first.

        Args:
            question: plain text.
            k: how many at most; `retriever.k` by default.

        Raises:
            QuestionError: the question is empty or not a question's length.
            ConfigError: `k` is below 1.
            ArtefactError: the index turns out to be damaged.
        """
        question = check_question(question)
        k = self._config.k if k is None else k
        if k < 1:
            raise ConfigError(f"k={k} cannot be used: give 1 or more")
        mode = self._config.mode
        # No deeper than there are chunks: a search sets memory aside for what it is asked for.
        depth = min(max(k, self._config.candidates), int(self._index.manifest.counts["chunks"]))
        bm25 = {} if mode == RetrieverMode.dense else self._search_words(question, depth)
        if mode == RetrieverMode.lexical:
            similarity: dict[int, float] = {}
            scores = bm25
        else:
            similarity = self._search_vectors(question, depth, also=list(bm25))
            weight = self._config.dense_weight if mode == RetrieverMode.hybrid else 1.0
            scores = (
                similarity
                if mode == RetrieverMode.dense
                else convex_combination(similarity, bm25, weight)
            )
        # Equal scores (the same text in two documents) keep one order: the older chunk first.
        ranked = sorted(scores, key=lambda chunk: (-scores[chunk], chunk))[:k]
        found = self._index.snapshot.hits(ranked)
        self._check_all_found(len(found), len(ranked))
        return [
            replace(found[chunk], score=scores[chunk], similarity=similarity.get(chunk))
            for chunk in ranked
        ]

    def _search_words(self, question: str, depth: int) -> dict[int, float]:
        wanted = [word for word in words(question) if word not in STOPWORDS] or words(question)
        return dict(self._index.words.search(wanted, depth)) if wanted else {}

    def _search_vectors(self, question: str, depth: int, also: list[int]) -> dict[int, float]:
        """Cosine of the nearest chunks, and of those that only the lexical side found."""
        query = self._embedder.embed_queries([question])[0]
        scores, ids = self._index.vectors.search(query, depth)
        similarity = dict(zip(ids.tolist(), scores.tolist(), strict=True))
        missing = [chunk for chunk in also if chunk not in similarity]
        vectors = self._index.snapshot.chunk_vectors(missing)
        self._check_all_found(len(vectors), len(missing))
        for chunk, vector in vectors.items():
            similarity[chunk] = float(vector @ query)
        return similarity

    def _check_all_found(self, found: int, wanted: int) -> None:
        if found < wanted:
            raise ArtefactError(
                f"{self._index.directory} is damaged (the store lacks chunks that its index files "
                "name); build it anew with index.rebuild=true"
            )


def check_question(question: str) -> str:
    """The question in the form that texts are stored in: no odd spaces, nothing invisible.

    Raises:
        QuestionError: it is empty, or far too long to be one.
    """
    question = clean_text(question)
    if not question:
        raise QuestionError('the question is empty; ask e.g. "What is first-line treatment of …?"')
    if len(question) > _MAX_QUESTION:
        raise QuestionError(
            f"the question has {len(question)} characters; {_MAX_QUESTION} are the most"
        )
    return question


def convex_combination(
    similarity: Mapping[int, float], bm25: Mapping[int, float], dense_weight: float
) -> dict[int, float]:
    """Fused score in [0, 1] of every candidate, by chunk id.

    Both sides are scaled between their theoretical minimum (cosine -1, BM25 0) and the best
    candidate, then averaged with weights. Bruch, Gai and Ingber 2023, "An Analysis of Fusion
    Functions for Hybrid Retrieval" (TOIS 42), found this better and steadier than fusing ranks,
    which throws away how far apart two candidates are.

    Args:
        similarity: cosine of every candidate with the query.
        bm25: BM25 score of the candidates that share a word with the query.
        dense_weight: share of the dense side, 0..1.
    """
    best_cosine = max(similarity.values(), default=0.0)
    best_bm25 = max(bm25.values(), default=0.0)
    fused = {}
    for chunk, cosine in similarity.items():
        dense = (cosine + 1.0) / (best_cosine + 1.0) if best_cosine > -1.0 else 0.0
        lexical = bm25.get(chunk, 0.0) / best_bm25 if best_bm25 > 0.0 else 0.0
        fused[chunk] = dense_weight * dense + (1.0 - dense_weight) * lexical
    return fused
