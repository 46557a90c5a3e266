"""Two processes, as `torchrun` starts them, train as one does with the same rows per step."""

from __future__ import annotations

import os
import socket
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from medrag.config import Device, FineTuneConfig
from medrag.finetuning.sharding import shard_frozen_weights
from medrag.finetuning.tiny import build_tiny_model
from medrag.generation.loading import load_causal_lm
from tests.finetuning.small_run import (
    PROCESSES,
    SHAPE,
    TEXTS,
    UNEVEN,
    save_dataset,
    settings,
    start_training,
)

CONFIGURATION = Path(__file__).parents[2] / "conf" / "accelerate" / "fsdp_qlora.yaml"
FSDP = {"ACCELERATE_USE_FSDP": "true"}
STEPS = 6


def environments(processes: int) -> list[dict[str, str]]:
    """What `torchrun` tells each process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return [
        {
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "WORLD_SIZE": str(processes),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "GLOO_SOCKET_IFNAME": "lo",
        }
        for rank in range(processes)
    ]


def train(config: FineTuneConfig, environments: list[dict[str, str]]) -> list[list[dict[str, Any]]]:
    """The logs of the trainers of all processes."""
    started = [start_training(config, environment) for environment in environments]
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
@pytest.mark.parametrize("launcher", [{}, FSDP], ids=["whole", "sharded"])
def test_two_processes_have_the_losses_of_one(tmp_path: Path, launcher: dict[str, str]) -> None:
    base = build_tiny_model(SHAPE, TEXTS, tmp_path / "base", seed=1)
    save_dataset(tmp_path, train=UNEVEN, validation=UNEVEN[:5])
    config = settings(
        tmp_path,
        base_model=str(base),
        lora_dropout=0.0,  # every process drops others
        batch_size=2,
        gradient_accumulation=2,
        gradient_checkpointing=True,
        max_steps=STEPS,
        max_minutes=60,  # two steps are timed
        eval_steps=4,
        logging_steps=1,
        learning_rate=1e-3,
        max_length=256,
    )
    two = replace(config, batch_size=1, dir=str(tmp_path / "two" / "adapter"))
    (alone,) = train(config, [{}])
    together = train(two, [environment | launcher for environment in environments(2)])
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
    load_causal_lm(str(base), device=Device.cpu, four_bit=True, adapter=two.dir)


def kept(base: Path, environment: dict[str, str]) -> list[dict[str, float]]:
    """The share of every tensor that a process holds: after the last layer, and after the step."""
    from peft import LoraConfig, get_peft_model
    from torch.distributed import destroy_process_group, init_process_group

    os.environ.update(environment)
    network = load_causal_lm(str(base), device=Device.cpu, four_bit=True, to_shard=True)
    model = get_peft_model(network, LoraConfig(target_modules="all-linear"))
    sizes = {name: one.numel() for name, one in model.named_parameters()}
    found = []

    def look(*_: object) -> None:
        shares = {}
        for name, one in model.named_parameters():
            part = one.to_local() if hasattr(one, "to_local") else one
            shares[name] = part.untyped_storage().nbytes() / part.element_size() / sizes[name]
        found.append(shares)

    init_process_group("gloo")
    shard_frozen_weights(model, torch.device("cpu"))
    assert not FSDP.keys() & os.environ.keys()  # accelerate would shard the adapters, too
    model.get_output_embeddings().register_forward_hook(look)
    model(input_ids=torch.arange(9)[None]).logits.sum().backward()
    look()
    destroy_process_group()
    return found


@pytest.mark.slow
def test_a_process_keeps_its_part_of_the_frozen_weights_and_all_adapters(tmp_path: Path) -> None:
    base = build_tiny_model(SHAPE, TEXTS, tmp_path / "base", seed=1)
    with ProcessPoolExecutor(2, mp_context=PROCESSES) as pool:
        tasks = [pool.submit(kept, base, one | FSDP) for one in environments(2)]
        for after_layers, after_step in (task.result(120) for task in tasks):
            adapters = [share for name, share in after_step.items() if "lora" in name]
            frozen = [share for name, share in after_step.items() if "lora" not in name]
            frozen += [
                share
                for name, share in after_layers.items()
                if ".layers." in name and "lora" not in name
            ]
            assert adapters == [1.0] * len(adapters)
            assert frozen == pytest.approx([0.5] * len(frozen), abs=0.01)  # some sizes are odd


def test_the_configuration_for_accelerate_asks_for_shards() -> None:
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser
    from accelerate.utils.launch import prepare_multi_gpu_env

    command = ["--config_file", str(CONFIGURATION), "--num_processes", "4", "-m", "medrag.train"]
    arguments, *_ = _validate_launch_command(launch_command_parser().parse_args(command))
    assert FSDP.items() <= prepare_multi_gpu_env(arguments).items()
