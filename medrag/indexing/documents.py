"""The first half of a build: bring the store's documents and chunks up to date with the corpus."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path

from more_itertools import chunked

from ..config import CorpusConfig
from ..errors import CorpusError, DocumentError
from ..ingestion.chunking import Chunker
from ..ingestion.corpus import Away, Skipped, SourceFile, find_files
from ..ingestion.parsing import Parsed, ParserPool
from ..ingestion.readers.pdf.ocr import installed
from ..manifest import file_sha256
from ..progress import Advance, progress
from ..stores import FileState, IndexWriter, Origin, RejectCode
from ..types import Chunk, Deleted, Document, Rejected
from .embedding import WINDOW, Pending, Text
from .publishing import BuildReport

_COMMIT_DOCUMENTS = 200  # documents between two commits
_COMMIT_CHUNKS = 1_000  # chunks between two commits; a document is never divided
_LONG = 4 * WINDOW  # texts in one commit from which on their embedding has its own progress bar


class CorpusReader:
    """Reads what changed since the last build, and nothing else.

    The generators yield the texts that each commit has stored and that have no vector yet, a window
    at a time. Texts that a build that was killed has left are not among them.

    Args:
        writer: of the index.
        directory: of the index.

    Attributes:
        downloads: directory for files fetched from URLs.
        report: what the build has done so far.
    """

    def __init__(
        self,
        writer: IndexWriter,
        config: CorpusConfig,
        chunker: Chunker,
        directory: Path,
    ) -> None:
        self.writer = writer
        self._config = config
        self._parsers = ParserPool(config, chunker)
        self._chunker = chunker
        self._directory = directory
        self.downloads = directory / ".medrag-downloads"  # a name that nobody else uses
        self.report = BuildReport(directory)
        self._states: dict[str, FileState] = {}  # of the files that are being parsed
        self._pending: Pending  # of the transaction under way

    # --- mirror, add, remove ----------------------------------------------------------------

    def mirror(self, paths: Sequence[str]) -> Generator[list[Text], None, None]:
        """Read the files under `paths`, and drop the documents of files that are gone.

        Raises:
            CorpusError: with `corpus.strict`, the first document that cannot be used.
        """
        writer = self.writer
        with writer.transaction():
            writer.clear_found()
            writer.clear_rejected("")
            for source in find_files(paths, self.downloads):
                self._list(source)
        self._drop_vanished()
        with writer.transaction():
            if writer.get_meta("limits") != _limits(self._config):
                writer.unread_rejected()
                writer.set_meta("limits", _limits(self._config))
            writer.unread_freed()
        self.report.unchanged_files += writer.drop_unchanged()
        yield from self._read(Origin.corpus)
        if writer.unread_freed():
            # A document has moved to a file that was read before the file that lost it.
            unchanged = self.report.unchanged_files
            yield from self.mirror(paths)
            self.report.unchanged_files = unchanged

    def end_mirror(self) -> None:
        """Note that a mirror has read and embedded everything."""
        if self.writer.get_meta("unfinished"):
            with self.writer.transaction():
                self.writer.set_meta("unfinished", None)

    def check_mirrored(self) -> None:
        """Refuse to publish a mirror that did not finish together with a change by hand.

        Raises:
            CorpusError: the last mirror did not finish.
        """
        if self.writer.get_meta("unfinished"):
            raise CorpusError(
                "the last build of this index did not finish; run it again first: "
                "python -m medrag.build_index 'corpus.paths=[DIR]' "
                f"index.dir={self._directory}"
            )

    def add(self, path: str) -> Generator[list[Text], None, None]:
        """Read one file or URL that is added by hand.

        Raises:
            CorpusError: nothing in it can be used; its old documents stay.
        """
        with self.writer.transaction():
            self.writer.clear_found()
            for source in find_files([path], self.downloads):
                if not isinstance(source, SourceFile):
                    raise CorpusError(f"{source.id}: {source.reason}")
                self._list(source)
        yield from self._read(Origin.added)

    def add_unread(self) -> Generator[list[Text], None, None]:
        """Read files again that were added by hand and not read since the index was emptied.

        Unreadable files are listed as rejected, and the next build tries them again.
        """
        for file, state in self.writer.added_files():
            if state.sha256:  # it has been read
                continue
            try:
                yield from self.add(state.root)
            except CorpusError as error:
                with self.writer.transaction():
                    self.writer.clear_rejected(file)
                    self._reject(file, Rejected(file, f"added by hand: {error}"))

    def remove(self, path: str) -> None:
        """Remove what was added by hand under this name.

        Raises:
            CorpusError: nothing was, or nothing would be left; then nothing is removed.
        """
        added = [id_ for id_, state in self.writer.added_files() if state.root == path]
        if not added:
            raise CorpusError(
                f"{path} was not added by hand; to remove a document of the corpus, delete its "
                "file and build again"
            )
        with self.writer.transaction():
            for file in added:
                self.writer.forget_file(file)
            if self.writer.is_empty():
                raise CorpusError(f"{path} is all that the index holds; delete the directory")

    # --- files ------------------------------------------------------------------------------

    def _list(self, source: SourceFile | Rejected | Skipped) -> None:
        """Put a file on the worklist, or list why it is not read."""
        if isinstance(source, Skipped):
            self._note("", source.id, source.reason, RejectCode.skipped)
            return
        if isinstance(source, SourceFile):
            if root := self.writer.add_found(source):
                reason = f"same name as in {root}; index one directory above"
                self._reject("", Rejected(f"{source.root}/{source.id}", reason))
            return
        self._reject("", source)
        if isinstance(source, Away):
            self.writer.add_away(source)

    def _drop_vanished(self) -> None:
        """Remove the documents of files that are gone.

        A place that cannot be looked at now (an unmounted disk, a server that is down, a directory
        without permission) must not empty the index: its documents are kept, and it is listed as
        rejected.
        """
        for files in chunked(self.writer.vanished(), _COMMIT_DOCUMENTS):
            with self.writer.transaction():
                self._begin_changes()
                for file in files:
                    self.writer.forget_file(file)

    def _begin_changes(self) -> None:
        """Note, before a mirror changes a document, that it has not finished."""
        if not self.writer.get_meta("unfinished"):
            self.writer.set_meta("unfinished", "mirror")

    def _read(self, origin: Origin) -> Generator[list[Text], None, None]:
        """Read the files on the worklist."""
        self._states.clear()
        with (
            progress("indexing", self.writer.found_bytes() / 1e6, "MB") as advance,
            closing(self._documents(origin, advance)) as documents,
            closing(Pending(self._directory)) as self._pending,
        ):
            more = True
            while more:
                with self.writer.transaction():
                    more = self._store_some(documents)
                for texts in self._lacking():
                    yield texts
                    advance(0, self.report.embedding_rate)

    def _lacking(self) -> Iterator[list[Text]]:
        """The pending texts that have no vector, each of them once."""
        number = len(self._pending)
        shown = progress("embedding", number, "chunks") if number > _LONG else nullcontext()
        with shown as advance:
            for window in chunked(self._pending.take(), WINDOW):
                texts = dict(window)
                known = self.writer.known_vectors(list(texts))
                if lacking := [text for text in texts.items() if text[0] not in known]:
                    yield lacking
                if advance:
                    advance(len(window), self.report.embedding_rate)

    def _store_some(self, documents: Iterator[None]) -> bool:
        """Store documents until a commit is due; False when there are none left."""
        for number, _ in enumerate(documents, start=1):
            if number == _COMMIT_DOCUMENTS or len(self._pending) >= _COMMIT_CHUNKS:
                return True
        return False

    def _documents(self, origin: Origin, advance: Advance) -> Generator[None, None, None]:
        """Bring one document after another up to date; yields after each."""
        changed = self._changed(origin, advance)
        scratch = self._directory / ".medrag-scratch"
        with closing(self._parsers.read(changed, scratch)) as parsed:
            for source, documents in parsed:
                yield from self._read_file(source, documents, origin, advance)

    def _changed(self, origin: Origin, advance: Advance) -> Iterator[SourceFile]:
        """The files that must be read."""
        for source in self.writer.found():
            state = self._new_state(source, origin)
            if state is None:
                advance(source.size / 1e6)
            else:
                self._states[source.id] = state
                yield source

    def _new_state(self, source: SourceFile, origin: Origin) -> FileState | None:
        """The state to note when a file has been read; None if it must not be read."""
        writer = self.writer
        known = writer.file(source.id)
        by_hand = known is not None and known.origin is Origin.added
        # A file that was added by hand is removed by the name it was added by.
        root = known.root if known and by_hand else source.root
        kept = known.origin if known else origin
        state = FileState(root, kept, source.size, source.mtime_ns, "")
        if known and (by_hand or origin is Origin.added) and not _same_place(known, source):
            reason = f"same name as a document from {known.root}; rename it"
            if origin is Origin.added:
                raise CorpusError(f"{source.path}: {reason}")
            self._reject("", Rejected(source.id, reason))
            return None
        # Under another root it may be another file of the same size and time.
        unchanged = known and (known.size, known.mtime_ns) == (source.size, source.mtime_ns)
        if known and unchanged and (known.root == source.root or by_hand):
            self.report.unchanged_files += 1
            return None
        try:
            digest = file_sha256(source.path)
        except OSError as error:
            reason = f"cannot be read: {error.strerror or error}"
            if origin is Origin.added:
                raise CorpusError(f"{source.path}: {reason}") from error
            writer.clear_rejected(source.id)
            self._reject(source.id, Rejected(source.id, reason))
            # Known from now on, so that it leaves the quarantine when it is gone or readable.
            writer.put_file(source.id, (known or state).unread())
            return None
        state = replace(state, sha256=digest)
        if known and known.sha256 == digest:
            self.report.unchanged_files += 1
            writer.put_file(source.id, state)
            return None
        return state

    # --- documents --------------------------------------------------------------------------

    def _read_file(
        self, source: SourceFile, documents: Iterable[Parsed], origin: Origin, advance: Advance
    ) -> Iterator[None]:
        """Bring the documents of one file up to date."""
        writer = self.writer
        if origin is Origin.corpus:
            self._begin_changes()
        writer.clear_rejected(source.id)
        state = self._states.pop(source.id)
        # Known from its first document on, so that none is left if it vanishes half read. Unread
        # until its last, so that it is read again whatever it holds by then.
        writer.put_file(source.id, state.unread())
        writer.begin_file(source.id)
        left = source.size
        reason = "no document in it"

        def counted(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
            # Characters read stand for bytes; the end makes up for the difference.
            nonlocal left
            for chunk in chunks:
                step = min(left, len(chunk.glue) + len(chunk.text))
                left -= step
                advance(step / 1e6)
                yield chunk

        for item in documents:
            if isinstance(item, Rejected):
                reason = item.reason
                self._reject(source.id, item)
            elif isinstance(item, Deleted):
                self._delete(item, source.id)
            else:
                document, chunks = item
                reason = self._put(document, counted(chunks), source.id) or reason
            # Of a file added by hand, nothing is committed before something in it can be used.
            if origin is Origin.corpus or writer.holds_any():
                yield
        if origin is Origin.added and not writer.holds_any():
            raise CorpusError(f"{source.path}: {reason}")
        writer.end_file()
        # A file that changed while it was read is read again by the next build.
        writer.put_file(source.id, state if _is_as_found(source) else state.unread())
        advance(left / 1e6)

    def _put(self, document: Document, chunks: Iterable[Chunk], file: str) -> str:
        """Store one document under a free id; returns why it was rejected, or ""."""
        if why := self._stands_aside(document, file):
            return why
        # Of a document with revisions there is only one.
        id_ = document.id if document.version else self.writer.free_id(document.id)
        before = self._pending.mark()
        try:
            self.writer.put_document(
                replace(document, id=id_),
                chunks,
                self._chunker.embedded_text,
                lambda key, text, chunk: self._pending.add(key, chunk.ids or text),
            )
        except DocumentError as error:
            self._pending.cut(before)
            self._reject(file, Rejected(id_, str(error)))
            return str(error)
        return ""

    def _stands_aside(self, document: Document, file: str) -> str:
        """Why another document with this id, or a deletion, keeps one out; "" if none does.

        The newest revision of a document wins, whatever the order of the files.
        """
        writer, id_ = self.writer, document.id
        if deleter := writer.deleter(id_, document.version):
            return self._note(file, id_, f"deleted by {deleter}", RejectCode.deleted)
        holder = writer.holder(id_)
        if holder is None or (holder.file == file and not (holder.is_kept and document.version)):
            return ""
        if document.version > holder.version:
            self._note(holder.file, id_, f"superseded by a newer one in {file}")
            return ""
        if document.version < holder.version:
            return self._note(file, id_, f"superseded by a newer one in {holder.file}")
        if document.version and holder.file == file:
            return self._note(file, id_, "the same revision is in the file twice")
        rejected = Rejected(id_, f"already in {holder.file}; remove one of the two")
        self._reject(file, rejected, RejectCode.duplicate)
        return rejected.reason

    def _delete(self, deleted: Deleted, file: str) -> None:
        """Remove a document that its source has withdrawn."""
        holder = self.writer.holder(deleted.id)
        if self.writer.delete_document(deleted) and holder:
            self._note(holder.file, deleted.id, f"deleted by {file}", RejectCode.deleted)

    def _note(
        self, file: str, id_: str, reason: str, code: RejectCode = RejectCode.superseded
    ) -> str:
        """List a document that is rightly not in the index; returns the reason."""
        self.writer.put_rejected(file, Rejected(id_, reason), code)
        return reason

    def _reject(
        self, file: str, rejected: Rejected, code: RejectCode = RejectCode.unusable
    ) -> None:
        if self._config.strict:
            raise CorpusError(
                f"{rejected.id}: {rejected.reason} (corpus.strict=true; without it the document "
                "is quarantined and the build goes on)"
            )
        self.writer.put_rejected(file, rejected, code)


def _limits(config: CorpusConfig) -> str:
    """The settings that may make a rejected document usable although its file is the same."""
    return (
        f"{config.max_document_mb} {config.max_archive_mb} {config.max_parser_mb} "
        f"{config.max_parser_seconds} {config.strict} {config.ocr} {installed(config.ocr)}"
    )


def _is_as_found(source: SourceFile) -> bool:
    try:
        now = source.path.stat()
    except OSError:
        return False
    return (now.st_size, now.st_mtime_ns) == (source.size, source.mtime_ns)


def _same_place(known: FileState, source: SourceFile) -> bool:
    """True when a known file is this one, however its path was written."""
    places = (Path(known.root), Path(known.root, source.id))
    return known.root == source.root or source.path.resolve() in [p.resolve() for p in places]
