"""Comparisons of two things: that one has more than the other, or that both are equal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from .alignment import Comparison, is_name, matches
from .order import roles_in
from .results import denies_change
from .sentences import Clause, Sentence, Term

NOT_COMPARED = "the source does not compare them so"

# What calls two things equal, and what may do so in a source.
_EQUATES = re.compile(
    r"\b(?:equally|equivalent|comparabl[ey]|similar(?:ly)?|the same|as \w+ as|non-?inferior\w*"
    r"|no (?:\w+ )?difference)\b"
)
_MAY_EQUATE = re.compile(
    r"\b(?:both|either|each|all|equal\w*|equivalen\w*|alike|match\w*|same|parity|interchang\w*"
    r"|identical\w*|consistent\w*|balanced|no less|no more|no (?:better|worse)|indistinguishable)\b"
)
_ANAPHORIC = re.compile(
    r"\b(?:both|the two|(?:the |two |treatment )?(?:groups|arms|drugs|treatments|methods|regimens)"
    r"|them|they|each other|neither|either)\b"
)
_THAN = re.compile(
    r"\b(?:than|(?:superior|inferior|preferable) to|compared (?:with|to)) "
    r"(?:(?:with|in|for|after|that|those|the|of|an?|did) )*"
)
_AND = re.compile(r" (?:and|or|as|with|from|to|than) ")


def comparing_differences(comparison: Comparison) -> Iterator[str]:
    """Equality or superiority of two things that the source does not compare with each other."""
    statement, window = comparison.statement, comparison.window
    if sum(len(one.quantities) for one in window) > 1:
        return  # what is more may follow from the figures
    if _equates(statement):
        if not any(_may_equate(one, comparison) for one in window):
            yield NOT_COMPARED
        return
    for clause in statement.clauses:
        than = _THAN.search(statement.lower, clause.start, clause.end)
        far = next((t for t in clause.terms if than and t.start == than.end()), None)
        if than is None or far is None or far.light:
            continue
        near = [t for t in clause.terms if t.end <= than.start() and is_name(t)]
        compared = [
            (terms, one)
            for one in window
            for part in one.clauses
            if (terms := _compared(one, part))
        ]
        if compared and not any(
            _says(terms, far) and (not near or any(_names(one, t, comparison) for t in near))
            for terms, one in compared
        ):
            yield NOT_COMPARED


def compares_alike(one: Clause, statement: Sentence, other: Clause, source: Sentence) -> bool:
    """Tell whether two clauses say the same: "A more than B" and "B less than A"."""
    pairs = (
        (ours, theirs)
        for ours in roles_in(statement, one)
        for theirs in roles_in(source, other)
        if ours.verb == theirs.verb == "than"
    )
    return any(ours.goes_with(theirs) for ours, theirs in pairs)


def _equates(sentence: Sentence) -> bool:
    """Whether a sentence calls two things equal."""
    return denies_change(sentence.lower) and _EQUATES.search(sentence.lower) is not None


def _may_equate(sentence: Sentence, comparison: Comparison) -> bool:
    """Whether a sentence may call equal what the statement calls equal."""
    text = sentence.lower
    if not (_equates(sentence) or denies_change(text) or _MAY_EQUATE.search(text)):
        return False
    if _ANAPHORIC.search(text):
        return True
    return all(
        matches(term, sentence.roots | comparison.topic, sentence.concepts)
        for term in _sides(comparison.statement)
        if is_name(term)
    )


def _sides(statement: Sentence) -> list[Term]:
    """The two things that a statement calls equal, as far as they stand beside each other."""
    for joint in _AND.finditer(statement.lower):
        left = [t for t in statement.terms if t.end == joint.start() and not t.light]
        right = [t for t in statement.terms if t.start == joint.end() and not t.light]
        if left and right:
            return [*left, *right]
    return []


def _compared(sentence: Sentence, clause: Clause) -> Sequence[Term]:
    """The terms of a clause that compares two things, with "than" or the like."""
    compares = any(one.verb == "than" for one in roles_in(sentence, clause))
    return clause.terms if compares else ()


def _names(sentence: Sentence, term: Term, comparison: Comparison) -> bool:
    """Whether a sentence, or what leads up to it, names a thing."""
    return any(matches(term, one.roots, one.concepts) for one in (sentence, *comparison.context))


def _says(terms: Sequence[Term], wanted: Term) -> bool:
    """Whether one of some terms is the wanted one."""
    return any(matches(wanted, frozenset(one.roots), one.concepts) for one in terms)
