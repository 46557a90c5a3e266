"""The FAISS side of an index: nearest chunks by cosine, from a file that is mapped, not loaded."""

from __future__ import annotations

import logging
import struct
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from more_itertools import chunked
from numpy.typing import NDArray

from ...config import IndexKind
from ...errors import ArtefactError
from .directory import SealedFile

Vector = NDArray[np.float32]

VECTORS = "vectors.faiss"  # in the folder of a generation

# Candidates that a compressed index is asked for, to be ranked by their true similarity: so many
# for each that is wanted, and never fewer than that. Measured: docs/lab-log.md.
_CANDIDATES, _LEAST_CANDIDATES = 2, 100


class VectorIndex:
    """Inner-product search over one generation's vectors; immutable, safe to share by threads.

    Similarities are exact in every kind: a flat file and HNSW hold the vectors themselves, and what
    IVF-PQ finds in compressed form is ranked again by the vectors of the store.

    Args:
        path: a file that `write_vectors` has written. It may be moved or removed while it is open.
        kind: of the file.
        exact: gives the vectors [dimension] of some chunks, by chunk id.

    Raises:
        ArtefactError: it is no FAISS file.
    """

    def __init__(
        self,
        path: Path,
        kind: IndexKind,
        exact: Callable[[Sequence[int]], Mapping[int, Vector]],
    ) -> None:
        import faiss

        self._path = path
        self._compressed = kind is IndexKind.ivfpq
        self._exact = exact
        # FAISS maps flat vectors and HNSW graphs. The codes of IVF-PQ it can only load, and when
        # asked to map them it holds them twice.
        flags = 0 if self._compressed else faiss.IO_FLAG_MMAP_IFC
        try:
            self._index: Any = faiss.read_index(str(path), flags)
        except RuntimeError as error:
            raise ArtefactError(f"{path} is not a FAISS file ({error})") from error

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(self, query: Vector, k: int) -> tuple[Vector, NDArray[np.int64]]:
        """The nearest chunks of a query.

        Args:
            query: float32 [dimension], L2-normalised.
            k: how many; fewer are returned when the index holds fewer.

        Returns:
            Cosine similarities float32 [k] in falling order, and chunk ids int64 [k].

        Raises:
            ArtefactError: the store turns out to be damaged.
        """
        wanted = max(_CANDIDATES * k, _LEAST_CANDIDATES) if self._compressed else k
        with _one_thread():
            found = self._index.search(query[None], min(wanted, len(self)))
        scores, ids = found[0][0], found[1][0]
        real = ids >= 0  # FAISS pads with -1 when an approximate search comes up short
        scores, ids = scores[real], ids[real]
        if self._compressed:
            vectors = self._exact(ids.tolist())
            if len(vectors) < len(ids):
                raise ArtefactError(
                    f"{self._path} names chunks that the store lacks; "
                    "build the index anew with index.rebuild=true"
                )
            scores = np.stack([vectors[id_] for id_ in ids.tolist()]) @ query
            best = np.argsort(-scores, kind="stable")[:k]
            scores, ids = scores[best], ids[best]
        return scores, ids


@contextmanager
def _one_thread() -> Iterator[None]:
    """FAISS in the calling thread alone.

    Waking others for one query costs more than it saves, and for milliseconds afterwards they spin,
    in the way of the embedder's threads at the next query.
    """
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


_log = logging.getLogger(__name__)

# Up to here a flat search takes under 5 ms on one core, is exact, and is written in no time. Above,
# IVF-PQ is as fast as HNSW at equal recall, smaller and built sooner. Measured: docs/benchmarks.md.
AUTO_FLAT = 50_000
# FAISS wants 39 training points for each of the 256 lists that are the least worth having.
IVFPQ_MIN = 10_000

_BATCH = 16_384  # vectors handed to FAISS at once
_WRITE_ROWS = 1024  # vectors written at once
_WRITE_BYTES = 1 << 20  # bytes FAISS hands over at once
_HNSW_LINKS = 32
_HNSW_CONSTRUCTION = 100  # candidates while the graph is built
_HNSW_SEARCH = 1024  # candidates while it is searched
_TRAINING = 40  # training points per inverted list
_PROBES = 128  # inverted lists read for a query
_SEED = 13
_QUERIES = 256  # of the recall measured at build time
_K = 10


@dataclass(frozen=True)
class Made:
    """What was written, as the manifest keeps it.

    Attributes:
        kind: never `auto`.
        parameters: those that decide speed and recall; they are in the file, too.
        recall_at_10: share of the ten nearest chunks that a search finds; 1 by definition when
            the search is exact. See `write_vectors`.
    """

    kind: IndexKind
    parameters: Mapping[str, int]
    recall_at_10: float


def choose_kind(asked: IndexKind, count: int) -> IndexKind:
    """The kind that is made of `count` vectors when `asked` was asked for."""
    if asked is IndexKind.auto:
        return IndexKind.flat if count <= AUTO_FLAT else IndexKind.ivfpq
    if asked is IndexKind.ivfpq and count < IVFPQ_MIN:
        return IndexKind.flat
    return asked


def write_vectors(
    path: Path,
    identity: str,
    rows: Iterable[tuple[int, bytes]],
    count: int,
    dimension: int,
    kind: IndexKind,
) -> Made:
    """Write (chunk id, float32 bytes) rows as a sealed FAISS file for inner-product search.

    A flat file is written in constant memory. The others are made from a flat one beside them,
    on disk: HNSW holds all vectors while its graph grows, IVF-PQ its codes and a sample to train
    on.

    The recall of an approximate kind is measured on the finished file, against exact search, with
    256 queries: the mean of three vectors drawn from the index with a seed, and noise as long as a
    vector added. Vectors as they are would flatter: a graph has an edge to each neighbour of its
    own, and real questions lie near no chunk in particular. Measured on 200,000 vectors, these
    queries gave 0.92 (HNSW) and 0.95 (IVF-PQ) where questions gave 0.97 and 0.98, and the vectors
    themselves 1.00. A neighbour as near as the tenth counts as found, whichever it is.

    Args:
        identity: see `SealedFile`.
        rows: sorted by id.
        count: how many rows there are.

    Raises:
        OSError: the file could not be written whole (a full disk, mostly).
        ArtefactError: there are not `count` rows.
    """
    asked, kind = kind, choose_kind(kind, count)
    if asked not in (kind, IndexKind.auto):
        _log.warning(
            "index.kind=%s learns from %d vectors or more and there are %d: %s was made instead",
            asked,
            IVFPQ_MIN,
            count,
            kind,
        )
    if kind is IndexKind.flat:
        _write_flat(path, identity, rows, count, dimension)
        return Made(kind, {}, 1.0)
    with TemporaryDirectory(prefix="flat-", dir=path.parent) as folder:
        flat = Path(folder) / path.name
        ids = _write_flat(flat, identity, rows, count, dimension)
        vectors = _Vectors(flat, count, dimension)
        index, parameters = (_hnsw if kind is IndexKind.hnsw else _ivfpq)(vectors, ids)
        _write_index(path, identity, index)
        del index
        return Made(kind, parameters, _recall(path, kind, vectors, ids))


def _write_flat(
    path: Path, identity: str, rows: Iterable[tuple[int, bytes]], count: int, dimension: int
) -> NDArray[np.int64]:
    """Write what FAISS would write for an IndexIDMap over an IndexFlatIP, row by row."""
    ids = array("q")
    with SealedFile(path, identity) as file:
        file.write(_flat_header(count, dimension))
        for batch in chunked(rows, _WRITE_ROWS):
            ids.extend(id_ for id_, _ in batch)
            file.write(b"".join(vector for _, vector in batch))
        if len(ids) != count:
            raise ArtefactError(
                f"{path} cannot be written: the store gave {len(ids)} vectors where {count} were "
                "announced; build the index anew with index.rebuild=true"
            )
        file.write(struct.pack("<Q", count) + ids.tobytes())
    return np.frombuffer(ids, dtype=np.int64)


def _flat_header(count: int, dimension: int) -> bytes:
    # Width, length, two unused numbers, "is trained", and 0 for inner product.
    shape = struct.pack("<iqqq?i", dimension, count, 1 << 20, 1 << 20, True, 0)
    return b"IxMp" + shape + b"IxFI" + shape + struct.pack("<Q", count * dimension)


class _Vectors:
    """The vectors [n, dimension] of a flat file."""

    def __init__(self, path: Path, count: int, dimension: int) -> None:
        self._path = path
        self._offset = len(_flat_header(count, dimension))
        self.shape = count, dimension

    def mapped(self) -> Vector:
        """All of them; what has been touched stays in memory for as long as the array is used."""
        return np.memmap(self._path, np.float32, "r", self._offset, self.shape)

    def batches(self) -> Iterator[tuple[int, Vector]]:
        """(number of the first, vectors [≤ _BATCH, dimension]), with one batch in memory."""
        for start in range(0, self.shape[0], _BATCH):
            yield start, np.array(self.mapped()[start : start + _BATCH])

    def sample(self, size: int, draw: np.random.Generator) -> Vector:
        """`size` of them, drawn; all of them if there are no more."""
        chosen = draw.permutation(self.shape[0])[:size]
        chosen.sort()
        return np.concatenate(
            [
                batch[chosen[(start <= chosen) & (chosen < start + len(batch))] - start]
                for start, batch in self.batches()
            ]
        )


def _hnsw(vectors: _Vectors, ids: NDArray[np.int64]) -> tuple[Any, dict[str, int]]:
    import faiss

    graph = faiss.IndexHNSWFlat(vectors.shape[1], _HNSW_LINKS, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = _HNSW_CONSTRUCTION
    graph.hnsw.efSearch = _HNSW_SEARCH
    index = faiss.IndexIDMap(graph)
    # At once: FAISS then allocates once, too, and its threads share the work best.
    index.add_with_ids(vectors.mapped(), ids)
    parameters = {
        "links": _HNSW_LINKS,
        "construction_candidates": _HNSW_CONSTRUCTION,
        "search_candidates": _HNSW_SEARCH,
    }
    return index, parameters


def _ivfpq(vectors: _Vectors, ids: NDArray[np.int64]) -> tuple[Any, dict[str, int]]:
    import faiss

    count, dimension = vectors.shape
    lists = min(1 << round(np.log2(4 * np.sqrt(count))), count // _TRAINING)
    codes = dimension // 2  # of 4 bits, for two numbers each
    index = faiss.index_factory(dimension, f"IVF{lists},PQ{codes}x4fs", faiss.METRIC_INNER_PRODUCT)
    index.train(vectors.sample(_TRAINING * lists, np.random.default_rng(_SEED)))
    for start, batch in vectors.batches():
        index.add_with_ids(batch, ids[start : start + len(batch)])
    faiss.extract_index_ivf(index).nprobe = _PROBES
    return index, {"lists": lists, "probes": _PROBES, "codes": codes}


def _write_index(path: Path, identity: str, index: Any) -> None:
    import faiss

    # FAISS's own file writer neither syncs nor notices every short write; Python's does both.
    with SealedFile(path, identity) as file:
        faiss.write_index(index, vars(faiss)["PyCallbackIOWriter"](file.write, _WRITE_BYTES))


def _recall(path: Path, kind: IndexKind, vectors: _Vectors, ids: NDArray[np.int64]) -> float:
    import faiss

    draw = np.random.default_rng(_SEED)
    drawn = vectors.sample(3 * _QUERIES, draw)
    noise = draw.standard_normal((_QUERIES, vectors.shape[1]), dtype=np.float32)
    faiss.normalize_L2(noise)
    queries = drawn[draw.integers(len(drawn), size=(_QUERIES, 3))].mean(axis=1) + noise
    faiss.normalize_L2(queries)
    k = min(_K, len(ids))
    nearest = np.full((len(queries), k), -np.inf, dtype=np.float32)
    for _, batch in vectors.batches():
        nearest = np.sort(np.hstack([nearest, queries @ batch.T]), axis=1)[:, -k:]

    stored = vectors.mapped()

    def exact(wanted: Sequence[int]) -> dict[int, Vector]:
        return dict(zip(wanted, stored[np.searchsorted(ids, wanted)], strict=True))

    index = VectorIndex(path, kind, exact)
    # Sums are rounded in another order here than in FAISS.
    found = [
        np.count_nonzero(index.search(query, k)[0] >= tenth - 1e-6)
        for query, tenth in zip(queries, nearest[:, 0], strict=True)
    ]
    return float(np.sum(found) / (k * len(queries)))
