"""Reads .zip and .tar archives as directories: unpacks one member at a time, within limits."""

from __future__ import annotations

import errno
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
from typing import IO

from ..errors import DocumentError
from .files import BOMB, MEGABYTE, RATIO_FROM, RATIO_LIMIT, Unpacked
from .readers import SUFFIXES

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
_MEMBER_LIMIT = 1_000_000  # files in an archive
_NAME_LIMIT = 60  # characters of a member's name that its copy keeps: the end, with the suffix
_NOT_REGULAR = "a link, device or sparse file, not a regular file"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# The modules that read archives raise these errors when one is damaged.
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
        problem: why it cannot be used, or "".
        open: returns its content as an open file; close it.
    """

    id: str
    size: int
    problem: str
    open: Callable[[], IO[bytes]]

    @contextmanager
    def unpacked(self, scratch: Path) -> Iterator[Path]:
        """Copy the content to a file in the directory `scratch`, and delete it afterwards.

        Raises:
            DocumentError: it has a `problem`, or is damaged.
            OSError: the disk has no room for the copy.
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
    """Tell by its name whether a file is an archive."""
    return name.lower().endswith(ARCHIVES)


def members(path: Path, id_: str, max_mb: int) -> Iterator[Member]:
    """Yield the files in an archive, in its order, without hidden ones.

    Finish with a member before asking for the next: a .tar can only be read forwards.

    Args:
        path: the archive.
        id_: its id.
        max_mb: the most megabytes that its members may have together, unpacked.

    Raises:
        DocumentError: damaged, unpacks to too much, or has too many members.
    """
    found = _in_zip(path) if path.name.lower().endswith(".zip") else _in_tar(path)
    total = 0
    try:
        for number, member in enumerate(found, start=1):
            total += member.size
            if total > max_mb * MEGABYTE:
                raise DocumentError(f"unpacks to more than corpus.max_archive_mb={max_mb}")
            if number > _MEMBER_LIMIT:
                raise DocumentError(f"more than {_MEMBER_LIMIT:,} files in it; split the archive")
            inner = PurePosixPath(member.id)
            if not any(part.startswith(".") and part != ".." for part in inner.parts):
                shown = f"{id_}/{inner}".encode(errors="replace").decode()
                yield replace(member, id=shown, problem=member.problem or _problem(inner))
    except _DAMAGE as error:
        raise DocumentError(f"damaged archive ({error}); copy it again") from error


def _problem(inner: PurePosixPath) -> str:
    """Return why a member with this path cannot be used, or ""."""
    name = str(inner)
    if ".." in inner.parts or inner.is_absolute() or "\\" in name:
        return "its path leads out of the archive"
    if name.encode(errors="replace").decode() != name or "\0" in name:
        return "the name is not UTF-8; rename it"
    if is_archive(name):
        return "an archive in an archive; unpack the outer one"
    if not name.lower().endswith(SUFFIXES):
        return f"unsupported type; medrag reads {' '.join(SUFFIXES)}"
    return ""


def _in_zip(path: Path) -> Iterator[Member]:
    """Yield the members listed in the archive; `zipfile` unpacks no more than the sizes there."""
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)  # 0 if it was not packed under Unix
            problem = ""
            if info.flag_bits & 1:
                problem = "encrypted; unpack it with its password"
            elif kind not in (0, stat.S_IFREG):
                problem = _NOT_REGULAR
            elif info.file_size > max(RATIO_FROM, RATIO_LIMIT * info.compress_size):
                problem = BOMB
            if not info.is_dir():
                yield Member(info.filename, info.file_size, problem, partial(archive.open, info))


def _in_tar(path: Path) -> Iterator[Member]:
    """Yield the members while the archive streams by."""
    gzipped = not path.name.lower().endswith(".tar")
    with (
        path.open("rb") as file,
        tarfile.open(fileobj=Unpacked(file, gzipped=gzipped), mode="r|") as archive,
    ):
        for info in archive:
            # A sparse file may unpack to any size.
            problem = "" if info.isreg() and not info.issparse() else _NOT_REGULAR
            if not info.isdir():
                yield Member(info.name, info.size, problem, partial(_extracted, archive, info))
            archive.members.clear()  # type: ignore[attr-defined]  # otherwise it keeps them all


def _extracted(archive: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    content = archive.extractfile(info)
    assert content is not None  # it is a regular file
    return content
