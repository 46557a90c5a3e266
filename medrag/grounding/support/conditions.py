"""Conditions of a source that a statement drops: "only if", "unless", "until"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

from .alignment import said
from .clauses import AUXILIARIES
from .sentences import Sentence, parse

_CONDITION = re.compile(
    r"\b(?P<word>(?<=[a-z]s )who|(?<=people )who|(?<=those )who"
    r"|only (?:if|when|after|in|for|with|where|once|under|by|to|within|during|until|at|on|from"
    r"|before|while)|if|unless"
    r"|except(?: (?:in|for|when|if|that|where))?|provided(?: that)?|as long as|until|other than"
    r"|apart from|so long as|on condition|in the absence of|in case of|when"
    r"|once(?! (?:an?|daily|every|per|weekly|a)\b)|where|after|following|whose|without"
    r"|not (?:in|for|if|when)|but not|excluding|subject to)\b",
    re.I,
)
_STRICT = re.compile(
    r"only|unless|except|provided|if|long as|condition|apart|other than|but not|excluding"
    r"|not (?:in|for|if|when)|subject",
    re.I,
)
_MOST_CONDITIONS = 20  # of a sentence
_SUBORDINATE = re.compile(r"(?<=\S)\s(?:before|after|until|once|when|while)\b[^,;.]*", re.I)
_TIMES = ("after", "following", "where", "once")
_ALWAYS = re.compile(r"\b(?:regardless|irrespective) of\b|\bno matter\b|\bin everyone\b")
_SEVERAL = re.compile(r"\s*(?:(?:at least|any) )?(?:both|two|three|four|all) of\b", re.I)
_SEVERAL_OF = re.compile(r"\b(?:both|two|three|four|all) of\b")
_EVEN = re.compile(r"\beven (?:if|when|where|in|with|under|after|during)\b")
_PRONOUN = re.compile(r"\s*(?:it|they|this|he|she)\b")
_STOP = re.compile(r"[,;.:)]")
_LISTED_AFTER = re.compile(r",[^;.]*\b(?:or|and)\b")
# How much of the score remains if a condition is dropped that is not strict.
_TIME_LEFT, _CONDITION_LEFT = 0.75, 0.45


def dropped_conditions(statement: Sentence, window: Sequence[Sentence]) -> list[tuple[str, float]]:
    """Conditions of the source that a statement drops, each with how much of its score remains."""
    found = []
    for sentence in window:
        for one in islice(_CONDITION.finditer(sentence.text), _MOST_CONDITIONS):
            end = _STOP.search(sentence.text, one.end())
            stop = end.start() if end else len(sentence.text)
            if _is_dropped(statement, sentence, one, stop):
                words = sentence.text[one.end() : stop].lower().split()
                is_time = one["word"].lower() in _TIMES and AUXILIARIES.isdisjoint(words)
                left = _TIME_LEFT if is_time else _CONDITION_LEFT
                left = 0.0 if _STRICT.search(one["word"]) else left
                found.append(
                    (f"the source says it holds “{sentence.text[one.start() : stop]}”", left)
                )
    return found


def _is_dropped(statement: Sentence, source: Sentence, one: re.Match[str], stop: int) -> bool:
    """Whether a statement says what a condition of the source is for, but not the condition.

    Args:
        stop: where the condition ends.
    """
    strict = _STRICT.search(one["word"]) is not None
    always = _ALWAYS.search(statement.lower) and not _ALWAYS.search(source.lower)
    if always or (strict and _EVEN.search(statement.lower) and not _EVEN.search(source.lower)):
        return True  # "even if" says the opposite
    roots, concepts = statement.roots, statement.concepts
    within = [t for t in source.terms if one.end() <= t.start < stop]
    inside = [t for t in within if not t.light] or (within if strict else [])
    others = {t.roots for t in source.terms if t not in within}
    inside = [t for t in inside if t.roots not in others] or inside
    kept = said(inside, roots, concepts)
    if not inside or (kept and not strict):
        return False
    if _SEVERAL.match(source.text, one.end()) and not _SEVERAL_OF.search(statement.lower):
        limits = [q for q in source.quantities if q.start >= one.end()]
        met = sum(any(q.same_value(own) for own in statement.quantities) for q in limits)
        return 0 < met < 2 or (not met and bool(said(inside, roots, concepts)))
    if _PRONOUN.match(source.text, one.end()) and one["word"].lower() in statement.words:
        return False  # "if it is lost" may be said with other words
    both = re.match(r"\s*both\b", source.text[one.end() : stop])
    if len(kept) * 2 >= len(inside) and not (both and len(kept) < len(inside)):
        return False
    limits = [q for q in source.quantities if one.end() <= q.start < stop]
    if limits and all(any(q.equals(own) for own in statement.quantities) for q in limits):
        return False
    first, last = _part(source, one.start(), one.end())
    around = [
        t for t in source.terms if first < t.start < last and not one.start() <= t.start < stop
    ]
    outside = [t for t in around if not t.light] or around
    main = parse(_SUBORDINATE.sub(" ", statement.text))
    if outside and not said(outside, main.roots, main.concepts):
        amounts = [
            q
            for q in source.quantities
            if first < q.start < last and not one.start() <= q.start < stop
        ]
        if not any(q.same_value(own) for q in amounts for own in statement.quantities):
            return False
    # Of a list of conditions the statement may name another one.
    tail = [t for t in source.terms if t.start >= stop and not t.light]
    fronted = not source.text[: one.start()].strip()
    listed_after = _LISTED_AFTER.search(source.text[stop:]) and not fronted
    return not (listed_after and said(tail, roots, concepts))


def _part(source: Sentence, start: int, end: int) -> tuple[int, int]:
    """What a condition at start..end is a condition of: its clause, or what stands between ";"."""
    text = source.text
    first = max(text.rfind(mark, 0, start) for mark in ";:")
    after = [at for mark in ";:" if (at := text.find(mark, end)) >= 0]
    last = min(after, default=len(text))
    clauses = source.clauses
    for at, clause in enumerate(clauses):
        if clause.start <= start < clause.end:
            if any(t.end <= start for t in clause.terms):
                return max(first, clause.start - 1), min(last, clause.end)
            if at:  # "X is avoided unless …"
                return max(first, clauses[at - 1].start - 1), min(last, clause.end)
    return first, last
