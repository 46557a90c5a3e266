"""The embedding cache returns what was stored or nothing, and never stops a build."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from medrag import CacheConfig
from medrag.embedding import open_cache
from medrag.errors import ConfigError
from tests.embedding.caches import count_right, fill, held, keys_of, opened, vectors_of, warnings


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


# ------------------------------------------------------------------ where it is


def test_without_a_name_there_is_no_cache() -> None:
    assert open_cache(CacheConfig(embeddings=""), "minilm") is None


def test_the_default_is_in_the_users_cache_directory_and_private(
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
