"""Cleaning: one normal form, and glue that keeps words apart or together."""

from __future__ import annotations

import re
import unicodedata
from itertools import count, islice
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medrag.text.cleaning import clean_blocks, clean_chunks, clean_text, may_cut
from medrag.types import Block

# Every code point, half characters too, with extra ones that cleaning changes.
texts = st.text(
    st.one_of(
        st.characters(exclude_categories=[]),
        st.sampled_from(" \t\n\r\x0b\x0c\x85\xa0\xad\u0301\u200b\u2028\u2003\ufeffea\u1100\u1161"),
        st.sampled_from("\u200c\u200d\u034f\ufe0fیक\u094d\u093cর👩🏽🔬"),
    )
)


@settings(max_examples=500)
@given(texts)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    once = clean_text(text)
    assert clean_text(once) == once


@settings(max_examples=300)
@given(texts)
def test_clean_text_has_the_promised_form(text: str) -> None:
    cleaned = clean_text(text)
    assert unicodedata.is_normalized("NFC", cleaned)
    assert not re.search(r"[\t\r\xa0\xad\u200b\u2028\ufeff\ud800-\udfff]|  | \n|\n{3}", cleaned)
    assert all(c == "\n" or unicodedata.category(c) != "Cc" for c in cleaned)
    assert cleaned == cleaned.strip()
    cleaned.encode("utf-8")


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("caf\u0065\u0301", "caf\xe9"),
        ("e\xad\u0301", "\xe9"),  # without the hyphen, the accent joins its letter
        ("a\r\nb\rc", "a\nb\nc"),
        ("a\x00b\x07c\x1b", "abc"),
        ("treat\xadment \u200bplan\ufeff", "treatment plan"),
        ("5\xa0mg\u2009/\u202fday", "5 mg / day"),
        ("a \t  b", "a b"),
        ("a  \nb\t\n", "a\nb"),
        ("a\n\n\n\n\nb", "a\n\nb"),
        ("a\n \n\t\n\nb", "a\n\nb"),
        ("a\x0cb\u2029c", "a\nb\nc"),
        (" \n ", ""),
        ("2 < 3 & β-blocker", "2 < 3 & β-blocker"),
        ("half \ud83d of it", "half of it"),
        ("می\u200cشود", "می\u200cشود"),
        ("می\u200c\u200c\u200dشود", "می\u200cشود"),
        ("می\u200c شود \u200cو", "می شود و"),  # at the edge of a word
        ("PCR\u200cهای", "PCR\u200cهای"),
        ("۵\u200cساله", "۵\u200cساله"),
        ("ها\u200c. و\u200c", "ها. و"),
        ("ہسپتال\u200cمیں", "ہسپتال\u200cمیں"),
        ("क्\u200dष, क्\u200cष", "क्\u200dष, क्\u200cष"),
        ("র\u200d্যা", "র\u200d্যা"),
        ("අවශ්\u200dය", "අවශ්\u200dය"),
        ("അവന്\u200d വന്നു", "അവന്\u200d വന്നു"),  # a final letter with a virama
        ("fi\u200cne tre\u200datment", "fine treatment"),
        ("\u200cশ\u200d", "শ"),
        ("肾\u200d功", "肾功"),
        ("5\u200c mg\u200d", "5 mg"),
        ("👩\u200d⚕️ 🏳️\u200d🌈 👨🏽\u200d🔬", "👩\u200d⚕️ 🏳️\u200d🌈 👨🏽\u200d🔬"),
        ("👩\u200d ok\u200d👩", "👩 ok👩"),
        ("\u200eשלום\u200f (5\u202b)", "שלום (5)"),
    ],
)
def test_clean_text(raw: str, cleaned: str) -> None:
    assert clean_text(raw) == cleaned


def test_clean_chunks_drops_the_empty_and_streams() -> None:
    assert list(clean_chunks(["a ", " \n", "\u200b", "b"])) == ["a", "b"]
    endless = (f" {number} " for number in count())
    assert list(islice(clean_chunks(endless), 2)) == ["0", "1"]


def glued(*blocks: Block) -> str:
    return "".join(
        (block.glue if number else "") + block.text
        for number, block in enumerate(clean_blocks(blocks))
    )


@pytest.mark.parametrize(
    ("blocks", "text"),
    [
        ([Block("a"), Block("b")], "a\n\nb"),
        ([Block("a"), Block(" "), Block("b", glue="")], "a\n\nb"),
        ([Block("a"), Block("\u200b", glue=""), Block("b", glue="")], "ab"),
        ([Block("a"), Block(" ", glue=""), Block("b", glue="")], "a b"),
        ([Block("a"), Block("", glue=" "), Block("b", glue="\n\n")], "a\n\nb"),
        ([Block("a "), Block("b", glue="")], "a b"),
        ([Block("a"), Block("\nb", glue="")], "a b"),
        ([Block("treat"), Block("ment", glue="")], "treatment"),
    ],
)
def test_cleaning_blocks_keeps_words_apart_or_together(blocks: list[Block], text: str) -> None:
    assert glued(*blocks) == text


def test_clean_blocks_keeps_the_place_and_cleans_the_section() -> None:
    (block,) = clean_blocks([Block(" a ", page=3, section="Treat\xadment  ")])
    assert block == Block("a", page=3, section="Treatment")


def test_clean_blocks_streams() -> None:
    endless = (Block(str(number)) for number in count())
    assert [block.text for block in islice(clean_blocks(endless), 2)] == ["0", "1"]


@pytest.mark.parametrize(
    "text", ["می\u200cشود", "PCR\u200cهای", "های\u200cPCR", "क्\u200dष", "👩\u200d⚕️"]
)
def test_no_cut_beside_a_joiner(text: str) -> None:
    (at,) = (at for at, c in enumerate(text) if c in "\u200c\u200d")
    assert not may_cut(text, at)
    assert not may_cut(text, at + 1)
    assert may_cut(f"{text} {text}", len(text) + 1)


def test_many_marks_and_joiners_take_no_longer_than_other_text() -> None:
    started = perf_counter()
    assert len(clean_text("क" + "ा\u200d" * 100_000)) > 100_000
    assert perf_counter() - started < 5
