"""The words of an index and what they stand for, in one immutable file per generation.

It answers what a word search cannot: which words are spelt like one that was typed, and what an
abbreviation means in this corpus. The file is an SQLite database with a seal behind it, written
from the store: counts are added for what a generation has more than the one before, and subtracted
for what it lost, so that the content does not depend on the way there.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from threading import Lock
from typing import Any

from ...errors import ArtefactError
from ...text.definitions import definitions
from ...text.words import words
from .directory import SEAL, is_sealed, scratch, seal
from .snapshot import Snapshot

TERMS = "terms.sqlite"
_GATHERED = 100_000  # entries that are counted in memory before they are written
_LONGEST = 40  # letters of a word; longer ones are sequences and addresses
_EDGE = 3  # letters that a word shares with its neighbours, at its start or its end
_SHORT = 8  # letters of a word below which it shares one less
_NAMED = 500  # names in one statement; SQLite bounds its length

# `mirrored` is the word read backwards: words with the same end lie together in its index.
_TABLES = """
CREATE TABLE words (word TEXT PRIMARY KEY, mirrored TEXT NOT NULL, chunks INTEGER NOT NULL)
    WITHOUT ROWID;
CREATE INDEX backwards ON words (mirrored, chunks);
CREATE TABLE definitions (name TEXT NOT NULL, meaning TEXT NOT NULL, chunks INTEGER NOT NULL,
    PRIMARY KEY (name, meaning)) WITHOUT ROWID;
CREATE INDEX by_meaning ON definitions (meaning, name, chunks);
"""
_ADD_WORD = (
    "INSERT INTO words VALUES (?, ?, ?) "
    "ON CONFLICT DO UPDATE SET chunks = words.chunks + excluded.chunks"
)
_ADD_DEFINITION = (
    "INSERT INTO definitions VALUES (?, ?, ?) "
    "ON CONFLICT DO UPDATE SET chunks = definitions.chunks + excluded.chunks"
)


def write_terms(path: Path, snapshot: Snapshot, base: tuple[Path, Snapshot] | None) -> None:
    """Write the file of a generation, in constant memory.

    Args:
        base: file and content of an older generation of the same store, whose rows are still there.

    Raises:
        OSError, sqlite3.OperationalError: it could not be written, mostly because the disk is full.
        ArtefactError: the store is damaged.
    """
    with scratch(path.parent, "terms-") as place:
        written = place / path.name
        before = None
        if base and is_sealed(base[0], base[1].identity):
            shutil.copyfile(base[0], written)
            os.truncate(written, written.stat().st_size - SEAL)
            before = base[1]
        with closing(sqlite3.connect(written, isolation_level=None)) as database:
            # Nothing is lost if this is cut short: the file counts only once it is sealed.
            database.execute("PRAGMA journal_mode = OFF")
            database.execute("PRAGMA synchronous = OFF")
            database.execute("PRAGMA cache_size = -8000")  # 8 MB
            if before is None:
                database.executescript(_TABLES)
            database.execute("BEGIN")
            _count(database, snapshot.texts_to_find(missing_in=before), 1)
            if before is not None:
                _count(database, before.texts_to_find(missing_in=snapshot), -1)
                for table in ("words", "definitions"):
                    database.execute(f"DELETE FROM {table} WHERE chunks <= 0")
            database.execute("COMMIT")
        seal(written, snapshot.identity)
        written.replace(path)


def _count(
    database: sqlite3.Connection, chunks: Iterable[tuple[int, str, str, str]], sign: int
) -> None:
    """Add what chunks hold to the counts, or subtract it."""
    held: Counter[str] = Counter()
    defined: Counter[tuple[str, str]] = Counter()
    for _, *texts in chunks:
        text = "\n".join(texts)
        held.update(set(filter(_is_word, words(text))))
        defined.update(set(definitions(text)))
        if len(held) + len(defined) > _GATHERED:
            _write(database, held, defined, sign)
    _write(database, held, defined, sign)


def _write(
    database: sqlite3.Connection,
    held: Counter[str],
    defined: Counter[tuple[str, str]],
    sign: int,
) -> None:
    rows = ((word, word[::-1], sign * count) for word, count in sorted(held.items()))
    database.executemany(_ADD_WORD, rows)
    database.executemany(
        _ADD_DEFINITION, ((*pair, sign * count) for pair, count in sorted(defined.items()))
    )
    held.clear()
    defined.clear()


def _is_word(word: str) -> bool:
    """Numbers are none: there is no end of them, and no typing error in one can be seen."""
    return len(word) <= _LONGEST and any(map(str.isalpha, word))


class TermIndex:
    """The words and definitions of one generation; immutable, safe to share by threads.

    Args:
        path: a file that `write_terms` has written. It may be moved or removed while it is open.

    Every method raises `ArtefactError` if the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        # Python crashes when threads use a connection at the same time.
        self._turn = Lock()
        self._database = sqlite3.connect(uri, uri=True, check_same_thread=False)
        self._select("PRAGMA cache_size = -4000")  # 4 MB
        self._select("SELECT 1 FROM words LIMIT 1")  # opens the file

    def close(self) -> None:
        """Close the file."""
        with self._turn:
            self._database.close()

    def chunks_with(self, word: str) -> int:
        """In how many chunks exactly this word occurs, in the form that `words` gives it."""
        found = self._select("SELECT chunks FROM words WHERE word = ?", (word,))
        return int(found[0][0]) if found else 0

    def near_words(self, word: str) -> list[tuple[str, int]]:
        """(word, chunks) of those that begin or end like a word and are about as long.

        A typing error at one end of a word leaves the other end: nearly every word that was meant
        is among them, without a look at all others.
        """
        edge = min(_EDGE - (len(word) < _SHORT), len(word) // 2)
        if not edge:
            return []
        length = "length(word) BETWEEN ? AND ?"
        least, most = len(word) - _EDGE, len(word) + _EDGE
        found: dict[str, int] = {}
        for column, part in (("word", word[:edge]), ("mirrored", word[::-1][:edge])):
            rows = self._select(
                f"SELECT word, chunks FROM words WHERE {column} >= ? AND {column} < ? AND {length}",
                (part, part + chr(0x10FFFF), least, most),
            )
            found.update((str(near), int(chunks)) for near, chunks in rows)
        return list(found.items())

    def meanings(self, names: Sequence[str]) -> list[tuple[str, str, int]]:
        """(name, meaning, chunks) for each definition of some names."""
        return list(self._defined("name", names))

    def names_of(self, meanings: Sequence[str]) -> list[tuple[str, str, int]]:
        """(name, meaning, chunks) for each definition that has one of some meanings."""
        return list(self._defined("meaning", meanings))

    def _defined(self, column: str, values: Sequence[str]) -> Iterator[tuple[str, str, int]]:
        for start in range(0, len(values), _NAMED):
            some = values[start : start + _NAMED]
            marks = ", ".join("?" * len(some))
            yield from self._select(
                f"SELECT name, meaning, chunks FROM definitions WHERE {column} IN ({marks}) "
                "ORDER BY chunks DESC, name, meaning",
                some,
            )

    def _select(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        try:
            with self._turn:
                return self._database.execute(query, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise ArtefactError(
                f"{self._path} cannot be read ({error}); remove it: it is made again from the store"
            ) from error
