"""Which candidates can answer a question: by subject, kind, direction, form, and for whom."""

from __future__ import annotations

import math
import re

from ..text.words import stem, terms, words
from .aspects import tells_effect
from .candidates import Candidate
from .cells import agrees, has_property
from .question import Question, allows, fits, forbids, groups
from .roles import Role
from .support.vocabulary import names_something, other_names
from .table_rows import best_rows, cells, excludes

_PREFIX = 6  # letters that the forms of a long word share
_NUMBER = re.compile(r"(?<![A-Za-z\d])\d+(?:[.,]\d+)*")  # "CHA2DS2" has none


def fitting(found: list[Candidate], asked: Question, weights: dict[str, float]) -> list[Candidate]:
    """The candidates that can answer a question.

    Args:
        weights: of the words of the question, by stem.
    """
    found = _on_topic(_without_boilerplate(found, asked), asked, weights)
    found = [one for one in found if _has(one, asked) or _may_answer(one, asked)]
    # Where nothing speaks of the side that is asked about, what speaks of the subject may do.
    found = [one for one in found if _speaks_of_side(one, asked)] or found
    return _for_whom(_asked_rows(asked, weights, found), asked)


def _without_boilerplate(found: list[Candidate], asked: Question) -> list[Candidate]:
    """The candidates without sentences that stand in several documents and name no subject."""
    subjects = {stem(word) for word in _without_sides(asked)}
    documents: dict[str, set[str]] = {}
    for one in found:
        documents.setdefault(one.text, set()).add(one.hit.document)
    return [
        one
        for one in found
        if len(documents[one.text]) == 1 or not subjects.isdisjoint(terms(one.text))
    ]


def _on_topic(
    found: list[Candidate], asked: Question, weights: dict[str, float]
) -> list[Candidate]:
    """The candidates that speak of what a question about safety, use or a dose is about.

    "Is aspirin safe in pregnancy?" is not answered from a list of the risks of another disease:
    most subjects of the question must be in the candidate, above it or in the sentence before.
    """
    words_ = _without_sides(asked)
    subjects = list(dict.fromkeys(stem(word) for word in words_))
    if not subjects or not (asked.about_use or asked.about_dose or asked.must_say):
        return found
    # Of a dose, the drug has to be there: the rarest name, or the rarest word.
    named = [stem(word) for word in words_ if names_something(word)]
    rarest = max(named or subjects, key=lambda word: weights.get(word, 0.0))
    others = {
        stem(word): [" ".join(map(stem, words(name))) for name in other_names(word)]
        for word in words_
    }
    needed = 1
    if asked.about_use:
        needed = math.ceil(len(subjects) * (0.6 if len(subjects) < 4 else 0.5))
    left = []
    for one in found:
        text = f"{one.context} {one.previous} {one.spelled_out}"
        said, spaced = {*terms(text)}, f" {' '.join(map(stem, words(text)))} "
        held = [
            word
            for word in subjects
            if any(_alike(word, other) for other in said)
            or any(f" {name} " in spaced for name in others[word])
        ]
        if len(held) < needed or (named and rarest not in held):
            continue
        if not asked.about_dose or (rarest in held and not _of_another(one, rarest)):
            left.append(one)
    return left


def _without_sides(asked: Question) -> list[str]:
    """The subjects of a question without the side of them that it asks about: "symptoms"."""
    return [w for w in asked.subjects if not any(one.asked.match(w) for one in asked.aspects)]


def _of_another(one: Candidate, drug: str) -> bool:
    """Whether "The first infusion is 150 mg/kg" goes on about another drug than the one asked."""
    if not one.text.lower().startswith(("the ", "it ", "this ", "its ")) or drug in terms(one.text):
        return False
    named = [stem(word) for word in words(one.previous) if names_something(word)]
    return bool(named) and not any(_alike(drug, word) for word in named)


def _alike(word: str, other: str) -> bool:
    """Whether two stems are of one word: "pregnancy" and "pregnant"."""
    return word == other or (len(word) > 5 and word[:_PREFIX] == other[:_PREFIX])


def _may_answer(one: Candidate, asked: Question) -> bool:
    """Whether a candidate can answer the question by its kind, direction and form."""
    if not asked.wants_method and one.role is Role.aim:
        return False
    if asked.yes_no and one.role is Role.method:
        return False
    if asked.forbids is True and not forbids(one.context):
        return False
    if asked.forbids is False and forbids(one.text) and not allows(one.text):
        return False
    if tells_effect(one.text, asked.text, asked.subjects):
        return False
    if asked.form is None or rules_out(one, asked):
        return True
    given = {*_NUMBER.findall(asked.text)}
    said = _NUMBER.sub(lambda number: " " if number[0] in given else number[0], one.text)
    return asked.form.search(said) is not None


def _speaks_of_side(one: Candidate, asked: Question) -> bool:
    """Whether a candidate speaks of the side of its subject that a question asks about."""
    said = said_with(one)
    return not asked.must_say or any(side.said.search(said) for side in asked.aspects)


def rules_out(one: Candidate, asked: Question) -> bool:
    """Whether the patients for whom a dose is asked must not have it: that is the answer."""
    if not (asked.about_dose and asked.groups and forbids(one.text)):
        return False
    about = _about(one)
    return any(wanted & about.get(axis, frozenset()) for axis, wanted in asked.groups.items())


def _asked_rows(
    asked: Question, weights: dict[str, float], found: list[Candidate]
) -> list[Candidate]:
    """The candidates without rows and lines that are about others than the question."""
    left = [one for one in found if not excludes(one.text, asked.text)]
    left = [one for one in left if not (one.is_row and _is_excluded(one, asked))]
    # All things with the property that is asked for are wanted, whatever else their rows say.
    have = {id(one) for one in left if _has(one, asked)}
    rows = [one.text for one in left if one.is_row and id(one) not in have]
    kept = iter(best_rows(rows, [share_said(weights, row) for row in rows]))
    return [one for one in left if not one.is_row or id(one) in have or next(kept)]


def _is_excluded(row: Candidate, asked: Question) -> bool:
    """Whether a cell says otherwise than the question states, or denies what it asks for."""
    parts = cells(row.text)
    return agrees(parts, asked) is False or has_property(parts, asked) is False


def _has(one: Candidate, asked: Question) -> bool:
    """Whether a candidate is the row of a thing with the property that a question asks for."""
    return one.is_row and has_property(cells(one.text), asked) is True


def is_asked_row(one: Candidate, asked: Question) -> bool:
    """Whether a candidate is the row for the property or the findings that a question gives."""
    return _has(one, asked) or (one.is_row and agrees(cells(one.text), asked) is True)


def _for_whom(found: list[Candidate], asked: Question) -> list[Candidate]:
    """The candidates for the patients of the question; those for nobody in particular stay."""
    if not asked.groups:
        return found
    fit = {id(one): fits(asked.groups, _about(one)) for one in found}
    least = 2 if 3 in fit.values() else 1
    return [one for one in found if fit[id(one)] >= least]


def _about(one: Candidate) -> dict[str, frozenset[str]]:
    """Whom a candidate is about: by its own words, else its label, section and title."""
    return {
        **groups(one.hit.title),
        **groups(one.hit.section),
        **groups(one.lead),
        **groups(one.whom),
        **groups(one.text),
    }


def said_with(one: Candidate) -> str:
    """What a candidate says, with the question, the section and the sentence it stands under."""
    return f"{one.hit.section} {one.under} {one.lead} {one.text}"


def share_said(weights: dict[str, float], text: str) -> float:
    """The share of the words of a question, by weight, that a text has."""
    total = sum(weights.values())
    held = set(terms(text))
    return sum(weight for term, weight in weights.items() if term in held) / total if total else 0.0
