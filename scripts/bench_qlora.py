"""Measure QLoRA in the shape of Mistral-7B-Instruct-v0.2: speed, memory, share of the limit.

Nothing is downloaded: the weights are random, made layer by layer on the device and stored as NF4,
and the rows are random tokens: of full length, as after packing, or of mixed lengths, as in a
dataset. Three ways train them, with the adapter, the checkpointing, the batch and the accumulation
of `FineTuneConfig`:

- `medrag`: the trainer of `medrag.finetuning.generator.build_trainer`;
- `trl`: TRL's SFTTrainer with its own defaults for everything else;
- `bare`: PEFT and a loop over forward, backward and AdamW, without any trainer.

With mixed lengths, medrag packs rows into sequences of 2,048 tokens, TRL pads the rows of a batch,
and only tokens of rows count.

A token costs 4 N + 6 A + 6 s h L floating-point operations: N parameters of frozen matrices (two
for each in the forward pass and two for the gradient of the input; a frozen weight has no gradient,
so it is not 6 N), A of the adapter, and causal attention over s tokens in L layers of width h. What
checkpointing computes twice counts once. The limit is the rate of a large bf16 product (fp32 on a
CPU), measured in the same run. Memory is PyTorch's peak of allocated bytes while training, the
model included; bitsandbytes keeps paged optimiser states outside it (about 0.1 GiB).

    python scripts/bench_qlora.py --out outputs/bench/qlora.json
    python scripts/bench_qlora.py --out /tmp/qlora.json --tiny   # any CPU; checks only that it runs
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from qlora_ways import TRAINERS, random_model
from transformers import MistralConfig, TrainerCallback

from medrag.config import Device, FineTuneConfig, TinyModelConfig
from medrag.finetuning import quiet_libraries
from medrag.finetuning.tiny import build_tiny_model
from medrag.generation.loading import load_tokenizer

SHAPE = MistralConfig(max_position_embeddings=32768, sliding_window=None, vocab_size=32000)
TINY = MistralConfig(
    vocab_size=400,
    hidden_size=64,
    intermediate_size=128,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    sliding_window=None,
)


@dataclass(frozen=True)
class Case:
    """One row of the table: who trains, on how many rows of how many tokens at a time."""

    trainer: str
    batch: int
    length: int
    changes: dict[str, Any] = field(default_factory=dict)  # to FineTuneConfig
    mixed: bool = False  # rows of an eighth to half of `length`


NO_CHECKPOINTS = {"gradient_checkpointing": False}
CASES = [  # what matters most comes first: --budget cuts the end off
    Case("medrag", 1, 2048),
    Case("trl", 1, 2048),
    Case("medrag", 4, 2048),
    Case("trl", 4, 2048),
    Case("medrag", 4, 2048, mixed=True),
    Case("trl", 8, 2048, mixed=True),
    Case("medrag", 8, 1024),
    Case("trl", 8, 1024),
    Case("medrag", 16, 512),
    Case("trl", 16, 512),
    Case("medrag", 1, 2048, NO_CHECKPOINTS),
    Case("trl", 1, 2048, NO_CHECKPOINTS),
    Case("bare", 4, 2048),
    Case("medrag", 4, 2048, {"lora_dropout": 0.0}),
]


def flops_per_token(model: Any, shape: MistralConfig, length: int) -> float:
    """Operations of one training step per token, as the head of this file says."""
    linear = [m for m in model.modules() if isinstance(m, torch.nn.Linear)]
    adapter = sum(p.numel() for p in model.parameters() if p.requires_grad)
    frozen = sum(m.in_features * m.out_features for m in linear) - adapter
    attention = length * shape.hidden_size * shape.num_hidden_layers
    return float(4 * frozen + 6 * adapter + 6 * attention)


def matmul_rate(device: torch.device) -> float:
    """Operations per second of a large product, the best of ten."""
    on_gpu = device.type == "cuda"
    size, dtype = (8192, torch.bfloat16) if on_gpu else (1024, torch.float32)
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    times = []
    for _ in range(13):
        started = now(device)
        a @ b
        times.append(now(device) - started)
    return 2 * size**3 / min(times[3:])


def now(device: torch.device) -> float:
    """The clock in seconds, after the device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


class Clock(TrainerCallback):  # type: ignore[misc]  # untyped library
    """Notes when each optimiser step ends."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.ends = device, list[float]()

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        self.ends.append(now(self.device))


def measure(
    case: Case, shape: MistralConfig, device: torch.device, steps: int, tokenizer: Any, work: str
) -> dict[str, Any]:
    """Train `steps` optimiser steps after one that is not timed."""
    config = replace(
        FineTuneConfig(),
        device=Device(device.type),
        dir=work,
        batch_size=case.batch,
        max_length=case.length,
        max_steps=1 + steps,
        **case.changes,
    )
    on_gpu = device.type == "cuda"
    # Not 0: bitsandbytes keeps the embedding of every model that an 8-bit optimiser trained.
    before = torch.cuda.memory_allocated() if on_gpu else 0
    model = random_model(shape, device, config.double_quant)
    ids = list(random_rows(case, shape.vocab_size, config, 1 + steps))
    masks = [[1] * len(row) for row in ids]
    rows = Dataset.from_dict({"input_ids": ids, "completion_mask": masks})
    trainer = TRAINERS[case.trainer](config, model, tokenizer, rows)
    clock = Clock(device)
    trainer.add_callback(clock)
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    trainer.train()
    mean_step = sum(map(len, ids)) / (1 + steps)
    per_step = trainer.tokens_per_step() if case.trainer == "medrag" else mean_step
    rate = per_step * steps / (clock.ends[-1] - clock.ends[0])
    peak = (torch.cuda.max_memory_allocated() - before) / 2**30 if on_gpu else None
    flops = rate * flops_per_token(trainer.model, shape, case.length)
    ends = [end - clock.ends[0] for end in clock.ends]
    return {
        "tokens_per_second": rate,
        "peak_gib": peak,
        "flops": flops,
        "step_ends": ends,
    }


def random_rows(
    case: Case, vocabulary: int, config: FineTuneConfig, steps: int
) -> Iterator[list[int]]:
    """Rows of random tokens for so many optimiser steps."""
    draw = random.Random(13)
    sequences = config.batch_size * config.gradient_accumulation * steps
    if not case.mixed:
        for _ in range(sequences):
            yield torch.randint(10, vocabulary, (case.length,)).tolist()
        return
    # Enough rows to fill the sequences.
    for _ in range(sequences if case.trainer == "trl" else 4 * sequences):
        length = draw.randint(case.length // 8, case.length // 2)
        yield torch.randint(10, vocabulary, (length,)).tolist()


def main() -> int:
    """Print the table and write `--out`; 1 if a case failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="JSON, written after each case")
    parser.add_argument("--steps", type=int, default=3, help="optimiser steps to time")
    parser.add_argument("--budget", type=float, default=1e9, help="seconds; then no case starts")
    parser.add_argument("--tiny", action="store_true", help="a small shape, rows of 1/64")
    options = parser.parse_args()
    started = time.monotonic()
    quiet_libraries()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    limit = matmul_rate(device)
    names = ("torch", "transformers", "peft", "trl", "bitsandbytes", "accelerate")
    report: dict[str, Any] = {
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "versions": {name: version(name) for name in names},
        "matmul_flops": limit,
        "tiny": options.tiny,
        "cases": [],
    }
    print(json.dumps({key: report[key] for key in ("device", "versions", "matmul_flops")}))
    print("| trainer | batch × tokens | tokens/s | peak GiB | share of the limit |")
    print("|---" * 5 + "|")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        base = build_tiny_model(TinyModelConfig(vocab_size=400), ["text"], Path(work) / "base", 13)
        tokenizer = load_tokenizer(str(base))
        for case in CASES:
            if options.tiny:
                case = replace(case, length=case.length // 64)
            if time.monotonic() - started > options.budget:
                result: dict[str, Any] = {"skipped": "not measured: no time left"}
            else:
                shape = TINY if options.tiny else SHAPE
                try:
                    result = measure(case, shape, device, options.steps, tokenizer, work)
                except Exception as error:  # one case must not cost the others
                    traceback.print_exc()
                    result = {"error": f"{type(error).__name__}: {error}"[:300]}
            gc.collect()  # a trainer and its model hold each other
            torch.cuda.empty_cache()
            report["cases"].append(asdict(case) | result)
            options.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
            print(line(case, result, limit), flush=True)
    return int(any("error" in case for case in report["cases"]))


def line(case: Case, result: dict[str, Any], limit: float) -> str:
    """The case as a row of the table."""
    changes = "".join(f", {name}={value}" for name, value in case.changes.items())
    mixed = ", mixed" if case.mixed else ""
    head = f"| {case.trainer}{changes}{mixed} | {case.batch} × {case.length} |"
    if "flops" not in result:
        return f"{head} {result.get('error') or result['skipped']} | | |"
    peak = f"{result['peak_gib']:.2f}" if result["peak_gib"] is not None else "not measured"
    return f"{head} {result['tokens_per_second']:,.0f} | {peak} | {result['flops'] / limit:.3f} |"


if __name__ == "__main__":
    sys.exit(main())
