"""On which side of a line a value lies: "Is an HbA1c of 6.2 % diagnostic?", "from 6.5 % on"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from ...text.quantities import Quantity, quantities
from ...text.words import STOPWORDS
from ..support.forms import root
from ..support.measures import is_weight, number_of
from ..support.vocabulary import synonyms

_PARTS = re.compile(r"; |, (?=but|while|whereas|and|although)|\b(?:but|whereas|while|although)\b")
_LIMIT = re.compile(r"\b(?:max(?:imum|imal)?|limit|ceiling|at most)\b", re.I)
_LEAST = re.compile(r"\b(?:min(?:imum|imal)?|at least)\b", re.I)
_FROM, _UNTIL = (re.compile(rf"\b{word}\s+$", re.I) for word in ("from", "(?:until|till)"))
_AGED = re.compile(
    r"\b(?:age[ds]?|child(?:ren)?|adults?|patients?|people|persons?|wom[ae]n|m[ae]n|girls?|boys?"
    r"|infants?|bab(?:y|ies)|those|anyone|everyone)\b[^.;,]{0,20}$",
    re.I,
)
_OLD = re.compile(r"[\s-]*(?:old|of age)\b", re.I)
_MEASURE = re.compile(
    r"(?P<noun>[a-z][\w-]*)(?:\s+(?:level|value|count|score|concentration|result)s?)?"
    r"(?:\s+(?:of|is|was|are|at|to|falls|rises|drops|goes|=|:))*\s*$",
    re.I,
)
_GIVEN = re.compile(r"\b(?:of|at|is|=)\s*$", re.I)  # "an INR of 3", not "station 9"
_NO_MEASURE = re.compile(
    r".*(?:ed|ing|ly|able|ible|ous|ic)\Z|(?:if|when|for|dose|safe|use)\Z", re.I
)
_NO_UNIT_GIVEN = frozenset({"time", "rate", "share", "clock", "temperature"})


class Side(NamedTuple):
    """A part of a sentence that draws a line, and where an asked value lies.

    Attributes:
        value: the asked value.
        text: the part, without the comparator.
        inside: whether the value is within the range, or on the side, that the part is about.
        exact: whether the part gives one value, and no line.
    """

    value: Quantity
    text: str
    inside: bool
    exact: bool


def asked_values(question: str) -> list[tuple[Quantity, str]]:
    """The single values that a question asks about, each with the text before it.

    Of two values of one dimension ("120/80 mmHg", "5 or 10 mg") none is the one that is meant.
    """
    found = [one for one in quantities(question) if one.dimension != "rate"]
    dimensions = [one.dimension for one in found]
    return [
        (one, question[: one.begin])
        for one in found
        if not one.sign
        and one.low == one.high
        and dimensions.count(one.dimension) == 1
        and (one.dimension or _GIVEN.search(question[: one.begin]))
    ]


def draws_line(sentence: str) -> bool:
    """Tell whether a sentence has a bound or a range: "if the eGFR is below 45"."""
    return any(one.sign or one.low < one.high for one in quantities(sentence))


def sides(question: str, sentence: str) -> Iterator[Side]:
    """The parts of a sentence that give a value of what the question gives a value of."""
    values = asked_values(question)
    if not values:
        return
    start = 0
    for cut in [*_PARTS.finditer(sentence), None]:
        part = sentence[start : cut.start() if cut else None]
        start = cut.end() if cut else start
        for limit in quantities(part):
            line = _with_limit(limit, part)
            for value, before in values:
                if _comparable(value, question, before, limit, part):
                    text = f"{part[: limit.begin]}{part[limit.start :]}"
                    exact = not line.sign and line.low == line.high
                    yield Side(value, text, _holds(line, value), exact)


def _with_limit(quantity: Quantity, part: str) -> Quantity:
    """A quantity with the bound that "the maximum of … is" makes of it."""
    if quantity.sign or quantity.low < quantity.high:
        return quantity
    before = part[: quantity.begin]
    if _LIMIT.search(part) or _UNTIL.search(before):
        return replace(quantity, sign="<=")
    if _FROM.search(before):
        return replace(quantity, sign=">=")
    return replace(quantity, sign=">=") if _LEAST.search(part) else quantity


def _comparable(value: Quantity, question: str, before: str, limit: Quantity, part: str) -> bool:
    """Whether two quantities are of the same thing, as far as their units and words tell."""
    kinds = {value.dimension, limit.dimension}
    if limit.dimension == "rate" or (len(kinds) > 1 and "" not in kinds):
        return False
    if len(kinds) > 1 and not kinds.isdisjoint(_NO_UNIT_GIVEN):
        return False  # "over 40 years" is no eGFR
    if value.dimension == "time" and _is_age(value, question) != _is_age(limit, part):
        return False
    if is_weight(value) != is_weight(limit):
        return False
    own, theirs = _measure(before), _measure(part[: limit.begin])
    if not (own and theirs) or own == theirs or _is_age(limit, part):
        return True
    groups = [synonyms().get((one,), frozenset()) for one in (own, theirs)]
    return not groups[0].isdisjoint(groups[1])


def _is_age(quantity: Quantity, text: str) -> bool:
    """Whether a time is the age of somebody."""
    before = text[max(0, quantity.begin - 40) : quantity.begin]
    return quantity.dimension == "time" and bool(
        _AGED.search(before) or _OLD.match(text, quantity.end)
    )


def _measure(before: str) -> str:
    """The root of the noun before a quantity that says what is measured, or ""."""
    found = _MEASURE.search(before)
    noun = found["noun"].lower() if found else ""
    named = noun not in STOPWORDS and not _NO_MEASURE.fullmatch(noun) and not _AGED.match(noun)
    return root(noun) if named else ""


def _holds(limit: Quantity, value: Quantity) -> bool:
    """Whether a value is on the side of a bound, or within a range."""
    at, low, high = value.low, limit.low, limit.high
    if value.dimension != limit.dimension:  # one of them lacks its unit
        at, low, high = number_of(value), number_of(limit), number_of(limit)
    near = 1e-9 * max(1.0, abs(high))
    if limit.sign == "<":
        return at < low - near
    if limit.sign == ">":
        return at > high + near
    return (limit.sign == "<=" or at >= low - near) and (limit.sign == ">=" or at <= high + near)
