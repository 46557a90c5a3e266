"""Weigh the sentences of the retrieved chunks against the question.

Every generator shares it: the pipeline abstains when even the best sentence is weak, the
extractive generator answers with the best ones, and citations point at them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

from ..embedding import Embedder
from ..text.sentences import split_sentences
from ..text.words import STOPWORDS, stem, terms, words
from ..types import Evidence, Hit

# The weight of a word: the fewer chunks of the index hold it, the more it says.
Rarity = Callable[[str], float]

_BULLET = re.compile(r"\A\s*(?:[-*•–]|\d{1,3}[.)])\s+")
_MIN_TERMS = 3  # a span with fewer meaning-bearing words is a heading or a fragment
_COVERAGE_WEIGHT = 0.25  # measured: docs/lab-log.md


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Character spans of the sentences of a text, and of the rows and items in it."""
    spans: list[tuple[int, int]] = []
    offset = 0
    for sentence in split_sentences(text):
        # A table row or a list item says its piece without a full stop.
        for line in sentence.splitlines(keepends=True):
            bullet = _BULLET.match(line)
            said = line[bullet.end() :] if bullet else line.lstrip()
            if body := said.rstrip():
                start = offset + len(line) - len(said)
                spans.append((start, start + len(body)))
            offset += len(line)
    return spans


def weigh(question: str, hits: Sequence[Hit], embedder: Embedder, rarity: Rarity) -> list[Evidence]:
    """All sentences of the hits, the one most likely to answer the question first.

    Headings and fragments are left out: they resemble the question and say nothing.

    Args:
        rarity: weight of a word, larger for words that few chunks hold.
    """
    places = [
        (number, hit, start, end)
        for number, hit in enumerate(hits, 1)
        for start, end in sentence_spans(hit.text)
        if _says_something(hit, hit.text[start:end])
    ]
    if not places:
        return []
    # A sentence alone often lacks its subject ("It is given daily"): the heading lends it one.
    texts = [f"{hit.title}. {hit.section}. {hit.text[start:end]}" for _, hit, start, end in places]
    (query,) = embedder.embed_queries([question])
    similarities = (embedder.embed_documents(texts) @ query).tolist()
    weights = {stem(word): rarity(word) for word in words(question) if word not in STOPWORDS}
    chunk_coverage = [_coverage(weights, f"{h.title} {h.section} {h.text}") for h in hits]
    found = []
    for text, similarity, (number, hit, start, end) in zip(
        texts, similarities, places, strict=True
    ):
        sentence = hit.text[start:end]
        covered = _coverage(weights, text) + _coverage(weights, sentence)
        found.append(
            Evidence(
                number=number,
                text=sentence,
                start=hit.start + start,
                end=hit.start + end,
                similarity=similarity,
                coverage=chunk_coverage[number - 1],
                score=similarity + _COVERAGE_WEIGHT * covered,
            )
        )
    return sorted(found, key=lambda item: -item.score)


def confidence(evidence: Sequence[Evidence]) -> float:
    """How likely the hits hold an answer, in [0, 1], judged by the best sentence.

    A logistic regression on its similarity and its chunk's coverage, fitted on 460 BioASQ
    questions, 160 of them with their documents taken out of the index (docs/lab-log.md).
    """
    if not evidence:
        return 0.0
    best = evidence[0]
    return 1.0 / (1.0 + math.exp(-(7.2 * best.similarity + 2.6 * best.coverage - 5.9)))


def _says_something(hit: Hit, sentence: str) -> bool:
    """False for headings and fragments."""
    headings = [words(text) for text in (hit.title, *hit.section.split(" > "))]
    return len(terms(sentence)) >= _MIN_TERMS and words(sentence) not in headings


def _coverage(weights: dict[str, float], text: str) -> float:
    total = sum(weights.values())
    held = set(terms(text))
    return sum(weight for term, weight in weights.items() if term in held) / total if total else 0.0
