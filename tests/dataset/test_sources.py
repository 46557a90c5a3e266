"""Where questions come from: files and datasets of the hub go through the same formats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pytest

from medrag import DatasetConfig
from medrag.dataset.sources import Questions, open_questions
from medrag.errors import QuestionError
from medrag.stores import IndexReader

NO_INDEX = cast(IndexReader, None)  # nothing is written, so none is read

ROWS = [
    {
        "pubid": 11,
        "question": "Does a footbath shorten sleep onset?",
        "context": {"contexts": ["We asked 40 adults."], "labels": ["METHODS"]},
        "long_answer": "A warm footbath shortened sleep onset.",
        "final_decision": "yes",
    },
    {
        "pubid": 12,
        "question": "Does a cold footbath help?",
        "context": {"contexts": ["We asked 12 adults."], "labels": ["METHODS"]},
        "long_answer": "It did not.",
        "final_decision": "perhaps",
    },
]


def open_all(**settings: str) -> Questions:
    questions = open_questions(DatasetConfig(**settings), NO_INDEX)  # type: ignore[arg-type]
    assert not questions.written
    return questions


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dataset in a folder, which `datasets` loads as it loads one of the hub."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "pubmedqa"
    folder.mkdir()
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return folder


def test_a_dataset_of_the_hub_has_the_formats_of_files(hub: Path, tmp_path: Path) -> None:
    found = open_all(questions=f"hub:{hub}")
    (one,) = found.examples
    assert (one.id, one.documents, one.exact) == ("11", ("11",), (("yes",),))
    assert one.answer == "A warm footbath shortened sleep onset."
    (rejected,) = found.rejected
    assert rejected.id == f"{hub}:2"
    assert "perhaps" in rejected.reason
    file = tmp_path / "rows.jsonl"
    file.write_text((hub / "train.jsonl").read_text())
    from_file = open_all(questions=str(file))
    assert from_file.examples == found.examples


def test_its_identity_is_that_of_its_content(hub: Path) -> None:
    first = open_all(questions=f"hub:{hub}").identity
    assert open_all(questions=f"hub:{hub}").identity == first
    changed = [{**row, "question": f"{row['question']} Really?"} for row in ROWS]
    (hub / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in changed))
    assert open_all(questions=f"hub:{hub}").identity != first


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"questions": "hub:nobody/no-such-dataset"}, r"hub:nobody/no-such-dataset cannot"),
        ({"hub_split": "tset"}, r'Unknown split "tset"'),
        ({"hub_config": "zz"}, r"BuilderConfig 'zz' not found"),
    ],
)
def test_what_cannot_be_loaded_is_one_line(hub: Path, settings: dict[str, str], said: str) -> None:
    with pytest.raises(QuestionError, match=said) as caught:
        open_all(**{"questions": f"hub:{hub}", **settings})
    assert "\n" not in str(caught.value)
    assert "dataset.hub_split" in str(caught.value)


def test_a_file_is_read_when_its_questions_are_wanted(tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_text('{"question": "What is gout?", "answer": "An arthritis."}\n')
    questions = open_all(questions=str(path))
    assert [one.question for one in questions.examples] == ["What is gout?"]
    assert questions.counts == {}
    path.write_text('{"question": "What is rabies?", "answer": "An infection."}\n')
    assert open_all(questions=str(path)).identity != questions.identity
    with pytest.raises(QuestionError, match="cannot be read"):
        open_all(questions=str(tmp_path / "none.jsonl"))
