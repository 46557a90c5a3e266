"""Where an index is kept. The rest of medrag opens one here, and knows it by its protocols."""

from __future__ import annotations

from pathlib import Path

from ..config import IndexConfig
from .filters import Filter, as_filter, both, in_documents, parse_filter
from .protocols import (
    QUARANTINED,
    Alternatives,
    Changes,
    Content,
    Counts,
    EmbedderRecord,
    Field,
    FileState,
    FusionRecord,
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
    "Alternatives",
    "Changes",
    "Content",
    "Counts",
    "EmbedderRecord",
    "Field",
    "FileState",
    "Filter",
    "FusionRecord",
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
    "as_filter",
    "both",
    "check_embedder",
    "in_documents",
    "open_index",
    "open_store",
    "parse_filter",
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
