"""Limits: which figures of a clause are some, which way they bound, for a day or for one dose."""

from __future__ import annotations

import re
from dataclasses import replace

from ...text.quantities import Quantity
from .claims import Part

_BOUNDS = {
    "<=": r"max(?:imum|imal|imally)?|upper|highest|largest|exceed(?:s|ed)?|no more than|up to"
    r"|(?<!lower )limit(?:s|ed)?|ceiling|cap(?:ped)?|go(?:es)? (?:over|above)",
    ">=": r"min(?:imum|imal|imally)?|lowest|smallest|lower limit",
}
_BOUND = {sign: re.compile(rf"\b(?:{words})\b") for sign, words in _BOUNDS.items()}
_FORBIDS = re.compile(
    r"\b(?:not|never|cannot|avoid(?:ed|s)?|contraindicated|unsafe|dangerous|toxic|inadvisable)\b|n['’]t\b"
)
_CONDITION = re.compile(r"\b(?:if|when|where|in|with|unless|once|while)\b[^,]*$")
_TURNED = {">": "<=", ">=": "<", "<": ">=", "<=": ">"}
_A_DAY = re.compile(  # "in any 24 hours", "in a day", "in 24 hours", not "within 24 hours of birth"
    r"\b(?:in|within|over|during|per) (?:(?:any|each|every|one|an?|any one) \S+ ?hours?|an? day)"
    r"|\b(?:in|over|during|per|every) 24 ?(?:hours?|h)\b(?! (?:of|after|before|from|following)\b)"
)
_WINDOW = 20  # characters before and after a quantity
_UNIT = r"dose|injection|infusion|attack|episode|session|procedure|meal|application|intake"
_ONCE = re.compile(
    rf"\bsingle\b|\b(?:per|each|every|any one|one) (?:{_UNIT})\b|\bat (?:a|one|any one) time\b"
    r"|\bat once\b"
)
_IN_ALL = re.compile(r"\b(?:cumulative|in total|total dose|lifetime|per course|in all)\b")


def figures(part: Part) -> list[Quantity]:
    """The quantities of a clause, without the day of "in any 24 hours"."""
    return [one for one in part.clause.quantities if not _is_a_day(part, one)]


def _is_a_day(part: Part, one: Quantity) -> bool:
    if one.dimension != "time" or not one.low == one.high == 1.0:
        return False
    text = part.sentence.lower[max(0, one.start - _WINDOW) : one.end + _WINDOW]
    found = _A_DAY.search(text)
    return found is not None and found.start() < min(one.start, _WINDOW) + one.end - one.start


def bounded(part: Part, quantity: Quantity) -> Quantity:
    """A quantity of a clause with the comparator that "maximum" or "must not" gives it."""
    if quantity.sign in (">", "<") and is_forbidden(part, quantity):
        return replace(quantity, sign=_TURNED[quantity.sign])
    signs = [sign for sign, words in _BOUND.items() if words.search(part.text)]
    if quantity.sign or quantity.dimension == "rate" or len(signs) != 1:
        return quantity
    return replace(quantity, sign=signs[0])


def is_forbidden(part: Part, quantity: Quantity) -> bool:
    """Tell whether a clause forbids more or less: "above 4 g is unsafe", "not for more than"."""
    if _FORBIDS.search(part.sentence.lower, quantity.begin, quantity.start):
        return True  # "never exceed 4 g", which is "at most 4 g"
    before = part.sentence.lower[part.clause.start : quantity.begin]
    return (
        quantity.sign in (">", "<")
        and not _CONDITION.search(before)
        and _FORBIDS.search(part.text) is not None
    )


def names_bound(part: Part) -> bool:
    """Tell whether a clause has a word such as "maximum" or "minimum"."""
    return any(words.search(part.text) for words in _BOUND.values())


def period(part: Part) -> str:
    """For how long a limit in a clause holds: "once", "in all", "rate" (such as a day), or ""."""
    if _ONCE.search(part.text):
        return "once"
    if _IN_ALL.search(part.text):
        return "in all"
    rates = (one.dimension == "rate" or _is_a_day(part, one) for one in part.clause.quantities)
    return "rate" if any(rates) else ""
