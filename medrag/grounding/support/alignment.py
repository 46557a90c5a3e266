"""Which clause of a source a clause of a statement is compared with, and which terms they share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache

from ..table_rows import is_row
from .forms import is_technical
from .sentences import Clause, Sentence, Term
from .tables import listed
from .vocabulary import Kinds, is_medical, kinds_of

_ENDS = listed("endings") | {""}
_MOST_CLAUSES = 60  # of a sentence that are compared
_LEAST = 5  # letters that the forms of a word share


@dataclass(frozen=True, eq=False)
class Comparison:
    """A statement, sentences of a source, and what leads up to them: headings, sentences before.

    Attributes:
        passage: all sentences of the source.
    """

    statement: Sentence
    window: Sequence[Sentence]
    context: Sequence[Sentence]
    passage: Sequence[Sentence] = ()

    @cached_property
    def topic(self) -> frozenset[str]:
        """The roots of what leads up to the source."""
        return frozenset[str]().union(*(one.roots for one in self.context))

    @cached_property
    def aligned(self) -> list[tuple[Clause, Clause, Sentence]]:
        """Clauses of the statement, each with that of the source which shares most with it."""
        pairs = (
            (one, self._closest(one, self.window)) for one in self.statement.clauses[:_MOST_CLAUSES]
        )
        return [(clause, *pair) for clause, pair in pairs if pair]

    def counterpart(self, clause: Clause) -> Clause | None:
        """The clause of the statement that shares most with a clause of the source."""
        pair = self._closest(clause, [self.statement])
        return pair[0] if pair else None

    def _closest(
        self, clause: Clause, sentences: Sequence[Sentence]
    ) -> tuple[Clause, Sentence] | None:
        """The clause in sentences that shares most with a clause, and its sentence."""
        best, found = 0.0, None
        for sentence in sentences:
            for other in sentence.clauses[:_MOST_CLAUSES]:
                shared = self._shared(clause, other, sentence)
                if shared > best + 1e-9:
                    best, found = shared, (other, sentence)
        return found

    def _shared(self, clause: Clause, other: Clause, sentence: Sentence) -> float:
        """How much two clauses share: terms, quantities, directions; the topic counts for less.

        Args:
            sentence: that of the other clause; the first cell of a row is what the row is about.
        """
        row = sentence.clauses[0].roots if is_row(sentence.text) else frozenset[str]()
        topic = self.topic | row
        shared = sum(
            0.3 if term.light else len(term.roots) * (0.5 if topic.issuperset(term.roots) else 1)
            for term in said(clause.terms, other.roots, other.concepts)
        )
        shared += sum(any(q.same_value(o) for o in other.quantities) for q in clause.quantities)
        shared += 0.25 * len(clause.directions.keys() & other.directions.keys())
        return shared + 0.5 * (not clause.directing.isdisjoint(other.directing))


def said(terms: Iterable[Term], roots: frozenset[str], concepts: frozenset[int]) -> list[Term]:
    """Those of the terms that a text with these roots and concepts says."""
    return [term for term in terms if matches(term, roots, concepts)]


def matches(term: Term, roots: frozenset[str], concepts: frozenset[int]) -> bool:
    """Tell whether a text with these roots and groups of synonyms says a term."""
    if roots.issuperset(term.roots) or not concepts.isdisjoint(term.concepts):
        return True
    if term.concepts and has_kind(term, roots, concepts):
        return True
    head = term.roots[0][:_LEAST]
    return (
        len(term.roots) == 1
        and len(head) == _LEAST
        and any(one.startswith(head) and _alike(term.roots[0], one) for one in roots)
    )


def is_name(term: Term, concept: Callable[[int], bool] = is_medical) -> bool:
    """Tell whether a term names a drug, a disease or the like.

    Args:
        concept: tells which groups of synonyms count; a term without any counts if it is technical.
    """
    if term.concepts:
        return any(map(concept, term.concepts))
    return any(map(is_technical, term.word.split()))


def has_kind(term: Term, roots: frozenset[str], concepts: frozenset[int]) -> bool:
    """Tell whether these roots and groups of synonyms name a kind of what a term names."""
    return any(
        not (concepts.isdisjoint(kind.groups) and roots.isdisjoint(kind.roots))
        or ((kind.endings or kind.beginnings) and _is_built(kind, roots))
        for kind in kinds_of(term.concepts)
    )


@lru_cache(maxsize=4096)
def _is_built(kind: Kinds, roots: frozenset[str]) -> bool:
    """Tell whether one of some roots ends or begins like the names of kinds of something."""
    return any(one.endswith(kind.endings) or one.startswith(kind.beginnings) for one in roots)


@cache
def _alike(one: str, other: str) -> bool:
    """Tell whether two roots are forms of a word: "varic" and "varice", "anesthesia", "-etic"."""
    shorter, longer = sorted((one, other), key=len)
    if len(shorter) >= _LEAST and longer.startswith(shorter) and len(longer) - len(shorter) <= 3:
        return True
    same = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
    return same > _LEAST and {one[same:], other[same:]} <= _ENDS
