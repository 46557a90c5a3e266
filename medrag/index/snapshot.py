"""The reading side of a store: one generation, exactly as it was published."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from ..batches import batched
from ..types import Hit
from .store import Store

_VISIBLE = "documents.added <= :at AND (documents.removed IS NULL OR documents.removed > :at)"


@dataclass(frozen=True, slots=True)
class Counts:
    """How much a generation holds."""

    documents: int
    chunks: int
    tokens: int
    characters: int


class Snapshot:
    """What one generation of a store holds; builds that come later do not change it."""

    def __init__(self, store: Store, generation: int) -> None:
        self._db = store.connection
        self.generation = generation

    def counts(self) -> Counts:
        """Documents, chunks, tokens and characters there are."""
        documents, characters = self._db.execute(
            f"SELECT count(*), coalesce(sum(characters), 0) FROM documents WHERE {_VISIBLE}",
            {"at": self.generation},
        ).fetchone()
        chunks, tokens = self._db.execute(
            "SELECT count(*), coalesce(sum(tokens), 0) FROM chunks "
            f"JOIN documents ON documents.key = chunks.document WHERE {_VISIBLE}",
            {"at": self.generation},
        ).fetchone()
        return Counts(documents, chunks, tokens, characters)

    def corpus_fingerprint(self) -> str:
        """Hash over (id, content hash) of every document, in id order."""
        digest = sha256()
        query = f"SELECT id, content_hash FROM documents WHERE {_VISIBLE} ORDER BY id"
        for id_, content_hash in self._db.execute(query, {"at": self.generation}):
            digest.update(f"{id_}\0{content_hash}\n".encode())
        return digest.hexdigest()[:32]

    def document_text(self, id_: str) -> str | None:
        """The cleaned text of a document, put together from its chunks; None if unknown."""
        rows = self._db.execute(
            "SELECT chunks.glue || chunks.text FROM chunks "
            "JOIN documents ON documents.key = chunks.document "
            f"WHERE documents.id = :id AND {_VISIBLE} ORDER BY chunks.id",
            {"id": id_, "at": self.generation},
        ).fetchall()
        return "".join(row[0] for row in rows) if rows else None

    def page_at(self, id_: str, offset: int) -> int | None:
        """The page that a character offset of a document lies on, if it has pages."""
        row = self._db.execute(
            "SELECT page FROM pages JOIN documents ON documents.key = pages.document "
            f"WHERE documents.id = :id AND {_VISIBLE} AND start <= :offset "
            "ORDER BY start DESC LIMIT 1",
            {"id": id_, "at": self.generation, "offset": offset},
        ).fetchone()
        return None if row is None else int(row[0])

    def document_ids(self) -> Iterator[str]:
        """Ids of all documents of the generation, sorted."""
        query = f"SELECT id FROM documents WHERE {_VISIBLE} ORDER BY id"
        for row in self._db.execute(query, {"at": self.generation}):
            yield str(row[0])

    def texts(self) -> Iterator[str]:
        """Every chunk's text, in id order."""
        query = (
            "SELECT chunks.text FROM chunks "
            f"JOIN documents ON documents.key = chunks.document WHERE {_VISIBLE} ORDER BY chunks.id"
        )
        for row in self._db.execute(query, {"at": self.generation}):
            yield str(row[0])

    def hits(self, chunk_ids: Sequence[int]) -> dict[int, Hit]:
        """The chunks with these ids that are visible, by id; scores are 0."""
        found: dict[int, Hit] = {}
        for ids in batched(chunk_ids, 500):
            marks = ",".join(str(int(id_)) for id_ in ids)
            rows = self._db.execute(
                "SELECT chunks.id, documents.id, title, text, start, page, section, url, metadata "
                "FROM chunks JOIN documents ON documents.key = chunks.document "
                f"WHERE chunks.id IN ({marks}) AND {_VISIBLE}",
                {"at": self.generation},
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
            "SELECT chunks.id FROM chunks JOIN documents ON documents.key = chunks.document "
            f"WHERE documents.id = :id AND {_VISIBLE} ORDER BY chunks.id"
        )
        return [
            int(row[0]) for row in self._db.execute(query, {"id": document, "at": self.generation})
        ]

    def vectors(self) -> Iterator[tuple[int, bytes]]:
        """(chunk id, float32 bytes) of every chunk of the generation, in id order."""
        query = (
            "SELECT chunks.id, vector FROM chunks "
            "JOIN documents ON documents.key = chunks.document "
            f"JOIN vectors ON vectors.hash = chunks.hash WHERE {_VISIBLE} ORDER BY chunks.id"
        )
        yield from self._db.execute(query, {"at": self.generation})

    def chunk_vectors(self, chunk_ids: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        """Vectors [dimension] of some chunks, by chunk id."""
        marks = ",".join(str(int(id_)) for id_ in chunk_ids)
        rows = self._db.execute(
            "SELECT chunks.id, vector FROM chunks JOIN vectors ON vectors.hash = chunks.hash "
            f"WHERE chunks.id IN ({marks})"
        )
        return {int(id_): np.frombuffer(blob, dtype="<f4") for id_, blob in rows}

    # --- words -----------------------------------------------------------------------------

    def search_words(self, query: str, k: int) -> list[tuple[int, float]]:
        """BM25 over title, section and text: (chunk id, score), best first.

        Args:
            query: an FTS5 query expression.
        """
        rows = self._db.execute(
            # A title or section word weighs twice: both are short and say what a text is about.
            "SELECT words.rowid, -bm25(words, 2.0, 2.0, 1.0) AS score FROM words "
            "JOIN chunks ON chunks.id = words.rowid "
            "JOIN documents ON documents.key = chunks.document "
            f"WHERE words MATCH :query AND {_VISIBLE} ORDER BY score DESC, words.rowid LIMIT :k",
            {"query": query, "at": self.generation, "k": k},
        )
        return [(int(id_), float(score)) for id_, score in rows]

    def chunk_frequency(self, word: str) -> int:
        """In how many chunks a word, or another form of its stem, occurs."""
        row = self._db.execute(
            "SELECT count(*) FROM words WHERE words MATCH ?", (f'"{word}"',)
        ).fetchone()
        return int(row[0])
