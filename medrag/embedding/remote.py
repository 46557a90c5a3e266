"""Embed texts on a server: OpenAI's `/v1/embeddings`, which many servers offer, or Cohere's."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..clients import AsyncHttpClient, EventLoopThread, bearer
from ..config import EmbedderConfig, EmbedderKind
from ..errors import HttpError
from ..ingestion.tokens import longest_prefix
from ..manifest import fingerprint
from .cache import Vectors

_MAX_TOKENS = 512  # no hosted model in use reads less
_BATCH_TOKENS = 32_768  # in one request
# About one token each: three digits, four letters of ASCII, one of any other character.
_TOKENS = re.compile(r"[0-9]{1,3}|[A-Za-z]{1,4}|[^\s0-9A-Za-z]")

_log = logging.getLogger(__name__)


class _OpenAI:
    """OpenAI's interface: where it is, and how its requests and replies are written.

    Attributes:
        batch: the most texts in one request.
    """

    base_url, path, key_env = "https://api.openai.com/v1", "/embeddings", "OPENAI_API_KEY"
    batch = 32  # Hugging Face's Text Embeddings Inference takes no more by default

    @staticmethod
    def body(config: EmbedderConfig, texts: Sequence[str], is_query: bool) -> dict[str, Any]:
        """The request for the vectors of questions or documents."""
        body = {"model": config.model, "input": list(texts), "encoding_format": "float"}
        return body | ({"dimensions": config.dimension} if config.dimension else {})

    @staticmethod
    def read(reply: Any) -> tuple[Mapping[int, Any], int]:
        """The vectors in a reply, by the number of their text, and the tokens billed.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: it is not such a reply.
        """
        rows = {int(row["index"]): row["embedding"] for row in reply["data"]}
        if len(rows) < len(reply["data"]):
            raise ValueError("it numbers two rows alike")
        return rows, int((reply.get("usage") or {}).get("total_tokens") or 0)


class _Cohere(_OpenAI):
    """Cohere's interface."""

    base_url, path, key_env = "https://api.cohere.com/v2", "/embed", "CO_API_KEY"
    batch = 96

    @staticmethod
    def body(config: EmbedderConfig, texts: Sequence[str], is_query: bool) -> dict[str, Any]:
        body = {
            "model": config.model,
            "texts": list(texts),
            "input_type": "search_query" if is_query else "search_document",
            "embedding_types": ["float"],
            "truncate": "NONE",  # no text loses its end silently
        }
        return body | ({"output_dimension": config.dimension} if config.dimension else {})

    @staticmethod
    def read(reply: Any) -> tuple[Mapping[int, Any], int]:
        billed = (reply.get("meta") or {}).get("billed_units") or {}
        return dict(enumerate(reply["embeddings"]["float"])), int(billed.get("input_tokens") or 0)


class RemoteEmbedder:
    """An `Embedder` on a server; also `Accountable`. Nothing is sent before the first text.

    Threads may share one: they share its connections, of which there are at most
    `embedder.concurrency`. A forked process opens its own.

    The vector space is identified by kind, model name and the dimension asked for. The address is
    left out, so that an index can be used wherever the same model is served. It is part of
    `space`, because servers differ in precision: cached vectors are shared only per address.
    """

    def __init__(self, config: EmbedderConfig) -> None:
        self._provider = _OpenAI if config.kind == EmbedderKind.openai else _Cohere
        self._config = config
        self._address = (config.base_url or self._provider.base_url).rstrip("/")
        self._dimension = config.dimension
        self._loop = EventLoopThread()
        self._client = AsyncHttpClient(
            max_concurrency=config.concurrency,
            deadline_s=config.timeout_s,
            timeout_s=config.timeout_s,
        )
        self.truncated = 0
        self.billed_tokens = 0

    @property
    def name(self) -> str:
        return f"{self._config.model} ({self._config.kind.value})"

    @property
    def dimension(self) -> int:
        """See `Embedder.dimension`; the server is asked once if the configuration does not say.

        Raises:
            HttpError: the server cannot be asked.
        """
        if not self._dimension:
            self.embed_documents(["dimension"])
        return self._dimension

    @property
    def fingerprint(self) -> str:
        config = self._config
        return fingerprint(
            {"kind": config.kind.value, "model": config.model, "dimension": config.dimension}
        )

    @property
    def space(self) -> str:
        return fingerprint({"space": self.fingerprint, "address": self._address})

    @property
    def max_tokens(self) -> int:
        """See `Embedder.max_tokens`."""
        return self._config.max_tokens or _MAX_TOKENS

    def runs_on(self) -> str:
        return f"{self.name} on {self._address}"

    def precision(self) -> str:
        """See `Accountable`; a server does not tell."""
        return ""

    def load(self) -> None:
        """See `Accountable`; there is nothing to load."""

    def count_tokens(self, text: str) -> int:
        """See `TokenCounter`; an estimate, for a server does not share its tokenizer.

        For English it is slightly too high, for scripts beyond ASCII much.
        """
        return len(_TOKENS.findall(text))

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder`.

        Raises:
            HttpError: the server cannot be reached, refuses, or sends unusable vectors.
            ConfigError: the environment variable does not hold a key.
        """
        return self._embed(texts, is_query=False)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return self._embed(texts, is_query=True)

    def close(self) -> None:
        """Close the connections; a later text opens new ones."""
        self._loop.close(self._client.close)

    def _embed(self, texts: Sequence[str], is_query: bool) -> Vectors:
        if not texts:
            return np.empty((0, self._dimension), np.float32)
        limit = self.max_tokens
        cut = [text[: longest_prefix(text, limit, self)] for text in texts]
        truncated = sum(len(one) < len(whole) for one, whole in zip(cut, texts, strict=True))
        if truncated and not self.truncated:
            _log.warning(
                "only the start of texts over %d tokens is embedded (%d in this call)",
                limit,
                truncated,
            )
        return self._loop.run(self._embed_all(cut, is_query, truncated))

    async def _embed_all(self, texts: Sequence[str], is_query: bool, truncated: int) -> Vectors:
        """Send a few batches at a time, so that memory does not grow with their number.

        The counts change only here and in `_request`, so in one thread.
        """
        self.truncated += truncated
        parts: dict[int, Vectors] = {}
        batches = self._batches(texts)  # shared: each batch goes to the first that is free

        async def send() -> None:
            for start, batch in batches:
                parts[start] = await self._request(batch, is_query)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._config.concurrency):
                    group.create_task(send())
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return np.concatenate([parts[start] for start in sorted(parts)])

    def _batches(self, texts: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
        """Batches, each with the number of its first text."""
        most = self._config.batch_tokens or _BATCH_TOKENS
        batch: list[str] = []
        start = tokens = 0
        for number, text in enumerate(texts):
            size = self.count_tokens(text)
            if batch and (tokens + size > most or len(batch) == self._provider.batch):
                yield start, batch
                batch, start, tokens = [], number, 0
            # Servers refuse empty texts, and JSON has no lone surrogates.
            batch.append(text.encode(errors="replace").decode() or " ")
            tokens += size
        yield start, batch

    async def _request(self, texts: Sequence[str], is_query: bool) -> Vectors:
        config = self._config
        key_env = config.api_key_env or self._provider.key_env
        headers = bearer(key_env)
        try:
            reply = await self._client.post_json(
                self._address + self._provider.path,
                self._provider.body(config, texts, is_query),
                headers=headers,
                retry=True,  # a repeated request changes nothing on the server
            )
        except HttpError as error:
            key = f"the key in {key_env}" if headers else f"{key_env} is not set"
            raise HttpError(
                f"{error}. Settings: embedder.model={config.model}, {key}, "
                f"embedder.timeout_s={config.timeout_s:g}, embedder.concurrency="
                f"{config.concurrency}",
                status=error.status,
            ) from None
        try:
            rows, billed = self._provider.read(reply)
            vectors = self._checked(rows, len(texts))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            why = str(error) if type(error) is ValueError else "it is not a list of vectors"
            raise HttpError(
                f"{self._address} sent an unusable reply for {len(texts)} texts: {why}; check "
                "embedder.kind, embedder.base_url, embedder.model and embedder.dimension"
            ) from None
        self.billed_tokens += billed
        return vectors

    def _checked(self, rows: Mapping[int, Any], number: int) -> Vectors:
        """The vectors in order, L2-normalised.

        Raises:
            ValueError: says what is wrong with them.
        """
        if sorted(rows) != list(range(number)):
            raise ValueError(f"it has {len(rows)} rows, or their numbers are wrong")
        lengths = {len(rows[row]) for row in rows}
        wanted = self._dimension or max(lengths)
        if lengths != {wanted}:
            raise ValueError(f"its vectors have {sorted(lengths)} dimensions, not {wanted}")
        try:
            vectors = np.array([rows[row] for row in range(number)], dtype=np.float64)
        except (TypeError, ValueError):
            raise TypeError from None
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not (np.isfinite(norms).all() and (norms > 0).all()):
            raise ValueError("a vector is zero or not finite")
        self._dimension = wanted
        normalised: Vectors = (vectors / norms).astype(np.float32)
        return normalised
