"""Times and intervals that are the same in other words: "until", "within", "every", "apart"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

from ...text.quantities import Quantity
from .alignment import matches
from .sentences import Sentence

_SENSES = {
    "end": "until|till|by|before|prior to",
    "upto": "to|through|in|during|over|first",
    "from": "after|following|since|from|past",
}
_SENSE = re.compile(
    r"\b(?:"
    + "|".join(f"(?P<{name}>{words})" for name, words in _SENSES.items())
    + r")\b(?:\s+(?:the|an?|about|around|approximately|age|aged|of|first|last|they|he|she|it|are|is"
    r"|only|days?|weeks?|months?|years?|hours?))*\s*$"
)
_BY_ABOUT = re.compile(r"\bby (?:about|around|roughly|approximately)\s+$")  # how much, not when
LIVED = re.compile(r" survival\b")
_OF_A_TIME = re.compile(
    r" (?:\w+[- ]){0,2}(?:mortality|deaths?|outcomes?|complications?|survival|readmissions?|risk"
    r"|incidence|rates?|recurrence|relapse)"
)
_SIDE = re.compile(
    r"(?:\s(?:or|and) (?:more|longer|over|less))?"
    r"\s(?:(?P<before>before|prior to|ahead of)|(?P<after>after|following))\b"
)
_GAP = re.compile(
    r"\b(?:cycles?|apart|between|intervals?|gaps?|without|spac|separat|elapse|distance)"
)
_PER_TIME = re.compile(r"\b(?:in|per|over|within|during)(?: any| each| every| a)? $")
_FLIPPED = {"": "", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_LATER = re.compile(r"\s(?:later|after|afterwards|apart|between|interval)\b")
_POINT = re.compile(r"\b(?:day|week|month|year|hour)s? $|\bat $")
_CALENDAR = re.compile(r"\b(?:19|20)\d\d\b")


@lru_cache(maxsize=2048)
def sense_of(sentence: Sentence, time: Quantity) -> str:
    """Whether a time is an end ("until"), a span ("during") or a beginning ("after"), else ""."""
    if time.sign:
        return "end" if time.sign in ("<", "<=") else "from"
    text = sentence.lower
    if time.text.lower().startswith(("first", "the first")):
        return "upto"
    if re.match(r"\w+-\w+$", time.text) and _OF_A_TIME.match(text, time.end):
        return "upto"  # "30-day mortality"
    before = text[max(0, time.begin - 50) : time.begin]
    found = _SENSE.search(before)
    return str(found.lastgroup) if found and not _BY_ABOUT.search(before) else ""


def _side(sentence: Sentence, time: Quantity) -> str:
    """Whether a time is said to be one before or after something: "two days before surgery"."""
    found = _SIDE.match(sentence.lower, time.end)
    return str(found.lastgroup) if found else ""


def is_opposite_time(
    statement: Sentence, wanted: Quantity, given: Quantity, source: Sentence
) -> bool:
    """Whether a time is an end in one and a beginning in the other: "before" and "after a day"."""
    if wanted.dimension != "time":
        return False
    senses = {sense_of(statement, wanted), sense_of(source, given)}
    sides = {_side(statement, wanted), _side(source, given)}
    if sides == {"before", "after"}:
        return not _is_turned(statement, wanted, given, source)
    denied = any(clause.negations for one in (statement, source) for clause in one.clauses)
    return not wanted.sign and senses == {"end", "from"} and not denied


def _is_turned(statement: Sentence, wanted: Quantity, given: Quantity, source: Sentence) -> bool:
    """Whether "a day after X, Y" stands for "a day before Y": what comes later is named first."""
    later = next((t for t in source.terms if t.start > given.end and t.word != "before"), None)
    earlier = next((t for t in statement.terms if t.start > wanted.end and t.word != "after"), None)
    if earlier is None or earlier.light:
        return False
    return later is not None and any(
        t.start < wanted.begin and matches(t, frozenset(later.roots), later.concepts)
        for t in statement.terms
    )


def is_interval(statement: Sentence, wanted: Quantity, given: Quantity, source: Sentence) -> bool:
    """Whether "every 4 hours" and "4 hours apart" are the same, with their bounds."""
    time, sentence = (wanted, statement) if wanted.dimension == "time" else (given, source)
    is_period = time.text[:2].lower() in ("a ", "an") or _PER_TIME.search(
        sentence.lower[: time.start]
    )
    if is_period and not wanted.sign and not given.sign and wanted.low * given.low == 1.0:
        return True  # "in 24 hours" and "a day"
    flipped = _FLIPPED[given.sign] == wanted.sign
    if not (flipped and given.low and given.high and _GAP.search(sentence.lower)):
        return False
    low, high = 1 / given.high, 1 / given.low
    return wanted.same_value(replace(given, low=low, high=high, dimension=wanted.dimension))


def is_between_points(statement: Sentence, wanted: Quantity, window: Sequence[Sentence]) -> bool:
    """Whether a time lies between two of the source: "day 2" and "day 11" are nine days apart."""
    points = [
        one
        for sentence in window
        for one in sentence.quantities
        if one.dimension == "time" and _POINT.search(sentence.lower[: one.start])
    ]
    if any(
        one.low < one.high and abs(one.high - one.low + 1 - wanted.low) < 1e-6 for one in points
    ):
        return True  # "on days 1 to 5" is for five days
    years = [float(year) for one in window for year in _CALENDAR.findall(one.text)]
    if any(abs((b - a) * 365.25 - wanted.low) < 1e-6 for a, b in pairwise(years)):
        return True
    return _LATER.match(statement.lower, wanted.end) is not None and any(
        abs(two.low - one.low - wanted.low) < 1e-6 for one in points for two in points
    )
