"""What a build notes while it reads: temporary tables, so that memory stays flat."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

from ...ingestion.corpus import Away, SourceFile

_PAGE = 1_000  # rows fetched at once

_TABLES = """
PRAGMA temp_store = FILE;
DROP TABLE IF EXISTS temp.found;
DROP TABLE IF EXISTS temp.away;
DROP TABLE IF EXISTS temp.kept;
DROP TABLE IF EXISTS temp.named;
CREATE TEMP TABLE found (
    position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, root TEXT NOT NULL,
    path BLOB NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL
);
CREATE TEMP TABLE away (root TEXT, inside TEXT, PRIMARY KEY (root, inside)) WITHOUT ROWID;
CREATE TEMP TABLE kept (key INTEGER PRIMARY KEY);
CREATE TEMP TABLE named (id TEXT PRIMARY KEY, times INTEGER NOT NULL) WITHOUT ROWID;
"""


class Worklist:
    """The files found for one build, and the documents seen in the file that is being read.

    Args:
        connection: the store's; SQLite drops the tables with it.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.executescript(_TABLES)

    # --- files ------------------------------------------------------------------------------

    def clear(self) -> None:
        """Take everything off the list."""
        self._connection.execute("DELETE FROM found")
        self._connection.execute("DELETE FROM away")

    def add(self, source: SourceFile) -> str | None:
        """Put a file on the list; or return the root of the one there that has the same id."""
        added = self._connection.execute(
            "INSERT OR IGNORE INTO found VALUES (NULL, ?, ?, ?, ?, ?)",
            (source.id, source.root, os.fsencode(source.path), source.size, source.mtime_ns),
        )
        if added.rowcount:
            return None
        query = "SELECT root FROM found WHERE id = ?"
        return str(self._connection.execute(query, (source.id,)).fetchone()[0])

    def bytes(self) -> int:
        """Size of all files together."""
        return int(self._connection.execute("SELECT total(size) FROM found").fetchone()[0])

    def files(self) -> Iterator[SourceFile]:
        """The files, in the order they were added."""
        last = 0
        query = (
            "SELECT position, id, root, path, size, mtime_ns FROM found "
            "WHERE position > ? ORDER BY position LIMIT ?"
        )
        while rows := self._connection.execute(query, (last, _PAGE)).fetchall():
            last = rows[-1][0]
            for _, id_, root, path, size, mtime_ns in rows:
                yield SourceFile(id_, root, Path(os.fsdecode(path)), size, mtime_ns)

    def add_away(self, away: Away) -> None:
        """Note what cannot be looked at: the files in it have not vanished."""
        self._connection.execute(
            "INSERT OR IGNORE INTO away VALUES (?, ?)", (away.root, away.inside)
        )

    def vanished(self) -> Iterator[str]:
        """Ids of the corpus files that an earlier build read and that are gone."""
        last = ""
        query = (
            "SELECT id, root FROM files WHERE id > ? AND origin = 'corpus' "
            "AND id NOT IN (SELECT id FROM found) ORDER BY id LIMIT ?"
        )
        while rows := self._connection.execute(query, (last, _PAGE)).fetchall():
            last = rows[-1][0]
            for id_, root in rows:
                if not self._is_away(root, id_):
                    yield id_

    def _is_away(self, root: str, id_: str) -> bool:
        """True when a file, a directory above it, or its whole root is away."""
        parts = id_.split("/")
        inside = ["", *accumulate(parts, "{}/{}".format)]
        marks = ", ".join("?" * len(inside))
        query = f"SELECT 1 FROM away WHERE root = ? AND inside IN ({marks})"
        return self._connection.execute(query, (root, *inside)).fetchone() is not None

    def drop_unchanged(self) -> int:
        """Take the corpus files that are as an earlier build read them off; returns how many."""
        return self._connection.execute(
            "DELETE FROM found WHERE EXISTS (SELECT 1 FROM files WHERE files.id = found.id "
            # Under another root it may be another file of the same size and time.
            "AND files.root = found.root "
            "AND files.size = found.size AND files.mtime_ns = found.mtime_ns "
            "AND files.origin = 'corpus')"
        ).rowcount

    # --- documents of a file ----------------------------------------------------------------

    def begin_file(self) -> None:
        """Forget the documents of the file before."""
        self._connection.execute("DELETE FROM kept")
        self._connection.execute("DELETE FROM named")

    def keep(self, key: int) -> None:
        """Note that the file holds this document."""
        self._connection.execute("INSERT OR IGNORE INTO kept VALUES (?)", (key,))

    def is_kept(self, key: int) -> bool:
        """True when the file is known to hold this document."""
        query = "SELECT 1 FROM kept WHERE key = ?"
        return self._connection.execute(query, (key,)).fetchone() is not None

    def kept(self) -> Iterator[int]:
        """Keys of the documents that the file holds."""
        for (key,) in self._connection.execute("SELECT key FROM kept"):
            yield int(key)

    def keeps_any(self) -> bool:
        """True when the file is known to hold a document."""
        return self._connection.execute("SELECT 1 FROM kept").fetchone() is not None

    def times(self, id_: str) -> int:
        """How often this was asked about an id since the file was begun, this time included."""
        row = self._connection.execute(
            "INSERT INTO named VALUES (?, 1) "
            "ON CONFLICT (id) DO UPDATE SET times = times + 1 RETURNING times",
            (id_,),
        ).fetchone()
        return int(row[0])
