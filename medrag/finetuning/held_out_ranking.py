"""How well an encoder ranks an index for questions that it was not trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from ..embedding.cache import Vectors
from ..metrics import retrieval_measures
from ..retrieval import Retriever
from ..types import Hit

_NEAREST = 20  # chunks of each question that are ranked, of those that the index itself finds
_RANKED = 10  # documents

Embed = Callable[[Sequence[str]], Vectors]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with the ids of the documents that answer it."""

    question: str
    documents: frozenset[str]


class HeldOutRanking:
    """Questions, and the part of an index that is ranked for all of them.

    These are the chunks of their documents, and what the index finds for each of them, by vectors
    and with words. A chunk of neither is far from every question, before a tuning at least.

    Attributes:
        passages: how many chunks are ranked.
    """

    def __init__(
        self,
        asked: Sequence[Asked],
        retriever: Retriever,
        embedded_text: Callable[[Hit], str],
    ) -> None:
        self._asked = asked
        index = retriever.index
        chunks: dict[int, None] = {}
        for one in asked:
            found = retriever.candidates(one.question, _NEAREST)
            chunks.update(dict.fromkeys(found.similarity))
            for document in sorted(one.documents):
                chunks.update(dict.fromkeys(index.document_chunk_ids(document)))
        hits = index.hits([*chunks])
        found_hits = [hits[chunk] for chunk in sorted(chunks)]
        self._texts = [embedded_text(hit) for hit in found_hits]
        self._documents = [hit.document for hit in found_hits]
        self.passages = len(found_hits)

    def ndcg(self, embed_questions: Embed, embed_passages: Embed) -> dict[str, float]:
        """nDCG@10 of the documents, by the number of the question.

        Args:
            embed_questions, embed_passages: give vectors [n, dimension] of length 1.
        """
        if not self._asked:
            return {}
        questions = embed_questions([one.question for one in self._asked])
        scores = questions @ embed_passages(self._texts).T
        return {
            str(number): self._of(one.documents, scores[number])
            for number, one in enumerate(self._asked)
        }

    def _of(self, documents: Set[str], scores: Vectors) -> float:
        best = np.argsort(-scores, kind="stable")
        ranked: dict[str, None] = {}
        for chunk in best:
            ranked[self._documents[chunk]] = None
            if len(ranked) == _RANKED:
                break
        return retrieval_measures([*ranked], sorted(documents), [1])["ndcg@10"]


def asked_in(rows: Iterable[Mapping[str, object]], most: int) -> list[Asked]:
    """The first questions of a split whose documents are in the index, each once."""
    found: dict[str, Asked] = {}
    for row in rows:
        documents = row["documents"]
        assert isinstance(documents, list)
        question = str(row["question"])
        if documents and not row["shares"]:
            found.setdefault(question, Asked(question, frozenset(documents)))
    return [*found.values()][:most]
