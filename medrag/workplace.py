"""Where a stage writes: nothing of others is lost there, and a stopped run goes on."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import ArtefactError, BusyError, ConfigError, DiskError, FormatError
from .manifest import read_manifest

RUN = "run.json"  # among the checkpoints of a training: what it was started with
_OF = "made-from.txt"  # the fingerprint of the run that the files belong to
_REFUSED = {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO,
    errno.ENOTDIR, errno.EEXIST, errno.ENOENT,
}  # fmt: skip


def check_place(directory: Path, kind: str, setting: str) -> None:
    """Refuse a directory that holds something else than such an artefact, which replaces it.

    Args:
        setting: the one that names `directory`, for errors.

    Raises:
        ConfigError: it does.
    """
    if not directory.name or _holds_something_else(directory, kind):
        raise ConfigError(
            f"{setting}={directory} would be replaced, and it holds no {kind}; give a new directory"
        )


def _holds_something_else(directory: Path, kind: str) -> bool:
    try:
        read_manifest(directory, kind)
    except FormatError:
        return False  # one of another version
    except ArtefactError:
        if not directory.is_dir():
            return directory.exists()
        return any(not _is_of_a_training(path) for path in directory.iterdir())
    return False


def _is_of_a_training(path: Path) -> bool:
    """Whether a training that has not finished wrote a file or folder beside its artefact."""
    return path.name == "wandb.json" or (path.name == "checkpoints" and (path / RUN).is_file())


@contextmanager
def sole_writer(directory: Path, setting: str) -> Iterator[None]:
    """Keep other trainings out of a folder; it is made if it is not there.

    Args:
        setting: as of `workplace`.

    Raises:
        BusyError: another process trains into it.
        DiskError: it cannot be made.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        held = _held(directory, directory, setting)
    except OSError as error:
        raise DiskError(f"{error.filename or directory}: {error.strerror}") from error
    try:
        yield
    finally:
        os.close(held)  # the folder may have been replaced; the lock goes with the old one
        with suppress(OSError):
            directory.rmdir()  # nothing came of it


def _held(folder: Path, directory: Path, setting: str) -> int:
    """A lock on a folder, until its descriptor is closed.

    Raises:
        BusyError: another process has it.
    """
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(held)
        raise BusyError(
            f"another process is writing to {directory}; wait for it, or choose another {setting}"
        ) from error
    return held


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
        held = _held(work, directory, setting)
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
