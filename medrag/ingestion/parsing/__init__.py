"""Parse files in child processes within limits of memory and time, ahead of the reader.

A parser that crashes, hangs or uses too much memory loses only its process and the document it was
parsing; the file is read again from the next document on. Messages cannot run code here (JSON, no
pickle). A child that is ahead waits when its pipe is full, so memory does not grow.
"""

from __future__ import annotations

import json
import os
import shutil
from array import array
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from ...config import CorpusConfig
from ...errors import DocumentError
from ...hardware import usable_cores
from ...types import Block, BlockKind, Chunk, Deleted, Document, Flag, Rejected
from ..chunking import Chunker
from ..corpus import SourceFile
from .child import NONSENSE, DeathError, ParserProcess

# A document with its chunks in place of its blocks; or something that cannot be used, or that has
# been withdrawn. Metadata, flags and counts of a document are there when its chunks have been read.
Parsed = tuple[Document, Iterator[Chunk]] | Rejected | Deleted

T = TypeVar("T")

_MOST_WORKERS = 8
_AHEAD = 4  # files requested of a worker before the first has been read
_ATTEMPTS = 3  # times that a file, or a member of an archive, is started


class ParserPool:
    """Parses files in order, in as many processes as there is work for.

    The processes also chunk, if the chunker can be copied to them (see `Chunker.recipe`);
    otherwise this process does.

    Args:
        config: fields of rows, and the limits.
    """

    def __init__(self, config: CorpusConfig, chunker: Chunker) -> None:
        self._config = config
        self._chunker = chunker
        self._setup = {
            "corpus": asdict(config),
            "chunking": chunker.recipe,
            "parent": os.getpid(),
        }

    def read(
        self, files: Iterable[SourceFile], scratch: Path
    ) -> Generator[tuple[SourceFile, Iterator[Parsed]], None, None]:
        """The content of each file, in the order of `files`, which is read somewhat ahead.

        Finish a file, and a document in it, before you ask for the next one. The chunks of a
        document raise DocumentError if it turns out to be unusable.

        Args:
            scratch: directory for members of archives; it must be unused and is removed at the end.

        Raises:
            CorpusError: no process can be started.
            OSError: the disk is full in `scratch`.
        """
        waiting = iter(files)
        workers: list[_Worker] = []
        order: deque[_Worker] = deque()  # the worker of each requested file
        most = self._config.workers or min(_MOST_WORKERS, max(1, usable_cores() - 1))
        shutil.rmtree(scratch, ignore_errors=True)  # left by a process that was killed
        try:
            while True:
                while len(order) < _AHEAD * most and (file := next(waiting, None)):
                    free = [worker for worker in workers if len(worker.requests) < _AHEAD]
                    # The one whose files that are not done yet have the fewest bytes.
                    worker = min(
                        free, key=lambda w: sum(r.file.size for r in w.requests), default=None
                    )
                    if worker is None or (worker.requests and len(workers) < most):
                        place = scratch / str(len(workers))
                        worker = _Worker(self._setup, self._config, self._chunker, place)
                        workers.append(worker)
                    worker.ask(file)
                    order.append(worker)
                if not order:
                    return
                worker = order.popleft()
                yield worker.requests[0].file, worker.documents()
        finally:
            for worker in workers:
                worker.stop()
            shutil.rmtree(scratch, ignore_errors=True)


@dataclass
class _Request:
    """A file to parse, and the progress so far."""

    file: SourceFile
    name: str  # the member's id; until that is known, the file's
    start: int = 0  # number of the archive member that is being read
    skip: int = 0  # documents of it that are done
    attempts: int = 1  # times it was started

    def line(self) -> bytes:
        """The request as the process reads it."""
        what = [str(self.file.path), self.file.id, self.start, self.skip]
        return json.dumps(what, ensure_ascii=False).encode(errors="surrogateescape")

    def enter(self, member: int, name: str) -> None:
        """Note that the process has reached a member."""
        if member > self.start:
            self.start, self.skip, self.attempts = member, 0, 1
        if member == self.start:
            self.name = name

    def give_up(self) -> bool:
        """Skip the member that is being read; False if the file is not an archive."""
        if self.name == self.file.id:
            return False
        self.start, self.skip, self.attempts, self.name = self.start + 1, 0, 1, self.file.id
        return True


class _Worker:
    """One process, started when there is something to do, and again after it has died."""

    def __init__(
        self, setup: Mapping[str, Any], config: CorpusConfig, chunker: Chunker, scratch: Path
    ) -> None:
        self.requests: deque[_Request] = deque()
        self._setup = {**setup, "scratch": str(scratch)}
        self._config = config
        self._chunker = chunker
        self._chunked = chunker.recipe is not None  # by the process, not here
        self._scratch = scratch
        self._process: ParserProcess | None = None
        self._open = False  # within a document

    def ask(self, file: SourceFile) -> None:
        """Queue a file."""
        self.requests.append(_Request(file, file.id))
        if self._process is None:
            self._start()
        else:
            self._process.send(self.requests[-1].line())

    def documents(self) -> Iterator[Parsed]:
        """The content of the first file in the queue, which is then removed from it."""
        request = self.requests[0]
        while self.requests and self.requests[0] is request:
            try:
                match self._receive():
                    case ["member", int(number), str(name)]:
                        request.enter(number, name)
                    case ["rejected", str(id_), str(reason)]:
                        yield Rejected(id_, reason)
                        request.skip += 1
                    case ["deleted", str(id_), str(version)]:
                        yield Deleted(id_, version)
                        request.skip += 1
                    case ["document", str(id_), str(title), str(url), str(version)]:
                        self._open = True
                        document = Document(id_, title, (), url, {}, version)
                        parts = self._parts(document)
                        chunks = parts if self._chunked else self._chunker.chunks(parts, title)
                        yield document, chunks
                        with suppress(DocumentError):
                            for _ in self._parts(document):  # the caller may have left some unread
                                pass
                        request.skip += 1
                        if self._process is None:
                            request.attempts += 1
                            if request.attempts > _ATTEMPTS:
                                raise DeathError(f"its parser failed {_ATTEMPTS} times")
                    case ["skipping"]:
                        pass
                    case ["done"]:
                        self.requests.popleft()
                    case ["disk", int(number), str(why)]:  # not the fault of a document
                        raise OSError(number, why, str(self._scratch))
                    case _:
                        raise DeathError(NONSENSE)
            except DeathError as death:
                self.stop()
                rest = "; the rest of it is not read" if request.skip else ""
                yield Rejected(request.name, f"{death}{rest}")
                if not request.give_up():
                    self.requests.popleft()

    def _parts(self, document: Document) -> Iterator[Any]:
        """The rest of the open document: chunks, or blocks if this process chunks.

        At its end the document gets its metadata, flags and counts.

        Raises:
            DocumentError: the document cannot be used to its end.
        """
        decode: Callable[[list[Any]], Chunk | Block]
        kind, decode = ("chunks", _chunk) if self._chunked else ("blocks", _block)
        while self._open:
            try:
                match self._receive():
                    case [str(sent), list(rows)] if sent == kind:
                        batch = list(map(decode, rows))
                    case ["end", dict(metadata), list(flags), dict(left_out)]:
                        self._open = False
                        document.metadata.update(metadata)
                        document.flags.update(map(Flag, flags))
                        document.left_out.update(_counts(left_out))
                        return
                    case ["failed", str(reason)]:
                        self._open = False
                        raise DocumentError(reason)
                    case _:
                        raise DeathError(NONSENSE)
            except (DeathError, TypeError, ValueError, OverflowError) as death:
                self.stop()
                why = str(death) if isinstance(death, DeathError) else NONSENSE
                raise DocumentError(why) from death
            yield from batch

    def _receive(self) -> Any:
        return (self._process or self._start()).receive()

    def _start(self) -> ParserProcess:
        config = self._config
        self._scratch.mkdir(parents=True, exist_ok=True)
        process = ParserProcess(self._setup, config.max_parser_seconds, config.max_parser_mb)
        for request in self.requests:
            process.send(request.line())
        self._process = process
        return process

    def stop(self) -> None:
        """End the process; its queue stays."""
        self._open = False
        if self._process is not None:
            self._process.stop()
            self._process = None
        shutil.rmtree(self._scratch, ignore_errors=True)


def _chunk(row: list[Any]) -> Chunk:
    """A chunk from the fields that a process sent, each converted to its type."""
    text, start, end, tokens, page, section, glue, page_starts, ids, header, flags = row
    return Chunk(
        str(text), int(start), int(end), int(tokens),
        None if page is None else int(page), str(section), str(glue),
        tuple((int(at), int(number)) for at, number in page_starts),
        array("I", ids), str(header), tuple(Flag(flag) for flag in flags),
    )  # fmt: skip


def _block(row: list[Any]) -> Block:
    """A block, like `_chunk`."""
    text, glue, page, section, kind, header, flags = row
    return Block(
        str(text), str(glue), None if page is None else int(page), str(section),
        BlockKind(kind), str(header), frozenset(map(Flag, flags)),
    )  # fmt: skip


def _counts(given: dict[Any, Any]) -> Counter[str]:
    return Counter({str(reason): int(count) for reason, count in given.items()})
