"""Answers with the best-supported sentences of the retrieved chunks; it cannot invent."""

from __future__ import annotations

from collections.abc import Sequence

from ..types import Evidence, Statement
from .prompts import without_markers

# A further sentence must be nearly as good as the best one to be worth reading.
_NEARLY = 0.9


def extract(evidence: Sequence[Evidence], max_sentences: int) -> list[Statement]:
    """Statements made of the best sentences, in the order they stand in their documents.

    Args:
        evidence: best first, as `weigh` returns it.
        max_sentences: at most so many are taken.
    """
    if not evidence:
        return []
    chosen: list[Evidence] = []
    for item in evidence:
        if len(chosen) == max_sentences or item.score < _NEARLY * evidence[0].score:
            break
        if all(item.text != other.text for other in chosen):
            chosen.append(item)
    # The best document speaks first; sentences of one hit keep their order.
    ranks = {item.number: rank for rank, item in reversed(list(enumerate(chosen)))}
    chosen.sort(key=lambda item: (ranks[item.number], item.start))
    return [Statement(without_markers(item.text), (item.number,)) for item in chosen]
