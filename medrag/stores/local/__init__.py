"""An index in a directory: SQLite holds the truth, FAISS and tantivy files are derived from it."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from ...errors import ArtefactError, ConfigError, FormatError, MismatchError
from ...manifest import MANIFEST, fsync_path, write_manifest
from ..protocols import Content, FileState, FusionRecord, IndexManifest, IndexSettings, Origin
from .database import DATABASE, NEVER, Database
from .directory import build_lock, generation_folder, remove_unheld, writing
from .fields import FIELDS, write_fields
from .index import Index
from .lexical import WORDS, write_words
from .snapshot import Snapshot
from .store import ADDED_BY_HAND, Store
from .terms import TERMS, write_terms
from .vectors import VECTORS, write_vectors

_log = logging.getLogger(__name__)


class LocalStore:
    """The `IndexStore` in a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def manifest(self) -> IndexManifest:
        return IndexManifest.read(self._directory)

    def keep_fusion(self, fusion: FusionRecord | None) -> None:
        with writing(self._directory), build_lock(self._directory):
            changed = replace(self.manifest(), fusion=fusion)
            write_manifest(self._directory, changed.to_manifest())

    def open_reader(self) -> Index:
        return Index(self._directory)

    @contextmanager
    def open_writer(self, space: str, *, rebuild: bool = False) -> Iterator[LocalWriter]:
        there = any((self._directory / name).exists() for name in (MANIFEST, DATABASE))
        if not there and (self._directory / "generations").exists():  # of somebody else's
            raise ConfigError(
                f"index.dir={self._directory} holds no index, but a folder named generations, "
                "which builds use and clear; choose another directory, or move the folder away"
            )
        with writing(self._directory), build_lock(self._directory):
            previous = self._previous(rebuild)
            if rebuild:
                _replace_damaged(self._directory, space, previous)
            with LocalWriter(self._directory / DATABASE, space, previous) as writer:
                yield writer

    def _previous(self, rebuild: bool) -> IndexManifest | None:
        """The manifest, or None; a damaged one is no loss, because the store holds everything."""
        try:
            return self.manifest()
        except ArtefactError as error:
            replaced = rebuild and isinstance(error, FormatError)
            if isinstance(error, MismatchError) and not replaced:
                raise
            if (self._directory / MANIFEST).exists():
                _log.warning("%s", error)
            return None


class LocalWriter(Store):
    """The `IndexWriter` of a directory: the rows of `Store`, and publishing.

    Args:
        path: the SQLite file.
        space: see `Store`.
        previous: the manifest of the published generation, if there is one.
    """

    def __init__(self, path: Path, space: str, previous: IndexManifest | None) -> None:
        super().__init__(path, space)
        self.previous = previous
        self._directory = path.parent
        self._published = previous.generation if previous else 0
        self.build = 1 + max(self._published, self.generation)  # the manifest may be lost
        self.is_new = self.build == 1
        if self.get_meta("id") is None or self.generation < self._published:
            # A new store, or an older copy: its files must not be mistaken for published ones.
            with self.transaction():
                self.set_meta("id", uuid.uuid4().hex)
        # The manifest that was published from this store.
        self._before = previous if previous and previous.store == self.get_meta("id") else None

    def content(self) -> Content:
        if before := self._before:
            last = next(self.documents("ORDER BY key DESC LIMIT 1"), None)
            removed = f"SELECT 1 FROM documents WHERE removed > ? AND removed < {NEVER}"
            is_any_added = last is not None and last.added > before.generation
            if not is_any_added and not self._is_any(removed, before.generation):
                return before.content
            _published(self, before).check_documents()
        return Snapshot(self, self.build).content()

    def described(self) -> Iterator[tuple[str, str, list[str], dict[str, int]]]:
        return Snapshot(self, self.build).described()

    def publish(self, fingerprint: str, settings: IndexSettings, content: Content) -> IndexManifest:
        before = self._before
        if before and (before.fingerprint, before.settings.kind) == (fingerprint, settings.kind):
            # A build that was killed may have left files.
            for number in range(self._published + 1, self.build + 1):
                shutil.rmtree(generation_folder(self._directory, number), ignore_errors=True)
            return before
        self._published = self.build
        snapshot = Snapshot(self, self.build, content.counts.documents)
        folder = generation_folder(self._directory, self.build)
        shutil.rmtree(folder, ignore_errors=True)  # left by a build that was killed
        folder.mkdir(parents=True)
        size = content.counts.chunks, settings.embedder.dimension
        rows = snapshot.all_vectors()
        vectors = write_vectors(folder / VECTORS, snapshot.identity, rows, *size, settings.kind)
        older = Snapshot(self, before.generation) if before else None
        for name, write in ((WORDS, write_words), (FIELDS, write_fields), (TERMS, write_terms)):
            base = None
            if older:
                base = generation_folder(self._directory, older.generation) / name, older
            write(folder / name, snapshot, base)
        fsync_path(folder)
        fsync_path(folder.parent)
        self.seal(self.build)
        store = self.get_meta("id") or ""
        last = self.previous
        is_same_space = last and last.settings.embedder.fingerprint == settings.embedder.fingerprint
        fusion = last.fusion if last and is_same_space else None
        made = IndexManifest(fingerprint, self.build, store, content, settings, vectors, fusion)
        write_manifest(self._directory, made.to_manifest())
        return made

    def seal(self, generation: int) -> None:
        """Note that a generation is complete, and move it from SQLite's log into the file.

        A copy of the file without its log then holds what was published.
        """
        with self.transaction():
            self.set_meta("generation", str(generation))
        self.connection.execute("PRAGMA wal_checkpoint(FULL)")

    def clean_up(self) -> None:
        self.purge(remove_unheld(self._directory, before=self._published - 1))


def _published(store: Database, manifest: IndexManifest) -> Snapshot:
    return Snapshot(store, manifest.generation, manifest.content.counts.documents)


def _replace_damaged(directory: Path, space: str, previous: IndexManifest | None) -> None:
    """Read the store whole, and replace it with an empty one if it is damaged or of another format.

    Files that were added by hand are noted in the new one as unread.
    """
    path, fresh = directory / DATABASE, directory / f"{DATABASE}.new"
    fresh.unlink(missing_ok=True)  # left by a build that was killed
    try:
        with Store(path, space) as store:
            store.check()
            if previous and previous.store == store.get_meta("id"):
                for _ in _published(store, previous).texts():
                    pass
    except ArtefactError as error:
        added = _added_by_hand(path)
        rest = (
            "; files added by hand could not be recovered and must be added again"
            if added is None
            else f"; {len(added)} files added by hand are read again"
            if added
            else ""
        )
        why = "has another format" if isinstance(error, MismatchError) else "is damaged"
        _log.warning("%s %s and is replaced%s", path, why, rest)
        with Store(fresh, space) as store, store.transaction():
            for id_, root in added or ():
                store.put_file(id_, FileState(root, Origin.added, -1, -1, ""))
        # Readers that have the old one open keep it until they close it. Its log must go first:
        # it would be taken for the log of the new one.
        for left in (Path(f"{path}-wal"), Path(f"{path}-shm")):
            left.unlink(missing_ok=True)
        fresh.replace(path)


def _added_by_hand(path: Path) -> list[tuple[str, str]] | None:
    """(id, root) of files added by hand that a damaged store names; None if it names none."""
    try:
        with closing(sqlite3.connect(path)) as damaged:
            return [(str(id_), str(root)) for id_, root in damaged.execute(ADDED_BY_HAND)]
    except (sqlite3.Error, UnicodeDecodeError):
        return None
