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
    found = {
        one.joined == another.joined or one.is_same(another) or one.holds(another)
        for one, another in ((first, second), (second, first))
    }
    return True in found


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
        ("afterwards", "afterwards²³"),
        ("Renal function is", "Furthermore, renal function is"),
        ("and is kept", "and is then kept"),
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
    ],
)
def test_words_that_resemble_each_other_are_no_typing_errors(one: str, other: str) -> None:
    assert not says_one_thing(f"{one} {BODY}", f"{other} {BODY}")


@pytest.mark.parametrize(
    "line",
    [
        "Downloaded from www.example.org on 3 May 2024",
        "© 2023 Example Press. All rights reserved.",
        "https://doi.org/10.1000/182",
        "CONFIDENTIAL – for internal use only",
        "This copy is for personal use only.",
        "Journal of Bone Infection, ISSN 1234-5678",
        "Do not copy.",
    ],
)
def test_a_line_about_the_copy_makes_no_other_text(line: str) -> None:
    assert says_one_thing(f"{line}\n{BODY}", BODY)
    assert says_one_thing(f"{BODY}\n\n{line}", BODY)


@pytest.mark.parametrize(
    "line",
    [
        "Ward 7B",
        "Northern General Hospital",
        "In pregnancy",
        "Not for use in neonates",
        "www.example.org: the maximum is 12 mg/kg",
        "www.example.org Not more than 3 doses",
        "In children the dose is lower than that.",
        "If the patient is on dialysis, this is what to give.",
    ],
)
def test_a_line_that_says_for_whom_or_how_much_makes_another_text(line: str) -> None:
    assert not says_one_thing(f"{line}\n{BODY}", BODY)
    assert not says_one_thing(f"{BODY}\n\n{line}", BODY)


def test_a_text_holds_one_that_was_cut_at_other_places() -> None:
    more = f"Bone infections are hard to treat. {BODY} The nurse notes the time of each on a chart."
    assert Gist(more).holds(Gist(BODY))
    assert not Gist(BODY).holds(Gist(more))
    assert not Gist(BODY).holds(Gist(BODY[:150]))  # too little of it
    assert not Gist(BODY).holds(Gist(BODY))
