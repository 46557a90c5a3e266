"""Whom and how a statement is about: population, species, route, time of day and the like."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from .alignment import Comparison
from .sentences import Sentence
from .vocabulary import listed_roots, slots

_LISTED = frozenset({"organ", "joint", "digit", "germ", "who", "body"})
_MUST = frozenset({"age", "species", "sex", "pregnancy"})
_OF_ONE_SEX = listed_roots("of one sex")
_HUMAN = 1  # class of the slot "species"
_FROM_ANIMALS = re.compile(  # humans are meant
    r"\b(?:by|pet|wild|contact with|exposure to|allerg(?:ic|y) to|caught from|spread from)"
    r"(?: an?| the| infected| other| pet| wild)* (?:cat|dog|rat|mouse|mice|rodent|animal|pig|monkey"
    r"|rabbit|sheep|primate)s?\b"
    r"|\b(?:cat|dog|rat|animal|monkey|rabbit|pig|rodent|sheep)s?[ -](?:bites?|scratch|hair|dander"
    r"|fur|allerg|meat|f?a?eces|litter|flea|tapeworm|owner|saliva|product|dropping|urine|contact)"
)
_CULTURED = re.compile(r"\bcultured (?:[\w-]+ ){0,2}cells?\b")
_PREGNANT = 0  # class of the slot "pregnancy"
_OF_PREGNANCY = listed_roots("of pregnancy")
_OLDER = 4  # class of the slot "age" that phrases name
_INFANT = 0  # class of the slot "age"
_OF_BIRTH = listed_roots("of birth")
# The years of the classes of the slot "age".
_YEARS = ((0, 2), (0, 18), (10, 21), (18, 130), (50, 130), (16, 40))
_AGE = re.compile(
    r"\b(?:(?:aged?|ages|people|patients|adults|children|anyone|everyone|those|men|women|boys"
    r"|girls|infants|babies)(?: who are| aged)? "
    r"(?P<before>over|under|above|below|older than|younger than|at least|between|from|of)?"
    r"(?: the age of)? ?(?P<low>\d{1,2})(?![\d.,]*\d)(?: ?(?:to|–|-|and) ?(?P<high>\d{1,3}))?"
    r"|(?P<old>\d{1,3})[ -]year[ -]olds?|(?P<of>\d{1,2}) years (?:of age|old))"
    r"(?P<months> months)?(?: years)?(?: of age| old)?"
    r"(?P<after> (?:and|or) (?:over|older|above|under|younger))?"
    r"(?! ?(?:%|mg|kg|g|ml|weeks?|days?|cm)\b)"
)


def slot_differences(comparison: Comparison) -> Iterator[str]:
    """Populations, routes, times of day and the like that the source names otherwise."""
    named = comparison.statement.slots
    here, around = _merged(comparison.window), _merged(comparison.context)
    for slot, classes in named.items():
        if slot == "age":
            classes = _ages_named(comparison.statement, classes)
        held = here.get(slot, frozenset())
        missing = classes - held - around.get(slot, frozenset())
        if not missing or (slot in _MUST and _is_implied(slot, missing, comparison)):
            continue
        several = slot not in _MUST and (
            (len(held) > 1 and slot in _LISTED) or (held & classes and held <= classes)
        )
        if held and not several:
            yield f"the source is about another {slot}"
        elif slot in _MUST and not held:
            yield f"the source does not name this {slot}"
    species = here.get("species", frozenset())
    if species.isdisjoint(named.get("species", frozenset()) | {_HUMAN}) and any(
        map(_is_about_animals, comparison.window)
    ):
        yield "the source is about animals or cells"


def _is_implied(slot: str, classes: frozenset[int], comparison: Comparison) -> bool:
    """Whether a source means whom a statement names, or anyone, without saying so."""
    if slot == "species":
        return classes == {_HUMAN} and not any(map(_is_about_animals, comparison.window))
    around = (*comparison.window, *comparison.context)
    roots = frozenset[str]().union(*(one.roots for one in around))
    if slot == "pregnancy":
        return classes == {_PREGNANT} and not _OF_PREGNANCY.isdisjoint(roots)
    if slot == "sex":
        if any("pregnancy" in one.slots for one in around) or not _OF_ONE_SEX.isdisjoint(roots):
            return True
    elif spans := [span for one in comparison.window for span in _ages(one.lower)]:
        of_class = [_YEARS[number] for number in classes]
        return any(max(a, low) < min(b, high) for a, b in spans for low, high in of_class)
    elif _INFANT in classes and not _OF_BIRTH.isdisjoint(roots):
        return True
    if slot == "age" and any("pregnancy" in one.slots for one in comparison.window):
        return False
    # What is said of nobody in particular holds for each.
    elsewhere = _merged([*around, *comparison.passage]).get(slot, frozenset())
    return not elsewhere or (classes <= elsewhere and slot not in _merged(around))


def _ages_named(statement: Sentence, classes: frozenset[int]) -> frozenset[int]:
    """The ages that a statement names; of "under 3" only if these are years of a person."""
    figures = bool(_ages(statement.lower)) and "months" not in statement.words
    pairs = (pair for one in statement.roots for pair in slots().get((one,), ()))
    words = {number for slot, number in pairs if slot == "age"}
    return classes if figures else classes & (words | {_OLDER})


def _is_about_animals(sentence: Sentence) -> bool:
    """Whether a sentence is about animals or cells, and not about humans bitten by a dog."""
    species = sentence.slots.get("species", frozenset())
    if _CULTURED.search(sentence.lower):
        return True
    return bool(species - {_HUMAN}) and not _FROM_ANIMALS.search(sentence.lower)


def _ages(text: str) -> list[tuple[float, float]]:
    """The ages that a text names in figures, in years."""
    found = []
    for one in _AGE.finditer(text):
        low = int(one["low"] or one["old"] or one["of"]) / (12 if one["months"] else 1)
        before, after = one["before"] or "", one["after"] or ""
        if "und" in before or "younger" in before or "below" in before or "und" in after:
            found.append((0.0, low))
        elif one["high"]:
            found.append((low, float(one["high"])))
        elif before or after:
            found.append((low, 130.0))
        else:
            found.append((low, low + 1))
    return found


def _merged(sentences: Sequence[Sentence]) -> dict[str, frozenset[int]]:
    """By slot, the classes that any of the sentences names."""
    merged: dict[str, frozenset[int]] = {}
    for sentence in sentences:
        for slot, classes in sentence.slots.items():
            merged[slot] = merged.get(slot, frozenset()) | classes
    return merged
