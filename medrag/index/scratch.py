"""Directories for a moment: gone when the block ends, or with the next one after a kill."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

_ATTEMPTS = 3  # a thread of tantivy's may put a file into what is just being removed


@contextmanager
def scratch(parent: Path, prefix: str) -> Iterator[Path]:
    """A new directory in `parent`, of which nothing stays.

    It is locked (`flock`) for as long as it is used, so what a process that was killed has left is
    told from what others are using, and goes.

    Args:
        prefix: of its name; every directory of that name is taken for one of these.

    Raises:
        OSError: it cannot be made.
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
            os.close(held)  # another process took it for one that was left


def _remove_if_left(folder: Path) -> None:
    """Remove a directory of this user's that no process holds."""
    with suppress(OSError):  # it is another user's, or has just gone
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
