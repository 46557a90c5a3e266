"""Small rows, a small Mistral and settings for trainings on the CPU that take seconds."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset, DatasetDict

from medrag.config import (
    Device,
    DistilConfig,
    FineTuneConfig,
    RetrieverTuneConfig,
    TinyModelConfig,
)
from medrag.errors import MedragError
from medrag.finetuning.generator import TrainingResult, train_generator
from medrag.finetuning.guards import Divergence
from medrag.finetuning.retriever import RetrieverResult, train_retriever
from medrag.finetuning.student import StudentResult, train_student
from medrag.finetuning.tokenising import tokenize_rows
from medrag.finetuning.trainer import build_trainer
from medrag.generation.loading import load_causal_lm, load_tokenizer

SHAPE = TinyModelConfig(
    vocab_size=400, hidden_size=64, intermediate_size=128, layers=2, heads=4, kv_heads=2
)
DRUGS = ("metformin", "insulin", "aspirin", "amoxicillin")


def row(number: int, padding: int = 0) -> dict[str, Any]:
    drug = DRUGS[number % len(DRUGS)]
    question = f"[1] Take {drug} daily.{' More.' * padding}\n\nQuestion: what is taken?"
    answer = f"Take {drug} daily. [1]"
    return {
        "id": str(number),
        "prompt": [{"role": "user", "content": question}],
        "completion": [{"role": "assistant", "content": answer}],
        "question": question,
        "answer": answer,
        "documents": ["d"],
        "contexts": [{"text": answer, "document": "d", "title": "t", "gold": True}],
    }


def uneven_row(number: int) -> dict[str, Any]:
    """Prompts and answers of very different lengths."""
    given = row(number, padding=5 * (number % 4))
    answer = " ".join(["Take it daily."] * (1 + number % 5))
    return {**given, "completion": [{"role": "assistant", "content": answer}], "answer": answer}


ROWS = [row(number) for number in range(20)]
LONG = [row(number, padding=300) for number in range(3)]
UNEVEN = [uneven_row(number) for number in range(16)]
TEXTS = [r["question"] + r["answer"] for r in ROWS]


def settings(folder: Path, **changes: Any) -> FineTuneConfig:
    config = FineTuneConfig(
        base_model="tiny",
        dataset=str(folder / "dataset"),
        dir=str(folder / "models" / "adapter"),
        device=Device.cpu,
        max_length=128,
        packing=False,
        batch_size=4,
        gradient_accumulation=1,
        learning_rate=1e-2,
        warmup_steps=2,
        max_steps=30,
        eval_steps=15,
        gradient_checkpointing=False,
        tiny=SHAPE,
    )
    return replace(config, **changes)


def save_dataset(folder: Path, **splits: list[dict[str, Any]]) -> None:
    tables = {name: Dataset.from_list(rows) for name, rows in splits.items()}
    DatasetDict(tables).save_to_disk(folder / "dataset")


def trainer_of(
    base: str,
    folder: Path,
    rows: list[dict[str, Any]],
    validation: list[dict[str, Any]] | None = None,
    **changes: Any,
) -> Any:
    """A trainer in fp32 without quantisation, so that numbers can be compared closely."""
    config = settings(folder, base_model=base, lora_dropout=0.0, **changes)
    tokenizer = load_tokenizer(base)
    splits = {"train": rows} | ({"validation": validation} if validation else {})
    folder.mkdir(parents=True, exist_ok=True)
    tokenised = {
        name: tokenize_rows(
            Dataset.from_list(split), tokenizer, config.max_length, folder / f"{name}.arrow"
        )[0]
        for name, split in splits.items()
    }
    model = load_causal_lm(base, device=Device.cpu, four_bit=False).float()
    return build_trainer(config, model, tokenizer, tokenised, folder, report_to=[], run_name="test")


# Its processes begin with the libraries imported, which takes longer than a small training.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    [
        "torch",
        "trl.trainer.sft_trainer",
        "peft",
        "bitsandbytes",
        "medrag.finetuning.generator",
        "sentence_transformers",
    ]
)


def start_training(
    config: FineTuneConfig | RetrieverTuneConfig | DistilConfig,
    environment: dict[str, str] | None = None,
) -> tuple[ForkServerProcess, Connection, Path]:
    """Train in a process of its own.

    Args:
        environment: variables to set there, such as those of `torchrun`.

    Returns:
        The process; where it sends (number, loss, gradient norm) of every step, and the trainer's
        log at the end; and the file with its standard error.
    """
    folder = Path(config.dir).parent
    folder.mkdir(parents=True, exist_ok=True)
    environment = environment or {}
    told = folder / f"stderr-{environment.get('RANK', 0)}.txt"
    receive, send = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=train_and_tell, args=(config, send, told, environment))
    process.start()
    send.close()
    return process, receive, told


def until(messages: Connection, step: int, losses: dict[int, list[float]]) -> None:
    """Read the losses that a training sends, up to a step."""
    number = 0
    while number < step:
        number, *values = messages.recv()
        losses.setdefault(number, values)
        assert losses[number] == pytest.approx(values, rel=1e-6)  # trained again after a kill


def train_and_tell(
    config: FineTuneConfig | RetrieverTuneConfig | DistilConfig,
    send: Connection,
    told: Path,
    environment: dict[str, str],
) -> None:
    """What that process does; it is slow enough to be stopped at any step."""
    os.environ.update(environment)
    check = Divergence.step

    def step(self: Divergence, number: int, loss: float, norm: float) -> None:
        check(self, number, loss, norm)
        send.send((number, loss, norm))
        time.sleep(0.05)

    Divergence.step = step  # type: ignore[method-assign]
    torch.set_num_threads(1)
    with told.open("w") as file:
        os.dup2(file.fileno(), 2)
    try:
        result: TrainingResult | RetrieverResult | StudentResult
        if isinstance(config, RetrieverTuneConfig):
            result = train_retriever(config, report_to=[], run_name="test")
        elif isinstance(config, DistilConfig):
            result = train_student(config, report_to=[], run_name="test")
        else:
            result = train_generator(config, TEXTS, report_to=[], run_name="test")
    except MedragError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    send.send(result.history)
