"""An opened index: one published generation, checked against its manifest, read only."""

from __future__ import annotations

import logging
from functools import cached_property
from pathlib import Path
from typing import Self

from ..errors import ArtefactError, MismatchError
from ..ingestion.embedders import TextEmbedder
from ..manifest import FileEntry, Manifest, file_sha256, read_manifest
from .snapshot import Snapshot
from .store import DATABASE, Store
from .vectors import VectorIndex, write_vectors

_log = logging.getLogger(__name__)


class Index:
    """One generation of an index directory, pinned: later builds do not disturb it.

    Raises (on construction):
        ArtefactError: no index there, or its store is missing or damaged.
        MismatchError: the directory holds something else, or another format.
    """

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)
        self.manifest: Manifest = read_manifest(self.directory, "index")
        self._store = Store(self.directory / DATABASE, read_only=True)
        if self._store.get_meta("id") != self.manifest.settings["store"]:
            self._store.close()
            raise MismatchError(
                f"{self.directory}: {DATABASE} and manifest.json come from different indexes; "
                "restore both together, or build anew with index.rebuild=true"
            )
        self.snapshot = Snapshot(self._store, int(self.manifest.settings["generation"]))

    def close(self) -> None:
        """Close the store; a second call does nothing."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def check_embedder(self, embedder: TextEmbedder) -> None:
        """Refuse an embedder whose vectors live in another space than the index's.

        Raises:
            MismatchError: names both sides and the settings that mend it.
        """
        made_with = self.manifest.settings["embedder"]
        if embedder.fingerprint != made_with["fingerprint"]:
            model = made_with["model"]
            raise MismatchError(
                f"{self.directory} was made with the embedder {made_with['name']} "
                f"({made_with['fingerprint'][:8]}), but {embedder.name} "
                f"({embedder.fingerprint[:8]}) is configured; use embedder.model={model!r}, or "
                "make the index anew: python -m medrag.build_index 'corpus.paths=[DIR]' "
                f"index.dir={self.directory} index.rebuild=true"
            )

    @cached_property
    def vectors(self) -> VectorIndex:
        """The FAISS side, loaded on first use; rebuilt from the store when missing or damaged."""
        ((name, entry),) = self.manifest.files.items()
        path = self.directory / name
        if not _is_intact(path, entry):
            _log.warning("%s is missing or damaged; rebuilding it from the store", path)
            self._rebuild(path, entry)
        return VectorIndex(path)

    def _rebuild(self, path: Path, entry: FileEntry) -> None:
        from ..config import IndexKind

        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".rebuilt")
        written = write_vectors(
            temporary,
            self.snapshot.vectors(),
            int(self.manifest.settings["embedder"]["dimension"]),
            IndexKind(self.manifest.settings["kind"]),
        )
        if written != entry:
            temporary.unlink()
            raise ArtefactError(
                f"{path} is damaged and the store no longer holds its vectors; build it anew: "
                f"python -m medrag.build_index 'corpus.paths=[DIR]' index.dir={self.directory} "
                "index.rebuild=true"
            )
        temporary.replace(path)


def _is_intact(path: Path, entry: FileEntry) -> bool:
    return (
        path.is_file() and path.stat().st_size == entry.size and file_sha256(path) == entry.sha256
    )
