"""Losses and gradients count tokens, and depend neither on batches nor on neighbours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from medrag.errors import ConfigError
from medrag.finetuning.packing import flatten, tokens_of
from medrag.finetuning.tiny import build_tiny_model
from tests.finetuning.small_run import SHAPE, TEXTS, UNEVEN, row, trainer_of


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(build_tiny_model(SHAPE, TEXTS, tmp_path_factory.mktemp("base") / "tiny", seed=1))


def own_loss(trainer: Any, row: dict[str, Any]) -> torch.Tensor:
    """The summed loss of a row on its own, in the plain way: all logits, SDPA, no packing."""
    ids = torch.as_tensor(row["input_ids"]).long()[None]
    model = trainer.model.get_base_model()
    model.set_attn_implementation("sdpa")
    logits = trainer.model(input_ids=ids).logits[0, :-1]
    model.set_attn_implementation("medrag_rowwise")
    labels = ids[0, 1:].masked_fill(~torch.as_tensor(row["completion_mask"][1:]).bool(), -100)
    return cross_entropy(logits, labels, reduction="sum")


@pytest.mark.parametrize("window", [None, 20])
def test_a_packed_row_has_the_loss_it_has_alone(
    base: str, tmp_path: Path, window: int | None
) -> None:
    trainer = trainer_of(base, tmp_path, UNEVEN)
    trainer.model.eval()
    rows = [trainer.train_dataset[place] for place in range(6)]
    with torch.no_grad():
        unlimited = float(own_loss(trainer, rows[3]))
        trainer.model.config.sliding_window = window
        assert (unlimited == float(own_loss(trainer, rows[3]))) == (window is None)
        alone = [float(own_loss(trainer, row)) for row in rows]
        packed = float(trainer.compute_loss(trainer.model, flatten(rows)))
        swapped = float(trainer.compute_loss(trainer.model, flatten(rows[::-1])))
    assert packed == pytest.approx(sum(alone), rel=1e-5)
    assert swapped == pytest.approx(packed, rel=1e-5)
    with torch.no_grad():
        one_by_one = [float(trainer.compute_loss(trainer.model, flatten([row]))) for row in rows]
    assert one_by_one == pytest.approx(alone, rel=1e-5)


def test_gradients_are_those_of_the_rows_alone(base: str, tmp_path: Path) -> None:
    trainer = trainer_of(base, tmp_path, UNEVEN)
    trainer.model.eval()
    rows = [trainer.train_dataset[place] for place in range(4)]
    trainable = [p for p in trainer.model.parameters() if p.requires_grad]
    packed = torch.autograd.grad(trainer.compute_loss(trainer.model, flatten(rows)), trainable)
    alone = torch.autograd.grad(sum(own_loss(trainer, row) for row in rows), trainable)
    for left, right in zip(packed, alone, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-5)


def test_logits_are_computed_for_answers_only(base: str, tmp_path: Path) -> None:
    trainer = trainer_of(base, tmp_path, UNEVEN)
    seen = []
    head = trainer.model.get_base_model().lm_head
    head.register_forward_hook(lambda module, given, out: seen.append(out.shape[1]))
    batch = flatten([trainer.train_dataset[place] for place in range(3)])
    trainer.compute_loss(trainer.model, batch)
    assert seen == [len(batch["labels"])]
    assert seen[0] < batch["input_ids"].shape[1] / 2


@pytest.mark.parametrize("packing", [False, True])
def test_accumulation_changes_nothing(base: str, tmp_path: Path, packing: bool) -> None:
    def history(batch: int, accumulation: int) -> list[tuple[float, float]]:
        trainer = trainer_of(
            base,
            tmp_path / f"{batch}",
            UNEVEN,
            packing=packing,
            batch_size=batch,
            gradient_accumulation=accumulation,
            max_steps=4,
            logging_steps=1,
            max_length=256,
        )
        trainer.train()
        return [(e["loss"], e["grad_norm"]) for e in trainer.state.log_history if "loss" in e]

    together, apart = history(4, 1), history(1, 4)
    assert len(together) == 4
    for left, right in zip(together, apart, strict=True):
        assert left == pytest.approx(right, rel=1e-4)


def test_the_validation_loss_does_not_depend_on_the_batch_size(base: str, tmp_path: Path) -> None:
    losses, plain = [], 0.0
    for size in (1, 2, 8):
        trainer = trainer_of(base, tmp_path / f"{size}", UNEVEN[:4], UNEVEN[4:15], batch_size=size)
        losses.append(trainer.evaluate()["eval_loss"])
    trainer.model.eval()
    with torch.no_grad():
        plain = float(sum(own_loss(trainer, row) for row in trainer.eval_dataset))
    answers = sum(int(row["completion_mask"].sum()) for row in trainer.eval_dataset)
    assert losses == pytest.approx([plain / answers] * 3, rel=1e-5)


def losses_of(trainer: Any) -> list[float]:
    trainer.train()
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def test_neftune_changes_training_and_not_validation(base: str, tmp_path: Path) -> None:
    plain, noisy = (
        trainer_of(
            base,
            tmp_path / str(alpha),
            UNEVEN,
            UNEVEN[:4],
            max_steps=2,
            neftune_alpha=alpha,
            logging_steps=1,
        )
        for alpha in (0.0, 50.0)
    )
    assert plain.evaluate() == noisy.evaluate()
    assert losses_of(plain)[0] != pytest.approx(losses_of(noisy)[0], rel=1e-4)


def test_checkpointing_changes_memory_and_not_the_loss(base: str, tmp_path: Path) -> None:
    plain, checkpointed = (
        trainer_of(base, tmp_path / str(on), UNEVEN, max_steps=2, gradient_checkpointing=on)
        for on in (False, True)
    )
    kept = []

    def saved(trainer: Any) -> int:
        kept.clear()
        batch = flatten([trainer.train_dataset[0]])
        trainer.model.train()
        with torch.autograd.graph.saved_tensors_hooks(
            lambda one: kept.append(one.numel()) or one, lambda one: one
        ):
            trainer.compute_loss(trainer.model, batch)
        return sum(kept)

    assert losses_of(plain) == pytest.approx(losses_of(checkpointed), rel=1e-5)
    assert saved(checkpointed) < saved(plain) / 2


def test_dora_and_rslora_reach_the_adapter(base: str, tmp_path: Path) -> None:
    dora = trainer_of(base, tmp_path / "dora", UNEVEN, dora=True, max_steps=1)
    assert any("lora_magnitude_vector" in name for name, _ in dora.model.named_parameters())
    dora.train()
    rslora = trainer_of(base, tmp_path / "rslora", UNEVEN, rslora=True)
    scalings = {
        module.scaling["default"]
        for module in rslora.model.modules()
        if hasattr(module, "scaling") and isinstance(module.scaling, dict)
    }
    assert scalings == {32 / 16**0.5}


def test_liger_needs_a_gpu_and_its_package(base: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"finetune\.liger=true needs a GPU"):
        trainer_of(base, tmp_path, UNEVEN, liger=True)


def sharing(number: int, passages: str) -> dict[str, Any]:
    """Rows whose prompts begin alike, if the passages do."""
    given = row(number)
    asked = f"{passages}\n\nQuestion {number}: what is {'really ' * number}taken?"
    return {**given, "prompt": [{"role": "user", "content": asked}]}


def test_rows_that_share_a_beginning_have_their_own_losses(base: str, tmp_path: Path) -> None:
    passages = ["Take metformin daily with food. " * 12, "Insulin is kept cold. " * 15]
    rows = [sharing(number, text) for text in passages for number in range(4)]
    trainer = trainer_of(
        base, tmp_path, [*rows, UNEVEN[0]], packing=True, max_length=512, batch_size=1
    )
    trainer.model.eval()
    trainable = [p for p in trainer.model.parameters() if p.requires_grad]
    batches = list(trainer.get_train_dataloader())
    assert len(batches) == 2
    given = [trainer.train_dataset[place] for place in range(9)]
    assert sum(map(tokens_of, batches)) == sum(len(one["input_ids"]) for one in given)
    computed = sum(batch["input_ids"].numel() for batch in batches)
    assert computed < 0.6 * sum(len(one["input_ids"]) for one in given)
    shared = sum(trainer.compute_loss(trainer.model, batch) for batch in batches)
    alone = sum(own_loss(trainer, one) for one in given)
    assert float(shared) == pytest.approx(float(alone), rel=1e-5)
    gradients = (torch.autograd.grad(loss, trainable) for loss in (shared, alone))
    for left, right in zip(*gradients, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "batches", "shared"),
    [
        ({}, 1, True),
        ({"max_length": 128}, 2, True),
        ({"packing": False}, 4, False),
        ({"neftune_alpha": 5.0}, 2, False),
    ],
)
def test_a_group_is_no_longer_than_a_sequence_and_there_may_be_none(
    base: str, tmp_path: Path, change: dict[str, Any], batches: int, shared: bool
) -> None:
    """Noise depends on a row's length, and without packing each row is a sequence."""
    rows = [sharing(number, "Take metformin daily. " * 8) for number in range(4)]
    settings = {"packing": True, "max_length": 160, "batch_size": 1} | change
    trainer = trainer_of(base, tmp_path, rows, **settings)
    assert len(trainer.train_dataset) == 4
    loaded = list(trainer.get_train_dataloader())
    assert len(loaded) == batches
    assert ("beginnings" in loaded[0]) == shared
