"""Tracking is offline without a key, never prompts, and does nothing if disabled."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from medrag.config import WandbMode
from medrag.tracking import flatten, wandb_mode

ROOT = Path(__file__).resolve().parents[1]
NETRC = "machine {host}\n  login user\n  password 0123\n"


def in_a_new_process(home: Path, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code with an empty home directory and nobody at the keyboard."""
    home.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "-c", code],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=home,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), **environment},
        check=False,
    )


RUN = """
import sys
from pathlib import Path
from medrag.config import TrackingConfig
from medrag.tracking import track
with track(TrackingConfig(dir="runs", wandb={mode!r}), "stage", {{"index": {{"k": 5}}}}) as run:
    run.summary({{"counts": {{"rows": 3}}}})
    if not run.enabled:
        run.image("plot", Path("no-such-picture.png"))
print(run.enabled, "wandb" in sys.modules)
"""


def test_without_a_key_a_run_is_offline_and_does_not_prompt(tmp_path: Path) -> None:
    done = in_a_new_process(tmp_path, RUN.format(mode="auto"))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "True True\n"  # and W&B printed nothing
    (run,) = (tmp_path / "runs" / "wandb").glob("offline-run-*")
    (record,) = run.glob("*.wandb")
    stored = record.read_bytes()
    for name in b"counts/rows", b"stage", b"medrag":
        assert name in stored


ARTEFACT = """
import json
from pathlib import Path
from medrag.config import TrackingConfig
from medrag.manifest import Artefact, Parent
from medrag.tracking import track
parents = {"dataset": Parent("dataset", "0123456789abcdef")}
made = Artefact("retriever", Path("models/r"), {}, {"x": 1}, parents)
with made.replacing({"steps": 3}) as fresh:
    (fresh / "README.md").write_text("the card")
with track(TrackingConfig(dir="runs", wandb="offline"), "train", {}) as run:
    run.artifact(Path("models/r"))
print(made.fingerprint[:16])
"""


def test_an_offline_run_has_the_artefact_and_says_how_to_upload_it(tmp_path: Path) -> None:
    done = in_a_new_process(tmp_path, ARTEFACT, COLUMNS="200")
    assert done.returncode == 0, done.stderr
    (run,) = (tmp_path / "runs" / "wandb").glob("offline-run-*")
    assert f"to upload it: wandb sync {run.relative_to(tmp_path)}" in done.stderr
    (record,) = run.glob("*.wandb")
    stored = record.read_bytes()
    for name in (f"retriever-{done.stdout.strip()}", "0123456789abcdef", "README.md"):
        assert name.encode() in stored


TENSORBOARD = """
from pathlib import Path
from medrag.config import TrackingConfig
from medrag.tracking import track
from transformers import Trainer, TrainingArguments
import torch
class Net(torch.nn.Linear):
    def forward(self, x):
        return {"loss": super().forward(x).sum()}
config = TrackingConfig(dir="runs", wandb="disabled", tensorboard=True)
with track(config, "train", {}) as run:
    args = TrainingArguments(
        "work", max_steps=2, logging_steps=1, save_strategy="no", use_cpu=True,
        report_to=run.reports_to,
    )
    rows = [{"x": torch.ones(2)}] * 4
    Trainer(Net(2, 1), args, train_dataset=rows).train()
print(run.reports_to)
"""


def test_tensorboard_gets_the_course_of_a_training(tmp_path: Path) -> None:
    done = in_a_new_process(tmp_path, TENSORBOARD)
    assert done.stdout.splitlines()[-1] == "['tensorboard']", done.stderr
    (events,) = (tmp_path / "runs/tensorboard").glob("train-*/events.*")
    assert b"train/loss" in events.read_bytes()


RESUMED = """
import sys
from pathlib import Path
from medrag.config import TrackingConfig
from medrag.tracking import Resumable, track
import wandb
for fingerprint in ("a", "a", "b"):
    one = Resumable(Path("adapter/wandb.json"), fingerprint)
    with track(TrackingConfig(dir="runs", wandb="offline"), "train", {}, one):
        print(wandb.run.id)
"""


def test_a_stage_that_continues_goes_on_in_the_same_run(tmp_path: Path) -> None:
    done = in_a_new_process(tmp_path, RESUMED)
    first, again, other = done.stdout.split()
    assert first == again != other, done.stderr
    names = {path.name.split("-")[3] for path in (tmp_path / "runs/wandb").glob("offline-*")}
    assert names == {first, other}


def test_of_several_processes_the_first_is_tracked(tmp_path: Path) -> None:
    done = in_a_new_process(tmp_path, RUN.format(mode="offline"), RANK="1")
    assert done.stdout == "False False\n", done.stderr


@pytest.mark.parametrize(
    ("mode", "environment"), [("disabled", {}), ("auto", {"WANDB_MODE": "disabled"})]
)
def test_disabled_tracking_does_not_even_import_wandb(
    tmp_path: Path, mode: str, environment: dict[str, str]
) -> None:
    done = in_a_new_process(tmp_path, RUN.format(mode=mode), **environment)
    assert done.stdout == "False False\n", done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("mode", "environment"), [("online", {}), ("auto", {"WANDB_MODE": "nonsense"})]
)
def test_an_unusable_mode_is_a_clear_error(
    tmp_path: Path, mode: str, environment: dict[str, str]
) -> None:
    code = (
        "from medrag.errors import ConfigError\n"
        "try:\n    " + RUN.format(mode=mode).strip().replace("\n", "\n    ") + "\n"
        "except ConfigError as error: print('told:', error)"
    )
    done = in_a_new_process(tmp_path, code, **environment)
    assert done.stdout.startswith("told: ")
    assert "tracking.wandb" in done.stdout


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("WANDB_MODE", "WANDB_API_KEY", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("empty_home")
@pytest.mark.parametrize("mode", ["online", "offline", "disabled"])
def test_a_configured_mode_is_used(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline" if mode != "offline" else "online")
    assert wandb_mode(WandbMode(mode)) == mode


@pytest.mark.usefixtures("empty_home")
def test_auto_without_a_key_is_offline() -> None:
    assert wandb_mode(WandbMode.auto) == "offline"


@pytest.mark.usefixtures("empty_home")
@pytest.mark.parametrize(("key", "mode"), [("0123", "online"), ("", "offline")])
def test_auto_looks_for_a_key_in_the_environment(
    key: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", key)
    assert wandb_mode(WandbMode.auto) == mode


@pytest.mark.usefixtures("empty_home")
def test_auto_follows_the_mode_in_the_environment_before_a_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0123")
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert wandb_mode(WandbMode.auto) == "disabled"


@pytest.mark.parametrize(
    ("content", "mode"),
    [
        (NETRC.format(host="api.wandb.ai"), "online"),
        (NETRC.format(host="example.org"), "offline"),
        ("machine", "offline"),  # not readable as netrc
        ("", "offline"),
    ],
)
@pytest.mark.parametrize("named", [False, True])
def test_auto_looks_for_a_key_in_netrc(
    empty_home: Path, content: str, mode: str, named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = empty_home / ("elsewhere" if named else ".netrc")
    path.write_text(content)
    path.chmod(0o600)
    if named:
        monkeypatch.setenv("NETRC", str(path))
    assert wandb_mode(WandbMode.auto) == mode


def test_nested_values_are_named_by_their_path() -> None:
    nested = {"a": 1, "b": {"c": 2, "d": {"e": None}}, "f": [3, {"g": 4}], "h": {}}
    assert flatten(nested) == {"a": 1, "b/c": 2, "b/d/e": None, "f": [3, {"g": 4}]}
