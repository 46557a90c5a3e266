"""Sentences: where they end in each script, and that no character is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medrag.text import split_sentences


@pytest.mark.parametrize(
    "sentences",
    [
        ["Give 2.5 mg, e.g. at night. ", "Is it safe? ", "Yes."],
        ["Half \ud83d of a pair. ", "It is kept."],
        ["A\xa0. I\u2003. Smith\x85did it.\xa0", "It worked."],
        ["服用两片。", "5 mg即可！", "安全吗？", "是"],
        ["（每日一次。）", "然后停药｡", "次は"],
        ["咳？！", "好"],
        ["静注する。\n", "5日間続ける。"],
        ["दवा दें।", "5 मिग्रा दें। ", "रोकें॥ ", "अब"],
        ["هل هو آمن؟", "5 ملغ. ", "جيد"],
        ["دوا دیں۔ ", "5 دن۔"],
        ["ይስጡ። ", "5 ቀን።"],
        ["ថ្នាំ។ ", "៥ថ្ងៃ។"],
        ["ဆေးသောက်ပါ။", "နားပါ။"],
    ],
)
def test_sentences_of_each_script(sentences: list[str]) -> None:
    assert split_sentences("".join(sentences)) == sentences


@given(st.text(st.sampled_from("aB5 .\n?I\xa0\u2003\ud83d。！？」）।॥؟۔។\"'")))
def test_no_character_is_lost(text: str) -> None:
    sentences = split_sentences(text)
    assert "".join(sentences) == text
    assert all(sentences) or not text
