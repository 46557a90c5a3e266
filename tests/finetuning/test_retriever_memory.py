"""A tuning of the packaged encoder with the settings as they are stays within its memory."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from medrag.manifest import open_artefact

LIMIT = 2.5 * 2**30 / 1e6  # MB
WORDS = [
    "morning",
    "water",
    "juice",
    "dose",
    "tablet",
    "capsule",
    "meal",
    "night",
    "week",
    "child",
    "adult",
    "fever",
    "pain",
]


@pytest.mark.slow
def test_memory_at_the_default_batch(tmp_path: Path) -> None:
    names = [f"Drug{number}" for number in range(100)]
    draw = random.Random(1)
    notes = [
        {
            "id": name,
            "text": f"{name} lowers fever number {name}. {' '.join(draw.choices(WORDS, k=200))}.",
        }
        for name in names
    ]
    asked = [
        {"question": f"What does {name} lower?", "answer": note["text"][:40], "documents": [name]}
        for name, note in zip(names, notes, strict=True)
    ]
    for file, rows in (("notes", notes), ("questions", asked)):
        lines = "\n".join(map(json.dumps, rows))
        (tmp_path / f"{file}.jsonl").write_text(lines, encoding="utf-8")
    common = [f"tracking.dir={tmp_path}/runs", "tracking.wandb=disabled"]
    for command in (
        ["build_index", f"corpus.paths=[{tmp_path}/notes.jsonl]", f"index.dir={tmp_path}/index"],
        ["build_dataset", f"dataset.questions={tmp_path}/questions.jsonl", "dataset.test_share=0",
         f"index.dir={tmp_path}/index", f"dataset.dir={tmp_path}/dataset",
         "dataset.near_duplicates=1", "dataset.round_trip=0"],
        ["train", "+experiment=retriever", f"dataset.dir={tmp_path}/dataset",
         f"retriever_tuning.dir={tmp_path}/model", "retriever_tuning.max_steps=1"],
    ):  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", f"medrag.{command[0]}", *command[1:], *common],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-2000:]
    counts = open_artefact(tmp_path / "model", "retriever").counts
    assert counts["mean_batch"] > 40  # the random words are alike
    assert counts["truncated"] == counts["asked"] + counts["written"]  # all passages are full
    assert counts["peak_mb"] < LIMIT
