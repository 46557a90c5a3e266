"""Turn text into comparable terms: one rule for word search, grounding and metrics."""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+(?:[.,][0-9]+)*")

# Function words and question words: they say nothing about the topic.
STOPWORDS = frozenset(
    """
    a about after all also am an and any are as at be because been before being between both but
    by can could did do does doing done during each for from get gets give given got had has
    have having he her here hers him his how i if in into is it its itself just may me might
    more most must my no nor not of off on once one or other our out over own per please same
    she should so some such tell than that the their them then there these they this those
    through to too under until up us used use uses using very was we were what when where which
    while who whom whose why will with within without would you your
    """.split()  # noqa: SIM905 (a list of quoted words is harder to read and to edit)
)


def words(text: str) -> list[str]:
    """The words and numbers of a text in order, lower-case and without accents."""
    folded = unicodedata.normalize("NFKD", text).lower()
    return _WORD.findall("".join(c for c in folded if not unicodedata.combining(c)))


def terms(text: str) -> list[str]:
    """The stems of the words of a text, without stop words."""
    return [stem(word) for word in words(text) if word not in STOPWORDS]


def stem(word: str) -> str:
    """A light English stem, without plural and verbal endings.

    Weaker than Snowball's on purpose (docs/lab-log.md has the comparison): "diabetic" and
    "diabetes" differ, "doses" and "dose" are the same.
    """
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith("ings"):
        word = word[:-1]
    for ending in ("ingly", "edly", "ing", "ed"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)].removesuffix("e")
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 4 else word
