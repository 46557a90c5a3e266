"""Other names of what a question names: brands, national names, lay words, abbreviations."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from ...stores import IndexReader
from .drugs import drug_names, names_drug
from .tables import groups

Words = tuple[str, ...]
MOST = 6  # words of a phrase that is looked up
_CLEAR = 0.6  # share of its definitions that a meaning of an abbreviation has, to be the one


def from_table(table: str, phrase: Words) -> tuple[Words, ...]:
    """Other names of a phrase, by the table "drugs" or "lay"; none for one that it lacks."""
    return _others(table).get(phrase, ())


@cache
def _others(table: str) -> dict[Words, tuple[Words, ...]]:
    found: dict[Words, tuple[Words, ...]] = {}
    for group in groups(table):
        for one in group:
            others = tuple(other for other in group if other != one)
            found[one] = (*found.get(one, ()), *others)
    return found


def meanings(index: IndexReader, phrases: Sequence[Words]) -> dict[Words, Words]:
    """What some phrases stand for, by the definitions that the corpus itself gives.

    That is the meaning that most definitions of an abbreviation give it, if that is clear.
    """
    return _clear(index, [" ".join(phrase) for phrase in phrases])


def abbreviations(index: IndexReader, phrases: Sequence[Words]) -> dict[Words, Words]:
    """The abbreviation of each phrase that is the clear meaning of one in the corpus."""
    long = {" ".join(phrase): phrase for phrase in phrases if len(phrase) > 1}
    names = sorted({name for name, _, _ in index.names_of(sorted(long))})
    return {
        meaning: name for name, meaning in _clear(index, names).items() if " ".join(meaning) in long
    }


def _clear(index: IndexReader, names: Sequence[str]) -> dict[Words, Words]:
    """For each name, its meaning, if nearly all definitions give it the same one."""
    counts: dict[str, dict[str, int]] = {}
    for name, meaning, chunks in index.meanings(names):
        if _is_told(name, meaning):
            counts.setdefault(name, {})[meaning] = chunks
    found = {}
    for name, told in counts.items():
        best = max(told, key=lambda meaning: (told[meaning], meaning))
        same = sum(chunks for other, chunks in told.items() if _start(other) == _start(best))
        if same >= _CLEAR * sum(told.values()):
            found[tuple(name.split())] = tuple(best.split())
    return found


def _is_told(name: str, meaning: str) -> bool:
    """Tell whether a definition is one: a word beside another one has to be a drug."""
    is_short = len(name) <= len(meaning) // 2 and name[0] == meaning[0]
    is_abbreviation = " " in meaning or (is_short and set(name) <= set(meaning))
    return is_abbreviation or (names_drug(meaning) and name not in drug_names())


def _start(meaning: str) -> Words:
    """What forms of one meaning have in common: "inhibitor" and "inhibitors"."""
    return tuple(word[:4] for word in meaning.split())
