"""One W&B run per stage: online with a key, offline without one, never a prompt; TensorBoard."""

from __future__ import annotations

import importlib.util
import json
import netrc
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from .config import TrackingConfig, WandbMode
from .errors import ConfigError
from .hardware import is_main_process
from .manifest import MANIFEST, atomic_write
from .progress import console

_COMPARED = ("train", "evaluate")  # stages whose runs people compare


class Run:
    """A tracked run; with tracking disabled every call does nothing.

    Attributes:
        enabled: whether values reach W&B.
        reports_to: where trainers report the course of a training, by the names of transformers.
    """

    def __init__(self, wandb_run: Any = None, reports_to: Sequence[str] = ()) -> None:
        self._run = wandb_run
        self.enabled = wandb_run is not None
        self.reports_to = [*reports_to]

    def summary(self, values: Mapping[str, Any]) -> None:
        """Record the final values, by which runs are compared."""
        if self._run is not None:
            self._run.summary.update(flatten(values))

    def image(self, name: str, path: Path) -> None:
        """Record a picture."""
        if self._run is not None:
            import wandb

            self._run.log({name: wandb.Image(str(path))})

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Record a table."""
        if self._run is not None:
            import wandb

            self._run.log({name: wandb.Table(columns=[*columns], data=[[*row] for row in rows])})

    def artifact(self, directory: Path) -> None:
        """Record an artefact of medrag with its lineage: its manifest and its card, no weights."""
        if self._run is None:
            return
        import wandb

        manifest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
        kind, parents = manifest["kind"], manifest["parents"]
        metadata = {name: manifest[name] for name in ("fingerprint", "counts", "parents")}
        made = wandb.Artifact(_artifact_name(kind, manifest["fingerprint"]), kind, None, metadata)
        for name in (MANIFEST, "README.md"):
            if (directory / name).is_file():
                made.add_file(str(directory / name))
        if not self._run.settings._offline:  # offline, W&B knows no artifacts of other runs
            for parent_kind, parent in parents.items():
                name = _artifact_name(parent_kind, parent["fingerprint"])
                self._run.use_artifact(wandb.Artifact(name, parent_kind, None, parent))
        self._run.log_artifact(made)


def _artifact_name(kind: str, fingerprint: str) -> str:
    return f"{kind}-{fingerprint[:16]}"


@dataclass(frozen=True)
class Resumable:
    """Where the id of a W&B run is kept, so that a stage that continues goes on in the same run.

    Attributes:
        file: where; it is removed with the unfinished work.
        fingerprint: of what the stage makes. Another one starts another run.
    """

    file: Path
    fingerprint: str

    def run_id(self) -> str:
        """The id that is kept, or a new one, which is kept from now on."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            kept = json.loads(self.file.read_text(encoding="utf-8"))
            if kept["fingerprint"] == self.fingerprint:
                return str(kept["id"])
        new = uuid.uuid4().hex[:12]
        content = {"fingerprint": self.fingerprint, "id": new}
        atomic_write(self.file, json.dumps(content))
        return new


@contextmanager
def track(
    config: TrackingConfig,
    stage: str,
    settings: Mapping[str, Any],
    resumable: Resumable | None = None,
) -> Iterator[Run]:
    """Open a W&B run for a stage and finish it when the block ends.

    Of several processes that train together, the first one alone is tracked.

    Args:
        settings: shown as the config of the run.
        resumable: go on in the run of the same stage that was stopped.

    Raises:
        ConfigError: W&B cannot start in the mode that is configured.
    """
    mode = wandb_mode(config.wandb)
    board = _tensorboard(config, stage) if config.tensorboard else []
    if mode == "disabled" or not is_main_process():
        yield Run(reports_to=board)
        return
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # offline, too
    import wandb

    os.environ.setdefault("WANDB_SILENT", "true")  # silences what trainers print through wandb
    directory = Path(config.dir)
    directory.mkdir(parents=True, exist_ok=True)
    try:
        run = wandb.init(
            project=config.project,
            group=config.group or None,
            job_type=stage,
            dir=str(directory),
            mode=mode,
            config=dict(settings),
            id=resumable.run_id() if resumable else None,
            resume="allow" if resumable else None,
            # An unreachable server must not hold up the stage for minutes.
            settings=wandb.Settings(silent=True, console="off", init_timeout=30),
        )
    except (wandb.Error, ValueError) as error:  # no key, no server, an unknown mode
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"W&B cannot start in mode {mode!r} ({reason}); use tracking.wandb=offline or "
            "tracking.wandb=disabled"
        ) from error
    failed = 1
    try:
        yield Run(run, ["wandb", *board])
        failed = 0
    finally:
        place = Path(run.dir).parent
        run.finish(exit_code=failed)
        if mode == "offline" and stage in _COMPARED:
            said = f"W&B run, offline; to upload it: wandb sync {place}"
            console.print(said, markup=False, soft_wrap=True)


def _tensorboard(config: TrackingConfig, stage: str) -> list[str]:
    """Tell trainers where TensorBoard looks: a folder for each run.

    Raises:
        ConfigError: the package is not installed.
    """
    if not any(map(importlib.util.find_spec, ("tensorboardX", "tensorboard"))):
        raise ConfigError(
            "tracking.tensorboard=true, but it is not installed; run pip install "
            "'medrag[tensorboard]'"
        )
    now = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(Path(config.dir) / "tensorboard" / f"{stage}-{now}")
    return ["tensorboard"]


def wandb_mode(mode: WandbMode) -> Any:
    """ "online", "offline" or "disabled"; `auto` looks for a key and never prompts."""
    if mode != WandbMode.auto:
        return WandbMode(mode).value
    if chosen := os.environ.get("WANDB_MODE"):
        return chosen
    return "online" if os.environ.get("WANDB_API_KEY") or _key_in_netrc() else "offline"


def _key_in_netrc() -> bool:
    path = Path(os.environ.get("NETRC", "~/.netrc")).expanduser()
    try:
        return netrc.netrc(str(path)).authenticators("api.wandb.ai") is not None
    except (OSError, netrc.NetrcParseError):
        return False


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values under names like `a/b`, which W&B groups by."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}/")
        else:
            flat[prefix + name] = value
    return flat
