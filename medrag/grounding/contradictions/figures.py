"""Does a clause give another figure of the same thing: a dose, a limit, a duration, a count?

Figures disagree if they are claimed of the same fact: doses, limits, targets and definitions,
durations, intervals, ages, counts and the years of events. What one study found (in the past tense,
with a p value, a mean, arms or a sample) is not compared: another study need not find it. How
frequent something is varies, so of two shares one has to be twice the other; of half-lives,
incubation periods and what is "about" so much, half as large again. Ranges that overlap agree.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ...text.quantities import Quantity
from ...text.words import STOPWORDS
from ..support import conversions
from ..support.measures import PLAIN_RATE, next_word
from .claims import Difference, Part
from .told import is_sure

_SIGN_WORDS = {"<": "below ", "<=": "at most ", ">": "above ", ">=": "at least ", "": ""}
_KINDS = {
    "most": r"max(?:imum|imal)?|upper|exceed(?:s|ed)?|no more than|up to|limit|ceiling"
    r"|go(?:es)? (?:over|above)",
    "least": r"min(?:imum|imal)?|lowest",
    "first": r"start(?:s|ed|ing)?|initial(?:ly)?|begins?|begun|first dose",
    "loading": r"load(?:ed|ing)?|bolus",
    "later": r"maint(?:ain\w*|enance)|then|later|increased|second|booster",
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
_VALUE = re.compile(r"\b(?:is|are|at|of|than|below|above|score|target|least|most)\s*$")
_FOUND = re.compile(r"\b(?:by|from|to)\s*$|\([^()]*$")  # "fell by 5 kg", "(12 vs 8 days)"
_VARIES_BY, _RANGES_VARY_BY, _SHARES_VARY_BY = 1.5, 1.25, 2.0


def other_figure(one: Part, other: Part) -> Difference | None:
    """The figure that the source gives instead.

    All other figures have to be the same: 500 mg for 7 days and 250 mg for 14 are two regimens.

    Args:
        one: the statement.
        other: the source, about the same thing.
    """
    kinds = _kinds(one.text)
    if kinds != _kinds(other.text) or one.clause.negations % 2 != other.clause.negations % 2:
        return None
    if any(_is_result(part) or not is_sure(part.text) for part in (one, other)):
        return None
    texts = f"{one.text} {other.text}"
    ours, theirs = one.clause.quantities, other.clause.quantities
    mine, yours = _unmatched(ours, theirs, texts), _unmatched(theirs, ours, texts)
    if not mine or len(mine) != len(yours) or not _is_one_figure([*mine, *yours]):
        return None
    wanted, given = _bounded(mine[0], kinds), _bounded(yours[0], kinds)
    if wanted.dimension != given.dimension or not _is_of_one_thing(one, wanted, other, given):
        return None
    if _may_both_hold(wanted, given, texts):
        return None
    alike = len(ours) - len(mine) + len(kinds)
    return Difference(f"the source says {_said(given)}, not {_said(wanted)}", alike)


def same_figures(one: Part, other: Part) -> bool:
    """Tell whether two clauses name the same doses, ages and times; how much changed may differ.

    "A 50 % risk to be a carrier" and "a 25 % risk not to be one" go together.
    """
    mine, yours = _conditions(one), _conditions(other)
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


def _bounded(quantity: Quantity, kinds: frozenset[str]) -> Quantity:
    """A quantity with the comparator that "maximum" or "minimum" gives it."""
    if quantity.sign or not kinds & {"most", "least"}:
        return quantity
    return replace(quantity, sign="<=" if "most" in kinds else ">=")


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
    limits = _LIMIT.search(text) is not None
    is_share = wanted.dimension == "share"
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
    if _EVENT.search(part.text):
        return False
    return _PAST.search(part.text) is not None and not _PRESENT.search(part.text)


def _said(quantity: Quantity) -> str:
    return f"{_SIGN_WORDS[quantity.sign]}{quantity.text}"
