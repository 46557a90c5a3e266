"""Which sentences are worth taking apart: what their words alone tell, a hundred times as fast."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from ..support.forms import base_of_denied, root
from ..support.sentences import Term
from ..support.tables import listed
from ..support.vocabulary import listed_roots, opposites, synonyms
from .claims import NOTHING, PREFERRED, Claim, content, names, qualifies
from .subjects import implied_topics

_WORD = re.compile(r"[^\W_]+(?:['’]t\b)?")
_FIGURE = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|once|twice|daily|weekly"
    r"|monthly|yearly|half|third|quarter|fortnight"
    r"|(?:an?|per|each|every) (?:\w+ )?(?:minute|hour|day|week|month|year)s?)\b",
    re.I,
)
_JOINT = re.compile(r"[,;:]|\b(?:and|but|or|though|although|while|whereas)\b")
_NO_CHANGE = frozenset(
    map(root, ("similar", "same", "unchanged", "comparable", "equal", "unaffected", "fail"))
)
_LEAST_SAID, _LEAST_HERE = 0.6, 0.3  # of a statement's terms: with the headings, and without


@dataclass(frozen=True)
class Hints:
    """What the words of a text tell of its stance.

    Attributes:
        directions: (axis, 1 or -1) of `opposites`.
        denied: the roots of its words without a prefix that denies: "reliable" of "unreliable".
        is_negative: whether a word denies, or says that nothing changes.
        is_mixed: whether it does so in one of several clauses.
        has_figure: whether it has a number, in figures or in words.
    """

    roots: frozenset[str]
    directions: frozenset[tuple[str, int]]
    denied: frozenset[str]
    is_negative: bool
    is_mixed: bool
    has_figure: bool

    def may_contradict(self, other: Hints) -> bool:
        """Tell whether two texts may disagree, if they are about the same."""
        return (
            self.is_mixed
            or other.is_mixed
            or self.is_negative != other.is_negative
            or (self.has_figure and other.has_figure)
            or any((axis, -sign) in other.directions for axis, sign in self.directions)
            or not self.denied.isdisjoint(other.roots)
            or not other.denied.isdisjoint(self.roots)
        )


@lru_cache(maxsize=4096)
def hints(text: str) -> Hints:
    """The hints of a sentence or a heading."""
    words = _WORD.findall(text.lower())
    roots = frozenset(map(root, words))
    negative = (
        any(word.endswith(("n't", "n’t")) for word in words)
        or not listed("negators").isdisjoint(words)
        or not _NO_CHANGE.isdisjoint(roots)
    )
    directions = {pair for one in roots for pair in opposites().get(one, ())}
    if PREFERRED.search(text.lower()):
        directions.add(("do", 1))
    return Hints(
        roots,
        frozenset(directions),
        frozenset(root(base) for word in words if (base := base_of_denied(word))),
        negative,
        negative and _JOINT.search(text) is not None,
        _FIGURE.search(text) is not None,
    )


class Wanted:
    """The words with which a claim may be said: its terms in all their forms."""

    def __init__(self, claim: Claim) -> None:
        clauses = claim.sentence.clauses
        implied = [_forms(term) for term in implied_topics(claim)]
        self._terms = [_forms(term) for one in clauses for term in content(one)] + implied
        named = [
            _forms(term)
            for one in clauses[:1]
            for term in content(one)
            if names(term) and term.word not in NOTHING
        ]
        self._names = (named if len(clauses) == 1 else named[:1]) + implied

    def may_be_in(self, here: frozenset[str], around: frozenset[str]) -> bool:
        """Tell whether a sentence may be about the statement.

        Args:
            here: the roots of the sentence and those before it.
            around: with those of its headings.
        """
        if not all(_is_in(forms, around) for forms in self._names):
            return False
        total = len(self._terms)
        said = sum(_is_in(forms, around) for forms in self._terms)
        return said >= _LEAST_SAID * total and (
            sum(_is_in(forms, here) for forms in self._terms) >= _LEAST_HERE * total
        )


def _forms(term: Term) -> list[frozenset[str]]:
    """The roots of the words with which a term, or the opposite of a quality, may be said."""
    if qualifies(term):
        return [frozenset({one}) for axis, _ in opposites()[term.roots[0]] for one in _axes()[axis]]
    groups = (_entries()[group] for group in term.concepts)
    telling = frozenset(term.roots) - listed_roots("light") or frozenset(term.roots)
    return [telling, *(entry for entries in groups for entry in entries)]


@cache
def _entries() -> dict[int, list[frozenset[str]]]:
    """By group of synonyms, the roots of each of its words and phrases."""
    found: dict[int, list[frozenset[str]]] = {}
    for entry, groups in synonyms().items():
        for group in groups:
            found.setdefault(group, []).append(frozenset(entry))
    return found


@cache
def _axes() -> dict[str, list[str]]:
    """By axis of `opposites`, the roots of its words."""
    found: dict[str, list[str]] = {}
    for name, directed in opposites().items():
        for axis, _ in directed:
            found.setdefault(axis, []).append(name)
    return found


def _is_in(forms: Sequence[frozenset[str]], roots: frozenset[str]) -> bool:
    return any(form <= roots for form in forms)
