"""What a quantity is by itself: its number as it is written, a part, a weight."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from ...text.numbers import next_number
from ...text.quantities import Quantity
from .forms import root
from .sentences import Sentence

_WORD_AFTER = re.compile(r"[\s-]*([a-z]+)")
_SPREAD = re.compile(r"\s?(?:±|\+/-|\+-).*")
_PARTS = re.compile(r"half|third|quarter|fifth|tenth|^one .*\bin ")
MOST_AMOUNTS = 40  # that are compared with each other
Given = tuple[Quantity, Sentence]  # a quantity of the source and its sentence
_WEIGHT = re.compile(r"kg|kilo|lb|pound|stone", re.I)
PLAIN_RATE = re.compile(r"(?:per|an?|in|over)\b|/")


def is_part(quantity: Quantity) -> bool:
    """Whether a bare number is a part in words, such as "two-thirds" and "half"."""
    in_words = quantity.dimension in ("", "share") and _PARTS.search(quantity.text.lower())
    return bool(in_words) and 0.0 < quantity.high < 1.0


def dimension(quantity: Quantity) -> str:
    """The dimension of a quantity; parts in words are shares."""
    return "share" if is_part(quantity) else quantity.dimension


def is_weight(quantity: Quantity) -> bool:
    """Whether a mass is so large that a person has it, and no dose."""
    is_heavy = quantity.dimension == "mass" and quantity.high >= 400.0
    return is_heavy and _WEIGHT.search(quantity.text) is not None


def last_place(number: float) -> int:
    """The power of ten of the last digit of a number that is not 0."""
    digits = f"{abs(number):.6f}".rstrip("0")
    whole, _, part = digits.partition(".")
    return -len(part) if part else len(whole) - len(whole.rstrip("0"))


@lru_cache(maxsize=2048)
def numbers_in(text: str) -> tuple[float, ...]:
    """The first two numbers of a quantity as it is written, without its spread."""
    plain = _SPREAD.sub("", text.split("/")[0]).replace("−", "-")
    found: list[float] = []
    at = 0
    while len(found) < 2 and (number := next_number(plain, at)):
        at = number.end
        found.append(number.value)
    return tuple(found)


def number_of(quantity: Quantity) -> float:
    """The number of a quantity as it is written."""
    return (*numbers_in(quantity.text), 0.0)[0]


def next_word(sentence: Sentence, quantity: Quantity) -> str:
    """The root of the word after a quantity: what it counts."""
    found = _WORD_AFTER.match(sentence.lower, quantity.end)
    return root(found[1]) if found else ""


def is_given(wanted: Quantity, given: Sequence[Quantity]) -> bool:
    """Whether a value is among some quantities; "in 24 hours" is once a day."""
    return any(wanted.same_value(one) or _is_period(wanted, one) for one in given)


def _is_period(one: Quantity, other: Quantity) -> bool:
    """Whether one quantity is how often something is done, and the other the time between."""
    return {one.dimension, other.dimension} == {"time", "rate"} and one.low * other.low == 1.0
