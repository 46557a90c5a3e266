"""How well an encoder ranks an index for questions that it was not trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..embedding.cache import Vectors
from ..metrics import retrieval_measures
from ..progress import progress
from ..retrieval import Retriever
from ..statistics import Bootstrap
from ..types import Hit

_NEAREST = 5  # chunks of each question that are ranked, by vectors and by words each
_RANKED = 10  # documents
_FEW = 20  # questions; a collection with fewer is not told apart
_COLLECTIONS = 4  # that are told apart, the largest ones
_OTHERS = "other questions"
_RESAMPLES = 1000

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
        with progress("held-out", len(asked), "questions") as advance:
            for one in asked:
                found = retriever.candidates(one.question, _NEAREST)
                chunks.update(dict.fromkeys(found.similarity))
                for document in sorted(one.documents):
                    chunks.update(dict.fromkeys(index.document_chunk_ids(document)))
                advance(1)
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


def compare(
    before: Mapping[str, Mapping[str, float]],
    after: Mapping[str, Mapping[str, float]],
    passages: Mapping[str, int],
) -> list[dict[str, Any]]:
    """What was gained: nDCG@10 of all questions, then of each collection if there are several.

    Args:
        before, after: nDCG@10 of the same questions, by collection.
        passages: how many were ranked.
    """
    rows = [_row(name, before[name], after[name], passages[name]) for name in before]
    if len(rows) > 1:
        pooled = [
            {f"{name}/{key}": one for name, found in side.items() for key, one in found.items()}
            for side in (before, after)
        ]
        rows.insert(0, _row("all", pooled[0], pooled[1], sum(passages.values())))
    return rows


def _row(
    name: str, before: Mapping[str, float], after: Mapping[str, float], passages: int
) -> dict[str, Any]:
    found = Bootstrap([*before], _RESAMPLES).difference(after, before)
    assert found is not None
    return {
        "name": name,
        "before": float(np.mean([*before.values()])),
        "after": float(np.mean([*after.values()])),
        "difference": found.difference,
        "low": found.low,
        "high": found.high,
        "questions": len(before),
        "passages": passages,
    }


def asked_in(rows: Iterable[Mapping[str, object]], most: int) -> dict[str, list[Asked]]:
    """At most so many questions of a split, by the collection of their documents, each once.

    They are drawn by a hash, and as equally from all collections as there are questions.
    """
    found: dict[str, dict[str, Asked]] = {}
    for row in rows:
        documents = row["documents"]
        assert isinstance(documents, list)
        question = str(row["question"])
        if documents and not row["shares"]:
            asked = found.setdefault(_collection(documents[0]), {})
            asked.setdefault(question, Asked(question, frozenset(documents)))
    by_size = sorted(found, key=lambda name: (-len(found[name]), name))
    apart = [name for name in by_size[:_COLLECTIONS] if len(found[name]) >= _FEW or len(found) == 1]
    merged: dict[str, dict[str, Asked]] = {}
    for name, asked in found.items():
        merged.setdefault(name if name in apart else _OTHERS, {}).update(asked)
    drawn: dict[str, list[Asked]] = {}
    smallest_first = sorted(merged, key=lambda name: len(merged[name]))
    for number, name in enumerate(smallest_first):
        in_order = sorted(merged[name].values(), key=lambda one: _hash(one.question))
        drawn[name] = in_order[: most // (len(merged) - number)]
        most -= len(drawn[name])
    return {name: asked for name, asked in drawn.items() if asked}


def _collection(document: str) -> str:
    """The file of many documents, or the folder of one: "notes.jsonl", "guidelines/", "files"."""
    file, _, inside = document.partition("#")
    folder = "".join(file.rpartition("/")[:2])
    return file if inside else folder or "files"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
