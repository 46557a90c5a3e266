"""A folder for what is done, beside the artefact that it becomes, so that a stopped run goes on."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import BusyError, DiskError

_OF = "made-from.txt"  # the fingerprint of the run that the files belong to
_REFUSED = {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO,
    errno.ENOTDIR, errno.EEXIST, errno.ENOENT,
}  # fmt: skip


@contextmanager
def workplace(directory: Path, setting: str) -> Iterator[Path]:
    """A folder for what is done, beside `directory`; it goes when the block succeeds.

    Args:
        setting: the one that names `directory`, for errors.

    Raises:
        BusyError: another process uses it.
        DiskError: the disk is full or read-only; also while the block runs.
    """
    try:
        work = directory.with_name(f".{directory.name}.part")
        work.mkdir(parents=True, exist_ok=True)
        held = os.open(work, os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(held)
            raise BusyError(
                f"another process is writing to {directory}; wait for it, or choose another "
                f"{setting}"
            ) from error
        try:
            yield work
            shutil.rmtree(work)
        finally:
            os.close(held)
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
        raise DiskError(
            f"{error.filename or directory}: {error.strerror}; fix it or choose another "
            f"{setting}; the same command goes on with what is done"
        ) from error


def prepare(work: Path, fingerprint: str) -> None:
    """Make a folder in a workplace, or the workplace; empty it if it belongs to another run.

    Args:
        fingerprint: of what this run makes, and from what.
    """
    work.mkdir(exist_ok=True)
    made_from = work / _OF
    if not made_from.is_file() or made_from.read_text(encoding="utf-8") != fingerprint:
        for left in work.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        made_from.write_text(fingerprint, encoding="utf-8")
