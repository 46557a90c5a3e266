"""Does a clause give another figure of the same thing: a dose, a limit, a duration, a count?

Limits are compared with limits, for the same time: "at most", "maximum" and "must not exceed" are
one, a day and a single dose are two. Figures disagree if they are claimed of the same fact: doses,
limits, targets and definitions, durations, intervals, ages, counts and the years of events. What
one study found (in the past tense, with a p value, a mean, arms or a sample) is not compared:
another study need not find it. How frequent something is varies, so of two shares one has to be
twice the other; of half-lives, incubation periods and what is "about" so much, half as large again.
How well a test tells the sick from the healthy is compared even if one study found it, and has to
differ by 20 points. Ranges that overlap agree.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...text.quantities import Quantity
from ...text.words import STOPWORDS
from ..support import conversions
from ..support.measures import PLAIN_RATE, next_word
from .claims import Difference, Part
from .limits import bounded, figures, is_forbidden, names_bound, period
from .told import is_sure

_SIGN_WORDS = {"<": "below ", "<=": "at most ", ">": "above ", ">=": "at least ", "": ""}
_KINDS = {
    "first": r"start(?:s|ed|ing)?|initial(?:ly)?|begins?|begun|first dose",
    "loading": r"load(?:ed|ing)?|bolus",
    "later": r"maint(?:ain\w*|enance)|then|later|increased(?! (?:\w+ )?up to)|second|booster",
    "target": r"targets?|goal|aim for",
    "mean": r"means?|average|median",
    "half-life": r"half-li(?:fe|ves)",
    "incubation": r"incubat\w+",
    "contents": r"tablets? (?:of|contains?)|capsules? contains?",
}
_KIND = {name: re.compile(rf"\b(?:{words})\b") for name, words in _KINDS.items()}
_VARIES = re.compile(
    r"\b(?:half-li(?:fe|ves)|incubat\w+|prevalence|incidence|about|around|approximately|roughly"
    r"|nearly|almost|usually|typically|on average)\b"
)
_ACCURACY = re.compile(r"\b(?:sensitivity|specificity|predictive value|accuracy)\b")
_MEASURED = re.compile(rf"{_ACCURACY.pattern}|{_KINDS['half-life']}")
_PREVALENCE = re.compile(r"\b(?:prevalen\w+|affects?)\b")
_CASES = re.compile(r"\bof (?:all |the )?(?:\w+ )?(?:cases|patients|individuals)\b")
_LIMIT = re.compile(
    r"\b(?:target|goal|threshold|limit|contain\w*|at least|at most|defin\w+|diagnos\w+"
    r"|recommend\w*|should|must|saturation)\b"
)
_RESULT = re.compile(
    r"\bp\s?[<=>]|±|\bn\s?=|\b(?:ci|confidence interval|odds|hazard|versus|vs|cohort|trial|study"
    r"|studies|groups?|arms?|mean|median|respectively|significantly|statistically|enrolled"
    r"|randomi[sz]ed|follow-up|we|literature|survey\w*"
    r"|(?:was|were|been|has|have) (?:\w+ )?(?:reported|observed|recorded))\b"
)
_PAST = re.compile(
    r"\b(?:was|were|had|did|died|fell|rose|lost|(?<!\ba )(?<!\ban )(?<!\bthe )(?<!\bof )\w{3,}ed)\b"
)
_PRESENT = re.compile(r"\b(?:is|are|be|been|has|have|can|may|should|must|will|needs?|does|do)\b")
_EVENT = re.compile(
    r"\b(?:approv\w+|licen[sc]\w+|discover\w+|identif\w+|isolat\w+|introduc\w+|declar\w+"
    r"|eradicat\w+|describ\w+|invent\w+|founded|launch\w+|published|withdrawn|banned)\b"
)
_VAGUE = re.compile(r"\b(?:few|several|some|couple|dozens?)\b", re.I)
_OF_SOME = re.compile(r"\b(?:in|for|of) (?:most|many|some|a few|several|half)\b")
_HARM = re.compile(r"\b(?:toxic\w*|dangerous|harmful|unsafe)\b")
_VALUE = re.compile(r"\b(?:is|are|at|of|than|below|above|score|target|least|most)\s*$")
_FOUND = re.compile(r"\b(?:by|from|to)\s*$|\([^()]*$")  # "fell by 5 kg", "(12 vs 8 days)"
_POINT = re.compile(r"\b(?:after|at|before|until|by|from)\s+$")
_SPAN = re.compile(r"\b(?:for|lasts?|lasting|takes?|over|during)\s+(?:from\s+)?$")
_TREATED = re.compile(r"\btreat(?:s|ed|ment)?\b|\btherapy\b")
_VARIES_BY, _RANGES_VARY_BY, _SHARES_VARY_BY = 1.5, 1.25, 2.0
_ACCURACY_VARIES_BY = 0.2  # as a difference
_ACCURACY_LEAST_SAID = 0.9  # see `Difference`: a test does otherwise in other people


def other_figure(one: Part, other: Part) -> Difference | None:
    """The figure that the source gives instead.

    All other figures have to be the same: 500 mg for 7 days and 250 mg for 14 are two regimens.

    Args:
        one: the statement.
        other: the source, about the same thing.
    """
    kinds = _kinds(one.text)
    if kinds != _kinds(other.text):
        return None
    if any(_is_result(part) or not is_sure(part.text) for part in (one, other)):
        return None
    if len([part for part in (one, other) if _OF_SOME.search(part.text)]) == 1:
        return None  # "in most patients" is no rule for all
    texts = f"{one.text} {other.text}"
    ours, theirs = figures(one), figures(other)
    mine, yours = _unmatched(ours, theirs, texts), _unmatched(theirs, ours, texts)
    if not mine or len(mine) != len(yours) or not _is_one_figure([*mine, *yours]):
        return None
    if _denies(one, mine[0]) != _denies(other, yours[0]):
        return None
    wanted, given = bounded(one, mine[0]), bounded(other, yours[0])
    if wanted.dimension != given.dimension or not _is_of_one_thing(one, wanted, other, given):
        return None
    if _is_below_harm(one, wanted, given) or _is_below_harm(other, given, wanted):
        return None
    if {_time_role(one, wanted), _time_role(other, given)} == {"point", "span"}:
        return None
    if _are_two_limits(one, wanted, other, given) or _may_both_hold(wanted, given, texts):
        return None
    alike = len(ours) - len(mine) + len(kinds) + bool(wanted.sign and given.sign)
    if wanted.dimension == "share":
        if (_CASES.search(one.text) is None) != (_CASES.search(other.text) is None):
            return None  # of the sick, and of all people
        alike += all(_PREVALENCE.search(part.text) for part in (one, other))
    if wanted.dimension == "time":
        alike += all(_TREATED.search(part.text) for part in (one, other))
    reason = f"the source says {_said(given)}, not {_said(wanted)}"
    if wanted.dimension == "share" and _ACCURACY.search(texts):
        return Difference(reason, alike, least_said=_ACCURACY_LEAST_SAID)
    return Difference(reason, alike)


def same_figures(one: Part, other: Part, both_quoted: bool) -> bool:
    """Tell whether two clauses name the same doses, ages and times; how much changed may differ.

    "A 50 % risk to be a carrier" and "a 25 % risk not to be one" go together.

    Args:
        both_quoted: whether an answer quotes both; then only one has to name any.
    """
    mine, yours = _conditions(one), _conditions(other)
    if both_quoted and not (mine and yours):
        return True
    if _unmatched(mine, yours, "") or _unmatched(yours, mine, ""):
        return False
    ours, theirs = (
        [q for q in part.clause.quantities if q.dimension == "share" and not _is_found(part, q)]
        for part in (one, other)
    )
    return not ours or not theirs or len(_unmatched(ours, theirs, "")) < len(ours)


def _conditions(part: Part) -> list[Quantity]:
    """The quantities of a clause that say of what it holds, and not what was found."""
    return [
        one
        for one in part.clause.quantities
        if one.dimension not in ("", "share")
        and not _VAGUE.search(one.text)
        and not _is_found(part, one)
    ]


def _is_found(part: Part, one: Quantity) -> bool:
    """Whether a quantity says how much something changed, or stands in brackets."""
    return _FOUND.search(part.sentence.lower[: one.begin]) is not None


def _kinds(text: str) -> frozenset[str]:
    """What kinds of figures a text names."""
    return frozenset(name for name, words in _KIND.items() if words.search(text))


def _unmatched(some: Sequence[Quantity], others: Sequence[Quantity], text: str) -> list[Quantity]:
    """Those of some quantities that are not among others; "a day" alone says nothing.

    Args:
        text: in lower case; it names what they are of.
    """
    return [
        one
        for one in some
        if not (one.dimension == "rate" and one.low == 1.0 and PLAIN_RATE.match(one.text.lower()))
        and not any(
            one.same_value(q) and one.sign == q.sign
            if one.dimension == q.dimension
            else conversions.agree(one, q, text)
            for q in others
        )
    ]


def _is_one_figure(found: Sequence[Quantity]) -> bool:
    """Whether what differs is one figure; "140/90 mmHg" are two numbers."""
    return len(found) == 2 or (len(found) == 4 and {q.dimension for q in found} == {"pressure"})


def _denies(part: Part, one: Quantity) -> bool:
    """Whether a clause denies what it says of a quantity, other than by limiting it."""
    return part.clause.negations % 2 == 1 and not is_forbidden(part, one)


def _are_two_limits(one: Part, wanted: Quantity, other: Part, given: Quantity) -> bool:
    """Whether only one of two figures is a limit, or they limit a dose and a day."""
    if wanted.sign and given.sign:
        return wanted.dimension != "rate" and period(one) != period(other)
    return names_bound(one) or names_bound(other)


def _is_below_harm(part: Part, harmful: Quantity, limit: Quantity) -> bool:
    """Whether a clause says that more is harmful, and a limit is not above that."""
    return (
        _HARM.search(part.text) is not None
        and {harmful.sign[:1], limit.sign[:1]} == {"<"}
        and limit.high <= harmful.low
    )


def _time_role(part: Part, one: Quantity) -> str:
    """Whether a time says when ("point") or how long ("span"); "" if it is not clear."""
    if one.dimension != "time":
        return ""
    before = part.sentence.lower[: one.begin]
    return "span" if _SPAN.search(before) else "point" if _POINT.search(before) else ""


def _is_of_one_thing(one: Part, wanted: Quantity, other: Part, given: Quantity) -> bool:
    """Whether two quantities of a dimension are exact and, if they are bare numbers, of one thing.

    Those are years, or count the same thing, or are values of one score.
    """
    if any(map(_VAGUE.search, (wanted.text, given.text))):
        return False
    if wanted.dimension or _are_years(wanted, given):
        return True
    pairs = ((one.sentence, wanted), (other.sentence, given))
    for sentence, number in pairs:
        before, after = sentence.text[: number.begin][-1:], sentence.text[number.end :][:1]
        if before not in ("", " ", "(") or after.isalpha():
            return False  # a part of a name: "22q13.3"
    counted, too = (next_word(*pair) for pair in pairs)
    if counted == too and len(counted) > 2 and counted not in STOPWORDS:
        return True
    return all(_VALUE.search(s.lower[: number.begin]) is not None for s, number in pairs)


def _are_years(*some: Quantity) -> bool:
    return all(not q.dimension and 1800 <= q.low == q.high <= 2100 and q.low % 1 == 0 for q in some)


def _may_both_hold(wanted: Quantity, given: Quantity, text: str) -> bool:
    """Whether two quantities of one dimension may both be right."""
    is_share = wanted.dimension == "share"
    accuracy = is_share and _ACCURACY.search(text) is not None
    limits = not accuracy and _LIMIT.search(text) is not None
    if wanted.sign and wanted.sign[:1] == given.sign[:1]:
        return wanted.same_value(given) or (is_share and not limits)
    (low, high), (low2, high2) = _span(wanted), _span(given)
    if low <= high2 and low2 <= high:
        return True
    if _are_years(wanted, given):
        return False
    factor = 1.0
    if is_share and not limits:
        factor = _SHARES_VARY_BY
    elif _VARIES.search(text):
        factor = _RANGES_VARY_BY if low < high and low2 < high2 else _VARIES_BY
    below, above = (high, low2) if high < low2 else (high2, low)
    if accuracy and above - below >= _ACCURACY_VARIES_BY:
        return False
    return below > 0.0 and above / below < factor


def _span(quantity: Quantity) -> tuple[float, float]:
    """The values that a quantity allows."""
    low = float("-inf") if quantity.sign[:1] == "<" else quantity.low
    high = float("inf") if quantity.sign[:1] == ">" else quantity.high
    return low, high


def _is_result(part: Part) -> bool:
    """Whether a clause tells what one study found."""
    if _RESULT.search(part.sentence.lower):
        return True
    if _EVENT.search(part.text) or _MEASURED.search(part.text):
        return False
    return _PAST.search(part.text) is not None and not _PRESENT.search(part.text)


def _said(quantity: Quantity) -> str:
    return f"{_SIGN_WORDS[quantity.sign]}{quantity.text}"
