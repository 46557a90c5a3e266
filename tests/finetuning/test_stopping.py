"""A training that is stopped continues as if it had not been; a broken one leaves nothing."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from medrag.config import FineTuneConfig
from medrag.errors import DiskError, DivergenceError
from medrag.finetuning.checkpoints import (
    Run,
    checkpoint_of,
    latest_checkpoint,
    read_weights,
    write_checkpoint,
)
from medrag.finetuning.generator import TrainingResult, train_generator
from medrag.finetuning.guards import Divergence, early_stopped
from medrag.finetuning.planning import probe, steps_that_fit
from medrag.finetuning.tiny import build_tiny_model
from tests.finetuning.small_run import (
    ROWS,
    SHAPE,
    TEXTS,
    UNEVEN,
    save_dataset,
    settings,
    start_training,
    trainer_of,
    until,
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(build_tiny_model(SHAPE, TEXTS, tmp_path_factory.mktemp("base") / "tiny", seed=1))


def train(config: FineTuneConfig, **options: Any) -> TrainingResult:
    return train_generator(config, TEXTS, report_to=[], run_name="test", **options)


# Diverging


@pytest.mark.parametrize(
    ("validation", "steps"), [(ROWS[:4], 10), ([], 10), (ROWS[:4], 1), ([], 1)]
)
def test_a_training_that_diverges_seals_nothing(
    base: str, tmp_path: Path, validation: list[dict[str, Any]], steps: int
) -> None:
    splits = {"train": ROWS} | ({"validation": validation} if validation else {})
    save_dataset(tmp_path, **splits)
    # no warm-up: the first step is at the full rate
    config = settings(tmp_path, base_model=base, learning_rate=1e20, max_steps=steps)
    config = replace(config, warmup_steps=0)
    old = Path(config.dir) / "adapter_model.safetensors"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"old")
    sealed: list[Path] = []
    with pytest.raises(DivergenceError, match=r"learning_rate \(now 1e\+20\)") as told:
        train(config, seal=lambda folder, result: sealed.append(folder))
    assert "\n" not in str(told.value)
    assert re.search("at step [1-3]:", str(told.value))  # not at the end of ten
    assert not sealed
    assert [path.name for path in old.parent.iterdir()] == [old.name]
    assert old.read_bytes() == b"old"


@pytest.mark.parametrize(("loss", "norm"), [(float("nan"), 1.0), (1.0, float("inf"))])
def test_a_number_that_is_not_finite_stops_at_once(loss: float, norm: float) -> None:
    guard = Divergence(1e-3)
    guard.step(1, 2.0, 1.0)
    with pytest.raises(DivergenceError, match="at step 2"):
        guard.step(2, loss, norm)


def test_a_loss_that_runs_away_stops_and_a_noisy_one_does_not() -> None:
    guard = Divergence(1e-3)
    for step in range(100):  # jumps of one step, as from a batch of rare words
        guard.step(step, 9.0 if step % 10 == 9 else 2.0, 1.0)
    with pytest.raises(DivergenceError, match=r"from 2\.00 to"):
        for step in range(100, 120):
            guard.step(step, 2.0 + (step - 99), 1.0)


# The best weights


def validation_loss(trainer: Any, adapter: Path) -> float:
    weights = load_file(adapter / "adapter_model.safetensors")
    with torch.no_grad():
        for name, parameter in trainer.model.named_parameters():
            if parameter.requires_grad:
                parameter.copy_(weights[name.replace(".default", "")])
    return float(trainer.mean_loss(trainer.eval_dataset))


def test_the_weights_with_the_best_validation_loss_are_sealed(base: str, tmp_path: Path) -> None:
    other = [{**r, "completion": [{"role": "assistant", "content": "No."}]} for r in ROWS[:4]]
    save_dataset(tmp_path, train=ROWS, validation=other)
    config = settings(tmp_path, base_model=base, max_steps=20, eval_steps=2)
    result = train(config)
    losses = {e["step"]: e["eval_loss"] for e in result.history if "eval_loss" in e}
    assert result.best_step == min(losses, key=lambda step: losses[step]) < 20
    assert result.eval_loss == min(losses.values())
    assert losses[20] > result.eval_loss + 0.5
    judge = trainer_of(base, tmp_path / "judge", ROWS, other)  # in fp32, without 4 bits
    assert validation_loss(judge, Path(config.dir)) == pytest.approx(result.eval_loss, abs=0.2)

    stopping = replace(config, early_stopping=2, dir=str(tmp_path / "stopped"))
    early = train(stopping)
    assert early.best_step == result.best_step
    assert early.steps == result.best_step + 4 < 20  # two validations without a gain
    assert sorted(load_file(tmp_path / "stopped" / "adapter_model.safetensors"))


def test_patience() -> None:
    history = [{"eval_loss": loss} for loss in (3.0, 2.0, 2.5, 2.1)]
    assert early_stopped(history, 2)
    assert not early_stopped(history, 3)
    assert not early_stopped(history, 0)
    assert not early_stopped([*history, {"eval_loss": 1.9}], 2)


# Stopping and continuing


@pytest.mark.slow
@pytest.mark.parametrize("packing", [False, pytest.param(True, marks=pytest.mark.long)])
def test_a_run_that_is_stopped_four_times_has_the_losses_of_an_undisturbed_one(
    base: str, tmp_path: Path, packing: bool
) -> None:
    save_dataset(tmp_path, train=UNEVEN, validation=UNEVEN[:4])
    config = settings(
        tmp_path,
        base_model=base,
        batch_size=1 if packing else 2,
        packing=packing,
        max_length=256,
        gradient_accumulation=2,  # 4 steps in an epoch, without packing
        max_steps=14,
        eval_steps=4,
        logging_steps=3,
        learning_rate=1e-3,
    )
    undisturbed = replace(config, dir=str(tmp_path / "undisturbed" / "adapter"))
    wanted, found = {}, {}
    _, messages, _ = start_training(undisturbed)
    until(messages, 14, wanted)
    history = messages.recv()

    work = Path(config.dir) / "checkpoints"
    for step, number, status, kept in (
        (2, signal.SIGINT, 130, range(2, 4)),  # before the first validation
        (5, signal.SIGKILL, -9, [4]),  # the checkpoint is on the boundary of an epoch
        (7, signal.SIGTERM, 1, range(7, 9)),  # in the second epoch
        (13, signal.SIGKILL, -9, [12]),
    ):
        process, messages, told = start_training(config)
        until(messages, step, found)
        assert process.pid
        os.kill(process.pid, number)
        process.join(60)
        assert process.exitcode == status, told.read_text()
        assert "Traceback" not in told.read_text()
        latest = latest_checkpoint(work)
        assert latest
        assert int(latest.name.removeprefix("step-")) in kept
        names = {path.suffix for path in latest.iterdir()}
        assert names == {".safetensors", ".json"}
    torn = checkpoint_of(work, 13)  # as a power cut may leave it
    shutil.copytree(checkpoint_of(work, 12), torn)
    (torn / "weights.safetensors").write_bytes(b"\x10")

    _, messages, _ = start_training(config)
    until(messages, 14, found)
    resumed = messages.recv()
    assert messages.poll(60)  # the end of the process
    assert found == {step: pytest.approx(values, rel=1e-6) for step, values in wanted.items()}
    for name in ("loss", "eval_loss", "learning_rate"):
        left, right = (
            [(e["step"], e[name]) for e in log if name in e] for log in (history, resumed)
        )
        assert [step for step, _ in left] == [step for step, _ in right]
        assert [v for _, v in left] == pytest.approx([v for _, v in right], rel=1e-6)
    sealed = [
        load_file(Path(one.dir) / "adapter_model.safetensors") for one in (config, undisturbed)
    ]
    for name, tensor in sealed[0].items():
        torch.testing.assert_close(tensor, sealed[1][name], rtol=1e-5, atol=1e-7)
    assert not work.exists()


def test_a_full_disk_keeps_the_checkpoint_before(base: str, tmp_path: Path) -> None:
    trainer = trainer_of(base, tmp_path, ROWS, max_steps=3, eval_steps=1)
    trainer.train()
    parts = (trainer.model, trainer.optimizer, trainer.lr_scheduler, trainer.state, {})
    before = latest_checkpoint(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(DiskError, match="step-4 cannot be written"):
            write_checkpoint(tmp_path / "step-4", *parts)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not (tmp_path / "step-4").exists()
    assert latest_checkpoint(tmp_path) == before == tmp_path / "step-3"
    shutil.copytree(before, tmp_path / "step-4")  # damaged, and one that somebody put aside
    (tmp_path / "step-4" / "optimizer.json").write_text("{}")
    shutil.copytree(before, tmp_path / "step-5.bak")
    assert latest_checkpoint(tmp_path) == before
    for parameter in trainer.model.parameters():
        if parameter.requires_grad:
            parameter.data.zero_()
    read_weights(tmp_path / "step-3", trainer.model)
    assert any(float(p.detach().abs().sum()) for p in trainer.model.parameters() if p.requires_grad)


def test_a_sealing_that_fails_is_done_again_without_training(base: str, tmp_path: Path) -> None:
    save_dataset(tmp_path, train=ROWS, validation=ROWS[:4])
    config = settings(tmp_path, base_model=base, max_steps=3, eval_steps=2)

    def fail(folder: Path, result: TrainingResult) -> None:
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        train(config, seal=fail)
    results: list[TrainingResult] = []
    train(config, seal=lambda folder, result: results.append(result))
    assert results[0].steps == 3
    assert len([entry for entry in results[0].history if "eval_loss" in entry]) == 2


def test_other_settings_start_over(tmp_path: Path) -> None:
    assert Run(tmp_path / "work", "a").planned_steps is None
    Run(tmp_path / "work", "a").plan(7)
    assert Run(tmp_path / "work", "a").planned_steps == 7
    assert Run(tmp_path / "work", "b", writes=False).planned_steps is None
    assert Run(tmp_path / "work", "a").planned_steps == 7
    assert Run(tmp_path / "work", "b").planned_steps is None


# Time limits


def test_a_probe_changes_nothing(base: str, tmp_path: Path) -> None:
    trainer = trainer_of(base, tmp_path, UNEVEN)
    before = {name: p.detach().clone() for name, p in trainer.model.named_parameters()}
    assert 0 < probe(trainer) < 60
    for name, parameter in trainer.model.named_parameters():
        assert torch.equal(parameter, before[name])
        assert parameter.grad is None


def test_steps_fit_the_time(base: str, tmp_path: Path) -> None:
    trainer = trainer_of(base, tmp_path, UNEVEN, UNEVEN[:4])
    config = replace(trainer.config, max_steps=10**6, max_minutes=1.0)
    minute, second = (steps_that_fit(config, trainer, seconds) for seconds in (600.0, 1e-3))
    assert second == 20
    assert 20 < minute < 10**6
    assert steps_that_fit(replace(config, max_steps=5), trainer, 600.0) == 5


def test_a_run_that_continues_keeps_its_plan(base: str, tmp_path: Path) -> None:
    save_dataset(tmp_path, train=ROWS)
    config = settings(tmp_path, base_model=base, max_minutes=0.001, max_steps=40)

    def fail(folder: Path, result: TrainingResult) -> None:
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        train(config, seal=fail)
    kept = json.loads((Path(config.dir) / "checkpoints" / "run.json").read_text())
    assert kept["steps"] == 20
    assert train(config).steps == 20
