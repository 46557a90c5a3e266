"""Find the chunks that may answer a question: candidates, fusion, reranking, cut."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Protocol

from more_itertools import chunked

from ..config import RetrieverConfig, RetrieverMode
from ..embedding import Embedder, checked_vectors
from ..errors import ArtefactError, ConfigError, QuestionError
from ..stores import Filter, IndexReader, Vector, as_filter, both, parse_filter
from ..text.cleaning import clean_text
from ..text.questions import in_full
from ..text.words import STOPWORDS, words
from ..types import Hit
from .distinct import Distinct
from .fusion import READ, Candidates, best_first, fuse, fusion_of
from .preference import Preference
from .reranking import CrossEncoderReranker
from .wording import Rewriter, Rewritten, as_asked

MAX_QUESTION = 4000  # characters
_DEEPER = 8  # times as many candidates, when copies of a text fill them
_DEEPEST = 5_000  # candidates, at most for that
_BEHIND = 5  # candidates behind the hits that are looked at, to name copies of the last hits
# Chunks with the rarest word of a question that are looked up; a word of more is not rare.
_RARE = 1_000


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
        wording_of: a question as it is searched: in words that the index has, and with others for
            the same; as it was asked without `retriever.wording`.
        fusion: how vectors and words count together in hybrid mode.
        query_vector: embeds a question.
        frequency: in how many chunks a word occurs.
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
        self._preference = Preference(config.prefer)
        rewrite = Rewriter(index).rewrite if config.wording else as_asked
        self.wording_of: Callable[[str], Rewritten] = lru_cache(maxsize=64)(
            lambda question: rewrite(in_full(question))
        )
        self.fusion = fusion_of(index.fusion, config.dense_weight)
        # Weighing the evidence needs the same vector again.
        self.query_vector = lru_cache(maxsize=64)(
            lambda text: checked_vectors(
                embedder.embed_queries([text]), 1, index.embedder.dimension, embedder.name
            )[0]
        )
        self.frequency = frequency = lru_cache(maxsize=4096)(index.word_frequency)
        chunks = index.counts.chunks
        self.rarity = lru_cache(maxsize=4096)(
            lambda word: math.log(1.0 + chunks / (1.0 + frequency(word)))
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
        where = both(self._where, as_filter(where))
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
        similarity, scores = self._scored(question, depth, where)
        ranked = best_first(scores)
        boosts = self._preference.boosts(scores[ranked[0]]) if ranked else {}
        # A hit of a preferred type may come from behind.
        size = max(wanted + _BEHIND, READ if boosts else 0)
        distinct = Distinct()
        for some in chunked(ranked, size):
            found = self.index.hits(some)
            self._check_all_found(len(found), len(some))
            hits = [
                replace(
                    hit := found[chunk],
                    score=scores[chunk] + boosts.get(hit.evidence, 0.0),
                    similarity=similarity.get(chunk),
                )
                for chunk in some
            ]
            # Equal scores by name: ids depend on the order in which documents came.
            for hit in sorted(hits, key=lambda hit: (-hit.score, hit.document, hit.start)):
                distinct.add(hit)
            if distinct.different >= wanted:
                break
        return distinct.hits()[:wanted], distinct.copies

    def _scored(
        self, question: str, depth: int, where: Filter | None
    ) -> tuple[Mapping[int, float], Mapping[int, float]]:
        """Cosine and score of each candidate, by chunk id; no cosine if only words are searched."""
        mode = self._config.mode
        if mode == RetrieverMode.lexical:
            return {}, self._search_words(question, depth, where)
        if mode == RetrieverMode.dense:
            similarity = self._search_vectors(question, depth, where, also=[])
            return similarity, similarity
        found = self.candidates(question, depth, where)
        return found.similarity, fuse(self.fusion, found, self.vectors)

    def candidates(self, question: str, depth: int, where: Filter | None = None) -> Candidates:
        """What vectors and words find for a question, `depth` chunks each."""
        bm25 = self._search_words(question, depth, where)
        return Candidates(
            query=self.query_vector(self.wording_of(question).embedded),
            similarity=self._search_vectors(question, depth, where, also=list(bm25)),
            bm25=bm25,
            with_rarest=self._with_rarest(question, where),
        )

    def vectors(self, chunks: Sequence[int]) -> Mapping[int, Vector]:
        """Vectors [dimension] of chunks, by id.

        Raises:
            ArtefactError: the index lacks one.
        """
        vectors = self.index.chunk_vectors(chunks)
        self._check_all_found(len(vectors), len(chunks))
        return vectors

    def _with_rarest(self, question: str, where: Filter | None) -> set[int]:
        """Chunks with the word of a question that fewest chunks have; none if many have it."""
        asked = words(self.wording_of(question).question)
        found = {word: self.frequency(word) for word in asked if word not in STOPWORDS}
        rare = [word for word, count in found.items() if 0 < count <= _RARE]
        if not rare:
            return set()
        rarest = min(rare, key=found.__getitem__)
        return {chunk for chunk, _ in self.index.search_words([rarest], _RARE, where)}

    def _search_words(self, question: str, depth: int, where: Filter | None) -> dict[int, float]:
        wanted = self.wording_of(question).searched
        return dict(self.index.search_words(wanted, depth, where)) if wanted else {}

    def _search_vectors(
        self, question: str, depth: int, where: Filter | None, also: list[int]
    ) -> dict[int, float]:
        """Cosine of the nearest chunks, and of those that only the word search found."""
        query = self.query_vector(self.wording_of(question).embedded)
        similarity = dict(self.index.search_vectors(query, depth, where))
        missing = [chunk for chunk in also if chunk not in similarity]
        for chunk, vector in self.vectors(missing).items():
            similarity[chunk] = float(vector @ query)
        return similarity

    def _check_all_found(self, found: int, wanted: int) -> None:
        if found < wanted:
            raise ArtefactError(
                f"{self.index.location} is damaged (the store lacks chunks that its index files "
                "name); rebuild it with index.rebuild=true"
            )


def check_question(question: str) -> str:
    """The question cleaned like the texts in an index: plain spaces, nothing invisible.

    Raises:
        QuestionError: it is empty or too long, or no text at all.
    """
    given: object = question  # may be anything when it comes from Python
    if not isinstance(given, str):
        raise QuestionError(f"the question is {given!r}; give a text")
    question = clean_text(question)
    if not question:
        raise QuestionError('the question is empty; ask e.g. "What is first-line treatment of …?"')
    if len(question) > MAX_QUESTION:
        raise QuestionError(
            f"the question has {len(question)} characters; the limit is {MAX_QUESTION}"
        )
    return question
