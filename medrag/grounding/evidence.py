"""Weigh what the retrieved chunks say against the question.

The pipeline abstains if even the best candidate is weak, whichever generator is configured; the
extractive generator answers with the best ones.
"""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean
from threading import Lock
from typing import Protocol

import numpy as np

from ..embedding import checked_vectors
from ..embedding.cache import Vectors
from ..stores import Vector
from ..text.words import stem, terms, words
from ..types import Evidence, Hit
from .aspects import defines, tells_effect
from .candidates import Candidate, candidates, sentence_spans
from .question import Question, allows, fits, forbids, groups, read_question
from .roles import Role
from .support.vocabulary import names_something, other_names
from .table_rows import best_rows, excludes, holds_numbers, is_row

__all__ = [
    "CALIBRATIONS",
    "PACKAGED_MINILM",
    "Calibration",
    "Rarity",
    "SentenceVectors",
    "confidence",
    "sentence_spans",
    "weigh",
]

# The weight of a word: the fewer chunks of the index contain it, the higher.
Rarity = Callable[[str], float]

_EMBEDDED = 12  # candidates whose vectors are compared; words choose them (docs/lab-log.md)
_EMBEDDED_CHARACTERS = 600  # of each; the rest of a long list says little about what it lists
# Chosen on 283 BioASQ questions, and so were the others below: docs/lab-log.md.
_IN_CONTEXT, _IN_SENTENCE = 0.25, 0.1  # weight of the question's words, where they are
_RARE = 3  # power of a word's weight: a chunk without the rarest word is about something else
_RANK_WEIGHT = 0.03  # the chunk before is a little better
# What concludes or reports says more than what introduces; what tells how it was done, less.
_ROLE_BONUS = {
    Role.conclusion: 0.05,
    Role.result: 0.02,
    Role.background: -0.03,
    Role.method: -0.1,
}
# More of it, where yes or no is asked.
_YES_NO_BONUS = {Role.conclusion: 0.15, Role.result: 0.08, Role.background: -0.1}
# Chosen on 48 questions about tables, asked with and without their article: docs/lab-log.md.
_ROW_SLOPE, _ROW_INTERCEPT = 6.0, -4.3
_ASKED_ROW, _ROW_BONUS = 0.65, 0.1
_ITEM_BONUS, _ITEMS = 0.1, 6  # of a list: for each thing that is listed, up to so many
_REPEATED = 0.2  # for a list: what a candidate loses that only repeats the best one
_ASPECT_BONUS, _DEFINITION_BONUS = 0.1, 0.2
_UNDER_BONUS = 0.1
_LEAST_COVERAGE = 0.2
_PREFIX = 6
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


class Embeds(Protocol):
    """What is needed of an `Embedder` here."""

    @property
    def name(self) -> str:
        """For errors."""

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """float32 [n, dimension], each row of length 1."""


class SentenceVectors:
    """An embedder that remembers the vectors of the last texts: questions come back to them."""

    def __init__(self, embedder: Embeds, size: int = 4096) -> None:
        self._embedder = embedder
        self._size = size
        self._known: OrderedDict[str, Vector] = OrderedDict()
        self._lock = Lock()

    @property
    def name(self) -> str:
        """That of the embedder."""
        return self._embedder.name

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed_documents`."""
        with self._lock:
            known = {text: self._known[text] for text in texts if text in self._known}
        new = sorted(dict.fromkeys(text for text in texts if text not in known), key=len)
        if new:
            known.update(zip(new, self._embedder.embed_documents(new), strict=True))
        with self._lock:
            self._known.update(known)
            for text in known:
                self._known.move_to_end(text)
            while len(self._known) > self._size:
                self._known.popitem(last=False)
        return np.stack([known[text] for text in texts])


@dataclass(frozen=True, slots=True)
class Calibration:
    """Turns the weight of the best sentence into a confidence, for one embedder.

    The coefficients of a logistic regression: of `Evidence.similarity`, of `Evidence.coverage`, and
    the intercept.
    """

    similarity: float
    coverage: float
    intercept: float


# Fitted on 553 BioASQ questions, asked with and without their documents (docs/lab-log.md).
PACKAGED_MINILM = Calibration(similarity=5.9, coverage=4.0, intercept=-6.1)
_RULED_OUT_BONUS = 1.0
# By `Embedder.fingerprint`.
CALIBRATIONS = {"a093136a19de59c7f243e4bdbbdb834f": PACKAGED_MINILM}


def weigh(
    question: str, query: Vector, hits: Sequence[Hit], embedder: Embeds, rarity: Rarity
) -> list[Evidence]:
    """What the hits say, the candidate that most likely answers the question first.

    Left out is what cannot answer it: see `candidates`, and what is about others than the question,
    says the opposite of what it asks for, or lacks the quantity that it asks for.

    Args:
        query: vector of the question.
        rarity: weight of a word, larger for words that few chunks contain.
    """
    asked = read_question(question)
    weights = {stem(word): rarity(word) for word in asked.topic}
    found = [one for number, hit in enumerate(hits, 1) for one in candidates(number, hit)]
    found = _on_topic(_without_boilerplate(found, asked), asked, weights)
    # Where nothing speaks of the side that is asked about, what speaks of the subject may do.
    found = [one for one in found if _may_answer(one, asked) and _speaks_of_side(one, asked)] or [
        one for one in found if _may_answer(one, asked)
    ]
    found = _asked_rows(question, weights, found)
    found = _for_whom(found, asked)
    found = _most_words(found, weights)
    if not found:
        return []
    texts = [one.context[:_EMBEDDED_CHARACTERS] for one in found]
    vectors = checked_vectors(
        embedder.embed_documents(texts), len(texts), len(query), embedder.name
    )
    similarities: list[float] = (vectors @ query).tolist()
    rare = {word: weight**_RARE for word, weight in weights.items()}
    chunk_coverage = {one.number: _coverage(rare, f"{one.heading} {one.hit.text}") for one in found}
    evidence = []
    for one, similarity in zip(found, similarities, strict=True):
        is_row = one.is_row and holds_numbers(one.context, one.text, question)
        row = _coverage(weights, one.context) if is_row else 0.0
        evidence.append(
            Evidence(
                number=one.number,
                text=one.text,
                start=one.hit.start + one.start,
                end=one.hit.start + one.end,
                similarity=similarity,
                coverage=chunk_coverage[one.number],
                score=similarity + _bonus(one, asked, weights, row),
                row=row,
                lead="" if asked.wants_list else one.lead,
            )
        )
    evidence.sort(key=lambda item: -item.score)
    # What stands in a chunk about something else adds nothing to the best one.
    evidence = [one for one in evidence if one.coverage >= _LEAST_COVERAGE * evidence[0].coverage]
    if asked.wants_list and evidence:
        best = evidence[0]  # what names other things than the best one comes next
        evidence[1:] = sorted(
            evidence[1:], key=lambda item: _REPEATED * _both(item, best) - item.score
        )
    return evidence


def confidence(evidence: Sequence[Evidence], calibration: Calibration = PACKAGED_MINILM) -> float:
    """Probability in [0, 1] that the hits contain an answer, judged by what is nearest to it."""
    if not evidence:
        return 0.0
    similarity = max(one.similarity for one in evidence)
    coverage = max(one.coverage for one in evidence)
    fitted = calibration
    logit = fitted.similarity * similarity + fitted.coverage * coverage + fitted.intercept
    # Rows are lists of values: their vectors are unlike any question, but their words tell.
    logit = max(logit, _ROW_SLOPE * evidence[0].row + _ROW_INTERCEPT)
    return 1.0 / (1.0 + math.exp(-logit))


def _both(one: Evidence, other: Evidence) -> float:
    """The share of the terms of the shorter text that both have."""
    its, others = {*terms(one.text)}, {*terms(other.text)}
    return len(its & others) / max(1, min(len(its), len(others)))


def _bonus(one: Candidate, asked: Question, weights: dict[str, float], row: float) -> float:
    """What is added to the similarity of a candidate.

    Args:
        row: see `Evidence.row`.
    """
    bonus = _IN_CONTEXT * _coverage(weights, one.context)
    bonus += _IN_SENTENCE * _coverage(weights, one.text) - _RANK_WEIGHT * (one.number - 1)
    if not asked.wants_method:
        bonus += _ROLE_BONUS.get(one.role, 0.0)
        if asked.yes_no:
            bonus += _YES_NO_BONUS.get(one.role, 0.0)
    if one.under:
        bonus += _UNDER_BONUS * (_coverage(weights, one.under) - 0.5)
    if asked.aspects:
        said = _said(one)
        bonus += _ASPECT_BONUS * mean(bool(side.said.search(said)) for side in asked.aspects)
    if asked.defines and defines(one.text, asked.subjects):
        bonus += _DEFINITION_BONUS
    if row >= _ASKED_ROW:
        bonus += _ROW_BONUS
    if _rules_out(one, asked):
        bonus += _RULED_OUT_BONUS
    if asked.wants_list:
        bonus += _ITEM_BONUS * min(_ITEMS, one.items)
    return bonus


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
    if asked.form is None or _rules_out(one, asked):
        return True
    given = {*_NUMBER.findall(asked.text)}
    said = _NUMBER.sub(lambda number: " " if number[0] in given else number[0], one.text)
    return asked.form.search(said) is not None


def _speaks_of_side(one: Candidate, asked: Question) -> bool:
    """Whether a candidate speaks of the side of its subject that a question asks about."""
    said = _said(one)
    return not asked.must_say or any(side.said.search(said) for side in asked.aspects)


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


def _without_sides(asked: Question) -> list[str]:
    """The subjects of a question without the side of them that it asks about: "symptoms"."""
    return [w for w in asked.subjects if not any(one.asked.match(w) for one in asked.aspects)]


def _said(one: Candidate) -> str:
    """What a candidate says, with the question, the section and the sentence it stands under."""
    return f"{one.hit.section} {one.under} {one.lead} {one.text}"


def _rules_out(one: Candidate, asked: Question) -> bool:
    """Whether the patients for whom a dose is asked must not have it: that is the answer."""
    if not (asked.about_dose and asked.groups and forbids(one.text)):
        return False
    about = _about(one)
    return any(wanted & about.get(axis, frozenset()) for axis, wanted in asked.groups.items())


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


def _of_another(one: Candidate, drug: str) -> bool:
    """Whether "The first infusion is 150 mg/kg" goes on about another drug than the one asked."""
    if not one.text.lower().startswith(("the ", "it ", "this ", "its ")) or drug in terms(one.text):
        return False
    named = [stem(word) for word in words(one.previous) if names_something(word)]
    return bool(named) and not any(_alike(drug, word) for word in named)


def _alike(word: str, other: str) -> bool:
    """Whether two stems are of one word: "pregnancy" and "pregnant"."""
    return word == other or (len(word) > 5 and word[:_PREFIX] == other[:_PREFIX])


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


def _asked_rows(
    question: str, weights: dict[str, float], found: list[Candidate]
) -> list[Candidate]:
    """The candidates without rows and lines that are about others than the question."""
    left = [one for one in found if not excludes(one.text, question)]
    rows = [one.text for one in left if is_row(one.text)]
    kept = iter(best_rows(rows, [_coverage(weights, row) for row in rows]))
    return [one for one in left if not is_row(one.text) or next(kept)]


def _most_words(found: list[Candidate], weights: dict[str, float]) -> list[Candidate]:
    """The candidates worth a vector: those with most words of the question, of the best hits."""
    if len(found) <= _EMBEDDED:
        return found

    def promise(one: Candidate) -> float:
        covered = _coverage(weights, one.context) + _coverage(weights, one.text)
        return covered + 2 * _ROLE_BONUS.get(one.role, 0.0) - 0.05 * (one.number - 1)

    return sorted(found, key=promise, reverse=True)[:_EMBEDDED]


def _coverage(weights: dict[str, float], text: str) -> float:
    total = sum(weights.values())
    held = set(terms(text))
    return sum(weight for term, weight in weights.items() if term in held) / total if total else 0.0
