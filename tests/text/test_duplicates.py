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
    ("GIVE TEICOPLANIN FOR SEVEN DAYS", "Give teicoplanin for seven days"),
    ("the “trough” isn’t low", 'the "trough" isn\'t low'),
    ("graded “grade 2” today", 'graded "grade 2" today'),
    ("10 - 20 mg", "10–20 mg"),
    ("- 5 mg at night", "• 5 mg at night"),
    ("Copy 1\nGive 5 mg", "Copy 12\nGive 5 mg"),
    ("Version 2.1\n\nGive 5 mg", "Version 2.10.3\n\nGive 5 mg"),
    ("Give 5 mg.\nDraft 2", "Give 5 mg."),
    ("Give 5 mg\npage 3 of 9", "Give 5 mg\npage 4 of 9"),
    ("Give 5 mg\nPage 3/9\nat night", "Give 5 mg\nPage 7/9\nat night"),
    ("Give 5 mg\nPage 3\nat night", "Give 5 mg\nat night"),
    ("Give 5 mg.\n\nPrinted 3 May 2024 14:05", "Give 5 mg.\n\nPrinted 13 June 2025 09:31"),
    ("Printed on 2024-05-03\nGive 5 mg", "Printed on 2025-11-13\nGive 5 mg"),
    ("Document ID: 4711-22\nGive 5 mg", "Document ID: 8812-31\nGive 5 mg"),
    ("Give 5 mg.\nhttps://example.org/a", "Give 5 mg."),
    ("Give 5 mg.\nVersion 3\nPage 2 of 2", "Give 5 mg."),
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
    ("CCR5 copy number 3", "CCR5 copy number 1"),
    ("the gene has copy 3 of the repeat", "the gene has copy 5 of the repeat"),
    ("The vaccine saved 30 of 2000 infants", "The vaccine saved 3 of 2000 infants"),
    ("a shunt created 20 days later", "a shunt created 60 days later"),
    ("The pacer generated 30 for capture", "The pacer generated 90 for capture"),
    ("shape the canal with file 15 to the end", "shape the canal with file 35 to the end"),
    ("Slide 1 is benign", "Slide 6 is benign"),
    ("From visit 3 the drug is tapered", "From visit 7 the drug is tapered"),
    ("form C is for infants", "form D is for infants"),
    ("TSH 4.1, ref 4.0", "TSH 4.1, ref 4.5"),
    ("MRN 55120: sodium is 118", "MRN 55121: sodium is 118"),
    ("Patient ID 8: sodium is 118", "Patient ID 9: sodium is 118"),
    ("Accession 311: sodium is 118", "Accession 312: sodium is 118"),
    ("a tube of ID 4.0", "a tube of ID 8.0"),
    ("record 20: hearing", "record 80: hearing"),
    ("Apply sheet 3 of the gel", "Apply sheet 7 of the gel"),
    ("vitamin letter A is due", "vitamin letter E is due"),
    ("version 3 is withdrawn", "version 4 is withdrawn"),
    ("Knee revision 2 for loosening", "Knee revision 4 for loosening"),
    ("Supply codeine 30 mg\nNumber 20", "Supply codeine 30 mg\nNumber 200"),
    ("Supply codeine\nNo. 8", "Supply codeine\nNo. 80"),
    ("Coma score\n4 of 15\non arrival", "Coma score\n14 of 15\non arrival"),
    ("The sample has gene\ncopy 2", "The sample has gene\ncopy 5"),
    ("MRN 4711\nGive 5 mg", "MRN 4712\nGive 5 mg"),
    ("3 May 2014\nGive 5 mg", "3 May 2024\nGive 5 mg"),
    ("Advice of June 2011: give starch", "Advice of June 2022: give starch"),
    ("expires on 2025-01-31", "expires on 2028-01-31"),
    ("Due on 4 July 2025", "Due on 4 August 2025"),
    ("onset 2024-05-01 05:00", "onset 2024-05-01 13:00"),
    ("Born 12/05/1948", "Born 12/05/2021"),
    ("Inject 3 MU", "Inject 3 mU"),
    ("a dose of 40 MBq", "a dose of 40 mBq"),
    ("4 mmol of Mg", "4 mmol of mg"),
    ("stage² disease", "stage³ disease"),
    ("an excess of − 7", "an excess of 7"),
    ("an excess of - 7", "an excess of 7"),
    ("10 - 20 mg", "10, 20 mg"),
    ("hold for 4' at least", 'hold for 4" at least'),
    ("a ratio ≠ 2", "a ratio = 2"),
    ("keep lactate ≯ 2", "keep lactate > 2"),
    ("iron and zinc", "iron or zinc"),
    ("Use the card\nhttps://example.org/child", "Use the card\nhttps://example.org/adult"),
    ("Best drug: iron (www.example.org)", "Best drug: zinc (www.example.org)"),
    ("Confidential: HBV positive", "Confidential: HBV negative"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_texts_that_say_the_same_have_one_key(one: str, other: str) -> None:
    assert same_text_key(one) == same_text_key(other)


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_texts_that_say_something_else_have_another_key(one: str, other: str) -> None:
    for before, after in (("", ""), (f"{BODY}. ", f". {BODY}."), ("Copy 3\n", ".\nVersion 4")):
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
    ],
)
def test_words_that_say_nothing_do_not_count(one: str, other: str) -> None:
    assert same_text_key(one) == same_text_key(other)


def test_words_in_another_order_make_another_key() -> None:
    text = f"{BODY}. Give 5 mg by day and 10 mg by night, and then see the patient again."
    swapped = text.replace("5 mg", "x").replace("10 mg", "5 mg").replace("x", "10 mg")
    assert same_text_key(text) != same_text_key(swapped)
