"""Who teaches a retriever to rank: the ways of ranking an index, and the one that finds most."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..progress import progress
from ..retrieval import Retriever
from ..retrieval.cross_encoder import PACKAGED, READER, RERANKER
from ..retrieval.fusion import fuse
from ..retrieval.pairs import CrossEncoder
from ..retrieval.reranking import passage_text
from ..types import Hit

# Gives scores for passages of a question, higher is better.
Ranker = Callable[[str, Sequence[Hit]], Sequence[float]]

VECTORS = "vectors"  # the retriever as it is: there is nothing to learn from it
_READ = 20  # passages that a teacher ranks, in the trial
_DEPTH = 50  # candidates of vectors and of words that are fused
_SPREAD = 2.0  # standard deviation of the scores of a list, for the softmax


@dataclass(frozen=True, slots=True)
class Teacher:
    """A way of ranking.

    Attributes:
        name: "vectors", "hybrid", "reranker" or "reader".
        round_trip: share of the trial's questions that find their own passage first, by name.
        rank: None for vectors.
    """

    name: str
    round_trip: Mapping[str, float]
    rank: Ranker | None


def choose_teacher(retriever: Retriever, trial: Sequence[tuple[str, Hit]]) -> Teacher:
    """The way that puts the passage a question was written from first most often.

    Args:
        trial: questions, each with the passage it was written from.
    """
    rankers: dict[str, Ranker] = {
        "hybrid": lambda question, hits: hybrid_scores(retriever, question, hits),
        "reranker": _reading(CrossEncoder(PACKAGED, RERANKER)),
        "reader": _reading(CrossEncoder(PACKAGED, READER)),
    }
    found = dict.fromkeys((VECTORS, *rankers), 0)
    with progress("teachers", len(trial), "questions") as advance:
        for question, passage in trial:
            query = retriever.query_vector(retriever.wording_of(question).embedded)
            hits = retriever.retrieve(question, _READ)
            vectors = retriever.vectors([hit.chunk_id for hit in hits])
            own = [passage.document in (hit.document, *hit.duplicates) for hit in hits]
            scores = {VECTORS: [float(vectors[hit.chunk_id] @ query) for hit in hits]}
            scores |= {name: [*rank(question, hits)] for name, rank in rankers.items()}
            for name, given in scores.items():
                found[name] += own[int(np.argmax(given))]
            advance(1)
    rates = {name: count / max(1, len(trial)) for name, count in found.items()}
    best = max(rates, key=rates.__getitem__)  # of equal ones the first, which is the cheaper
    return Teacher(best, rates, _spread(rankers[best]) if best in rankers else None)


def hybrid_scores(retriever: Retriever, question: str, hits: Sequence[Hit]) -> list[float]:
    """What the index itself ranks by, vectors and words together; 0 for what it does not find."""
    found = fuse(retriever.fusion, retriever.candidates(question, _DEPTH), retriever.vectors)
    return [found.get(hit.chunk_id, 0.0) for hit in hits]


def _reading(model: CrossEncoder) -> Ranker:
    def rank(question: str, hits: Sequence[Hit]) -> Sequence[float]:
        texts = [passage_text(hit.title, hit.header, hit.text) for hit in hits]
        return model.logits(question, texts)

    return rank


def _spread(rank: Ranker) -> Ranker:
    """The same scores on one scale: fused scores differ by hundredths, logits by units."""

    def spread(question: str, hits: Sequence[Hit]) -> Sequence[float]:
        scores = np.array(rank(question, hits), dtype=float)
        deviation = float(scores.std())
        if not deviation:
            return [0.0] * len(hits)
        return [float(one) for one in _SPREAD * (scores - scores.mean()) / deviation]

    return spread
