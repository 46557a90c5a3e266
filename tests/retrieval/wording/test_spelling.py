"""Spelling: a misspelt word is read as what was meant, and no drug is read as another one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medrag.retrieval.wording.drugs import drug_names, names_drug
from medrag.retrieval.wording.spelling import cost, is_surely, nearest, sound

WORDS = """
    acetaminophen albuterol amoxicillin azithromycin ciprofloxacin citalopram clopidogrel
    cyclobenzaprine doxycycline escitalopram furosemide gabapentin glipizide
    hydrochlorothiazide hydroxychloroquine ibuprofen lisinopril metformin metoprolol naproxen
    omeprazole pantoprazole penicillin prednisone sertraline simvastatin tramadol warfarin zolpidem
    anemia appendicitis arthritis asthma cholesterol diabetes diarrhea eczema fibromyalgia
    gonorrhea hemorrhoids hypertension leukemia migraine pneumonia psoriasis schizophrenia sciatica
    thyroid tuberculosis vertigo
""".split()  # noqa: SIM905
FOUND = [(word, 20) for word in WORDS]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("metforman", "metformin"),
        ("metfornin", "metformin"),
        ("ibuprophen", "ibuprofen"),
        ("ibuprofin", "ibuprofen"),
        ("amoxicilin", "amoxicillin"),
        ("amoxycilin", "amoxicillin"),
        ("acetominophen", "acetaminophen"),
        ("lisinipril", "lisinopril"),
        ("simbastatin", "simvastatin"),
        ("gabapenten", "gabapentin"),
        ("hydroclorothiazide", "hydrochlorothiazide"),
        ("predisone", "prednisone"),
        ("tramadal", "tramadol"),
        ("warfrin", "warfarin"),
        ("azythromycin", "azithromycin"),
        ("clopidogril", "clopidogrel"),
        ("zolpidam", "zolpidem"),
        ("naproxin", "naproxen"),
        ("penicilin", "penicillin"),
        ("hydroxycloroquine", "hydroxychloroquine"),
        ("diarhea", "diarrhea"),
        ("diareah", "diarrhea"),
        ("pnuemonia", "pneumonia"),
        ("neumonia", "pneumonia"),
        ("hypertention", "hypertension"),
        ("asthama", "asthma"),
        ("excema", "eczema"),
        ("cholestrol", "cholesterol"),
        ("migrane", "migraine"),
        ("psorasis", "psoriasis"),
        ("hemorroids", "hemorrhoids"),
        ("thyriod", "thyroid"),
        ("fibromialgia", "fibromyalgia"),
        ("gonorhea", "gonorrhea"),
        ("leukimia", "leukemia"),
        ("schizophernia", "schizophrenia"),
    ],
)
def test_a_misspelt_word_is_read_as_what_was_meant(written: str, meant: str) -> None:
    assert nearest(written, FOUND) == meant


@pytest.mark.parametrize(
    ("written", "other"),
    [
        ("hydroxyzine", "hydralazine"),
        ("prednisolone", "prednisone"),
        ("clonidine", "clozapine"),
        ("lamotrigine", "lamivudine"),
        ("vinblastine", "vincristine"),
        ("nimodipine", "nifedipine"),
        ("sufentanil", "alfentanil"),
        ("cycloserine", "cyclosporine"),
        ("canagliflozin", "dapagliflozin"),
        ("sitagliptin", "saxagliptin"),
        ("valsartan", "losartan"),
        ("quinine", "quinidine"),
        ("bupropion", "buspirone"),
        # Invented ones, which no table has: only their endings tell.
        ("ramagliflozin", "canagliflozin"),
        ("belutinib", "bosutinib"),
        ("fumosartan", "telmisartan"),
        ("pelozumab", "reslizumab"),
        ("levodipine", "felodipine"),
    ],
)
def test_no_drug_is_read_as_another_one(written: str, other: str) -> None:
    assert nearest(written, [(other, 50)]) is None


@pytest.mark.parametrize("written", ["johansson", "walmart", "kowalski", "xqzzt", "abc"])
def test_a_word_that_nothing_is_like_is_left_alone(written: str) -> None:
    assert nearest(written, FOUND) is None


def test_of_two_words_that_are_as_near_neither_is_taken() -> None:
    assert nearest("hypotention", [("hypotension", 9), ("hypertension", 9)]) == "hypotension"
    assert nearest("cartin", [("carton", 9), ("cartan", 9)]) is None
    assert nearest("cartin", [("carton", 90), ("cartan", 2)]) == "carton"


def test_a_word_of_one_chunk_may_be_misspelt_itself() -> None:
    assert nearest("metforman", [("metformon", 1), ("metformin", 2)]) == "metformin"
    assert nearest("metforman", [("metformon", 1)]) == "metformon"


@given(st.sampled_from(sorted(drug_names())))
def test_a_known_drug_is_far_from_no_drug_but_itself(name: str) -> None:
    assert names_drug(name) and cost(name, name) == 0.0


@given(st.text("abcdefghijklmnopqrstuvwxyz", max_size=12))
def test_any_word_can_be_asked_for(word: str) -> None:
    assert sound(sound(word)) is not None
    assert nearest(word, FOUND) in {None, *WORDS}
    assert cost(word, word[::-1]) >= 0.0


@pytest.mark.parametrize(
    ("written", "word"),
    [
        ("metforman", "metformin"), ("amoxycillin", "amoxicillin"), ("tilenol", "tylenol"),
        ("diarhea", "diarrhea"), ("thyriod", "thyroid"), ("dizzines", "dizziness"),
        ("pnuemonia", "pneumonia"),
    ],
)  # fmt: skip
def test_a_slip_is_surely_meant(written: str, word: str) -> None:
    assert is_surely(written, word)


@pytest.mark.parametrize(
    ("written", "word"),
    [
        ("gravis", "graves"), ("ilium", "ileum"), ("nephritis", "neuritis"), ("myxoma", "myeloma"),
        ("arteritis", "arthritis"), ("osteoclast", "osteoblast"), ("phlebitis", "pleuritis"),
    ],
)  # fmt: skip
def test_a_word_that_may_be_another_one_is_a_guess(written: str, word: str) -> None:
    assert not is_surely(written, word)


@pytest.mark.parametrize(
    ("written", "word"),
    [
        ("hyponatraemia", "hypernatraemia"), ("hyperkalaemia", "hypokalaemia"),
        ("osteoclastoma", "osteoblastoma"), ("colectomy", "colostomy"),
        ("bradycardia", "tachycardia"), ("microcytic", "macrocytic"),
    ],
)  # fmt: skip
def test_no_word_is_read_as_its_opposite(written: str, word: str) -> None:
    assert nearest(written, [(word, 50)]) is None
