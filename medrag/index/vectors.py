"""The FAISS side of an index: nearest chunks by cosine, from a file that is mapped, not loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config import IndexKind
from ..errors import ArtefactError

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
