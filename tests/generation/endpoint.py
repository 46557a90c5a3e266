"""A scripted chat-completions endpoint: what it replies with, and what it was asked."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any


@dataclass
class Endpoint:
    """What the server replies with, and what it was asked."""

    url: str = ""
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    connections: set[int] = field(default_factory=set)
    hung_up: threading.Event = field(default_factory=threading.Event)  # by the client
    _dripping: bool = False

    def says(self, text: str | None) -> None:
        self.body = message(text)

    def streams(self, *events: object) -> None:
        lines = [event if isinstance(event, str) else json.dumps(event) for event in events]
        self.body = "".join(f"data: {line}\n\n" for line in lines).encode()

    def drips(self, event: object) -> None:
        """Send an event again and again until the client hangs up."""
        self.streams(event)
        self._dripping = True

    def reply(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(self.status)
        for name, value in self.headers.items():
            handler.send_header(name, value)
        if not self._dripping:
            handler.send_header("Content-Length", str(len(self.body)))
        handler.end_headers()
        try:
            handler.wfile.write(self.body)
            while self._dripping:
                time.sleep(0.02)
                handler.wfile.write(self.body)
        except OSError:
            self.hung_up.set()
            handler.close_connection = True


def message(content: object, reason: str = "stop") -> bytes:
    """A chat completion."""
    choice = {"message": {"content": content}, "finish_reason": reason}
    return json.dumps({"choices": [choice]}).encode()


def delta(content: object, reason: str | None = None) -> dict[str, Any]:
    """An event of a stream of chat completions."""
    return {"choices": [{"delta": {"content": content}, "finish_reason": reason}]}
