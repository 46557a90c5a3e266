"""Read what servers send: within bounds, line by line, and what they say of an error."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx

# Prefixes of headers that hold no secret of the caller.
HARMLESS = ("accept", "connection", "content-", "cookie", "host", "transfer-", "user-agent")

_ERROR_BYTES = 64 << 10  # read of an error
_ERROR_S = 3.0  # seconds to wait for it
_SAID = 300  # characters shown of it


@dataclass(eq=False)
class TryError(Exception):
    """A failed attempt: why, how to fix it, and seconds to the next one (None: do not retry)."""

    why: str
    fix: str
    again_s: float | None


async def read_body(response: httpx.Response, max_bytes: int) -> bytes:
    """The decoded body; raises TryError if it is over `max_bytes`."""
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) > max_bytes:
            raise _too_big(max_bytes)
    return bytes(body)


async def read_lines(response: httpx.Response, max_bytes: int) -> AsyncIterator[str]:
    """The lines of a reply, as they arrive; raises TryError after `max_bytes`."""
    size, pending = 0, [b""]
    async for part in response.aiter_bytes():
        size += len(part)
        if size > max_bytes:
            raise _too_big(max_bytes)
        pending.append(part)
        if b"\n" in part:
            *lines, rest = b"".join(pending).split(b"\n")
            pending = [rest]
            for line in lines:
                yield line.decode(errors="replace").removesuffix("\r")
    if rest := b"".join(pending):
        yield rest.decode(errors="replace")


def parse_json(text: str | bytes) -> Any:
    """Parse JSON from a server; raises ValueError, also if it is nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def error_text(reply: Any) -> str:
    """What a server says of an error, in one line of at most 300 characters; "" if nothing.

    Args:
        reply: parsed JSON, or other text. The usual shapes are `{"error": {"message": …}}`,
            `{"error": …}`, `{"message": …}` and `{"detail": …}`.
    """
    for name in ("error", "errors", "message", "detail", "msg"):
        if isinstance(reply, list) and reply:
            reply = reply[0]
        if isinstance(reply, dict) and reply.get(name):
            reply = reply[name]
    if not isinstance(reply, str) or reply.lstrip().startswith("<"):  # a page is no message
        return ""
    shown = "".join(letter if letter.isprintable() else " " for letter in reply[:2000])
    line = " ".join(shown.split())
    return line if len(line) <= _SAID else line[: _SAID - 1] + "…"


async def read_error(response: httpx.Response) -> str:
    """What a server says of a failure, as `error_text`, without secrets of the request."""
    try:
        async with asyncio.timeout(_ERROR_S):
            body = await read_body(response, _ERROR_BYTES)
    except (TryError, httpx.RequestError, TimeoutError):
        return ""
    try:
        reply = parse_json(body)
    except ValueError:
        reply = body.decode(errors="replace")
    said = error_text(reply)
    request = response.request
    hidden = [value for name, value in request.headers.items() if not name.startswith(HARMLESS)]
    hidden += [request.headers.get("Cookie", "")]
    hidden += [word for value in hidden for word in value.split()]  # "Bearer KEY"
    hidden += [*request.url.params.values(), request.url.username, request.url.password]
    for secret in sorted({one for one in hidden if len(one) > 3}, key=len, reverse=True):
        said = said.replace(secret, "***")
    return said


def _too_big(max_bytes: int) -> TryError:
    return TryError(f"the reply is over {max_bytes:,} bytes", "check the address", None)
