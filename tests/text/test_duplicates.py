"""Copies of a text: what may differ between them, and what makes another text."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from medrag.text.duplicates import same_text_key

BODY = "Teicoplanin is given every 24 h after three loading doses in adults with bone infection"

SAME = [
    ("Give 5 mg.", "give  5 mg"),
    ("Give 5 mg; then stop!", "Give (5 mg), then\n\nstop"),
    ("first-line therapy", "First line therapy"),
    ("Ménière’s disease", "Meniere's disease"),
    ("10–20 mg", "10-20 mg"),
    ("5 µg", "5 μg"),
    ("Copy 1: give 5 mg", "Copy 12: give 5 mg"),
    ("Give 5 mg, copy 3 of the handbook.", "Give 5 mg, copy 4 of the handbook."),
    ("Ward note 7\n\nGive 5 mg", "Ward note 8\n\nGive 5 mg"),
    ("Ward note A. Give 5 mg", "Ward note B. Give 5 mg"),
    ("Version 2.1, give 5 mg", "Version 2.10.3, give 5 mg"),
    ("Draft 2 - give 5 mg", "Draft 3 - give 5 mg"),
    ("Revision 4\nGive 5 mg", "Revision 5\nGive 5 mg"),
    ("Sheet no. 3\nGive 5 mg", "Sheet no. 11\nGive 5 mg"),
    ("No. 14\nGive 5 mg", "No. 15\nGive 5 mg"),
    ("Give 5 mg\npage 3 of 9", "Give 5 mg\npage 4 of 9"),
    ("Give 5 mg\nPage 3/9\n", "Give 5 mg\nPage 7/9\n"),
    ("Give 5 mg\n3 of 9\nat night", "Give 5 mg\n4 of 9\nat night"),
    ("Visit 2: stable on 5 mg", "Visit 3: stable on 5 mg"),
    ("Printed 14:05. Give 5 mg", "Printed 09:31. Give 5 mg"),
    ("Printed on 2024-05-03 14:05. Give 5 mg", "Printed on 2025-11-13 09:31. Give 5 mg"),
    ("3 May 2024: give 5 mg", "13 June 2025: give 5 mg"),
    ("May 3, 2024: give 5 mg", "June 13th, 2025: give 5 mg"),
    ("Give 5 mg (03/05/2024)", "Give 5 mg (04/12/2023)"),
    ("Give 5 mg (3.5.2024)", "Give 5 mg (14.12.2023)"),
    ("Stand 2024年5月3日。一日5 mg", "Stand 2025年11月13日。一日5 mg"),
    ("ID: 4711-22, give 5 mg", "ID: 8812-31, give 5 mg"),
    ("MRN 100234. Give 5 mg", "MRN 100235. Give 5 mg"),
    (
        "0b9f2f66-1c7e-4a53-8f6d-0d4f1f0a9b11 give 5 mg",
        "7a1c2d3e-9b8a-4c5d-a1b2-c3d4e5f60718 give 5 mg",
    ),
]
OTHER = [
    ("Give 25 mg/kg", "Give 15 mg/kg"),
    ("Give 5 mg", "Give 5 g"),
    ("Give 5 mg", "Give 0.5 mg"),
    ("Give 5 mg", "Give .5 mg"),
    ("Give 1.5 mg", "Give 15 mg"),
    ("Give 10 mg", "Give 1 0 mg"),
    ("Give 10⁵ units", "Give 105 units"),
    ("Give 5½ tablets", "Give 51/2 tablets"),
    ("a change of -5 mmHg", "a change of 5 mmHg"),
    ("a change of −5 mmHg", "a change of +5 mmHg"),
    ("5-10 mg", "5, 10 mg"),
    ("1:1000 adrenaline", "1:10000 adrenaline"),
    ("BP 120/80", "BP 120, 80"),
    ("INR 2", "INR 3"),
    ("INR <2", "INR >2"),
    ("eGFR ≥30", "eGFR ≤30"),
    ("5 % glucose", "5 glucose"),
    ("HER2- tumours", "HER2 tumours"),
    ("HBsAg (-)", "HBsAg (+)"),
    ("for adults", "for children"),
    ("is contraindicated", "is not contraindicated"),
    ("with food", "without food"),
    ("increases the dose", "decreases the dose"),
    ("by mouth", "by vein"),
    ("once daily", "twice daily"),
    ("Hypokalaemia", "Hyperkalaemia"),
    ("type 1 diabetes", "type 2 diabetes"),
    ("stage 2", "stage 3"),
    ("day 1", "day 8"),
    ("dose no. 2 is due", "dose no. 3 is due"),
    ("Note 3 patients died", "Note 5 patients died"),
    ("Note: 3. Then stop", "Note: 5. Then stop"),
    ("note 5 mg", "note 10 mg"),
    ("copy 5-10 mg", "copy 6-10 mg"),
    ("note 5 - 10 mg", "note 6 - 10 mg"),
    ("note 5, 10 and 15 mg", "note 6, 10 and 15 mg"),
    ("form IV", "form PO"),
    ("3 of 9 patients died", "4 of 9 patients died"),
    ("at 08:00", "at 20:00"),
    ("5/160/25 mg", "10/160/25 mg"),
    ("in March 3 patients fell", "in March 5 patients fell"),
    ("the 2019 guideline", "the 2024 guideline"),
    ("vitamin B", "vitamin K"),
    ("用量5毫克", "用量6毫克"),
    ("成人", "儿童"),
    ("Is it safe?", "Is it safe."),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_texts_that_say_the_same_have_one_key(one: str, other: str) -> None:
    assert same_text_key(one) == same_text_key(other)


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_texts_that_say_something_else_have_another_key(one: str, other: str) -> None:
    for before, after in (("", ""), (f"{BODY}. ", f". {BODY}."), ("Copy 3: ", "\n3 May 2024")):
        assert same_text_key(before + one + after) != same_text_key(before + other + after)


def test_a_key_has_16_bytes_for_any_text() -> None:
    assert {len(same_text_key(text)) for text in ("", "…", "a", "\ud800", "x" * 10**6)} == {16}


UNITS = ["mg", "mg/kg", "%", " %", "mL", "mmol/L", "°C", "h", "days", "units", "x10^9/L", "mm Hg"]
VOCABULARY = """
    copy note version page visit sheet no number printed draft id of the is was on in to from and
    dated May give dose : . , - / # ( ) 3 9 2024 2024-05-03 14:05 a B
    """.split()  # noqa: SIM905
words_around = st.lists(st.sampled_from([*VOCABULARY, "\n"]), max_size=5).map(" ".join)
numbers = st.one_of(
    st.integers(0, 3000).map(str),
    st.decimals(0, 100, places=2).map(str),
    st.tuples(st.integers(0, 99), st.integers(0, 99)).map(lambda ends: f"{ends[0]}-{ends[1]}"),
)


@given(words_around, words_around, numbers, numbers, st.sampled_from(UNITS))
def test_another_number_before_a_unit_makes_another_key(
    before: str, after: str, one: str, other: str, unit: str
) -> None:
    assume(one != other)
    texts = [f"{before} {number} {unit} {after}" for number in (one, other)]
    assert same_text_key(texts[0]) != same_text_key(texts[1])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"{BODY}.", f"{BODY}, please."),
        (f"{BODY}.", BODY.replace("is given", "is also given")),
        (f"The {BODY}", BODY),
        (f"{BODY}, printed copy 3.", f"{BODY}, leaflet 8."),
    ],
)
def test_words_that_say_nothing_do_not_count(one: str, other: str) -> None:
    assert same_text_key(one) == same_text_key(other)


def test_words_in_another_order_make_another_key() -> None:
    text = f"{BODY}. Give 5 mg by day and 10 mg by night, and then see the patient again."
    swapped = text.replace("5 mg", "x").replace("10 mg", "5 mg").replace("x", "10 mg")
    assert same_text_key(text) != same_text_key(swapped)
