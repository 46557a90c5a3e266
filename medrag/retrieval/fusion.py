"""Fuse what vectors and words say of the candidates of a question into one score."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..stores import FusionRecord, Vector

READ = 50  # candidates whose vectors are compared with the best ones
_MODELS = 3  # of the best candidates the question is moved towards
# How fast the say of a model falls with its score: at 0.01 behind the best one it has 0.55 of it.
_STEEPNESS = 60.0


@dataclass(frozen=True, slots=True)
class Fusion:
    """How much each side counts; docs/lab-log.md says how the defaults were chosen.

    Attributes:
        dense_weight: of the cosine, against BM25; 0..1.
        feedback: how far the question is moved towards the best candidates, before the cosines are
            taken again; 0..1.
        rare_word: added to the score, about 1, of a candidate that has the question's rarest word.
    """

    dense_weight: float = 0.85
    feedback: float = 0.4
    rare_word: float = 0.03


def fusion_of(learned: FusionRecord | None, dense_weight: float | None) -> Fusion:
    """The fusion that an index has learned, or the default; a weight that is set goes before."""
    fusion = Fusion()
    if learned:
        fusion = Fusion(learned.dense_weight, learned.feedback, learned.rare_word)
    return fusion if dense_weight is None else replace(fusion, dense_weight=dense_weight)


@dataclass(frozen=True, slots=True)
class Candidates:
    """What was found for a question.

    Attributes:
        query: vector [dimension] of the question.
        similarity: cosine of every candidate with the question, by chunk id.
        bm25: BM25 score of the candidates that share a word with it.
        with_rarest: chunks that have the question's rarest word.
    """

    query: Vector
    similarity: Mapping[int, float]
    bm25: Mapping[int, float]
    with_rarest: Collection[int]


def fuse(
    fusion: Fusion,
    found: Candidates,
    read_vectors: Callable[[Sequence[int]], Mapping[int, Vector]],
) -> dict[int, float]:
    """Fused score of every candidate, by chunk id: near 1 for the best one.

    Args:
        read_vectors: gives the vectors [dimension] of some chunks.
    """
    scores = convex_combination(found.similarity, found.bm25, fusion.dense_weight)
    return refine(fusion, scores, found, read_vectors(best_first(scores)[:READ]))


def convex_combination(
    similarity: Mapping[int, float], bm25: Mapping[int, float], dense_weight: float
) -> dict[int, float]:
    """Fused score in [0, 1] of every candidate, by chunk id.

    Both scores are scaled between their theoretical minimum (cosine -1, BM25 0) and the best
    candidate, then averaged by weight. Bruch, Gai and Ingber 2023, "An Analysis of Fusion
    Functions for Hybrid Retrieval" (TOIS 42), found this better and more stable than fusing ranks,
    which ignores how far apart two candidates are.

    Args:
        similarity: cosine of every candidate with the query.
        bm25: BM25 score of the candidates that share a word with the query.
        dense_weight: weight of the cosine, 0..1.
    """
    best_cosine = max(similarity.values(), default=0.0)
    best_bm25 = max(bm25.values(), default=0.0)
    fused = {}
    for chunk, cosine in similarity.items():
        dense = (cosine + 1.0) / (best_cosine + 1.0) if best_cosine > -1.0 else 0.0
        lexical = bm25.get(chunk, 0.0) / best_bm25 if best_bm25 > 0.0 else 0.0
        fused[chunk] = dense_weight * dense + (1.0 - dense_weight) * lexical
    return fused


def best_first(scores: Mapping[int, float]) -> list[int]:
    """Chunk ids, best first; of equal ones the lower id."""
    return sorted(scores, key=lambda chunk: (-scores[chunk], chunk))


def refine(
    fusion: Fusion, scores: Mapping[int, float], found: Candidates, vectors: Mapping[int, Vector]
) -> dict[int, float]:
    """Scores by what the best candidates have in common, and by the question's rarest word.

    A question is short. Its vector is moved towards those of the best three candidates, weighted
    by their scores, and the cosines are taken again: Rocchio's feedback (1971), with the best
    candidates in place of those that a reader marks as relevant. A word that few chunks have, like
    the name of a drug, says what a question is about, whatever its vector is near to.

    Args:
        scores: of `convex_combination`, for every candidate.
        vectors: of the best candidates; those behind them stay behind.
    """
    read = [chunk for chunk in best_first(scores) if chunk in vectors]
    if not read:
        return dict(scores)
    rows = np.stack([vectors[chunk] for chunk in read])
    models = [scores[chunk] for chunk in read[:_MODELS]]
    shares = np.array([math.exp(_STEEPNESS * (score - models[0])) for score in models])
    towards = (shares / shares.sum()) @ rows[: len(models)]
    moved = (1.0 - fusion.feedback) * found.query + fusion.feedback * towards
    length = float(np.linalg.norm(moved))
    if length > 0.0:
        moved = moved / length
    similarity = dict(zip(read, (rows @ moved).tolist(), strict=True))
    refined = convex_combination(similarity, found.bm25, fusion.dense_weight)
    for chunk in read:
        if chunk in found.with_rarest:
            refined[chunk] += fusion.rare_word
    last, lowest = scores[read[-1]], min(refined.values())
    for chunk, score in scores.items():
        if chunk not in refined:
            refined[chunk] = lowest + score - last
    return refined
