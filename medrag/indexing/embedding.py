"""The second half of a build: give every text its vector, from the cache or from the embedder."""

from __future__ import annotations

import struct
import time
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import SpooledTemporaryFile
from types import TracebackType

from ..config import CacheConfig
from ..embedding.cache import open_cache
from ..embedding.cache.entries import EmbeddingCache
from ..embedding.local.embedder import TextEmbedder
from ..ingestion.chunking import Chunker
from ..progress import progress
from ..stores import IndexWriter
from .publishing import BuildReport


class Embedding:
    """Writes vectors into a store; use as a context manager.

    Args:
        report: counts are added to it.

    Raises:
        ConfigError: see `open_cache`; at the first text.
    """

    def __init__(
        self, store: IndexWriter, embedder: TextEmbedder, cache: CacheConfig, report: BuildReport
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._cache_config = cache
        self._cache: EmbeddingCache | None = None
        self._begun = False
        self._report = report
        self._truncated_before = embedder.truncated

    def __enter__(self) -> Embedding:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._cache:
            self._cache.close()

    def embed_rest(self, chunker: Chunker) -> None:
        """Embed what a build that was killed has left; its texts are tokenized again."""
        left = self._store.count_unembedded()
        if not left:
            return
        with progress("embedding", left, "chunks") as advance:
            for rows in self._store.unembedded(WINDOW):
                texts = {key: chunker.embedded_text(title, text) for key, title, text in rows}
                encoded = self._embedder.tokenizer.encode_batch_fast(list(texts.values()))
                ids = [encoding.ids for encoding in encoded]
                self.embed(list(zip(texts, ids, strict=True)))
                advance(len(rows), self._report.embedding_rate)

    def embed(self, texts: Sequence[Text]) -> None:
        """Give a window of texts their vectors, in one commit."""
        report = self._report
        if not self._begun:  # a build without a new text needs no cache
            self._cache = open_cache(self._cache_config, self._embedder.space)
            self._begun = True
        known = self._cache.get([key for key, _ in texts]) if self._cache else {}
        new = [(key, ids) for key, ids in texts if key not in known]
        keys = [key for key, _ in new]
        if new:
            self._embedder.load()  # the time it takes says nothing of its rate
        started = time.monotonic()
        vectors = self._embedder.embed_ids([ids for _, ids in new])
        with self._store.transaction():
            self._store.note_precision(self._embedder.chosen.precision)
            self._store.put_vectors(list(known), list(known.values()))
            self._store.put_vectors(keys, vectors)
        if self._cache:
            self._cache.put(keys, vectors)
            report.cache_lookups, report.cache_hits = self._cache.lookups, self._cache.hits
        if new:
            report.embedder = str(self._embedder.chosen)
        report.embedded_chunks += len(new)
        report.embedded_tokens += sum(len(ids) for _, ids in new)
        report.embed_seconds += time.monotonic() - started
        report.truncated = self._embedder.truncated - self._truncated_before


# A text without a vector: its key in the store, and its token ids.
Text = tuple[bytes, Sequence[int]]

WINDOW = 1024  # texts that are sorted by length, embedded and committed together
_IN_MEMORY = 4 << 20  # bytes, before they go into a file
_HEAD = struct.Struct("=16sI")  # the key, and how many ids come after it
_ID = "I"  # of `array`: 4 bytes


class Pending:
    """A queue of texts, so that none must be tokenized again, however long its document is.

    The file has no name, so nothing of it stays after a kill; 4 bytes for each token.

    Args:
        directory: on the disk that has to have room for it.
    """

    def __init__(self, directory: Path) -> None:
        self._file: SpooledTemporaryFile[bytes] = SpooledTemporaryFile(  # noqa: SIM115
            max_size=_IN_MEMORY, dir=str(directory)
        )
        self._number = 0

    def __len__(self) -> int:
        return self._number

    def add(self, key: bytes, ids: Sequence[int]) -> None:
        """Put a text at the end.

        Raises:
            OSError: there is no room for it on the disk.
        """
        self._file.write(_HEAD.pack(key, len(ids)) + array(_ID, ids).tobytes())
        self._number += 1

    def mark(self) -> tuple[int, int]:
        """What `cut` takes to drop all that is added from now on."""
        return self._file.tell(), self._number

    def cut(self, mark: tuple[int, int]) -> None:
        """Drop what was added since the mark was taken."""
        place, self._number = mark
        self._file.seek(place)
        self._file.truncate()

    def take(self) -> Iterator[Text]:
        """Every text in its order; the queue is empty when the last one was taken."""
        self._file.seek(0)
        for _ in range(self._number):
            key, length = _HEAD.unpack(self._file.read(_HEAD.size))
            ids = array(_ID)
            ids.frombytes(self._file.read(length * ids.itemsize))
            yield key, ids
        self.cut((0, 0))

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
