"""The fields of documents, in one immutable file per generation: what a filter is looked up in.

An inverted index in SQLite: for each value of each field, the keys of the documents that have it.
The file is derived from the store, like those of FAISS and tantivy.
"""

from __future__ import annotations

import json
import logging
import math
import os
import re
import shutil
import sqlite3
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ConfigError
from ...text.evidence_types import evidence_type
from ...text.words import fold
from ...types import Flag
from ..filters import AllOf, AnyOf, Comparison, Condition, Filter
from ..protocols import Field
from .database import DocumentRow
from .directory import SEAL, is_sealed, scratch, seal
from .snapshot import Snapshot

FIELDS = "fields.sqlite"
_log = logging.getLogger(__name__)
_TABLES = """
CREATE TABLE fields (
    name TEXT PRIMARY KEY, numbers INTEGER, days INTEGER, texts INTEGER, example TEXT
);
CREATE TABLE postings (
    field TEXT NOT NULL, text TEXT NOT NULL, number REAL, day TEXT, documents BLOB NOT NULL
);
CREATE TABLE live (keys BLOB NOT NULL, first BLOB NOT NULL, chunks BLOB NOT NULL);
"""
_INDEXES = """
CREATE INDEX IF NOT EXISTS by_text ON postings (field, text);
CREATE INDEX IF NOT EXISTS by_number ON postings (field, number) WHERE number IS NOT NULL;
CREATE INDEX IF NOT EXISTS by_day ON postings (field, day) WHERE day IS NOT NULL;
"""
_HELD = 200_000  # values in memory, before they are written
_LONGEST = 200  # characters of a value that are compared
_MOST = 1_000  # values of one document
_LAST = "\U0010ffff"  # sorts after every other character

_NUMBER = re.compile(r"[-+]?[0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]+)?")
_WHOLE = re.compile(r"([-+]?[0-9]+)\.0+")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}(?:-[0-9]{2})?(?=$|[t ])")
_YEAR = re.compile(r"(?<![0-9])(?:1[5-9]|20)[0-9]{2}(?=[01][0-9][0-3][0-9](?![0-9])|(?![0-9]))")
# Fields that may name a year, the best first.
_DATES = ("year", "date", "published", "publication_date", "pub_date", "date_published", "created")
_EXACT = frozenset(("document", "file"))  # names: their case and accents count


def write_fields(path: Path, snapshot: Snapshot, base: tuple[Path, Snapshot] | None) -> None:
    """Write the file of a generation.

    Args:
        base: file and content of an older generation of the same store. If nothing was removed
            since, only the new documents are read.

    Raises:
        OSError: it could not be written, mostly because the disk is full.
        ArtefactError: the store is damaged.
    """
    with scratch(path.parent, "fields-") as place:
        made = place / path.name
        before = None
        if base and is_sealed(base[0], base[1].identity) and not base[1].has_more_than(snapshot):
            before = base[1]
            shutil.copyfile(base[0], made)
            os.truncate(made, made.stat().st_size - SEAL)
        try:
            with sqlite3.connect(made) as database:
                # No journal: a file that is not sealed is thrown away.
                database.execute("PRAGMA journal_mode = OFF")
                database.execute("PRAGMA synchronous = OFF")
                if before is None:
                    database.executescript(_TABLES)
                _write_postings(database, snapshot.openings(missing_in=before))
                _write_live(database, snapshot)
                database.executescript(_INDEXES)
        finally:
            database.close()
        seal(made, snapshot.identity)
        made.replace(path)


def _write_postings(database: sqlite3.Connection, rows: Iterable[tuple[DocumentRow, str]]) -> None:
    held: dict[tuple[str, str], array[int]] = defaultdict(lambda: array("q"))
    size = 0
    for row, opening in rows:
        for value in set(_values(row, opening)):
            held[value].append(row.key)
            size += 1
        if size > _HELD:
            _flush(database, held)
            size = 0
    _flush(database, held)


def _flush(database: sqlite3.Connection, held: dict[tuple[str, str], array[int]]) -> None:
    rows = []
    kinds: dict[str, list[Any]] = {}
    for (name, text), keys in held.items():
        number = float(text) if _NUMBER.fullmatch(text) else None
        day = match[0] if (match := _DAY.match(text)) else None
        rows.append((name, text, number, day, keys.tobytes()))
        counts = kinds.setdefault(name, [0, 0, 0, text])
        counts[0 if number is not None else 1 if day else 2] += len(keys)
    database.executemany("INSERT INTO postings VALUES (?, ?, ?, ?, ?)", rows)
    database.executemany(
        "INSERT INTO fields VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET "
        "numbers = numbers + excluded.numbers, days = days + excluded.days, "
        "texts = texts + excluded.texts",
        ((name, *counts) for name, counts in kinds.items()),
    )
    held.clear()


def _write_live(database: sqlite3.Connection, snapshot: Snapshot) -> None:
    """Which documents there are, and which chunks they have."""
    database.execute("DELETE FROM live")
    columns = array("q"), array("q"), array("q")

    def flush() -> None:
        database.execute("INSERT INTO live VALUES (?, ?, ?)", [one.tobytes() for one in columns])
        for one in columns:
            del one[:]

    for row in snapshot.rows():
        for column, value in zip(columns, (row.key, row.first_chunk, row.chunks), strict=True):
            column.append(value)
        if len(columns[0]) >= _HELD:
            flush()
    flush()


def _values(row: DocumentRow, opening: str) -> Iterator[tuple[str, str]]:
    """(field, value) pairs of a document, as they are compared; the first 1,000."""
    metadata = json.loads(row.metadata)
    own: dict[str, Any] = {
        "document": row.id,
        "file": row.file,
        "title": row.title,
        "url": row.url,
        "flags": json.loads(row.flags),
        "evidence": evidence_type(row.title, metadata, opening),
    }
    by_name = {re.sub("[ -]", "_", fold(name)): value for name, value in metadata.items()}
    if not by_name.get("source"):
        own["source"] = row.file
    dates = (by_name.get(name) for name in _DATES)
    years = (_YEAR.search(str(date)) for date in dates if isinstance(date, str | int | float))
    own["year"] = next((year[0] for year in years if year), "")
    # What a document calls its file or its flags is not what the index knows by these names.
    given = {
        f"metadata.{name}" if fold(name) in own and fold(name) not in _DATES else name: value
        for name, value in metadata.items()
    }
    number = 0
    for name, value in (*_flat("", own), *_flat("", given)):
        field = fold(name)
        if text := comparable(field, value):
            yield field, text
            number += 1
            if number == _MOST:
                return


def _flat(name: str, value: object) -> Iterator[tuple[str, str]]:
    """The single values in a JSON value, with dotted names for those of an object."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _flat(f"{name}.{key}" if name else str(key), part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _flat(name, part)
    elif isinstance(value, bool):
        yield name, str(value).lower()
    elif isinstance(value, float) and math.isfinite(value):
        yield name, format(Decimal(repr(value)), "f")  # 1e-05 is 0.00001
    elif value is not None:
        yield name, str(value)


def comparable(field: str, value: str) -> str:
    """A value as it is compared: folded, with single spaces, cut to 200 characters.

    The names of documents and files stay as they are.
    """
    if field not in _EXACT:
        value = " ".join(fold(value[: 2 * _LONGEST]).split())[:_LONGEST].replace("−", "-")
        value = _WHOLE.sub(r"\1", value) if _WHOLE.fullmatch(value) else value
    return value.encode(errors="replace").decode()


class FieldIndex:
    """Looks filters up in one generation's file; immutable, safe to share by threads.

    Args:
        path: a file that `write_fields` has written. It may be removed while it is open.
    """

    def __init__(self, path: Path) -> None:
        # immutable: no locks are taken, so that a forked process may share the connection.
        uri = f"{path.absolute().as_uri()}?immutable=1"
        self._database = sqlite3.connect(uri, uri=True, check_same_thread=False)
        self._turn = Lock()
        rows = self._select("SELECT keys, first, chunks FROM live")
        columns = zip(*rows, strict=True)
        self._keys, self._first, self._chunks = (
            np.concatenate([np.frombuffer(part, np.int64) for part in column]) for column in columns
        )

    def fields(self) -> dict[str, Field]:
        """All fields by name, sorted."""
        rows = self._select("SELECT name, numbers, days, texts, example FROM fields ORDER BY name")
        found = {}
        for name, numbers, days, texts, example in rows:
            kind = max((numbers, "number"), (days, "date"), (texts, "text"))[1]
            found[name] = Field(kind, example, numbers + days > 0)
        return found

    def chunk_ids(self, where: Filter) -> NDArray[np.int64]:
        """Ids of all chunks of the documents that pass a filter, sorted.

        Raises:
            ConfigError: the index has no such field, or it holds text where a number is compared.
        """
        places = np.searchsorted(self._keys, self._matching(where))
        first, chunks = self._first[places], self._chunks[places]
        # All ranges in one array: a run of ones whose sums jump where a range starts.
        total = int(chunks.sum())
        starts = np.repeat(first - np.concatenate(([0], np.cumsum(chunks)[:-1])), chunks)
        ids: NDArray[np.int64] = np.sort(starts + np.arange(total, dtype=np.int64))
        return ids

    def _matching(self, where: Filter) -> NDArray[np.int64]:
        """Keys of the documents that pass, sorted."""
        if isinstance(where, Condition):
            return self._fitting(where)
        if isinstance(where, AllOf):
            found = self._keys
            for part in where.parts:
                found = np.intersect1d(found, self._matching(part), assume_unique=True)
            return found
        if isinstance(where, AnyOf):
            nothing = np.empty(0, np.int64)
            return np.unique(np.concatenate([nothing, *map(self._matching, where.parts)]))
        return np.setdiff1d(self._keys, self._matching(where.part), assume_unique=True)

    def _fitting(self, condition: Condition) -> NDArray[np.int64]:
        name = self._name(condition.field)
        values = condition.values
        if name == "flags" and Flag.duplicate in values:
            raise ConfigError(
                "a filter cannot use the flag duplicate: copies among the hits are one hit anyway"
            )
        if condition.comparison is Comparison.among:
            queries = [_equal(comparable(name, value)) for value in values]
        elif condition.comparison is Comparison.prefix:
            start = comparable(name, values[0]) + (" " if values[0].endswith(" ") else "")
            queries = [("text >= ? AND text < ?", (start, start + _LAST))]
        else:
            queries = [self._ordered(name, condition)]
        parts = [self._documents(name, *query) for query in queries]
        for value, part in zip(values, parts, strict=False):
            if not len(part) and condition.comparison in (Comparison.among, Comparison.prefix):
                star = "*" if condition.comparison is Comparison.prefix else ""
                _log.warning("no document has %s = %s%s", name, value, star)
        return np.unique(np.concatenate([np.empty(0, np.int64), *parts]))

    def _documents(self, name: str, which: str, values: tuple[object, ...]) -> NDArray[np.int64]:
        """Keys of the documents that have such values, in any order."""
        query = f"SELECT documents FROM postings WHERE field = ? AND {which}"
        rows = self._select(query, (name, *values))
        nothing = np.empty(0, np.int64)
        return np.concatenate([nothing, *(np.frombuffer(row[0], np.int64) for row in rows)])

    def _ordered(self, name: str, condition: Condition) -> tuple[str, tuple[object, ...]]:
        """A query for `<` and the like.

        Dates are compared as far as both are given: 2018-06 is at least 2018, and no more.
        """
        sign, value = condition.comparison.value, comparable(name, condition.values[0])
        shared = "min(length(day), length(?))"
        days = f"substr(day, 1, {shared}) {sign} substr(?, 1, {shared})"
        if _DAY.fullmatch(value):
            # Years stand there as numbers.
            query = f"({days} OR number BETWEEN 1000 AND 2999 AND number {sign} ?)"
            found: tuple[str, tuple[object, ...]] = query, (value, value, value, int(value[:4]))
        elif re.fullmatch("[12][0-9]{3}", value):
            found = f"({days} OR number {sign} ?)", (value, value, value, float(value))
        elif _NUMBER.fullmatch(value):
            found = f"number {sign} ?", (float(value),)
        else:
            raise ConfigError(
                f"the filter {name} {sign} {condition.values[0]} cannot be used: compare with a "
                "number or a date like 2021-03-31; texts are compared with =, in and *"
            )
        field = self.fields().get(name)
        if field and not field.is_ordered:
            raise ConfigError(
                f"the filter {name} {sign} {condition.values[0]} cannot be used: {name} holds text "
                f"(“{field.example}”); compare it with =, in or *"
            )
        return found

    def _name(self, asked: str) -> str:
        """The name of a field, which may be written in the singular or the plural."""
        known = self.fields()
        name = fold(asked)
        for form in (name, f"{name}s", name.removesuffix("s")):
            if form in known or form in _ALWAYS:
                return form
        raise ConfigError(unknown_field(asked, known))

    def _select(self, query: str, values: tuple[object, ...] = ()) -> list[Any]:
        with self._turn:
            return self._database.execute(query, values).fetchall()


# Fields that every index has: no document with a flag is no document that passes.
_ALWAYS = frozenset(("document", "title", "url", "file", "source", "year", "flags", "evidence"))


def _equal(value: str) -> tuple[str, tuple[object, ...]]:
    if _DAY.fullmatch(value) or re.fullmatch("[12][0-9]{3}", value):
        return "(text = ? OR substr(day, 1, length(?)) = ?)", (value, value, value)
    return "text = ?", (value,)


def unknown_field(asked: str, known: Mapping[str, Field]) -> str:
    """The error for a field that no document has: the nearest name, and all there are."""
    import difflib

    near = difflib.get_close_matches(fold(asked), known, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    names = ", ".join(f"{name} ({field.kind})" for name, field in known.items())
    return f"no document has a field {asked}; {meant}the fields of this index are {names}"
