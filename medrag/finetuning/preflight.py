"""Checks before a QLoRA run that this machine has what it needs, without loading the model."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from ..config import Device, FineTuneConfig
from ..errors import ModelError, PreflightError
from ..generation import smollm2
from ..generation.loading import folder_problem, is_hub_id, resolve
from ..hardware import disk_free, has_gpu_driver, memory_limit
from .memory import GB, MISTRAL_7B, ModelShape, estimate_memory, read_shape
from .sharding import shards
from .tiny import TINY

MISTRAL = "mistralai/Mistral-7B-Instruct-v0.2"
_MISTRAL_DOWNLOAD = int(14.5 * GB)  # its safetensors, in bf16
_HUB_SECONDS = 3.0  # how long the hub may take to answer
_HOST_RAM = int(4 * GB)  # Python, torch, and the weights on their way to a GPU
_RESULT_DISK = int(0.2 * GB)  # tokenised rows, logs, and room for small files


def preflight(config: FineTuneConfig) -> None:
    """Return if a run with these settings can start here.

    This takes about a second, or four if the hub does not answer. It loads no model, and imports
    `torch` only where a GPU driver is installed. It asks the hub, once, only about a hub id that
    is not in the local cache, and never if HF_HUB_OFFLINE is set.

    Raises:
        PreflightError: lists everything that is missing, what the run needs, and what can run.
    """
    from huggingface_hub.constants import HF_HUB_CACHE

    gpu_problem, gpu_free = ("", 0) if config.device is Device.cpu else _look_at_gpu()
    machine = Machine(
        gpu_problem,
        gpu_free,
        memory_limit(),
        disk_free(config.dir),
        disk_free(HF_HUB_CACHE),
        shards(),
        int(os.environ.get("LOCAL_WORLD_SIZE", 1)),
    )
    weights = look_for_weights(config)
    missing = find_missing(config, machine, weights)
    if missing:
        raise PreflightError(_describe(config, missing, weights))


@dataclass(frozen=True)
class Machine:
    """What this machine offers a run; sizes in bytes.

    Attributes:
        gpu_problem: why no GPU can be used; "" if one can.
        gpu_free: free memory of the GPU; 0 without one.
        ram: the most memory this process may use.
        disk_free: free space where the results go.
        cache_free: free space where weights from the hub go.
        shards: over how many processes the frozen weights are sharded; 1: they are whole.
        processes: how many of them run on this machine.
    """

    gpu_problem: str
    gpu_free: int
    ram: int
    disk_free: int
    cache_free: int
    shards: int = 1
    processes: int = 1


@dataclass(frozen=True)
class Weights:
    """The base model: what is wrong with it, and how much must still be downloaded."""

    problem: str = ""
    download: int = 0  # bytes
    shape: ModelShape | None = None


def find_missing(config: FineTuneConfig, machine: Machine, weights: Weights) -> list[str]:
    """Everything that is missing, a line each; empty if the run can start."""
    missing = []
    if not (Path(config.dataset) / "dataset_dict.json").is_file():
        missing.append(
            f"the dataset: there is none in {config.dataset}; make one with: "
            f"python -m medrag.build_dataset dataset.dir={config.dataset}"
        )
    if weights.problem:
        missing.append(f"the weights: {weights.problem}")
    on_gpu = config.device is Device.cuda or (
        config.device is Device.auto and not machine.gpu_problem
    )
    if on_gpu and machine.gpu_problem:
        missing.append(f"a GPU: finetune.device={config.device.value}, but {machine.gpu_problem}")
    if weights.shape is None:
        return missing
    if not on_gpu:  # device=auto falls back to the CPU
        config = replace(config, device=Device.cpu)
    estimate = estimate_memory(config, weights.shape, machine.shards)
    if on_gpu and not machine.gpu_problem and machine.gpu_free < estimate.total:
        missing.append(
            f"GPU memory: about {_gb(estimate.total)} is needed and {_gb(machine.gpu_free)} is "
            "free; lower finetune.batch_size or finetune.max_length"
        )
    ram = _HOST_RAM if on_gpu else estimate.total
    if machine.shards > 1:  # each process reads all weights before it keeps a part of them
        ram += machine.processes * estimate_memory(config, weights.shape).weights
    if weights.shape.linear_parameters > 1e8 and machine.ram < ram:
        missing.append(f"RAM: about {_gb(ram)} is needed, this machine has {_gb(machine.ram)}")
    result = _RESULT_DISK + 3 * estimate.adapters  # the adapter and two checkpoints
    if machine.disk_free < result:
        missing.append(
            f"disk space for {config.dir}: about {_gb(result)} is needed, "
            f"{_gb(machine.disk_free)} is free"
        )
    if machine.cache_free < weights.download:
        missing.append(
            f"disk space for the weights: {_gb(weights.download)} must be downloaded, "
            f"{_gb(machine.cache_free)} is free in the hub's cache (HF_HOME moves it)"
        )
    return missing


def _describe(config: FineTuneConfig, missing: list[str], weights: Weights) -> str:
    """The error message: what is missing, what the run needs, and what can run here instead."""
    lines = [f"fine-tuning {config.base_model} cannot start here. Missing:"]
    lines += [f"  - {line}" for line in missing]
    if config.base_model in (TINY, smollm2.NAME):
        return "\n".join(lines)
    lines.append("It needs:")
    if weights.download:
        lines.append(f"  - weights: a download of {_gb(weights.download)} (safetensors), once")
    if weights.shape is None:
        lines.append("  - memory: unknown until the model's config.json can be read")
    else:
        need = estimate_memory(config, weights.shape, shards())
        lines.append(
            f"  - memory: about {_gb(need.total)} on the training device (4-bit weights "
            f"{_gb(need.weights)}, adapters and optimiser {_gb(need.adapters)}, activations of "
            f"{config.batch_size} rows of {config.max_length} tokens {_gb(need.activations)}, "
            f"other {_gb(need.overhead)})"
        )
    lines.append("A small model can be trained here:")
    lines.append("  python -m medrag.train +experiment=qlora_cpu")
    return "\n".join(lines)


def _look_at_gpu() -> tuple[str, int]:
    """Why no GPU can be used ("" if one can), and its free memory in bytes."""
    if not has_gpu_driver():
        return "no GPU driver is installed", 0
    import torch

    if torch.version.cuda is None:
        return "torch is installed without CUDA; install its CUDA build", 0
    if not torch.cuda.is_available():
        return "torch finds no usable GPU (see nvidia-smi and CUDA_VISIBLE_DEVICES)", 0
    free, _ = torch.cuda.mem_get_info(int(os.environ.get("LOCAL_RANK", 0)))  # as torchrun sets it
    if not torch.cuda.is_bf16_supported(including_emulation=False):
        return f"{torch.cuda.get_device_name()} has no bf16 (Ampere or newer has)", free
    return "", free


def look_for_weights(config: FineTuneConfig) -> Weights:
    """Find the base model in a folder, in the hub's cache, or on the hub."""
    model = config.base_model
    if model == TINY:
        t, head = config.tiny, config.tiny.hidden_size // config.tiny.heads
        sizes = (t.vocab_size, t.hidden_size, t.intermediate_size, t.layers, t.heads, t.kv_heads)
        return Weights(shape=ModelShape(*sizes, head))
    try:
        folder = Path(resolve(model))
    except ModelError as error:  # the packaged model is not there
        return Weights(str(error))
    if folder.is_dir():
        problem = folder_problem(folder)
        shape = read_shape(folder / "config.json")
        return Weights(f"{model} {problem}" if problem else "", shape=shape)
    if not is_hub_id(model):
        return Weights(f"{model} is neither a folder here nor a hub id (owner/name)")
    return _look_at_hub(model)


def _look_at_hub(model: str) -> Weights:
    from huggingface_hub import get_hf_file_metadata, hf_hub_url, try_to_load_from_cache
    from huggingface_hub.constants import HF_HUB_OFFLINE
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    known = MISTRAL_7B if model == MISTRAL else None
    cached = try_to_load_from_cache(model, "config.json")
    if isinstance(cached, str):
        known = read_shape(Path(cached)) or known
        if not folder_problem(Path(cached).parent):
            return Weights(shape=known)
    download = _MISTRAL_DOWNLOAD if model == MISTRAL else 0
    absent = f"{model} is neither a folder here nor in the hub's local cache, and "
    if HF_HUB_OFFLINE:
        return Weights(absent + "HF_HUB_OFFLINE is set, so the hub is not asked", download, known)
    try:
        get_hf_file_metadata(hf_hub_url(model, "config.json"), timeout=_HUB_SECONDS)
    except GatedRepoError:
        reason = "the hub wants its licence accepted there, and a login (`hf auth login`)"
    except RepositoryNotFoundError:
        reason = "the hub has no such model"
    except Exception as error:  # a network can fail in many ways, and all mean the same here
        cause = str(error).strip().split("\n")[0] or type(error).__name__
        reason = f"the hub cannot be reached ({cause})"
    else:
        return Weights(download=download, shape=known)
    return Weights(absent + reason, download, known)


def _gb(size: float) -> str:
    return f"{size / GB:.1f} GB"
