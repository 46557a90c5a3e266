"""Read numbers from text: digits with separators, powers of ten, fractions, words."""

from __future__ import annotations

import re
from typing import NamedTuple

_SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_WORD_VALUES = {
    **{word: float(value) for value, word in enumerate(_SMALL)},
    **{word: 10.0 * value for value, word in enumerate(_TENS, 2)},
}
_SCALES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "dozen": 12.0}
_ORDINALS = {
    name: float(value)
    for value, name in enumerate(
        [
            "first",
            "second",
            "third",
            "fourth",
            "fifth",
            "sixth",
            "seventh",
            "eighth",
            "ninth",
            "tenth",
            "eleventh",
            "twelfth",
        ],
        1,
    )
}
_PARTS = {
    "half": 0.5, "third": 1 / 3, "quarter": 0.25, "fifth": 0.2, "tenth": 0.1,
    "thirds": 1 / 3, "quarters": 0.25, "fifths": 0.2, "tenths": 0.1,
}  # fmt: skip
_VULGAR = {"½": 0.5, "¼": 0.25, "¾": 0.75, "⅓": 1 / 3, "⅔": 2 / 3, "⅛": 0.125}
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺−", "0123456789-+-")


def _any_of(words: tuple[str, ...] | dict[str, float]) -> str:
    """A pattern for any of the words, the longest first."""
    return "|".join(sorted(words, key=len, reverse=True))


WORD_NUMBER = rf"(?:{'|'.join(_TENS)})(?:[- ](?:{'|'.join(_SMALL[1:10])}))?|{_any_of(_SMALL)}"
# "two hundred and forty-eight", "three thousand four hundred and ninety-four"
_NO_ARTICLE = r"(?:(?<=every )|(?<=each )|(?<=per )|(?<=the )|(?<=['’]s ))"  # "every hundred"
_HUNDREDS = (
    rf"(?:(?:(?:an?|{WORD_NUMBER})[ -]|{_NO_ARTICLE})hundred(?: (?:and )?(?:{WORD_NUMBER}))?"
    rf"|{WORD_NUMBER})\b"
)
_LONG_NUMBER = (
    rf"(?:(?:{_HUNDREDS}|an?) |{_NO_ARTICLE})thousand\b(?:,? (?:and )?{_HUNDREDS})?"
    rf"|(?:(?:an?|{WORD_NUMBER})[ -]|{_NO_ARTICLE})hundred\b"
    rf"(?: thousand| (?:and )?(?:{WORD_NUMBER}))?"
    r"|(?:half )?a dozen|a couple of(?= [a-z])|an? (?:million|billion)\b"
)
ORDINAL = rf"(?:{'|'.join(_ORDINALS)}|\d+(?:st|nd|rd|th))"
_AND_PART = {"half": 0.5, "quarter": 0.25, "three": 0.75}
_DIGITS = (
    r"(?:\d{1,3}(?:[,\u2009\u202f\u00a0 ]\d{3})+(?![\d])(?:\.\d+)?"  # 1,000
    r"|\d+(?:[.,·]\d+)?"
    r"|(?<![\d\w])[.·]\d+)"
)
_RAISED = r"[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+"
_TIMES_POWER = (
    rf"(?:\s?[×x*·]\s?10(?:\^\s?\(?|\s?\*\*|\()?\s?(?P<exp>[-+−]?\d{{1,2}}|{_RAISED})\)?"
    r"|[eE](?P<exp2>[-+]?\d{1,2}))"
)
_NUMBER = re.compile(
    r"(?P<sign>(?<![\w.,)%–-])[-+−–](?=[\d.]))?"
    rf"(?:(?<![\w.])10(?:\^\s?\(?(?P<bare>[-+−]?\d{{1,2}})\)?|(?P<raised>{_RAISED}))"
    r"|(?P<whole>(?<![\w.,])\d+)?(?P<vulgar>[½¼¾⅓⅔⅛])"
    rf"|(?<![A-Za-z0-9_])(?P<digits>{_DIGITS})(?:{_TIMES_POWER})?"
    rf"|\b(?P<word>{_LONG_NUMBER}|{WORD_NUMBER})(?=fold\b|\b))"
    r"(?:[ -]and[ -](?:a[ -](?P<half>half|quarter)|(?P<three>three)[ -]quarters)\b)?"
    rf"(?:[\s-](?P<scale>{'|'.join(_SCALES)})s?\b)?",
    re.I,
)
_FRACTION = re.compile(
    rf"\b(?:(?P<some>an?|one|two|three|four)[ -])?(?P<part>{_any_of(_PARTS)})"
    r"(?:[ -]+(?:an?|of an?|of the|of that|of|that|the)\b)?",
    re.I,
)
_GROUPED = re.compile(r"\d{1,3}(?:[,\s]\d{3})+(?:\.\d+)?")
_NAME_BEFORE = re.compile(
    r"[A-Za-z]$|[A-Za-z]-$"
    r"|\b(?:type|grade|stage|phase|class|table|figure|fig\.|factor|vitamin|hepatitis|ref)\s$",
    re.I,
)
_FRACTION_LENGTH = 40  # characters; more than any fraction in words
_NAME_WINDOW = 20  # characters; more than any beginning of a name


class Number(NamedTuple):
    """A number in a text: character offsets and value."""

    start: int
    end: int
    value: float


def next_number(text: str, at: int) -> Number | None:
    """The first number or fraction from a character on."""
    number = _NUMBER.search(text, at)
    # One that begins behind the number is not looked for: that would take time squared.
    end = number.start() + _FRACTION_LENGTH if number else len(text)
    fraction = _FRACTION.search(text, at, end)
    while fraction and not _is_fraction(text, fraction):
        fraction = _FRACTION.search(text, fraction.end(), end)
    if fraction and (not number or fraction.start() <= number.start()):
        some = (fraction["some"] or "one").lower()
        count = 1.0 if some in ("a", "an") else _WORD_VALUES[some]
        return Number(*fraction.span(), count * _PARTS[fraction["part"].lower()])
    return Number(*number.span(), _value(number)) if number else None


def first_value(text: str) -> float | None:
    """The number that a text begins with."""
    found = _NUMBER.match(text)
    return _value(found) if found else None


def ordinal(word: str) -> float:
    """The number of "third" or "3rd"."""
    return _ORDINALS.get(word.lower()) or float(re.sub(r"\D", "", word))


def power_in(text: str) -> float | None:
    """The power of ten that the number at the beginning of a text is multiplied with."""
    found = _NUMBER.match(text)
    power = found and (found["exp"] or found["exp2"])
    return _ten_to(power) if power else None


def is_in_name(text: str, number: Number) -> bool:
    """Tell whether a number is part of a name: "B12", "COVID-19", "type 2", "CD4", "H2-blocker"."""
    if text[number.start].isalpha():
        return False
    before = text[max(0, number.start - _NAME_WINDOW) : number.start]
    return _NAME_BEFORE.search(before) is not None and not re.search(r"[\d\s]x$", before)


def _is_fraction(text: str, found: re.Match[str]) -> bool:
    """Whether "half" or "third" is a share: not in "half-life", "the third day", "quarterly"."""
    after = text[found.end() : found.end() + 5]
    if found["part"].lower() == "half":
        return not re.match(r"-?\s?li(?:fe|ves)", after) and not after[:1].isalnum()
    ordinal = re.match(r"\s?(?:day|week|dos|mont|tri|line)|-deg", after)
    return found["some"] is not None and not ordinal


def _value(number: re.Match[str]) -> float:
    """The value of a match of `_NUMBER`."""
    if power := number["bare"] or number["raised"]:
        value = _ten_to(power)
    elif number["vulgar"]:
        value = float(number["whole"] or 0.0) + _VULGAR[number["vulgar"]]
    elif number["word"]:
        value = _in_words(number["word"].lower())
    else:
        digits = number["digits"].replace("·", ".")
        if _GROUPED.fullmatch(digits):
            digits = re.sub(r"[,\s]", "", digits)
        value = float(digits.replace(",", "."))
        if power := number["exp"] or number["exp2"]:
            value *= _ten_to(power)
    if part := number["half"] or number["three"]:
        value += _AND_PART[part.lower()]
    if number["scale"]:
        value *= _SCALES[number["scale"].lower()]
    return -value if number["sign"] and number["sign"] != "+" else value


def _in_words(words: str) -> float:
    """The value of a number in words below a billion."""
    if words.endswith(("dozen", "couple of")):
        return {"half a dozen": 6.0, "a dozen": 12.0}.get(words, 2.0)
    value = part = 0.0
    for word in re.findall(r"[a-z]+", words):
        if word == "hundred":
            part = 100.0 * (part or 1.0)
        elif word in _SCALES:
            value, part = value + _SCALES[word] * (part or 1.0), 0.0
        else:
            part += _WORD_VALUES.get(word, 0.0)  # "a" and "and" add nothing
    return value + part


def _ten_to(power: str) -> float:
    """Ten to a power in digits or superscripts; infinity if it is too large."""
    return float(f"1e{power.translate(_SUPERSCRIPTS)}")
