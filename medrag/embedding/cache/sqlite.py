"""An embedding cache in an SQLite file, shared between the processes of one machine."""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ...errors import ConfigError
from . import EntryCodec, Vectors

_log = logging.getLogger(__name__)

# Raise it when the schema or the values change.
_APPLICATION_ID = 0x6D656401

# `used` is in seconds since 1970. Rows are in the order of their arrival, not of their random
# names, so that writes are sequential.
_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS embeddings (
    id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, used INTEGER NOT NULL, value BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS embeddings_used ON embeddings (used);
PRAGMA application_id = {_APPLICATION_ID};
COMMIT;
"""

_TOUCH_AFTER = 24 * 3600  # seconds before a hit updates `used` again, so that reads seldom write
_PATIENCE_MS = 10_000  # how long another process may lock the file
_STEP = 1000  # rows or pages in a transaction, so that other processes wait only milliseconds
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

# Python cannot decode SQLite's message about a schema that is damaged inside a name.
FAILURES = (sqlite3.Error, UnicodeDecodeError)


class SqliteCache:
    """The cache in the file `path`; see `EmbeddingCache`.

    Any number of processes may read and write at once. The file and its directory are readable
    only by the user, because embeddings reveal much of their texts. A damaged file is renamed to
    PATH.damaged and replaced by a new one, but only under a lock that shows that no other process
    has it open: SQLite must not lose an open file.

    Args:
        path: created if missing.
        namespace: `Embedder.space`.
        max_bytes: above this size the least recently used entries are dropped.

    Raises:
        ConfigError: the file is not a cache; it is left alone.
        OSError, FAILURES: it cannot be opened or created.
    """

    def __init__(self, path: Path, namespace: str, max_bytes: int) -> None:
        self.lookups = self.hits = 0
        self._path = path
        self._max_bytes = max_bytes
        self._codec = EntryCodec(namespace, str(path))
        self._database: sqlite3.Connection | None = None
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(_beside(path, ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            # The first process holds the lock alone until the file is ready; others wait here.
            if not self._locked_alone():
                fcntl.flock(self._lock, fcntl.LOCK_SH)
            try:
                self._database = self._connect()
            except FAILURES as error:
                if _is_damage(error) and not os.fstat(self._lock).st_size:
                    _beside(path, ".lock").unlink(missing_ok=True)
                    raise ConfigError(
                        f"cache.embeddings={path} is not an embedding cache; name another file"
                    ) from error
                self._start_over(error)
            # This marks the file as a cache, even if it is damaged later.
            os.pwrite(self._lock, b"medrag embedding cache\n", 0)
            fcntl.flock(self._lock, fcntl.LOCK_SH)
        except BaseException:
            self.close()
            raise

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        self.lookups += len(keys)
        found: dict[bytes, Vectors] = {}
        self._try(lambda database: self._read(database, keys, found))
        self.hits += len(found)
        return found

    def put(self, keys: Sequence[bytes], vectors: Vectors) -> None:
        now = int(time.time())
        rows = [
            (name := self._codec.name(key), now, self._codec.pack(name, vector))
            for key, vector in zip(keys, vectors, strict=True)
        ]
        self._try(lambda database: self._write(database, rows))

    def close(self) -> None:
        self._try(self._shrink)
        if self._database is not None:
            self._database.close()
            self._database = None
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    # --- reading and writing -----------------------------------------------------------------

    def _connect(self) -> sqlite3.Connection:
        """Open the file, with its tables.

        Raises:
            FAILURES: see `_is_damage`.
        """
        self._path.touch(mode=0o600)  # SQLite would let others read it
        database = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        database.text_factory = bytes  # there is no text here unless it is damaged
        try:
            database.execute(f"PRAGMA busy_timeout = {_PATIENCE_MS}")
            (found,) = database.execute("PRAGMA application_id").fetchone()
            (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if tables and found != _APPLICATION_ID:
                raise _NotACache("it has other tables")
            database.execute("PRAGMA auto_vacuum = INCREMENTAL")
            database.execute("PRAGMA journal_mode = WAL")
            # NORMAL: a power cut may lose the last entries, never the file.
            database.execute("PRAGMA synchronous = NORMAL")
            if not tables:
                database.executescript(_SCHEMA)
        except BaseException:
            database.close()
            raise
        return database

    def _read(
        self, database: sqlite3.Connection, keys: Sequence[bytes], found: dict[bytes, Vectors]
    ) -> None:
        """Add to `found` the `keys` that the file has."""
        now = int(time.time())
        untouched = []
        for key in keys:
            name = self._codec.name(key)
            row = database.execute(
                "SELECT used < ?, value FROM embeddings WHERE name = ?", (now - _TOUCH_AFTER, name)
            ).fetchone()
            vector = None if row is None else self._codec.unpack(name, row[1])
            if vector is not None:
                found[key] = vector
                if row[0]:
                    untouched.append((now, name))
        if untouched:
            with database:
                database.execute("BEGIN IMMEDIATE")
                database.executemany("UPDATE embeddings SET used = ? WHERE name = ?", untouched)

    def _write(
        self, database: sqlite3.Connection, rows: Sequence[tuple[bytes, int, bytes]]
    ) -> None:
        with database:
            database.execute("BEGIN IMMEDIATE")
            database.executemany(
                "INSERT INTO embeddings (name, used, value) VALUES (?, ?, ?) ON CONFLICT (name) "
                "DO UPDATE SET used = excluded.used, value = excluded.value",
                rows,
            )
        self._evict(database)

    def _evict(self, database: sqlite3.Connection) -> None:
        """Drop the least recently used entries until the rest fits."""
        most = self._max_bytes // _pragma(database, "page_size")  # in pages
        while (
            excess := _pragma(database, "page_count") - _pragma(database, "freelist_count") - most
        ) > 0:
            # A row takes up to about a page, so this is seldom too many.
            rows = min(_STEP, 1 + excess)
            done = database.execute(
                "DELETE FROM embeddings WHERE id IN "
                "(SELECT id FROM embeddings ORDER BY used, id LIMIT ?)",
                (rows,),
            )
            if not done.rowcount:
                break

    def _shrink(self, database: sqlite3.Connection) -> None:
        """Shrink the file to its limit, which may have been lowered, and free unused space."""
        self._evict(database)
        for _ in range(0, _pragma(database, "freelist_count"), _STEP):
            # `execute` would stop after the first page, because this statement has no columns.
            database.executescript(f"PRAGMA incremental_vacuum({_STEP})")

    # --- errors ------------------------------------------------------------------------------

    def _try(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Do `work`; on failure warn, and go on with a new file or without a cache."""
        if self._database is None:
            return
        try:
            work(self._database)
        except FAILURES as error:
            self._database.close()
            self._database = None
            try:
                self._start_over(error)
            except (OSError, *FAILURES) as reason:
                _log.warning("%s failed (%s); going on without it", self._path, reason)

    def _start_over(self, error: Exception) -> None:
        """Rename the damaged file and start a new one.

        Raises:
            Exception: `error` itself, if it is not damage or another process has the file open.
            OSError: the directory is not writable.
        """
        if not _is_damage(error) or not self._locked_alone():
            raise error
        aside = _beside(self._path, ".damaged")
        # Its log may stay: SQLite drops a log that it finds next to a new, empty file.
        self._path.replace(aside)
        self._database = self._connect()
        fcntl.flock(self._lock, fcntl.LOCK_SH)
        _log.warning("%s was damaged (%s); renamed to %s", self._path, error, aside)

    def _locked_alone(self) -> bool:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class _NotACache(sqlite3.DatabaseError):
    """The file is another database."""

    sqlite_errorcode = sqlite3.SQLITE_NOTADB


def _is_damage(error: Exception) -> bool:
    # The low byte is the kind of error; a file that is busy, full or forbidden is not damaged.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in _DAMAGE or isinstance(error, UnicodeDecodeError)


def _pragma(database: sqlite3.Connection, name: str) -> int:
    return int(database.execute(f"PRAGMA {name}").fetchone()[0])


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
