"""From the shell: a run that is killed goes on, W&B gets tables, an error is one line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from medrag import evaluate
from medrag.config import GeneratorConfig
from medrag.evaluation.exports import wandb_tables
from medrag.evaluation.records import read_records
from tests.evaluation.conftest import make_config, write_rows
from tests.generation.conftest import endpoint as endpoint
from tests.generation.endpoint import Endpoint

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
ROWS: list[dict[str, Any]] = [
    {"id": f"q/{n} ß", "question": f"What lowers uric acid in gout, number {n}?",
     "answer": "Allopurinol.", "documents": ["gout.txt"]}
    for n in range(5)
]  # fmt: skip
SYSTEMS = ["medrag", "closed-book"]


def command(root: Path, index: str, *overrides: str) -> list[str]:
    given = [
        f"evaluation.questions={root}/questions.jsonl", f"evaluation.dir={root}/evaluation",
        "evaluation.resamples=50", f"index.dir={index}", "embedder.backend=onnxruntime",
        "grounding.reader=''", "grounding.min_confidence=0", "tracking.wandb=disabled",
        f"tracking.dir={root}/runs",
    ]  # fmt: skip
    names = {one.partition("=")[0] for one in overrides}
    kept = [one for one in given if one.partition("=")[0] not in names]
    return [sys.executable, "-m", "medrag.evaluate", *kept, *overrides]


def start(root: Path, index: str, *overrides: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(root, index, *overrides),
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OPENAI_API_KEY": "x", "COLUMNS": "200"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class Killing(Endpoint):
    """An endpoint at which the process that asks may be killed by its request."""

    victim: subprocess.Popen[str] | None = None
    at: int = 0  # how many requests it is given an answer to

    def reply(self, handler: BaseHTTPRequestHandler) -> None:
        if self.victim and len(self.asked) > self.at:
            self.victim.send_signal(signal.SIGKILL)
            self.victim.wait()
            self.victim = None
            return
        super().reply(handler)


@pytest.fixture
def killing(endpoint: Endpoint) -> Iterator[Killing]:
    endpoint.__class__ = Killing
    assert isinstance(endpoint, Killing)
    endpoint.says("Allopurinol lowers uric acid [1].")
    yield endpoint


def without_times(directory: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Figures and answers, but for how long it took."""
    summary = json.loads((directory / "metrics.json").read_bytes())
    for told in summary["systems"].values():
        del told["latency"]
    rows = [json.loads(line) for line in (directory / "answers.jsonl").read_bytes().splitlines()]
    for row in rows:
        del row["milliseconds"]
    return summary, rows


def test_a_killed_run_goes_on_and_gives_the_same(
    notes_index: str, killing: Killing, tmp_path: Path
) -> None:
    write_rows(tmp_path / "questions.jsonl", ROWS)
    model = [
        "generator=openai", f"generator.base_url={killing.url}", "generator.model=m",
        f"evaluation.systems=[{','.join(SYSTEMS)}]",
    ]  # fmt: skip
    kept = tmp_path / ".evaluation.part" / "answers"
    # Ten questions are to be asked. It is killed by the fourth request, and by the ninth.
    for killing.at, whole in ((3, [3]), (8, [5, 2])):
        killing.victim = run = start(tmp_path, notes_index, *model)
        run.communicate(timeout=100)
        assert run.returncode == -signal.SIGKILL
        assert not (tmp_path / "evaluation").exists()
        files = sorted(kept.glob("*.jsonl"))
        assert [file.read_bytes().count(b"\n") for file in files] == whole
        with files[-1].open("ab") as file:  # as if it had been killed in the middle of a line
            file.write(b'{"system": "medrag", "id": "q/3 \xc3')
    run = start(tmp_path, notes_index, *model)
    _, told = run.communicate(timeout=100)
    assert run.returncode == 0, told
    assert len(killing.asked) == 10 + 2  # nothing twice but for what killed it
    found = without_times(tmp_path / "evaluation")
    assert not kept.exists()

    config = make_config(tmp_path, notes_index, systems=SYSTEMS, dir=str(tmp_path / "undisturbed"))
    config.grounding.min_confidence = 0.0
    config.generator = GeneratorConfig(
        kind="openai",  # type: ignore[arg-type]  # a plain string, as people write it
        base_url=killing.url,
        model="m",
    )
    evaluate.run(config)
    assert without_times(tmp_path / "undisturbed") == found
    assert [row["id"] for row in found[1]] == [row["id"] for row in ROWS] * 2


def test_wandb_gets_the_figures_and_a_table_for_each_system(
    notes_index: str, tmp_path: Path
) -> None:
    write_rows(tmp_path / "questions.jsonl", ROWS)
    run = start(
        tmp_path, notes_index, "tracking.wandb=offline",
        "evaluation.systems=[medrag,'my k/3: retriever.k=3']",
    )  # fmt: skip
    _, told = run.communicate(timeout=100)
    assert run.returncode == 0, told
    assert "evaluation in" in told
    (folder,) = (tmp_path / "runs" / "wandb").glob("offline-run-*")
    (record,) = folder.glob("*.wandb")
    stored = record.read_bytes()
    for name in (b"medrag/answers/right", b"my k/3/retrieval/recall@1", b"evaluate"):
        assert name in stored
    tables = [json.loads(path.read_bytes()) for path in folder.rglob("*.table.json")]
    wanted = wandb_tables(read_records(tmp_path / "evaluation" / "answers.jsonl"))
    assert len(tables) == len(wanted) == 2
    for columns, rows in wanted.values():
        expected = json.loads(json.dumps(rows))
        assert any((one["columns"], one["data"]) == (columns, expected) for one in tables)
    assert list(folder.rglob("metrics*.png"))


def test_an_error_is_one_line_and_status_2(notes_index: str, tmp_path: Path) -> None:
    write_rows(tmp_path / "questions.jsonl", ROWS)
    run = start(tmp_path, notes_index, "evaluation.systems=[medrag,medrga]")
    out, told = run.communicate(timeout=100)
    assert run.returncode == 2
    assert out == ""
    (line,) = [line for line in told.splitlines() if line.strip()]
    assert line.startswith("error: evaluation.systems: 'medrga' is unknown; give one of medrag,")
