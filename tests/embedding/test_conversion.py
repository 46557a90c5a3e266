"""Models are converted once, whatever happens, without network access, and faithfully."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medrag import EmbedderConfig
from medrag.config import Backend, Device, Precision
from medrag.errors import ModelError
from medrag.ingestion import TextEmbedder
from tests.crash.tiny_encoder import make_tiny_encoder

ROOT = Path(__file__).resolve().parents[2]
TEXTS = ["Gout is treated with allopurinol.", "", "malaria and mosquitoes " * 20]

# Runs at the start of every Python process that finds it on its path.
_WATCH = """
import atexit, os, sys

def note(what):
    with open(os.environ["WATCHED"], "a") as file:
        file.write(f"{what}\\n")

def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"):
        note(f"{event} {arguments[1:]}")

sys.addaudithook(watch)
kind = "conversion" if any("local.conversion" in word for word in sys.orig_argv) else "process"
note(f"{kind} begins")
atexit.register(note, f"{kind} ends")
"""

_EMBED = """
import json, sys
from medrag import EmbedderConfig
from medrag.ingestion import TextEmbedder
embedder = TextEmbedder(EmbedderConfig(model=sys.argv[1], backend=sys.argv[3]))
vectors = embedder.embed(json.loads(sys.argv[2]))
torch = "torch" in sys.modules
print(json.dumps([embedder.chosen.backend.value, torch, vectors.tolist()]))
"""


@dataclass(frozen=True)
class Place:
    """A separate cache directory, and a log of the processes that used it.

    Attributes:
        log: a line for each process, conversion and connection.
    """

    root: Path
    backend: Backend

    @property
    def log(self) -> list[str]:
        path = self.root / "log"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    @property
    def models(self) -> list[Path]:
        """The folders of converted models."""
        models = (self.root / "cache/medrag/models").glob("*")
        return sorted(path for path in models if path.name != ".lock")

    def start(self, model: Path) -> subprocess.Popen[str]:
        """Embed `TEXTS` in a new process with a session of its own."""
        watch = self.root / "watch"
        watch.mkdir(parents=True, exist_ok=True)
        (watch / "sitecustomize.py").write_text(_WATCH, encoding="utf-8")
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(watch), str(ROOT)]),
            "WATCHED": str(self.root / "log"),
            "XDG_CACHE_HOME": str(self.root / "cache"),
            "CUDA_VISIBLE_DEVICES": "",
        }
        for told in ("HF_HUB_OFFLINE", "ORT_DISABLE_TELEMETRY"):  # silent without being told
            environment.pop(told, None)
        return subprocess.Popen(
            [sys.executable, "-c", _EMBED, str(model), json.dumps(TEXTS), self.backend.value],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def embed(self, model: Path) -> Outcome:
        return outcome_of(self.start(model))

    def wait_for_conversions(self, number: int) -> None:
        deadline = time.monotonic() + 120
        while self.log.count("conversion begins") < number:
            assert time.monotonic() < deadline
            time.sleep(0.02)


@dataclass(frozen=True)
class Outcome:
    """Of a process that embedded `TEXTS`."""

    backend: str
    imported_torch: bool
    vectors: Any


def outcome_of(process: subprocess.Popen[str]) -> Outcome:
    out, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    backend, imported_torch, vectors = json.loads(out)
    return Outcome(backend, imported_torch, np.array(vectors))


def embedder_of(model: Path, **settings: Any) -> TextEmbedder:
    return TextEmbedder(EmbedderConfig(model=str(model), device=Device.cpu, **settings))


Convert = Callable[[Backend], tuple[Place, Outcome]]


@pytest.fixture(scope="module")
def convert(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Convert:
    """Has the tiny model converted, once for each backend."""

    @cache
    def converted(backend: Backend) -> tuple[Place, Outcome]:
        place = Place(tmp_path_factory.mktemp("first"), backend)
        return place, place.embed(tiny)

    return converted


@pytest.fixture(params=[Backend.onnxruntime, Backend.openvino])
def first(request: pytest.FixtureRequest, convert: Convert) -> tuple[Place, Outcome]:
    """A place where the tiny model was converted, by a process that then embedded with it."""
    return convert(request.param)


# For tests that do not depend on the backend.
with_one = pytest.mark.parametrize("first", [Backend.onnxruntime], indirect=True)


@pytest.fixture
def place(first: tuple[Place, Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A copy of it, which is the place of this process too."""
    shutil.copytree(first[0].root / "cache", tmp_path / "place/cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "place/cache"))
    return Place(tmp_path / "place", first[0].backend)


@pytest.fixture
def both(convert: Convert, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The place of this process has the tiny model as converted for both backends."""
    for backend in (Backend.onnxruntime, Backend.openvino):
        shutil.copytree(
            convert(backend)[0].root / "cache", tmp_path / "both/cache", dirs_exist_ok=True
        )
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "both/cache"))


# ------------------------------------------------------------------ converted once


def test_converting_and_embedding_sends_nothing(first: tuple[Place, Outcome]) -> None:
    place, outcome = first
    # ONNX Runtime connects where Python cannot see it, but would store its usage data here first.
    assert [path.name for path in (place.root / "cache").iterdir()] == ["medrag"]
    assert outcome.backend == place.backend
    assert place.log == [
        "process begins", "conversion begins", "conversion ends", "process ends",
    ]  # fmt: skip


def test_the_next_process_converts_nothing_and_loads_no_torch(
    first: tuple[Place, Outcome], place: Place, tiny: Path
) -> None:
    (folder,) = place.models
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    outcome = place.embed(tiny)
    assert (outcome.backend, outcome.imported_torch) == (place.backend, False)
    np.testing.assert_array_equal(outcome.vectors, first[1].vectors)
    assert place.log == ["process begins", "process ends"]
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "damage"),
    [
        (Backend.onnxruntime, "a flipped bit"),
        pytest.param(Backend.onnxruntime, "a missing file", marks=pytest.mark.long),
        pytest.param(Backend.openvino, "a flipped bit", marks=pytest.mark.long),
        pytest.param(Backend.openvino, "a missing file", marks=pytest.mark.long),
    ],
    indirect=["first"],
)
def test_a_damaged_model_is_converted_again(
    damage: str, first: tuple[Place, Outcome], place: Place, tiny: Path
) -> None:
    (folder,) = place.models
    weights = folder / ("encoder.bin" if place.backend == "openvino" else "encoder.onnx")
    content = weights.read_bytes()
    if damage == "a flipped bit":
        weights.write_bytes(content[:999] + bytes([content[999] ^ 1]) + content[1000:])
    else:
        weights.unlink()
    embedder = embedder_of(tiny, backend=place.backend)
    np.testing.assert_allclose(embedder.embed(TEXTS), first[1].vectors, atol=1e-6)
    assert embedder.chosen.backend == place.backend
    assert place.models == [folder]
    assert weights.read_bytes() == content


@pytest.mark.slow
@with_one
def test_two_processes_at_once_convert_other_weights_once(
    place: Place, tiny: Path, tmp_path: Path
) -> None:
    (before,) = place.models
    other = make_tiny_encoder(tmp_path / "other", seed=8)
    one, two = map(outcome_of, [place.start(other), place.start(other)])
    assert one.backend == two.backend == place.backend
    assert place.log.count("conversion begins") == 1
    assert len(place.models) == 2 and before in place.models
    np.testing.assert_array_equal(one.vectors, two.vectors)
    assert np.abs(one.vectors - embedder_of(tiny, backend=place.backend).embed(TEXTS)).max() > 0.1


@pytest.mark.slow
@with_one
def test_a_kill_during_conversion_leaves_nothing_that_is_used(
    first: tuple[Place, Outcome], tiny: Path, tmp_path: Path
) -> None:
    place = Place(tmp_path, first[0].backend)
    process = place.start(tiny)
    place.wait_for_conversions(1)
    os.killpg(process.pid, signal.SIGKILL)  # the conversion, too
    process.communicate()
    assert [path.name[0] for path in place.models] == ["."]  # unfinished

    process = place.start(tiny)
    place.wait_for_conversions(2)
    process.kill()  # its conversion goes on alone; the next must not come in its way
    process.communicate()
    assert [path.name[0] for path in place.models] == ["."]

    outcome = place.embed(tiny)
    assert outcome.backend == place.backend
    np.testing.assert_array_equal(outcome.vectors, first[1].vectors)
    assert [path.name for path in place.models] == [path.name for path in first[0].models]
    conversions = [line for line in place.log if line.startswith("conversion")]
    assert conversions == ["conversion begins", *["conversion begins", "conversion ends"] * 2]


@pytest.mark.slow
@with_one
def test_files_in_the_working_directory_are_not_imported(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_tiny_encoder(tmp_path / "other", seed=9)
    for name in ("onnx", "torch", "tokenizers"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not me')")
    monkeypatch.chdir(tmp_path)
    embedder_of(other, backend=place.backend).embed(TEXTS)
    assert len(place.models) == 2


@pytest.mark.usefixtures("both")
def test_a_copy_that_cannot_be_opened_is_not_used(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """For example one from another machine, in a shared home directory."""
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setattr("medrag.embedding.local.encoders.cpu_has_bf16", lambda: False)
    embedder = embedder_of(tiny)
    embedder.embed(TEXTS)
    assert embedder.chosen.precision == Precision.fp32
    assert "going on in fp32" in caplog.text
    with pytest.raises(ModelError, match="ONNX Runtime cannot be loaded"):
        embedder_of(tiny, precision=Precision.int8).embed(TEXTS)


# ------------------------------------------------------------------ the vectors


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_pooling_is_that_of_the_model(
    pooling: str, place: Place, tiny: Path, tmp_path: Path
) -> None:
    import torch
    from transformers import AutoModel

    model = tmp_path / "model"
    shutil.copytree(tiny, model)
    if pooling == "cls":
        (model / "1_Pooling").mkdir()
        modes = {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
        (model / "1_Pooling/config.json").write_text(json.dumps(modes))
    exact = place.backend == Backend.openvino
    embedder = embedder_of(
        model, backend=place.backend, precision=Precision.fp32 if exact else Precision.int8
    )
    vectors = embedder.embed(TEXTS)
    assert len(place.models) == (2 if pooling == "cls" else 1)

    reference = AutoModel.from_pretrained(model).eval()
    for text, vector in zip(TEXTS, vectors, strict=True):
        ids = torch.tensor([embedder.tokenizer.encode(text).ids])
        with torch.no_grad():
            states = reference(ids).last_hidden_state[0].numpy()
        expected = states[0] if pooling == "cls" else states.mean(axis=0)
        expected /= np.linalg.norm(expected)
        np.testing.assert_allclose(vector, expected, atol=1e-5 if exact else 0.03)


@pytest.mark.usefixtures("both")
def test_bf16_is_bf16_or_an_error(tiny: Path) -> None:
    embedder = embedder_of(tiny, precision=Precision.bf16)
    exact = embedder_of(tiny, precision=Precision.fp32)
    difference = np.abs(embedder.embed(TEXTS) - exact.embed(TEXTS)).max()
    assert 1e-5 < difference < 0.05
    assert embedder.chosen.precision == Precision.bf16
    assert embedder.space != exact.space
    asked = embedder_of(tiny, precision=Precision.bf16, backend=Backend.openvino)
    if embedder.chosen.backend == Backend.openvino:
        np.testing.assert_allclose(asked.embed(TEXTS), embedder.embed(TEXTS), atol=1e-5)
    else:
        with pytest.raises(ModelError, match=r"no instructions.*precision=auto"):
            asked.embed(TEXTS)
