"""Checkpoints of a training: complete or absent, safetensors and JSON only."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import DiskError
from ..manifest import atomic_write, replacing_directory
from ..workplace import RUN

_STATE = "trainer_state.json"  # its name in transformers, which reads it
_WEIGHTS = "weights.safetensors"
_OPTIMIZER = "optimizer.safetensors"
_VALUES = "optimizer.json"


class Run:
    """What an unfinished training was started with, kept beside its checkpoints.

    Args:
        work: the folder of the checkpoints.
        identity: of everything that decides the result. What another run has left is removed.
        writes: whether this process does so; the others of a run only read.
    """

    def __init__(self, work: Path, identity: str, *, writes: bool = True) -> None:
        self._work = work
        self._identity = identity
        if writes and not self._kept():
            shutil.rmtree(work, ignore_errors=True)
            self._keep({})

    @property
    def planned_steps(self) -> int | None:
        """How many steps were planned when the run began; None before that."""
        return self._kept().get("steps")

    def plan(self, steps: int) -> None:
        """Keep the number of steps, so that a run that continues has the same schedule."""
        self._keep({"steps": steps})

    def _kept(self) -> dict[str, Any]:
        with suppress(OSError, ValueError):
            kept = dict(json.loads((self._work / RUN).read_text(encoding="utf-8")))
            return kept if kept.get("identity") == self._identity else {}
        return {}

    def _keep(self, values: Mapping[str, Any]) -> None:
        atomic_write(self._work / RUN, json.dumps({"identity": self._identity, **values}))


def checkpoint_of(work: Path, step: int) -> Path:
    """Where the checkpoint of a step is, or will be."""
    return work / f"step-{step}"


def latest_checkpoint(work: Path) -> Path | None:
    """The last complete checkpoint."""
    numbered = ((path.name.removeprefix("step-"), path) for path in work.glob("step-*"))
    found = {int(number): path for number, path in numbered if number.isdecimal()}
    for _, path in sorted(found.items(), reverse=True):
        if _is_complete(path):
            return path
    return None


def keep_checkpoints(work: Path, *steps: int | None) -> None:
    """Remove the checkpoints of all other steps."""
    wanted = {checkpoint_of(work, step) for step in steps if step is not None}
    for path in work.glob("step-*"):
        if path not in wanted:
            shutil.rmtree(path, ignore_errors=True)


def write_checkpoint(
    folder: Path,
    model: Any,
    optimizer: Any,
    scheduler: Any,
    state: Any,
    extra: Mapping[str, float],
) -> None:
    """Write a checkpoint; a kill or a full disk leaves none, and those before it intact.

    Random numbers need no state: every step seeds them with its number.

    Args:
        state: the `TrainerState` of transformers.
        extra: more numbers to keep, for `read_extra`.

    Raises:
        DiskError: it cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    tensors, values = _apart(optimizer.state_dict())
    content = {"optimizer": values, "scheduler": scheduler.state_dict(), "extra": dict(extra)}
    try:
        with replacing_directory(folder) as fresh:
            save_file(_trained(model), fresh / _WEIGHTS)
            save_file(tensors, fresh / _OPTIMIZER)
            (fresh / _VALUES).write_text(json.dumps(content), encoding="utf-8")
            state.save_to_json(str(fresh / _STATE))
    except (OSError, SafetensorError) as error:
        raise DiskError(
            f"the checkpoint {folder} cannot be written ({error}); free some space, and the same "
            "command continues from the checkpoint before"
        ) from error


def read_weights(folder: Path, model: Any) -> None:
    """Put the trained weights of a checkpoint into a model that has the same adapters."""
    import torch
    from safetensors.torch import load_file

    kept = load_file(folder / _WEIGHTS)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                parameter.copy_(kept[name])


def read_optimizer(folder: Path, optimizer: Any, scheduler: Any) -> None:
    """Put the state of a checkpoint into an optimiser and a learning rate schedule."""
    from safetensors.torch import load_file

    content = json.loads((folder / _VALUES).read_text(encoding="utf-8"))
    state: dict[int, dict[str, Any]] = {
        int(number): dict(values) for number, values in content["optimizer"]["state"].items()
    }
    for key, tensor in load_file(folder / _OPTIMIZER).items():
        number, _, name = key.partition(".")
        state[int(number)][name] = tensor
    optimizer.load_state_dict(
        {"state": state, "param_groups": content["optimizer"]["param_groups"]}
    )
    scheduler.load_state_dict(content["scheduler"])


def read_extra(folder: Path) -> dict[str, float]:
    """The numbers that `write_checkpoint` was given as `extra`."""
    return dict(json.loads((folder / _VALUES).read_text(encoding="utf-8"))["extra"])


def _trained(model: Any) -> dict[str, Any]:
    named = model.named_parameters()
    return {name: value.detach().contiguous() for name, value in named if value.requires_grad}


def _apart(state: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The tensors of an optimiser's state, and everything else."""
    import torch

    tensors = {}
    rest: dict[int, dict[str, Any]] = {}
    for number, values in state["state"].items():
        rest[number] = {}
        for name, value in values.items():
            if isinstance(value, torch.Tensor):
                # Tensors of the 8-bit optimiser share a table; safetensors wants them apart.
                tensors[f"{number}.{name}"] = value.detach().clone().contiguous()
            else:
                rest[number][name] = value
    return tensors, {"state": rest, "param_groups": state["param_groups"]}


def _is_complete(folder: Path) -> bool:
    from safetensors import SafetensorError, safe_open

    try:
        state, values = (
            json.loads((folder / name).read_text(encoding="utf-8")) for name in (_STATE, _VALUES)
        )
        if "global_step" not in state or not {"optimizer", "scheduler", "extra"} <= {*values}:
            return False
        for name in (_WEIGHTS, _OPTIMIZER):
            with safe_open(folder / name, "pt"):
                pass
    except (OSError, ValueError, TypeError, SafetensorError):
        return False
    return True
