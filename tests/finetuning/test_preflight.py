"""Preflight reports everything that is missing, before anything heavy is loaded."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from medrag.config import Device, FineTuneConfig
from medrag.errors import PreflightError
from medrag.finetuning.memory import GB, MISTRAL_7B, read_shape
from medrag.finetuning.preflight import Machine, Weights, find_missing, preflight

H100 = Machine(gpu_problem="", gpu_free=80 * 10**9, ram=10**11, disk_free=10**11, cache_free=10**11)
PRESENT = Weights(shape=MISTRAL_7B)


@pytest.fixture
def config(tmp_path: Path) -> FineTuneConfig:
    dataset = tmp_path / "dataset"
    dataset.mkdir()
    (dataset / "dataset_dict.json").write_text('{"splits": ["train"]}')
    return FineTuneConfig(dataset=str(dataset), dir=str(tmp_path / "out"))


def model_folder(folder: Path, **files: str) -> Path:
    folder.mkdir()
    shape = {
        "vocab_size": 32000,
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
    }
    (folder / "config.json").write_text(json.dumps(shape))
    (folder / "tokenizer.json").write_text("{}")
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content)
    return folder


def test_a_fresh_laptop_gets_the_whole_list_within_seconds(tmp_path: Path) -> None:
    """In a new process without a network, as for a user."""
    code = (
        "import sys\n"
        "from medrag.config import FineTuneConfig\n"
        "from medrag.finetuning.preflight import preflight\n"
        "try: preflight(FineTuneConfig())\n"
        "except Exception as error: print(type(error).__name__, error)\n"
        "heavy = {'torch', 'transformers', 'datasets', 'trl'} & set(sys.modules)\n"
        "print('heavy:', *heavy)"
    )
    environment = {"HF_HUB_OFFLINE": "1", "HOME": str(tmp_path), "PATH": str(tmp_path)}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert time.monotonic() - started < 15
    said = done.stdout
    assert said.startswith("PreflightError")
    for needed in (
        "python -m medrag.build_dataset",
        "nor in the hub's local cache",
        "HF_HUB_OFFLINE",
        "finetune.device=cuda",
        "a download of 14.5 GB",
        "python -m medrag.train +experiment=qlora_cpu",
    ):
        assert needed in said
    if not Path("/dev/nvidiactl").exists():
        assert said.endswith("heavy:\n")


def test_a_machine_with_everything_passes(config: FineTuneConfig) -> None:
    assert find_missing(config, H100, PRESENT) == []


@pytest.mark.parametrize(
    ("machine", "names"),
    [
        (replace(H100, gpu_problem="there is none", gpu_free=0), "a GPU"),
        (replace(H100, gpu_free=8 * 10**9), "GPU memory"),
        (replace(H100, ram=2 * 10**9), "RAM"),
        (replace(H100, disk_free=10**8), "disk space for "),
    ],
)
def test_each_missing_thing_is_named(config: FineTuneConfig, machine: Machine, names: str) -> None:
    missing = find_missing(config, machine, PRESENT)
    assert len(missing) == 1
    assert missing[0].startswith(names)


def test_a_download_needs_room(config: FineTuneConfig) -> None:
    weights = Weights(download=int(14.5 * GB), shape=MISTRAL_7B)
    missing = find_missing(config, replace(H100, cache_free=10**10), weights)
    assert [line.split(":")[0] for line in missing] == ["disk space for the weights"]


def test_on_the_cpu_the_whole_model_must_fit_in_ram(config: FineTuneConfig) -> None:
    config.device = Device.cpu
    small = replace(H100, gpu_problem="none", ram=8 * 10**9)
    assert find_missing(config, small, PRESENT)[0].startswith("RAM")
    config.batch_size, config.max_length = 1, 256
    assert find_missing(config, small, PRESENT) == []


def test_a_gpu_needs_room_for_its_shard_and_the_machine_for_all_of_them(
    config: FineTuneConfig,
) -> None:
    small = replace(H100, gpu_free=11 * 10**9, ram=16 * 10**9)
    assert find_missing(config, small, PRESENT)[0].startswith("GPU memory")
    four = replace(small, shards=4, processes=4)
    assert find_missing(config, four, PRESENT)[0].startswith("RAM")
    assert find_missing(config, replace(four, ram=32 * 10**9), PRESENT) == []


def test_the_content_of_model_folders_is_checked(config: FineTuneConfig, tmp_path: Path) -> None:
    config.device = Device.cpu
    index = json.dumps({"weight_map": {"a": "a.safetensors", "b": "b.safetensors"}})
    cases = {
        "bare": ({}, "holds no *.safetensors"),
        "pickle": ({"pytorch_model__bin": ""}, "holds no *.safetensors"),
        "part": ({"a__safetensors": "", "model__safetensors__index__json": index}, "lacks 1 of 2"),
    }
    for name, (files, problem) in cases.items():
        config.base_model = str(model_folder(tmp_path / name, **files))
        with pytest.raises(PreflightError, match="the weights") as caught:
            preflight(config)
        assert problem in str(caught.value)
    config.base_model = str(tmp_path / "absent")
    with pytest.raises(PreflightError, match="neither a folder here nor a hub id"):
        preflight(config)


def test_the_dry_run_needs_only_its_dataset(config: FineTuneConfig, tmp_path: Path) -> None:
    config.base_model, config.device = "tiny", Device.cpu
    preflight(config)
    config.dataset = str(tmp_path / "none")
    with pytest.raises(PreflightError, match="build_dataset") as caught:
        preflight(config)
    assert "qlora_cpu" not in str(caught.value)


def test_a_shape_is_read_from_the_configuration(tmp_path: Path) -> None:
    path = model_folder(tmp_path / "mistral") / "config.json"
    assert read_shape(path) == MISTRAL_7B
    path.write_text("{}")
    assert read_shape(path) is None
