"""Read how often something is done: "twice daily", "every 12 hours" and "b.d." are one rate."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from .numbers import ORDINAL, WORD_NUMBER, first_value, ordinal
from .units import UNIT_NAME, days_in

_LATIN = {
    "od": 1.0, "o.d.": 1.0, "qd": 1.0, "q.d.": 1.0,
    "bd": 2.0, "b.d.": 2.0, "bid": 2.0, "b.i.d.": 2.0,
    "tds": 3.0, "t.d.s.": 3.0, "tid": 3.0, "t.i.d.": 3.0,
    "qds": 4.0, "q.d.s.": 4.0, "qid": 4.0, "q.i.d.": 4.0,
}  # fmt: skip
_TIMES = {"once": 1.0, "twice": 2.0, "thrice": 3.0}
# Lengths in days.
_PERIODS = {
    "day": 1.0, "night": 1.0, "morning": 1.0, "evening": 1.0, "week": 7.0, "fortnight": 14.0,
    "month": 365.25 / 12, "year": 365.25, "annum": 365.25, "hour": 1 / 24, "minute": 1 / 1440,
    "hr": 1 / 24, "h": 1 / 24, "min": 1 / 1440,
}  # fmt: skip
_ADVERBS = {
    "daily": 1.0, "nightly": 1.0, "hourly": 1 / 24, "weekly": 7.0, "fortnightly": 14.0,
    "monthly": 365.25 / 12, "quarterly": 365.25 / 4, "yearly": 365.25, "annually": 365.25,
    "annual": 365.25, "biannual": 365.25 / 2, "biannually": 365.25 / 2, "mane": 1.0, "nocte": 1.0,
    "hrly": 1 / 24,
}  # fmt: skip

_NUM = rf"(?:\d+(?:\.\d+)?|{WORD_NUMBER})"
_PERIOD = (
    r"days?|nights?|mornings?|evenings?|weeks?|fortnights?|months?|years?|hours?|hrs?|minutes?"
    r"|mins?"
)
DONE = (  # what is done or given so many times
    r"times?|doses?|feeds?|meals?|applications?|injections?|infusions?|sessions?|visits?"
    r"|treatments?|occasions?|administrations?|checks?"
)
_PART = r"half(?:[ -]an)?|quarter of an"
_TIMES_A_DAY = (
    rf"(?:once|twice|thrice|(?P<n>{_NUM})(?:\s?(?:-|–|to|or)\s?(?P<n2>{_NUM}))?"
    rf"(?:\s+(?:{DONE})|\s?[x×]))"
    r"(?:\s+(?:(?:in|over|within|during)\s+)?(?:an?|every|each|per|any|in|over|one)\s+"
    rf"(?:(?P<span>{_NUM})[\s-])?(?P<period>{_PERIOD}|24\s?h(?:ours?)?)"
    r"|[\s-]+(?P<adverb>daily|nightly|weekly|monthly|yearly|annually|hourly)"
    r"|\s?/\s?(?P<slashed>24\s?h(?:ours?)?|d(?:ay)?|wk|week|month|year)\b)"
)
_EVERY = (
    rf"(?:every|each)\s+(?:(?P<many>{_PART}|{ORDINAL}|{_NUM})(?:\s?(?:-|–|to)\s?(?P<many2>{_NUM}))?[\s-]+)?"
    rf"(?P<unit>{_PERIOD}|h\b)"
)
_24_HOURS = r"(?:any |each |a |every )?24[ -]hours?(?: period)?\b"
_SLASH = r"24\s?h(?:ours?|r)?|d(?:ay)?|h(?:our|r)?|min(?:ute)?|wk|week|month|yr|year"
_GIVEN = re.compile(rf"\d\s?(?:{UNIT_NAME})(?: of [a-z]+)?\s$", re.I)
_WINDOW = 50  # characters before a rate that may say that it is none
_A_TIME_AFTER = re.compile(
    r"\s+(?:after|before|later|earlier|ago|or (?:two|so|more)|old|apart)\b", re.I
)
_A_TIME_BEFORE = re.compile(
    r"(?:^|[,;.(:]"
    r"|\b(?:at|for|in|within|after|about|around|of|than|once|over|only|by|takes?|taking|took|until"
    r"|lasts?|lasted|least|most|to|as|inside|till|beyond|past|above|nearly|almost|roughly"
    r"|approximately|under|another|half|is|was|be|on|and|or|before|every|during"
    r"|from|with|quite|such|what|up))\s*$",
    re.I,
)


class Rate(NamedTuple):
    """How often something is done: character offsets, and times per day, lowest and highest."""

    start: int
    end: int
    low: float
    high: float


def rates(text: str) -> list[Rate]:
    """How often things are done, in the order of the text."""
    found = []
    for one in _RATE.finditer(text):
        low, high = _READERS[str(one.lastgroup)](text, one)
        if low > 0.0:
            found.append(Rate(*one.span(), low, high))
    return found


_Range = tuple[float, float]  # times per day, lowest and highest
_NO_RATE = (0.0, 0.0)


def _once_in(days: float, most: float | None = None) -> _Range:
    """Once in so many days, or in up to `most` days."""
    most = days if most is None else most
    return (1.0 / most, 1.0 / days) if days and most else _NO_RATE


def _number(words: str | None, default: float = 1.0) -> float:
    """The number that words begin with."""
    if words and (part := words.lower()).startswith(("half", "quarter")):
        return 0.5 if part.startswith("half") else 0.25
    if words and re.fullmatch(ORDINAL, words, re.I):
        return ordinal(words)
    value = first_value(words) if words else None
    return default if value is None else value


def _before(text: str, one: re.Match[str]) -> str:
    """The text right before a rate."""
    return text[max(0, one.start() - _WINDOW) : one.start()]


def _latin(text: str, one: re.Match[str]) -> _Range:
    """ "b.d." """
    rate = _LATIN[one["latin"].lower()]
    return rate, rate


def _every_so_many_hours(text: str, one: re.Match[str]) -> _Range:
    """ "q8h" """
    days = days_in(one["hour"])
    return _once_in(float(one["hours"]) * days, float(one["hours2"] or one["hours"]) * days)


def _times(text: str, one: re.Match[str]) -> _Range:
    """ "twice daily", "3 to 4 times a day" """
    if re.search(r"\d[,. ]$", _before(text, one)):
        return _NO_RATE  # the end of "12 500 doses in a month"
    word = re.split(r"[\s-]", one["times"].lower())[0]
    count = _TIMES.get(word) or _number(one["n"])
    most = _number(one["n2"], count)
    days = 1.0
    if period := one["period"]:
        days = 1.0 if period.startswith("24") else _period(period)
        days *= _number(one["span"])
    elif one["adverb"]:
        days = _ADVERBS[one["adverb"].lower()]
    elif one["slashed"] and not one["slashed"].startswith("24"):
        days = days_in(one["slashed"])
    return (count / days, most / days) if days else _NO_RATE


def _every_other(text: str, one: re.Match[str]) -> _Range:
    """ "every other day", "alternate days" """
    return _once_in(2.0 * _period(one["other"] or one["others"]))


def _every(text: str, one: re.Match[str]) -> _Range:
    """ "every 6 to 8 hours" """
    days = _period(one["unit"])
    many = _number(one["many"])
    return _once_in(days * many, days * _number(one["many2"], many))


def _intervals(text: str, one: re.Match[str]) -> _Range:
    """ "at 6-hour intervals", "at intervals of 6 hours" """
    return _once_in(_number(one["gap"] or one["gap2"]) * _period(one["gapu"] or one["gapu2"]))


def _hourly(text: str, one: re.Match[str]) -> _Range:
    """ "6-hourly" """
    days, many = _ADVERBS[one["every"].lower()], _number(one["hourly"])
    return _once_in(days * many, days * _number(one["hourly2"], many))


def _per_minute(text: str, one: re.Match[str]) -> _Range:
    """ "100 bpm" """
    return _once_in(1 / 1440)


def _adverb(text: str, one: re.Match[str]) -> _Range:
    """ "daily" """
    return _once_in(_ADVERBS[one["only"].lower()])


def _in_24_hours(text: str, one: re.Match[str]) -> _Range:
    """ "2 L in 24 hours"; "repeat in 24 hours" is none"""
    return (1.0, 1.0) if _GIVEN.search(_before(text, one)) else _NO_RATE


def _a_day(text: str, one: re.Match[str]) -> _Range:
    """ "500 mg a day"; "a day later" and "for a day" are times"""
    is_time = not one[0].lower().startswith("per") and _A_TIME_BEFORE.search(_before(text, one))
    if is_time or _A_TIME_AFTER.match(text, one.end()):
        return _NO_RATE if not _GIVEN.search(_before(text, one)) else _once_in(_period(one["a"]))
    return _once_in(_period(one["a"]))


def _slash(text: str, one: re.Match[str]) -> _Range:
    """ "500 mg/day" """
    if not re.search(r"[\w)]\s?$", _before(text, one)):
        return _NO_RATE
    name = re.sub(r"\s", "", one["per"])
    return _once_in(1.0 if name.startswith("24") else days_in(name))


def _inverse(text: str, one: re.Match[str]) -> _Range:
    """ "20 mg day⁻¹" """
    return _once_in(1.0 if one["ago"].startswith("24") else days_in(one["ago"]))


def _period(name: str) -> float:
    """The length in days of a period such as "weeks"."""
    return _PERIODS[name.lower().removesuffix("s")]


# Each way to say a rate, with what reads it. The name is that of the group around the pattern, so
# that `lastgroup` of a match tells which one it is.
_READERS: dict[str, Callable[[str, re.Match[str]], _Range]] = {
    "latin": _latin,
    "q": _every_so_many_hours,
    "times": _times,
    "alternate": _every_other,
    "each": _every,
    "intervals": _intervals,
    "sixhourly": _hourly,
    "bpm": _per_minute,
    "only": _adverb,
    "in24": _in_24_hours,
    "aday": _a_day,
    "slash": _slash,
    "inverse": _inverse,
}
_RATE = re.compile(
    r"(?<![\w.])(?:"
    r"(?P<latin>o\.d\.|q\.d\.|b\.d\.|b\.i\.d\.|t\.d\.s\.|t\.i\.d\.|q\.d\.s\.|q\.i\.d\."
    r"|\b(?:od|qd|bd|bid|tds|tid|qds|qid)\b)"
    r"|(?P<q>\bq\s?(?P<hours>\d+)(?:[-–](?P<hours2>\d+))?\s?(?P<hour>h|hr|hrs|hours?|d|days?)\b)"
    rf"|(?P<times>{_TIMES_A_DAY})"
    r"|(?P<alternate>every\s+other\s+(?P<other>day|night|week|month)"
    r"|(?:alternate|alternating)\s+(?P<others>days|nights|weeks))"
    rf"|(?P<each>{_EVERY})"
    rf"|(?P<intervals>(?:at\s+)?(?P<gap>{_NUM})[\s-](?P<gapu>hour|day|week|month|year)s?\s+intervals"
    rf"|(?:at\s+)?intervals\s+of\s+(?P<gap2>{_NUM})[\s-](?P<gapu2>hour|day|week|month|year)s?)"
    rf"|(?P<sixhourly>(?P<hourly>half|{_NUM})(?:\s?(?:-|–|to)\s?(?P<hourly2>{_NUM}))?[\s-]"
    r"(?P<every>hourly|hrly|weekly|monthly|yearly))"
    r"|(?P<bpm>bpm\b)"
    r"|(?P<only>daily|nightly|hourly|weekly|fortnightly|monthly|quarterly|yearly|annually|annual"
    r"|biannual(?:ly)?|mane|nocte)"
    r"\b(?!\s+(?:life|living|activit))"
    rf"|(?P<in24>(?<=[a-z] )(?:in|over|within|per) {_24_HOURS})"
    r"|(?P<aday>(?:an?|per)\s+(?P<a>day|night|week|month|year|annum|hour|minute)\b)"
    rf")|(?P<slash>/\s?(?P<per>{_SLASH})\b)"
    rf"|(?P<inverse>(?<=[a-z] )(?P<ago>{_SLASH})\s?\^?\s?[-⁻−][1¹](?!\d))",
    re.I,
)
