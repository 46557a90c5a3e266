"""Prompts that a model was trained with go before its texts, as sentence-transformers puts them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medrag import ChunkingConfig, PipelineConfig
from medrag.config import Backend, Device, EmbedderConfig, Precision
from medrag.errors import ConfigError, ModelError
from medrag.indexing import IndexBuilder
from medrag.ingestion import Chunker, TextEmbedder
from medrag.stores.local.index import Index
from medrag.types import Block

TEXTS = ["Gout is treated with allopurinol.", "malaria"]
PROMPTS = {"query": "gout query: ", "document": "passage: "}


@pytest.fixture
def make(tiny: Path, tmp_path: Path) -> Any:
    def model(prompts: object, default: str | None = None, **pooling: object) -> TextEmbedder:
        """The tiny model with these prompts, in fp32."""
        number = len(list(tmp_path.glob("model*")))
        folder = shutil.copytree(tiny, tmp_path / f"model{number}")
        options = {"prompts": prompts, "default_prompt_name": default}
        (folder / "config_sentence_transformers.json").write_text(json.dumps(options))
        (folder / "1_Pooling").mkdir()
        modes = {"pooling_mode_mean_tokens": True, "word_embedding_dimension": 16, **pooling}
        (folder / "1_Pooling/config.json").write_text(json.dumps(modes))
        modules = [
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling",
             "type": "sentence_transformers.models.Pooling"},
        ]  # fmt: skip
        (folder / "modules.json").write_text(json.dumps(modules))
        return TextEmbedder(
            EmbedderConfig(
                str(folder), backend=Backend.torch, device=Device.cpu, precision=Precision.fp32
            )
        )

    return model


def test_they_are_those_of_sentence_transformers(make: Any) -> None:
    from sentence_transformers import SentenceTransformer

    embedder = make(PROMPTS)
    model = SentenceTransformer(str(embedder.folder), device="cpu", local_files_only=True)
    options: dict[str, Any] = {"normalize_embeddings": True}
    queries = model.encode_query(TEXTS, **options)
    documents = model.encode_document(TEXTS, **options)
    np.testing.assert_allclose(embedder.embed_queries(TEXTS), queries, atol=1e-5)
    np.testing.assert_allclose(embedder.embed_documents(TEXTS), documents, atol=1e-5)
    assert np.abs(queries - documents).max() > 0.01
    assert np.abs(queries - model.encode(TEXTS, **options)).max() > 0.01

    # E5 calls it "passage"; a default prompt goes before both kinds of text.
    passage = make({"query": "gout query: ", "passage": "drug: ", "document": ""})
    expected = model.encode(TEXTS, prompt="drug: ", **options)
    np.testing.assert_allclose(passage.embed_documents(TEXTS), expected, atol=1e-5)
    default = make({"any": "note number: "}, "any")
    model = SentenceTransformer(str(default.folder), device="cpu", local_files_only=True)
    expected = model.encode(TEXTS, **options)
    np.testing.assert_allclose(default.embed_documents(TEXTS), expected, atol=1e-5)
    np.testing.assert_allclose(default.embed_queries(TEXTS), expected, atol=1e-5)


def test_only_prompts_that_say_something_change_the_fingerprint(make: Any, tiny: Path) -> None:
    plain = TextEmbedder(EmbedderConfig(str(tiny))).fingerprint
    assert make({"query": "", "document": ""}).fingerprint == plain
    assert make({}).fingerprint == plain
    others = {make(p).fingerprint for p in (PROMPTS, {"query": "q: "}, {"document": "q: "})}
    assert len(others | {plain}) == 4


@pytest.mark.parametrize("document", ["passage: ", "Represent the drug note number of gout:"])
def test_the_prompt_counts_towards_the_budget_and_is_part_of_what_is_embedded(
    document: str, make: Any, config: PipelineConfig, corpus: Path
) -> None:
    embedder = make({"query": "", "document": document})
    text = " ".join(f"Drug number {n} is given {n} times." for n in range(80))
    (corpus / "drugs.txt").write_text(f"Drugs\n\n{text}", encoding="utf-8")
    config = replace(config, chunking=ChunkingConfig(max_tokens=64))
    report = IndexBuilder(config, embedder).mirror()
    assert report.truncated == 0
    chunker = Chunker(embedder, 64)
    with Index(config.index.dir) as index:
        chunks = index.document_chunk_ids("drugs.txt")
        hits, vectors = index.hits(chunks), index.chunk_vectors(chunks)
    assert len(hits) > 10
    for chunk, hit in hits.items():
        embedded = chunker.embedded_text(hit.title, hit.text)
        assert document not in embedded  # the store keys by the text alone
        assert len(embedder.tokenizer.encode(document + embedded).ids) <= 64
        expected = embedder.embed_documents([embedded])[0]
        np.testing.assert_allclose(vectors[chunk], expected, atol=1e-5)


def test_a_prompt_that_leaves_no_room_is_refused(make: Any) -> None:
    with pytest.raises(ConfigError, match=r"chunking\.max_tokens=32 leaves no room"):
        Chunker(make({"document": "of the note number " * 6}), 32)
    assert list(Chunker(make({"document": "note: "}), 32).chunks([Block("Gout.")]))


@pytest.mark.parametrize(
    ("prompts", "default", "pooling", "said"),
    [
        ({"query": "q: "}, "other", {}, "default_prompt_name='other' is not a prompt"),
        (["q: "], None, {}, "is not a prompt"),
        ({"query": "q: "}, None, {"include_prompt": False}, "leaves out the prompt"),
    ],
)
def test_prompts_that_cannot_be_honoured_are_an_error(
    prompts: object, default: str | None, pooling: dict[str, object], said: str, make: Any
) -> None:
    with pytest.raises(ModelError, match=said):
        make(prompts, default, **pooling).embed_queries(TEXTS)
