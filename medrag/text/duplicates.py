"""Tell whether two texts say the same, so that copies of a note count once.

Strict on purpose: in doubt the texts differ. A needless second hit costs a place in a list, a
hidden one may be the dose that was asked for.
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
    r"""(?:(?<![-.,:/])(?<![0-9]['"])|(?<=[.,])(?![0-9])|(?<=[:/])(?:(?<![0-9].)|(?![0-9]))"""
    r"|(?<=-)(?!\.?[0-9])(?:(?<![\w(].)|(?=[\w-])))",
    re.DOTALL,
)
_SIGN = re.compile(r"[^\w\s.,:/-]")
_ASCII_SIGN = re.compile("""[$%&+<=>?^~'"]""")  # the same, faster
_QUOTES = str.maketrans("“”„«»‘’", '"""""\'\'')
_DASH = re.compile("[‐‑‒–—―−]")
# A free minus belongs to the number after it, unless the line is an item of a list.
_MINUS = re.compile(r"−[ \t]+(?=\.?[0-9])")
_FREE_HYPHEN = re.compile(r"(?<=[^\s-][ \t])-[ \t]+(?=\.?[0-9])")
_RANGE = re.compile("(?<=[0-9]) - (?=[0-9])")
# A power or a fraction is no digit of the number before it, and "≠" is not "=" with an accent.
_RAISED = re.compile("[⁰¹²³⁴-⁹⁺⁻¼-¾⅐-⅞]+|[∉∌∤∦≁≄≇≉≠≭-≱≴≵≸≹⊀⊁⊄⊅⊈⊉\u0338]")
# A short word with a capital letter may be a symbol, of which the case counts: "mU", "Mg".
_SYMBOL = re.compile("(?<![A-Za-zµμ])(?=[a-zµμ]{0,2}[A-Z])[A-Za-zµμ]{1,3}(?!\\w)")
_VOWELS = frozenset("aeiouy")

_DAY = (
    r"(?:[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}|[0-9]{1,2}([/.-])[0-9]{1,2}\1[0-9]{4}"
    r"|[0-9]{1,2}(?:st|nd|rd|th)?\s[A-Za-z]{3,9},?\s[0-9]{4}"
    r"|[A-Za-z]{3,9}\s[0-9]{1,2}(?:st|nd|rd|th)?,?\s[0-9]{4})"
)
_TIME = r"(?:,?\s(?:at\s)?[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?:\s?[ap]m)?)?"
_PAGE_LINE = re.compile(
    r"[Pp]age\s[0-9]{1,4}\s?(?:of|/)\s?[0-9]{1,4}|PAGE\s[0-9]{1,4}\sOF\s[0-9]{1,4}|Page\s[0-9]{1,3}"
)
_COPY_LINE = re.compile(
    rf"(?:Copy|Version|Draft)\s[0-9]+(?:\.[0-9]+)*|Document\sID:?\s[\w-]*[0-9][\w-]*"
    rf"|(?:Reprinted|Printed)(?:\son)?:?\s{_DAY}{_TIME}|(?:https?://|www\.)\S+"
)
_MAY_BE_LABELLED = re.compile(
    r"^\s*(?:page\s|copy\s|version\s|draft\s|document\sid|re?printed|printed|https?:|www\.)",
    re.I | re.M,
)
_ENDED = (".", "!", "?")
# What a title says of the file or the copy. A number alone may be what the title is about.
_OF_COPY = re.compile(
    r"\.(?:pdf|docx?|odt|rtf|txt|md|html?|epub)$|(?:\s|\s-\s|\s\()copy(?:\s\([0-9]{1,2}\)|\))?$"
    r"|[\s,(-]+(?:draft|version) [0-9]+(?:\.[0-9]+)*\)?$",
    re.I,
)

# Characters of the words that count; a shorter text says what it says by its title and metadata,
# too.
SHORT = 300
_FEW = 6  # words
_SAYS_NOTHING = frozenset(("also", "an", "please", "the"))


def same_text_key(text: str) -> bytes:
    """A key of 16 bytes that is equal for texts that say the same; see also `SHORT`.

    Case, accents, white space, punctuation and articles do not count, nor lines of their own that
    only tell copies apart, such as "Page 3 of 9". Every other word, number and sign counts, and so
    does the case of units ("mU", "MU").
    """
    return blake2b("\0".join(said(text)).encode(errors="replace"), digest_size=16).digest()


def said(text: str) -> list[str]:
    """The words, numbers and signs of a text, without lines that only tell copies apart."""
    if _MAY_BE_LABELLED.search(text):
        text = _without_labels(text)
    return heading_said(text)


def heading_said(text: str) -> list[str]:
    """The words, numbers and signs of a heading, in which every number counts."""
    if not text.isascii():
        text = _MINUS.sub("-", text.translate(_QUOTES))
        text = _DASH.sub("-", _RAISED.sub(r" ^\g<0> ", text))
    text = _FREE_HYPHEN.sub("-", _RANGE.sub("-", text))
    tokens = _tokens(fold(_SYMBOL.sub(_with_case, text)))
    return [token for token in tokens if token not in _SAYS_NOTHING]


def title_said(title: str) -> list[str]:
    """The words of a title, without a name of a file type, "copy" or "version 2" at its end."""
    return heading_said(_OF_COPY.sub("", title))


def _without_labels(text: str) -> str:
    """A text without page lines, and without other labels of the copy as first or last line.

    A label that may be the rest of a sentence that was broken into lines stays.
    """
    every = [line.strip() for line in text.strip().split("\n")]
    lines = [line for line in every if not _PAGE_LINE.fullmatch(line)]
    while len(lines) > 1 and (not lines[0] or _COPY_LINE.fullmatch(lines[0])):
        if lines[0] and lines[1][:1].islower():
            break
        del lines[0]
    while len(lines) > 1 and (not lines[-1] or _COPY_LINE.fullmatch(lines[-1])):
        if lines[-1] and lines[-2] and not lines[-2].endswith(_ENDED):
            break
        del lines[-1]
    return "\n".join(lines) if any(lines) else text


def _with_case(found: re.Match[str]) -> str:
    """A short word, with a mark that tells which of its letters are capital if that counts."""
    word, start = found[0], found.start()
    low = word.lower()
    if len(word) > 1 and low in STOPWORDS:
        return word
    if not found.string[max(0, start - 2) : start].rstrip(" ")[-1:].isdigit():
        capital_inside = word[1:] != low[1:] and (len(word) == 2 or not word.isupper())
        if len(word) == 1 or not (capital_inside or _VOWELS.isdisjoint(low)):
            return word
    return f"{word} ^{''.join('u' if letter.isupper() else 'l' for letter in word)}"


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
