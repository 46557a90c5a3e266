"""Quantities of a statement that its source does not give, or gives of something else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

from ...text.numbers import ORDINAL, next_number, ordinal
from ...text.quantities import Quantity
from ...text.units import UNIT_NAME
from ...text.words import STOPWORDS
from ..table_rows import is_row
from . import conversions
from .alignment import Comparison, matches
from .forms import root
from .sentences import Sentence, Term
from .tables import listed

_SIGN_WORDS = {"<": "below ", "<=": "at most ", ">": "above ", ">=": "at least ", "": ""}
_UPPER = re.compile(r"\s*max|.*\b(?:max(?:imum)?|upper|limit)\b", re.I)
_LOWER = re.compile(r"\s*min|.*\b(?:min(?:imum)?|lower)\b", re.I)
_LIMIT = re.compile(r"\bmax|\bmin", re.I)
_THREE_YEARS = 3 * 366  # days
_OF_A_MINUTE = re.compile(r"\b(?:(?:heart|respiratory|ventricular|breathing) rate|pulse|l/min)\b")
_NIGHTLY = frozenset({"bedtime", "night", "morning", "evening"})
_VERSUS = re.compile(r"\(\s?[^()]*\d[^()]*\s(?:versus|vs\.?|compared with)\s$", re.I)
_COMPARED = listed("comparison")
_EXCLUDED = re.compile(r"(?:, not|\bnot|\brather than|\binstead of)\s+$")
_WORD_AFTER = re.compile(r"[\s-]*([a-z]+)")
_MOST_AMOUNTS = 40  # that are compared with each other
_OF_THEM = re.compile(r"\s+of (?:the|these|them)\b", re.I)
_AGED = re.compile(r"[\d\w]+[ -]?(?:year|month|week|day)s?[ -]olds?\b", re.I)
_SPREAD = re.compile(r"\s?(?:±|\+/-|\+-).*")
_DOSES = frozenset({"loading", "starting", "initial", "maintenance", "maximum", "bolus", "priming"})
_NUMBERED = re.compile(rf"[A-Za-z-]+\d+|\b{ORDINAL}\b")
_SEGMENT_BREAK = re.compile(
    r"[;:,.]|\((?!\s?(?:[\d<>≥≤.]|p\b|n\b|ci\b|sd\b|95))"
    r"|\b(?:and|but|while|whereas|versus|vs|compared|then|or|with (?=\d))\b"
)

Given = tuple[Quantity, Sentence]  # a quantity of the source and its sentence


def quantity_differences(comparison: Comparison) -> Iterator[str]:
    """Quantities of the statement that the source does not give, or gives of something else."""
    statement, window = comparison.statement, comparison.window
    given = [
        (one, sentence)
        for sentence in window
        for one in sentence.quantities
        if not _EXCLUDED.search(sentence.lower[: one.begin])
    ]
    yield from _named_differences(comparison)
    around = [one for sentence in comparison.context for one in sentence.quantities]
    for wanted in statement.quantities:
        if _gives_both_ends(statement, wanted, given):
            continue
        same = [pair for pair in given if _is_same(statement, wanted, *pair)]
        if same:
            other = _bound_elsewhere(statement, wanted, same, given, comparison.topic)
            if other := other or _swapped(statement, wanted, same):
                yield f"the source says {other.text} there, not {wanted.text}"
            continue
        limit = any(wanted.same_value(one) for one, _ in given)
        bounded = any(_bounds_too(wanted, one) for one, _ in given)
        if wanted.sign and not limit and not bounded:
            if any(_lies_within(wanted, one) for one, _ in given):
                continue
        if any(wanted.equals(one) for one in around) or _is_derived(statement, wanted, window):
            continue
        if any(_is_about(statement, wanted, one) for one, _ in given):
            continue
        if wanted.text.lower().startswith(("the first", "first")) and not any(
            one.dimension == "time" and _sense(sentence, one) in ("end", "upto") for one, sentence in given
        ):
            continue  # "the first day" is "at the start"
        yield _reason(wanted, [one for one, _ in given])


_ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8, "ix": 9, "x": 10}
_NAMED = re.compile(  # "PHQ-9", "vitamin B12", "grade 3 or 4", "Grade: 3", "phase II"
    r"\b(?:(?P<kind>type|grade|stage|phase|class|factor|category|level|tier|dose|step)s?:?\s"
    r"(?P<numbers>(?:\d+|[ivx]+)[a-z]?\b(?:(?:\s?[-–/,]\s?|,? (?:and|or|to) )(?:\d+|[ivx]+)[a-z]?\b)*)"
    r"|(?P<name>[a-z]{2,}|[bk])-?(?P<number>\d+(?:\.\d+)?)(?![\w.]*[\d%]))"
)
_NOT_NAMED = re.compile(
    rf"(?:{UNIT_NAME}|in|to|p|n|x|q|by|at|and|or|of|over|under|day|week|month|year|hour|age|up|from)$"
)


@lru_cache(maxsize=2048)
def _named_numbers(sentence: Sentence) -> dict[str, frozenset[float]]:
    """The numbers in names, by the rest of the name: {"phq": {9}, "grade": {3, 4}}."""
    found: dict[str, set[float]] = {}
    for one in _NAMED.finditer(sentence.lower):
        name = one["kind"] or one["name"]
        if one["name"] and _NOT_NAMED.match(name):
            continue
        numbers = re.findall(r"\d+(?:\.\d+)?|\b[ivx]+\b", one["numbers"] or one["number"])
        values = [float(_ROMAN[n]) if n in _ROMAN else float(n) for n in numbers if n[0].isdigit() or n in _ROMAN]
        if len(values) == 2 and re.search(r"[-–]| to ", one["numbers"] or ""):
            values = [float(n) for n in range(int(values[0]), int(values[1]) + 1)]
        found.setdefault(name, set()).update(values)
    return {name: frozenset(values) for name, values in found.items()}


def _named_differences(comparison: Comparison) -> Iterator[str]:
    """Names of the statement that the source has with another number only: "PHQ-9"."""
    around = [*comparison.window, *comparison.context]
    for name, values in _named_numbers(comparison.statement).items():
        theirs = frozenset[float]().union(*(_named_numbers(one).get(name, ()) for one in around))
        missing = values - theirs
        if missing and theirs:
            yield f"the source says {name} {min(theirs):g}, not {name} {min(missing):g}"


def _is_same(statement: Sentence, wanted: Quantity, given: Quantity, source: Sentence) -> bool:
    """Whether a quantity of the source is the one that the statement gives."""
    if wanted.equals(given):
        return not _is_opposite_time(statement, wanted, given, source)
    if {wanted.dimension, given.dimension} == {"", "rate"}:
        return False  # three tablets are not three times a day
    if {wanted.dimension, given.dimension} == {"time", "rate"}:
        return _is_interval(statement, wanted, given, source)
    if wanted.dimension != given.dimension and wanted.sign == given.sign:
        if _is_part(wanted) != _is_part(given) and "share" in (wanted.dimension, given.dimension):
            return abs(wanted.low - given.low) < 0.006  # "two-thirds" and "67 %"
        if conversions.agree(wanted, given, f"{statement.lower} {source.lower}"):
            return True
    if not wanted.dimension and given.dimension and _is_number_of(wanted, given):
        return wanted.sign == given.sign or _allows_sign(statement, wanted, given, source)
    if not given.dimension and wanted.dimension and _is_number_of(given, wanted):
        # "6.6 days vs 10.92", "Weight (kg) 61.2"
        unit = re.sub(r"[\d.,·±+−–\s-]+", "", wanted.text)
        beside = any(one.dimension == wanted.dimension for one in source.quantities)
        if beside or f"({unit})" in source.text:
            return wanted.sign == given.sign
    if wanted.dimension and not given.dimension and wanted.sign == given.sign:
        if _takes_unit(wanted, given, source):
            return True
    if given.high < 0 < wanted.low and any(
        sign < 0 for clause in statement.clauses for _, sign in clause.directions.get("change", ())
    ):  # "fell by 34 %" for "-34 %"
        given = replace(given, low=-given.low, high=-given.high)
    if _is_in_band(statement, wanted, given, source):
        return True
    if not wanted.same_value(given) or not _may_share_unit(wanted, given, source):
        return False
    return wanted.sign == given.sign or _allows_sign(statement, wanted, given, source)


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
_LIVED = re.compile(r" survival\b")
_OF_A_TIME = re.compile(
    r" (?:\w+[- ]){0,2}(?:mortality|survival|readmissions?|risk|incidence|rates?|recurrence|relapse)"
)


@lru_cache(maxsize=2048)
def _sense(sentence: Sentence, time: Quantity) -> str:
    """Whether a time is an end ("until"), a span ("during") or a beginning ("after"), else ""."""
    if time.sign:
        return "end" if time.sign in ("<", "<=") else "from"
    text = sentence.lower
    if time.text.lower().startswith(("first", "the first")):
        return "upto"
    if re.match(r"\w+-\w+$", time.text) and _OF_A_TIME.match(text, time.end):
        return "upto"  # "30-day mortality"
    found = _SENSE.search(text[max(0, time.begin - 50) : time.begin])
    return str(found.lastgroup) if found else ""


_SIDE = re.compile(
    r"\s(?:(?P<before>before|prior to|ahead of)|(?P<after>after|following))\b"
)


def _side(sentence: Sentence, time: Quantity) -> str:
    """Whether a time is said to be one before or after something: "two days before surgery"."""
    found = _SIDE.match(sentence.lower, time.end)
    return str(found.lastgroup) if found else ""


def _is_opposite_time(
    statement: Sentence, wanted: Quantity, given: Quantity, source: Sentence
) -> bool:
    """Whether a time is an end in one and a beginning in the other: "before" and "after a day"."""
    senses = {_sense(statement, wanted), _sense(source, given)}
    sides = {_side(statement, wanted), _side(source, given)}
    if sides == {"before", "after"} and wanted.dimension == "time":
        return True
    denied = any(clause.negations for one in (statement, source) for clause in one.clauses)
    return (
        wanted.dimension == "time" and not wanted.sign and senses == {"end", "from"} and not denied
    )


_GAP = re.compile(r"\b(?:cycles?|apart|between|intervals?|gaps?|without|spac|separat|elapse|distance)")
_PER_TIME = re.compile(r"\b(?:in|per|over|within|during)(?: any| each| every| a)? $")
_FLIPPED = {"": "", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def _is_interval(statement: Sentence, wanted: Quantity, given: Quantity, source: Sentence) -> bool:
    """Whether "every 4 hours" and "4 hours apart" are the same, with their bounds."""
    time, sentence = (wanted, statement) if wanted.dimension == "time" else (given, source)
    if not wanted.sign and not given.sign and wanted.low * given.low == 1.0:
        if _PER_TIME.search(sentence.lower[: time.start]) or time.text[:2].lower() in ("a ", "an"):
            return True  # "in 24 hours" and "a day"
    flipped = _FLIPPED[given.sign] == wanted.sign
    if not (flipped and given.low and given.high and _GAP.search(sentence.lower)):
        return False
    return wanted.same_value(replace(given, low=1 / given.high, high=1 / given.low))


def _is_part(quantity: Quantity) -> bool:
    """Whether a bare number is a part in words, such as "two-thirds" and "half"."""
    return (
        not quantity.dimension
        and 0.0 < quantity.high < 1.0
        and quantity.text[:1].isalpha()
    )


def _dimension(quantity: Quantity) -> str:
    """The dimension of a quantity; parts in words are shares."""
    return "share" if _is_part(quantity) else quantity.dimension


_OF_PATIENTS = re.compile(
    r"\b(?:weigh\w*|weights?|kg|kilos?|ag(?:e|es|ed)|e?gfr|crcl|clearance|year-old|month-old|old)\b"
)
_AGED_BEFORE = re.compile(
    r"\b(?:age|aged|ages|child|children|infants?|baby|babies|patients?|people|person|those|anyone"
    r"|man|woman|boy|girl|adults?|adolescents?)(?: (?:of|is|at|who (?:is|are)))?(?: age)?(?: of)? $"
)
_WEIGHT = re.compile(r"kg|kilo|lb|pound|stone", re.I)
_KIDNEY = re.compile(r"\b(?:e?gfr|crcl|clearance)\b[^\d;]{0,20}$")


def _is_weight(quantity: Quantity) -> bool:
    """Whether a mass is so large that a person has it, and no dose."""
    is_heavy = quantity.dimension == "mass" and quantity.high >= 400.0
    return is_heavy and _WEIGHT.search(quantity.text) is not None


def _is_in_band(statement: Sentence, wanted: Quantity, given: Quantity, source: Sentence) -> bool:
    """Whether a weight, an age or a kidney function falls into the band that the source is for."""
    if wanted.sign or wanted.low != wanted.high or (given.low == given.high and not given.sign):
        return False
    if given.dimension != wanted.dimension:
        return False
    text, before = statement.lower, statement.lower[max(0, wanted.begin - 40) : wanted.begin]
    theirs = source.lower[max(0, given.begin - 40) : given.begin]
    if wanted.dimension == "mass":
        is_own = _is_weight(wanted)
    elif wanted.dimension == "time":
        is_own = _AGED.match(text, wanted.start) or _AGED_BEFORE.search(before)
    else:
        is_own = _KIDNEY.search(before) and _KIDNEY.search(theirs)
    if not is_own:
        return False
    low = given.low if given.sign not in ("<", "<=") else float("-inf")
    high = given.high if given.sign not in (">", ">=") else float("inf")
    if given.dimension == "time" and not given.sign and given.high > 700.0:
        high += 364.0  # "2-5 years" ends with the sixth birthday
    strict = given.sign in ("<", ">") and wanted.low == given.low
    return low <= wanted.low <= high and not strict


_ABOUT = re.compile(
    r"(?:(?P<less>nearly|almost|just under|not quite|a little under|close to)"
    r"|(?P<more>just over|a little over|slightly over|slightly more than|just above)"
    r"|about|around|roughly|approximately|some|circa|~|estimated|in the region of|or so)\s*$"
)


def _is_about(statement: Sentence, wanted: Quantity, given: Quantity) -> bool:
    """Whether a statement rounds a value: "about a third" is 32 %, "roughly 46,000" 45,870."""
    text = statement.lower
    begin = wanted.begin
    about = _ABOUT.search(text[max(0, begin - 30) : begin])
    just = re.search(r"(?:just|a little|slightly)\s*$", text[max(0, begin - 10) : begin])
    if not about and not (just and wanted.sign):
        return False
    if _dimension(wanted) != _dimension(given) or given.sign or not wanted.low:
        return False
    if given.low != given.high or wanted.low != wanted.high or wanted.dimension == "rate":
        return False
    away = given.low - wanted.low
    less = wanted.sign.startswith("<") or (about is not None and about["less"] is not None)
    more = wanted.sign.startswith(">") or (about is not None and about["more"] is not None)
    if (less and away > 0) or (more and away < 0) or (wanted.sign and not just):
        return False
    if _is_part(wanted):
        return abs(away) <= 0.035
    number = _number(wanted)
    step = 10.0 ** _last_place(number) if number else 0.0
    return abs(away) <= min(0.5 * step * abs(wanted.low / number), 0.05 * abs(wanted.low)) if number else False


def _last_place(number: float) -> int:
    """The power of ten of the last digit of a number that is not 0."""
    digits = f"{abs(number):.6f}".rstrip("0")
    whole, _, part = digits.partition(".")
    return -len(part) if part else len(whole) - len(whole.rstrip("0"))


_MULTIPLES = (
    (re.compile(r"\b(?:halv(?:e|es|ed|ing)|half as (?:many|much)|by half|in half)\b"), 0.5, 0.5),
    (re.compile(r"\b(?:doubl(?:e|es|ed|ing)|twice|two-?fold)\b"), 2.0, 1.0),
    (re.compile(r"\b(?:tripl(?:e|es|ed|ing)|trebl(?:e|es|ed|ing)|three-?fold)\b"), 3.0, 2.0),
    (re.compile(r"\b(?:quadrupl(?:e|es|ed|ing)|four-?fold)\b"), 4.0, 3.0),
)
_MULTIPLE_AFTER = re.compile(r"-?fold| ?times| as ")


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
    near = 0.02 if _is_part(wanted) else 0.05 * wanted.low if is_rough else 0.0
    near = near or 0.0051 * 10.0 ** min(0, _last_place(_number(wanted)))
    return len(counts) <= _MOST_COUNTS and any(
        of and of > some and abs(some / of - wanted.low) < near for some in counts for of in counts
    )


_MOST_COUNTS = 8
_ALL = frozenset({"all", "every", "everyone", "each"})
_IN_ALL = re.compile(r"\b(?:in all|in total|altogether|total of|combined|together)\b")
_RATIO = re.compile(
    r"\b(?:(?:hazard|risk|rate|odds|prevalence)s? ratio|relative risk|hr|rr|or)\b[^\d.;]{0,20}$"
)
_LATER = re.compile(r"\s(?:later|after|afterwards|apart|between|interval)\b")
_POINT = re.compile(r"\b(?:day|week|month|year|hour)s? $|\bat $")
_CALENDAR = re.compile(r"\b(?:19|20)\d\d\b")


def _is_between_points(
    statement: Sentence, wanted: Quantity, window: Sequence[Sentence]
) -> bool:
    """Whether a time lies between two of the source: "day 2" and "day 11" are nine days apart."""
    points = [
        one
        for sentence in window
        for one in sentence.quantities
        if one.dimension == "time" and _POINT.search(sentence.lower[: one.start])
    ]
    if any(one.low < one.high and abs(one.high - one.low + 1 - wanted.low) < 1e-6 for one in points):
        return True  # "on days 1 to 5" is for five days
    years = [float(year) for one in window for year in _CALENDAR.findall(one.text)]
    if any(abs((b - a) * 365.25 - wanted.low) < 1e-6 for a, b in pairwise(years)):
        return True
    return _LATER.match(statement.lower, wanted.end) is not None and any(
        abs(two.low - one.low - wanted.low) < 1e-6 for one in points for two in points
    )


def _rate_of(sentence: Sentence, amount: Quantity) -> float:
    """How often a day an amount is given; 0 if the sentence does not say."""
    rates = [one for one in sentence.quantities if one.dimension == "rate" and one.low == one.high]
    after = [one for one in rates if one.start >= amount.end]
    return (after or rates)[0].low if rates else 0.0


_COMPARED_AFTER = re.compile(
    r"\s(?:shorter|longer|lower|higher|more|less|fewer|older|younger|later|earlier|greater|smaller"
    r"|heavier|lighter|taller|better|worse)\b"
)
_BY = re.compile(r"\b(?:by|difference (?:of|was)|difference between [^,;]* (?:of|was)) (?:about )?$")


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
            size = one.low / (_number(one) or 1.0)
            if any(abs(abs(q.low * size - one.low) - wanted.low) < 1e-6 for q in bare):
                return True
    return False


def _is_whole(sentence: Sentence, amount: Quantity) -> bool:
    """Whether an amount is that of a whole day or week: "30 mg daily", not "twice daily"."""
    rates = [one for one in sentence.quantities if one.dimension == "rate"]
    after = [one for one in rates if one.start >= amount.end] or rates
    return bool(after) and re.search(r"\d|once|twice|times|doses|every|each|hourly|[xq]", after[0].text.lower()) is None


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


def _is_morning_and_night(sentence: Sentence) -> bool:
    """Whether a sentence speaks of the morning and of the evening."""
    words = frozenset(sentence.words)
    return bool(words & {"morning", "mornings", "mane"}) and bool(
        words & {"evening", "evenings", "night", "nights", "bedtime", "nocte"}
    )


_SPREAD_OF = re.compile(
    r"[(\[][^)\]]*\b(?:ci|confidence|iqr|interquartile|sd|range|p)\b[^)\]]*$"
)
_PLAIN_RATE = re.compile(r"(?:per|an?|in|over)\b|/")
_DENOMINATOR = re.compile(r"(?<=\d )(?:out )?of (?:the )?$|^of (?:the )?$")


def _says_nothing_else(given: Quantity, source: Sentence) -> bool:
    """Whether a quantity is only the spread, the whole or the time of another one."""
    before = source.lower[max(0, given.begin - 80) : given.begin]
    if _SPREAD_OF.search(before) or re.match(r"\s?(?:ci|confidence)\b", source.lower[given.end :]):
        return True
    if given.dimension == "rate":  # of "130 mL/kg per day"
        return _PLAIN_RATE.match(given.text.lower()) is not None
    return not given.dimension and _DENOMINATOR.search(before) is not None


def _bounds_too(wanted: Quantity, given: Quantity) -> bool:
    """Whether the source has a bound of its own in the direction of the statement's."""
    return wanted.sign[:1] == given.sign[:1] and _dimension(wanted) == _dimension(given)


def _lies_within(wanted: Quantity, given: Quantity) -> bool:
    """Whether a value of the source lies clearly on the side of a bound: 8 and "more than 6"."""
    if given.sign or _dimension(wanted) != _dimension(given) or not _dimension(wanted):
        return False
    if given.dimension == "rate" and _PLAIN_RATE.match(given.text.lower()):
        return False  # the "a day" of an amount
    if wanted.dimension == "time" and wanted.sign == "<=":
        return False  # "until 2 hours before" is not "up to 6 hours before"
    if wanted.sign in (">", ">="):
        return given.low > wanted.high
    return wanted.sign in ("<", "<=") and given.high < wanted.low


_BMI = re.compile(r"\bbmi\b|\bbody mass index")
_ELLIPTIC = re.compile(r"\s?(?:[.,;)]|$|(?:and|or|to|if|for|when)\b)")


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
    for one in source.quantities:
        number = _number(one)
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
        senses = _sense(statement, wanted), _sense(source, given)
        if all(senses) and ("from" in senses) == (senses == ("from", "from")):
            is_short = wanted.dimension == "time" and wanted.high < _THREE_YEARS
            return is_short or not (wanted.sign and given.sign)
    if wanted.sign == ">=" and _LIVED.match(source.lower, given.end):
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


def _gives_both_ends(statement: Sentence, wanted: Quantity, given: Sequence[Given]) -> bool:
    """Whether one gives the ends of a range on their own: "from 5 (SD 1) to 7 (SD 2)"."""
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
                or (not low.dimension and _numbers_in(range_.text) == (low.low, _number(high)))
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


_FROM = re.compile(r"\bfrom $")


def _falls(sentence: Sentence, high: Quantity, low: Quantity) -> bool:
    """Whether a sentence says that something goes from one quantity to another."""
    return sentence.lower[high.end : low.begin].strip() in ("to", "down to", "up to")


def _is_number_of(bare: Quantity, measured: Quantity) -> bool:
    """Whether a number without a unit is the number of a quantity with one."""
    numbers = _numbers_in(measured.text)
    return numbers in ((bare.low,), (bare.low, bare.high))


@lru_cache(maxsize=2048)
def _numbers_in(text: str) -> tuple[float, ...]:
    """The first two numbers of a quantity as it is written, without its spread."""
    plain = _SPREAD.sub("", text.split("/")[0]).replace("−", "-")
    found: list[float] = []
    at = 0
    while len(found) < 2 and (number := next_number(plain, at)):
        at = number.end
        found.append(number.value)
    return tuple(found)


def _number(quantity: Quantity) -> float:
    """The number of a quantity as it is written."""
    return (*_numbers_in(quantity.text), 0.0)[0]


def _next_word(sentence: Sentence, quantity: Quantity) -> str:
    """The root of the word after a quantity: what it counts."""
    found = _WORD_AFTER.match(sentence.lower, quantity.end)
    return root(found[1]) if found else ""


def _is_derived(statement: Sentence, wanted: Quantity, window: Sequence[Sentence]) -> bool:
    """Whether the source says a quantity without giving it.

    "Max doses/24 h: 4" is four times in 24 hours; "one dose" is a single one; "days 1 and 2".
    """
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
    if _dimension(wanted) == "share":
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
        shares = any(one.dimension == "share" for s in window for one in s.quantities)
        if "%" in wanted.text and shares:
            counts = []
        return _is_share_of(wanted, counts) or any(
            abs(share - wanted.low) < 1e-6 for one in window for _, share in _multiples(one)
        )
    if wanted.dimension == "time":
        return _is_between_points(statement, wanted, window)
    if wanted.dimension:
        return False
    if not wanted.sign and wanted.low == wanted.high > 1 and any(
        abs(rate.low * time.low - wanted.low) < 1e-6
        for one in window
        for rate in one.quantities
        for time in one.quantities
        if (rate.dimension, time.dimension) == ("rate", "time")
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
    if wanted.low == wanted.high == 1.0 and not wanted.sign:
        thing = _next_word(statement, wanted)
        return not any(  # "one of the following" is not "two of the following", nor one tablet two
            _OF_THEM.match(one.text, q.end) or (thing and thing == _next_word(one, q))
            for one in window
            for q in one.quantities
        )
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
        if any(abs(number * rate - wanted.low) < 1e-6 for number in numbers for rate in rates):
            return True
    if abs(wanted.low - 1440.0) < 1e-6:  # "a pulse over 100" is one of 100 beats a minute
        return any(_OF_A_MINUTE.search(one.lower) for one in window)
    if any(one.dimension == "rate" for sentence in window for one in sentence.quantities):
        return False
    nightly = any(not _NIGHTLY.isdisjoint(sentence.words) for sentence in window)
    return abs(wanted.low - 1.0) < 1e-6 and nightly


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


def _bound_elsewhere(
    statement: Sentence,
    wanted: Quantity,
    same: Sequence[Given],
    given: Sequence[Given],
    topic: frozenset[str],
) -> Quantity | None:
    """The quantity that the source gives of what the statement gives another quantity of.

    The terms near a quantity say what it measures. Only those terms count that are near one
    quantity of the source and not near another of the same dimension.
    """
    if len(given) > _MOST_AMOUNTS or any("respectively" in one.words for _, one in same):
        return None
    beside = [one for one in statement.quantities if one is not wanted]
    others = [
        pair
        for pair in given
        if pair[0].dimension == wanted.dimension
        and not pair[0].same_value(wanted)
        and not _says_nothing_else(*pair)
        and _is_weight(pair[0]) == _is_weight(wanted)
        and not (
            any(one.same_value(pair[0]) for one in beside)
            and _in_one_segment(statement, wanted, pair[0])
        )
    ]
    near = [t for t in _segment(statement, wanted) if t.word not in ("before", "after")]
    near = near if not near or not topic.issuperset(near[0].roots) else near[1:]
    if not others or not near:
        return None
    if _second_of_two(same):  # "(4.2% versus 1.0%)": the second is of the other group
        if not (_COMPARED | {"against"}).isdisjoint(statement.words):
            return None
        own, far = [], [_segment(sentence, one) for one, sentence in others]
    elif not any(_segment(sentence, one) for one, sentence in same):
        # "Loading dose 300 mg, then 75 mg daily."
        own, far = [], [_segment(sentence, one) for one, sentence in others]
        near = [term for term in near if term.word in _DOSES]
    else:
        own = [_qualifying(sentence, one) for one, sentence in same]
        far = [_qualifying(sentence, one) for one, sentence in others]
    if any(_distinct_overlap(near, terms, far) for terms in own):
        return None
    overlaps = [_distinct_overlap(near, terms, own) for terms in far]
    most = max(overlaps)
    return others[overlaps.index(most)][0] if most else None


_PAIR = re.compile(
    r"[^\d.;]{0,3}\s?(?:vs\.?|versus|compared (?:with|to)|against|and)\s(?:\d[\d,.]*\s?[\[(])?"
)
_SIDES = re.compile(
    r"\b(?:compared (?:with|to)|in comparison (?:with|to)|versus|vs\.?|than|against)\s"
)
_NAMES = re.compile(r"\b(?:in|for|with|of|on)\s(?P<a>[^,;.()]{1,50}?) and (?P<b>[^,;.()]{1,50}),? respectively")
_NO_NAME = STOPWORDS | {"group", "groups", "arm", "arms", "patients", "respectively", "subjects"}


def _swapped(statement: Sentence, wanted: Quantity, same: Sequence[Given]) -> Quantity | None:
    """The quantity that belongs to the group of the statement, if two groups are exchanged.

    "A had less pain than B (3 vs 5)" and "16 and 19 months in A and B, respectively" give the
    first quantity of A and the second of B.
    """
    for one, sentence in same:
        for first, second in pairwise(
            q for q in sentence.quantities if q.dimension == one.dimension or not q.dimension
        ):
            if one not in (first, second) or first.same_value(second):
                continue
            if not _PAIR.fullmatch(sentence.lower, first.end, second.begin):
                continue
            sides = _sides(sentence, first, second)
            other = second if one is first else first
            counterpart = next((q for q in statement.quantities if _same_number(q, other)), None)
            if not sides or counterpart is None:
                continue
            own, theirs = sides if one is first else sides[::-1]
            for around in (_words_after, _words_before):
                near, far = around(statement, wanted), around(statement, counterpart)
                if near & theirs and not near & own and far & own and not far & theirs:
                    return other
                if near & own and far & theirs:
                    return None
    return None


def _same_number(one: Quantity, other: Quantity) -> bool:
    """Whether two quantities have one value, or one number if one lacks a unit."""
    return one.same_value(other) or (not other.dimension and _number(one) == other.low)


def _sides(
    sentence: Sentence, first: Quantity, second: Quantity
) -> tuple[frozenset[str], frozenset[str]] | None:
    """The words that name the group of each of two quantities."""
    text = sentence.lower
    if names := _NAMES.search(text, second.end):
        one, other = _names_in(names["a"]), _names_in(names["b"])
    elif " and " in text[first.end : second.begin]:
        return None
    else:
        before = text[: first.begin]
        *_, marker = [None, *_SIDES.finditer(before)]
        if marker is None or ";" in before:
            return None
        one, other = _names_in(before[: marker.start()]), _names_in(before[marker.end() :])
    return (one - other, other - one) if one - other and other - one else None


def _names_in(text: str) -> frozenset[str]:
    """The words of a text that may name a group; of letters too, such as "arm B"."""
    return frozenset(w for w in re.findall(r"[a-z]\w*", text) if w not in _NO_NAME or w == "a")


def _words_after(sentence: Sentence, quantity: Quantity) -> frozenset[str]:
    """The names between a quantity and the next one."""
    ends = [q.begin for q in sentence.quantities if q.begin >= quantity.end]
    return _names_in(sentence.lower[quantity.end : min(ends, default=None)])


def _words_before(sentence: Sentence, quantity: Quantity) -> frozenset[str]:
    """The names between a quantity and the one before."""
    starts = [q.end for q in sentence.quantities if q.end <= quantity.begin]
    return _names_in(sentence.lower[max(starts, default=0) : quantity.begin])


def _second_of_two(same: Sequence[Given]) -> bool:
    """Whether a quantity is only the second of "(4.2% versus 1.0%)"."""
    return all(
        _VERSUS.search(source.text[: one.start])
        and source.text[one.end : one.end + 1] in (")", ",", ";")
        for one, source in same
    )


def _qualifying(sentence: Sentence, quantity: Quantity) -> tuple[Term, ...]:
    """The terms that tell a quantity from others: not the subject before all of them."""
    terms = _segment(sentence, quantity)
    amounts = [one for one in sentence.quantities if one.dimension == quantity.dimension]
    if is_row(sentence.text) or len(amounts) < 2:
        return terms
    after = tuple(term for term in terms if term.start > amounts[0].start)
    # "In adults 5 mg and in children 2 mg": the qualifier comes first.
    later = ((_segment(sentence, one), one) for one in amounts[1:])
    comes_first = any(some and some[0].start < one.start for some, one in later)
    return terms if comes_first and not after else after


def _distinct_overlap(
    near: Sequence[Term], terms: Sequence[Term], rest: Sequence[Sequence[Term]]
) -> int:
    """How many terms near a quantity are in one segment of the source, but not in all others."""
    return sum(
        _holds(terms, term) and not (rest and all(_holds(other, term) for other in rest))
        for term in near
    )


def _holds(segment: Sequence[Term], term: Term) -> bool:
    """Whether a segment of the source says a term."""
    roots = frozenset(one for other in segment for one in other.roots)
    concepts = frozenset(one for other in segment for one in other.concepts)
    return matches(term, roots, concepts)


def _in_one_segment(statement: Sentence, wanted: Quantity, other: Quantity) -> bool:
    """Whether the statement names both quantities in one segment: "50 to 99 kg receive 40 mg"."""
    near = _segment(statement, wanted)
    same = (one for one in statement.quantities if one.same_value(other))
    return any(_segment(statement, one) == near for one in same)


@lru_cache(maxsize=2048)
def _segment(sentence: Sentence, quantity: Quantity) -> tuple[Term, ...]:
    """The terms around a quantity that say what it measures."""
    start, end = next(
        (span for span in _segments(sentence) if span[0] <= quantity.start < span[1]),
        (0, len(sentence.text)),
    )
    versus = () if is_row(sentence.text) else ("vs", "versus")
    return tuple(t for t in sentence.terms if start <= t.start < end and t.word not in versus)


@lru_cache(maxsize=2048)
def _segments(sentence: Sentence) -> tuple[tuple[int, int], ...]:
    """Parts of a sentence that each measure something: cells, or pieces that have a quantity."""
    text = sentence.lower
    if is_row(text):
        cuts = [one.end() for one in re.finditer("; ", text)]
        return tuple(pairwise([0, *cuts, len(text) + 1]))
    # A piece without a quantity joins the one after it, or the one before it at the end.
    spans = sentence.quantities
    starts = [0]
    for one in _SEGMENT_BREAK.finditer(text):
        cut = one.start()
        before = any(starts[-1] <= q.start < cut for q in spans)
        after = any(cut <= q.start for q in spans)
        if before and after and not any(q.start <= cut < q.end for q in spans):
            starts.append(cut)
    return tuple(pairwise([*starts, len(text)]))
