"""Retrieval and answer metrics, as pure functions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from .text.words import words

_ARTICLES = frozenset({"a", "an", "the"})


def recall_at_k(ranked: Sequence[str], relevant: Sequence[str], k: int) -> float:
    """Share of the relevant documents among the first `k` ranked; `ranked` holds no repeats."""
    wanted = set(relevant)
    return len(wanted.intersection(ranked[:k])) / len(wanted) if wanted else 0.0


def reciprocal_rank(ranked: Sequence[str], relevant: Sequence[str]) -> float:
    """1 / rank of the first relevant document; 0 if none is ranked."""
    wanted = set(relevant)
    return next((1.0 / rank for rank, doc in enumerate(ranked, 1) if doc in wanted), 0.0)


def ndcg_at_k(ranked: Sequence[str], relevant: Sequence[str], k: int) -> float:
    """nDCG with binary gains (Järvelin and Kekäläinen 2002), in [0, 1]."""
    wanted = set(relevant)
    gain = sum(1 / math.log2(rank + 1) for rank, doc in enumerate(ranked[:k], 1) if doc in wanted)
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(len(wanted), k) + 1))
    return gain / ideal if ideal else 0.0


def token_f1(answer: str, reference: str) -> float:
    """Harmonic mean of word precision and recall, without articles (Rajpurkar et al. 2016)."""
    said = Counter(word for word in words(answer) if word not in _ARTICLES)
    wanted = Counter(word for word in words(reference) if word not in _ARTICLES)
    if not said or not wanted:
        return float(said == wanted)
    common = (said & wanted).total()
    if not common:
        return 0.0
    precision, recall = common / said.total(), common / wanted.total()
    return 2 * precision * recall / (precision + recall)


def token_recall(answer: str, reference: str) -> float:
    """Share of the reference's words that are in the answer."""
    wanted = Counter(word for word in words(reference) if word not in _ARTICLES)
    said = Counter(word for word in words(answer) if word not in _ARTICLES)
    return (said & wanted).total() / wanted.total() if wanted else 0.0


def risk_coverage(
    confidence: Sequence[float], correctness: Sequence[float]
) -> list[tuple[float, float]]:
    """The risk–coverage curve of selective answering (El-Yaniv and Wiener 2010).

    Questions are answered in order of falling confidence. After each group of equal confidence,
    coverage is the share answered, and risk is the mean of `1 - correctness` over them.

    Returns:
        (coverage, risk) pairs, coverage rising to 1.
    """
    order = sorted(zip(confidence, correctness, strict=True), reverse=True)
    curve: list[tuple[float, float]] = []
    risk = 0.0
    for count, (score, value) in enumerate(order, 1):
        risk += 1.0 - value
        if count == len(order) or order[count][0] != score:
            curve.append((count / len(order), risk / count))
    return curve


def area_under_risk_coverage(curve: Sequence[tuple[float, float]]) -> float:
    """Area under a risk–coverage curve by trapezoids; 0 is perfect. An empty curve gives 0."""
    if not curve:
        return 0.0
    points = [(0.0, curve[0][1]), *curve]
    return sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairwise(points))
