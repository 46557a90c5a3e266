"""An opened index: one published generation, checked against its manifest, read only."""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from tempfile import gettempdir
from threading import Lock
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ...errors import MismatchError
from ...manifest import MANIFEST, REBUILD_INDEX, fsync_path
from ..filters import Filter
from ..protocols import Alternatives, Field, Scored, Vector
from .database import DATABASE, Database
from .directory import generation_folder, hold_current, is_sealed, scratch, writing
from .fields import FIELDS, FieldIndex, write_fields
from .lexical import WORDS, WordIndex, write_words
from .snapshot import Snapshot
from .terms import TERMS, TermIndex, write_terms
from .vectors import VECTORS, VectorIndex, write_vectors

_SELECTIONS = 8  # filters whose chunks are remembered

_log = logging.getLogger(__name__)


class Index(Snapshot):
    """The `IndexReader` of an index directory, pinned to one generation.

    Its rows are those of `Snapshot`, and its searches use the files derived from them. It is closed
    at the latest when nothing refers to it any more.

    Raises (on construction):
        ArtefactError: no index there, or its store is missing or damaged.
        MismatchError: the directory holds something else, or another format.
    """

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)
        self._place = self.directory.absolute()  # the working directory may change
        self._published = _stamp(self._place)  # before it is read: then none is missed
        self.manifest, held = hold_current(self.directory)
        self.location = str(self.directory)
        self.fingerprint = self.manifest.fingerprint
        self.counts = self.manifest.content.counts
        self.embedder = self.manifest.settings.embedder
        self.fusion = self.manifest.fusion
        with ExitStack() as opened:
            opened.callback(os.close, held)
            store = opened.enter_context(Database(self.directory / DATABASE, read_only=True))
            self._check(store)
            pinned = store, self.manifest.generation, self.counts.documents
            super().__init__(*pinned)
            self._opening = Lock()
            self._selections: dict[Filter, NDArray[np.int64]] = {}
            # One that is dropped without being closed must not hold its generation forever.
            self._close = weakref.finalize(self, opened.pop_all().close)

    def _check(self, store: Database) -> None:
        """Refuse a store that is not the one this manifest was written for."""
        rebuild = REBUILD_INDEX.format(dir=self.directory)
        if store.get_meta("id") != self.manifest.store:
            raise MismatchError(
                f"{self.directory}: {DATABASE} and manifest.json come from different indexes; "
                f"restore both together, or rebuild the index: {rebuild}"
            )
        if store.generation < self.manifest.generation:
            raise MismatchError(
                f"{self.directory}: {DATABASE} is older than manifest.json; restore both "
                f"together, with {DATABASE}-wal if there is one, or run the build again"
            )

    def is_current(self) -> bool:
        return _stamp(self._place) == self._published

    def close(self) -> None:
        """Close the store, and let builds remove this generation; a second call does nothing."""
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # --- IndexReader ------------------------------------------------------------------------

    def search_vectors(self, query: Vector, k: int, where: Filter | None = None) -> Scored:
        scores, ids = self.vectors.search(query, k, self._selected(where))
        return list(zip(ids.tolist(), scores.tolist(), strict=True))

    def search_words(
        self, words: Sequence[str | Alternatives], k: int, where: Filter | None = None
    ) -> Scored:
        return self.words.search(words, k, self._selected(where))

    def word_frequency(self, word: str) -> int:
        return self.words.frequency(word)

    def phrase_frequency(self, words: Sequence[str]) -> int:
        return self.words.frequency_of_all(words)

    def near_words(self, word: str) -> list[tuple[str, int]]:
        return self.terms.near_words(word)

    def meanings(self, names: Sequence[str]) -> list[tuple[str, str, int]]:
        return self.terms.meanings(names)

    def names_of(self, meanings: Sequence[str]) -> list[tuple[str, str, int]]:
        return self.terms.names_of(meanings)

    def fields(self) -> dict[str, Field]:
        return self._fields.fields()

    def count_passing(self, where: Filter) -> int:
        chunks = self._selected(where)
        return self.counts.chunks if chunks is None else len(chunks)

    def _selected(self, where: Filter | None) -> NDArray[np.int64] | None:
        """Ids of the chunks that pass a filter; kept, because both sides of a search ask for it."""
        if where is None:
            return None
        found = self._selections.get(where)
        if found is None:
            found = self._fields.chunk_ids(where)
            if len(self._selections) >= _SELECTIONS:
                self._selections.clear()
            self._selections[where] = found
        return found

    # --- derived files ----------------------------------------------------------------------

    @property
    def vectors(self) -> VectorIndex:
        """The FAISS side, opened on first use."""
        with self._opening:
            return self._vectors

    @property
    def words(self) -> WordIndex:
        """The lexical side, opened on first use."""
        with self._opening:
            return self._words

    @cached_property
    def _vectors(self) -> VectorIndex:
        kind = self.manifest.vectors.kind

        def write(path: Path) -> None:
            size = self.counts.chunks, self.embedder.dimension
            write_vectors(path, self.identity, self.all_vectors(), *size, kind)

        with self._derived(VECTORS, write) as path:
            # Not a method of `self`: an index that refers to itself is not freed, and so not
            # closed, when it is dropped.
            exact = Snapshot(self._database, self.generation).chunk_vectors
            return VectorIndex(path, kind, exact)

    @cached_property
    def _words(self) -> WordIndex:
        with self._derived(WORDS, lambda path: write_words(path, self, None)) as path:
            return WordIndex(path)

    @property
    def _fields(self) -> FieldIndex:
        """What filters are looked up in, opened on first use."""
        with self._opening:
            return self._opened_fields

    @cached_property
    def _opened_fields(self) -> FieldIndex:
        with self._derived(FIELDS, lambda path: write_fields(path, self, None)) as path:
            return FieldIndex(path)

    @property
    def terms(self) -> TermIndex:
        """The words and what they stand for, opened on first use."""
        with self._opening:
            return self._terms

    @cached_property
    def _terms(self) -> TermIndex:
        with self._derived(TERMS, lambda path: write_terms(path, self, None)) as path:
            return TermIndex(path)

    @contextmanager
    def _derived(self, name: str, write: Callable[[Path], None]) -> Iterator[Path]:
        """A file of this generation to open; rebuilt from the store if it is missing or damaged."""
        folder = generation_folder(self._place, self.generation)
        path = folder / name
        if is_sealed(path, self.identity):
            yield path
            return
        kept = os.access(folder, os.W_OK)
        # An index that an older version has made lacks some of them.
        is_news = path.exists() or name in (VECTORS, WORDS)
        _log.log(
            logging.WARNING if is_news else logging.INFO,
            "%s is missing or damaged; rebuilding it from the store%s",
            path,
            "" if kept else f", in {gettempdir()}, for this process only",
        )
        where = folder if kept else Path(gettempdir())
        # In a directory of its own: two processes may do this at once.
        with writing(where), scratch(where, "medrag-rebuilt-") as place:
            rebuilt = place / name
            write(rebuilt)
            if kept:
                rebuilt.replace(path)
                fsync_path(folder)
            yield path if kept else rebuilt


def _stamp(directory: Path) -> tuple[int, ...]:
    """Changes whenever something is published in a directory."""
    try:
        found = (directory / MANIFEST).stat()
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_size
