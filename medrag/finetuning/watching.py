"""Shows a trainer's progress the way every other stage shows it, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from ..progress import Advance, progress


@contextmanager
def watched(trainer: Any, description: str) -> Iterator[None]:
    """While the block trains: steps done, rate, time left, memory and the last loss.

    Args:
        trainer: of transformers, or made from it (TRL, sentence-transformers).
    """
    from transformers import TrainerCallback
    from transformers.trainer_callback import PrinterCallback, ProgressCallback

    with ExitStack() as stack:

        class Show(TrainerCallback):  # type: ignore[misc]  # untyped library
            advance: Advance

            def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
                bar = progress(description, state.max_steps, "steps")
                self.advance = stack.enter_context(bar)
                self.advance(state.global_step)  # above 0 when an interrupted run goes on

            def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
                self.advance(1)

            def on_log(
                self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any
            ) -> None:
                for name in ("loss", "eval_loss"):
                    if name in (logs or {}):
                        self.advance(0, f"{name} {float(logs[name]):.3f}")

        for noisy in (PrinterCallback, ProgressCallback):
            trainer.remove_callback(noisy)
        trainer.add_callback(Show())
        yield


def quiet_libraries() -> None:
    """Turn off the bars that libraries draw for steps that take a moment."""
    import datasets
    import transformers

    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()
