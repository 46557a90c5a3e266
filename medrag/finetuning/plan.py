"""What a training of the generator will take, as a table, before it starts."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from ..config import FineTuneConfig
from ..errors import ConfigError, MedragError, PreflightError
from ..generation.loading import load_causal_lm, load_tokenizer
from . import load_dataset, quiet_libraries
from .memory import GB, estimate_memory
from .packing import lengths_of
from .planning import all_steps, probe, steps_in
from .preflight import look_for_weights, preflight
from .row_view import RowView, view
from .sharding import shards
from .tiny import TINY, build_tiny_model
from .tokenising import check_rows, tokenize_rows
from .trainer import build_trainer


@dataclass(frozen=True)
class Plan:
    """What is known of a run; the lines of the table, and a row as the model sees it.

    Attributes:
        problem: why the run cannot start; "" if it can.
    """

    lines: list[tuple[str, str]]
    row: RowView | None
    problem: str

    def __rich__(self) -> RenderableType:
        table = Table(title="before training", title_justify="left", show_header=False)
        for name, value in self.lines:
            table.add_row(name, value)
        return Group(table, self.row) if self.row else table


def plan(config: FineTuneConfig, texts: Iterable[str]) -> Plan:
    """Look at the machine, the weights and the rows, and time two steps if the run can start.

    Nothing is written. Without the weights or a GPU, the table says what is known without them.

    Args:
        texts: see `train_generator`.
    """
    quiet_libraries()
    problem = ""
    try:
        preflight(config)
    except PreflightError as error:
        problem = str(error)
    lines = list(_needs(config))
    row = None
    with tempfile.TemporaryDirectory() as work:
        try:
            found, row = _of_rows(config, texts, Path(work), timed=not problem)
            lines += found
        except MedragError as error:  # no dataset, no tokenizer, rows that cannot be trained on
            problem = problem or str(error)
    return Plan(lines, row, problem)


def _needs(config: FineTuneConfig) -> Iterator[tuple[str, str]]:
    """What follows from the settings and the shape of the model."""
    shape = look_for_weights(config).shape
    yield "base model", config.base_model
    if shape is None:
        yield "memory", "not known before the model's config.json can be read"
        return
    need = estimate_memory(config, shape, shards())
    yield "weights", f"{shape.parameters:,}, of which {shape.linear_parameters:,} in 4-bit NF4"
    trained = shape.adapter_parameters(config.lora_r)
    yield "trained", f"{trained:,} parameters ({trained / shape.parameters:.1%})"
    yield "memory, estimated peak", f"{need.total / GB:.1f} GB on {config.device.value}"
    yield "  4-bit and other weights", f"{need.weights / GB:.1f} GB"
    yield "  adapters and optimiser", f"{need.adapters / GB:.1f} GB"
    yield "  activations", f"{need.activations / GB:.1f} GB"
    yield "  logits, kernels and the rest", f"{need.overhead / GB:.1f} GB"


def _of_rows(
    config: FineTuneConfig, texts: Iterable[str], work: Path, *, timed: bool
) -> tuple[list[tuple[str, str]], RowView]:
    """What the rows say, and a row to look at.

    Raises:
        MedragError: there are no rows, or they cannot be trained on.
    """
    dataset = load_dataset(Path(config.dataset), config.validation_rows, config.seed)
    base = config.base_model
    if base == TINY:
        base = str(build_tiny_model(config.tiny, texts, work / "base", config.seed))
    tokenizer = load_tokenizer(base)
    rows: dict[str, Any] = {}
    lines = []
    for name in ("train", "validation"):
        if name in dataset:
            rows[name], left_out = tokenize_rows(
                dataset[name], tokenizer, config.max_length, work / f"{name}.arrow"
            )
            reasons = ", ".join(f"{count} {reason}" for reason, count in left_out.items())
            lines.append((f"{name} rows", f"{len(rows[name]):,} ({reasons or 'none left out'})"))
    if problems := check_rows(rows["train"], tokenizer, len(tokenizer), config.max_length):
        raise ConfigError(f"{config.dataset} cannot be trained on: {'; '.join(problems)}")
    lengths = sorted(lengths_of(rows["train"]))
    answers = sum(sum(mask) for mask in rows["train"]["completion_mask"])
    lines.append(("tokens of an epoch", f"{sum(lengths):,}, of which {answers:,} are trained"))
    longest = ", ".join(map(str, lengths[:-4:-1]))
    middle = lengths[len(lengths) // 2]
    lines.append(("longest rows", f"{longest} tokens (median {middle})"))
    if timed:
        lines += _of_time(config, base, tokenizer, {k: v for k, v in rows.items() if len(v)}, work)
    else:
        lines.append(("time", "not measured: the run cannot start here"))
    return lines, view(dataset["train"][0], tokenizer)


def _of_time(
    config: FineTuneConfig, base: str, tokenizer: Any, rows: dict[str, Any], work: Path
) -> Iterator[tuple[str, str]]:
    model = load_causal_lm(
        base,
        device=config.device,
        four_bit=True,
        double_quant=config.double_quant,
        to_shard=shards() > 1,
    )
    trainer = build_trainer(config, model, tokenizer, rows, work, report_to=[], run_name="plan")
    step = probe(trainer)
    total = all_steps(config, trainer)
    steps = total
    if config.max_minutes:
        steps = steps_in(config, trainer, step, config.max_minutes * 60)
    yield "steps", f"{steps:,}" + (f" of {total:,}: those that fit" if steps < total else "")
    rate = trainer.tokens_per_step() / step
    took = timedelta(seconds=round(steps * step))
    yield "time, from two steps", f"{took} ({step:.1f} s a step, {rate:,.0f} tokens/s)"
