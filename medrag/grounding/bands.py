"""Ranges of what a patient has or is ("11–20 kg", "over 65 years"), and which values they hold."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

# Base units: what a range of them is about. A range of milligrams is a dose, and says nothing.
_UNITS = {
    "kg": ("weight", 1.0), "kilo": ("weight", 1.0), "kilogram": ("weight", 1.0),
    "g": ("weight", 0.001), "day": ("age", 1.0), "d": ("age", 1.0), "week": ("age", 7.0),
    "wk": ("age", 7.0), "month": ("age", 30.4), "mo": ("age", 30.4), "year": ("age", 365.0),
    "yr": ("age", 365.0), "y": ("age", 365.0), "ml/min": ("kidney", 1.0), "%": ("share", 1.0),
}  # fmt: skip
_UNIT = (
    r"(?:(?P<{0}>kilograms?|kilos?|kgs?|g|years?|yrs?|y|months?|mo|weeks?|wks?|days?|d"
    r"|ml\s?(?:/|per)\s?min(?:ute)?(?:\s?/\s?1[.,]73\s?m(?:2|²|\^2)?)?|%)(?![A-Za-z0-9_/]))"
)
_NUMBER = r"(?<!\d)\d{1,12}(?!\d)(?:[.,]\d{1,12})?"  # longer ones are no values
_SIGNS = {
    ">=": r">=|≥|⩾|at least|no(?:t)? less than|greater than or equal to|from",
    "<=": r"<=|≤|⩽|at most|no(?:t)? more than|less than or equal to|up to(?: and including)?",
    ">": r">|over|above|more than|greater than|higher than|older than|exceeding",
    "<": r"<|under|below|less than|lower than|younger than",
}
_SIGN = "|".join(_SIGNS.values())
_SIGNED = re.compile(rf"(?P<sign>{_SIGN})\s*(?P<number>{_NUMBER})\s*{_UNIT.format('unit')}?", re.I)
_BETWEEN = re.compile(
    rf"(?P<low>{_NUMBER})\s*{_UNIT.format('low_unit')}?\s*(?:[-~]|to|through|and|until)\s*"
    rf"(?P<high>{_NUMBER})\s*{_UNIT.format('unit')}?",
    re.I,
)
_LESS = ("under", "below", "less", "lower", "fewer", "younger")
_AND_MORE = re.compile(
    rf"(?P<number>{_NUMBER})\s*(?P<plus>\+)?\s*{_UNIT.format('unit')}?"
    r"(?:\s*(?:and|or)\s+(?P<more>over|above|older|more|greater|higher"
    rf"|{'|'.join(_LESS)}))?"
    rf"(?:\s*{_UNIT.format('last_unit')})?",
    re.I,
)
_QUANTITY = re.compile(
    rf"(?:(?P<sign>{_SIGN})\s*)?(?P<number>{_NUMBER})[\s-]*{_UNIT.format('unit')}", re.I
)
_KIDNEY = re.compile(
    r"\b(?:e?gfr|crcl|creatinine clearance)\b\D{0,20}?"
    rf"(?P<sign>{_SIGN})?\s*(?P<number>{_NUMBER})",
    re.I,
)
_AGED = re.compile(  # "age 75" without a unit is in years
    rf"\bage[ds]?\b(?:\s+of)?\s*(?P<sign>{_SIGN})?\s*(?P<number>{_NUMBER})(?![\d.,]*\s*[-\w]?\s*"
    rf"(?:{_UNIT.format('unit')}|to\b|-))",
    re.I,
)
# The digits of a name such as "CO2" and "CHA2DS2-VASc" are no numbers.
_COMPARED = re.compile(rf"(?:(?P<sign>{_SIGN})\s*)?(?<![A-Za-z\d])(?P<number>{_NUMBER})", re.I)
_DASHES = re.compile("[\u2010-\u2015\u2212]")
# Numbers below 0, such as a T-score, are not read: "-2.5 or lower" is no band.
_NEGATIVE = re.compile(
    r"(?:\A|[(<>=≤≥]|\b(?:to|and|between|from|below|under|above|over|than))\s*-\d", re.I
)
_MARK = re.compile(r"\s?\[\w{1,2}\]")
_AGE_COLUMN = re.compile(r"\W*(?:patient\w*\W+)?age[ds]?(?: (?:group|range|band)s?)?\W*\Z", re.I)
_AGE_FIRST = re.compile(rf"\W*age[ds]?\b\W*(?:{_SIGN})?\s*\d", re.I)
_DOSED = re.compile(r"\d\s*(?:mg|mcg|g|ml|micrograms?|units?|IU|%)(?!\w)", re.I)
_GESTATION = re.compile(r"gestation|preterm|postmenstrual", re.I)
_NOT_OF_PATIENTS = re.compile(
    r"\b(?:dos\w+|mg|mcg|micrograms?|duration|interval|course|treatment|therapy|every|frequency"
    r"|rate|volume|daily|per|response|change|effect|risk)\b",
    re.I,
)


class Quantity(NamedTuple):
    """A value in the base unit of its dimension; "" is the dimension of a bare number."""

    dimension: str
    value: float


class Band(NamedTuple):
    """A range in the base unit of its dimension. Its ends belong to it."""

    dimension: str
    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Tell whether a value is in the band."""
        return self.low <= value <= self.high


def quantities(text: str) -> list[Quantity]:
    """The quantities of a text that patients have. "Over 8 kg" is a little more than 8 kg."""
    text = _plain(text)
    age = "gestation" if _GESTATION.search(text) else "age"
    found = []
    for one in _QUANTITY.finditer(text):
        dimension, size = _unit(one["unit"]) or ("", 1.0)
        if one["unit"].lower() != "g":  # nearly always of a dose
            dimension = age if dimension == "age" else dimension
            found.append(Quantity(dimension, _signed(one["sign"], as_number(one["number"]) * size)))
    for one in () if any(known.dimension == age for known in found) else _AGED.finditer(text):
        found.append(
            Quantity(age, _signed(one["sign"], as_number(one["number"]) * _UNITS["year"][1]))
        )
    if not any(one.dimension == "kidney" for one in found):
        found += [
            Quantity("kidney", _signed(one["sign"], as_number(one["number"])))
            for one in _KIDNEY.finditer(text)
        ]
    return found


def numbers(text: str) -> list[Quantity]:
    """All numbers of a text, without their units; "above 8" is a little more than 8."""
    found = _COMPARED.finditer(_plain(text))
    return [Quantity("", _signed(one["sign"], as_number(one["number"]))) for one in found]


def band(value: str, column: str = "", bare: bool = False) -> Band | None:
    """The band that a cell gives, or None.

    Args:
        column: its name, which may have the unit: "Weight (kg)".
        bare: whether numbers without a unit will do; then the dimension is "".
    """
    value = _MARK.sub("", re.sub(r"\bbirth\b", "0", _plain(value), flags=re.I))
    if _NOT_OF_PATIENTS.search(column) or _NEGATIVE.search(value):
        return None
    default = _unit_of(column) or _age_unit(value, column) or (("", 1.0) if bare else None)
    found = _two_signs(value, default) or _between(value, default) or _one_end(value, default)
    if found and found.dimension == "age" and _GESTATION.search(column):
        return found._replace(dimension="gestation")
    return found


def _two_signs(value: str, default: tuple[str, float] | None) -> Band | None:
    signed = list(_SIGNED.finditer(value))
    if not signed or (len(signed) == 1 and _BETWEEN.search(value)):
        return None
    units = [_unit(one["unit"]) for one in signed]
    last = next((unit for unit in reversed(units) if unit), default)
    low, high, dimension = -math.inf, math.inf, ""
    for one, unit in zip(signed, units, strict=True):
        if not (unit := unit or last):
            return None
        dimension, size = unit
        number = _signed(one["sign"], as_number(one["number"]) * size)
        if _kind(one["sign"]) in (">", ">="):
            low = number
        else:
            high = number
    return Band(dimension, low, high) if low <= high else None


def _between(value: str, default: tuple[str, float] | None) -> Band | None:
    found = _BETWEEN.search(value)
    unit = found and (_unit(found["unit"]) or default)
    if not found or not unit:
        return None
    first = _unit(found["low_unit"]) or unit
    low, high = as_number(found["low"]) * first[1], as_number(found["high"]) * unit[1]
    if unit[0] == "age" and "." not in found["high"]:
        # Ages are given in completed years: "2–5 years" ends with the sixth birthday.
        high = math.nextafter(high + unit[1], -math.inf)
    return Band(unit[0], low, high) if first[0] == unit[0] and low <= high else None


def _one_end(value: str, default: tuple[str, float] | None) -> Band | None:
    for found in _AND_MORE.finditer(value):
        unit = _unit(found["unit"]) or _unit(found["last_unit"]) or default
        if not unit or not (found["plus"] or found["more"]):
            continue
        limit = as_number(found["number"]) * unit[1]
        less = (found["more"] or "").lower() in _LESS
        return Band(unit[0], *((-math.inf, limit) if less else (limit, math.inf)))
    return None


def _plain(text: str) -> str:
    return _DASHES.sub("-", text)


def as_number(number: str) -> float:
    """The value of digits with a point or comma: "1,500" has a thousand, "1,5" a half."""
    thousands = re.fullmatch(r"[1-9]\d{0,2},\d{3}", number)
    return float(number.replace(",", "" if thousands else "."))


def _kind(sign: str) -> str:
    return next(kind for kind, words in _SIGNS.items() if re.fullmatch(words, sign, re.I))


def _signed(sign: str | None, number: float) -> float:
    """The number, or the next one beyond it if a sign leaves it out."""
    kind = _kind(sign) if sign else ""
    return math.nextafter(number, {">": math.inf, "<": -math.inf}.get(kind, number))


def _unit(name: str | None) -> tuple[str, float] | None:
    lower = re.sub(r"\s", "", (name or "").lower())
    if lower.startswith("ml"):
        return _UNITS["ml/min"]
    return _UNITS.get(lower) or _UNITS.get(lower.removesuffix("s"))


def _unit_of(column: str) -> tuple[str, float] | None:
    """The unit that a name implies: "Weight (kg)", "Age in months", "eGFR"."""
    for unit in re.finditer(rf"(?<![A-Za-z]){_UNIT.format('unit')}", column, re.I):
        if unit["unit"].lower() == "g":
            known = "weight" in column.lower()
        else:  # a letter may be a part of a name: "vitamin D"
            known = len(unit["unit"]) > 1 or column[: unit.start()].endswith("(")
        if known:
            return _unit(unit["unit"])
    if re.search(r"\b(?:e?gfr|crcl|clearance)\b", column, re.I):
        return _UNITS["ml/min"]
    return None


def _age_unit(value: str, column: str) -> tuple[str, float] | None:
    """Years, for a cell that gives ages without a unit: "Age 65 to 74", or "65–74" under "Age"."""
    is_age = _AGE_COLUMN.match(column) or _AGE_FIRST.match(value)
    if not is_age or _DOSED.search(value) or _GESTATION.search(f"{column} {value}"):
        return None
    return _UNITS["year"]
