"""Vectors of texts that were embedded before, kept for every index: in a file or in Redis.

cache = open_cache(config.cache, namespace)   # None: no cache
known = cache.get(hashes)                     # {hash: vector}; embed the others, then
cache.put(new_hashes, new_vectors)            # and cache.close() at the end
"""

from .entries import EmbeddingCache
from .opening import open_cache

__all__ = ["EmbeddingCache", "open_cache"]
