"""The embedding cache on a Redis server: away, locked, full, or dying."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable
from contextlib import closing

import pytest

from medrag import MedragError
from medrag.errors import ConfigError
from tests.embedding.caches import count_right, fill, held, keys_of, opened, vectors_of, warnings
from tests.redis_server import RedisServer


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
        assert "stores no more vectors" in warning and "maxmemory" in warning
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


class NoRedis(socketserver.StreamRequestHandler):
    """Greets as Redis does, then gives one answer to whatever it is asked for entries."""

    answer = b""  # %d: one less than the words of the request

    def handle(self) -> None:
        while line := self.rfile.readline():
            words = []
            for _ in range(int(line[1:])):
                length = int(self.rfile.readline()[1:])
                words.append(self.rfile.read(length + 2)[:-2])
            if words[0] in (b"MGET", b"SET"):
                self.wfile.write(self.answer.replace(b"%d", b"%d" % (len(words) - 1)))
            elif words[0] == b"HELLO":
                self.wfile.write(b"%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$5\r\nproto\r\n:3\r\n")
            else:
                self.wfile.write(b"+PONG\r\n" if words[0] == b"PING" else b"+OK\r\n")


@pytest.mark.parametrize(
    "answer",
    [
        b"garbage\r\n",
        b"*abc\r\n",
        b"$xx\r\n",
        b":5\r\n",
        b"*-1\r\n",
        b"*1\r\n$-1\r\n",
        b"*%d\r\n:7\r\n",
    ],
)
def test_answers_that_are_none_of_redis_cost_one_warning(
    answer: bytes, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medrag.embedding.cache.redis._TIMEOUT", 1.0)  # two are waited out
    handler = type("Handler", (NoRedis,), {"answer": answer})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        with closing(opened(f"redis://127.0.0.1:{server.server_address[1]}/0")) as cache:
            assert cache.get(keys_of(range(3))) == {}
            cache.put(keys_of(range(3)), vectors_of(range(3)))
        server.shutdown()
    assert len(warnings(caplog)) == 1
