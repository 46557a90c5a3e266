"""Read quantities from text: value, range, comparator, unit, rate, in canonical units.

"1,000 mg", "1 g" and "a thousand milligrams" are equal; "50 mcg" and "50 mg" are not. How often
something is done is a quantity too: "twice daily", "every 12 hours" and "2 times a day" are equal.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .comparators import comparator
from .numbers import (
    ORDINAL,
    WORD_NUMBER,
    Number,
    first_value,
    is_in_name,
    next_number,
    ordinal,
    power_in,
)  # fmt: skip
from .rates import DONE, rates
from .units import Unit, days_in, unit_after, unit_named

_KEPT = "½¼¾⅓⅔⅛µμ⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺"  # each says something that its plain form does not
_PLAIN = {**dict.fromkeys("−‐‑‒", "-"), "İ": "I", "ı": "i"}
_YEAR = days_in("year")
_SPREAD = re.compile(r"\s?(?:±|\+/-|\+-)\s?\d+(?:[.·]\d+)?")
_RANGE_JOINT = re.compile(
    r"(?:(?<=\d)(?:[-–—]\s?|\s[-–—]\s)|(?<=[^\d\s])\s?[-–—]\s?|\s(?:to|and|through|or)\s)"
    r"(?=[\d.·a-z+−])",
    re.I,
)
_CALENDAR = re.compile(r"(?:19|20)\d\d")
_AND = re.compile(r"\s?(?:and|or|vs\.?|versus|,|/|against|compared with)\s?(?:and |or )?", re.I)
_IN_EVERY = re.compile(
    r"-in-|\s(?:(?:[a-z]+\s)?in|(?:[\w-]+\s){0,3}(?:in|for|of|out of|among) every|out of"
    r"|(?:[\w.-]+\s){0,4}per)\s|:",
    re.I,
)
_OF_EVERY = re.compile(r"\b(?:for|of|in|out of|among) (?:every|each)\s+$|\bper\s+$", re.I)
_SOME_WORDS = re.compile(r"[a-z\s,'’-]{1,50}", re.I)
_PART = re.compile(r"(?:half|third|quarter|fifth|tenth)s? (?:of|that|the)", re.I)
_ARTICLE = re.compile(
    r"(?<!times )\b(?:(?:an?|one|another|(?:the )?first)|(?:an? )?(?:further|extra|additional|full"
    r"|whole|single)) (?P<unit>minute|hour|day|week|fortnight|month|year|decade"
    r"|litre|liter|gram|gramme|kilogram|kilo|milligram|microgram|millilitre|pint)\b",
    re.I,
)
_AND_A_HALF = re.compile(
    r"\b(?:an?|one) (?P<unit>minute|hour|day|week|month|year|litre) and a half\b", re.I
)
_FEW = re.compile(
    r"\b(?:(?:a )?few|several|some) (?P<unit>seconds|minutes|hours|days|weeks|months|years)\b", re.I
)
_ORDINAL = re.compile(
    rf"(?<!every )(?<!each )\b(?P<nth>{ORDINAL})[ -](?P<unit>hour|day|week|month|year)s?\b", re.I
)
_SHORT = re.compile(  # "for 6/52" is 6 weeks
    r"\b(?<=for |ery |ter |til |ver |hin |ext |ast |on: )"
    r"(?:(?P<n>\d{1,2})[-–])?(?P<n2>\d{1,2})/(?P<of>7|52|12)\b"
    r"(?! [a-z]*(?:patient|people|wom|men|child))"
    r"|(?<=\bin )(?P<n3>\d{1,2})/(?P<of3>52|12)\b(?! \w*(?:patient|people|wom|men|child))",
    re.I,
)
_SHORT_OF = {"7": 1.0, "52": 7.0, "12": days_in("month")}
_POINT = re.compile(
    r"(?<!\S)(?P<word>\S*)\s*\b(?P<unit>day|week|month|year|hour|minute)s?[ -]$", re.I
)
_NO_POINT = frozenset(
    {"a", "an", "per", "each", "every", "few", "several", "half", "once", "twice"}
)
_EITHER_SIDE = re.compile(r"(?:\A|[^\d\s]\s*|\s)±\s?$")
_ONE_OR_TWO = re.compile(
    r"(?<!times )\ban? (?P<unit>minute|hour|day|week|month|year) or two\b", re.I
)
_AGE = re.compile(
    r"\b(?:age|ages|aged|age of|age is)(?:\s+(?:over|under|above|below|from|between|of))?\s+$",
    re.I,
)
_AGED = re.compile(
    r"\b(?:ages?|aged|age of|age is|anyone|people|persons|those|children|child|adults?|patients"
    r"|women|men|girls|boys|infants|babies)"
    r"(?:\s+(?:who are|aged?))?"
    r"(?:\s+(?:over|under|above|below|from|at least|up to|older than|younger than|between|of))?"
    r"\s+$",
    re.I,
)
_NO_AGE = re.compile(r"\s?(?:%|per|of\b|kg|[a-z]+/)")
_OVER = re.compile(
    r"(?<!for )(?<!last )(?<!lasts )(?<!lasting )(?<!lasted )(?<!of )(?<!if )(?<!is )(?<!are )"
    r"\bover\s+(?:the\s+)?$",
    re.I,
)
_COUNTED = re.compile(rf"\b(?:{DONE})\b|[x×]|once|twice|thrice|every|each|hourly", re.I)
_OF = re.compile(r"\b(?:of|with)\s+$", re.I)
_BETWEEN = re.compile(
    r"\bbetween\s+(?:(?:about|around|approximately|roughly|the )?\s?"
    r"(?:ages?|days|weeks|months|years)?\s?(?:of)?\s?)?$",
    re.I,
)
_VOLUME_IN = re.compile(r"volume in (?:the first )?$")
_SMALLER_UNIT = {
    "year": "month", "yr": "month", "week": "day", "day": "hour", "hour": "minute", "h": "min",
    "hr": "min", "minute": "second", "min": "sec", "stone": "pound", "foot": "inch",
    "feet": "inche", "ft": "in",
}  # fmt: skip
_COMPOUND = re.compile(r"\s?(?:and\s|,\s)?", re.I)
_CLOCK = re.compile(
    r"\b(?P<hour>[01]?\d|2[0-3])(?:[:.](?P<minute>[0-5]\d))?\s?(?P<half>a\.?m\b\.?|p\.?m\b\.?)"
    r"|\b(?P<hour2>[01]\d|2[0-3]|(?<=until )\d|(?<=at )\d):(?P<minute2>[0-5]\d)\b(?![:\d])",
    re.I,
)
_OVERS = re.compile(
    rf"\b(?P<sign>over|under|above|below)[ -](?P<age>\d{{1,2}}|{WORD_NUMBER})s\b(?! to\b)", re.I
)
_GESTATION = re.compile(r"\b(?P<weeks>[1-4]\d)\+(?P<days>[0-6])\b(?:\s?(?:weeks?|wks?|w)\b)?")
_DECADE = re.compile(r"\b(?:their|his|her|early|mid|late)[ -](?P<age>[2-9]0)s\b", re.I)
_WINDOW = 50  # characters before a quantity that may say what it is
_IMPERIAL = re.compile(
    r"\b(?:feet|foot|ft|inch|inches|miles?|pounds?|lbs?|ounces?|oz|stone|pints?|fl)\b", re.I
)


# Lengths of months and the like are not exact, nor are parts in words.
_INEXACT = frozenset({"time", "rate", "temperature", "pressure", "energy"})
_LETTERS = re.compile(r"[^a-z]+", re.I)
_EXACT = re.compile(
    r"(?!.*\d in )[^a-z]*\d.*|(?!half|.*(?:third|quarter|fifth| in )).*", re.I | re.S
)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A quantity in a text.

    Attributes:
        begin: character offset with the comparator before it.
        start, end: character offsets, with the unit.
        text: as it is written.
        low, high: in the base units of the dimension; equal unless it is a range.
        dimension: "mass", "mass/volume", "time", "share", "rate" (times per day) …; "" for a bare
            number.
        sign: "", "<", "<=", ">" or ">=".
    """

    begin: int
    start: int
    end: int
    text: str
    low: float
    high: float
    dimension: str
    sign: str = ""

    def same_value(self, other: Quantity) -> bool:
        """Tell whether both have the same value or range, whatever the comparators.

        Units may differ within a dimension: 1 g is 1,000 mg. A bare number has the value of a
        quantity with the same number of base units, since the unit may stand elsewhere.
        """
        if self.dimension and other.dimension and self.dimension != other.dimension:
            return False
        inexact = self.dimension in _INEXACT or not (
            _EXACT.fullmatch(self.text) and _EXACT.fullmatch(other.text)
        )
        if self.dimension == "time" and _LETTERS.sub("", self.text) == _LETTERS.sub("", other.text):
            inexact = False  # 730 days are not 731
        if _close(self, other, 0.004 if inexact else 1e-6):
            return True
        if self.dimension == other.dimension == "temperature":
            return all(
                abs(a - b) < 0.3 for a, b in ((self.low, other.low), (self.high, other.high))
            )
        # "6 feet" is said for 2 m.
        rough = _IMPERIAL.search(self.text) or _IMPERIAL.search(other.text)
        return rough is not None and _close(self, other, 0.06)

    def equals(self, other: Quantity) -> bool:
        """Tell whether both mean the same."""
        return (
            self.dimension == other.dimension and self.sign == other.sign and self.same_value(other)
        )


def quantities(text: str) -> list[Quantity]:
    """The quantities of a text, in order. Numbers within words and names ("B12") are left out."""
    plain = _plain(text)
    often = rates(plain)
    loose = _loose(plain)
    taken = [(one.start, one.end) for one in often] + [(one.start, one.end) for one in loose]
    found = _counted(plain, taken) + loose
    found = _shares(plain, _shared_units(plain, found))
    taken += [(one.start, one.end) for one in found]
    found += _articles(plain, taken)
    found += [_quantity(plain, *one, "rate") for one in often]
    found.sort(key=lambda one: one.start)
    found = _compounds(plain, found)
    return found if plain is text else [replace(q, text=text[q.start : q.end]) for q in found]


def _loose(plain: str) -> list[Quantity]:
    """Times that have no plain number: "a few days", "an hour and a half", "the third week"."""
    found = []
    for one in _ONE_OR_TWO.finditer(plain):
        size = days_in(one["unit"])
        found.append(_quantity(plain, *one.span(), size, 2.0 * size, "time"))
    for one in _FEW.finditer(plain):
        size = days_in(one["unit"])
        found.append(_quantity(plain, *one.span(), 2.0 * size, 9.0 * size, "time"))
    for one in _AND_A_HALF.finditer(plain):
        if unit := unit_named(one["unit"]):
            size = 1.5 * unit.size
            found.append(_quantity(plain, *one.span(), size, size, unit.dimension))
    for one in _ORDINAL.finditer(plain):
        if ordinal(one["nth"]) > 1.0:
            size = ordinal(one["nth"]) * days_in(one["unit"])
            found.append(_quantity(plain, *one.span(), size, size, "time"))
    for one in _GESTATION.finditer(plain):
        size = 7.0 * float(one["weeks"]) + float(one["days"])
        found.append(_quantity(plain, *one.span(), size, size, "time"))
    for one in _OVERS.finditer(plain):
        size = (first_value(one["age"]) or 0.0) * _YEAR
        sign = ">" if one["sign"].lower() in ("over", "above") else "<"
        found.append(Quantity(one.start(), *one.span(), one[0], size, size, "time", sign))
    for one in _DECADE.finditer(plain):
        size = float(one["age"]) * _YEAR
        found.append(Quantity(one.start(), *one.span(), one[0], size, size + 9 * _YEAR, "time"))
    for one in _CLOCK.finditer(plain):
        time = _clock(one)
        found.append(_quantity(plain, *one.span(), time, time, "clock"))
    for one in _SHORT.finditer(plain):
        size = _SHORT_OF[one["of"] or one["of3"]]
        high = float(one["n2"] or one["n3"])
        low = float(one["n"] or high)
        found.append(_quantity(plain, *one.span(), low * size, high * size, "time"))
    return found


def _clock(one: re.Match[str]) -> float:
    """The hours of a time of the day."""
    hour = float(one["hour"] or one["hour2"]) + float(one["minute"] or one["minute2"] or 0) / 60
    if one["half"]:
        hour = hour % 12.0 + 12.0 * (one["half"][0].lower() == "p")
    return hour or 24.0


def _plain(text: str) -> str:
    """The text, character for character, with plain digits, letters, dashes and spaces."""
    return text if text.isascii() else "".join(map(_plain_character, text))


def _plain_character(char: str) -> str:
    """The plain form of a character, if it is one character."""
    if char in _KEPT:
        return char
    folded = _PLAIN.get(char) or unicodedata.normalize("NFKC", char)
    return folded if len(folded) == 1 else char


def _before(plain: str, start: int) -> str:
    """The text right before a character."""
    return plain[max(0, start - _WINDOW) : start]


def _counted(plain: str, taken: Sequence[tuple[int, int]]) -> list[Quantity]:
    """The numbers with their units that are no part of a rate."""
    found = []
    at = 0
    while number := next_number(plain, at):
        at = number.end
        if _overlaps(number, taken) or is_in_name(plain, number):
            continue
        if spread := _SPREAD.match(plain, at):  # "5.9 ± 0.5 %"
            at = spread.end()
        unit, end = unit_after(plain, at)
        one = _range(plain, number, unit, end, taken) or _measured(
            plain, number.start, end, number.value, number.value, unit
        )
        at = max(at, one.end)
        if _EITHER_SIDE.search(_before(plain, number.start)) and one.low == one.high:
            one = replace(one, low=-one.high, sign="")  # "±2" is "-2 to +2"
        if not _VOLUME_IN.search(_before(plain, one.start)):  # a name of a lung function
            found.append(one)
    return found


def _overlaps(number: Number, taken: Sequence[tuple[int, int]]) -> bool:
    """Whether a number lies within one of the spans."""
    return any(number.start < end and number.end > start for start, end in taken)


def _range(
    plain: str, first: Number, unit: Unit | None, end: int, taken: Sequence[tuple[int, int]]
) -> Quantity | None:
    """The range that begins with a number: "5 to 10 mg", "between 5 and 10 mg"."""
    joint = _RANGE_JOINT.match(plain, end)
    second = next_number(plain, joint.end()) if joint else None
    if not joint or not second or second.start != joint.end():
        return None
    word = joint[0].strip().lower()
    between = word == "and" and _BETWEEN.search(_before(plain, first.start))
    either = word == "or" and first.value % 1 == 0 and second.value == first.value + 1
    if (word in ("and", "or") and not between and not either) or _overlaps(second, taken):
        return None
    last, after = unit_after(plain, second.end)
    if is_in_name(plain, second) or (unit and last and unit.dimension != last.dimension):
        return None
    low = first.value
    power = power_in(plain[second.start : second.end])
    if power and not power_in(plain[first.start : first.end]):
        low *= power  # "0.5 to 1.0 × 10⁹/L"
    own, last = unit or last, last or unit
    low *= own.size if own else 1.0
    high = second.value * (last.size if last else 1.0)
    if high <= low:
        return None
    return _measured(plain, first.start, after, low, high, last, scaled=True)


def _measured(
    plain: str, start: int, end: int, low: float, high: float, unit: Unit | None,
    *, scaled: bool = False,
) -> Quantity:  # fmt: skip
    """A number or range with its unit; a bare one may be an age in years."""
    dimension = unit.dimension if unit else ""
    if unit and not scaled:
        low, high = low * unit.size, high * unit.size
    if dimension == "fahrenheit":
        dimension, low, high = "temperature", (low - 32) / 1.8, (high - 32) / 1.8
    if not dimension and 0 < high <= 120:
        size = _YEAR if _is_age(plain, start, end) else _point(plain, start)
        if size:
            dimension, low, high = "time", low * size, high * size
    return _quantity(plain, start, end, low, high, dimension)


def _quantity(
    plain: str, start: int, end: int, low: float, high: float, dimension: str
) -> Quantity:
    """A quantity with the comparator that stands at it."""
    sign, begin = comparator(plain, start, end)
    if low < high and plain[begin : begin + 6].lower().startswith(("from", "within", "inside")):
        sign, begin = "", start  # "from age 50 to 74", "within 2.0-3.0"
    is_short = dimension == "time" and (high < 7.0 or low < high)
    if sign == ">" and is_short and _OVER.search(_before(plain, start)):
        sign = ""  # "infused over 20 minutes" says how long
    if dimension == "rate" and not _COUNTED.search(plain[start:end]):
        sign = ""  # in "100 mg a day or less" it belongs to the amount
    return Quantity(begin, start, end, plain[start:end], low, high, dimension, sign)


def _point(plain: str, start: int) -> float:
    """The length in days of the unit before a number such as that of "week 12", or 0."""
    found = _POINT.search(_before(plain, start))
    if not found:
        return 0.0
    word = found["word"].lower()
    is_counted = word in _NO_POINT or first_value(word) is not None
    return 0.0 if is_counted else days_in(found["unit"])


def _is_age(plain: str, start: int, end: int) -> bool:
    """Whether a bare number after "aged" or "people under" is an age in years."""
    before = _before(plain, start)
    if _AGE.search(_before(plain, comparator(plain, start, end)[1])):
        return True  # "age ≥ 75"
    if not _AGED.search(before):
        return False
    if _AGE.search(before):
        return True
    return (
        bool(comparator(plain, start, end)[0])
        and not _NO_AGE.match(plain, end)
        and not _OF.search(before)
    )


def _shares(plain: str, found: Sequence[Quantity]) -> list[Quantity]:
    """The quantities, with "one in four" and "half of" as shares."""
    out: list[Quantity] = []
    for one in found:
        before = out[-1] if out else None
        if before and not one.dimension and not before.dimension and _is_share(plain, before, one):
            some, of = sorted((before, one), key=lambda q: q.low)
            out[-1] = replace(
                before, end=one.end, text=plain[before.start : one.end],
                low=some.low / of.low, high=some.high / of.low, dimension="share",
            )  # fmt: skip
        elif not one.dimension and one.low < 1.0 and _PART.search(one.text):
            out.append(replace(one, dimension="share"))
        else:
            out.append(one)
    return out


def _is_share(plain: str, first: Quantity, second: Quantity) -> bool:
    """Whether two numbers are a share: "one in four", "2 per 1000", "of every hundred, three"."""
    if first.low < 0.0:
        return False
    if _OF_EVERY.search(_before(plain, first.start)) and _is_power(first.low):
        words = plain[first.end : second.start]
        return second.high < first.low and _SOME_WORDS.fullmatch(words) is not None
    joint = _IN_EVERY.fullmatch(plain, first.end, second.start)
    if not joint or second.low != second.high or first.high >= second.low:
        return False
    word = joint[0].strip().lower()
    if _is_power(second.low):
        return word != ":" or first.low == 1.0
    if word == ":" or word.endswith("per"):
        return False
    if " " in word and not word.endswith("every") and word != "out of":  # "one woman in eight"
        return first.low == first.high == 1.0 and second.low < 1000
    return first.low == first.high <= 10 and second.low < 1000


def _is_power(value: float) -> bool:
    """Whether a number is 100, 1000 … of which shares are given."""
    return value in (1e2, 1e3, 1e4, 1e5, 1e6)


def _shared_units(plain: str, found: Sequence[Quantity]) -> list[Quantity]:
    """The quantities, with the unit of "12 and 24 months" for the first one too."""
    out: list[Quantity] = []
    for one in reversed(found):
        after = out[-1] if out else None
        value = first_value(after.text) if after else None
        if (
            after
            and value
            and after.dimension not in ("", "rate")
            and not one.dimension
            and not _CALENDAR.fullmatch(one.text)
            and _AND.fullmatch(plain, one.end, after.start)
        ):
            size = after.low / value
            one = replace(one, low=one.low * size, high=one.high * size, dimension=after.dimension)
        out.append(one)
    return out[::-1]


def _compounds(plain: str, found: Sequence[Quantity]) -> list[Quantity]:
    """The quantities, with "two years and one month" as one of 25 months."""
    out: list[Quantity] = []
    for one in found:
        before = out[-1] if out else None
        if (
            before
            and before.dimension == one.dimension
            and _ends_with(before.text) in _SMALLER_UNIT
            and _ends_with(one.text) == _SMALLER_UNIT[_ends_with(before.text)]
            and before.low == before.high
            and not one.sign
            and _COMPOUND.fullmatch(plain, before.end, one.start)
            and 0 < one.high < before.high
        ):
            out[-1] = replace(
                before, end=one.end, text=plain[before.start : one.end],
                low=before.low + one.low, high=before.high + one.high,
            )  # fmt: skip
        else:
            out.append(one)
    return out


def _ends_with(text: str) -> str:
    """The first letters of the last word of a quantity: its unit."""
    words = re.findall(r"[a-z]+", text.lower())
    return words[-1].removesuffix("s") if words else ""


def _articles(plain: str, taken: Sequence[tuple[int, int]]) -> list[Quantity]:
    """ "A week after", "an hour later": one of the unit, unless it is a rate."""
    return [
        _quantity(plain, *one.span(), unit.size, unit.size, unit.dimension)
        for one in _ARTICLE.finditer(plain)
        if not any(one.start() < end and one.end() > start for start, end in taken)
        and (unit := unit_named(one["unit"]))
    ]


def _close(one: Quantity, other: Quantity, share: float) -> bool:
    """Whether the ends of two ranges differ by at most a share of the larger one."""
    return all(
        abs(a - b) <= share * max(abs(a), abs(b))
        for a, b in ((one.low, other.low), (one.high, other.high))
    )
