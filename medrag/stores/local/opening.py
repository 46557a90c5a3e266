"""Opens the store of an index to build into it; one that is damaged can be replaced."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

from ...errors import ArtefactError
from .database import DATABASE
from .store import ADDED_BY_HAND, Store

_log = logging.getLogger(__name__)


def open_store(directory: Path, space: str, replace_damaged: bool) -> Store:
    """The store of an index, to build into; a new one where there is none.

    Args:
        replace_damaged: read it whole first, and put a new one in place of one that is damaged.

    Raises:
        ArtefactError: it is damaged, and that shall not be mended.
    """
    path, fresh = directory / DATABASE, directory / f"{DATABASE}.new"
    fresh.unlink(missing_ok=True)  # left by a build that was killed
    if replace_damaged:
        try:
            with Store(path, space) as store:
                store.check()
        except ArtefactError as error:
            added = _added_by_hand(path)
            rest = (
                "what was added by hand cannot be made out and must be added again"
                if added is None
                else f"{len(added)} files added by hand could be made out and are read again"
            )
            _log.warning("%s: building it anew; %s", error, rest)
            with Store(fresh, space) as store, store.transaction():
                store.put_unread(added or ())
            # Readers that have the old one open keep it until they close it. Its log must go first:
            # it would be taken for the log of the new one.
            for left in (Path(f"{path}-wal"), Path(f"{path}-shm")):
                left.unlink(missing_ok=True)
            fresh.replace(path)
    return Store(path, space)


def _added_by_hand(path: Path) -> list[tuple[str, str]] | None:
    """What a damaged store still tells of the files added by hand; None if nothing."""
    try:
        with closing(sqlite3.connect(path)) as damaged:
            return [(str(id_), str(root)) for id_, root in damaged.execute(ADDED_BY_HAND)]
    except (sqlite3.Error, UnicodeDecodeError):
        return None
