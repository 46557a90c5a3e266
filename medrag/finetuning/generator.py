"""Fine-tune the generator: QLoRA on a 4-bit model, with the loss on answers only."""

from __future__ import annotations

import gc
import logging
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import Device, FineTuneConfig
from ..errors import ConfigError, DivergenceError
from ..generation.loading import load_causal_lm, load_tokenizer, weights_hash
from ..hardware import is_main_process
from ..manifest import (
    file_sha256,
    fingerprint,
    model_identity,
    recover_directory,
    replacing_directory,
)
from . import load_dataset, quiet_libraries
from .checkpoints import Run, checkpoint_of, read_weights
from .running import check_weights, plan_steps, train_to_the_end
from .sharding import shards
from .tiny import TINY, build_tiny_model
from .tokenising import check_rows, tokenize_rows
from .trainer import build_trainer

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingResult:
    """The result of a finished run.

    Attributes:
        base_model: folder or hub id of the base; for the dry run, the folder it was made in.
        base_weights: hash of its weights; "" for one from the hub.
        steps: optimiser steps, including those before a resume.
        steps_before: those before the last resume.
        epochs: how often each row was read, on average.
        best_step: the step whose weights are kept: that with the lowest validation loss, or the
            last one without validation rows.
        first_loss: training loss of the first step, in nats per token.
        train_loss: training loss over the last logged interval, in nats per token.
        eval_loss: validation loss of the kept weights, in nats per token; None without validation
            rows.
        skipped_rows: rows of both splits left out.
        left_out: the same, by reason.
        trainable_parameters, total_parameters: of the adapter; of adapter and base together.
        tokens: trained on, prompts included, including those before a resume.
        tokens_per_second: of this call's training, validation included.
        fill_rate: share of the tokens that the sequences could hold (`finetune.max_length`).
        seconds: wall time of this call.
        history: the trainer's log, oldest entry first.
    """

    base_model: str
    base_weights: str
    steps: int
    steps_before: int
    epochs: float
    best_step: int
    first_loss: float
    train_loss: float
    eval_loss: float | None
    train_rows: int
    validation_rows: int
    skipped_rows: int
    left_out: dict[str, int]
    trainable_parameters: int
    total_parameters: int
    tokens: int
    tokens_per_second: float
    fill_rate: float
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

    A checkpoint is written to `config.dir/checkpoints` every `eval_steps`, and when SIGTERM or
    Ctrl-C stops the run. The next run continues from it if its settings and rows are the same, and
    otherwise starts over. An adapter that is already in `config.dir` is replaced at the end, in one
    move, by the weights with the lowest validation loss.

    Under `torchrun` or `accelerate launch`, every process trains on its own GPU, with
    `config.batch_size` each; only the first one writes. With FSDP each has a part of the base
    model.

    Args:
        texts: the dry run (`base_model="tiny"`) trains its tokenizer on them; otherwise unread.
        report_to: trackers, as in transformers: `["wandb"]` or `[]`.
        seal: called with the finished directory before it replaces the old one; writes the
            manifest. The model has been released by then.

    Raises:
        ArtefactError: there is no dataset in `config.dataset`.
        ConfigError: no training row fits `max_length`, or the rows and the model do not fit.
        ModelError: the base model cannot be loaded.
        DivergenceError: the loss is not finite, or ran away; nothing is saved.
        DiskError: a checkpoint cannot be written.
        MedragError: the run was stopped by SIGTERM; the same command continues it.
        KeyboardInterrupt: it was stopped by Ctrl-C; the same.
    """
    from accelerate import PartialState

    started = time.monotonic()
    quiet_libraries()
    sharded = shards() > 1
    processes = PartialState(cpu=config.device is Device.cpu)  # each gets a GPU of its own
    directory = Path(config.dir)
    recover_directory(directory)
    dataset = load_dataset(Path(config.dataset), config.validation_rows, config.seed)
    base = config.base_model
    if base == TINY:
        folder = directory.parent / "tiny-base"
        with processes.main_process_first():
            base = str(build_tiny_model(config.tiny, texts, folder, config.seed))
    tokenizer = load_tokenizer(base)
    work = directory / "checkpoints"
    with processes.main_process_first():
        run = Run(work, _identity(config, base, processes.num_processes), writes=is_main_process())
        rows, left_out = _tokenised(dataset, tokenizer, config, work)

    base_weights = weights_hash(base)
    model = load_causal_lm(
        base,
        device=config.device,
        four_bit=True,
        double_quant=config.double_quant,
        to_shard=sharded,
    )
    vocabulary = model.get_input_embeddings().num_embeddings
    for kept in rows.values():
        if problems := check_rows(kept, tokenizer, vocabulary, config.max_length):
            raise ConfigError(f"{config.dataset} cannot be trained on: {'; '.join(problems)}")
    trainer = build_trainer(
        config, model, tokenizer, rows, work, report_to=report_to, run_name=run_name
    )
    plan_steps(trainer, config, run, started)
    training = time.monotonic()
    try:
        before = train_to_the_end(trainer, work)
        state = trainer.state
        best = state.best_global_step or state.global_step
        read_weights(checkpoint_of(work, best), trainer.model)
        check_weights(trainer)
    except DivergenceError:
        if is_main_process():
            shutil.rmtree(work, ignore_errors=True)  # the same command would diverge again
        raise
    training = time.monotonic() - training
    trainable, total = trainer.parameters
    losses = [entry["loss"] for entry in state.log_history if "loss" in entry]
    result = TrainingResult(
        base_model=base,
        base_weights=base_weights,
        steps=state.global_step,
        steps_before=before.global_step,
        epochs=state.epoch,
        best_step=best,
        first_loss=losses[0],
        train_loss=losses[-1],
        eval_loss=state.best_metric,
        train_rows=len(rows["train"]),
        validation_rows=len(rows.get("validation", ())),
        skipped_rows=sum(left_out.values()),
        left_out=left_out,
        trainable_parameters=trainable,
        total_parameters=total,
        tokens=state.num_input_tokens_seen,
        tokens_per_second=(state.num_input_tokens_seen - before.num_input_tokens_seen) / training,
        fill_rate=trainer.fill_rate(),
        seconds=time.monotonic() - started,
        history=state.log_history,
    )
    if is_main_process():
        with replacing_directory(directory) as fresh:  # removes the checkpoints, too
            trainer.model.peft_config["default"].base_model_name_or_path = base
            # save_embedding_layers: the default asks the hub whether the vocabulary has grown.
            trainer.model.save_pretrained(fresh, save_embedding_layers=False)
            tokenizer.save_pretrained(fresh)
            del trainer, model
            gc.collect()  # a trainer refers to itself, and `seal` may need the memory
            if seal:
                seal(fresh, result)
    return result


def _tokenised(
    dataset: DatasetDict, tokenizer: Any, config: FineTuneConfig, work: Path
) -> tuple[dict[str, Dataset], dict[str, int]]:
    """The splits as token ids, and how many rows are left out, by reason."""
    rows = {}
    left_out: Counter[str] = Counter()
    given = {name: dataset[name] for name in ("train", "validation") if name in dataset}
    for name, split in given.items():
        kept, reasons = tokenize_rows(
            split, tokenizer, config.max_length, work / f"{name}.arrow", reuse=not is_main_process()
        )
        left_out.update(reasons)
        if name == "train" or len(kept):
            rows[name] = kept
    if left_out:
        logger.warning(
            "%d of %d rows are left out: %s (finetune.max_length=%d)",
            left_out.total(),
            sum(len(split) for split in given.values()),
            ", ".join(f"{count} {reason}" for reason, count in left_out.most_common()),
            config.max_length,
        )
    return rows, dict(left_out)


def _identity(config: FineTuneConfig, base: str, processes: int) -> str:
    """A hash of everything that decides the result; their content counts, not their place."""
    settings = asdict(config)
    for name in ("dir", "dataset", "base_model", "tiny", "held_out_rows"):
        del settings[name]
    folders = [Path(config.dataset) / split for split in ("train", "validation")]
    return fingerprint(
        {
            "settings": settings,
            "base": model_identity(base).rpartition("@")[2],
            "rows": [file_sha256(p) for folder in folders for p in sorted(folder.glob("*.arrow"))],
            "processes": processes,
        }
    )
