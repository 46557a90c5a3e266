"""Split text into sentences without losing a character."""

from __future__ import annotations

import re
from itertools import accumulate, pairwise

import sentencex

# Marks that end a sentence whatever follows, unlike ".": Chinese, Japanese, Devanagari, Arabic,
# Urdu, Armenian, Ethiopic, Khmer and Burmese ones; with what closes the sentence and follows it.
_STOP = re.compile(r"[。！？｡।॥؟۔։።፧។။]++[”’」』】）》〉\"')\]]*+\s*+(?=.)", re.DOTALL)
_WIDE_SPACE = re.compile(r"(?![\x00-\x7f])\s")


def split_sentences(text: str) -> list[str]:
    """The sentences of a text with the white space around them; joined, they are the text.

    The rules are those of English, and marks of other scripts that end a sentence.

    sentencex sometimes drops a blank line in texts of over 9,000 characters. If its sentences do
    not add up to the text, each one is searched in the text and gets the characters before it.
    """
    sentences = _english_sentences(text)
    if text.isascii() or not _STOP.search(text):
        return sentences
    return [part for sentence in sentences for part in _split_after_stops(sentence)]


def _split_after_stops(sentence: str) -> list[str]:
    ends = [0, *(stop.end() for stop in _STOP.finditer(sentence)), len(sentence)]
    return [sentence[start:end] for start, end in pairwise(ends)]


def _english_sentences(text: str) -> list[str]:
    # sentencex takes no half of a surrogate pair, which a model's reply may hold, and fails on a
    # wide space between an initial and its full stop.
    read = text if text.isascii() else _readable(text)
    sentences: list[str] = sentencex.segment("en", read)
    if "".join(sentences) != read:
        sentences = _searched(sentences, read)
    if read == text:
        return sentences
    ends = [0, *accumulate(map(len, sentences))]
    return [text[start:end] for start, end in pairwise(ends)]


def _readable(text: str) -> str:
    """A text of the same length that sentencex can read."""
    return _WIDE_SPACE.sub(" ", text).encode("utf-8", "replace").decode()


def _searched(sentences: list[str], text: str) -> list[str]:
    whole: list[str] = []
    start = 0
    for body in (sentence.strip() for sentence in sentences):
        at = text.find(body, start)
        if body and at >= 0:
            end = at + len(body)
            whole.append(text[start:end])
            start = end
    return [*whole, text[start:]]
