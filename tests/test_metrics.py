"""Metrics against values computed by hand, and the properties of every ranking."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medrag.metrics import (
    area_under_risk_coverage,
    ndcg_at_k,
    recall_at_k,
    reciprocal_rank,
    risk_coverage,
    token_f1,
    token_recall,
)

DOCUMENTS = [f"d{number}" for number in range(12)]
rankings = st.permutations(DOCUMENTS).flatmap(
    lambda order: st.integers(0, len(order)).map(lambda length: list(order[:length]))
)
relevants = st.lists(st.sampled_from(DOCUMENTS), unique=True, min_size=1)
cutoffs = st.integers(1, 15)
shares = st.floats(0, 1)
answers = st.lists(st.tuples(shares, shares), min_size=1, max_size=30)
texts = st.lists(st.sampled_from(["a", "the", "metformin", "500", "mg", "daily"])).map(" ".join)


@pytest.mark.parametrize(
    ("k", "recall", "ndcg"),
    [
        (1, 0.0, 0.0),
        (2, 1 / 3, (1 / math.log2(3)) / (1 + 1 / math.log2(3))),
        (4, 2 / 3, (1 / math.log2(3) + 1 / math.log2(5)) / (1 + 1 / math.log2(3) + 1 / 2)),
        (10, 2 / 3, (1 / math.log2(3) + 1 / math.log2(5)) / (1 + 1 / math.log2(3) + 1 / 2)),
    ],
)
def test_a_ranking_computed_by_hand(k: int, recall: float, ndcg: float) -> None:
    """Relevant documents are at ranks 2 and 4; a third was not found."""
    ranked, relevant = ["x", "gout", "y", "copd"], ["copd", "gout", "asthma"]
    assert recall_at_k(ranked, relevant, k) == pytest.approx(recall)
    assert ndcg_at_k(ranked, relevant, k) == pytest.approx(ndcg)
    assert reciprocal_rank(ranked, relevant) == 0.5


def test_nothing_relevant_or_nothing_found_gives_zero() -> None:
    for ranked, relevant in (["a"], []), ([], ["a"]), (["b"], ["a"]):
        assert recall_at_k(ranked, relevant, 5) == 0
        assert reciprocal_rank(ranked, relevant) == 0
        assert ndcg_at_k(ranked, relevant, 5) == 0


@given(rankings, relevants, cutoffs)
def test_ranking_metrics_stay_in_bounds_and_recall_rises_with_k(
    ranked: list[str], relevant: list[str], k: int
) -> None:
    assert 0 <= recall_at_k(ranked, relevant, k) <= recall_at_k(ranked, relevant, k + 1) <= 1
    assert 0 <= ndcg_at_k(ranked, relevant, k) <= 1 + 1e-12
    assert 0 <= reciprocal_rank(ranked, relevant) <= 1
    assert (recall_at_k(ranked, relevant, k) > 0) == (ndcg_at_k(ranked, relevant, k) > 0)


@given(relevants, cutoffs)
def test_a_perfect_ranking_gets_one(relevant: list[str], k: int) -> None:
    ranked = relevant + [name for name in DOCUMENTS if name not in relevant]
    assert ndcg_at_k(ranked, relevant, k) == pytest.approx(1)
    assert reciprocal_rank(ranked, relevant) == 1
    assert recall_at_k(ranked, relevant, len(relevant)) == 1


@given(rankings, relevants, st.permutations(DOCUMENTS), cutoffs)
def test_the_order_of_the_relevant_documents_does_not_matter(
    ranked: list[str], relevant: list[str], order: list[str], k: int
) -> None:
    shuffled = sorted(relevant, key=order.index)
    for metric in recall_at_k, ndcg_at_k:
        assert metric(ranked, relevant, k) == metric(ranked, shuffled, k)
    assert reciprocal_rank(ranked, relevant) == reciprocal_rank(ranked, shuffled)


@given(rankings, relevants, st.integers(0, 10))
def test_moving_a_relevant_document_up_never_hurts(
    ranked: list[str], relevant: list[str], at: int
) -> None:
    if at + 1 >= len(ranked) or ranked[at] in relevant or ranked[at + 1] not in relevant:
        return
    better = [*ranked[:at], ranked[at + 1], ranked[at], *ranked[at + 2 :]]
    for k in range(1, len(ranked) + 1):
        assert recall_at_k(better, relevant, k) >= recall_at_k(ranked, relevant, k)
        assert ndcg_at_k(better, relevant, k) >= ndcg_at_k(ranked, relevant, k)
    assert ndcg_at_k(better, relevant, 99) > ndcg_at_k(ranked, relevant, 99)


@pytest.mark.parametrize(
    ("answer", "reference", "f1", "recall"),
    [
        ("Metformin 500 mg", "metformin, 500 mg!", 1.0, 1.0),
        ("the metformin", "metformin", 1.0, 1.0),  # articles do not count
        # 2 words in common of 3 said and 4 wanted: 2·(2/3)·(2/4) / (2/3 + 2/4)
        ("start metformin daily", "metformin 500 mg daily", 4 / 7, 2 / 4),
        ("mg mg mg", "mg daily", 2 / 5, 1 / 2),  # a repeated word is matched once
        ("insulin", "metformin", 0.0, 0.0),
        ("", "metformin", 0.0, 0.0),
        ("metformin", "", 0.0, 0.0),
    ],
)
def test_answers_compared_by_hand(answer: str, reference: str, f1: float, recall: float) -> None:
    assert token_f1(answer, reference) == pytest.approx(f1)
    assert token_recall(answer, reference) == pytest.approx(recall)


def test_two_empty_answers_agree() -> None:
    assert token_f1("", "the") == 1


@given(texts, texts)
def test_token_f1_is_symmetric_and_in_bounds(one: str, other: str) -> None:
    assert token_f1(one, other) == pytest.approx(token_f1(other, one))
    assert 0 <= token_f1(one, other) <= 1
    assert 0 <= token_recall(one, other) <= 1
    assert token_f1(one, one) == 1


@given(texts, st.randoms())
def test_token_f1_ignores_the_order_of_words(text: str, random: Random) -> None:
    shuffled = text.split()
    random.shuffle(shuffled)
    assert token_f1(" ".join(shuffled), text) == 1


def test_a_risk_coverage_curve_by_hand() -> None:
    """Right at 0.9, half right at 0.8, wrong and right at 0.2: these go together."""
    curve = risk_coverage([0.2, 0.9, 0.8, 0.2], [0.0, 1.0, 0.5, 1.0])
    assert curve == [(0.25, 0.0), (0.5, 0.25), (1.0, 0.375)]  # exact in binary
    # trapezoids: flat 0 up to 0.25, then (0 + 0.25)/2 · 0.25 and (0.25 + 0.375)/2 · 0.5
    assert area_under_risk_coverage(curve) == pytest.approx(0.03125 + 0.15625)


def test_no_questions_give_no_curve() -> None:
    assert risk_coverage([], []) == []
    assert area_under_risk_coverage([]) == 0


def test_every_confidence_needs_its_correctness() -> None:
    with pytest.raises(ValueError, match="argument"):
        risk_coverage([0.1, 0.2], [1.0])


@given(answers)
def test_the_curve_ends_with_every_question_answered(rows: list[tuple[float, float]]) -> None:
    confidence, correctness = zip(*rows, strict=True)
    curve = risk_coverage(confidence, correctness)
    coverages = [coverage for coverage, _ in curve]
    assert coverages == sorted(set(coverages))
    assert len(curve) == len(set(confidence))  # a point for each possible threshold
    assert curve[-1] == pytest.approx((1.0, 1 - sum(correctness) / len(correctness)))
    assert all(0 < coverage <= 1 for coverage in coverages)
    assert all(-1e-9 <= risk <= 1 + 1e-9 for _, risk in curve)
    assert -1e-9 <= area_under_risk_coverage(curve) <= 1 + 1e-9


@given(answers, st.randoms())
def test_the_order_of_the_questions_does_not_matter(
    rows: list[tuple[float, float]], random: Random
) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    one, other = (area(*zip(*some, strict=True)) for some in (rows, shuffled))
    assert one == pytest.approx(other)


@given(st.lists(shares, min_size=1, max_size=20), st.randoms())
def test_no_confidence_beats_a_perfect_one(correctness: list[float], random: Random) -> None:
    """Ranking questions by the correctness of their answers gives the smallest area."""
    guess = list(range(len(correctness)))
    random.shuffle(guess)
    order = sorted(guess, key=lambda row: correctness[row])
    best = [float(order.index(row)) for row in range(len(correctness))]
    assert area(best, correctness) <= area([float(g) for g in guess], correctness) + 1e-9


@given(st.lists(shares, min_size=1, max_size=20))
def test_right_answers_carry_no_risk_and_wrong_ones_nothing_else(confidence: list[float]) -> None:
    assert area(confidence, [1.0] * len(confidence)) == 0
    assert area(confidence, [0.0] * len(confidence)) == pytest.approx(1)


def area(confidence: Sequence[float], correctness: Sequence[float]) -> float:
    return area_under_risk_coverage(risk_coverage(confidence, correctness))
