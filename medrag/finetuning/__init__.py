"""What the trainings share: dataset rows in, progress out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ArtefactError
from ..progress import Advance, progress

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict
    from transformers import PreTrainedTokenizerBase


def load_dataset(directory: Path) -> DatasetDict:
    """Open the QA dataset.

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
    return dataset


def tokenize_rows(
    rows: Dataset, tokenizer: PreTrainedTokenizerBase, max_length: int, file: Path
) -> Dataset:
    """Turn conversations into token ids, and leave out the rows that are too long.

    TRL would cut long rows at the end, where the answer is, and then drop rows without an answer
    silently. It takes the result as already tokenised.

    Args:
        rows: with `prompt` and `completion` as lists of messages.
        file: the Arrow table to write, so that memory does not grow with the rows.

    Returns:
        Columns `input_ids` and `completion_mask` (1 on answer tokens, including the end of turn);
        every row has at most `max_length` ids and at least one answer token.
    """
    from datasets import Features, List, Value

    render: Any = tokenizer.apply_chat_template

    def tokenize(batch: dict[str, list[Any]]) -> dict[str, list[list[int]]]:
        whole = [p + c for p, c in zip(batch["prompt"], batch["completion"], strict=True)]
        prompts = render(batch["prompt"], add_generation_prompt=True)
        wholes = render(whole)
        kept: dict[str, list[list[int]]] = {"input_ids": [], "completion_mask": []}
        for prompt, ids in zip(prompts["input_ids"], wholes["input_ids"], strict=True):
            alike = takewhile(lambda pair: pair[0] == pair[1], zip(prompt, ids, strict=False))
            start = len(list(alike))
            if start < len(ids) <= max_length:
                kept["input_ids"].append(ids)
                kept["completion_mask"].append([0] * start + [1] * (len(ids) - start))
        return kept

    return rows.map(
        tokenize,
        batched=True,
        batch_size=100,
        remove_columns=rows.column_names,
        features=Features(
            {"input_ids": List(Value("int32")), "completion_mask": List(Value("int8"))}
        ),
        cache_file_name=str(file),
        load_from_cache_file=False,
        desc=f"Tokenising {file.stem} rows",
    )


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
                for name in ("loss", "eval_loss"):
                    if name in (logs or {}):
                        self.advance(0, f"{name} {float(logs[name]):.3f}")

        for noisy in (PrinterCallback, ProgressCallback):
            trainer.remove_callback(noisy)
        trainer.add_callback(Show())
        yield


def quiet_libraries() -> None:
    """Turn off the progress bars that libraries draw for short steps."""
    import datasets
    import transformers

    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()
