"""Details that a question asks for: named if the answer does not give them, and only then."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medrag.grounding.details import missing_details

PAIRS = Path(__file__).parent / "details"


def read(name: str) -> list[dict[str, Any]]:
    """The pairs of a question and an answer, with what is missing."""
    lines = (PAIRS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize(
    ("question", "answer", "context", "missing"),
    [
        # limits
        ("What is the maximum daily dose of metformin?", "Metformin is started at 500 mg daily.",
         "Metformin", ("maximum",)),
        ("What is the maximum daily dose of metformin?", "The effect is maximal after 2 weeks.",
         "Metformin · Maximal effect", ("maximum", "daily")),
        ("What is the maximum daily dose of metformin?", "No more than 3 g a day.", "", ()),
        ("What is the maximum dose of orlex?", "Orlex 10 mg is given for up to 3 weeks.", "",
         ("maximum",)),
        ("What is the minimum age for orlex?", "Orlex is a white tablet.", "", ("minimum age",)),
        # which dose
        ("What is the starting dose of orlex?", "Orlex is raised to 40 mg daily.", "",
         ("starting",)),
        ("What is the starting dose of orlex?", "Initially 5 mg, then 10 mg daily.", "", ()),
        ("What is the usual dose of orlex?", "Orlex 10 mg daily.", "", ()),
        ("What is the usual dose of orlex?", "Orlex is begun at 2 mg daily.", "", ("usual",)),
        # which choice
        ("First-line drug for gout?", "Gout responds to colchicine.", "Gout", ("First-line",)),
        ("What is given after failure of orlex in gout?", "Orlex is given in gout.", "",
         ("after failure of orlex",)),
        # time
        ("What is the half-life of orlex?", "Orlex is taken every 12 hours.", "", ("half-life",)),
        ("How long is orlex taken?", "Orlex is taken twice a day.", "", ("How long",)),
        ("How often is orlex taken?", "Orlex is taken with water.", "", ("How often",)),
        # for whom
        ("What is the dose of orlex in children?", "Adults take 10 mg of orlex.", "Orlex",
         ("in children",)),
        ("What is the dose of orlex in children?", "A 6-year-old takes 5 mg of orlex.", "", ()),
        ("Is orlex safe for breastfeeding mothers?", "Orlex is safe.", "", ("for breastfeeding",)),
        ("What is the dose of orlex for adults?", "Orlex 10 mg daily.", "", ()),
        # with what beside it
        ("What is the dose of orlex in renal failure?", "Orlex 10 mg daily.", "",
         ("in renal failure",)),
        ("What is the dose of orlex in renal failure?", "If eGFR is below 30, 5 mg of orlex.", "",
         ()),
        ("How is pain treated after stroke?", "Pain is treated with paracetamol.", "",
         ("after stroke",)),
        ("What dose of orlex with adrenaline?", "Orlex without adrenaline: 10 mg.", "",
         ("with adrenaline",)),
        ("What do I do if I miss a dose?", "Take one tablet daily.", "", ("if I miss a dose",)),
        # severity and route
        ("How is severe gout treated?", "Mild gout is treated with ice.", "", ("severe",)),
        ("How is acute gout treated?", "Gout is treated with colchicine.", "", ()),
        ("What is the treatment of stage III melanoma?", "Stage I melanoma is cut out.", "",
         ("stage III",)),
        ("What is the oral dose of orlex?", "Orlex 10 mg is injected.", "", ("oral",)),
        ("Which oral anticoagulants are used in gout?", "Apixaban is used in gout.", "", ()),
        # numbers, persons, places
        ("What percentage of people get gout?", "Some people get gout.", "", ("percentage",)),
        ("How many patients took part in the trial?", "The trial compared two doses.", "",
         ("How many patients",)),
        ("In what year was orlex approved?", "Orlex was approved for gout.", "", ("year",)),
        ("Who discovered orlex?", "Its discovery was an accident.", "Orlex", ("Who",)),
        ("Who discovered orlex?", "James Miller isolated it.", "Orlex", ()),
        ("Where is orlex absorbed?", "Orlex is absorbed slowly.", "", ("Where",)),
        # parts
        ("What are the causes and treatment of gout?", "Colchicine is given.", "", ("causes",)),
        ("Which drug is used in gout, and why?", "Allopurinol is used in gout.", "", ("why",)),
        ("What is the difference between gout and scurvy?", "Gout is painful.", "", ("scurvy",)),
        ("What is the difference between gout and scurvy?", "Both are rare.", "", ()),
        ("Is orlex or ramolor safer?", "Orlex is safer.", "", ()),
        ("What are the doses of orlex and of ramolor?", "Orlex: 5 mg.", "", ("ramolor",)),
    ],
)  # fmt: skip
def test_an_answer(question: str, answer: str, context: str, missing: tuple[str, ...]) -> None:
    assert missing_details(question, [answer], context) == missing


def test_what_another_statement_or_the_context_says_is_not_missing() -> None:
    question, start = "What is the maximum dose of orlex?", "Orlex is started at 5 mg."
    assert missing_details(question, [start]) == ("maximum",)
    assert missing_details(question, [start, "No more than 40 mg is given."]) == ()
    assert missing_details(question, ["40 mg of orlex."], "Orlex · Maximum dose") == ()


def test_a_bare_reply_needs_no_words_of_the_question_but_the_figure() -> None:
    assert missing_details("Which pressor is used first in septic shock?", ["Noradrenaline."]) == ()
    assert missing_details("How many points does a TIA score?", ["Two points."]) == ()
    assert missing_details("In what year was orlex approved?", ["Switzerland."]) == ("year",)


def test_definitions_and_plain_questions_of_yes_or_no_lack_nothing() -> None:
    assert missing_details("What is acute gout?", ["An inflammation of joints."]) == ()
    assert missing_details("Is gout more severe in men?", ["Yes."]) == ()
    assert missing_details("Can orlex be taken orally?", ["Orlex is a powder."]) == ()


def test_details_come_in_the_order_of_the_question_and_none_within_another() -> None:
    question = "What is the maximum dose of orlex in severe renal failure, and why?"
    expected = ("maximum", "in severe renal failure", "why")
    assert missing_details(question, ["Orlex 5 mg is taken with water."]) == expected


def test_without_an_answer_all_is_missing() -> None:
    assert missing_details("What is the starting dose of orlex in children?", []) == (
        "starting",
        "dose",
        "in children",
    )


# The rules were written with the development pairs; the held-out ones are older than the rules, and
# only measured.
@pytest.mark.parametrize(
    ("name", "found", "alarms", "named"),
    [("development", 0.95, 0.03, 0.92), ("held_out", 0.88, 0.03, 0.88)],
)
def test_levels_on_pairs(name: str, found: float, alarms: float, named: float) -> None:
    results = [
        (one, missing_details(one["question"], one["answer"], one["context"])) for one in read(name)
    ]
    partial = [(one, got) for one, got in results if one["missing"]]
    whole = [got for one, got in results if not one["missing"]]
    assert sum(bool(got) for _, got in partial) / len(partial) >= found
    assert sum(bool(got) for got in whole) / len(whole) <= alarms
    details = [(detail, got) for one, got in partial for detail in one["missing"]]
    assert sum(_names(got, detail) for detail, got in details) / len(details) >= named


def test_pairs_name_details_in_the_words_of_their_questions() -> None:
    for one in (*read("development"), *read("held_out")):
        assert all(detail.lower() in one["question"].lower() for detail in one["missing"])


WORDS = st.sampled_from(
    sorted({word for one in read("held_out") for word in one["question"].split()})
)
TEXT = st.text(max_size=60) | st.lists(WORDS, max_size=20).map(" ".join)


@settings(max_examples=200, deadline=None)
@given(TEXT, st.lists(TEXT, max_size=3), TEXT)
def test_any_text_gives_words_of_the_question(
    question: str, answer: list[str], context: str
) -> None:
    for detail in missing_details(question, answer, context):
        assert detail
        assert detail in question


def test_long_texts_take_no_longer_than_they_are_long() -> None:
    hostile = "not a dose up to if I versus maximum 10 " * 1000
    start = time.thread_time()
    missing_details(
        "What is the maximum dose, and how long, if I miss it? " * 8, [hostile], hostile
    )
    assert time.thread_time() - start < 2.0


def _names(got: tuple[str, ...], detail: str) -> bool:
    """Whether any of the details named is the one that is missing, or part of it."""
    wanted = detail.lower()
    return any(wanted in one.lower() or one.lower() in wanted for one in got)
