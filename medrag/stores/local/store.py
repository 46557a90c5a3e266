"""The writing side of a store: files, documents, chunks and vectors of the next generation.

Documents carry the generation that added them and the one that removed them, so a reader that
pinned a generation goes on seeing exactly that one. Integer ids are never reused.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from hashlib import blake2b, sha256
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from more_itertools import chunked

from ...text.duplicates import SHORT, same_text_key, title_said
from ...types import Chunk, Deleted, Document, Rejected
from ..protocols import Changes, FileState, Holder, Origin, RejectCode, Vector
from .database import NEVER, Database, DocumentRow, checksum

if TYPE_CHECKING:
    from ...ingestion.corpus import Away, SourceFile

# (id, root) of files added by hand; stores of older formats understand it, too.
ADDED_BY_HAND = "SELECT id, root FROM files WHERE origin = 'added'"
_NO_VECTOR = "NOT EXISTS (SELECT 1 FROM vectors WHERE vectors.hash = chunks.hash)"
_PAGE = 1_000  # rows fetched at once
# Temporary tables: the worklist, and the documents of the file that is being written.
_WORKLIST = """
PRAGMA temp_store = FILE;
CREATE TEMP TABLE IF NOT EXISTS found (
    position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, root TEXT NOT NULL,
    path BLOB NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL
);
CREATE TEMP TABLE IF NOT EXISTS away (root TEXT, inside TEXT, PRIMARY KEY (root, inside));
CREATE TEMP TABLE IF NOT EXISTS kept (key INTEGER PRIMARY KEY);
CREATE TEMP TABLE IF NOT EXISTS named (id TEXT PRIMARY KEY, times INTEGER NOT NULL) WITHOUT ROWID;
"""


class Store(Database):
    """An index's SQLite file, opened to prepare a generation; see `IndexWriter` for its methods.

    Args:
        path: the file; created if it is missing.
        space: fingerprint of the embedder. A text has another vector in another space, and
            readers of the generation before need theirs until they are done.

    Attributes:
        build: the generation that is being prepared.

    Raises:
        ArtefactError, MismatchError: see `Database`.
    """

    def __init__(self, path: Path, space: str) -> None:
        super().__init__(path)
        self._space = space.encode()
        self._file = ""
        self.build = 1 + self.generation
        self.connection.executescript(_WORKLIST)

    def set_meta(self, name: str, value: str | None) -> None:
        if value is None:
            self.connection.execute("DELETE FROM meta WHERE name = ?", (name,))
        else:
            self.put("meta", (name, value))

    # --- files ------------------------------------------------------------------------------

    def file(self, id_: str) -> FileState | None:
        query = "SELECT root, origin, size, mtime_ns, sha256 FROM files WHERE id = ?"
        for root, origin, *state in self.select(query, (id_,)):
            try:
                return FileState(root, Origin(origin), *state)
            except ValueError as error:
                raise self.damaged(f"{id_}: {error}") from error
        return None

    def put_file(self, id_: str, state: FileState) -> None:
        self.connection.execute(
            "REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?)",
            (id_, state.root, state.origin.value, state.size, state.mtime_ns, state.sha256),
        )

    def forget_file(self, id_: str) -> None:
        self.begin_file(id_)
        self.end_file()
        self.connection.execute("DELETE FROM files WHERE id = ?", (id_,))
        self.clear_rejected(id_)

    def forget_all(self) -> None:
        self._remove(f"removed = {NEVER}")
        self.connection.execute("DELETE FROM files WHERE origin != 'added'")
        self._unread("origin = 'added'")
        self.connection.execute("DELETE FROM rejected")
        self.connection.execute("DELETE FROM deleted")

    def added_files(self) -> list[tuple[str, FileState]]:
        ids = [id_ for id_, _ in self.select(ADDED_BY_HAND)]
        return [(id_, state) for id_ in ids if (state := self.file(id_))]

    def documents_by_root(self) -> dict[str, int]:
        query = (
            "SELECT files.root, count(*) FROM documents JOIN files ON documents.file = files.id "
            f"WHERE documents.removed = {NEVER} AND files.origin = 'corpus' GROUP BY files.root"
        )
        return {str(root): count for root, count in self.select(query)}

    def unread_rejected(self) -> None:
        self._unread(f"id IN (SELECT file FROM rejected WHERE code = '{RejectCode.unusable}')")

    def unread_freed(self) -> int:
        return self._unread(
            "id IN (SELECT file FROM rejected "
            f"WHERE code IN ('{RejectCode.duplicate}', '{RejectCode.superseded}') "
            "AND NOT EXISTS (SELECT 1 FROM deleted WHERE deleted.id = rejected.id) "
            "AND NOT EXISTS (SELECT 1 FROM documents WHERE documents.id = rejected.id "
            f"AND removed = {NEVER}) OR code = '{RejectCode.deleted}' "
            "AND NOT EXISTS (SELECT 1 FROM deleted WHERE deleted.id = rejected.id))"
        )

    def _unread(self, which: str) -> int:
        # Files that are unread already do not count.
        unread = (
            f"UPDATE files SET size = -1, mtime_ns = -1, sha256 = '' WHERE sha256 != '' AND {which}"
        )
        return self.connection.execute(unread).rowcount

    def put_rejected(self, file: str, rejected: Rejected, code: RejectCode) -> None:
        self.connection.execute(
            "INSERT INTO rejected VALUES (?, ?, ?, ?)",
            (file, rejected.id, code.value, rejected.reason),
        )

    def clear_rejected(self, file: str) -> None:
        self.connection.execute("DELETE FROM rejected WHERE file = ?", (file,))

    def rejected(self, codes: Collection[RejectCode]) -> Iterator[tuple[str, str, str]]:
        marks = ", ".join(f"'{code}'" for code in codes)
        query = (
            f"SELECT file, id, reason FROM rejected WHERE code IN ({marks}) ORDER BY file, rowid"
        )
        yield from self.select(query)

    # --- worklist ---------------------------------------------------------------------------

    def clear_found(self) -> None:
        self.connection.execute("DELETE FROM found")
        self.connection.execute("DELETE FROM away")

    def add_found(self, source: SourceFile) -> str | None:
        added = self.connection.execute(
            "INSERT OR IGNORE INTO found VALUES (NULL, ?, ?, ?, ?, ?)",
            (source.id, source.root, os.fsencode(source.path), source.size, source.mtime_ns),
        )
        if added.rowcount:
            return None
        ((root,),) = self.select("SELECT root FROM found WHERE id = ?", (source.id,))
        return str(root)

    def add_away(self, away: Away) -> None:
        self.connection.execute(
            "INSERT OR IGNORE INTO away VALUES (?, ?)", (away.root, away.inside)
        )

    def vanished(self) -> Iterator[str]:
        last = ""
        query = (
            "SELECT id, root FROM files WHERE id > ? AND origin = 'corpus' "
            "AND id NOT IN (SELECT id FROM found) ORDER BY id LIMIT ?"
        )
        while rows := self.connection.execute(query, (last, _PAGE)).fetchall():
            last = rows[-1][0]
            yield from (id_ for id_, root in rows if not self._is_away(root, id_))

    def _is_away(self, root: str, id_: str) -> bool:
        """True when a file, a directory above it, or its whole root is away."""
        inside = ["", *accumulate(id_.split("/"), "{}/{}".format)]
        marks = ", ".join("?" * len(inside))
        query = f"SELECT 1 FROM away WHERE root = ? AND inside IN ({marks})"
        return self._is_any(query, root, *inside)

    def drop_unchanged(self) -> int:
        return self.connection.execute(
            "DELETE FROM found WHERE EXISTS (SELECT 1 FROM files WHERE files.id = found.id "
            # Under another root it may be another file of the same size and time.
            "AND files.root = found.root "
            "AND files.size = found.size AND files.mtime_ns = found.mtime_ns "
            "AND files.origin = 'corpus')"
        ).rowcount

    def found_bytes(self) -> int:
        ((size,),) = self.select("SELECT total(size) FROM found")
        return int(size)

    def found(self) -> Iterator[SourceFile]:
        from ...ingestion.corpus import SourceFile

        last = 0
        query = (
            "SELECT position, id, root, path, size, mtime_ns FROM found "
            "WHERE position > ? ORDER BY position LIMIT ?"
        )
        while rows := self.connection.execute(query, (last, _PAGE)).fetchall():
            last = rows[-1][0]
            for _, id_, root, path, size, mtime_ns in rows:
                yield SourceFile(id_, root, Path(os.fsdecode(path)), size, mtime_ns)

    # --- documents and chunks ---------------------------------------------------------------

    def begin_file(self, file: str) -> None:
        self._file = file
        self.connection.execute("DELETE FROM kept")
        self.connection.execute("DELETE FROM named")
        self.connection.execute("DELETE FROM deleted WHERE file = ?", (file,))

    def holder(self, id_: str) -> Holder | None:
        live = self._live(id_)
        if live is None:
            return None
        is_kept = self._is_any("SELECT 1 FROM kept WHERE key = ?", live.key)
        return Holder(live.file, live.version, is_kept)

    def deleter(self, id_: str, version: str) -> str | None:
        query = (
            "SELECT file FROM deleted WHERE id = ? AND (version = '' OR version >= ?) ORDER BY file"
        )
        row = next(self.select(query, (id_, version)), None)
        return row[0] if row else None

    def delete_document(self, deleted: Deleted) -> bool:
        what = deleted.id, deleted.version, self._file
        self.connection.execute("INSERT OR IGNORE INTO deleted VALUES (?, ?, ?)", what)
        holder = self.holder(deleted.id)
        if holder is None or not self.deleter(deleted.id, holder.version):
            return False
        self._remove(f"id = ? AND removed = {NEVER}", deleted.id)
        return True

    def _live(self, id_: str) -> DocumentRow | None:
        return next(self.documents(f"WHERE id = ? AND removed = {NEVER}", (id_,)), None)

    def free_id(self, id_: str) -> str:
        while True:
            ((times,),) = self.select(
                "INSERT INTO named VALUES (?, 1) "
                "ON CONFLICT (id) DO UPDATE SET times = times + 1 RETURNING times",
                (id_,),
            )
            free = id_ if times == 1 else f"{id_}~{times}"
            holder = self.holder(free)
            if holder is None or not holder.is_kept:
                return free

    def put_document(
        self,
        document: Document,
        chunks: Iterable[Chunk],
        embedded_text: Callable[[str, str, str], str],
        note: Callable[[bytes, str, Chunk], None],
    ) -> None:
        old = self._live(document.id)
        key, first_chunk = self._next("documents", "key"), self._next("chunks", "id")
        digest, text_key = sha256(), blake2b(digest_size=16)
        flags: set[str] = set()
        number = tokens = end = 0
        self.connection.execute("SAVEPOINT document")
        try:
            for number, chunk in enumerate(chunks, start=1):
                text = embedded_text(document.title, chunk.text, chunk.header)
                hash_ = text_hash(text, self._space)
                note(hash_, text, chunk)
                self.put(
                    "chunks",
                    (
                        first_chunk + number - 1, key, chunk.start, chunk.tokens, chunk.page,
                        chunk.section, chunk.glue, chunk.text, json.dumps(chunk.page_starts), hash_,
                        chunk.header, json.dumps(chunk.flags),
                    ),
                )  # fmt: skip
                place = f"{chunk.glue}{chunk.page}{chunk.page_starts}{chunk.section}"
                digest.update(f"{place}\0{chunk.header}\0{chunk.flags}\0{chunk.text}".encode())
                text_key.update(same_text_key(chunk.text))
                flags.update(chunk.flags)
                tokens += chunk.tokens
                end = chunk.end
            text_key.update("\0".join(title_said(document.title)).encode(errors="replace"))
            if end < SHORT:
                text_key.update(same_text_key(_json(document.metadata)))
            # Only now: readers add to these until the last chunk has been read.
            described = (
                document.title, document.url, _json(document.metadata), document.version,
                _json(sorted(flags | document.flags)), _json(document.left_out),
            )  # fmt: skip
            for part in described:
                digest.update(part.encode(errors="surrogatepass") + b"\0")
            row = DocumentRow(
                key, document.id, self._file, *described, text_key.digest(),
                digest.hexdigest(), end, tokens, first_chunk, number, self.build, NEVER,
            )  # fmt: skip
            if old and (old.content_hash, old.file) == (row.content_hash, row.file):
                self.connection.execute("ROLLBACK TO document")
                key = old.key
            else:
                if old:
                    self._remove("key = ?", old.key)
                self.put("documents", row)
            self.connection.execute("INSERT OR IGNORE INTO kept VALUES (?)", (key,))
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK TO document")
            raise
        finally:
            if self.connection.in_transaction:
                self.connection.execute("RELEASE document")

    def _next(self, table: str, key: str) -> int:
        """The next number that was never used in a table."""
        ((used,),) = self.select(
            f"SELECT max(coalesce((SELECT max({key}) FROM {table}), 0), "
            f"coalesce((SELECT seq FROM sqlite_sequence WHERE name = '{table}'), 0))"
        )
        return int(used) + 1

    def holds_any(self) -> bool:
        return self._is_any("SELECT 1 FROM kept")

    def end_file(self) -> None:
        which = f"file = ? AND removed = {NEVER} AND key NOT IN (SELECT key FROM kept)"
        self._remove(which, self._file)

    def changes(self) -> Changes:
        removed_now = "SELECT count(*) FROM documents WHERE removed = ?"
        added_now = "SELECT count(*) FROM documents NOT INDEXED WHERE added = ? AND removed = ?"
        before = "EXISTS (SELECT 1 FROM documents AS old WHERE old.id = documents.id"
        ((gone,),) = self.select(removed_now, (self.build,))
        ((new,),) = self.select(added_now, (self.build, NEVER))
        ((changed,),) = self.select(
            f"{added_now} AND {before} AND old.removed = ?)", (self.build, NEVER, self.build)
        )
        return Changes(new - changed, changed, gone - changed)

    def is_empty(self) -> bool:
        return not self._is_any(f"SELECT 1 FROM documents WHERE removed = {NEVER}")

    def _remove(self, which: str, *values: object) -> None:
        """Mark documents as removed by this build."""
        for rows in self._documents(f"WHERE {which}", *values):
            # Documents that this build added were never visible: they are erased at once.
            self._erase([row for row in rows if row.added == self.build])
            removed = [row._replace(removed=self.build) for row in rows if row.added != self.build]
            self.connection.executemany(
                "UPDATE documents SET removed = ?, sum = ? WHERE key = ?",
                ((row.removed, checksum(row), row.key) for row in removed),
            )

    def purge(self, before: int) -> None:
        """Erase documents removed in generation `before` or earlier, and vectors nobody uses."""
        with self.transaction():
            erased = False
            # Named, because SQLite would go through all documents in the order of their keys.
            which = f"INDEXED BY documents_removed WHERE removed < {NEVER} AND removed <= ?"
            for rows in self._documents(which, before):
                self._erase(rows)
                erased = True
            if erased:
                self.connection.execute(
                    "DELETE FROM vectors WHERE hash NOT IN (SELECT hash FROM chunks)"
                )

    def _documents(self, which: str, *values: object) -> Iterator[list[DocumentRow]]:
        """Pages of documents, in the order of their keys; the rows may be changed meanwhile."""
        last = 0
        rest = f"{which} AND key > ? ORDER BY key LIMIT ?"
        while rows := list(self.documents(rest, (*values, last, _PAGE))):
            last = rows[-1].key
            yield rows

    def _erase(self, rows: Sequence[DocumentRow]) -> None:
        self.connection.executemany(
            "DELETE FROM chunks WHERE id >= ? AND id < ?",
            ((row.first_chunk, row.first_chunk + row.chunks) for row in rows),
        )
        keys = ((row.key,) for row in rows)
        self.connection.executemany("DELETE FROM documents WHERE key = ?", keys)

    # --- vectors ----------------------------------------------------------------------------

    def known_vectors(self, keys: Sequence[bytes]) -> set[bytes]:
        known: set[bytes] = set()
        for some in chunked(keys, _PAGE):
            marks = ", ".join("?" * len(some))
            found = self.select(f"SELECT hash FROM vectors WHERE hash IN ({marks})", some)
            known.update(hash_ for (hash_,) in found)
        return known

    def count_unembedded(self) -> int:
        ((number,),) = self.select(f"SELECT count(*) FROM chunks WHERE {_NO_VECTOR}")
        return int(number)

    def unembedded(self, limit: int) -> Iterator[list[tuple[bytes, str, str, str]]]:
        last = 0
        rest = f"WHERE id > ? AND {_NO_VECTOR} ORDER BY id LIMIT ?"
        while rows := list(self.chunks(rest, (last, limit))):
            last = rows[-1].id
            titles: dict[int, str] = {}
            for key in {row.document for row in rows}:
                titles |= {row.key: row.title for row in self.documents("WHERE key = ?", (key,))}
            yield [(row.hash, titles[row.document], row.text, row.header) for row in rows]

    def put_vectors(self, keys: Sequence[bytes], vectors: Sequence[Vector] | Vector) -> None:
        for key, vector in zip(keys, vectors, strict=True):
            self.put("vectors", (key, vector.astype("<f4").tobytes()))

    def _is_any(self, query: str, *values: object) -> bool:
        return next(self.select(query, values), None) is not None


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def text_hash(text: str, space: bytes) -> bytes:
    """The key of a text embedded in a vector space, 16 bytes."""
    return blake2b(text.encode(errors="surrogatepass"), key=space, digest_size=16).digest()
