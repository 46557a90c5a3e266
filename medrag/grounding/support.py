"""Does a source say what a statement says?"""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import pairwise

from ..text.words import terms, words
from ..types import Support
from .candidates import quoted, sentence_spans

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NEGATION = re.compile(r"\b(?:no|not|nor|never|neither|none|cannot|without)\b|n['’]t\b", re.I)


def check_support(
    statement: str, source: str, *, title: str = "", section: str = "", min_score: float = 0.5
) -> Support:
    """Judge whether a source, with its title and section, bears out a whole statement.

    The score is the share of the statement's terms that occur in the best sentence or pair of
    sentences, its title or its section. It is 0 if the span itself has none of these terms, lacks a
    number of the statement, or if only one of the two is negated.

    Args:
        min_score: the score from which on a statement is supported, 0..1.
    """
    if span := quoted(statement, source):
        return Support(True, 1.0, "", (span,))
    spans = sentence_spans(source)
    wanted = set(terms(statement))
    under = f"{title} {section}"
    heading = set(terms(under))
    numbers = _numbers(statement, named=set(pairwise(words(under))))
    denies = _denies(statement)
    alike = [(a, b) for a, b in spans if _denies(source[a:b]) == denies]
    pairs = [(a[0], b[1]) for a, b in pairwise(spans) if a in alike and b in alike]
    best, found = 0.0, ()
    for start, end in [*alike, *pairs]:
        text = source[start:end]
        held = wanted.intersection(terms(text))
        if not held or not numbers <= _numbers(text):
            continue
        score = len(held | (wanted & heading)) / len(wanted)
        # The shorter span wins a tie.
        if score > best + 1e-9:
            best, found = score, ((start, end),)
    supported = best > 0.0 and best >= min_score
    return Support(supported, best, "" if supported else "no source says it", found)


def _numbers(text: str, named: Collection[tuple[str, str]] = ()) -> set[str]:
    """The numbers in a text without their units; those in a name ("type 2") are left out."""
    return {
        number
        for before, word in pairwise(["", *words(text)])
        if (before, word) not in named
        for number in _NUMBER.findall(word)
    }


def _denies(text: str) -> bool:
    return _NEGATION.search(text) is not None
