"""The SQLite file of an index: how it is opened, checked and closed."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

from ...errors import ArtefactError, MismatchError
from ...manifest import MADE_BY
from . import schema
from .directory import hold_still

DATABASE = "store.sqlite"
# Errors of a reader that say nothing of the file.
_PASSING = {"SQLITE_CANTOPEN", "SQLITE_NOMEM", "SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL"}


class InterruptedOrDamagedError(ArtefactError):
    """SQLite does not tell why no checksum came: of Ctrl-C, or of a text that is no UTF-8."""


class Database:
    """An index's SQLite file, opened; several threads may read through it.

    Args:
        path: the file; made when missing unless `read_only`.

    Raises:
        ArtefactError: the file is not a store, or is damaged.
        MismatchError: it was written in another format.
        BusyError: only for a reader that may not write there: a build is under way.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self._read_only = read_only
        if read_only and not path.exists():
            raise self.damaged("it is missing")
        self._still: int | None = None
        uri = path.absolute().as_uri()
        if read_only and self._cannot_share():
            self._still = hold_still(path.parent)
            uri += "?immutable=1"
        self._uri = uri
        self._connections: dict[tuple[int, threading.Thread], sqlite3.Connection] = {}
        self._connecting = threading.Lock()
        self._closed = False
        try:
            self._prepare()
        except BaseException as error:
            self.close()
            self._name_damage(error)
            raise

    def _cannot_share(self) -> bool:
        """True for a reader that cannot take part in WAL: it may not make SQLite's -shm file.

        The file is then read as it lies, and builds are kept out for as long.
        """
        directory = self.path.parent
        if os.access(directory, os.W_OK) or Path(f"{self.path}-shm").exists():
            return False
        log = Path(f"{self.path}-wal")
        if log.exists() and log.stat().st_size:
            raise ArtefactError(
                f"{log} holds what a build that was killed has left, and {directory} may not be "
                "written; open the index once where it may be, or run the build again"
            )
        return True

    @property
    def connection(self) -> sqlite3.Connection:
        """The calling thread's own, in this process: SQLite's do not survive a fork.

        Two threads in one connection may wait for each other for ever: one in SQLite for Python's
        lock, to work out a checksum, and one that has it for SQLite's.
        """
        return self._connections.get(_caller()) or self._connect()

    def _connect(self) -> sqlite3.Connection:
        with self._connecting:
            if self._closed:
                raise sqlite3.ProgrammingError(f"{self.path} has been closed")
            for caller in self._own_connections():
                if not caller[1].is_alive():
                    self._connections.pop(caller).close()
            made = sqlite3.connect(
                self._uri, uri=True, isolation_level=None, check_same_thread=False
            )
            self._connections[_caller()] = made
            made.create_function("checksum", -1, schema.checksum, deterministic=True)
            made.execute("PRAGMA busy_timeout = 10000")
            made.execute("PRAGMA cache_size = -8000")  # 8 MB
            if self._read_only:
                made.execute("PRAGMA query_only = ON")
        return made

    def _own_connections(self) -> list[tuple[int, threading.Thread]]:
        """What may be closed: not what a process that was forked has of its parent's."""
        return [caller for caller in self._connections if caller[0] == os.getpid()]

    def _prepare(self) -> None:
        execute = self.connection.execute
        if not self._read_only:
            execute("PRAGMA journal_mode = WAL")
            # FULL: a commit that was reported survives a power cut.
            execute("PRAGMA synchronous = FULL")
        (tables,) = execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not tables and not self._read_only:
            self.connection.executescript(schema.script())
        (version,) = execute("PRAGMA user_version").fetchone()
        if not tables and self._read_only:
            raise self.damaged("it is empty")
        if version != schema.FORMAT:
            raise MismatchError(
                f"{self.path} has format {version}, and this medrag reads format {schema.FORMAT}; "
                f"{self._mend()}"
            )

    def damaged(self, why: object) -> ArtefactError:
        """The error for a store that cannot be relied on."""
        reason = str(why).splitlines()[0]  # SQLite may quote the whole definition of a table
        return ArtefactError(f"{self.path} is damaged ({reason}); {self._mend()}")

    def _mend(self) -> str:
        return f"make it anew: {MADE_BY['index'].format(dir=self.path.parent)} index.rebuild=true"

    def check(self) -> None:
        """Read everything and compare it with its checksums: as long as reading the file takes.

        Raises:
            ArtefactError: something is not as it was written.
        """
        try:
            self._check()
        except InterruptedOrDamagedError:
            self._check()  # of the two only damage comes twice
            raise KeyboardInterrupt from None

    def _check(self) -> None:
        definitions = "SELECT type, name, sql FROM sqlite_master ORDER BY type, name"
        with closing(sqlite3.connect(":memory:")) as sound:
            sound.executescript(schema.script())
            wanted = sound.execute(definitions).fetchall()
        try:
            if self.connection.execute(definitions).fetchall() != wanted:
                raise self.damaged("the definitions of its tables")
            for table in schema.SUMMED:
                query = f"SELECT count(*) FROM {table} WHERE ({schema.is_sound(table)}) IS NOT TRUE"
                (bad,) = self.connection.execute(query).fetchone()
                if bad:
                    raise self.damaged(f"{bad} rows of {table}")
            (found,) = self.connection.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise self.damaged(found)
        except sqlite3.DatabaseError as error:
            raise self.named(error) from error

    def close(self) -> None:
        """Close what is open, in all threads; a second call does nothing."""
        with self._connecting:
            self._closed = True
            # Another thread may be in the middle of a statement, which SQLite does not survive: its
            # connection is closed when nothing refers to it any more.
            if own := self._connections.pop(_caller(), None):
                own.close()
            self._connections.clear()
        if self._still is not None:
            os.close(self._still)
            self._still = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.close()
        self._name_damage(error)

    def _name_damage(self, error: BaseException | None) -> None:
        """Raise what an error is called here, if it has another name."""
        if error is not None and (named := self.named(error)) is not error:
            raise named from error

    def named(self, error: BaseException) -> BaseException:
        """What an error of SQLite's is called here; any other error is itself."""
        # Its own message cannot be decoded when the names of its tables are no longer text.
        if type(error) in (sqlite3.DatabaseError, UnicodeDecodeError):
            return self.damaged(error)
        if not isinstance(error, sqlite3.OperationalError):
            return error
        if "user-defined function raised" in str(error):
            return InterruptedOrDamagedError(
                f"{self.path} could not be read: this process was interrupted, or a text there is "
                f"damaged; try again, and if it is said again {self._mend()}"
            )
        # What is no text cannot be decoded: then there is no code.
        code = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
        if self._read_only and code in _PASSING:
            return ArtefactError(
                f"{self.path} cannot be read now ({error}); see that the process may open more "
                "files and has memory left, and try again"
            )
        # A writer's may be the fault of its disk; a statement that makes no sense is not.
        return self.damaged(error) if self._read_only or code == "SQLITE_ERROR" else error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is committed at the end, or nothing is."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.connection.execute("COMMIT")
        except BaseException:
            if self.connection.in_transaction:  # SQLite itself gave up when the disk was full
                self.connection.execute("ROLLBACK")
            raise

    def get_meta(self, name: str) -> str | None:
        """A named value, or None."""
        query = f"SELECT {schema.is_sound('meta')}, value FROM meta WHERE name = ?"
        try:
            row = self.connection.execute(query, (name,)).fetchone()
        except BaseException as error:
            self._name_damage(error)
            raise
        if row and not row[0]:
            raise self.damaged(f"its note of {name}")
        return str(row[1]) if row else None

    @property
    def generation(self) -> int:
        """The last generation that everything was here for when it was published."""
        return int(self.get_meta("generation") or 0)


def _caller() -> tuple[int, threading.Thread]:
    return os.getpid(), threading.current_thread()
