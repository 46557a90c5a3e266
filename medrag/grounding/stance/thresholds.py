"""On which side of a line a value lies: "Is an HbA1c of 6.2 % diagnostic?", "from 6.5 % on"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from ...text.quantities import Quantity, quantities
from ...text.words import STOPWORDS, words
from ..support.forms import base_of_denied, root
from ..support.measures import is_weight, number_of
from ..support.vocabulary import names_something, synonyms
from ..table_rows import is_row
from .cells import lists_whom

_PARTS = re.compile(r"; |, (?=but|while|whereas|and|although)|\b(?:but|whereas|while|although)\b")
_BETWEEN_BANDS = re.compile(r",(?: and)? (?!or\b)| and ")
_LIMIT = re.compile(r"\b(?:max(?:imum|imal)?|limit|ceiling|at most)\b", re.I)
_LEAST = re.compile(r"\b(?:min(?:imum|imal)?|at least)\b", re.I)
_FROM, _UNTIL = (re.compile(rf"\b{word}\s+$", re.I) for word in ("from", "(?:until|till)"))
_AGED = re.compile(
    r"\b(?:age[ds]?|child(?:ren)?|adults?|patients?|people|persons?|wom[ae]n|m[ae]n|girls?|boys?"
    r"|infants?|bab(?:y|ies)|those|anyone|everyone)\b[^.;,]{0,20}$",
    re.I,
)
_OLD = re.compile(r"[\s-]*(?:old|of age)\b", re.I)
# "a two-hour glucose level of", "if the trough of vancomycin is"
_MEASURE = re.compile(
    r"(?P<nouns>(?:[a-z][\w-]*\s+(?:of\s+)?){0,4}?[a-z][\w-]*)"
    r"(?:\s+(?:of|is|was|are|at|to|falls|rises|drops|goes)|\s*[=:])*\s*$",
    re.I,
)
_SCALES = frozenset({"level", "levels", "value", "count", "score", "concentration", "result"})
_NO_NOUN = _SCALES | {"target", "range", "normal", "usual", "serum", "plasma", "blood", "pressure"}
_EQUIVALENT = re.compile(r"\s*\((?P<other>[^()]*)\)")  # "6.5 % (48 mmol/mol)"
_SLASH = re.compile(r"\s?/\s?")
_BEFORE_NOUN = re.compile(r"-(?:second|minute|hour|day|week|month)\Z", re.I)
_NO_ADJECTIVE = re.compile(r"\d.*|.*(?:s|ed|ly)")
_LETTERS = 6  # that the forms of a word share: "diagnosed" and "diagnostic"
_STEM = 5  # letters of a whole word that begins another: "toxic" and "toxicity"
_GIVEN = re.compile(r"\b(?:of|at|is|=)\s*$", re.I)  # "an INR of 3", not "station 9"
_NO_MEASURE = re.compile(
    r".*(?:ed|ing|ly|able|ible|ous|ic)\Z|(?:if|when|for|dose|safe|use)\Z", re.I
)
_NO_UNIT_GIVEN = frozenset({"time", "rate", "share", "clock", "temperature"})


class Side(NamedTuple):
    """A part of a sentence that draws a line, and where an asked value lies.

    Attributes:
        value: the asked value; of "145/95 mmHg" the first.
        text: the part without the comparator, or the other cells of a row.
        inside: whether the value is within the range, or on the side, that the part is about.
        exact: whether the part gives one value, and no line.
    """

    value: Quantity
    text: str
    inside: bool
    exact: bool


@lru_cache(maxsize=256)
def asked_values(question: str) -> tuple[tuple[Quantity, ...], ...]:
    """The single values that a question asks about; "145/95 mmHg" is one of two numbers.

    Of two values of one dimension ("5 or 10 mg") none is the one that is meant.
    """
    found = [
        one
        for one in _values(question)
        if one[0].dimension != "rate" and not _BEFORE_NOUN.search(one[0].text)
    ]
    dimensions = [one[0].dimension for one in found]
    return tuple(
        one
        for one in found
        if all(not number.sign and number.low == number.high for number in one)
        and dimensions.count(one[0].dimension) == 1
        and (one[0].dimension or _GIVEN.search(question[: one[0].begin]))
    )


def draws_line(sentence: str) -> bool:
    """Tell whether a sentence has a bound or a range: "if the eGFR is below 45"."""
    return any(one.sign or one.low < one.high for one in quantities(sentence))


def sides(question: str, sentence: str) -> Iterator[Side]:
    """The parts of a sentence that give a value of what the question gives a value of."""
    asked = asked_values(question)
    if not asked:
        return
    for one in dict.fromkeys(_in_each_unit(sentence)):
        yield from _sides_of(asked, question, one)


def _in_each_unit(sentence: str) -> tuple[str, str]:
    """A sentence with the first and with the second of "6.5 % (48 mmol/mol)"."""
    first = second = sentence
    for one in reversed(quantities(sentence)):
        found = _EQUIVALENT.match(sentence, one.end)
        if found and quantities(found["other"]):
            first = first[: found.start()] + first[found.end() :]
            second = second[: one.start] + found["other"] + second[found.end() :]
    return first, second


def _sides_of(
    asked: Sequence[tuple[Quantity, ...]], question: str, sentence: str
) -> Iterator[Side]:
    """The parts of a sentence that give a value of what is asked, as it is written."""
    for begin, part in _parts(sentence):
        for limit in _values(part):
            for value in asked:
                if len(value) != len(limit) or not _comparable(value[0], question, limit[0], part):
                    continue
                lines = _with_limits(limit, part)
                held = {_holds(line, one) for line, one in zip(lines, value, strict=True)}
                text = f"{part[: limit[0].begin]}{part[limit[0].start :]}"
                exact = all(not line.sign and line.low == line.high for line in lines)
                if is_row(sentence) and not lists_whom(part):
                    # Another row may be for what this one is not for.
                    text = f"{sentence[:begin]}{sentence[begin + len(part) :]}".strip("; ")
                    exact = True
                yield Side(value[0], text, held == {True}, exact or len(held) > 1)


def _parts(sentence: str) -> Iterator[tuple[int, str]]:
    """The parts of a sentence that may each draw a line, with where they begin.

    "5 to 14 is mild, 15 to 29 moderate and 30 or more severe" has three.
    """
    start = 0
    for cut in [*_PARTS.finditer(sentence), None]:
        part = sentence[start : cut.start() if cut else None]
        yield from ((start + at, band) for at, band in _bands(part))
        start = cut.end() if cut else start


def _bands(part: str) -> list[tuple[int, str]]:
    """The bands that a part lists, with where they begin; the part itself if it lists none."""
    lines = [one for one in quantities(part) if one.sign or one.low < one.high]
    if len(lines) < 2 or is_row(part) or len({one.dimension for one in lines if one.dimension}) > 1:
        return [(0, part)]
    found, start = list[tuple[int, str]](), 0
    for cut in _BETWEEN_BANDS.finditer(part):
        inside = any(one.begin < cut.end() and cut.start() < one.end for one in lines)
        if inside or not draws_line(part[start : cut.start()]) or not draws_line(part[cut.end() :]):
            continue
        found.append((start, part[start : cut.start()]))
        start = cut.end()
    return [*found, (start, part[start:])]


def is_of_point(question: str, text: str) -> bool:
    """Tell whether a text names what the value of a question is a sign of: "diabetes".

    "5.7–6.4 % is prediabetes" says nothing to "Is 6.2 % diagnostic of diabetes?".
    """
    values = asked_values(question)
    measured = {word for one in values for word in _nouns(question[: one[0].begin])}
    rest = question
    for one in reversed(quantities(question)):
        rest = rest[: one.begin] + " " + rest[one.end :]
    wanted = [
        word
        for word in words(rest)
        if word not in STOPWORDS | _SCALES and root(word) not in measured
    ]
    wanted = [word for word in wanted if names_something(word)] or wanted
    return not wanted or any(
        _same(one, other) and not _is_other_kind(rest, one, text, other)
        for one in wanted
        for other in words(text)
    )


def _is_other_kind(question: str, one: str, text: str, other: str) -> bool:
    """Whether a noun has another adjective in each text: "overt" and "subclinical"."""
    asked, told = words(question), words(text)
    ours, theirs = asked[: asked.index(one)][-1:], told[: told.index(other)][-1:]
    return not any(
        not word or word[0] in STOPWORDS or _NO_ADJECTIVE.fullmatch(word[0]) or word[0] in around
        for word, around in ((ours, told), (theirs, asked))
    )


def _same(one: str, other: str) -> bool:
    """Whether two words are forms of one, opposites by a prefix, or synonyms."""
    a, b = (root(base_of_denied(word) or word.removeprefix("ab")) for word in (one, other))
    if a[:_LETTERS] == b[:_LETTERS] or a == b:
        return True
    short, long = sorted((a, b), key=len)
    if len(short) >= _STEM and long.startswith(short):
        return True
    groups = [synonyms().get((root(word),), frozenset()) for word in (one, other)]
    return not groups[0].isdisjoint(groups[1])


def _values(text: str) -> list[tuple[Quantity, ...]]:
    """The quantities of a text; two pressures with a slash between them are one value."""
    found: list[tuple[Quantity, ...]] = []
    for one in quantities(text):
        last = found[-1][-1] if found else None
        if (
            last
            and last.dimension == one.dimension == "pressure"
            and _SLASH.fullmatch(text[last.end : one.begin])
        ):
            found[-1] = (*found[-1], one)
        else:
            found.append((one,))
    return found


def _with_limits(numbers: tuple[Quantity, ...], part: str) -> list[Quantity]:
    """The numbers of a value, each with the bound that one of them or the part gives."""
    lines = [_with_limit(one, part) for one in numbers]
    sign = next((line.sign for line in lines if line.sign), "")
    return [replace(line, sign=line.sign or sign) for line in lines]


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


def _comparable(value: Quantity, question: str, limit: Quantity, part: str) -> bool:
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
    if _is_age(limit, part):
        return True
    own, theirs = _nouns(question[: value.begin]), _nouns(part[: limit.begin])
    if own <= theirs or theirs <= own:
        return True
    groups = [
        frozenset[int]().union(*(synonyms().get((one,), ()) for one in nouns))
        for nouns in (own - theirs, theirs - own)
    ]
    return not groups[0].isdisjoint(groups[1])


def _is_age(quantity: Quantity, text: str) -> bool:
    """Whether a time is the age of somebody."""
    before = text[max(0, quantity.begin - 40) : quantity.begin]
    return quantity.dimension == "time" and bool(
        _AGED.search(before) or _OLD.match(text, quantity.end)
    )


def _nouns(before: str) -> frozenset[str]:
    """The roots of the words before a quantity that say what is measured: "two-hour glucose"."""
    found = _MEASURE.search(before)
    plain = found["nouns"].lower().split() if found else []
    while plain and plain[-1] in _SCALES:
        plain.pop()
    if not plain or plain[-1] in STOPWORDS or _AGED.match(plain[-1]):
        return frozenset()
    if _NO_MEASURE.fullmatch(plain[-1]):
        return frozenset()
    start = max((at + 1 for at, word in enumerate(plain) if word in STOPWORDS - {"of"}), default=0)
    return frozenset(root(word) for word in plain[start:] if word not in _NO_NOUN)


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
