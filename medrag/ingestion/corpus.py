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
_DOWNLOAD_DEADLINE = 3600.0  # seconds for one document, retries included
_SUFFIX_OF = {
    "application/pdf": ".pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/xml": ".xml",
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
    unreadable: list[OSError] = []
    for parent, folders, files in os.walk(directory, onerror=unreadable.append):
        visible = sorted(name for name in folders if not name.startswith("."))
        links = {name for name in visible if Path(parent, name).is_symlink()}
        folders[:] = [name for name in visible if name not in links]
        for name in sorted([*links, *files]):
            path = Path(parent, name)
            id_ = path.relative_to(directory).as_posix()
            if name in links:
                reason = "a link to a directory, not followed; name its target in corpus.paths"
                yield Rejected(id_, reason)
            elif not name.startswith("."):
                yield _source(path, id_, root)
    for error in unreadable:
        id_ = Path(error.filename).relative_to(directory).as_posix()
        yield Rejected(id_, f"directory cannot be read: {error.strerror}")


def _source(path: Path, id_: str, root: str) -> SourceFile | Rejected:
    if (writable := id_.encode(errors="replace").decode()) != id_:
        return Rejected(writable, "the name is not UTF-8; rename it")
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
    downloads.mkdir(parents=True, exist_ok=True)
    arriving = downloads / f"{fingerprint(url)[:12]}.part"
    try:
        content_type = run_async(_download(url, arriving))
    except HttpError as error:
        return Rejected(url, str(error))
    # The address says what it is, or else the server does.
    name = PurePosixPath(urlsplit(url).path).name[-80:]
    if not is_supported(name):
        name += _SUFFIX_OF.get(content_type.partition(";")[0].strip().lower(), ".html")
    target = downloads / f"{arriving.stem}-{name}"
    arriving.replace(target)
    status = target.stat()
    return SourceFile(url, url, target, status.st_size, status.st_mtime_ns)


async def _download(url: str, target: Path) -> str:
    from ..clients import AsyncHttpClient  # httpx is needed for URLs only

    async with AsyncHttpClient(deadline_s=_DOWNLOAD_DEADLINE) as client:
        return (await client.download(url, target, max_bytes=_MAX_DOWNLOAD)).content_type
