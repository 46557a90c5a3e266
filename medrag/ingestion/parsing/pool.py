"""Parses files in child processes within limits of memory and time, ahead of whoever reads.

A parser that crashes, hangs or eats memory takes its process with it and costs the document it was
at; the file is read again from behind that. Nothing a child sends can run code here (JSON, no
pickle). A child that is ahead waits once its pipe is full, so nothing piles up.
"""

from __future__ import annotations

import json
import os
import shutil
from array import array
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ...config import CorpusConfig
from ...errors import DocumentError
from ...hardware import usable_cores
from ...types import Chunk, Document, Rejected
from ..corpus import SourceFile
from .child import NONSENSE, DeathError, ParserProcess

# A document, its text as chunks instead of blocks; or what cannot be used.
Parsed = tuple[Document, Iterator[Chunk]] | Rejected

_MOST_WORKERS = 8
_AHEAD = 4  # files asked of a worker before the first has been read
_ATTEMPTS = 3  # times that a file, or a member of an archive, is begun


class ParserPool:
    """Parses files in order, in as many processes as there is work for.

    Args:
        config: fields of rows, and the limits.
        tokenizer: the embedder's tokenizer.json.
        max_tokens: budget of a chunk.
    """

    def __init__(self, config: CorpusConfig, tokenizer: Path, max_tokens: int) -> None:
        self._config = config
        self._setup = {
            "corpus": asdict(config),
            "tokenizer": str(tokenizer),
            "max_tokens": max_tokens,
            "parent": os.getpid(),
        }

    def read(
        self, files: Iterable[SourceFile], scratch: Path
    ) -> Generator[tuple[SourceFile, Iterator[Parsed]], None, None]:
        """What is in each file, in the order of `files`, which is drawn from somewhat ahead.

        Be done with a file, and in it with a document, before asking for the next one. A
        document's chunks raise DocumentError where it cannot be used after all.

        Args:
            scratch: directory for members of archives; nobody else's, and gone afterwards.

        Raises:
            CorpusError: no process can be started.
            OSError: no room in `scratch`.
        """
        waiting = iter(files)
        workers: list[_Worker] = []
        order: deque[_Worker] = deque()  # the worker of each file asked for
        most = self._config.workers or min(_MOST_WORKERS, max(1, usable_cores() - 1))
        shutil.rmtree(scratch, ignore_errors=True)  # left by a process that was killed
        try:
            while True:
                while len(order) < _AHEAD * most and (file := next(waiting, None)):
                    free = [worker for worker in workers if len(worker.requests) < _AHEAD]
                    worker = min(free, key=_Worker.load, default=None)
                    if worker is None or (worker.requests and len(workers) < most):
                        place = scratch / str(len(workers))
                        worker = _Worker(self._setup, self._config, place)
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
    """A file to parse, and how far that has come."""

    file: SourceFile
    start: int = 0  # the member of an archive that is being read
    skip: int = 0  # documents of it that are done
    attempts: int = 1  # times it was begun
    name: str = field(init=False)  # the member's id; the file's, until the worker tells

    def __post_init__(self) -> None:
        self.name = self.file.id

    def line(self) -> bytes:
        """As the worker reads it."""
        what = [str(self.file.path), self.file.id, self.start, self.skip]
        return json.dumps(what, ensure_ascii=False).encode(errors="surrogateescape")

    def enter(self, member: int, name: str) -> None:
        """Note that the worker has come to a member."""
        if member > self.start:
            self.start, self.skip, self.attempts = member, 0, 1
        if member == self.start:
            self.name = name

    def give_up(self) -> bool:
        """Step behind the member that is being read; False when there is nothing behind it."""
        if self.name == self.file.id:
            return False
        self.start, self.skip, self.attempts, self.name = self.start + 1, 0, 1, self.file.id
        return True


class _Worker:
    """One process; started when there is something to do, and again after it has died."""

    def __init__(self, setup: Mapping[str, Any], config: CorpusConfig, scratch: Path) -> None:
        self.requests: deque[_Request] = deque()
        self._setup = {**setup, "scratch": str(scratch)}
        self._config = config
        self._scratch = scratch
        self._process: ParserProcess | None = None
        self._open = False  # within a document

    def load(self) -> int:
        """Bytes of the files that it still has to do."""
        return sum(request.file.size for request in self.requests)

    def ask(self, file: SourceFile) -> None:
        """Have a file parsed after those asked for before."""
        self.requests.append(_Request(file))
        if self._process is None:
            self._start()
        else:
            self._process.send(self.requests[-1].line())

    def documents(self) -> Iterator[Parsed]:
        """What is in the first of the files asked for, which is then done with."""
        request = self.requests[0]
        while self.requests and self.requests[0] is request:
            try:
                match self._receive():
                    case ["member", int(number), str(name)]:
                        request.enter(number, name)
                    case ["rejected", str(id_), str(reason)]:
                        yield Rejected(id_, reason)
                        request.skip += 1
                    case ["document", str(id_), str(title), str(url), dict(metadata)]:
                        self._open = True
                        yield Document(id_, title, (), url, metadata), self._chunks()
                        with suppress(DocumentError):
                            for _ in self._chunks():  # left by a caller with no interest in it
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
                    case ["disk", int(number), str(why)]:  # no fault of any document
                        raise OSError(number, why, str(self._scratch))
                    case _:
                        raise DeathError(NONSENSE)
            except DeathError as death:
                self.stop()
                rest = "; what follows in it is not read" if request.skip else ""
                yield Rejected(request.name, f"{death}{rest}")
                if not request.give_up():
                    self.requests.popleft()

    def _chunks(self) -> Iterator[Chunk]:
        """The rest of the open document's chunks.

        Raises:
            DocumentError: the document cannot be used to its end.
        """
        while self._open:
            try:
                match self._receive():
                    case ["chunks", list(rows)]:
                        batch = _decoded(rows)
                    case ["end"]:
                        self._open = False
                        return
                    case ["failed", str(reason)]:
                        self._open = False
                        raise DocumentError(reason)
                    case _:
                        raise DeathError(NONSENSE)
            except DeathError as death:
                self.stop()
                raise DocumentError(str(death)) from death
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
        """End the process; what it was asked for is not forgotten."""
        self._open = False
        if self._process is not None:
            self._process.stop()
            self._process = None
        shutil.rmtree(self._scratch, ignore_errors=True)


def _decoded(rows: list[Any]) -> list[Chunk]:
    try:
        return [_chunk(*row) for row in rows]
    except (TypeError, ValueError, OverflowError) as error:
        raise DeathError(NONSENSE) from error


def _chunk(
    text: str,
    start: int,
    end: int,
    tokens: int,
    page: int | None,
    section: str,
    glue: str,
    page_starts: Sequence[tuple[int, int]],
    ids: Sequence[int] = (),
) -> Chunk:
    """A chunk out of what a worker sent, each field made what it must be."""
    return Chunk(
        str(text), int(start), int(end), int(tokens),
        None if page is None else int(page), str(section), str(glue),
        tuple((int(at), int(number)) for at, number in page_starts),
        array("I", ids),
    )  # fmt: skip
