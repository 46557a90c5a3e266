"""Finds the files to read: walks the directories in `corpus.paths` and downloads the URLs."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from ..clients import run_async
from ..errors import HttpError
from ..manifest import fingerprint
from ..types import Rejected
from .archives import ARCHIVES
from .readers import SUFFIXES

_SUPPORTED = (*SUFFIXES, *ARCHIVES)
_MAX_DOWNLOAD = 2 << 30  # bytes of one document
_DOWNLOAD_DEADLINE = 3600.0  # seconds for one document, retries included
_LAST_NS = 2**63 - 1  # the most SQLite can hold; some file systems have later times
_NOT_UTF8 = "the name is not UTF-8; rename it"
_SUFFIX_OF = {
    "application/pdf": ".pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/xml": ".xml",
    "application/zip": ".zip",
    "text/xml": ".xml",
    "text/csv": ".csv",
    "text/markdown": ".md",
    "text/plain": ".txt",
}


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of the corpus.

    Attributes:
        id: its path inside `root`, with `/`, or its URL.
        root: the entry of `corpus.paths` under which it was found.
        path: where it is on this machine.
        size: in bytes.
        mtime_ns: when it was last changed, in nanoseconds; fits in 64 bits.
    """

    id: str
    root: str
    path: Path
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Away(Rejected):
    """A path or URL that cannot be reached now, so its documents may still exist.

    Attributes:
        root: the entry of `corpus.paths`.
        inside: the file or directory inside `root`, or "" for all of it.
    """

    root: str
    inside: str = ""


def find_files(paths: Sequence[str], downloads: Path) -> Iterator[SourceFile | Rejected]:
    """Yield the files under `paths` in sorted order; hold the names of one directory at a time.

    Hidden files and directories are skipped, and so is the directory of the index. An unusable
    file (an unsupported type) is yielded as `Rejected`. A missing path, an unreadable directory
    or a URL that cannot be fetched is yielded as `Away`.

    Args:
        paths: files, directories and `https://` URLs.
        downloads: the directory for fetched files, inside that of the index.
    """
    index = downloads.parent.resolve()
    for root in paths:
        if (writable := _writable(root)) != root:
            yield Rejected(writable, _NOT_UTF8)
            continue
        if "://" in root:
            yield _fetch(root, downloads)
            continue
        try:
            path = Path(root).expanduser()
            is_directory = stat.S_ISDIR(path.stat().st_mode)
        except (FileNotFoundError, NotADirectoryError):
            yield Away(root, "path does not exist; check corpus.paths", root)
        except OSError as error:
            yield Away(root, f"cannot be read: {error.strerror}", root)
        except (ValueError, RuntimeError) as error:  # a NUL byte, or an unknown `~user`
            yield Away(root, f"cannot be read: {error}", root)
        else:
            if not is_directory:
                yield _source(path, path.name, root)
            elif path.resolve() == index:
                yield Away(root, "is the directory of the index; choose another index.dir", root)
            else:
                yield from _walk(path, root, index)


def is_supported(name: str) -> bool:
    """Tell by its name whether a file is an archive or in a format that can be read."""
    return name.lower().endswith(_SUPPORTED)


def _walk(directory: Path, root: str, index: Path) -> Iterator[SourceFile | Rejected]:
    """Yield the files of a directory, then those of each folder in it, sorted by name."""
    folders = [""]  # ids that end with "/"
    real = directory.resolve()
    while folders:
        inside = folders.pop()
        if (writable := _writable(inside)) != inside:
            yield Rejected(writable, _NOT_UTF8)
            continue
        if real / inside == index:
            continue
        try:
            with os.scandir(directory / inside) as entries:
                names = sorted(
                    f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name
                    for entry in entries
                    if not entry.name.startswith(".")
                )
        except OSError as error:
            folder = inside.rstrip("/")
            yield Away(folder or root, f"cannot be read: {error.strerror}", root, folder)
            continue
        folders += [inside + name for name in reversed(names) if name.endswith("/")]
        for name in names:
            if not name.endswith("/"):
                yield _source(Path(f"{directory}/{inside}{name}"), inside + name, root)


def _source(path: Path, id_: str, root: str) -> SourceFile | Rejected:
    if (writable := _writable(id_)) != id_:
        return Rejected(writable, _NOT_UTF8)
    try:
        status = path.stat()
    except OSError as error:
        return Away(id_, f"cannot be read: {error.strerror}", root, id_)
    if stat.S_ISDIR(status.st_mode):
        return Rejected(id_, "a link to a directory; add its target to corpus.paths")
    if not is_supported(id_):
        return Rejected(id_, f"unsupported type; medrag reads {' '.join(_SUPPORTED)}")
    if not stat.S_ISREG(status.st_mode):
        return Rejected(id_, "not a regular file")
    mtime_ns = max(-_LAST_NS, min(status.st_mtime_ns, _LAST_NS))
    return SourceFile(id_, root, path, status.st_size, mtime_ns)


def _writable(name: str) -> str:
    """Return the name with "?" for bytes that are not UTF-8, which cannot be stored."""
    return name.encode(errors="replace").decode()


def _fetch(url: str, downloads: Path) -> SourceFile | Rejected:
    """Download a URL over its earlier copy; the build reads it again only if it has changed."""
    try:
        address = urlsplit(url)
    except ValueError as error:
        return Away(url, f"not a valid URL: {error}", url)
    if address.scheme not in ("http", "https"):
        return Away(url, "only http:// and https:// URLs can be fetched", url)
    downloads.mkdir(parents=True, exist_ok=True)
    for left in downloads.glob("*.part"):  # left by a build that was killed
        left.unlink()
    arriving = downloads / f"{fingerprint(url)[:12]}.part"
    try:
        content_type = run_async(_download(url, arriving))
    except HttpError as error:
        return Away(url, str(error), url)
    # The suffix of the address gives the format, else the content type does.
    name = PurePosixPath(address.path).name[-80:]
    if not is_supported(name):
        name += _SUFFIX_OF.get(content_type.partition(";")[0].strip().lower(), ".html")
    target = downloads / f"{arriving.stem}-{name}"
    arriving.replace(target)
    status = target.stat()
    return SourceFile(url, url, target, status.st_size, status.st_mtime_ns)


async def _download(url: str, target: Path) -> str:
    from ..clients import AsyncHttpClient

    async with AsyncHttpClient(deadline_s=_DOWNLOAD_DEADLINE) as client:
        return (await client.download(url, target, max_bytes=_MAX_DOWNLOAD)).content_type
