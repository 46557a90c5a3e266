"""Definitions in a text: what stands for what, and what only stands in brackets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medrag.text.definitions import definitions
from medrag.text.words import words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("chronic kidney disease (CKD)", ("ckd", "chronic kidney disease")),
        ("Patients with atrial fibrillation (AF) bleed.", ("af", "atrial fibrillation")),
        ("AF (atrial fibrillation) is common", ("af", "atrial fibrillation")),
        ("Methotrexate (MTX) helps", ("mtx", "methotrexate")),
        ("proton pump inhibitors (PPIs)", ("ppi", "proton pump inhibitors")),
        ("tumour necrosis factor (TNF; 20 ng)", ("tnf", "tumour necrosis factor")),
        ("the Ehlers-Danlos syndrome (EDS)", ("eds", "ehlers danlos syndrome")),
        ("type 2 diabetes mellitus (T2DM)", ("t2dm", "type 2 diabetes mellitus")),
        ("the Brufen (ibuprofen) that I take", ("brufen", "ibuprofen")),
        ("take ibuprofen (Brufen®) after meals", ("brufen", "ibuprofen")),
        ("Ibuprofen, sold under the brand name Brufen, is", ("brufen", "ibuprofen")),
        ("apixaban (brand name: Eliquis)", ("eliquis", "apixaban")),
        ("Semaglutide (brand names Ozempic and Wegovy)", ("wegovy", "semaglutide")),
    ],
)  # fmt: skip
def test_a_definition_is_found(text: str, found: tuple[str, str]) -> None:
    assert found in set(definitions(text))


@pytest.mark.parametrize(
    "text",
    [
        "a large trial (Smith et al., 2003) found",
        "it is rare (see below)",
        "(COPD)",
        "in 40 patients (20 %)",
        "the World Health Organization (Geneva) said",
        "blood pressure (BMI)",
        "mortality (HR 1.2) rose",
        "the risk (OR) was",
        "an increase (P < 0.05)",
        "Brufen (IBUPROFEN)",
        "( )",
        "((AF))",
    ],
)
def test_what_only_stands_in_brackets_defines_nothing(text: str) -> None:
    assert list(definitions(text)) == []


@given(st.text(alphabet="aAbB cC()1;,İ'-®\n", max_size=80))
def test_any_text_can_be_read_and_gives_words(text: str) -> None:
    for name, meaning in definitions(text):
        assert words(name) == name.split() and words(meaning) == meaning.split()
        assert name and meaning and name != meaning


def test_a_drug_that_begins_a_sentence_is_no_name() -> None:
    assert list(definitions("It helps. Nintedanib (Ofev) slows it.")) == [("ofev", "nintedanib")]
    assert list(definitions("Brufen (ibuprofen) helps.")) == [("brufen", "ibuprofen")]
    assert list(definitions("In Paris (France) it helps.")) == []
