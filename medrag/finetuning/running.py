"""Run a trainer: plan its steps, continue from a checkpoint, stop when asked, check the result."""

from __future__ import annotations

import logging
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import FineTuneConfig
from ..errors import DivergenceError, MedragError
from ..hardware import is_main_process
from . import watched
from .checkpoints import Run, latest_checkpoint, read_weights
from .guards import early_stopped, stop_requests
from .planning import all_steps, steps_that_fit

if TYPE_CHECKING:
    from transformers import TrainerState

logger = logging.getLogger(__name__)


def plan_steps(trainer: Any, config: FineTuneConfig, run: Run, started: float) -> None:
    """Set the number of steps; a run that continues keeps the one it was started with."""
    steps = run.planned_steps
    if steps is None:
        if config.max_minutes:
            left = config.max_minutes * 60 - (time.monotonic() - started)
            steps = steps_that_fit(config, trainer, left)
        else:
            steps = all_steps(config, trainer)
        trainer.accelerator.wait_for_everyone()  # all have seen that there was no plan
        if is_main_process():
            run.plan(steps)
    trainer.args.max_steps = steps
    trainer.args.warmup_steps = min(config.warmup_steps, steps // 5)


def train_to_the_end(trainer: Any, work: Path, description: str = "training") -> TrainerState:
    """Train to the end, from the last checkpoint if there is one.

    Args:
        trainer: see `exact`.

    Returns:
        The state of that checkpoint, or a new one.
    """
    from transformers import TrainerState

    before = TrainerState()
    checkpoint = latest_checkpoint(work)
    if checkpoint:
        before = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
        if is_main_process():
            logger.warning("continuing the interrupted run after step %d", before.global_step)
    if checkpoint and _is_over(before, trainer):  # it was stopped before its model was sealed
        read_weights(checkpoint, trainer.model)
        trainer.state = before
        return before
    with stop_requests() as trainer.stop, watched(trainer, description):
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    state = trainer.state
    if not _is_over(state, trainer):
        if trainer.stop.number == signal.SIGINT:
            raise KeyboardInterrupt
        raise MedragError(
            f"training was stopped at step {state.global_step} of {state.max_steps}; the "
            "checkpoint is saved, and the same command continues from it"
        )
    return before


def _is_over(state: Any, trainer: Any) -> bool:
    return bool(state.global_step >= trainer.args.max_steps) or early_stopped(
        state.log_history, trainer.patience
    )


def check_weights(trainer: Any) -> None:
    """Nothing broken is sealed, even if no step and no validation loss has shown it."""
    check_finite(trainer)
    if trainer.eval_dataset is None:
        some = trainer.train_dataset.select(range(min(16, len(trainer.train_dataset))))
        trainer.guard.final(trainer.state.global_step, trainer.mean_loss(some))


@dataclass(frozen=True)
class Trained:
    """What a finished training was.

    Attributes:
        steps_before: of an earlier run that this one continued.
        first_loss, last_loss: mean of the first and of the last tenth of the steps.
    """

    steps: int
    steps_before: int
    first_loss: float
    last_loss: float
    history: list[dict[str, Any]]


def train_encoder(trainer: Any, work: Path, description: str, slack: float) -> Trained:
    """Train an encoder to the end, and refuse what has diverged.

    Args:
        slack: how much the loss may rise, beside half of the first.

    Raises:
        DivergenceError: the loss ran away or rose more, or weights are not finite; the checkpoints
            are gone then, since the same command would diverge again.
    """
    try:
        before = train_to_the_end(trainer, work, description)
        check_finite(trainer)
        first, last = tenths(trainer, slack)
    except DivergenceError:
        shutil.rmtree(work, ignore_errors=True)
        raise
    state = trainer.state
    return Trained(state.global_step, before.global_step, first, last, state.log_history)


def tenths(trainer: Any, slack: float) -> tuple[float, float]:
    """Mean loss of the first and of the last tenth of the steps.

    Raises:
        DivergenceError: it has risen by more than half and the slack.
    """
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    tenth = -(-len(losses) // 10)
    first, last = (sum(some) / tenth for some in (losses[:tenth], losses[-tenth:]))
    if last > 1.5 * first + slack:
        raise DivergenceError(
            f"the loss rose from {first:.3f} to {last:.3f}; nothing was saved. Lower "
            f"{trainer.guard.setting} (now {trainer.args.learning_rate:g})"
        )
    return first, last


def check_finite(trainer: Any) -> None:
    """Refuse weights that the last step has broken.

    Raises:
        DivergenceError: some are not finite.
    """
    import torch

    trained = [p for p in trainer.model.parameters() if p.requires_grad]
    if not all(bool(torch.isfinite(weights).all()) for weights in trained):
        raise DivergenceError(
            f"the trained weights are not finite; nothing was saved. Lower {trainer.guard.setting} "
            f"(now {trainer.args.learning_rate:g})"
        )
