"""Words and terms: what meets when a question is compared with a text, and what stays apart."""

from __future__ import annotations

import unicodedata
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medrag.text.words import STOPWORDS, searchable, stem, terms, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Type-2 Diabetes, HbA1c", ["type", "2", "diabetes", "hba1c"]),
        ("0.5 mg or 1,000 units.", ["0.5", "mg", "or", "1,000", "units"]),
        ("INR 2.0-3.0, then 2.", ["inr", "2.0", "3.0", "then", "2"]),
        ("Ménière's Sjögren", ["meniere", "s", "sjogren"]),
        ("me\u0301nage", ["menage"]),  # an accent written as its own character
        ("snake_case\tand\u00a0space", ["snake", "case", "and", "space"]),
        ("β-blocker α₁", ["β", "blocker", "α1"]),
        ("ﬁbrosis", ["fibrosis"]),  # a ligature, as PDFs have them
        ("5 µg", ["5", "μg"]),  # micro sign and Greek mu are one
        ("… — !", []),
        ("", []),
    ],
)
def test_words_of_a_text(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_a_decimal_is_another_number_than_its_digits() -> None:
    assert not set(words("0.5 mg")) & set(words("5 or 0"))


@pytest.mark.parametrize(
    "group",
    [
        "dose doses",
        "therapy therapies",
        "disease diseases",
        "treat treats treated treating",
        "reduce reduces reduced reducing",
        "infection infections",
        "antibody antibodies",
        "increase increasingly increased",
        "agree agrees agreeing",
    ],
)
def test_plural_and_verb_endings_meet(group: str) -> None:
    assert len({stem(word) for word in group.split()}) == 1


@pytest.mark.parametrize(
    "pair",
    [
        "diabetic diabetes",
        "asthma asthmatic",
        "hypertension hypotension",
        "thyroid thyroiditis",
        "live liver",
    ],
)
def test_words_of_other_meaning_stay_apart(pair: str) -> None:
    one, other = pair.split()
    assert stem(one) != stem(other)


@pytest.mark.parametrize("word", ["virus", "abscess", "sepsis", "red", "ring", "gas", "5.0"])
def test_an_ending_that_belongs_to_the_word_stays(word: str) -> None:
    assert stem(word) == word


def test_stop_words_go_and_the_rest_keeps_its_order_and_number() -> None:
    assert terms("What is the first-line treatment for asthma, asthma?") == [
        stem(word) for word in ["first", "line", "treatment", "asthma", "asthma"]
    ]
    assert terms("What should you do with it?") == []


def test_every_stop_word_can_be_met() -> None:
    assert [word for word in STOPWORDS if words(word) != [word]] == []


@given(st.text().map(lambda text: normalize("NFKD", text)))
def test_words_are_stable(text: str) -> None:
    """Taking the words of words changes nothing, and holds no spaces or underscores."""
    found = words(text)
    assert words(" ".join(found)) == found
    assert all(not set(word) & set(" _\n") for word in found)


@given(st.text("abcXYZ éÀç 0.,5-"))
def test_case_does_not_matter(text: str) -> None:
    assert words(text.upper()) == words(text) == words(text.lower())
    assert terms(text.upper()) == terms(text)


@pytest.mark.parametrize(("sign", "letters"), [("37 ℃", "37 °C"), ("№ 5", "no 5")])
def test_a_sign_meets_the_letters_it_stands_for(sign: str, letters: str) -> None:
    assert words(sign) == words(letters)


@pytest.mark.parametrize("word", ["finding", "swelling", "screening"])
def test_a_plural_of_a_word_in_ing_meets_its_singular(word: str) -> None:
    assert stem(word + "s") == stem(word)


@given(st.from_regex(r"[a-z]{1,12}(ies|ing|ed|edly|ingly|s|es|ss|e)?", fullmatch=True))
def test_a_stem_is_the_beginning_of_its_word(word: str) -> None:
    root = stem(word)
    assert root
    assert word.startswith(root) or word[:-3] + "y" == root
    assert len(word) - len(root) <= len("ingly") + 1


@given(st.from_regex(r"[a-z]{4,12}[bcdfgmnprt]", fullmatch=True))
def test_a_plural_meets_its_singular(word: str) -> None:
    if not word.endswith(("ing", "ed")):
        assert stem(word + "s") == stem(word)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("肾功能不全", ["肾功", "功能", "能不", "不全"]),
        ("INR値が2.5以上", ["inr", "値が", "2.5", "以上"]),
        ("癌", ["癌"]),
        ("ﾒﾁﾙﾄﾞﾊﾟ", ["メチ", "チル", "ルド", "ドパ"]),
        ("インスリン・ペン", ["イン", "ンス", "スリ", "リン", "ペン"]),
        ("ステロー", ["ステ", "テロ", "ロー"]),
        ("천식을", ["천식", "식을"]),
        ("ผู้ป่วย", ["ผู้ป่", "ป่ว", "วย"]),  # tone marks stay with their letter
        ("ຢາ ឱសថ", ["ຢາ", "ឱស", "សថ"]),
        ("मधुमेह क्षय", ["मधुमेह", "क्षय"]),
        ("மருந்து", ["மருந்து"]),
        ("مُحَمَّد", ["محمد"]),
        ("٢٥٠ ٢٫٥ ५०", ["250", "2.5", "50"]),
        ("שָׁלוֹם", ["שלום"]),
        ("می‌باشد", ["مي", "باشد", "ميباشد"]),
        ("क्‍ष ক্‌ষ", ["क्ष", "ক্ষ"]),  # joiners there only shape the letters
        ("ΝΌΣΟΣ νόσος йод", ["νοσοσ", "νοσοσ", "иод"]),
        ("\ufe97\ufeae", ["\u062a\u0631"]),  # forms of letters, as PDFs have them
    ],
)
def test_words_of_other_scripts(text: str, expected: list[str]) -> None:
    assert words(text) == expected
    assert words(normalize("NFD", text)) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("أحمد إبراهيم آمن", "احمد ابراهيم امن"),
        ("کلیه", "كليه"),
        ("دواء", "دوـــاء"),
        ("ＣＯＰＤ　２５", "copd 25"),
    ],
)
def test_spellings_that_vary_are_one(one: str, other: str) -> None:
    assert words(one) == words(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("किया", "कया"), ("ข้าว", "ข่าว"), ("パス", "バス"), ("약", "악"), ("٢٥", "٢٦")],
)
def test_marks_that_make_another_word_stay(one: str, other: str) -> None:
    assert words(one) != words(other)


@given(st.text("肾功能不全のメチルドパー스테로이드ผู้ป่วย", min_size=2), st.data())
def test_a_part_of_a_text_without_spaces_has_its_words(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 2))
    whole, part = words(text), words(text[start : start + 4])
    # Cut between letters, not within one: Thai marks stay with their letter.
    if all(not unicodedata.category(c).startswith("M") for c in text):
        assert not part or len(part) == 1 or set(part) <= set(whole)


@given(st.text())
def test_the_words_of_a_searchable_text_are_its_words(text: str) -> None:
    """Word by word, a search sees what the query is made into."""
    assert set(words(searchable(text))) == set(words(text)) or "\u200c" in text
