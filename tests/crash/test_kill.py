"""A build killed at any moment leaves the last index whole, and goes on to the same result."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from medrag.errors import ArtefactError
from tests.crash.conftest import Crashes, Update, check_then_continue, is_published, write_first

pytestmark = pytest.mark.slow

# In the order in which a build passes them.
POINTS = [
    "embedding",
    "vectors not stored",
    "vectors half written",
    "vectors synced",
    "words half written",
    "words synced",
    "manifest begun",
    "manifest renamed",
    "manifest replaced",
    "generation begun to be removed",
    "generation half removed",
    "before purge",
    "quarantine written",
]


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_at_a_named_moment(
    crashes: Crashes, update: Update, index: Path, point: str
) -> None:
    outcome = crashes.build(update.corpus, index, point=point)
    assert outcome.killed, outcome
    assert is_published(index, update) == (POINTS.index(point) >= POINTS.index("manifest replaced"))
    check_then_continue(crashes, update, index)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("vectors not stored", "vectors not stored"),
        ("vectors half written", "words synced"),
        ("manifest renamed", "manifest begun"),
        ("manifest replaced", "generation half removed"),
        ("generation half removed", "before purge"),
    ],
)
def test_a_kill_while_recovering_from_a_kill(
    crashes: Crashes, update: Update, index: Path, first: str, second: str
) -> None:
    for point in (first, second):
        assert crashes.build(update.corpus, index, point=point).killed
    check_then_continue(crashes, update, index)


@pytest.mark.parametrize("point", ["embedding", "vectors half written", "manifest renamed"])
def test_a_kill_in_the_first_build_leaves_no_index(
    crashes: Crashes, update: Update, tmp_path: Path, point: str
) -> None:
    fresh, killed = tmp_path / "fresh", tmp_path / "killed"
    crashes.must_build(update.corpus, fresh)
    assert crashes.build(update.corpus, killed, point=point).killed
    with pytest.raises(ArtefactError, match="no index"):
        crashes.state(killed)
    crashes.must_build(update.corpus, killed)
    assert crashes.state(killed) == crashes.state(fresh)


@pytest.fixture(scope="module")
def long_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More documents than four commits take, in one file."""
    corpus = tmp_path_factory.mktemp("long") / "corpus"
    corpus.mkdir()
    rows = "\n".join(f'{{"id": {n}, "text": "Asthma row {n} of {n}."}}' for n in range(900))
    (corpus / "rows.jsonl").write_text(rows, encoding="utf-8")
    return corpus


@pytest.fixture(scope="module")
def long_state(
    crashes: Crashes, long_corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """The state after an undisturbed build."""
    index = tmp_path_factory.mktemp("long") / "index"
    crashes.must_build(long_corpus, index)
    return crashes.state(index)


# A window stores vectors twice: those from the cache, and those that were made.
@pytest.mark.parametrize(("point", "times"), [("vectors not stored", 5), ("embedding", 20)])
def test_a_kill_between_two_commits_in_the_middle_of_a_corpus(
    crashes: Crashes,
    long_corpus: Path,
    long_state: dict[str, Any],
    tmp_path: Path,
    point: str,
    times: int,
) -> None:
    index = tmp_path / "index"
    assert crashes.build(long_corpus, index, point=point, times=times).killed
    with closing(sqlite3.connect(index / "store.sqlite")) as store:
        documents, chunks, vectors = (
            store.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("documents", "chunks", "vectors")
        )
    # Some windows are done with, and of the last one the chunks are there and the vectors are not.
    assert 0 < vectors < chunks == documents < 900
    assert crashes.build(long_corpus, index, point=point).killed  # at once when it goes on
    crashes.must_build(long_corpus, index)
    assert crashes.state(index) == long_state


def test_a_kill_while_a_document_is_fetched_leaves_no_litter(
    crashes: Crashes, update: Update, index: Path, page: str
) -> None:
    settings = {"corpus": {"paths": [str(update.corpus), page]}}
    point = "download half written"
    assert crashes.build(update.corpus, index, settings=settings, point=point).killed
    assert crashes.state(index) == update.before
    crashes.must_build(update.corpus, index, settings=settings)
    assert not (index / ".medrag-downloads").exists()


@pytest.mark.parametrize("point", ["vectors synced", "manifest begun"])
def test_a_change_that_is_undone_after_a_kill_leaves_no_litter(
    crashes: Crashes, tmp_path: Path, point: str
) -> None:
    corpus, index = tmp_path / "corpus", tmp_path / "index"
    write_first(corpus)
    crashes.must_build(corpus, index)
    before = (corpus / "note00.txt").read_text(encoding="utf-8")
    (corpus / "note00.txt").write_text("Something else.", encoding="utf-8")
    assert crashes.build(corpus, index, point=point).killed
    (corpus / "note00.txt").write_text(before, encoding="utf-8")
    crashes.must_build(corpus, index)
    assert [path.name for path in (index / "generations").iterdir()] == ["000001"]


def kill_at_random(crashes: Crashes, update: Update, index: Path, seed: int) -> None:
    """Kill, and maybe kill again while recovering: inside Python, or from outside at any moment."""
    draw = random.Random(seed)
    for _ in range(draw.choice([1, 1, 2])):
        if draw.random() < 0.5:
            crashes.build(update.corpus, index, event=draw.randrange(1, update.events))
        else:
            crashes.build(update.corpus, index, after_s=draw.uniform(0.0, update.seconds))
    check_then_continue(crashes, update, index)


@pytest.mark.parametrize("seed", range(5))
def test_a_kill_at_a_random_moment(
    crashes: Crashes, update: Update, index: Path, seed: int
) -> None:
    kill_at_random(crashes, update, index, seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 200))
def test_a_kill_at_one_of_a_hundred_random_moments(
    crashes: Crashes, update: Update, index: Path, seed: int
) -> None:
    kill_at_random(crashes, update, index, seed)
