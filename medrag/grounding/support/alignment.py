"""Which clause of a source a clause of a statement is compared with, and which terms they share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

from .clauses import Clause, Sentence, Term
from .tables import listed


def said(terms: Iterable[Term], roots: frozenset[str], concepts: frozenset[int]) -> list[Term]:
    """Those of the terms that a text with these roots and concepts says."""
    return [term for term in terms if matches(term, roots, concepts)]


def matches(term: Term, roots: frozenset[str], concepts: frozenset[int]) -> bool:
    """Tell whether a text with these roots and groups of synonyms says a term."""
    if term.concepts & concepts or all(one in roots for one in term.roots):
        return True
    return len(term.roots) == 1 and any(_alike(term.roots[0], other) for other in roots)


_ENDS = listed("endings") | {""}


@cache
def _alike(one: str, other: str) -> bool:
    """Tell whether two roots are forms of a word: "varic" and "varice", "anesthesia" and "-etic"."""
    shorter, longer = sorted((one, other), key=len)
    if len(shorter) >= 5 and longer.startswith(shorter) and len(longer) - len(shorter) <= 3:
        return True
    same = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
    return same >= 6 and {one[same:], other[same:]} <= _ENDS


def aligned(
    clause: Clause, window: Sequence[Sentence], context: Sequence[Sentence] = ()
) -> tuple[Clause, Sentence] | None:
    """The clause of the source that shares most with a clause; the topic counts for less."""
    topic = frozenset[str]().union(*(one.roots for one in context))
    best, found = 0.0, None
    for sentence in window:
        for other in sentence.clauses:
            roots = frozenset(one for term in other.terms for one in term.roots)
            concepts = frozenset(one for term in other.terms for one in term.concepts)
            shared = sum(
                0.3 if term.light else 0.5 if topic.issuperset(term.roots) else 1.0
                for term in said(clause.terms, roots, concepts)
            )
            shared += sum(
                1.0 for q in clause.quantities if any(q.same_value(o) for o in other.quantities)
            )
            shared += 0.25 * len(clause.directions.keys() & other.directions.keys())
            own = {name for signs in clause.directions.values() for name, _ in signs}
            shared += 0.5 * any(
                name in own for signs in other.directions.values() for name, _ in signs
            )
            if shared > best + 1e-9:
                best, found = shared, (other, sentence)
    return found
