"""Quantities that follow from those of a source: shares of counts, sums, roundings, rates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from ...text.numbers import ORDINAL, ordinal
from ...text.quantities import Quantity
from .measures import MOST_AMOUNTS, dimension, is_part, last_place, next_word, number_of
from .sentences import Sentence
from .times import is_between_points

_OF_A_MINUTE = re.compile(r"\b(?:(?:heart|respiratory|ventricular|breathing) rate|pulse|l/min)\b")
_NIGHTLY = frozenset({"bedtime", "night", "morning", "evening"})
_DOSES = re.compile(r"\s(?:divided |separate |equal )?(?:doses|parts|portions|times)\b")
_OF_THEM = re.compile(r"\s+of (?:the|these|them)\b", re.I)
_NUMBERED = re.compile(rf"[A-Za-z-]+\d+|\b{ORDINAL}\b")
_ABOUT = re.compile(
    r"(?:(?P<less>nearly|almost|just under|not quite|a little under|close to)"
    r"|(?P<more>just over|a little over|slightly over|slightly more than|just above)"
    r"|about|around|roughly|approximately|some|circa|~|estimated|in the region of|or so)\s*$"
)
_MULTIPLES = (
    (re.compile(r"\b(?:halv(?:e|es|ed|ing)|half as (?:many|much)|by half|in half)\b"), 0.5, 0.5),
    (re.compile(r"\b(?:doubl(?:e|es|ed|ing)|twice|two-?fold)\b"), 2.0, 1.0),
    (re.compile(r"\b(?:tripl(?:e|es|ed|ing)|trebl(?:e|es|ed|ing)|three-?fold)\b"), 3.0, 2.0),
    (re.compile(r"\b(?:quadrupl(?:e|es|ed|ing)|four-?fold)\b"), 4.0, 3.0),
)
_MULTIPLE_AFTER = re.compile(r"-?fold| ?times| as ")
_MOST_COUNTS = 8
_ALL = frozenset({"all", "every", "everyone", "each"})
_IN_ALL = re.compile(r"\b(?:in all|in total|altogether|total of|combined|together)\b")
_RATIO = re.compile(
    r"\b(?:(?:hazard|risk|rate|odds|prevalence)s? ratio|relative risk|hr|rr|or)\b[^\d.;]{0,20}$"
)
_COMPARED_AFTER = re.compile(
    r"\s(?:shorter|longer|lower|higher|more|less|fewer|older|younger|later|earlier|greater|smaller"
    r"|heavier|lighter|taller|better|worse)\b"
)
_BY = re.compile(
    r"\b(?:by|difference (?:of|was)|difference between [^,;]* (?:of|was)) (?:about )?$"
)
_COUNTED = re.compile(r"\d|once|twice|times|doses|every|each|hourly|[xq]")


def is_about(statement: Sentence, wanted: Quantity, given: Quantity) -> bool:
    """Whether a statement rounds a value: "about a third" is 32 %, "roughly 46,000" 45,870."""
    text = statement.lower
    begin = wanted.begin
    about = _ABOUT.search(text[max(0, begin - 30) : begin])
    just = re.search(r"(?:just|a little|slightly)\s*$", text[max(0, begin - 10) : begin])
    if not about and not (just and wanted.sign):
        return False
    if dimension(wanted) != dimension(given) or given.sign or not wanted.low:
        return False
    if given.low != given.high or wanted.low != wanted.high or wanted.dimension == "rate":
        return False
    away = given.low - wanted.low
    less = wanted.sign.startswith("<") or (about is not None and about["less"] is not None)
    more = wanted.sign.startswith(">") or (about is not None and about["more"] is not None)
    if (less and away > 0) or (more and away < 0) or (wanted.sign and not just):
        return False
    if is_part(wanted):
        return abs(away) <= 0.035
    if wanted.dimension == "time" and abs(away) <= 0.1 * wanted.low:
        return True  # "about a month" are four weeks
    number = number_of(wanted)
    if not number:
        return False
    rounding = 0.5 * 10.0 ** last_place(number) * abs(wanted.low / number)
    return abs(away) <= min(rounding, 0.05 * abs(wanted.low))


def _multiples(sentence: Sentence) -> Iterator[tuple[float, float]]:
    """What "doubled" says of a sentence: the number of times, and the share that it rose by."""
    for words, times, share in _MULTIPLES:
        if words.search(sentence.lower):
            yield times, share


def _ratios(window: Sequence[Sentence]) -> Iterator[float]:
    """The hazard ratios, odds ratios and relative risks of a source."""
    for sentence in window:
        for one in sentence.quantities:
            if not one.dimension and _RATIO.search(sentence.lower[: one.start]):
                yield one.low


def _is_share_of(wanted: Quantity, counts: Sequence[float]) -> bool:
    """Whether a share is that of two numbers of the source: a half is 1,600 of 3,200."""
    is_rough = re.match(r"(?:one|1) (?:\w+ )?in ", wanted.text, re.I) is not None
    near = (
        0.02
        if is_part(wanted) and " in " not in wanted.text
        else 0.05 * wanted.low
        if is_rough
        else 0.0
    )
    near = near or 0.0051 * 10.0 ** min(0, last_place(number_of(wanted)))
    return len(counts) <= _MOST_COUNTS and any(
        of and of > some and abs(some / of - wanted.low) < near for some in counts for of in counts
    )


def _rate_of(sentence: Sentence, amount: Quantity) -> float:
    """How often a day an amount is given; 0 if the sentence does not say."""
    rates = [one for one in sentence.quantities if one.dimension == "rate" and one.low == one.high]
    after = [one for one in rates if one.start >= amount.end]
    return (after or rates)[0].low if rates else 0.0


def _is_difference(statement: Sentence, wanted: Quantity, window: Sequence[Sentence]) -> bool:
    """Whether a statement gives the difference of two quantities: "by 12" from 150 to 138."""
    text = statement.lower
    if wanted.low != wanted.high or not wanted.low or wanted.dimension == "rate":
        return False
    if not _COMPARED_AFTER.match(text, wanted.end) and not _BY.search(text[: wanted.begin]):
        return False
    for sentence in window:
        ends = [q.low for q in sentence.quantities if q.dimension == wanted.dimension]
        ends += [q.high for q in sentence.quantities if q.dimension == wanted.dimension]
        if len(ends) <= 2 * _MOST_COUNTS and any(
            abs(a - b - wanted.low) < 1e-6 * max(1.0, wanted.low) for a in ends for b in ends
        ):
            return True
        bare = [q for q in sentence.quantities if not q.dimension]
        measured = [q for q in sentence.quantities if q.dimension == wanted.dimension]
        for one in measured:  # "from 150 to 138 mmHg"
            size = one.low / (number_of(one) or 1.0)
            if any(abs(abs(q.low * size - one.low) - wanted.low) < 1e-6 for q in bare if q.low):
                return True
    return False


def _is_whole(sentence: Sentence, amount: Quantity) -> bool:
    """Whether an amount is that of a whole day or week: "30 mg daily", not "twice daily"."""
    rates = [one for one in sentence.quantities if one.dimension == "rate"]
    after = [one for one in rates if one.start >= amount.end] or rates
    return bool(after) and not _COUNTED.search(after[0].text.lower())


def _is_divided(statement: Sentence, wanted: Quantity, window: Sequence[Sentence]) -> bool:
    """Whether a dose and how often it is given make up that of the source.

    "10 mg three times a day" is "30 mg daily in three divided doses".
    """
    own = [
        one
        for one in statement.quantities
        if one.dimension not in ("rate", "time", "share", "clock")
        and one.low == one.high
        and (one is wanted or wanted.dimension == "rate")
    ]
    for amount in own:
        whole = _is_whole(statement, amount)
        daily = amount.low * _rate_of(statement, amount)
        for sentence in window if daily else ():
            for given in sentence.quantities:
                total = given.low * _rate_of(sentence, given)
                if (
                    given.dimension == amount.dimension
                    and given.low == given.high
                    and (whole or _is_whole(sentence, given))
                    and not given.same_value(amount)
                    and abs(total - daily) < 1e-6 * daily
                ):
                    return True
    return False


def _is_product(statement: Sentence, wanted: Quantity, window: Sequence[Sentence]) -> bool:
    """Whether a number and an amount that stand together make up an amount of the source.

    "Four 5 mL spoonfuls" are 20 mL.
    """
    pair = next(
        (
            (one, amount)
            for one, amount in pairwise(statement.quantities)
            if wanted in (one, amount)
            and not one.dimension
            and amount.dimension in ("mass", "volume")
            and statement.text[one.end : amount.begin].strip(" -x×") == ""
        ),
        None,
    )
    return pair is not None and any(
        given.dimension == pair[1].dimension
        and abs(pair[0].low * pair[1].low - given.low) < 1e-6 * given.low
        for sentence in window
        for given in sentence.quantities
    )


def _is_concentration(wanted: Quantity, window: Sequence[Sentence]) -> bool:
    """Whether two amounts of the source make up a quantity: 10 mg/mL in 100 mL are 1 g."""
    return any(
        (
            one.dimension == f"{wanted.dimension}/{other.dimension}"
            and _near(one.low * other.low, wanted.low)
        )
        or (
            wanted.dimension == f"{one.dimension}/{other.dimension}"
            and other.low
            and _near(one.low / other.low, wanted.low)
        )
        for sentence in window
        for one in sentence.quantities
        for other in sentence.quantities
        if one.dimension and other.dimension and one is not other
    )


def _near(one: float, other: float) -> bool:
    """Whether two values are the same but for rounding."""
    return abs(one - other) <= 1e-6 * max(abs(one), abs(other))


def _is_morning_and_night(sentence: Sentence) -> bool:
    """Whether a sentence speaks of the morning and of the evening."""
    words = frozenset(sentence.words)
    return bool(words & {"morning", "mornings", "mane"}) and bool(
        words & {"evening", "evenings", "night", "nights", "bedtime", "nocte"}
    )


def is_derived(statement: Sentence, wanted: Quantity, window: Sequence[Sentence]) -> bool:
    """Whether the source says a quantity without giving it.

    "Max doses/24 h: 4" is four times in 24 hours; "one dose" is a single one; "days 1 and 2".
    """
    if sum(len(one.quantities) for one in (statement, *window)) > 2 * MOST_AMOUNTS:
        return False
    if _is_product(statement, wanted, window) or _is_concentration(wanted, window):
        return True
    if _is_divided(statement, wanted, window) or _is_difference(statement, wanted, window):
        return True
    if wanted.dimension in ("mass", "volume", "units", "substance") and any(
        first.low * second.low == wanted.low
        for one in window
        for first, second in pairwise(one.quantities)
        if not any(q.end in range(wanted.start - 3, wanted.start) for q in statement.quantities)
        if {first.dimension, second.dimension} == {"", wanted.dimension}
        and one.text[first.end : second.begin].strip(" -").lower() in ("", "x", "×")
    ):
        return True  # "two 500 mg tablets" are 1 g
    if wanted.dimension == "rate":
        return _is_derived_rate(wanted, window)
    if dimension(wanted) == "share":
        if wanted.low == 1.0 and any(not _ALL.isdisjoint(one.words) for one in window):
            return True
        counts = [one.low for s in window for one in s.quantities if not one.dimension]
        if any(abs(abs(1.0 - ratio) - wanted.low) < 0.006 for ratio in _ratios(window)):
            return True  # a hazard ratio of 0.75 is a hazard lower by 25 %
        if "point" in wanted.text:
            shares = [
                end
                for sentence in window
                for one in sentence.quantities
                if one.dimension == "share"
                for end in (one.low, one.high)
            ]
            if any(abs(a - b - wanted.low) < 1e-6 for a in shares for b in shares):
                return True
        has_shares = any(one.dimension == "share" for s in window for one in s.quantities)
        if "%" in wanted.text and has_shares:
            counts = []
        return _is_share_of(wanted, counts) or any(
            abs(share - wanted.low) < 1e-6 for one in window for _, share in _multiples(one)
        )
    if wanted.dimension == "time":
        times = [one.low for s in window for one in s.quantities if one.dimension == "time"]
        if _IN_ALL.search(statement.lower) and any(
            _near(a + b, wanted.low) for a, b in pairwise(times)
        ):
            return True
        return is_between_points(statement, wanted, window)
    if wanted.dimension:
        return False
    if (
        not wanted.sign
        and wanted.low == wanted.high > 1
        and any(
            abs(rate.low * time.low - wanted.low) < 1e-6
            for one in window
            for rate in one.quantities
            for time in one.quantities
            if (rate.dimension, time.dimension) == ("rate", "time")
        )
    ):
        return True  # three a week for four weeks are twelve
    if _MULTIPLE_AFTER.match(statement.lower, wanted.end) and any(
        wanted.low == number for one in window for number, _ in _multiples(one)
    ):
        return True
    if _IN_ALL.search(statement.lower):
        counts = [one.low for s in window for one in s.quantities if not one.dimension]
        if any(a + b == wanted.low for a, b in pairwise(counts)) or sum(counts) == wanted.low:
            return True
    if wanted.low == 2.0 and (
        statement.lower[: wanted.start].endswith("the ") or any("both" in s.words for s in window)
    ):
        return True  # "the two" are those that are spoken of
    if (
        wanted.low == 1.0
        and wanted.sign == ">="
        and any("at least once" in one.lower for one in window)
    ):
        return True
    if wanted.low == wanted.high == 1.0 and not wanted.sign:
        thing = next_word(statement, wanted)
        return not any(  # "one of the following" is not "two of the following", nor one tablet two
            _OF_THEM.match(one.text, q.end) or (thing and thing == next_word(one, q))
            for one in window
            for q in one.quantities
        )
    if _DOSES.match(statement.lower, wanted.end) and any(
        one.dimension == "rate" and one.low == wanted.low for s in window for one in s.quantities
    ):
        return True  # "divided: twice daily" is "a day, in two doses"
    if any(
        is_part(part) and abs(part.low * whole.low - wanted.low) < 1e-6
        for one in window
        for part in one.quantities
        for whole in one.quantities
        if not whole.dimension
    ):
        return True  # half of 84 are 42
    if wanted.low == 0.0:
        return any(clause.negations for sentence in window for clause in sentence.clauses)
    is_whole = wanted.low == wanted.high and wanted.low % 1 == 0 and wanted.low < 1e6
    digits = str(int(wanted.low)) if is_whole else ""
    return bool(digits) and any(
        digits in re.findall(r"\d+", word) or ordinal(word) == wanted.low
        for sentence in window
        for word in _NUMBERED.findall(sentence.lower)
    )


def _is_derived_rate(wanted: Quantity, window: Sequence[Sentence]) -> bool:
    """Whether the source says a rate as a number per time, or as a time of the day."""
    if wanted.low == wanted.high == 2.0 and any(map(_is_morning_and_night, window)):
        return True
    for sentence in window:
        numbers = [one.low for one in sentence.quantities if not one.dimension]
        rates = [one.low for one in sentence.quantities if one.dimension == "rate"]
        rates += [
            1.0 / one.low for one in sentence.quantities if one.dimension == "time" and one.low
        ]
        if any(abs(number * rate - wanted.low) < 1e-6 for number in numbers for rate in rates):
            return True
    if abs(wanted.low - 1440.0) < 1e-6:  # "a pulse over 100" is one of 100 beats a minute
        return any(_OF_A_MINUTE.search(one.lower) for one in window)
    if any(one.dimension == "rate" for sentence in window for one in sentence.quantities):
        return False
    nightly = any(not _NIGHTLY.isdisjoint(sentence.words) for sentence in window)
    return abs(wanted.low - 1.0) < 1e-6 and nightly
