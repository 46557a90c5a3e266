"""An answer is judged by what it says: planted wrong answers are wrong, other words are right."""

from __future__ import annotations

from typing import Any

import pytest

from medrag.evaluation.judgement import Basis, Verdict, holds_nugget, judge, lead
from medrag.types import Answer, AnswerSentence, Example, Hit, QuestionKind

GOUT = "What lowers uric acid in gout?"
LOWERS = "Allopurinol lowers uric acid and prevents attacks."
HITS = (
    Hit(1, "d", "Allopurinol in gout", LOWERS, 0, 50, None, "Treatment of gout > Adults", "", 1.0,
        header="Drugs that lower uric acid"),
)  # fmt: skip


def verdict(
    text: str, question: str = GOUT, *, stance: str = "", hits: tuple[Hit, ...] = (), **known: Any
) -> Verdict:
    """The verdict on an answer, of which nothing was removed."""
    example = Example("q", question, **({"answer": ""} | known))
    return judge(example, Answer(question, text, False, 0.5, (), hits, stance=stance))


def names(exact: str | tuple[tuple[str, ...], ...], kind: str = "factoid") -> dict[str, Any]:
    things = ((exact,),) if isinstance(exact, str) else exact
    return {"kind": QuestionKind(kind), "exact": things}


# ------------------------------------------------------------------ no answer at all

NO_ANSWERS = [
    (GOUT, "a question"),
    ("What lowers uric acid in gout", "a question"),
    ("Does allopurinol lower uric acid and prevent attacks?", "a question"),
    ("Allopurinol in gout", "a heading"),
    ("Allopurinol in gout.", "a heading"),
    ("Treatment of gout", "a heading"),
    ("Drugs that lower uric acid", "a heading"),
    ("The aim of this study was to test whether allopurinol lowers uric acid.", "the aim"),
    ("OBJECTIVE: To evaluate if allopurinol lowers uric acid and prevents attacks.", "the aim"),
    ("We investigated whether allopurinol prevents attacks.", "the aim"),
    ("To determine whether allopurinol lowers uric acid.", "the aim"),
    ("Uric acid is lowered in gout.", "repeats the question"),
    ("Gout and uric acid.", "repeats the question"),
    ("", "says nothing"),
]


@pytest.mark.parametrize(("text", "why"), NO_ANSWERS)
@pytest.mark.parametrize(
    "known",
    [{"answer": LOWERS}, names("allopurinol"), {"nuggets": (LOWERS,)}],
    ids=["reference", "exact", "nuggets"],
)
def test_what_does_not_answer_is_wrong_whatever_it_names(
    text: str, why: str, known: dict[str, Any]
) -> None:
    found = verdict(text, hits=HITS, **known)
    assert (found.right, found.basis) == (False, Basis.form)
    assert why in found.why


def test_a_heading_beside_an_answer_does_no_harm() -> None:
    text = f"Allopurinol in gout. {LOWERS} Does it help?"
    assert verdict(text, hits=HITS, **names("allopurinol")).right


def test_a_refusal_is_not_right_and_nor_is_an_answer_to_what_no_document_answers() -> None:
    refusal = Answer(GOUT, "The documents do not say.", True, 0.0, (), ())
    assert judge(Example("q", GOUT, LOWERS), refusal).right is False
    trap = verdict(LOWERS, answerable=False)
    assert (trap.right, trap.basis) == (False, Basis.unanswerable)


def test_without_a_reference_nothing_tells() -> None:
    found = verdict(LOWERS, answerable=None)
    assert (found.right, found.basis) == (None, Basis.nothing)


def test_only_the_statements_that_are_shown_count() -> None:
    kept = AnswerSentence("Colchicine calms attacks.", (1,), 1.0, True)
    removed = AnswerSentence(LOWERS, (), 0.0, False)
    answer = Answer(GOUT, "…", False, 0.5, (), (), (kept, removed))
    assert judge(Example("q", GOUT, LOWERS), answer).right is False


# ------------------------------------------------------------------ exact answers

QUANTITIES = [
    ("5 mg", ["Start with 5 mg.", "5mg once daily", "0.005 g", "5 milligrams", "5 mg, not 10 mg"],
     ["0.5 mg", "15 mg", "25 mg", "5 mcg", "5 g", "5 mL", "5 mg/kg", "Not 5 mg.",
      "The dose is 10 mg, not 5 mg.", "5 units"]),
    ("50 mcg", ["50 micrograms", "50 μg daily", "50 µg", "0.05 mg"], ["50 mg", "500 mcg"]),
    ("100 mg", ["0.1 g"], ["1,100 mg", "0.1 mg"]),
    ("5 mg twice a day", ["5 mg twice daily"],
     ["10 mg twice a day", "5 mg once a day", "0.5 mg twice a day"]),
    ("500 mg of amoxicillin", ["Amoxicillin 500 mg"], ["Amoxicillin 250 mg", "Ampicillin 500 mg"]),
    ("6 weeks", ["for 42 days"], ["6 days", "16 weeks"]),
    ("below 30 mL/min", ["less than 30 mL/min"], ["above 30 mL/min", "below 45 mL/min"]),
    ("65 %", ["65 percent of them"], ["56 %", "6.5 %"]),
    ("1 in 5,000", ["about 1 in 5000 people"], ["1 in 50,000"]),
    ("3", ["three doses", "3 doses"], ["13 doses", "0.3"]),
]  # fmt: skip


@pytest.mark.parametrize(("exact", "right", "wrong"), QUANTITIES)
def test_a_quantity_is_the_same_in_another_unit_and_wrong_if_changed(
    exact: str, right: list[str], wrong: list[str]
) -> None:
    told = {text: verdict(text, "How much of it?", **names(exact)).right for text in right + wrong}
    assert told == dict.fromkeys(right, True) | dict.fromkeys(wrong, False)


OTHER_WORDS = [
    ("TNF-α", "TNF-alpha is raised."),
    ("IL-1 beta", "Interleukin (IL)-1β rises."),
    ("epidermal growth factor receptor family", "An epidermal growth factor (EGF) receptor"),
    ("tumour necrosis factor (TNF)", "TNF is raised."),
    ("mutations of the dystrophin gene", "Dystrophin is a mutated gene."),
    ("corticosteroid", "Corticosteroids are given."),
    ("thrombosis", "It is thrombotic."),
    ("deficiency of alpha-galactosidase A", "Patients are alpha-galactosidase A deficient."),
    ("phosphorylation", "It is phosphorylated."),
    ("haemoglobin", "Hemoglobin is low."),
    ("oedema", "Edema is seen."),
    ("Sjögren's syndrome", "It is the Sjogren syndrome."),
    ("SARS-CoV-2", "It is SARS CoV 2."),
    ("肾功能不全", "这是肾功能不全。"),
]  # fmt: skip


@pytest.mark.parametrize(("exact", "text"), OTHER_WORDS)
def test_a_name_in_another_form_is_right(exact: str, text: str) -> None:
    assert verdict(text, "What is it?", **names(exact)).right


OTHER_NAMES = [
    ("prednisolone", "Prednisone is given."),
    ("methotrimeprazine", "Methotrexate is given."),
    ("hydroxyzine", "Hydroxychloroquine is given."),
    ("clomiphene", "Clomipramine is given."),
    ("hypertension", "It is hypotension."),
    ("hyperthyroidism", "It is hyperthermia."),
    ("gastritis", "It is gastric."),
    ("arthritis", "It is arthrosis."),
    ("type 2 diabetes", "It is type 1 diabetes."),
    ("vitamin B12", "Vitamin B6 is low."),
    ("protein kinase A", "Protein kinase C is active."),
    ("coagulation factor IX gene", "The coagulation factor X gene is mutated."),
    ("IL-10", "IL-1 rises."),
    ("IL-1β", "IL-1α rises."),
    ("p53", "p63 is lost."),
]


@pytest.mark.parametrize(("exact", "text"), OTHER_NAMES)
def test_a_similar_name_is_another_one(exact: str, text: str) -> None:
    assert verdict(text, "What is it?", **names(exact)).right is False


DENIED = [
    "Allopurinol is not used.",
    "Allopurinol isn't used.",
    "Allopurinol is never given.",
    "Allopurinol is no longer recommended.",
    "Allopurinol does not lower uric acid.",
    "Allopurinol is contraindicated.",
    "Allopurinol should be avoided.",
    "Do not give allopurinol.",
    "Avoid allopurinol.",
    "Febuxostat, not allopurinol, is used.",
    "Febuxostat rather than allopurinol is used.",
    "Febuxostat is preferred to allopurinol.",
    "Unlike allopurinol, febuxostat works.",
]
NOT_DENIED = [
    "Allopurinol is used, not febuxostat.",
    "Not only allopurinol but also febuxostat is used.",
    "The drug of choice is not febuxostat but allopurinol.",
    "Allopurinol is used; febuxostat is not.",
    "Allopurinol does not harm the kidneys and is used for years.",
    "There is no doubt that allopurinol works.",
    "Allopurinol should not be stopped suddenly.",
]


@pytest.mark.parametrize("text", DENIED)
def test_a_name_that_is_denied_is_not_given(text: str) -> None:
    assert verdict(text, **names("allopurinol")).right is False
    assert verdict(text, answer="Allopurinol.").right is False


@pytest.mark.parametrize("text", NOT_DENIED)
def test_a_denial_of_something_else_does_no_harm(text: str) -> None:
    assert verdict(text, **names("allopurinol")).right


def test_what_must_not_be_used_is_named_by_a_denial() -> None:
    question = "Which drug is contraindicated in pregnancy?"
    for text in ("Ramipril is not used.", "Ramipril must be avoided.", "Avoid ramipril."):
        assert verdict(text, question, **names("ramipril")).right


def test_synonyms_are_one_thing() -> None:
    exact = (("acetaminophen", "paracetamol"),)
    assert verdict("Paracetamol helps.", "What helps?", **names(exact)).right
    assert verdict("Ibuprofen helps.", "What helps?", **names(exact)).right is False


def test_a_list_is_right_with_half_of_its_things() -> None:
    exact = (("fever",), ("cough", "tussis"), ("rash",), ("sore throat",))
    wanted = {
        "Fevers, coughing and rashes.": (True, 0.75),
        "Fever and tussis.": (True, 0.5),
        "A cough, a tussis.": (False, 0.25),
        "Fever, not cough or rash.": (False, 0.25),
    }
    for text, expected in wanted.items():
        found = verdict(text, "Which signs are typical?", **names(exact, "list"))
        assert (found.right, found.score, found.basis) == (*expected, Basis.exact), text


def test_a_thing_that_the_question_names_tells_nothing() -> None:
    found = verdict("Gout hurts a lot.", "What is gout?", **names("gout"))
    assert (found.right, found.basis) == (None, Basis.nothing)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("Allopurinol is better.", True),
        ("Allopurinol is better than febuxostat.", True),
        ("Febuxostat is better than allopurinol.", False),
        ("Febuxostat is better.", False),
        ("Allopurinol or febuxostat", False),  # the question again
    ],
)
def test_a_choice_is_more_than_the_question(text: str, right: bool) -> None:
    question = "Which is better, allopurinol or febuxostat?"
    assert verdict(text, question, **names("allopurinol")).right is right


# ------------------------------------------------------------------ yes or no


@pytest.mark.parametrize(
    ("text", "stance", "said"),
    [
        ("Yes, it does.", "", "yes"),
        ("No.", "yes", "no"),  # the words count before what was made of them
        ("It helps.", "yes", "yes"),  # although it only has the words of the question
        ("It may help some.", "unclear", "maybe"),
        ("It costs little.", "", ""),
    ],
)
def test_yes_or_no_is_right_if_it_is_said(text: str, stance: str, said: str) -> None:
    for wanted in ("yes", "no", "maybe"):
        found = verdict(text, "Does it help?", stance=stance, **names(wanted, "yes/no"))
        assert (found.right, found.basis) == (said == wanted, Basis.stance)


def test_a_reference_that_begins_with_yes_or_no_decides() -> None:
    question = "Can ACE inhibitors be used in pregnancy?"
    known = {"answer": "No, they harm the fetus."}
    assert verdict("ACE inhibitors must not be used.", question, stance="no", **known).right
    assert verdict("Yes, they can.", question, **known).right is False
    assert verdict("They may be used.", question, stance="yes", **known).right is False
    assert verdict("ACE inhibitors harm the fetus.", question, **known).right


# ------------------------------------------------------------------ nuggets and references


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("Metformin is stopped when the eGFR is below 30.", True),
        ("Metformin is stopped when the eGFR is below 45.", False),
        ("Metformin is not stopped when the eGFR is below 30.", False),
        ("Metformin is continued when the eGFR is below 30.", False),
        ("Metformin is a tablet.", False),
    ],
)
def test_a_nugget_is_held_with_its_numbers_and_direction(text: str, right: bool) -> None:
    nugget = "Metformin is stopped when the eGFR is below 30"
    found = verdict(text, "What about the kidneys?", nuggets=(nugget,))
    assert (found.right, found.basis) == (right, Basis.nuggets)
    both = verdict(text, "What about the kidneys?", nuggets=(nugget, "The dose is reviewed at 45"))
    assert (both.right, both.score) == (right, 0.5 * right)


REFERENCES = [
    (GOUT, LOWERS,
     ["Allopurinol lowers it.", "Allopurinol.", "It is lowered, and attacks are prevented, by "
      "allopurinol."],
     ["Colchicine calms an acute attack.", "Allopurinol raises uric acid and causes attacks.",
      "Allopurinol does not lower uric acid.",
      "Allopurinol lowers uric acid but does not prevent attacks."]),
    ("What is the dose of amoxicillin?", "The dose is 500 mg three times a day for 5 days.",
     ["Amoxicillin is given as 500 mg three times daily for 5 days.",
      "It is 0.5 g three times a day for 5 days."],
     ["The dose is 250 mg three times a day for 5 days.",
      "The dose is 500 mg three times a day for 10 days.", "The dose is 500 mg once a day."]),
    ("What is the starting dose of ramipril?", "5 mg once daily",
     ["It is started at 5 mg.", "5 mg once a day"],
     ["15 mg once daily", "0.5 mg once daily", "5 mcg once daily", "50 mg"]),
    ("What is the dose of digoxin?", "0.1 g", ["100 mg"], ["100 mcg", "1 g"]),
    ("How does exercise affect blood pressure?",
     "Exercise lowers blood pressure in adults with hypertension.",
     ["It lowers blood pressure in adults."],
     ["Exercise raises blood pressure in adults with hypertension.",
      "Exercise increased blood pressure.", "It is done three times a week."]),
    ("When is metformin stopped?", "Metformin is stopped when the eGFR is below 30 mL/min.",
     ["It is stopped when the eGFR falls below 30 mL/min."],
     ["Metformin is stopped when the eGFR is above 30 mL/min.",
      "Metformin is stopped when the eGFR is below 45 mL/min."]),
]  # fmt: skip


@pytest.mark.parametrize(("question", "reference", "right", "wrong"), REFERENCES)
def test_a_reference_decides_by_its_words_values_and_direction(
    question: str, reference: str, right: list[str], wrong: list[str]
) -> None:
    told = {text: verdict(text, question, answer=reference).right for text in right + wrong}
    assert told == dict.fromkeys(right, True) | dict.fromkeys(wrong, False)


def test_an_alternative_is_as_good_as_the_reference() -> None:
    known = {"answer": "Colchicine calms the attack.", "alternatives": (LOWERS,)}
    assert verdict("Allopurinol lowers uric acid.", **known).right
    assert verdict("Bananas grow in bunches.", **known).right is False


def test_an_answer_is_compared_with_the_first_sentences_of_a_long_reference() -> None:
    details = " ".join(f"Detail {n} says that thing number {n} is of no use." for n in range(30))
    assert lead(f"{LOWERS} {details}").startswith(LOWERS)
    assert len(lead(f"{LOWERS} {details}").split()) <= 40
    assert verdict(LOWERS, answer=f"{LOWERS} {details}").right
    assert lead("word " * 90).split() == ["word"] * 90  # always one sentence


@pytest.mark.parametrize("text", ["💊 " * 9, "\u200b", "[1] [2]", "\n", "x" * 100_000, "ß’s n’t"])
def test_any_text_has_a_verdict(text: str) -> None:
    for known in ({"answer": LOWERS}, names("allopurinol"), {"nuggets": (LOWERS,)}):
        assert verdict(text, **known).right is False


def test_each_step_of_a_treatment_is_a_nugget() -> None:
    said = "Apixaban is given at 10 mg twice daily for 7 days, then 5 mg twice daily."
    for nugget, held in (
        ("10 mg twice daily for 7 days", True),
        ("then 5 mg twice daily", True),
        ("then 2.5 mg twice daily", False),
        ("10 mg twice daily for 21 days", False),
    ):
        assert holds_nugget(nugget, [said]) is held
