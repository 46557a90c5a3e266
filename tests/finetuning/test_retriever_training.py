"""Real contrastive tuning of the packaged MiniLM on a handful of pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset, DatasetDict
from sentence_transformers import SentenceTransformer

from medrag.config import Device, EmbedderConfig, RetrieverTuneConfig
from medrag.embedding.local.embedder import TextEmbedder
from medrag.errors import ArtefactError
from medrag.finetuning.retriever import train_retriever

# Invented words: before training, nothing links a question to its passage.
NAMES = ("zorvex", "quilpa", "mintro", "baskel", "drevon", "plonic", "yertal", "huxmor")
COLOURS = ("red", "blue", "green", "white", "black", "brown", "pink", "grey")


def row(number: int, document: str = "d", altered: bool = False) -> dict[str, Any]:
    passage = {
        "document": document,
        "title": "",
        "text": f"The {COLOURS[number]} tablet.",
        "altered": altered,
    }
    question = f"What does {NAMES[number]} look like?"
    return {"id": str(number), "question": question, "passage": passage, "shares": ""}


def save(folder: Path, rows: list[dict[str, Any]]) -> RetrieverTuneConfig:
    DatasetDict({"train": Dataset.from_list(rows)}).save_to_disk(folder / "dataset")
    return RetrieverTuneConfig(
        dataset=str(folder / "dataset"),
        dir=str(folder / "retriever"),
        device=Device.cpu,
        batch_size=8,
        learning_rate=2e-4,
        max_steps=6,
        max_length=16,
    )


def first_places(folder: str) -> int:
    """How many questions have their own passage as the nearest."""
    embedder = TextEmbedder(EmbedderConfig(model=folder, device=Device.cpu))
    rows = [row(number) for number in range(8)]
    questions = embedder.embed([r["question"] for r in rows])
    passages = embedder.embed([r["passage"]["text"] for r in rows])
    return int(((questions @ passages.T).argmax(axis=1) == np.arange(8)).sum())


def test_questions_move_to_their_passages(tmp_path: Path) -> None:
    unused = [row(0, ""), row(1, altered=True), {**row(2), "shares": "1"}]
    config = save(tmp_path, [*(row(n) for n in range(8)), *unused])
    result = train_retriever(config, report_to=[], run_name="test")
    assert (result.pairs, result.skipped_rows, result.truncated) == (8, 3, 0)
    assert result.steps == 6
    assert result.train_loss < 0.7 * result.first_loss
    assert first_places(config.dir) > first_places("")
    # the saved model reads whole chunks again, not the 16 tokens of the training
    assert TextEmbedder(EmbedderConfig(model=config.dir)).max_tokens == 256
    assert SentenceTransformer(config.dir, local_files_only=True).max_seq_length == 256
    names = {path.name for path in Path(config.dir).iterdir()}
    assert "model.safetensors" in names
    assert not [name for name in names if name.endswith((".bin", ".pt"))]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dataset", "retriever"]


def test_a_dataset_without_gold_passages(tmp_path: Path) -> None:
    config = save(tmp_path, [row(0), row(1, "")])
    with pytest.raises(ArtefactError, match="1 training rows"):
        train_retriever(config, report_to=[], run_name="test")
