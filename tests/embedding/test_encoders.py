"""Fallbacks where OpenVINO cannot run an encoder, and errors where nothing can."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import threading
import time
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


def changed_weights(tiny: Path, folder: Path, without: str) -> Path:
    """A copy of the model that lacks the weights whose names begin with `without`."""
    from safetensors.numpy import load_file, save_file

    shutil.copytree(tiny, folder)
    weights = load_file(folder / "model.safetensors")
    kept = {name: weight for name, weight in weights.items() if not name.startswith(without)}
    assert len(kept) < len(weights)
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    "backend",
    [pytest.param(Backend.auto, marks=pytest.mark.long), Backend.onnxruntime, Backend.torch],
)
def test_weights_that_are_missing_are_not_made_up(
    backend: Backend, tiny: Path, tmp_path: Path
) -> None:
    model = changed_weights(tiny, tmp_path / "model", "encoder.layer.0.attention.self.")
    with pytest.raises(ModelError, match=r"lacks 6 weights.*self\.key\.bias") as caught:
        embedder_of(model, backend=backend).embed(TEXTS)
    assert str(model) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("backend", [Backend.onnxruntime, Backend.torch])
def test_a_pooler_is_not_missed(backend: Backend, tiny: Path, tmp_path: Path) -> None:
    model = changed_weights(tiny, tmp_path / "model", "pooler.")
    vectors = embedder_of(model, backend=backend).embed(TEXTS)
    np.testing.assert_array_equal(vectors, embedder_of(tiny, backend=backend).embed(TEXTS))


@pytest.mark.parametrize("backend", [Backend.onnxruntime, Backend.torch])
def test_a_token_that_the_model_does_not_know_is_one_clear_line(
    backend: Backend, tiny: Path, tmp_path: Path
) -> None:
    model = shutil.copytree(tiny, tmp_path / "model")
    embedder = embedder_of(model, backend=backend)
    size = embedder.tokenizer.get_vocab_size()
    embedder.tokenizer.add_tokens(["zinc"])
    embedder.tokenizer.save(str(model / "tokenizer.json"))
    broken = embedder_of(model, backend=backend)
    np.testing.assert_array_equal(broken.embed(["gout"]), embedder.embed(["gout"]))
    with pytest.raises(ModelError, match=f"gives token {size}, and the model knows only {size}"):
        broken.embed(["gout", "zinc"])


def test_a_text_may_be_as_long_as_roberta_has_places_for(tiny: Path, tmp_path: Path) -> None:
    """It has two places fewer than its configuration says."""
    from transformers import RobertaConfig, RobertaModel

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = RobertaConfig(vocab_size=300, max_position_embeddings=66, pad_token_id=1, **sizes)
    RobertaModel(config).save_pretrained(tmp_path)
    shutil.copy(tiny / "tokenizer.json", tmp_path)
    embedder = embedder_of(tmp_path, backend=Backend.torch)
    assert embedder.max_tokens == 64
    assert np.linalg.norm(embedder.embed(["gout " * 200])) == pytest.approx(1, abs=1e-5)
    assert embedder.truncated == 1


def test_distilbert_is_read_too(tiny: Path, tmp_path: Path) -> None:
    from transformers import DistilBertConfig, DistilBertModel

    config = DistilBertConfig(vocab_size=300, dim=16, hidden_dim=32, n_layers=1, n_heads=2)
    DistilBertModel(config).save_pretrained(tmp_path)
    shutil.copy(tiny / "tokenizer.json", tmp_path)
    settings: dict[str, Any] = {"precision": Precision.fp32}
    vectors = embedder_of(tmp_path, **settings).embed(TEXTS)
    assert vectors.shape == (3, 16)
    exact = embedder_of(tmp_path, backend=Backend.torch, **settings).embed(TEXTS)
    np.testing.assert_allclose(vectors, exact, atol=1e-4)


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
        (
            "config.json",
            '{"model_type": "bert", "hidden_size": "large"}',
            "'large' where a size",
        ),
        (
            "config.json",
            '{"hidden_size": 16, "max_position_embeddings": -1}',
            "-1 where a size",
        ),
        ("tokenizer_config.json", '{"model_max_length": "many"}', "'many' where a size"),
        ("tokenizer_config.json", '{"model_max_length": Infinity}', "inf where a size"),
        ("tokenizer.json", '{"version": "1.0", "trunc', "cannot be read"),
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


def test_a_process_may_fork_while_another_thread_embeds() -> None:
    embedder = TextEmbedder(EmbedderConfig(backend=Backend.onnxruntime))
    expected = embedder.embed_documents(["gout"])
    forked = threading.Event()

    def embed() -> None:
        while not forked.is_set():
            embedder.embed_documents([f"drug {n}" for n in range(64)])

    thread = threading.Thread(target=embed)
    thread.start()
    try:
        for number in range(10):
            time.sleep(0.005 + 0.002 * number)
            child = os.fork()
            if not child:
                signal.alarm(10)  # ends a child that hangs
                status = 1
                try:
                    found = embedder.embed_documents(["gout"])
                    status = 0 if np.allclose(found, expected, atol=1e-6) else 2
                finally:
                    os._exit(status)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        forked.set()
        thread.join()
