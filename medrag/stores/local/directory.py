"""The directory of an index: disk errors, temporary folders, sealed files, and locks."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from tempfile import mkdtemp

import xxhash

from ...errors import ArtefactError, BusyError, DiskError
from ..protocols import IndexManifest

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EROFS, errno.EACCES, errno.EPERM}


@contextmanager
def writing(directory: Path) -> Iterator[None]:
    """Raise a `DiskError` if the disk refuses what the block writes into `directory`."""
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        reason = _reason(error, directory)
        if reason is None:
            raise
        if isinstance(error, OSError) and _is_elsewhere(error.filename, directory):
            raise DiskError(f"{os.fsdecode(error.filename)}: {error.strerror}") from error
        raise DiskError(
            f"{directory} cannot be written: {reason}; what was committed is kept, and the same "
            "command continues from there"
        ) from error


def _is_elsewhere(name: object, directory: Path) -> bool:
    """True if an error names a path that is neither inside the directory nor above it."""
    if not isinstance(name, str | bytes | os.PathLike):
        return False
    path, own = Path(os.fsdecode(name)).absolute(), directory.absolute()
    return not (path.is_relative_to(own) or own.is_relative_to(path))


def _reason(error: OSError | sqlite3.OperationalError, directory: Path) -> str | None:
    """What the disk refused and how to fix it; None for an error of another kind."""
    number = error.errno if isinstance(error, OSError) else None
    name = error.sqlite_errorname if isinstance(error, sqlite3.OperationalError) else ""
    if number in _FULL or name == "SQLITE_FULL":
        return f"the disk is full ({_free(directory)}); free some space"
    if number == errno.EFBIG:
        return "a file would exceed the limit on file sizes; raise it (ulimit -f)"
    if number == errno.EIO or name.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN")):
        # SQLite gives no more detail about quotas and limits on file sizes.
        return f"{error} ({_free(directory)}); check the disk, its quota, and ulimit -f"
    if isinstance(error, FileExistsError | NotADirectoryError):
        return f"a file is in the way of {error.filename}; move it, or choose another index.dir"
    if number in _FORBIDDEN or name.startswith("SQLITE_READONLY"):
        return "it is not writable; change its permissions, or choose another index.dir"
    return None


def _free(directory: Path) -> str:
    while not directory.exists():
        directory = directory.parent
    return f"{shutil.disk_usage(directory).free / 1e6:,.1f} MB are free"


_ATTEMPTS = 3  # a thread of tantivy's may write into a directory that is being removed


@contextmanager
def scratch(parent: Path, prefix: str) -> Iterator[Path]:
    """A new directory in `parent`, removed at the end.

    It is locked (`flock`) while it is used. Unlocked directories were left by processes that were
    killed, and are removed.

    Args:
        prefix: of its name; no other directory may have a name that starts like this.

    Raises:
        OSError: it cannot be created.
    """
    for left in parent.glob(f"{prefix}*"):
        _remove_if_left(left)
    folder, held = _make(parent, prefix)
    try:
        yield folder
    finally:
        _remove(folder)
        os.close(held)


def _make(parent: Path, prefix: str) -> tuple[Path, int]:
    while True:
        folder = Path(mkdtemp(prefix=prefix, dir=parent))
        with suppress(FileNotFoundError):
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(held, fcntl.LOCK_SH)
            if folder.exists():
                return folder, held
            os.close(held)  # another process removed it before it was locked


def _remove_if_left(folder: Path) -> None:
    """Remove a directory of this user that no process holds."""
    with suppress(OSError):  # it belongs to another user, or has just gone
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            if os.fstat(held).st_uid == os.geteuid():
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(folder)
        finally:
            os.close(held)


def _remove(folder: Path) -> None:
    for _ in range(_ATTEMPTS):
        shutil.rmtree(folder, ignore_errors=True)


SEAL = xxhash.xxh3_128().digest_size  # bytes
_READ = 1 << 18  # bytes at once: they stay in the processor's cache


@contextmanager
def sealed_file(path: Path, identity: str) -> Iterator[Callable[[bytes], None]]:
    """Write a file and its seal, and sync it; an unfinished file is removed.

    Args:
        identity: what the file belongs to. The seal covers it, so a file of another index does not
            match.

    Yields:
        A function that appends to the file.

    Raises:
        OSError: the file could not be written completely, mostly because the disk is full.
    """

    seal = xxhash.xxh3_128(identity.encode())
    try:
        with path.open("wb") as file:

            def write(data: bytes) -> None:
                file.write(data)
                seal.update(data)

            yield write
            file.write(seal.digest())
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)  # space may be short
        raise


def seal(path: Path, identity: str) -> None:
    """Append the seal to a file that was written by other means, and sync it."""
    with path.open("r+b", buffering=0) as file:
        file.write(_seal_of(file, os.fstat(file.fileno()).st_size, identity))
        os.fsync(file.fileno())


def is_sealed(path: Path, identity: str) -> bool:
    """True if a file is exactly as it was sealed for this identity."""
    try:
        with path.open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size - SEAL
            return size >= 0 and _seal_of(file, size, identity) == file.read(SEAL)
    except OSError:
        return False


def _seal_of(file: FileIO, size: int, identity: str) -> bytes:
    """The seal of the first `size` bytes of an unbuffered file; the file ends up behind them."""
    seal = xxhash.xxh3_128(identity.encode())
    buffer = memoryview(bytearray(_READ))
    while size > 0 and (count := file.readinto(buffer[: min(size, _READ)])):
        seal.update(buffer[:count])
        size -= count
    return seal.digest()


_HOLDER = ".lock"
_GENERATIONS = "generations"


@contextmanager
def build_lock(directory: Path) -> Iterator[None]:
    """Be the only build in a directory; it is created if it is missing.

    Raises:
        BusyError: another process is building; names it.
        ArtefactError: the file system has no locks.
    """
    directory.mkdir(parents=True, exist_ok=True)
    held = hold_still(directory, fcntl.LOCK_EX)
    try:
        since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        who = f"process {os.getpid()} on {socket.gethostname()} since {since}"
        (directory / _HOLDER).write_text(who, encoding="utf-8")
        yield
    finally:
        os.close(held)


def hold_still(directory: Path, kind: int = fcntl.LOCK_SH) -> int:
    """Keep builds out of a directory until the returned descriptor is closed.

    Args:
        kind: of the lock; a build itself takes `LOCK_EX`.

    Raises:
        BusyError: a build is running.
    """
    held = _open(directory)
    try:
        if not _lock(held, kind, directory):
            raise BusyError(_why_busy(held, directory))
    except ArtefactError:
        os.close(held)
        raise
    return held


def _why_busy(held: int, directory: Path) -> str:
    if _lock(held, fcntl.LOCK_SH, directory):  # then a reader keeps builds out
        return (
            f"{directory} is open in a process without write access, which a build would disturb; "
            "close it first"
        )
    try:
        who = (directory / _HOLDER).read_text(encoding="utf-8")
    except OSError:
        who = ""
    return f"{directory} is being built by {who or 'another process'}; wait for it, or stop it"


def _lock(held: int, kind: int, directory: Path) -> bool:
    """Lock an open directory; False if another process holds a lock that forbids it."""
    try:
        fcntl.flock(held, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise ArtefactError(
            f"{directory} is on a file system without locks ({error.strerror}); "
            "choose an index.dir on a local disk"
        ) from error
    return True


def generation_folder(directory: Path, generation: int) -> Path:
    """The folder of a generation's derived files."""
    return directory / _GENERATIONS / f"{generation:06d}"


def hold_current(directory: Path) -> tuple[IndexManifest, int]:
    """Read the manifest, and keep builds from removing its generation.

    Returns:
        The manifest, and a descriptor that holds the generation until it is closed.

    Raises:
        ArtefactError, MismatchError: see `IndexManifest.read`.
    """
    while True:
        manifest = IndexManifest.read(directory)
        folder = generation_folder(directory, manifest.generation)
        try:
            held = _open(folder)
        except FileNotFoundError:
            # A build has removed it since, or it was lost: then it is rebuilt from the store.
            with writing(directory):
                folder.mkdir(parents=True, exist_ok=True)
            continue
        locked = _lock(held, fcntl.LOCK_SH, folder)
        # Builds may have published and removed between the reading and the locking.
        if locked and IndexManifest.read(directory) == manifest:
            return manifest, held
        os.close(held)


def remove_unheld(directory: Path, before: int) -> int:
    """Remove the files of older generations, except those that a reader holds.

    Returns:
        The oldest generation that is held, or `before`.
    """
    oldest = before
    for folder in sorted((directory / _GENERATIONS).glob("[0-9]*")):
        if not folder.name.isdecimal() or int(folder.name) >= before:
            continue
        held = _open(folder)
        try:
            if _lock(held, fcntl.LOCK_EX, folder):
                shutil.rmtree(folder)
            else:
                oldest = min(oldest, int(folder.name))
        finally:
            os.close(held)
    return oldest


def _open(directory: Path) -> int:
    return os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
