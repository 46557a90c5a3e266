"""Weigh the sentences of the retrieved chunks against the question.

Every generator shares it: the pipeline abstains when even the best sentence is weak, the
extractive generator answers with the best ones, and citations point at them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sentencex

from ..ingestion.embedders import TextEmbedder
from ..types import Hit
from ..words import STOPWORDS, stem, terms, words

# The weight of a word: the fewer chunks of the index hold it, the more it says.
Rarity = Callable[[str], float]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One sentence of a hit.

    Attributes:
        number: position of the hit in the list, from 1; the n of `[n]`.
        start, end: character offsets in the document's cleaned text.
        similarity: cosine of the sentence and the question.
        coverage: share of the question's meaning-bearing words, weighted by rarity, that the
            sentence, or the title and section it stands under, holds.
    """

    number: int
    text: str
    start: int
    end: int
    similarity: float
    coverage: float
    score: float


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Character spans of the sentences of a text, and of the rows and items in it."""
    spans: list[tuple[int, int]] = []
    offset = 0
    for sentence in sentencex.segment("en", text):
        # A table row or a list item says its piece without a full stop.
        for line in sentence.splitlines(keepends=True):
            body = line.strip()
            if body:
                start = offset + line.index(body)
                spans.append((start, start + len(body)))
            offset += len(line)
    return spans


def weigh(
    question: str, hits: Sequence[Hit], embedder: TextEmbedder, rarity: Rarity
) -> list[Evidence]:
    """All sentences of the hits, the one most likely to answer the question first.

    Args:
        rarity: weight of a word, larger for words that few chunks hold.
    """
    places: list[tuple[int, Hit, int, int]] = []
    for number, hit in enumerate(hits, 1):
        places += [(number, hit, start, end) for start, end in sentence_spans(hit.text)]
    if not places:
        return []
    # A sentence alone often lacks its subject ("It is given daily"): the heading lends it one.
    texts = [f"{hit.title}. {hit.section}. {hit.text[start:end]}" for _, hit, start, end in places]
    vectors = embedder.embed([question, *texts])
    similarities = vectors[1:] @ vectors[0]
    weights = {stem(word): rarity(word) for word in words(question) if word not in STOPWORDS}
    found = []
    for text, similarity, (number, hit, start, end) in zip(
        texts, similarities.tolist(), places, strict=True
    ):
        coverage = _coverage(weights, text)
        found.append(
            Evidence(
                number=number,
                text=hit.text[start:end],
                start=hit.start + start,
                end=hit.start + end,
                similarity=similarity,
                coverage=coverage,
                score=similarity + 0.5 * coverage,
            )
        )
    return sorted(found, key=lambda item: -item.score)


def _coverage(weights: dict[str, float], text: str) -> float:
    total = sum(weights.values())
    held = set(terms(text))
    return sum(weight for term, weight in weights.items() if term in held) / total if total else 0.0


def confidence(evidence: Sequence[Evidence]) -> float:
    """How likely the hits hold an answer, in [0, 1], judged by the best sentence."""
    if not evidence:
        return 0.0
    best = evidence[0]
    return 1.0 / (1.0 + math.exp(-(8.0 * best.similarity + 4.0 * best.coverage - 6.5)))
