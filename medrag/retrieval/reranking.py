"""Rerank hits with a cross-encoder, a model that reads a question and a passage together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..types import Hit
from .cross_encoder import RERANKER
from .pairs import CrossEncoder

READ = 20  # hits that the model reads; those behind them stay behind
# Of a logit, beside the score of a hit as a share of the best one's (measured: docs/lab-log.md).
_WEIGHT = 0.015


class CrossEncoderReranker:
    """A `Reranker`: adds what a model makes of a passage to the score that it was found with.

    Args:
        model: see `CrossEncoder`.
    """

    def __init__(self, model: str) -> None:
        self._pairs = CrossEncoder(model, RERANKER)

    def rerank(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        """See `Reranker`; only the first 20 hits can change places.

        Raises:
            ModelError: the model cannot be found or loaded.
        """
        read, behind = hits[:READ], hits[READ:]
        if not read:
            return []
        texts = [passage_text(hit.title, hit.header, hit.text) for hit in read]
        # By the best score, because BM25 has another scale than a cosine.
        best = max(abs(read[0].score), 1e-9)
        scored = [
            replace(hit, score=hit.score / best + _WEIGHT * logit)
            for hit, logit in zip(read, self._pairs.logits(question, texts), strict=True)
        ]
        scored.sort(key=lambda hit: -hit.score)  # stable: equal scores keep their order
        last, lowest = read[-1].score, scored[-1].score
        scored += [replace(hit, score=lowest + (hit.score - last) / best) for hit in behind]
        return scored


def passage_text(title: str, header: str, text: str) -> str:
    """What a cross-encoder reads of a chunk: title, table header and text, as the embedder does."""
    return "\n".join(filter(None, (" ".join(title.split()), header, text)))
