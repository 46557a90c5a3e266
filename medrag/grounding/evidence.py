"""Weigh the sentences of the retrieved chunks against the question.

The pipeline abstains if even the best sentence is weak, whichever generator is configured; the
extractive generator answers with the best ones.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from ..embedding import Embedder, checked_vectors
from ..stores import Vector
from ..text import split_sentences
from ..text.words import STOPWORDS, stem, terms, words
from ..types import Evidence, Hit
from .table_rows import best_rows, excludes, holds_numbers, is_row

_Place = tuple[int, Hit, int, int]  # number of the hit, the hit, start and end in its text
# The weight of a word: the fewer chunks of the index contain it, the higher.
Rarity = Callable[[str], float]

_BULLET = re.compile(r"\A\s*(?:[-*•–]|\d{1,3}[.)])\s+")
_MIN_TERMS = 3  # a span with fewer terms is a heading or a fragment
_COVERAGE_WEIGHT = 0.25  # measured: docs/lab-log.md
# Chosen on 48 questions about tables, asked with and without their article: docs/lab-log.md.
_ROW_SLOPE, _ROW_INTERCEPT = 6.0, -4.3
_ASKED_ROW, _ROW_BONUS = 0.65, 0.1
_NO_NUMBER = 0.15
_ASKS_QUANTITY = re.compile(
    r"\bhow (?:many|much|often|long|old|high|low|large|big)\b"
    r"|\bwhat (?:share|proportion|percentage|number|fraction)\b"
    r"|\b(?:p[- ]value|hazard ratio|odds ratio)\b",
    re.I,
)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True, slots=True)
class Calibration:
    """Turns the weight of the best sentence into a confidence, for one embedder.

    The coefficients of a logistic regression: of `Evidence.similarity`, of `Evidence.coverage`, and
    the intercept.
    """

    similarity: float
    coverage: float
    intercept: float


# Fitted on 460 BioASQ questions; the documents of 160 of them were removed (docs/lab-log.md).
PACKAGED_MINILM = Calibration(similarity=7.2, coverage=2.6, intercept=-5.9)
# By `Embedder.fingerprint`.
CALIBRATIONS = {"a093136a19de59c7f243e4bdbbdb834f": PACKAGED_MINILM}


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Character spans (start, end) of the sentences, table rows and list items of a text."""
    spans: list[tuple[int, int]] = []
    offset = 0
    for is_table, group in groupby(text.splitlines(keepends=True), is_row):
        # A row is whole, whatever full stops are in it.
        for sentence in group if is_table else split_sentences("".join(group)):
            # List items end without a full stop.
            for line in sentence.splitlines(keepends=True):
                bullet = None if is_table else _BULLET.match(line)
                said = line[bullet.end() :] if bullet else line.lstrip()
                if body := said.rstrip():
                    start = offset + len(line) - len(said)
                    spans.append((start, start + len(body)))
                offset += len(line)
    return spans


def weigh(
    question: str, query: Vector, hits: Sequence[Hit], embedder: Embedder, rarity: Rarity
) -> list[Evidence]:
    """All sentences of the hits, the one that most likely answers the question first.

    Headings, questions and fragments are left out: they resemble the question but do not answer it.
    So are rows of a table that are about others than the question.

    Args:
        query: vector of the question.
        rarity: weight of a word, larger for words that few chunks contain.
    """
    places = [
        (number, hit, start, end)
        for number, hit in enumerate(hits, 1)
        for start, end in sentence_spans(hit.text)
        if _says_something(hit, hit.text[start:end])
    ]
    weights = {stem(word): rarity(word) for word in words(question) if word not in STOPWORDS}
    places = _asked_rows(question, weights, places)
    if not places:
        return []
    # A sentence often lacks its subject ("It is given daily"); the heading supplies it.
    texts = [f"{_heading(hit, '. ')}. {hit.text[start:end]}" for _, hit, start, end in places]
    vectors = checked_vectors(
        embedder.embed_documents(texts), len(texts), len(query), embedder.name
    )
    similarities = (vectors @ query).tolist()
    chunk_coverage = [_coverage(weights, f"{_heading(hit)} {hit.text}") for hit in hits]
    asks_quantity = _ASKS_QUANTITY.search(question) is not None
    found = []
    for text, similarity, (number, hit, start, end) in zip(
        texts, similarities, places, strict=True
    ):
        sentence = hit.text[start:end]
        in_text = _coverage(weights, text)
        covered = in_text + _coverage(weights, sentence)
        row = in_text if is_row(sentence) and holds_numbers(text, sentence, question) else 0.0
        score = similarity + _COVERAGE_WEIGHT * covered
        if row >= _ASKED_ROW:
            score += _ROW_BONUS
        if asks_quantity and not _has_new_number(sentence, question):
            score -= _NO_NUMBER
        found.append(
            Evidence(
                number=number,
                text=sentence,
                start=hit.start + start,
                end=hit.start + end,
                similarity=similarity,
                coverage=chunk_coverage[number - 1],
                score=score,
                row=row,
            )
        )
    return sorted(found, key=lambda item: -item.score)


def confidence(evidence: Sequence[Evidence], calibration: Calibration = PACKAGED_MINILM) -> float:
    """Probability in [0, 1] that the hits contain an answer, judged by the best sentence."""
    if not evidence:
        return 0.0
    best, fitted = evidence[0], calibration
    logit = fitted.similarity * best.similarity + fitted.coverage * best.coverage + fitted.intercept
    # Rows are lists of values: their vectors are unlike any question, but their words tell.
    logit = max(logit, _ROW_SLOPE * best.row + _ROW_INTERCEPT)
    return 1.0 / (1.0 + math.exp(-logit))


def _heading(hit: Hit, joint: str = " ") -> str:
    return joint.join((hit.title, hit.section, hit.header))


def _asked_rows(question: str, weights: dict[str, float], places: list[_Place]) -> list[_Place]:
    """The places without rows and lines that are about others than the question."""
    texts = [hit.text[start:end] for _, hit, start, end in places]
    left = [
        (place, text)
        for place, text in zip(places, texts, strict=True)
        if not excludes(text, question)
    ]
    rows = [text for _, text in left if is_row(text)]
    kept = iter(best_rows(rows, [_coverage(weights, row) for row in rows]))
    return [place for place, text in left if not is_row(text) or next(kept)]


def _has_new_number(sentence: str, question: str) -> bool:
    """Tell whether a sentence has a number that the question does not give."""
    return bool({*_NUMBER.findall(sentence)} - {*_NUMBER.findall(question)})


def _says_something(hit: Hit, sentence: str) -> bool:
    """True unless the sentence is a heading, a question or a fragment."""
    headings = [words(text) for text in (hit.title, *hit.section.split(" > "))]
    said = words(sentence)
    # "Do not give it with X." has few terms, because it has many stop words, but says a lot.
    is_whole = len(said) > _MIN_TERMS and sentence.endswith((".", "!"))
    return (
        (is_whole or len(terms(sentence)) >= _MIN_TERMS)
        and not sentence.endswith("?")
        and said not in headings
    )


def _coverage(weights: dict[str, float], text: str) -> float:
    total = sum(weights.values())
    held = set(terms(text))
    return sum(weight for term, weight in weights.items() if term in held) / total if total else 0.0
