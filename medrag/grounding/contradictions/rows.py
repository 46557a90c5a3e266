"""Rows of tables as sentences, one for each figure, so that they can be compared with sentences."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from ...text.quantities import Quantity, quantities
from ..table_rows import is_row

_DOSE = re.compile(r"\b(?:dos(?:es?|age)|maximum|minimum)\b", re.I)
_FOR_WHOM = re.compile(
    r"\b(?:age|weight|e?gfr|clearance|crcl|gestation\w*|group|patients?|child\w*|infants?"
    r"|neonates?|adults?)\b",
    re.I,
)
# Columns that say something else of what a row is about, and not when its figures hold.
_ASIDE = re.compile(
    r"\b(?:avoid\w*|contra-?indicat\w*|cautions?|warnings?|(?:side|adverse) effects?|monitoring"
    r"|interactions?|mechanism|notes?|comments?|remarks?|references?|source|evidence|brands?)\b",
    re.I,
)
_UNIT = re.compile(r"\s*\(([^()]*)\)")
_BARE = re.compile(r"[\d.,\s–-]+")


@dataclass(frozen=True, slots=True)
class Reading:
    """A sentence as it is compared.

    Attributes:
        text: a sentence, or one figure of a row with what tells the row from others.
        others: the other figures of the row.
    """

    text: str
    others: tuple[str, ...] = ()

    def beside(self, other: str) -> str:
        """The text with those other figures that the other side of a comparison also gives.

        "Amoxicillin 250 mg three times daily" gives two figures of a row, a dose and a frequency.
        """
        given = quantities(other)
        said = (one for one in self.others if _are_among(quantities(one), given))
        return " ".join((self.text, *said))


@lru_cache(maxsize=2048)
def readings(text: str) -> tuple[Reading, ...]:
    """What is to be compared of a sentence, or of a row: each of its figures alone."""
    if not is_row(text):
        return (Reading(text),)
    cells = (cell.rpartition(": ") for cell in text.split("; "))
    row = [_with_unit(name, value) for name, _, value in cells]
    figures = [
        at for at, (name, value) in enumerate(row) if at and name and _is_figure(name, value)
    ]
    keys = [
        f"{name} {value}" if _is_bare(value) else value
        for at, (name, value) in enumerate(row)
        if at not in figures and not _ASIDE.search(name)
    ]
    whom = "".join(f" for {_uncapped(key)}" for key in keys)
    return tuple(
        Reading(
            f"{row[at][0]}{whom} is {row[at][1]}",
            tuple(row[one][1] for one in figures if one != at),
        )
        for at in figures
    ) or (Reading(text),)


def _with_unit(name: str, value: str) -> tuple[str, str]:
    """A cell whose unit stands with its value, and not with the name: "Dose (mg): 500"."""
    unit = _UNIT.search(name)
    if unit and _BARE.fullmatch(value):
        value = f"{value} {unit[1]}"
    return _UNIT.sub("", name), value


def _is_figure(name: str, value: str) -> bool:
    """Whether a cell gives a figure, and does not say for whom the row is."""
    if _ASIDE.search(name) or (_FOR_WHOM.search(name) and not _DOSE.search(name)):
        return False
    return any(one.dimension for one in quantities(value))


def _is_bare(value: str) -> bool:
    """Whether a value is a number that only the name of its column explains: "eGFR: 30–44"."""
    found = quantities(value)
    return bool(found) and not any(one.dimension for one in found)


def _are_among(some: list[Quantity], others: list[Quantity]) -> bool:
    return all(any(one.same_value(q) for q in others) for one in some)


def _uncapped(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() else text
