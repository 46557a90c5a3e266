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
from .entries import EntryCodec, Vectors

_log = logging.getLogger(__name__)

# Raise it when the schema or the values change.
_APPLICATION_ID = 0x6D656401

# `used` is in seconds since 1970. Rows lie in the order of their arrival, not of their random
# names, which keeps writing sequential.
_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS embeddings (
    id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, used INTEGER NOT NULL, value BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS embeddings_used ON embeddings (used);
PRAGMA application_id = {_APPLICATION_ID};
COMMIT;
"""

_TOUCH_AFTER = 24 * 3600  # seconds before a hit notes the time again: reading should not write
_PATIENCE_MS = 10_000  # how long another process may hold the file
_STEP = 1000  # rows or pages a transaction, so that other processes wait for milliseconds
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

# Python fails to decode what SQLite says of a schema that is damaged in the middle of a name.
FAILURES = (sqlite3.Error, UnicodeDecodeError)


class SqliteCache:
    """The cache in the file `path`; see `EmbeddingCache` for what it does.

    Any number of processes read and write at once. The file and its directory, when made here,
    are the user's alone: embeddings give away much of what a text says. A damaged file is set
    aside, as PATH.damaged, and a new one begun; that takes a lock which shows that nobody else
    has the file open, since SQLite must not lose a file under its feet.

    Args:
        path: made when missing.
        namespace: the vector space.
        max_bytes: size above which the entries that went unused the longest are dropped.

    Raises:
        ConfigError: the file is something else than a cache; it is left alone.
        OSError, FAILURES: it cannot be opened or made.
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
            # Whoever finds the file unused has it alone until it is made; others wait here.
            if not self._locked_alone():
                fcntl.flock(self._lock, fcntl.LOCK_SH)
            try:
                self._database = self._connect()
            except FAILURES as error:
                if _is_damage(error) and not os.fstat(self._lock).st_size:
                    _beside(path, ".lock").unlink(missing_ok=True)
                    raise ConfigError(
                        f"cache.embeddings={path} is something else than an embedding cache; "
                        "name another file"
                    ) from error
                self._begin_anew(error)
            # From now on the file is known as a cache, however damaged it may be one day.
            os.pwrite(self._lock, b"medrag embedding cache\n", 0)
            fcntl.flock(self._lock, fcntl.LOCK_SH)
        except BaseException:
            self.close()
            raise

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        """See `EmbeddingCache.get`."""
        self.lookups += len(keys)
        found: dict[bytes, Vectors] = {}
        self._try(lambda database: self._read(database, keys, found))
        self.hits += len(found)
        return found

    def put(self, keys: Sequence[bytes], vectors: Vectors) -> None:
        """See `EmbeddingCache.put`."""
        now = int(time.time())
        names = [self._codec.name(key) for key in keys]
        rows = [
            (name, now, self._codec.pack(name, vector))
            for name, vector in zip(names, vectors, strict=True)
        ]
        self._try(lambda database: self._write(database, rows))

    def close(self) -> None:
        """See `EmbeddingCache.close`."""
        self._try(self._shrink)
        if self._database is not None:
            self._database.close()
            self._database = None
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    # --- what is done to the file ------------------------------------------------------------

    def _connect(self) -> sqlite3.Connection:
        """Open the file, with its tables.

        Raises:
            FAILURES: see `_is_damage` for whether it is of any use.
        """
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite's own mode is wider
        database = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        database.text_factory = bytes  # no text is kept here: where there is some, it is damage
        try:
            database.execute(f"PRAGMA busy_timeout = {_PATIENCE_MS}")
            (found,) = database.execute("PRAGMA application_id").fetchone()
            (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if tables and found != _APPLICATION_ID:
                raise _NotACache("it has other tables")
            database.execute("PRAGMA auto_vacuum = INCREMENTAL")
            database.execute("PRAGMA journal_mode = WAL")
            # NORMAL: a power cut may cost the last entries, never the file.
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
        """Add to `found` what the file has of `keys`."""
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
        """Drop what went unused the longest until the rest fits."""
        while (excess := _content_bytes(database) - self._max_bytes) > 0:
            # A row takes about a page or less: this many are seldom too many.
            rows = min(_STEP, 1 + excess // _pragma(database, "page_size"))
            done = database.execute(
                "DELETE FROM embeddings WHERE id IN "
                "(SELECT id FROM embeddings ORDER BY used, id LIMIT ?)",
                (rows,),
            )
            if not done.rowcount:
                break

    def _shrink(self, database: sqlite3.Connection) -> None:
        """Bring the file down to its bound, where that was lowered, and give free space back."""
        self._evict(database)
        for _ in range(0, _pragma(database, "freelist_count"), _STEP):
            # Not `execute`: it stops after the first page of this statement without columns.
            database.executescript(f"PRAGMA incremental_vacuum({_STEP})")

    # --- when it cannot be done --------------------------------------------------------------

    def _try(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Do `work`; if it cannot be done, warn, and go on with a new file or without one."""
        if self._database is None:
            return
        try:
            work(self._database)
        except FAILURES as error:
            self._database.close()
            self._database = None
            try:
                self._begin_anew(error)
            except (OSError, *FAILURES) as reason:
                _log.warning("%s failed (%s); going on without it", self._path, reason)

    def _begin_anew(self, error: Exception) -> None:
        """Set the damaged file aside and begin a new one.

        Raises:
            Exception: `error` itself, if it is of another kind or another process has the file
                open.
            OSError: the directory cannot be written to.
        """
        if not _is_damage(error) or not self._locked_alone():
            raise error
        aside = _beside(self._path, ".damaged")
        # Its log may stay: beside a file that is new and empty, SQLite drops the log it finds.
        self._path.replace(aside)
        self._database = self._connect()
        fcntl.flock(self._lock, fcntl.LOCK_SH)
        _log.warning("%s was damaged (%s); set aside as %s", self._path, error, aside)

    def _locked_alone(self) -> bool:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class _NotACache(sqlite3.DatabaseError):
    """The file is a database, with other tables."""

    sqlite_errorcode = sqlite3.SQLITE_NOTADB


def _is_damage(error: Exception) -> bool:
    # The low byte is the kind of error; what only is busy, full or forbidden is not damaged.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in _DAMAGE or isinstance(error, UnicodeDecodeError)


def _content_bytes(database: sqlite3.Connection) -> int:
    """Bytes of the file that are in use; they are free for new entries otherwise."""
    pages = _pragma(database, "page_count") - _pragma(database, "freelist_count")
    return pages * _pragma(database, "page_size")


def _pragma(database: sqlite3.Connection, name: str) -> int:
    return int(database.execute(f"PRAGMA {name}").fetchone()[0])


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
