"""Read quantities from text: value, range, comparator, unit, rate, in canonical units.

"1,000 mg", "1 g" and "a thousand milligrams" are equal; "50 mcg" and "50 mg" are not. How often
something is done is a quantity too: "twice daily", "every 12 hours" and "2 times a day" are equal.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from functools import cache

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
    "pressure": {"mmhg": 1.0, "kpa": 7.50062, "cmh2o": 0.735559},
    "energy": {"kcal kilocalorie kilocalories calorie calories": 1.0, "kj kilojoule kilojoules": 0.239006},
    "joule": {"j joule joules": 1.0},
    "units": {"iu u unit units": 1.0, "miu mu": 1e-3, "megaunit megaunits": 1e6},
    "equivalents": {"eq": 1.0, "meq": 1e-3},
    "dioptres": {"dioptre dioptres diopter diopters": 1.0},
    "gray": {"gy gray grays": 1.0, "cgy": 0.01, "mgy": 1e-3},
    "sievert": {"sv": 1.0, "msv": 1e-3},
    "becquerel": {"mbq": 1.0, "gbq": 1e3, "kbq": 1e-3},
    "frequency": {"hz": 1.0, "khz": 1e3, "mhz": 1e6},
    "watt": {"watt watts": 1.0},
    "metabolic": {"met mets": 1.0},
}  # fmt: skip
_CASED = {"M": None, "S": None, "G": ("mass", 1.0), "L": ("volume", 1.0), "Y": None, "D": None}

_BY_NAME = {
    name: (dimension, size)
    for dimension, units in _UNITS.items()
    for names, size in units.items()
    for name in names.split()
}
_BY_NAME |= {
    name: ("volume", size) for name, (kind, size) in _BY_NAME.items() if kind == "microlitres"
}

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()  # noqa: SIM905
_WORD_VALUES = {
    **{word: float(value) for value, word in enumerate(_SMALL)},
    **{word: 10.0 * value for value, word in enumerate(_TENS, 2)},
}
_SCALES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9}

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺−", "0123456789-+-")
_VULGAR = {"½": 0.5, "¼": 0.25, "¾": 0.75, "⅓": 1 / 3, "⅔": 2 / 3, "⅛": 0.125}
_KEPT = "½¼¾⅓⅔⅛µμ⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺"  # each says something that its plain form does not
_DIGITS = r"(?:\d{1,3}(?:[,\u2009\u202f\u00a0 ]\d{3})+(?![\d])(?:\.\d+)?|\d+(?:[.,·]\d+)?|(?<![\d\w])[.·]\d+)"
_POWER = (
    r"(?:\s?[×x*·]\s?10(?:\^\s?\(?|\s?\*\*)?\s?(?P<exp>[-+−]?\d{1,2}|[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)\)?"
    r"|[eE](?P<exp2>[-+]?\d{1,2}))"
)
_WORD_NUMBER = rf"(?:{'|'.join(_TENS)})(?:[- ](?:{'|'.join(_SMALL[1:10])}))?|{'|'.join(sorted(_SMALL, key=len, reverse=True))}"
_SCALE = "|".join(_SCALES)
_FRACTIONS = {
    "half": 0.5, "third": 1 / 3, "quarter": 0.25, "fifth": 0.2, "tenth": 0.1,
    "thirds": 1 / 3, "quarters": 0.25, "fifths": 0.2, "tenths": 0.1,
}  # fmt: skip
_NUMBER = re.compile(
    rf"(?P<sign>(?<![\w.,)%–-])[-+−–](?=[\d.]))?"
    rf"(?:(?<![\w.])10(?:\^\s?\(?(?P<bare>[-+−]?\d{{1,2}})\)?|(?P<raised>[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+))|(?<![A-Za-z0-9_])(?P<digits>{_DIGITS})(?:{_POWER})?"
    rf"|(?P<whole>\d)?(?P<vulgar>[½¼¾⅓⅔⅛])|\b(?P<word>{_WORD_NUMBER})(?=fold\b|\b))"
    rf"(?:[\s-](?P<scale>{_SCALE})s?\b)?",
    re.I,
)
_FRACTION = re.compile(
    rf"\b(?:(?P<some>an?|one|two|three|four)[ -])?(?P<part>{'|'.join(sorted(_FRACTIONS, key=len, reverse=True))})"
    r"(?:[ -]+(?:an?|of an?|of the|of)\b)?",
    re.I,
)
_UNIT_NAME = "|".join(re.escape(name) for name in sorted(_BY_NAME, key=len, reverse=True))
_ONE_UNIT = re.compile(
    rf"(?:degrees?\s+|international\s+)?(?P<unit>{_UNIT_NAME}|per\s?cent)(?![\w²³])", re.I
)
_PER = re.compile(
    r"\s?(?:/|\bper\b|\ba(?:n|ny)?\b|\beach\b|\bevery\b)\s?(?P<many>\d+(?:[.]\d+)?)?\s?", re.I
)
_SPREAD = re.compile(r"\s?(?:±|\+/-|\+-)\s?\d+(?:[.·]\d+)?")
_INVERSE = re.compile(r"\s?(?P<unit>kg|h|hr|min|d|day|L|l|m|mL|dL|s)\s?\^?\s?[-⁻−]1\b")
_RANGE_JOINT = re.compile(
    r"(?:(?<=\d)(?:[-–—]\s?|\s[-–—]\s)|(?<=[^\d\s])\s?[-–—]\s?|\s(?:to|and|through|or)\s)(?=[\d.·a-z+−])",
    re.I,
)
_A = re.compile(
    r"\b(?:an?|per|each|every|another|the (?:first|last|next|following|previous))\s+$", re.I
)

_BEFORE = {
    ">=": r"(?:≥|>=|⩾|at least|(?:a )?minimum(?: of)?|(?:not?|never|nobody|n.t)\s+(?:\w+\s+){0,3}?(?:less|fewer|lower|earlier|sooner) than|from (?:the )?age(?: of)?|from age|(?:not?|never) (?:be )?(?:below|under)|starting from|min\.?|greater than or equal to|more than or equal to)",
    "<=": r"(?:≤|<=|⩽|at most|(?:a |the )?maximum(?: of| is)?|(?:not?|never|nobody|n.t)\s+(?:\w+\s+){0,3}?(?:more|greater|higher|longer|later|larger|older) than|(?:not?|never)(?: be| is| go)? (?:above|over|beyond)|(?:not?|never)(?: to)? exceed(?:ing|s)?|up to|as (?:long|much|many|late|high) as|max\.?|less than or equal to|within|(?:limit|restrict)(?:s|ed|ing)? (?:\w+[’\'s]* ){0,3}?to|limit of|limit is|capped at|cap of|ceiling of)",
    ">": r"(?:>|above|over|more than|greater than|higher than|longer than|older than|larger than|beyond|exceed(?:s|ed|ing)?|in excess of|heavier than|upwards? of)",
    "<": r"(?:<|below|under|less than|fewer than|lower than|shorter than|younger than|smaller than|lighter than|short of)",
}
_COMPARATOR = re.compile(
    "(?:" + "|".join(f"(?P<c{i}>{pattern})" for i, pattern in enumerate(_BEFORE.values())) + r")"
    r"(?:\s+(?:an?|the|about|of|age|aged|total of))*\s*$",
    re.I,
)
_SIGNS = list(_BEFORE)
_AFTER = re.compile(
    r"\s*(?:(?P<more>(?:or|and)\s+(?:more|above|over|older|greater|higher|longer|upwards?|up|heavier|later)\b|\+(?![\d/-])|or more\b|minimum\b|at least\b)"
    r"|(?P<less>(?:or|and)\s+(?:less|below|under|younger|fewer|lower|shorter|earlier|lighter)\b|maximum\b|at (?:the )?most\b))",
    re.I,
)

# How often: turned into times per day.
_TIMES = {"once": 1.0, "twice": 2.0, "thrice": 3.0}
_EVERY_UNIT = r"(?P<period>days?|nights?|mornings?|evenings?|weeks?|fortnights?|months?|years?|hours?|minutes?|24\s?h(?:ours?)?)"
_LATIN = {
    "od": 1.0, "o.d.": 1.0, "qd": 1.0, "q.d.": 1.0, "bd": 2.0, "b.d.": 2.0, "bid": 2.0, "b.i.d.": 2.0, "tds": 3.0,
    "t.d.s.": 3.0, "tid": 3.0, "t.i.d.": 3.0, "qds": 4.0, "q.d.s.": 4.0, "qid": 4.0, "q.i.d.": 4.0,
}  # fmt: skip
_PERIODS = {
    "day": 1.0, "night": 1.0, "morning": 1.0, "evening": 1.0, "week": 7.0, "fortnight": 14.0,
    "month": 365.25 / 12, "year": 365.25, "hour": 1 / 24, "minute": 1 / 1440,
}  # fmt: skip
_ADVERBS = {
    "daily": 1.0, "nightly": 1.0, "hourly": 1 / 24, "weekly": 7.0, "fortnightly": 14.0, "monthly": 365.25 / 12,
    "quarterly": 365.25 / 4, "yearly": 365.25, "annually": 365.25, "annual": 365.25,
}  # fmt: skip
_NUM = rf"(?:\d+(?:\.\d+)?|{_WORD_NUMBER})"
_FREQUENCY = re.compile(
    rf"(?:(?<![\w.])(?:"
    rf"(?P<latin>o\.d\.|q\.d\.|b\.d\.|b\.i\.d\.|t\.d\.s\.|t\.i\.d\.|q\.d\.s\.|q\.i\.d\.|\b(?:od|qd|bd|bid|tds|tid|qds|qid)\b)"
    rf"|\bq\s?(?P<q>\d+)\s?(?P<qunit>h|hr|hrs|hours?|d|days?)\b"
    rf"|(?P<often>once|twice|thrice|(?P<n>{_NUM})(?:\s?(?:-|–|to|or)\s?(?P<n2>{_NUM}))?\s+(?:times|doses|×))(?:\s+(?:(?:in|over|within|during)\s+)?(?:an?|every|each|per|any|in|over|one)\s+(?P<each>(?P<span>{_NUM})[\s-])?{_EVERY_UNIT}|\s+(?P<adv>daily|nightly|weekly|monthly|yearly|annually|hourly)|\s?/\s?(?:24\s?h(?:ours?)?|d(?:ay)?)\b)"
    rf"|every\s+other\s+(?P<other>day|night|week|month)"
    rf"|(?P<alternate>alternate|alternating)\s+(?P<altp>days|nights|weeks)"
    rf"|(?:every|each)\s+(?:(?P<many>{_NUM})(?:\s?(?:-|–|to)\s?(?P<many2>{_NUM}))?[\s-]+)?(?P<unit>days?|nights?|mornings?|evenings?|weeks?|fortnights?|months?|years?|hours?|minutes?|h\b|min\b)"
    rf"|(?:at\s+)?(?P<ivn>{_NUM})[\s-](?P<ivu>hour|day|week|month|year)s?\s+intervals"
    rf"|(?:at\s+)?intervals\s+of\s+(?P<ivn2>{_NUM})[\s-](?P<ivu2>hour|day|week|month|year)s?"
    rf"|(?P<hourly>{_NUM})[\s-](?P<hadv>hourly|weekly|monthly|yearly)"
    rf"|(?P<only>daily|nightly|hourly|weekly|fortnightly|monthly|quarterly|yearly|annually|annual)\b(?!\s+(?:life|living|activit))"
    rf"|(?<=[a-z] )(?P<in24>in|over|within|per) (?:any |each |a |every )?24[ -]hours?(?: period)?\b"
    rf"|(?:an?|per)\s+(?P<aday>day|night|week|month|year|hour|minute)\b"
    rf")|/\s?(?P<slash>24\s?h(?:ours?|r)?|d(?:ay)?|h(?:our|r)?|min(?:ute)?|wk|week|month|yr|year)\b"
    rf")",
    re.I,
)
_OVER = re.compile(
    r"(?<!for )(?<!last )(?<!lasts )(?<!lasting )(?<!lasted )(?<!of )(?<!if )(?<!is )(?<!are )\bover\s+(?:the\s+)?$",
    re.I,
)
_APPROXIMATE = re.compile(
    r"(?:about|around|approximately|roughly|some|nearly|almost|~|circa)\s*$", re.I
)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A quantity in a text.

    Attributes:
        begin: character offset with the comparator before it.
        start, end: character offsets, with the unit.
        text: as it is written.
        low, high: in the base units of the dimension; equal unless it is a range.
        dimension: "mass", "mass/volume", "time", "share", "rate" (times per day) …; "" for a bare
            number.
        sign: "", "<", "<=", ">" or ">=".
    """

    begin: int
    start: int
    end: int
    text: str
    low: float
    high: float
    dimension: str
    sign: str = ""

    def same_value(self, other: Quantity) -> bool:
        """Tell whether both have the same value or range, whatever the units and comparators."""
        rough = _IMPERIAL.search(self.text) or _IMPERIAL.search(other.text)
        share = 0.06 if rough else 0.004  # "6 feet" is said for 2 m
        return _close(self.low, other.low, share) and _close(self.high, other.high, share)

    def equals(self, other: Quantity) -> bool:
        """Tell whether both mean the same."""
        return (
            self.dimension == other.dimension and self.sign == other.sign and self.same_value(other)
        )


_IMPERIAL = re.compile(
    r"\b(?:feet|foot|ft|inch|inches|miles?|pounds?|lbs?|ounces?|oz|stone|pints?|fl)\b|°F", re.I
)


def _close(one: float, other: float, share: float) -> bool:
    return abs(one - other) <= share * max(abs(one), abs(other))


def quantities(text: str) -> list[Quantity]:
    """The quantities of a text, in order. Numbers within words and names ("B12") are left out."""
    plain = _plain(text)
    often = list(_frequencies(plain))
    taken = [(start, end) for start, end, _, _ in often]
    found: list[Quantity] = []
    at = 0
    while one := _next_number(plain, at):
        start, end, value = one
        first_end = at = end
        if any(start < b and end > a for a, b in taken) or _in_a_word(plain, start, end):
            continue
        if spread := _SPREAD.match(plain, end):
            end = at = spread.end()  # "5.9 ± 0.5 %"
        unit, end = _unit_after(plain, end)
        high = value
        if (joint := _RANGE_JOINT.match(plain, end)) and (
            second := _next_number(plain, joint.end())
        ):
            word = joint[0].strip().lower()
            between = re.search(r"\bbetween\s+$", plain[:start], re.I)
            if (
                second[0] == joint.end()
                and (word not in ("and", "or") or (between and word == "and"))
                and not any(second[0] < b and second[1] > a for a, b in taken)
                and not _in_a_word(plain, *second[:2])
                and second[2] > value
            ):
                last, after = _unit_after(plain, second[1])
                if not unit or not last or unit[0] == last[0]:
                    unit, own = last or unit, unit or last
                    end, at = after, max(at, after)
                    if (second_power := _power(text[second[0] : second[1]])) and not _power(
                        text[start:first_end]
                    ):
                        value *= second_power  # "0.5 to 1.0 × 10⁹/L"
                    value *= own[1] if own else 1.0
                    high = second[2] * (unit[1] if unit else 1.0)
                    found.append(_quantity(plain, text, start, end, value, high, unit))
                    continue
        scale = unit[1] if unit else 1.0
        at = max(at, end)
        found.append(_quantity(plain, text, start, end, value * scale, high * scale, unit))
    found = [
        one for one in found if not re.search(r"volume in (?:the first )?$", plain[: one.start])
    ]
    found = _shares(plain, _shared_units(plain, found))
    found += _articles(plain, text, [*taken, *((one.start, one.end) for one in found)])
    found += [_made(plain, text, start, end, low, high, "rate") for start, end, low, high in often]
    return sorted(found, key=lambda item: item.start)


def _plain(text: str) -> str:
    """The text, character for character, with plain digits, dashes and spaces."""
    if text.isascii():
        return text
    out = []
    for char in text:
        if char in _KEPT:
            out.append(char)
        elif char in "−‐‑‒":
            out.append("-")
        else:
            folded = unicodedata.normalize("NFKC", char)
            out.append(folded if len(folded) == 1 else char)
    return "".join(out)


def _next_number(text: str, at: int) -> tuple[int, int, float] | None:
    number = _NUMBER.search(text, at)
    fraction = _FRACTION.search(text, at)
    while fraction and not _is_fraction(text, fraction):
        fraction = _FRACTION.search(text, fraction.end())
    if fraction and (not number or fraction.start() <= number.start()):
        some = (fraction["some"] or "one").lower()
        count = 1.0 if some in ("a", "an") else _WORD_VALUES[some]
        return fraction.start(), fraction.end(), count * _FRACTIONS[fraction["part"].lower()]
    if not number:
        return None
    return number.start(), number.end(), _value(number)


def _power(number: str) -> float:
    """The power of ten that a number is multiplied with, or 0."""
    found = _NUMBER.match(number)
    power = found and (found["exp"] or found["exp2"])
    return 10.0 ** int(power.translate(_SUPERSCRIPTS)) if power else 0.0


def _is_fraction(text: str, found: re.Match[str]) -> bool:
    # "the third day", "half-life" and "quarterly" are no fractions.
    part = found["part"].lower()
    after = text[found.end() : found.end() + 5]
    if part == "half":
        return not re.match(r"-?\s?li(?:fe|ves)", after) and not after[:1].isalnum()
    return found["some"] is not None and not re.match(r"\s?(?:day|week|dos|mont|tri|line)", after)


def _value(number: re.Match[str]) -> float:
    if number["bare"]:
        value = 10.0 ** int(number["bare"].replace("−", "-"))
    elif number["vulgar"]:
        value = float(number["whole"] or 0.0) + _VULGAR[number["vulgar"]]
    elif number["raised"]:
        value = 10.0 ** int(number["raised"].translate(_SUPERSCRIPTS))
    elif number["word"]:
        parts = re.split(r"[- ]", number["word"].lower())
        value = sum(_WORD_VALUES[part] for part in parts)
    else:
        digits = number["digits"].replace("·", ".")
        if re.fullmatch(r"\d{1,3}(?:[,\s]\d{3})+(?:\.\d+)?", digits):
            digits = re.sub(r"[,\s]", "", digits)
        value = float(digits.replace(",", "."))
        if power := number["exp"] or number["exp2"]:
            value *= 10.0 ** int(power.translate(_SUPERSCRIPTS))
    if number["scale"]:
        value *= _SCALES[number["scale"].lower()]
    return -value if number["sign"] and number["sign"] != "+" else value


def _in_a_word(text: str, start: int, end: int) -> bool:
    """Tell whether a number is part of a name: "B12", "COVID-19", "type 2", "CD4", "H2-blocker"."""
    before, after = text[:start], text[end:]
    if text[start].isalpha():
        return False
    if re.search(
        r"[A-Za-z]$|[A-Za-z]-$|\b(?:type|grade|stage|phase|class|table|figure|fig\.|factor|vitamin|hepatitis|ref)\s$",
        before,
        re.I,
    ):
        return not re.search(r"[\d\s]x$", before)
    return False


def _unit_after(text: str, end: int) -> tuple[tuple[str, float] | None, int]:
    """The unit after a number: (dimension, size) and where it ends."""
    space = re.match(r"\s?-?\s?", text[end:])
    at = end + (space.end() if space else 0)
    first = _one_unit(text, at)
    if first is None:
        # "9/L" and "200 per 100,000": numbers in a volume or among a number.
        joint = re.compile(r"\s?/\s?").match(text, end)
        second = _one_unit(text, joint.end()) if joint else None
        if joint and second and second[0] != "time":
            return ("/" + second[0], 1.0 / second[1]), second[2]
        return None, end
    dimension, size, at = first
    if of := re.compile(
        r"\s(?:of\s)?(?:[a-z-]+\s){1,2}(?=per\s(?:kg|kilo|m2|m²|square|100))", re.I
    ).match(text, at):
        at = of.end()
    while True:
        inverse = _INVERSE.match(text, at)
        joint = _PER.match(text, at)
        if inverse and (known := _known(inverse["unit"])):
            if known[0] == "time":
                break
            dimension, size, at = f"{dimension}/{known[0]}", size / known[1], inverse.end()
            continue
        if not joint or joint.end() == at:
            break
        per = _one_unit(text, joint.end())
        if per is None or per[0] in ("time", "share"):
            break  # a rate: `_frequencies` finds it
        many = float(joint["many"] or 1.0)
        dimension, size, at = f"{dimension}/{per[0]}", size / per[1] / many, per[2]
    return (dimension, size), at


def _one_unit(text: str, at: int) -> tuple[str, float, int] | None:
    found = _ONE_UNIT.match(text, at)
    if not found:
        return None
    name = found["unit"]
    if re.fullmatch(r"per\s?cent", name, re.I):
        name = "%"
    known = _known(name)
    return (*known, found.end()) if known else None


@cache
def _known(name: str) -> tuple[str, float] | None:
    if name in _CASED:
        return _CASED[name]
    return _BY_NAME.get(name.lower())


def _quantity(
    plain: str, text: str, start: int, end: int, low: float, high: float,
    unit: tuple[str, float] | None,
) -> Quantity:  # fmt: skip
    dimension = unit[0] if unit else ""
    if dimension == "fahrenheit":
        dimension, low, high = "temperature", (low - 32) / 1.8, (high - 32) / 1.8
    sign, _ = _sign(plain, start, end)
    before = plain[max(0, start - 50) : start]
    if (
        not dimension
        and 0 < high <= 120
        and _AGED.search(before)
        and _is_age(before, plain[end:], sign)
    ):
        dimension, low, high = "time", low * 365.25, high * 365.25
    return _made(plain, text, start, end, low, high, dimension)


def _made(
    plain: str, text: str, start: int, end: int, low: float, high: float, dimension: str
) -> Quantity:
    sign, begin = _sign(plain, start, end)
    if (
        sign == ">"
        and dimension == "time"
        and (high < 7.0 or low < high)
        and _OVER.search(plain[:start])
    ):
        sign = ""  # "infused over 20 minutes" says how long
    return Quantity(begin, start, end, text[start:end], low, high, dimension, sign)


def _is_age(before: str, after: str, sign: str) -> bool:
    """Whether a bare number after "aged" or "under" is an age in years."""
    if re.search(
        r"\b(?:age|ages|aged|age of|age is)(?:\s+(?:over|under|above|below|from|between|of))?\s+$",
        before,
        re.I,
    ):
        return True
    return (
        bool(sign)
        and not re.match(r"\s?(?:%|per|of\b|kg|[a-z]+/)", after)
        and not re.search(r"\b(?:of|with)\s+$", before, re.I)
    )


_AGED = re.compile(
    r"\b(?:ages?|aged|age of|age is|anyone|people|persons|those|children|child|adults?|patients|women|men|girls|boys|infants|babies)"
    r"(?:\s+(?:who are|aged?))?(?:\s+(?:over|under|above|below|from|at least|up to|older than|younger than|between|of))?\s+$",
    re.I,
)


def _sign(text: str, start: int, end: int) -> tuple[str, int]:
    """The comparator of a quantity, and where the quantity begins with it."""
    if after := _AFTER.match(text, end):
        return (">=" if after["more"] else "<="), start
    offset = max(0, start - 60)
    before = _APPROXIMATE.sub("", text[offset:start])
    if found := _COMPARATOR.search(before):
        edge = before[: found.start()]
        if not (found[0][0].isalpha() and edge[-1:].isalpha()):
            sign = next(_SIGNS[i] for i in range(len(_SIGNS)) if found[f"c{i}"])
            return sign, offset + found.start()
    return "", start


def _shares(plain: str, found: list[Quantity]) -> list[Quantity]:
    """The quantities, with "one in four" and "half of" as shares."""
    out: list[Quantity] = []
    for one in found:
        before = out[-1] if out else None
        if (
            before
            and not one.dimension
            and not before.dimension
            and before.low == before.high <= 10 < 1000 > one.low == one.high > before.low
            and re.fullmatch(
                r"\s(?:in|in every|out of every)\s", plain[before.end : one.start], re.I
            )
        ):
            share = before.low / one.low
            text = plain[before.start : one.end]
            out[-1] = Quantity(
                before.begin, before.start, one.end, text, share, share, "share", before.sign
            )
        elif not one.dimension and one.low < 1.0 and _PART.search(one.text):
            out.append(replace(one, dimension="share"))
        else:
            out.append(one)
    return out


def _shared_units(plain: str, found: list[Quantity]) -> list[Quantity]:
    """The quantities, with the unit of "12 and 24 months" for the first one too."""
    out: list[Quantity] = []
    for one in reversed(found):
        after = out[-1] if out else None
        own = _NUMBER.match(after.text) if after else None
        if (
            after
            and own
            and after.dimension not in ("", "rate")
            and not one.dimension
            and _value(own)
            and _AND.fullmatch(plain[one.end : after.start])
        ):
            size = after.low / _value(own)
            one = replace(one, low=one.low * size, high=one.high * size, dimension=after.dimension)
        out.append(one)
    return out[::-1]


_AND = re.compile(r"\s?(?:and|or|vs\.?|versus|,|/|against|compared with)\s?(?:and |or )?", re.I)
_PART = re.compile(r"(?:half|third|quarter|fifth|tenth)s? of", re.I)


def _articles(plain: str, text: str, taken: list[tuple[int, int]]) -> list[Quantity]:
    """ "A week after", "an hour later": one of the unit, unless it is a rate."""
    return [
        _made(plain, text, *one.span(), size := _BY_NAME[one["unit"].lower()][1], size, "time")
        for one in _ARTICLE.finditer(plain)
        if not any(one.start() < b and one.end() > a for a, b in taken)
    ]


_ARTICLE = re.compile(
    r"(?<!times )\b(?:an?|one|another|(?:the )?first) (?P<unit>minute|hour|day|week|fortnight|month|year|decade)\b",
    re.I,
)


def _number_of(word: str) -> float:
    parsed = _NUMBER.match(word)
    return _value(parsed) if parsed else 1.0


def _frequencies(text: str) -> list[tuple[int, int, float, float]]:
    """(start, end, lowest, highest) of how often something is done, in times per day."""
    rated = ((*one.span(), *_rate(text, one)) for one in _FREQUENCY.finditer(text))
    return [one for one in rated if one[2] > 0.0]


_FOR = re.compile(
    r"(?:^|[,;.(:]|\b(?:for|in|within|after|about|around|of|than|once|over|only|by|takes?|taking|took|until|lasts?|lasted|least|most|to|under"
    r"|another|half|is|was|be|on|and|or|before|every|during|from|with|quite|such|what|up))\s*$",
    re.I,
)


def _rate(text: str, one: re.Match[str]) -> tuple[float, float]:
    """Times per day, (lowest, highest); (0, 0) if it is no rate."""
    if one["latin"]:
        rate = _LATIN[one["latin"].lower()]
        return rate, rate
    if one["q"]:
        size = _BY_NAME[one["qunit"].lower()][1]
        rate = 1.0 / (float(one["q"]) * size)
        return rate, rate
    if one["often"]:
        if re.search(r"\d[,. ]$", text[: one.start()]):
            return 0.0, 0.0  # the end of "12 500 doses in a month"
        count = _TIMES.get(one["often"].lower()) or _number_of(one["n"])
        most = _number_of(one["n2"]) if one["n2"] else count
        period = 1.0
        if one["period"]:
            name = one["period"].lower()
            period = 1.0 if name.startswith("24") else _PERIODS[name.removesuffix("s")]
            if one["span"]:
                period *= _number_of(one["span"])
        elif one["adv"]:
            period = _ADVERBS[one["adv"].lower()]
        return count / period, most / period
    if one["other"] or one["altp"]:
        name = (one["other"] or one["altp"]).lower().removesuffix("s")
        rate = 0.5 / _PERIODS[name]
        return rate, rate
    if one["unit"]:
        name = one["unit"].lower().removesuffix("s")
        period = {"h": 1 / 24, "min": 1 / 1440}.get(name) or _PERIODS[name]
        many = _number_of(one["many"]) if one["many"] else 1.0
        most = _number_of(one["many2"]) if one["many2"] else many
        return 1.0 / (period * most), 1.0 / (period * many)
    if one["in24"]:  # "2 L in 24 hours"; "repeat in 24 hours" is none
        given = re.search(rf"\d\s?(?:{_UNIT_NAME})(?: of [a-z]+)?\s$", text[: one.start()], re.I)
        return (1.0, 1.0) if given else (0.0, 0.0)
    if one["ivn"] or one["ivn2"]:
        period = _PERIODS[(one["ivu"] or one["ivu2"]).lower()]
        rate = 1.0 / (_number_of(one["ivn"] or one["ivn2"]) * period)
        return rate, rate
    if one["hourly"]:
        rate = 1.0 / (_number_of(one["hourly"]) * _ADVERBS[one["hadv"].lower()])
        return rate, rate
    if one["only"]:
        rate = 1.0 / _ADVERBS[one["only"].lower()]
        return rate, rate
    if one["slash"]:
        name = one["slash"].lower()
        if not re.search(r"[\w)]\s?$", text[: one.start()]):
            return 0.0, 0.0
        period = 1.0 if name.startswith(("24", "d")) else _BY_NAME[re.sub(r"\s", "", name)][1]
        return 1.0 / period, 1.0 / period
    # "500 mg a day" is a rate; "a day later" and "for a day" are times.
    name = one["aday"].lower()
    if re.match(r"\s+(?:after|before|later|earlier|ago|or|old|apart)\b", text[one.end() :], re.I):
        return 0.0, 0.0
    if one[0].lower().startswith("per") or not _FOR.search(text[: one.start()]):
        rate = 1.0 / _PERIODS[name]
        return rate, rate
    return 0.0, 0.0
