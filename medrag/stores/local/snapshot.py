"""The reading side of a store: one generation, exactly as it was published."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

import numpy as np
from more_itertools import chunked
from numpy.typing import NDArray

from ...types import Hit
from .. import Counts
from .database import Database
from .schema import is_sound

_DOCUMENT = is_sound("documents")
_CHUNK = is_sound("chunks")
_VECTOR = is_sound("vectors")
_VISIBLE = "(documents.added <= :at AND (documents.removed IS NULL OR documents.removed > :at))"
# What goes through a whole generation meets the rows that are not sound, too: they may have been
# visible before they were damaged. So may a chunk whose document is not to be found.
_DOCUMENTS = f"FROM documents WHERE ({_VISIBLE} OR ({_DOCUMENT}) IS NOT TRUE)"
_CHUNKS = "FROM chunks LEFT JOIN documents ON documents.key = chunks.document"
_MET = f"({_VISIBLE} OR ({_CHUNK} AND {_DOCUMENT}) IS NOT TRUE)"
_ALL_VISIBLE = f"total({_VISIBLE}) = count(*)"  # then there was no other

_IDS = 500  # chunk ids in one statement; SQLite bounds its length


class Snapshot:
    """What one generation of a store holds; builds that come later do not change it.

    Every method raises `ArtefactError` when the store turns out to be damaged.
    """

    def __init__(self, database: Database, generation: int) -> None:
        self._database = database
        self.generation = generation

    @property
    def identity(self) -> str:
        """Tells this generation of this store from every other."""
        return f"{self._database.get_meta('id')}/{self.generation}"

    def counts(self) -> Counts:
        """Documents, chunks, tokens and characters there are."""
        ((documents, characters),) = self._rows(
            f"SELECT {_ALL_VISIBLE}, count(*), coalesce(sum(characters), 0) {_DOCUMENTS}"
        )
        ((chunks, tokens),) = self._rows(
            f"SELECT {_ALL_VISIBLE}, count(*), coalesce(sum(tokens), 0) {_CHUNKS} WHERE {_MET}"
        )
        return Counts(documents, chunks, tokens, characters)

    def corpus_fingerprint(self) -> str:
        """Hash over (id, content hash) of every document, in id order."""
        digest = sha256()
        query = f"SELECT {_DOCUMENT}, id, content_hash {_DOCUMENTS} ORDER BY id"
        for id_, content_hash in self._rows(query):
            digest.update(f"{id_}\0{content_hash}\n".encode())
        return digest.hexdigest()[:32]

    def document_text(self, id_: str) -> str | None:
        """The cleaned text of a document, put together from its chunks; None if unknown."""
        rows = self._rows(
            f"SELECT {_CHUNK} AND {_DOCUMENT}, characters, chunks.glue || chunks.text "
            # SQLite's indexes have no checksums: a damaged one would pass for an unknown id.
            "FROM documents NOT INDEXED LEFT JOIN chunks ON chunks.document = documents.key "
            f"WHERE documents.id = :id AND {_VISIBLE} ORDER BY chunks.id",
            id=id_,
        )
        parts = list(rows)
        text = "".join(part for _, part in parts)
        if parts and len(text) != parts[0][0]:
            raise self._database.damaged(f"{id_} lacks some of its chunks")
        return text if parts else None

    def page_at(self, id_: str, offset: int) -> int | None:
        """The page that a character offset of a document lies on, if it has pages."""
        rows = self._rows(
            f"SELECT {is_sound('pages')}, page FROM pages "
            "JOIN documents ON documents.key = pages.document "
            f"WHERE documents.id = :id AND {_VISIBLE} AND start <= :offset "
            "ORDER BY start DESC LIMIT 1",
            id=id_,
            offset=offset,
        )
        return next((int(page) for (page,) in rows), None)

    def document_ids(self) -> Iterator[str]:
        """Ids of all documents of the generation, sorted."""
        query = f"SELECT {_DOCUMENT}, id {_DOCUMENTS} ORDER BY id"
        for (id_,) in self._rows(query):
            yield str(id_)

    def texts(self) -> Iterator[str]:
        """Every chunk's text, in id order."""
        query = (
            f"SELECT {_CHUNK} AND {_VISIBLE}, chunks.text {_CHUNKS} WHERE {_MET} ORDER BY chunks.id"
        )
        for (text,) in self._rows(query):
            yield str(text)

    def texts_to_find(self, missing_in: Snapshot | None) -> Iterator[tuple[int, str, str, str]]:
        """(chunk id, title, section, text) of every chunk, save those that another one holds."""
        other = f"AND {_VISIBLE} IS NOT TRUE".replace(":at", ":other") if missing_in else ""
        query = (
            f"SELECT {_CHUNK} AND {_DOCUMENT}, chunks.id, title, section, text "
            f"{_CHUNKS} WHERE {_MET} {other} ORDER BY chunks.id"
        )
        yield from self._rows(query, other=missing_in.generation if missing_in else None)

    def has_more_than(self, other: Snapshot) -> bool:
        """True when something of this generation is not in another one of the same store."""
        return next(self.texts_to_find(missing_in=other), None) is not None

    def hits(self, chunk_ids: Sequence[int]) -> dict[int, Hit]:
        """The chunks with these ids that are visible, by id; scores are 0."""
        found: dict[int, Hit] = {}
        for ids in chunked(chunk_ids, _IDS):
            marks = ",".join(str(int(id_)) for id_ in ids)
            rows = self._rows(
                f"SELECT {_CHUNK} AND {_DOCUMENT}, chunks.id, documents.id, title, text, start, "
                "page, section, url, metadata "
                "FROM chunks JOIN documents ON documents.key = chunks.document "
                f"WHERE chunks.id IN ({marks}) AND {_VISIBLE}"
            )
            for id_, document, title, text, start, page, section, url, metadata in rows:
                found[id_] = Hit(
                    id_, document, title, text, start, start + len(text), page, section, url,
                    0.0, None, json.loads(metadata),
                )  # fmt: skip
        return found

    def document_chunk_ids(self, document: str) -> list[int]:
        """Ids of a document's chunks, in text order."""
        query = (
            f"SELECT {_CHUNK}, chunks.id FROM chunks "
            "JOIN documents ON documents.key = chunks.document "
            f"WHERE documents.id = :id AND {_VISIBLE} ORDER BY chunks.id"
        )
        return [int(id_) for (id_,) in self._rows(query, id=document)]

    def vectors(self) -> Iterator[tuple[int, bytes]]:
        """(chunk id, float32 bytes) of every chunk of the generation, in id order."""
        query = (
            # A chunk without a vector is no sound row either, hence LEFT.
            f"SELECT {_VECTOR} AND {_VISIBLE}, chunks.id, vector {_CHUNKS} "
            f"LEFT JOIN vectors ON vectors.hash = chunks.hash WHERE {_MET} ORDER BY chunks.id"
        )
        yield from self._rows(query)

    def chunk_vectors(self, chunk_ids: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        """Vectors [dimension] of some chunks, by chunk id."""
        found: dict[int, NDArray[np.float32]] = {}
        for ids in chunked(chunk_ids, _IDS):
            marks = ",".join(str(int(id_)) for id_ in ids)
            rows = self._rows(
                f"SELECT {_VECTOR}, chunks.id, vector FROM chunks "
                f"LEFT JOIN vectors ON vectors.hash = chunks.hash WHERE chunks.id IN ({marks})"
            )
            found |= {int(id_): np.frombuffer(blob, dtype="<f4") for id_, blob in rows}
        return found

    def _rows(self, sql: str, **values: object) -> Iterator[Any]:
        """Rows of a query, without their first column: it tells whether a row is sound."""
        try:
            found = self._database.connection.execute(sql, {"at": self.generation, **values})
            for row in found:
                if not row[0]:
                    raise self._database.damaged("a row differs from its checksum")
                yield row[1:]
        except sqlite3.ProgrammingError:  # it was closed
            raise
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise self._database.named(error) from error
