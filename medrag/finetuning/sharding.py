"""Shard the frozen weights over the processes, so that a model too big for one GPU can be trained.

FSDP (Zhao et al. 2023, arXiv:2304.11277) on the 4-bit weights of QLoRA.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


@cache
def shards() -> int:
    """Over how many processes the frozen weights are sharded; 1: they are whole.

    `accelerate launch` asks for it with the variable ACCELERATE_USE_FSDP. It is taken away here,
    before accelerate reads it: its own FSDP would shard the adapters, too.
    """
    asked = os.environ.pop("ACCELERATE_USE_FSDP", "false").lower() == "true"
    return int(os.environ.get("WORLD_SIZE", 1)) if asked else 1


def shard_frozen_weights(model: Any, device: torch.device) -> None:
    """Move a model with adapters to the device, but of its frozen weights only this process's part.

    A layer is gathered when it is computed, and freed after that. The adapters are small, so each
    process has them whole, and their checkpoints are the same as without sharding.

    FSDP2 shards each tensor by itself, so packed bytes need no `bnb_4bit_quant_storage`.

    Args:
        model: as from `get_peft_model`, on the CPU.
    """
    from bitsandbytes.nn import Linear4bit
    from torch.distributed import broadcast
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard
    from torch.nn import Parameter

    base = model.get_base_model()
    layers = [one for one in base.modules() if type(one).__name__ in base._no_split_modules]
    for module in base.modules():
        if isinstance(module, Linear4bit):
            # The scales stay whole; the module gives them to the weights after each gathering.
            module.quant_state = module.weight.quant_state
            module.quant_state.to(device)
            module.weight = Parameter(module.weight.data, requires_grad=False)
    adapters = {one for one in model.parameters() if one.requires_grad}
    mesh = init_device_mesh(device.type, (shards(),))
    for part in [*layers, model]:
        fully_shard(part, mesh=mesh, ignored_params=adapters)
    for one in model.parameters():
        if one.requires_grad:
            one.data = one.data.to(device)
            broadcast(one.data, src=0)
    model._is_accelerate_prepared = True  # it would put DDP around it, which refuses shards


def average_gradients(model: Any) -> None:
    """Average the gradients of the adapters over the processes, as DDP does without sharding."""
    from torch.distributed import all_reduce

    for one in model.parameters():
        if one.grad is not None:
            all_reduce(one.grad)
            one.grad /= shards()
