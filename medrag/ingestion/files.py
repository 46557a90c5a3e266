"""Reads files of any size in bounded memory: chunks of bytes, pieces of text, gunzipped bytes."""

from __future__ import annotations

import codecs
import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Self

from ..errors import DocumentError
from ..text.cleaning import may_cut

MEGABYTE = 1_000_000  # bytes
RATIO_LIMIT = 200  # unpacked to packed bytes; text packs to a tenth, and repetitive text to 1 %
RATIO_FROM = 64 << 20  # unpacked bytes above which the ratio counts
BOMB = f"unpacks to more than {RATIO_LIMIT} times its size"
# The BOM of UTF-32 little-endian starts like that of UTF-16. Such a file is read as UTF-16, and
# rejected for its NUL bytes.
BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LONGEST_BOM = 3  # bytes


class FileChunkIterator:
    """Iterator and context manager over the bytes of a file, in chunks of a fixed size.

    Every chunk has exactly `chunk_size` bytes, except the last, which may be shorter. The file is
    closed at its end, on leaving a `with` block, and when reading fails; after that there are no
    more chunks.

    Args:
        path: the file.
        chunk_size: bytes in a chunk, at least 1.

    Raises:
        DocumentError: the file cannot be opened, or (while iterating) cannot be read.
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

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._file.close()


class Unpacked(io.RawIOBase):
    """The bytes of an open file, gunzipped on request, refused if they unpack to too many.

    Attributes:
        total: bytes returned so far.
    """

    def __init__(self, file: BinaryIO, *, gzipped: bool) -> None:
        self._packed = file
        self._bytes = gzip.GzipFile(fileobj=file) if gzipped else file
        self.total = 0

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes, b"" at the end.

        Raises:
            DocumentError: the file is a gzip bomb.
            OSError, EOFError, zlib.error: it is damaged, or cannot be read.
        """
        data = self._bytes.read(size)
        self.total += len(data)
        if self.total > max(RATIO_FROM, RATIO_LIMIT * self._packed.tell()):
            raise DocumentError(BOMB)
        return data


def read_chunks(path: str | Path, chunk_size: int = 1 << 16) -> Iterator[str]:
    """Yield the text of a file in pieces that concatenate to exactly the decoded text.

    The file is UTF-8, with or without a BOM, or UTF-16 with a BOM, which is not part of the text.
    `cut_at` chooses where pieces end, so a character and its accents stay together.

    Args:
        path: the file.
        chunk_size: the most characters in a piece, and bytes read at a time; at least 1.

    Raises:
        DocumentError: the file cannot be read, is not valid in its encoding, or has NUL bytes.
            The message gives the byte offset.
    """
    text = ""
    for decoded in _decode(path, chunk_size):
        *pieces, text = split_text(text + decoded, chunk_size)
        yield from pieces
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

    That is after the last paragraph break within the limit, else after the last newline, else
    the last white space, else the last grapheme. Only a run of `limit` combining marks, which no
    language has, is cut anywhere.
    """
    stop = start + limit
    for mark in ("\n\n", "\n\r\n", "\n"):
        # A mark may end exactly at `stop`.
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
    """Yield decoded text, from about `chunk_size` bytes at a time."""
    name = Path(path).name
    with FileChunkIterator(path, max(chunk_size, _LONGEST_BOM)) as chunks:
        head = next(chunks, b"")
        bom, codec = next((pair for pair in BOMS if head.startswith(pair[0])), (b"", "utf-8"))
        decoder = codecs.getincrementaldecoder(codec)()
        offset = len(bom)  # of the first byte that is not yet decoded
        chunk, following = head[len(bom) :], next(chunks, b"")
        while True:
            try:
                text = decoder.decode(chunk, final=not following)
            except UnicodeDecodeError as error:
                nul = chunk.find(b"\0") if codec == "utf-8" else -1
                if nul >= 0:  # a picture or an archive: "save it as UTF-8" would not help
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
