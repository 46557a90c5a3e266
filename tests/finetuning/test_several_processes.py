"""Two processes, as `torchrun` starts them, train as one does with the same rows per step."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from medrag.config import FineTuneConfig
from medrag.finetuning.tiny import build_tiny_model
from tests.finetuning.small_run import (
    SHAPE,
    TEXTS,
    UNEVEN,
    save_dataset,
    settings,
    start_training,
)

STEPS = 6


def train(config: FineTuneConfig, processes: int) -> list[dict[str, Any]]:
    """The logs of the trainers of all processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = [
        start_training(
            config,
            {
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": str(processes),
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
                "GLOO_SOCKET_IFNAME": "lo",
            }
            if processes > 1
            else {},
        )
        for rank in range(processes)
    ]
    logs = []
    for _, messages, _ in started:
        for _ in range(STEPS):
            messages.recv()
        logs.append(messages.recv())
    for process, _, told in started:
        process.join(60)
        assert process.exitcode == 0, told.read_text()
    assert not [told.read_text() for _, _, told in started if "Traceback" in told.read_text()]
    return logs


@pytest.mark.slow
def test_two_processes_have_the_losses_of_one(tmp_path: Path) -> None:
    base = build_tiny_model(SHAPE, TEXTS, tmp_path / "base", seed=1)
    save_dataset(tmp_path, train=UNEVEN, validation=UNEVEN[:5])
    config = settings(
        tmp_path,
        base_model=str(base),
        lora_dropout=0.0,  # every process drops others
        batch_size=2,
        gradient_accumulation=2,
        max_steps=STEPS,
        eval_steps=4,
        logging_steps=1,
        learning_rate=1e-3,
        max_length=256,
    )
    two = replace(config, gradient_accumulation=1, dir=str(tmp_path / "two" / "adapter"))
    (alone,) = train(config, 1)
    together = train(two, 2)
    for log in together:
        for name in ("loss", "grad_norm", "eval_loss"):
            wanted, found = ([e[name] for e in one if name in e] for one in (alone, log))
            assert len(wanted) >= 2
            assert found == pytest.approx(wanted, rel=2e-3)  # bf16 where the CPU has it
    sealed, judge = (
        load_file(Path(one.dir) / "adapter_model.safetensors") for one in (two, config)
    )
    for name, tensor in sealed.items():
        torch.testing.assert_close(tensor, judge[name], rtol=0.05, atol=2e-3)
    assert [path.name for path in (tmp_path / "two").iterdir() if path.is_dir()] == ["adapter"]
