"""AsyncHttpClient against a real server on the loopback: retries, bounds, downloads, secrets."""

import asyncio
import contextlib
import gzip
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import certifi
import pytest

from medrag.clients import AsyncHttpClient, Download, EventLoopThread
from medrag.errors import HttpError


@dataclass(frozen=True)
class Seen:
    """What the server saw of one request, and when by the monotonic clock."""

    command: str
    path: str
    headers: Message
    body: bytes
    at: float
    client: tuple[str, int]  # the port tells connections apart


class Request(BaseHTTPRequestHandler):
    """One request, which the server's `play` answers; `number` counts from 1."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def _play(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        seen = Seen(
            self.command, self.path, self.headers, body, time.monotonic(), self.client_address
        )
        with self.server.lock:
            self.server.requests.append(seen)
            self.number = len(self.server.requests)
        self.server.play(self)

    def do_GET(self) -> None:
        self._play()

    def do_POST(self) -> None:
        self._play()

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content_Length": str(len(body))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    """Remembers its requests; its first `failures` answers have `status`, the rest are fine."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.requests: list[Seen] = []
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.play: Callable[[Request], None] = lambda request: request.answer(200, b"{}")

    def fails(self, status: int, failures: int = 1000, **headers: str) -> None:
        def play(request: Request) -> None:
            if request.number <= failures:
                request.answer(status, b"", **headers)
            else:
                request.answer(200, b'{"answer": 42}')

        self.play = play

    def hangs(self) -> None:
        def play(request: Request) -> None:
            self.closing.wait(30)
            request.close_connection = True

        self.play = play


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: Any) -> None:
    """No proxy, and one certificate to load for each client in place of all: it saves seconds."""
    monkeypatch.setenv("NO_PROXY", "*")
    certificate = tmp_path_factory.mktemp("tls") / "one.pem"
    pem, end, _ = certifi.contents().partition("-----END CERTIFICATE-----")
    certificate.write_text(pem + end, encoding="utf-8")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


@pytest.fixture
def servers() -> Iterator[Callable[[], Server]]:
    started: list[tuple[Server, threading.Thread]] = []

    def start() -> Server:
        server = Server()
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        started.append((server, thread))
        return server

    yield start
    for server, thread in started:
        server.closing.set()
        server.shutdown()
        thread.join()
        server.socket.close()


@pytest.fixture
def server(servers: Callable[[], Server]) -> Server:
    return servers()


def call(method: str, *args: Any, client: dict[str, Any] | None = None, **options: Any) -> Any:
    """One call of `method` on a client that, unless told otherwise, hardly waits between tries."""

    async def run() -> Any:
        async with AsyncHttpClient(**{"backoff_s": 0.001} | (client or {})) as http:
            return await getattr(http, method)(*args, **options)

    return asyncio.run(run())


def fault(method: str, *args: Any, **options: Any) -> HttpError:
    with pytest.raises(HttpError) as caught:
        call(method, *args, **options)
    # What httpx said of it may quote a header or the URL, and a traceback would show it.
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return caught.value


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# Tries and waits


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_passing_status_is_retried_until_success(server: Server, status: int) -> None:
    server.fails(status, failures=2)
    assert call("get_json", server.url) == {"answer": 42}
    assert len(server.requests) == 3


def test_gives_up_after_the_attempts_and_says_what_where_and_how_to_fix_it(server: Server) -> None:
    server.fails(503)
    error = fault("request", "GET", f"{server.url}/a", client={"max_attempts": 3})
    assert len(server.requests) == 3
    assert error.status == 503
    assert str(error).startswith(f"GET {server.url}/a failed after 3 attempts in ")
    assert "503 Service Unavailable; " in str(error)
    assert "try again later" in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize("status", [304, 400, 401, 404, 501])
def test_lasting_status_is_not_retried(server: Server, status: int) -> None:
    server.fails(status)
    error = fault("request", "GET", server.url)
    assert len(server.requests) == 1
    assert error.status == status
    assert "after 1 attempt in" in str(error)


def test_retry_after_seconds_are_waited_without_a_slot(server: Server) -> None:
    def play(request: Request) -> None:
        if request.path == "/busy" and request.number == 1:
            request.answer(503, Retry_After="1")
        else:
            request.answer(200, b"1")

    server.play = play

    async def run() -> None:
        async with AsyncHttpClient(max_concurrency=1, backoff_s=0.001) as http:
            await asyncio.gather(http.get_json(f"{server.url}/busy"), http.get_json(server.url))

    asyncio.run(run())
    assert [request.path for request in server.requests] == ["/busy", "/", "/busy"]
    assert server.requests[2].at - server.requests[0].at >= 1.0


def test_retry_after_date_is_waited(server: Server) -> None:
    # The date has whole seconds, so what is two seconds away is named as more than one.
    due = datetime.now(UTC) + timedelta(seconds=2)
    server.fails(503, failures=1, Retry_After=format_datetime(due, usegmt=True))
    call("get_json", server.url)
    assert len(server.requests) == 2
    assert datetime.now(UTC) >= due.replace(microsecond=0)


@pytest.mark.parametrize(
    "asked", ["soon", "", "-5", "1.5x", "²", "Wed, 21 Oct 2015 07:28:00 GMT", "Thu, 99 Foo 1 1:1:1"]
)
def test_retry_after_that_asks_nothing_is_ignored(server: Server, asked: str) -> None:
    server.fails(503, failures=1, Retry_After=asked)
    assert call("get_json", server.url) == {"answer": 42}


@pytest.mark.parametrize(
    "asked", ["3600", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT", "Fri Dec 31 23:59:59 9999"]
)
def test_a_wait_past_the_deadline_stops_at_once(server: Server, asked: str) -> None:
    server.fails(429, Retry_After=asked)
    error = fault("get_json", server.url)
    assert len(server.requests) == 1
    assert error.status == 429
    assert "deadline of 60 s" in str(error)


def test_backoff_too_stops_at_the_deadline(server: Server) -> None:
    server.fails(500)
    # However the backoff is drawn, a thousand tries do not fit in.
    options = {"max_attempts": 1000, "backoff_s": 0.2, "max_backoff_s": 0.2, "deadline_s": 0.5}
    error = fault("get_json", server.url, client=options)
    assert error.status == 500
    assert 1 < len(server.requests) < 1000
    assert "deadline" in str(error)


def test_deadline_cuts_off_a_server_that_hangs(server: Server) -> None:
    server.hangs()
    error = fault("get_json", server.url, client={"deadline_s": 0.3})
    assert len(server.requests) == 1
    assert error.status is None
    assert "the deadline passed" in str(error)


def test_deadline_counts_the_wait_for_a_slot(server: Server) -> None:
    server.hangs()

    async def run() -> list[Any]:
        async with AsyncHttpClient(max_concurrency=1, deadline_s=0.3) as http:
            calls = (http.get_json(server.url) for _ in range(20))
            return await asyncio.gather(*calls, return_exceptions=True)

    errors = asyncio.run(run())
    assert all("the deadline passed" in str(error) for error in errors)
    # A call may still get the slot in the moment between the deadline before it and its own.
    assert len(server.requests) < 20
    assert any("after 0 attempts" in str(error) for error in errors)


def test_timeout_is_retried(server: Server) -> None:
    def play(request: Request) -> None:
        if request.number == 1:
            server.closing.wait(30)
        request.answer(200, b"[]")

    server.play = play
    assert call("get_json", server.url, client={"timeout_s": 0.3}) == []
    assert len(server.requests) == 2


def test_broken_connection_is_retried(server: Server) -> None:
    def play(request: Request) -> None:
        if request.number == 1:
            request.close_connection = True
        else:
            request.answer(200, b"[]")

    server.play = play
    assert call("get_json", server.url) == []
    assert len(server.requests) == 2


def test_refused_connection_is_retried_then_an_error() -> None:
    for method, args in (("get_json", ()), ("post_json", ({},))):
        error = fault(method, f"http://127.0.0.1:{free_port()}/a", *args)
        assert error.status is None
        assert "after 5 attempts" in str(error)
        assert "ConnectError" in str(error)


# Methods that are not idempotent


@pytest.mark.parametrize(
    ("status", "retry", "requests"),
    [(500, False, 1), (502, False, 1), (429, False, 2), (503, False, 2), (500, True, 2)],
)
def test_post_is_repeated_only_where_safe(
    server: Server, status: int, retry: bool, requests: int
) -> None:
    server.fails(status, failures=1)
    if requests == 1:
        assert fault("post_json", server.url, {"a": 1}, retry=retry).status == status
    else:
        assert call("post_json", server.url, {"a": 1}, retry=retry) == {"answer": 42}
    assert len(server.requests) == requests
    for request in server.requests:
        assert json.loads(request.body) == {"a": 1}
        assert request.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(("retry", "requests"), [(False, 1), (True, 3)])
def test_post_cut_off_is_repeated_only_if_said_to_be_safe(
    server: Server, retry: bool, requests: int
) -> None:
    def play(request: Request) -> None:
        request.close_connection = True

    server.play = play
    fault("post_json", server.url, {}, retry=retry, client={"max_attempts": 3})
    assert len(server.requests) == requests


@pytest.mark.parametrize("dead_end", ["busy", "away"])
def test_post_that_was_taken_on_before_a_redirect_is_not_repeated(
    server: Server, dead_end: str
) -> None:
    away = f"http://127.0.0.1:{free_port()}/"

    def play(request: Request) -> None:
        if request.command == "POST":
            request.answer(303, Location="/busy" if dead_end == "busy" else away)
        else:
            request.answer(503)

    server.play = play
    fault("post_json", server.url, {})
    assert [request.command for request in server.requests].count("POST") == 1


# Bounds, redirects, answers


def test_concurrency_stays_within_the_bound_and_reaches_it(server: Server) -> None:
    in_flight, most = 0, 0

    def play(request: Request) -> None:
        nonlocal in_flight, most
        with server.lock:
            in_flight += 1
            most = max(most, in_flight)
        time.sleep(0.05)
        with server.lock:
            in_flight -= 1
        request.answer(200, b"1")

    server.play = play

    async def run() -> list[Any]:
        async with AsyncHttpClient(max_concurrency=3) as http:
            return await asyncio.gather(*(http.get_json(server.url) for _ in range(12)))

    assert asyncio.run(run()) == [1] * 12
    assert most == 3


def test_five_redirects_are_followed_and_no_more(server: Server) -> None:
    def play(request: Request) -> None:
        left = int(request.path[1:])
        request.answer(302, Location=f"/{left - 1}") if left else request.answer(200, b"1")

    server.play = play
    assert call("get_json", f"{server.url}/5") == 1
    assert "TooManyRedirects" in str(fault("get_json", f"{server.url}/6"))


def test_only_http_is_spoken(server: Server) -> None:
    server.fails(302, Location="ftp://127.0.0.1/a")
    assert "UnsupportedProtocol" in str(fault("get_json", server.url))
    assert len(server.requests) == 1
    for url in ("ftp://127.0.0.1/a", "file:///etc/hosts", "/a", ""):
        assert "UnsupportedProtocol" in str(fault("get_json", url))


def test_a_reply_that_is_not_json_is_an_error(server: Server) -> None:
    server.play = lambda request: request.answer(200, b"<html>")
    assert "not JSON" in str(fault("get_json", server.url))
    assert len(server.requests) == 1


def test_options_reach_the_server(server: Server) -> None:
    client = {"headers": {"X-Of-Client": "1"}}
    call("get_json", server.url, params={"q": "a b"}, headers={"X-Of-Call": "2"}, client=client)
    (request,) = server.requests
    assert request.path == "/?q=a+b"
    assert (request.headers["X-Of-Client"], request.headers["X-Of-Call"]) == ("1", "2")


@pytest.mark.parametrize("bound", ["max_concurrency", "max_attempts"])
def test_counts_below_one_are_refused(bound: str) -> None:
    with pytest.raises(ValueError, match=bound):
        AsyncHttpClient(**{bound: 0})  # type: ignore[arg-type]


# Secrets


def test_no_secret_in_the_error_or_the_log(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    server.fails(401)
    host = server.url.removeprefix("http://")
    headers = {"Authorization": "Bearer SECRET"}
    url = f"http://SECRET:SECRET@{host}/a?key=SECRET#SECRET"
    error = str(fault("get_json", url, headers=headers, client={"headers": {"X-Key": "SECRET"}}))
    assert f"GET {server.url}/a failed" in error
    assert "SECRET" not in error + caplog.text


def test_no_secret_in_the_error_of_a_request_that_cannot_be_sent(server: Server) -> None:
    # A password that reads as a port; a key read from a file, its line end left on.
    for url, key in (("http://user:SECRET/a", "x"), (server.url, "SECRET\n")):
        assert "SECRET" not in str(fault("get_json", url, headers={"X-Key": key}))
    assert server.requests == []


def test_redirect_to_another_origin_takes_no_key_along(servers: Callable[[], Server]) -> None:
    home, other = servers(), servers()
    keys = {"Authorization": "SECRET", "X-Key": "SECRET", "Cookie": "key=SECRET"}

    def play(request: Request) -> None:
        request.answer(307, Location={"/": "/same", "/same": f"{other.url}/"}[request.path])

    home.play = play
    call("get_json", home.url, headers={"Accept": "text/x"} | keys, client={"headers": keys})
    assert home.requests[1].headers["X-Key"] == "SECRET"
    (request,) = other.requests
    assert "SECRET" not in str(request.headers)
    assert request.headers["Accept"] == "text/x"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["post_json", "post_lines"])
def test_what_is_posted_is_not_redirected_to_another_host(
    servers: Callable[[], Server], status: int, method: str
) -> None:
    home, other = servers(), servers()
    home.play = lambda request: request.answer(status, Location=f"{other.url}/")
    rest = ([].append,) if method == "post_lines" else ()
    error = fault(method, home.url, {"a": 1}, *rest, retry=True)
    assert other.requests == []
    assert len(home.requests) == 1
    assert f"redirects to {other.url}" in str(error)


def test_what_is_posted_is_redirected_on_the_same_host(server: Server) -> None:
    def play(request: Request) -> None:
        if request.path == "/":
            request.answer(307, Location="/there")
        else:
            request.answer(200, b"1")

    server.play = play
    assert call("post_json", server.url, {"a": 1}) == 1
    assert [json.loads(request.body) for request in server.requests] == [{"a": 1}] * 2


# Downloads


def test_download_is_whole_and_leaves_nothing_else(server: Server, tmp_path: Path) -> None:
    body = bytes(range(256)) * 4000
    server.play = lambda request: request.answer(200, body, Content_Type="application/pdf")
    path = tmp_path / "a.pdf"
    path.write_bytes(b"old")
    result = call("download", server.url, path, max_bytes=len(body))
    assert result == Download(path, len(body), "application/pdf")
    assert path.read_bytes() == body
    assert list(tmp_path.iterdir()) == [path]


def test_download_starts_afresh_on_a_retry(server: Server, tmp_path: Path) -> None:
    def play(request: Request) -> None:
        if request.number == 1:
            request.answer(200, b"begin", Content_Length="1000")
            request.close_connection = True
        else:
            request.answer(200, b"whole")

    server.play = play
    result = call("download", server.url, str(tmp_path / "a"), max_bytes=1000)
    assert result == Download(tmp_path / "a", 5, "")
    assert (tmp_path / "a").read_bytes() == b"whole"


def test_download_cut_midway_leaves_no_file(server: Server, tmp_path: Path) -> None:
    def play(request: Request) -> None:
        request.answer(200, b"begin" * 1000, Content_Length="10000")
        request.close_connection = True

    server.play = play
    fault("download", server.url, tmp_path / "a", max_bytes=10**6, client={"max_attempts": 2})
    assert len(server.requests) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [200, 404])
def test_download_refused_keeps_the_old_file(server: Server, tmp_path: Path, status: int) -> None:
    (tmp_path / "a").write_bytes(b"old")
    server.play = lambda request: request.answer(status, b"x" * 100_001)
    error = fault("download", server.url, tmp_path / "a", max_bytes=100_000)
    assert error.status == status
    assert ("100000 bytes" in str(error)) == (status == 200)
    assert len(server.requests) == 1
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old"}


def wait_for_a_file(folder: Path) -> None:
    for _ in range(1000):
        if any(folder.iterdir()):
            return
        time.sleep(0.01)


@pytest.mark.parametrize("end", ["cancel", "deadline"])
def test_download_that_is_stopped_leaves_no_file(server: Server, tmp_path: Path, end: str) -> None:
    def play(request: Request) -> None:
        request.answer(200, b"begin", Content_Length="1000")
        server.closing.wait(30)
        request.close_connection = True

    server.play = play
    deadline_s = 0.5 if end == "deadline" else 60.0

    async def run() -> None:
        async with AsyncHttpClient(deadline_s=deadline_s) as http:
            task = asyncio.create_task(http.download(server.url, tmp_path / "a", max_bytes=1000))
            await asyncio.to_thread(wait_for_a_file, tmp_path)
            if end == "cancel":
                task.cancel()
            with pytest.raises(asyncio.CancelledError if end == "cancel" else HttpError):
                await task

    asyncio.run(asyncio.wait_for(run(), 30))
    assert list(tmp_path.iterdir()) == []


def test_download_to_where_it_cannot_be_is_the_systems_error(
    server: Server, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError):
        call("download", server.url, tmp_path / "missing" / "a", max_bytes=10)
    with pytest.raises(IsADirectoryError):
        call("download", server.url, tmp_path, max_bytes=10)
    assert len(server.requests) == 2


# Replies line by line


def test_lines_arrive_while_the_server_is_still_writing(server: Server) -> None:
    first_line_taken = threading.Event()

    def play(request: Request) -> None:
        request.answer(200, b"one\n", Content_Length="8")
        assert first_line_taken.wait(10)
        request.wfile.write(b"two\n")

    server.play = play
    lines: list[str] = []

    def take(line: str) -> None:
        lines.append(line)
        first_line_taken.set()

    call("post_lines", server.url, {"a": 1}, take)
    assert lines == ["one", "two"]
    assert json.loads(server.requests[0].body) == {"a": 1}


def test_lines_are_retried_only_before_the_first_one(server: Server) -> None:
    server.fails(503, failures=2)
    lines: list[str] = []
    call("post_lines", server.url, {}, lines.append)
    assert (len(server.requests), lines) == (3, ['{"answer": 42}'])

    def cut_off(request: Request) -> None:
        request.answer(200, b"one\ntwo", Content_Length="100")
        request.close_connection = True

    server.play = cut_off
    error = fault("post_lines", server.url, {}, lines.append, retry=True)
    assert "in the middle of the reply" in str(error)
    assert (len(server.requests), lines[1:]) == (4, ["one"])


def test_a_line_may_hold_any_character_but_its_end(server: Server) -> None:
    server.play = lambda request: request.answer(200, "a\u2028b\x85c\r\n\nd\xe9".encode())
    lines: list[str] = []
    call("post_lines", server.url, {}, lines.append)
    assert lines == ["a\u2028b\x85c", "", "d\xe9"]


# Replies that are too much


def zeros(request: Request, size: int, line: bytes) -> None:
    """A reply that never says how long it is; the client hangs up."""
    request.send_response(200)
    request.send_header("Connection", "close")
    request.end_headers()
    with contextlib.suppress(OSError):
        for _ in range(size // len(line)):
            request.wfile.write(line)
    request.close_connection = True


@pytest.mark.parametrize("line", [b"0" * 1000, b"0" * 999 + b"\n"])
@pytest.mark.parametrize("method", ["get_json", "post_json", "post_lines", "request"])
def test_a_reply_over_the_limit_is_not_read_to_its_end(
    server: Server, method: str, line: bytes
) -> None:
    server.play = lambda request: zeros(request, 1_000_000_000, line)
    args: dict[str, tuple[Any, ...]] = {
        "get_json": (server.url,),
        "post_json": (server.url, {}),
        "post_lines": (server.url, {}, [].append),
        "request": ("GET", server.url),
    }
    started = time.monotonic()
    error = fault(method, *args[method], client={"max_bytes": 100_000})
    assert "over 100,000 bytes" in str(error)
    assert len(server.requests) == 1
    assert time.monotonic() - started < 5


def test_a_small_body_that_unpacks_to_a_large_one_is_refused(server: Server) -> None:
    body = gzip.compress(b" " * 10_000_000 + b"1")
    server.play = lambda request: request.answer(200, body, Content_Encoding="gzip")
    assert "over 100,000 bytes" in str(fault("get_json", server.url, client={"max_bytes": 100_000}))
    assert call("get_json", server.url) == 1


def test_a_reply_nested_too_deeply_is_no_json(server: Server) -> None:
    server.play = lambda request: request.answer(200, b"[" * 200_000)
    assert "not JSON" in str(fault("get_json", server.url))


# What the server says of an error


@pytest.mark.parametrize("status", [400, 404, 413, 422, 429, 500, 503])
@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "maximum context length is 8192 tokens", "type": "x"}},
        {"error": "maximum context length is 8192 tokens"},
        {"object": "error", "message": "maximum context length is 8192 tokens"},
        {"detail": [{"loc": ["body"], "msg": "maximum context length is 8192 tokens"}]},
        [{"error": {"code": 400, "message": "maximum context length\n\tis 8192 tokens"}}],
        "maximum context length is 8192 tokens\r\n",
    ],
)
def test_the_servers_own_words_are_shown_in_one_line(
    server: Server, status: int, body: Any
) -> None:
    said = body if isinstance(body, str) else json.dumps(body)
    server.play = lambda request: request.answer(status, said.encode())
    error = fault("post_json", server.url, {}, client={"max_attempts": 2})
    assert f"{status} " in str(error)
    assert "(the server says: maximum context length is 8192 tokens)" in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    "body", [b"", b"<html><h1>Not found</h1>", b"{}", b"[" * 60_000, b'{"error": 5}', b"\xff\x00"]
)
def test_a_page_or_nothing_is_not_shown(server: Server, body: bytes) -> None:
    server.play = lambda request: request.answer(404, body)
    error = str(fault("get_json", server.url))
    assert "<" not in error
    assert len(error) < 500
    assert error.isprintable()


def test_a_long_or_endless_error_is_cut(server: Server) -> None:
    server.play = lambda request: request.answer(400, b"so " * 20_000)
    assert len(str(fault("get_json", server.url))) < 600

    def endless(request: Request) -> None:
        request.answer(400, b"so", Content_Length="100")
        server.closing.wait(30)

    server.play = endless
    started = time.monotonic()
    assert fault("get_json", server.url).status == 400
    assert time.monotonic() - started < 8


def test_a_server_that_repeats_the_secrets_of_the_request_does_not_show_them(
    server: Server,
) -> None:
    def play(request: Request) -> None:
        said = f"wrong key: {request.headers['Authorization']} {request.path} \x1b[31m"
        request.answer(401, said.encode())

    server.play = play
    headers = {"Authorization": "Bearer SECRET"}
    error = str(fault("get_json", f"{server.url}?key=SECRET2", headers=headers))
    assert "the server says: wrong key" in error
    assert "SECRET" not in error and "\x1b" not in error


def test_a_limit_of_rate_without_a_time_to_wait_backs_off_longer_each_time(server: Server) -> None:
    server.fails(429, failures=3)
    assert call("get_json", server.url, client={"backoff_s": 0.1}) == {"answer": 42}
    waits = [b.at - a.at for a, b in pairwise(server.requests)]
    assert [wait >= least for wait, least in zip(waits, (0.2, 0.4, 0.8), strict=True)] == [True] * 3


# The loop for code that is not async


def test_calls_from_many_threads_share_one_loop_and_its_connections(server: Server) -> None:
    thread, http = EventLoopThread(), AsyncHttpClient(max_concurrency=1)
    with ThreadPoolExecutor(4) as callers:
        asked = [callers.submit(thread.run, http.get_json(server.url)) for _ in range(8)]
        assert [call.result() for call in asked] == [{}] * 8
    assert len({request.client for request in server.requests}) == 1
    thread.close(http.close)
    assert thread.run(http.get_json(server.url)) == {}  # a new loop, and a new connection
    assert len({request.client for request in server.requests}) == 2
    thread.close(http.close)


def test_closing_waits_for_calls_under_way(server: Server) -> None:
    started = threading.Event()

    def play(request: Request) -> None:
        started.set()
        time.sleep(0.3)
        request.answer(200, b"1")

    server.play = play
    thread, http = EventLoopThread(), AsyncHttpClient()
    call = thread.start(http.get_json(server.url))
    assert started.wait(10)
    thread.close(http.close)
    assert call.done() and call.result() == 1


def test_errors_come_back_and_nothing_is_left_running() -> None:
    before = threading.active_count()
    thread = EventLoopThread()

    async def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        thread.run(fail())
    thread.close()
    thread.close()
    dropped = EventLoopThread()
    dropped.run(asyncio.sleep(0))
    del dropped
    for _ in range(100):
        if threading.active_count() == before:
            break
        time.sleep(0.05)
    assert threading.active_count() == before


def test_a_forked_child_runs_its_own_loop_and_leaves_the_parents_alone(server: Server) -> None:
    thread, http = EventLoopThread(), AsyncHttpClient()
    assert thread.run(http.get_json(server.url)) == {}
    if not (child := os.fork()):
        status = 1
        try:
            thread.run(http.get_json(server.url))
            thread.close(http.close)
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert thread.run(http.get_json(server.url)) == {}
    first, of_child, second = (request.client for request in server.requests)
    assert first == second != of_child
    thread.close(http.close)
