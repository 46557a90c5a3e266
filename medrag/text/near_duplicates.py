"""Tell whether a text says nothing that another one lacks, although their words are not the same.

Only what has no weight may differ: marks of references, lines about the copy itself, a few joining
words, two letters that changed places, one that is there twice, and a plain sentence at either end,
because a text is cut into chunks at other places if it is read from another file. Every other word,
number and sign counts, so texts with another dose, drug, negation, population or place are never
one.
"""

from __future__ import annotations

import re

from .duplicates import Wording, said
from .words import STOPWORDS

# Joining words between statements.
_JOINING = frozenset(
    """
    accordingly additionally again consequently furthermore hence however indeed likewise moreover
    namely similarly then therefore thus
    """.split()  # noqa: SIM905
)
# "[12]", "[3,4]" or "[5–7]" after a word, unless it may be counted or measured: "[20] mg/L".
_REFERENCE = re.compile(
    r"(?<=[\w.,;:)%])\s?\[[0-9]{1,3}(?:\s?[,;–-]\s?[0-9]{1,3})*\]"
    rf"(?=\s*(?:[.,;:)]|$|[A-Z][a-z]|(?:{'|'.join(sorted(STOPWORDS))})\b)|\s*\n)"
)
_RAISED = re.compile(r"(?<=[a-z]{4})[⁰¹²³⁴-⁹]+(?:[,–-][⁰¹²³⁴-⁹]+)*")
# What a line about the copy, its publisher or its place on the web says.
_ABOUT_COPY = re.compile(
    r"(?:©|\bcopyright\b)(?:\s*\(c\))?\s*(?:(?:19|20)[0-9]{2}(?:[-–][0-9]+)?)?|https?://\S+|\bwww\.\S+"
    r"|\bdoi\b[:\s]*(?:10\.\S+)?|\bis[sb]n\b[:\s]*[0-9X-]*|\ball rights reserved\b"
    r"|\bdownloaded from\b|\bprinted (?:from|by)\b|\bconfidential\b"
    r"|\bfor (?:personal|internal|educational|private)(?: \w+)? (?:use|purposes)(?: only)?\b"
    r"|\bdo not (?:copy|distribute|reproduce|forward)\b|\bnot for (?:resale|distribution)\b"
    r"|\bterms of (?:use|service)\b|\bunder (?:a|the) [\w -]+ licen[cs]e\b",
    re.I,
)
_LINE = 120  # characters; a longer line says more
# Words that limit what is said, or say for whom it is.
_LIMIT = re.compile(
    r"\b(?:no|not|never|nor|none|without|avoid\w*|unless|except|only|contra\w+|stop\w*|instead|if|"
    r"(?:pre|post)?-?\w*natal|child\w*|infants?|bab(?:y|ies)|newborns?|paediatric\w*|pediatric\w*|"
    r"adults?|adolescents?|elderly|older|pregnan\w*|breast\w*|lactat\w*|wom[ae]n|m[ae]n|male|female|"
    r"renal|hepatic|kidneys?|liver|ward|wing|unit|clinic|department)\b"
)
_TYPOS = 3  # words with swapped or doubled letters in a text
_LONG = 7  # letters, from which on two words that differ so little are one
_TWICE = re.compile(r"(.)\1")
_SHARE = 0.6  # of the words of a text, that another has to have to be the same but for its edges
_SMALL = 2  # function words, from which on some words are running text
_WORDS = 30  # a shorter text within another may be about something else there


class Gist:
    """What a text says, to compare with other texts.

    Attributes:
        joined: the words that count, each between spaces; equal for texts that say the same.
        wording: of the same words.
    """

    __slots__ = ("_tokens", "joined", "wording")

    def __init__(self, text: str) -> None:
        tokens = said(_without_marks(text))
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

    def holds(self, other: Gist) -> bool:
        """Tell whether this text is the other one with more before or after it."""
        if len(other.joined) >= len(self.joined):
            return False
        least = max(_WORDS, _SHARE * len(self._tokens))
        if len(other._tokens) < least or other.joined not in self.joined:
            return False
        edges = self.joined.split(other.joined, 1)
        return all(not edge or _is_plain(edge) for edge in edges)


def _without_marks(text: str) -> str:
    if "[" in text:
        text = _REFERENCE.sub("", text)
    if not text.isascii():
        text = _RAISED.sub("", text)
    if _ABOUT_COPY.search(text):
        lines = text.split("\n")
        text = "\n".join(line for line in lines if not _is_about_copy(line))
    return text


def _is_about_copy(line: str) -> bool:
    if len(line) > _LINE or not _ABOUT_COPY.search(line):
        return False
    return not _limits(" ".join(said(_ABOUT_COPY.sub(" ", line))))


def _is_plain(edge: str) -> bool:
    """Tell whether what one of two texts has more is running text that limits nothing.

    A heading has few small words. It may say for whom all the rest is.
    """
    small = sum(word in STOPWORDS for word in edge.split())
    return small >= _SMALL and not _limits(edge)


def _limits(said_there: str) -> bool:
    return bool(_LIMIT.search(said_there)) or any(sign.isdigit() for sign in said_there)


def _is_typo(one: str, other: str) -> bool:
    """Tell whether two letters changed places in a long word, or one is there twice."""
    if min(len(one), len(other)) < _LONG or not (one.isalpha() and other.isalpha()):
        return False
    if len(one) == len(other):
        apart = [place for place in range(len(one)) if one[place] != other[place]]
        if len(apart) != 2 or apart[0] == 0:
            return False
        first, second = apart
        swapped = (one[first], one[second]) == (other[second], other[first])
        return second == first + 1 and swapped
    return abs(len(one) - len(other)) == 1 and _TWICE.sub(r"\1", one) == _TWICE.sub(r"\1", other)
