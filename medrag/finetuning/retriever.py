"""Tune the retriever's encoder: bring questions close to the passages that answer them."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config import RetrieverTuneConfig
from ..embedding.local.folder import locate
from ..errors import ArtefactError
from ..generation.loading import resolve_device
from ..manifest import recover_directory, replacing_directory
from . import load_dataset, quiet_libraries, watched


@dataclass(frozen=True)
class RetrieverResult:
    """The result of a finished run.

    Attributes:
        base_model: folder of the encoder it started from.
        pairs: how many (question, passage) pairs it was trained on.
        skipped_rows: rows of the train split whose passage is unknown, altered or shared.
        truncated: passages longer than `max_length` tokens, whose end training did not see.
        first_loss, train_loss: of the first and the last step, in nats per question.
        seconds: wall time.
    """

    base_model: str
    steps: int
    first_loss: float
    train_loss: float
    pairs: int
    skipped_rows: int
    truncated: int
    seconds: float
    history: list[dict[str, Any]]


def train_retriever(
    config: RetrieverTuneConfig,
    *,
    report_to: list[str],
    run_name: str,
    seal: Callable[[Path, RetrieverResult], None] | None = None,
) -> RetrieverResult:
    """Train on (question, gold passage) pairs and save a sentence-transformers model.

    Each question's negatives are the other passages of its batch (Henderson et al. 2017,
    arXiv:1705.00652), so no passage occurs twice in a batch. Passages are read as the index embeds
    them: title, line break, text. Only the train split is read. A model that is already in
    `config.dir` is replaced at the end, in one move.

    Args:
        report_to: trackers, as in transformers: `["wandb"]` or `[]`.
        seal: called with the finished directory before it replaces the old one; writes the
            manifest.

    Raises:
        ArtefactError: there is no dataset, or fewer than two of its rows have a gold passage.
        ModelError: the encoder cannot be found or loaded.
    """
    started = time.monotonic()
    quiet_libraries()
    rows = load_dataset(Path(config.dataset))["train"]
    pairs = _pairs(rows)
    if len(pairs["anchor"]) < 2:
        raise ArtefactError(
            f"{len(pairs['anchor'])} training rows of {config.dataset} have a gold passage, and "
            "at least 2 are needed; build the dataset from questions that name their documents"
        )
    # Heavy imports only once there is something to train on.
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.sampler import BatchSamplers
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
    from sentence_transformers.sentence_transformer.trainer import SentenceTransformerTrainer
    from sentence_transformers.sentence_transformer.training_args import (
        SentenceTransformerTrainingArguments,
    )

    base = locate(config.base_model)
    device = resolve_device(config.device)
    model = SentenceTransformer(
        str(base),
        device=str(device),
        local_files_only=True,
        trust_remote_code=False,
        model_kwargs={"use_safetensors": True, "dtype": "float32"},
    )
    own_length, model.max_seq_length = model.max_seq_length, config.max_length
    lengths = model.tokenizer(pairs["positive"], truncation=False, verbose=False)["input_ids"]
    directory = Path(config.dir)
    recover_directory(directory)
    with tempfile.TemporaryDirectory() as work:
        trainer = SentenceTransformerTrainer(
            model=model,
            args=SentenceTransformerTrainingArguments(
                output_dir=work,
                num_train_epochs=config.epochs,
                max_steps=config.max_steps,
                per_device_train_batch_size=config.batch_size,
                batch_sampler=BatchSamplers.NO_DUPLICATES,
                learning_rate=config.learning_rate,
                warmup_steps=0.1,  # below 1, so a share of all steps
                bf16=device.type == "cuda",
                use_cpu=device.type == "cpu",
                dataloader_pin_memory=device.type == "cuda",
                logging_steps=1,
                save_strategy="no",
                report_to=report_to or "none",
                run_name=run_name,
                seed=config.seed,
            ),
            train_dataset=Dataset.from_dict(pairs),
            loss=MultipleNegativesRankingLoss(model),
        )
        with watched(trainer, "tuning"):
            trainer.train()
    history = trainer.state.log_history
    losses = [entry["loss"] for entry in history if "loss" in entry]
    result = RetrieverResult(
        base_model=str(base),
        steps=trainer.state.global_step,
        first_loss=losses[0],
        train_loss=losses[-1],
        pairs=len(pairs["anchor"]),
        skipped_rows=len(rows) - len(pairs["anchor"]),
        truncated=sum(len(ids) > config.max_length for ids in lengths),
        seconds=time.monotonic() - started,
        history=history,
    )
    with replacing_directory(directory) as fresh:
        _save(model, fresh, own_length)
        if seal:
            seal(fresh, result)
    return result


def _save(model: Any, folder: Path, max_length: int) -> None:
    model.max_seq_length = max_length  # the index embeds whole chunks
    model.save_pretrained(str(folder), create_model_card=False, safe_serialization=True)
    # sentence-transformers 6 writes the length to the tokenizer only, but it and other libraries
    # read it here too.
    path = folder / "sentence_bert_config.json"
    options = json.loads(path.read_text(encoding="utf-8"))
    content = json.dumps({"max_seq_length": max_length, **options}, indent=2)
    path.write_text(content + "\n", encoding="utf-8")


def _pairs(rows: Any) -> dict[str, list[str]]:
    """Questions and the passages that hold their answers, in two columns; none that was altered."""
    pairs: dict[str, list[str]] = {"anchor": [], "positive": []}
    for row in rows:
        passage = row["passage"]
        if passage["document"] and not passage["altered"] and not row["shares"]:
            title = " ".join(passage["title"].split())
            pairs["anchor"].append(row["question"])
            pairs["positive"].append(f"{title}\n{passage['text']}" if title else passage["text"])
    return pairs
