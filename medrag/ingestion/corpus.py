"""From `corpus.paths` to the files to read: directories walked in order, URLs fetched."""

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

_MAX_DOWNLOAD = 2 << 30  # bytes a fetched document may have
_DOWNLOAD_DEADLINE = 3600.0  # seconds for one document, retries included
_LAST_NS = 2**63 - 1  # what SQLite can hold; a file's time may lie centuries behind it
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
        id: its path inside `root`, with `/`; or its URL.
        root: the entry of `corpus.paths` it was found under.
        path: where it lies on this machine.
        size, mtime_ns: as the file system reports them; bytes, and nanoseconds of 64 bits.
    """

    id: str
    root: str
    path: Path
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Away(Rejected):
    """What cannot be looked at now, so that nothing is known of the documents in it.

    Attributes:
        root: the entry of `corpus.paths`.
        inside: the file or directory in it; "" for all of it.
    """

    root: str
    inside: str = ""


def find_files(paths: Sequence[str], downloads: Path) -> Iterator[SourceFile | Rejected]:
    """Every file under `paths`, in sorted order; holds the names of one directory at a time.

    Hidden files and directories are passed over, and so is the directory of the index. What
    cannot be used is given as `Rejected` (an unsupported type), what cannot be reached as `Away`:
    a missing path, a directory that may not be read, a URL that cannot be fetched.

    Args:
        paths: files, directories and `https://` URLs.
        downloads: directory that fetched files are kept in; inside that of the index.
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
            yield Away(root, "path does not exist", root)
        except OSError as error:
            yield Away(root, f"cannot be read: {error.strerror}", root)
        except (ValueError, RuntimeError) as error:  # a NUL in it; a `~user` who is unknown
            yield Away(root, f"cannot be read: {error}", root)
        else:
            if not is_directory:
                yield _source(path, path.name, root)
            elif path.resolve() == index:
                yield Away(root, "is the directory of the index; choose another index.dir", root)
            else:
                yield from _walk(path, root, index)


def is_supported(name: str) -> bool:
    """True when a reader exists for a file of this name, or it is an archive."""
    return name.lower().endswith(_SUPPORTED)


def _walk(directory: Path, root: str, index: Path) -> Iterator[SourceFile | Rejected]:
    """The files of a directory, then those of each folder in it, in the order of their names."""
    folders = [""]  # ids, with a "/" at the end
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
        return Rejected(id_, "a link to a directory, not followed; name its target in corpus.paths")
    if not is_supported(id_):
        return Rejected(id_, f"unsupported type; supported are {' '.join(_SUPPORTED)}")
    if not stat.S_ISREG(status.st_mode):
        return Rejected(id_, "not a regular file")
    mtime_ns = max(-_LAST_NS, min(status.st_mtime_ns, _LAST_NS))
    return SourceFile(id_, root, path, status.st_size, mtime_ns)


def _writable(name: str) -> str:
    """The name, with "?" for what is not UTF-8 in it and so cannot be stored."""
    return name.encode(errors="replace").decode()


def _fetch(url: str, downloads: Path) -> SourceFile | Rejected:
    """Download a URL; what was fetched before is replaced, and read anew only if it differs."""
    try:
        address = urlsplit(url)
    except ValueError as error:
        return Away(url, f"is no URL: {error}", url)
    if address.scheme not in ("http", "https"):
        return Away(url, "only http:// and https:// URLs can be fetched", url)
    downloads.mkdir(parents=True, exist_ok=True)
    for left in downloads.glob("*.part"):  # by a build that was killed
        left.unlink()
    arriving = downloads / f"{fingerprint(url)[:12]}.part"
    try:
        content_type = run_async(_download(url, arriving))
    except HttpError as error:
        return Away(url, str(error), url)
    # The address says what it is, or else the server does.
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
