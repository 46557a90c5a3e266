"""What medrag, its tools and other software have written is no document of the user."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from medrag import PipelineConfig, RAGPipeline
from medrag.certificates import certify, write
from medrag.config import TinyModelConfig
from medrag.errors import CorpusError
from medrag.finetuning.tiny import build_tiny_model
from medrag.indexing import BuildReport, IndexBuilder
from medrag.ingestion import TextEmbedder
from medrag.ingestion.corpus import Away, Skipped, SourceFile, find_files
from medrag.manifest import MADE_BY, Manifest, write_manifest

Build = Callable[[], BuildReport]
CACHE_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n"


def make(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"This is {name}.", encoding="utf-8")


def skipped(*paths: str | Path) -> dict[str, str]:
    items = find_files([str(path) for path in paths], Path("unused/downloads"))
    return {item.id: item.reason for item in items if isinstance(item, Skipped)}


def read(*paths: str | Path) -> list[str]:
    items = find_files([str(path) for path in paths], Path("unused/downloads"))
    return [item.id for item in items if isinstance(item, SourceFile)]


@pytest.mark.parametrize("kind", MADE_BY)
def test_an_artefact_is_skipped_unless_it_is_named(tmp_path: Path, kind: str) -> None:
    make(tmp_path, "a.txt", "made/rows.jsonl", "made/sub/b.txt", "z/c.txt")
    write_manifest(tmp_path / "made", Manifest(kind, "f" * 32))
    assert read(tmp_path) == ["a.txt", "z/c.txt"]
    assert list(skipped(tmp_path)) == ["made"]
    assert skipped(tmp_path)["made"].startswith("written by medrag")
    assert kind in skipped(tmp_path)["made"]
    assert read(tmp_path / "made") == ["rows.jsonl", "sub/b.txt"]


@pytest.mark.parametrize(
    "manifest",
    [
        "",
        "[" * 100_000,
        "\x00\xff",
        "[]",
        '{"name": "my app", "version": 3}',
        '{"kind": "index", "files": []}',
        '{"kind": "trip", "fingerprint": "", "package_version": "1", "checksum": ""}',
        '{"kind": ["index"], "fingerprint": "", "package_version": "1", "checksum": ""}',
    ],
)
def test_a_manifest_of_something_else_hides_nothing(tmp_path: Path, manifest: str) -> None:
    make(tmp_path, "notes/a.txt", "pipe/b.txt")
    (tmp_path / "notes/manifest.json").write_text(manifest)
    os.mkfifo(tmp_path / "pipe/manifest.json")
    assert read(tmp_path) == ["notes/a.txt", "pipe/b.txt"]
    assert not skipped(tmp_path)


@pytest.mark.parametrize(
    ("folder", "mark", "who"),
    [
        ("runs/1", ".hydra/hydra.yaml", "medrag"),
        ("sweep", "multirun.yaml", "medrag"),
        ("wandb", "offline-run-2/files/requirements.txt", "medrag"),
        ("deep/wandb", "run-3/logs/debug.log", "medrag"),
        ("adapter/checkpoints", "run.json", "medrag"),
        ("medquad", "medquad-corpus.jsonl", "medrag"),
        ("env", "pyvenv.cfg", "software"),
        ("tools/conda", "conda-meta/history", "software"),
        ("node_modules", "pkg/README.md", "software"),
        ("src/__pycache__", "a.txt", "software"),
    ],
)
def test_logs_and_software_are_skipped_unless_they_are_named(
    tmp_path: Path, folder: str, mark: str, who: str
) -> None:
    make(tmp_path, "a.txt", f"{folder}/{mark}", f"{folder}/index/x.txt", f"{folder}/b.txt")
    assert read(tmp_path) == ["a.txt"]
    assert list(skipped(tmp_path)) == [folder]
    assert who in skipped(tmp_path)[folder].partition(" (")[0]
    assert f"{folder}/b.txt" in [f"{folder}/{name}" for name in read(tmp_path / folder)]


def test_a_cache_is_known_by_the_signature_of_its_tag(tmp_path: Path) -> None:
    make(tmp_path, "cache/a.txt", "mine/CACHEDIR.TAG", "mine/b.txt")
    (tmp_path / "cache/CACHEDIR.TAG").write_text(CACHE_TAG)
    assert list(skipped(tmp_path)) == ["cache"]
    assert read(tmp_path) == ["mine/b.txt"]


def test_a_name_alone_hides_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = [
        "checkpoints/a.txt", "dataset/rows.jsonl", "flu/flu-corpus.jsonl", "generations/a.txt",
        "hydra/.hydra/notes.txt", "hydra/a.txt", "index/index.html", "logs/run-1/a.txt",
        "models/a.txt", "outputs/a.txt", "outputs/index/a.txt", "runs/a.txt", "store/a.txt",
        "store/store.sqlite", "sub/outputs/a.txt", "venv/a.txt", "wandb/a.txt",
    ]  # fmt: skip
    make(tmp_path, *mine)
    monkeypatch.chdir(tmp_path)
    for root in (".", tmp_path):
        assert not skipped(root)
        assert set(read(root)) == {*mine} - {"hydra/.hydra/notes.txt", "store/store.sqlite"}


def test_the_root_itself_may_have_a_mark(tmp_path: Path) -> None:
    make(tmp_path, "a.txt", ".hydra/hydra.yaml", "pyvenv.cfg", "multirun.yaml")
    assert read(tmp_path) == ["a.txt"]


def test_an_index_that_is_not_finished_is_skipped(
    build: Build, config: PipelineConfig, embedder: TextEmbedder, tmp_path: Path
) -> None:
    make(tmp_path, "bad/empty.pdf")
    config.corpus.paths = [str(tmp_path / "bad")]
    config.index.dir = str(tmp_path / "work/unfinished")
    with pytest.raises(CorpusError):
        build()
    make(tmp_path, "work/a.txt")
    assert read(tmp_path / "work") == ["a.txt"]
    assert "has not finished" in skipped(tmp_path / "work")["unfinished"]


def test_the_base_model_of_a_dry_run_is_skipped(tmp_path: Path) -> None:
    shape = TinyModelConfig(
        vocab_size=300, hidden_size=32, intermediate_size=32, layers=1, heads=2, kv_heads=1
    )
    build_tiny_model(shape, ["Gout is caused by crystals."], tmp_path / "models/base", seed=1)
    make(tmp_path, "models/a.txt")
    assert read(tmp_path) == ["models/a.txt"]
    assert "dry run" in skipped(tmp_path)["models/base"]


def test_certificates_and_caches_are_skipped_and_other_files_are_not(
    build: Build, config: PipelineConfig, embedder: TextEmbedder, tmp_path: Path
) -> None:
    place = tmp_path / "place"
    make(place, "a.txt", "other.json", "other.sqlite")
    config.cache.embeddings = str(place / "cache.sqlite")
    build()
    with RAGPipeline(config, embedder) as rag:
        write(place / "answer.json", certify(rag, rag.query("What prevents gout?")))
    assert skipped(place).keys() == {"answer.json", "cache.sqlite"}
    assert read(place) == ["a.txt"]


def test_a_corpus_that_holds_its_index_and_other_artefacts(
    corpus: Path, config: PipelineConfig, embedder: TextEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`corpus.paths=[.]`: the index never holds itself, however often it is built."""
    make(corpus, "outputs/mine.txt", "empty.pdf")
    monkeypatch.chdir(corpus)
    config.corpus.paths = ["."]
    for name in ("outputs/first", "outputs/second"):
        config.index.dir = name
        documents = IndexBuilder(config, embedder).mirror().counts.documents
    report = IndexBuilder(config, embedder).mirror()
    assert report.counts.documents == documents == 4
    assert not report.published
    (group,) = report.skipped.values()
    assert (group.count, group.first) == (1, ["outputs/first"])
    assert "medrag" in next(iter(report.skipped))


@pytest.mark.parametrize("name", ["quarantine.jsonl", "notes.jsonl"])
def test_what_a_build_reports_is_not_a_document_of_its_index(
    build: Build, config: PipelineConfig, name: str
) -> None:
    build()
    file = Path(config.index.dir, name)
    assert file.is_file()
    (item,) = find_files([str(file)], file.parent / ".downloads")
    assert isinstance(item, Away)
