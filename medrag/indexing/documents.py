"""The first half of a build: bring the store's documents and chunks up to date with the corpus."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path

from more_itertools import chunked

from ..config import CorpusConfig
from ..errors import CorpusError, DocumentError
from ..ingestion.chunking import Chunker
from ..ingestion.corpus import Away, SourceFile, find_files
from ..ingestion.parsing.pool import Parsed, ParserPool
from ..manifest import file_sha256
from ..progress import Advance, progress
from ..stores.local.store import SAME_DOCUMENT, FileState, Store
from ..stores.local.worklist import Worklist
from ..types import Chunk, Document, Rejected
from .embedding import WINDOW, Pending, Text
from .report import BuildReport

_COMMIT_DOCUMENTS = 200  # documents between two commits
_COMMIT_CHUNKS = 1_000  # chunks between two commits; a document is never divided
_LONG = 4 * WINDOW  # texts to embed after one commit that a person wants to see the progress of


class CorpusReader:
    """Reads what changed since the last build, and nothing else.

    Args:
        store: opened for writing, by one build at a time.
        parsers: turn the files into documents and chunks.
        chunker: the one that the parsers use too.
        build: the generation that is being prepared.
        report: counts are added to it.
    """

    def __init__(
        self,
        store: Store,
        config: CorpusConfig,
        parsers: ParserPool,
        chunker: Chunker,
        build: int,
        report: BuildReport,
    ) -> None:
        self._store = store
        self._config = config
        self._parsers = parsers
        self._chunker = chunker
        self._build = build
        self._report = report
        self._worklist = Worklist(store.connection)
        self._states: dict[str, FileState] = {}  # of the files that are being parsed
        self._pending: Pending  # of the transaction under way

    def read(
        self, paths: Sequence[str], origin: str, downloads: Path
    ) -> Generator[list[Text], None, None]:
        """Read the files under `paths`; with origin "corpus", drop documents of vanished files.

        Yields what each commit has stored that has no vector yet, a window of texts at a time.
        What a build that was killed has left is not among it.

        Args:
            origin: "corpus" for what is mirrored, "added" for what was added by hand.
            downloads: directory for files fetched from URLs.

        Raises:
            CorpusError: with `corpus.strict`, the first document that cannot be used; for a file
                added by hand, when nothing in it can be used. What it held before stays.
        """
        self._states.clear()
        with self._store.transaction():
            self._find(paths, origin, downloads)
        if origin == "corpus":
            self._drop_vanished()
            with self._store.transaction():
                self._store.unread_rejected(_limits(self._config))
                self._store.unread_freed()
            self._report.unchanged_files += self._worklist.drop_unchanged()
        scratch = downloads.with_name(".medrag-scratch")
        with (
            progress("indexing", self._worklist.bytes() / 1e6, "MB") as advance,
            closing(self._documents(origin, scratch, advance)) as documents,
            closing(Pending(self._store.path.parent)) as self._pending,
        ):
            more = True
            while more:
                with self._store.transaction():
                    more = self._store_some(documents)
                for texts in self._lacking():
                    yield texts
                    advance(0, self._report.embedding_rate)
        if origin == "corpus" and self._store.unread_freed():
            # A document has moved to a file that was read before the one that lost it.
            unchanged = self._report.unchanged_files
            yield from self.read(paths, origin, downloads)
            self._report.unchanged_files = unchanged

    def _lacking(self) -> Iterator[list[Text]]:
        """Those of the pending texts that have no vector, none of them twice."""
        number = len(self._pending)
        shown = progress("embedding", number, "chunks") if number > _LONG else nullcontext()
        with shown as advance:
            for window in chunked(self._pending.take(), WINDOW):
                texts = dict(window).items()
                if lacking := [text for text in texts if not self._store.has_vector(text[0])]:
                    yield lacking
                if advance:
                    advance(len(window), self._report.embedding_rate)

    def _find(self, paths: Sequence[str], origin: str, downloads: Path) -> None:
        """Put the files on the worklist."""
        self._worklist.clear()
        if origin == "corpus":
            self._store.clear_rejected("")
        for source in find_files(paths, downloads):
            if isinstance(source, SourceFile):
                if root := self._worklist.add(source):
                    reason = f"same name as in {root}; index one directory above"
                    self._reject("", Rejected(f"{source.root}/{source.id}", reason))
            elif origin == "added":
                raise CorpusError(f"{source.id}: {source.reason}")
            else:
                self._reject("", source)
                if isinstance(source, Away):
                    self._worklist.add_away(source)

    def _drop_vanished(self) -> None:
        """Remove the documents of files that are gone.

        What cannot be looked at (an unmounted disk, a server down, a directory that may not be
        read) must not empty the index: what was read there is kept, and it is among the rejected.
        """
        for files in chunked(self._worklist.vanished(), _COMMIT_DOCUMENTS):
            with self._store.transaction():
                for file in files:
                    self._report.removed += self._store.remove_file_documents(file, self._build)
                    self._store.forget_file(file)

    def read_unread(self, downloads: Path) -> Generator[list[Text], None, None]:
        """Read again what was added by hand and has not been read since the index was emptied.

        What cannot be read is among the rejected, and is tried again by the next build.
        """
        for file, root in list(self._store.unread()):
            try:
                yield from self.read([root], "added", downloads)
            except CorpusError as error:
                with self._store.transaction():
                    self._store.clear_rejected(file)
                    self._reject(file, Rejected(file, f"added by hand: {error}"))

    def _store_some(self, documents: Iterator[None]) -> bool:
        """Store documents until a commit is due; False when there are none left."""
        for number, _ in enumerate(documents, start=1):
            if number == _COMMIT_DOCUMENTS or len(self._pending) >= _COMMIT_CHUNKS:
                return True
        return False

    def _documents(
        self, origin: str, scratch: Path, advance: Advance
    ) -> Generator[None, None, None]:
        """Bring one document after the other up to date; yields after each."""
        changed = self._changed(origin, advance)
        with closing(self._parsers.read(changed, scratch)) as parsed:
            for source, documents in parsed:
                yield from self._read_file(source, documents, origin, advance)

    def _changed(self, origin: str, advance: Advance) -> Iterator[SourceFile]:
        """The files that must be read."""
        for source in self._worklist.files():
            state = self._new_state(source, origin)
            if state is None:
                advance(source.size / 1e6)
            else:
                self._states[source.id] = state
                yield source

    def _new_state(self, source: SourceFile, origin: str) -> FileState | None:
        """What is to be noted of a file once it is read; None if it is not to be read."""
        store = self._store
        known = store.file(source.id)
        if known and "added" in (known.origin, origin) and not _same_place(known, source):
            reason = f"same name as a document from {known.root}; rename it"
            if origin == "added":
                raise CorpusError(f"{source.path}: {reason}")
            self._reject("", Rejected(source.id, reason))
            return None
        # Under another root it may be another file of the same size and time.
        unchanged = known and (known.size, known.mtime_ns) == (source.size, source.mtime_ns)
        if known and unchanged and (known.root == source.root or known.origin == "added"):
            self._report.unchanged_files += 1
            return None
        try:
            digest = file_sha256(source.path)
        except OSError as error:
            reason = f"cannot be read: {error.strerror or error}"
            if origin == "added":
                raise CorpusError(f"{source.path}: {reason}") from error
            store.clear_rejected(source.id)
            self._reject(source.id, Rejected(source.id, reason))
            # Known, lest it stays among the rejected when it is gone or can be read again.
            store.put_file(source.id, (known or self._state(source, None, origin, "")).unread())
            return None
        state = self._state(source, known, origin, digest)
        if known and known.sha256 == digest:
            self._report.unchanged_files += 1
            store.put_file(source.id, state)
            return None
        return state

    def _state(
        self, source: SourceFile, known: FileState | None, origin: str, digest: str
    ) -> FileState:
        root = source.root
        if known:
            origin = known.origin
            if origin == "added":  # it is removed by the name that it was added by
                root = known.root
        return FileState(root, origin, source.size, source.mtime_ns, digest)

    def _read_file(
        self, source: SourceFile, documents: Iterable[Parsed], origin: str, advance: Advance
    ) -> Iterator[None]:
        """Bring the documents of one file up to date."""
        store = self._store
        store.clear_rejected(source.id)
        state = self._states.pop(source.id)
        # Known from its first document on, lest documents stay when it vanishes half read; and as
        # unread until its last, so that it is read again whatever it holds then.
        store.put_file(source.id, state.unread())
        self._worklist.begin_file()
        left = source.size
        reason = "no document in it"

        def progressed(characters: int) -> None:
            # Characters read stand for bytes; what is left is made up for at the end.
            nonlocal left
            step = min(left, characters)
            left -= step
            advance(step / 1e6)

        for item in documents:
            if isinstance(item, Rejected):
                rejected: Rejected | None = item
            else:
                rejected = self._put(*item, source.id, progressed)
            if rejected:
                reason = rejected.reason
                self._reject(source.id, rejected)
            # Nothing of a file added by hand is committed before something in it can be used.
            if origin == "corpus" or self._worklist.keeps_any():
                yield
        if origin == "added" and not self._worklist.keeps_any():
            raise CorpusError(f"{source.path}: {reason}")
        keep = self._worklist.kept()
        self._report.removed += store.remove_file_documents(source.id, self._build, keep)
        # What changed while it was read is read again by the next build.
        store.put_file(source.id, state if _is_as_found(source) else state.unread())
        advance(left / 1e6)

    def _put(
        self,
        document: Document,
        chunks: Iterable[Chunk],
        file: str,
        progressed: Callable[[int], None],
    ) -> Rejected | None:
        """Store one document under a free id, or return why it cannot be stored."""
        live = self._store.live_document(document.id)
        if live and live[1] != file:
            return Rejected(document.id, f"{SAME_DOCUMENT}{live[1]}; remove one of the two")
        id_ = self._free_id(document.id)
        live = self._store.live_document(id_)

        def noted() -> Iterator[Chunk]:
            for chunk in chunks:
                progressed(len(chunk.glue) + len(chunk.text))
                yield chunk

        before = self._pending.mark()
        try:
            key, is_new = self._store.put_document(
                replace(document, id=id_),
                noted(),
                self._chunker,
                file,
                self._build,
                self._pending.add,
            )
        except DocumentError as error:
            self._pending.cut(before)
            return Rejected(id_, str(error))
        self._worklist.keep(key)
        if is_new and live:
            self._report.changed += 1
        elif is_new:
            self._report.added += 1
        return None

    def _free_id(self, id_: str) -> str:
        """The id; where several rows of a file share one, all are kept, told apart by a number."""
        while True:
            times = self._worklist.times(id_)
            free = id_ if times == 1 else f"{id_}~{times}"
            live = self._store.live_document(free)
            if live is None or not self._worklist.is_kept(live[0]):
                return free

    def _reject(self, file: str, rejected: Rejected) -> None:
        if self._config.strict:
            raise CorpusError(
                f"{rejected.id}: {rejected.reason} (corpus.strict=true; without it the document "
                "is quarantined and the build goes on)"
            )
        self._store.put_rejected(file, rejected.id, rejected.reason)


def _limits(config: CorpusConfig) -> str:
    """What may make a document usable that was not, though its file is the same."""
    return (
        f"{config.max_document_mb} {config.max_archive_mb} {config.max_parser_mb} "
        f"{config.max_parser_seconds} {config.strict}"
    )


def _is_as_found(source: SourceFile) -> bool:
    try:
        now = source.path.stat()
    except OSError:
        return False
    return (now.st_size, now.st_mtime_ns) == (source.size, source.mtime_ns)


def _same_place(known: FileState, source: SourceFile) -> bool:
    """True when a known file lies where this one does, however its path was written."""
    places = (Path(known.root), Path(known.root, source.id))
    return known.root == source.root or source.path.resolve() in [p.resolve() for p in places]
