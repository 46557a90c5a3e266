"""Other ways to write the same word: British and American, Greek letters, joins, Roman numbers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

_LEAST = 5  # letters of a word that has another spelling
_PART = 4  # letters of each part of a word that is written in two

# One spelling, and the other one. Whether the result is a word, only a corpus can tell.
_SPELLINGS = tuple(
    (re.compile(pattern), other)
    for pattern, other in (
        ("ae", "e"),
        ("oe", "e"),
        ("e", "ae"),
        ("e", "oe"),
        ("(?<=[a-z]{2})our", "or"),
        ("(?<=[a-z]{2})or", "our"),
        ("(?<=[a-z]{2})is(?=e|ing|ation)", "iz"),
        ("(?<=[a-z]{2})iz(?=e|ing|ation)", "is"),
        ("ys(?=e|ing)", "yz"),
        ("yz(?=e|ing)", "ys"),
        ("tre(?=s?$)", "ter"),
        ("ter(?=s?$)", "tre"),
        ("sulph", "sulf"),
        ("sulf", "sulph"),
        ("leuc", "leuk"),
        ("leuk", "leuc"),
        ("(?<=[a-z]{4})ll(?=ed$|ing$|ers?$|ors?$)", "l"),
        ("(?<=[a-z]{4})l(?=ed$|ing$|ers?$|ors?$)", "ll"),
        ("ogue(?=s?$)", "og"),
        ("og(?=s?$)", "ogue"),
        ("ence$", "ense"),
        ("ense$", "ence"),
    )
)

_GREEK = {
    letter: unicodedata.name(letter).removeprefix("GREEK SMALL LETTER ").lower()
    for letter in "αβγδεζηθικλμνξοπρστυφχψω"
} | {"λ": "lambda"}
_LETTER = {name: letter for letter, name in _GREEK.items()}
_GREEK_LETTER = re.compile(f"[{''.join(_GREEK)}]")

_ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii")
_NUMBER = {roman: str(value) for value, roman in enumerate(_ROMAN, start=1)}
_AS_ROMAN = {value: roman for roman, value in _NUMBER.items()}
_NUMBERED = frozenset(("type", "types", "phase", "stage", "grade", "class", "factor", "level"))
_EDGES = re.compile(r"(?<=[^\W\d])(?=\d)|(?<=\d)(?=[^\W\d])")


@lru_cache(maxsize=4096)
def spellings(word: str) -> tuple[str, ...]:
    """Words that a lower-case word would be in British or American spelling, if they exist."""
    if len(word) < _LEAST or not word.isascii() or not word.isalpha():
        return ()
    found = {
        word[: place.start()] + other + word[place.end() :]: None
        for pattern, other in _SPELLINGS
        for place in pattern.finditer(word)
    }
    return tuple(found)


def ways(words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Other ways to write one or two lower-case words that stand together, if these exist."""
    if len(words) == 1:
        (word,) = words
        yield from ((spelling,) for spelling in spellings(word))
        if _GREEK_LETTER.search(word):
            yield (_GREEK_LETTER.sub(lambda letter: _GREEK[letter[0]], word),)
            named = _GREEK_LETTER.sub(lambda letter: f" {_GREEK[letter[0]]} ", word)
            yield tuple(named.split())
            yield tuple(_GREEK_LETTER.sub(lambda letter: f" {letter[0]} ", word).split())
        elif word in _LETTER:
            yield (_LETTER[word],)
        if len(parts := tuple(_EDGES.split(word))) == 2:
            yield parts
        return
    one, other = words
    yield (one + other,)
    if other in _LETTER:
        yield (one + _LETTER[other],)
    if one in _LETTER:
        yield (_LETTER[one] + other,)
    if one in _NUMBERED:
        if other in _NUMBER:
            yield (one, _NUMBER[other])
        if other in _AS_ROMAN:
            yield (one, _AS_ROMAN[other])


def splits(word: str) -> Iterator[tuple[str, str]]:
    """The ways to read a word as two that were written together: "betablocker"."""
    for at in range(_PART, len(word) - _PART + 1):
        yield word[:at], word[at:]
