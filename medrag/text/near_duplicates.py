"""Tell whether two texts say the same, although their words are not quite the same.

Only what has no weight may differ: marks of references, a few joining words, two letters that
changed places, one that is there twice. Every other word, number and sign counts, so texts with
another dose, drug, negation, population or place are never one.
"""

from __future__ import annotations

import re

from .duplicates import Wording, said
from .everyday import is_everyday
from .words import STOPWORDS

# Joining words between statements.
_JOINING = frozenset(
    """
    accordingly additionally consequently furthermore hence however indeed likewise moreover namely
    therefore thus
    """.split()  # noqa: SIM905
)
# "[12]", "[3,4]" or "[5–7]" after a word or the end of a sentence, and not glued to what follows.
_REFERENCE = re.compile(
    r"(?:(?<=[^\W\d_])|(?<=[.,;)])|(?<=[^\W\d_]\s)|(?<=[.,;)]\s))"
    r"\[[0-9]{1,3}(?:\s?[,;–-]\s?[0-9]{1,3})*\](?=[.,;:)\s]|$)"
)
# The end of the sentence that a reference is for. A shorter piece may be a label and its value.
_SENTENCE = re.compile(r"[^.!?\n]*[.,;:)]?\s?$")
_LAST_WORD = re.compile(r"([^\W\d_]+)[.,;:)]?\s?$")
_LEAST = 6  # words
# A number after one of these, or after a function word, may be a value.
_VALUE = frozenset(
    """
    apgar asa below class count crp dose equal equals ferritin gcs glucose grade group haemoglobin
    hemoglobin inr lactate level measured number phase ph potassium range rate ratio reached
    remained reported result scale score scored showed sodium stage step times total type urea value
    version
    """.split()  # noqa: SIM905
)
_TYPOS = 3  # words with swapped or doubled letters in a text
_LONG = 7  # letters, from which on two words that differ so little are one
_TWICE = re.compile(r"(.)\1")


class Gist:
    """What a text says, to compare with other texts.

    Attributes:
        joined: the words that count, each between spaces; equal for texts that say the same.
        wording: of all words.
    """

    __slots__ = ("_tokens", "joined", "wording")

    def __init__(self, text: str) -> None:
        tokens = said(_REFERENCE.sub(_reference, text) if "[" in text else text)
        self.wording = Wording(tokens)
        self._tokens = [token for token in tokens if token not in _JOINING]
        self.joined = f" {' '.join(self._tokens)} "

    def is_same(self, other: Gist) -> bool:
        """Tell whether two texts say the same, but for a few typing errors."""
        if len(self._tokens) != len(other._tokens):
            return False
        typos = 0
        for one, another in zip(self._tokens, other._tokens, strict=True):
            if one != another:
                typos += 1
                if typos > _TYPOS or not _is_typo(one, another):
                    return False
        return True


def _reference(found: re.Match[str]) -> str:
    """Nothing for the number of a reference; the number itself if it may be a value."""
    before = found.string[max(0, found.start() - 300) : found.start()]
    last = _LAST_WORD.search(before)
    word = last[1].lower() if last else ""
    sentence = _SENTENCE.search(before.rstrip(" .,;:)"))
    if not word or word in STOPWORDS or word in _VALUE:
        return found[0]
    return "" if sentence and len(sentence[0].split()) >= _LEAST else found[0]


def _is_typo(one: str, other: str) -> bool:
    """Tell whether two letters changed places in a long word, or one is there twice."""
    if min(len(one), len(other)) < _LONG or not (one.isalpha() and other.isalpha()):
        return False
    if len(one) == len(other):
        apart = [place for place in range(len(one)) if one[place] != other[place]]
        if len(apart) != 2 or apart[0] == 0 or (is_everyday(one) and is_everyday(other)):
            return False  # "complaint" and "compliant" are both words
        first, second = apart
        swapped = (one[first], one[second]) == (other[second], other[first])
        return second == first + 1 and swapped
    return abs(len(one) - len(other)) == 1 and _TWICE.sub(r"\1", one) == _TWICE.sub(r"\1", other)
