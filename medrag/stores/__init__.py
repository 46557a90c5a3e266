"""Where an index is kept. The rest of medrag opens one here, and knows it by its protocols."""

from __future__ import annotations

from pathlib import Path

from ..config import IndexConfig
from .protocols import (
    QUARANTINED,
    Changes,
    Content,
    Counts,
    EmbedderRecord,
    FileState,
    Filter,
    IndexManifest,
    IndexReader,
    IndexSettings,
    IndexStore,
    IndexWriter,
    Origin,
    RejectCode,
    Scored,
    Vector,
    VectorsRecord,
    check_embedder,
)

__all__ = [
    "QUARANTINED",
    "Changes",
    "Content",
    "Counts",
    "EmbedderRecord",
    "FileState",
    "Filter",
    "IndexManifest",
    "IndexReader",
    "IndexSettings",
    "IndexStore",
    "IndexWriter",
    "Origin",
    "RejectCode",
    "Scored",
    "Vector",
    "VectorsRecord",
    "check_embedder",
    "open_index",
    "open_store",
]


def open_store(config: IndexConfig) -> IndexStore:
    """The store that a configuration names."""
    from .local import LocalStore

    return LocalStore(Path(config.dir))


def open_index(where: IndexConfig | str | Path) -> IndexReader:
    """Open an index for reading.

    Args:
        where: its configuration, or its directory.

    Raises:
        ArtefactError: no index there, or a damaged one; names the command that builds it.
        MismatchError: something else is there, or an index of another format.
    """
    config = where if isinstance(where, IndexConfig) else IndexConfig(dir=str(where))
    return open_store(config).open_reader()
