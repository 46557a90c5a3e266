"""Retrieval and answer metrics, as pure functions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from .text.words import words

_ARTICLES = frozenset({"a", "an", "the"})


def retrieval_measures(
    ranked: Sequence[str], relevant: Sequence[str], ks: Sequence[int]
) -> dict[str, float]:
    """recall@k for each k, MRR and nDCG@10 of one question, as trec_eval computes them.

    Args:
        ranked: names of documents, best first, without repeats.
        relevant: names of the documents that answer; gains are binary.
    """
    import pytrec_eval

    cuts = ",".join(map(str, ks))
    measures = {f"recall.{cuts}", "recip_rank", "ndcg_cut.10"}
    judged = pytrec_eval.RelevanceEvaluator({"q": dict.fromkeys(relevant, 1)}, measures)
    # Falling scores: trec_eval orders equal ones by name.
    run = {name: float(len(ranked) - rank) for rank, name in enumerate(ranked)}
    found = judged.evaluate({"q": run}).get("q", {})
    return {
        **{f"recall@{k}": found.get(f"recall_{k}", 0.0) for k in ks},
        "mrr": found.get("recip_rank", 0.0),
        "ndcg@10": found.get("ndcg_cut_10", 0.0),
    }


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


def rouge_l(answer: str, reference: str) -> float:
    """F1 of the longest common subsequence of words (Lin 2004), in [0, 1]."""
    from rapidfuzz.distance import LCSseq

    said, wanted = words(answer), words(reference)
    shared = LCSseq.similarity(said, wanted)
    return 2.0 * shared / (len(said) + len(wanted)) if shared else 0.0


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


def oracle_area(correctness: Sequence[float]) -> float:
    """The least area under the risk–coverage curve: of a confidence that orders them perfectly."""
    ranked = sorted(correctness, reverse=True)
    return area_under_risk_coverage(risk_coverage(range(len(ranked), 0, -1), ranked))


def coverage_at_risk(curve: Sequence[tuple[float, float]], risk: float) -> float:
    """The largest coverage of a risk–coverage curve at which the risk is not above a limit."""
    return max((coverage for coverage, its in curve if its <= risk), default=0.0)


def reliability(
    confidence: Sequence[float], correctness: Sequence[float], bins: int = 10
) -> list[tuple[float, float, int]]:
    """Mean confidence, share that is right and number of questions, in bins of equal size."""
    order = sorted(zip(confidence, correctness, strict=True))
    size = max(1, math.ceil(len(order) / bins))
    found = []
    for part in (order[start : start + size] for start in range(0, len(order), size)):
        sure, right = (sum(values) / len(part) for values in zip(*part, strict=True))
        found.append((sure, right, len(part)))
    return found


def calibration_error(confidence: Sequence[float], correctness: Sequence[float]) -> float:
    """Expected calibration error over bins of equal size (Guo et al. 2017; Nixon et al. 2019)."""
    bins = reliability(confidence, correctness)
    total = sum(count for *_, count in bins)
    return sum(abs(sure - right) * count for sure, right, count in bins) / total if total else 0.0
