"""Texts that wait for their vectors while documents are stored: on disk, when they are many."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import SpooledTemporaryFile

# A text without a vector: its key in the store, and its token ids.
Text = tuple[bytes, Sequence[int]]

WINDOW = 1024  # texts that are sorted by length, embedded and committed together
_IN_MEMORY = 4 << 20  # bytes, before they go into a file
_HEAD = struct.Struct("=16sI")  # the key, and how many ids come after it
_ID = "I"  # of `array`: 4 bytes


class Pending:
    """A queue of texts, so that none must be tokenized again, however long its document is.

    The file has no name, so nothing of it stays after a kill; 4 bytes for each token.

    Args:
        directory: on the disk that has to have room for it.
    """

    def __init__(self, directory: Path) -> None:
        self._file: SpooledTemporaryFile[bytes] = SpooledTemporaryFile(  # noqa: SIM115
            max_size=_IN_MEMORY, dir=str(directory)
        )
        self._number = 0

    def __len__(self) -> int:
        return self._number

    def add(self, key: bytes, ids: Sequence[int]) -> None:
        """Put a text at the end.

        Raises:
            OSError: there is no room for it on the disk.
        """
        self._file.write(_HEAD.pack(key, len(ids)) + array(_ID, ids).tobytes())
        self._number += 1

    def mark(self) -> tuple[int, int]:
        """What `cut` takes to drop all that is added from now on."""
        return self._file.tell(), self._number

    def cut(self, mark: tuple[int, int]) -> None:
        """Drop what was added since the mark was taken."""
        place, self._number = mark
        self._file.seek(place)
        self._file.truncate()

    def take(self) -> Iterator[Text]:
        """Every text in its order; the queue is empty when the last one was taken."""
        self._file.seek(0)
        for _ in range(self._number):
            key, length = _HEAD.unpack(self._file.read(_HEAD.size))
            ids = array(_ID)
            ids.frombytes(self._file.read(length * ids.itemsize))
            yield key, ids
        self.cut((0, 0))

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
