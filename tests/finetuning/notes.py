"""Notes of invented words with their index and dataset, for trainings of encoders."""

from __future__ import annotations

import json
from pathlib import Path

from medrag import CorpusConfig, IndexConfig, build_dataset
from medrag.config import Config, DatasetConfig, Device, EmbedderConfig
from medrag.indexing import IndexBuilder

# Invented words, and an encoder with random weights: nothing links a question to its passage.
ONE = ["zor", "quil", "min", "bas", "dre", "plo", "yer", "hux"]
TWO = ["vex", "pa", "tro", "kel", "von", "nic"]
COLOURS = ["red", "blue", "green", "white", "black", "brown", "pink", "grey"]
SHAPES = ["round", "square", "oval", "long", "flat", "thin"]


def drug(number: int) -> str:
    return ONE[number % 8] + TWO[number // 8]


def text(number: int) -> str:
    look = f"{COLOURS[number % 8]} {SHAPES[number // 8]}"
    return f"{drug(number).title()} is a {look} tablet that is taken in the morning."


def notes_with_dataset(root: Path, encoder: Path, copies: bool = False) -> Path:
    """48 notes, their index by an encoder, and a dataset of a question about each.

    Args:
        copies: add a near copy of each note, which no question names.
    """
    notes = [{"id": drug(n), "title": drug(n).title(), "text": text(n)} for n in range(48)]
    if copies:
        notes += [
            {"id": f"copy-{n}", "title": "Tablets", "text": f"Note {n}. {text(n)}"}
            for n in range(48)
        ]
    questions = [
        {"question": f"How does {drug(n)} look?", "answer": text(n), "documents": [drug(n)]}
        for n in range(48)
    ]
    for name, rows in (("notes", notes), ("questions", questions)):
        lines = "\n".join(map(json.dumps, rows))
        (root / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    config = Config(
        corpus=CorpusConfig(paths=[str(root / "notes.jsonl")]),
        index=IndexConfig(dir=str(root / "index")),
        embedder=EmbedderConfig(model=str(encoder), device=Device.cpu),
        dataset=DatasetConfig(
            questions=str(root / "questions.jsonl"),
            dir=str(root / "dataset"),
            round_trip=0,
            near_duplicates=1,
            near_miss_share=0,
            validation_share=0.15,
            test_share=0.15,
        ),
    )
    config.tracking.wandb = "disabled"
    IndexBuilder(config).mirror()
    build_dataset.run(config)
    return root
