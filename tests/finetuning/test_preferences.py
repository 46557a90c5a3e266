"""DPO on a small model: the better replies become more likely than the worse ones."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from medrag.config import FineTuneConfig, PreferenceTuneConfig
from medrag.errors import ArtefactError, DivergenceError
from medrag.finetuning.generator import train_generator
from medrag.finetuning.preferences import PAIRS, PreferenceResult, train_preferences
from tests.finetuning.small_run import ROWS, TEXTS, row, save_dataset, settings


def pair(number: int, padding: int = 0) -> dict[str, Any]:
    """The passage's drug is preferred to another one."""
    right, wrong = row(number, padding), row(number + 1)
    return {
        "id": str(number),
        "prompt": right["prompt"],
        "chosen": right["completion"],
        "rejected": wrong["completion"],
        "reason": "another drug",
    }


def save_pairs(folder: Path, pairs: list[dict[str, Any]]) -> None:
    lines = "".join(json.dumps(one) + "\n" for one in pairs)
    (folder / "dataset" / PAIRS).write_text(lines, encoding="utf-8")


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> FineTuneConfig:
    """The settings of a finished training, whose adapter still confuses the drugs."""
    folder = tmp_path_factory.mktemp("tuned")
    save_dataset(folder, train=ROWS)
    config = settings(folder, max_steps=8)
    train_generator(config, TEXTS, report_to=[], run_name="test")
    return config


def prefer(tuned: FineTuneConfig, folder: Path, **changes: Any) -> PreferenceResult:
    tuning = PreferenceTuneConfig(
        adapter=tuned.dir, dir=str(folder / "dpo"), learning_rate=2e-3, max_steps=12
    )
    return train_preferences(
        tuned,
        replace(tuning, **changes),
        report_to=[],
        run_name="test",
        seal=lambda fresh, result: (fresh / "sealed").touch(),
    )


def test_better_replies_become_more_likely(tuned: FineTuneConfig, tmp_path: Path) -> None:
    folder = Path(tuned.dataset).parent
    save_pairs(folder, [*(pair(number) for number in range(16)), pair(0, padding=300)])
    result = prefer(tuned, tmp_path)
    assert (result.pairs, result.skipped_rows, result.steps) == (16, 1, 12)
    assert result.first_loss == pytest.approx(0.693, abs=0.02)  # nothing is preferred at first
    assert result.train_loss < 0.6
    assert result.preferred == 1.0
    assert result.base_model.endswith("tiny-base")

    names = {path.name for path in (tmp_path / "dpo").iterdir()}
    assert {"adapter_model.safetensors", "tokenizer.json", "sealed"} <= names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pkl"))]
    assert "ref" not in names  # the adapter that it started from
    before, after = (
        load_file(Path(one) / "adapter_model.safetensors") for one in (tuned.dir, tmp_path / "dpo")
    )
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dpo"]


def test_it_starts_from_the_adapter_as_it_is_and_the_first_step_counts(
    tuned: FineTuneConfig, tmp_path: Path
) -> None:
    """TRL rounds the adapter to bf16, which would change it by more than the step does."""
    save_pairs(Path(tuned.dataset).parent, [pair(number) for number in range(16)])
    prefer(tuned, tmp_path, max_steps=1, learning_rate=1e-6)
    before, after = (
        load_file(Path(one) / "adapter_model.safetensors") for one in (tuned.dir, tmp_path / "dpo")
    )
    moved = max(float((after[name] - before[name]).abs().max()) for name in before)
    assert 0 < moved < 2e-6


def test_libraries_say_nothing(tuned: FineTuneConfig, tmp_path: Path) -> None:
    save_pairs(Path(tuned.dataset).parent, [pair(number) for number in range(16)])
    code = (
        "from medrag.config import *\n"
        "from medrag.finetuning.preferences import train_preferences\n"
        f"tuned = FineTuneConfig(dataset={tuned.dataset!r}, device='cpu', max_length=128)\n"
        f"tuning = PreferenceTuneConfig({tuned.dir!r}, {str(tmp_path / 'dpo')!r}, max_steps=1)\n"
        "train_preferences(tuned, tuning, report_to=[], run_name='', seal=lambda *_: None)\n"
    )
    made = subprocess.run(  # a new process, because libraries talk when they are imported
        [sys.executable, "-W", "ignore::FutureWarning", "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )
    said = [line for line in (made.stdout + made.stderr).splitlines() if line.strip()]
    assert [line for line in said if not line.startswith("preferences ")] == []


@pytest.mark.parametrize("steps", [2, 12])
def test_a_diverging_run_leaves_the_old_adapter(
    tuned: FineTuneConfig, tmp_path: Path, steps: int
) -> None:
    save_pairs(Path(tuned.dataset).parent, [pair(number) for number in range(16)])
    old = tmp_path / "dpo" / "old"
    old.parent.mkdir()
    old.touch()
    with pytest.raises(DivergenceError, match=r"preference_tuning\.learning_rate \(now 1e\+20\)"):
        prefer(tuned, tmp_path, learning_rate=1e20, max_steps=steps)
    assert [path.name for path in (tmp_path / "dpo").iterdir()] == ["old"]


def test_no_pairs(tuned: FineTuneConfig, tmp_path: Path) -> None:
    folder = Path(tuned.dataset).parent
    (folder / "dataset" / PAIRS).unlink(missing_ok=True)
    with pytest.raises(ArtefactError, match=r"has no preferences\.jsonl; make it with"):
        prefer(tuned, tmp_path)
    save_pairs(folder, [pair(0, padding=300)])
    with pytest.raises(ArtefactError, match="max_length=128"):
        prefer(tuned, tmp_path)
