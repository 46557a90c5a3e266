"""Questions that are nearly the same, and texts that an evaluation set has too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medrag.dataset import question_key
from medrag.dataset.similar import EvaluationSets, near_duplicates
from medrag.errors import QuestionError

LONG = "Which tablets may a nurse give to a child of seven years who vomits after the evening meal?"

SAME = [
    ("What is the treatment of gout?", "what is the TREATMENT for gout"),
    ("Does TNF-α rise in sepsis?", "Does TNF-alpha rise in sepsis"),
    ("What are the symptoms of kidney diseases?", "What are symptoms of kidney disease?"),
    ("What is naïve bayes in triage?", "What is naive bayes in triage?"),
    ("Is there any cure for botulism?", "Is there a cure for botulism?"),
]
OTHERS = [
    ("Is 5 mg of warfarin safe?", "Is 50 mg of warfarin safe?"),
    ("Should aspirin be given before surgery?", "Should aspirin not be given before surgery?"),
    ("Should aspirin be given before surgery?", "Should aspirin be given after surgery?"),
    ("What is the dose of hydroxyzine in adults?", "What is the dose of hydralazine in adults?"),
    ("What causes hypertension?", "What causes hypotension?"),
    ("What is acquired hemophilia?", "What is acquired hemophilia A?"),
    ("What is Tietz syndrome?", "What is Tietze syndrome?"),
    ("Is it HER2+ breast cancer?", "Is it HER2- breast cancer?"),
    ("Is sodium < 120 dangerous?", "Is sodium > 120 dangerous?"),
    ("Does rest raise sleep?", "Does sleep raise rest?"),
    ("How is gout treated?", "When is gout treated?"),
    (LONG, LONG.replace("may a nurse", "may no nurse")),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_says_the_same_is_a_near_duplicate(one: str, other: str) -> None:
    assert near_duplicates([one, "Who discovered insulin?", other], 0.9) == [0, 1, 0]


@pytest.mark.parametrize(("one", "other"), OTHERS)
@pytest.mark.parametrize("threshold", [0.9, 0.5, 0.0])
def test_what_asks_something_else_never_is(one: str, other: str, threshold: float) -> None:
    assert near_duplicates([one, other], threshold) == [0, 1]


def test_a_typing_error_in_a_long_question_is_no_other_question() -> None:
    """It is for a threshold of 1, and in a short question, where it is much of the text."""
    typo = LONG.replace("evening", "eveinng")
    assert near_duplicates([LONG, typo], 0.75) == [0, 0]
    assert near_duplicates([LONG, typo], 1.0) == [0, 1]
    assert near_duplicates(["Is an evening meal bad?", "Is an eveinng meal bad?"], 0.9) == [0, 1]


def test_the_first_one_is_named_in_a_large_set() -> None:
    many = [f"What is the dose of drug number {n} in gout?" for n in range(500)]
    again = [text.replace("the dose", "a dose").upper() for text in many]
    assert near_duplicates(many + again, 0.9) == [*range(500), *range(500)]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from([text for pair in SAME + OTHERS for text in pair]), max_size=12))
def test_firsts_come_first_and_repeat_nothing(texts: list[str]) -> None:
    firsts = near_duplicates(texts, 0.9)
    assert len(firsts) == len(texts)
    for position, first in enumerate(firsts):
        assert first <= position
        assert firsts[first] == first
    assert near_duplicates(texts, 0.9) == firsts  # nothing is left to chance


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=40), st.sampled_from([0.0, 0.5, 0.9, 1.0]))
def test_any_text_is_its_own_duplicate(text: str, threshold: float) -> None:
    assert near_duplicates([text, text], threshold) == [0, 0]


@pytest.fixture
def sets(tmp_path: Path) -> EvaluationSets:
    rows = [
        {
            "id": "1",
            "question": "Does a daily walk of twenty minutes lower blood pressure in older adults?",
            "answer": "A walk of 20 minutes a day lowered systolic pressure by 4 mmHg on average.",
        },
        {"id": "2", "question": "What is gout?", "answer": "yes"},
    ]
    path = tmp_path / "held-out.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return EvaluationSets.read([path])


@pytest.mark.parametrize(
    ("text", "shared"),
    [
        (
            "We ask: DOES A DAILY WALK – of twenty minutes – lower it?",
            "does a daily walk of twenty minutes lower",
        ),
        # In full-width letters, with an accent: the same after NFKC and folding.
        (
            "Ｄoes á daily walk of twenty minutes lower blood pressure",
            "does a daily walk of twenty minutes lower blood pressure",
        ),
        (
            "It lowered systolic pressure. By 4 mmHg, on average!",
            "lowered systolic pressure by 4 mmhg on average",
        ),
        ("what is GOUT", "what is gout"),
        ("does a daily walk of twenty minutes", ""),  # 7 words
        ("A daily walk of thirty minutes lowers blood pressure in older adults.", ""),
        ("What is gout in a child of seven?", ""),
        ("yes", ""),
        ("", ""),
    ],
)
def test_eight_words_in_a_row_are_contamination(
    sets: EvaluationSets, text: str, shared: str
) -> None:
    assert sets.contaminated(text) == shared


def test_no_sets_contaminate_nothing() -> None:
    assert EvaluationSets.read([]).contaminated("Does a daily walk of twenty minutes help?") == ""


def test_a_set_that_is_not_there_is_an_error() -> None:
    with pytest.raises(QuestionError, match=r"no-such-file\.jsonl cannot be read"):
        EvaluationSets.read(["no-such-file.jsonl"])


SOME = ["a", "dose", "of", "5", "mg", "not", "é", "TNF-α", "ΔG", "Fieber", "薬"]
WORDS = st.lists(st.sampled_from(SOME), max_size=14)


@settings(deadline=None)
@given(WORDS, WORDS)
def test_contamination_is_a_shared_run_of_eight_words(one: list[str], other: list[str]) -> None:
    """Whatever the case and punctuation; compared with a search that tries every run."""
    found = EvaluationSets([(" ".join(one), [])]).contaminated("; ".join(other).upper())
    asked, said = (question_key(" ".join(text)).split() for text in (one, other))
    runs = [" ".join(asked[start : start + 8]) for start in range(len(asked) - 7)]
    expected = asked == said or any(f" {run} " in f" {' '.join(said)} " for run in runs)
    assert bool(found) == (expected and bool(said))
