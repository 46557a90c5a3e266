"""The embedding cache in a build: it saves work, and never changes the result."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from medrag import CacheConfig, ChunkingConfig, EmbedderConfig, PipelineConfig, RetrieverConfig
from medrag.build_index import run, summary_table
from medrag.config import Backend, Config, Device, Precision, TrackingConfig, WandbMode
from medrag.errors import ModelError
from medrag.indexing import BuildReport, IndexBuilder
from medrag.ingestion import TextEmbedder
from medrag.retrieval import Retriever
from medrag.stores.local.index import Index
from tests.redis_server import RedisServer

PASSWORD = "open-sesame"


class Builds:
    """Builds of one corpus into index directories of their own.

    Attributes:
        exact: a small encoder.
        last: the report of the build before.
    """

    def __init__(self, root: Path, config: PipelineConfig, model: Path) -> None:
        self.exact = EmbedderConfig(
            str(model), device=Device.cpu, backend=Backend.torch, precision=Precision.fp32
        )
        self._root = root
        self._config = config
        self._number = 0
        self.last: BuildReport | None = None

    def __call__(
        self,
        cache: object,
        embedder: EmbedderConfig | None = None,
        chunking: ChunkingConfig | None = None,
    ) -> dict[int, NDArray[np.float32]]:
        """Build a new index; returns the vectors in it, by chunk."""
        self._number += 1
        config = replace(
            self._config,
            cache=CacheConfig(embeddings=str(cache)),
            embedder=embedder or self.exact,
            chunking=chunking or ChunkingConfig(),
            index=replace(self._config.index, dir=str(self._root / str(self._number))),
        )
        self.last = IndexBuilder(config, TextEmbedder(config.embedder)).mirror()
        with Index(config.index.dir) as index:
            vectors = index.all_vectors()
            return {chunk: np.frombuffer(blob, "<f4") for chunk, blob in vectors}

    @property
    def numbers(self) -> tuple[int, int, int]:
        """Of the last build: texts embedded, looked for in the cache, found there."""
        assert self.last
        return self.last.embedded_chunks, self.last.cache_lookups, self.last.cache_hits

    def found(self) -> list[tuple[int, float]]:
        """What a search in the last index finds."""
        assert self.last
        embedder = TextEmbedder(self.exact)
        with Index(self.last.directory) as index:
            hits = Retriever(index, embedder, RetrieverConfig(k=10)).retrieve("What helps in gout?")
        return [(hit.chunk_id, hit.score) for hit in hits]


@pytest.fixture
def build(tmp_path: Path, config: PipelineConfig, corpus: Path, tiny: Path) -> Builds:
    sentences = (f"Drug number {n} is given {n} times a day in week {n}." for n in range(60))
    (corpus / "drugs.txt").write_text("Drugs\n\n" + " ".join(sentences), encoding="utf-8")
    return Builds(tmp_path / "indexes", config, tiny)


def same(one: dict[int, NDArray[np.float32]], other: dict[int, NDArray[np.float32]]) -> bool:
    """Whether they are the same to the last bit."""
    return one.keys() == other.keys() and all(np.array_equal(one[n], other[n]) for n in one)


def near(one: dict[int, NDArray[np.float32]], other: dict[int, NDArray[np.float32]]) -> bool:
    """Whether they differ only by the order of sums in the embedder."""
    return one.keys() == other.keys() and all(np.abs(one[n] - other[n]).max() < 1e-5 for n in one)


@pytest.fixture
def no_model(build: Builds, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> EmbedderConfig:
    """An embedder of the same vectors that fails when its model must be loaded."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    no_model = replace(build.exact, backend=Backend.openvino)
    with pytest.raises(ModelError):
        TextEmbedder(no_model).embed(["Gout"])
    return no_model


def shown(report: BuildReport | None) -> str:
    assert report
    console = Console(width=200)
    with console.capture() as capture:
        console.print(summary_table(report))
    return capture.get()


def test_a_second_index_finds_every_vector_of_the_first_and_loads_no_model(
    build: Builds, no_model: EmbedderConfig, tmp_path: Path
) -> None:
    cache = tmp_path / "cache.sqlite"
    first = build(cache)
    texts = len(first)
    assert build.numbers == (texts, texts, 0)
    assert "torch fp32 on cpu" in shown(build.last) and "tokens/s" in shown(build.last)
    assert f"0 of {texts} texts (0%)" in shown(build.last)
    found = build.found()

    second = build(cache, no_model)
    assert build.numbers == (0, texts, texts)
    assert same(first, second)
    assert build.found() == found
    assert "fp32" not in shown(build.last)
    assert f"{texts} of {texts} texts (100%)" in shown(build.last)


def test_only_new_texts_are_embedded(build: Builds, corpus: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache.sqlite"
    texts = len(build(cache))
    (corpus / "flu.txt").write_text("Influenza\n\nOseltamivir is given early.", encoding="utf-8")
    vectors = build(cache)
    assert build.numbers == (1, texts + 1, texts)
    assert near(vectors, build(""))


def test_without_a_cache_nothing_is_looked_up_or_kept(
    build: Builds, tmp_path: Path, _own_cache: Path
) -> None:
    texts = len(build(""))
    assert build.numbers == (texts, 0, 0)
    assert "found in the cache" not in shown(build.last)
    assert not list((_own_cache / "medrag").glob("embeddings*"))


def test_vectors_of_another_precision_are_not_taken(build: Builds, tmp_path: Path) -> None:
    cache = tmp_path / "cache.sqlite"
    rough = replace(build.exact, precision=Precision.bf16)
    first = build(cache)
    second = build(cache, rough)
    assert build.numbers == (len(first), len(first), 0)
    assert not near(first, second)
    assert same(build(cache), first)  # both have their place
    assert same(build(cache, rough), second)
    assert build.numbers[0] == 0


def test_other_chunks_get_the_vectors_of_their_own_texts(build: Builds, tmp_path: Path) -> None:
    cache = tmp_path / "cache.sqlite"
    small = ChunkingConfig(max_tokens=200)
    build(cache)
    vectors = build(cache, chunking=small)
    embedded, lookups, hits = build.numbers
    assert hits > 0  # a short note is one chunk either way
    assert embedded == lookups - hits > 0
    assert near(vectors, build("", chunking=small))


def test_a_damaged_cache_costs_its_hits_alone(build: Builds, tmp_path: Path) -> None:
    cache = tmp_path / "cache.sqlite"
    first = build(cache)
    with closing(sqlite3.connect(cache)) as database, database:
        # Every other vector gets the bytes of another one.
        database.execute(
            "UPDATE embeddings SET value = (SELECT value FROM embeddings ORDER BY id DESC LIMIT 1) "
            "WHERE id % 2 = 0 AND id < (SELECT max(id) FROM embeddings)"
        )
    second = build(cache)
    embedded, lookups, hits = build.numbers
    assert 0 < hits < lookups and embedded == lookups - hits
    assert near(first, second)
    build(cache)
    assert build.numbers == (0, lookups, lookups)  # repaired

    cache.write_bytes(os.urandom(cache.stat().st_size))
    assert near(first, build(cache))
    assert build.numbers == (lookups, lookups, 0)


def test_a_cache_that_cannot_be_written_stops_no_build(
    build: Builds, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    first = build(tmp_path / "file/cache.sqlite")
    assert build.numbers == (len(first), 0, 0)
    (warning,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "going on without an embedding cache" in warning


def test_a_redis_server_is_shared_like_a_file(
    build: Builds, no_model: EmbedderConfig, start_redis: Callable[..., RedisServer]
) -> None:
    server = start_redis()
    first = build(server.url)
    texts = len(first)
    assert build.numbers == (texts, texts, 0)
    second = build(server.unix_url, no_model)
    assert build.numbers == (0, texts, texts)
    assert same(first, second)


def holding(root: Path, secret: str) -> list[Path]:
    """The files under `root` that hold a string."""
    files = (path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    return [path for path in files if secret.encode() in path.read_bytes()]


@pytest.mark.slow
def test_the_password_of_the_cache_is_not_recorded(
    start_redis: Callable[..., RedisServer], config: PipelineConfig, tiny: Path, tmp_path: Path
) -> None:
    server = start_redis("--requirepass", PASSWORD)
    runs = tmp_path / "runs"
    report = run(
        Config(
            corpus=config.corpus,
            index=config.index,
            embedder=EmbedderConfig(str(tiny), backend=Backend.torch),
            cache=CacheConfig(embeddings=server.url.replace("//", f"//:{PASSWORD}@")),
            tracking=TrackingConfig(wandb=WandbMode.offline, dir=str(runs)),
        )
    )
    assert report.cache_lookups  # it was let in
    assert list(runs.rglob("*.wandb"))
    assert holding(tmp_path, PASSWORD) == []

    # At the shell, where the settings and the command line itself are recorded too.
    url = server.url.replace("//", "//:${oc.env:REDIS_PASSWORD}@")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "medrag.build_index"),
            *(f"corpus.paths={config.corpus.paths}", f"index.dir={tmp_path / 'second'}"),
            *(f"embedder.model={tiny}", "embedder.backend=torch"),
            *(f"cache.embeddings='{url}'", "tracking.wandb=offline", f"tracking.dir={runs}"),
        ],
        env={**os.environ, "REDIS_PASSWORD": PASSWORD},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "(100%)" in done.stderr  # of the texts are in the cache
    assert PASSWORD not in done.stdout + done.stderr
    assert len(list(runs.rglob("*.wandb"))) == 2
    assert list(runs.rglob("overrides.yaml"))
    assert holding(tmp_path, PASSWORD) == []
