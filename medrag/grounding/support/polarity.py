"""What a statement denies, turns round or replaces: negation, direction, opposites.

Negation has a scope within its clause, after NegEx (Chapman et al. 2001,
doi:10.1006/jbin.2001.1029) and ConText (Harkema et al. 2009, doi:10.1016/j.jbi.2009.05.002).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from .alignment import Comparison, matches, said
from .comparing import compares_alike
from .forms import base_of_denied, root
from .sentences import VERBAL, Clause, Sentence
from .tables import listed
from .vocabulary import opposites

_CHANGES = ("change", "benefit")
_TOLD = listed("told elsewhere")
_TURNED = frozenset({"benefit", "presence", "do", "response", "worth", "known", "normal"})
_CONDITIONAL = re.compile(r"\b(?:if|unless)\b")
_MORE_THAN = re.compile(r"\b(?:more|less|fewer|better|worse|superior|inferior)\b.*\b(?:than|to)\b")
_NO_DIFFERENCE = re.compile(
    r"\b(?:no (?:significant |real )?difference between (?:them|the two|the groups|both|either)"
    r"|did not differ|(?:superiority|superior) (?:was|were) not|not superior|neither was)\b"
)
_NON_INFERIOR = re.compile(r"\bnon-?inferior")
_NOT_NON_INFERIOR = re.compile(
    r"\b(?:not|n.t|no|never|fail\w*)\b[^.;]{0,30}\bnon-?inferior"
    r"|\bnon-?inferior\w*\b[^.;]{0,60}\b(?:not|n.t|unproven|fail\w*)\b"
)
_EXCLUDES = re.compile(r"\b(?:exclud\w+|rul(?:e|es|ed|ing) (?:\w+ )?out)\b")
_SUPPOSES = re.compile(r"[,\s]*(?:if|once|when|while|where)\b")
_WORD = re.compile(r"[^\W\d_]+")
_EXCEPT = listed("except")

Directions = list[tuple[str, int]]  # see `Clause.directions`


def polarity_differences(comparison: Comparison) -> Iterator[str]:
    """Clauses that deny what the source says, or turn its direction round."""
    for clause, other, sentence in comparison.aligned:
        back = comparison.counterpart(other)
        if back is not None and back is not clause:
            continue  # another clause says what this one of the source does
        if _is_supposed(clause, comparison.statement) and is_negative(other):
            continue  # the rest of the statement says what does not follow from it
        if _proves_non_inferior(comparison.statement) and any(
            _NOT_NON_INFERIOR.search(one.lower) for one in comparison.window
        ):
            yield "the source does not call it non-inferior"
        if _compares(clause, comparison.statement) and any(map(_equates, comparison.window)):
            yield "the source reports no such difference"
        if reason := _polarity(clause, other, comparison, sentence):
            yield reason
        elif word := _opposite_elsewhere(clause, other, comparison.window):
            yield f"the source says the opposite (“{word}”)"


def _is_supposed(clause: Clause, statement: Sentence) -> bool:
    """Whether a clause is a condition of another one that denies: "Once it has spread, X fails"."""
    return _SUPPOSES.match(statement.lower, clause.start) is not None and any(
        is_negative(one) or one.no_change for one in statement.clauses if one is not clause
    )


def _proves_non_inferior(statement: Sentence) -> bool:
    """Whether a statement says that something is non-inferior."""
    text = statement.lower
    return _NON_INFERIOR.search(text) is not None and not _NOT_NON_INFERIOR.search(text)


def _compares(clause: Clause, statement: Sentence) -> bool:
    """Whether a clause says that one of two has more: "by more than sham did"."""
    text = statement.lower[clause.start : clause.end]
    return not clause.no_change and _MORE_THAN.search(text) is not None


def _equates(sentence: Sentence) -> bool:
    """Whether a sentence says that what it compares does not differ."""
    return _NO_DIFFERENCE.search(sentence.lower) is not None


def absence_differences(comparison: Comparison) -> Iterator[str]:
    """ "With" where the source has "without", or the other way round."""
    statement, window = comparison.statement, comparison.window
    if any(clause.negations for one in (statement, *window) for clause in one.clauses):
        return
    if "rather" in statement.words or "instead" in statement.words:
        return
    for term in statement.terms:
        if term.word in ("without", "before", "after"):
            continue
        same = [
            other
            for sentence in window
            for other in sentence.terms
            if other.roots == term.roots or not term.concepts.isdisjoint(other.concepts)
        ]
        if same and all(other.absent != term.absent for other in same):
            yield f"the source says it {'without' if same[0].absent else 'with'} {term.word}"


def denied_terms(comparison: Comparison) -> Iterator[str]:
    """Things that the statement affirms and the source only denies, or the other way round."""
    if any(not _EXCEPT.isdisjoint(one.words) for one in (comparison.statement, *comparison.window)):
        return  # "the only one" is "no other"
    clauses = [clause for one in comparison.window for clause in one.clauses]
    for number, clause in enumerate(comparison.statement.clauses):
        if clause.no_change:
            continue
        # "Children who weigh less than 5 kg must not be given it": the subject is denied it too.
        later = comparison.statement.clauses[number:]
        positive = not any(map(is_negative, later))
        for term in clause.terms:
            if term.light or comparison.topic.issuperset(term.roots):
                continue
            if term.word in ("before", "after", "without"):
                continue
            if term.roots[0] in opposites() or not (positive or term.negated):
                continue
            found = [
                (one, other)
                for other in clauses
                for one in other.terms
                if matches(term, frozenset(one.roots), one.concepts)
            ]
            if any(_both_do(clause, other) for _, other in found):
                continue
            if positive and found and all(one.negated for one, _ in found):
                yield f"the source denies it of {term.word}"
            affirmed = not any(
                one.absent or other.negations or is_negative(other) or other.no_change
                for one, other in found
            )
            held = any(_holds_scope(clause, one) for one in comparison.window)
            text = comparison.statement.lower[clause.start : clause.end]
            held = held and not _CONDITIONAL.search(text)  # the whole of it is judged elsewhere
            if term.negated and found and affirmed and held:
                yield f"the source says it of {term.word}"


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


def _polarity(one: Clause, other: Clause, comparison: Comparison, source: Sentence) -> str:
    """Why a clause says something else than the clause of the source that shares most with it."""
    statement = comparison.statement
    zero = other.no_change or source.not_significant
    if not zero and one.no_change and not other.negations and _changes(other) - {0}:
        return "the source reports a difference"
    if zero and not one.no_change and not statement.not_significant and _changes(one) - {0}:
        return "the source reports no such difference"
    if word := _harm_for_use(one, other, source) or _ban_for_benefit(one, other, source):
        return f"the source says “{word}”"
    agreed = False
    for axis in one.directions:
        if axis not in other.directions:
            continue
        if axis in (*_CHANGES, "same") and (one.no_change or other.no_change):
            agreed = agreed or one.no_change == other.no_change
            continue
        others = {name for name, _ in other.directions[axis]}
        there = {root(word) for word in _WORD.findall(source.lower[other.start : other.end])}
        own = [d for d in one.directions[axis] if d[0] in others or d[0] not in there]
        if not own:
            continue  # the source has the same word, where it is no verb
        pair = _opposed(own, other.directions[axis])
        if pair is True:
            agreed = agreed or axis in VERBAL
        elif pair and not compares_alike(one, statement, other, source):
            return f"the source says the opposite (“{_word(source, pair)}”)"
    if agreed or (one.no_change and zero) or _leaves_open(one, other, statement, source):
        return ""
    content = [term for term in one.terms if not term.light]
    shared = said(content, source.roots, source.concepts)
    if len(shared) < 0.6 * len(content):
        return ""  # too little in common to say that one denies the other
    if (_denials(one, other, source) + _denials(other, one, statement)) % 2:
        if other.negations:
            if _denies_most(statement, other) or _denies_something_else(statement, other):
                return ""
            return "the source denies it"
        if _holds_scope(one, source) and not _is_denied_too(one, comparison.window):
            return "the source says it without “not”"
    return ""


def _harm_for_use(one: Clause, other: Clause, source: Sentence) -> str:
    """The word of the source that names a harm, where a clause recommends; or ""."""
    uses = any(sign > 0 for _, sign in one.directions.get("do", ()))
    if not uses or "do" in other.directions or one.directions.keys() & {"harm", "benefit"}:
        return ""  # what both name is compared by its axis
    harms = [
        name
        for axis in ("harm", "benefit")
        for name, sign in other.directions.get(axis, ())
        if sign < 0
    ]
    return _word(source, harms[0]) if harms and _shares_most(one, other) else ""


def _ban_for_benefit(one: Clause, other: Clause, source: Sentence) -> str:
    """The word of the source that advises against what a clause calls effective; or ""."""
    if not any(sign > 0 for _, sign in one.directions.get("benefit", ())):
        return ""
    if "do" in one.directions or "benefit" in other.directions:
        return ""  # what both name is compared by its axis
    bans = [name for name, sign in other.directions.get("do", ()) if sign < 0]
    return _word(source, bans[0]) if bans and _shares_most(one, other) else ""


def _shares_most(one: Clause, other: Clause) -> bool:
    """Whether a clause has most terms of another one but those that name a direction."""
    shared = said([t for t in one.terms if not t.light], other.roots, other.concepts)
    content = [t for t in one.terms if not t.light and t.roots[0] not in opposites()]
    return 2 * len(shared) > len(content)


def _leaves_open(one: Clause, other: Clause, statement: Sentence, source: Sentence) -> bool:
    """Whether one clause says "cannot be ruled out" and the other that it is possible."""
    texts = [s.lower[c.start : c.end] for c, s in ((one, statement), (other, source))]
    excludes = [_EXCLUDES.search(text) is not None for text in texts]
    return excludes[0] != excludes[1]


def _is_denied_too(clause: Clause, window: Sequence[Sentence]) -> bool:
    """Whether some clause of a source denies a thing that a clause denies."""
    scope = [term for term in clause.terms if term.negated and not term.light]
    return any(
        other.negations and said(scope, frozenset(term.roots), term.concepts)
        for sentence in window
        for other in sentence.clauses
        for term in other.terms
        if term.negated
    )


def _denies_something_else(statement: Sentence, clause: Clause) -> bool:
    """Whether a clause of a source denies only things that a statement does not mention."""
    scope = [term for term in clause.terms if term.negated and not term.light]
    scope = [term for term in scope if term.roots[0] not in opposites()]
    return len(scope) > 0 and not said(scope, statement.roots, statement.concepts)


def _denies_most(statement: Sentence, clause: Clause) -> bool:
    """Whether a statement denies most of what a clause of a source denies."""
    scope = [term for term in clause.terms if term.negated and not term.light]
    denied = [t for one in statement.clauses if one.negations for t in one.terms if t.negated]
    roots = frozenset(one for term in denied for one in term.roots)
    concepts = frozenset(one for term in denied for one in term.concepts)
    return 2 * len(said(scope, roots, concepts)) > len(scope)


def _holds_scope(negative: Clause, opposite: Sentence) -> bool:
    """Whether a sentence says most of what a clause denies, so that one can deny the other."""
    scope = [term for term in negative.terms if term.negated and not term.light]
    held = len(said(scope, opposite.roots, opposite.concepts))
    return 2 * held > len(scope) or (len(scope) <= 2 and 2 * held == len(scope))


def _changes(clause: Clause) -> set[int]:
    """The directions of the changes that a clause names."""
    return {sign for axis in _CHANGES for _, sign in clause.directions.get(axis, ())}


def _denials(clause: Clause, other: Clause, opposite: Sentence) -> int:
    """How often a clause turns its meaning round, other than by what both name."""
    absent = {
        one for term in opposite.terms if term.absent and not term.negated for one in term.roots
    }
    known = {t.word for t in clause.terms if not t.concepts.isdisjoint(opposite.concepts)}
    count = clause.negations + sum(
        word not in opposite.words
        and word not in known  # "unsteadiness" is "ataxia"
        and root(base_of_denied(word)) not in absent
        for word in clause.denied
    )
    # "No rash" is "without a rash", and so is "rash-free".
    lacks = [t for t in opposite.terms if t.absent and not t.negated]
    count -= any(
        t.absent and t.negated and (t.roots == o.roots or not t.concepts.isdisjoint(o.concepts))
        for t in clause.terms
        for o in lacks
    )
    count -= sum(
        term.word == "free" and absent.issuperset(before.roots)
        for before, term in pairwise(clause.terms)
    )
    if not count and not other.negations and not other.denied:
        return 0
    for axis, directions in clause.directions.items():
        if axis in _TURNED and axis not in other.directions and not clause.negations:
            # "Ineffective" and "no effect": the word has the sign -1 on its own.
            count += any(sign < 0 for _, sign in directions)
    return count


def _opposed(one: Directions, other: Directions) -> bool | str:
    """True if the directions agree; the root in the source that says the opposite; or ""."""
    for name, sign in one:
        for other_name, other_sign in other:
            if name == other_name:
                return True if sign == other_sign else name
    (_, sign), (name, other_sign) = one[0], other[0]
    if sign == other_sign:
        return True
    return "" if any(sign == own for _, own in other) else name


def _word(sentence: Sentence, wanted: str) -> str:
    """The word of a sentence that has a root."""
    return next((word for word in sentence.words if root(word) == wanted), wanted)


def _both_do(clause: Clause, other: Clause) -> bool:
    """Whether both say the same of what to do: "continue" and "do not stop"."""
    one, two = ({s for _, s in c.directions.get("do", ())} for c in (clause, other))
    return bool(one & two)


def is_negative(clause: Clause) -> bool:
    """Whether a clause denies or forbids."""
    return bool(clause.negations % 2 or (clause.denied and not clause.negations)) or any(
        sign < 0
        for axis in ("do", "presence", "worth")
        for _, sign in clause.directions.get(axis, ())
    )
