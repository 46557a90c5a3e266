"""An embedder that offers only what the protocol asks for builds, answers and evaluates."""

from __future__ import annotations

import re
import threading
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from medrag import ChunkingConfig, GroundingConfig, PipelineConfig, RAGPipeline
from medrag.config import Backend, EmbedderConfig
from medrag.embedding import Accountable, Embedder, TokenEmbedder, embed_chunks, open_embedder
from medrag.embedding.cache import Vectors
from medrag.embedding.local.embedder import TextEmbedder
from medrag.embedding.remote import RemoteEmbedder
from medrag.errors import MismatchError, ModelError
from medrag.evaluation.outcomes import ask
from medrag.indexing import IndexBuilder
from medrag.ingestion import Chunker, clean_blocks, split_chunks
from medrag.stores.local.index import Index
from medrag.types import Block, Example
from tests.ingestion.test_chunking import _BLOCKS, assert_tiles, joined


class HashEmbedder:
    """Bags of hashed words: text in, vectors out, and nothing else."""

    name = "hashed words"
    dimension = 256
    fingerprint = space = "hashed-words-1"
    max_tokens = 64

    def __init__(self) -> None:
        self.texts = 0

    def count_tokens(self, text: str) -> int:
        return len(re.findall(r"\w+|[^\w\s]", text))

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.full((len(texts), self.dimension), 1e-3, np.float32)
        for row, text in enumerate(texts):
            for word in re.findall(r"\w+", text.lower()):
                vectors[row, zlib.crc32(word.encode()) % self.dimension] += 1
        self.texts += len(texts)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self.embed_documents(texts)


@pytest.fixture
def config(config: PipelineConfig, corpus: Path) -> PipelineConfig:
    text = " ".join(f"Drug number {n} is given {n} times a day in week {n}." for n in range(60))
    (corpus / "drugs.txt").write_text(f"Drugs\n\n{text}", encoding="utf-8")
    long = ", ".join(f"drug number {n}" for n in range(200))
    (corpus / "long.txt").write_text(f"A long sentence lists {long}.", encoding="utf-8")
    return replace(
        config, chunking=ChunkingConfig(max_tokens=64), grounding=GroundingConfig(0.0, 0.5)
    )


def test_it_builds_answers_and_evaluates(config: PipelineConfig) -> None:
    embedder: Embedder = HashEmbedder()
    report = IndexBuilder(config, embedder).mirror()
    assert report.counts.documents == 5
    assert report.embedded_chunks == report.counts.chunks > 10
    assert (report.embedder, report.quarantined, report.truncated) == ("hashed words", 0, 0)
    assert report.embedded_tokens > 60 * 12
    with RAGPipeline(config, embedder) as rag:
        answer = rag.query("Which drug lowers uric acid?")
        assert "Allopurinol lowers uric acid" in answer.answer
        assert answer.sources[0].document == "gout.txt"
        examples = [
            Example("1", "Which drug lowers uric acid?", "Allopurinol", ("gout.txt",)),
            Example(
                "2", "Malaria is spread by what?", "Anopheles mosquitoes", ("sub/malaria.txt",)
            ),
        ]
        records = [ask("hashed", rag, rag.index, one, one.documents, [1, 10]) for one in examples]
    assert [record.values["retrieval/recall@1"] for record in records] == [1.0, 1.0]
    assert [record.ranked[0][0] for record in records] == ["gout.txt", "sub/malaria.txt"]
    assert all(record.right for record in records)


def test_the_index_holds_the_vectors_of_its_texts_each_embedded_once(
    config: PipelineConfig,
) -> None:
    embedder = HashEmbedder()
    report = IndexBuilder(config, embedder).mirror()
    assert embedder.texts == report.counts.chunks
    chunker = Chunker(embedder, 64)
    with Index(config.index.dir) as index:
        chunks = [id_ for name in index.document_ids() for id_ in index.document_chunk_ids(name)]
        hits, vectors = index.hits(chunks), index.chunk_vectors(chunks)
    assert len(hits) == len(vectors) == report.counts.chunks
    for chunk, hit in hits.items():
        embedded = chunker.embedded_text(hit.title, hit.text)
        assert embedder.count_tokens(embedded) <= 64 - 2  # special tokens have room
        expected = HashEmbedder().embed_documents([embedded])[0]
        np.testing.assert_allclose(vectors[chunk], expected, atol=1e-6)

    again = IndexBuilder(config, embedder).mirror()
    assert (again.embedded_chunks, again.published) == (0, False)


def test_it_goes_on_after_an_interruption(config: PipelineConfig) -> None:
    class Interrupted(HashEmbedder):
        def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        IndexBuilder(config, Interrupted()).mirror()
    report = IndexBuilder(config, HashEmbedder()).mirror()
    assert report.embedded_chunks == report.counts.chunks > 10


def test_another_embedder_is_refused(config: PipelineConfig, tiny: Path) -> None:
    IndexBuilder(config, HashEmbedder()).mirror()
    other = TextEmbedder(EmbedderConfig(model=str(tiny), backend=Backend.torch))
    with RAGPipeline(config, other) as rag, pytest.raises(MismatchError, match="hashed words"):
        rag.query("Which drug lowers uric acid?")


def test_the_local_and_the_remote_embedder_keep_to_the_protocols(tiny: Path) -> None:
    local: Embedder = open_embedder(EmbedderConfig(model=str(tiny)))
    remote: Embedder = open_embedder(EmbedderConfig(kind="openai", model="m"))  # type: ignore[arg-type]
    assert isinstance(local, TextEmbedder) and isinstance(remote, RemoteEmbedder)
    assert isinstance(local, TokenEmbedder) and isinstance(local, Accountable)
    assert isinstance(remote, Accountable) and not isinstance(remote, TokenEmbedder)


# --- chunking by a counter alone ---------------------------------------------------------------


class Counter:
    """Counts tokens in its own way."""

    def __init__(self, count: Callable[[str], int]) -> None:
        self.count_tokens = count


# The last one breaks every rule: a text may have more tokens than its parts together, or fewer
# than its start.
COUNTERS = {
    "words": Counter(lambda text: len(text.split())),
    "characters": Counter(len),
    "bytes": Counter(lambda text: len(text.encode()) // 3),
    "odd": Counter(lambda text: len(text) // 4 + len(text) % 7 + text.count(" ")),
}


@pytest.mark.parametrize("name", COUNTERS)
@settings(max_examples=60, deadline=None)
@given(blocks=_BLOCKS, title=st.text(max_size=200), budget=st.sampled_from([32, 64, 256]))
def test_any_counter_gives_chunks_that_tile_and_fit(
    name: str, blocks: list[Block], title: str, budget: int
) -> None:
    counter = COUNTERS[name]
    cleaned = list(clean_blocks(blocks))
    chunker = Chunker(counter, budget)
    chunks = list(chunker.chunks(cleaned, title))
    assert_tiles(chunks, joined(cleaned))
    for chunk in chunks:
        assert chunk.ids == ()
        assert counter.count_tokens(chunker.embedded_text(title, chunk.text)) <= chunk.tokens
        assert chunk.tokens <= budget


def test_sentences_stay_whole_and_chunks_are_filled() -> None:
    text = " ".join(f"Dr. Lee gave 5 mg of warfarin on day {day}." for day in range(200))
    chunks = list(Chunker(COUNTERS["words"], 100).chunks([Block(text)], "Warfarin"))
    assert all(chunk.text.startswith("Dr. Lee") and chunk.text.endswith(".") for chunk in chunks)
    assert min(chunk.tokens for chunk in chunks[:-1]) > 80
    assert max(chunk.tokens for chunk in chunks) <= 100


def test_a_chain_takes_an_embedder_or_its_tokenizer(tiny: Path) -> None:
    texts = ["Gout is treated with allopurinol. " * 30, "Malaria is spread by mosquitoes."]
    local = TextEmbedder(EmbedderConfig(model=str(tiny)))
    whole = list(split_chunks(texts, local, 64))
    assert whole == list(split_chunks(texts, local.tokenizer, 64))
    assert len(whole) == 4
    hashed = HashEmbedder()
    rows = list(embed_chunks(split_chunks(texts, hashed, 64), hashed))
    assert all(hashed.count_tokens(text) <= 62 for text, _ in rows)
    assert rows[0][1].shape == (256,)


# --- threads -----------------------------------------------------------------------------------


def test_threads_that_share_an_embedder_load_it_once(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medrag.embedding.local import embedder as module

    loads = []
    real = module.open_encoder

    def counted(*arguments: object) -> object:
        loads.append(threading.get_ident())
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "open_encoder", counted)
    embedder = TextEmbedder(EmbedderConfig(model=str(tiny), backend=Backend.torch))
    gate = threading.Barrier(8)
    found: list[NDArray[np.float32]] = []

    def embed() -> None:
        gate.wait()
        found.append(embedder.embed_queries(["gout"]))

    threads = [threading.Thread(target=embed) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1
    assert len(found) == 8 and all(np.array_equal(vectors, found[0]) for vectors in found)


class Changing:
    """An embedder whose model was replaced behind its name: the vectors have another length."""

    name = fingerprint = space = "changing"
    max_tokens = 512
    value = 1.0

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        return np.full((len(texts), self.dimension), self.value, dtype=np.float64)

    embed_queries = embed_documents


def test_vectors_of_another_length_stop_a_build_and_a_question(
    config: PipelineConfig, corpus: Path
) -> None:
    config.cache.embeddings = ""
    before = IndexBuilder(config, Changing(8)).mirror()
    (corpus / "new.txt").write_text("A new note about gout.", encoding="utf-8")
    with pytest.raises(MismatchError, match="4 numbers, and this index needs 8"):
        IndexBuilder(config, Changing(4)).mirror()
    with RAGPipeline(config, Changing(4)) as rag, pytest.raises(MismatchError, match="4 numbers"):
        rag.retrieve("gout")
    with RAGPipeline(config, Changing(8)) as rag:  # the published generation is as it was
        assert rag.index.counts == before.counts
        assert rag.retrieve("gout")


def test_cached_vectors_of_another_length_are_not_used(config: PipelineConfig) -> None:
    IndexBuilder(config, Changing(4)).mirror()
    config.index.dir += "-other"
    report = IndexBuilder(config, Changing(8)).mirror()
    assert report.embedded_chunks == report.counts.chunks


def test_vectors_are_normalised_and_those_that_cannot_be_are_refused(
    config: PipelineConfig,
) -> None:
    config.cache.embeddings = ""
    with RAGPipeline(config, Changing(8)) as rag:
        IndexBuilder(config, Changing(8)).mirror()
        assert rag.retrieve("gout")[0].similarity == pytest.approx(1.0)
    for value in (0.0, float("nan")):
        broken = Changing(8)
        broken.value = value
        config.index.dir += "-other"
        with pytest.raises(ModelError, match="zero or not finite"):
            IndexBuilder(config, broken).mirror()


def test_a_nonsensical_count_of_tokens_does_not_keep_a_build_forever() -> None:
    class Nonsense:
        def count_tokens(self, text: str) -> int:
            return len(text) * 7919 % 997

    text = "Gout is caused by crystals of uric acid. " * 5
    chunks = list(Chunker(Nonsense(), 256).chunks([Block(text.strip())], "Gout"))
    assert "".join(chunk.glue + chunk.text for chunk in chunks) == text.strip()
    assert all(chunk.text for chunk in chunks)


@pytest.mark.parametrize(
    "spoil", [lambda rows: rows[:, :32], lambda rows: rows[..., None], lambda rows: rows * np.nan]
)
def test_vectors_that_cannot_be_searched_are_not_published(
    spoil: Callable[[NDArray[np.float32]], NDArray[np.float32]], config: PipelineConfig
) -> None:
    class Spoilt(HashEmbedder):
        def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
            return spoil(super().embed_documents(texts))

    with pytest.raises((ModelError, MismatchError), match=r"hashed words (returned|did not)"):
        IndexBuilder(config, Spoilt()).mirror()
    report = IndexBuilder(config, HashEmbedder()).mirror()
    assert report.embedded_chunks == report.counts.chunks
