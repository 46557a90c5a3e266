"""The FAISS side of an index: nearest chunks by cosine, from a file that is mapped, not loaded."""

from __future__ import annotations

import logging
import math
import struct
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from more_itertools import chunked
from numpy.typing import NDArray

from ...config import IndexKind
from ...errors import ArtefactError
from ..protocols import Vector, VectorsRecord
from .directory import sealed_file

VECTORS = "vectors.faiss"  # in the folder of a generation

# Candidates that a compressed index is asked for, to be ranked by their true similarity: so many
# for each that is wanted, and never fewer than that. Measured: docs/lab-log.md.
_CANDIDATES, _LEAST_CANDIDATES = 2, 100
# Up to so many selected chunks, their vectors are read from the store instead: about 40 ms.
_MOST_READ = 5_000


class VectorIndex:
    """Inner-product search over one generation's vectors; immutable, safe to share by threads.

    Similarities are exact in every kind: a flat file and HNSW hold the vectors themselves, and what
    IVF-PQ finds in compressed form is ranked again by the vectors of the store.

    Args:
        path: a file that `write_vectors` has written. It may be moved or removed while it is open.
        kind: of the file.
        exact: gives the vectors [dimension] of some chunks, by chunk id.

    Raises:
        ArtefactError: it is not a FAISS file.
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
        # FAISS maps flat vectors and HNSW graphs. It can only load the codes of IVF-PQ, and holds
        # them twice when it is asked to map them.
        flags = 0 if self._compressed else faiss.IO_FLAG_MMAP_IFC
        try:
            self._index: Any = faiss.read_index(str(path), flags)
        except RuntimeError as error:
            raise ArtefactError(f"{path} is not a FAISS file ({error})") from error

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(
        self, query: Vector, k: int, among: NDArray[np.int64] | None = None
    ) -> tuple[Vector, NDArray[np.int64]]:
        """The nearest chunks of a query.

        Among selected chunks the search is exact, except for IVF-PQ with more than 5,000 of them:
        then all codes are read, and only the compression may cost a neighbour.

        Args:
            query: float32 [dimension], L2-normalised.
            k: how many; fewer are returned when there are fewer.
            among: ids of the chunks that may be found, sorted; all by default.

        Returns:
            Cosine similarities float32 [k] in falling order, and chunk ids int64 [k].

        Raises:
            ArtefactError: the store turns out to be damaged.
        """
        most = len(self) if among is None else len(among)
        if not most:
            return np.empty(0, np.float32), np.empty(0, np.int64)
        with _one_thread():
            if self._compressed:
                return self._search_codes(query, min(k, most), among)
            if among is None:
                found = _real(self._index.search(query[None], min(k, most)))
                if len(found[0]) == min(k, most):
                    return found
                # Copies of a vector can cut off a part of an HNSW graph.
                among = self._ids()
            return self._search_exactly(query, min(k, most), among)

    def _ids(self) -> NDArray[np.int64]:
        """The ids of all chunks, sorted; valid as long as the index is open."""
        import faiss

        ids: NDArray[np.int64] = faiss.rev_swig_ptr(self._index.id_map.data(), len(self))
        return ids

    def _search_exactly(
        self, query: Vector, k: int, among: NDArray[np.int64]
    ) -> tuple[Vector, NDArray[np.int64]]:
        """Compare the query with the selected vectors in the file."""
        import faiss

        ids = self._ids()
        places = np.searchsorted(ids, among)
        if not np.array_equal(ids.take(places, mode="clip"), among):
            raise self._lacks_chunks()
        flat = faiss.downcast_index(self._index.index)
        if isinstance(flat, faiss.IndexHNSW):
            flat = faiss.downcast_index(flat.storage)
        parameters: Any = faiss.SearchParameters
        only = parameters(sel=faiss.IDSelectorArray(places))
        scores, found = _real(flat.search(query[None], k, params=only))
        return scores, ids[found]

    def _search_codes(
        self, query: Vector, k: int, among: NDArray[np.int64] | None
    ) -> tuple[Vector, NDArray[np.int64]]:
        """Find candidates by their codes, and rank them by their vectors in the store."""
        import faiss

        if among is not None and len(among) <= _MOST_READ:
            ids = among
        else:
            wanted = min(max(_CANDIDATES * k, _LEAST_CANDIDATES), len(self))
            ids = np.empty(0, np.int64)
            if among is None:
                _, ids = _real(self._index.search(query[None], wanted))
            # The lists nearest to the query may hold fewer than are wanted: then all are read.
            if len(ids) < k:
                parameters: Any = faiss.SearchParametersIVF
                lists = faiss.extract_index_ivf(self._index).nlist
                selected = None if among is None else faiss.IDSelectorBatch(among)
                all_lists = parameters(sel=selected, nprobe=lists)
                _, ids = _real(self._index.search(query[None], wanted, params=all_lists))
        vectors = self._exact(ids.tolist())
        if len(vectors) < len(ids):
            raise self._lacks_chunks()
        scores = np.stack([vectors[id_] for id_ in ids.tolist()]) @ query
        best = np.argsort(-scores, kind="stable")[:k]
        return scores[best], ids[best]

    def _lacks_chunks(self) -> ArtefactError:
        return ArtefactError(
            f"{self._path} and the store hold different chunks; rebuild the index with "
            "index.rebuild=true"
        )


def _real(found: tuple[Vector, NDArray[np.int64]]) -> tuple[Vector, NDArray[np.int64]]:
    """The results of one query: FAISS pads with -1 when an approximate search comes up short."""
    scores, ids = found[0][0], found[1][0]
    return scores[ids >= 0], ids[ids >= 0]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Run FAISS in the calling thread only.

    Waking other threads for one query costs more than it saves, and afterwards they spin for
    milliseconds, which slows down the embedder at the next query.
    """
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


_log = logging.getLogger(__name__)

# Up to here a flat search takes under 5 ms on one core, is exact, and is written at once. Above,
# IVF-PQ is as fast as HNSW at equal recall, smaller, and built sooner. See docs/benchmarks.md.
AUTO_FLAT = 50_000
# FAISS wants 39 training points per list, and fewer than 256 lists are not worth having.
IVFPQ_MIN = 10_000

_BATCH = 16_384  # vectors handed to FAISS at once
_WRITE_ROWS = 1024  # vectors written at once
_WRITE_BYTES = 1 << 20  # bytes FAISS hands over at once
_HNSW_LINKS = 32
_HNSW_CONSTRUCTION = 100  # candidates while the graph is built
_HNSW_SEARCH = 1024  # candidates while it is searched
_TRAINING = 40  # training points per inverted list
_LEAST_DISTINCT = 0.5  # share of vectors without copies, below which an index stays flat
# Copies of one vector, from which on HNSW stays flat: they have links to each other only, and fill
# the candidates of a search. With 300 of 12,000 its recall was 1.00, with 1,000 of them 0.75.
_MOST_COPIES = 300
_PROBES = 128  # inverted lists read for a query
_SEED = 13
_QUERIES = 256  # of the recall measured at build time
_K = 10


def choose_kind(asked: IndexKind, count: int) -> IndexKind:
    """The kind of index to make for `count` vectors when `asked` was asked for."""
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
) -> VectorsRecord:
    """Write (chunk id, float32 bytes) rows as a sealed FAISS file for inner-product search.

    A flat file is written in constant memory. The other kinds are made from a temporary flat file:
    HNSW holds all vectors while its graph grows, IVF-PQ its codes and a training sample. If most
    vectors of a sample are copies of another, the file stays flat: in a graph or in lists that
    copies fill, a search would not find the rest.

    The recall of an approximate kind is measured on the finished file against exact search, with
    256 queries. Each is the mean of three vectors drawn from the index with a fixed seed, plus
    noise as long as a vector. Plain vectors of the index would flatter: a graph has an edge to each
    of its neighbours, and real questions lie near no chunk in particular. On 200,000 vectors these
    queries gave 0.92 (HNSW) and 0.95 (IVF-PQ), real questions 0.97 and 0.98, and plain vectors
    1.00. Any neighbour as near as the tenth counts as found.

    Args:
        identity: see `sealed_file`.
        rows: sorted by id.
        count: how many rows there are.

    Raises:
        OSError: the file could not be written completely, mostly because the disk is full.
        ArtefactError: there are not `count` rows.
    """
    asked, kind = kind, choose_kind(kind, count)
    if asked not in (kind, IndexKind.auto):
        _log.warning(
            "index.kind=%s needs %d vectors or more, and there are %d: made %s instead",
            asked,
            IVFPQ_MIN,
            count,
            kind,
        )
    if kind is IndexKind.flat:
        _write_flat(path, identity, rows, count, dimension)
        return VectorsRecord(kind, {}, 1.0)
    import faiss

    with TemporaryDirectory(prefix="flat-", dir=path.parent) as folder:
        flat = Path(folder) / path.name
        ids = _write_flat(flat, identity, rows, count, dimension)
        vectors = _Vectors(flat, count, dimension)
        sample = vectors.sample(_TRAINING * _most_lists(count), np.random.default_rng(_SEED))
        drawn, (sample, largest) = len(sample), _without_copies(sample)
        crowded = kind is IndexKind.hnsw and largest * count > _MOST_COPIES * drawn
        if crowded or len(sample) < _LEAST_DISTINCT * drawn:
            _log.warning(
                "%d of %d vectors are copies of another: made a flat index instead of %s",
                drawn - len(sample),
                drawn,
                kind,
            )
            flat.replace(path)
            return VectorsRecord(IndexKind.flat, {}, 1.0)
        index, parameters = (_hnsw if kind is IndexKind.hnsw else _ivfpq)(sample)
        del sample
        if kind is IndexKind.hnsw:
            # All at once: FAISS then allocates only once, and its threads share the work best.
            index.add_with_ids(vectors.mapped(), ids)
        else:
            for start, batch in vectors.batches():
                index.add_with_ids(batch, ids[start : start + len(batch)])
        with sealed_file(path, identity) as write:
            # FAISS's own file writer neither syncs nor notices every short write. This does both.
            faiss.write_index(index, vars(faiss)["PyCallbackIOWriter"](write, _WRITE_BYTES))
        del index
        return VectorsRecord(kind, parameters, _recall(path, kind, vectors, ids))


def _write_flat(
    path: Path, identity: str, rows: Iterable[tuple[int, bytes]], count: int, dimension: int
) -> NDArray[np.int64]:
    """Write what FAISS would write for an IndexIDMap over an IndexFlatIP, row by row."""
    ids = array("q")
    with sealed_file(path, identity) as write:
        write(_flat_header(count, dimension))
        for batch in chunked(rows, _WRITE_ROWS):
            ids.extend(id_ for id_, _ in batch)
            if any(len(vector) != 4 * dimension for _, vector in batch):
                raise ArtefactError(
                    f"{path} cannot be written: the store holds vectors that do not have the "
                    f"embedder's {dimension} dimensions; build into another index.dir"
                )
            write(b"".join(vector for _, vector in batch))
        if len(ids) != count:
            raise ArtefactError(
                f"{path} cannot be written: the store gave {len(ids)} vectors instead of {count}; "
                "rebuild the index with index.rebuild=true"
            )
        write(struct.pack("<Q", count) + ids.tobytes())
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
        """All of them; pages that were touched stay in memory as long as the array is used."""
        return np.memmap(self._path, np.float32, "r", self._offset, self.shape)

    def batches(self) -> Iterator[tuple[int, Vector]]:
        """(number of the first, vectors [≤ _BATCH, dimension]), one batch at a time."""
        for start in range(0, self.shape[0], _BATCH):
            yield start, np.array(self.mapped()[start : start + _BATCH])

    def sample(self, size: int, draw: np.random.Generator) -> Vector:
        """A random sample of `size` vectors; all of them if there are fewer."""
        chosen = draw.permutation(self.shape[0])[:size]
        chosen.sort()
        return np.concatenate(
            [
                batch[chosen[(start <= chosen) & (chosen < start + len(batch))] - start]
                for start, batch in self.batches()
            ]
        )


def _without_copies(vectors: Vector) -> tuple[Vector, int]:
    """The vectors [n, dimension] in their order, each once, and how often the commonest occurs."""
    hashes = [hash(vector.tobytes()) for vector in vectors]
    _, first, counts = np.unique(hashes, return_index=True, return_counts=True)
    # A copy of the sample would double it.
    once = vectors if len(first) == len(vectors) else vectors[np.sort(first)]
    return once, int(counts.max())


def _most_lists(count: int) -> int:
    return min(1 << round(math.log2(4 * math.sqrt(count))), max(1, count // _TRAINING))


def _hnsw(sample: Vector) -> tuple[Any, dict[str, int]]:
    """An empty graph."""
    import faiss

    graph = faiss.IndexHNSWFlat(sample.shape[1], _HNSW_LINKS, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = _HNSW_CONSTRUCTION
    graph.hnsw.efSearch = _HNSW_SEARCH
    parameters = {
        "links": _HNSW_LINKS,
        "construction_candidates": _HNSW_CONSTRUCTION,
        "search_candidates": _HNSW_SEARCH,
    }
    return faiss.IndexIDMap(graph), parameters


def _ivfpq(sample: Vector) -> tuple[Any, dict[str, int]]:
    """Empty lists, trained on a sample that holds no vector twice."""
    import faiss

    dimension = sample.shape[1]
    lists = len(sample) // _TRAINING
    # Of 4 bits, for two numbers each; for one if the dimension is odd.
    codes = dimension if dimension % 2 else dimension // 2
    index = faiss.index_factory(dimension, f"IVF{lists},PQ{codes}x4fs", faiss.METRIC_INNER_PRODUCT)
    index.train(sample)
    faiss.extract_index_ivf(index).nprobe = _PROBES
    return index, {"lists": lists, "probes": _PROBES, "codes": codes}


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
    # NumPy and FAISS round sums in a different order.
    found = [
        np.count_nonzero(index.search(query, k)[0] >= tenth - 1e-6)
        for query, tenth in zip(queries, nearest[:, 0], strict=True)
    ]
    return float(np.sum(found) / (k * len(queries)))
