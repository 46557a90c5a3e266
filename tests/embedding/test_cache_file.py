"""The embedding cache in a file: many processes, a bound, and every damage."""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from medrag import CacheConfig
from medrag.embedding import open_cache
from medrag.errors import ConfigError
from tests.embedding.caches import count_right, fill, held, keys_of, opened, vectors_of, warnings

ROOT = Path(__file__).resolve().parents[2]

_WRITER = """
import sys, time
from pathlib import Path
from tests.embedding.caches import count_right, keys_of, opened, vectors_of
place, first, last, ready, go = sys.argv[1:]
Path(ready).touch()
while not Path(go).exists():
    time.sleep(0.001)
cache = opened(place)
for start in range(int(first), int(last), 20):
    numbers = range(start, start + 20)
    cache.put(keys_of(numbers), vectors_of(numbers))
    assert count_right(cache, numbers) == 20, "written and not there"
    assert count_right(cache, range(0, int(last), 7)) > 0
cache.close()
"""


def write_in_processes(
    place: Path, directory: Path, spans: list[range]
) -> list[subprocess.Popen[str]]:
    """Start a writer for each span, all of them from the same moment on."""
    go = directory / "go"
    writers = []
    for number, span in enumerate(spans):
        arguments = [str(place), str(span.start), str(span.stop), str(directory / f"{number}")]
        command = [sys.executable, "-c", _WRITER, *arguments, str(go)]
        writer = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        writers.append(writer)
    deadline = time.monotonic() + 60
    while not all((directory / f"{number}").exists() for number in range(len(spans))):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    go.touch()
    return writers


@pytest.mark.slow
def test_several_processes_make_and_fill_one_file_at_once(tmp_path: Path) -> None:
    place = tmp_path / "cache.sqlite"
    spans = [range(800), range(400, 1200), range(800, 1600), range(1600)]
    writers = write_in_processes(place, tmp_path, spans)
    errors = [writer.communicate(timeout=120)[1] for writer in writers]
    assert errors == [""] * len(spans)  # no warning and no traceback
    assert [writer.returncode for writer in writers] == [0] * len(spans)
    assert held(place, range(1600)) == 1600


@pytest.mark.slow
def test_a_killed_writer_does_no_harm(tmp_path: Path) -> None:
    place = tmp_path / "cache.sqlite"
    victim, other = write_in_processes(place, tmp_path, [range(100_000), range(1000)])
    with closing(opened(place)) as cache:
        while count_right(cache, range(400)) < 400:
            assert victim.poll() is None
    victim.send_signal(signal.SIGKILL)
    assert victim.wait() == -signal.SIGKILL
    assert other.communicate(timeout=120)[1] == "" and other.returncode == 0
    assert held(place, range(1000)) == 1000


def test_what_went_unused_the_longest_goes_first(tmp_path: Path) -> None:
    place = tmp_path / "cache.sqlite"
    fill(place, range(1000))
    with closing(sqlite3.connect(place)) as database, database:  # ten days pass
        database.execute("UPDATE embeddings SET used = used - 864000")
    assert held(place, range(200)) == 200
    whole = place.stat().st_size
    with closing(opened(place, max_gb=whole / 2e9)) as cache:
        cache.put(keys_of(range(1000, 1100)), vectors_of(range(1000, 1100)))
    assert held(place, range(200)) == 200
    assert held(place, range(1000, 1100)) == 100
    left = held(place, range(200, 1000))
    assert 100 < left < 300  # about half of the thousand fits
    assert held(place, range(1000 - left, 1000)) == left
    assert place.stat().st_size <= whole / 2


def test_the_file_stays_within_its_bound_while_it_is_written(tmp_path: Path) -> None:
    place = tmp_path / "cache.sqlite"
    with closing(opened(place, max_gb=0.001)) as cache:
        for start in range(0, 3000, 100):
            numbers = range(start, start + 100)
            cache.put(keys_of(numbers), vectors_of(numbers))
            assert count_right(cache, numbers) == 100
            assert place.stat().st_size < 1.3e6  # the bound and one put
    assert place.stat().st_size <= 1e6


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"no database at all " * 1000,
        lambda content: content[: len(content) // 2],
        lambda content: content[:4096] + os.urandom(len(content) - 4096),
    ],
    ids=["overwritten", "cut short", "garbage behind the header"],
)
def test_a_damaged_file_is_set_aside_and_a_new_one_begun(
    damage: Callable[[bytes], bytes], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "cache.sqlite"
    fill(place, range(500))
    damaged = damage(place.read_bytes())
    place.write_bytes(damaged)
    with closing(opened(place)) as cache:
        cache.get(keys_of(range(500)))
        cache.put(keys_of(range(500)), vectors_of(range(500)))
        assert count_right(cache, range(500)) == 500
    said = [line for line in warnings(caplog) if "renamed to" in line]
    assert len(said) == 1 and str(place) in said[0]
    assert place.with_name("cache.sqlite.damaged").stat().st_size == len(damaged)
    assert held(place, range(500)) == 500
    assert stat.S_IMODE(place.stat().st_mode) == 0o600


def test_the_log_of_a_damaged_file_is_not_taken_for_that_of_the_new_one(tmp_path: Path) -> None:
    here, place = tmp_path / "here.sqlite", tmp_path / "cache.sqlite"
    fill(here, range(500))
    with closing(opened(here)) as cache:
        cache.put(keys_of(range(500, 520)), vectors_of(range(500, 520)))
        for path in tmp_path.glob("here.sqlite*"):  # what is on the disk when the power fails
            shutil.copy(path, path.with_name(path.name.replace("here", "cache")))
    place.write_bytes(bytes(place.stat().st_size))
    with closing(opened(place)) as cache:
        count_right(cache, range(520))
        cache.put(keys_of(range(520)), vectors_of(range(520)))
    assert held(place, range(520)) == 520
    assert place.with_name("cache.sqlite.damaged").exists()


def test_no_process_opens_the_file_while_another_renames_it(tmp_path: Path) -> None:
    place = tmp_path / "cache.sqlite"
    with place.with_name("cache.sqlite.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        opening = threading.Thread(target=fill, args=(place, range(10)))
        opening.start()
        opening.join(timeout=0.5)
        assert opening.is_alive() and not place.exists()
        fcntl.flock(lock, fcntl.LOCK_UN)
    opening.join()
    assert held(place, range(10)) == 10


@pytest.mark.slow
def test_no_flipped_bytes_stop_a_build_or_give_a_wrong_vector(tmp_path: Path) -> None:
    good = tmp_path / "good.sqlite"
    fill(good, range(60))
    content = good.read_bytes()
    damaged = 0
    for seed in range(150):
        chance = random.Random(seed)
        place = tmp_path / "cache.sqlite"
        shutil.rmtree(tmp_path / "cache.sqlite.damaged", ignore_errors=True)
        shutil.copy(good.with_name("good.sqlite.lock"), place.with_name("cache.sqlite.lock"))
        changed = bytearray(content)
        for _ in range(chance.choice([1, 10, 200])):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        place.write_bytes(changed)
        cache = open_cache(CacheConfig(embeddings=str(place)), "minilm fp32")
        if cache is None:  # not a word about damage from SQLite, but some other failure
            continue
        damaged += count_right(cache, range(60)) < 60
        cache.put(keys_of(range(60, 80)), vectors_of(range(60, 80)))
        count_right(cache, range(80))
        cache.close()
    assert damaged > 30  # the damage was real


def test_a_damaged_file_that_another_build_has_open_is_left_where_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "cache.sqlite"
    fill(place, range(500))
    with closing(opened(place)):
        place.write_bytes(place.read_bytes()[:4096] + os.urandom(place.stat().st_size - 4096))
        with closing(opened(place)) as cache:
            assert cache.get(keys_of(range(500))) == {}
            cache.put(keys_of(range(500)), vectors_of(range(500)))
        assert any("going on without" in line for line in warnings(caplog))
        assert not place.with_name("cache.sqlite.damaged").exists()


def test_a_file_that_is_locked_for_long_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("medrag.embedding.cache.sqlite._PATIENCE_MS", 50)
    place = tmp_path / "cache.sqlite"
    fill(place, range(10))
    with (
        closing(sqlite3.connect(place, isolation_level=None)) as other,
        closing(opened(place)) as cache,
    ):
        other.execute("BEGIN IMMEDIATE")
        assert count_right(cache, range(10)) == 10  # reading goes on beside a writer
        cache.put(keys_of(range(10, 20)), vectors_of(range(10, 20)))
        assert cache.get(keys_of(range(10))) == {}
    (warning,) = warnings(caplog)
    assert "locked" in warning and "going on without" in warning
    assert held(place, range(20)) == 10  # nothing was renamed


@pytest.mark.parametrize("kind", ["text", "database"])
def test_a_file_that_is_not_a_cache_is_refused_and_left_alone(kind: str, tmp_path: Path) -> None:
    place = tmp_path / "mine"
    if kind == "text":
        place.write_text("dear diary\n" * 100, encoding="utf-8")
    else:
        with closing(sqlite3.connect(place)) as database, database:
            database.execute("CREATE TABLE patients (name TEXT)")
    content = place.read_bytes()
    for _ in range(2):
        with pytest.raises(ConfigError, match="is not an embedding cache"):
            opened(place)
    assert place.read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
