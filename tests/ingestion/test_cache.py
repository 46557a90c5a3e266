"""The embedding cache gives back what was put in or nothing, and never stops a build."""

from __future__ import annotations

import fcntl
import logging
import os
import random
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from medrag import CacheConfig, MedragError, PipelineConfig
from medrag.errors import ConfigError
from medrag.ingestion import TextEmbedder
from medrag.ingestion.cache import EmbeddingCache, open_cache

ROOT = Path(__file__).resolve().parents[2]
DIMENSION = 384
Vectors = NDArray[np.float32]


def keys_of(numbers: range) -> list[bytes]:
    return [blake2b(str(number).encode(), digest_size=16).digest() for number in numbers]


def vectors_of(numbers: range, dimension: int = DIMENSION) -> Vectors:
    """The one right vector of each number: any other value that comes back is wrong."""
    rows = [np.random.default_rng(number).standard_normal(dimension) for number in numbers]
    return np.array(rows, dtype=np.float32).reshape(len(numbers), dimension)


def opened(place: object, namespace: str = "minilm fp32", max_gb: float = 1.0) -> EmbeddingCache:
    cache = open_cache(CacheConfig(embeddings=str(place), max_gb=max_gb), namespace)
    assert cache is not None
    return cache


def fill(place: object, numbers: range) -> None:
    with closing(opened(place)) as cache:
        cache.put(keys_of(numbers), vectors_of(numbers))


def held(place: object, numbers: range) -> int:
    """How many of the numbers the cache has; none of them wrong."""
    with closing(opened(place)) as cache:
        return count_right(cache, numbers)


def count_right(cache: EmbeddingCache, numbers: range) -> int:
    found = cache.get(keys_of(numbers))
    right = dict(zip(keys_of(numbers), vectors_of(numbers), strict=True))
    for key, vector in found.items():
        np.testing.assert_array_equal(vector, right[key])
    return len(found)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]


class RedisServer:
    """A real server on a loopback port and a Unix socket, keeping nothing on disk."""

    def __init__(self, directory: Path, *options: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        path = directory / "redis.sock"
        self.url = f"redis://127.0.0.1:{port}/0"
        self.unix_url = f"unix://{path}"
        self.unix_path = str(path)
        settings = ["--port", str(port), "--bind", "127.0.0.1", "--unixsocket", str(path)]
        self.process = subprocess.Popen(
            ["redis-server", *settings, "--save", "", "--dir", str(directory), *options],
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        while not self._answers():
            assert self.process.poll() is None, "redis-server ended at once"
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(self.unix_path)  # it listens here last
        except OSError:
            return False
        return True

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def start_redis() -> Iterator[Callable[..., RedisServer]]:
    if shutil.which("redis-server") is None:
        pytest.skip("there is no redis-server on PATH")
    servers: list[RedisServer] = []
    # Short: a socket's path has 107 bytes at most.
    with tempfile.TemporaryDirectory(prefix="redis-") as directory:

        def start(*options: str) -> RedisServer:
            servers.append(RedisServer(Path(directory), *options))
            return servers[-1]

        yield start
        for server in servers:
            server.kill()


@pytest.fixture(params=["file", "redis", "redis by socket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a cache can lie: what holds for one of them holds for all."""
    if request.param == "file":
        return str(tmp_path / "cache.sqlite")
    server = request.getfixturevalue("start_redis")()
    return server.url if request.param == "redis" else server.unix_url


# ------------------------------------------------------------------ every cache


def test_what_was_put_comes_back_the_same_later(place: str) -> None:
    everything = range(1200)  # several requests
    fill(place, everything)
    with closing(opened(place)) as cache:
        assert count_right(cache, range(1300)) == 1200
        assert (cache.lookups, cache.hits) == (1300, 1200)
        assert count_right(cache, range(2000, 2010)) == 0
        assert (cache.lookups, cache.hits) == (1310, 1200)
        assert all(v.dtype == np.float32 for v in cache.get(keys_of(range(3))).values())
        assert cache.get([]) == {}


def test_a_second_put_replaces_the_first(place: str) -> None:
    with closing(opened(place)) as cache:
        cache.put(keys_of(range(5)), vectors_of(range(10, 15)))
        cache.put(keys_of(range(5)), vectors_of(range(5)))
        assert count_right(cache, range(5)) == 5


def test_two_embedders_do_not_see_each_others_vectors(place: str) -> None:
    keys = keys_of(range(3))
    with closing(opened(place, "one")) as one, closing(opened(place, "other")) as other:
        one.put(keys, vectors_of(range(3), dimension=8))
        assert other.get(keys) == {}
        other.put(keys, vectors_of(range(3), dimension=5))
        assert {v.shape for v in one.get(keys).values()} == {(8,)}
        assert {v.shape for v in other.get(keys).values()} == {(5,)}


def test_keys_without_vectors_are_a_mistake_of_the_caller(place: str) -> None:
    with closing(opened(place)) as cache, pytest.raises(ValueError, match="zip"):
        cache.put(keys_of(range(3)), vectors_of(range(2)))


def test_closing_twice_does_nothing(place: str) -> None:
    cache = opened(place)
    cache.close()
    cache.close()
    assert cache.get(keys_of(range(1))) == {}


def damage(place: str, change: Callable[[bytes, bytes], bytes]) -> None:
    """Replace every value in the cache by `change(value, another entry's value)`."""
    if "://" in place:
        from redis import Redis

        with Redis.from_url(place) as client:
            names = sorted(client.keys())
            values = [client.get(name) for name in names]
            for name, value, other in zip(names, values, [*values[1:], values[0]], strict=True):
                client.set(name, change(value, other))
    else:
        with closing(sqlite3.connect(place)) as database, database:
            rows = database.execute("SELECT id, value FROM embeddings").fetchall()
            for (row, value), (_, other) in zip(rows, [*rows[1:], rows[0]], strict=True):
                changed = change(value, other)
                database.execute("UPDATE embeddings SET value = ? WHERE id = ?", (changed, row))


@pytest.mark.parametrize(
    "change",
    [
        lambda value, other: value[:100] + bytes([value[100] ^ 1]) + value[101:],
        lambda value, other: value[:-4],
        lambda value, other: value + b"\0\0\0\0",
        lambda value, other: b"",
        lambda value, other: other,  # whole, but of another text
    ],
    ids=["one bit", "cut short", "too long", "empty", "swapped"],
)
def test_a_damaged_value_is_not_taken_for_a_vector(
    place: str, change: Callable[[bytes, bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    fill(place, range(20))
    damage(place, change)
    with closing(opened(place)) as cache:
        assert cache.get(keys_of(range(20))) == {}
        assert cache.get(keys_of(range(20))) == {}
        assert cache.hits == 0
        (warning,) = warnings(caplog)
        assert "damaged" in warning and place in warning
        cache.put(keys_of(range(20)), vectors_of(range(20)))  # as a build does with misses
        assert count_right(cache, range(20)) == 20


def test_a_value_of_another_type_is_not_taken_for_a_vector(tmp_path: Path) -> None:
    place = tmp_path / "cache.sqlite"
    fill(place, range(20))
    with closing(sqlite3.connect(place)) as database, database:
        database.execute("UPDATE embeddings SET value = CAST(x'ffff' AS TEXT) WHERE id = 3")
        database.execute("UPDATE embeddings SET value = 7 WHERE id = 5")
    assert held(place, range(20)) == 18


# ------------------------------------------------------------------ where it lies


def test_without_a_name_there_is_no_cache() -> None:
    assert open_cache(CacheConfig(embeddings=""), "minilm") is None


def test_the_default_lies_in_the_users_cache_directory_for_the_user_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    umask = os.umask(0o022)
    try:
        for xdg, root in (("", "home/.cache"), ("relative", "home/.cache"), (None, "xdg")):
            monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg") if xdg is None else xdg)
            fill(CacheConfig().embeddings, range(3))
            with closing(opened(CacheConfig().embeddings)) as cache:
                assert count_right(cache, range(3)) == 3
                directory = tmp_path / root / "medrag"
                files = sorted(path.name for path in directory.iterdir())
                assert "embeddings.sqlite" in files and "embeddings.sqlite-wal" in files
                assert stat.S_IMODE(directory.stat().st_mode) == 0o700
                assert {stat.S_IMODE(p.stat().st_mode) for p in directory.iterdir()} == {0o600}
    finally:
        os.umask(umask)


@pytest.mark.parametrize("home", ["/proc", "/dev/null"])
def test_a_home_that_cannot_be_written_costs_one_warning(
    home: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", home)
    assert open_cache(CacheConfig(), "minilm") is None
    (warning,) = warnings(caplog)
    assert "going on without" in warning and CacheConfig().embeddings in warning


def test_an_unknown_address_is_refused_without_showing_its_password() -> None:
    with pytest.raises(ConfigError, match="http://") as caught:
        CacheConfig(embeddings="http://:secret@host")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("size", [0.0, -1.0, float("nan"), float("inf")])
def test_a_size_that_is_none_is_refused(size: float) -> None:
    with pytest.raises(ConfigError, match=r"cache\.max_gb"):
        CacheConfig(max_gb=size)


# ------------------------------------------------------------------ the file

_WRITER = """
import sys, time
from pathlib import Path
from tests.ingestion.test_cache import count_right, keys_of, opened, vectors_of
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
def test_a_writer_that_is_killed_harms_nobody(tmp_path: Path) -> None:
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
    said = [line for line in warnings(caplog) if "set aside" in line]
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


def test_nobody_opens_the_file_while_another_sets_it_aside(tmp_path: Path) -> None:
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
    monkeypatch.setattr("medrag.ingestion.cache.sqlite._PATIENCE_MS", 50)
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
    assert held(place, range(20)) == 10  # nothing was set aside


@pytest.mark.parametrize("kind", ["text", "database"])
def test_a_file_that_is_no_cache_is_refused_and_left_alone(kind: str, tmp_path: Path) -> None:
    place = tmp_path / "mine"
    if kind == "text":
        place.write_text("dear diary\n" * 100, encoding="utf-8")
    else:
        with closing(sqlite3.connect(place)) as database, database:
            database.execute("CREATE TABLE patients (name TEXT)")
    content = place.read_bytes()
    for _ in range(2):
        with pytest.raises(ConfigError, match="something else than an embedding cache"):
            opened(place)
    assert place.read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


# ------------------------------------------------------------------ the server


def test_a_server_that_cannot_be_reached_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(ConfigError) as caught:
        opened(f"redis://someone:s3cr%2Fet@x@127.0.0.1:{port}/0?password=0pen")
    message = str(caught.value)
    assert f"redis://***@127.0.0.1:{port}/0" in message and "start the server" in message
    assert "s3cr" not in message and "0pen" not in message and "\n" not in message


@pytest.mark.parametrize("url", ["redis://:pw@host:port/0", "redis://:pw@[host/0", "unix://:pw@"])
def test_an_address_that_is_none_is_one_clear_line(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        opened(url)
    assert "cache.embeddings=" in str(caught.value)
    assert "pw" not in str(caught.value) and "\n" not in str(caught.value)


def test_a_server_with_a_password_wants_the_right_one(
    start_redis: Callable[..., RedisServer],
) -> None:
    server = start_redis("--requirepass", "open-sesame")
    url = server.url.replace("//", "//:open-sesame@")
    fill(url, range(5))
    assert held(url, range(5)) == 5
    for wrong in (server.url, url.replace("sesame", "barley")):
        with pytest.raises(MedragError, match="cannot be used") as caught:
            opened(wrong)
        assert "barley" not in str(caught.value)


@pytest.mark.parametrize("first", ["get", "put"])
def test_a_server_that_dies_costs_one_warning(
    first: str, start_redis: Callable[..., RedisServer], caplog: pytest.LogCaptureFixture
) -> None:
    server = start_redis()
    with closing(opened(server.url)) as cache:
        cache.put(keys_of(range(600)), vectors_of(range(600)))
        server.kill()
        if first == "put":
            cache.put(keys_of(range(600)), vectors_of(range(600)))
            assert len(warnings(caplog)) == 1
        for _ in range(2):
            assert cache.get(keys_of(range(600))) == {}
            cache.put(keys_of(range(600)), vectors_of(range(600)))
        (warning,) = warnings(caplog)
        assert server.url in warning and "going on without" in warning
        assert (cache.lookups, cache.hits) == (1200, 0)


def test_a_server_that_is_full_can_still_be_read(
    start_redis: Callable[..., RedisServer], caplog: pytest.LogCaptureFixture
) -> None:
    server = start_redis("--maxmemory", "4mb", "--maxmemory-policy", "noeviction")
    with closing(opened(server.url)) as cache:
        for start in range(0, 6000, 500):
            numbers = range(start, start + 500)
            cache.put(keys_of(numbers), vectors_of(numbers))
        assert 500 <= count_right(cache, range(6000)) < 5000
        (warning,) = warnings(caplog)
        assert "no further vectors" in warning and "maxmemory" in warning
        assert warning.isprintable()


def test_a_dropped_connection_is_taken_up_again(
    start_redis: Callable[..., RedisServer], caplog: pytest.LogCaptureFixture
) -> None:
    from redis import Redis

    server = start_redis()
    with closing(opened(server.url)) as cache, Redis.from_url(server.unix_url) as admin:
        cache.put(keys_of(range(5)), vectors_of(range(5)))
        assert admin.client_kill_filter(_type="normal", skipme=True) == 1  # as after a long wait
        assert count_right(cache, range(5)) == 5
        assert warnings(caplog) == []


# ------------------------------------------------------------------ with a real embedder


def test_what_was_embedded_for_one_index_is_there_for_the_next(
    config: PipelineConfig, embedder: TextEmbedder
) -> None:
    texts = ["Gout is caused by uric acid.", "Salbutamol opens the airways.", "Malaria"]
    keys = keys_of(range(3))
    vectors = embedder.embed(texts)

    def cache() -> EmbeddingCache:
        found = open_cache(config.cache, embedder.fingerprint)
        assert found is not None
        return found

    with closing(cache()) as first:
        assert first.get(keys[:2]) == {}
        first.put(keys[:2], vectors[:2])
    with closing(cache()) as second:
        found = second.get(keys[1:])
        assert list(found) == [keys[1]]
        np.testing.assert_array_equal(found[keys[1]], vectors[1])
        assert (second.lookups, second.hits) == (2, 1)
