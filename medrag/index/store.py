"""The truth of an index: documents, chunks and vectors in one SQLite file (WAL).

FAISS files are derived from it. Every document carries the generation that added it and the one
that removed it, so a reader that pinned a generation goes on seeing exactly that one while a
build prepares the next. Integer ids are never reused (AUTOINCREMENT).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import ArtefactError
from ..ingestion.chunking import Chunker
from ..types import Chunk, Document

DATABASE = "store.sqlite"

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
-- Files of the corpus as they were last read; `origin` is 'corpus', or 'added' by hand.
CREATE TABLE files (
    id TEXT PRIMARY KEY, root TEXT NOT NULL, origin TEXT NOT NULL,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, sha256 TEXT NOT NULL
);
CREATE TABLE rejected (file TEXT NOT NULL, id TEXT NOT NULL, reason TEXT NOT NULL);
CREATE INDEX rejected_file ON rejected (file);
CREATE TABLE documents (
    key INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, file TEXT NOT NULL,
    title TEXT NOT NULL, url TEXT NOT NULL, metadata TEXT NOT NULL,
    content_hash TEXT NOT NULL, characters INTEGER NOT NULL,
    added INTEGER NOT NULL, removed INTEGER
);
CREATE UNIQUE INDEX documents_live ON documents (id) WHERE removed IS NULL;
CREATE INDEX documents_file ON documents (file);
CREATE INDEX documents_removed ON documents (removed) WHERE removed IS NOT NULL;
CREATE TABLE pages (
    document INTEGER NOT NULL, start INTEGER NOT NULL, page INTEGER NOT NULL,
    PRIMARY KEY (document, start)
) WITHOUT ROWID;
-- `glue` is the whitespace before the chunk: a document's chunks give its cleaned text back.
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, document INTEGER NOT NULL,
    start INTEGER NOT NULL, tokens INTEGER NOT NULL, page INTEGER, section TEXT NOT NULL,
    glue TEXT NOT NULL, text TEXT NOT NULL, hash BLOB NOT NULL
);
CREATE INDEX chunks_document ON chunks (document);
CREATE INDEX chunks_hash ON chunks (hash);
-- One vector per embedded text, whoever uses it; float32, little-endian.
CREATE TABLE vectors (hash BLOB PRIMARY KEY, vector BLOB NOT NULL);
CREATE VIEW chunk_words AS
    SELECT chunks.id AS id, documents.title AS title, chunks.section AS section,
           chunks.text AS text
    FROM chunks JOIN documents ON documents.key = chunks.document;
CREATE VIRTUAL TABLE words USING fts5 (
    title, section, text, content='chunk_words', content_rowid='id',
    tokenize="porter unicode61 remove_diacritics 2"
);
"""

_NO_VECTOR = "NOT EXISTS (SELECT 1 FROM vectors WHERE vectors.hash = chunks.hash)"


@dataclass(frozen=True, slots=True)
class FileState:
    """A corpus file as it was when it was last read."""

    root: str
    origin: str
    size: int
    mtime_ns: int
    sha256: str


class Store:
    """The writing side: one open connection to an index's SQLite file.

    Args:
        path: the file; made when missing unless `read_only`.

    Raises:
        ArtefactError: the file is not a store, or is damaged.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        fresh = not path.exists()
        if fresh and read_only:
            raise ArtefactError(f"{path} is missing; build the index anew with index.rebuild=true")
        try:
            # Other threads may read through this connection; SQLite serialises its own calls.
            self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self.connection.execute("PRAGMA busy_timeout = 10000")
            if read_only:
                self.connection.execute("PRAGMA query_only = ON")
            else:
                self.connection.execute("PRAGMA journal_mode = WAL")
                # FULL: a commit that was reported survives a power cut.
                self.connection.execute("PRAGMA synchronous = FULL")
                if not self._has_schema():
                    self.connection.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
            self.connection.execute("PRAGMA cache_size = -32000")  # 32 MB
            if not self._has_schema():
                raise sqlite3.DatabaseError("it has no tables of medrag")
        except sqlite3.Error as error:
            raise ArtefactError(
                f"{path} is not a usable index store ({error}); "
                "remove the index directory and build it anew"
            ) from error

    def _has_schema(self) -> bool:
        query = "SELECT 1 FROM sqlite_master WHERE name = 'vectors'"
        return self.connection.execute(query).fetchone() is not None

    def close(self) -> None:
        """Close the connection; a second call does nothing."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is committed at the end, or nothing is."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def get_meta(self, name: str) -> str | None:
        """A named value, or None."""
        row = self.connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_meta(self, name: str, value: str) -> None:
        """Set a named value."""
        self.connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    # --- files -----------------------------------------------------------------------------

    def file(self, id_: str) -> FileState | None:
        """The state a file was last read in, or None."""
        query = "SELECT root, origin, size, mtime_ns, sha256 FROM files WHERE id = ?"
        row = self.connection.execute(query, (id_,)).fetchone()
        return FileState(*row) if row else None

    def files(self) -> Iterator[tuple[str, str, str]]:
        """(id, root, origin) of every file."""
        yield from self.connection.execute("SELECT id, root, origin FROM files ORDER BY id")

    def put_file(self, id_: str, state: FileState) -> None:
        """Remember a file as read."""
        self.connection.execute(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?)",
            (id_, state.root, state.origin, state.size, state.mtime_ns, state.sha256),
        )

    def forget_file(self, id_: str) -> None:
        """Forget a file and what was rejected in it; its documents are removed apart."""
        self.connection.execute("DELETE FROM files WHERE id = ?", (id_,))
        self.clear_rejected(id_)

    def put_rejected(self, file: str, id_: str, reason: str) -> None:
        """Note a document that could not be used."""
        self.connection.execute("INSERT INTO rejected VALUES (?, ?, ?)", (file, id_, reason))

    def clear_rejected(self, file: str) -> None:
        """Drop the notes about a file before it is read anew."""
        self.connection.execute("DELETE FROM rejected WHERE file = ?", (file,))

    def rejected(self) -> Iterator[tuple[str, str, str]]:
        """(file, document id, reason) of everything that could not be used."""
        query = "SELECT file, id, reason FROM rejected ORDER BY file, rowid"
        yield from self.connection.execute(query)

    # --- documents and chunks --------------------------------------------------------------

    def put_document(
        self, document: Document, chunks: Iterable[Chunk], chunker: Chunker, file: str, build: int
    ) -> tuple[int, bool]:
        """Store a document's chunks as they come, in constant memory; call in a transaction.

        Returns:
            The document's key, and False if the same content was there already (then nothing
            is written), True otherwise. An older version of the document is marked removed.

        Raises:
            Whatever reading the chunks raises; nothing of the document is stored then.
        """
        old = self.connection.execute(
            "SELECT key, content_hash, file FROM documents WHERE id = ? AND removed IS NULL",
            (document.id,),
        ).fetchone()
        metadata = json.dumps(dict(document.metadata), ensure_ascii=False, sort_keys=True)
        digest = sha256()
        for part in (document.title, document.url, metadata):
            digest.update(part.encode(errors="surrogatepass") + b"\0")
        self.connection.execute("SAVEPOINT document")
        try:
            if old:
                self._remove("key = ?", old[0], build)
            key = self._insert(
                "INSERT INTO documents VALUES (NULL, ?, ?, ?, ?, ?, '', 0, ?, NULL)",
                (document.id, file, document.title, document.url, metadata, build),
            )
            end = 0
            for chunk in chunks:
                text = chunker.embedded_text(document.title, chunk.text)
                chunk_id = self._insert(
                    "INSERT INTO chunks VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        key, chunk.start, chunk.tokens, chunk.page, chunk.section,
                        chunk.glue, chunk.text, text_hash(text),
                    ),
                )  # fmt: skip
                self.connection.execute(
                    "INSERT INTO words (rowid, title, section, text) VALUES (?, ?, ?, ?)",
                    (chunk_id, document.title, chunk.section, chunk.text),
                )
                self.connection.executemany(
                    "INSERT INTO pages VALUES (?, ?, ?)",
                    ((key, start, page) for start, page in chunk.page_starts),
                )
                digest.update(f"{chunk.glue}{chunk.page}{chunk.section}\0{chunk.text}".encode())
                end = chunk.end
            self.connection.execute(
                "UPDATE documents SET content_hash = ?, characters = ? WHERE key = ?",
                (digest.hexdigest(), end, key),
            )
            same = old is not None and old[1:] == (digest.hexdigest(), file)
            if same:
                self.connection.execute("ROLLBACK TO document")
                key = old[0]
        except BaseException:
            self.connection.execute("ROLLBACK TO document")
            raise
        finally:
            self.connection.execute("RELEASE document")
        return key, not same

    def live_document(self, id_: str) -> tuple[int, str] | None:
        """(key, file) of the current version of a document, or None."""
        query = "SELECT key, file FROM documents WHERE id = ? AND removed IS NULL"
        row = self.connection.execute(query, (id_,)).fetchone()
        return (int(row[0]), str(row[1])) if row else None

    def remove_file_documents(self, file: str, build: int, keep: Iterable[int] = ()) -> list[str]:
        """Mark a file's documents removed, except the keys in `keep`; returns their ids."""
        self.connection.execute("CREATE TEMP TABLE IF NOT EXISTS keep (key INTEGER PRIMARY KEY)")
        self.connection.execute("DELETE FROM keep")
        self.connection.executemany(
            "INSERT OR IGNORE INTO keep VALUES (?)", ((key,) for key in keep)
        )
        where = "file = ? AND key NOT IN (SELECT key FROM keep)"
        query = f"SELECT id FROM documents WHERE removed IS NULL AND {where} ORDER BY key"
        ids = [str(row[0]) for row in self.connection.execute(query, (file,))]
        self._remove(where, file, build)
        return ids

    def _remove(self, where: str, value: object, build: int) -> None:
        # What was added by the unpublished build itself was never visible: it goes at once.
        self._purge(f"{where} AND added = {build} AND removed IS NULL", (value,))
        self.connection.execute(
            f"UPDATE documents SET removed = {build} WHERE removed IS NULL AND {where}", (value,)
        )

    def purge(self, before: int) -> None:
        """Erase documents removed in generation `before` or earlier, and vectors nobody uses."""
        with self.transaction():
            if self._purge("removed IS NOT NULL AND removed <= ?", (before,)):
                self.connection.execute(
                    "DELETE FROM vectors WHERE hash NOT IN (SELECT hash FROM chunks)"
                )

    def _purge(self, where: str, values: tuple[object, ...]) -> int:
        keys = [
            row[0]
            for row in self.connection.execute(f"SELECT key FROM documents WHERE {where}", values)
        ]
        for key in keys:
            # FTS5 with external content must be told the old words to forget them.
            self.connection.execute(
                "INSERT INTO words (words, rowid, title, section, text) "
                "SELECT 'delete', id, title, section, text FROM chunk_words "
                "WHERE id IN (SELECT id FROM chunks WHERE document = ?)",
                (key,),
            )
            self.connection.execute("DELETE FROM chunks WHERE document = ?", (key,))
            self.connection.execute("DELETE FROM pages WHERE document = ?", (key,))
            self.connection.execute("DELETE FROM documents WHERE key = ?", (key,))
        return len(keys)

    # --- vectors ---------------------------------------------------------------------------

    def count_unembedded(self) -> int:
        """How many chunks have no vector yet."""
        query = f"SELECT count(*) FROM chunks WHERE {_NO_VECTOR}"
        return int(self.connection.execute(query).fetchone()[0])

    def unembedded(self, limit: int) -> Iterator[list[tuple[bytes, str, str, int]]]:
        """Windows of up to `limit` (hash, title, text, tokens) of chunks without a vector.

        Each window is read when the one before has been dealt with.
        """
        after = 0
        while rows := self.connection.execute(
            "SELECT chunks.hash, title, text, tokens, chunks.id FROM chunks "
            "JOIN documents ON documents.key = chunks.document "
            f"WHERE chunks.id > ? AND {_NO_VECTOR} ORDER BY chunks.id LIMIT ?",
            (after, limit),
        ).fetchall():
            after = rows[-1][-1]
            yield [row[:4] for row in rows]

    def put_vectors(self, hashes: Sequence[bytes], vectors: NDArray[np.float32]) -> None:
        """Store vectors [n, dimension] under their texts' hashes."""
        rows = zip(hashes, (row.astype("<f4").tobytes() for row in vectors), strict=True)
        self.connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)

    def drop_vectors(self) -> None:
        """Forget every vector: the embedder has changed."""
        self.connection.execute("DELETE FROM vectors")

    def _insert(self, statement: str, values: tuple[Any, ...]) -> int:
        row = self.connection.execute(statement, values).lastrowid
        assert row is not None
        return row


def text_hash(text: str) -> bytes:
    """The key of an embedded text, 16 bytes."""
    return blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest()
