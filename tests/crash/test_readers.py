"""Readers and builds side by side: neither disturbs the other, and two builds never meet."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import signal
import socket
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medrag.errors import BusyError
from medrag.indexing import IndexBuilder
from medrag.stores.local.index import Index
from tests.crash.conftest import Crashes, Update
from tests.crash.tiny_encoder import make_tiny_encoder

pytestmark = pytest.mark.slow


class Reader:
    """An index that is open in another process."""

    def __init__(self, crashes: Crashes, index: Path, folder: Path, nobody: bool) -> None:
        asks, tells = folder / "asks", folder / "tells"
        for pipe in (asks, tells):
            os.mkfifo(pipe)
        self.pid = crashes.start_reader(index, asks, tells, nobody)
        self._asks, self._tells = asks.open("w"), tells.open()

    def sees(self) -> Any:
        """The next thing it prints: what it sees, or an error."""
        return json.loads(self._tells.readline())

    def look_again(self) -> Any:
        """What it sees now."""
        print(file=self._asks, flush=True)
        return self.sees()

    def close(self) -> None:
        """Let it end, and wait until it has; a second call does nothing."""
        with suppress(BrokenPipeError):
            self._asks.close()
        if not self._tells.closed:
            self._tells.read()
            self._tells.close()

    def kill(self) -> None:
        """SIGKILL it, and wait until it has ended."""
        os.kill(self.pid, signal.SIGKILL)
        self.close()


Open = Callable[..., Reader]


@pytest.fixture
def open_reader(crashes: Crashes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """Starts readers, and ends them after the test."""
    readers: list[Reader] = []

    def start(index: Path, nobody: bool = False) -> Reader:
        readers.append(Reader(crashes, index, tmp_path_factory.mktemp("pipes"), nobody))
        return readers[-1]

    yield start
    for reader in readers:
        reader.close()


def as_json(seen: dict[str, Any]) -> Any:
    """The same as it comes out of a reader's pipe."""
    return json.loads(json.dumps(seen))


def generations(index: Path) -> list[int]:
    return sorted(int(folder.name) for folder in (index / "generations").iterdir())


def erased_up_to(index: Path) -> int:
    """The last generation that the store can no longer show, judged by what it still has."""
    with sqlite3.connect(index / "store.sqlite") as database:
        query = "SELECT min(removed) - 1 FROM documents"
        return int(database.execute(query).fetchone()[0])


def test_a_reader_in_another_process_answers_while_builds_come_and_go(
    crashes: Crashes, update: Update, index: Path, tmp_path: Path, open_reader: Open
) -> None:
    corpus = tmp_path / "corpus"
    shutil.copytree(update.corpus, corpus)
    crashes.must_build(corpus, index)
    reader = open_reader(index)
    opened = reader.sees()
    answers: list[Any] = []
    over = threading.Event()

    def keep_asking() -> None:
        while not over.is_set():
            answers.append(reader.look_again())

    asking = threading.Thread(target=keep_asking)
    asking.start()
    counts = []
    try:
        for number in range(4):
            (corpus / "note03.txt").write_text(f"Gout, version {number}.", encoding="utf-8")
            if number == 2:
                assert crashes.build(corpus, index, point="manifest replaced").killed
            crashes.must_build(corpus, index)
            counts.append(len(answers))
    finally:
        over.set()
        asking.join()
    assert counts == sorted(set(counts)), "no answer came while a build was running"
    assert all(answer == opened for answer in answers)
    held = 3  # the generation it opened
    assert generations(index)[0] == held
    assert erased_up_to(index) <= held
    reader.kill()  # which lets go of it
    for number in (5, 6):
        (corpus / "note03.txt").write_text(f"Gout, version {number}.", encoding="utf-8")
        crashes.must_build(corpus, index)
    newest = generations(index)[-1]
    assert generations(index) == [newest - 1, newest]
    assert erased_up_to(index) == newest - 1


def test_a_reader_is_not_disturbed_by_a_rebuild_with_other_settings(
    crashes: Crashes, update: Update, index: Path, open_reader: Open, tmp_path: Path
) -> None:
    reader = open_reader(index)
    assert reader.sees() == as_json(update.before)
    # The same texts, in another vector space.
    twin = make_tiny_encoder(tmp_path / "twin", seed=8)
    others = {"embedder": {"model": str(twin)}, "index": {"rebuild": True}}
    assert crashes.build(update.corpus, index, settings=others, point="manifest renamed").killed
    assert reader.look_again() == as_json(update.before)
    assert crashes.state(index) == update.before  # also when it is opened again
    crashes.must_build(update.corpus, index, settings=others)
    assert reader.look_again() == as_json(update.before)
    fresh = tmp_path / "fresh"
    crashes.must_build(update.corpus, fresh, settings=others)
    with Index(index) as opened, Index(fresh) as wanted:
        vectors = [sorted(bytes(v) for _, v in i.all_vectors()) for i in (opened, wanted)]
    assert np.allclose(*[np.frombuffer(b"".join(v), dtype="<f4") for v in vectors], atol=1e-5)


def test_a_second_build_is_refused_at_once_and_told_who_is_building(
    crashes: Crashes, update: Update, index: Path, tmp_path: Path
) -> None:
    asked, answer = threading.Event(), threading.Event()

    class Slow(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.set()
            answer.wait()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.end_headers()
            self.wfile.write(b"Gout at last.")

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/slow.txt"
        config = crashes.config(update.corpus, index)
        config.corpus.paths.append(url)
        first = threading.Thread(
            target=crashes.must_build,
            args=(update.corpus, index),
            kwargs={"settings": {"corpus": {"paths": config.corpus.paths}}},
        )
        first.start()
        asked.wait()
        message = rf"is being built by process \d+ on {socket.gethostname()} since 20\d\d-"
        with pytest.raises(BusyError, match=message) as caught:
            IndexBuilder(config, crashes.embedder).mirror()
        pid = int(str(caught.value).split("process ")[1].split()[0])
        assert Path(f"/proc/{pid}").exists()
        assert pid != os.getpid()
        assert crashes.state(index) == update.before
        answer.set()
        first.join()
        server.shutdown()
    assert crashes.state(index)["texts"][url] == "Gout at last."


# --- readers that may not write -------------------------------------------------------------------


@pytest.fixture
def locked_away() -> Iterator[Callable[[Path], Path]]:
    """Copies an index to where an ordinary user may read it and not write."""
    root = Path(tempfile.mkdtemp())

    def copy(index: Path) -> Path:
        shutil.copytree(index, root / "index")
        for path in [root, *root.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        return root / "index"

    yield copy
    for path in [root, *root.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    shutil.rmtree(root)


def test_an_index_in_a_directory_that_may_not_be_written_is_read(
    crashes: Crashes,
    update: Update,
    index: Path,
    open_reader: Open,
    locked_away: Callable[[Path], Path],
) -> None:
    there = locked_away(index)
    reader = open_reader(there, nobody=True)
    assert reader.sees() == as_json(update.before)
    if os.geteuid() == 0:  # may write there all the same, and must not while it is read like that
        outcome = crashes.build(update.corpus, there)
        assert "is open in a process without write access" in outcome.error
        reader.close()
        crashes.must_build(update.corpus, there)
        assert crashes.state(there) == update.after


def test_what_a_killed_build_has_left_is_read_where_nothing_may_be_written(
    crashes: Crashes,
    update: Update,
    index: Path,
    open_reader: Open,
    locked_away: Callable[[Path], Path],
) -> None:
    assert crashes.build(update.corpus, index, point="vectors not stored").killed
    there = locked_away(index)
    assert open_reader(there, nobody=True).sees() == as_json(update.before)
    there.chmod(0o755)
    (there / "store.sqlite-shm").unlink()
    there.chmod(0o555)
    error = open_reader(there, nobody=True).sees()
    assert error.startswith(f"ArtefactError: {there}/store.sqlite-wal was left by a build")
