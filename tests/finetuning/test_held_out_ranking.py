"""Which held-out questions are measured, and which mix of weights they choose."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from medrag.finetuning.held_out_ranking import asked_in
from medrag.finetuning.weight_mixing import choose_mix


def row(number: int, document: str, **more: Any) -> dict[str, Any]:
    return {"question": f"Question {number}?", "documents": [document], "shares": "", **more}


def test_each_collection_has_its_share_of_the_questions() -> None:
    rows = [row(n, f"large.jsonl#{n}") for n in range(200)]
    rows += [row(n, f"guidelines/{n}.txt") for n in range(200, 300)]
    rows += [row(n, f"small.jsonl#{n}") for n in range(300, 325)]
    rows += [row(n, f"tiny{n}.jsonl#{n}") for n in range(400, 404)]
    found = asked_in(rows, 100)
    counts = {name: len(asked) for name, asked in found.items()}
    # The largest have equal shares of what the small ones leave.
    assert counts == {
        "other questions": 4,
        "small.jsonl": 25,
        "guidelines/": 35,
        "large.jsonl": 36,
    }
    assert asked_in(rows, 100) == found
    assert {one.question for asked in found.values() for one in asked} <= {
        one["question"] for one in rows
    }


def test_a_question_is_asked_once_and_only_if_it_names_documents() -> None:
    rows = [row(1, "a.jsonl#1"), row(1, "a.jsonl#2"), row(2, "a.jsonl#3", shares="1")]
    rows += [{"question": "Without?", "documents": [], "shares": ""}]
    found = asked_in(rows, 10)
    assert {name: [one.question for one in asked] for name, asked in found.items()} == {
        "a.jsonl": ["Question 1?"]
    }
    assert asked_in(rows, 0) == {}


class Shares:
    """An encoder that ranks as it is told: nDCG@10 by set and share."""

    def __init__(self, told: dict[str, list[float]]) -> None:
        self.told = told
        self.share = -1.0

    def mix(self, share: float) -> None:
        self.share = share

    def ndcg(self, name: str) -> dict[str, float]:
        return {"0": self.told[name][round(self.share * 4)]}


@pytest.mark.parametrize(
    ("told", "share"),
    [
        ({"a": [0.7, 0.8, 0.9, 0.95, 0.9]}, 0.75),
        # One collection gains until the end, another one loses early.
        ({"a": [0.7, 0.8, 0.9, 0.95, 0.96], "b": [0.9, 0.91, 0.9, 0.89, 0.8]}, 0.5),
        ({"a": [0.7, 0.6, 0.5, 0.4, 0.3]}, 0.0),
        ({"a": [0.7, 0.8, 0.9, 0.9, 0.9], "b": [0.9, 0.8, 0.8, 0.8, 0.8]}, 0.0),
        ({"a": [0.7] * 5}, 0.0),  # of equal ones, the base
        ({"a": [0.7, 0.8, 0.9, 0.903, 0.904]}, 0.5),  # as good, and nearer to the base
        # What is within the error of a hundred questions is no loss.
        ({"a": [0.7, 0.8, 0.9, 0.9, 0.9], "b": [0.9, 0.899, 0.898, 0.8, 0.8]}, 0.5),
    ],
)
def test_the_best_mix_loses_on_no_set(told: dict[str, list[float]], share: float) -> None:
    encoder: Any = Shares(told)
    sets: Any = {name: name for name in told}
    mix = choose_mix(encoder, sets)
    assert mix.share == encoder.share == share
    assert Counter(len(point) for point in mix.curve) == {len(told) + 1: 5}
