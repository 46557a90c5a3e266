"""The SQLite file of an index: its tables, its connection, and how damage is noticed.

Every row of `meta`, `documents`, `chunks` and `vectors` ends with a CRC-32 of its values. It is
computed when the row is written and compared whenever the row is read. This is what it promises:

- A value that changed on disk is never used: the read that meets it raises `ArtefactError`.
- A row that is lost is noticed. A document knows its chunks, and the manifest the number of
  documents. Before a document is reported as unknown, SQLite's index over the names is checked.
- Whether a document belongs to a generation is decided in Python, after its row was verified.
- The definitions of the tables are compared whenever the file is opened.
- `Database.check` reads everything, and has SQLite check the structure of the file.

Rows of `files`, `rejected` and `deleted` have no checksum, because no answer is made from them:
damage there costs at most that a file is read again, or that a reason in the quarantine is
misspelled.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple, Self
from zlib import crc32

from ...errors import ArtefactError, MismatchError
from ...manifest import REBUILD_INDEX
from .directory import hold_still

DATABASE = "store.sqlite"
FORMAT = 4  # of the tables; kept in SQLite's user_version
NEVER = 1 << 62  # stands for "not removed" in documents.removed

_TABLES = f"""
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL, sum INTEGER NOT NULL);
CREATE TABLE files (
    id TEXT PRIMARY KEY, root TEXT NOT NULL, origin TEXT NOT NULL,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, sha256 TEXT NOT NULL
);
CREATE TABLE rejected (
    file TEXT NOT NULL, id TEXT NOT NULL, code TEXT NOT NULL, reason TEXT NOT NULL
);
CREATE INDEX rejected_file ON rejected (file);
CREATE TABLE deleted (
    id TEXT NOT NULL, version TEXT NOT NULL, file TEXT NOT NULL, PRIMARY KEY (id, version, file)
);
CREATE INDEX deleted_file ON deleted (file);
CREATE TABLE documents (
    key INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, file TEXT NOT NULL,
    title TEXT NOT NULL, url TEXT NOT NULL, metadata TEXT NOT NULL, version TEXT NOT NULL,
    flags TEXT NOT NULL, left_out TEXT NOT NULL, text_key BLOB NOT NULL, content_hash TEXT NOT NULL,
    characters INTEGER NOT NULL, tokens INTEGER NOT NULL,
    first_chunk INTEGER NOT NULL, chunks INTEGER NOT NULL,
    added INTEGER NOT NULL, removed INTEGER NOT NULL, sum INTEGER NOT NULL
);
CREATE UNIQUE INDEX documents_id ON documents (id, removed);
CREATE INDEX documents_file ON documents (file);
CREATE INDEX documents_text ON documents (text_key, id);
CREATE INDEX documents_removed ON documents (removed) WHERE removed < {NEVER};
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, document INTEGER NOT NULL,
    start INTEGER NOT NULL, tokens INTEGER NOT NULL, page INTEGER, section TEXT NOT NULL,
    glue TEXT NOT NULL, text TEXT NOT NULL, page_starts TEXT NOT NULL, hash BLOB NOT NULL,
    header TEXT NOT NULL, flags TEXT NOT NULL, sum INTEGER NOT NULL
);
CREATE INDEX chunks_hash ON chunks (hash);
CREATE TABLE vectors (hash BLOB PRIMARY KEY, vector BLOB NOT NULL, sum INTEGER NOT NULL);
"""


class DocumentRow(NamedTuple):
    """A row of `documents`, visible in the generations from `added` up to `removed`.

    Its chunks are those with the ids `first_chunk` to `first_chunk + chunks`: a document is written
    at once, and ids are never reused.

    `flags` (those of the document and of its chunks) and `left_out` are JSON. Documents with the
    same `text_key` say the same.
    """

    key: int
    id: str
    file: str
    title: str
    url: str
    metadata: str
    version: str
    flags: str
    left_out: str
    text_key: bytes
    content_hash: str
    characters: int
    tokens: int
    first_chunk: int
    chunks: int
    added: int
    removed: int

    @property
    def chunk_ids(self) -> range:
        """Ids of its chunks, in text order."""
        return range(self.first_chunk, self.first_chunk + self.chunks)

    def is_in(self, generation: int) -> bool:
        """True when it belongs to a generation."""
        return self.added <= generation < self.removed


class ChunkRow(NamedTuple):
    """A row of `chunks`. `glue` is the whitespace before the text: together they tile a document.

    `page_starts` and `flags` are JSON: `[[offset, page], …]` and a list.
    """

    id: int
    document: int
    start: int
    tokens: int
    page: int | None
    section: str
    glue: str
    text: str
    page_starts: str
    hash: bytes
    header: str
    flags: str


# The columns that a row's checksum covers, in their order in the table.
_SUMMED: dict[str, Sequence[str]] = {
    "meta": ("name", "value"),
    "documents": DocumentRow._fields,
    "chunks": ChunkRow._fields,
    "vectors": ("hash", "vector"),
}
_FETCHED = 100  # rows fetched at once
# Errors of a reader that say nothing about the file.
_PASSING = {"SQLITE_CANTOPEN", "SQLITE_NOMEM", "SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL"}
# Connections of a parent process: closing one in a forked process would disturb the parent.
_INHERITED: list[sqlite3.Connection] = []


def checksum(values: Sequence[int | str | bytes | None]) -> int:
    """CRC-32 over the values of a row; any few flipped bits change it."""
    total = 0
    for value in values:
        total = crc32(value if isinstance(value, bytes) else f"{value!r};".encode(), total)
    return total


class Database:
    """An index's SQLite file, opened. Threads may share it; a forked process opens its own.

    Args:
        path: the file; created if it is missing, unless `read_only`.

    Raises:
        ArtefactError: the file is not a store, or is damaged.
        MismatchError: it was written in another format.
        BusyError: a build is running, and this reader has no right to write to the directory.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self._read_only = read_only
        if read_only and not path.exists():
            raise self.damaged("it is missing")
        self._still: int | None = None
        self._uri = path.absolute().as_uri()
        if read_only and self._cannot_share():
            self._still = hold_still(path.parent)
            self._uri += "?immutable=1"
        self._closed = False
        self._opened: tuple[int, sqlite3.Connection] | None = None
        # Python crashes when a connection is closed while another thread executes a statement.
        self._turn = Lock()
        try:
            self._prepare()
        except BaseException as error:
            self.close()
            self._raise_named(error)
            raise

    def _cannot_share(self) -> bool:
        """True for a reader that cannot use WAL because it cannot create SQLite's -shm file.

        It then reads the file alone, and keeps builds out until it is closed.
        """
        directory = self.path.parent
        if os.access(directory, os.W_OK) or Path(f"{self.path}-shm").exists():
            return False
        log = Path(f"{self.path}-wal")
        if log.exists() and log.stat().st_size:
            raise ArtefactError(
                f"{log} was left by a build that was killed, and {directory} is not writable; "
                "open the index once with write access, or run the build again"
            )
        return True

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection of this process; SQLite's do not survive a fork."""
        if self._closed:
            raise sqlite3.ProgrammingError(f"{self.path} has been closed")
        opened = self._opened
        if opened is None or opened[0] != os.getpid():
            self._forget_inherited()
            opened = self._opened = os.getpid(), self._connect()
        return opened[1]

    def _connect(self) -> sqlite3.Connection:
        made = sqlite3.connect(self._uri, uri=True, isolation_level=None, check_same_thread=False)
        made.execute("PRAGMA busy_timeout = 10000")
        made.execute("PRAGMA cache_size = -8000")  # 8 MB
        if self._read_only:
            made.execute("PRAGMA query_only = ON")
        else:
            made.execute("PRAGMA journal_mode = WAL")
            # FULL: a commit that was reported survives a power cut.
            made.execute("PRAGMA synchronous = FULL")
        return made

    def _forget_inherited(self) -> None:
        if self._opened and self._opened[0] != os.getpid():
            _INHERITED.append(self._opened[1])
            self._opened = None
            self._turn = Lock()  # a thread that does not exist here may hold the other

    def _prepare(self) -> None:
        execute = self.connection.execute
        (tables,) = execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not tables and self._read_only:
            raise self.damaged("it is empty")
        if not tables:
            script = f"BEGIN; {_TABLES} PRAGMA user_version = {FORMAT}; COMMIT;"
            self.connection.executescript(script)
        (version,) = execute("PRAGMA user_version").fetchone()
        if version != FORMAT:
            raise MismatchError(
                f"{self.path} has format {version}, and this medrag reads format {FORMAT}; "
                f"{self._fix()}"
            )
        query = "SELECT sql FROM sqlite_master WHERE sql NOT NULL AND name NOT LIKE 'sqlite_%'"
        wanted = {statement.strip() for statement in _TABLES.split(";")} - {""}
        if {sql for (sql,) in execute(query)} != wanted:
            raise self.damaged("the definitions of its tables have changed")

    def damaged(self, why: object) -> ArtefactError:
        """The error for a store that cannot be relied on."""
        reason = str(why).splitlines()[0]  # SQLite may quote the whole definition of a table
        return ArtefactError(f"{self.path} is damaged ({reason}); {self._fix()}")

    def _fix(self) -> str:
        return f"rebuild it: {REBUILD_INDEX.format(dir=self.path.parent)}"

    def check(self) -> None:
        """Read everything and compare it with its checksums; takes as long as reading the file.

        Raises:
            ArtefactError: something is not as it was written.
        """
        for table in _SUMMED:
            for _ in self.rows(table):
                pass
        ((found,),) = self.select("PRAGMA quick_check(1)")
        if found != "ok":
            raise self.damaged(found)

    def close(self) -> None:
        """Close the file, for all threads; a second call does nothing."""
        self._closed = True
        self._forget_inherited()
        with self._turn:
            if self._opened:
                self._opened[1].close()
        if self._still is not None:
            os.close(self._still)
            self._still = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.close()
        self._raise_named(error)

    def _raise_named(self, error: BaseException | None) -> None:
        """Raise the error of medrag's that stands for one of SQLite's, if there is one."""
        # SQLite's own message cannot be decoded when the names of its tables are no longer text.
        # A sound store violates no constraint.
        if type(error) in (sqlite3.DatabaseError, sqlite3.IntegrityError, UnicodeDecodeError):
            raise self.damaged(error) from error
        if not isinstance(error, sqlite3.OperationalError):
            return
        # Text that cannot be decoded has no code.
        code = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
        if self._read_only and code in _PASSING:
            raise ArtefactError(
                f"{self.path} cannot be read now ({error}); check the limits on open files and "
                "memory, and try again"
            ) from error
        # A writer's error may be the fault of its disk; a statement that makes no sense is not.
        if self._read_only or code == "SQLITE_ERROR":
            raise self.damaged(error) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is committed at the end, or nothing is."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.connection.execute("COMMIT")
        except BaseException:
            if self.connection.in_transaction:  # SQLite itself gives up when the disk is full
                self.connection.execute("ROLLBACK")
            raise

    # --- rows -------------------------------------------------------------------------------

    def select(self, sql: str, values: Sequence[object] = ()) -> Iterator[Any]:
        """The rows of a query.

        Raises:
            ArtefactError: the file is damaged, or cannot be read.
        """
        try:
            connection = self.connection
            with self._turn:
                cursor = connection.execute(sql, values)
                rows = cursor.fetchmany(_FETCHED)
            while rows:
                yield from rows
                with self._turn:
                    rows = cursor.fetchmany(_FETCHED)
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            self._raise_named(error)
            raise

    def rows(self, table: str, rest: str = "", values: Sequence[object] = ()) -> Iterator[Any]:
        """The verified rows of a table, without their checksums.

        Args:
            rest: of the statement, after the name of the table.

        Raises:
            ArtefactError: a row differs from its checksum.
        """
        columns = ", ".join(f"{table}.{name}" for name in _SUMMED[table])
        for row in self.select(f"SELECT {columns}, {table}.sum FROM {table} {rest}", values):
            yield self.verified(row)

    def verified(self, row: Sequence[Any]) -> Sequence[Any]:
        """The values of a row that ends with its checksum."""
        if checksum(row[:-1]) != row[-1]:
            raise self.damaged("a row differs from its checksum")
        return row[:-1]

    def documents(self, rest: str = "", values: Sequence[object] = ()) -> Iterator[DocumentRow]:
        """Verified rows of `documents`; see `rows`."""
        return map(DocumentRow._make, self.rows("documents", rest, values))

    def chunks(self, rest: str = "", values: Sequence[object] = ()) -> Iterator[ChunkRow]:
        """Verified rows of `chunks`; see `rows`."""
        return map(ChunkRow._make, self.rows("chunks", rest, values))

    def put(self, table: str, values: Sequence[Any]) -> None:
        """Write a row and its checksum; a meta value or vector replaces the one before."""
        marks = ", ".join("?" * (len(values) + 1))
        verb = "REPLACE" if table in ("meta", "vectors") else "INSERT"
        self.connection.execute(
            f"{verb} INTO {table} VALUES ({marks})", (*values, checksum(values))
        )

    def get_meta(self, name: str) -> str | None:
        """A named value, or None."""
        row = next(self.rows("meta", "NOT INDEXED WHERE name = ?", (name,)), None)
        return str(row[1]) if row else None

    @property
    def generation(self) -> int:
        """The last generation that was complete when it was published."""
        return int(self.get_meta("generation") or 0)
