"""Every kind of FAISS file: what it finds, what it holds in memory, and that damage is noticed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import faiss
import numpy as np
import pytest

from medrag import PipelineConfig
from medrag.build_index import summary_table
from medrag.config import EmbedderConfig, IndexKind
from medrag.errors import ArtefactError
from medrag.indexing import BuildReport, IndexBuilder
from medrag.ingestion import TextEmbedder
from medrag.progress import console
from medrag.retrieval import Retriever
from medrag.stores import Vector, VectorsRecord, open_store
from medrag.stores.local.directory import is_sealed, sealed_file
from medrag.stores.local.index import Index
from medrag.stores.local.vectors import (
    AUTO_FLAT,
    IVFPQ_MIN,
    VectorIndex,
    choose_kind,
    write_vectors,
)
from tests.crash.tiny_encoder import make_tiny_encoder

Build = Callable[[], BuildReport]

KINDS = [IndexKind.flat, IndexKind.hnsw, IndexKind.ivfpq]
COUNT, DIMENSION, SEAL = 12_000, 32, 16


def clustered(count: int, dimension: int = DIMENSION) -> Vector:
    """Unit vectors [count, dimension] around 200 centres, as texts lie around subjects."""
    draw = np.random.default_rng(5)
    centres = draw.standard_normal((200, dimension), dtype=np.float32)
    around = draw.standard_normal((count, dimension), dtype=np.float32)
    vectors = centres[draw.integers(200, size=count)] + 0.5 * around
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


VECTORS = clustered(COUNT)


def rows(vectors: Vector) -> Iterator[tuple[int, bytes]]:
    """Chunk ids with gaps, as they are after documents were removed."""
    return ((7 + 3 * row, vector.tobytes()) for row, vector in enumerate(vectors))


def write(
    path: Path, kind: IndexKind, vectors: Vector = VECTORS
) -> tuple[VectorsRecord, VectorIndex, dict[int, Vector]]:
    made = write_vectors(path, "me", rows(vectors), len(vectors), vectors.shape[1], kind)
    stored = {7 + 3 * row: vector for row, vector in enumerate(vectors)}
    index = VectorIndex(path, made.kind, lambda ids: {id_: stored[id_] for id_ in ids})
    return made, index, stored


@pytest.mark.parametrize("kind", KINDS)
def test_a_search_finds_the_nearest_with_their_cosines(tmp_path: Path, kind: IndexKind) -> None:
    made, index, stored = write(tmp_path / "vectors.faiss", kind)
    assert made.kind == kind
    assert len(index) == COUNT
    found = 0
    queries = clustered(COUNT + 50)[COUNT:]
    for query in queries:
        scores, ids = index.search(query, 10)
        assert scores == pytest.approx([stored[id_] @ query for id_ in ids.tolist()], abs=1e-5)
        assert (np.diff(scores) <= 0).all()
        assert len(set(ids.tolist())) == 10
        found += len(set(ids.tolist()) & set((7 + 3 * np.argsort(-VECTORS @ query)[:10]).tolist()))
    assert found >= (500 if kind is IndexKind.flat else 480)


@pytest.mark.parametrize("kind", KINDS)
def test_the_recall_that_is_recorded_is_measured(
    tmp_path: Path, kind: IndexKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _, _ = write(tmp_path / "vectors.faiss", kind)
    assert made.recall_at_10 == 1.0 if kind is IndexKind.flat else 0.9 < made.recall_at_10 <= 1.0
    monkeypatch.setattr("medrag.stores.local.vectors._HNSW_SEARCH", 1)
    monkeypatch.setattr("medrag.stores.local.vectors._PROBES", 1)
    worse, _, _ = write(tmp_path / "worse.faiss", kind)
    assert worse.recall_at_10 == 1.0 if kind is IndexKind.flat else worse.recall_at_10 < 0.9


def test_the_same_vectors_give_the_same_recall(tmp_path: Path) -> None:
    first, second = (write(tmp_path / name, IndexKind.ivfpq)[0] for name in ("one", "two"))
    assert first == second


def test_a_flat_file_is_what_faiss_would_write(tmp_path: Path) -> None:
    path = tmp_path / "vectors.faiss"
    write(path, IndexKind.flat)
    theirs = faiss.IndexIDMap(faiss.IndexFlatIP(DIMENSION))
    theirs.add_with_ids(VECTORS, 7 + 3 * np.arange(COUNT))
    assert path.read_bytes()[:-SEAL] == faiss.serialize_index(theirs).tobytes()


@pytest.mark.parametrize("count", [1, 2, 10])
@pytest.mark.parametrize("kind", [*KINDS, IndexKind.auto])
def test_few_vectors_are_no_problem_for_any_kind(
    tmp_path: Path, kind: IndexKind, count: int, caplog: pytest.LogCaptureFixture
) -> None:
    made, index, _ = write(tmp_path / "vectors.faiss", kind, VECTORS[:count])
    assert made.kind is (IndexKind.hnsw if kind is IndexKind.hnsw else IndexKind.flat)
    assert made.recall_at_10 == 1.0
    scores, ids = index.search(VECTORS[count - 1], 50)
    assert sorted(ids.tolist()) == [7 + 3 * row for row in range(count)]
    assert ids[0] == 7 + 3 * (count - 1)
    assert scores[0] == pytest.approx(1.0)
    assert ("made flat instead" in caplog.text) == (kind is IndexKind.ivfpq)


def copies(count: int, distinct: int) -> Vector:
    """Vectors [count, DIMENSION] of which only so many differ, in random order."""
    draw = np.random.default_rng(3)
    some = draw.integers(distinct, size=count - distinct)
    return VECTORS[draw.permutation(np.concatenate([np.arange(distinct), some]))]


@pytest.mark.parametrize("kind", [IndexKind.hnsw, IndexKind.ivfpq])
@pytest.mark.parametrize("distinct", [1, 2, 50, 2_000])
def test_mostly_copies_are_searched_exactly(
    tmp_path: Path, kind: IndexKind, distinct: int, caplog: pytest.LogCaptureFixture
) -> None:
    vectors = copies(COUNT, distinct)
    made, index, _ = write(tmp_path / "vectors.faiss", kind, vectors)
    assert (made.kind, made.recall_at_10) == (IndexKind.flat, 1.0)
    assert f"{COUNT - distinct} of {COUNT} vectors are copies" in caplog.text
    for query in clustered(COUNT + 10)[COUNT:]:
        scores, ids = index.search(query, 200)
        assert scores == pytest.approx(np.sort(vectors @ query)[:-201:-1], abs=1e-5)
        assert len(set(ids.tolist())) == 200
    assert is_sealed(tmp_path / "vectors.faiss", "me")


def test_more_identical_vectors_than_auto_keeps_flat(tmp_path: Path) -> None:
    vectors = np.repeat(VECTORS[:1], AUTO_FLAT + 1, axis=0)
    made, index, _ = write(tmp_path / "vectors.faiss", IndexKind.auto, vectors)
    assert made.kind is IndexKind.flat
    assert len(index.search(VECTORS[1], 10)[0]) == 10


@pytest.mark.parametrize("most", [100, 4_000])
@pytest.mark.parametrize("kind", [IndexKind.hnsw, IndexKind.ivfpq])
def test_copies_beside_many_others_hide_nothing(tmp_path: Path, kind: IndexKind, most: int) -> None:
    vectors = VECTORS.copy()
    vectors[np.random.default_rng(2).permutation(COUNT)[:most]] = VECTORS[0]
    made, index, _ = write(tmp_path / "vectors.faiss", kind, vectors)
    crowded = kind is IndexKind.hnsw and most > 300
    assert made.kind is (IndexKind.flat if crowded else kind)
    assert made.recall_at_10 > 0.9
    found = 0
    for query in clustered(COUNT + 20)[COUNT:]:
        scores, ids = index.search(query, 1_000)
        assert len(set(ids.tolist())) == 1_000
        found += int(np.sum(scores[:10] >= np.sort(vectors @ query)[-10] - 1e-6))
    assert found >= 190


@pytest.mark.parametrize("kind", [IndexKind.hnsw, IndexKind.ivfpq])
def test_a_search_that_comes_up_short_looks_everywhere(
    tmp_path: Path, kind: IndexKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One list of three hundred holds fewer, and so many are more than the graph's candidates.
    monkeypatch.setattr("medrag.stores.local.vectors._PROBES", 1)
    monkeypatch.setattr("medrag.stores.local.vectors._HNSW_SEARCH", 1)
    monkeypatch.setattr("medrag.stores.local.vectors._HNSW_LINKS", 2)
    _, index, _ = write(tmp_path / "vectors.faiss", kind)
    scores, ids = index.search(VECTORS[0], 5_000)
    assert len(set(ids.tolist())) == 5_000
    assert scores[0] == pytest.approx(1.0)


def test_the_kind_goes_by_the_number_unless_it_is_asked_for() -> None:
    assert choose_kind(IndexKind.auto, AUTO_FLAT) is IndexKind.flat
    assert choose_kind(IndexKind.auto, AUTO_FLAT + 1) is IndexKind.ivfpq
    assert choose_kind(IndexKind.flat, 10 * AUTO_FLAT) is IndexKind.flat
    assert choose_kind(IndexKind.ivfpq, IVFPQ_MIN - 1) is IndexKind.flat
    assert choose_kind(IndexKind.ivfpq, IVFPQ_MIN) is IndexKind.ivfpq


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_noticed(tmp_path: Path, kind: IndexKind) -> None:
    path = tmp_path / "vectors.faiss"
    write(path, kind)
    good = path.read_bytes()
    assert is_sealed(path, "me")
    assert not is_sealed(path, "another index")
    assert not is_sealed(tmp_path / "missing", "me")
    draw = np.random.default_rng(1)
    for _ in range(20):
        flipped = bytearray(good)
        flipped[draw.integers(len(good))] ^= 1 << int(draw.integers(8))
        path.write_bytes(flipped)
        assert not is_sealed(path, "me")
    for length in (len(good) - 1, len(good) // 2, SEAL, 3, 0):
        path.write_bytes(good[:length])
        assert not is_sealed(path, "me")
    path.write_bytes(good + b"\0")
    assert not is_sealed(path, "me")


def test_what_is_no_faiss_file_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "vectors.faiss"
    with sealed_file(path, "me") as write_bytes:
        write_bytes(b"no FAISS file at all")
    with pytest.raises(ArtefactError, match=r"vectors\.faiss is not a FAISS file"):
        VectorIndex(path, IndexKind.flat, lambda ids: {})


def test_a_store_without_a_vector_that_was_found_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "vectors.faiss"
    write(path, IndexKind.ivfpq)
    index = VectorIndex(path, IndexKind.ivfpq, lambda ids: {})
    with pytest.raises(ArtefactError, match=r"index\.rebuild=true"):
        index.search(VECTORS[0], 10)


def test_vectors_that_are_missing_are_not_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "vectors.faiss"
    with pytest.raises(ArtefactError, match="instead of 6"):
        write_vectors(path, "me", rows(VECTORS[:5]), 6, DIMENSION, IndexKind.flat)
    assert not path.exists()


_FULL = """
import resource, sys
from pathlib import Path
import numpy as np
from medrag.config import IndexKind
from medrag.stores.local.vectors import write_vectors
kind = IndexKind(sys.argv[2])
# HNSW: the flat file it is made from still has room, its own file has not.
count, limit = 12_000, {"flat": 1_000_000, "hnsw": 2_000_000, "ivfpq": 1_000_000}[kind]
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
vectors = np.random.default_rng(1).standard_normal((count, 32), dtype=np.float32)
rows = ((n, vector.tobytes()) for n, vector in enumerate(vectors))
try:
    write_vectors(Path(sys.argv[1]), "me", rows, count, 32, kind)
except OSError as error:
    print(error.errno)
"""


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_cannot_be_finished_is_an_error_and_leaves_nothing(
    tmp_path: Path, kind: IndexKind
) -> None:
    command = [sys.executable, "-c", _FULL, str(tmp_path / "vectors.faiss"), kind.value]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "27", done.stderr  # EFBIG
    assert list(tmp_path.iterdir()) == []


_MEMORY = """
import json, sys
from pathlib import Path
import faiss, numpy as np
from medrag.config import IndexKind
from medrag.stores.local.vectors import write_vectors
from medrag.stores.local.vectors import VectorIndex

def kilobytes(file, name):
    (line,) = [line for line in open(f"/proc/self/{file}") if line.startswith(name)]
    return int(line.split()[1])

path, kind, count = Path(sys.argv[1]), IndexKind(sys.argv[2]), int(sys.argv[4])
draw = np.random.default_rng(0)
faiss.normalize_L2(draw.standard_normal((20, 384), dtype=np.float32))  # loads its libraries
if sys.argv[3] == "write":
    rows = ((n, draw.standard_normal(384, dtype=np.float32).tobytes()) for n in range(count))
    before = kilobytes("status", "VmHWM")
    write_vectors(path, "me", rows, count, 384, kind)
    print(kilobytes("status", "VmHWM") - before)
else:
    before = kilobytes("smaps_rollup", "Anonymous")
    index = VectorIndex(path, kind, lambda ids: dict.fromkeys(ids, np.ones(384)))
    index.search(draw.standard_normal(384, dtype=np.float32), 10)
    print(kilobytes("smaps_rollup", "Anonymous") - before)
"""


def grown_by(path: Path, kind: IndexKind, what: str, count: int) -> float:
    """Memory that writing or reading `count` vectors takes, as a multiple of what they take."""
    command = [sys.executable, "-c", _MEMORY, str(path), kind.value, what, str(count)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    return int(done.stdout) * 1024 / (count * 384 * 4)


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux")
def test_a_flat_file_is_neither_written_nor_read_by_way_of_memory(tmp_path: Path) -> None:
    path = tmp_path / "vectors.faiss"
    assert grown_by(path, IndexKind.flat, "write", 60_000) < 0.25
    assert grown_by(path, IndexKind.flat, "read", 60_000) < 0.05


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux")
def test_what_the_other_kinds_hold_in_memory(tmp_path: Path) -> None:
    graph, codes = tmp_path / "hnsw", tmp_path / "ivfpq"
    assert grown_by(graph, IndexKind.hnsw, "write", 20_000) < 4.5
    assert grown_by(graph, IndexKind.hnsw, "read", 20_000) < 0.1
    grown_by(codes, IndexKind.ivfpq, "write", 20_000)
    assert grown_by(codes, IndexKind.ivfpq, "read", 20_000) < 0.25


# --- through an index -----------------------------------------------------------------------


def answers(index: Index, embedder: TextEmbedder, config: PipelineConfig) -> list[str]:
    config.retriever.mode = "dense"  # type: ignore[assignment]
    found = Retriever(index, embedder, config.retriever).retrieve("What prevents gout?", k=50)
    return [hit.document for hit in found]


@pytest.mark.parametrize("kind", KINDS)
def test_the_manifest_and_the_summary_tell_the_kind(
    build: Build, config: PipelineConfig, kind: IndexKind
) -> None:
    config.index.kind = kind
    report = build()
    made = IndexKind.hnsw if kind is IndexKind.hnsw else IndexKind.flat
    manifest = open_store(config.index).manifest()
    assert manifest.settings.kind is kind
    assert manifest.vectors.kind is made
    assert manifest.vectors.recall_at_10 == 1.0
    with console.capture() as shown:
        console.print(summary_table(report))
    (line,) = [line for line in shown.get().splitlines() if "vectors" in line]
    assert ("hnsw  (recall@10 1.000)" if made is IndexKind.hnsw else "flat  (exact)") in line
    again = build()
    assert (again.published, again.kind, again.recall_at_10) == (False, made, 1.0)


def test_another_kind_is_another_generation_of_the_same_vectors(
    build: Build, config: PipelineConfig
) -> None:
    first = build()
    config.index.kind = IndexKind.hnsw
    second = build()
    assert (second.generation, second.published) == (first.generation + 1, True)
    assert (second.kind, second.embedded_chunks) == ("hnsw", 0)


@pytest.mark.parametrize("kind", [IndexKind.flat, IndexKind.hnsw])
def test_a_removed_document_is_found_no_more(
    build: Build, corpus: Path, config: PipelineConfig, embedder: TextEmbedder, kind: IndexKind
) -> None:
    config.index.kind = kind
    build()
    with Index(config.index.dir) as index:
        assert answers(index, embedder, config)[0] == "gout.txt"
        (corpus / "gout.txt").unlink()
        build()
        assert "gout.txt" in answers(index, embedder, config)  # a reader keeps its generation
    with Index(config.index.dir) as index:
        assert set(answers(index, embedder, config)) == {"asthma.md", "sub/malaria.txt"}


@pytest.mark.slow
def test_a_document_removed_from_many_is_found_no_more(
    tmp_path: Path, config: PipelineConfig
) -> None:
    notes = [
        {"id": f"n{number}", "text": f"Note {number} of gout {number * 7919 % 10_007}."}
        for number in range(IVFPQ_MIN + 100)
    ]
    file = tmp_path / "corpus/notes.jsonl"
    config.corpus.paths = [str(file)]
    config.index.kind = IndexKind.ivfpq
    config.embedder = EmbedderConfig(model=str(make_tiny_encoder(tmp_path / "encoder")))
    config.cache.embeddings = ""
    embedder = TextEmbedder(config.embedder)
    found = []
    for kept in (notes, notes[:5000] + notes[5050:]):
        file.write_text("\n".join(map(json.dumps, kept)), encoding="utf-8")
        assert IndexBuilder(config, embedder).mirror().kind == "ivfpq"
        with Index(config.index.dir) as index:
            (query,) = embedder.embed([notes[5025]["text"]])
            _, ids = index.vectors.search(query, 50)
            found.append({hit.document for hit in index.hits(ids.tolist()).values()})
            assert len(found[-1]) == 50
    gone = {f"notes.jsonl#n{number}" for number in range(5000, 5050)}
    assert "notes.jsonl#n5025" in found[0] & gone
    assert not found[1] & gone


@pytest.mark.parametrize("kind", [IndexKind.flat, IndexKind.hnsw])
def test_a_damaged_file_of_any_kind_is_made_again(
    build: Build, config: PipelineConfig, embedder: TextEmbedder, kind: IndexKind
) -> None:
    config.index.kind = kind
    build()
    (path,) = Path(config.index.dir).glob("generations/*/vectors.faiss")
    with Index(config.index.dir) as index:
        before = answers(index, embedder, config)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    for damage in (content, b"", None):
        path.unlink() if damage is None else path.write_bytes(damage)
        with Index(config.index.dir) as index:
            assert answers(index, embedder, config) == before
            assert is_sealed(path, index.identity)
    names = {found.name for found in path.parent.iterdir()}
    assert not [name for name in names if "rebuilt" in name or "flat" in name]


_READ_ONLY = """
import os, sys
import faiss
from medrag.stores.local.index import Index
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
with Index(sys.argv[1]) as index:
    print(len(index.vectors), os.access(sys.argv[1], os.W_OK))
"""


def test_a_damaged_file_that_may_not_be_replaced_is_made_again_elsewhere(
    build: Build, config: PipelineConfig
) -> None:
    report = build()
    with TemporaryDirectory() as place:  # pytest's own is closed to other users
        there = shutil.copytree(config.index.dir, Path(place, "index"))
        (path,) = there.glob("generations/*/vectors.faiss")
        path.write_bytes(b"damaged")
        paths = [Path(place), *there.rglob("*"), there]
        for found in paths:
            found.chmod(0o555 if found.is_dir() else 0o444)
        command = [sys.executable, "-c", _READ_ONLY, str(there)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        for found in paths:
            found.chmod(0o755 if found.is_dir() else 0o644)
        assert done.stdout.split() == [str(report.counts.chunks), "False"], done.stderr
        assert "for this process only" in done.stderr
        assert path.read_bytes() == b"damaged"


def test_vectors_may_have_an_odd_length(tmp_path: Path) -> None:
    made, index, stored = write(tmp_path / "vectors.faiss", IndexKind.ivfpq, clustered(COUNT, 9))
    assert made.kind is IndexKind.ivfpq and made.recall_at_10 > 0.5
    assert index.search(stored[7], 1)[1].tolist() == [7]


def test_vectors_of_two_lengths_are_not_written(tmp_path: Path) -> None:
    path, mixed = tmp_path / "vectors.faiss", [(1, bytes(32)), (2, bytes(16))]
    with pytest.raises(ArtefactError, match="8 dimensions"):
        write_vectors(path, "me", mixed, 2, 8, IndexKind.flat)
    assert not path.exists()
