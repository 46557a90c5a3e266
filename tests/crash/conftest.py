"""A fork server, a tiny encoder, and what a reader can see of an index."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medrag import CorpusConfig, EmbedderConfig, IndexConfig, PipelineConfig
from medrag.config import Backend, RetrieverConfig, RetrieverMode
from medrag.ingestion import TextEmbedder
from medrag.retrieval import Retriever
from medrag.stores.local.index import Index
from tests.crash.fork_server import Look, Outcome, Request
from tests.crash.tiny_encoder import make_tiny_encoder

QUESTIONS = ["What is gout caused by?", "drug number 7", "the treated note"]
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    "OMP_NUM_THREADS": "1",  # threads do not survive a fork
    "TOKENIZERS_PARALLELISM": "false",
}


class Crashes:
    """Builds in processes of their own, and looks at what they leave.

    Attributes:
        model: folder of the tiny encoder.
        embedder: that encoder, loaded in this process for reading.
    """

    def __init__(self, model: Path) -> None:
        self.model = str(model)
        self.embedder = TextEmbedder(EmbedderConfig(model=self.model, backend=Backend.torch))
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.fork_server", self.model],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
        )

    def stop(self) -> None:
        """End the server."""
        self._server.communicate(timeout=60)

    def config(self, corpus: Path, index: Path) -> PipelineConfig:
        """Settings for a build in this process."""
        return PipelineConfig(
            corpus=CorpusConfig(paths=[str(corpus)], workers=1),
            embedder=EmbedderConfig(model=self.model, backend=Backend.torch, batch_tokens=400),
            index=IndexConfig(dir=str(index)),
        )

    def build(
        self, corpus: Path, index: Path, *, settings: dict[str, Any] | None = None, **when: Any
    ) -> Outcome:
        """Build in a forked process; `when` says when it is to die (see `Request`)."""
        parts = asdict(self.config(corpus, index))
        given = {name: parts[name] for name in ("corpus", "embedder", "index")}
        del given["corpus"]["fields"]
        for name, changes in (settings or {}).items():
            given[name] = {**given.get(name, {}), **changes}
        return Outcome(**self._ask(Request(given, **when)))

    def start_reader(self, index: Path, reads: Path, writes: Path, nobody: bool) -> int:
        """Start a reader that talks over two named pipes (see `Look`); returns its process id."""
        return int(self._ask(Look(str(index), self.model, str(reads), str(writes), nobody)))

    def _ask(self, what: Request | Look) -> Any:
        assert self._server.stdin and self._server.stdout
        print(json.dumps(asdict(what)), file=self._server.stdin, flush=True)
        return json.loads(self._server.stdout.readline())

    def must_build(self, corpus: Path, index: Path, **options: Any) -> Outcome:
        """A build that has to end well."""
        outcome = self.build(corpus, index, **options)
        assert (outcome.killed, outcome.error) == (False, "")
        return outcome

    def state(self, directory: Path) -> dict[str, Any]:
        """Everything a reader can see of an index."""
        with Index(directory) as index:
            return see(index, self.embedder)


class Near(float):
    """A number that equals those that differ from it by rounding only."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, float) and abs(float(self) - float(other)) < 1e-5

    __hash__ = None  # type: ignore[assignment]


def see(index: Index, embedder: TextEmbedder) -> dict[str, Any]:
    """Everything an opened index shows: ids, texts, vectors, counts, and search results."""
    found = {
        f"{mode.value}: {question}": [
            [hit.chunk_id, hit.document, hit.text, hit.start, Near(hit.score)]
            for hit in Retriever(
                index, embedder, RetrieverConfig(mode=mode, k=100, candidates=100)
            ).retrieve(question)
        ]
        for mode in RetrieverMode
        for question in QUESTIONS
    }
    return {
        "texts": {id_: index.document_text(id_) for id_ in index.document_ids()},
        "vectors": [
            [chunk, [Near(number) for number in np.frombuffer(vector, dtype="<f4")]]
            for chunk, vector in index.all_vectors()
        ],
        "counts": asdict(index.content().counts),
        "manifest counts": asdict(index.counts),
        "fingerprint": index.fingerprint,
        "in faiss": len(index.vectors),
        "found": found,
    }


@pytest.fixture(scope="session")
def crashes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crashes]:
    """The fork server, started once."""
    crashes = Crashes(make_tiny_encoder(tmp_path_factory.mktemp("model")))
    yield crashes
    crashes.stop()


def note(number: int, what: str) -> str:
    sentences = [
        f"{what} {n} of note number {number} is treated with drug {n * number}." for n in range(9)
    ]
    return f"Note {number}\n\n" + " ".join(sentences)


def write_first(corpus: Path) -> None:
    corpus.mkdir()
    for number in range(12):
        (corpus / f"note{number:02}.txt").write_text(note(number, "Gout"), encoding="utf-8")
    rows = "\n".join(f'{{"id": {n}, "text": "Asthma row {n} of many."}}' for n in range(20))
    (corpus / "rows.jsonl").write_text(rows, encoding="utf-8")
    (corpus / "binary.txt").write_bytes(b"a\0b")


def write_second(corpus: Path) -> None:
    """Add, change and remove."""
    for number in (1, 5):
        (corpus / f"note{number:02}.txt").write_text(note(number, "Malaria"), encoding="utf-8")
    (corpus / "note02.txt").unlink()
    (corpus / "empty.txt").write_text("", encoding="utf-8")
    rows = "\n".join(f'{{"id": {n}, "text": "Asthma row {n} of {n}."}}' for n in range(8, 30))
    (corpus / "rows.jsonl").write_text(rows, encoding="utf-8")
    for number in range(12, 22):
        (corpus / f"note{number:02}.txt").write_text(note(number, "Asthma"), encoding="utf-8")


@dataclass(frozen=True)
class Update:
    """A corpus that has changed since its index was built, and how the next build must end.

    Attributes:
        base: an index of two generations, to be copied.
        before, after: the states of `base`, and of an undisturbed build over it.
        log_bytes: of SQLite's log at the end of that build.
        most_bytes: that the build needed on top of what `base` has.
        events, seconds: of that build; the events are function calls.
    """

    corpus: Path
    base: Path
    before: dict[str, Any]
    after: dict[str, Any]
    log_bytes: int
    most_bytes: int
    events: int
    seconds: float


@pytest.fixture(scope="session")
def update(crashes: Crashes, tmp_path_factory: pytest.TempPathFactory) -> Update:
    root = tmp_path_factory.mktemp("update")
    corpus, base, undisturbed = root / "corpus", root / "base", root / "undisturbed"
    write_first(corpus)
    crashes.must_build(corpus, base)
    (corpus / "note00.txt").write_text(note(0, "Salbutamol"), encoding="utf-8")
    crashes.must_build(corpus, base)
    before = crashes.state(base)
    write_second(corpus)
    shutil.copytree(base, root / "counted")
    counted = crashes.must_build(corpus, root / "counted", event=10**9)
    shutil.copytree(base, undisturbed)
    timed = crashes.must_build(corpus, undisturbed)
    size = sum(path.stat().st_size for path in base.rglob("*") if path.is_file())
    after = crashes.state(undisturbed)
    assert before["texts"] != after["texts"]
    return Update(
        corpus, base, before, after,
        timed.log_bytes, timed.bytes - size, counted.events, timed.seconds,
    )  # fmt: skip


@pytest.fixture
def page(tmp_path: Path) -> Iterator[str]:
    """The address of a page on a web server."""
    (tmp_path / "served").mkdir()
    (tmp_path / "served/page.txt").write_text("Gout is treated with allopurinol.")
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path / "served")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/page.txt"
        server.shutdown()


@pytest.fixture
def index(update: Update, tmp_path: Path) -> Path:
    """A copy of the base index."""
    shutil.copytree(update.base, tmp_path / "index")
    return tmp_path / "index"


def is_published(index: Path, update: Update) -> bool:
    """Whether the new manifest is in place, which is when the new index comes into being."""
    return (index / "manifest.json").read_bytes() != (update.base / "manifest.json").read_bytes()


def check_then_continue(crashes: Crashes, update: Update, index: Path) -> None:
    """After a kill readers see a committed state, and continuing gives the new one."""
    assert crashes.state(index) == (update.after if is_published(index, update) else update.before)
    crashes.must_build(update.corpus, index)
    assert crashes.state(index) == update.after
    litter = {path.name for path in index.iterdir()} - {
        ".lock", "generations", "manifest.json", "notes.jsonl", "quarantine.jsonl", "store.sqlite",
    }  # fmt: skip
    assert litter == set()
