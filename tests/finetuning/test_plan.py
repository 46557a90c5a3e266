"""The plan of a training, and a row as the model sees it."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from medrag.config import FineTuneConfig
from medrag.finetuning.plan import Plan, plan
from medrag.finetuning.row_view import view
from medrag.finetuning.tiny import build_tiny_model
from medrag.generation.loading import load_tokenizer
from medrag.generation.prompts import build_messages, completion
from medrag.types import Hit
from tests.finetuning.small_run import SHAPE, TEXTS, save_dataset, settings

PASSAGE = "Permethrin cream kills the mites. It is left on the skin overnight."


def hit(text: str) -> Hit:
    return Hit(1, "scabies.txt", "Scabies", text, 0, len(text), None, "", "", 1.0)


def row(number: int = 0, answer: str = "Permethrin cream kills the mites. [1]") -> dict[str, Any]:
    return {
        "id": str(number),
        "variant": "oracle",
        "altered": "",
        "prompt": build_messages("What kills the mites?", [hit(PASSAGE)]),
        "completion": completion(answer),
    }


def shown(thing: Any, width: int = 80) -> str:
    file = StringIO()
    Console(file=file, width=width, no_color=True).print(thing)
    return file.getvalue()


def values(found: Plan) -> dict[str, str]:
    return {name.strip(): value for name, value in found.lines}


@pytest.fixture
def config(tmp_path: Path) -> FineTuneConfig:
    save_dataset(tmp_path, train=[row(number) for number in range(6)], validation=[row(9)])
    return settings(tmp_path, max_length=600, batch_size=2)


def test_a_plan_says_what_a_run_takes(config: FineTuneConfig, tmp_path: Path) -> None:
    found = plan(replace(config, max_steps=-1, epochs=2), TEXTS)
    assert not found.problem
    told = values(found)
    assert told["train rows"] == "6 (none left out)"
    assert told["validation rows"] == "1 (none left out)"
    assert told["steps"] == "6"  # three batches an epoch
    assert "s a step" in told["time, from two steps"]
    assert "of which" in told["tokens of an epoch"]
    text = shown(found)
    assert max(map(len, text.splitlines())) <= 80
    assert "»" in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dataset"]  # nothing is written


def test_a_time_limit_cuts_the_steps(config: FineTuneConfig) -> None:
    told = values(plan(replace(config, max_steps=500_000, max_minutes=0.05), TEXTS))
    steps, _, rest = told["steps"].partition(" of ")
    assert rest == "500,000: those that fit"
    assert 20 <= int(steps.replace(",", "")) < 500_000


def test_a_plan_names_what_is_missing(config: FineTuneConfig) -> None:
    found = plan(replace(config, base_model="mistralai/Mistral-7B-Instruct-v0.2"), [])
    assert "the weights:" in found.problem
    told = values(found)
    assert told["weights"] == "7,241,732,096, of which 6,979,321,856 in 4-bit NF4"
    assert told["trained"].startswith("41,943,040 ")
    found = plan(replace(config, dataset=f"{config.dataset}-none"), TEXTS)
    assert "build_dataset" in found.problem


def test_rows_that_cannot_be_trained_on_are_a_problem(config: FineTuneConfig) -> None:
    found = plan(replace(config, max_length=8), TEXTS)
    assert "finetune.max_length=8" in found.problem


def test_a_row_shows_what_is_trained(tmp_path: Path) -> None:
    base = build_tiny_model(SHAPE, TEXTS, tmp_path / "tiny", seed=1)
    seen = view(row(), load_tokenizer(str(base)))
    assert seen.answer.strip() == "Permethrin cream kills the mites. [1]</s>"
    assert PASSAGE in seen.prompt
    assert seen.prompt.startswith("<s>")
    assert "Permethrin cream kills the mites. [1]" not in seen.prompt
    assert set(seen.tokens) == {"instructions", "passages", "question", "template", "answer"}
    assert seen.tokens["passages"] > seen.tokens["question"] > 0
    said = shown(seen)
    assert "oracle" in said
    assert f"{seen.length} tokens" in said


def test_markup_in_a_document_is_text(tmp_path: Path) -> None:
    base = build_tiny_model(SHAPE, TEXTS, tmp_path / "tiny", seed=1)
    seen = view(row(answer="Take [bold]two[/bold] tablets. [1]"), load_tokenizer(str(base)))
    assert "[bold]two[/bold]" in shown(seen)
