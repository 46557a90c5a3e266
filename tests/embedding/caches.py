"""Shared by the tests of the embedding cache: entries, and checks of what is read back."""

from __future__ import annotations

import logging
from contextlib import closing
from hashlib import blake2b

import numpy as np
import pytest
from numpy.typing import NDArray

from medrag import CacheConfig
from medrag.embedding import open_cache
from medrag.embedding.cache import EmbeddingCache

DIMENSION = 384
Vectors = NDArray[np.float32]


def keys_of(numbers: range) -> list[bytes]:
    return [blake2b(str(number).encode(), digest_size=16).digest() for number in numbers]


def vectors_of(numbers: range, dimension: int = DIMENSION) -> Vectors:
    """The one correct vector of each number."""
    rows = [np.random.default_rng(number).standard_normal(dimension) for number in numbers]
    return np.array(rows, dtype=np.float32).reshape(len(numbers), dimension)


def opened(place: object, namespace: str = "minilm fp32", max_gb: float = 1.0) -> EmbeddingCache:
    cache = open_cache(CacheConfig(embeddings=str(place), max_gb=max_gb), namespace)
    assert cache is not None
    return cache


def fill(place: object, numbers: range) -> None:
    with closing(opened(place)) as cache:
        cache.put(keys_of(numbers), vectors_of(numbers))


def held(place: object, numbers: range) -> int:
    """How many of the numbers the cache has; their vectors must be correct."""
    with closing(opened(place)) as cache:
        return count_right(cache, numbers)


def count_right(cache: EmbeddingCache, numbers: range) -> int:
    found = cache.get(keys_of(numbers))
    right = dict(zip(keys_of(numbers), vectors_of(numbers), strict=True))
    for key, vector in found.items():
        np.testing.assert_array_equal(vector, right[key])
    return len(found)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
