"""Who builds and who reads: the build lock of an index, and generations held by their readers.

All of them are `flock`s on directories. The system lets go of one when its process ends, however
it ends, and a reader needs no permission to write.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ..errors import ArtefactError, BusyError
from ..manifest import Manifest, read_manifest
from .disk import writing

_HOLDER = ".lock"
_GENERATIONS = "generations"


@contextmanager
def build_lock(directory: Path) -> Iterator[None]:
    """Be the only one that builds into a directory; it is made when missing.

    Raises:
        BusyError: somebody else does; says who.
        ArtefactError: the file system knows no locks.
    """
    directory.mkdir(parents=True, exist_ok=True)
    held = _open(directory)
    try:
        if not _lock(held, fcntl.LOCK_EX, directory):
            raise BusyError(_why_busy(held, directory))
        since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        who = f"process {os.getpid()} on {socket.gethostname()} since {since}"
        (directory / _HOLDER).write_text(who, encoding="utf-8")
        yield
    finally:
        os.close(held)


def hold_still(directory: Path) -> int:
    """Keep builds out of a directory until the returned descriptor is closed.

    Raises:
        BusyError: a build is under way.
    """
    held = _open(directory)
    try:
        if not _lock(held, fcntl.LOCK_SH, directory):
            raise BusyError(_why_busy(held, directory))
    except ArtefactError:
        os.close(held)
        raise
    return held


def _why_busy(held: int, directory: Path) -> str:
    if _lock(held, fcntl.LOCK_SH, directory):  # then it is no build that keeps others out
        return (
            f"{directory} is open in a process that may not write there, and a build would "
            "disturb it; close it first"
        )
    try:
        who = (directory / _HOLDER).read_text(encoding="utf-8")
    except OSError:
        who = ""
    return f"{directory} is being built by {who or 'another process'}; wait for it, or stop it"


def _lock(held: int, kind: int, directory: Path) -> bool:
    """Lock an open directory; False when another process holds a lock that forbids it."""
    try:
        fcntl.flock(held, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise ArtefactError(
            f"{directory} lies on a file system without locks ({error.strerror}); "
            "choose an index.dir on a local disk"
        ) from error
    return True


def generation_folder(directory: Path, generation: int) -> Path:
    """Where the derived files of a generation lie."""
    return directory / _GENERATIONS / f"{generation:06d}"


def hold_current(directory: Path) -> tuple[Manifest, int]:
    """Read the manifest, and keep builds from removing its generation.

    Returns:
        The manifest, and a descriptor that holds the generation until it is closed.

    Raises:
        ArtefactError, MismatchError: see `read_manifest`.
    """
    while True:
        manifest = read_manifest(directory, "index")
        folder = generation_folder(directory, int(manifest.settings["generation"]))
        try:
            held = _open(folder)
        except FileNotFoundError:
            # Removed by a build since, or lost: then it can be made again from the store.
            with writing(directory):
                folder.mkdir(parents=True, exist_ok=True)
            continue
        locked = _lock(held, fcntl.LOCK_SH, folder)
        # Builds may have published and removed between the reading and the locking.
        if locked and read_manifest(directory, "index") == manifest:
            return manifest, held
        os.close(held)


def remove_unheld(directory: Path, before: int) -> int:
    """Remove the files of generations before one, but not those that a reader holds.

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
