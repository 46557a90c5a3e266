"""int8: close to fp32, independent of the rest of a batch, and refused where it is too far off."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medrag import EmbedderConfig
from medrag.config import Backend, Device, Precision
from medrag.embedding.local.folder import locate
from medrag.errors import ModelError
from medrag.ingestion import TextEmbedder

TEXTS = ["Gout is treated with allopurinol.", "malaria and mosquitoes " * 20, "Is it asthma?"]


def embedder_of(model: Path, **settings: Any) -> TextEmbedder:
    return TextEmbedder(EmbedderConfig(model=str(model), device=Device.cpu, **settings))


def exact(model: Path) -> TextEmbedder:
    return embedder_of(model, backend=Backend.torch, precision=Precision.fp32)


def test_int8_takes_onnx_runtime_and_is_a_space_of_its_own(tiny: Path) -> None:
    embedder = embedder_of(tiny, precision=Precision.int8)
    asked = embedder_of(tiny, backend=Backend.onnxruntime)
    for one in (embedder, asked):
        assert one.chosen.backend == Backend.onnxruntime
        assert one.chosen.precision == Precision.int8
        assert one.fingerprint == exact(tiny).fingerprint
        assert one.space != exact(tiny).space
    np.testing.assert_array_equal(embedder.embed(TEXTS), asked.embed(TEXTS))


def test_vectors_are_close_to_those_of_fp32_but_not_the_same() -> None:
    texts = [*TEXTS, *(f"Day {day}: {'one more tablet, ' * day}" for day in range(0, 70, 7))]
    rough = TextEmbedder(EmbedderConfig(precision=Precision.int8))
    fp32 = TextEmbedder(EmbedderConfig(precision=Precision.fp32, device=Device.cpu))
    cosine = (rough.embed(texts) * fp32.embed(texts)).sum(axis=1)
    assert 0.99 < cosine.mean() < 0.9999
    assert cosine.min() > 0.98


_CONVERT = """
import sys
from medrag.embedding.local.conversion import main

main(*sys.argv[1:])
print("torch" in sys.modules)
"""


@pytest.mark.slow
def test_the_packaged_model_is_converted_without_torch_to_the_same(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    # The same weights in another file, whose hash is not known.
    copy = shutil.copytree(locate(""), tmp_path / "copy")
    weights = load_file(copy / "model.safetensors")
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt", "copy": "1"})
    graphs = []
    for model, with_torch in ((locate(""), "False"), (copy, "True")):
        target = tmp_path / with_torch
        target.mkdir()
        command = [sys.executable, "-c", _CONVERT, str(model), str(target), "onnxruntime"]
        assert subprocess.check_output(command, text=True).strip() == with_torch
        graphs.append((target / "encoder.onnx").read_bytes())
    assert graphs[0] == graphs[1]


@given(lengths=st.lists(st.integers(1, 250), min_size=1, max_size=30))
@settings(max_examples=20, deadline=None)
def test_a_vector_depends_on_its_text_alone(tiny: Path, lengths: list[int]) -> None:
    """So a build that was killed and resumed has the same vectors as any other."""
    embedder = embedder_of(tiny, precision=Precision.int8, batch_tokens=700)
    rows = [
        [5 + (3 * number + place) % 200 for place in range(n)] for number, n in enumerate(lengths)
    ]
    together = embedder.embed_ids(rows)
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(len(rows)), abs=1e-5)
    for row, vector in zip(rows, together, strict=True):
        np.testing.assert_array_equal(embedder.embed_ids([row])[0], vector)


def test_threads_share_an_embedder(tiny: Path) -> None:
    embedder = embedder_of(tiny, precision=Precision.int8)
    expected = embedder.embed(TEXTS)
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.extend(embedder.embed(TEXTS) for _ in range(30)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 120
    assert all(np.array_equal(vectors, expected) for vectors in found)


@pytest.fixture
def too_rough(tiny: Path, tmp_path: Path) -> Path:
    """A model with one unused value so large that 8 bits leave nothing of the others."""
    from safetensors.numpy import load_file, save_file

    folder = shutil.copytree(tiny, tmp_path / "too-rough")
    weights = load_file(folder / "model.safetensors")
    weights["encoder.layer.0.intermediate.dense.weight"] *= 50
    weights["encoder.layer.0.intermediate.dense.bias"][3] = 1e4
    weights["encoder.layer.0.output.dense.weight"] *= 50
    weights["encoder.layer.0.output.dense.weight"][:, 3] = 0
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture
def no_bert(tiny: Path, tmp_path: Path) -> Path:
    """A model with an activation that is not BERT's."""
    folder = shutil.copytree(tiny, tmp_path / "no-bert")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_act": "relu"}))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("too_rough", r"too far from those of fp32 \(cosine 0\.\d+"),
        ("no_bert", "hidden_act is relu"),
    ],
)
def test_a_model_that_int8_does_not_suit_is_run_in_fp32_by_default(
    name: str,
    why: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    model: Path = request.getfixturevalue(name)
    monkeypatch.setattr("medrag.embedding.local.encoders.cpu_has_bf16", lambda: False)
    with caplog.at_level(logging.INFO):
        embedder = embedder_of(model)
        vectors = embedder.embed(TEXTS)
    np.testing.assert_allclose(vectors, exact(model).embed(TEXTS), atol=1e-4)
    assert (embedder.chosen.backend, embedder.chosen.precision) == (
        Backend.openvino, Precision.fp32,
    )  # fmt: skip
    assert embedder.space == exact(model).space
    (warning,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert "going on in fp32" in warning

    caplog.clear()
    with caplog.at_level(logging.INFO), pytest.raises(ModelError, match=why) as caught:
        embedder_of(model, precision=Precision.int8).embed(TEXTS)
    assert str(model) in str(caught.value) and "\n" not in str(caught.value)
    assert not caplog.records  # it was tried once
