"""A build that is killed goes on where it was, and gives the same files as one that is not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from medrag import CorpusConfig, IndexConfig, PipelineConfig
from medrag.indexing import IndexBuilder
from medrag.ingestion import TextEmbedder

COUNT = 60


@pytest.fixture
def world(tmp_path: Path, embedder: TextEmbedder) -> Path:
    notes = [
        {
            "id": f"n{n}",
            "title": f"Drug {n}",
            "text": f"Drug {n} is given at {n + 5} mg once daily in adults. It heals wound {n}. "
            f"Nobody knows who made drug {n} in the year {1900 + n}.",
        }
        for n in range(COUNT)
    ]
    rows = [
        {
            "id": f"q{n}",
            "question": f"What is the dose of drug {n}?",
            "answer": f"Drug {n} is given at {n + 5} mg once daily in adults.",
            "documents": [f"n{n}"],
        }
        for n in range(COUNT)
    ]
    for name, lines in (("notes", notes), ("questions", rows)):
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    config = PipelineConfig(
        corpus=CorpusConfig(paths=[str(tmp_path / "notes.jsonl")]),
        index=IndexConfig(dir=str(tmp_path / "index")),
    )
    IndexBuilder(config, embedder).mirror()
    return tmp_path


def command(world: Path, name: str) -> list[str]:
    return [
        sys.executable, "-m", "medrag.build_dataset", f"dataset.questions={world}/questions.jsonl",
        f"index.dir={world}/index", f"dataset.dir={world}/{name}", "tracking.wandb=disabled",
        f"hydra.run.dir={world}/runs",
    ]  # fmt: skip


def stopped(world: Path, name: str, lines: int, how: signal.Signals) -> tuple[int, str]:
    """Run the stage and send a signal when the journal has so many lines."""
    journal = world / f".{name}.part/made.jsonl"
    process = subprocess.Popen(
        command(world, name), stderr=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "80"}
    )
    end = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < end:
        if journal.exists() and journal.read_bytes().count(b"\n") >= lines:
            process.send_signal(how)
            break
        time.sleep(0.002)
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors


def content(directory: Path) -> dict[str, bytes]:
    """The content of all files but for the moment at which they were made."""
    found = {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }
    manifest = json.loads(found.pop("manifest.json"))
    for name in ("created_at", "checksum"):
        del manifest[name]
    return {**found, "manifest": json.dumps(manifest).encode()}


@pytest.mark.slow
def test_a_killed_build_goes_on_and_gives_the_same_bytes(world: Path) -> None:
    subprocess.run(command(world, "whole"), check=True, capture_output=True, timeout=120)
    expected = content(world / "whole")
    assert len(expected["train.jsonl"].splitlines()) > COUNT / 2

    status, _ = stopped(world, "killed", 9, signal.SIGKILL)
    assert status == -signal.SIGKILL
    assert not (world / "killed").exists()
    journal = world / ".killed.part/made.jsonl"
    done = journal.read_bytes()
    assert 9 <= done.count(b"\n") < COUNT
    journal.write_bytes(done + b'{"split": "train", "rows": [{"id"')  # and torn

    status, errors = stopped(world, "killed", done.count(b"\n") + 9, signal.SIGINT)
    assert status == 130
    assert "the same command continues it" in errors
    assert journal.read_bytes().startswith(done)

    subprocess.run(command(world, "killed"), check=True, capture_output=True, timeout=120)
    assert content(world / "killed") == expected
    assert not journal.parent.exists()
