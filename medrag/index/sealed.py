"""Derived files that end with a checksum of their own: whole, and the right one, or rebuilt.

The checksum is XXH3 (128 bit) and not SHA-256: it is taken whenever a file is opened, must notice
truncation and flipped bits, and takes 0.2 s for a million vectors where SHA-256 takes 1.3 s. It
is no defence against somebody who writes into the directory; a manifest there would be none either.
"""

from __future__ import annotations

import os
from io import FileIO
from pathlib import Path
from typing import Self

import xxhash

SEAL = xxhash.xxh3_128().digest_size  # bytes
_READ = 1 << 18  # bytes at once: they stay in the processor's cache


class SealedFile:
    """Writes a file, then its seal, then syncs it; a file that was not finished is removed.

    Args:
        identity: what the file is of. The seal covers it, so another index's file is no match.

    Raises:
        OSError: the file could not be written whole (a full disk, mostly).
    """

    def __init__(self, path: Path, identity: str) -> None:
        self._path = path
        self._seal = xxhash.xxh3_128(identity.encode())

    def __enter__(self) -> Self:
        self._file = self._path.open("wb")
        return self

    def write(self, data: bytes) -> None:
        """Append to the file."""
        self._file.write(data)
        self._seal.update(data)

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            with self._file as file:
                if kind is None:
                    file.write(self._seal.digest())
                    file.flush()
                    os.fsync(file.fileno())
        except OSError:
            self._path.unlink(missing_ok=True)
            raise
        if kind is not None:
            self._path.unlink(missing_ok=True)  # where space is short


def seal(path: Path, identity: str) -> None:
    """Append its seal to a file that something else has written, and sync it."""
    with path.open("r+b", buffering=0) as file:
        file.write(_seal_of(file, os.fstat(file.fileno()).st_size, identity))
        os.fsync(file.fileno())


def is_sealed(path: Path, identity: str) -> bool:
    """True when a file is there as it was sealed for this identity."""
    try:
        with path.open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size - SEAL
            return size >= 0 and _seal_of(file, size, identity) == file.read(SEAL)
    except OSError:
        return False


def _seal_of(file: FileIO, size: int, identity: str) -> bytes:
    """The seal over the first bytes of an unbuffered file, which is left behind them."""
    seal = xxhash.xxh3_128(identity.encode())
    buffer = memoryview(bytearray(_READ))
    while size > 0 and (count := file.readinto(buffer[: min(size, _READ)])):
        seal.update(buffer[:count])
        size -= count
    return seal.digest()
