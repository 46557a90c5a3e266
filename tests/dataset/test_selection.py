"""Which questions become rows: so many of them, and no near duplicates across splits."""

from __future__ import annotations

import random

from medrag.config import DatasetConfig
from medrag.dataset.selection import select
from medrag.types import Example

CONFIG = DatasetConfig(validation_share=0.2, test_share=0.3)


def questions(count: int) -> list[Example]:
    return [
        Example(f"q{n}", f"What is the usual dose of drug number {n}?", "It is.", (f"d{n}",))
        for n in range(count)
    ]


def again(example: Example) -> Example:
    """The same question in nearly the same words, about a document of its own."""
    asked = example.question.replace("of drug", "of the drug")
    return Example(f"{example.id}-2", asked, "So.", (f"{example.documents[0]}-2",))


def test_all_questions_have_a_split() -> None:
    selected = select(questions(60), CONFIG)
    assert selected.left_out == []
    assert sum(map(len, selected.splits.values())) == 60
    assert all(selected.splits.values())
    assert selected.training == selected.splits["train"]


def test_near_duplicates_of_the_test_split_are_not_learnt() -> None:
    examples = questions(60)
    selected = select([*examples, *map(again, examples)], CONFIG)
    splits, left_out = selected.splits, selected.left_out
    assert len(left_out) > 20
    tested = {one.id.removesuffix("-2") for one in splits["test"]}
    validated = {one.id.removesuffix("-2") for one in splits["validation"]}
    trained = [one.id.removesuffix("-2") for one in splits["train"]]
    assert tested.isdisjoint(trained)
    assert tested.isdisjoint(validated)
    assert validated.isdisjoint(trained)
    assert len(trained) == len(set(trained))
    assert len(splits["test"]) > len(tested)  # it keeps all of its own, both of a pair
    for one in left_out:
        assert one.reason == "near_duplicate"
        assert one.split != "test"
        assert not one.kept
        assert "nearly the same as q" in one.detail


def test_another_number_is_another_question() -> None:
    one = Example("a", "What is the dose of drug number 7 in children?", "", ("a",))
    other = Example("b", "What is the dose of drug number 8 in children?", "", ("b",))
    assert select([one, other], CONFIG).left_out == []


def ids(splits: dict[str, list[Example]]) -> set[str]:
    return {one.id for members in splits.values() for one in members}


def test_the_limit_draws_the_same_questions_whatever_their_order() -> None:
    examples = questions(60)
    limited = DatasetConfig(limit=20)
    chosen = ids(select(examples, limited).splits)
    assert len(chosen) == 20
    shuffled = random.Random(1).sample(examples, len(examples))
    assert ids(select(shuffled, limited).splits) == chosen
    assert chosen < ids(select(examples, DatasetConfig(limit=30)).splits)
    assert chosen != {f"q{n}" for n in range(20)}  # a sample, not the beginning


def test_the_limit_moves_no_question_to_another_split() -> None:
    examples = questions(60)
    all_of_them = select(examples, DatasetConfig())
    limited = select(examples, DatasetConfig(limit=20))
    for split, some in limited.splits.items():
        assert {*some} <= {*all_of_them.splits[split]}
    assert limited.training == all_of_them.splits["train"]


def test_a_drawn_question_yields_to_none_that_is_not_drawn() -> None:
    """Of six that are nearly the same, the one that is drawn stays."""
    alike = [Example(f"a{n}", "What is the usual dose of the drug X?", "", ()) for n in range(6)]
    for first in range(6):
        turned = alike[first:] + alike[:first]
        selected = select(turned, DatasetConfig(limit=1, validation_share=0, test_share=0))
        assert len(ids(selected.splits)) == 1
        assert selected.left_out == []
