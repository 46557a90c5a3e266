"""A model behind an OpenAI-compatible endpoint that is asked for questions."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from ..clients import AsyncHttpClient, EventLoopThread, bearer, error_text
from ..config import TeacherConfig
from ..errors import ConfigError, HttpError
from ..generation.openai import CUT, content_text
from ..generation.prompts import Message, question_writing_messages
from ..manifest import fingerprint
from ..types import Hit
from .replies import Replies, TeacherReply

LONGEST = 400  # tokens of a reply
CHARACTERS = 3  # of a token, at least; for what a request may take before it is counted
_MAX_BYTES = 1 << 20  # of a reply, with everything that is not text


class Teacher:
    """The model of `dataset.teacher`, asked `concurrency` times at once, at most.

    Raises (on construction):
        ConfigError: the address or the name of the model is missing.
    """

    def __init__(self, config: TeacherConfig) -> None:
        for name in ("base_url", "model"):
            if not getattr(config, name):
                raise ConfigError(
                    f"dataset.writer=teacher needs dataset.teacher.{name}, e.g. "
                    "dataset.teacher.base_url=http://localhost:8000/v1 dataset.teacher.model=NAME"
                )
        self._config = config
        self._url = config.base_url.rstrip("/") + "/chat/completions"
        self._http = AsyncHttpClient(
            max_concurrency=config.concurrency,
            deadline_s=config.timeout_s,
            timeout_s=config.timeout_s,
            max_bytes=_MAX_BYTES,
        )
        self._loop = EventLoopThread()

    def ask(self, hit: Hit, replies: Replies) -> Future[TeacherReply]:
        """Ask for a question about a passage, unless its reply is on disk already.

        Returns:
            A future of the reply, which is on disk by then; or of an HttpError.
        """
        messages = question_writing_messages(hit)
        key = fingerprint([self._config.model, messages])[:32]
        if known := replies.get(key):
            future: Future[TeacherReply] = Future()
            future.set_result(known)
            return future

        async def asked() -> TeacherReply:
            reply = await self._reply(messages)
            replies.add(key, hit, reply)
            return reply

        return self._loop.start(asked())

    async def _reply(self, messages: list[Message]) -> TeacherReply:
        payload = {
            "model": self._config.model,
            "messages": messages,
            "max_tokens": LONGEST,
            "temperature": 0,
        }
        headers = bearer(self._config.api_key_env)
        # A retry is safe: a question changes nothing on the server.
        reply = await self._http.post_json(self._url, payload, headers=headers, retry=True)
        try:
            choice = reply["choices"][0]
            text = content_text(choice["message"].get("content"))
            text = text.encode(errors="replace").decode()  # half a character cannot be kept
            reason = str(choice.get("finish_reason") or "")
        except (LookupError, TypeError, AttributeError):
            said = error_text(reply) if isinstance(reply, dict) and reply.get("error") else ""
            raise HttpError(
                f"{self._config.base_url} sent no chat completion{f': {said}' if said else ''}; is "
                "it an OpenAI-compatible endpoint (…/v1)?"
            ) from None
        usage = reply.get("usage")
        told = usage if isinstance(usage, dict) else {}
        return TeacherReply(
            text,
            reason in CUT,
            _tokens(told.get("prompt_tokens"), messages[0]["content"]),
            _tokens(told.get("completion_tokens"), text),
        )

    def close(self) -> None:
        """Wait for the requests that are under way, and close the connections."""
        self._loop.close(self._http.close)


def _tokens(told: Any, text: str) -> int:
    """What a server says that a text has, or the most that it may have."""
    return told if isinstance(told, int) and told >= 0 else len(text) // CHARACTERS + 1
