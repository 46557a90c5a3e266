"""Values of a patient that a question gives and an answer leaves out: the row for another age.

"eGFR ≥ 45: 40 mg" is no answer for an eGFR of 20, nor is the row of another drug.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..bands import Band, band, quantities
from ..question import Question
from ..table_rows import excludes, holds_numbers, is_row
from .kinds import Span
from .mentions import Mentions

_NUMBER = r"(?<!\d)\d{1,12}(?!\d)(?:[.,]\d{1,12})?"  # longer ones are no values
_UNIT = r"(?:%|(?:[µμmk]?(?:mol|g|l|IU|U|Pa|eq)|mmHg)(?:/[\w.²]+)*(?![\w/]))"
_VALUE = re.compile(
    r"\b(?P<name>[A-Za-z][\w-]{2,})\s+(?:(?:level|count|value|score)\s+)?"
    r"(?:(?:of|at|is|was|above|over|below|under|=)\s+){0,2}"
    rf"(?P<number>(?P<value>{_NUMBER})(?!\s*(?:to|-|–)\s*\d)(?:\s*{_UNIT})?)",
    re.I,
)
_QUANTITY = re.compile(
    rf"\b{_NUMBER}[\s-]?(?:kg|kilograms?|kilos?|years?|yrs?|months?|weeks?|days?)(?:[\s-]old)?\b",
    re.I,
)
# Columns whose cells are what the rows are about.
_SUBJECTS = re.compile(
    r"\b(?:drugs?|medicines?|agents?|antibiotics?|names?|diseases?|conditions?|indications?|tests?)\b",
    re.I,
)
_BEGIN = (
    r"(?=[<>≤≥\d]|(?:above|below|under|over|more|less|greater|lower|higher|at (?:least|most)|up to"
    r"|from|between)\b)"
)
# Where a range ends: at a word that is no unit and no comparison.
_END = re.compile(
    r"[;,]\s|\.(?!\d)|\s(?!(?:above|below|under|over|more|less|than|least|most|between|from|equal"
    r"|greater|lower|higher|through|until|years?|months?|weeks?)\b)[a-z]{4,}",
    re.I,
)
_NO_VALUE = re.compile(
    r"(?:type|stage|grade|class|phase|step|day|week|month|year|dose|the|for|and|with)\Z", re.I
)
_LEVELS = r"(?:levels?|counts?|values?|is|are|of|at|between|from|falls?|rises?|range|concentration)"


def missing_values(asked: Question, answer: Sequence[str], context: str) -> list[Span]:
    """Where a question gives a value, or names a subject, for which no statement is."""
    return [*left_out(asked.text, answer), *_other_rows(asked, answer, context)]


def left_out(question: str, answer: Sequence[str]) -> list[Span]:
    """Values of a question that are in none of the ranges that the statements give for them."""
    found: list[Span] = []
    if not re.search(r"\d", question):
        return found
    for one in (*_VALUE.finditer(question), *_QUANTITY.finditer(question)):
        given = one[0]
        name = one.groupdict().get("name", "")
        held = [
            answers
            for line in answer
            if (answers := _holds(line, given, name, one.groupdict().get("value", ""))) is not None
        ]
        if held and not any(held):
            found.append(one.span())
    return found


def _holds(line: str, given: str, name: str, value: str) -> bool | None:
    """Whether a statement is for a value, or None if it does not say."""
    if excludes(line, given):
        return False
    if is_row(line) and holds_numbers(line, line, given):
        return True
    if not name:
        return _holds_age(line, given)
    if _NO_VALUE.match(name):
        return None
    ranges = [one for one in _ranges(line, re.escape(name)) if not one.dimension]
    number = float(value.replace(",", "."))
    return any(one.holds(number) for one in ranges) if ranges else None


def _holds_age(line: str, given: str) -> bool | None:
    """Whether a sentence is for an age: "from the age of 18 to 64 years" is not for 70."""
    ages = [one for one in quantities(given) if one.dimension == "age"]
    ranges = [one for one in _ranges(line, "age[ds]?") if one.dimension == "age"]
    if not ages or not ranges:
        return None
    return any(one.holds(age.value) for one in ranges for age in ages)


def _ranges(line: str, name: str) -> list[Band]:
    """The ranges of something that a text names: "potassium is 5.5 to 5.9".

    Args:
        name: a pattern.
    """
    pattern = (
        rf"\b{name}\b(?:\s*\([^)]*\))?(?:[\s:]+{_LEVELS})*[\s:]*"
        rf"(?P<range>{_BEGIN}.{{0,40}})"
    )
    found = (
        band(_END.split(one["range"])[0], bare=True) for one in re.finditer(pattern, line, re.I)
    )
    return [one for one in found if one]


def _other_rows(asked: Question, answer: Sequence[str], context: str) -> list[Span]:
    """What a question is about, if the answer is a row of something else."""
    if not answer or not all(is_row(line) for line in answer):
        return []
    said = Mentions("\n".join((context, *answer)))
    names = [word for word in asked.subjects if not said.speak_of(Mentions(word))]
    known = Mentions(asked.text)
    first = [line.split("; ")[0].rpartition(": ") for line in answer]
    others = [
        Mentions(value)
        for column, _, value in first
        if _SUBJECTS.search(column) or (not re.search(r"\d", value) and Mentions(value).is_medical)
    ]
    if len(others) < len(answer) or any(known.speak_of(other) for other in others):
        return []
    for word in names:
        if Mentions(word).is_medical and (
            one := re.search(rf"\b{re.escape(word)}", asked.text, re.I)
        ):
            return [one.span()]
    return []
