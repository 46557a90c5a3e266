"""An async HTTP client with bounded concurrency, retries, replies and time, and a loop for it."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx
import tenacity

from ..errors import ConfigError, HttpError
from .loop import EventLoopThread
from .replies import HARMLESS, TryError, error_text, parse_json, read_body, read_error, read_lines

__all__ = [
    "AsyncHttpClient",
    "Download",
    "EventLoopThread",
    "bearer",
    "error_text",
    "parse_json",
]

logging.getLogger("httpx").setLevel(logging.WARNING)  # at INFO it logs URLs with their keys

T = TypeVar("T")
_Use = Callable[[httpx.Response], Awaitable[T]]

_IDEMPOTENT = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"}
_TRANSIENT = {408, 425, 429, 500, 502, 503, 504}  # a retry may succeed
_OUR_FAULT = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)


@dataclass(frozen=True)
class Download:
    """A finished download: its path, size in bytes and Content-Type ("" if none was sent)."""

    path: Path
    bytes: int
    content_type: str


@dataclass(frozen=True)
class _Opened:
    """The connections of one event loop, and how many may be in use."""

    loop: asyncio.AbstractEventLoop
    slots: asyncio.Semaphore
    client: httpx.AsyncClient


class AsyncHttpClient:
    """HTTP for many calls to servers that may be slow, busy or briefly unreachable.

    At most `max_concurrency` requests are in flight at once; a call that waits before a retry
    holds no slot. A call makes up to `max_attempts` attempts. Before a retry it waits as long as
    the server's Retry-After asks, plus a random time of up to `backoff_s` seconds, which doubles
    each time up to `max_backoff_s`. `deadline_s` bounds the whole call in seconds, including the
    wait for a slot; `timeout_s` bounds each connect, read and write. `max_bytes` bounds a reply
    that is kept in memory. `headers` are sent with every request.

    Use it in one event loop at a time: in a new loop it opens new connections. Up to five
    redirects are followed; the caller's keys are not sent to another origin, and what is posted is
    not sent to another host. Every method raises HttpError when the call has finally failed; its
    message shows the address without userinfo and query, and what the server says of the error.
    `options` are those of httpx.AsyncClient.build_request, such as `params` and `headers`.
    Invalid arguments raise TypeError or ValueError.
    """

    def __init__(
        self,
        max_concurrency: int = 8,
        max_attempts: int = 5,
        deadline_s: float = 60.0,
        backoff_s: float = 0.5,
        max_backoff_s: float = 20.0,
        timeout_s: float = 10.0,
        max_bytes: int = 64 << 20,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        if max_concurrency < 1 or max_attempts < 1:
            raise ValueError("max_concurrency and max_attempts must be at least 1")
        self._max_concurrency, self._max_attempts = max_concurrency, max_attempts
        self._deadline_s, self._timeout_s, self._headers = deadline_s, timeout_s, headers
        self._max_bytes = max_bytes
        self._backoff = tenacity.wait_random_exponential(backoff_s, max_backoff_s)
        # Limits on the rate of requests last for longer than a short trouble.
        self._rate_backoff = tenacity.wait_exponential(2 * backoff_s, max_backoff_s)
        self._opened: _Opened | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; a later call opens new ones."""
        opened = self._opened
        if opened is not None and opened.loop is asyncio.get_running_loop():
            self._opened = None
            await opened.client.aclose()

    def _connect(self) -> _Opened:
        """The connections of the running loop; those of a loop that is gone cannot be used."""
        opened, loop = self._opened, asyncio.get_running_loop()
        if opened is None or opened.loop is not loop:
            client = httpx.AsyncClient(
                headers=self._headers,
                timeout=self._timeout_s,
                limits=httpx.Limits(),  # unlimited: the slots bound the connections
                follow_redirects=True,
                max_redirects=5,
                event_hooks={"request": [_stay_home]},
            )
            opened = _Opened(loop, asyncio.Semaphore(self._max_concurrency), client)
            # In one step: an old loop may end in another thread while a new one starts.
            self._opened = opened
        return opened

    async def request(
        self, method: str, url: str, *, retry: bool = False, **options: Any
    ) -> httpx.Response:
        """Return the 2xx response with its body read; raises HttpError.

        A method that is not idempotent, such as POST, is retried only after 429, 503 or a failed
        connection, unless `retry` says that it is always safe to retry.
        """

        async def read(response: httpx.Response) -> httpx.Response:
            body = await read_body(response, self._max_bytes)
            headers = [
                (name, value)
                for name, value in response.headers.multi_items()
                if name not in ("content-encoding", "content-length", "transfer-encoding")
            ]
            return httpx.Response(
                response.status_code, headers=headers, content=body, request=response.request
            )

        return await self._call(method, url, read, retry, options)

    async def get_json(self, url: str, **options: Any) -> Any:
        """GET `url` and return its parsed JSON; raises HttpError, also if it is not JSON."""
        return await self._call("GET", url, self._parsed, False, options)

    async def post_json(
        self, url: str, payload: object, *, retry: bool = False, **options: Any
    ) -> Any:
        """POST `payload` as JSON and return the parsed reply; for `retry` see `request`."""
        return await self._call("POST", url, self._parsed, retry, options | {"json": payload})

    async def post_lines(
        self,
        url: str,
        payload: object,
        take: Callable[[str], None],
        *,
        retry: bool = False,
        **options: Any,
    ) -> None:
        """POST `payload` as JSON and pass each line of the reply to `take` as soon as it arrives.

        Lines end in LF or CR LF. For `retry` see `request`; once `take` has been called there is no
        retry. Raises HttpError.
        """
        taken = False

        async def pass_on(response: httpx.Response) -> None:
            nonlocal taken
            try:
                async for line in read_lines(response, self._max_bytes):
                    taken = True
                    take(line)
            except httpx.RequestError as error:
                if not taken:
                    raise
                why = f"{type(error).__name__} in the middle of the reply"
                raise TryError(why, "try again", None) from None

        return await self._call("POST", url, pass_on, retry, options | {"json": payload})

    async def download(
        self, url: str, path: str | os.PathLike[str], *, max_bytes: int, **options: Any
    ) -> Download:
        """GET `url` into the file `path`, which appears complete or not at all.

        Raises HttpError, also if the body exceeds `max_bytes`, and OSError if it cannot be written.
        """
        too_big = TryError(f"over {max_bytes} bytes", "raise max_bytes to allow it", None)

        async def save(response: httpx.Response) -> Download:
            # Next to the target: a replace is atomic only within one file system.
            part = Path(path).with_name(f".{secrets.token_hex(8)}.part")
            size = 0
            try:
                with part.open("xb") as file:
                    async for chunk in response.aiter_bytes():
                        size += len(chunk)
                        if size > max_bytes:
                            raise too_big
                        file.write(chunk)
                    file.flush()
                    await asyncio.to_thread(os.fsync, file)  # slow enough to stall other calls
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
            return Download(Path(path), size, response.headers.get("Content-Type", ""))

        return await self._call("GET", url, save, False, options)

    async def _parsed(self, response: httpx.Response) -> Any:
        body = await read_body(response, self._max_bytes)
        try:
            return parse_json(body)
        except ValueError:
            why, fix = "the reply is not JSON", "check that the address is an API"
            raise TryError(why, fix, None) from None

    async def _call(
        self, method: str, url: str, use: _Use[T], retry: bool, options: dict[str, Any]
    ) -> T:
        """Try until `use` has read a good response, within the attempts and the deadline."""
        opened = self._connect()
        try:
            request = opened.client.build_request(method, url, **options)
        except httpx.InvalidURL:  # not shown: the error quotes it, and it may hold a password
            raise HttpError(f"{method} failed: not a valid URL; correct the address") from None
        started, tries = time.monotonic(), 0
        last: TryError | None = None
        status: int | None = None

        async def attempt() -> T:
            nonlocal tries, last, status
            async with opened.slots:
                tries += 1
                try:
                    async with aclosing(await opened.client.send(request, stream=True)) as response:
                        status = response.status_code
                        if response.is_success:
                            return await use(response)
                        last = _failure(response, request.method, retry, await read_error(response))
                except TryError as failure:
                    last = failure
                except httpx.RequestError as error:
                    last = _failure(error, request.method, retry)
            # Raised outside `except`: httpx's error may quote a header or the URL.
            raise last

        def asked_s(state: tenacity.RetryCallState) -> float:
            named_s = (last and last.again_s) or 0.0
            return self._rate_backoff(state) if status == 429 and not named_s else named_s

        retrying = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(self._max_attempts)
            | tenacity.stop_before_delay(self._deadline_s),
            # On top of Retry-After: refused calls should not all come back at once.
            wait=lambda state: self._backoff(state) + asked_s(state),
            retry=tenacity.retry_if_exception(lambda e: e is last and last.again_s is not None),
            reraise=True,
        )
        try:
            async with asyncio.timeout(self._deadline_s) as deadline:
                return await retrying(attempt)
        except TryError as failure:
            why, fix = failure.why, failure.fix
            if failure.again_s is not None and tries < self._max_attempts:
                why += f", and a retry would exceed the deadline of {self._deadline_s:g} s"
        except TimeoutError:
            if not deadline.expired():
                raise  # from the disk, not from the deadline
            why = f"the deadline passed{f' after {last.why}' if last else ''}"
            fix = "raise deadline_s, make fewer calls at once or try again later"
        where = f"{request.method} {request.url.copy_with(userinfo=b'', query=None, fragment=None)}"
        took = f"{tries} attempt{'s' * (tries != 1)} in {time.monotonic() - started:.1f} s"
        raise HttpError(f"{where} failed after {took}: {why}; {fix}", status=status)


async def _stay_home(request: httpx.Request) -> None:
    """Keep the caller's keys from other origins, and what is posted from other hosts.

    Any header of the caller may hold a key. httpx passes the extensions of a request on to the
    requests that it is redirected to.
    """
    url, method = request.extensions.setdefault("home", (request.url, request.method))
    if (url.scheme, url.netloc) == (request.url.scheme, request.url.netloc):
        return
    # From http to https on the usual ports, the host stays the same.
    elsewhere = url.netloc != request.url.netloc or url.scheme == "https"
    if elsewhere and method not in ("GET", "HEAD"):
        there = f"{request.url.scheme}://{request.url.netloc.decode('ascii', 'replace')}"
        why = f"it redirects to {there}, and what is sent must not go to another host"
        raise TryError(why, "set the address to the one that is meant", None)
    for name in [name for name in request.headers if not name.startswith(HARMLESS)]:
        del request.headers[name]


def _failure(
    trouble: httpx.Response | httpx.RequestError, method: str, retry: bool, said: str = ""
) -> TryError:
    """Describe the bad status or transport error that a `method` request ended in."""
    if isinstance(trouble, httpx.Response):
        status, asked_s = trouble.status_code, _asked_wait_s(trouble.headers.get("Retry-After", ""))
        why = f"{status} {httpx.codes.get_reason_phrase(status)}".rstrip()
        why += f" (the server says: {said})" if said else ""
        transient, refused = status in _TRANSIENT, status in {429, 503}
    else:
        why, asked_s = type(trouble).__name__, 0.0
        if isinstance(trouble, httpx.NetworkError) and str(trouble):
            why += f" ({trouble})"  # from the system; other errors may quote a secret
        transient = isinstance(trouble, httpx.TransportError)
        transient = transient and not isinstance(trouble, _OUR_FAULT)
        refused = isinstance(trouble, httpx.ConnectError | httpx.ConnectTimeout)
    fix = "check the address, the credentials and the request"
    if transient:
        fix = "the server may be overloaded or unreachable: check the network, or try again later"
    if not (retry or method in _IDEMPOTENT):
        # A POST that was redirected to a GET has been accepted, whatever became of the GET.
        transient = refused and trouble.request.method == method
    return TryError(why, fix, asked_s if transient else None)


def _asked_wait_s(retry_after: str) -> float:
    """Seconds that a Retry-After header asks for, as a number or a GMT date; 0 if neither."""
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    try:
        when = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):
        return 0.0
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def bearer(variable: str) -> dict[str, str]:
    """The header with the key in an environment variable, if any; ConfigError if not ASCII."""
    key = os.environ.get(variable, "").strip()
    if not key.isascii():
        raise ConfigError(f"{variable} does not hold a key: keys are plain ASCII")
    return {"Authorization": f"Bearer {key}"} if key else {}
