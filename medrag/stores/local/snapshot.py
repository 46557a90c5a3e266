"""The reading side of a store: one generation, exactly as it was published."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import TypeVar

import numpy as np
from more_itertools import chunked
from numpy.typing import NDArray

from ...text.evidence_types import evidence_type
from ...types import PASSAGE_FLAGS, Flag, Hit
from ..protocols import Content, Counts
from .database import ChunkRow, Database, DocumentRow

Row = TypeVar("Row")
_IDS = 500  # ids in one statement; SQLite bounds its length


class Snapshot:
    """One generation of a store; later builds do not change it.

    Every method raises `ArtefactError` if the store turns out to be damaged.

    Args:
        documents: how many there are, as the manifest says; None for a generation without one.
    """

    def __init__(self, database: Database, generation: int, documents: int | None = None) -> None:
        self._database = database
        self.generation = generation
        self._expected = documents
        self._names_checked = False

    @property
    def identity(self) -> str:
        """Tells this generation of this store from every other."""
        return f"{self._database.get_meta('id')}/{self.generation}"

    def content(self) -> Content:
        """How much there is, and a hash over (id, content hash) of every document, in id order."""
        digest = sha256()
        flags: Counter[str] = Counter()
        left_out: Counter[str] = Counter()
        documents = chunks = tokens = characters = 0
        for row in self._documents("id"):
            digest.update(f"{row.id}\0{row.content_hash}\n".encode())
            documents += 1
            chunks += row.chunks
            tokens += row.tokens
            characters += row.characters
            flags.update(json.loads(row.flags))
            left_out.update(json.loads(row.left_out))
        if same := self._duplicates():
            flags[Flag.duplicate] = same
        counts = Counts(documents, chunks, tokens, characters)
        return Content(counts, digest.hexdigest()[:32], dict(flags), dict(left_out))

    def described(self) -> Iterator[tuple[str, str, list[str], dict[str, int]]]:
        which = (
            "WHERE flags != '[]' OR left_out != '{}' OR EXISTS (SELECT 1 FROM documents AS first "
            "WHERE first.text_key = documents.text_key AND first.id < documents.id) ORDER BY key"
        )
        for row in self._database.documents(which):
            if row.is_in(self.generation):
                flags, left_out = json.loads(row.flags), json.loads(row.left_out)
                if self._is_duplicate(row):
                    flags.append(Flag.duplicate.value)
                if flags or left_out:
                    yield row.file, row.id, flags, left_out

    def _duplicates(self) -> int:
        """How many documents say the same as one before them."""
        query = (
            "SELECT count(*) - count(DISTINCT text_key) FROM documents NOT INDEXED "
            "WHERE added <= ? AND removed > ?"
        )
        ((number,),) = self._database.select(query, (self.generation, self.generation))
        return int(number)

    def _is_duplicate(self, document: DocumentRow) -> bool:
        """True if a document of this generation that comes before it by name says the same."""
        first = self._database.documents(
            "WHERE text_key = ? AND id < ? ORDER BY id", (document.text_key, document.id)
        )
        return any(row.is_in(self.generation) for row in first)

    # --- documents --------------------------------------------------------------------------

    def document_ids(self) -> Iterator[str]:
        return (row.id for row in self._documents("id"))

    def document_text(self, id_: str) -> str | None:
        row = self._document(id_)
        return "".join(chunk.glue + chunk.text for chunk in self._chunks_of(row)) if row else None

    def document_chunk_ids(self, document: str) -> list[int]:
        row = self._document(document)
        return list(row.chunk_ids) if row else []

    def page_at(self, id_: str, offset: int) -> int | None:
        row = self._document(id_)
        if row is None:
            return None
        place = bisect_right(row.chunk_ids, offset, key=lambda chunk: self._chunk(chunk).start)
        if not place:
            return None
        starts = json.loads(self._chunk(row.chunk_ids[place - 1]).page_starts)
        return next((page for start, page in reversed(starts) if start <= offset), None)

    def _document(self, id_: str) -> DocumentRow | None:
        """The document with this id, or None."""
        for row in self._database.documents("WHERE id = ?", (id_,)):
            if row.is_in(self.generation):
                return row
        if not self._names_checked:
            # SQLite's indexes have no checksums: a damaged one would pass for an unknown id.
            # The check gives a row for each error that it finds.
            (result,) = next(self._database.select("PRAGMA integrity_check(documents)"))
            if result != "ok":
                raise self._database.damaged(result)
            self._names_checked = True
        return None

    def _documents(self, order: str, missing_in: Snapshot | None = None) -> Iterator[DocumentRow]:
        """The documents of this generation, or those of them that another one lacks."""
        found = 0
        for row in self._database.documents(f"NOT INDEXED ORDER BY {order}"):
            if row.is_in(self.generation):
                found += 1
                if missing_in is None or not row.is_in(missing_in.generation):
                    yield row
        if self._expected not in (None, found):
            raise self._database.damaged(f"it has {found} of {self._expected} documents")

    def check_documents(self) -> None:
        """Read all documents, and compare their number with the manifest's."""
        for _ in self._documents("key"):
            pass

    # --- chunks -----------------------------------------------------------------------------

    def texts(self) -> Iterator[str]:
        return (text for *_, text in self.texts_to_find(missing_in=None))

    def texts_to_find(self, missing_in: Snapshot | None) -> Iterator[tuple[int, str, str, str]]:
        """(chunk id, title, section, text) of every chunk, except those that another one holds."""
        for row in self._documents("key", missing_in):
            for chunk in self._chunks_of(row):
                yield chunk.id, row.title, f"{chunk.section} {chunk.header}", chunk.text

    def rows(self) -> Iterator[DocumentRow]:
        """The documents of this generation, in the order of their keys."""
        return self._documents("key")

    def openings(self, missing_in: Snapshot | None) -> Iterator[tuple[DocumentRow, str]]:
        """Every document with its opening, except those that another one holds."""
        for row in self._documents("key", missing_in):
            yield row, self.opening(row)

    def opening(self, document: DocumentRow) -> str:
        """The text of a document's first chunk."""
        return self._chunk(document.first_chunk).text if document.chunks else ""

    def has_more_than(self, other: Snapshot) -> bool:
        """True when something of this generation is not in another one of the same store."""
        return next(self._documents("key", missing_in=other), None) is not None

    def hits(self, chunk_ids: Sequence[int]) -> dict[int, Hit]:
        found: dict[int, Hit] = {}
        for ids in chunked(chunk_ids, _IDS):
            chunks = list(self._database.chunks(f"WHERE id IN ({_marks(ids)})", ids))
            keys = list({chunk.document for chunk in chunks})
            rows = self._database.documents(f"WHERE key IN ({_marks(keys)})", keys)
            documents = {row.key: row for row in rows if row.is_in(self.generation)}
            flags = {key: self._flags(row) for key, row in documents.items()}
            metadata = {key: json.loads(row.metadata) for key, row in documents.items()}
            evidence = {
                key: evidence_type(row.title, metadata[key], self.opening(row))
                for key, row in documents.items()
            }
            for chunk in chunks:
                if document := documents.get(chunk.document):
                    found[chunk.id] = Hit(
                        chunk.id, document.id, document.title, chunk.text, chunk.start,
                        chunk.start + len(chunk.text), chunk.page, chunk.section, document.url,
                        0.0, None, metadata[document.key], chunk.header,
                        (*flags[document.key], *json.loads(chunk.flags)), (),
                        evidence[document.key], chunk.glue,
                    )  # fmt: skip
        return found

    def _flags(self, document: DocumentRow) -> list[str]:
        """The flags of a document that hold for each of its passages."""
        flags = [flag for flag in json.loads(document.flags) if flag not in PASSAGE_FLAGS]
        return [*flags, Flag.duplicate.value] if self._is_duplicate(document) else flags

    def _chunk(self, id_: int) -> ChunkRow:
        row = next(self._database.chunks("WHERE id = ?", (id_,)), None)
        if row is None:
            raise self._database.damaged(f"chunk {id_} is missing")
        return row

    def _chunks_of(self, document: DocumentRow) -> Iterator[ChunkRow]:
        ids = document.chunk_ids
        where = "WHERE id >= ? AND id < ? AND document = ? ORDER BY id"
        rows = self._database.chunks(where, (ids.start, ids.stop, document.key))
        return self._complete(document, rows)

    def _complete(self, document: DocumentRow, rows: Iterator[Row]) -> Iterator[Row]:
        """Pass on one row for each chunk of a document."""
        number = 0
        for row in rows:
            number += 1
            yield row
        if number != document.chunks:
            raise self._database.damaged(f"{document.id} lacks some of its chunks or vectors")

    # --- vectors ----------------------------------------------------------------------------

    def all_vectors(self) -> Iterator[tuple[int, bytes]]:
        """(chunk id, float32 bytes) of every chunk of the generation, in id order."""
        for row in self._documents("key"):
            ids = row.chunk_ids
            where = "chunks.id >= ? AND chunks.id < ? ORDER BY chunks.id"
            yield from self._complete(row, self._vector_rows(where, (ids.start, ids.stop)))

    def chunk_vectors(self, chunk_ids: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        found: dict[int, NDArray[np.float32]] = {}
        for ids in chunked(chunk_ids, _IDS):
            for id_, vector in self._vector_rows(f"chunks.id IN ({_marks(ids)})", ids):
                found[id_] = np.frombuffer(vector, dtype="<f4")
        return found

    def _vector_rows(self, where: str, values: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        # A damaged hash of a chunk matches no vector: then one is missing, which callers check.
        for id_, *row in self._database.select(
            "SELECT chunks.id, vectors.hash, vectors.vector, vectors.sum FROM chunks "
            f"JOIN vectors ON vectors.hash = chunks.hash WHERE {where}",
            values,
        ):
            yield id_, self._database.verified(row)[1]


def _marks(ids: Sequence[object]) -> str:
    return ", ".join("?" * len(ids))
