"""Real training of the reranker on a handful of lists, and of MiniLM with an untrained head."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset, DatasetDict

from medrag.config import Device, RerankerTuneConfig
from medrag.errors import ArtefactError, ModelError
from medrag.finetuning.reranker import train_reranker
from medrag.retrieval.cross_encoder import RERANKER
from medrag.retrieval.pairs import CrossEncoder

NAMES = ("zorvex", "quilpa", "mintro", "baskel")
COLOURS = ("red", "blue", "green", "white")


NONE: list[dict[str, Any]] = []


def question(number: int) -> str:
    return f"What does {NAMES[number]} look like?"


def passages(number: int) -> list[str]:
    """The one to be found says nothing of the question, so that only training can tell it."""
    echo = f"What {NAMES[number]} looks like: see the leaflet of {NAMES[number]}."
    return [f"A {COLOURS[number]} tablet.", echo]


def row(number: int, altered: bool = False) -> dict[str, Any]:
    contexts = [
        {"document": "d", "title": "", "text": text, "gold": place == 0, "altered": altered}
        for place, text in enumerate(passages(number))
    ]
    return {
        "id": str(number),
        "question": question(number),
        "contexts": contexts,
        "passage": contexts[0],
        "shares": "",
    }


def save(
    folder: Path, rows: list[dict[str, Any]], test: list[dict[str, Any]] = NONE, **settings: Any
) -> RerankerTuneConfig:
    splits = {"train": rows, "test": test} if test else {"train": rows}
    tables = {name: Dataset.from_list(some) for name, some in splits.items()}
    DatasetDict(tables).save_to_disk(folder / "dataset")
    return RerankerTuneConfig(
        dataset=str(folder / "dataset"),
        dir=str(folder / "reranker"),
        device=Device.cpu,
        batch_size=4,
        negatives=2,
        max_length=32,
        **settings,
    )


def first_places(model: str) -> int:
    """How many questions have the right passage first."""
    reranker = CrossEncoder(model, RERANKER)
    scores = [reranker.logits(question(number), passages(number)) for number in range(4)]
    return sum(right > echo for right, echo in scores)


def test_the_right_passages_come_first(tmp_path: Path) -> None:
    unused = [row(0, altered=True), {**row(1), "shares": "0"}]
    rows = [*(row(number) for number in range(4)), *unused]
    config = save(tmp_path, rows, learning_rate=1e-3, epochs=8)
    result = train_reranker(config, report_to=[], run_name="test")
    assert (result.lists, result.skipped_rows, result.steps) == (32, 2, 8)
    assert result.train_loss < 0.3 * result.first_loss
    assert (first_places("packaged"), first_places(config.dir)) == (0, 4)
    names = {path.name for path in Path(config.dir).iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= names
    assert not [name for name in names if name.endswith((".bin", ".pt"))]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dataset", "reranker"]


def test_what_it_gains_on_test_rows_is_measured(tmp_path: Path) -> None:
    rows = [row(number) for number in range(4)]
    config = save(tmp_path, rows, rows[:3], learning_rate=1e-3, epochs=8)
    (measured,) = train_reranker(config, report_to=[], run_name="test").measured
    assert (measured["before"], measured["after"], measured["difference"]) == (0.0, 1.0, 1.0)
    assert (measured["questions"], measured["passages"]) == (3, 6)
    without = replace(config, dir=str(tmp_path / "without"), held_out_questions=0)
    assert train_reranker(without, report_to=[], run_name="test").measured == []


def test_it_starts_where_the_last_one_ended(tmp_path: Path) -> None:
    rows = [row(number) for number in range(4)]
    first = save(tmp_path / "first", rows, learning_rate=1e-3, epochs=8)
    begun = train_reranker(first, report_to=[], run_name="test")
    second = save(tmp_path / "second", rows, base_model=first.dir, max_steps=1)
    continued = train_reranker(second, report_to=[], run_name="test")
    assert continued.first_loss < 0.3 * begun.first_loss


def test_a_dataset_without_anything_to_tell_apart(tmp_path: Path) -> None:
    alone = row(0)
    alone["contexts"] = alone["contexts"][:1]
    config = save(tmp_path, [alone, row(1, altered=True)])
    with pytest.raises(ArtefactError, match="no training row"):
        train_reranker(config, report_to=[], run_name="test")


def test_a_sentence_encoder_is_no_base(tmp_path: Path, tiny: Path) -> None:
    config = save(tmp_path, [row(number) for number in range(4)], base_model=str(tiny))
    with pytest.raises(ModelError, match="no sequence classification model"):
        train_reranker(config, report_to=[], run_name="test")
