"""Of whom a statement holds: of all where the source limits, of others, of another dose's group."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .alignment import Comparison, matches
from .sentences import Sentence, Term, parse
from .vocabulary import opposites, slots

_PEOPLE = (
    r"(?:patients?|people|persons?|adults?|children|child|infants?|babies|wom[ae]n|m[ae]n|girls?"
    r"|boys?|those|individuals?|smokers|drivers)"
)
_ALL = re.compile(
    rf"\b(?:(?:all|every|any|each) (?:of the )?(?P<which>(?:[\w-]+ ){{0,3}}?){_PEOPLE}"
    r"|everyone|everybody|anyone|anybody)\b(?! at )",
    re.I,
)
_LIMITED = re.compile(
    rf"\b{_PEOPLE}(?P<by> (?:with|without|who|whose|over|under|aged|at|on|taking|receiving|treated"
    r"|that|having|living|undergoing)\b[^,;.()]*)",
    re.I,
)
_PREDICATE = re.compile(
    r" (?:is|are|was|were|should|must|may|can|need|needs|receive|have|has|had|do|does|did)\b.*"
)
_IN_GROUP = re.compile(
    rf"\b(?:in|for|to|of) (?P<which>(?:[\w-]+ ){{0,3}}?){_PEOPLE}\b"
    r"(?P<by>(?: (?:with|without|who|whose|at|on|taking|receiving|treated|having)\b[^,;.()]*)?)",
    re.I,
)
_JOINTS = re.compile(r"[,;]| and | but ")
_SLOTS = ("age", "sex", "pregnancy")


def scope_differences(comparison: Comparison) -> Iterator[str]:
    """Whom a statement holds of, where the source says it of fewer or of others."""
    yield from _too_wide(comparison)
    yield from _other_group(comparison)
    yield from _other_amount(comparison)


def _too_wide(comparison: Comparison) -> Iterator[str]:
    """ "All adults" where the source says "adults with diabetes"."""
    if not _ALL.search(comparison.statement.lower):
        return
    for sentence in comparison.window:
        if _ALL.search(sentence.lower):
            return
    for sentence in comparison.window:
        for one in _LIMITED.finditer(sentence.text):
            # "People who have asthma need …": the limit ends before the second predicate.
            limit = one["by"]
            verb = _PREDICATE.search(limit, 5)
            limit = limit[: verb.start()] if verb else limit
            content, own = _content(limit), comparison.statement
            numbers = bool(parse(limit).quantities) and not own.quantities
            if numbers or (content and not _said(content, own)):
                yield f"the source says it of those{limit.rstrip()} only"


def _other_group(comparison: Comparison) -> Iterator[str]:
    """ "In frail people" where the source says "in people treated with insulin"."""
    statement = comparison.statement
    around = (*comparison.window, *comparison.context)
    theirs = [
        _content(f"{one['which']}{one['by']}")
        for sentence in comparison.window
        for one in _IN_GROUP.finditer(sentence.text)
    ]
    theirs = [terms for terms in theirs if terms]
    if not theirs or any(_said(terms, statement) for terms in theirs):
        return
    for one in _IN_GROUP.finditer(statement.text):
        own = _content(f"{one['which']}{one['by']}")
        if own and not any(_said(own, sentence) for sentence in around):
            yield f"the source does not say it of {one[0].split(' ', 1)[1]}"


def _other_amount(comparison: Comparison) -> Iterator[str]:
    """ "50 mg/kg for adults" of "1 g for adults and 50 mg/kg for children"."""
    statement = comparison.statement
    for sentence in comparison.window:
        for slot in _SLOTS:
            own = statement.slots.get(slot, frozenset())
            if len(own) != 1:
                continue
            groups = _amounts(sentence.text, slot)
            if len(groups) < 2 or own not in [group for group, _ in groups]:
                continue
            given = [text for group, text in groups if group == own]
            others = [text for group, text in groups if group != own]
            for wanted in statement.quantities:
                here, there = (
                    [q for text in texts for q in parse(text).quantities]
                    for texts in (given, others)
                )
                same = [q for q in here if q.dimension == wanted.dimension or not wanted.dimension]
                if any(q.same_value(wanted) for q in same):
                    continue
                if here and any(wanted.equals(q) for q in there):
                    yield f"the source says {here[0].text} there, not {wanted.text}"


def _amounts(text: str, slot: str) -> list[tuple[frozenset[int], str]]:
    """The parts of a sentence that name one class of a slot and one quantity."""
    found = []
    for part in _JOINTS.split(text):
        said = parse(part)
        classes = said.slots.get(slot, frozenset())
        if len(said.quantities) == 1 and len(classes) == 1:
            found.append((classes, part))
    return found


def _content(text: str) -> list[Term]:
    """The terms of a phrase that say who is meant; ages and the like are compared elsewhere."""
    return [
        term
        for term in parse(text).terms
        if not term.light and term.roots not in slots() and term.roots[0] not in opposites()
    ]


def _said(terms: list[Term], sentence: Sentence) -> bool:
    """Whether a sentence has any of the terms, or one that a part of a phrase names."""
    return any(
        matches(term, sentence.roots, sentence.concepts)
        or not sentence.roots.isdisjoint(term.roots)
        for term in terms
    )
