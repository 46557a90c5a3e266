"""What the trainers share: steps that can be repeated, safe checkpoints, and early stops."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..hardware import release_memory
from .checkpoints import (
    checkpoint_of,
    keep_checkpoints,
    read_extra,
    read_optimizer,
    read_weights,
    write_checkpoint,
)
from .guards import Divergence, StopRequest, early_stopped

if TYPE_CHECKING:
    from torch import Tensor

_RELEASED = 10  # seconds; rows of all lengths leave gaps in the heap, and releasing takes 0.15 s


def exact(trainer: Any) -> Any:
    """A subclass of a `transformers.Trainer` that a stop does not change.

    A run that continues gives the losses of one that was not disturbed. Checkpoints hold
    safetensors and JSON only.
    """
    import torch

    class Exact(trainer):  # type: ignore[misc]  # untyped library
        """Call `guard_steps` before `train`.

        Attributes:
            guard: stops a run that diverges.
            patience: validation losses without a gain before the run stops; 0: it never does.
            stop: asks it to stop after the step.
        """

        guard: Divergence
        patience: int
        stop: StopRequest
        _step_loss: Any = 0.0

        def guard_steps(self, setting: str, patience: int = 0) -> None:
            """Watch the steps.

            Args:
                setting: names the learning rate, for errors.
            """
            self.guard = Divergence(self.args.learning_rate, setting)
            self.patience = patience
            self.stop = StopRequest()
            self.add_callback(_around_steps(self))

        def sum(self, *values: float) -> list[float]:
            """Sums over all processes."""
            if self.args.world_size == 1:
                return [*values]
            mine = torch.tensor(values, dtype=torch.float64, device=self.args.device)
            return list(self.accelerator.reduce(mine, "sum").tolist())

        def training_step(self, *args: Any, **kwargs: Any) -> Tensor:
            loss: Tensor = super().training_step(*args, **kwargs)
            self._step_loss = self._step_loss + loss
            return loss

        def _clip_grad_norm(self, model: Any) -> Any:
            norm = super()._clip_grad_norm(model)
            (loss,) = self.sum(float(self._step_loss) / self.args.world_size)
            self._step_loss = 0.0
            self.guard.step(self.state.global_step + 1, loss, float(norm))
            return norm

        def _save_checkpoint(self, model: Any, trial: Any) -> None:
            step = self.state.global_step
            (unlogged,) = self.sum(float(self._tr_loss) / self.args.world_size)
            if self.is_world_process_zero():
                work = Path(self.args.output_dir)
                write_checkpoint(
                    checkpoint_of(work, step),
                    self.model,
                    self.optimizer,
                    self.lr_scheduler,
                    self.state,
                    {"unlogged_loss": unlogged, "logged_step": self._globalstep_last_logged},
                )
                keep_checkpoints(work, step, self.state.best_global_step)
            self.accelerator.wait_for_everyone()

        def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
            read_weights(Path(resume_from_checkpoint), self.model)

        def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
            self._extra = {}
            if checkpoint is not None:
                read_optimizer(Path(checkpoint), self.optimizer, self.lr_scheduler)
                self._extra = read_extra(Path(checkpoint))

        def _load_rng_state(self, checkpoint: str | None) -> None:
            """Every step seeds the random numbers."""

        def go_on(self) -> None:
            """Continue the logged mean loss where the checkpoint left it."""
            history = [entry["loss"] for entry in self.state.log_history if "loss" in entry]
            self.guard.first = history[0] if history else None
            if extra := getattr(self, "_extra", None):
                self._tr_loss += extra["unlogged_loss"]
                self._globalstep_last_logged = int(extra["logged_step"])

    return Exact


def _around_steps(trainer: Any) -> Any:
    """The callback that seeds every step, and stops the run when it is asked to.

    Random numbers, such as those of dropout, depend on the seed and the number of the step alone,
    so a run that continues draws the same as one that was not disturbed.
    """
    import torch
    from transformers import TrainerCallback

    class AroundSteps(TrainerCallback):  # type: ignore[misc]  # untyped library
        released = time.monotonic()

        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            trainer.go_on()

        def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            place = f"{args.seed}/{state.global_step}/{args.process_index}"
            torch.manual_seed(random.Random(place).getrandbits(63))

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            control.should_log |= state.global_step >= state.max_steps
            if args.device.type == "cpu" and time.monotonic() - self.released > _RELEASED:
                release_memory()
                self.released = time.monotonic()
            (asked,) = trainer.sum(trainer.stop.number is not None)  # of any process
            if asked:
                control.should_save = control.should_training_stop = True

        def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if early_stopped(state.log_history, trainer.patience):
                control.should_training_stop = True

    return AroundSteps()
