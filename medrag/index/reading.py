"""The first half of a build: bring the store's documents and chunks up to date with the corpus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from ..config import CorpusConfig
from ..errors import CorpusError, DocumentError
from ..ingestion.chunking import Chunker
from ..ingestion.corpus import SourceFile, find_files
from ..ingestion.processors import clean_blocks, clean_text
from ..ingestion.readers import read_documents
from ..manifest import file_sha256
from ..progress import progress
from ..types import Block, Document, Rejected
from .snapshot import Counts
from .store import FileState, Store

_COMMIT_DOCUMENTS = 200  # documents between two commits while one file is read


@dataclass
class BuildReport:
    """What a build did.

    Attributes:
        added, changed, removed: documents, compared with the generation before.
        unchanged_files: files that were not read again.
        embedded_tokens, embed_seconds: work of the embedder in this build.
    """

    directory: Path
    counts: Counts = field(default_factory=lambda: Counts(0, 0, 0, 0))
    generation: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged_files: int = 0
    quarantined: int = 0
    embedded_chunks: int = 0
    embedded_tokens: int = 0
    truncated: int = 0
    embed_seconds: float = 0.0
    seconds: float = 0.0
    peak_mb: float = 0.0
    published: bool = False


class CorpusReader:
    """Reads what changed since the last build, and nothing else.

    Args:
        store: opened for writing, by one build at a time.
        build: the generation that is being prepared.
        report: counts are added to it.
    """

    def __init__(
        self,
        store: Store,
        config: CorpusConfig,
        chunker: Chunker,
        build: int,
        report: BuildReport,
    ) -> None:
        self._store = store
        self._config = config
        self._chunker = chunker
        self._build = build
        self._report = report

    def read(self, paths: Sequence[str], origin: str, downloads: Path) -> None:
        """Read the files under `paths`; with origin "corpus", drop documents of vanished files.

        Args:
            origin: "corpus" for what is mirrored, "added" for what was added by hand.
            downloads: directory for files fetched from URLs.

        Raises:
            CorpusError: with `corpus.strict`, the first document that cannot be used; for a file
                added by hand, when nothing in it can be used. What it held before stays.
        """
        sources: dict[str, SourceFile] = {}
        missing: set[str] = set()
        with self._store.transaction():
            if origin == "corpus":
                self._store.clear_rejected("")
            for source in find_files(paths, downloads):
                if isinstance(source, Rejected):
                    if origin == "added":
                        raise CorpusError(f"{source.id}: {source.reason}")
                    self._reject("", source)
                    missing.add(source.id)
                elif source.id in sources:
                    reason = f"same name as in {sources[source.id].root}; index one directory above"
                    self._reject("", Rejected(f"{source.root}/{source.id}", reason))
                else:
                    sources[source.id] = source
        if origin == "corpus":
            self._drop_vanished(sources, missing)
        total = sum(source.size for source in sources.values())
        with progress("reading", total / 1e6, "MB") as advance:
            for source in sources.values():
                left = source.size
                for characters in self._read_file(source, origin):
                    # Characters read stand for bytes; what is left is made up for at the end.
                    step = min(left, characters)
                    advance(step / 1e6)
                    left -= step
                advance(left / 1e6)

    def _drop_vanished(self, sources: dict[str, SourceFile], missing: set[str]) -> None:
        """Remove the documents of files that are gone.

        A path that is away as a whole (an unmounted disk, a server down) must not empty the
        index: what was read under it is kept, and the path is among the rejected.
        """
        for file, root, origin in list(self._store.files()):
            if origin == "corpus" and file not in sources and root not in missing:
                with self._store.transaction():
                    removed = self._store.remove_file_documents(file, self._build)
                    self._store.forget_file(file)
                self._report.removed += len(removed)

    def _read_file(self, source: SourceFile, origin: str) -> Iterator[int]:
        """Bring one file's documents up to date; yields the characters of each as it is stored."""
        store = self._store
        known = store.file(source.id)
        if known and "added" in (known.origin, origin) and not _same_place(known, source):
            reason = f"same name as a document from {known.root}; rename it"
            if origin == "added":
                raise CorpusError(f"{source.path}: {reason}")
            with store.transaction():
                self._reject("", Rejected(source.id, reason))
            return
        if known and (known.size, known.mtime_ns) == (source.size, source.mtime_ns):
            self._report.unchanged_files += 1
            return
        try:
            digest = file_sha256(source.path)
        except OSError as error:
            with store.transaction():
                store.clear_rejected(source.id)
                self._reject(
                    source.id, Rejected(source.id, f"cannot be read: {error.strerror or error}")
                )
            return
        state = FileState(
            source.root, known.origin if known else origin, source.size, source.mtime_ns, digest
        )
        if known and known.sha256 == digest:
            self._report.unchanged_files += 1
            with store.transaction():
                store.put_file(source.id, state)
            return
        with store.transaction():
            store.clear_rejected(source.id)
        keep: set[int] = set()
        documents = read_documents(source.path, source.id, self._config)
        done = False
        while not done:
            done = True
            characters = []
            with store.transaction():
                # One at a time: a document's blocks must be read before the next one is asked for.
                for item in islice(documents, _COMMIT_DOCUMENTS):
                    done = False
                    if isinstance(item, Rejected):
                        self._reject(source.id, item)
                    else:
                        characters.append(self._put(item, source.id, keep))
            yield from characters
        if origin == "added" and not keep:
            with store.transaction():
                reasons = [reason for file, _, reason in store.rejected() if file == source.id]
                store.clear_rejected(source.id)
            raise CorpusError(f"{source.path}: {reasons[-1] if reasons else 'no document in it'}")
        with store.transaction():
            removed = store.remove_file_documents(source.id, self._build, keep)
            store.put_file(source.id, state)
        self._report.removed += len(removed)

    def _put(self, document: Document, file: str, keep: set[int]) -> int:
        """Store one document under a free id; returns its characters."""
        store = self._store
        live = store.live_document(document.id)
        if live and live[1] != file:
            reason = f"the same document is in {live[1]}; remove one of the two"
            self._reject(file, Rejected(document.id, reason))
            return 0
        number = 1
        id_ = document.id
        while live and live[0] in keep:
            # Rows that share an id are all kept; the later ones are told apart by a number.
            number += 1
            id_ = f"{document.id}~{number}"
            live = store.live_document(id_)
        title = " ".join(clean_text(document.title).split())
        document = replace(document, id=id_, title=title)
        characters = 0

        def cleaned() -> Iterator[Block]:
            nonlocal characters
            for block in clean_blocks(document.blocks):
                characters += len(block.text)
                yield block

        try:
            key, is_new = store.put_document(
                document, self._chunker.chunks(cleaned(), title), self._chunker, file, self._build
            )
        except DocumentError as error:
            self._reject(file, Rejected(id_, str(error)))
            return characters
        keep.add(key)
        if is_new and live:
            self._report.changed += 1
        elif is_new:
            self._report.added += 1
        return characters

    def _reject(self, file: str, rejected: Rejected) -> None:
        if self._config.strict:
            raise CorpusError(
                f"{rejected.id}: {rejected.reason} (corpus.strict=true; without it the document "
                "is quarantined and the build goes on)"
            )
        self._store.put_rejected(file, rejected.id, rejected.reason)


def _same_place(known: FileState, source: SourceFile) -> bool:
    """True when a known file lies where this one does, however its path was written."""
    places = (Path(known.root), Path(known.root, source.id))
    return known.root == source.root or source.path.resolve() in [p.resolve() for p in places]
