"""How long a training takes, and how many steps fit into a time limit."""

from __future__ import annotations

import math
import time
from itertools import islice
from typing import Any

from ..config import FineTuneConfig
from ..progress import console

_AT_LEAST = 20  # steps; fewer teach nothing
_FORWARD = 0.5  # share of a step; the frozen weights get no gradient, so backward costs the same


def probe(trainer: Any) -> float:
    """Seconds per optimiser step: two steps that change nothing, of which the second is timed.

    Args:
        trainer: as from `build_trainer`, before `train`.
    """
    import torch

    model = trainer.model
    loader = trainer.get_train_dataloader()
    batches = list(islice(loader, trainer.args.gradient_accumulation_steps))
    seconds = 0.0
    for _ in range(2):  # the first one sets kernels up
        started = time.monotonic()
        model.train()
        for batch in batches:
            with trainer.compute_loss_context_manager():
                loss = trainer.compute_loss(model, trainer._prepare_inputs(batch))
            loss.backward()
        if loss.is_cuda:
            torch.cuda.synchronize()
        seconds = time.monotonic() - started
    model.zero_grad()
    # Rows differ in length: what counts is the mean step.
    lengths = trainer.tokens_per_step(), sum(batch["input_ids"].numel() for batch in batches)
    scaled = seconds * lengths[0] / lengths[1]
    slowest: float = trainer.accelerator.gather(torch.tensor([scaled], device=loss.device)).max()
    return float(slowest)


def all_steps(config: FineTuneConfig, trainer: Any) -> int:
    """Optimiser steps without a time limit."""
    if config.max_steps > 0:
        return config.max_steps
    per_epoch = math.ceil(len(trainer.get_train_dataloader()) / config.gradient_accumulation)
    return math.ceil(config.epochs * per_epoch)


def steps_in(config: FineTuneConfig, trainer: Any, step: float, seconds: float) -> int:
    """How many steps of `step` seconds fit into a time, with their validation losses.

    At least 20, and at most as many as there are without a limit.
    """
    validation = step * _FORWARD * trainer.validation_tokens() / trainer.tokens_per_step()
    fit = int((seconds - validation) / (step + validation / config.eval_steps))
    return min(all_steps(config, trainer), max(fit, _AT_LEAST))


def steps_that_fit(config: FineTuneConfig, trainer: Any, seconds: float) -> int:
    """How many steps a training can take, so that it ends in time; it times two steps.

    Args:
        seconds: that are left of `config.max_minutes`.
    """
    total = all_steps(config, trainer)
    step = probe(trainer)
    steps = steps_in(config, trainer, step, seconds)
    if trainer.is_world_process_zero():
        console.print(
            f"{steps:,} of {total:,} steps are planned: one takes {step:.1f} s, and "
            f"finetune.max_minutes={config.max_minutes:g}",
            highlight=False,
        )
    return steps
