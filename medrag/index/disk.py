"""A disk that is full, or may not be written, ends in one clear line."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import DiskError

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EROFS, errno.EACCES, errno.EPERM}


@contextmanager
def writing(directory: Path) -> Iterator[None]:
    """Turn what a disk refuses while the block writes into `directory` into a `DiskError`."""
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
            "command goes on from there"
        ) from error


def _is_elsewhere(name: object, directory: Path) -> bool:
    """True when an error names a path that neither lies in the directory nor leads to it."""
    if not isinstance(name, str | bytes | os.PathLike):
        return False
    path, own = Path(os.fsdecode(name)).absolute(), directory.absolute()
    return not (path.is_relative_to(own) or own.is_relative_to(path))


def _reason(error: OSError | sqlite3.OperationalError, directory: Path) -> str | None:
    """What the disk refused and how to mend it; None for an error of another kind."""
    number = error.errno if isinstance(error, OSError) else None
    name = error.sqlite_errorname if isinstance(error, sqlite3.OperationalError) else ""
    if number in _FULL or name == "SQLITE_FULL":
        return f"the disk is full ({_free(directory)}); free some space"
    if number == errno.EFBIG:
        return "a file would grow over the limit on its size; raise it (ulimit -f)"
    if number == errno.EIO or name.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN")):
        # SQLite says no more of a quota and of a limit on file size.
        return f"{error} ({_free(directory)}); check the disk, its quota, and ulimit -f"
    if isinstance(error, FileExistsError | NotADirectoryError):
        return f"a file is in the way of {error.filename}; move it, or choose another index.dir"
    if number in _FORBIDDEN or name.startswith("SQLITE_READONLY"):
        return "it may not be written; change its permissions, or choose another index.dir"
    return None


def _free(directory: Path) -> str:
    while not directory.exists():
        directory = directory.parent
    return f"{shutil.disk_usage(directory).free / 1e6:,.1f} MB are free"
