"""The trainer of sentence encoders: planned batches and a loss in, tuned weights out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..config import Device
from ..embedding.local.folder import locate
from ..generation.loading import resolve_device
from ..manifest import fingerprint, model_identity, open_artefact
from .exact_trainer import exact

if TYPE_CHECKING:
    from torch import Tensor


# Settings that name a place, or decide what is kept or measured.
_INERT = ("dir", "dataset", "base_model", "teacher", "held_out_questions", "save_steps")


class EncoderSettings(Protocol):
    """What the settings of a training of an encoder have in common."""

    device: Device
    batch_size: int
    max_length: int
    learning_rate: float
    save_steps: int
    seed: int


def identity_of(config: Any, model: str) -> str:
    """A hash of everything that decides a training; its content counts, not its place.

    Args:
        config: the settings, which name a dataset.
        model: the one it starts from.
    """
    settings = {name: value for name, value in asdict(config).items() if name not in _INERT}
    return fingerprint(
        {
            "settings": settings,
            "model": model_identity(model).rpartition("@")[2],
            "dataset": open_artefact(Path(config.dataset), "dataset").fingerprint,
        }
    )


def load_encoder(model: str, device: Device, setting: str) -> tuple[Any, Path]:
    """A sentence encoder in fp32, without dropout, and its folder.

    Args:
        model: folder or hub id; empty: the packaged MiniLM.
        setting: names the model, for errors.
    """
    from sentence_transformers import SentenceTransformer
    from torch.nn import Dropout

    folder = locate(model, setting)
    type_ = resolve_device(device).type
    # On a CPU the fused attention is slower, above all its backward pass, and dropout takes a third
    # of the time; a short tuning does not need it (measured: docs/lab-log.md).
    attention = {"attn_implementation": "eager"} if type_ == "cpu" else {}
    encoder = SentenceTransformer(
        str(folder),
        device=type_,
        local_files_only=True,
        trust_remote_code=False,
        model_kwargs={"use_safetensors": True, "dtype": "float32", **attention},
    )
    for module in encoder.modules():
        if isinstance(module, Dropout):
            module.p = 0.0
    return encoder, folder


def save_encoder(encoder: Any, folder: Path) -> None:
    """Write it as a folder of sentence-transformers."""
    encoder.save_pretrained(str(folder), create_model_card=False, safe_serialization=True)
    # sentence-transformers 6 writes the length to the tokenizer only, but it and other libraries
    # read it here too.
    path = folder / "sentence_bert_config.json"
    options = json.loads(path.read_text(encoding="utf-8"))
    content = json.dumps({"max_seq_length": encoder.max_seq_length, **options}, indent=2)
    path.write_text(content + "\n", encoding="utf-8")


def tokenised(encoder: Any, texts: Sequence[str], max_length: int) -> dict[str, Tensor]:
    """Token ids and attention masks [texts, tokens]."""
    found = encoder.tokenizer(
        [*texts], padding=True, truncation=True, max_length=max_length, return_tensors="pt"
    )
    return {name: found[name] for name in ("input_ids", "attention_mask")}


@cache  # imports transformers
def _trainer_class() -> Any:
    from torch.utils.data import DataLoader
    from transformers import Trainer

    class EncoderTrainer(exact(Trainer)):  # type: ignore[misc]  # untyped library
        """Batches as they were planned."""

        batches: Sequence[Sequence[int]]
        loss: Any

        def get_train_dataloader(self) -> Any:
            return DataLoader(
                self.train_dataset, batch_sampler=self.batches, collate_fn=self.data_collator
            )

        def compute_loss(
            self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any
        ) -> Tensor:
            loss: Tensor = self.loss(**inputs)
            return loss

    return EncoderTrainer


def build_encoder_trainer(
    config: EncoderSettings,
    model: Any,
    rows: Sequence[Any],
    batches: Sequence[Sequence[int]],
    collate: Callable[[Any], dict[str, Any]],
    loss: Any,
    work: Path,
    *,
    setting: str,
    report_to: list[str],
    run_name: str,
) -> Any:
    """Make the trainer.

    Args:
        model: a `SentenceTransformer`.
        batches: numbers of rows.
        collate: makes the arguments of `loss` from the rows of a batch.
        work: where checkpoints go.
        setting: names the learning rate, for errors.
    """
    from transformers import TrainingArguments

    trainer = _trainer_class()(
        model=model,
        args=TrainingArguments(
            output_dir=str(work),
            max_steps=len(batches),
            per_device_train_batch_size=config.batch_size,
            learning_rate=config.learning_rate,
            lr_scheduler_type="cosine",
            warmup_steps=len(batches) // 10,
            weight_decay=0.01,
            use_cpu=resolve_device(config.device).type != "cuda",
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
        train_dataset=[*rows],
        data_collator=collate,
    )
    trainer.batches = batches
    trainer.loss = loss
    trainer.guard_steps(setting)
    return trainer
