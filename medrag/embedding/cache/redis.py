"""An embedding cache on a Redis server, shared between machines."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from more_itertools import chunked

from ...errors import ConfigError
from . import EntryCodec, Vectors

if TYPE_CHECKING:
    from redis import Redis

_log = logging.getLogger(__name__)

_BATCH = 256  # entries a request: about 400 kB for MiniLM
_TIMEOUT = 10.0  # seconds for the server to answer

# Raised by the client for a reply that is not from Redis.
_NONSENSE = (OSError, TypeError, ValueError)


class RedisCache:
    """The cache in the database of `url`; see `EmbeddingCache`.

    A full server drops entries by its own rules (`maxmemory-policy`).

    Args:
        url: redis://, rediss:// (TLS) or unix://
        namespace: `Embedder.space`.

    Raises:
        ConfigError: the server cannot be reached or refuses, or the package redis is missing.
    """

    def __init__(self, url: str, namespace: str) -> None:
        try:
            import redis
        except ImportError as error:
            raise ConfigError(
                "cache.embeddings names a Redis server, which needs the package redis: "
                "pip install 'medrag[redis]'"
            ) from error
        self.lookups = self.hits = 0
        self._place = without_secrets(url)
        self._codec = EntryCodec(namespace, self._place)
        self._writing = True
        try:
            client = redis.Redis.from_url(
                url, socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT
            )
            client.ping()
        except (ValueError, TypeError, redis.RedisError) as error:
            # The error for a bad address, and the chain of causes, may quote the password.
            why = error if isinstance(error, redis.RedisError) else "not a Redis server's address"
            raise ConfigError(
                f"cache.embeddings={self._place} cannot be used ({why}); start the server, or give "
                "another redis://HOST:PORT/DATABASE or unix:///PATH, a file, or '' for no cache"
            ) from None
        self._client: Redis | None = client

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        from redis import RedisError

        self.lookups += len(keys)
        found: dict[bytes, Vectors] = {}
        for some in chunked(keys, _BATCH):
            if self._client is None:
                break
            names = [self._codec.name(key) for key in some]
            try:
                values = cast(list[bytes | None], self._client.mget(map(_address, names)))
                for key, name, value in zip(some, names, values, strict=True):
                    vector = None if value is None else self._codec.unpack(name, value)
                    if vector is not None:
                        found[key] = vector
            except (RedisError, *_NONSENSE) as error:
                self._go_on_without(error)
                break
        self.hits += len(found)
        return found

    def put(self, keys: Sequence[bytes], vectors: Vectors) -> None:
        from redis import RedisError, ResponseError

        for some in chunked(zip(keys, vectors, strict=True), _BATCH):
            if self._client is None or not self._writing:
                return
            try:
                with self._client.pipeline(transaction=False) as pipeline:
                    for key, vector in some:
                        name = self._codec.name(key)
                        pipeline.set(_address(name), self._codec.pack(name, vector))
                    answers = pipeline.execute(raise_on_error=False)
            except (RedisError, *_NONSENSE) as error:
                self._go_on_without(error)
                return
            refusals = [answer for answer in answers if isinstance(answer, ResponseError)]
            if refusals:  # it is full, or a replica, and can still be read
                self._writing = False
                _log.warning("%s stores no more vectors (%s)", self._place, refusals[0])

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _go_on_without(self, error: Exception) -> None:
        _log.warning("%s failed (%s); going on without it", self._place, error)
        self.close()


def without_secrets(url: str) -> str:
    """The URL without user, password and options, for a message; it may be malformed."""
    return re.sub("//.*@", "//***@", url).partition("?")[0]


def _address(name: bytes) -> str:
    return f"medrag:embedding:{name.hex()}"
