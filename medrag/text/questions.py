"""Questions as people write them, in full: "what's", "my son is 3", "a 3yo"."""

from __future__ import annotations

import re

_APOSTROPHE = "['’‘ʼ`´＇]"
_ASKING = r"(?:what|which|who|when|where|why|how)"
_PRONOUN = r"(?:I|you|he|she|it|we|they|there|this|that|these|those)"
_AUXILIARY = (
    r"(?:is|are|was|were|do|does|did|could|should|would|must|might|has|have|had|need)n"
    rf"{_APOSTROPHE}?t|(?:can|won){_APOSTROPHE}?t"
)
_NOT = re.compile(
    rf"(?P<start>\A\W*|[.?!:,;]\s+)?\b(?P<verb>{_AUXILIARY})\b(?:(?P<who>\s+{_PRONOUN})\b)?", re.I
)
_SHORT = tuple(
    (re.compile(pattern, re.I), full)
    for pattern, full in (
        (rf"\blet{_APOSTROPHE}s\b", "let us"),
        (rf"\b({_ASKING}|it|he|she|that|there|here|this){_APOSTROPHE}s\b", r"\1 is"),
        (r"\A(\W*)(what|how|who|where|when)s\b", r"\1\2 is"),
        (rf"\bI{_APOSTROPHE}m\b", "I am"),
        (rf"\b({_ASKING}|we|you|they|these|there){_APOSTROPHE}re\b", r"\1 are"),
        (rf"\b({_ASKING}|I|we|you|they){_APOSTROPHE}ve\b", r"\1 have"),
        (rf"\b({_ASKING}|{_PRONOUN}){_APOSTROPHE}ll\b", r"\1 will"),
        (rf"\b({_ASKING}|{_PRONOUN}){_APOSTROPHE}d\b", r"\1 would"),
    )
)

_NAMES = (
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)
_NUMBERS = {"one": "1"} | {name: str(value) for value, name in enumerate(_NAMES, start=2)}
_NUMBER = rf"(?P<age>\d{{1,3}}|{'|'.join(_NUMBERS)})"
_UNITS = (("year", r"y(?:ea)?rs?"), ("month", r"months?|mos?|mths?"), ("week", r"weeks?|wks?"))
_UNIT = "(?P<unit>" + "|".join(pattern for _, pattern in _UNITS) + ")"
_LITTLE = r"baby|infant|newborn"
_CHILD = (
    rf"{_LITTLE}|child|kid|toddler|boy|girl|little one|grand(?:son|daughter|child)|nephew|niece"
)
_PERSON = (
    rf"(?P<child>{_CHILD}|son|daughter)|patient|mother|mum|mom|mummy|father|dad|daddy|husband|wife"
    r"|partner|brother|sister|grand(?:mother|father)|grand?ma|grand?pa|aunt|uncle|friend|man|woman"
    r"|lady|gentleman|teenager|he|she|I"
)
# What follows an age. After another word the number may be something else: "is 3 kg".
_AFTER = (
    r"(?=\s*(?:\Z|[.,;:?!)](?!\d)|[–—-]\s|(?:and|but|so|with|who|what|which|when|where|why|how|can"
    r"|could|should|is|are|does|do|may|has|he|she|I|we|now|weighs|weighing|needs|takes)\b(?!\s*\d)))"
)
_COMPACT = re.compile(
    rf"(?<![\w.,/-]){_NUMBER}[\s-]*(?:{_UNIT}[\s-]*olds?\b|y[./]?\s?o\b\.?)", re.I
)
_IS_AGED = re.compile(
    rf"(?<!of )(?<!of my )(?<!of the )\b(?:{_PERSON})(?P<verb>(?:\s+(?:is|am|was|aged?|of age)"
    rf"|{_APOSTROPHE}s|(?:\s+(?:has|is))?(?:\s+just)?\s+(?:turn(?:ed|s|ing)))(?:\s+(?:just|now|only))?\s+"
    rf"|\s*\(\s*|,\s*){_NUMBER}(?:\s*{_UNIT}\b)?{_AFTER}",
    re.I,
)
_OLDEST, _OLDEST_CHILD, _OLDEST_BABY = 110, 17, 2  # years


def in_full(question: str) -> str:
    """A question with its contractions and the ages of people written in full.

    "What's" is "what is", and "isn't it" at the start of a question, which asks the same as "is
    it", is read so. "My son is 3" is "my son is 3 years old". A number that may be something else
    than an age stays as it is: "my son is 3 kg", "a child is 39".
    """
    for pattern, full in _SHORT:
        question = pattern.sub(full, question)
    question = _NOT.sub(_without_contraction, question)
    question = _COMPACT.sub(lambda one: _age(one["age"], one["unit"]), question)
    return _IS_AGED.sub(_with_unit, question)


def _without_contraction(found: re.Match[str]) -> str:
    verb = re.sub(rf"n?{_APOSTROPHE}?t\Z", "", found["verb"], flags=re.I)
    verb = {"ca": verb + "n", "wo": verb[0] + "ill"}.get(verb.lower(), verb)
    who = found["who"] or ""
    if found["start"] is None:
        return f"{verb}{who} not"
    is_order = verb.lower() == "do" and not who  # "Don't stop the tablets"
    return f"{found['start']}{verb}{who}{' not' if is_order else ''}"


def _with_unit(found: re.Match[str]) -> str:
    unit, person = found["unit"], found[0][: found.start("verb") - found.start()]
    number = int(_NUMBERS.get(found["age"].lower(), found["age"]))
    if unit is None:
        if found["age"].lower() == "one":  # "the patient is one who"
            return found[0]
        is_child = re.fullmatch(_CHILD, person, re.I)
        oldest = _OLDEST_CHILD if is_child else _OLDEST
        oldest = _OLDEST_BABY if re.fullmatch(_LITTLE, person, re.I) else oldest
        if not 0 < number <= oldest:
            return found[0]
    elif not unit.lower().startswith("y") and not found["child"]:
        return found[0]  # of a pregnancy: "she is 12 weeks"
    return found[0][: found.start("age") - found.start()] + _age(found["age"], unit)


def _age(number: str, unit: str | None) -> str:
    number = _NUMBERS.get(number.lower(), number)
    name = next(
        (name for name, is_it in _UNITS if unit and re.fullmatch(is_it, unit, re.I)), "year"
    )
    return f"{number} {name}{'' if number == '1' else 's'} old"
