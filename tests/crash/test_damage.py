"""Truncated and bit-flipped files: the same answers, or a clear error; never other answers."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from medrag.errors import ArtefactError, MismatchError
from medrag.stores.local.index import Index
from tests.crash.conftest import Crashes, Update, is_published

pytestmark = pytest.mark.slow

_FLIPS = 30
_MANY_FLIPS = 1_500


def flip(path: Path, draw: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content)


def state_or_error(crashes: Crashes, index: Path) -> dict[str, Any] | None:
    """What a reader sees; None if an error says that something is damaged."""
    try:
        return crashes.state(index)
    except ArtefactError as error:
        assert str(index) in str(error)
        assert "\n" not in str(error)
        return None


def check_flips(crashes: Crashes, update: Update, index: Path, name: str, seeds: range) -> int:
    """Flip one bit of a file at a time; returns how often an error told of it."""
    (path,) = index.glob(name)
    good = path.read_bytes()
    errors = 0
    for seed in seeds:
        flip(path, random.Random(seed))
        seen = state_or_error(crashes, index)
        assert seen is None or seen == update.before, f"seed {seed}"
        errors += seen is None
        for left in index.glob(f"{name}-*"):
            left.unlink()
        path.write_bytes(good)
    return errors


def test_a_flipped_bit_in_the_manifest(crashes: Crashes, update: Update, index: Path) -> None:
    assert check_flips(crashes, update, index, "manifest.json", range(_FLIPS)) > _FLIPS / 2


def test_a_flipped_bit_in_the_store(crashes: Crashes, update: Update, index: Path) -> None:
    assert check_flips(crashes, update, index, "store.sqlite", range(_FLIPS)) > 0


@pytest.mark.long
def test_many_flipped_bits_in_the_store(crashes: Crashes, update: Update, index: Path) -> None:
    seeds = range(_FLIPS, _FLIPS + _MANY_FLIPS)
    assert check_flips(crashes, update, index, "store.sqlite", seeds) > 0


@pytest.mark.parametrize("name", ["vectors.faiss", "words.tantivy", "terms.sqlite"])
def test_a_derived_file_is_rebuilt_from_the_store(
    crashes: Crashes, update: Update, index: Path, name: str
) -> None:
    (path,) = index.glob(f"generations/000002/{name}")
    good = path.read_bytes()
    for seed in range(5):
        flip(path, random.Random(seed))
        assert crashes.state(index) == update.before
    for length in (len(good) - 10, len(good) // 2, 0):
        path.write_bytes(good[:length])
        assert crashes.state(index) == update.before
    path.unlink()
    assert crashes.state(index) == update.before
    shutil.rmtree(path.parent)
    assert crashes.state(index) == update.before


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.6, 0.9])
def test_a_truncated_store(crashes: Crashes, update: Update, index: Path, share: float) -> None:
    store = index / "store.sqlite"
    os.truncate(store, int(share * store.stat().st_size))
    assert state_or_error(crashes, index) is None


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (b"Salbutamol 3 of note", b"Allopurino 3 of note"),
        (b"CREATE TABLE chunks", b"CREATE TABLE chu\xa0ks"),
    ],
)
def test_a_damaged_store_is_replaced_when_that_is_asked_for(
    crashes: Crashes, update: Update, index: Path, good: bytes, bad: bytes
) -> None:
    store = index / "store.sqlite"
    content = store.read_bytes()
    assert good in content
    store.write_bytes(content.replace(good, bad))
    with pytest.raises(ArtefactError, match=r"store\.sqlite is damaged .*index\.rebuild=true"):
        crashes.state(index)
    rebuild = {"index": {"rebuild": True}}
    # Killed while it is replaced, and once more: the next one goes on.
    for point in ("vectors not stored", "manifest renamed"):
        assert crashes.build(update.corpus, index, settings=rebuild, point=point).killed
        assert state_or_error(crashes, index) is None
    crashes.must_build(update.corpus, index, settings=rebuild)
    state = crashes.state(index)
    for part in ("texts", "manifest counts", "fingerprint"):
        assert state[part] == update.after[part]
    shutil.copytree(index, index.with_name("sound"))
    crashes.must_build(update.corpus, index, settings=rebuild)
    assert crashes.state(index) == state  # a sound store is kept


def test_a_damaged_manifest_is_replaced_by_the_next_build(
    crashes: Crashes, update: Update, index: Path
) -> None:
    (index / "manifest.json").write_bytes(b"{")
    assert state_or_error(crashes, index) is None
    crashes.must_build(update.corpus, index)
    assert crashes.state(index) == update.after


def test_a_store_of_another_format_is_refused_and_replaced(
    crashes: Crashes, update: Update, index: Path
) -> None:
    with sqlite3.connect(index / "store.sqlite") as database:
        database.execute("PRAGMA user_version = 1")
    with pytest.raises(MismatchError, match=r"has format 1, .*index\.rebuild=true"):
        crashes.state(index)
    outcome = crashes.build(update.corpus, index)
    assert outcome.error.startswith("MismatchError: ")
    crashes.must_build(update.corpus, index, settings={"index": {"rebuild": True}})
    assert crashes.state(index)["texts"] == update.after["texts"]


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (b" title TEXT", b" titlf TEXT"),
        (b" title TEXT", b" titl\xe5 TEXT"),
        (b"removed INTEGER NOT NULL", b"removed INTEGER NOT NUML"),
        (b"rejected_file ON rejected (file)", b"rejected_file ON rejected (fild)"),
        (b"chunks_hash ON chunks (hash)", b"chunks_hasi ON chunks (hash)"),
    ],
)
def test_a_build_over_a_store_whose_tables_are_damaged(
    crashes: Crashes, update: Update, index: Path, good: bytes, bad: bytes
) -> None:
    store = index / "store.sqlite"
    content = store.read_bytes()
    assert content.count(good) == 1
    store.write_bytes(content.replace(good, bad))
    outcome = crashes.build(update.corpus, index)
    assert outcome.error.startswith(f"ArtefactError: {store} is damaged"), outcome
    assert "index.rebuild=true" in outcome.error
    assert "\n" not in outcome.error
    fix(crashes, update, index)


def damage(index: Path, change: str) -> None:
    """Change a row, and leave its checksum as it was."""
    with closing(sqlite3.connect(index / "store.sqlite")) as database, database:
        assert database.execute(change).rowcount == 1


def columns(index: Path) -> list[tuple[str, str]]:
    """Every column that answers depend on."""
    with closing(sqlite3.connect(index / "store.sqlite")) as database:
        return [
            (table, name)
            for table in ("meta", "documents", "chunks", "vectors")
            for (name,) in database.execute(f"SELECT name FROM pragma_table_info('{table}')")
        ]


def flip_value(value: Any) -> Any:
    """The value with one bit flipped."""
    if isinstance(value, int):
        return value ^ 64
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1]) + value[1:]
    return chr(ord(value[0]) ^ 1) + value[1:] if value else "x"


def test_a_flipped_bit_in_any_column_changes_no_answer(
    crashes: Crashes, update: Update, index: Path
) -> None:
    store = index / "store.sqlite"
    good = store.read_bytes()
    noticed = set()
    for table, column in columns(index):
        with closing(sqlite3.connect(store)) as database, database:
            row, value = database.execute(
                f"SELECT rowid, {column} FROM {table} ORDER BY rowid LIMIT 1 OFFSET 1"
            ).fetchone()
            statement = f"UPDATE {table} SET {column} = ? WHERE rowid = ?"
            database.execute(statement, (flip_value(value), row))
        seen = state_or_error(crashes, index)
        assert seen is None or seen == update.before, (table, column)
        if seen is None:
            noticed.add((table, column))
        for left in index.glob("store.sqlite-*"):
            left.unlink()
        store.write_bytes(good)
    # All but the values that opening an index does not read.
    assert {found for found in columns(index) if found[0] != "meta"} <= noticed


_LAST_CHUNK = (
    "SELECT first_chunk + documents.chunks - 1 FROM documents WHERE documents.id = 'note03.txt'"
)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE documents SET removed = 1 WHERE id = 'note03.txt'",
        "UPDATE documents SET added = added + 64 WHERE id = 'note03.txt'",
        "DELETE FROM documents WHERE id = 'note03.txt'",
        f"UPDATE chunks SET document = document + 4096 WHERE id = ({_LAST_CHUNK})",
        f"DELETE FROM chunks WHERE id = ({_LAST_CHUNK})",
    ],
)
def test_what_damage_hides_is_not_lost_in_silence(
    crashes: Crashes, update: Update, index: Path, change: str
) -> None:
    """No row is passed over because it says, wrongly, that it is not of this generation."""
    damage(index, change)
    told = r"store\.sqlite is damaged .*index\.rebuild=true"
    shutil.rmtree(index / "generations")  # and no file made from sound rows names what is missing
    with Index(index) as opened:
        with pytest.raises(ArtefactError, match=told):
            list(opened.document_ids())
            opened.document_text("note03.txt")
        for look in (lambda: list(opened.texts()), lambda: opened.words):
            with pytest.raises(ArtefactError, match=told):
                look()
    outcome = crashes.build(update.corpus, index)
    assert outcome.error.startswith(f"ArtefactError: {index / 'store.sqlite'} is damaged"), outcome
    assert not is_published(index, update)
    fix(crashes, update, index)


def test_a_damaged_index_over_names_is_no_unknown_document(index: Path) -> None:
    store = index / "store.sqlite"
    content = store.read_bytes()
    assert content.count(b"note03.txt") > 2
    with Index(index) as opened:
        assert opened.document_text("nobody.txt") is None
    with closing(sqlite3.connect(store)) as database:
        # Another name for it in the index alone.
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'documents_id'"
        (page,) = database.execute(query).fetchone()
        (size,) = database.execute("PRAGMA page_size").fetchone()
    start, end = (page - 1) * size, page * size
    assert content[start:end].count(b"note03.txt") == 1
    for name in (b"note03", b"note0"):  # one damaged entry, and many
        page_of_index = content[start:end].replace(name, name[:-1] + b"8")
        store.write_bytes(content[:start] + page_of_index + content[end:])
        with Index(index) as opened, pytest.raises(ArtefactError, match="is damaged"):
            opened.document_text("note03.txt")


@pytest.fixture
def killed(crashes: Crashes, update: Update, index: Path) -> Path:
    """An index whose last build was killed, and left SQLite's log behind."""
    assert crashes.build(update.corpus, index, point="vectors not stored").killed
    assert (index / "store.sqlite-wal").stat().st_size > 0
    return index


def fix(crashes: Crashes, update: Update, index: Path) -> None:
    """The next build ends well, maybe only once a new store is asked for."""
    outcome = crashes.build(update.corpus, index)
    if outcome.error:
        assert "index.rebuild=true" in outcome.error
        crashes.must_build(update.corpus, index, settings={"index": {"rebuild": True}})
    assert crashes.state(index)["texts"] == update.after["texts"]


@pytest.mark.parametrize("seed", range(4))
def test_a_flipped_bit_in_the_log(
    crashes: Crashes, update: Update, killed: Path, seed: int
) -> None:
    flip(killed / "store.sqlite-wal", random.Random(seed))
    seen = state_or_error(crashes, killed)
    assert seen is None or seen == update.before
    fix(crashes, update, killed)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7])
def test_a_truncated_log(crashes: Crashes, update: Update, killed: Path, share: float) -> None:
    log = killed / "store.sqlite-wal"
    os.truncate(log, int(share * log.stat().st_size))
    seen = state_or_error(crashes, killed)
    assert seen is None or seen == update.before
    fix(crashes, update, killed)


def test_an_index_copied_without_the_log_of_a_killed_build(
    crashes: Crashes, update: Update, killed: Path
) -> None:
    for left in killed.glob("store.sqlite-*"):
        left.unlink()
    assert crashes.state(killed) == update.before
    fix(crashes, update, killed)


def test_a_published_index_copied_without_the_log(
    crashes: Crashes, update: Update, index: Path
) -> None:
    """A published index does not depend on the log, which a kill may leave behind."""
    assert crashes.build(update.corpus, index, point="manifest replaced").killed
    for left in index.glob("store.sqlite-*"):
        left.unlink()
    assert crashes.state(index) == update.after


def test_a_store_older_than_the_manifest_is_refused(
    crashes: Crashes, update: Update, index: Path
) -> None:
    old = (index / "store.sqlite").read_bytes()
    crashes.must_build(update.corpus, index)
    (index / "store.sqlite").write_bytes(old)
    with pytest.raises(MismatchError, match=r"store\.sqlite is older than manifest\.json"):
        crashes.state(index)
    crashes.must_build(update.corpus, index)
    assert crashes.state(index)["texts"] == update.after["texts"]
