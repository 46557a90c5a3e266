"""From the setting `cache.embeddings` to an open cache."""

from __future__ import annotations

import logging

from ...config import CacheConfig
from .entries import EmbeddingCache, expand
from .redis import RedisCache
from .sqlite import FAILURES, SqliteCache

_log = logging.getLogger(__name__)


def open_cache(config: CacheConfig, namespace: str) -> EmbeddingCache | None:
    """Open the cache that `config` names, for the vector space `namespace`.

    Returns:
        None if the configuration asks for no cache, or, with a warning, if its file cannot be
        used: a read-only or missing home stops no build.

    Raises:
        ConfigError: the Redis server cannot be used, or the file is something else than a cache.
    """
    if not config.embeddings:
        return None
    if "://" in config.embeddings:
        return RedisCache(config.embeddings, namespace)
    try:
        return SqliteCache(expand(config.embeddings), namespace, int(config.max_gb * 1e9))
    except (OSError, RuntimeError, *FAILURES) as error:
        _log.warning(
            "cache.embeddings=%s cannot be used (%s); going on without an embedding cache",
            config.embeddings,
            error,
        )
        return None
