"""Units of measure: their names, and how large each is in the base unit of its dimension."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

# Unit names, by dimension, with their size in the base unit of the dimension. Case matters only for
# the few in `_CASED`.
_UNITS: dict[str, dict[str, float]] = {
    "mass": {
        "lb lbs pound pounds": 453.6,
        "oz ounce ounces": 28.35,
        "stone": 6350.0,
        "kg kilogram kilograms kilogramme kilogrammes kilo kilos": 1e3,
        "g gm gram grams gramme grammes": 1.0,
        "mg milligram milligrams milligramme milligrammes": 1e-3,
        "mcg µg μg ug microgram micrograms microgramme microgrammes": 1e-6,
        "ng nanogram nanograms": 1e-9,
        "pg picogram picograms": 1e-12,
    },
    "volume": {
        "l litre litres liter liters": 1.0,
        "dl decilitre decilitres deciliter deciliters": 0.1,
        "cl": 0.01,
        "ml cc millilitre millilitres milliliter milliliters": 1e-3,
        "teaspoon teaspoons tsp": 5e-3,
        "tablespoon tablespoons tbsp": 15e-3,
        "µl μl ul microlitre microlitres microliter microliters": 1e-6,
        "fl": 1e-15,
    },
    "time": {
        "s sec secs second seconds": 1 / 86400,
        "min mins minute minutes": 1 / 1440,
        "h hr hrs hour hours": 1 / 24,
        "d day days night nights": 1.0,
        "wk wks week weeks": 7.0,
        "fortnight fortnights": 14.0,
        "mo month months": 365.25 / 12,
        "y yr yrs year years": 365.25,
        "decade decades": 3652.5,
    },
    "substance": {
        "mol mole moles": 1.0,
        "mmol millimole millimoles": 1e-3,
        "µmol μmol umol micromol micromole micromoles": 1e-6,
        "nmol nanomole nanomoles": 1e-9,
        "pmol picomole picomoles": 1e-12,
    },
    "length": {
        "km kilometre kilometres kilometer kilometers": 1e3,
        "m metre metres meter meters": 1.0,
        "cm centimetre centimetres centimeter centimeters": 1e-2,
        "mm millimetre millimetres millimeter millimeters": 1e-3,
        "µm μm um micrometre micrometres micron microns": 1e-6,
        "nm nanometre nanometres": 1e-9,
        "inch inches": 0.0254,
        "foot feet ft": 0.3048,
        "mile miles": 1609.3,
    },
    "area": {"m2 m²": 1.0, "cm2 cm²": 1e-4, "mm2 mm²": 1e-6},
    "microlitres": {"mm3 mm³": 1e-6},
    "share": {"% percent pct": 0.01},
    "temperature": {"°c ℃ celsius centigrade": 1.0},
    "fahrenheit": {"°f ℉ fahrenheit": 1.0},
    "pressure": {"mmhg": 1.0, "torr": 1.0, "kpa": 7.50062, "cmh2o": 0.735559},
    "energy": {
        "kcal kilocalorie kilocalories calorie calories": 1.0,
        "kj kilojoule kilojoules": 0.239006,
    },
    "joule": {"j joule joules": 1.0},
    "units": {"iu u unit units": 1.0, "miu": 1e-3, "mu megaunit megaunits": 1e6},
    "equivalents": {"eq": 1.0, "meq": 1e-3},
    "dioptres": {"dioptre dioptres diopter diopters": 1.0},
    "gray": {"gy gray grays": 1.0, "cgy": 0.01, "mgy": 1e-3},
    "sievert": {"sv": 1.0, "msv": 1e-3, "µsv μsv usv": 1e-6},
    "becquerel": {"mbq": 1.0, "gbq": 1e3, "kbq": 1e-3},
    "frequency": {"hz": 1.0, "khz": 1e3, "mhz": 1e6},
    "decibel": {"db decibel decibels": 1.0},
    "volt": {"mv millivolt millivolts": 1e-3, "kv": 1e3},
    "osmol": {"mosm mosmol milliosmoles": 1e-3},
    "watt": {"watt watts": 1.0},
    "metabolic": {"met mets": 1.0},
    "bases": {"bp": 1.0, "kb kbp": 1e3, "mbp": 1e6, "gbp": 1e9},
}


class Unit(NamedTuple):
    """A unit: the name of its dimension ("mass", "mass/volume") and its size in base units."""

    dimension: str
    size: float


_CASED = {
    "M": None, "S": None, "Y": None, "D": None,
    "G": Unit("mass", 1.0), "L": Unit("volume", 1.0), "Mb": Unit("bases", 1e6),
    "Gb": Unit("bases", 1e9),
}  # fmt: skip
_BY_NAME = {
    name: Unit("volume" if dimension == "microlitres" else dimension, size)
    for dimension, units in _UNITS.items()
    for names, size in units.items()
    for name in names.split()
}
UNIT_NAME = "|".join(re.escape(name) for name in sorted(_BY_NAME, key=len, reverse=True))
_UNIT = re.compile(
    r"(?P<mercury>mm\s?hg|millimet(?:re|er)s of mercury)\b"
    rf"|(?:degrees?\s+|deg\s+|international\s+)?(?P<unit>{UNIT_NAME}|percentage points?|per\s?cent)"
    r"(?![\w²³])"
    r"|(?:degrees?|deg|°)\s?(?P<degree>[CF]?)(?![\w²³])"
    r"|(?<=\d)(?P<bare>(?-i:C))(?!\w)",
    re.I,
)
_PER = re.compile(
    r"\s?(?:/|\bper\b|\ba(?:n|ny)?\b|\beach\b|\bevery\b)\s?(?P<many>\d+(?:[.]\d+)?)?\s?", re.I
)
_INVERSE = re.compile(r"\s?(?P<unit>kg|h|hr|min|d|day|L|l|m|mL|dL|s)\s?\^?\s?[-⁻−][1¹]\b")
_SPACE = re.compile(r"\s?-?\s?")
_COUNT_PER = re.compile(  # "9/L", "200 cells per microlitre"
    r"\s?(?:(?:cells|platelets|neutrophils|lymphocytes|eosinophils|leuk?c?ocytes|copies|parasites"
    r"|organisms|colonies|cfu)\s?)?(?:/|per\s)\s?",
    re.I,
)
_OF_WHAT = re.compile(  # "5 mg of the drug per kg"
    r"\s(?:of\s)?(?:[a-z-]+\s){1,2}(?=per\s(?:kg|kilo|m2|m²|square|100))", re.I
)


@cache
def unit_named(name: str) -> Unit | None:
    """The unit with a name; capitals matter for few ("L" is a litre, "M" is no metre)."""
    return _CASED[name] if name in _CASED else _BY_NAME.get(name.lower())


def days_in(name: str) -> float:
    """The length of a unit of time in days, such as 7 for "weeks"."""
    return _BY_NAME[name.lower()].size


def unit_after(text: str, end: int) -> tuple[Unit | None, int]:
    """The unit after a number that ends at a character, such as "mg/kg", and where the unit ends.

    Rates per time are left out: "500 mg" is all that it takes of "500 mg a day".
    """
    space = _SPACE.match(text, end)
    first = _simple_unit(text, space.end() if space else end)
    if first is None:
        return _only_per(text, end)
    unit, at = first
    if of := _OF_WHAT.match(text, at):
        at = of.end()
    while step := _denominator(text, at):
        per, at = step
        unit = Unit(f"{unit.dimension}/{per.dimension}", unit.size / per.size)
    return unit, at


def _simple_unit(text: str, at: int) -> tuple[Unit, int] | None:
    """The unit without a denominator that begins at a character, and where it ends."""
    found = _UNIT.match(text, at)
    if not found:
        return None
    name = found["unit"]
    if degree := found["degree"] or found["bare"]:
        name = f"°{degree}"
    elif found["mercury"]:
        name = "mmhg"
    elif not name:
        name = "°c"
    unit = unit_named("%" if name[:3].lower() == "per" else name)
    return (unit, found.end()) if unit else None


def _only_per(text: str, end: int) -> tuple[Unit | None, int]:
    """ "9/L" and "200/100 mL" count things in a volume."""
    slash = _COUNT_PER.match(text, end)
    per = _simple_unit(text, slash.end()) if slash else None
    if per is None or per[0].dimension in ("time", "share"):
        return None, end
    return Unit(f"/{per[0].dimension}", 1.0 / per[0].size), per[1]


def _denominator(text: str, at: int) -> tuple[Unit, int] | None:
    """What comes after a unit as "/kg", "per 100 mL" or "kg⁻¹", and where it ends."""
    inverse = _INVERSE.match(text, at)
    if inverse and (known := unit_named(inverse["unit"])):
        return None if known.dimension == "time" else (known, inverse.end())
    joint = _PER.match(text, at)
    per = _simple_unit(text, joint.end()) if joint else None
    if not joint or per is None or per[0].dimension in ("time", "share"):
        return None  # a rate: see `rates`
    many = float(joint["many"] or 1.0)
    return (Unit(per[0].dimension, per[0].size * many), per[1]) if many else None
