"""Quantities: what is the same amount however it is written, and what is not."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medrag.text.quantities import Quantity, quantities


def only(text: str) -> Quantity:
    """The only quantity of a text."""
    (found,) = quantities(text)
    return found


@pytest.mark.parametrize(
    "group",
    [
        # separators, number words, fractions
        ["1,000 mg", "1 000 mg", "1\u202f000 mg", "1000 mg", "one thousand mg", "1 g", "1.0 g"],
        ["12,500 IU", "12 500 units", "12.5 thousand units"],
        [".5 mg", "0.5 mg", "0·5 mg", "½ mg", "half a milligram", "500 mcg", "500 micrograms"],
        ["12½ tablespoons", "12.5 tablespoons"],
        ["twenty-one days", "21 days", "3 weeks", "three weeks"],
        ["seven hundred", "700"],
        # units
        ["0.25 g", "250 mg", "250 milligrammes", "250000 µg", "250,000 μg"],
        ["0.3 L", "300 mL", "3 dl", "300 cc"],
        ["14 days", "2 weeks", "a fortnight", "336 hours"],
        ["90 minutes", "1.5 hours", "1½ hours"],
        ["0.8 mmol/L", "800 µmol/L", "0.8 millimoles per litre"],
        ["5 mg/kg", "5 mg per kg", "5 mg per kilogram", "5 mg kg⁻¹", "5 mg kg-1"],
        ["20 mg/mL", "2 g per 100 mL", "2 g/100 mL"],
        # powers
        ["4 × 10⁹/L", "4 x 10^9/L", "4 × 10 9/L", "4e9/L"],
        ["10⁶ copies", "10^6 copies", "1000000 copies"],
        # temperature
        ["37 °C", "37 degrees Celsius", "98.6 °F", "98.6 degrees Fahrenheit"],
        ["−20 °C", "-20 °C", "–20 °C", "-4 °F"],
        # shares
        ["25 %", "25%", "25 per cent", "25 percent", "one in four", "1 in 4", "a quarter of them"],
        # ranges
        ["4–6 mg", "4-6 mg", "4 to 6 mg", "4 mg to 6 mg", "between 4 and 6 mg", "four to six mg"],
        # comparators
        ["≥ 18 years", ">= 18 years", "at least 18 years", "18 years or more", "18 years or older"],
        ["< 40 kg", "below 40 kg", "under 40 kg", "less than 40 kg", "lighter than 40 kg"],
        ["> 7 %", "above 7 %", "more than 7 %", "over 7 %", "exceeds 7 %"],
        [
            "≤ 4 g",
            "at most 4 g",
            "no more than 4 g",
            "up to 4 g",
            "not exceeding 4 g",
            "4 g maximum",
        ],
        # ages
        ["aged over 65", "people over 65", "over 65 years", "older than 65 years"],
        # rates
        ["twice daily", "two times a day", "every 12 hours", "b.d.", "bid", "12-hourly", "q12h"],
        ["three times a day", "t.d.s.", "tid", "every 8 hours", "3 times per day", "q8h"],
        ["every other day", "alternate days", "every 2 days", "every 48 hours"],
        ["once a week", "weekly", "every 7 days", "once weekly"],
        ["3-4 times a day", "every 6 to 8 hours", "6-8 hourly", "q6-8h"],
        ["every half hour", "every 30 minutes", "half-hourly", "every 30 min"],
        ["every third day", "every 72 hours", "72 hourly"],
        ["eight feeds a day", "every three hours", "8x daily"],
        # numbers in words
        ["a hundred and eight thousand", "108,000", "one hundred and eight thousand"],
        ["2½ years", "two and a half years", "30 months"],
        ["1.5 hours", "an hour and a half", "1 h 30 min", "90 minutes"],
        ["two years and one month", "25 months"],
        ["a dozen", "12", "twelve"],
        # shares
        ["0.1%", "1 per 1000", "1 in 1000", "one person in every thousand", "1:1000"],
        ["0.9 %", "nine in every thousand", "for every thousand biopsies, nine"],
        # times of other kinds
        ["week 12", "the 12th week", "12 weeks", "the twelfth week"],
        ["for 6/52", "six weeks"],
        ["a further litre", "1,000 mL", "another litre"],
        ["the under-fives", "under 5 years", "younger than 5 years"],
        ["2 or 3 days", "2–3 days", "between 2 and 3 days"],
        ["11:00", "11 a.m."],
    ],
    ids=lambda group: group[0],
)
def test_one_amount_written_in_several_ways(group: list[str]) -> None:
    found = [only(text) for text in group]
    assert all(found[0].equals(one) for one in found), found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("50 mcg", "50 mg"),
        (".5 mg", "5 mg"),
        ("0.5 mg", "0.05 mg"),
        ("5 mg", "5 mg/kg"),
        ("5 mg", "5 mL"),
        ("5 mg/mL", "5 mg/kg"),
        ("10⁹/L", "109/L"),
        ("4 × 10⁹/L", "4 × 10⁶/L"),
        ("-2 °C", "2 °C"),
        ("37 °C", "37 °F"),
        ("< 7 %", "> 7 %"),
        ("≤ 7 %", "< 7 %"),
        ("at least 3 days", "at most 3 days"),
        ("at least 3 days", "3 days"),
        ("5 to 10 mg", "5 to 15 mg"),
        ("5 to 10 mg", "10 mg"),
        ("twice daily", "twice a week"),
        ("twice daily", "three times daily"),
        ("every 6 hours", "every 8 hours"),
        ("2 weeks", "2 months"),
        ("10 %", "10"),
        ("1 mmol/L", "1 mol/L"),
        ("1,000 mg", "1.000 mg"),
    ],
)
def test_different_amounts(one: str, other: str) -> None:
    assert not only(one).equals(only(other))


def test_a_value_of_another_dimension_is_another_value() -> None:
    milligrams, bare = only("5 mg"), only("0.005")
    assert milligrams.same_value(only("0.005 g"))
    assert not milligrams.same_value(only("5 mL"))
    assert not only("1 day").same_value(only("once a day"))
    assert milligrams.same_value(only("5,000 mcg")) and only("5").same_value(only("5 mmHg"))
    assert not bare.same_value(only("0.006"))


@pytest.mark.parametrize(
    "text",
    [
        "type 2 diabetes",
        "vitamin B12",
        "COVID-19",
        "CD4 cells",
        "an H2-blocker",
        "stage 3 disease",
        "see Table 4",
        "its half-life",
        "He asked someone to attend.",
        "",
        "…",
    ],
)
def test_names_and_plain_words_are_no_quantities(text: str) -> None:
    assert quantities(text) == []


def test_a_sentence_gives_each_quantity_with_its_place() -> None:
    text = "Children over 6 years take 2.5 mL (5 mg) twice daily for at most 10 days."
    found = quantities(text)
    assert [text[q.start : q.end] for q in found] == [q.text for q in found]
    assert [q.text for q in found] == ["6 years", "2.5 mL", "5 mg", "twice daily", "10 days"]
    assert [text[q.begin : q.end] for q in found if q.sign] == ["over 6 years", "at most 10 days"]
    dimensions = [q.dimension for q in found]
    assert dimensions == ["time", "volume", "mass", "rate", "time"]
    assert [q.low for q in found] == pytest.approx([6 * 365.25, 0.0025, 0.005, 2.0, 10.0])


def test_the_text_of_a_quantity_is_as_it_is_written() -> None:
    assert only("Store at −20\u00a0°C.").text == "−20\u00a0°C"
    assert only("Give 5\u202f000\u00a0IU.").text == "5\u202f000\u00a0IU"


def test_a_dose_and_its_rate_are_two_quantities() -> None:
    dose, rate = quantities("500 mg a day")
    assert dose.equals(only("0.5 g")) and rate.equals(only("daily"))
    per_kg, every = quantities("10 mg/kg/day")
    assert per_kg.equals(only("10 mg/kg")) and every.equals(only("once a day"))


def test_a_unit_is_shared_by_the_numbers_of_a_list() -> None:
    first, second = quantities("after 6 and 12 months")
    assert first.equals(only("6 months")) and second.equals(only("12 months"))


def test_a_day_later_is_no_rate() -> None:
    assert only("a day later").dimension == "time"
    assert only("lasts a week").dimension == "time"


@pytest.mark.parametrize(
    "text",
    [
        "every 0 hours", "q0h", "0-hourly", "once in 0 days", "at intervals of 0 hours",
        "5 mg per 0 kg", "1 in 0", "10⁹⁹⁹⁹/L", "5 × 10⁻⁹⁹⁹⁹", "9" * 400,
        "sıx mg", "SİX mg", "ſix mg", "٣ mg", "５ mg",
    ],
)  # fmt: skip
def test_odd_numbers_do_no_harm(text: str) -> None:
    for found in quantities(text):
        assert found.text == text[found.start : found.end]


_UNITS = {"mg": ("mcg", 1000), "g": ("mg", 1000), "L": ("mL", 1000), "weeks": ("days", 7)}


@given(number=st.integers(1, 99_999), unit=st.sampled_from(sorted(_UNITS)), prefix=st.booleans())
def test_an_amount_in_two_units_and_notations_is_equal(
    number: int, unit: str, prefix: bool
) -> None:
    smaller, times = _UNITS[unit]
    before = "At least " if prefix else ""
    plain = only(f"{before}{number} {unit}.")
    assert plain.equals(only(f"{before}{number:,} {unit}."))
    assert plain.equals(only(f"{before}{number}.0 {unit}."))
    assert plain.equals(only(f"{before}{number * times} {smaller}."))
    assert not plain.equals(only(f"{before}{number} {smaller}."))
    assert not plain.equals(only(f"{before}{number * 10} {unit}."))


_WORDS = "mg mcg mg/kg % × 10⁹ /L to – and every twice daily per in 1 2.5 ,000 ½ half over < ± B °C"
_TEXT = st.one_of(
    st.text(), st.lists(st.sampled_from([*_WORDS.split(), " ", "ı", "İ"])).map(" ".join)
)


@given(_TEXT)
def test_any_text_has_quantities_within_it(text: str) -> None:
    found = quantities(text)
    for one in found:
        assert 0 <= one.begin <= one.start < one.end <= len(text)
        assert one.text == text[one.start : one.end]
        assert one.low != one.low or one.low <= one.high
        assert one.sign in ("", "<", "<=", ">", ">=")
    assert [one.start for one in found] == sorted(one.start for one in found)


@pytest.mark.parametrize("text", ["5-10-15-20-", "1,1,", "1 ", "1.", "5 mg or 10 mg "])
def test_the_time_grows_with_the_length_of_the_text(text: str) -> None:
    start = time.perf_counter()
    quantities(text * (10_000 // len(text)))
    assert time.perf_counter() - start < 3.0
