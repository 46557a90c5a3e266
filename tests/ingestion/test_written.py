"""What medrag, its tools and other software have written is no document of the user."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
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
        '{"kind": "index", "fingerprint": "", "package_version": "1", "checksum": ""}',
        '{"kind": "index", "schema": 2, "fingerprint": "", "checksum": "y"}',
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


# What tells each kind of folder, and one more file that the same tool leaves there.
HYDRA = {".hydra/hydra.yaml": "hydra:\n  run:\n    dir: .\n", "build_index.log": ""}
SWEEP = {"multirun.yaml": "hydra:\n  run:\n", "0/.hydra/hydra.yaml": "hydra:\n", "0/ask.log": ""}
RUN = "offline-run-20261127_021751-upokjlm6"
WANDB = {f"{RUN}/run-upokjlm6.wandb": ":W&B..", f"{RUN}/files/requirements.txt": "numpy"}
CHECKPOINTS = {"run.json": '"1360cc4ece386c45f2bf11e741dfd04e"', "checkpoint-1/README.md": "x"}
VENV = {"pyvenv.cfg": "home = /usr/bin\n", "lib/python3.11/site-packages/a/README.md": "x"}
CONDA = {"conda-meta/history": "==> 2026-11-27 <==\n", "share/doc.txt": "x"}
NODE = {"lodash/package.json": "{}", "lodash/README.md": "x"}
SCOPED = {"@types/node/package.json": "{}", "@types/node/README.md": "x"}


def put(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("folder", "files", "who"),
    [
        ("runs/1", HYDRA, "medrag"),
        ("deep/wandb", WANDB, "medrag"),
        ("adapter/checkpoints", CHECKPOINTS, "medrag"),
        ("env", VENV, "software"),
        ("tools/conda", CONDA, "software"),
        ("node_modules", NODE, "software"),
        ("web/node_modules", SCOPED, "software"),
        ("src/__pycache__", {"a.cpython-311.pyc": ""}, "software"),
    ],
)
def test_logs_and_software_are_skipped_unless_they_are_named(
    tmp_path: Path, folder: str, files: dict[str, str], who: str
) -> None:
    put(tmp_path, {"a.txt": "A."})
    put(tmp_path / folder, files)
    assert read(tmp_path) == ["a.txt"]
    assert list(skipped(tmp_path)) == [folder]
    assert who in skipped(tmp_path)[folder].partition(" (")[0]
    assert set(read(tmp_path / folder)) == {n for n in files if n.endswith((".txt", ".md"))}


@pytest.mark.parametrize(
    ("folder", "files", "left_out"),
    [
        ("project", HYDRA, ["build_index.log"]),
        ("sweep", SWEEP, ["multirun.yaml", "0"]),
        ("wandb", WANDB, [RUN]),
        ("project", VENV, ["lib", "pyvenv.cfg"]),
        ("project", HYDRA | VENV, ["build_index.log", "lib", "pyvenv.cfg"]),
        ("__pycache__", {"a.cpython-311.pyc": ""}, ["a.cpython-311.pyc"]),
    ],
)
def test_a_users_folder_where_a_tool_was_run_is_read(
    tmp_path: Path, folder: str, files: dict[str, str], left_out: list[str]
) -> None:
    mine = ["protocol.md", "run-in-clinic.md", "scan.PDF", "docs/deep.md"]
    put(tmp_path / folder, files | dict.fromkeys(mine, "Mine."))
    assert set(read(tmp_path)) == {f"{folder}/{name}" for name in mine}
    assert set(skipped(tmp_path)) == {f"{folder}/{name}" for name in left_out}
    assert set(read(tmp_path / folder)) == set(mine)


@pytest.mark.parametrize(
    ("folder", "files"),
    [
        ("project", {".hydra/hydra.yaml": ""}),
        ("project", {".hydra/hydra.yaml": "heads: 9\n"}),
        ("sweep", {"multirun.yaml": "[]"}),
        ("wandb", {"run-in-clinic.md": "Mine.", "run-1/a.md": "Mine."}),
        ("wandb", {f"{RUN}/files/a.md": "Mine."}),
        ("wandb", {f"{RUN}/run-1.wandb": "Mine.", f"{RUN}/a.md": "Mine."}),
        ("checkpoints", {"run.json": "{}"}),
        ("checkpoints", {"run.json": '"gout"'}),
        ("ward", {"ward-corpus.jsonl": '{"id": "1", "text": "W."}\n', "index/rules.md": "Mine."}),
        ("env", {"pyvenv.cfg": "", "lib/a.md": "Mine."}),
        ("conda", {"conda-meta/history": "Mine."}),
        ("node_modules", {"lymph_nodes.md": "Mine.", "axillary/level-1.md": "Mine."}),
        ("base", {"medrag_tiny.txt": "Mine."}),
        ("guides", {"store.sqlite": "", ".lock": ""}),
        ("guides", {"store.sqlite": "no database", ".lock": ""}),
    ],
)
def test_a_mark_without_its_content_hides_nothing(
    tmp_path: Path, folder: str, files: dict[str, str]
) -> None:
    put(tmp_path / folder, files | {"protocol.md": "Mine."})
    documents = {"protocol.md", *(n for n in files if n.endswith((".md", ".txt", ".jsonl")))}
    assert set(read(tmp_path)) == {f"{folder}/{name}" for name in documents}
    assert not skipped(tmp_path)


def test_a_document_beside_packages_of_node_is_read(tmp_path: Path) -> None:
    put(tmp_path / "node_modules", NODE | {"lymph_nodes.md": "Mine."})
    assert read(tmp_path) == ["node_modules/lymph_nodes.md"]
    assert list(skipped(tmp_path)) == ["node_modules/lodash"]


def test_the_store_of_another_program_hides_nothing(tmp_path: Path) -> None:
    put(tmp_path / "guides", {"g.md": "Mine."})
    with closing(sqlite3.connect(tmp_path / "guides/store.sqlite")) as store:
        store.execute("CREATE TABLE documents (id)")
    assert read(tmp_path) == ["guides/g.md"]
    assert not skipped(tmp_path)


def test_an_index_without_its_manifest_is_skipped_and_not_touched(
    build: Build, config: PipelineConfig
) -> None:
    build()
    index = Path(config.index.dir)
    (index / "manifest.json").unlink()
    before = sorted(index.rglob("*"))
    assert "has not finished" in skipped(index.parent)[index.name]
    assert sorted(index.rglob("*")) == before


def test_a_benchmark_made_ready_is_skipped_but_not_a_folder_with_other_documents(
    build: Build, config: PipelineConfig, tmp_path: Path
) -> None:
    place = tmp_path / "made/ward"
    config.index.dir = str(place / "index")
    build()
    put(place, {"ward-corpus.jsonl": '{"id": "1", "text": "Rounds are at nine."}\n'})
    assert list(skipped(tmp_path / "made")) == ["ward"]
    put(place, {"intro.md": "Mine."})
    assert read(tmp_path / "made") == ["ward/intro.md", "ward/ward-corpus.jsonl"]
    assert list(skipped(tmp_path / "made")) == ["ward/index"]


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
    certificate = (place / "answer.json").read_text(encoding="utf-8")
    for name in ("cert.txt", "cert.md", "cert.jsonl", "CERT.CSV", "cert"):
        (place / name).write_text(certificate, encoding="utf-8")
    put(place, {"b.md": 'A file that starts with {"kind": "answer certificate"} is one.'})
    put(place, {"c.jsonl": '{"kind": "answer certificate", "text": "Certificates."}'})
    certificates = {"answer.json", "cert.txt", "cert.md", "cert.jsonl", "CERT.CSV", "cert"}
    assert skipped(place).keys() == {*certificates, "cache.sqlite"}
    assert read(place) == ["a.txt", "b.md", "c.jsonl"]
    assert read(place / "cert.md") == ["cert.md"]  # named


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
