"""What happens around every optimiser step: its seed, requests to stop, and patience."""

from __future__ import annotations

import random
from typing import Any

from ..hardware import release_memory
from .guards import early_stopped

_RELEASED = 10  # steps; rows of all lengths leave gaps in the heap, and releasing takes 0.15 s


def step_callback(trainer: Any) -> Any:
    """The callback of the generator's trainer.

    Random numbers, such as those of dropout, depend on the seed and the number of the step alone,
    so a run that continues draws the same as one that was not disturbed.
    """
    import torch
    from transformers import TrainerCallback

    class AroundSteps(TrainerCallback):  # type: ignore[misc]  # untyped library
        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            trainer.go_on()

        def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            place = f"{args.seed}/{state.global_step}/{args.process_index}"
            torch.manual_seed(random.Random(place).getrandbits(63))

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            control.should_log |= state.global_step >= state.max_steps
            if state.global_step % _RELEASED == 0 and args.device.type == "cpu":
                release_memory()
            (asked,) = trainer.sum(trainer.stop.number is not None)  # of any process
            if asked:
                control.should_save = control.should_training_stop = True

        def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if early_stopped(state.log_history, trainer.config.early_stopping):
                control.should_training_stop = True

    return AroundSteps()
