"""The second half of a build: give every text its vector, from the cache or from the embedder."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType

from ..config import CacheConfig
from ..ingestion.cache import EmbeddingCache, open_cache
from ..ingestion.chunking import Chunker
from ..ingestion.embedders import TextEmbedder
from ..progress import progress
from .pending import WINDOW, Text
from .report import BuildReport
from .store import Store


class Embedding:
    """Writes vectors into a store; use as a context manager.

    Args:
        report: counts are added to it.

    Raises:
        ConfigError: see `open_cache`; at the first text.
    """

    def __init__(
        self, store: Store, embedder: TextEmbedder, cache: CacheConfig, report: BuildReport
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
