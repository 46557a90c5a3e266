"""Texts that are nearly the same: what has no weight, and what makes another text."""

from __future__ import annotations

import pytest

from medrag.text.near_duplicates import Gist

BODY = (
    "Teicoplanin is given every 24 hours after three loading doses in adults with bone infection. "
    "The trough concentration is measured before the fourth dose and is kept above 20 mg/L. "
    "Renal function is checked twice a week. The dose is halved when the clearance falls below 60 "
    "mL/min. Patients received the medicine by slow infusion over thirty minutes, and the line was "
    "flushed afterwards."
)


def says_one_thing(one: str, other: str) -> bool:
    first, second = Gist(one), Gist(other)
    return first.joined == second.joined or first.is_same(second)


@pytest.mark.parametrize(
    ("words", "instead"),
    [
        ("received", "recieved"),
        ("Patients received", "Patinets received"),
        ("concentration", "concnetration"),
        ("clearance", "claerance"),
        ("infusion over", "infussion over"),
        ("loading doses", "loadding doses"),
        ("infection.", "infection [12]."),
        ("infection.", "infection.[5–7]"),
        ("mg/L.", "mg/L [21, 24]."),
        ("infusion over", "infusion [4] over"),
        ("Renal function is", "Furthermore, renal function is"),
        ("infection.", "infection[12]."),
        ("The dose is halved", "The dose is, however, halved"),
    ],
)
def test_a_trifle_makes_no_other_text(words: str, instead: str) -> None:
    assert words in BODY
    assert says_one_thing(BODY, BODY.replace(words, instead, 1))


@pytest.mark.parametrize(
    ("words", "instead"),
    [
        ("24 hours", "12 hours"),
        ("20 mg/L", "20 mg/dL"),
        ("60 mL/min", "60 mL/h"),
        ("above 20", "below 20"),
        ("kept above", "kept at or above"),
        ("Teicoplanin", "Telavancin"),
        ("in adults", "in adolescents"),
        ("adults with", "adults without"),
        ("is halved", "is not halved"),
        ("is halved", "may be halved"),
        ("The dose", "No dose"),
        ("twice a week", "twice a day"),
        ("slow infusion", "slow injection"),
        ("three loading", "two loading"),
        ("bone infection", "joint infection"),
        ("before the fourth", "after the fourth"),
        ("measured before", "measured 12 hours before"),
        ("is measured", "was measured"),
        ("every 24 hours", "within 24 hours"),
        ("infection.", "infection in 12 patients."),
    ],
)
def test_a_difference_that_matters_makes_another_text(words: str, instead: str) -> None:
    assert words in BODY
    assert not says_one_thing(BODY, BODY.replace(words, instead, 1))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("prednisone", "prednisolone"),
        ("hydralazine", "hydroxyzine"),
        ("abduction", "adduction"),
        ("osteoblast", "osteoclast"),
        ("Prenatal", "Parental"),
        ("Hypokalaemia", "Hyperkalaemia"),
        ("ward form", "ward from"),
        ("[2] times", "[3] times"),
        (
            "Serum sodium of the patient today was [3].",
            "Serum sodium of the patient today was [7].",
        ),
        (
            "At rest and on walking the pain score is [4].",
            "At rest and on walking the pain score is [8].",
        ),
        ("Sodium [3].", "Sodium [7]."),
        ("They all had one dose of [125]Iodine", "They all had one dose of [131]Iodine"),
        (
            "One dose was given to each of them [125]Iodine",
            "One dose was given to each of them Iodine",
        ),
        (
            "In all of the biopsies the tumour was grade [2].",
            "In all of the biopsies the tumour was grade [3].",
        ),
        ("afterwards²", "afterwards³"),
        ("Give it again", "Give it"),
    ],
)
def test_words_that_resemble_each_other_are_no_typing_errors(one: str, other: str) -> None:
    assert not says_one_thing(f"{one} {BODY}", f"{other} {BODY}")


@pytest.mark.parametrize(
    "line", ["https://doi.org/10.1000/182", "www.example.org/leaflet", "Page 3 of 12"]
)
def test_a_web_address_or_page_at_the_edge_makes_no_other_text(line: str) -> None:
    assert says_one_thing(f"{line}\n{BODY}", BODY)
    assert says_one_thing(f"{BODY}\n\n{line}", BODY)


@pytest.mark.parametrize(
    "line",
    [
        "Ward 7B",
        "In pregnancy",
        "Not for use in neonates",
        "www.example.org: the maximum is 12 mg/kg",
        "Confidential: carrier of the gene",
        "Insulin pen for personal use only.",
        "Telavancin is used under the European licence.",
        "In children the dose is lower than that.",
        "For horses and for the sheep of a farm, this is how it is done.",
        "What follows was withdrawn because it was found to be false.",
        "A later study has refuted it, and it is dangerous to follow.",
        "Those with an organ of a donor are treated in the way that follows.",
        "It was seen in rats and in the cells of a dish.",
        "It does harm to people with porphyria.",
        "All of it is done by the consultant of the intensive care team.",
        "Bone infections are hard to treat.",
    ],
)
def test_another_line_or_sentence_at_an_edge_makes_another_text(line: str) -> None:
    for more in (f"{line}\n{BODY}", f"{line} {BODY}", f"{BODY} {line}", f"{BODY}\n\n{line}"):
        assert not says_one_thing(more, BODY)


def test_two_words_of_their_own_are_no_typing_error() -> None:
    one = "The nurse wrote down that the patient was compliant at the last visit to the clinic."
    assert not Gist(one).is_same(Gist(one.replace("compliant", "complaint")))
    assert Gist(one).is_same(Gist(one.replace("compliant", "copmliant")))
