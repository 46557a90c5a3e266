"""The answer reader on whole passages: what it takes, what it never takes, for whom, and which way.

All texts are invented. Each case is one kind of mistake, in several wordings.
"""

from __future__ import annotations

import dataclasses

import pytest

from medrag.config import GeneratorConfig
from medrag.generation import ExtractiveGenerator
from medrag.generation.prompts import REFUSAL, Prompt
from medrag.grounding.candidates import candidates, quoted
from medrag.grounding.evidence import SentenceVectors, weigh
from medrag.grounding.question import read_question
from medrag.grounding.roles import Role, role_of
from medrag.ingestion import TextEmbedder
from medrag.types import Hit

pytestmark = pytest.mark.backends  # nearly all of them compare vectors


def hit(text: str, title: str = "", section: str = "") -> Hit:
    return Hit(1, "d.txt", title, text, 0, len(text), None, section, "", 1.0)


def answer(
    question: str, embedder: TextEmbedder, text: str, title: str = "", section: str = ""
) -> str:
    """What the extractive generator answers from one passage, without markers."""
    hits = [hit(text, title, section)]
    vector = embedder.embed_queries([question])[0]
    evidence = weigh(question, vector, hits, embedder, lambda word: 1.0)
    reply = ExtractiveGenerator(GeneratorConfig()).generate(
        Prompt(question, tuple(hits), [], evidence=tuple(evidence))
    )
    return reply.text.replace(" [1]", "")


def weighed(question: str, hits: list[Hit], embedder: TextEmbedder) -> list[str]:
    """What the hits say about a question, the best first."""
    vector = embedder.embed_queries([question])[0]
    return [one.text for one in weigh(question, vector, hits, embedder, lambda word: 1.0)]


def taken(text: str, title: str = "", section: str = "") -> list[str]:
    return [one.text for one in candidates(1, hit(text, title, section))]


# --- what is never an answer ------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "What is sarcoidosis?",
        "What is (are) sarcoidosis ?",
        "What are the symptoms of sarcoidosis",
        "How is sarcoidosis treated in children",
        "Can sarcoidosis be cured? (see below)?",
        "Figure 2. Flow chart of the study",
        "Table 3: Characteristics at baseline of all participants",
        "Hu Q, Maier T, Osei K. Granulomas of the lung. J Invented Med. 2011;14(2):33-41.",
        "Copyright 2019 by the Society. All rights reserved.",
        "For more information about sarcoidosis, call the help line.",
        "(See the section on lung diseases for a description of the scans.)",
        "Conflict of interest: the authors declare that they have none.",
        "These resources address the diagnosis of sarcoidosis: - Test registry - Gene review",
        "The register provides the following list of signs and symptoms for sarcoidosis.",
    ],
)
def test_questions_legends_references_and_boilerplate_are_no_candidates(text: str) -> None:
    told = "Sarcoidosis makes small lumps of cells in the lungs."
    assert taken(f"{text}\n\n{told}", "Sarcoidosis") == [told]


def test_a_question_before_its_answer_is_cut_off() -> None:
    for said in ("Gout is caused by crystals.", "gout is caused by crystals of uric acid."):
        assert taken(f"What is gout? {said}") == [said]
        assert taken(f"What is (are) gout ? {said}") == [said]


@pytest.mark.parametrize(
    ("sentence", "role"),
    [
        ("This study aimed to compare two doses of zinc.", Role.aim),
        ("The purpose of this trial was to test zinc in colds.", Role.aim),
        ("OBJECTIVE: To determine whether zinc shortens colds.", Role.aim),
        ("We sought to learn how long colds last.", Role.aim),
        ("Here, we review the use of zinc in colds.", Role.aim),
        ("METHODS: Zinc was given for five days.", Role.method),
        ("Two hundred patients with colds were randomized to zinc or placebo.", Role.method),
        ("We searched three databases until May.", Role.method),
        ("RESULTS: Colds lasted four days with zinc and seven without.", Role.result),
        ("Colds were significantly shorter with zinc.", Role.result),
        ("CONCLUSIONS: Zinc shortens colds.", Role.conclusion),
        ("These findings suggest that zinc shortens colds.", Role.conclusion),
        ("In conclusion, zinc shortens colds.", Role.conclusion),
        ("BACKGROUND: Zinc is a trace element.", Role.background),
        ("Little is known about zinc in colds.", Role.background),
        ("OBJECTIVE: A cold is an infection of the nose.", Role.background),
        ("Zinc is found in oysters.", Role.other),
    ],
)
def test_what_a_sentence_does_in_its_article(sentence: str, role: Role) -> None:
    assert role_of(sentence) is role


def test_a_label_holds_until_the_next_one() -> None:
    text = "METHODS: Zinc was given. The taste was hidden by mint. RESULTS: All were well again."
    assert [one.role for one in candidates(1, hit(text))] == [
        Role.method,
        Role.method,
        Role.result,
    ]


ABSTRACT = (
    "OBJECTIVE: To determine whether zinc shortens colds. METHODS: We randomized 90 adults with "
    "colds to zinc or placebo. RESULTS: Colds lasted 4 days with zinc and 7 with placebo. "
    "CONCLUSIONS: Zinc shortened colds."
)


def test_aim_and_method_answer_only_who_asks_for_them(embedder: TextEmbedder) -> None:
    found = answer("Does zinc shorten colds?", embedder, ABSTRACT)
    assert "CONCLUSIONS: Zinc shortened colds." in found
    assert "OBJECTIVE" not in found and "METHODS" not in found
    asked = "What was the aim of the study of zinc and colds?"
    assert "OBJECTIVE" in answer(asked, embedder, ABSTRACT)


# --- lists, pronouns, quotations --------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        (
            "Scurvy is rare.\n\nSigns of scurvy:\n- bleeding gums\n- bruises\n\nIt is curable.",
            "Signs of scurvy: - bleeding gums - bruises",
        ),
        (
            "Signs of scurvy are:\n1. bleeding gums\n2. bruises\n3. slow wounds",
            "Signs of scurvy are: 1. bleeding gums 2. bruises 3. slow wounds",
        ),
        (
            "Ask for help. See a doctor if you have any of the following: - Bleeding gums. "
            "- Bruises. - Slow wounds. These signs may have other causes.",
            "See a doctor if you have any of the following: - Bleeding gums. - Bruises. "
            "- Slow wounds.",
        ),
    ],
)
def test_a_list_is_one_candidate_with_what_leads_in(text: str, whole: str) -> None:
    found = taken(text)
    assert whole in found
    assert not any(one != whole and "ruises" in one for one in found)
    span = quoted(whole, text)
    assert span is not None and " ".join(text[slice(*span)].split()) == whole


def test_items_that_are_sentences_stand_alone() -> None:
    items = [
        "Vitamin C is given by mouth three times a day until all of the signs have gone.",
        "Fresh fruit and vegetables are added to the meals as soon as the gums have healed.",
    ]
    assert taken("\n".join(f"- {item}" for item in items)) == items


def test_list_questions_are_answered_with_the_list(embedder: TextEmbedder) -> None:
    text = (
        "The symptoms of scurvy come slowly and are often missed.\n\nSymptoms of scurvy:\n"
        "- bleeding gums\n- bruises\n- tiredness"
    )
    found = answer("What are the symptoms of scurvy?", embedder, text, "Scurvy")
    assert "Symptoms of scurvy: - bleeding gums - bruises - tiredness" in found


def test_a_pronoun_brings_the_sentence_before(embedder: TextEmbedder) -> None:
    text = "Febuxostat is a drug for gout. It blocks xanthine oxidase. The big toe hurts most."
    found = answer("What does febuxostat block?", embedder, text)
    assert found == "Febuxostat is a drug for gout.\nIt blocks xanthine oxidase."


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("Do not give zinc with iron.", True),
        ("Rest helps. Do not give zinc with iron.", True),
        ("give zinc with iron.", False),  # the denial is cut off
        ("Do not give zinc", False),
        ("Give zinc with iron.", False),
    ],
)
def test_only_whole_sentences_are_quotations(statement: str, found: bool) -> None:
    assert (quoted(statement, "Rest helps. Do not give zinc with iron.") is not None) is found


# --- for whom ---------------------------------------------------------------------------------

GROUPS = (
    "Neonates: 20 mg/kg every 12 hours. Children: 40 mg/kg every 8 hours. "
    "Adults: 900 mg every 8 hours."
)


@pytest.mark.parametrize(
    ("question", "right"),
    [
        ("What is the dose of cefalor for children?", "40 mg/kg"),
        ("cefalor dose for a child", "40 mg/kg"),
        ("Which dose of cefalor does a 7-year-old need?", "40 mg/kg"),
        ("How much cefalor is given to toddlers?", "40 mg/kg"),
        ("What dose of cefalor is given to a newborn?", "20 mg/kg"),
        ("cefalor dose in preterm babies", "20 mg/kg"),
        ("What is the adult dose of cefalor?", "900 mg"),
        ("Which dose of cefalor for a 40 year old?", "900 mg"),
        ("What is the dose of cefalor in older people?", "900 mg"),
    ],
)
def test_a_dose_is_that_of_the_patient_asked_about(
    question: str, right: str, embedder: TextEmbedder
) -> None:
    found = answer(question, embedder, GROUPS, "Cefalor")
    assert right in found
    assert [dose for dose in ("20 mg/kg", "40 mg/kg", "900 mg") if dose in found] == [right]


@pytest.mark.parametrize(
    ("text", "question", "right"),
    [
        (
            "Pregnant women: 5 mg once daily. Breastfeeding women: 3 mg once daily.",
            "What is the dose of zelane in pregnancy?",
            "Pregnant women: 5 mg once daily.",
        ),
        (
            "Men: 8 mg once daily. Women: 6 mg once daily.",
            "What is the dose of zelane for women?",
            "Women: 6 mg once daily.",
        ),
        (
            "Infants: 1 mg daily. Children: 2 mg daily.",
            "What is the dose of zelane for infants?",
            "Infants: 1 mg daily.",
        ),
    ],
)
def test_other_groups(text: str, question: str, right: str, embedder: TextEmbedder) -> None:
    assert answer(question, embedder, text, "Zelane") == right


def test_a_label_holds_for_the_sentences_after_it(embedder: TextEmbedder) -> None:
    text = "Children: 5 mg/kg daily. At most 200 mg in all. Adults: 300 mg daily."
    found = answer("What is the dose of zelane for adults?", embedder, text, "Zelane")
    assert found == "Adults: 300 mg daily."


@pytest.mark.parametrize("section", ["Adults", "Use in adults > Dose"])
def test_a_section_says_for_whom(section: str, embedder: TextEmbedder) -> None:
    question = "What is the dose of zelane for children?"
    text = "Zelane is given at a dose of 300 mg."
    assert answer(question, embedder, text, "Zelane", section) == REFUSAL
    assert answer(question, embedder, text, "Zelane", "Children") == text


# --- which way --------------------------------------------------------------------------------

BETA = (
    "Patients with tremor are given nadalol. Patients with asthma are never given nadalol. "
    "Nadalol is swallowed whole."
)


@pytest.mark.parametrize(
    ("question", "text", "right", "wrong"),
    [
        ("Which patients must not be given nadalol?", BETA, "asthma", "tremor"),
        ("Who should not receive nadalol?", BETA, "asthma", "tremor"),
        ("Which patients are given nadalol?", BETA, "tremor", "asthma"),
        (
            "In whom is orlex contraindicated?",
            "Orlex is used in gout. Orlex is contraindicated in liver failure.",
            "liver failure",
            "gout",
        ),
        (
            "Which antibiotics should be avoided in pregnancy?",
            "Amoxal is considered safe in pregnancy. Doxalin must be avoided in pregnancy.",
            "Doxalin",
            "Amoxal",
        ),
        (
            "Which antibiotics are safe in pregnancy?",
            "Amoxal is considered safe in pregnancy. Doxalin must be avoided in pregnancy.",
            "Amoxal",
            "Doxalin",
        ),
        (
            "Which drug is not safe in pregnancy?",
            "Amoxal is safe in pregnancy. Doxalin is not safe in pregnancy.",
            "Doxalin",
            "Amoxal",
        ),
        (
            "Who may take orlex?",
            "Orlex may be taken by adults with gout. People with ulcers should avoid orlex.",
            "gout",
            "ulcers",
        ),
        (
            "All patients can have orlex, except whom?",
            "Orlex is given to patients with gout. All can have orlex except those with ulcers.",
            "ulcers",
            "gout",
        ),
        (
            "Which painkillers are unsafe in kidney disease?",
            "Paralor is recommended in kidney disease.\n\nAvoid in kidney disease:\n- ibulor\n"
            "- naplor",
            "ibulor",
            "Paralor",
        ),
        (
            "Which foods are not allowed with cumarol?",
            "Bread may be eaten with cumarol. Grapefruit should be avoided with cumarol.",
            "Grapefruit",
            "Bread",
        ),
    ],
)
def test_who_is_excluded_and_who_is_not(
    question: str, text: str, right: str, wrong: str, embedder: TextEmbedder
) -> None:
    found = answer(question, embedder, text)
    assert right in found
    assert wrong not in found


def test_what_is_tolerated_or_does_not_happen_is_not_forbidden(embedder: TextEmbedder) -> None:
    text = (
        "Torsalin is given first, or mendacyl if neither is tolerated in gout. "
        "Torsalin does not cause weight gain in gout. Zelanib is avoided in gout."
    )
    said = answer("Which drugs should be avoided in gout?", embedder, text)
    assert said == "Zelanib is avoided in gout."


def test_a_line_for_those_who_are_not_pregnant_is_not_for_pregnant_women(
    embedder: TextEmbedder,
) -> None:
    text = "Non-pregnant women with cystitis take torsalin. Cystitis is treated with mendacyl."
    said = answer("How is cystitis treated in a pregnant woman?", embedder, text)
    assert "torsalin" not in said


def test_if_nothing_is_forbidden_nobody_is_named(embedder: TextEmbedder) -> None:
    text = "Patients with tremor are given nadalol."
    assert answer("Which patients must not be given nadalol?", embedder, text) == REFUSAL


@pytest.mark.parametrize(
    ("question", "text"),
    [
        (
            "Is aspirin safe in pregnancy?",
            "Risk factors for clots in the leg:\n- pregnancy\n- cancer\n- surgery\n"
            "Aspirin is not used for their treatment.",
        ),
        (
            "Can people with asthma take nadalol?",
            "Asthma is treated with inhaled drugs. Tablets can be taken, too.",
        ),
        ("What is the dose of colchor?", "Alloprol is started at a dose of 100 mg a day."),
    ],
)
def test_what_speaks_of_something_else_is_no_answer(
    question: str, text: str, embedder: TextEmbedder
) -> None:
    assert answer(question, embedder, text) == REFUSAL


def test_another_form_of_a_word_or_its_abbreviation_will_do(embedder: TextEmbedder) -> None:
    text = "Pregnant women should not take aspirin."
    assert answer("Is aspirin safe in pregnancy?", embedder, text) == text
    text = "Riluxol slows amyotrophic lateral sclerosis (ALS). Riluxol is used in ALS."
    question = "Is riluxol used in amyotrophic lateral sclerosis?"
    assert "Riluxol is used in ALS." in answer(question, embedder, text)


# --- quantities -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "text", "right"),
    [
        (
            "How often is metrexol taken?",
            "Metrexol is taken for psoriasis. Metrexol is taken once weekly.",
            "Metrexol is taken once weekly.",
        ),
        (
            "What is the maximum dose of paralor?",
            "Paralor has a maximum effect at night. The maximum dose of paralor is 4 g a day.",
            "The maximum dose of paralor is 4 g a day.",
        ),
        (
            "How long is orlex given?",
            "Orlex is given for gout. Orlex is given for two weeks.",
            "Orlex is given for two weeks.",
        ),
        (
            "How many patients had a rash with orlex?",
            "Patients had a rash with orlex. Twelve patients had a rash with orlex.",
            "Twelve patients had a rash with orlex.",
        ),
        (
            "How soon must cefalor be given?",
            "Cefalor must be given soon. Cefalor must be given within an hour of 1 am or 2 hours.",
            "Cefalor must be given within an hour of 1 am or 2 hours.",
        ),
    ],
)
def test_a_quantity_that_is_asked_for_is_in_the_answer(
    question: str, text: str, right: str, embedder: TextEmbedder
) -> None:
    assert answer(question, embedder, text) == right


def test_a_question_without_its_quantity_is_refused(embedder: TextEmbedder) -> None:
    text = "Orlex is given for gout. Orlex is taken with food."
    assert answer("What is the dose of orlex?", embedder, text, "Orlex") == REFUSAL


# --- the side of the subject ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "text", "right"),
    [
        (
            "What are the treatments for lumbora?",
            "Lumbora of the hip and lumbora of the knee are seen in farmers. "
            "Rest and ibuprofen relieve the pain.",
            "Rest and ibuprofen relieve the pain.",
        ),
        (
            "How is lumbora diagnosed?",
            "Lumbora is seen in farmers of all ages. An MRI scan of the hip shows a white line.",
            "An MRI scan of the hip shows a white line.",
        ),
        (
            "Is lumbora inherited?",
            "Lumbora is often seen in farmers. The pattern is autosomal recessive.",
            "The pattern is autosomal recessive.",
        ),
        (
            "What is lumbora?",
            "Lumbora has been known to farmers for many years. "
            "Lumbora is a swelling of the hip that comes with fever.",
            "Lumbora is a swelling of the hip that comes with fever.",
        ),
        (
            "How is lumbora passed on?",
            "What are the symptoms of lumbora?\n\nMost people with lumbora pass out or vomit.\n\n"
            "How is lumbora passed on?\n\nCattle and sheep carry the virus of the disease.",
            "Cattle and sheep carry the virus of the disease.",
        ),
    ],
)
def test_the_side_of_the_subject_that_is_asked_about(
    question: str, text: str, right: str, embedder: TextEmbedder
) -> None:
    assert weighed(question, [hit(text)], embedder)[0] == right


def test_what_it_causes_is_not_what_causes_it(embedder: TextEmbedder) -> None:
    text = "Lumbora can lead to scars of the hip. Farmers know lumbora well."
    assert "scars" not in answer("What causes lumbora?", embedder, text)
    assert "scars" in answer("What does lumbora lead to?", embedder, text)


def test_what_stands_in_several_documents_is_boilerplate(embedder: TextEmbedder) -> None:
    question = "What are the symptoms of lumbora?"
    common = "Signs and symptoms differ from one patient to the next."
    one = hit(f"{common} Its signs are fever and a stiff hip.", "Lumbora")
    other = dataclasses.replace(
        hit(f"{common} Its signs are spots.", "Lumbora of cattle"), document="e.txt"
    )
    assert common in weighed(question, [one], embedder)
    assert common not in weighed(question, [one, other], embedder)


def test_a_side_of_another_subject_is_no_answer(embedder: TextEmbedder) -> None:
    question = "What are the side effects of torsalin?"
    other = hit("Side effects are a rash and nausea.", "Mendacyl")
    own = hit("Torsalin can cause drowsiness.", "Torsalin")
    assert weighed(question, [other], embedder) == []
    assert weighed(question, [other, own], embedder) == ["Torsalin can cause drowsiness."]
    # By another name: of a class of drugs, a synonym.
    known = hit("Side effects of beta-blockers are cold hands.", "Heart drugs")
    assert weighed("What are the side effects of propranolol?", [known], embedder)
    known = hit("The symptoms of an underactive thyroid are tiredness and weight gain.", "Thyroid")
    assert weighed("What are the symptoms of hypothyroidism?", [known], embedder)


def test_where_no_sentence_names_the_side_the_subject_will_do(embedder: TextEmbedder) -> None:
    text = "Lumbora gives people a fever and a stiff hip."
    assert weighed("What are the complications of lumbora?", [hit(text)], embedder) == [text]


def test_what_raises_a_risk_does_not_prevent_it(embedder: TextEmbedder) -> None:
    text = "Beer and seafood raise the risk of lumbora. Cherries lower the risk of lumbora."
    assert answer("What prevents lumbora?", embedder, text).startswith("Cherries")


def test_a_chunk_about_something_else_adds_nothing(embedder: TextEmbedder) -> None:
    told = "Lumbora is passed on by cattle."
    hits = [hit(told), hit("A cast of plaster is heavy.")]
    assert weighed("How is lumbora passed on?", hits, embedder) == [told]


# --- the question -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "yes_no", "wants_list"),
    [
        ("Is zinc safe?", True, False),
        ("Zinc in colds: does it help?", True, False),
        ("Rotator cuff tears of workers, an occupational disease?", True, False),
        ("Zinc prevents colds, yes or no?", True, False),
        ("What is zinc?", False, False),
        ("Which drugs lower uric acid?", False, True),
        ("List symptoms of scurvy", False, True),
        ("What are the signs of scurvy?", False, True),
        ("Which drug is used?", False, False),
        ("zinc dose for a child", False, False),
        ("What is sepsis?", False, False),
        ("What is arthritis?", False, False),
    ],
)
def test_kinds_of_questions(question: str, yes_no: bool, wants_list: bool) -> None:
    asked = read_question(question)
    assert (asked.yes_no, asked.wants_list) == (yes_no, wants_list)


# --- speed ------------------------------------------------------------------------------------


class Counting:
    """An embedder that notes which texts it is given."""

    name = "counting"

    def __init__(self, embedder: TextEmbedder) -> None:
        self._embedder = embedder
        self.texts: list[str] = []

    def embed_documents(self, texts: list[str]) -> object:
        self.texts += texts
        return self._embedder.embed_documents(texts)


def test_few_candidates_are_embedded_and_none_twice(embedder: TextEmbedder) -> None:
    question = "Which drug lowers uric acid in gout?"
    filler = " ".join(f"Joint number {n} hurts in the cold season." for n in range(40))
    hits = [hit(f"{filler} Alloprol lowers uric acid in gout.")]
    counting = Counting(embedder)
    vectors = SentenceVectors(counting)  # type: ignore[arg-type]
    query = embedder.embed_queries([question])[0]
    first = weigh(question, query, hits, vectors, lambda word: 1.0)
    assert first[0].text == "Alloprol lowers uric acid in gout."
    assert 0 < len(counting.texts) <= 16
    embedded = len(counting.texts)
    assert weigh(question, query, hits, vectors, lambda word: 1.0) == first
    assert len(counting.texts) == embedded


def test_the_cache_forgets_what_was_used_least(embedder: TextEmbedder) -> None:
    counting = Counting(embedder)
    vectors = SentenceVectors(counting, size=2)  # type: ignore[arg-type]
    for texts in (["a", "b"], ["a"], ["c"], ["a"], ["b"]):
        assert len(vectors.embed_documents(texts)) == len(texts)
    assert counting.texts == ["a", "b", "c", "b"]


def test_of_a_list_of_groups_only_the_line_of_the_group_is_quoted(embedder: TextEmbedder) -> None:
    text = "Dose\n\n- Adults: 500 mg every 8 hours.\n- Children 1–4 years: 250 mg twice a day.\n"
    said = answer("What is the pelocillin dose for adults?", embedder, text, "Pelocillin")
    assert "500 mg" in said and "250 mg" not in said


def test_a_dose_of_another_drug_in_the_same_note_is_not_the_answer(embedder: TextEmbedder) -> None:
    text = (
        "Torsalin is taken every 6 hours. Mendacyl is given after an overdose. "
        "The first infusion is 150 mg/kg over 1 hour."
    )
    assert "150 mg/kg" not in answer("What is the torsalin dose?", embedder, text, "Torsalin")
    assert "150 mg/kg" in answer("What is the mendacyl dose?", embedder, text, "Torsalin")


def test_who_must_not_have_a_drug_is_said_before_any_dose(embedder: TextEmbedder) -> None:
    text = "Adults: 40 mg once daily. Torsalin must not be taken in pregnancy."
    said = answer("What is the torsalin dose for a pregnant woman?", embedder, text, "Torsalin")
    assert said.startswith("Torsalin must not be taken in pregnancy.")
