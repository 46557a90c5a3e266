"""Runs real builds in forked processes, which die by SIGKILL at the moment they are told.

    python -m tests.crash.fork_server MODEL

Reads a `Request` a line on stdin and answers with an `Outcome` a line; a `Look` starts a reader and
is answered with its process id. Loading the libraries costs seconds and is done once, here; a fork
costs milliseconds and is a process like any other. Nothing in medrag knows of this: the moments are
Python's own audit events (files opened, renamed, removed) and a few functions wrapped in the child.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

_NOBODY = 65534  # a user who owns nothing


@dataclass(frozen=True)
class Request:
    """One build, and when it is to die.

    Attributes:
        settings: of `PipelineConfig`'s parts, by their names.
        point: the named moment to die at (see `_Watch`); "" for none.
        times: how often that has to be passed.
        full: do not die at that moment, but meet a full disk (ENOSPC).
        event: die at the so-manieth call of a Python or C function in the main thread.
        after_s: be killed from outside after so many seconds.
        largest_file: bytes; what writes beyond fails as it does on a full disk (EFBIG).
    """

    settings: dict[str, dict[str, Any]]
    point: str = ""
    times: int = 1
    full: bool = False
    event: int = 0
    after_s: float = 0.0
    largest_file: int = 0


@dataclass(frozen=True)
class Look:
    """A process that opens an index and tells what it sees.

    It prints that as a line of JSON, and again for every line it reads; an error as a string.

    Attributes:
        reads, writes: named pipes.
        nobody: it shall not be able to write anywhere.
    """

    index: str
    model: str
    reads: str
    writes: str
    nobody: bool


@dataclass(frozen=True)
class Outcome:
    """How a build ended.

    Attributes:
        killed: by SIGKILL.
        error: type and text of what was raised, or "".
        report: numbers of the `BuildReport`.
        log_bytes, bytes: of SQLite's log, and of all files of the index, at their largest; looked
            at at the named moments.
        events: function calls in the main thread; counted only if `Request.event` was given.
    """

    killed: bool
    error: str = ""
    report: dict[str, Any] = field(default_factory=dict)
    log_bytes: int = 0
    bytes: int = 0
    events: int = 0
    seconds: float = 0.0


class _Watch:
    """Counts the named moments of a build as they pass, and dies at the one that is asked for."""

    def __init__(self, request: Request) -> None:
        self._index = Path(request.settings["index"]["dir"])
        self._request = request
        self.passed: Counter[str] = Counter()
        self.log_bytes = 0
        self.bytes = 0
        self.events = 0

    def start(self) -> None:
        from medrag.ingestion import TextEmbedder
        from medrag.stores.local.store import Store

        fsync = os.fsync

        def synced(descriptor: int | IO[bytes]) -> None:
            number = descriptor if isinstance(descriptor, int) else descriptor.fileno()
            path = Path(f"/proc/self/fd/{number}").readlink()
            if path.suffix == ".part":
                self._pass("download half written")
            derived = path.name in ("vectors.faiss", "words.tantivy")
            if derived:
                if self._request.point == f"{path.stem} half written":
                    os.truncate(path, path.stat().st_size // 2)
                self._pass(f"{path.stem} half written")
            fsync(descriptor)
            if derived:
                self._pass(f"{path.stem} synced")
            if path == self._index and self.passed["manifest renamed"]:
                self._pass("manifest replaced")

        os.fsync = synced  # type: ignore[assignment]
        self._before(TextEmbedder, "_forward", "embedding")
        self._before(Store, "put_vectors", "vectors not stored")
        self._before(Store, "purge", "before purge")
        sys.addaudithook(self._audit)
        if self._request.event:
            sys.setprofile(self._count)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and str(arguments[0]).endswith(".manifest.json.new"):
            self._pass("manifest begun")
        elif event == "os.rename" and str(arguments[1]).endswith("manifest.json"):
            self._pass("manifest renamed")  # not yet: audit events come before the deed
        elif event == "os.rename" and str(arguments[1]).endswith("quarantine.jsonl"):
            self._pass("quarantine written")
        elif event == "os.remove" and str(arguments[0]).endswith(".faiss"):
            self._pass("generation begun to be removed")
        elif event == "os.rmdir" and Path(arguments[0]).parent.name == "generations":
            self._pass("generation half removed")

    def _before(self, owner: type, name: str, point: str) -> None:
        original: Callable[..., Any] = getattr(owner, name)

        def wrapped(*arguments: Any, **options: Any) -> Any:
            self._pass(point)
            return original(*arguments, **options)

        setattr(owner, name, wrapped)

    def _pass(self, point: str) -> None:
        self.passed[point] += 1
        log = self._index / "store.sqlite-wal"
        self.log_bytes = max(self.log_bytes, log.stat().st_size if log.exists() else 0)
        files = (path.stat() for path in self._index.rglob("*") if path.is_file())
        self.bytes = max(self.bytes, sum(file.st_size for file in files))
        if point == self._request.point and self.passed[point] == self._request.times:
            if self._request.full:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            _die()

    def _count(self, frame: object, event: str, argument: object) -> None:
        if event in ("call", "c_call"):
            self.events += 1
            if self.events == self._request.event:
                _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _build(request: Request) -> Outcome:
    from medrag import (
        CacheConfig,
        ChunkingConfig,
        CorpusConfig,
        EmbedderConfig,
        IndexConfig,
        MedragError,
        PipelineConfig,
    )
    from medrag.indexing import IndexBuilder

    given = request.settings
    config = PipelineConfig(
        corpus=CorpusConfig(**given["corpus"]),
        chunking=ChunkingConfig(**given.get("chunking", {})),
        embedder=EmbedderConfig(**given["embedder"]),
        index=IndexConfig(**given["index"]),
        cache=CacheConfig(embeddings=""),
    )
    watch = _Watch(request)
    watch.start()
    error, report = "", {}
    started = time.monotonic()
    try:
        if request.largest_file:
            resource.setrlimit(
                resource.RLIMIT_FSIZE, (request.largest_file, resource.RLIM_INFINITY)
            )
        report = asdict(IndexBuilder(config).mirror())
        del report["directory"]
    except MedragError as problem:
        error = f"{type(problem).__name__}: {problem}"
    finally:
        sys.setprofile(None)
    seconds = time.monotonic() - started
    return Outcome(False, error, report, watch.log_bytes, watch.bytes, watch.events, seconds)


def _answer(request: Request, answer: int) -> None:
    silent = os.open(os.devnull, os.O_RDWR)
    os.dup2(silent, 0)
    os.dup2(silent, 1)
    outcome = _build(request)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    os.write(answer, json.dumps(asdict(outcome)).encode())


def _look(look: Look) -> None:
    from medrag import EmbedderConfig, MedragError
    from medrag.config import Backend
    from medrag.ingestion import TextEmbedder
    from medrag.stores.local.index import Index
    from tests.crash.conftest import see

    embedder = TextEmbedder(EmbedderConfig(model=look.model, backend=Backend.torch))
    embedder.embed_queries(["loads the model and its prompts"])
    with Path(look.reads).open() as asked, Path(look.writes).open("w") as told:
        if look.nobody and os.geteuid() == 0:
            os.setgid(_NOBODY)
            os.setuid(_NOBODY)
        try:
            with Index(look.index) as index:
                print(json.dumps(see(index, embedder)), file=told, flush=True)
                for _ in asked:
                    print(json.dumps(see(index, embedder)), file=told, flush=True)
        except MedragError as error:
            print(json.dumps(f"{type(error).__name__}: {error}"), file=told, flush=True)


def _fork(work: Callable[[], None]) -> int:
    child = os.fork()
    if not child:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    return child


def _run(request: Request) -> Outcome:
    answer, write = os.pipe()
    child = _fork(lambda: _answer(request, write))
    os.close(write)
    if request.after_s:
        time.sleep(request.after_s)
        os.kill(child, signal.SIGKILL)
    with os.fdopen(answer, "rb") as file:
        answered = file.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return Outcome(killed=True)
    if not answered:
        return Outcome(False, f"the child ended with status {status}")
    return Outcome(**json.loads(answered))


def serve(model: str) -> None:
    """Answer until stdin ends: a `Request` with its `Outcome`, a `Look` with its process id.

    Args:
        model: folder of the encoder; what loading it needs is in memory when a child is forked.
    """
    import faiss  # noqa: F401
    import tantivy  # noqa: F401

    import medrag.indexing  # noqa: F401
    import tests.crash.conftest  # noqa: F401
    from medrag import EmbedderConfig
    from medrag.config import Backend
    from medrag.ingestion import TextEmbedder

    # transformers compiles a thousand patterns before it loads its first model.
    TextEmbedder(EmbedderConfig(model=model, backend=Backend.torch)).load()
    for line in sys.stdin:
        asked = json.loads(line)
        if "reads" in asked:
            look = Look(**asked)
            print(_fork(lambda look=look: _look(look)), flush=True)  # type: ignore[misc]
        else:
            print(json.dumps(asdict(_run(Request(**asked)))), flush=True)


if __name__ == "__main__":
    serve(sys.argv[1])
