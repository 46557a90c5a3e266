"""Swap one thing in a passage: a dose, a unit, a comparator, the people, a negation.

A model that reads only roughly takes the altered passage for the true one. Wu et al. 2024,
"ClashEval", arXiv:2404.10198, alter numbers, names and years in the same way to measure that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from random import Random

from ..grounding.question import groups
from ..text.quantities import Quantity, quantities
from ..types import Hit
from .labels import Label, Stated, support, supports

BLANK = "____"  # stands in a question for what its sentence says


class Swapped(StrEnum):
    """What was swapped."""

    amount = "amount"
    unit = "unit"
    comparator = "comparator"
    population = "population"
    negation = "negation"


@dataclass(frozen=True, slots=True)
class Swap:
    """One thing to swap in a text.

    Attributes:
        start, end: character offsets of what goes, `text[start:end] == old`.
    """

    start: int
    end: int
    old: str
    new: str
    kind: Swapped

    def apply(self, text: str) -> str:
        """The text with the new words in place of the old ones."""
        return text[: self.start] + self.new + text[self.end :]

    def __str__(self) -> str:
        return f"{self.old} → {self.new}"


def _pairs(text: str) -> dict[str, str]:
    """Both directions of "a/b, c/d"."""
    pairs = [pair.strip().split("/") for pair in text.split(",")]
    return {one: other for a, b in pairs for one, other in ((a, b), (b, a))}


_POPULATIONS = _pairs(
    "children/adults, childhood/adulthood, men/women, males/females, boys/girls, male/female"
) | {
    "infants": "adults", "newborns": "adults", "babies": "adults", "adolescents": "adults",
    "teenagers": "adults", "pregnant women": "older women", "older adults": "young adults",
    "elderly people": "young people", "older people": "young people",
}  # fmt: skip
_COMPARATORS = _pairs(
    "less than/more than, at least/at most, below/above, before/after, increase/decrease,"
    "increases/decreases, increased/decreased, increasing/decreasing, higher/lower,"
    "more common/less common, more likely/less likely, more often/less often, older than/younger"
    " than, longer than/shorter than, raises/lowers, improves/worsens, high/low"
) | {
    "fewer than": "more than", "greater than": "less than", "up to": "at least",
    "no more than": "no less than", "over": "under", "reduces": "increases",
    "reduced": "increased", "reduce": "increase",
}  # fmt: skip
_UNITS = {
    "mg": "g", "mcg": "mg", "µg": "mg", "μg": "mg", "g": "mg", "kg": "g", "ml": "l", "mL": "L",
    "mm": "cm", "cm": "mm", "milligrams": "grams", "micrograms": "milligrams",
    "grams": "milligrams", "minutes": "hours", "hours": "days", "days": "weeks",
    "weeks": "months", "months": "years", "years": "months", "minute": "hour", "hour": "day",
    "day": "week", "week": "month", "month": "year", "year": "month", "daily": "weekly",
    "weekly": "monthly", "inches": "feet",
}  # fmt: skip
_WORDS = _pairs("one/three, two/four, six/twelve, five/ten, once/twice") | {
    "three": "six", "four": "eight", "seven": "fourteen", "eight": "sixteen", "ten": "five",
}  # fmt: skip
_NUMBER = re.compile(r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?")
_GENE = re.compile(r"\d{3,}[A-Z]")  # "20210G" is a place in a gene
_LETTERS = re.compile(r"[^\W\d_]+")
_IN = re.compile(r"\s(?:in|out of|per|of)\s", re.I)  # "1 in 10,000"
# "Is not only" and "is not known" are no plain denials, and what may not be may also be.
_DENIED = re.compile(
    r"\b(?:(?P<verb>is|are|was|were|should|must|does|do|did|has|have|will) not|(?P<can>cannot))"
    r"(?= (?!only\b|necessarily\b|always\b|yet\b|all\b|just\b|known\b|clear\b|fully\b)\w)"
)
_AFFIRMED = re.compile(
    r"\b(?P<verb>(?:is|are|was|were)(?= (?!also\b|often\b)[a-z]+(?:ed|en)\b)"
    r"|(?:can|should|must|will)(?= (?!also\b)[a-z]{2,}\b))(?! not\b)"
)
_HAS_DENIAL = re.compile(r"\b(?:not?|never|cannot|without|neither|nor)\b|n['’]t\b", re.I)


def swaps(text: str, start: int, end: int) -> list[Swap]:
    """Everything that can be swapped between two offsets of a text, in order of its place.

    Each swap changes what the text says, as far as rules can tell; `check_support` is the judge.
    """
    part = text[start:end]
    found = [*_amounts(part), *_negations(part)]
    found += _exchanged(part, _COMPARATORS, Swapped.comparator)
    found += _exchanged(part, _POPULATIONS, Swapped.population)
    found.sort(key=lambda swap: (swap.start, swap.end, swap.kind))
    return [Swap(start + s.start, start + s.end, s.old, s.new, s.kind) for s in found]


def alter(question: str, label: Label, random: Random) -> tuple[Label, Swap] | None:
    """The label over its passage with one thing swapped in what the label quotes.

    `check_support` is the judge: the altered passage bears out the altered statement and not the
    true one, and the true passage does not bear out the altered one.

    Args:
        random: decides between several swaps. Negations come last: almost every sentence has room
            for one.

    Returns:
        None if nothing can be swapped.
    """
    hit = label.passage
    found = [
        (number, *one)
        for number, statement in enumerate(label.statements)
        for one in _swaps_of(statement, hit)
    ]
    random.shuffle(found)
    found.sort(key=lambda one: one[1].kind is Swapped.negation)
    for number, swap, false in found:
        passage = replace(hit, text=swap.apply(hit.text))
        about = f"{hit.title}\n{hit.section}\n{passage.text}"
        if names(question, swap) and names(about, swap):
            continue  # the passage still is about what is asked
        statements = [_moved(one, swap) for one in label.statements]
        statements[number] = false
        if (
            not supports(label.statements[number].text, passage)
            and not supports(false.text, hit)
            and all(supports(one.text, passage) for one in statements)
        ):
            return Label(passage, tuple(statements), label.left_out), swap
    return None


def _swaps_of(statement: Stated, hit: Hit) -> Iterator[tuple[Swap, Stated]]:
    """Swaps in the passage, each with what becomes of a statement of the label.

    Where the passage says it in other words, the thing that is swapped has to stand there once.
    """
    if statement.span:
        start, end = statement.span
        for swap in swaps(hit.text, start, end):
            last = end + len(swap.new) - len(swap.old)
            yield swap, Stated(swap.apply(hit.text)[start:last], (start, last))
        return
    spans = support(statement.text, hit).spans
    for swap in swaps(statement.text, 0, len(statement.text)):
        pattern = re.compile(rf"(?<!\w){re.escape(swap.old)}(?!\w)")
        places = [place for span in spans for place in pattern.finditer(hit.text, *span)]
        if len(places) == 1:
            there = replace(swap, start=places[0].start(), end=places[0].end())
            yield there, Stated(swap.apply(statement.text), None)


def _moved(statement: Stated, swap: Swap) -> Stated:
    """A statement where it is after a swap before it."""
    if statement.span is None or statement.span[0] < swap.end:
        return statement
    start, end = statement.span
    by = len(swap.new) - len(swap.old)
    return replace(statement, span=(start + by, end + by))


def names(text: str, swap: Swap) -> bool:
    """Whether a text names what was swapped: its people, its amount, or how it compares.

    A sentence with a blank says everything but what is left out.
    """
    if swap.kind is Swapped.population:
        told = groups(text)
        return any(told.get(axis, frozenset()) & who for axis, who in groups(swap.old).items())
    if swap.kind in (Swapped.amount, Swapped.unit):
        given = quantities(swap.old)
        return any(one.same_value(other) for one in quantities(text) for other in given)
    if swap.kind is Swapped.comparator:
        return re.search(rf"(?<![\w-]){re.escape(swap.old)}(?![\w-])", text, re.I) is not None
    return BLANK in text


def _amounts(part: str) -> Iterator[Swap]:
    """Each quantity with a unit, with another value, and with another unit."""
    for quantity in quantities(part):
        in_a_name = part[: quantity.start].endswith(("*", ":"))  # HLA-B*15:02
        if not quantity.dimension or in_a_name or _GENE.fullmatch(quantity.text):
            continue
        start, end, old = quantity.start, quantity.end, quantity.text
        if (new := _other_value(quantity)) and new != old:
            yield Swap(start, end, old, new, Swapped.amount)
        for word in _LETTERS.finditer(old):
            if new := _UNITS.get(word[0], ""):
                changed = old[: word.start()] + new + old[word.end() :]
                yield Swap(start, end, old, changed, Swapped.unit)
                break


def _other_value(quantity: Quantity) -> str:
    """A quantity of another value, with the same unit; "" if none is known."""
    text = quantity.text
    numbers = [*_NUMBER.finditer(text)]
    if not numbers:
        return _LETTERS.sub(_other_word, text)
    values = [Decimal(number[0].replace(",", "")) for number in numbers]
    if quantity.dimension == "share" and _IN.search(text):
        numbers, others = numbers[-1:], [10 * values[-1]]
    else:
        others = _other_values(quantity.dimension, values)
    for number, value in zip(reversed(numbers), reversed(others), strict=True):
        text = text[: number.start()] + _written(value, number[0]) + text[number.end() :]
    return text


def _other_word(found: re.Match[str]) -> str:
    new = _WORDS.get(found[0].lower())
    return _like(found[0], new) if new else found[0]


def _other_values(dimension: str, values: list[Decimal]) -> list[Decimal]:
    """The numbers of a quantity, changed as a decimal point in the wrong place would do.

    Times and rates are doubled, and ages in years stay possible; a share stays below 100 %.
    """
    if dimension in ("time", "rate"):
        return [
            value - 20 if min(values) > 20 and max(values) > 40 else 2 * value for value in values
        ]
    if dimension == "share":
        return [2 * value if 2 * max(values) < 100 else value / 2 for value in values]
    if all(value >= 10 and value % 10 == 0 for value in values):
        return [value / 10 for value in values]
    return [10 * value for value in values]


def _written(value: Decimal, as_in: str) -> str:
    """A number as another one is written, with or without commas."""
    plain = f"{value.normalize():{',' if ',' in as_in else ''}f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def _negations(part: str) -> Iterator[Swap]:
    """A denial taken away, or one put in where there is none."""
    for found in _DENIED.finditer(part):
        new = found["verb"] or "can"
        yield Swap(*found.span(), found[0], new, Swapped.negation)
    affirmed = None if _HAS_DENIAL.search(part) else _AFFIRMED.search(part)
    if affirmed:
        verb = affirmed["verb"]
        new = "cannot" if verb == "can" else f"{verb} not"
        yield Swap(*affirmed.span(), verb, new, Swapped.negation)


def _exchanged(part: str, words: Mapping[str, str], kind: Swapped) -> Iterator[Swap]:
    """Each of the words that stands in a text; of two that overlap the longer."""
    longest = sorted(words, key=len, reverse=True)
    pattern = re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, longest))})(?![\w-])", re.I)
    for found in pattern.finditer(part):
        yield Swap(*found.span(), found[0], _like(found[0], words[found[0].lower()]), kind)


def _like(old: str, new: str) -> str:
    """A word with a capital letter if another has one."""
    return new[0].upper() + new[1:] if old[0].isupper() else new
