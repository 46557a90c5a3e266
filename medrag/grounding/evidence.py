"""Weigh what the retrieved chunks say against the question.

The pipeline abstains if even the best candidate is weak, whichever generator is configured; the
extractive generator answers with the best ones.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import mean
from threading import Lock
from typing import Protocol

import numpy as np

from ..embedding import checked_vectors
from ..embedding.cache import Vectors
from ..stores import Vector
from ..text.words import stem, terms
from ..types import Evidence, Flag, Hit
from .aspects import defines
from .candidates import Candidate, candidates
from .details import missing_details
from .details.parts import each_part
from .details.subjects import missing_subjects
from .details.values import left_out
from .fitting import fitting, is_asked_row, rules_out, said_with, share_said
from .question import Question, read_question
from .roles import Role
from .table_rows import holds_numbers, is_row

__all__ = [
    "Rarity",
    "SentenceVectors",
    "is_retracted",
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
_ASKED_ROW, _ROW_BONUS = 0.65, 0.1
_ITEM_BONUS, _ITEMS = 0.1, 6  # of a list: for each thing that is listed, up to so many
_REPEATED = 0.2  # for a list: what a candidate loses that only repeats the best one
# Chosen on 400 questions of MedQuAD: docs/lab-log.md.
_ASPECT_BONUS, _DEFINITION_BONUS = 0.1, 0.2  # the side that is asked about; what something is
_UNDER_BONUS = 0.1  # under a question that asks the same
# Chosen on the half for developing of four question sets: docs/lab-log.md.
_READ, _LOGIT = 6, 0.1  # candidates that the model reads; weight of its logit
_FAR_BEHIND = 1.5  # of the logit of the best piece: what is farther is noise (docs/lab-log.md)
_READ_CHARACTERS = 900  # of each; the model reads 160 tokens with the question
_SUPERSEDED = 0.15  # so that the newer version of an article comes first
_COMPLETING = 24  # candidates that are looked through for what the best one lacks
_LEAST_COVERAGE = 0.2  # of that of the best candidate, for the chunk of another one
# For a row of a table: its cells share words such as "positive" with tables about anything.
_LEAST_OF_ROW = 0.5


class Embeds(Protocol):
    """What is needed of an `Embedder` here."""

    @property
    def name(self) -> str:
        """For errors."""

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """float32 [n, dimension], each row of length 1."""


class Reads(Protocol):
    """What is needed of a `CrossEncoder` here."""

    def logits(self, question: str, texts: Sequence[str]) -> list[float]:
        """For each text, how well it answers the question."""


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


_RULED_OUT_BONUS = 1.0


def weigh(
    question: str,
    query: Vector,
    hits: Sequence[Hit],
    embedder: Embeds,
    rarity: Rarity,
    reader: Reads | None = None,
) -> list[Evidence]:
    """What the hits say, the candidate that most likely answers the question first.

    Left out is what cannot answer it: what is retracted, what `candidates` leaves out, and what is
    about others than the question, says the opposite of what it asks for, or lacks the quantity
    that it asks for.

    Args:
        query: vector of the question.
        rarity: weight of a word, larger for words that few chunks contain.
        reader: a model that reads the best candidates again.
    """
    asked = read_question(question)
    weights = {stem(word): rarity(word) for word in asked.topic}
    found = [
        one
        for number, hit in enumerate(hits, 1)
        if not is_retracted(hit)
        for one in candidates(number, hit)
    ]
    found = [one for one in found if not (one.is_row and left_out(question, [one.text]))]
    fit = fitting(found, asked, weights)
    # What answers one part of a question may not fit the whole. Where there is one part only, what
    # completes the best evidence is as often beside the point.
    parts = [read_question(part) for part in each_part(question)]
    fit_part = [one for part in parts for one in fitting(found, part, weights)]
    found = _most_words(fit, weights)
    if not found:
        return []
    evidence = _scored(found, asked, weights, query, embedder)
    if reader:
        evidence = _read(question, evidence, hits, reader)
    # What stands in a chunk about something else adds nothing to the best one.
    evidence = [
        one
        for one in evidence
        if one.coverage
        >= evidence[0].coverage * (_LEAST_OF_ROW if is_row(one.text) else _LEAST_COVERAGE)
    ]
    if not asked.wants_list:
        evidence = [replace(one, adds=_adds(one, evidence[0])) for one in evidence]
    elif evidence:
        best = evidence[0]  # what names other things than the best one comes next
        evidence[1:] = sorted(
            evidence[1:], key=lambda item: _REPEATED * _both(item, best) - item.score
        )
    if parts and not asked.yes_no and (one := _completing(asked, evidence, fit + fit_part)):
        best, *rest = evidence
        if all((item.number, item.start) != _place(one) for item in rest):
            rest += _scored([one], asked, weights, query, embedder)
        rest.sort(key=lambda item: (item.number, item.start) != _place(one))
        evidence = [best, replace(rest[0], adds=True), *rest[1:]]
    return evidence


def _adds(one: Evidence, best: Evidence) -> bool:
    """Whether a piece answers nearly as likely as the best one, as far as it was read."""
    if best.logit is None:
        return True
    return one.logit is not None and one.logit >= best.logit - _FAR_BEHIND


def _scored(
    found: list[Candidate],
    asked: Question,
    weights: dict[str, float],
    query: Vector,
    embedder: Embeds,
) -> list[Evidence]:
    """Candidates as evidence, the best first."""
    texts = [one.context[:_EMBEDDED_CHARACTERS] for one in found]
    vectors = checked_vectors(
        embedder.embed_documents(texts), len(texts), len(query), embedder.name
    )
    similarities: list[float] = (vectors @ query).tolist()
    rare = {word: weight**_RARE for word, weight in weights.items()}
    chunk_coverage = {
        one.number: share_said(rare, f"{one.heading} {one.hit.text}") for one in found
    }
    evidence = []
    for one, similarity in zip(found, similarities, strict=True):
        is_row = one.is_row and holds_numbers(one.context, one.text, asked.text)
        row = share_said(weights, one.context) if is_row else 0.0
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
    return sorted(evidence, key=lambda item: -item.score)


def _completing(
    asked: Question, evidence: Sequence[Evidence], fit: Sequence[Candidate]
) -> Candidate | None:
    """What gives most of the details that the pieces to be said lack, or None if nothing does.

    "What is the dose, and how long is it given?" may be answered in two places. What a heading
    says is not enough, because it says the same of everything under it.

    Args:
        fit: all candidates for the question or a part of it, also those that are no evidence
            because they have few words of the question.
    """
    by_place = {_place(one): one for one in fit}
    best, *others = (by_place[one.number, one.start] for one in evidence)
    second = others[:1] if len(evidence) > 1 and evidence[1].adds else []
    texts = [text for one in (best, *second) for text in (one.lead, one.text)]
    lacks = missing_details(asked.text, texts, best.heading)
    if not lacks:
        return None
    needed = {stem(word) for word in asked.subjects} & {*terms(best.context)}
    # Of two subjects, the other one is wanted.
    spans = missing_subjects(asked.text, best.text, best.heading)
    wanted = {word for start, end in spans for word in terms(asked.text[start:end])}
    others += (one for one in by_place.values() if one is not best and one not in others)
    fewest, found = len(lacks), None
    for one in others[len(second) : _COMPLETING]:
        said = {*terms(one.context)}
        if not (needed <= said or wanted & said):
            continue  # it is about something else
        left = missing_details(asked.text, [*texts[:2], one.lead, one.text], best.heading)
        if len(left) < fewest and {*left} < {*lacks}:
            fewest, found = len(left), one
    return found


def _place(one: Candidate) -> tuple[int, int]:
    return one.number, one.hit.start + one.start


def _read(
    question: str, evidence: list[Evidence], hits: Sequence[Hit], reader: Reads
) -> list[Evidence]:
    """The evidence, the best of it read by a model and put in the order that this gives."""
    best, rest = evidence[:_READ], evidence[_READ:]
    texts = [reader_text(hits[one.number - 1], one.lead, one.text) for one in best]
    read = [
        replace(one, logit=logit, score=one.score + _LOGIT * logit)
        for one, logit in zip(best, reader.logits(question, texts), strict=True)
    ]
    read.sort(key=lambda item: -item.score)
    # What was not read stays behind, whatever the logits are.
    lowest = min((one.score for one in read), default=0.0)
    return read + [replace(one, score=min(one.score, lowest)) for one in rest]


def reader_text(hit: Hit, lead: str, text: str) -> str:
    """What the reader model sees of a candidate: its headings, then the text; as in training."""
    heading = " > ".join(part for part in (hit.title, hit.section, hit.header) if part)
    said = f"{lead} {text}".strip()[:_READ_CHARACTERS]
    return f"{heading}\n{said}" if heading else said


def is_retracted(hit: Hit) -> bool:
    """Whether a hit is of a retracted article: it is shown, but nothing rests on it."""
    return Flag.retracted in hit.flags


def _both(one: Evidence, other: Evidence) -> float:
    """The share of the terms of the shorter text that both have."""
    its, others = {*terms(one.text)}, {*terms(other.text)}
    return len(its & others) / max(1, min(len(its), len(others)))


def _bonus(one: Candidate, asked: Question, weights: dict[str, float], row: float) -> float:
    """What is added to the similarity of a candidate.

    Args:
        row: see `Evidence.row`.
    """
    bonus = _IN_CONTEXT * share_said(weights, one.context)
    bonus += _IN_SENTENCE * share_said(weights, one.text) - _RANK_WEIGHT * (one.number - 1)
    if Flag.superseded in one.hit.flags:
        bonus -= _SUPERSEDED
    if not asked.wants_method:
        bonus += _ROLE_BONUS.get(one.role, 0.0)
        if asked.yes_no:
            bonus += _YES_NO_BONUS.get(one.role, 0.0)
    if one.under:
        bonus += _UNDER_BONUS * (share_said(weights, one.under) - 0.5)
    if asked.aspects:
        said = said_with(one)
        bonus += _ASPECT_BONUS * mean(bool(side.said.search(said)) for side in asked.aspects)
    if asked.defines and defines(one.text, asked.subjects):
        bonus += _DEFINITION_BONUS
    if row >= _ASKED_ROW or is_asked_row(one, asked):
        bonus += _ROW_BONUS
    if rules_out(one, asked):
        bonus += _RULED_OUT_BONUS
    if asked.wants_list:
        bonus += _ITEM_BONUS * min(_ITEMS, one.items)
    return bonus


def _most_words(found: list[Candidate], weights: dict[str, float]) -> list[Candidate]:
    """The candidates worth a vector: those with most words of the question, of the best hits."""
    if len(found) <= _EMBEDDED:
        return found

    def promise(one: Candidate) -> float:
        covered = share_said(weights, one.context) + share_said(weights, one.text)
        return covered + 2 * _ROLE_BONUS.get(one.role, 0.0) - 0.05 * (one.number - 1)

    return sorted(found, key=promise, reverse=True)[:_EMBEDDED]
