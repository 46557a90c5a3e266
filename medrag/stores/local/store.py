"""The truth of an index: documents, chunks and vectors in one SQLite file (WAL).

FAISS files are derived from it. Every document carries the generation that added it and the one
that removed it, so a reader that pinned a generation goes on seeing exactly that one while a
build prepares the next. Integer ids are never reused (AUTOINCREMENT).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...config import Precision
from ...ingestion.chunking import Chunker
from ...types import Chunk, Document
from .database import Database

# How the reason begins for which a document is rejected that another file holds.
SAME_DOCUMENT = "the same document is in "
# (id, root) of files added by hand.
ADDED_BY_HAND = "SELECT id, root FROM files WHERE origin = 'added'"
_NO_VECTOR = "NOT EXISTS (SELECT 1 FROM vectors WHERE vectors.hash = chunks.hash)"


@dataclass(frozen=True, slots=True)
class FileState:
    """A corpus file as it was when it was last read."""

    root: str
    origin: str
    size: int
    mtime_ns: int
    sha256: str

    def unread(self) -> FileState:
        """The same file, to be read again."""
        return replace(self, size=-1, mtime_ns=-1, sha256="")


class Store(Database):
    """The writing side of an index's SQLite file; one build at a time has it.

    Args:
        path: the file; made when missing.
        space: fingerprint of the embedder. A text has another vector in another space, and
            readers of the generation before need theirs until they are done.

    Raises:
        ArtefactError: see `Database`.
    """

    def __init__(self, path: Path, space: str) -> None:
        super().__init__(path)
        self._space = space.encode()

    def seal(self, generation: int) -> None:
        """Note that all of a generation is here, and bring it from SQLite's log into the file.

        Who copies the file without the log then has what was published.
        """
        with self.transaction():
            self.set_meta("generation", str(generation))
            self.forget_meta("unfinished")
        self.connection.execute("PRAGMA wal_checkpoint(FULL)")

    def set_meta(self, name: str, value: str) -> None:
        """Set a named value."""
        self.connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?, NULL)", (name, value))

    def forget_meta(self, name: str) -> None:
        """Forget a named value, if there is one."""
        self.connection.execute("DELETE FROM meta WHERE name = ?", (name,))

    # --- files -----------------------------------------------------------------------------

    def file(self, id_: str) -> FileState | None:
        """The state a file was last read in, or None."""
        query = "SELECT root, origin, size, mtime_ns, sha256 FROM files WHERE id = ?"
        row = self.connection.execute(query, (id_,)).fetchone()
        return FileState(*row) if row else None

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

    def forget_all(self, build: int) -> None:
        """Mark every document removed, those of files that were not read to their end too.

        Only the names of files that were added by hand stay: nobody else knows them.
        """
        self._remove("key > ?", 0, build)
        added = self.connection.execute(ADDED_BY_HAND).fetchall()
        self.connection.execute("DELETE FROM files")
        self.connection.execute("DELETE FROM rejected")
        self.put_unread(added)

    def put_unread(self, files: Iterable[tuple[str, str]]) -> None:
        """Note files (id, root) that were added by hand and must be read again."""
        for id_, root in files:
            self.put_file(id_, FileState(root, "added", -1, -1, ""))

    def unread(self) -> Iterator[tuple[str, str]]:
        """(id, root) of the files that were added by hand and must be read again."""
        yield from self.connection.execute(f"{ADDED_BY_HAND} AND sha256 = ''")

    def unread_rejected(self, limits: str) -> None:
        """Have files with something rejected read again, if the limits have changed since."""
        if self.get_meta("limits") != limits:
            self._unread("id IN (SELECT file FROM rejected)")
            self.set_meta("limits", limits)

    def unread_freed(self) -> int:
        """Have files read again whose document was rejected because of one that is gone.

        Returns:
            how many that were not to be read again anyway.
        """
        return self._unread(
            "id IN (SELECT file FROM rejected WHERE substr(reason, 1, length(:start)) = :start "
            "AND NOT EXISTS (SELECT 1 FROM documents WHERE documents.id = rejected.id "
            "AND removed IS NULL))",
            {"start": SAME_DOCUMENT},
        )

    def _unread(self, which: str, values: Mapping[str, object] | None = None) -> int:
        # Those that are unread already (away, or added by hand and not reached yet) do not count.
        unread = (
            f"UPDATE files SET size = -1, mtime_ns = -1, sha256 = '' WHERE sha256 != '' AND {which}"
        )
        return self.connection.execute(unread, values or {}).rowcount

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
        self,
        document: Document,
        chunks: Iterable[Chunk],
        chunker: Chunker,
        file: str,
        build: int,
        note: Callable[[bytes, Sequence[int] | str], None],
    ) -> tuple[int, bool]:
        """Store a document's chunks as they come, in constant memory; call in a transaction.

        Args:
            note: called with the hash of each chunk's embedded text, and its token ids, or itself
                if the embedder takes no token ids.

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
                "INSERT INTO documents VALUES (NULL, ?, ?, ?, ?, ?, '', 0, ?, NULL, NULL)",
                (document.id, file, document.title, document.url, metadata, build),
            )
            end = 0
            for chunk in chunks:
                embedded = chunker.embedded_text(document.title, chunk.text)
                key_of_text = text_hash(embedded, self._space)
                note(key_of_text, chunk.ids or embedded)
                self._insert(
                    "INSERT INTO chunks VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
                    (
                        key, chunk.start, chunk.tokens, chunk.page, chunk.section,
                        chunk.glue, chunk.text, key_of_text,
                    ),
                )  # fmt: skip
                self.connection.executemany(
                    "INSERT INTO pages VALUES (?, ?, ?, NULL)",
                    ((key, start, page) for start, page in chunk.page_starts),
                )
                place = f"{chunk.glue}{chunk.page}{chunk.page_starts}{chunk.section}"
                digest.update(f"{place}\0{chunk.text}".encode())
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
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK TO document")
            raise
        finally:
            if self.connection.in_transaction:
                self.connection.execute("RELEASE document")
        return key, not same

    def live_document(self, id_: str) -> tuple[int, str] | None:
        """(key, file) of the current version of a document, or None."""
        query = "SELECT key, file FROM documents WHERE id = ? AND removed IS NULL"
        row = self.connection.execute(query, (id_,)).fetchone()
        return (int(row[0]), str(row[1])) if row else None

    def remove_file_documents(self, file: str, build: int, keep: Iterable[int] = ()) -> int:
        """Mark a file's documents removed, except the keys in `keep`; returns how many."""
        self.connection.execute("CREATE TEMP TABLE IF NOT EXISTS keep (key INTEGER PRIMARY KEY)")
        self.connection.execute("DELETE FROM keep")
        self.connection.executemany(
            "INSERT OR IGNORE INTO keep VALUES (?)", ((key,) for key in keep)
        )
        where = "file = ? AND key NOT IN (SELECT key FROM keep)"
        query = f"SELECT count(*) FROM documents WHERE removed IS NULL AND {where}"
        (count,) = self.connection.execute(query, (file,)).fetchone()
        self._remove(where, file, build)
        return int(count)

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
        for table in ("chunks", "pages"):
            self.connection.execute(
                f"DELETE FROM {table} WHERE document IN (SELECT key FROM documents WHERE {where})",
                values,
            )
        return self.connection.execute(f"DELETE FROM documents WHERE {where}", values).rowcount

    # --- vectors ---------------------------------------------------------------------------

    def note_precision(self, precision: Precision) -> None:
        """Note that vectors were made in a precision."""
        noted = self.precisions()
        if precision not in noted:
            self.set_meta("precisions", " ".join(sorted({*noted, precision.value})))

    def precisions(self) -> list[str]:
        """In what the vectors were made."""
        return (self.get_meta("precisions") or "").split()

    def has_vector(self, digest: bytes) -> bool:
        """True when the text with this hash has its vector."""
        query = "SELECT 1 FROM vectors WHERE hash = ?"
        return self.connection.execute(query, (digest,)).fetchone() is not None

    def count_unembedded(self) -> int:
        """How many chunks have no vector yet."""
        query = f"SELECT count(*) FROM chunks WHERE {_NO_VECTOR}"
        return int(self.connection.execute(query).fetchone()[0])

    def unembedded(self, limit: int) -> Iterator[list[tuple[bytes, str, str]]]:
        """Windows of up to `limit` (hash, title, text) of chunks without a vector.

        Each window is read when the one before has been dealt with.
        """
        after = 0
        while rows := self.connection.execute(
            "SELECT chunks.hash, title, text, chunks.id FROM chunks "
            "JOIN documents ON documents.key = chunks.document "
            f"WHERE chunks.id > ? AND {_NO_VECTOR} ORDER BY chunks.id LIMIT ?",
            (after, limit),
        ).fetchall():
            after = rows[-1][-1]
            yield [row[:3] for row in rows]

    def put_vectors(
        self, hashes: Sequence[bytes], vectors: Sequence[NDArray[np.float32]] | NDArray[np.float32]
    ) -> None:
        """Store vectors [n, dimension] under their texts' hashes."""
        rows = zip(hashes, (row.astype("<f4").tobytes() for row in vectors), strict=True)
        self.connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, NULL)", rows)

    def _insert(self, statement: str, values: tuple[Any, ...]) -> int:
        row = self.connection.execute(statement, values).lastrowid
        assert row is not None
        return row


def text_hash(text: str, space: bytes) -> bytes:
    """The key of a text embedded in a vector space, 16 bytes."""
    return blake2b(text.encode(errors="surrogatepass"), key=space, digest_size=16).digest()
