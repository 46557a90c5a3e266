"""Fusion: what vectors and words say becomes one score, and the best candidates refine it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medrag import CorpusConfig, IndexConfig, PipelineConfig, RetrieverConfig
from medrag.indexing import IndexBuilder
from medrag.ingestion import TextEmbedder
from medrag.retrieval import Retriever
from medrag.retrieval.fusion import Candidates, Fusion, best_first, convex_combination, fuse, refine
from medrag.stores import open_index

FRONT = np.array([1, 0], np.float32)


def direction(angle: float) -> np.ndarray:
    """A unit vector, in degrees from the question."""
    turned = np.radians(angle)
    return np.array([np.cos(turned), np.sin(turned)], np.float32)


def test_fusion_by_hand() -> None:
    fused = convex_combination({1: 0.8, 2: 0.4, 3: -1.0}, {2: 6.0, 3: 3.0}, 0.75)
    assert fused == pytest.approx({1: 0.75, 2: 0.75 * 1.4 / 1.8 + 0.25, 3: 0.125})


SIMILARITY = st.dictionaries(st.integers(1, 9), st.floats(-1, 1), max_size=9)
BM25 = st.dictionaries(st.integers(1, 9), st.floats(0, 40), max_size=9)


@settings(deadline=None)
@given(SIMILARITY, BM25, st.floats(0, 1))
def test_fused_scores_are_shares_and_the_ends_are_one_side(
    similarity: dict[int, float], bm25: dict[int, float], weight: float
) -> None:
    # As the retriever calls it: every candidate has a cosine, some have BM25.
    bm25 = {chunk: score for chunk, score in bm25.items() if chunk in similarity}
    fused = convex_combination(similarity, bm25, weight)
    assert fused.keys() == similarity.keys()
    assert all(-1e-9 <= score <= 1 + 1e-9 for score in fused.values())
    dense = convex_combination(similarity, bm25, 1.0)
    lexical = convex_combination(similarity, bm25, 0.0)
    for a in similarity:
        assert fused[a] == pytest.approx(weight * dense[a] + (1 - weight) * lexical[a])
        for b in similarity:
            if similarity[a] > similarity[b]:
                assert dense[a] >= dense[b]
            if bm25.get(a, 0.0) > bm25.get(b, 0.0):
                assert lexical[a] >= lexical[b]


# --- refinement -------------------------------------------------------------------------------


def refined(
    angles: dict[int, float],
    fusion: Fusion,
    with_rarest: set[int] | None = None,
    unread: set[int] | None = None,
) -> dict[int, float]:
    vectors = {chunk: direction(angle) for chunk, angle in angles.items()}
    similarity = {chunk: float(vector @ FRONT) for chunk, vector in vectors.items()}
    scores = convex_combination(similarity, {}, fusion.dense_weight)
    read = {chunk: v for chunk, v in vectors.items() if chunk not in (unread or set())}
    found = Candidates(FRONT, similarity, {}, with_rarest or set())
    return refine(fusion, scores, found, read)


def test_a_candidate_near_the_best_ones_overtakes_one_that_is_far_from_them() -> None:
    # 4 is a little nearer to the question than 3, but on the other side of it than 1 and 2.
    angles = {1: 20.0, 2: 22.0, 3: 41.0, 4: -40.0}
    assert best_first(refined(angles, Fusion(1.0, 0.0, 0.0))) == [1, 2, 4, 3]
    assert best_first(refined(angles, Fusion(1.0, 0.4, 0.0))) == [1, 2, 3, 4]


def test_the_best_one_has_most_say() -> None:
    # Three behind the best agree with each other, far from it: they do not move the question.
    angles = {1: 10.0, 2: -60.0, 3: -62.0, 4: 61.0}
    assert best_first(refined(angles, Fusion(1.0, 0.5, 0.0))) == [1, 4, 2, 3]


def test_the_rarest_word_lifts_a_candidate_over_one_that_is_as_near_but_not_over_a_nearer() -> None:
    angles = {1: 30.0, 2: 31.0, 3: 60.0}
    plain = Fusion(0.85, 0.0, 0.03)
    assert best_first(refined(angles, plain)) == [1, 2, 3]
    assert best_first(refined(angles, plain, {2})) == [2, 1, 3]
    assert best_first(refined(angles, plain, {3})) == [1, 2, 3]


def test_candidates_whose_vectors_were_not_read_stay_behind_in_their_order() -> None:
    angles = {1: 10.0, 2: 20.0, 3: 30.0, 4: 40.0, 5: 50.0}
    found = refined(angles, Fusion(), {5}, unread={4, 5})
    assert best_first(found) == [1, 2, 3, 4, 5]


def test_candidates_in_the_opposite_direction_and_none_at_all_are_no_error() -> None:
    assert fuse(Fusion(), Candidates(FRONT, {}, {}, set()), lambda _: {}) == {}
    against = Candidates(FRONT, {1: -1.0}, {}, set())
    opposite = fuse(Fusion(1.0, 0.5, 0.0), against, lambda _: {1: -FRONT})
    assert np.isfinite(opposite[1])


# --- in an index ------------------------------------------------------------------------------

NOTES = {
    "a": "Safety in pregnancy: the medicine was safe for mother and child in two studies.",
    "b": "Safety in pregnancy: the drug was not studied in women. Avoid the medicine if you can.",
    "c": "Zolvanib in pregnancy: avoid it.",
    "d": "Traffic rules for cyclists in the town.",
}


@pytest.mark.backends
def test_the_rarest_word_of_a_question_and_its_weights_decide_in_an_index(
    tmp_path: Path, embedder: TextEmbedder
) -> None:
    (tmp_path / "corpus").mkdir()
    for name, text in NOTES.items():
        (tmp_path / "corpus" / f"{name}.txt").write_text(text, encoding="utf-8")
    config = PipelineConfig(
        corpus=CorpusConfig(paths=[str(tmp_path / "corpus")]),
        index=IndexConfig(str(tmp_path / "index")),
    )
    IndexBuilder(config, embedder).mirror()
    question = "Is the medicine Zolvanib safe in pregnancy, was the drug studied in women?"
    with open_index(config.index) as index:
        retriever = Retriever(index, embedder, RetrieverConfig())
        assert retriever.fusion == Fusion()
        with_word = {hit.document: hit.score for hit in retriever.retrieve(question)}
        retriever.fusion = Fusion(rare_word=0.0)
        without = {hit.document: hit.score for hit in retriever.retrieve(question)}
        lifted = [name for name in with_word if with_word[name] - without[name] > 0.01]
        assert lifted == ["c.txt"]
        # A word that the index lacks lifts nothing; the rarest that it has does.
        retriever.fusion = Fusion(rare_word=0.5)
        hits = retriever.retrieve("Quuxine for cyclists")
        assert hits[0].document == "d.txt" and hits[0].score > 1.2
        given = Retriever(index, embedder, RetrieverConfig(dense_weight=0.3))
        assert given.fusion == Fusion(dense_weight=0.3)
