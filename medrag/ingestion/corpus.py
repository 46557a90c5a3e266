"""From `corpus.paths` to the files to read: directories walked in order, URLs fetched."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from ..clients.blocking import run_async
from ..errors import HttpError
from ..manifest import fingerprint
from ..types import Rejected
from .readers import SUFFIXES

_MAX_DOWNLOAD = 2 << 30  # bytes a fetched document may have


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of the corpus.

    Attributes:
        id: its path inside `root`, with `/`; or its URL.
        root: the entry of `corpus.paths` it was found under.
        path: where it lies on this machine.
        size, mtime_ns: as the file system reports them; bytes and nanoseconds.
    """

    id: str
    root: str
    path: Path
    size: int
    mtime_ns: int


def find_files(paths: Sequence[str], downloads: Path) -> Iterator[SourceFile | Rejected]:
    """Every file under `paths`, in sorted order, in constant memory.

    Hidden files and directories are passed over. What cannot be used is given as `Rejected`:
    a missing path, an unsupported type, a URL that cannot be fetched.

    Args:
        paths: files, directories and `https://` URLs.
        downloads: directory that fetched files are kept in.
    """
    for root in paths:
        if "://" in root:
            yield _fetch(root, downloads)
            continue
        path = Path(root).expanduser()
        if path.is_dir():
            yield from _walk(path, root)
        elif path.exists():
            yield _source(path, path.name, root)
        else:
            yield Rejected(root, "path does not exist")


def is_supported(name: str) -> bool:
    """True when a reader exists for a file of this name."""
    return name.lower().endswith(tuple(SUFFIXES))


def _walk(directory: Path, root: str) -> Iterator[SourceFile | Rejected]:
    for parent, folders, files in os.walk(directory):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                path = Path(parent, name)
                yield _source(path, path.relative_to(directory).as_posix(), root)


def _source(path: Path, id_: str, root: str) -> SourceFile | Rejected:
    if not is_supported(path.name):
        return Rejected(id_, f"unsupported type; supported are {' '.join(SUFFIXES)}")
    try:
        status = path.stat()
    except OSError as error:
        return Rejected(id_, f"cannot be read: {error.strerror}")
    if not path.is_file():
        return Rejected(id_, "not a regular file")
    return SourceFile(id_, root, path, status.st_size, status.st_mtime_ns)


def _fetch(url: str, downloads: Path) -> SourceFile | Rejected:
    """Download a URL; what was fetched before is replaced, and read anew only if it differs."""
    if urlsplit(url).scheme not in ("http", "https"):
        return Rejected(url, "only http:// and https:// URLs can be fetched")
    name = PurePosixPath(urlsplit(url).path).name
    if not is_supported(name):
        name += ".html"
    target = downloads / f"{fingerprint(url)[:12]}-{name}"
    try:
        run_async(_download(url, target))
    except HttpError as error:
        return Rejected(url, str(error))
    status = target.stat()
    return SourceFile(url, url, target, status.st_size, status.st_mtime_ns)


async def _download(url: str, target: Path) -> None:
    from ..clients import AsyncHttpClient  # httpx is needed for URLs only

    async with AsyncHttpClient() as client:
        await client.download(url, target, max_bytes=_MAX_DOWNLOAD)
