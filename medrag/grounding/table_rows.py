"""Rows of tables as evidence: which row a question asks for.

Rows are lines such as "Weight: 11–20 kg; Dose: 250 mg", as `ingestion.readers.tables` writes them.
The rows of a table resemble each other, so a question resembles all of them. What tells them apart
are its words and numbers, and the bands ("11–20 kg", "over 30 kg") in which its numbers fall.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from ..text.words import terms

# What a person has or is: a band of it says for whom a row is. A band of a dose does not.
_UNITS = {
    "kg": ("kg", 1.0), "kgs": ("kg", 1.0), "kilo": ("kg", 1.0), "kilogram": ("kg", 1.0),
    "day": ("day", 1.0), "d": ("day", 1.0), "week": ("day", 7.0), "wk": ("day", 7.0),
    "month": ("day", 30.4), "mo": ("day", 30.4), "year": ("day", 365.0), "yr": ("day", 365.0),
    "y": ("day", 365.0), "ml/min": ("ml/min", 1.0), "%": ("%", 1.0),
}  # fmt: skip
_UNIT = r"(?P<unit>kilograms?|kilos?|kgs?|years?|yrs?|y|months?|mo|weeks?|wks?|days?|d|ml/min|%)"
_NUMBER = r"\d+(?:[.,]\d+)?"
_BETWEEN = re.compile(
    rf"(?P<low>{_NUMBER})\s*(?P<low_unit>[a-z]+)?\s*(?:[-\u2010-\u2015]|to|and|until)\s*"
    rf"(?P<high>{_NUMBER})\s*{_UNIT}?(?![\w/])",
    re.I,
)
_OVER = r"over|above|more than|greater than|higher than|older than|from|at least|>=?|≥"
_UNDER = r"under|below|less than|lower than|younger than|up to|at most|<=?|≤"
_ONE_SIDED = re.compile(
    rf"(?P<sign>{_OVER}|{_UNDER})\s*(?P<number>{_NUMBER})\s*{_UNIT}?(?![\w/])", re.I
)
_AND_MORE = re.compile(
    rf"(?P<number>{_NUMBER})\s*{_UNIT}?\s*(?:and|or)\s+(?P<sign>over|above|older|more|under|less)",
    re.I,
)
_QUANTITY = re.compile(
    rf"(?:(?P<sign>{_OVER}|{_UNDER})\s*)?(?P<number>{_NUMBER})[\s-]*{_UNIT}(?![\w/])", re.I
)
_COMPARED = re.compile(
    rf"(?:(?P<sign>{_OVER}|{_UNDER})\s*)?(?P<number>{_NUMBER})",
    re.I,
)
_LABEL = 60  # characters; a longer beginning of a line is no label
_INCLUDES = re.compile(r"from|at least|at most|up to|>=|≥|<=|≤", re.I)
_FOR_WHOM = re.compile(
    r"\b(?:age|weight|gfr|egfr|clearance|crcl|gestation\w*|group|patients?|child\w*|infants?)\b",
    re.I,
)


class Band(NamedTuple):
    """A range of a quantity, in the base unit of its dimension."""

    dimension: str
    low: float
    high: float
    low_included: bool = True
    high_included: bool = True

    def holds(self, value: float) -> bool:
        """Tell whether a value is in the band."""
        above = value > self.low or (self.low_included and value == self.low)
        below = value < self.high or (self.high_included and value == self.high)
        return above and below


def is_row(line: str) -> bool:
    """Tell whether a line of text is a row that names its columns."""
    cells = line.split("; ")
    return len(cells) > 1 and sum(": " in cell for cell in cells) > 1


def columns(row: str) -> tuple[str, ...]:
    """The names of the columns of a row, which tell one table from another."""
    return tuple(cell.partition(": ")[0] for cell in row.split("; ") if ": " in cell)


def excludes(line: str, question: str) -> bool:
    """Tell whether a row, or a line such as "Age 8–28 days: 5 mg", is for others than the question.

    It is if it has a band of weight, age or kidney function, and the question names a quantity of
    this dimension that is not in the band. Of a row, the first cell may also have a band of
    anything that the question names, such as "INR: 5–8".
    """
    numbers = _numbers(question)
    if not numbers:
        return False
    asked = _quantities(question)
    cells = _cells(line) if is_row(line) else _label(line)
    for number, (name, value) in enumerate(cells):
        if number and not _FOR_WHOM.search(name):
            continue
        band = _band(value, name)
        values = [value for dimension, value in asked if band and dimension == band.dimension]
        if band is None and not number and _names(name, question):
            band = _band(value, name, default=("", 1.0))
            values = numbers
        if band and values and not any(map(band.holds, values)):
            return True
    return False


def holds_numbers(text: str, row: str, question: str) -> bool:
    """Tell whether all numbers of a question are in a text, or fall into a band of its row."""
    asked = {*re.findall(_NUMBER, question)}
    if not asked - {*re.findall(_NUMBER, text)}:
        return True
    cells = _cells(row)
    name, value = cells[0]
    first = _band(value, name, default=("", 1.0)) if _names(name, question) else None
    if first and not first.dimension:
        return all(map(first.holds, _numbers(question)))
    quantities = _quantities(question)
    bands = [_band(value, name) for name, value in cells]
    return len(quantities) == len(asked) and all(
        any(band and band.dimension == dimension and band.holds(value) for band in bands)
        for dimension, value in quantities
    )


def _label(line: str) -> list[tuple[str, str]]:
    """What a line is about, if it begins with that: "Age 8–28 days: …"."""
    label, colon, _ = line.partition(":")
    return [("", label)] if colon and len(label) <= _LABEL else []


def _names(name: str, question: str) -> bool:
    """Tell whether a question names a column, apart from its unit: "Potassium (mmol/L)"."""
    wanted = set(terms(re.sub(r"\([^)]*\)", "", name)))
    return bool(wanted) and wanted <= set(terms(question))


def _numbers(question: str) -> list[float]:
    """The numbers of a question; "above 8" is a little more than 8."""
    return [
        _beyond(float(found["number"].replace(",", ".")), found["sign"] or "")
        for found in _COMPARED.finditer(question)
    ]


def _beyond(number: float, sign: str) -> float:
    if not sign or _INCLUDES.fullmatch(sign):
        return number
    return math.nextafter(number, math.inf if re.fullmatch(_OVER, sign, re.I) else -math.inf)


def _cells(row: str) -> list[tuple[str, str]]:
    """(name of the column, value) of each cell; the name may be ""."""
    parted = (cell.rpartition(": ") for cell in row.split("; "))
    return [(name, value) for name, _, value in parted]


def _quantities(text: str) -> list[tuple[str, float]]:
    found = []
    for one in _QUANTITY.finditer(text):
        dimension, factor = _unit(one["unit"]) or ("", 1.0)
        value = float(one["number"].replace(",", ".")) * factor
        found.append((dimension, _beyond(value, one["sign"] or "")))
    return found


def _unit(name: str | None) -> tuple[str, float] | None:
    lower = (name or "").lower()
    return _UNITS.get(lower) or _UNITS.get(lower.removesuffix("s"))


def _band(value: str, name: str, default: tuple[str, float] | None = None) -> Band | None:
    """The band that a cell gives; its unit may be in the name of its column, "Weight (kg)".

    Args:
        default: dimension and size of the unit if there is none.
    """
    in_name = (_unit(word) for word in re.findall(r"[a-zA-Z/%]+", name))
    unit_of_column = next(filter(None, in_name), default)
    if found := _BETWEEN.search(value):
        unit = _unit(found["unit"]) or unit_of_column
        if unit is None:
            return None
        low_unit = _unit(found["low_unit"]) or unit
        low = float(found["low"].replace(",", ".")) * low_unit[1]
        high = float(found["high"].replace(",", ".")) * unit[1]
        return Band(unit[0], low, high) if low_unit[0] == unit[0] and low <= high else None
    found = _ONE_SIDED.search(value) or _AND_MORE.search(value)
    if found is None:
        return None
    unit = _unit(found["unit"]) or unit_of_column
    if unit is None:
        return None
    limit = float(found["number"].replace(",", ".")) * unit[1]
    sign = found["sign"].lower()
    included = found.re is _AND_MORE or _INCLUDES.fullmatch(sign) is not None
    if re.fullmatch(rf"{_UNDER}|under|less", sign, re.I):
        return Band(unit[0], -math.inf, limit, high_included=included)
    return Band(unit[0], limit, math.inf, low_included=included)


def best_rows(rows: Sequence[str], covered: Sequence[float]) -> list[bool]:
    """Which rows to keep: of each table, those that hold most of what the question asks for.

    Args:
        covered: for each row, how much of the question it holds.
    """
    best: dict[tuple[str, ...], float] = {}
    for row, share in zip(rows, covered, strict=True):
        name = columns(row)
        best[name] = max(best.get(name, 0.0), share)
    return [share > best[columns(row)] - 1e-9 for row, share in zip(rows, covered, strict=True)]
