"""Answers from any OpenAI-compatible chat endpoint."""

from __future__ import annotations

import os
from typing import Any

from ..clients import run_async
from ..config import GeneratorConfig
from ..errors import ConfigError, HttpError
from .prompts import Message


class OpenAIGenerator:
    """A chat model behind `generator.base_url`; nothing is sent before the first question.

    Raises (on construction):
        ConfigError: the address or the model's name is missing.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        for name in ("base_url", "model"):
            if not getattr(config, name):
                raise ConfigError(
                    f"generator=openai needs generator.{name}, e.g. "
                    "generator.base_url=http://localhost:8000/v1 generator.model=NAME"
                )
        self._config = config

    def generate(self, messages: list[Message]) -> str:
        """One reply, greedily decoded.

        Raises:
            HttpError: the endpoint could not be reached, refused, or sent no reply text.
            ConfigError: the environment variable holds what cannot be a key.
        """
        reply = run_async(self._post(messages))
        try:
            return str(reply["choices"][0]["message"]["content"] or "").strip()
        except (KeyError, IndexError, TypeError) as error:
            raise HttpError(
                f"{self._config.base_url} sent no chat completion; "
                "is it an OpenAI-compatible endpoint (…/v1)?"
            ) from error

    def close(self) -> None:
        """Nothing is held open between questions."""

    async def _post(self, messages: list[Message]) -> Any:
        from ..clients import AsyncHttpClient

        key = os.environ.get(self._config.api_key_env, "").strip()
        if not key.isascii():
            raise ConfigError(f"{self._config.api_key_env} holds no key: keys are plain ASCII")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        timeout = self._config.timeout_s
        async with AsyncHttpClient(deadline_s=timeout, timeout_s=timeout) as client:
            return await client.post_json(
                self._config.base_url.rstrip("/") + "/chat/completions",
                {
                    "model": self._config.model,
                    "messages": messages,
                    "max_tokens": self._config.max_new_tokens,
                    "temperature": 0,
                },
                headers=headers,
                retry=True,  # asking again changes nothing on the server
            )
