"""The FAISS side of an index: an immutable file per generation, derived from the store."""

from __future__ import annotations

import os
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..batches import batched
from ..config import IndexKind
from ..errors import ArtefactError
from ..manifest import FileEntry

_BATCH = 4096  # vectors handed to FAISS at once
_WRITE_BYTES = 1 << 20  # bytes FAISS hands over at once


def write_vectors(
    path: Path, rows: Iterable[tuple[int, bytes]], dimension: int, kind: IndexKind
) -> FileEntry:
    """Write (chunk id, float32 bytes) rows as a FAISS file for inner-product search.

    Returns:
        Size and hash of what really reached the disk.

    Raises:
        ArtefactError: the file could not be written whole (a full disk, mostly).
    """
    import faiss

    assert kind is IndexKind.flat
    index = faiss.IndexIDMap2(faiss.IndexFlatIP(dimension))
    for batch in batched(rows, _BATCH):
        vectors = np.frombuffer(b"".join(row[1] for row in batch), dtype="<f4")
        ids = np.fromiter((row[0] for row in batch), dtype=np.int64, count=len(batch))
        index.add_with_ids(vectors.reshape(-1, dimension).astype(np.float32), ids)
    # FAISS's own file writer neither syncs nor notices every short write; Python's does both.
    digest = sha256()
    size = 0
    try:
        with path.open("wb") as file:

            def write(data: bytes) -> None:
                nonlocal size
                file.write(data)
                digest.update(data)
                size += len(data)

            writer: Any = vars(faiss)["PyCallbackIOWriter"](write, _WRITE_BYTES)
            faiss.write_index(index, writer)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise ArtefactError(f"{path} could not be written: {error.strerror}") from error
    return FileEntry(size, digest.hexdigest())


class VectorIndex:
    """Inner-product search over one generation's vectors; immutable, safe to share by threads."""

    def __init__(self, path: Path) -> None:
        import faiss

        try:
            self._index: Any = faiss.read_index(str(path))
        except RuntimeError as error:
            raise ArtefactError(f"{path} is not a FAISS file ({error})") from error

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(
        self, queries: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The nearest chunks of each query.

        Args:
            queries: float32 [n, dimension], L2-normalised.
            k: how many; fewer are returned when the index holds fewer.

        Returns:
            Similarities float32 [n, k] in falling order, and chunk ids int64 [n, k].
        """
        scores, ids = self._index.search(queries, min(k, len(self)))
        return scores, ids
