"""Truncated and bit-flipped files: the same answers, or a clear error; never other answers."""

from __future__ import annotations

import os
import random
import re
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

_FLIPS = 60
_MANY_FLIPS = 1_500


def flip(path: Path, draw: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content)


def state_or_error(crashes: Crashes, index: Path) -> dict[str, Any] | None:
    """What a reader sees; None when it is told that something is damaged."""
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
def test_many_a_flipped_bit_in_the_store(crashes: Crashes, update: Update, index: Path) -> None:
    seeds = range(_FLIPS, _FLIPS + _MANY_FLIPS)
    assert check_flips(crashes, update, index, "store.sqlite", seeds) > 0


@pytest.mark.parametrize("name", ["vectors.faiss", "words.tantivy"])
def test_a_derived_file_is_made_again_from_the_store(
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


def test_a_damaged_manifest_is_written_anew_by_the_next_build(
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


@pytest.mark.parametrize("bad", [b"titl\xe5", b"titlf"])
@pytest.mark.parametrize("which", range(3))  # of the places where the tables' definition has it
def test_a_build_over_a_store_whose_tables_are_damaged(
    crashes: Crashes, update: Update, index: Path, bad: bytes, which: int
) -> None:
    store = index / "store.sqlite"
    content = store.read_bytes()
    place = [match.start() for match in re.finditer(rb"(OLD|NEW)\.title", content)][which] + 4
    store.write_bytes(content[:place] + bad + content[place + len(bad) :])
    outcome = crashes.build(update.corpus, index)
    assert outcome.error.startswith(f"ArtefactError: {store} is damaged"), outcome
    assert "index.rebuild=true" in outcome.error
    assert "\n" not in outcome.error
    mend(crashes, update, index)


def damage(index: Path, change: str) -> None:
    """Change a row, and leave its checksum as it was."""
    with closing(sqlite3.connect(index / "store.sqlite")) as database, database:
        triggers = database.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall()
        for name, _ in triggers:
            database.execute(f"DROP TRIGGER {name}")
        assert database.execute(change).rowcount == 1
        for _, sql in triggers:
            database.execute(sql)


_LAST_CHUNK = (
    "SELECT max(chunks.id) FROM chunks JOIN documents ON documents.key = document "
    "WHERE documents.id = 'note03.txt'"
)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE documents SET removed = 1 WHERE id = 'note03.txt'",
        "UPDATE documents SET added = added + 64 WHERE id = 'note03.txt'",
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
        snapshot = opened.snapshot
        with pytest.raises(ArtefactError, match=told):
            list(snapshot.document_ids())
            snapshot.document_text("note03.txt")
        if "DELETE" not in change:
            for look in (snapshot.content, lambda: list(snapshot.texts()), lambda: opened.words):
                with pytest.raises(ArtefactError, match=told):
                    look()
        with pytest.raises(ArtefactError, match=r"index\.rebuild=true"):
            _ = opened.vectors
    if "DELETE" not in change:  # no bit of a row does that
        outcome = crashes.build(update.corpus, index)
        assert outcome.error.startswith(f"ArtefactError: {index / 'store.sqlite'} is damaged")
        assert not is_published(index, update)
        mend(crashes, update, index)


@pytest.fixture
def killed(crashes: Crashes, update: Update, index: Path) -> Path:
    """An index whose last build was killed, and left SQLite's log behind."""
    assert crashes.build(update.corpus, index, point="vectors not stored").killed
    assert (index / "store.sqlite-wal").stat().st_size > 0
    return index


def mend(crashes: Crashes, update: Update, index: Path) -> None:
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
    mend(crashes, update, killed)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7])
def test_a_truncated_log(crashes: Crashes, update: Update, killed: Path, share: float) -> None:
    log = killed / "store.sqlite-wal"
    os.truncate(log, int(share * log.stat().st_size))
    seen = state_or_error(crashes, killed)
    assert seen is None or seen == update.before
    mend(crashes, update, killed)


def test_an_index_copied_without_the_log_of_a_killed_build(
    crashes: Crashes, update: Update, killed: Path
) -> None:
    for left in killed.glob("store.sqlite-*"):
        left.unlink()
    assert crashes.state(killed) == update.before
    mend(crashes, update, killed)


def test_a_published_index_copied_without_the_log(
    crashes: Crashes, update: Update, index: Path
) -> None:
    """What is published does not hang on the log: it may be away, and lies there after a kill."""
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
