"""Numbers in names: "PHQ-9", "grade 3"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from ...text.units import UNIT_NAME
from .alignment import Comparison
from .sentences import Sentence

_ROMAN = {
    name: at
    for at, name in enumerate(["i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x"], 1)
}
_NAMED = re.compile(  # "PHQ-9", "vitamin B12", "grade 3 or 4", "Grade: 3", "phase II"
    r"\b(?:(?P<kind>type|grade|stage|phase|class|factor|category|level|tier|dose|step)s?:?\s"
    r"(?P<numbers>(?:\d+|[ivx]+)[a-z]?\b"
    r"(?:(?:\s?[-–/,]\s?|,? (?:and|or|to) )(?:\d+|[ivx]+)[a-z]?\b)*)"
    r"|(?P<name>[a-z]{2,}|[bk])-?(?P<number>\d+(?:\.\d+)?)(?![\w.]*[\d%]))"
)
_NOT_NAMED = re.compile(
    rf"(?:{UNIT_NAME}|in|to|p|n|x|q|by|at|and|or|of|over|under|day|week|month|year|hour|age|up"
    r"|from)$"
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
        numbers = [str(_ROMAN.get(number, number)) for number in numbers]
        values = [float(number) for number in numbers if number[0].isdigit()]
        if (
            len(values) == 2
            and values[1] - values[0] < 10
            and re.search(r"[-–]| to ", one["numbers"] or "")
        ):
            values = [float(n) for n in range(int(values[0]), int(values[1]) + 1)]
        found.setdefault(name, set()).update(values)
    return {name: frozenset(values) for name, values in found.items()}


def named_differences(comparison: Comparison) -> Iterator[str]:
    """Names of the statement that the source has with another number only: "PHQ-9"."""
    around = [*comparison.window, *comparison.context]
    for name, values in _named_numbers(comparison.statement).items():
        theirs = frozenset[float]().union(*(_named_numbers(one).get(name, ()) for one in around))
        missing = values - theirs
        if missing and theirs:
            yield f"the source says {name} {min(theirs):g}, not {name} {min(missing):g}"
