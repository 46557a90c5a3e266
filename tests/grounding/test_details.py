"""Details that a question asks for: named if the answer does not give them, and only then."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medrag.grounding.details import missing_details, other_subject

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
         "Metformin · Maximal effect", ("maximum", "daily", "dose")),
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
        ("What are the doses of orlex and of ramolor?", "Orlex: 5 mg.", "Ramolor", ("ramolor",)),
        ("What are the doses of orlex and of ramolor?", "Orlex: 5 mg.", "Orlex and ramolor", ()),
        ("Which is better in gout, orlex or ramolor?", "Orlex is better than placebo.", "",
         ("ramolor",)),
        ("What are the signs and treatment of Toran fever?", "Toran fever is treated with rest.",
         "Toran fever", ("signs",)),  # the fever in its name is no sign
        ("What are the signs and treatment of gout?", "Gout is treated with ice.",
         "Gout · Signs and treatment", ("signs",)),
        ("What is the dose of orlex in adults and in children?", "Adults: 5 mg.", "",
         ("in children",)),
        ("What is the dose of orlex in adults and in children?", "Adults: 5 mg; under 40 kg: 2 mg.",
         "", ()),
        ("Does gout affect men and women equally?", "Gout is more frequent in men.", "", ()),
        # further questions
        ("What is orlex and how does it work?", "Orlex is a white tablet.", "Orlex",
         ("how does it work",)),
        ("What is orlex and how does it work?", "Orlex is a drug that blocks pumps.", "", ()),
        ("When is orlex stopped and when can it be restarted?", "Orlex is stopped on day 1.",
         "Orlex", ("when can it be restarted",)),
        ("Which vaccine is given at birth and which at 12 months?", "BCG is given at birth.", "",
         ("which at 12 months",)),
        ("Who discovered orlex and when?", "Orlex was isolated by Ann Hill.", "", ("when",)),
        ("Who discovered orlex and where?", "Orlex was isolated by Ann Hill.", "", ("where",)),
        ("Who discovered orlex and where?", "Ann Hill found it in Oslo.", "", ()),
        # values
        ("Which dose at an eGFR of 20?", "eGFR: ≥ 45; Dose: 40 mg", "", ("eGFR of 20",)),
        ("Which dose at an eGFR of 50?", "eGFR: ≥ 45; Dose: 40 mg", "", ()),
        ("How many points does age 75 get?", "Item: Age 65 to 74; Points: 1", "", ("age 75",)),
        ("How many points does age 75 get?", "Item: Age 75 or over; Points: 2", "", ()),
        ("What is done at a potassium of 6.8?", "A potassium of 5.5 to 5.9 is measured again.", "",
         ("potassium of 6.8",)),
        ("What is done at a potassium of 6.8?", "A potassium above 6.5 needs calcium.", "", ()),
        ("Which dose in a 70-year-old?", "From the age of 18 to 64 years, the dose is 5 mg.", "",
         ("70-year-old",)),
        ("What is the half-life of digitoxin?", "Drug: Digoxin; Half-life: 36 hours", "",
         ("digitoxin",)),
        ("Who gets type 1 diabetes?", "Type 1 diabetes occurs in 10 to 20 children.", "", ()),
        # neighbours
        ("What is the sensitivity of the test?", "Its specificity is 92%.", "", ("sensitivity",)),
        ("What is the sensitivity of the test?", "It finds 92% of cases.", "", ()),
        ("How long does orlex last?", "Its half-life is 3 hours.", "",
         ("How long does orlex last",)),
        ("Is orlex safe in pregnancy?", "Nursing mothers must not take orlex.", "",
         ("in pregnancy",)),
        ("When was orlex approved?", "Orlex was approved after 3 trials in 120 patients.", "",
         ("When",)),
        # reasons
        ("Why must orlex not be stopped suddenly?", "Orlex must not be stopped suddenly.", "",
         ("Why",)),
        ("Why must orlex not be stopped suddenly?", "Seizures may follow.", "", ()),
        ("How does orlex lower blood pressure?", "Orlex lowers blood pressure.", "", ("How",)),
        ("How does orlex lower blood pressure?", "Orlex widens small vessels.", "", ()),
    ],
)  # fmt: skip
def test_an_answer(question: str, answer: str, context: str, missing: tuple[str, ...]) -> None:
    assert missing_details(question, [answer], context) == missing


def test_what_another_statement_or_the_context_says_is_not_missing() -> None:
    question, start = "What is the maximum dose of orlex?", "Orlex is started at 5 mg."
    assert missing_details(question, [start]) == ("maximum",)
    assert missing_details(question, [start, "No more than 40 mg is given."]) == ()
    assert missing_details(question, ["40 mg of orlex."], "Orlex · Maximum dose") == ()


def test_questions_about_two_subjects_are_answered_by_what_names_each() -> None:
    question = "What is the drug of choice in gout, and what is the dose of hydrocortisone?"
    first = "Colchicine 0.5 mg is the drug of choice in gout."
    assert missing_details(question, [first]) == ("what is the dose of hydrocortisone",)
    assert missing_details(question, [first, "Hydrocortisone is given."]) == ("dose",)
    assert missing_details(question, [first, "Hydrocortisone 50 mg is given."]) == ()


def test_a_statement_about_something_else_is_no_reason() -> None:
    said = ["Sarolin is avoided in glaucoma.", "Sarolin is a migraine drug."]
    assert missing_details("Why is sarolin avoided in glaucoma?", said) == ("Why",)
    said[1] = "It raises the pressure in the eye."
    assert missing_details("Why is sarolin avoided in glaucoma?", said) == ()


def test_a_bare_reply_needs_no_words_of_the_question_but_the_figure() -> None:
    assert missing_details("Which pressor is used first in septic shock?", ["Noradrenaline."]) == ()
    assert missing_details("How many points does a TIA score?", ["Two points."]) == ()
    assert missing_details("In what year was orlex approved?", ["Switzerland."]) == ("year",)


@pytest.mark.parametrize(
    ("question", "answer", "context", "missing"),
    [
        # another drug, disease or test; a synonym, a class or its abbreviation is none
        ("What is the dose of warfarin?", "Apixaban: 5 mg twice daily.", "Apixaban", ("warfarin",)),
        ("Does enalapril raise potassium?", "ACE inhibitors raise potassium.", "", ()),
        ("Does enalapril raise potassium?", "Losartan raises potassium.", "", ("enalapril",)),
        ("How long before tests is lansoprazole stopped?", "PPIs are stopped 2 weeks before.", "",
         ()),
        ("Does bumetanide cause gout?", "Thiazide diuretics cause gout.", "", ("bumetanide",)),
        ("Does bumetanide cause gout?", "Diuretics cause gout.", "", ()),
        ("How is nephritis diagnosed?", "Hepatitis is diagnosed by tests.", "", ("nephritis",)),
        ("How is hepatitis B treated?", "Hepatitis C is treated with rest.", "", ("hepatitis B",)),
        ("What is the sensitivity of procalcitonin?", "Its sensitivity is 80%.", "D-dimer",
         ("procalcitonin",)),
        ("What is given instead of metformin?", "Gliclazide is given.", "", ()),
        ("What is the antidote to warfarin?", "Phytomenadione is given.", "Antidotes", ()),
        # outcomes
        ("Does orlex reduce mortality?", "Orlex reduced pain.", "Orlex", ("mortality",)),
        ("Does orlex reduce mortality?", "Fewer people died.", "Orlex", ()),
        ("Does orlex prevent seizures?", "Orlex lowered weight.", "Orlex", ("seizures",)),
        ("Does orlex prevent seizures?", "Convulsions were fewer.", "Orlex", ()),
        ("How often do seizures occur?", "Orlex 5 mg is given once daily.", "", ("How often",)),
        ("How often do seizures occur?", "Seizures occur in 2% on 5 mg.", "", ()),
        # forms and purposes
        ("What is the dose of slow-release orlex?", "Standard-release orlex: 5 mg.", "",
         ("slow-release",)),
        ("What is the dose of slow-release orlex?", "Orlex SR: 5 mg.", "", ()),
        ("What is the dose of orlex for prevention of gout?", "Use: Gout treatment; Dose: 5 mg",
         "", ("prevention",)),
        ("What is the dose of orlex for prevention of gout?", "Use: Gout prophylaxis; Dose: 5 mg",
         "", ()),
        # a bare reply that is for others, and diseases that tell who
        ("What is the dose of orlex in children?", "Adults: 2 g.", "", ("in children",)),
        ("Who must not take orlex?", "Orlex is contraindicated in asthma.", "", ()),
    ],
)  # fmt: skip
def test_what_is_told_of_something_else(
    question: str, answer: str, context: str, missing: tuple[str, ...]
) -> None:
    assert missing_details(question, [answer], context) == missing


@pytest.mark.parametrize(
    ("question", "answer", "context", "subject"),
    [
        ("What is the trough level of Vancomycin?", "Gentamicin troughs stay below 1 mg/L.",
         "Gentamicin", "Vancomycin"),
        ("What reverses edoxaban?", "Andexanet alfa reverses apixaban.", "", "edoxaban"),
        ("What reverses edoxaban?", "Andexanet alfa reverses DOACs.", "", ""),
        ("What reverses edoxaban?", "Andexanet alfa reverses apixaban.", "Edoxaban", ""),
        ("What reverses edoxaban?", "Idarucizumab is given.", "Antidotes", ""),
        ("How is nephritis diagnosed?", "Hepatitis is diagnosed by tests.", "", "nephritis"),
        ("How is nephritis diagnosed?", "It is diagnosed by a biopsy.", "", ""),
        ("Does furosemide raise the lithium level?", "Ibuprofen raises it.", "Lithium", ""),
        ("Which drug replaces metformin?", "Gliclazide is used.", "", ""),
        ("What is gout?", "", "", ""),
    ],
)  # fmt: skip
def test_an_answer_about_another_subject(
    question: str, answer: str, context: str, subject: str
) -> None:
    assert other_subject(question, [answer] if answer else [], context) == subject


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


# The rules were written with the development pairs; the held-out ones were written before the rules
# and first measured when these were done.
@pytest.mark.parametrize(
    ("name", "found", "alarms", "named"),
    [("development", 0.97, 0.03, 0.95), ("held_out", 0.94, 0.02, 0.93)],
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


def test_statements_that_each_lack_something_are_no_whole_answer() -> None:
    question = "What is the starting dose of lithium?"
    levels = "Levels are taken 12 hours after the last dose, weekly until stable."
    target = "The target serum lithium is 0.6 to 0.8 mmol/L for maintenance."
    assert missing_details(question, [levels, target], "Lithium") != ()
    # One that has all of it is enough, and so are the halves of a question of two parts.
    dose = "Lithium is started at 400 mg at night."
    assert missing_details(question, [levels, dose], "Lithium") == ()
    both = "What is the starting dose of lithium, and how often are levels taken?"
    assert missing_details(both, [dose, levels], "Lithium") == ()
