"""The trainer of the retriever: ranking lists in, a sentence encoder out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import RetrieverTuneConfig
from ..generation.loading import resolve_device
from ..hardware import cpu_has_bf16
from .exact_trainer import exact
from .list_loss import list_loss_class
from .ranking_lists import Batches, RankingList
from .weight_mixing import Prompts

if TYPE_CHECKING:
    from torch import Tensor

_AT_ONCE = 16  # texts of a forward pass; memory grows with it


@cache  # imports transformers
def _trainer_class() -> Any:
    from torch.utils.data import DataLoader
    from transformers import Trainer

    class RetrieverTrainer(exact(Trainer)):  # type: ignore[misc]  # untyped library
        """Batches as they were planned."""

        batches: Batches
        loss: Any

        def get_train_dataloader(self) -> Any:
            return DataLoader(
                self.train_dataset,
                batch_sampler=self.batches.batches,
                collate_fn=self.data_collator,
            )

        def compute_loss(
            self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any
        ) -> Tensor:
            loss: Tensor = self.loss(inputs["columns"], inputs["labels"])
            return loss

    return RetrieverTrainer


def build_retriever_trainer(
    config: RetrieverTuneConfig,
    model: Any,
    lists: Sequence[RankingList],
    batches: Batches,
    work: Path,
    *,
    prompts: Prompts,
    report_to: list[str],
    run_name: str,
) -> Any:
    """Make the trainer.

    Args:
        model: a `SentenceTransformer`.
        work: where checkpoints go.
        prompts: what goes before questions and before passages.
    """
    from transformers import TrainingArguments

    device = resolve_device(config.device)
    on_gpu = device.type == "cuda"

    def encoded(texts: Sequence[str]) -> dict[str, Tensor]:
        found = model.tokenizer(
            [*texts],
            padding=True,
            truncation=True,
            max_length=config.max_length,
            return_tensors="pt",
        )
        return {name: found[name] for name in ("input_ids", "attention_mask")}

    def collate(some: Sequence[RankingList]) -> dict[str, Any]:
        import torch

        # Lists of similar length are computed together, so that padding is small.
        some = sorted(some, key=lambda one: -len(one.passages[0]))
        columns = [encoded([prompts.query + one.question for one in some])]
        for place in range(len(some[0].passages)):
            columns.append(encoded([prompts.document + one.passages[place] for one in some]))
        labels = torch.tensor([one.scores for one in some]) if some[0].scores else None
        return {"columns": columns, "labels": labels}

    trainer = _trainer_class()(
        model=model,
        args=TrainingArguments(
            output_dir=str(work),
            max_steps=len(batches.batches),
            per_device_train_batch_size=config.batch_size,
            learning_rate=config.learning_rate,
            lr_scheduler_type="cosine",
            warmup_steps=max(1, len(batches.batches) // 10),
            weight_decay=0.01,
            use_cpu=not on_gpu,
            dataloader_pin_memory=False,
            remove_unused_columns=False,
            logging_steps=1,
            logging_nan_inf_filter=False,
            save_strategy="steps",
            save_steps=config.save_steps,
            report_to=report_to or "none",
            run_name=run_name,
            seed=config.seed,
        ),
        train_dataset=[*lists],
        data_collator=collate,
    )
    trainer.batches = batches
    trainer.loss = list_loss_class()(
        model,
        at_once=4 * _AT_ONCE if on_gpu else _AT_ONCE,
        distillation=config.distillation,
        dimensions=config.dimensions,
        bf16=on_gpu or cpu_has_bf16(),
    )
    trainer.guard_steps("retriever_tuning.learning_rate")
    return trainer
