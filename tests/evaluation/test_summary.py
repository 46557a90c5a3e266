"""The figures of a run, by hand: the risk of answering, calibration, latency, blame, majority."""

from __future__ import annotations

from typing import Any

import pytest

from medrag.evaluation.records import Blame, Record
from medrag.evaluation.summary import summarise
from tests.evaluation.made_records import made, refused


def judged(id: str, confidence: float, right: bool, **changed: Any) -> Record:
    return made(id, confidence=confidence, right=right, **changed)


def of_one(records: list[Record], **settings: Any) -> dict[str, Any]:
    """The summary of one system."""
    summary = summarise({"s": records}, 50, {"s": settings})
    found: dict[str, Any] = summary["systems"]["s"]
    return found


def value(told: dict[str, Any], name: str) -> float:
    found: float = told["abstention"][name]["value"]
    return found


FIVE = [
    judged("a", 0.9, True),
    judged("b", 0.8, False),
    judged("c", 0.7, True),
    # no document answers it: whatever is said is wrong
    refused("d", confidence=0.6, answerable=False, right=False),
    # nothing could be written, so there is no confidence
    judged("e", 0.0, False, draft="", shown=False),
]


def test_risk_and_coverage_by_hand() -> None:
    """By falling confidence: right, wrong, right, wrong, nothing."""
    told = of_one(FIVE)
    curve = [(0.2, 0.0), (0.4, 1 / 2), (0.6, 1 / 3), (0.8, 2 / 4), (1.0, 3 / 5)]
    assert [tuple(point) for point in told["risk_coverage"]] == [pytest.approx(p) for p in curve]
    between = (0 + 1 / 2) / 2 + (1 / 2 + 1 / 3) / 2 + (1 / 3 + 1 / 2) / 2 + (1 / 2 + 3 / 5) / 2
    assert value(told, "aurc") == pytest.approx(0.2 * between)
    # The best order: right, right, wrong, wrong, wrong.
    oracle = 0.2 * ((0 + 1 / 3) / 2 + (1 / 3 + 2 / 4) / 2 + (2 / 4 + 3 / 5) / 2)
    assert value(told, "aurc_excess") == pytest.approx(0.2 * between - oracle)
    assert value(told, "coverage_at_5") == 0.2
    assert value(told, "coverage_at_10") == 0.2
    assert told["abstention"]["aurc"]["n"] == 5


def test_coverage_at_a_risk_by_hand() -> None:
    """Ten right, then a wrong one, then nine right: 1/11 is 9 %, 1/20 is 5 %."""
    rights = [judged(f"q{n}", 1 - n / 100, n != 10) for n in range(20)]
    told = of_one(rights)
    assert value(told, "coverage_at_5") == 1.0  # a risk of exactly 5 % keeps it
    more = [*rights, judged("last", 0.1, False), judged("one more", 0.05, False)]
    assert value(of_one(more), "coverage_at_5") == pytest.approx(20 / 22)
    assert value(of_one(more), "coverage_at_10") == pytest.approx(21 / 22)


def test_the_calibration_error_is_that_of_drafts() -> None:
    """Each bin has one: |0.9 − 1|, |0.8 − 0|, |0.7 − 1|, |0.6 − 0|; no draft claims nothing."""
    told = of_one(FIVE)
    assert value(told, "ece") == pytest.approx((0.1 + 0.8 + 0.3 + 0.6) / 4)
    assert told["abstention"]["ece"]["n"] == sum(count for *_, count in told["calibration"]) == 4
    assert [tuple(one) for one in told["calibration"]] == [
        (0.6, 0.0, 1), (0.7, 1.0, 1), (0.8, 0.0, 1), (0.9, 1.0, 1)
    ]  # fmt: skip


def test_an_unknown_question_has_no_part_in_abstention() -> None:
    """Neither one that cannot be judged, nor one of which it is unknown whether it is answered."""
    told = of_one(FIVE)
    more = [
        *FIVE,
        judged("f", 0.99, False, answerable=None),
        made("g", right=None, answerable=None),
        made("h", right=None),
    ]
    again = of_one(more)
    for name in ("aurc", "aurc_excess", "ece", "coverage_at_5"):
        assert value(again, name) == pytest.approx(value(told, name))
        assert again["abstention"][name]["n"] == told["abstention"][name]["n"]
    counted = summarise({"s": more}, 50, {})["questions"]
    assert counted == {"all": 8, "answerable": 5, "unanswerable": 1, "unknown": 2}


def test_if_nothing_is_known_nothing_is_claimed() -> None:
    unknown = [
        made(f"q{n}", answerable=None, right=None, values={"answers/coverage": 1.0})
        for n in range(3)
    ]
    told = of_one(unknown)
    for name in ("aurc", "aurc_excess", "ece", "coverage_at_5", "coverage_at_10"):
        assert told["abstention"][name] == {"value": None, "low": None, "high": None, "n": 0}
    assert (told["risk_coverage"], told["calibration"]) == ([], [])
    assert told["answers"] == {"coverage": {"value": 1.0, "low": 1.0, "high": 1.0, "n": 3}}
    assert told["retrieval"] == told["citations"] == {}


def test_a_long_curve_is_thinned_and_keeps_its_end() -> None:
    curve = of_one([judged(f"q{n}", n / 2000, n % 3 > 0) for n in range(1001)])["risk_coverage"]
    assert 300 < len(curve) <= 400
    assert curve[-1] == [1.0, pytest.approx(334 / 1001)]
    assert [point[0] for point in curve] == sorted(point[0] for point in curve)


def test_latency_by_hand() -> None:
    """p50 is the middle one, p95 stands at 0.95 · 20 = 19 of 0 … 20."""
    records = [
        made(f"q{n}", milliseconds={"retrieve": float(n), "query": 10.0 * n}) for n in range(21)
    ]
    records.append(made("loads", milliseconds={}))
    told = of_one(records)["latency"]
    assert told == {
        "retrieve": {"p50": 10.0, "p95": 19.0},
        "query": {"p50": 100.0, "p95": 190.0},
    }
    one = of_one([made("q", milliseconds={"query": 3.5})])["latency"]
    assert one == {"retrieve": None, "query": {"p50": 3.5, "p95": 3.5}}


def test_the_majority_of_yes_and_no_by_hand() -> None:
    exact = ["yes", "no", "yes", "maybe", "yes"]
    records = [made(f"q{n}", kind="yes/no", exact=text) for n, text in enumerate(exact)]
    records += [made("text"), made("no exact", kind="yes/no", exact="")]
    told = summarise({"s": records}, 50, {})
    assert told["majority"] == {"answer": "yes", "share": 0.6, "n": 5}
    assert summarise({"s": records[5:]}, 50, {})["majority"] is None


def test_blame_is_counted_for_each_system() -> None:
    wrong = [made(f"q{n}", blame=blame.value) for n, blame in enumerate(Blame)]
    right = [made(f"q{n}", system="other") for n in range(len(wrong))]
    told = summarise({"s": wrong, "other": right}, 50, {})["systems"]
    assert told["s"]["blame"] == {blame.value: 1 for blame in Blame}
    assert told["other"]["blame"] == {blame.value: len(wrong) * (not blame) for blame in Blame}


def test_only_what_was_measured_for_both_is_compared() -> None:
    values = {"answers/right": 1.0, "citations/recall": 1.0}
    first = [made(f"q{n}", values=values | {"answers/right": n % 2}) for n in range(4)]
    other = [
        made("q1", values={"answers/right": 0.0}),
        made("q2", values={"answers/right": 1.0, "citations/precision": 1.0}),
        made("q0", values={}),
    ]
    told = summarise({"first": first, "other": other}, 50, {})["differences"]
    assert [*told] == ["other"]
    assert [*told["other"]] == ["answers/right"]
    found = told["other"]["answers/right"]
    assert (found["difference"], found["n"], found["p"]) == (0.0, 2, 1.0)
