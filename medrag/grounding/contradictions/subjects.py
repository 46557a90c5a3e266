"""Are two claims about the same thing: each says all names of the other and most other terms?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from ..support.alignment import is_name
from ..support.clauses import AUXILIARIES
from ..support.sentences import Sentence, Term
from .circumstances import differ_in_circumstances
from .claims import (
    NOTHING,
    Claim,
    Difference,
    Part,
    Sayings,
    content,
    is_decisive,
    is_plain,
    is_topic,
    names,
    refers,
)

_LEAST_TERMS = 2  # that both share
_CONDITION = re.compile(r"[,\s]*(?:if|when|while|unless|until|where|once)\b")
_THAN = re.compile(r"\b(?:than|compared (?:with|to)|versus|vs\.?|relative to)\s")
_STOP = re.compile(r"[,;(]|\b(?:in|for|at|on|among|after|during|over|within)\b")
_ARM = re.compile(r"[\s-](?:groups?|arms?|cohorts?)\b")
_WORD = re.compile(r"[a-z]+")
_LIMITS = re.compile(r"\b(?:in|for|after|with|during|before|on|without|among)\s+(?:\w+\s+){0,2}$")


def shared(one: Part, other: Part, difference: Difference) -> float:
    """How much of their subjects two clauses share, 0..1; 0 if they are not about one thing.

    Args:
        one: the statement.
        other: the source.
        difference: in what they differ.
    """
    own, theirs = (_about(part, difference) for part in (one, other))
    held, back = _held(own, other.claim.known), _held(theirs, one.claim.known)
    if held is None or back is None or _decisive(own) != _decisive(theirs):
        return 0.0
    titled = Sayings.of_terms(_topics(other.claim) if difference.alike else [])
    here = [term for term in own if other.claim.here.have(term) or titled.have(term)]
    if (
        min(_share(held, own), _share(back, theirs)) < difference.least_said
        or _share(here, own) < difference.least_here
        or _alike(one.claim, held, back, difference) < _LEAST_TERMS
        or (difference.opposed and _differ_in_topics(one.claim, other.claim))
        or _differ_in_sides(one, other)
        or not _is_resolved(one.claim, own, other.claim)
        or not _is_resolved(other.claim, theirs, one.claim)
        or differ_in_circumstances(one, other)
    ):
        return 0.0
    return _share([*held, *back], [*own, *theirs])


def _alike(claim: Claim, held: Sequence[Term], back: Sequence[Term], difference: Difference) -> int:
    """How many terms, quantities and kinds of them two clauses share.

    Args:
        claim: the statement.
        held, back: the terms of the statement and of the source that the other says.
    """
    own = {term.roots for term in (*held, *_subject_before(claim))}
    if difference.alike:
        return difference.alike + max(len(own), len({term.roots for term in back}))
    return len(own)


def _share(some: Sequence[Term], terms: Sequence[Term]) -> float:
    return len(some) / len(terms) if terms else 1.0


def _about(part: Part, difference: Difference) -> list[Term]:
    """What a clause is about, with its conditions; a later one has the subject of the first.

    A topic that only the title names is a part of it, if more than the topic is alike.
    """
    clauses = part.sentence.clauses
    subject = content(clauses[0])[:1] if part.clause is not clauses[0] else []
    conditions = (
        one
        for one in clauses
        if one is not part.clause and _CONDITION.match(part.sentence.lower, one.start)
    )
    terms = [*subject, *content(part.clause), *(t for one in conditions for t in content(one))]
    own = [term for term in terms if not difference.opposed.issuperset(term.roots)]
    return [*own, *implied_topics(part.claim)] if difference.alike else own


def implied_topics(claim: Claim) -> list[Term]:
    """The topics of the title, if a claim leaves its subject to it."""
    named = any(map(_names_subject, (claim.sentence, *claim.before)))
    return [] if named else [one for one in _topics(claim) if not claim.here.have(one)]


def _topics(claim: Claim) -> list[Term]:
    return [term for title in claim.title for term in title.terms if is_topic(term)]


def _held(terms: Sequence[Term], known: Sayings) -> list[Term] | None:
    """Those of the terms that are said; None if a name is not."""
    held = [term for term in terms if known.have(term)]
    missing = (term for term in terms if term not in held and term.word not in NOTHING)
    return None if any(map(names, missing)) else held


def _decisive(terms: Sequence[Term]) -> Counter[str]:
    return Counter(t.roots[0] for t in terms if len(t.roots) == 1 and is_decisive(t))


def _knows(known: Sayings, terms: Iterable[Term]) -> bool:
    return all(map(known.have, terms))


def _differ_in_sides(one: Part, other: Part) -> bool:
    """Whether two compare with something else, or are about another arm of a trial."""
    than = _comparators(one), _comparators(other)
    if bool(than[0]) != bool(than[1]):
        return True
    sides = [*than[0], *_arms(one)], [*than[1], *_arms(other)]
    return not (_knows(other.claim.known, sides[0]) and _knows(one.claim.known, sides[1]))


def _comparators(part: Part) -> list[Term]:
    """What something is compared with: "walking" in "more than walking"."""
    text, clause = part.sentence.lower, part.clause
    than = _THAN.search(text, clause.start, clause.end)
    if not than or any(q.begin <= than.end() <= q.end for q in clause.quantities):
        return []  # "no more than 16 mg"
    stop = _STOP.search(text, than.end(), clause.end)
    end = stop.start() if stop else clause.end
    return [t for t in clause.terms if than.end() <= t.start < end and t.word not in NOTHING]


def _arms(part: Part) -> list[Term]:
    """Whom a result is of: "combination" in "the combination group"."""
    return [term for term in part.clause.terms if _ARM.match(part.sentence.lower, term.end)]


def _is_resolved(one: Claim, own: Sequence[Term], other: Claim) -> bool:
    """Whether the other claim is about what a claim leaves to its headings and what is before it.

    Args:
        own: what the claim is about.
    """
    if not _knows(other.known, _subject_before(one)):
        return False
    if not _knows(other.known, implied_topics(one)):
        return False
    named = [term for term in own if names(term)]
    if not named and not _names_in((*one.before, *one.heading)):
        return False
    borrows = any(not other.here.have(term) for term in named)
    if borrows and not _knows(one.known, _names_in(other.heading)):
        return False
    return _knows(other.known, _limits_in(one.heading))


def _subject_before(claim: Claim) -> list[Term]:
    """What names the subject that a claim leaves out: "This condition", "Its dose"; or nothing."""
    if not refers(claim.sentence.text):
        return []
    if claim.before:
        return _names_in(claim.before[-1:])[:1]
    return [term for title in claim.title for term in title.terms if not term.light]


def _differ_in_topics(one: Claim, other: Claim) -> bool:
    """Whether a title names topics of which the other claim knows none.

    The harm that one drug does is reversible, that of another is not.
    """
    topics = (_topics(one), other.known), (_topics(other), one.known)
    return any(terms and not any(map(known.have, terms)) for terms, known in topics)


def _names_subject(sentence: Sentence) -> bool:
    """Whether a sentence names a topic, and before its auxiliary if it has one."""
    words = (one for one in _WORD.finditer(sentence.lower) if one[0] in AUXILIARIES)
    end = next((one.start() for one in words if one.start()), len(sentence.text))
    return any(is_topic(term) for term in sentence.terms if term.start < end)


def _names_in(sentences: Sequence[Sentence]) -> list[Term]:
    """The names in headings, whose capitals say nothing."""
    return [t for one in sentences for t in one.terms if not is_plain(t) and is_name(t)]


def _limits_in(heading: Sequence[Sentence]) -> list[Term]:
    """What a heading limits itself to: "Steroids in head injury"."""
    return [
        term
        for one in heading
        for term in _names_in([one])
        if term.concepts and _LIMITS.search(one.lower[: term.start])
    ]
