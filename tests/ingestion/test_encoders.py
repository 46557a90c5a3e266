"""What runs the encoder where OpenVINO cannot, and what is said where nothing can."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medrag import EmbedderConfig
from medrag.config import Backend, Device, Precision
from medrag.errors import ModelError
from medrag.ingestion import TextEmbedder

TEXTS = ["Gout is treated with allopurinol.", "", "malaria and mosquitoes " * 20]


def embedder_of(model: Path, **settings: Any) -> TextEmbedder:
    return TextEmbedder(EmbedderConfig(model=str(model), device=Device.cpu, **settings))


def test_fp16_on_a_cpu_takes_torch(tiny: Path) -> None:
    embedder = embedder_of(tiny, precision=Precision.fp16)
    difference = np.abs(
        embedder.embed(TEXTS)
        - embedder_of(tiny, precision=Precision.fp32, backend=Backend.torch).embed(TEXTS)
    ).max()
    assert 1e-6 < difference < 0.01
    assert (embedder.chosen.backend, embedder.chosen.precision) == (Backend.torch, Precision.fp16)


def test_where_nothing_can_be_kept_torch_steps_in(
    tiny: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "file").write_text("no directory", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    embedder = embedder_of(tiny)
    with caplog.at_level(logging.WARNING):
        vectors = embedder.embed(TEXTS)
        embedder.embed(TEXTS)
    warnings = [record.getMessage() for record in caplog.records]
    assert all("cannot be kept" in warning for warning in warnings)
    assert "going on with torch" in warnings[-1]
    # Each step down is told once; where there is bf16 the first is not taken.
    assert [warning for warning in warnings[:-1] if "in fp32" not in warning] == []
    assert len(warnings) <= 2
    assert embedder.chosen.backend == Backend.torch
    assert "OpenVINO cannot" in str(embedder.chosen)
    wanted = embedder_of(tiny, backend=Backend.torch)
    np.testing.assert_array_equal(vectors, wanted.embed(TEXTS))

    with pytest.raises(ModelError, match="cannot be kept") as caught:
        embedder_of(tiny, backend=Backend.openvino).embed(TEXTS)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_model_that_cannot_be_converted_is_one_line_with_the_reason(
    tiny: Path, tmp_path: Path
) -> None:
    from transformers import T5Config, T5Model

    # Half of it wants input that no sentence encoder gets.
    sizes = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}
    T5Model(T5Config(vocab_size=300, **sizes)).save_pretrained(tmp_path)
    shutil.copy(tiny / "tokenizer.json", tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"hidden_size": 16}))
    with pytest.raises(ModelError, match="cannot be converted") as caught:
        embedder_of(tmp_path, backend=Backend.openvino).embed(TEXTS)
    message = str(caught.value)
    assert str(tmp_path) in message and "specify exactly one of input_ids" in message
    assert "\n" not in message and len(message) < 600


def test_damaged_weights_are_one_clear_line(tiny: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny, model)
    content = (model / "model.safetensors").read_bytes()
    (model / "model.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match=r"cannot be loaded.*deserializ") as caught:
        embedder_of(model, backend=Backend.torch).embed(TEXTS)
    assert str(model) in str(caught.value) and "\n" not in str(caught.value)


def test_a_gpu_that_is_not_there_is_a_clear_error(tiny: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(ModelError, match=r"no GPU; use embedder\.device=cpu"):
        TextEmbedder(EmbedderConfig(model=str(tiny), device=Device.cuda)).embed(TEXTS)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("config.json", "{", "cannot be read"),
        ("config.json", '{"model_type": "bert"}', "hidden_size"),
        ("1_Pooling/config.json", '{"pooling_mode_max_tokens": true}', "mean and cls"),
        ("1_Pooling/config.json", '{"pooling_mode": "lasttoken"}', "mean and cls"),
        (
            "1_Pooling/config.json",
            '{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true}',
            "cls and mean is not supported",
        ),
    ],
)
def test_a_broken_description_is_one_clear_line(
    name: str, content: str, said: str, tiny: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny, model)
    (model / name).parent.mkdir(exist_ok=True)
    (model / name).write_text(content, encoding="utf-8")
    with pytest.raises(ModelError, match=said) as caught:
        embedder_of(model).embed(TEXTS)
    assert str(model) in str(caught.value) and "\n" not in str(caught.value)


def test_a_model_with_more_layers_than_pooling_is_refused(tmp_path: Path, tiny: Path) -> None:
    """Its vectors would silently be others than those of sentence-transformers."""
    folder = shutil.copytree(tiny, tmp_path / "model")
    modules = [{"type": f"sentence_transformers.models.{name}"} for name in ("Pooling", "Dense")]
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(ModelError, match="Dense layers are not supported"):
        TextEmbedder(EmbedderConfig(model=str(folder))).embed(["Gout"])


def test_other_settings_over_the_same_weights_are_another_space(tmp_path: Path, tiny: Path) -> None:
    folder = shutil.copytree(tiny, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())

    def space(**changed: Any) -> str:
        (folder / "config.json").write_text(json.dumps(config | changed))
        return embedder_of(folder, precision=Precision.fp32).space

    original = embedder_of(tiny, precision=Precision.fp32).space
    assert space(transformers_version="1.0") == original
    assert space(num_attention_heads=1) != original
