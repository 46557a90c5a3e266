"""Find the chunks that may answer a question: candidates, fusion, reranking, cut."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Protocol

from more_itertools import chunked

from ..config import RetrieverConfig, RetrieverMode
from ..embedding import Embedder, checked_vectors
from ..errors import ArtefactError, ConfigError, QuestionError
from ..stores import Filter, IndexReader, both, parse_filter
from ..text.cleaning import clean_text
from ..text.duplicates import SHORT, Wording, same_text_key
from ..text.words import STOPWORDS, words
from ..types import Hit
from .reranking import CrossEncoderReranker

MAX_QUESTION = 4000  # characters
_DEEPER = 8  # times as many candidates, when copies of a text fill them
_DEEPEST = 5_000  # candidates, at most for that
_BEHIND = 5  # candidates behind the hits that are looked at, to name copies of the last hits
_COMPARED = 20  # hits whose words each further one is compared with
_ALIKE = 0.85  # share of words from which on two hits are alike
_LOWERED = 0.2  # share of its score that a hit loses if it is like a better one


class Reranker(Protocol):
    """Orders the candidates of a question again, before the best ones are taken."""

    def rerank(self, question: str, hits: Sequence[Hit]) -> Sequence[Hit]:
        """The same hits, best first, each with its new score."""


class Retriever:
    """Searches one opened index.

    Args:
        embedder: the one that the index was built with.
        reranker: reranks `retriever.candidates` chunks; by default the one that
            `retriever.reranker` names. Without one, the fused score decides.

    Attributes:
        query_vector: embeds a question.
        rarity: the weight of a word: the fewer chunks contain it, the higher.
    """

    def __init__(
        self,
        index: IndexReader,
        embedder: Embedder,
        config: RetrieverConfig,
        reranker: Reranker | None = None,
    ) -> None:
        self.index = index
        self._config = config
        self._where = parse_filter(config.filter)
        if reranker is None and config.reranker:
            reranker = CrossEncoderReranker(config.reranker)
        self._reranker = reranker
        # Weighing the evidence needs the same vector again.
        self.query_vector = lru_cache(maxsize=64)(
            lambda text: checked_vectors(
                embedder.embed_queries([text]), 1, index.embedder.dimension, embedder.name
            )[0]
        )
        chunks = index.counts.chunks
        self.rarity = lru_cache(maxsize=4096)(
            lambda word: math.log(1.0 + chunks / (1.0 + index.word_frequency(word)))
        )

    def retrieve(
        self, question: str, k: int | None = None, where: Filter | str | None = None
    ) -> list[Hit]:
        """The best chunks for a question, best first.

        Args:
            k: how many at most; `retriever.k` by default.
            where: search only documents that pass this filter, an expression or one that was
                parsed, and `retriever.filter` as well.

        Raises:
            QuestionError: the question is empty or too long.
            ConfigError: `k` is below 1, or the filter cannot be read or names an unknown field.
            ArtefactError: the index is damaged.
            ModelError: the reranker cannot be loaded.
        """
        question = check_question(question)
        k = self._config.k if k is None else k
        if k < 1:
            raise ConfigError(f"k={k} cannot be used: give 1 or more")
        where = both(self._where, parse_filter(where) if isinstance(where, str) else where)
        # At most the number of chunks: a search allocates memory for as many as it is asked for.
        index = self.index
        chunks = index.counts.chunks if where is None else index.count_passing(where)
        if not chunks:
            return []
        depth = min(max(k, self._config.candidates), chunks)
        wanted = depth if self._reranker else k
        while True:
            hits, copies = self._candidates(question, depth, wanted, where)
            if len(hits) >= wanted or not copies or depth >= min(_DEEPEST, chunks):
                break
            # Copies of one text fill the candidates: look for others behind them.
            depth = min(_DEEPER * depth, _DEEPEST, chunks)
        if self._reranker:
            hits = list(self._reranker.rerank(question, hits))
        return hits[:k]

    def _candidates(
        self, question: str, depth: int, wanted: int, where: Filter | None
    ) -> tuple[list[Hit], int]:
        """The best of `depth` chunks, one of each text, and how many copies were passed over."""
        mode = self._config.mode
        bm25 = {} if mode == RetrieverMode.dense else self._search_words(question, depth, where)
        if mode == RetrieverMode.lexical:
            similarity: dict[int, float] = {}
            scores = bm25
        else:
            similarity = self._search_vectors(question, depth, where, also=list(bm25))
            scores = similarity
            if mode == RetrieverMode.hybrid:
                scores = convex_combination(similarity, bm25, self._config.dense_weight)
        ranked = sorted(scores, key=lambda chunk: (-scores[chunk], chunk))
        distinct = _Distinct()
        for some in chunked(ranked, wanted + _BEHIND):
            found = self.index.hits(some)
            self._check_all_found(len(found), len(some))
            hits = [
                replace(found[chunk], score=scores[chunk], similarity=similarity.get(chunk))
                for chunk in some
            ]
            # Equal scores by name: ids depend on the order in which documents came.
            for hit in sorted(hits, key=lambda hit: (-hit.score, hit.document, hit.start)):
                distinct.add(hit)
            if distinct.different >= wanted:
                break
        return distinct.hits()[:wanted], distinct.copies

    def _search_words(self, question: str, depth: int, where: Filter | None) -> dict[int, float]:
        wanted = [word for word in words(question) if word not in STOPWORDS] or words(question)
        return dict(self.index.search_words(wanted, depth, where)) if wanted else {}

    def _search_vectors(
        self, question: str, depth: int, where: Filter | None, also: list[int]
    ) -> dict[int, float]:
        """Cosine of the nearest chunks, and of those that only the word search found."""
        query = self.query_vector(question)
        similarity = dict(self.index.search_vectors(query, depth, where))
        missing = [chunk for chunk in also if chunk not in similarity]
        vectors = self.index.chunk_vectors(missing)
        self._check_all_found(len(vectors), len(missing))
        for chunk, vector in vectors.items():
            similarity[chunk] = float(vector @ query)
        return similarity

    def _check_all_found(self, found: int, wanted: int) -> None:
        if found < wanted:
            raise ArtefactError(
                f"{self.index.location} is damaged (the store lacks chunks that its index files "
                "name); rebuild it with index.rebuild=true"
            )


class _Distinct:
    """Hits of which no two say the same, made from hits that are added best first.

    A hit in nearly the same words as a better one may still say something else (another drug,
    another ward). It is kept, but its score is lowered, so that others are seen as well.

    Attributes:
        copies: how many hits said the same as an earlier one.
        different: how many hits do not even resemble a better one.
    """

    def __init__(self) -> None:
        self.copies = self.different = 0
        self._hits: dict[bytes, Hit] = {}
        self._wordings: list[Wording] = []
        self._documents: dict[bytes, dict[str, None]] = {}  # of copies, in order

    def add(self, hit: Hit) -> None:
        """Add the next best hit."""
        key = _text_key(hit)
        if key in self._hits:
            self.copies += 1
            if hit.document != self._hits[key].document:
                self._documents.setdefault(key, {})[hit.document] = None
            return
        wording = Wording(hit.text)
        seen = self._wordings[:_COMPARED]
        if any(wording.shared(other) >= _ALIKE for other in seen):
            hit = replace(hit, score=hit.score - _LOWERED * abs(hit.score))
        else:
            self.different += 1
            self._wordings.append(wording)
        self._hits[key] = hit

    def hits(self) -> list[Hit]:
        """The hits, best first, each with the documents of its copies."""
        hits = [
            replace(hit, duplicates=tuple(self._documents.get(key, ())))
            for key, hit in self._hits.items()
        ]
        return sorted(hits, key=lambda hit: -hit.score)  # stable: equal scores keep their order


def _text_key(hit: Hit) -> bytes:
    """Equal for hits that say the same; a short text says it by its title and metadata, too."""
    about = f"{hit.title}\n{hit.metadata}\n" if len(hit.text) < SHORT else ""
    return same_text_key("\n".join((about, hit.section, hit.header, hit.text)))


def check_question(question: str) -> str:
    """The question cleaned like the texts in an index: plain spaces, nothing invisible.

    Raises:
        QuestionError: it is empty or too long.
    """
    question = clean_text(question)
    if not question:
        raise QuestionError('the question is empty; ask e.g. "What is first-line treatment of …?"')
    if len(question) > MAX_QUESTION:
        raise QuestionError(
            f"the question has {len(question)} characters; the limit is {MAX_QUESTION}"
        )
    return question


def convex_combination(
    similarity: Mapping[int, float], bm25: Mapping[int, float], dense_weight: float
) -> dict[int, float]:
    """Fused score in [0, 1] of every candidate, by chunk id.

    Both scores are scaled between their theoretical minimum (cosine -1, BM25 0) and the best
    candidate, then averaged by weight. Bruch, Gai and Ingber 2023, "An Analysis of Fusion
    Functions for Hybrid Retrieval" (TOIS 42), found this better and more stable than fusing ranks,
    which ignores how far apart two candidates are.

    Args:
        similarity: cosine of every candidate with the query.
        bm25: BM25 score of the candidates that share a word with the query.
        dense_weight: weight of the cosine, 0..1.
    """
    best_cosine = max(similarity.values(), default=0.0)
    best_bm25 = max(bm25.values(), default=0.0)
    fused = {}
    for chunk, cosine in similarity.items():
        dense = (cosine + 1.0) / (best_cosine + 1.0) if best_cosine > -1.0 else 0.0
        lexical = bm25.get(chunk, 0.0) / best_bm25 if best_bm25 > 0.0 else 0.0
        fused[chunk] = dense_weight * dense + (1.0 - dense_weight) * lexical
    return fused
