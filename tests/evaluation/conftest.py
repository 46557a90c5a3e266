"""An index over three notes that no test writes into, and settings to evaluate on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from medrag import CorpusConfig, EmbedderConfig, EvaluationConfig, IndexConfig, TrackingConfig
from medrag.config import Backend, Config, GroundingConfig, WandbMode
from medrag.indexing import IndexBuilder
from tests.conftest import NOTES

MakeConfig = Callable[..., Config]


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_corpus(root: Path, notes: Mapping[str, str]) -> Path:
    for name, text in notes.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def build_index(corpus: Path, directory: Path) -> str:
    config = Config(
        corpus=CorpusConfig(paths=[str(corpus)]),
        index=IndexConfig(dir=str(directory)),
        embedder=EmbedderConfig(backend=Backend.onnxruntime),
    )
    IndexBuilder(config).mirror()
    return str(directory)


def answers(config: Config) -> list[dict[str, Any]]:
    """The lines of `answers.jsonl`."""
    path = Path(config.evaluation.dir, "answers.jsonl")
    return [json.loads(line) for line in path.read_bytes().splitlines()]


@pytest.fixture(scope="session")
def notes_index(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The directory of an index over `NOTES`; copy it to change it."""
    root = tmp_path_factory.mktemp("notes")
    return build_index(write_corpus(root / "corpus", NOTES), root / "index")


def make_config(root: Path, index: str, **changed: Any) -> Config:
    """Settings with everything below `root`; rules alone choose sentences, because that is faster.

    Args:
        changed: fields of `EvaluationConfig`.
    """
    given = {
        "questions": str(root / "questions.jsonl"),
        "dir": str(root / "evaluation"),
        "benchmarks": str(root / "benchmarks"),
        "resamples": 50,
    }
    return Config(
        index=IndexConfig(dir=index),
        embedder=EmbedderConfig(backend=Backend.onnxruntime),
        grounding=GroundingConfig(reader=""),
        evaluation=EvaluationConfig(**(given | changed)),
        tracking=TrackingConfig(wandb=WandbMode.disabled, dir=str(root / "runs")),
    )


@pytest.fixture
def configure(tmp_path: Path, notes_index: str) -> MakeConfig:
    """Settings over the notes, with the questions that are given as rows."""

    def make(rows: Iterable[Mapping[str, Any]], index: str = notes_index, **changed: Any) -> Config:
        write_rows(tmp_path / "questions.jsonl", rows)
        return make_config(tmp_path, index, **changed)

    return make
