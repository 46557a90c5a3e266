"""Turn text into comparable terms: one rule for word search, grounding and metrics."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

# Marks that are part of a word: vowel signs, viramas, tone marks. The accents of Latin, Greek and
# Cyrillic and the points of Hebrew and Arabic are not among them: folding removes these.
MARKS = "\u3099\u309a" + "".join(
    chr(code)
    for block in (range(0x0900, 0x1AB0), range(0x1B00, 0x1DC0), range(0xA800, 0xAC00))
    for code in block
    if unicodedata.category(chr(code)).startswith("M")
)
_WORD = re.compile(rf"[^\W_]+(?:[{MARKS}]+[^\W_]*)*(?:[.,][0-9]+)*")

# The scripts that write no spaces between words, and Hangul, which joins particles to them.
UNSPACED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e"  # Thai
    "\u0e81-\u0ece\u0edc-\u0edf"  # Lao
    "\u1000-\u103f\u1050-\u108f\u109a-\u109d\uaa60-\uaa7f"  # Myanmar
    "\u1780-\u17d3\u17d7\u17dc\u17dd"  # Khmer
    "\u3005-\u3007\u3021-\u3029\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U000323af"  # Han
    "\u3041-\u3096\u3099\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"  # kana
    "\u3105-\u312f\u31a0-\u31bf"  # Bopomofo
    "\u1100-\u11ff\ua960-\ua97f\uac00-\ud7a3\ud7b0-\ud7fb"  # Hangul
)
_UNSPACED_RUN = re.compile(f"[{UNSPACED}]+")
_LETTER = re.compile(rf".[{MARKS}]*", re.DOTALL)

# What `searchable` has to fold, because a word search does not: all but Latin letters, ASCII and
# common signs. The micro sign is here because it has to meet the Greek letter.
_OTHER_RUN = re.compile(
    "[\u00b5\u0300-\u1cff\u1dc0-\u1dff\u1f00-\u1fff\u200c\u200d\u2c00-\U0010ffff]+"
)
_ACCENTS = (
    "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\u2de0-\u2dff\ufe20-\ufe2f"
)
_ACCENT = re.compile(f"[{_ACCENTS}]+")
_ACCENTED_RUN = re.compile(f"[\u00aa-\u052f\u1d00-\u1fff\ua640-\ua69f{_ACCENTS}]+")
_SEMITIC_RUN = re.compile("[\u0591-\u08ff]+")
_SEMITIC = {
    **{
        code: None  # vowel points, cantillation and other marks
        for code in range(0x0591, 0x0900)
        if unicodedata.category(chr(code)) == "Mn"
    },
    0x0640: None,  # tatweel only stretches a word
    **dict.fromkeys(map(ord, "أإآٱ"), "ا"),
    **dict.fromkeys(map(ord, "یى"), "ي"),  # Persian yeh, and alef maksura
    ord("ک"): "ك",  # Persian kaf
    ord("٫"): ".",
    ord("٬"): ",",
}
_DIGIT = re.compile("[^\\D0-9]")
_SOFT_BREAK = re.compile(r"[^\W_]+(?:\u200c+[^\W_]+)+")
_JOINERS = re.compile("[\u200c\u200d]+")

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
    """The words and numbers of a text in order, lower-case, in the form that `fold` gives them.

    A run of a script without spaces becomes overlapping pairs of its letters, so that any part of
    it is found in it: "肾功能" is "肾功" and "功能". A Persian word with a soft break becomes its
    parts and the word without the break, because people write it in all three ways.
    """
    return _WORD.findall(fold(text))


def fold(text: str) -> str:
    """A text in the form in which words are compared; `words` finds them in it.

    Lower case, NFKC, ASCII digits. Latin, Greek and Cyrillic lose their accents, Hebrew and Arabic
    their vowel points; spellings of Arabic letters that vary are one.
    """
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKC", text).lower()
    text = _ACCENTED_RUN.sub(lambda run: _without_accents(run[0]), text)
    text = _SEMITIC_RUN.sub(lambda run: run[0].translate(_SEMITIC), text)
    text = _DIGIT.sub(lambda digit: str(unicodedata.decimal(digit[0])), text)
    if "\u200c" in text or "\u200d" in text:
        text = _SOFT_BREAK.sub(lambda word: _parts(word[0]), text)
        text = _JOINERS.sub("", text)
    return _UNSPACED_RUN.sub(lambda run: _pairs(run[0]), text)


def searchable(text: str) -> str:
    """A text as a word search for Latin script must get it, so that `words` of a query are found.

    Other scripts are folded as `words` does. Latin text stays as it is.
    """
    return text if text.isascii() else _OTHER_RUN.sub(lambda run: _fold_run(run[0]), text)


def _fold_run(run: str) -> str:
    # A soft break at the edge has its other part outside: "PCR" and a Persian plural.
    start = " " if run[0] == "\u200c" else ""
    end = " " if run[-1] == "\u200c" else ""
    return start + fold(run) + end


def _without_accents(run: str) -> str:
    return _ACCENT.sub("", unicodedata.normalize("NFD", run)).replace("ς", "σ")


def _parts(word: str) -> str:
    parts = word.replace("\u200c", " ").split()
    return " ".join((*parts, "".join(parts)))


def _pairs(run: str) -> str:
    letters = _LETTER.findall(run)
    pairs = [one + other for one, other in pairwise(letters)]
    return f" {' '.join(pairs or letters)} "


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
