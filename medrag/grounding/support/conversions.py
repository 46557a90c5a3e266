"""Amounts of a substance in units of two dimensions: 7 mmol/L of glucose are 126 mg/dL."""

from __future__ import annotations

import re

from ...text.quantities import Quantity

_MOLAR = {  # g/mol, by how the substance is named
    r"glucose|glycaemia|glycemia|blood sugar": 180.16,
    r"cholesterol|ldl|hdl": 386.65,
    r"triglycerides?": 885.7,
    r"creatinine": 113.12,
    r"bilirubin": 584.66,
    r"urea\b": 60.06,
    r"calcium|hypercalc\w+|hypocalc\w+": 40.08,
    r"magnesium": 24.305,
    r"phosphate|phosphorus": 30.97,
    r"uric acid|urate": 168.11,
    r"iron\b": 55.845,
    r"lactate": 90.08,
    r"potassium": 39.1,
    r"sodium": 22.99,
    r"vitamin d\b": 400.6,
    r"ethanol|alcohol": 46.07,
}
_MOLAR_OF = [(re.compile(rf"\b(?:{names})"), grams) for names, grams in _MOLAR.items()]
_VALENCE_2 = re.compile(r"\b(?:calcium|magnesium)")
_VITAMIN_D = re.compile(r"\bvitamin d|calciferol")
_A1C = re.compile(r"\b(?:hba1c|a1c|glycated|glycosylated)")
_SHARES = re.compile(
    r"\b(?:sensitivity|specificity|accuracy|probability|proportion|fraction|predictive value|recall"
    r"|precision|prevalence|survival)\b"
)
_NEAR, _NEAR_A1C = 0.025, 0.0011


def agree(one: Quantity, other: Quantity, text: str) -> bool:
    """Tell whether two quantities of different dimensions are the same of what a text names.

    Args:
        text: in lower case; it names the substance.
    """
    first, second = sorted((one, other), key=lambda q: q.dimension)
    kinds = (first.dimension, second.dimension)
    if kinds == ("", "share"):  # a sensitivity of 0.92
        return (
            0.0 < first.low < 1.0
            and _SHARES.search(text) is not None
            and _close(first, second, 1.0, 1e-6)
        )
    if kinds == ("mass/volume", "share"):  # 1 % is 10 mg/mL
        return _close(first, second, 1000.0, 0.004)
    if kinds in (("mass/volume", "substance/volume"), ("mass", "substance")):
        return any(
            _close(first, second, grams, _NEAR) for names, grams in _MOLAR_OF if names.search(text)
        )
    if kinds in (("equivalents/volume", "substance/volume"), ("equivalents", "substance")):
        return _close(first, second, 2.0 if _VALENCE_2.search(text) else 1.0, 0.004)
    if kinds == ("mass", "units"):  # of vitamin D, 40 units are a microgram
        return _VITAMIN_D.search(text) is not None and _close(first, second, 2.5e-8, 0.004)
    if kinds == ("share", "substance/substance") and _A1C.search(text):
        return all(
            abs(0.915 * end + 0.0215 - share) < _NEAR_A1C
            for share, end in ((first.low, second.low), (first.high, second.high))
        )
    return False


def _close(one: Quantity, other: Quantity, factor: float, share: float) -> bool:
    """Whether one quantity is about another one times a factor."""
    return all(
        abs(a - b * factor) <= share * max(abs(a), abs(b * factor))
        for a, b in ((one.low, other.low), (one.high, other.high))
    )
