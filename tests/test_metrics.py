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
    calibration_error,
    coverage_at_risk,
    oracle_area,
    reliability,
    retrieval_measures,
    risk_coverage,
    rouge_l,
    token_f1,
    token_recall,
)

DOCUMENTS = [f"d{number}" for number in range(12)]
relevants = st.lists(st.sampled_from(DOCUMENTS), unique=True, min_size=1)
cutoffs = st.integers(1, 15)
shares = st.floats(0, 1)
answers = st.lists(st.tuples(shares, shares), min_size=1, max_size=30)
texts = st.lists(st.sampled_from(["a", "the", "metformin", "500", "mg", "daily"])).map(" ".join)


@pytest.mark.parametrize(
    ("k", "recall"),
    [(1, 0.0), (2, 1 / 3), (4, 2 / 3), (10, 2 / 3)],
)
def test_a_ranking_computed_by_hand(k: int, recall: float) -> None:
    """Relevant documents are at ranks 2 and 4; a third was not found."""
    found = retrieval_measures(["x", "gout", "y", "copd"], ["copd", "gout", "asthma"], [1, k])
    assert found[f"recall@{k}"] == pytest.approx(recall)
    assert found["recall@1"] == 0
    assert found["mrr"] == 0.5
    gain, ideal = 1 / math.log2(3) + 1 / math.log2(5), 1 + 1 / math.log2(3) + 1 / 2
    assert found["ndcg@10"] == pytest.approx(gain / ideal)


def test_nothing_relevant_or_nothing_found_gives_zero() -> None:
    for ranked, relevant in (["a"], []), ([], ["a"]), (["b"], ["a"]):
        found = retrieval_measures(ranked, relevant, [5])
        assert found == {"recall@5": 0, "mrr": 0, "ndcg@10": 0}


@given(relevants, cutoffs)
def test_a_perfect_ranking_gets_one(relevant: list[str], k: int) -> None:
    """Whatever the names are: equal scores must not be ordered by name."""
    ranked = relevant + [name for name in DOCUMENTS if name not in relevant]
    found = retrieval_measures(ranked, relevant, [k, len(relevant)])
    assert found["ndcg@10"] == found["mrr"] == found[f"recall@{len(relevant)}"] == 1


@pytest.mark.parametrize(
    ("answer", "reference", "expected"),
    [
        ("water is drunk daily", "water is drunk daily", 1.0),
        ("drink water", "water drink", 2 / 4),  # one word in order, of two and two
        ("give 50 mg", "give at most 50 mg daily", 2 * 3 / (3 + 6)),
        ("", "water", 0.0),
        ("salt", "water", 0.0),
    ],
)
def test_the_longest_common_subsequence_by_hand(
    answer: str, reference: str, expected: float
) -> None:
    assert rouge_l(answer, reference) == pytest.approx(expected)


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


@given(st.lists(shares, min_size=1, max_size=20), st.randoms())
def test_no_order_beats_the_oracle(correctness: list[float], random: Random) -> None:
    guess = [float(place) for place in range(len(correctness))]
    random.shuffle(guess)
    assert oracle_area(correctness) <= area(guess, correctness) + 1e-9


def test_the_oracle_by_hand() -> None:
    """Right, right, wrong: no risk up to two thirds, then it rises to a third."""
    assert oracle_area([0, 1, 1]) == pytest.approx((0 + 1 / 3) / 2 / 3)


def test_coverage_at_a_risk_is_the_largest_that_keeps_it() -> None:
    curve = [(0.2, 0.0), (0.4, 0.3), (0.6, 0.1), (1.0, 0.5)]
    assert coverage_at_risk(curve, 0.1) == 0.6  # although the risk was higher before
    assert coverage_at_risk(curve, 0.05) == 0.2
    assert coverage_at_risk([(1.0, 0.5)], 0.1) == 0


def test_a_calibration_by_hand() -> None:
    """Two bins: 0.2 and 0.4, of which half are right, and 0.9 and 0.7, of which all are."""
    confidence, right = [0.9, 0.2, 0.4, 0.7], [1.0, 0.0, 1.0, 1.0]
    bins = reliability(confidence, right, bins=2)
    assert [(round(c, 9), r, n) for c, r, n in bins] == [(0.3, 0.5, 2), (0.8, 1.0, 2)]
    assert calibration_error([0.25] * 4, [0, 0, 0, 1]) == pytest.approx(0.375)  # one a bin
    assert calibration_error([], []) == 0
    assert calibration_error([0.0, 1.0], [0.0, 1.0]) == 0


def area(confidence: Sequence[float], correctness: Sequence[float]) -> float:
    return area_under_risk_coverage(risk_coverage(confidence, correctness))
