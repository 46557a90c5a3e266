"""Answers from any OpenAI-compatible chat endpoint."""

from __future__ import annotations

import json
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any

from ..clients import AsyncHttpClient, EventLoopThread, bearer
from ..config import GeneratorConfig
from ..errors import ConfigError, HttpError
from .prompts import Prompt


class OpenAIGenerator:
    """A chat model behind `generator.base_url`; all threads share its connections.

    Raises (on construction):
        ConfigError: the address or the name of the model is missing.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        for name in ("base_url", "model"):
            if not getattr(config, name):
                raise ConfigError(
                    f"generator=openai needs generator.{name}, e.g. "
                    "generator.base_url=http://localhost:8000/v1 generator.model=NAME"
                )
        self._config = config
        self._url = config.base_url.rstrip("/") + "/chat/completions"
        self._http = AsyncHttpClient(deadline_s=config.timeout_s, timeout_s=config.timeout_s)
        self._loop = EventLoopThread()

    def generate(self, prompt: Prompt) -> str:
        """Answer by greedy decoding; see `Generator.generate`.

        Raises:
            HttpError: the endpoint cannot be reached, refuses, or sends something else.
            ConfigError: the environment variable does not hold a key.
        """
        payload, headers = self._payload(prompt), bearer(self._config.api_key_env)
        # A retry is safe: a question changes nothing on the server.
        call = self._http.post_json(self._url, payload, headers=headers, retry=True)
        reply = self._loop.run(call)
        try:
            return str(reply["choices"][0]["message"]["content"] or "").strip()
        except (LookupError, TypeError) as error:
            raise self._unusable("chat completion") from error

    def stream(self, prompt: Prompt) -> Iterator[str]:
        """As `generate`, in pieces sent as server-sent events; see `Generator.stream`."""
        payload, headers = self._payload(prompt), bearer(self._config.api_key_env)
        lines: SimpleQueue[str | None] = SimpleQueue()

        async def ask() -> None:
            try:
                await self._http.post_lines(
                    self._url, payload | {"stream": True}, lines.put, headers=headers, retry=True
                )
            finally:
                lines.put(None)

        call = self._loop.start(ask())
        events = 0
        try:
            while (line := lines.get()) is not None:
                name, _, data = line.partition(":")
                if name != "data":
                    continue  # empty lines end an event; others are comments
                events += 1
                if data.strip() != "[DONE]" and (piece := self._piece(data)):
                    yield piece
            call.result()
            if not events:
                raise self._unusable("stream of chat completions")
        finally:
            call.cancel()  # whoever reads the pieces may stop before the end

    def close(self) -> None:
        """Close the connections; see `Generator.close`."""
        self._loop.close(self._http.close)

    def _piece(self, data: str) -> str:
        """The new text in one event; there is none in those that report a role or the usage."""
        try:
            choices = json.loads(data)["choices"]
            return str(choices[0]["delta"].get("content") or "") if choices else ""
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise self._unusable("stream of chat completions") from error

    def _unusable(self, wanted: str) -> HttpError:
        return HttpError(
            f"{self._config.base_url} sent no {wanted}; is it an OpenAI-compatible endpoint (…/v1)?"
        )

    def _payload(self, prompt: Prompt) -> dict[str, Any]:
        return {
            "model": self._config.model,
            "messages": prompt.messages,
            "max_tokens": self._config.max_new_tokens,
            "temperature": 0,
        }
