"""One thing is swapped in a passage, and the passage then says something else."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medrag.dataset.labels import Label, Stated, supports
from medrag.dataset.near_miss import Swapped, alter, names, swaps
from medrag.grounding.candidates import quoted
from medrag.types import Hit

STATEMENTS = [
    "Adults take 50 mg of the drug twice daily.",
    "Children over 12 years take 1,000 mg every 8 hours.",
    "The dose is 0.5 mg/kg for seven days, and at most 30 mg a day.",
    "It affects about 1 in 10,000 people.",
    "About 20% of the men were cured within 6 weeks.",
    "The drug must not be given to pregnant women.",
    "It is inherited from the mother.",
    "Blood pressure is higher in the evening than before breakfast.",
    "The infusion increases the level of potassium.",
    "The wound should be washed with soap.",
    "The virus cannot be found in the blood.",
]


def found(text: str) -> set[tuple[str, str]]:
    return {(str(swap), swap.kind.value) for swap in swaps(text, 0, len(text))}


@pytest.mark.parametrize(
    ("text", "swap", "kind"),
    [
        ("Take 50 mg.", "50 mg → 5 mg", "amount"),
        ("Take 0.5 mg.", "0.5 mg → 5 mg", "amount"),
        ("Take 1,500 mg.", "1,500 mg → 150 mg", "amount"),
        ("Take 5 to 7.5 mg.", "5 to 7.5 mg → 50 to 75 mg", "amount"),
        ("Take 50 mg.", "50 mg → 50 g", "unit"),
        ("Take 2 mg/kg.", "2 mg/kg → 2 g/kg", "unit"),
        ("It lasts two weeks.", "two weeks → four weeks", "amount"),
        ("It lasts 3 days.", "3 days → 3 weeks", "unit"),
        ("People over 65 years fall.", "65 years → 45 years", "amount"),
        ("Of all, 80% recover.", "80% → 40%", "amount"),
        ("It strikes 1 in 200 women.", "1 in 200 → 1 in 2000", "amount"),
        ("Take it twice daily.", "twice daily → once daily", "amount"),
        ("Take it twice daily.", "twice daily → twice weekly", "unit"),
        ("Take at least 5 mg.", "at least → at most", "comparator"),
        ("Take it before meals.", "before → after", "comparator"),
        ("It reduces pain.", "reduces → increases", "comparator"),
        ("Children recover.", "Children → Adults", "population"),
        ("Pregnant women rest.", "Pregnant women → Older women", "population"),
        ("It should be boiled.", "should → should not", "negation"),
        ("It cannot be boiled.", "cannot → can", "negation"),
        ("It is not caused by it.", "is not → is", "negation"),
        ("It is caused by it.", "is → is not", "negation"),
    ],
)
def test_what_can_be_swapped(text: str, swap: str, kind: str) -> None:
    assert (swap, kind) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "Vitamin B12 helps.",
        "See figure 3.",
        "The mutation 20210G matters.",
        "Carriers of HLA-B*15:02 react.",
        "It is not only a rash.",
        "It may not be so.",
        "In 2019 it was new.",
        "An overview of childlike joy.",
    ],
)
def test_what_is_left_alone(text: str) -> None:
    assert found(text) == set()


@settings(deadline=None, database=None)
@given(st.text(max_size=20), st.sampled_from(STATEMENTS), st.text(max_size=20))
def test_a_swap_changes_its_place_and_nothing_else(before: str, text: str, after: str) -> None:
    whole, start, end = before + text + after, len(before), len(before) + len(text)
    assert (
        [str(swap) for swap in swaps(whole, start, end)]
        == [str(swap) for swap in swaps(text, 0, len(text))]
        != []
    )
    for swap in swaps(whole, start, end):
        assert start <= swap.start < swap.end <= end
        assert whole[swap.start : swap.end] == swap.old != swap.new
        new = swap.apply(whole)
        assert new[: swap.start] == whole[: swap.start]
        assert new[swap.start : swap.start + len(swap.new)] == swap.new
        assert new[swap.start + len(swap.new) :] == whole[swap.end :]


def label(*texts: str) -> Label:
    passage = "A note. " + " ".join(texts) + " Ask your doctor."
    hit = Hit(1, "note", "Sinaprex", passage, 0, len(passage), None, "", "", 1.0)
    return Label(hit, tuple(Stated(text, quoted(text, passage)) for text in texts), 0)


@settings(deadline=None, database=None, max_examples=60)
@given(
    st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=3, unique=True),
    st.integers(0, 1000),
)
def test_the_altered_passage_bears_out_the_altered_label_alone(texts: list[str], seed: int) -> None:
    true = label(*texts)
    result = alter("What is Sinaprex?", true, Random(seed))
    assert result is not None
    altered, swap = result
    assert altered.passage.text == swap.apply(true.passage.text)
    changed = [
        (old, new)
        for old, new in zip(true.statements, altered.statements, strict=True)
        if old.text != new.text
    ]
    ((old, new),) = changed
    assert supports(new.text, altered.passage)
    assert not supports(old.text, altered.passage)
    assert not supports(new.text, true.passage)
    for statement in altered.statements:
        assert statement.span
        assert altered.passage.text[slice(*statement.span)] == statement.text
    assert alter("What is Sinaprex?", true, Random(seed)) == result


def test_a_dose_or_a_group_is_swapped_before_a_verb_is_denied() -> None:
    true = label("Adults should take 50 mg of the drug.")
    kinds = {alter("How is it taken?", true, Random(n))[1].kind for n in range(20)}  # type: ignore[index]
    assert kinds == {Swapped.amount, Swapped.unit, Swapped.population}


def test_what_the_passage_says_in_other_words_is_altered_in_both() -> None:
    passage = "Adults with gout take 50 mg of the drug twice daily, with much water."
    hit = Hit(1, "note", "Sinaprex", passage, 0, len(passage), None, "", "", 1.0)
    true = Label(hit, (Stated("It is 50 mg, twice daily.", None),), 0)
    changes = set()
    for seed in range(12):
        result = alter("What is the dose?", true, Random(seed))
        assert result is not None
        altered, swap = result
        (new,) = altered.statements
        assert new.text == true.statements[0].text.replace(swap.old, swap.new)
        assert altered.passage.text == passage.replace(swap.old, swap.new)
        changes.add(str(swap))
    assert "50 mg → 5 mg" in changes
    assert len(changes) > 2


def test_nothing_is_altered_if_the_passage_goes_on_to_say_it() -> None:
    said = label("Adults take 50 mg.", "Adults take 50 mg.")
    once = Label(said.passage, said.statements[:1], 0)
    assert alter("What is the dose?", once, Random(1)) is None
    assert alter("Does it?", label("It helps."), Random(1)) is None


def test_a_passage_that_stays_about_the_people_asked_for_is_not_altered_there() -> None:
    true = label("Children take 5 mg.", "Most children sleep then.")
    for n in range(20):
        result = alter("What do children take?", true, Random(n))
        assert result is not None
        assert result[1].kind is not Swapped.population


def test_a_question_names_what_was_swapped() -> None:
    (swap,) = (one for one in swaps("Adults sleep.", 0, 13) if one.kind is Swapped.population)
    assert names("What helps an adult?", swap)
    assert not names("What helps children?", swap)
    swap = next(one for one in swaps("Take 50 mg.", 0, 11) if one.kind is Swapped.amount)
    assert names("Is 0.05 g too much?", swap)
    assert not names("Is 5 mg too much?", swap)
    text = "A high load is treated."
    by_kind = {one.kind: one for one in swaps(text, 0, len(text))}
    assert names("What is given at a high load?", by_kind[Swapped.comparator])
    assert not names("What is given at a highly active load?", by_kind[Swapped.comparator])
    assert names("Fill in the blank: a ____ load is treated", by_kind[Swapped.negation])
    assert not names("Is a load treated?", by_kind[Swapped.negation])
