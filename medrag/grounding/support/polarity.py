"""What a statement denies, turns round or replaces: negation, direction, opposites.

Negation has a scope within its clause, after NegEx (Chapman et al. 2001,
doi:10.1006/jbin.2001.1029) and ConText (Harkema et al. 2009, doi:10.1016/j.jbi.2009.05.002).
"""

from __future__ import annotations

from collections.abc import Sequence

from .alignment import aligned, matches, said
from .clauses import VERBAL, Clause, Sentence
from .forms import root
from .tables import listed
from .vocabulary import opposites


def polarity_differences(
    statement: Sentence, window: Sequence[Sentence], context: Sequence[Sentence]
) -> list[str]:
    """Clauses that deny what the source says, or turn its direction round."""
    reasons = []
    for clause in statement.clauses:
        pair = aligned(clause, window, context)
        if pair is None:
            continue
        other, sentence = pair
        back = aligned(other, [statement], context)
        if back is not None and back[0] is not clause:
            continue  # another clause says what this one of the source does
        if reason := _polarity(clause, other, statement, sentence):
            reasons.append(reason)
        elif word := _opposite_elsewhere(clause, other, window):
            reasons.append(f"the source says the opposite (“{word}”)")
    return reasons


_TOLD = frozenset({"change", "benefit", "presence", "make", "response", "cause"})


def _opposite_elsewhere(clause: Clause, other: Clause, window: Sequence[Sentence]) -> str:
    """A direction that only another clause of the source names, and names the other way."""
    for axis, directions in clause.directions.items():
        if axis not in _TOLD or axis in other.directions or clause.no_change:
            continue
        found = [
            (sentence, name, sign)
            for sentence in window
            for one in sentence.clauses
            for name, sign in one.directions.get(axis, ())
        ]
        wanted = {sign for _, sign in directions}
        if found and not any(sign in wanted for _, _, sign in found):
            return _word(found[0][0], found[0][1])
    return ""


def _polarity(one: Clause, other: Clause, statement: Sentence, source: Sentence) -> str:
    agreed = False
    changes = [axis for axis in ("change", "benefit") if axis in one.directions]
    zero = other.no_change or source.not_significant
    if changes and zero and not one.no_change and not statement.not_significant:
        signs = {sign for axis in changes for _, sign in one.directions[axis]}
        if signs - {0}:
            return "the source reports no such difference"
    if (
        one.no_change
        and not zero
        and any(
            sign for axis in ("change", "benefit") for _, sign in other.directions.get(axis, ())
        )
        and not other.negations
    ):
        return "the source reports a difference"
    for axis in one.directions.keys() & other.directions.keys():
        if axis in ("change", "benefit") and (one.no_change or other.no_change):
            agreed = agreed or (one.no_change == other.no_change)
            continue
        pair = _opposed(one.directions[axis], other.directions[axis])
        if pair is True:
            agreed = agreed or axis in VERBAL
        elif pair:
            word = _word(source, pair)
            return f"the source says the opposite (“{word}”)"
    if one.no_change and zero:
        return ""
    if agreed:
        return ""
    content = [term for term in one.terms if not term.light]
    shared = said(content, source.roots, source.concepts)
    if len(shared) < 0.6 * len(content):
        return ""  # too little in common to say that one denies the other
    if (_denials(one, other, source) + _denials(other, one, statement)) % 2:
        return "the source denies it" if other.negations else "the source says it without “not”"
    return ""


def _denials(clause: Clause, other: Clause, opposite: Sentence) -> int:
    """How often a clause turns its meaning round, other than by directions that both name."""
    count = clause.negations + sum(word not in opposite.words for word in clause.denied)
    for axis, directions in clause.directions.items():
        if (
            axis in ("benefit", "presence", "do", "response", "worth", "known", "normal")
            and axis not in other.directions
        ):
            # "Ineffective" and "no effect": the word has the sign -1 on its own.
            base = [sign for _, sign in directions]
            count += any(sign < 0 for sign in base) and not clause.negations
    return count


def _opposed(one: list[tuple[str, int]], other: list[tuple[str, int]]) -> bool | str:
    """True if the directions agree; the root in the source that says the opposite; "" if unclear."""
    for name, sign in one:
        for other_name, other_sign in other:
            if name == other_name:
                return True if sign == other_sign else name
    (_, sign), (name, other_sign) = one[0], other[0]
    if sign == other_sign:
        return True
    if any(sign == s for _, s in other):
        return ""
    return name


def _word(sentence: Sentence, wanted: str) -> str:
    return next((word for word in sentence.words if root(word) == wanted), wanted)


def absence_differences(statement: Sentence, window: Sequence[Sentence]) -> list[str]:
    """ "With" where the source has "without", or the other way round."""
    for term in statement.terms:
        if term.light or term.word in ("without", "before", "after"):
            continue
        same = [
            other for sentence in window for other in sentence.terms
            if other.roots == term.roots or (term.concepts and term.concepts & other.concepts)
        ]  # fmt: skip
        if (
            same
            and all(other.absent != term.absent for other in same)
            and not any(clause.negations for clause in statement.clauses)
            and not any(clause.negations for sentence in window for clause in sentence.clauses)
        ):
            return [f"the source says it {'without' if same[0].absent else 'with'} {term.word}"]
    return []


def denied_terms(
    statement: Sentence, window: Sequence[Sentence], context: Sequence[Sentence]
) -> list[str]:
    """Things that the statement affirms and the source only denies, or the other way round."""
    topic = frozenset[str]().union(*(one.roots for one in context))
    clauses = [(one, clause) for one in window for clause in one.clauses]
    if any(_EXCEPT & set(one.words) for one in (statement, *window)):
        return []  # "the only one" is "no other"
    for clause in statement.clauses:
        positive = not _is_negative(clause)
        for term in clause.terms:
            if clause.no_change or term.light or topic.issuperset(term.roots):
                continue
            if term.roots[0] in opposites() or not (positive or term.negated):
                continue
            found = [
                (one, other)
                for _, other in clauses
                for one in other.terms
                if matches(term, frozenset(one.roots), one.concepts)
            ]
            denied = [one.negated for one, _ in found]
            if positive and found and all(denied):
                return [f"the source denies it of {term.word}"]
            if (
                term.negated
                and found
                and not any(_is_negative(other) or other.no_change for _, other in found)
            ):
                return [f"the source says it of {term.word}"]
    return []


_EXCEPT = listed("except")


def _is_negative(clause: Clause) -> bool:
    """Whether a clause denies or forbids."""
    return bool((clause.negations + len(clause.denied)) % 2) or any(
        sign < 0 for axis in ("do", "presence") for _, sign in clause.directions.get(axis, ())
    )
