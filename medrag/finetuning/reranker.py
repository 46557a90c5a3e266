"""Tune the reranker: a cross-encoder learns to put the passages that answer a question first."""

from __future__ import annotations

import math
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import RerankerTuneConfig
from ..errors import ArtefactError
from ..generation.loading import resolve_device
from ..manifest import recover_directory, replacing_directory
from ..progress import progress
from ..retrieval.cross_encoder import load_cross_encoder
from ..retrieval.reranking import passage_text
from . import load_dataset, quiet_libraries, watched
from .held_out_ranking import compare

if TYPE_CHECKING:
    import torch

_LISTS = 4  # lists made of one question in an epoch, at most: one for each passage that answers it


@dataclass(frozen=True)
class Candidates:
    """A question with passages that answer it, and passages found for it that do not."""

    question: str
    positives: Sequence[str]
    negatives: Sequence[str]


@dataclass(frozen=True)
class RerankerResult:
    """The result of a finished run.

    Attributes:
        base_model: folder of the model it started from.
        lists: how many lists of one gold passage and others it was trained on, over all epochs.
        skipped_rows: rows of the train split without a gold passage, or with nothing else.
        first_loss, train_loss: of the first and the last step, in nats per list.
        measured: share of test questions whose passages have one that answers in front, before and
            after, and the difference with its 95 % interval; empty if there are none.
        seconds: wall time.
    """

    base_model: str
    steps: int
    first_loss: float
    train_loss: float
    lists: int
    skipped_rows: int
    measured: list[dict[str, Any]]
    seconds: float
    history: list[dict[str, Any]]


def train_reranker(
    config: RerankerTuneConfig,
    *,
    report_to: list[str],
    run_name: str,
    seal: Callable[[Path, RerankerResult], None] | None = None,
) -> RerankerResult:
    """Train on the retrieved passages of a dataset's questions, and save a whole model.

    The passages come from gold documents, or do not: those are the hard negatives. Only the train
    split is read. The result is a transformers model for sequence classification, for
    `retriever.reranker`. A model that is already in `config.dir` is replaced at the end, in one
    move.

    Args:
        report_to: trackers, as in transformers: `["wandb"]` or `[]`.
        seal: called with the finished directory before it replaces the old one; writes the
            manifest.

    Raises:
        ArtefactError: there is no dataset, or no row has a gold passage and another one.
        ModelError: the model cannot be found or loaded.
    """
    started = time.monotonic()
    quiet_libraries()
    dataset = load_dataset(Path(config.dataset))
    rows = dataset["train"]
    candidates = list(_candidates(rows))
    if not candidates:
        raise ArtefactError(
            f"no training row of {config.dataset} has a gold passage and another one to tell it "
            "from; build the dataset from questions that name their documents"
        )
    model, tokenizer = load_cross_encoder(config.base_model)
    base = str(model.config.name_or_path)
    directory = Path(config.dir)
    recover_directory(directory)
    test = [*islice(_candidates(dataset.get("test", ())), config.held_out_questions)]
    before = _answers_first(model, tokenizer, test, config.max_length)
    tuned, state = fit(model, tokenizer, candidates, config, report_to, run_name)
    whole = tuned.merge_and_unload()
    after = _answers_first(whole, tokenizer, test, config.max_length)
    passages = sum(len(one.positives) + len(one.negatives) for one in test)
    losses = [entry["loss"] for entry in state.log_history if "loss" in entry]
    result = RerankerResult(
        base_model=base,
        steps=state.global_step,
        first_loss=losses[0],
        train_loss=losses[-1],
        lists=len(_lists(candidates, config)),
        skipped_rows=len(rows) - len(candidates),
        measured=compare({"all": before}, {"all": after}, {"all": passages}) if test else [],
        seconds=time.monotonic() - started,
        history=state.log_history,
    )
    with replacing_directory(directory) as fresh:
        whole.save_pretrained(fresh)
        tokenizer.save_pretrained(fresh)
        if seal:
            seal(fresh, result)
    return result


def fit(
    model: Any,
    tokenizer: Any,
    candidates: Sequence[Candidates],
    config: RerankerTuneConfig,
    report_to: list[str],
    run_name: str,
) -> tuple[Any, Any]:
    """Train low-rank adapters (Hu et al. 2021, arXiv:2106.09685) on all linear layers.

    Each list holds one passage that answers the question, and `config.negatives` that do not; the
    loss is the cross-entropy of the first among them.

    Args:
        model: for sequence classification with one logit, as from `load_cross_encoder`.

    Returns:
        The PEFT model, and the trainer's state.
    """
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import Trainer, TrainingArguments, set_seed

    device = resolve_device(config.device)
    set_seed(config.seed)  # the adapters start from random weights
    adapters = LoraConfig(
        r=config.lora_r,
        lora_alpha=2 * config.lora_r,
        lora_dropout=0.0,
        target_modules=["query", "key", "value", "dense"],
        modules_to_save=["classifier"],
    )
    adapted = get_peft_model(model.float(), adapters)

    def collate(lists: list[tuple[str, list[str]]]) -> dict[str, torch.Tensor]:
        questions = [question for question, passages in lists for _ in passages]
        passages = [passage for _, passages in lists for passage in passages]
        encoded: dict[str, torch.Tensor] = dict(
            tokenizer(
                questions,
                passages,
                truncation="longest_first",
                max_length=config.max_length,
                padding=True,
                return_tensors="pt",
            )
        )
        # The right answer of every list is its first passage.
        return {**encoded, "labels": torch.zeros(len(lists), dtype=torch.long)}

    def loss(outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor) -> torch.Tensor:
        logits = outputs.logits.float().view(len(labels), -1)
        summed = torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
        return summed / num_items_in_batch  # lists of the whole step

    on_gpu = device.type == "cuda"
    # A step of 32 lists at once takes over 10 GB: a CPU takes them in parts.
    at_once = config.batch_size if on_gpu else math.gcd(config.batch_size, 4)

    lists = _lists(candidates, config)
    steps = config.max_steps if config.max_steps > 0 else -(-len(lists) // config.batch_size)

    with tempfile.TemporaryDirectory() as work:
        trainer = Trainer(
            model=adapted,
            args=TrainingArguments(
                output_dir=work,
                num_train_epochs=1,  # `_lists` makes those of all epochs
                max_steps=config.max_steps,
                per_device_train_batch_size=at_once,
                gradient_accumulation_steps=config.batch_size // at_once,
                learning_rate=config.learning_rate,
                warmup_steps=steps // 10,
                bf16=on_gpu,
                use_cpu=not on_gpu,
                dataloader_pin_memory=on_gpu,
                remove_unused_columns=False,
                logging_steps=1,
                save_strategy="no",
                report_to=report_to or "none",
                run_name=run_name,
                seed=config.seed,
            ),
            train_dataset=lists,
            data_collator=collate,
            compute_loss_func=loss,
        )
        with watched(trainer, "tuning"):
            trainer.train()
    return adapted.cpu().eval(), trainer.state


def _answers_first(
    model: Any, tokenizer: Any, test: Sequence[Candidates], max_length: int
) -> dict[str, float]:
    """1 if a passage that answers gets the highest logit, otherwise 0; by number."""
    import torch

    found = {}
    with progress("measuring", len(test), "questions") as advance:
        for number, one in enumerate(test):
            passages = [*one.positives, *one.negatives]
            encoded = tokenizer(
                [one.question] * len(passages),
                passages,
                truncation="longest_first",
                max_length=max_length,
                padding=True,
                return_tensors="pt",
            )
            with torch.inference_mode():
                logits = model.cpu().float().eval()(**encoded).logits.view(-1)
            found[str(number)] = float(int(logits.argmax()) < len(one.positives))
            advance(1)
    return found


def _lists(
    candidates: Sequence[Candidates], config: RerankerTuneConfig
) -> list[tuple[str, list[str]]]:
    """The lists of all epochs: a question, and passages of which the first answers it."""
    draw = random.Random(config.seed)
    lists = []
    for _ in range(config.epochs):
        for one in candidates:
            for positive in draw.sample(one.positives, min(_LISTS, len(one.positives))):
                others = draw.sample(one.negatives, min(config.negatives, len(one.negatives)))
                # Lists have one length: where there are too few, some come twice.
                others += draw.choices(one.negatives, k=config.negatives - len(others))
                lists.append((one.question, [positive, *others]))
    return lists


def _candidates(rows: Any) -> Iterator[Candidates]:
    for row in rows:
        oracle = row["passage"]
        if not oracle["document"] or oracle["altered"] or row["shares"]:
            continue
        texts: dict[bool, list[str]] = {True: [], False: []}
        for passage in [oracle, *row["contexts"]]:
            text = passage_text(passage["title"], "", passage["text"])
            if text not in texts[True]:  # the oracle is a context, too, unless it is withheld
                texts[bool(passage["gold"])].append(text)
        if texts[False]:
            yield Candidates(row["question"], texts[True], texts[False])
