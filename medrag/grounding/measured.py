"""Values that a question gives for a column of a table: "FEV1 of 40 %" is not "below 30"."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from itertools import takewhile
from typing import NamedTuple

from ..text.words import STOPWORDS, stem, terms, words
from .bands import Band, as_number, band

# Words of the name of a column or of a value that do not say what is measured.
_GENERAL = frozenset(
    map(
        stem,
        """
        level count value reading result score number total serum plasma blood percent
        concentration current measured predicted range group band category point grade stage class
        interval
        """.split(),  # noqa: SIM905
    )
)
_STEPS = frozenset(map(stem, ("score", "grade", "stage", "class", "category", "point", "number")))
_NUMBER = r"(?<!\d)\d{1,12}(?!\d)(?:[.,]\d{1,12})?"  # longer ones are no values
_SIGN = (
    r"(?P<more>>=?|≥|over|above|more than|greater than|at least|exceeding)"
    r"|(?P<less><=?|≤|under|below|less than|at most)"
)
# These are ages, weights, doses and times; `bands` knows which of them are of patients.
_OTHER_UNIT = (
    r"[-\s]?(?:years?|yrs?|months?|weeks?|days?|hours?|h|min(?:utes?)?|kgs?|kilo\w*|m?c?g"
    r"|micrograms?|units?|IU|mL)\b"
)
_UNIT = (
    r"%|percent\b|[A-Za-zµμ]+/[\w.²]+|[×x]\s?10[\w^/]+|mmHg\b|[mk]?Pa\b|ms\b|m?mol\b|[cm]?m\b"
    rf"|{_OTHER_UNIT}"
)
_VALUE = re.compile(
    rf"(?:(?:{_SIGN})\s*)?(?<![\w.,/-])(?P<low>{_NUMBER})"
    rf"(?:\s*(?:-|–|to|or|and)\s*(?P<high>{_NUMBER}))?"
    rf"(?!\d*(?:/(?!(?:10|15|30)\b)|:)\d)\s*(?P<unit>{_UNIT})?",  # not 150/95, but 7/15
    re.I,
)
_OF_PATIENTS = ("age", "aged", "weight")
_LINK = re.compile(
    r"(?:[\s(]|\b(?:of|is|was|at|are|equals?|to|rises?|rose|falls?|fell|drops?|dropped"
    r"|reach(?:es|ed)?|measures?|around|about|only|just|now|it)\b|[=~])*\Z",
    re.I,
)
_WORD_RUN = re.compile(r"[\w-]+(?:[ ][\w-]+)*\Z")
_NEXT_RUN = re.compile(r"[\s-]*((?:[A-Za-z][\w-]*[ ]?){1,3})")
_RANGE = re.compile(
    r"\W*(?:\d|(?:over|above|more|greater|under|below|less|fewer|lower|higher|at (?:least|most)"
    r"|up to|between|from|exceeding|no(?:t)? (?:more|less))\b)",
    re.I,
)
# What is given or done is no measurement, and a value may well be outside what is normal.
_DONE = re.compile(
    r"\b(?:dos\w+|duration|treatment|therapy|course|change|target|next|repeat|normal|reference"
    r"|usual|optimal)\b",
    re.I,
)
_NEGATIVE = re.compile(r"(?:\A|[\s(])[-−–]\d")
_PARENTHESIS = re.compile(r"\s*\(([^)]*)\)")
_FAR = 100  # times the largest end of a range: the unit is another one


class Value(NamedTuple):
    """A value that a question gives.

    Attributes:
        low, high: its ends; they are equal unless it is a range or open.
        unit: as it is written, or "".
        before, after: the words around it that may name it.
    """

    low: float
    high: float
    unit: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@lru_cache(maxsize=64)
def values(question: str) -> tuple[Value, ...]:
    """The values that a question gives, without those of age, weight, dose and time."""
    found = []
    for one in _VALUE.finditer(question):
        unit = one["unit"] or ""
        if re.fullmatch(_OTHER_UNIT, unit, re.I) or _NEGATIVE.search(
            question[: one.end("low")][-12:]
        ):
            continue
        low, high = sorted(as_number(one[end] or one["low"]) for end in ("low", "high"))
        if one["more"]:
            low, high = math.nextafter(low, math.inf), math.inf
        elif one["less"]:
            low, high = -math.inf, math.nextafter(low, -math.inf)
        start = question[: one.start()]
        run = _WORD_RUN.search(_LINK.sub("", start))
        before = _named(run[0] if run else "")
        if before and before[-1] in _OF_PATIENTS:
            continue
        after = _NEXT_RUN.match(question, one.end())
        found.append(Value(low, high, unit, before, _first(after[1] if after else "")))
    return tuple(found)


def placed(name: str, cell: str, question: str) -> list[tuple[Value, bool]]:
    """The values that a question gives for a column, and whether the range in a cell holds them.

    Empty if the cell has no range, or one in another unit.
    """
    if not re.search(r"\d", cell) or _NEGATIVE.search(cell) or _DONE.search(name):
        return []
    given = [one for one in values(question) if _names(name, one)]
    limits = _limits(name, cell) if given else None
    if limits is None:
        return []
    most = max((1.0, *(end for end in (limits.low, limits.high) if math.isfinite(end))))
    return [
        (one, one.low <= limits.high and limits.low <= one.high)
        for one in given
        if _same_unit(name, cell, one.unit) and not _FAR * most < one.low < math.inf
    ]


def _limits(name: str, cell: str) -> Band | None:
    if _RANGE.match(cell):
        limits = band(cell, bare=True)
        if limits:
            return limits if limits.dimension in ("", "share", "kidney") else None
    exact = re.fullmatch(r"(\d+)[a-d]?", cell.strip())
    if exact and not _STEPS.isdisjoint(terms(name)):
        return Band("", float(exact[1]), float(exact[1]))
    return None


def _names(name: str, value: Value) -> bool:
    """Whether the words around a value are the name of a column, or a part of it."""
    return any(
        _same(_named(part), value.before) or _follows(_named(part), value)
        for part in _PARENTHESIS.sub("", name).split(", ")
    )


def _same(column: tuple[str, ...], said: tuple[str, ...]) -> bool:
    """Whether two names end alike, and none has a word that makes it another thing."""
    if not column or not said:
        return False
    if _short(column, said) or _short(said, column):
        return True
    mine, its = _particular(column), _particular(said)
    if not mine or not its:
        return column[-1] == said[-1]  # "Score", and "Child-Pugh score of 8"
    return mine[-1] == its[-1] and ({*mine} <= {*its} or {*its} <= {*mine})


def _follows(column: tuple[str, ...], value: Value) -> bool:
    """Whether what is counted or measured stands after its value: "4 adenomas"."""
    name = _particular(column)
    return bool(name) and name == _particular(value.after)[: len(name)]


def _short(short: tuple[str, ...], words_: tuple[str, ...]) -> bool:
    """Whether a name is the initials of the last words of another one: "BMI"."""
    name = short[-1]
    return len(name) >= 3 and name == "".join(word[0] for word in words_[-len(name) :])


def _particular(name: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for word in name if word not in _GENERAL)


def _named(text: str) -> tuple[str, ...]:
    """The stems of the last words in a row of a text that are no stop words."""
    found: list[str] = []
    for word in words(text):
        if word not in STOPWORDS or (found and word == "to"):
            found.append(word)
        elif word != "of":
            found.clear()
    return tuple(stem(word) for word in found if word not in STOPWORDS)


def _first(text: str) -> tuple[str, ...]:
    """The stems of the words of a text before the first stop word."""
    return tuple(map(stem, takewhile(lambda word: word not in STOPWORDS, words(text))))


def _same_unit(name: str, cell: str, unit: str) -> bool:
    """Whether a value is in the unit of its column, as far as both are given."""
    own = _PARENTHESIS.search(name)
    its = _VALUE.search(cell)
    known = own[1] if own else its["unit"] if its and its["unit"] else ""
    return not unit or not known or _plain(unit) == _plain(known) or "%" in unit


def _plain(unit: str) -> str:
    unit = unit.lower().replace("⁹", "9").replace("μ", "µ").replace("percent", "%")
    return re.sub(r"[\s×x^]|1[.,]73m[²2]", "", unit).rstrip("/.")
