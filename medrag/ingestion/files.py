"""Reads files of any size in bounded memory: byte chunks, and decoded text pieces out of them."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from ..errors import DocumentError
from ..text.cleaning import may_cut

# Longest BOM first would matter for UTF-32; its little-endian BOM starts like UTF-16's, but the
# NUL bytes that follow are then reported as what they are.
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LONGEST_BOM = 3  # bytes


class FileChunkIterator:
    """Iterator and context manager over the bytes of a file, in chunks of fixed size.

    Every chunk has exactly `chunk_size` bytes, except the last, which may be shorter. The file is
    closed at exhaustion, on leaving a `with` block, and when reading fails; iterating further
    then ends at once.

    Args:
        path: the file.
        chunk_size: bytes in a chunk, at least 1.

    Raises:
        DocumentError: the file cannot be opened, or (from iteration) cannot be read further.
        ValueError: `chunk_size` is below 1.
    """

    def __init__(self, path: str | Path, chunk_size: int = 1 << 20) -> None:
        if chunk_size < 1:
            raise ValueError(f"chunk_size={chunk_size}: give at least 1 byte")
        self.path = Path(path)
        self.chunk_size = chunk_size
        try:
            self._file = self.path.open("rb")
        except OSError as error:
            raise DocumentError(f"{self.path.name}: cannot be opened: {_why(error)}") from error

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        if self._file.closed:
            raise StopIteration
        try:
            chunk = self._file.read(self.chunk_size)
        except OSError as error:
            self.close()
            raise DocumentError(f"{self.path.name}: cannot be read: {_why(error)}") from error
        if not chunk:
            self.close()
            raise StopIteration
        return chunk

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; doing so twice is fine."""
        self._file.close()


def read_chunks(path: str | Path, chunk_size: int = 1 << 16) -> Iterator[str]:
    """Yield the text of a file in pieces whose concatenation is the decoded text, exactly.

    UTF-8, with or without BOM, or UTF-16 with BOM; the BOM is not part of the text. Pieces end
    where `cut_at` finds the best place, so a character with its accents stays whole.

    Args:
        path: the file.
        chunk_size: characters in a piece at most, and bytes read at a time; at least 1.

    Raises:
        DocumentError: the file cannot be read, is not valid in its encoding, or holds NUL bytes;
            the message gives the byte offset.
    """
    text = ""
    for decoded in _decode(path, chunk_size):
        text += decoded
        start = 0
        while len(text) - start > chunk_size:
            end = cut_at(text, chunk_size, start)
            yield text[start:end]
            start = end
        text = text[start:]
    if text:
        yield text


def split_text(text: str, limit: int) -> Iterator[str]:
    """Yield pieces of at most `limit` characters that concatenate to `text`, cut by `cut_at`."""
    start = 0
    while len(text) - start > limit:
        end = cut_at(text, limit, start)
        yield text[start:end]
        start = end
    if start < len(text):
        yield text[start:]


def cut_at(text: str, limit: int, start: int = 0) -> int:
    """Return where to end a piece of `text[start:]`, which is longer than `limit` characters.

    The first of these that exists within the limit: after the last paragraph break, the last
    newline, the last whitespace, the last grapheme. Only a run of `limit` combining marks, which
    no language has, is cut blindly.
    """
    stop = start + limit
    for mark in ("\n\n", "\n\r\n", "\n"):
        # A mark may end at `stop` exactly, hence the search up to it.
        end = text.rfind(mark, start, stop) + len(mark)
        while end >= start + len(mark):
            if may_cut(text, end):
                return end
            end = text.rfind(mark, start, end - 1) + len(mark)
    end = stop
    if not text[stop - 1].isspace():
        words = text[start:stop].rsplit(None, 1)
        end = stop - len(words[-1])
    if end > start and may_cut(text, end):
        return end
    end = stop
    while end > start and not may_cut(text, end):
        end -= 1
    return end if end > start else stop


def _decode(path: str | Path, chunk_size: int) -> Iterator[str]:
    """Yield decoded text, about `chunk_size` bytes' worth at a time."""
    name = Path(path).name
    with FileChunkIterator(path, max(chunk_size, _LONGEST_BOM)) as chunks:
        head = next(chunks, b"")
        bom, codec = next((pair for pair in _BOMS if head.startswith(pair[0])), (b"", "utf-8"))
        decoder = codecs.getincrementaldecoder(codec)()
        offset = len(bom)  # of the first byte that is not decoded yet
        chunk, following = head[len(bom) :], next(chunks, b"")
        while True:
            try:
                text = decoder.decode(chunk, final=not following)
            except UnicodeDecodeError as error:
                nul = chunk.find(b"\0") if codec == "utf-8" else -1
                if nul >= 0:  # a picture or an archive: "save it as UTF-8" would be no help
                    raise _binary(name, offset + nul) from error
                raise DocumentError(
                    f"{name}: invalid {codec[:6].rstrip('-').upper()} at byte "
                    f"{offset + error.start}; save it as UTF-8"
                ) from error
            nul = text.find("\0")
            if nul >= 0:
                raise _binary(name, offset + len(text[:nul].encode(codec)))
            offset += len(text.encode(codec))
            if text:
                yield text
            if not following:
                return
            chunk, following = following, next(chunks, b"")


def _binary(name: str, offset: int) -> DocumentError:
    return DocumentError(f"{name}: binary data (NUL byte at byte {offset})")


def _why(error: OSError) -> str:
    return error.strerror or str(error)
