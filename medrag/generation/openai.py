"""Answers from any OpenAI-compatible chat endpoint."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from queue import SimpleQueue
from typing import Any

from ..clients import AsyncHttpClient, EventLoopThread, bearer, error_text, parse_json
from ..config import GeneratorConfig
from ..errors import ConfigError, HttpError
from .prompts import Pieces, Prompt, Reply

_MAX_BYTES = 4 << 20  # of one reply, with everything that is not text
_TOKEN = 32  # characters; few tokens are longer
# Reasons to finish that leave an answer without its end; any other means that it is whole.
CUT = {"length", "max_tokens", "model_length", "content_filter"}
_REFUSED = {400, 413, 422}  # statuses of requests that are too long, or wrong
_SKIPPED = {"thinking", "reasoning"}  # parts of a message that are not its text


class OpenAIGenerator:
    """A chat model behind `generator.base_url`; all threads share its connections.

    Raises (on construction):
        ConfigError: the address or the name of the model is missing.
    """

    reads_messages = True

    def __init__(self, config: GeneratorConfig) -> None:
        for name in ("base_url", "model"):
            if not getattr(config, name):
                raise ConfigError(
                    f"generator=openai needs generator.{name}, e.g. "
                    "generator.base_url=http://localhost:8000/v1 generator.model=NAME"
                )
        self._config = config
        self._url = config.base_url.rstrip("/") + "/chat/completions"
        self._http = AsyncHttpClient(
            deadline_s=config.timeout_s, timeout_s=config.timeout_s, max_bytes=_MAX_BYTES
        )
        self._loop = EventLoopThread()

    def generate(self, prompt: Prompt) -> Reply:
        """Answer by greedy decoding; see `Generator.generate`.

        Raises:
            HttpError: the endpoint cannot be reached, refuses, or sends something else.
            ConfigError: the environment variable does not hold a key.
        """
        payload, headers = self._payload(prompt), bearer(self._config.api_key_env)
        # A retry is safe: a question changes nothing on the server.
        call = self._http.post_json(self._url, payload, headers=headers, retry=True)
        with self._settings_named():
            reply = self._loop.run(call)
        text, reason = self._read(reply, "message", "chat completion")
        return self._bounded(text, reason in CUT)

    def stream(self, prompt: Prompt) -> Pieces:
        """As `generate`, in pieces sent as server-sent events; see `Generator.stream`."""
        wanted, text, found, ended, cut = "stream of chat completions", "", False, False, False
        # Closed at the end of the block: whoever reads the pieces may stop before theirs.
        with closing(self._events(prompt)) as events:
            for data in events:
                found = True
                if data == "[DONE]":
                    ended = True
                    continue
                try:
                    event = parse_json(data)
                except ValueError:
                    raise self._unusable(wanted) from None
                piece, reason = self._read(event, "delta", wanted)
                ended, cut = ended or bool(reason), cut or reason in CUT
                text += piece
                if piece:
                    yield piece
                if len(text) > self._longest:
                    break
        if not found:
            raise self._unusable(wanted)
        return self._bounded(text, cut or not ended)

    def _events(self, prompt: Prompt) -> Generator[str, None, None]:
        """The data of each event of a stream; closing it ends the request."""
        payload, headers = self._payload(prompt), bearer(self._config.api_key_env)
        payload["stream"] = True
        lines: SimpleQueue[str | None] = SimpleQueue()

        async def ask() -> None:
            try:
                await self._http.post_lines(
                    self._url, payload, lines.put, headers=headers, retry=True
                )
            finally:
                lines.put(None)

        call = self._loop.start(ask())
        try:
            while (line := lines.get()) is not None:
                name, _, data = line.partition(":")
                if name == "data":  # empty lines end an event; others are comments
                    yield data.strip()
            with self._settings_named():
                call.result()
        finally:
            call.cancel()  # does nothing if it is done

    def close(self) -> None:
        """Close the connections; see `Generator.close`."""
        self._loop.close(self._http.close)

    @property
    def _longest(self) -> int:
        """Characters of an answer; only a server that ignores `max_tokens` sends more."""
        return _TOKEN * self._config.max_new_tokens

    def _bounded(self, text: str, cut: bool) -> Reply:
        return Reply(text[: self._longest].strip(), cut or len(text) > self._longest)

    def _read(self, reply: Any, where: str, wanted: str) -> tuple[str, str]:
        """The text in a reply or an event, and why it finished; either may be "".

        Events that report a role or the usage have no text.

        Args:
            where: the key of the message: `message`, or `delta` in a stream.
            wanted: what the reply should be, for the error.
        """
        try:
            choices = reply["choices"]
            if not choices and where == "delta":
                return "", ""
            content = choices[0][where].get("content")
            return content_text(content), str(choices[0].get("finish_reason") or "")
        except (LookupError, TypeError, ValueError, AttributeError):
            raise self._unusable(wanted, error_text(reply) if _reports(reply) else "") from None

    def _unusable(self, wanted: str, said: str = "") -> HttpError:
        where = self._config.base_url
        if said:
            for value in bearer(self._config.api_key_env).values():
                said = said.replace(value.split()[-1], "***")
            return HttpError(f"{where} reports an error: {said}")
        return HttpError(f"{where} sent no {wanted}; is it an OpenAI-compatible endpoint (…/v1)?")

    @contextmanager
    def _settings_named(self) -> Iterator[None]:
        """Name the settings that a refused request was made with."""
        try:
            yield
        except HttpError as error:
            if error.status not in _REFUSED:
                raise
            config = self._config
            raise HttpError(
                f"{error}. Settings: generator.model={config.model}, generator.context_tokens="
                f"{config.context_tokens}, generator.max_new_tokens={config.max_new_tokens}",
                status=error.status,
            ) from None

    def _payload(self, prompt: Prompt) -> dict[str, Any]:
        return {
            "model": self._config.model,
            "messages": prompt.messages,
            "max_tokens": self._config.max_new_tokens,
            "temperature": 0,
        }


def content_text(content: Any) -> str:
    """The text of a message, which may come in parts; raises TypeError for anything else."""
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise TypeError
    parts = [part for part in content if part["type"] not in _SKIPPED]
    if any(part["type"] != "text" for part in parts):
        raise TypeError
    return "".join(part["text"] for part in parts)


def _reports(reply: Any) -> bool:
    return isinstance(reply, dict) and bool(reply.get("error"))
