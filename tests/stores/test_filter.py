"""A filter works inside the search: the same as searching the selected chunks by brute force."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from medrag import PipelineConfig
from medrag.config import IndexKind
from medrag.errors import ArtefactError
from medrag.indexing import BuildReport
from medrag.ingestion import TextEmbedder
from medrag.stores import IndexReader, in_documents, open_index
from medrag.stores.local import vectors as vectors_module
from medrag.stores.local.vectors import VectorIndex, write_vectors

Build = Callable[[], BuildReport]
Ids = NDArray[np.int64]

COUNT, DIMENSION = 12_000, 16
IDS = 5 + 3 * np.arange(COUNT)  # with gaps, as after documents were removed
_draw = np.random.default_rng(3)
_raw = _draw.standard_normal((COUNT, DIMENSION), dtype=np.float32)
VECTORS = np.asarray(_raw / np.linalg.norm(_raw, axis=1, keepdims=True))
STORED = dict(zip(IDS.tolist(), VECTORS, strict=True))


@cache
def opened(kind: IndexKind) -> VectorIndex:
    with TemporaryDirectory() as folder:
        path = Path(folder, "vectors.faiss")
        rows = ((int(id_), vector.tobytes()) for id_, vector in zip(IDS, VECTORS, strict=True))
        made = write_vectors(path, "me", rows, COUNT, DIMENSION, kind)
        assert made.kind is kind
        return VectorIndex(path, kind, lambda ids: {id_: STORED[id_] for id_ in ids})


def brute_force(query: NDArray[np.float32], k: int, among: Ids) -> NDArray[np.float32]:
    return np.sort(VECTORS[np.searchsorted(IDS, among)] @ query)[::-1][:k]


def check(kind: IndexKind, seed: int, size: int, k: int) -> tuple[int, int]:
    """Search among drawn chunks; returns how many of the nearest were found, and should be."""
    draw = np.random.default_rng(seed)
    among = np.sort(draw.choice(IDS, size, replace=False))
    query = VECTORS[draw.integers(COUNT)] + 0.3 * draw.standard_normal(DIMENSION).astype("f4")
    query /= np.linalg.norm(query)
    scores, ids = opened(kind).search(query, k, among)
    assert len(ids) == len(set(ids.tolist())) == min(k, size)
    assert set(ids.tolist()) <= set(among.tolist())
    assert scores == pytest.approx([STORED[id_] @ query for id_ in ids.tolist()], abs=1e-5)
    assert (np.diff(scores) <= 0).all()
    best = brute_force(query, k, among)
    return int(np.count_nonzero(scores >= best[-1] - 1e-6)) if size else 0, len(best)


@given(
    kind=st.sampled_from([IndexKind.flat, IndexKind.hnsw, IndexKind.ivfpq]),
    seed=st.integers(0, 10_000),
    size=st.one_of(st.integers(0, 20), st.integers(0, vectors_module._MOST_READ)),
    k=st.integers(1, 60),
)
@settings(max_examples=60, deadline=None)
def test_a_search_among_some_chunks_is_exact(kind: IndexKind, seed: int, size: int, k: int) -> None:
    found, wanted = check(kind, seed, size, k)
    assert found == wanted


@pytest.mark.parametrize("kind", [IndexKind.flat, IndexKind.hnsw])
def test_a_search_among_many_chunks_is_exact(kind: IndexKind) -> None:
    for seed in range(10):
        found, wanted = check(kind, seed, COUNT - 100, 20)
        assert found == wanted


def test_a_search_among_many_compressed_chunks_finds_most() -> None:
    results = [check(IndexKind.ivfpq, seed, 7_000, 10) for seed in range(20)]
    assert sum(found for found, _ in results) > 0.9 * sum(wanted for _, wanted in results)


@pytest.mark.parametrize("kind", [IndexKind.flat, IndexKind.hnsw])
def test_a_selected_chunk_that_the_file_lacks_is_damage(kind: IndexKind) -> None:
    with pytest.raises(ArtefactError, match=r"index\.rebuild=true"):
        opened(kind).search(VECTORS[0], 5, np.array([5, 6]))


# --- through an index -----------------------------------------------------------------------

TOPICS = ["gout", "asthma", "malaria", "scurvy"]


@pytest.fixture
def index(build: Build, corpus: Path, config: PipelineConfig) -> Iterator[IndexReader]:
    """An index in which the best chunks for most questions are outside most filters."""
    rows = [
        {"id": str(number), "text": f"{TOPICS[number % 4]} " * (1 + number % 7) + "is treated."}
        for number in range(200)
    ]
    (corpus / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    build()
    with open_index(config.index) as opened:
        yield opened


@given(data=st.data())
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_words_are_found_among_the_selected_documents(
    index: IndexReader, data: st.DataObject
) -> None:
    words = data.draw(st.lists(st.sampled_from([*TOPICS, "treated", "unheard"]), max_size=3))
    documents = list(index.document_ids())
    chosen = frozenset(data.draw(st.lists(st.sampled_from(documents), max_size=30)))
    k = data.draw(st.integers(1, 40))
    chunks = {chunk for id_ in chosen for chunk in index.document_chunk_ids(id_)}
    every = index.search_words(words, index.counts.chunks)
    wanted = [(chunk, score) for chunk, score in every if chunk in chunks]
    found = index.search_words(words, k, in_documents(chosen))
    # Chunks with equal scores may be cut in any order.
    assert [score for _, score in found] == [score for _, score in wanted[:k]]
    assert set(found) <= set(wanted)


def test_a_filter_of_documents_filters_both_sides(
    index: IndexReader, embedder: TextEmbedder
) -> None:
    (query,) = embedder.embed_queries(["How is gout treated?"])
    where = in_documents({"asthma.md", "rows.jsonl#1", "unknown"})
    chunks = {*index.document_chunk_ids("asthma.md"), *index.document_chunk_ids("rows.jsonl#1")}
    assert {chunk for chunk, _ in index.search_vectors(query, 50, where)} == chunks
    assert {chunk for chunk, _ in index.search_words(["treated"], 50, where)} <= chunks
    assert index.search_words(["asthma"], 50, where)
    nothing = in_documents(())
    assert index.search_vectors(query, 5, nothing) == index.search_words(["gout"], 5, nothing) == []
