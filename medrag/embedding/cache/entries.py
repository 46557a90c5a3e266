"""What an embedding cache is, and the bytes in which it keeps a vector."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

_log = logging.getLogger(__name__)

_USER_CACHE = "~/.cache/"
_CHECKSUM = 8  # bytes, behind the vector

Vectors = NDArray[np.float32]


class EmbeddingCache(Protocol):
    """Vectors by the hash of their text, for one vector space; used by one thread at a time.

    A cache saves work and nothing hangs on it: once open it raises nothing. What it cannot read
    it does not have, what it cannot write it drops, and it says so in one warning.

    Attributes:
        lookups: keys asked for so far.
        hits: how many of them were there.
    """

    lookups: int
    hits: int

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        """The vectors, float32 [dimension], of those `keys` that are there."""

    def put(self, keys: Sequence[bytes], vectors: Vectors) -> None:
        """Keep `vectors` [n, dimension] under the n `keys`."""

    def close(self) -> None:
        """Let go of the file or the connection; a second call does nothing."""


class EntryCodec:
    """Names and bytes of the entries of one vector space, checked on the way back.

    A value is the vector as float32, little-endian, and a checksum over it and its name: a value
    that was altered, cut short or filed under another name is not taken for a vector.

    Args:
        namespace: tells vector spaces apart: the embedder's fingerprint and precision.
        place: the cache as people know it, for the warning.
    """

    def __init__(self, namespace: str, place: str) -> None:
        self._space = blake2b(namespace.encode(), digest_size=32).digest()
        self._place = place
        self._warned = False

    def name(self, key: bytes) -> bytes:
        """The entry's name, 16 bytes: `key` within the vector space."""
        return blake2b(key, key=self._space, digest_size=16).digest()

    def pack(self, name: bytes, vector: Vectors) -> bytes:
        """The value that keeps `vector` [dimension]."""
        content = vector.astype("<f4").tobytes()
        return content + _checksum(name, content)

    def unpack(self, name: bytes, value: object) -> Vectors | None:
        """The vector [dimension] that a value keeps; None, and a warning, if it is damaged."""
        if isinstance(value, bytes) and len(value) > _CHECKSUM:
            content = value[:-_CHECKSUM]
            if _checksum(name, content) == value[-_CHECKSUM:]:
                return np.frombuffer(content, "<f4").astype(np.float32)
        if not self._warned:
            self._warned = True
            _log.warning("%s holds damaged vectors; their texts are embedded anew", self._place)
        return None


def _checksum(name: bytes, content: bytes) -> bytes:
    return blake2b(content, key=name, digest_size=_CHECKSUM).digest()


def expand(name: str) -> Path:
    """The path, with `~/.cache` where the system keeps it (see `platformdirs`).

    Raises:
        RuntimeError: the user has no home directory.
    """
    if name.startswith(_USER_CACHE):
        return user_cache_path() / name.removeprefix(_USER_CACHE)
    return Path(name).expanduser()
