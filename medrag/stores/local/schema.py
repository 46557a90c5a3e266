"""The tables of an index's store, and the checksums that tell a damaged row.

Rows that answers are made of carry a checksum, which is compared whenever they are read: a bit that
the disk has flipped ends in an error, not in another text.
"""

from __future__ import annotations

from zlib import crc32

FORMAT = 2  # of the tables; kept in SQLite's user_version

_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL, sum INTEGER);
-- Files of the corpus as they were last read; `origin` is 'corpus', or 'added' by hand.
CREATE TABLE files (
    id TEXT PRIMARY KEY, root TEXT NOT NULL, origin TEXT NOT NULL,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, sha256 TEXT NOT NULL
);
CREATE TABLE rejected (file TEXT NOT NULL, id TEXT NOT NULL, reason TEXT NOT NULL);
CREATE INDEX rejected_file ON rejected (file);
CREATE TABLE documents (
    key INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, file TEXT NOT NULL,
    title TEXT NOT NULL, url TEXT NOT NULL, metadata TEXT NOT NULL,
    content_hash TEXT NOT NULL, characters INTEGER NOT NULL,
    added INTEGER NOT NULL, removed INTEGER, sum INTEGER
);
CREATE UNIQUE INDEX documents_live ON documents (id) WHERE removed IS NULL;
CREATE INDEX documents_file ON documents (file);
CREATE INDEX documents_removed ON documents (removed) WHERE removed IS NOT NULL;
CREATE TABLE pages (
    document INTEGER NOT NULL, start INTEGER NOT NULL, page INTEGER NOT NULL, sum INTEGER,
    PRIMARY KEY (document, start)
) WITHOUT ROWID;
-- `glue` is the whitespace before the chunk: a document's chunks give its cleaned text back.
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, document INTEGER NOT NULL,
    start INTEGER NOT NULL, tokens INTEGER NOT NULL, page INTEGER, section TEXT NOT NULL,
    glue TEXT NOT NULL, text TEXT NOT NULL, hash BLOB NOT NULL, sum INTEGER
);
CREATE INDEX chunks_document ON chunks (document);
CREATE INDEX chunks_hash ON chunks (hash);
-- One vector per embedded text, whoever uses it; float32, little-endian.
CREATE TABLE vectors (hash BLOB PRIMARY KEY, vector BLOB NOT NULL, sum INTEGER);
"""

# What the checksum of a row is taken over. The triggers below keep it, and an update does not make
# a row sound that was damaged before.
SUMMED = {
    "meta": "name value",
    "documents": "key id file title url metadata content_hash characters added removed",
    "pages": "document start page",
    "chunks": "id document start tokens page section glue text hash",
    "vectors": "hash vector",
}


def is_sound(table: str, row: str = "") -> str:
    """The SQL condition that a row of a table is as it was written."""
    row = row or table
    return f"{row}.sum = checksum({', '.join(f'{row}.{name}' for name in SUMMED[table].split())})"


def script() -> str:
    """The SQL that makes an empty store: all of it, or nothing."""
    triggers = " ".join(map(_triggers, SUMMED))
    return f"BEGIN; {_TABLES} {triggers} PRAGMA user_version = {FORMAT}; COMMIT;"


def _triggers(table: str) -> str:
    columns = SUMMED[table].split()
    keys = ["document", "start"] if table == "pages" else columns[:1]
    update = (
        f"BEGIN UPDATE {table} SET sum = checksum({', '.join(f'NEW.{name}' for name in columns)}) "
        f"WHERE {' AND '.join(f'{name} = NEW.{name}' for name in keys)}; END;"
    )
    return (
        f"CREATE TRIGGER {table}_inserted AFTER INSERT ON {table} {update}"
        f"CREATE TRIGGER {table}_updated AFTER UPDATE OF {', '.join(columns)} ON {table} "
        f"WHEN {is_sound(table, 'OLD')} {update}"
    )


def checksum(*values: int | str | bytes | None) -> int:
    """CRC-32 over the values of a row, which any few flipped bits change."""
    total = 0
    for value in values:
        total = crc32(value if isinstance(value, bytes) else f"{value!r};".encode(), total)
    return total
