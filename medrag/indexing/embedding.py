"""The second half of a build: each text gets its vector, from the cache or from the embedder."""

from __future__ import annotations

import struct
import time
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import SpooledTemporaryFile

import numpy as np

from ..config import CacheConfig
from ..embedding import Accountable, Embedder, TokenEmbedder, checked_vectors, open_cache
from ..embedding.cache import EmbeddingCache, Vectors
from ..ingestion.chunking import Chunker
from ..progress import progress
from ..stores import IndexWriter
from .publishing import BuildReport, precisions

# A text without a vector: its key in the store, and its token ids, or the text itself if the
# embedder does not take ids.
Text = tuple[bytes, Sequence[int] | str]


class Embedding:
    """Writes vectors into a store.

    Args:
        report: its counts are updated.

    Raises:
        ConfigError: see `open_cache`; at the first text.
    """

    def __init__(
        self, store: IndexWriter, embedder: Embedder, cache: CacheConfig, report: BuildReport
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._figures = embedder if isinstance(embedder, Accountable) else None
        self._cache_config = cache
        self._cache: EmbeddingCache | None = None
        self._started = False
        self._dimension = 0  # length of a vector; 0 until it is known
        self._report = report
        self._before = self._totals()

    def close(self) -> None:
        """Close the cache."""
        if self._cache:
            self._cache.close()

    def embed_rest(self, chunker: Chunker) -> None:
        """Embed what a killed build has left; its texts are tokenized again."""
        left = self._store.count_unembedded()
        if not left:
            return
        with progress("embedding", left, "chunks") as advance:
            for rows in self._store.unembedded(WINDOW):
                texts = {key: chunker.embedded_text(*parts) for key, *parts in rows}
                self.embed(list(texts.items()))
                advance(len(rows), self._report.embedding_rate)

    def embed(self, texts: Sequence[Text]) -> None:
        """Give a window of texts their vectors, in one commit."""
        report = self._report
        if not self._started:  # a build without a new text needs no cache
            self._cache = open_cache(self._cache_config, self._embedder.space)
            self._started = True
            self._dimension = self._stored_dimension()
        known = self._cache.get([key for key, _ in texts]) if self._cache else {}
        if known and not self._dimension:
            self._dimension = self._embedder.dimension
        known = {key: vector for key, vector in known.items() if len(vector) == self._dimension}
        new = {key: text for key, text in texts if key not in known}
        if new and self._figures:
            self._figures.load()
        started = time.monotonic()
        vectors, tokens = self._vectors(list(new.values()))
        with self._store.transaction():
            self._store.set_meta("dimension", f"{self._embedder.fingerprint} {self._dimension}")
            if self._figures and (precision := self._figures.precision()):
                noted = {precision, *precisions(self._store)}
                self._store.set_meta("precisions", " ".join(sorted(noted)))
            self._store.put_vectors(list(known), list(known.values()))
            self._store.put_vectors(list(new), vectors)
        if self._cache:
            self._cache.put(list(new), vectors)
            report.cache_lookups, report.cache_hits = self._cache.lookups, self._cache.hits
        if new:
            report.embedder = self._figures.runs_on() if self._figures else self._embedder.name
        report.embedded_chunks += len(new)
        report.embedded_tokens += tokens
        report.embed_seconds += time.monotonic() - started
        truncated, billed = self._totals()
        report.truncated = truncated - self._before[0]
        report.billed_tokens = billed - self._before[1]

    def _vectors(self, texts: Sequence[Sequence[int] | str]) -> tuple[Vectors, int]:
        """Vectors [n, dimension] of texts, and the number of their tokens.

        Raises:
            ModelError, MismatchError: see `checked_vectors`.
        """
        embedder = self._embedder
        if not texts:
            return np.empty((0, 0), np.float32), 0
        if isinstance(embedder, TokenEmbedder):
            rows = [_ids(text, embedder) for text in texts]
            vectors, tokens = embedder.embed_ids(rows), sum(map(len, rows))
        else:
            plain = [text for text in texts if isinstance(text, str)]
            vectors = embedder.embed_documents(plain)
            tokens = sum(map(embedder.count_tokens, plain))
        self._dimension = self._dimension or embedder.dimension
        return checked_vectors(vectors, len(texts), self._dimension, embedder.name), tokens

    def _stored_dimension(self) -> int:
        """Length of the vectors that an earlier build stored for this embedder; 0 if none did."""
        fingerprint, _, dimension = (self._store.get_meta("dimension") or "").rpartition(" ")
        return int(dimension) if fingerprint == self._embedder.fingerprint else 0

    def _totals(self) -> tuple[int, int]:
        """Texts truncated and tokens billed, since the embedder was made."""
        figures = self._figures
        return (figures.truncated, figures.billed_tokens) if figures else (0, 0)


def _ids(text: Sequence[int] | str, embedder: TokenEmbedder) -> Sequence[int]:
    if isinstance(text, str):
        return embedder.tokenizer.encode(embedder.document_prompt + text).ids
    return text


WINDOW = 1024  # texts that are sorted by length, embedded and committed together
_IN_MEMORY = 4 << 20  # bytes, before they go into a file
_HEAD = struct.Struct("=16s?I")  # the key, whether text follows instead of ids, how many bytes
_ID = "I"  # of `array`: 4 bytes


class Pending:
    """A queue of texts, so that none is tokenized twice, however long its document is.

    The file has no name, so nothing remains after a kill. It takes 4 bytes for each token.

    Args:
        directory: on the disk that must have room for it.
    """

    def __init__(self, directory: Path) -> None:
        self._file: SpooledTemporaryFile[bytes] = SpooledTemporaryFile(  # noqa: SIM115
            max_size=_IN_MEMORY, dir=str(directory)
        )
        self._number = 0

    def __len__(self) -> int:
        return self._number

    def add(self, key: bytes, text: Sequence[int] | str) -> None:
        """Append a text, as token ids or as itself.

        Raises:
            OSError: the disk is full.
        """
        content = text.encode() if isinstance(text, str) else array(_ID, text).tobytes()
        self._file.write(_HEAD.pack(key, isinstance(text, str), len(content)) + content)
        self._number += 1

    def mark(self) -> tuple[int, int]:
        """A position for `cut`."""
        return self._file.tell(), self._number

    def cut(self, mark: tuple[int, int]) -> None:
        """Drop everything that was added since `mark`."""
        place, self._number = mark
        self._file.seek(place)
        self._file.truncate()

    def take(self) -> Iterator[Text]:
        """Every text in order; the queue is empty after the last one."""
        self._file.seek(0)
        for _ in range(self._number):
            key, is_text, length = _HEAD.unpack(self._file.read(_HEAD.size))
            content = self._file.read(length)
            yield key, content.decode() if is_text else array(_ID, content)
        self.cut((0, 0))

    def close(self) -> None:
        """Close the file."""
        self._file.close()
