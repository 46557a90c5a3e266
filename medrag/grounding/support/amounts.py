"""Quantities of a statement that its source does not give, or gives of something else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from ...text.quantities import Quantity
from ..table_rows import is_row
from . import conversions
from .alignment import Comparison
from .binding import bound_elsewhere, paired_elsewhere, swapped
from .derived import is_about, is_derived
from .forms import is_technical
from .measures import (
    MOST_AMOUNTS,
    PLAIN_RATE,
    Given,
    dimension,
    is_part,
    is_weight,
    next_word,
    number_of,
    numbers_in,
)
from .named import named_differences
from .sentences import Sentence
from .times import LIVED, is_interval, is_opposite_time, sense_of

_SIGN_WORDS = {"<": "below ", "<=": "at most ", ">": "above ", ">=": "at least ", "": ""}
_END_NEAR = re.compile(
    r"\b(?:max(?:imum|imal)?|min(?:imum|imal)?|limit|ceiling|exceed(?:ed|ing)?)\b[^;.]{0,40}\Z"
)
_UPPER = re.compile(r"\s*max|.*\b(?:max(?:imum)?|upper|limit)\b", re.I)
_LOWER = re.compile(r"\s*min|.*\b(?:min(?:imum)?|lower)\b", re.I)
_LIMIT = re.compile(r"\bmax|\bmin", re.I)
_THREE_YEARS = 3 * 366  # days
_EXCLUDED = re.compile(r"(?:, not|\bnot|\brather than|\binstead of)\s+$")
_AGED = re.compile(r"[\d\w]+[ -]?(?:year|month|week|day)s?[ -]olds?\b", re.I)
_AGED_BEFORE = re.compile(
    r"\b(?:age|aged|ages|child|children|infants?|baby|babies|patients?|people|person|those|anyone"
    r"|man|woman|boy|girl|adults?|adolescents?)(?: (?:of|is|at|who (?:is|are)))?(?: age)?(?: of)? $"
)
_KIDNEY = re.compile(r"\b(?:e?gfr|crcl|clearance)\b[^\d;]{0,20}$")
_IN_RANGE = re.compile(
    r"\b(?:with)?in(?:side)? (?:the |its |their )?(?:\w+ ){0,2}(?:range|interval|limits)\b"
    r"|\b(?:is|are|was|were) normal\b"
)
_RANGE = re.compile(r"\b(?:normal|reference|range|interval|limits)\b")
_DENIED = re.compile(r"\b(?:not|never|cannot|no)\b|n['’]t\b")
_BMI = re.compile(r"\bbmi\b|\bbody mass index")
_ELLIPTIC = re.compile(r"\s?(?:[.,;)]|$|(?:and|or|to|if|for|when)\b)")
# "120 cmHg": short, and with a capital behind its first letter or without a vowel.
_UNKNOWN_UNIT = re.compile(r"\s?(?P<unit>[a-zµ]{1,2}[A-Z][A-Za-z]{0,3}|[b-df-hj-np-tv-xz]{2,4})\b")
_PER_LITRE = re.compile(r"\b(?:per|a|in each|in a) (?:litre|liter|millilitre|ml|l)\b")
_WHOLE = re.compile(r"(?:^|[,(]\s?|\d )(?:out )?of (?:the |all |these )?$")
_FOR = re.compile(r"\b(?:for|last(?:s|ed|ing)?|of|if|is|are|was|were|takes?|took) $")
_FROM = re.compile(r"\bfrom $")


def quantity_differences(comparison: Comparison) -> Iterator[str]:
    """Quantities of the statement that the source does not give, or gives of something else."""
    statement, window = comparison.statement, comparison.window
    given = [
        (one, sentence)
        for sentence in window
        for one in sentence.quantities
        if not _EXCLUDED.search(sentence.lower[: one.begin])
    ]
    yield from named_differences(comparison)
    around = [one for sentence in comparison.context for one in sentence.quantities]
    for wanted in statement.quantities:
        if _gives_both_ends(statement, wanted, given):
            continue
        same = [pair for pair in given if _is_same(statement, wanted, *pair)]
        if same:
            other = bound_elsewhere(statement, wanted, same, given, comparison.topic)
            other = other or swapped(statement, wanted, same)
            if other := other or paired_elsewhere(statement, wanted, given):
                yield f"the source says {other.text} there, not {wanted.text}"
            continue
        limit = any(wanted.same_value(one) for one, _ in given)
        bounded = any(_bounds_too(wanted, one) for one, _ in given)
        is_open = wanted.sign and not limit and not bounded
        if any(number_of(wanted) == number_of(one) for one, _ in given):
            is_open = False  # 50 mg are not 50 mg/kg
        if is_open and any(_lies_within(wanted, one) and not _is_end(one, s) for one, s in given):
            continue
        if any(wanted.equals(one) for one in around) or is_derived(statement, wanted, window):
            continue
        if any(is_about(statement, wanted, one) for one, _ in given):
            continue
        if _WHOLE.search(statement.lower[: wanted.begin]) and any(
            wanted.equals(one) for s in comparison.passage for one in s.quantities
        ):
            continue  # "Of 692 women, …": how many there were is told before
        if wanted.text.lower().startswith(("the first", "first")) and not any(
            one.dimension == "time" and sense_of(sentence, one) in ("end", "upto")
            for one, sentence in given
        ):
            continue  # "the first day" is "at the start"
        yield _reason(wanted, [one for one, _ in given])


def _is_same(statement: Sentence, wanted: Quantity, given: Quantity, source: Sentence) -> bool:
    """Whether a quantity of the source is the one that the statement gives."""
    if wanted.equals(given):
        return not is_opposite_time(statement, wanted, given, source)
    if is_part(wanted) and is_part(given) and wanted.sign == given.sign:
        return wanted.same_value(given)  # "a third" and "a third of"
    if {wanted.dimension, given.dimension} == {"", "rate"}:
        return False  # three tablets are not three times a day
    if {wanted.dimension, given.dimension} == {"time", "rate"}:
        return is_interval(statement, wanted, given, source)
    if wanted.dimension != given.dimension and wanted.sign == given.sign:
        if {wanted.dimension, given.dimension} == {"", "share"} and is_part(wanted) != is_part(
            given
        ):
            return abs(wanted.low - given.low) < 0.006  # "two-thirds" and "67 %"
        if conversions.agree(wanted, given, f"{statement.lower} {source.lower}"):
            return True
    if given.dimension == f"{wanted.dimension}/volume" and _PER_LITRE.search(statement.lower):
        return wanted.sign == given.sign and number_of(wanted) == number_of(given)
    if _has_other_unit(statement, wanted, source):
        return False
    if not wanted.dimension and given.dimension and _is_number_of(wanted, given):
        thing = next_word(statement, wanted)
        if any(
            thing and thing == next_word(source, one) and not one.same_value(wanted)
            for one in source.quantities
            if not one.dimension
        ):
            return False  # "16 ounces (2 cups)" are not 16 cups
        return wanted.sign == given.sign or _allows_sign(statement, wanted, given, source)
    in_digits = given.text[:1].isdigit() or given.text[:1] in "-+−"
    if not given.dimension and wanted.dimension and in_digits and _is_number_of(given, wanted):
        # "6.6 days vs 10.92", "Weight (kg) 61.2"
        unit = re.sub(r"[\d.,·±+−–\s-]+", "", wanted.text)
        beside = any(one.dimension == wanted.dimension for one in source.quantities)
        is_age = (
            wanted.sign
            and wanted.dimension == "time"
            and _AGED_BEFORE.search(statement.lower[: wanted.begin])
        )
        if beside or is_age or f"({unit})" in source.text:
            return wanted.sign == given.sign
    if (
        wanted.dimension
        and not given.dimension
        and wanted.sign == given.sign
        and _takes_unit(wanted, given, source)
    ):
        return True
    if (
        given.high < 0 < wanted.low
        and not wanted.sign
        and any(
            sign < 0
            for clause in statement.clauses
            for _, sign in clause.directions.get("change", ())
        )
    ):  # "fell by 34 %" for "-34 %"
        given = replace(given, low=-given.low, high=-given.high)
    if _is_in_band(statement, wanted, given, source):
        return True
    if not wanted.same_value(given) or not _may_share_unit(wanted, given, source):
        return False
    return wanted.sign == given.sign or _allows_sign(statement, wanted, given, source)


def _has_other_unit(statement: Sentence, wanted: Quantity, source: Sentence) -> bool:
    """Whether a unit that is not known follows a number, and the source does not have it."""
    unit = _UNKNOWN_UNIT.match(statement.text, wanted.end) if not wanted.dimension else None
    return (
        unit is not None and unit["unit"] not in source.text and is_technical(unit["unit"].lower())
    )


def _is_in_band(statement: Sentence, wanted: Quantity, given: Quantity, source: Sentence) -> bool:
    """Whether a weight, an age or a kidney function falls into the band that the source is for."""
    if wanted.sign or wanted.low != wanted.high or (given.low == given.high and not given.sign):
        return False
    if given.dimension != wanted.dimension:
        return False
    text, before = statement.lower, statement.lower[max(0, wanted.begin - 40) : wanted.begin]
    theirs = source.lower[max(0, given.begin - 40) : given.begin]
    if wanted.dimension == "mass":
        is_own = is_weight(wanted)
    elif wanted.dimension == "time":
        is_own = bool(_AGED.match(text, wanted.start) or _AGED_BEFORE.search(before))
    else:
        is_own = bool(_KIDNEY.search(before) and _KIDNEY.search(theirs))
    # "A TSH of 2.0 is within the reference interval."
    is_own = is_own or (
        given.low < given.high
        and _IN_RANGE.search(text, wanted.end) is not None
        and _RANGE.search(source.lower) is not None
    )
    if not is_own:
        return False
    low = given.low if given.sign not in ("<", "<=") else float("-inf")
    high = given.high if given.sign not in (">", ">=") else float("inf")
    if given.dimension == "time" and not given.sign and given.high > 700.0:
        high += 364.0  # "2-5 years" ends with the sixth birthday
    strict = given.sign in ("<", ">") and wanted.low == given.low
    return low <= wanted.low <= high and not strict


def _bounds_too(wanted: Quantity, given: Quantity) -> bool:
    """Whether the source has a bound of its own in the direction of the statement's."""
    return wanted.sign[:1] == given.sign[:1] and dimension(wanted) == dimension(given)


def _is_end(given: Quantity, source: Sentence) -> bool:
    """Whether a source calls a value a limit, without a sign: "Maximum in 24 hours: 4 g"."""
    return _END_NEAR.search(source.lower[: given.begin]) is not None


def _lies_within(wanted: Quantity, given: Quantity) -> bool:
    """Whether a value of the source lies clearly on the side of a bound: 8 and "more than 6"."""
    if given.sign or dimension(wanted) != dimension(given) or not dimension(wanted):
        return False
    if given.dimension == "rate" and PLAIN_RATE.match(given.text.lower()):
        return False  # the "a day" of an amount
    if wanted.dimension == "time" and wanted.sign == "<=":
        # "Until 2 hours before" is not "up to 6 hours before", but "1 to 6" is.
        return given.low < given.high and given.high == wanted.low
    if wanted.sign in (">", ">="):
        return given.low > wanted.high
    return wanted.sign in ("<", "<=") and given.high < wanted.low


def _takes_unit(wanted: Quantity, given: Quantity, source: Sentence) -> bool:
    """Whether a bare number has the unit of another one: "within 72 hours, ideally within 24"."""
    if wanted.dimension == "mass/area" and _BMI.search(source.lower):
        return _is_number_of(given, wanted)
    unit = re.sub(r"[^a-z%]+", "", wanted.text.lower())
    after = source.lower[given.end : given.end + 40]
    if unit and re.match(rf"\s?\([^)]*\)\s{re.escape(unit)}", after):  # "54.3 (SD 8.1) years"
        return _is_number_of(given, wanted)
    if wanted.dimension not in ("time", "share") or not _ELLIPTIC.match(after):
        return False
    for one in source.quantities[:MOST_AMOUNTS]:
        number = number_of(one)
        if one.dimension == wanted.dimension and one.low == one.high and number > 0:
            size = one.low / number
            if wanted.same_value(replace(given, low=given.low * size, high=given.high * size)):
                return True
    return False


def _may_share_unit(wanted: Quantity, given: Quantity, source: Sentence) -> bool:
    """Whether two quantities of one value may have one unit that only one of them is given."""
    if wanted.dimension == given.dimension or not wanted.dimension:
        return True
    # A bare number may lack the unit that a column gives it.
    bare = not given.dimension and wanted.dimension not in ("time", "rate")
    return bare and is_row(source.text)


def _allows_sign(statement: Sentence, wanted: Quantity, given: Quantity, source: Sentence) -> bool:
    """Whether a quantity of the source may be said with another comparator."""
    if wanted.dimension in ("time", "clock"):
        # "Within a year", "in under twelve months" and "in the first year" are one.
        senses = sense_of(statement, wanted), sense_of(source, given)
        if all(senses) and ("from" in senses) == (senses == ("from", "from")):
            is_short = wanted.dimension == "time" and wanted.high < _THREE_YEARS
            return is_short or not (wanted.sign and given.sign)
    if {wanted.sign, given.sign} == {"", ">"} and any(
        map(_is_over, *zip((statement, wanted), (source, given), strict=True))
    ):
        return True
    if (wanted.sign, given.sign) in ((">", "<="), (">=", "<=")) and any(
        one.start <= given.start < one.end and _DENIED.search(source.lower[one.start : given.begin])
        for one in source.clauses
    ):
        return True  # "cannot be done within four hours" takes more
    if wanted.sign == ">=" and LIVED.match(source.lower, given.end):
        return True  # "five-year survival"
    for one, sentence, other in ((wanted, statement, given), (given, source, wanted)):
        if one.sign == ">=" and not other.sign and sentence.lower.startswith("from", one.begin):
            return True  # "screened from 50" and "screening starts at 50"
        before = sentence.lower[max(0, one.begin - 10) : one.begin]
        if not one.sign and other.sign == "<=" and before.endswith(" to "):
            return True  # "raised to 25 mg" and "up to 25 mg"
    cell = _cell(source.text, given)
    return (
        (wanted.sign == "<=" and _UPPER.match(cell) is not None)
        or (wanted.sign == ">=" and _LOWER.match(cell) is not None)
        or (
            not wanted.sign
            and given.sign in ("<=", ">=")
            and _LIMIT.search(source.text) is not None
            and _LIMIT.search(statement.text) is not None
        )
    )


def _is_over(sentence: Sentence, quantity: Quantity) -> bool:
    """Whether "over 26 weeks" may say how long something takes, and not that it takes more."""
    is_age = _AGED_BEFORE.search(f"{sentence.lower[: quantity.begin]} ") is not None
    is_long = quantity.dimension == "time" and quantity.high >= 366.0
    is_more = _FOR.search(sentence.lower[: quantity.begin]) is not None
    return sentence.lower.startswith("over ", quantity.begin) and not (
        is_age or is_long or is_more or quantity.dimension not in ("", "time")
    )


def _gives_both_ends(statement: Sentence, wanted: Quantity, given: Sequence[Given]) -> bool:
    """Whether one gives the ends of a range on their own: "from 5 (SD 1) to 7 (SD 2)"."""
    if len(given) > MOST_AMOUNTS:
        return False
    if wanted.low == wanted.high:
        pairs = [
            (one, wanted) if one.low < wanted.low else (wanted, one)
            for one in statement.quantities
            if one is not wanted and not one.same_value(wanted)
        ]
        return any(
            range_.low < range_.high
            and not range_.sign
            and not _falls(statement, high, low)
            and low.sign in ("", ">=")
            and high.sign in ("", "<=")
            and (high.dimension == range_.dimension or not high.dimension)
            and (
                range_.same_value(replace(low, high=high.high))
                or (not low.dimension and numbers_in(range_.text) == (low.low, number_of(high)))
            )
            for range_, _ in given
            for low, high in pairs
        )
    ends = [replace(wanted, low=end, high=end) for end in (wanted.low, wanted.high)]
    for sentence in {id(one): one for _, one in given}.values():
        for first, second in pairwise(sentence.quantities):
            falls = _falls(sentence, first, second) and _FROM.search(
                statement.lower[: wanted.begin]
            )
            if falls and ends[1].same_value(first) and ends[0].same_value(second):
                return False  # "from 9 % to 6 %"
    return all(any(end.same_value(one) for one, _ in given) for end in ends)


def _falls(sentence: Sentence, high: Quantity, low: Quantity) -> bool:
    """Whether a sentence says that something goes from one quantity to another."""
    return sentence.lower[high.end : low.begin].strip() in ("to", "down to", "up to")


def _is_number_of(bare: Quantity, measured: Quantity) -> bool:
    """Whether a number without a unit is the number of a quantity with one."""
    numbers = numbers_in(measured.text)
    return numbers in ((bare.low,), (bare.low, bare.high))


def _reason(wanted: Quantity, given: Sequence[Quantity]) -> str:
    """What the source says instead of a quantity, in words."""
    said_as = f"{_SIGN_WORDS[wanted.sign]}{wanted.text}"
    digits = re.sub(r"[^\d.]", "", wanted.text)
    alike = [
        one
        for one in given
        if one.dimension == wanted.dimension
        or one.same_value(wanted)
        or re.sub(r"[^\d.]", "", one.text) == digits
    ]
    if not alike:
        return f"the source does not give {said_as}"
    best = min(alike, key=lambda q: (not q.same_value(wanted), q.dimension != wanted.dimension))
    return f"the source says {_SIGN_WORDS[best.sign]}{best.text}, not {said_as}"


def _cell(text: str, quantity: Quantity) -> str:
    """What stands before a quantity in its cell of a table or its part of a list."""
    start = max(text.rfind(mark, 0, quantity.start) + len(mark) for mark in ("; ", ", "))
    return text[start if start > 1 else 0 : quantity.start]
