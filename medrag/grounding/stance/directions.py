"""Whether a clause goes the way that a question asks about, or the other way: "raise", "lower"."""

from __future__ import annotations

import re
from functools import lru_cache

from ...text.words import STOPWORDS, terms, words
from ..support.forms import base_of_denied, root
from ..support.sentences import parse
from ..support.vocabulary import opposites

# Axes (`support/tables/opposites.txt`) of which only one side can hold.
_AXES = frozenset(
    {
        "change",
        "benefit",
        "cause",
        "act",
        "guard",
        "pace",
        "gainweight",
        "normal",
        "safe-run",
    }
)
_COMPARED = frozenset({"change", "benefit", "often"})
_EFFECTS = frozenset({"change", "benefit", "often", "pace", "same"})
_NEGATIONS = re.compile(
    r"\b(?:not|never|no|neither|nor|cannot|without|fail(?:s|ed)? to)\b|n['’]t\b"
)
_THAN = re.compile(r"\b(?:than|compared (?:with|to)|(?:superior|inferior|preferable) to)\b")
_PHRASE_END = re.compile(
    r"[,;.]|\s(?:to|in|for|of|with|at|by|on|who|that|and|or|is|are|was|were|do|does|did)\b"
)
_PLACE = re.compile(r"\b(?:with|in|for|after|on|of|among|by|under|during)\b")
# What a prefix denies if the word without it is there too; see `base_of_denied`.
_DENYING = re.compile(
    r"(?:un|in|im|non-?)(?P<base>\w{3,}[ai]bl[ey])\Z|i(?P<double>[rl](?=[rl])\w{4,})\Z"
    r"|non(?P<rest>\w{5,})\Z|ab(?P<normal>normal\w*)\Z|a(?P<typical>(?:typical|symptomatic|febrile)\w*)\Z"
)
_NON = re.compile(r"\bnon-(?=[a-z])", re.I)
_PREFIXES = (
    ("hyper", "hypo"),
    ("hypo", "hyper"),
    ("tachy", "brady"),
    ("brady", "tachy"),
)


def turn(question: str, clause: str) -> int:
    """1 if a clause goes the way that a question asks about, -1 if the other way, 0 if neither.

    Negations are left out: "does not raise" goes the way of "raise".
    """
    if names_counterpart(question, clause):
        return -1
    asked = _signs(question)
    if asked.keys().isdisjoint(_AXES):
        return 0
    told = _signs(_NEGATIONS.sub(" ", clause))
    both = asked.keys() & told.keys() & _AXES
    against = any(asked[axis].isdisjoint(told[axis]) for axis in both)
    if not both:
        return 0
    compares = not both.isdisjoint(_COMPARED)
    return -1 if against != (compares and _exchanges_sides(question, clause)) else 1


def prefixed(question: str, clause: str) -> tuple[bool, str]:
    """Compare words with a prefix that denies: "reversible" and "irreversible".

    Returns:
        Whether a clause has the opposite of a word of the question, and the clause without the
        denying words that decide, so that only other denials are left in it.
    """
    question, clause = (_NON.sub("non", text) for text in (question, clause))
    asked, told = words(question), words(clause)
    bases = {_base(word): word for word in asked if _base(word)}
    turned, left = False, clause
    for word in told:
        opposite = _base(word) in asked and word not in asked
        if opposite or (word in bases and bases[word] not in told):
            turned = True
        if opposite or (word in asked and _base(word)):
            left = re.sub(rf"\b{re.escape(word)}\b", " ", left, flags=re.I)
    return turned, left


def _base(word: str) -> str:
    """What a word with a prefix denies: "reversible" of "irreversible"; or ""."""
    found = _DENYING.match(word)
    base = next(filter(None, found.groups()), "") if found else ""
    return base[1:] if found and found["double"] else base or base_of_denied(word)


def denies_other_way(question: str, clause: str) -> bool:
    """Tell whether a clause only denies the other way: "does not lower", if "raise" is asked."""
    if turn(question, clause) > -1 or not _NEGATIONS.search(clause):
        return False
    told = _signs(clause)
    return any(told.get(axis) == frozenset({0}) for axis in _COMPARED & _signs(question).keys())


def asks_effect(question: str) -> bool:
    """Tell whether a question asks for a change, a benefit or a difference."""
    return not _signs(question).keys().isdisjoint(_EFFECTS)


@lru_cache(maxsize=1024)
def _signs(text: str) -> dict[str, frozenset[int]]:
    """By axis, the directions that a text names; see `Clause.directions`."""
    found: dict[str, set[int]] = {}
    for clause in parse(text).clauses:
        for axis, directions in clause.directions.items():
            found.setdefault(axis, set()).update(sign for _, sign in directions)
    return {axis: frozenset(signs) for axis, signs in found.items()}


def _exchanges_sides(question: str, clause: str) -> bool:
    """Whether a comparison has more of the other thing: "B more than A" for "A more than B"?"""
    than = _THAN.search(clause)
    if not than:
        return False
    near, far = clause[: than.start()], clause[than.end() :].lstrip()
    if place := _PLACE.match(far):  # "with placebo than with zinc"
        near, far = near[near.rfind(f"{place[0]} ") :], far[place.end() :]
    far = _PHRASE_END.split(far, maxsplit=1)[0]
    own = _THAN.search(question)
    asked = _things(question[: own.start()] if own else question)
    one, other = _things(near), _things(far)
    return not asked.isdisjoint(other - one) and asked.isdisjoint(one - other)


def _things(text: str) -> frozenset[str]:
    """The roots of the words of a text that are not directions themselves."""
    roots = {root(word) for word in words(text) if word not in STOPWORDS}
    return frozenset(one for one in roots if one not in opposites())


def names_counterpart(question: str, clause: str) -> bool:
    """Tell whether a clause names "hypokalaemia" where the question asks about "hyperkalaemia"."""
    told = set(terms(clause))
    return any(
        word.startswith(one) and other + word.removeprefix(one) in told
        for word in set(terms(question)) - told
        for one, other in _PREFIXES
    )
