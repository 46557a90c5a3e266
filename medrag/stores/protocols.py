"""The contracts of a store: `IndexReader`, `IndexWriter`, `IndexStore`, and the typed manifest."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from ..config import ChunkingConfig, EmbedderConfig, EmbedderKind, FieldsConfig, IndexKind
from ..embedding import Embedder
from ..errors import ConfigError, FormatError, MismatchError
from ..manifest import REBUILD_INDEX, Manifest, read_manifest
from ..types import Chunk, Deleted, Document, Hit, Rejected
from .filters import Filter

if TYPE_CHECKING:
    from ..ingestion.corpus import Away, SourceFile

Vector = NDArray[np.float32]
# (chunk id, score), best first
Scored = list[tuple[int, float]]
# Ways to say one thing, each as the words that it needs; the first is that of a question.
Alternatives = tuple[tuple[str, ...], ...]


# --- what an index was made with, and what it holds -----------------------------------------------


@dataclass(frozen=True, slots=True)
class Counts:
    """How much an index holds."""

    documents: int
    chunks: int
    tokens: int
    characters: int


@dataclass(frozen=True, slots=True)
class Content:
    """The content of one generation of an index.

    Attributes:
        fingerprint: hash over the id and content of every document.
        flags: how many documents have each flag.
        left_out: how often something was left out of a document, by reason.
    """

    counts: Counts
    fingerprint: str
    flags: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EmbedderRecord:
    """The embedder that an index was made with: how to find it again, and its vector space."""

    name: str
    model: str
    fingerprint: str
    dimension: int
    kind: EmbedderKind = EmbedderKind.local

    @property
    def option(self) -> str:
        """The settings that configure it, for errors."""
        if self.kind != EmbedderKind.local:
            return f"embedder.kind={self.kind} embedder.model={self.model!r} and its base_url"
        own = "" if self.model else ", or your own as RAGPipeline(config, embedder=…)"
        return f"embedder.model={self.model!r}{own}"


@dataclass(frozen=True, slots=True)
class VectorsRecord:
    """How an index searches its vectors.

    Attributes:
        kind: what was made; never `auto`.
        parameters: the ones that decide speed and recall.
        recall_at_10: share of the ten nearest chunks that a search finds, measured when the index
            was built; 1 by definition when the search is exact.
    """

    kind: IndexKind
    parameters: Mapping[str, int]
    recall_at_10: float


@dataclass(frozen=True, slots=True)
class FusionRecord:
    """How vectors and words count together, as learned from questions; see `retrieval.fusion`.

    Attributes:
        fitted_on: which questions, how many, and what was gained on others.
    """

    dense_weight: float
    feedback: float
    rare_word: float
    fitted_on: Mapping[str, Any]


@dataclass(frozen=True)
class IndexSettings:
    """The settings an index is made with.

    Attributes:
        kind: what was asked for; see `VectorsRecord` for what was made.
        cache: whether vectors were also kept in the embedding cache.
    """

    kind: IndexKind
    embedder: EmbedderRecord
    embedder_config: EmbedderConfig
    chunking: ChunkingConfig
    fields: FieldsConfig
    cache: bool


@dataclass(frozen=True)
class IndexManifest:
    """The manifest of an index, typed.

    Attributes:
        fingerprint: hash of the content and of the settings that decide it.
        generation: number of the published generation.
        store: id of the store that the index was published from.
        fusion: what was learned from questions, for this embedder; later generations keep it.
    """

    fingerprint: str
    generation: int
    store: str
    content: Content
    settings: IndexSettings
    vectors: VectorsRecord
    fusion: FusionRecord | None = None

    def to_manifest(self) -> Manifest:
        """As it is written to `manifest.json`."""
        return Manifest(
            kind="index",
            fingerprint=self.fingerprint,
            settings={
                "generation": self.generation,
                "store": self.store,
                "corpus": self.content.fingerprint,
                "flags": dict(self.content.flags),
                "left_out": dict(self.content.left_out),
                "vectors": asdict(self.vectors),
                **({"fusion": asdict(self.fusion)} if self.fusion else {}),
                **asdict(self.settings),
            },
            # No files: those of a generation carry checksums, and are rebuilt from the store.
            counts=asdict(self.content.counts),
        )

    @classmethod
    def read(cls, directory: Path) -> Self:
        """The manifest of the index in a directory.

        Raises:
            ArtefactError, MismatchError: see `read_manifest`.
            FormatError: it has other fields, because another version of medrag wrote it.
        """
        manifest = read_manifest(directory, "index")
        given = manifest.settings
        try:
            made_with = given["embedder"]
            settings = IndexSettings(
                kind=IndexKind(given["kind"]),
                embedder=EmbedderRecord(
                    made_with["name"],
                    made_with["model"],
                    made_with["fingerprint"],
                    made_with["dimension"],
                    EmbedderKind(made_with.get("kind", EmbedderKind.local)),
                ),
                # Older manifests only name the model.
                embedder_config=EmbedderConfig(
                    **given.get("embedder_config", {"model": made_with["model"]})
                ),
                chunking=ChunkingConfig(**given["chunking"]),
                fields=FieldsConfig(**given["fields"]),
                cache=given.get("cache", True),
            )
            vectors = given["vectors"]
            return cls(
                manifest.fingerprint,
                given["generation"],
                given["store"],
                Content(
                    Counts(**manifest.counts),
                    given["corpus"],
                    given.get("flags", {}),
                    given.get("left_out", {}),
                ),
                settings,
                replace(VectorsRecord(**vectors), kind=IndexKind(vectors["kind"])),
                FusionRecord(**given["fusion"]) if given.get("fusion") else None,
            )
        except (KeyError, TypeError, ValueError, ConfigError) as error:
            raise FormatError(
                f"{directory} was made by medrag {manifest.package_version}, whose indexes this "
                f"one cannot read ({error}); rebuild it: {REBUILD_INDEX.format(dir=directory)}"
            ) from error


# --- reading --------------------------------------------------------------------------------------


class Field(NamedTuple):
    """What an index knows of one field of its documents.

    Attributes:
        kind: "number", "date" or "text"; what most of its values are.
        example: one of its values, in the form in which it is compared.
        is_ordered: whether any of its values is a number or a date.
    """

    kind: str
    example: str
    is_ordered: bool


class IndexReader(Protocol):
    """One published generation of an index: what retrieval, answers and evaluation read.

    Later builds do not disturb it. Every method raises ArtefactError when the store turns out to be
    damaged. It may be shared by threads.

    Attributes:
        location: where the index is kept, as people know it.
        fingerprint: of the index; artefacts made from it name it as their parent.
        generation: number of the published generation.
    """

    @property
    def location(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def generation(self) -> int: ...
    @property
    def counts(self) -> Counts: ...
    @property
    def embedder(self) -> EmbedderRecord: ...
    @property
    def fusion(self) -> FusionRecord | None: ...

    def search_vectors(self, query: Vector, k: int, where: Filter | None = None) -> Scored:
        """The `k` chunks nearest to a query [dimension], by cosine.

        Args:
            where: search only the chunks of documents that pass. Here and below, a filter that
                names a field that no document has raises ConfigError.
        """

    def search_words(
        self, words: Sequence[str | Alternatives], k: int, where: Filter | None = None
    ) -> Scored:
        """The `k` best chunks by BM25 over title, section and text.

        Of alternatives, the one that scores best in a chunk counts.
        """

    def fields(self) -> Mapping[str, Field]:
        """What a filter can ask for: all fields of the documents, by name."""

    def count_passing(self, where: Filter) -> int:
        """How many chunks are in documents that pass a filter."""

    def word_frequency(self, word: str) -> int:
        """In how many chunks a word, or another form of its stem, occurs."""

    def phrase_frequency(self, words: Sequence[str]) -> int:
        """In how many chunks all of some words, or other forms of their stems, occur."""

    def near_words(self, word: str) -> list[tuple[str, int]]:
        """(word, chunks) of the words that begin or end like one and are about as long."""

    def meanings(self, names: Sequence[str]) -> list[tuple[str, str, int]]:
        """(name, meaning, chunks) for what the texts themselves say that some names stand for."""

    def names_of(self, meanings: Sequence[str]) -> list[tuple[str, str, int]]:
        """(name, meaning, chunks) for the names that the texts give to some meanings."""

    def hits(self, chunk_ids: Sequence[int]) -> dict[int, Hit]:
        """The chunks with these ids, by id; scores are 0."""

    def chunk_vectors(self, chunk_ids: Sequence[int]) -> Mapping[int, Vector]:
        """Vectors [dimension] of some chunks, by id."""

    def document_ids(self) -> Iterator[str]:
        """Ids of all documents, sorted."""

    def document_text(self, id_: str) -> str | None:
        """The cleaned text of a document; None if it is unknown."""

    def document_chunk_ids(self, document: str) -> list[int]:
        """Ids of a document's chunks, in text order; none if it is unknown."""

    def page_at(self, id_: str, offset: int) -> int | None:
        """The page on which a character offset of a document lies, if it has pages."""

    def texts(self) -> Iterator[str]:
        """Every chunk's text, in id order."""

    def is_current(self) -> bool:
        """Whether nothing was published since it was opened; fast."""

    def close(self) -> None:
        """Close the index; a second call does nothing."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...


def check_embedder(index: IndexReader, embedder: Embedder) -> None:
    """Refuse an embedder whose vectors live in another space than those of an index.

    Raises:
        MismatchError: names both sides and the settings that fix it.
    """
    made_with = index.embedder
    if embedder.fingerprint != made_with.fingerprint:
        raise MismatchError(
            f"{index.location} was made with the embedder {made_with.name} "
            f"({made_with.fingerprint[:16]}), but {embedder.name} "
            f"({embedder.fingerprint[:16]}) is configured; use {made_with.option}, or rebuild the "
            f"index: {REBUILD_INDEX.format(dir=index.location)}"
        )


# --- writing --------------------------------------------------------------------------------------


class Origin(StrEnum):
    """Why a file is in an index."""

    corpus = "corpus"  # found under corpus.paths, which the index mirrors
    added = "added"  # added by hand; stays until it is removed by hand


class RejectCode(StrEnum):
    """Why a document is not in the index, as far as a later build acts on it."""

    unusable = "unusable"
    duplicate = "duplicate"  # another file holds the document; it is read again when that one goes
    superseded = "superseded"  # another file holds a newer version; likewise
    deleted = "deleted"  # a file says that it was withdrawn; it is read again when that one goes
    skipped = "skipped"  # a file that is no document


QUARANTINED = (RejectCode.unusable, RejectCode.duplicate)  # somebody should look at these


@dataclass(frozen=True, slots=True)
class Holder:
    """Where a document is.

    Attributes:
        file: the file that holds it.
        version: as in `Document`.
        is_kept: whether it was written since `begin_file`.
    """

    file: str
    version: str
    is_kept: bool


@dataclass(frozen=True, slots=True)
class Changes:
    """How many documents a generation has that the one before lacks, has otherwise, or lost."""

    added: int = 0
    changed: int = 0
    removed: int = 0


@dataclass(frozen=True, slots=True)
class FileState:
    """A file as it was when it was last read."""

    root: str
    origin: Origin
    size: int
    mtime_ns: int
    sha256: str

    def unread(self) -> FileState:
        """The same file, to be read again."""
        return replace(self, size=-1, mtime_ns=-1, sha256="")


class IndexWriter(Protocol):
    """Prepares the next generation of an index, and publishes it. One build at a time has it.

    Readers see nothing of it until `publish`. Committed transactions survive a kill, and the next
    writer continues from there. Everything that can grow with the corpus is kept on disk.

    Attributes:
        previous: the manifest of the published generation; None if there is none.
        is_new: whether nothing was ever published from this store.
    """

    @property
    def previous(self) -> IndexManifest | None: ...
    @property
    def is_new(self) -> bool: ...

    def transaction(self) -> AbstractContextManager[None]:
        """Everything inside is committed at the end, or nothing is."""

    def get_meta(self, name: str) -> str | None:
        """A named value, or None."""

    def set_meta(self, name: str, value: str | None) -> None:
        """Set a named value; None forgets it."""

    # --- files: what was read, and when ---

    def file(self, id_: str) -> FileState | None:
        """The state a file was last read in, or None."""

    def put_file(self, id_: str, state: FileState) -> None:
        """Remember a file as read."""

    def forget_file(self, id_: str) -> None:
        """Forget a file, its documents and what was rejected in it."""

    def forget_all(self) -> None:
        """Remove every document; files that were added by hand are kept as unread."""

    def added_files(self) -> list[tuple[str, FileState]]:
        """(id, state) of the files that were added by hand."""

    def documents_by_root(self) -> dict[str, int]:
        """How many documents are from each entry of `corpus.paths`."""

    def unread_rejected(self) -> None:
        """Mark the files in which something was rejected as unread."""

    def unread_freed(self) -> int:
        """Mark files as unread that hold a duplicate whose other copy is gone; returns how many."""

    def put_rejected(self, file: str, rejected: Rejected, code: RejectCode) -> None:
        """Note a document that could not be used."""

    def clear_rejected(self, file: str) -> None:
        """Drop the notes about a file before it is read again."""

    def rejected(self, codes: Collection[RejectCode]) -> Iterator[tuple[str, str, str]]:
        """(file, document id, reason) of everything that is not in the index, by file."""

    # --- the worklist: the files found for this build ---

    def clear_found(self) -> None:
        """Empty the worklist."""

    def add_found(self, source: SourceFile) -> str | None:
        """Put a file on the worklist, or return the root of the one there with the same id."""

    def add_away(self, away: Away) -> None:
        """Note a place that cannot be looked at: the files in it have not vanished."""

    def vanished(self) -> Iterator[str]:
        """Ids of the corpus files that an earlier build read and that are gone."""

    def drop_unchanged(self) -> int:
        """Take files off the worklist that an earlier build read as they are; returns how many."""

    def found_bytes(self) -> int:
        """Size of all files on the worklist."""

    def found(self) -> Iterator[SourceFile]:
        """The files on the worklist, in the order in which they were added."""

    # --- documents, one file at a time ---

    def begin_file(self, file: str) -> None:
        """Start to write the documents of a file; what it deleted so far is forgotten."""

    def holder(self, id_: str) -> Holder | None:
        """Where a document is now, or None."""

    def deleter(self, id_: str, version: str) -> str | None:
        """A file that says that this version of a document was withdrawn, or None."""

    def delete_document(self, deleted: Deleted) -> bool:
        """Note that the file being written withdraws a document; tells whether one is removed."""

    def free_id(self, id_: str) -> str:
        """The id, or `id~2`, `id~3`, … if the file being written holds such a document already."""

    def put_document(
        self,
        document: Document,
        chunks: Iterable[Chunk],
        embedded_text: Callable[[str, str, str], str],
        note: Callable[[bytes, str, Chunk], None],
    ) -> None:
        """Store a document and its chunks, in constant memory; call in a transaction.

        Nothing is written if the same document is there already.

        Args:
            embedded_text: gives the text to embed for (title, text, header).
            note: called with the key and the embedded text of each chunk, and the chunk.

        Raises:
            Whatever reading the chunks raises; nothing of the document is stored then.
        """

    def holds_any(self) -> bool:
        """True when the file being written holds a document."""

    def end_file(self) -> None:
        """Remove what the file does not hold any more."""

    def is_empty(self) -> bool:
        """True when the generation being prepared holds no document."""

    # --- vectors, by the key of their text ---

    def known_vectors(self, keys: Sequence[bytes]) -> set[bytes]:
        """Those of the keys whose texts have vectors."""

    def count_unembedded(self) -> int:
        """How many chunks have no vector yet."""

    def unembedded(self, limit: int) -> Iterator[list[tuple[bytes, str, str, str]]]:
        """Windows of up to `limit` (key, title, text, header) of chunks without a vector.

        Each window is read when the one before has been dealt with.
        """

    def put_vectors(self, keys: Sequence[bytes], vectors: Sequence[Vector] | Vector) -> None:
        """Store vectors [n, dimension] under the keys of their texts."""

    # --- publishing ---

    def content(self) -> Content:
        """The content of the generation being prepared; costs nothing if nothing has changed."""

    def changes(self) -> Changes:
        """What this generation changes; reads all documents."""

    def described(self) -> Iterator[tuple[str, str, list[str], dict[str, int]]]:
        """(file, id, flags, what was left out) of each document that has any of the last two."""

    def publish(self, fingerprint: str, settings: IndexSettings, content: Content) -> IndexManifest:
        """Make what was prepared the current generation.

        It becomes visible in one step at the end. If it is already published (the same store,
        fingerprint and kind), the published manifest is returned.
        """

    def clean_up(self) -> None:
        """Erase what no reader can see any more."""


class IndexStore(Protocol):
    """A place that holds one index, or none yet."""

    def manifest(self) -> IndexManifest:
        """The manifest of the published index.

        Raises:
            ArtefactError: there is none, or it cannot be read.
            MismatchError: the place holds something else, or another format.
        """

    def keep_fusion(self, fusion: FusionRecord | None) -> None:
        """Keep with the published index how hits are fused; None goes back to the default.

        Readers that are open do not see it.

        Raises:
            ArtefactError, MismatchError: see `manifest`.
            BusyError: another process is building.
            DiskError: the disk is full or not writable.
        """

    def open_reader(self) -> IndexReader:
        """Open the published generation.

        Raises:
            ArtefactError, MismatchError: see `manifest`; or the store is damaged.
        """

    def open_writer(
        self, space: str, *, rebuild: bool = False
    ) -> AbstractContextManager[IndexWriter]:
        """Open the store to prepare a generation; it is created if it is missing.

        Args:
            space: fingerprint of the embedder. The vector of a text depends on it.
            rebuild: replace a store that is damaged or has another format.

        Raises:
            BusyError: another process is building.
            ArtefactError, MismatchError: the store is damaged or has another format.
            ConfigError: the place is used by something else.
            DiskError: the disk is full or not writable; also while the block runs.
        """
