"""Walks .zip and .tar archives as if they were directories: one member unpacked at a time."""

from __future__ import annotations

import errno
import gzip
import io
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

from ..errors import DocumentError
from .readers import SUFFIXES

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
_MEGABYTE = 1_000_000  # bytes
_MEMBER_LIMIT = 1_000_000  # files in an archive
_RATIO_LIMIT = 200  # unpacked to packed bytes; text packs to a tenth, and repetitive text to 1 %
_RATIO_FROM = 64 << 20  # unpacked bytes above which the ratio counts
_NAME_LIMIT = 60  # characters of a member's name that its copy keeps: the end, with the suffix
_BOMB = f"unpacks to more than {_RATIO_LIMIT} times its size"
_NOT_REGULAR = "a link, device or sparse file, not a plain one"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# What the modules for reading archives raise on a damaged one.
_DAMAGE = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError,
    EOFError, OSError, NotImplementedError, ValueError, RecursionError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Member:
    """One file in an archive.

    Attributes:
        id: the archive's id, `/`, and the path inside.
        size: bytes, unpacked.
        problem: why it cannot be used; "" if it can.
        open: gives its content, to be closed.
    """

    id: str
    size: int
    problem: str
    open: Callable[[], IO[bytes]]

    @contextmanager
    def unpacked(self, scratch: Path) -> Iterator[Path]:
        """Its content as a file in the directory `scratch`, gone afterwards.

        Raises:
            DocumentError: it has a `problem`, or is damaged.
            OSError: there is no room for the copy.
        """
        if self.problem:
            raise DocumentError(self.problem)
        path = scratch / PurePosixPath(self.id).name[-_NAME_LIMIT:]
        try:
            try:
                with self.open() as content, path.open("wb") as copy:
                    shutil.copyfileobj(content, copy)
            except _DAMAGE as error:
                if getattr(error, "errno", None) in _NO_ROOM:
                    raise
                raise DocumentError(f"cannot be unpacked ({error})") from error
            yield path
        finally:
            path.unlink(missing_ok=True)


def is_archive(name: str) -> bool:
    """True when a file of this name is read as a directory of its members."""
    return name.lower().endswith(ARCHIVES)


def members(path: Path, id_: str, max_mb: int) -> Iterator[Member]:
    """Every file in an archive, in its order; hidden ones are passed over.

    Be done with a member before asking for the next one: a .tar has no way back.

    Args:
        id_: the archive's id.
        max_mb: megabytes that the members may have together once unpacked.

    Raises:
        DocumentError: damaged, unpacks to too much, or has too many members.
    """
    found = _in_zip(path) if path.name.lower().endswith(".zip") else _in_tar(path)
    total = 0
    try:
        for number, member in enumerate(found, start=1):
            total += member.size
            if total > max_mb * _MEGABYTE:
                raise DocumentError(f"unpacks to more than corpus.max_archive_mb={max_mb}")
            if number > _MEMBER_LIMIT:
                raise DocumentError(f"more than {_MEMBER_LIMIT:,} files in it; split it")
            inner = PurePosixPath(member.id)
            if not any(part.startswith(".") and part != ".." for part in inner.parts):
                shown = f"{id_}/{inner}".encode(errors="replace").decode()
                yield replace(member, id=shown, problem=member.problem or _problem(inner))
    except _DAMAGE as error:
        raise DocumentError(f"damaged archive ({error})") from error


def _problem(inner: PurePosixPath) -> str:
    """Why no member of this path can be used, or ""."""
    name = str(inner)
    if ".." in inner.parts or inner.is_absolute() or "\\" in name:
        return "its path leads out of the archive"
    if name.encode(errors="replace").decode() != name or "\0" in name:
        return "the name is not UTF-8; rename it"
    if is_archive(name):
        return "an archive in an archive; unpack it"
    if not name.lower().endswith(SUFFIXES):
        return f"unsupported type; supported are {' '.join(SUFFIXES)}"
    return ""


def _in_zip(path: Path) -> Iterator[Member]:
    """The members by the archive's directory; the sizes there bind, the reader unpacks no more."""
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where it was not packed under Unix
            problem = ""
            if info.flag_bits & 1:
                problem = "encrypted"
            elif kind not in (0, stat.S_IFREG):
                problem = _NOT_REGULAR
            elif info.file_size > max(_RATIO_FROM, _RATIO_LIMIT * info.compress_size):
                problem = _BOMB
            if not info.is_dir():
                yield Member(info.filename, info.file_size, problem, partial(archive.open, info))


def _in_tar(path: Path) -> Iterator[Member]:
    """The members as they stream by."""
    with (
        path.open("rb") as file,
        tarfile.open(fileobj=_Stream(file, path), mode="r|") as archive,
    ):
        for info in archive:
            # A sparse file may unpack to any size.
            problem = "" if info.isreg() and not info.issparse() else _NOT_REGULAR
            if not info.isdir():
                yield Member(info.name, info.size, problem, partial(_extracted, archive, info))
            archive.members.clear()  # type: ignore[attr-defined]  # or else it keeps every one


def _extracted(archive: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    content = archive.extractfile(info)
    assert content is not None  # it is a regular file
    return content


class _Stream(io.RawIOBase):
    """The bytes of a .tar, unpacked if its name says so, refused when they grow too many."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._packed = file
        plain = path.name.lower().endswith(".tar")
        self._bytes = file if plain else gzip.GzipFile(fileobj=file)
        self._total = 0

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, b"" at the end.

        Raises:
            DocumentError: it unpacks to too many times its size.
        """
        data = self._bytes.read(size)
        self._total += len(data)
        if self._total > max(_RATIO_FROM, _RATIO_LIMIT * self._packed.tell()):
            raise DocumentError(_BOMB)
        return data
