"""What the trainings share: dataset rows in, progress out."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ArtefactError
from ..hardware import is_main_process
from ..progress import Advance, progress

if TYPE_CHECKING:
    from datasets import DatasetDict


def load_dataset(directory: Path, validation_rows: int = 0, seed: int = 0) -> DatasetDict:
    """Open the QA dataset.

    Args:
        validation_rows: keep only so many of them, drawn by the seed; 0: all.

    Raises:
        ArtefactError: there is none, or it has no train split.
    """
    from datasets import DatasetDict, load_from_disk

    try:
        dataset = load_from_disk(str(directory))
        if not isinstance(dataset, DatasetDict) or "train" not in dataset:
            raise ValueError("it has no train split")
    except (OSError, ValueError) as error:
        raise ArtefactError(
            f"{directory} has no usable dataset ({error}); make one with: "
            f"python -m medrag.build_dataset dataset.dir={directory}"
        ) from error
    if 0 < validation_rows < len(dataset.get("validation", ())):
        drawn = dataset["validation"].shuffle(seed, keep_in_memory=True)
        dataset["validation"] = drawn.select(range(validation_rows))
    return dataset


@contextmanager
def watched(trainer: Any, description: str) -> Iterator[None]:
    """Show steps, rate, time left, memory and the last loss while the block trains.

    Args:
        trainer: a `transformers.Trainer`; those of TRL and sentence-transformers are, too.
    """
    from transformers import TrainerCallback
    from transformers.trainer_callback import PrinterCallback, ProgressCallback

    with ExitStack() as stack:

        class Show(TrainerCallback):  # type: ignore[misc]  # untyped library
            advance: Advance

            def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
                bar = progress(description, state.max_steps, "steps")
                self.advance = stack.enter_context(bar)
                self.advance(state.global_step)  # above 0 when a run continues

            def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
                self.advance(1)

            def on_log(
                self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any
            ) -> None:
                for name, short in (("loss", "loss"), ("eval_loss", "eval")):
                    if name in (logs or {}):
                        self.advance(0, f"{short} {float(logs[name]):.3f}")

        for noisy in (PrinterCallback, ProgressCallback):
            trainer.remove_callback(noisy)
        if is_main_process():
            trainer.add_callback(Show())
        yield


def quiet_libraries() -> None:
    """Turn off progress bars for short steps, and warnings that a user can do nothing about."""
    import datasets
    import transformers

    # It looks for a faster kernel in a package that medrag does not use.
    logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)

    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()
