"""Abbreviations: those that a text defines, and those that the initials of its words explain."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from .forms import root
from .sentences import Sentence, Term

_DEFINITION = re.compile(r"(?<![\w’'-])((?:[\w’'-]+\s+){1,8})\(\s*([A-Za-z][\w&/-]{1,9}?)s?\s*\)")
_SHORT = re.compile(r"\b([A-Z][A-Za-z]*[A-Z])s?\b")
_WITHOUT_INITIAL = frozenset({"of", "the", "and", "in", "for"})

Abbreviations = dict[str, tuple[str, ...]]  # by lower-case abbreviation, the words


@lru_cache(maxsize=256)
def abbreviations(text: str) -> Abbreviations:
    """Abbreviations by the text's own definitions, after Schwartz and Hearst (2003).

    https://psb.stanford.edu/psb-online/proceedings/psb03/schwartz.pdf
    """
    found = {}
    for one in _DEFINITION.finditer(text):
        words, name = one[1].split(), one[2]
        if not any(char.isupper() for char in name):
            continue
        for start, word in enumerate(words):
            if word[:1].lower() == name[0].lower() and _spells(words[start:], name):
                found[name.lower()] = tuple(words[start:])
    return found


def with_both_forms(sentence: Sentence, short: Abbreviations) -> Sentence:
    """The sentence with the roots of both forms of what the document abbreviates."""
    more: set[str] = set()
    for name, words in short.items():
        long = {root(part) for word in words for part in word.lower().split("-")}
        if root(name) in sentence.roots:
            more |= long
        elif long <= sentence.roots:
            more.add(root(name))
    return replace(sentence, roots=sentence.roots | more) if more else sentence


def is_expanded(
    term: Term, sentences: Sequence[Sentence], roots: frozenset[str], short: Abbreviations
) -> bool:
    """Tell whether a term is an abbreviation of words in sentences, or is abbreviated there.

    Args:
        roots: of the sentences.
    """
    name = term.word.replace("-", "").removesuffix("s")
    if name in short and all(root(w.lower()) in roots for w in short[name] if len(w) > 3):
        return True
    for abbreviation, words in short.items():
        if root(abbreviation) in roots:
            long = {root(part) for word in words for part in word.lower().split("-")}
            if long.issuperset(term.roots):
                return True
    if (2 if term.name else 3) <= len(name) <= 6 and name.isalpha() and len(term.roots) == 1:
        return any(_initialled(name, _initial_words(sentence)) for sentence in sentences)
    return False


def abbreviated_roots(statement: Sentence, window: Sequence[Sentence]) -> frozenset[str]:
    """Roots of the words of a statement that sentences of a source have as initials: "PSA"."""
    names = {name for one in window for name in _SHORT.findall(one.text) if 2 < len(name) < 7}
    words = _initial_words(statement)
    return frozenset(root(word) for name in names for word in _initialled(name, words))


def _spells(words: Sequence[str], name: str) -> bool:
    """Whether the letters of a name occur in order in the words, the first one at their start."""
    letters = [char for char in name.lower() if char.isalnum()]
    text = " ".join(words).lower()
    at = 0
    for letter in letters:
        at = text.find(letter, at) + 1
        if not at:
            return False
    return len(words) <= len(letters) + 3


def _initialled(name: str, words: Sequence[str]) -> Sequence[str]:
    """The words in a row that a name such as "DMARD" stands for, or none."""
    letters = name.lower()
    starts = [at for at, word in enumerate(words) if word[0] == letters[0]]
    for size in range(len(letters), 1, -1):
        for start in starts:
            some = words[start : start + size]
            if len(some) == size and _gives(some, letters):
                return some
    return ()


def _gives(words: Sequence[str], letters: str) -> bool:
    """Whether each word gives its first letter, and perhaps others, in order."""
    at = 0
    for letter in letters:
        if at < len(words) and words[at][0] == letter:
            at += 1
        elif not at or letter not in words[at - 1][1:]:
            return False
    return at == len(words)


@lru_cache(maxsize=2048)
def _initial_words(sentence: Sentence) -> tuple[str, ...]:
    """The words of a sentence that may give a letter to an abbreviation."""
    return tuple(w for w in sentence.words if w[0].isalnum() and w not in _WITHOUT_INITIAL)
