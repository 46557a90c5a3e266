"""Tell whether two texts say the same, so that copies of a note count once.

Strict on purpose: a number, unit, negation or population that differs makes another text. Where it
is not clear whether a number only tells copies apart, the texts differ.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from itertools import pairwise

from .words import STOPWORDS, fold

# Punctuation does not count, unless what is beside it makes it a part of a number, a range, a ratio
# or a sign as in "HER2-". Begins with a set of characters, by which it is found fast.
_PUNCTUATION = re.compile(
    r"""[-.,:/;!'"()\[\]{}…|\\*#@•·“”‘’«»„`´、。「」『』【】《》〈〉・।॥،؛۔_]"""
    r"(?:(?<![-.,:/])|(?<=[.,])(?![0-9])|(?<=[:/])(?:(?<![0-9].)|(?![0-9]))"
    r"|(?<=-)(?!\.?[0-9])(?:(?<![\w(].)|(?=[\w-])))",
    re.DOTALL,
)
_SIGN = re.compile(r"[^\w\s.,:/-]")
_ASCII_SIGN = re.compile("[$%&+<=>?^~]")  # the same, faster
_DASH = re.compile("[‐‑‒–—―−]")
# A power or a fraction is no digit of the number before it.
_RAISED = re.compile("[⁰¹²³⁴-⁹⁺⁻¼-¾⅐-⅞]+")

_MONTHS = frozenset(
    """
    jan january feb february mar march apr april may jun june jul july aug august sep sept september
    oct october nov november dec december
    """.split()  # noqa: SIM905
)
_MONTH = rf"(?:{'|'.join(sorted(_MONTHS, key=len, reverse=True))})"
_YEAR = "(?:19|20)[0-9]{2}"
_TIME = (
    r"(?:(?:t|,?\s+(?:at\s+)?)[0-2]?[0-9]:[0-5][0-9](?::[0-5][0-9](?:\.[0-9]+)?)?"
    r"(?:\s?[ap]m\b)?(?:z\b|\s?utc\b|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_DATE_END = rf"{_TIME}(?![\w/]|[.:-][0-9])"
# Begins with a digit, by which it is found fast. The lookbehind: that digit begins the number.
_DATE = re.compile(
    r"[0-9](?<![\w./-][0-9])(?:"
    r"(?<=[12])[09][0-9]{2}([-/.])(?:0?[1-9]|1[0-2])\1(?:0?[1-9]|[12][0-9]|3[01])"
    rf"|[0-9]?([-/.])(?:0?[1-9]|[12][0-9]|3[01])\2{_YEAR}"
    rf"|[0-9]?(?:st|nd|rd|th)?[\s-](?:of\s)?{_MONTH}\.?,?[\s-]{_YEAR}"
    rf"|[0-9]{{3}}\s*年\s*[0-9]{{1,2}}\s*月\s*[0-9]{{1,2}}\s*日){_DATE_END}"
)
_AFTER_MONTH = re.compile(f"[.,\\s]{_YEAR}")
_DATE_FROM_MONTH = re.compile(
    rf"\b{_MONTH}\.?,?\s+(?:[0-9]{{1,2}}(?:st|nd|rd|th)?,?\s+)?{_YEAR}{_DATE_END}"
)

_WITH_COLON = "copy|version|page|draft|revision|rev|sheet|ref|reference|id|mrn|accession|serial"
_OTHERS = "note|visit|edition|issue|form|document|doc|file|record|letter|leaflet|handout|slide"
_STAMPS = "printed|reprinted|printout|created|saved|downloaded|generated|exported"
_NUMBER = "number|num|no|nr"
_LABELS = frozenset("|".join((_WITH_COLON, _OTHERS, _STAMPS)).split("|"))
_NUMBERS = frozenset(_NUMBER.split("|"))
# What follows the number or letter of a label. Any other word may be what is counted or measured.
_END = (
    r"(?=[ \t]*+(?:$|[\n;)\]|]|[.:](?![0-9])|[,-](?!\s*[0-9])"
    rf"|(?:of|for|from|is|was|are|the|on|dated|{_STAMPS}|{_WITH_COLON}|{_OTHERS})\b))"
)
_LABEL = re.compile(
    rf"""
    (\b(?:{_WITH_COLON})\b(?:[ \t]*+:)?
    |\b(?:{_OTHERS})\b
    )
    (?:[ \t]++(?:{_NUMBER}|id)\b)?\.?[ \t]*+\#?[ \t]*+
    (?:[0-9]+(?:[./-][0-9]+)*[a-z]?|[a-z]|(?<=[\s:\#])[a-z]{{1,4}}[-/]?[0-9][0-9/-]{{3,}})
    (?:[ \t]*+(?:of|/)[ \t]*+[0-9]+)?
    {_END}
    |(\b(?:{_STAMPS})\b)[ \t]*+:?[ \t]*+(?:on[ \t]++|at[ \t]++)?
    (?:[0-2]?[0-9]:[0-5][0-9](?::[0-5][0-9])?(?:[ ]?[ap]m\b)?|[0-9]+){_END}
    """,
    re.VERBOSE | re.MULTILINE,
)
# Elsewhere than at the beginning of a line, it may be the number of a dose.
_NUMBERED = re.compile(rf"(\n[ \t]*+(?:{_NUMBER})\b\.?)[ \t]*+#?[0-9]+{_END}")
_PAGE_LINE = re.compile(r"\n[ \t]*[0-9]+ of [0-9]+[ \t]*(?=\n)")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

# Characters; a shorter text says what it says by its title and metadata, too.
SHORT = 300
_FEW = 6  # words
# Words that say nothing about a patient; a copy may have one more of them.
_SAYS_NOTHING = frozenset(
    """
    also an and copy document draft edition handbook handout it its leaflet please printed reprinted
    revision sheet that the these this those version which
    """.split()  # noqa: SIM905
)


def same_text_key(text: str) -> bytes:
    """A key of 16 bytes that is equal for texts that say the same; see also `SHORT`.

    Case, accents, white space, punctuation, articles and the like do not count, nor what tells
    copies of a text apart: the number or letter of a copy, version, page or visit, ids, and dates
    with the time beside them. Every other word, number and sign counts.
    """
    return blake2b("\0".join(said(text)).encode(errors="replace"), digest_size=16).digest()


def said(text: str) -> list[str]:
    """The words, numbers and signs of a text, without what tells copies apart."""
    if not text.isascii():
        text = _DASH.sub("-", _RAISED.sub(r" ^\g<0> ", text))
    text = fold(text)
    tokens = _tokens(text)
    lines = f"\n{text}\n"
    less = _PAGE_LINE.sub("\n", _DATE.sub(" ", lines))
    less = _NUMBERED.sub(r"\1", less)
    if less.count("-") >= 4:
        less = _UUID.sub(" ", less)
    if not _MONTHS.isdisjoint(tokens) and _AFTER_MONTH.search(less):
        less = _DATE_FROM_MONTH.sub(" ", less)
    if not _LABELS.isdisjoint(tokens) and _holds_label(tokens):
        less = _LABEL.sub(r"\1\2 ", less)
    tokens = tokens if less == lines else _tokens(less)
    return [token for token in tokens if token not in _SAYS_NOTHING]


def _holds_label(tokens: list[str]) -> bool:
    return any(
        word in _LABELS and (len(after) == 1 or not after.isalpha() or after in _NUMBERS)
        for word, after in pairwise(tokens)
    )


def _tokens(text: str) -> list[str]:
    text = _PUNCTUATION.sub(" ", text)
    sign = _ASCII_SIGN if text.isascii() else _SIGN
    return sign.sub(r" \g<0> ", text).split()


class Wording:
    """The words and quantities of a text, to tell how much two texts say in the same words.

    A number counts with the word after it ("25 mg"), but not alone: it may be of a ward or a copy.
    In a text of few words, everything counts.

    Args:
        tokens: of `said`.
    """

    def __init__(self, tokens: list[str]) -> None:
        if len(tokens) < _FEW:
            tokens = [" ".join(tokens)]
        numbers = {n for n, token in enumerate(tokens) if token[:1].isdigit()}
        self._words = frozenset(token for n, token in enumerate(tokens) if n not in numbers)
        self._quantities = frozenset(
            (token, after)
            for n, (token, after) in enumerate(pairwise(tokens))
            if n in numbers and after not in STOPWORDS
        )

    def shared(self, other: Wording) -> float:
        """The share of all words that both have, 0..1; 0 if the quantities differ."""
        if self._quantities != other._quantities:
            return 0.0
        return len(self._words & other._words) / max(1, len(self._words | other._words))
