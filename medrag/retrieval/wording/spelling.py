"""Find the word that a misspelt one was meant to be: by its letters, and by its sound."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from .drugs import drug_names, names_drug

LEAST = 5  # letters of a word that is corrected; too many words are like a shorter one
_LONG = 11  # letters from which on a word may have two errors
_FAR = 4  # errors in the letters from which on two words are not compared by their sound
_SURE_LENGTH = 8  # letters from which on a letter more or less makes no other word
_RARE = 2  # chunks below which a word of the corpus may be misspelt itself
_CLEAR = 0.5  # by how much the best word must be nearer than any other
_COMMON = 8  # or by how many times more often it must occur

_ENDING = 3  # letters in which a word differs from one that it is derived from
_ENDINGS = ("al", "ic", "ous", "ity", "oid", "ary", "ia", "ism", "ist", "ive", "ion", "ate", "ine")

# Letters that sound alike, applied in this order.
_SOUNDS = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        ("ph", "f"),
        ("th", "t"),
        ("rh", "r"),
        ("(?:ae|oe|ee|ea|ie|ei|y)", "i"),
        ("ch(?=[lr])", "k"),
        ("c(?=[ei])", "s"),
        ("(?:ck|qu|c|q)", "k"),
        ("x", "ks"),
        ("z", "s"),
        ("(?:au|aw|ou|ow)", "o"),
        ("(?<=.)h", ""),
        ("e$", ""),
        (r"(.)\1+", r"\1"),
    )
)


@lru_cache(maxsize=4096)
def sound(word: str) -> str:
    """The letters of a lower-case word, with one for all that sound alike: "amoxicilin"."""
    for pattern, letter in _SOUNDS:
        word = pattern.sub(letter, word)
    return word


def cost(written: str, word: str) -> float:
    """How unlikely it is that somebody who meant a word has written another one.

    The mean of the number of errors in the letters and in the sounds, where two letters that
    changed places are one error. The first letter is seldom wrong.
    """
    from rapidfuzz.distance import OSA

    letters = OSA.distance(written, word)
    if letters > _FAR:
        return float(letters)
    sounds = OSA.distance(sound(written), sound(word))
    start = 0.5 if sound(written)[:1] != sound(word)[:1] else 0.0
    return (letters + sounds) / 2 + start


def nearest(written: str, found: Iterable[tuple[str, int]]) -> str | None:
    """The word that a misspelt one was meant to be, or None if that is not clear.

    The name of one drug is not corrected to that of another: names that follow the same rules
    differ by two errors or more, so of two such names only one error is allowed, or only errors
    that cannot be heard.

    Args:
        written: a lower-case word that is no word of the corpus.
        found: words that it may have been, each with the number of chunks that hold it.
    """
    if len(written) < LEAST:
        return None
    limit = 1.0 if len(written) < 7 else 1.5 if len(written) < _LONG else 2.0
    counts = {
        word: chunks
        for word, chunks in found
        if not (_is_derived(written, word) or are_opposites(written, word))
    }
    ranked = sorted(
        (one, -counts[word], word) for word in counts if (one := cost(written, word)) <= limit
    )
    often = [entry for entry in ranked if -entry[1] >= _RARE or entry[2] in drug_names()]
    ranked = often or ranked
    if not ranked:
        return None
    best, count, word = ranked[0]
    for other, other_count, other_word in ranked[1:]:
        is_near = other < best + _CLEAR and not _are_forms(word, other_word)
        if is_near and -count < _COMMON * -other_count:
            return None
    if names_drug(written) and names_drug(word) and best > 1.0:
        return None
    return word


# Parts of words that mean the opposite, or something else that is done or ill.
_OPPOSITE = (
    ("hypo", "hyper"), ("intra", "inter"), ("ante", "anti"), ("pre", "pro"), ("super", "supra"),
    ("blast", "clast"), ("tomy", "stomy"), ("ectomy", "otomy"), ("ectomy", "ostomy"),
    ("macro", "micro"), ("endo", "exo"), ("brady", "tachy"), ("para", "peri"),
)  # fmt: skip


def are_opposites(one: str, other: str) -> bool:
    """Tell whether two words differ in a part that turns their meaning: "hypo" and "hyper"."""
    return any(
        (part in one and against in other and part not in other)
        or (against in one and part in other and against not in other)
        for part, against in _OPPOSITE
    )


def is_surely(written: str, word: str) -> bool:
    """Tell whether a word is a slip of another one, and cannot be a word of its own.

    Many medical words differ in one letter ("gravis" and "Graves"), so a short word is only surely
    another one if it sounds the same or if two letters changed places.
    """
    from rapidfuzz.distance import OSA

    if sound(written) == sound(word) or sorted(written) == sorted(word):
        return True
    letters = OSA.distance(written, word)
    if word in drug_names():
        return letters == 1
    return letters == 1 and len(written) >= _SURE_LENGTH and len(written) != len(word)


def _is_derived(written: str, word: str) -> bool:
    """Tell whether a word is another one with another ending: "adenoviral" and "adenovirus"."""
    from rapidfuzz.distance import OSA

    stem = written[:-_ENDING]
    is_alike = written.endswith(_ENDINGS) and word.startswith(stem) and len(stem) >= LEAST
    return is_alike and OSA.distance(written, word) > 1


def _are_forms(one: str, other: str) -> bool:
    """Tell whether two words differ in nothing but an ending: "tablet" and "tablets"."""
    short, long = sorted((one, other), key=len)
    return long.startswith(short[:-1]) and len(long) - len(short) <= 2
