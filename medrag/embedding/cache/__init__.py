"""The embedding cache: its protocol, and the format of its entries."""

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
_CHECKSUM = 8  # bytes, after the vector

Vectors = NDArray[np.float32]


class EmbeddingCache(Protocol):
    """Vectors by the hash of their text, for one vector space; used by one thread at a time.

    Losing a cache only costs time. Once open it raises no error: it skips entries that it cannot
    read or write, and warns once.

    Attributes:
        lookups: keys asked for so far.
        hits: how many of them were found.
    """

    lookups: int
    hits: int

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        """The vectors, float32 [dimension], of the `keys` that are found."""

    def put(self, keys: Sequence[bytes], vectors: Vectors) -> None:
        """Store `vectors` [n, dimension] under the n `keys`."""

    def close(self) -> None:
        """Close the file or the connection; a second call does nothing."""


class EntryCodec:
    """Names and values of the entries of one vector space, checked when they are read.

    A value is the vector as float32, little-endian, and a checksum over it and its name. It fails
    the check if it was altered, cut short or stored under another name.

    Args:
        namespace: `Embedder.space`.
        place: where the cache is, for the warning.
    """

    def __init__(self, namespace: str, place: str) -> None:
        self._space = blake2b(namespace.encode(), digest_size=32).digest()
        self._place = place
        self._warned = False

    def name(self, key: bytes) -> bytes:
        """The name of an entry, 16 bytes: `key` within the vector space."""
        return blake2b(key, key=self._space, digest_size=16).digest()

    def pack(self, name: bytes, vector: Vectors) -> bytes:
        """The value that holds `vector` [dimension]."""
        content = vector.astype("<f4").tobytes()
        return content + _checksum(name, content)

    def unpack(self, name: bytes, value: object) -> Vectors | None:
        """The vector [dimension] in a value; None, and a warning, if it is damaged."""
        if isinstance(value, bytes) and len(value) > _CHECKSUM:
            content = value[:-_CHECKSUM]
            if _checksum(name, content) == value[-_CHECKSUM:]:
                return np.frombuffer(content, "<f4").astype(np.float32)
        if not self._warned:
            self._warned = True
            _log.warning("%s has damaged vectors; their texts are embedded again", self._place)
        return None


def _checksum(name: bytes, content: bytes) -> bytes:
    return blake2b(content, key=name, digest_size=_CHECKSUM).digest()


def expand(name: str) -> Path:
    """The path, with `~/.cache` replaced by the system's cache folder (see `platformdirs`).

    Raises:
        RuntimeError: the user has no home directory.
    """
    if name.startswith(_USER_CACHE):
        return user_cache_path() / name.removeprefix(_USER_CACHE)
    return Path(name).expanduser()
