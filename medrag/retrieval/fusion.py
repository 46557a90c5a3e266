"""Join the dense and the lexical side into one ranking."""

from __future__ import annotations

from collections.abc import Mapping


def convex_combination(
    similarity: Mapping[int, float], bm25: Mapping[int, float], dense_weight: float
) -> dict[int, float]:
    """Fused score in [0, 1] of every candidate, by chunk id.

    Both sides are scaled between their theoretical minimum (cosine -1, BM25 0) and the best
    candidate, then averaged with weights. Bruch, Gai and Ingber 2023, "An Analysis of Fusion
    Functions for Hybrid Retrieval" (TOIS 42), found this better and steadier than fusing ranks,
    which throws away how far apart two candidates are.

    Args:
        similarity: cosine of every candidate with the query.
        bm25: BM25 score of the candidates that share a word with the query.
        dense_weight: share of the dense side, 0..1.
    """
    best_cosine = max(similarity.values(), default=0.0)
    best_bm25 = max(bm25.values(), default=0.0)
    fused = {}
    for chunk, cosine in similarity.items():
        dense = (cosine + 1.0) / (best_cosine + 1.0) if best_cosine > -1.0 else 0.0
        lexical = bm25.get(chunk, 0.0) / best_bm25 if best_bm25 > 0.0 else 0.0
        fused[chunk] = dense_weight * dense + (1.0 - dense_weight) * lexical
    return fused
