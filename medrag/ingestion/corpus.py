"""Finds the files to read: walks directories and archives, and downloads URLs."""

from __future__ import annotations

import errno
import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from ..errors import DocumentError, HttpError
from ..manifest import fingerprint
from ..types import Rejected
from .files import BOMB, MEGABYTE, RATIO_FROM, RATIO_LIMIT, Unpacked
from .readers import SUFFIXES
from .written import NOTES, QUARANTINE, written_file, written_in

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
_SUPPORTED = (*SUFFIXES, *ARCHIVES)
_MAX_DOWNLOAD = 2 << 30  # bytes of one document
_DOWNLOAD_DEADLINE = 3600.0  # seconds for one document, retries included
_LAST_NS = 2**63 - 1  # the most SQLite can hold; some file systems have later times
_NOT_UTF8 = "the name is not UTF-8; rename it"
_BEIR = "part of a BEIR data set"
# What lies beside the corpus of a BEIR data set; other formats there are documents of the user.
_BEIR_SUFFIXES = (".jsonl", ".json", ".tsv", ".csv", ".txt", ".md")
_SUFFIX_OF = {
    "application/pdf": ".pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/xml": ".xml",
    "application/zip": ".zip",
    "text/xml": ".xml",
    "text/csv": ".csv",
    "text/markdown": ".md",
    "text/plain": ".txt",
    "text/tab-separated-values": ".tsv",
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


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or directory that holds no document of the user.

    Attributes:
        id: its path inside the entry of `corpus.paths`.
        reason: who wrote it; details follow in brackets, and what to do after a semicolon.
    """

    id: str
    reason: str


def find_files(paths: Sequence[str], downloads: Path) -> Iterator[SourceFile | Rejected | Skipped]:
    """Yield the files under `paths` in sorted order; hold the names of one directory at a time.

    Hidden files and directories are skipped, and so is the directory of the index. What medrag and
    the tools it runs have written, installed software, and the parts of a BEIR data set that are
    not its corpus, are yielded as `Skipped`, unless `paths` name them. An unusable file (an
    unsupported type) is yielded as `Rejected`. A missing path, an unreadable directory or a URL
    that cannot be fetched is yielded as `Away`.

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
            yield Away(root, f"path does not exist{_hint(root)}", root)
        except (OSError, ValueError, RuntimeError) as error:  # e.g. a NUL, or an unknown `~user`
            yield Away(root, f"cannot be read: {getattr(error, 'strerror', error)}", root)
        else:
            real = path.resolve()
            if real.parent == index and real.name in (QUARANTINE, NOTES):
                yield Away(root, "is what a build of this index reports, not a document", root)
            elif not is_directory:
                yield _source(path, path.name, root)
            elif real == index:
                yield Away(root, "is the directory of the index; choose another index.dir", root)
            else:
                yield from _walk(path, root, index)


def is_supported(name: str) -> bool:
    """Tell by its name whether a file is an archive or in a format that can be read."""
    return name.lower().endswith(_SUPPORTED)


def _walk(directory: Path, root: str, index: Path) -> Iterator[SourceFile | Rejected | Skipped]:
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
        folder = inside.rstrip("/")
        try:
            with os.scandir(directory / inside) as entries:
                names = sorted(
                    f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name
                    for entry in entries
                )
        except OSError as error:
            yield Away(folder or root, f"cannot be read: {error.strerror}", root, folder)
            continue
        written = written_in(directory / inside, names)
        if folder and "" in written:
            yield Skipped(folder, written[""])
            continue
        for name in sorted(written.keys() - {""}):
            yield Skipped(_writable(inside + name.rstrip("/")), written[name])
        names = [name for name in names if not name.startswith(".") and name not in written]
        is_beir = "corpus.jsonl" in names and not {"queries.jsonl", "qrels/"}.isdisjoint(names)
        if is_beir and "qrels/" in names:
            names.remove("qrels/")
            yield Skipped(f"{inside}qrels", f"{_BEIR} (its judgements)")
        folders += [inside + name for name in reversed(names) if name.endswith("/")]
        for name in names:
            if is_beir and name != "corpus.jsonl" and name.endswith(_BEIR_SUFFIXES):
                yield Skipped(inside + name, f"{_BEIR} (its corpus.jsonl is read)")
            elif not name.endswith("/"):
                path = Path(f"{directory}/{inside}{name}")
                why = written_file(path)
                id_ = inside + name
                yield Skipped(_writable(id_), why) if why else _source(path, id_, root)


def _hint(path: str) -> str:
    """What may be wrong with a path that does not exist, after "; "."""
    if path.endswith(("'", '"')):
        return "; leave out the quotes in it"
    if any(sign in path for sign in "*?["):
        return "; patterns are not expanded: name the directory above"
    if "," in path:
        return "; to name several, write a list: 'corpus.paths=[A,B]'"
    return ""


def _source(path: Path, id_: str, root: str) -> SourceFile | Rejected | Skipped:
    if (writable := _writable(id_)) != id_:
        return Rejected(writable, _NOT_UTF8)
    try:
        status = path.stat()
    except OSError as error:
        return Away(id_, f"cannot be read: {error.strerror}", root, id_)
    if stat.S_ISDIR(status.st_mode):
        return Rejected(id_, "a link to a directory; add its target to corpus.paths")
    if not is_supported(id_):
        if why := written_file(path):
            return Skipped(id_, why)
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
    from ..clients import AsyncHttpClient, EventLoopThread  # only URLs need HTTP

    http, loop = AsyncHttpClient(deadline_s=_DOWNLOAD_DEADLINE), EventLoopThread()
    try:
        got = loop.run(http.download(url, arriving, max_bytes=_MAX_DOWNLOAD))
    except HttpError as error:
        return Away(url, str(error), url)
    finally:
        loop.close(http.close)
    # The suffix of the address gives the format, else the content type does.
    name = PurePosixPath(address.path).name[-80:]
    if not is_supported(name):
        name += _SUFFIX_OF.get(got.content_type.partition(";")[0].strip().lower(), ".html")
    target = downloads / f"{arriving.stem}-{name}"
    arriving.replace(target)
    status = target.stat()
    return SourceFile(url, url, target, status.st_size, status.st_mtime_ns)


# --- archives -------------------------------------------------------------------------------------


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
    open: Callable[[], Any]  # a binary file; None for a tar member that `problem` excludes

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
                problem = member.problem or _problem(inner)
                yield replace(member, id=_writable(f"{id_}/{inner}"), problem=problem)
    except _DAMAGE as error:
        raise DocumentError(f"damaged archive ({error}); copy it again") from error


def _problem(inner: PurePosixPath) -> str:
    """Return why a member with this path cannot be used, or ""."""
    name = str(inner)
    if ".." in inner.parts or inner.is_absolute() or "\\" in name:
        return "its path leads out of the archive"
    if _writable(name) != name or "\0" in name:
        return _NOT_UTF8
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
                yield Member(info.name, info.size, problem, partial(archive.extractfile, info))
            archive.members.clear()  # type: ignore[attr-defined]  # otherwise it keeps them all
