"""Tune an adapter further on pairs of a better and a worse reply: direct preference optimisation.

Rafailov et al. 2023, "Direct Preference Optimization", arXiv:2305.18290.
"""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import FineTuneConfig, PreferenceTuneConfig
from ..errors import ArtefactError, DivergenceError
from ..generation.loading import (
    adapter_base,
    load_causal_lm,
    load_tokenizer,
    resolve_device,
    weights_hash,
)
from ..manifest import recover_directory, replacing_directory
from . import quiet_libraries, watched
from .tokenising import ids_of

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

PAIRS = "preferences.jsonl"  # in the dataset


@dataclass(frozen=True)
class PreferenceResult:
    """The result of a finished run; `TrainingResult` explains the fields that both have.

    Attributes:
        pairs: how many pairs it was trained on.
        first_loss, train_loss: of the first and the last steps, in nats per pair; ln 2 at first.
        preferred: share of the last steps' pairs whose better reply has become more likely than
            the worse one, compared with the adapter it started from; 0..1.
    """

    base_model: str
    base_weights: str
    steps: int
    epochs: float
    first_loss: float
    train_loss: float
    eval_loss: float | None
    preferred: float
    pairs: int
    train_rows: int
    validation_rows: int
    skipped_rows: int
    trainable_parameters: int
    total_parameters: int
    seconds: float
    history: list[dict[str, Any]]


def train_preferences(
    config: FineTuneConfig,
    tuning: PreferenceTuneConfig,
    *,
    report_to: list[str],
    run_name: str,
    seal: Callable[[Path, PreferenceResult], None],
) -> PreferenceResult:
    """Train a copy of `tuning.adapter` and save it in `tuning.dir`.

    The reference model is that adapter as it was. A run is short and has no checkpoints: one that
    is stopped begins again, and leaves what was in `tuning.dir`.

    Args:
        seal: called with the finished directory before it replaces the old one.

    Raises:
        ArtefactError: the dataset has no pairs that fit `config.max_length`.
        ModelError: there is no such adapter, or its base cannot be loaded.
        DivergenceError: the loss is not finite; nothing was saved.
    """
    quiet_libraries()  # before their import, which says things
    from peft import PeftModel
    from trl.trainer.dpo_config import DPOConfig
    from trl.trainer.dpo_trainer import DPOTrainer

    class Trainer(DPOTrainer):  # type: ignore[misc]  # untyped library
        def _prepare_dataset(self, dataset: Any, *args: Any) -> Any:
            return dataset  # tokenised already, with the ids that answering gives

        def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
            if not math.isfinite(logs.get("loss", 0.0) + logs.get("grad_norm", 0.0)):
                raise DivergenceError(
                    f"training diverged at step {self.state.global_step}: its loss or gradient is "
                    "not finite. Nothing was saved; lower preference_tuning.learning_rate (now "
                    f"{tuning.learning_rate:g})"
                )
            super().log(logs, *args, **kwargs)

    started = time.monotonic()
    recover_directory(Path(tuning.dir))
    base = adapter_base(tuning.adapter)
    tokenizer = load_tokenizer(tuning.adapter)
    pairs, skipped = _pairs(Path(config.dataset), tokenizer, config.max_length)
    network = load_causal_lm(
        base, device=config.device, four_bit=True, double_quant=config.double_quant
    )
    model = PeftModel.from_pretrained(network, tuning.adapter, is_trainable=True)
    on_gpu = resolve_device(config.device).type == "cuda"
    trained = {name: one.detach().float() for name, one in _trained(model)}
    with tempfile.TemporaryDirectory() as work:
        trainer = Trainer(
            model=model,
            processing_class=tokenizer,
            train_dataset=pairs,
            args=DPOConfig(
                output_dir=work,  # nothing stays: there are no checkpoints
                beta=tuning.beta,
                learning_rate=tuning.learning_rate,
                num_train_epochs=1,
                max_steps=tuning.max_steps,
                per_device_train_batch_size=config.batch_size,
                gradient_accumulation_steps=config.gradient_accumulation,
                gradient_checkpointing=config.gradient_checkpointing,
                gradient_checkpointing_kwargs={"use_reentrant": False},
                optim="paged_adamw_8bit" if on_gpu else "adamw_torch",
                lr_scheduler_type="cosine",
                bf16=on_gpu,
                use_cpu=not on_gpu,
                dataloader_pin_memory=on_gpu,
                max_length=None,
                logging_steps=1,
                logging_nan_inf_filter=False,
                save_strategy="no",
                report_to=report_to or "none",
                run_name=run_name,
                seed=config.seed,
            ),
        )
        for name, parameter in _trained(model):  # TRL rounds them to bf16, and small steps away
            parameter.data = trained.pop(name).clone()
        with watched(trainer, "preferences"):
            trainer.train()
    _check(model, pairs, tuning)
    number = sum(one.numel() for _, one in _trained(model))
    model.delete_adapter("ref")
    _, total = model.get_nb_trainable_parameters()
    history = trainer.state.log_history
    losses = [entry["loss"] for entry in history if "loss" in entry]
    result = PreferenceResult(
        base_model=base,
        base_weights=weights_hash(base),
        steps=trainer.state.global_step,
        epochs=trainer.state.epoch,
        first_loss=losses[0],
        train_loss=losses[-1],
        eval_loss=None,
        preferred=_mean([e["rewards/accuracies"] for e in history if "rewards/accuracies" in e]),
        pairs=len(pairs),
        train_rows=len(pairs),
        validation_rows=0,
        skipped_rows=skipped,
        trainable_parameters=number,
        total_parameters=total,
        seconds=time.monotonic() - started,
        history=history,
    )
    del trainer
    with replacing_directory(Path(tuning.dir)) as fresh:
        model.save_pretrained(fresh, save_embedding_layers=False, selected_adapters=["default"])
        tokenizer.save_pretrained(fresh)
        seal(fresh, result)
    return result


def _trained(model: Any) -> list[tuple[str, Any]]:
    return [(name, one) for name, one in model.named_parameters() if one.requires_grad]


def _check(model: Any, pairs: Dataset, tuning: PreferenceTuneConfig) -> None:
    """A model that the last step broke is not sealed: it still has to read a better reply.

    Raises:
        DivergenceError: its loss there is not finite, or as if it guessed.
    """
    import torch

    pair = pairs[0]
    ids = torch.tensor([[*pair["prompt_ids"], *pair["chosen_ids"]]], device=model.device)
    labels = ids.clone()
    labels[:, : len(pair["prompt_ids"])] = -100
    with torch.inference_mode():
        loss = float(model.eval()(input_ids=ids, labels=labels).loss)
    if not loss < math.log(model.config.vocab_size):
        raise DivergenceError(
            f"training diverged: after it, a better reply has a loss of {loss:.3g} nats a token. "
            "Nothing was saved; lower preference_tuning.learning_rate (now "
            f"{tuning.learning_rate:g})"
        )


def _mean(values: list[float]) -> float:
    """Of the last quarter, at least one."""
    last = values[-max(1, len(values) // 4) :]
    return sum(last) / len(last)


def _pairs(
    dataset: Path, tokenizer: PreTrainedTokenizerBase, max_length: int
) -> tuple[Dataset, int]:
    """The pairs as token ids, and how many are too long."""
    from datasets import Dataset

    path = dataset / PAIRS
    if not path.is_file():
        raise ArtefactError(
            f"{dataset} has no {PAIRS}; make it with: "
            f"python -m medrag.build_dataset dataset.dir={dataset}"
        )
    kept: list[dict[str, list[int]]] = []
    skipped = 0
    for pair in _lines(path):
        sides = {}
        for side in ("chosen", "rejected"):
            ids, start = ids_of(tokenizer, pair["prompt"], pair[side])
            sides[side] = ids[:start], ids[start:]
        prompt = sides["chosen"][0]
        longest = max(len(prompt) + len(reply) for _, reply in sides.values())
        # A template may join the prompt and the first words of a reply; such a pair has no border.
        if longest > max_length or sides["rejected"][0] != prompt:
            skipped += 1
            continue
        replies = {f"{side}_ids": reply for side, (_, reply) in sides.items()}
        kept.append({"prompt_ids": prompt, **replies})
    if not kept:
        raise ArtefactError(
            f"{path} has no pair that fits finetune.max_length={max_length} tokens; build the "
            "dataset from more questions, or raise it"
        )
    return Dataset.from_list(kept), skipped


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)
