"""A build killed at any moment leaves the last index whole, and goes on to the same result."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from medrag.errors import ArtefactError
from tests.crash.conftest import Crashes, Update, check_then_continue, is_published

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


def test_a_kill_while_a_document_is_fetched_leaves_no_litter(
    crashes: Crashes, update: Update, index: Path, page: str
) -> None:
    settings = {"corpus": {"paths": [str(update.corpus), page]}}
    point = "download half written"
    assert crashes.build(update.corpus, index, settings=settings, point=point).killed
    assert crashes.state(index) == update.before
    crashes.must_build(update.corpus, index, settings=settings)
    assert [path.suffix for path in (index / "downloads").iterdir()] == [".txt"]


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
