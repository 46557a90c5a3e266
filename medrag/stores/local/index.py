"""An opened index: one published generation, checked against its manifest, read only."""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from tempfile import gettempdir
from typing import Self

from ...config import IndexKind
from ...embedding import Embedder
from ...errors import MismatchError
from ...manifest import Manifest, fsync_path
from ...types import Hit
from .. import Counts, EmbedderRecord, Filter, Scored, Vector
from .database import DATABASE, Database
from .directory import generation_folder, hold_current, is_sealed, scratch, writing
from .lexical import WORDS, WordIndex, write_words
from .snapshot import Snapshot
from .vectors import VECTORS, VectorIndex, write_vectors

_log = logging.getLogger(__name__)


class Index:
    """One generation of an index directory, pinned: later builds do not disturb it.

    It is closed when nothing refers to it any more, at the latest; its `snapshot` with it.

    Raises (on construction):
        ArtefactError: no index there, or its store is missing or damaged.
        MismatchError: the directory holds something else, or another format.
    """

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)
        self._place = self.directory.absolute()  # from wherever its files are opened later
        self.manifest: Manifest
        self.manifest, held = hold_current(self.directory)
        with ExitStack() as opened:
            opened.callback(os.close, held)
            store = opened.enter_context(Database(self.directory / DATABASE, read_only=True))
            generation = int(self.manifest.settings["generation"])
            self._check(store, generation)
            self.snapshot = Snapshot(store, generation)
            # One that is dropped without being closed must not hold its generation for ever.
            self._close = weakref.finalize(self, opened.pop_all().close)

    def _check(self, store: Database, generation: int) -> None:
        """Refuse a store that is not the one this manifest was written over."""
        if store.get_meta("id") != self.manifest.settings["store"]:
            raise MismatchError(
                f"{self.directory}: {DATABASE} and manifest.json come from different indexes; "
                "restore both together, or build anew with index.rebuild=true"
            )
        if store.generation < generation:
            raise MismatchError(
                f"{self.directory}: {DATABASE} is older than manifest.json; restore both "
                f"together, with {DATABASE}-wal if there is one, or run the build again"
            )

    def close(self) -> None:
        """Close the store, and let builds remove this generation; a second call does nothing."""
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # --- IndexReader ------------------------------------------------------------------------

    @property
    def location(self) -> str:
        """See `IndexReader`."""
        return str(self.directory)

    @property
    def fingerprint(self) -> str:
        """See `IndexReader`."""
        return self.manifest.fingerprint

    @property
    def counts(self) -> Counts:
        """See `IndexReader`."""
        return Counts(**self.manifest.counts)

    @property
    def embedder(self) -> EmbedderRecord:
        """See `IndexReader`."""
        made_with = self.manifest.settings["embedder"]
        return EmbedderRecord(
            made_with["name"],
            made_with["model"],
            made_with["fingerprint"],
            made_with["dimension"],
        )

    def search_vectors(self, query: Vector, k: int, where: Filter | None = None) -> Scored:
        """See `IndexReader.search_vectors`."""
        scores, ids = self.vectors.search(query, k)
        return list(zip(ids.tolist(), scores.tolist(), strict=True))

    def search_words(self, words: Sequence[str], k: int, where: Filter | None = None) -> Scored:
        """See `IndexReader.search_words`."""
        return self.words.search(words, k)

    def word_frequency(self, word: str) -> int:
        """See `IndexReader.word_frequency`."""
        return self.words.frequency(word)

    def hits(self, chunk_ids: Sequence[int]) -> dict[int, Hit]:
        """See `IndexReader.hits`."""
        return self.snapshot.hits(chunk_ids)

    def chunk_vectors(self, chunk_ids: Sequence[int]) -> Mapping[int, Vector]:
        """See `IndexReader.chunk_vectors`."""
        return self.snapshot.chunk_vectors(chunk_ids)

    def document_ids(self) -> Iterator[str]:
        """See `IndexReader.document_ids`."""
        return self.snapshot.document_ids()

    def document_text(self, id_: str) -> str | None:
        """See `IndexReader.document_text`."""
        return self.snapshot.document_text(id_)

    def document_chunk_ids(self, document: str) -> list[int]:
        """See `IndexReader.document_chunk_ids`."""
        return self.snapshot.document_chunk_ids(document)

    def page_at(self, id_: str, offset: int) -> int | None:
        """See `IndexReader.page_at`."""
        return self.snapshot.page_at(id_, offset)

    def texts(self) -> Iterator[str]:
        """See `IndexReader.texts`."""
        return self.snapshot.texts()

    def check_embedder(self, embedder: Embedder) -> None:
        """Refuse an embedder whose vectors live in another space than the index's.

        Raises:
            MismatchError: names both sides and the settings that mend it.
        """
        made_with = self.manifest.settings["embedder"]
        if embedder.fingerprint != made_with["fingerprint"]:
            model = made_with["model"]
            raise MismatchError(
                f"{self.directory} was made with the embedder {made_with['name']} "
                f"({made_with['fingerprint'][:8]}), but {embedder.name} "
                f"({embedder.fingerprint[:8]}) is configured; use embedder.model={model!r}, or "
                "make the index anew: python -m medrag.build_index 'corpus.paths=[DIR]' "
                f"index.dir={self.directory} index.rebuild=true"
            )

    @cached_property
    def vectors(self) -> VectorIndex:
        """The FAISS side, opened on first use."""
        kind = IndexKind(self.manifest.settings["vectors"]["kind"])

        def write(path: Path) -> None:
            write_vectors(
                path,
                self.snapshot.identity,
                self.snapshot.vectors(),
                int(self.manifest.counts["chunks"]),
                int(self.manifest.settings["embedder"]["dimension"]),
                kind,
            )

        with self._derived(VECTORS, write) as path:
            return VectorIndex(path, kind, self.snapshot.chunk_vectors)

    @cached_property
    def words(self) -> WordIndex:
        """The lexical side, opened on first use."""
        with self._derived(WORDS, lambda path: write_words(path, self.snapshot, None)) as path:
            return WordIndex(path)

    @contextmanager
    def _derived(self, name: str, write: Callable[[Path], None]) -> Iterator[Path]:
        """A file of this generation to open; made from the store when missing or damaged."""
        folder = generation_folder(self._place, self.snapshot.generation)
        path = folder / name
        if is_sealed(path, self.snapshot.identity):
            yield path
            return
        kept = os.access(folder, os.W_OK)
        _log.warning(
            "%s is missing or damaged; rebuilding it from the store%s",
            path,
            "" if kept else f", in {gettempdir()} and for this process only",
        )
        where = folder if kept else Path(gettempdir())
        # A directory of its own: two processes may do so at once.
        with writing(where), scratch(where, "medrag-rebuilt-") as place:
            rebuilt = place / name
            write(rebuilt)
            if kept:
                rebuilt.replace(path)
                fsync_path(folder)
            yield path if kept else rebuilt
