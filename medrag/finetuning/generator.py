"""Fine-tune the generator: QLoRA on a 4-bit model, with the loss on answers only."""

from __future__ import annotations

import json
import logging
import shutil
import threading
import time
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import FineTuneConfig
from ..errors import ConfigError, MedragError
from ..generation.hf import load_causal_lm, load_tokenizer, resolve_device
from ..manifest import (
    atomic_write,
    file_sha256,
    fingerprint,
    recover_directory,
    replacing_directory,
)
from . import load_dataset, quiet_libraries, tokenize_rows, watched
from .tiny import TINY, build_tiny_model

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedModel, PreTrainedTokenizerBase
    from trl.trainer.sft_trainer import SFTTrainer

_RUN = "run.json"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingResult:
    """The result of a finished run.

    Attributes:
        base_model: folder or hub id of the base; for the dry run, the folder it was made in.
        steps: optimiser steps, including those before a resume.
        first_loss: training loss of the first step, in nats per token.
        train_loss: training loss over the last logged interval, in nats per token.
        eval_loss: validation loss at the end, in nats per token; None without validation rows.
        skipped_rows: rows of both splits left out because they exceed `max_length` tokens or
            have no answer token.
        trainable_parameters, total_parameters: of the adapter; of adapter and base together.
        seconds: wall time of this call.
        history: the trainer's log, oldest entry first.
    """

    base_model: str
    steps: int
    first_loss: float
    train_loss: float
    eval_loss: float | None
    train_rows: int
    validation_rows: int
    skipped_rows: int
    trainable_parameters: int
    total_parameters: int
    seconds: float
    history: list[dict[str, Any]]


def train_generator(
    config: FineTuneConfig,
    texts: Iterable[str],
    *,
    report_to: list[str],
    run_name: str,
    seal: Callable[[Path, TrainingResult], None] | None = None,
) -> TrainingResult:
    """Train a LoRA adapter and save it, with the tokenizer, in `config.dir`.

    The base model stays frozen in 4-bit NF4; low-rank adapters on all its linear layers are
    trained. Sources: Dettmers et al. 2023, "QLoRA", arXiv:2305.14314; Hu et al. 2021, "LoRA",
    arXiv:2106.09685.

    A checkpoint is written to `config.dir/checkpoints` every `eval_steps`, and on SIGTERM. The next
    run continues from it if its settings and rows are the same, and otherwise starts over. An
    adapter that is already in `config.dir` is replaced at the end, in one move.

    Args:
        texts: the dry run (`base_model="tiny"`) trains its tokenizer on them; otherwise unread.
        report_to: trackers, as in transformers: `["wandb"]` or `[]`.
        seal: called with the finished directory before it replaces the old one; writes the
            manifest.

    Raises:
        ArtefactError: there is no dataset in `config.dataset`.
        ConfigError: no training row fits `max_length`.
        ModelError: the base model cannot be loaded.
        MedragError: the run was stopped by SIGTERM; the same command continues it.
    """
    started = time.monotonic()
    quiet_libraries()
    directory = Path(config.dir)
    recover_directory(directory)
    dataset = load_dataset(Path(config.dataset))
    base = config.base_model
    if base == TINY:
        folder = directory.parent / "tiny-base"
        base = str(build_tiny_model(config.tiny, texts, folder, config.seed))
    tokenizer = load_tokenizer(base)

    work = directory / "checkpoints"
    checkpoint = _prepare_checkpoints(work, config, base)
    rows = {
        split: tokenize_rows(dataset[split], tokenizer, config.max_length, work / f"{split}.arrow")
        for split in ("train", "validation")
        if split in dataset and len(dataset[split])
    }
    skipped = sum(len(dataset[split]) - len(kept) for split, kept in rows.items())
    if skipped:
        logger.warning(
            "%d of %d rows are left out: they are longer than finetune.max_length=%d tokens, or "
            "have no answer. Cutting them would cut the answer off.",
            skipped,
            sum(len(dataset[split]) for split in rows),
            config.max_length,
        )
    if not rows.get("train"):
        raise ConfigError(
            f"no training row of {config.dataset} fits finetune.max_length={config.max_length} "
            "tokens; raise it, or build the dataset with a smaller generator.context_tokens"
        )

    model = load_causal_lm(
        base, device=config.device, four_bit=True, double_quant=config.double_quant
    )
    trainer = build_trainer(
        config, model, tokenizer, rows, work, report_to=report_to, run_name=run_name
    )
    with watched(trainer, "training"):
        trainer.train(resume_from_checkpoint=checkpoint)
    state = trainer.state
    if state.global_step < state.max_steps:
        raise MedragError(
            f"training was stopped at step {state.global_step} of {state.max_steps}; the "
            "checkpoint is saved, and the same command continues from it"
        )
    eval_loss = _final_eval_loss(trainer) if "validation" in rows else None
    adapted: Any = trainer.model
    trainable, total = adapted.get_nb_trainable_parameters()
    losses = [entry["loss"] for entry in state.log_history if "loss" in entry]
    result = TrainingResult(
        base_model=base,
        steps=state.global_step,
        first_loss=losses[0],
        train_loss=losses[-1],
        eval_loss=eval_loss,
        train_rows=len(rows["train"]),
        validation_rows=len(rows.get("validation", ())),
        skipped_rows=skipped,
        trainable_parameters=trainable,
        total_parameters=total,
        seconds=time.monotonic() - started,
        history=state.log_history,
    )
    with replacing_directory(directory) as fresh:  # removes the checkpoints, too
        # save_embedding_layers: the default asks the hub whether the vocabulary has grown.
        adapted.save_pretrained(fresh, save_embedding_layers=False)
        tokenizer.save_pretrained(fresh)
        if seal:
            seal(fresh, result)
    return result


def build_trainer(
    config: FineTuneConfig,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: dict[str, Dataset],
    work: Path,
    *,
    report_to: list[str],
    run_name: str,
) -> SFTTrainer:
    """Add the adapters to a 4-bit model and make TRL's trainer for it.

    Args:
        rows: tokenised splits, `train` and perhaps `validation`.
        work: where checkpoints go.
    """
    from peft import LoraConfig
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    on_gpu = resolve_device(config.device).type == "cuda"
    validation = rows.get("validation")
    warnings.filterwarnings(  # old names that TRL itself still reads
        "ignore", r"`\w*gradient_checkpointing\w*` is deprecated", FutureWarning
    )
    trainer = SFTTrainer(
        model=model,
        processing_class=tokenizer,
        train_dataset=rows["train"],
        eval_dataset=validation,
        peft_config=LoraConfig(
            r=config.lora_r,
            lora_alpha=config.lora_alpha,
            lora_dropout=config.lora_dropout,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        ),
        args=SFTConfig(
            output_dir=str(work),
            num_train_epochs=config.epochs,
            max_steps=config.max_steps,
            per_device_train_batch_size=config.batch_size,
            per_device_eval_batch_size=config.batch_size,
            gradient_accumulation_steps=config.gradient_accumulation,
            gradient_checkpointing=config.gradient_checkpointing,
            gradient_checkpointing_kwargs={"use_reentrant": False},
            optim="paged_adamw_8bit" if on_gpu else "adamw_torch",
            learning_rate=config.learning_rate,
            lr_scheduler_type="cosine",
            warmup_steps=config.warmup_steps,
            bf16=on_gpu,
            use_cpu=not on_gpu,
            dataloader_pin_memory=on_gpu,
            completion_only_loss=True,
            max_length=None,  # every row fits; nothing must be cut here
            packing=False,  # rows must not attend to each other
            logging_steps=config.logging_steps,
            logging_first_step=True,
            eval_strategy="steps" if validation else "no",
            eval_steps=config.eval_steps,
            save_strategy="steps",
            save_steps=config.eval_steps,
            save_total_limit=1,
            # only the main thread can set a signal handler
            enable_jit_checkpoint=threading.current_thread() is threading.main_thread(),
            report_to=report_to or "none",
            run_name=run_name,
            seed=config.seed,
        ),
    )
    # TRL casts the adapters to bf16, which rounds away a step of 1e-4 of a weight's size. They are
    # under 1 % of the parameters, so fp32 costs little. The frozen rest stays as loaded: Mistral's
    # norms compute in fp32 whatever their weights are stored in.
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return trainer


def _prepare_checkpoints(work: Path, config: FineTuneConfig, base: str) -> str | None:
    """The checkpoint to continue from, if any; removes the checkpoints of other runs."""
    settings = asdict(config)
    for name in ("dir", "dataset", "tiny"):  # their content counts, not their place
        del settings[name]
    files = sorted(Path(config.dataset).rglob("*.arrow"))
    if Path(base).is_dir():
        files += sorted(Path(base).glob("*.safetensors"))
    identity = fingerprint({"settings": settings, "files": [file_sha256(path) for path in files]})
    marker = work / _RUN
    if not marker.is_file() or json.loads(marker.read_text(encoding="utf-8")) != identity:
        shutil.rmtree(work, ignore_errors=True)
        atomic_write(marker, json.dumps(identity))
        return None
    checkpoints = {int(path.name.partition("-")[2]): path for path in work.glob("checkpoint-*")}
    for _, last in sorted(checkpoints.items(), reverse=True):
        with suppress(OSError, ValueError):  # `trainer_state.json` is written last
            json.loads((last / "trainer_state.json").read_text(encoding="utf-8"))
            logger.warning("continuing the interrupted run from %s", last)
            return str(last)
    return None


def _final_eval_loss(trainer: SFTTrainer) -> float:
    """Validation loss of the saved weights; computed only if the last step did not log it."""
    for entry in trainer.state.log_history:
        if "eval_loss" in entry and entry["step"] == trainer.state.global_step:
            return float(entry["eval_loss"])
    return float(trainer.evaluate()["eval_loss"])
