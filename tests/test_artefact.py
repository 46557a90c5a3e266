"""The helper of the stages: it finds what is up to date, and seals only what is complete."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from medrag.manifest import Artefact, Parent, open_artefact


@pytest.fixture
def artefact(tmp_path: Path) -> Artefact:
    return Artefact(
        kind="dataset",
        directory=tmp_path / "dataset",
        settings={"seed": 13},
        made_from={"settings": {"seed": 13}, "index": "f1"},
        parents={"index": Parent(str(tmp_path / "index"), "f1")},
    )


def make(artefact: Artefact, text: str) -> None:
    with artefact.replacing({"rows": 1}) as fresh:
        (fresh / "rows.jsonl").write_text(text)


def test_a_sealed_artefact_is_found_with_its_lineage(artefact: Artefact) -> None:
    assert artefact.found() is None
    make(artefact, "one")
    found = artefact.found()
    assert found is not None
    assert (found.counts, found.settings) == ({"rows": 1}, {"seed": 13})
    assert found.parents == artefact.parents
    assert list(found.files) == ["rows.jsonl"]


def test_another_input_makes_another_artefact(artefact: Artefact) -> None:
    make(artefact, "one")
    assert replace(artefact, made_from={**artefact.made_from, "index": "f2"}).found() is None
    # settings that do not decide the content, such as the name of a run, change nothing
    assert replace(artefact, settings={"seed": 14}).found() is not None


def test_a_damaged_artefact_is_not_up_to_date(artefact: Artefact) -> None:
    make(artefact, "one")
    (artefact.directory / "rows.jsonl").write_text("two")
    assert artefact.found() is None
    make(artefact, "two")
    assert artefact.found() is not None


def test_a_stage_that_fails_leaves_the_old_artefact(artefact: Artefact) -> None:
    make(artefact, "one")

    def fail() -> None:
        with artefact.replacing({"rows": 2}) as fresh:
            (fresh / "rows.jsonl").write_text("half")
            raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        fail()
    assert open_artefact(artefact.directory, "dataset").counts == {"rows": 1}
    assert (artefact.directory / "rows.jsonl").read_text() == "one"
    assert [path.name for path in artefact.directory.parent.iterdir()] == ["dataset"]
