"""Reading brings the store up to date in bounded steps, with as many parsers as are wanted."""

from __future__ import annotations

import ctypes
import json
import os
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from medrag import PipelineConfig
from medrag.errors import CorpusError, MismatchError
from medrag.indexing import BuildReport, IndexBuilder
from medrag.indexing.documents import CorpusReader
from medrag.indexing.embedding import Text
from medrag.ingestion import Chunker, TextEmbedder
from medrag.stores.local import LocalWriter
from medrag.stores.local.index import Index
from medrag.stores.local.store import Store
from tests.indexing.test_builder import contents, quarantined

Build = Callable[[], BuildReport]


def read(config: PipelineConfig, embedder: TextEmbedder) -> tuple[list[list[Text]], list[int]]:
    """The texts that reading hands on to be embedded, and the documents committed each time."""
    steps, documents = [], []
    Path(config.index.dir).mkdir(exist_ok=True)
    path = Path(config.index.dir, "store.sqlite")
    with LocalWriter(path, "space", None) as store, Store(path, "space") as other:
        chunker = Chunker(embedder, 256)
        reader = CorpusReader(store, config.corpus, chunker, Path(config.index.dir))
        with closing(reader.mirror(config.corpus.paths)) as pending:
            for texts in pending:
                steps.append(texts)
                query = "SELECT count(*) FROM documents"
                documents.append(other.connection.execute(query).fetchone()[0])
    return steps, documents


def write_rows(path: Path, texts: list[str]) -> None:
    rows = ({"id": f"{number:04}", "text": text} for number, text in enumerate(texts))
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")


def test_texts_are_handed_on_while_reading_goes_on(
    corpus: Path, config: PipelineConfig, embedder: TextEmbedder
) -> None:
    write_rows(corpus / "rows.jsonl", [f"Row {n} is about zinc." for n in range(1_000)])
    steps, documents = read(config, embedder)
    assert documents == [200, 400, 600, 800, 1_000, 1_003]
    assert [len(step) for step in steps] == [201, 200, 200, 200, 200, 3]  # a note has two chunks
    texts = dict(text for step in steps for text in step)
    assert len(texts) == sum(map(len, steps))  # none twice
    decoded = {embedder.tokenizer.decode(list(ids)) for ids in texts.values()}
    assert "row 999 is about zinc. row 999 is about zinc." in decoded  # title and text


def test_all_of_a_long_document_is_handed_on_as_its_parser_tokenized_it(
    corpus: Path, config: PipelineConfig, embedder: TextEmbedder
) -> None:
    text = " ".join(f"Sentence {n} says something about zinc and iron." for n in range(90_000))
    (corpus / "asthma.md").write_text(text, encoding="utf-8")
    steps, documents = read(config, embedder)
    assert documents[:3] == [1] * 3
    assert max(map(len, steps)) == 1024
    texts = dict(text for step in steps for text in step)
    chunker = Chunker(embedder.tokenizer, 256)
    with Store(Path(config.index.dir, "store.sqlite"), "space") as store:
        query = "SELECT hash, title, text FROM chunks JOIN documents ON documents.key = document"
        rows = store.connection.execute(query).fetchall()
    assert len(rows) > 3_000
    embedded = {key: chunker.embedded_text(title, text) for key, title, text in rows}
    assert texts.keys() == embedded.keys()
    for key, whole in embedded.items():
        assert list(texts[key]) == embedder.tokenizer.encode(whole).ids


def test_nothing_of_a_document_that_breaks_off_is_handed_on(
    corpus: Path, config: PipelineConfig, embedder: TextEmbedder
) -> None:
    said = " ".join(f"Sentence {n} says something about lead." for n in range(90_000))
    (corpus / "broken.txt").write_bytes(said.encode() + b"\0")
    steps, documents = read(config, embedder)
    assert documents[-1] == 3
    assert [len(step) for step in steps] == [4]


@pytest.mark.slow
def test_the_number_of_parsers_changes_nothing(
    corpus: Path, config: PipelineConfig, embedder: TextEmbedder, tmp_path: Path
) -> None:
    for number in range(9):  # more than are asked of one parser at once
        text = f"Note {number}\n\n" + f"Zinc is number {number}. " * (number % 4 + 1)
        (corpus / f"{number:02}.txt").write_text(text, encoding="utf-8")

    def state(workers: int) -> tuple[object, ...]:
        index = replace(config.index, dir=str(tmp_path / f"index{workers}"))
        corpus_config = replace(config.corpus, workers=workers)
        IndexBuilder(replace(config, corpus=corpus_config, index=index), embedder).mirror()
        with Index(index.dir) as opened:
            rows = [
                (chunk, hit.document, hit.text) for chunk, hit in opened.hits(range(1, 200)).items()
            ]
            return opened.manifest.fingerprint, sorted(rows)

    assert state(1) == state(3)


def test_no_parser_is_started_for_a_corpus_that_did_not_change(
    build: Build, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(corpus / "more.zip", "w") as archive:
        archive.writestr("zinc.txt", "Zinc is a metal.")
    build()
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert build().unchanged_files == 4
    (corpus / "gout.txt").write_text("Changed.", encoding="utf-8")
    with pytest.raises(CorpusError, match="no process"):
        build()


def test_a_file_that_hangs_its_parser_is_quarantined(
    build: Build, corpus: Path, config: PipelineConfig
) -> None:
    (corpus / "deep.html").write_text("<div>" * 500_000 + "x", encoding="utf-8")
    config.corpus.max_parser_seconds = 3
    build()
    assert list(contents(config)) == ["asthma.md", "gout.txt", "sub/malaria.txt"]
    assert "corpus.max_parser_seconds=3" in quarantined(config)["deep.html"]


@pytest.mark.parametrize("name", ["more.zip", "more.tar.gz"])
def test_an_archive_is_mirrored_like_a_directory(
    build: Build, corpus: Path, config: PipelineConfig, tmp_path: Path, name: str
) -> None:
    def pack(**texts: str) -> None:
        for member, text in texts.items():
            (tmp_path / member).write_text(text, encoding="utf-8")
        if name.endswith(".zip"):
            with zipfile.ZipFile(corpus / name, "w") as zipped:
                for member in texts:
                    zipped.write(tmp_path / member, f"inner/{member}.txt")
        else:
            with tarfile.open(corpus / name, "w:gz") as packed:
                for member in texts:
                    packed.add(tmp_path / member, f"inner/{member}.txt")

    pack(zinc="Zinc is a metal.", iron="Iron is a metal too.", tin="Tin is one as well.")
    report = build()
    assert (report.added, report.quarantined) == (6, 0)
    assert contents(config)[f"{name}/inner/iron.txt"] == "Iron is a metal too."
    pack(zinc="Zinc is a metal.", iron="Iron was changed.", lead="Lead is new.")
    report = build()
    assert (report.added, report.changed, report.removed) == (1, 1, 1)
    assert report.embedded_chunks == 2
    assert f"{name}/inner/tin.txt" not in contents(config)
    assert not Path(config.index.dir, ".medrag-scratch").exists()


def test_a_file_added_by_hand_that_holds_nothing_leaves_no_trace(
    build: Build, config: PipelineConfig, embedder: TextEmbedder, tmp_path: Path
) -> None:
    build()
    bad = tmp_path / "bad.jsonl"
    bad.write_text("{oops}\n" * 500, encoding="utf-8")
    with pytest.raises(CorpusError, match=r"bad\.jsonl: line 500"):
        IndexBuilder(config, embedder).add(bad)
    assert build().quarantined == 0


def test_rows_that_share_an_id_with_a_numbered_one_are_all_kept(
    build: Build, corpus: Path, config: PipelineConfig
) -> None:
    ids = ["x", "x~2", "x", "x"]
    rows = [{"id": id_, "text": f"Row number {n}."} for n, id_ in enumerate(ids)]
    (corpus / "r.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    build()
    texts = contents(config)
    assert [texts[f"r.jsonl#{id_}"] for id_ in ("x", "x~2", "x~3", "x~4")] == [
        row["text"] for row in rows
    ]


# --- directories without permission to read ---------------------------------------------------


class _Capabilities(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable")]


@pytest.fixture
def permissions_bind() -> Iterator[None]:
    """Root obeys permissions, too: this thread goes without the right to pass over them."""
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this thread
    before, after = (_Capabilities * 2)(), (_Capabilities * 2)()
    for data in (before, after):
        assert libc.capget(header, data) == 0
    after[0].effective &= ~0b110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    assert libc.capset(header, after) == 0
    yield
    assert libc.capset(header, before) == 0


@pytest.mark.parametrize("mode", [0o000, 0o400])  # not even its names; its names alone
def test_what_lies_in_a_directory_that_may_not_be_read_is_kept(
    build: Build, corpus: Path, config: PipelineConfig, permissions_bind: None, mode: int
) -> None:
    (corpus / "sub/deeper").mkdir()
    (corpus / "sub/deeper/zinc.txt").write_text("Zinc is a metal.", encoding="utf-8")
    (corpus / "sublime.txt").write_text("Limes hold vitamin C.", encoding="utf-8")
    build()
    before = contents(config)
    (corpus / "sublime.txt").unlink()
    (corpus / "sub").chmod(mode)
    try:
        report = build()
    finally:
        (corpus / "sub").chmod(0o755)
    assert report.removed == 1
    assert contents(config) == {k: v for k, v in before.items() if k != "sublime.txt"}
    assert {"Permission denied" in reason for reason in quarantined(config).values()} == {True}
    assert all(name.startswith("sub") for name in quarantined(config))
    (corpus / "sub/malaria.txt").unlink()
    report = build()
    assert (report.removed, report.quarantined) == (1, 0)


# --- documents added by hand ------------------------------------------------------------------


@pytest.fixture
def added(
    build: Build, config: PipelineConfig, embedder: TextEmbedder, tmp_path: Path
) -> dict[str, Path]:
    """Two files that were added to an index, one of them by a relative path."""
    build()
    files = {name: tmp_path / "elsewhere" / name for name in ("zinc.txt", "iron.txt")}
    for path in files.values():
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{path.stem} is a metal. " * 40, encoding="utf-8")
    IndexBuilder(config, embedder).add(files["zinc.txt"])
    IndexBuilder(config, embedder).add(os.path.relpath(files["iron.txt"]))
    return files


def test_what_was_added_by_hand_is_read_again_with_other_settings(
    build: Build,
    config: PipelineConfig,
    added: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = contents(config)
    monkeypatch.chdir(tmp_path)
    config.chunking.max_tokens = 64
    config.index.rebuild = True
    report = build()
    assert report.quarantined == 0
    assert contents(config) == before
    with Index(config.index.dir) as index:
        for name in added:
            assert len(index.document_chunk_ids(name)) > 2
    assert build().published is False


def test_what_was_added_by_hand_and_is_gone_is_reported_until_it_is_back(
    build: Build, config: PipelineConfig, added: dict[str, Path]
) -> None:
    before = contents(config)
    away = added["zinc.txt"].rename(added["zinc.txt"].with_suffix(".away"))
    config.chunking.max_tokens = 64
    config.index.rebuild = True
    assert build().quarantined == 1
    for _ in range(2):
        assert "added by hand" in quarantined(config)["zinc.txt"]
        assert contents(config) == {k: v for k, v in before.items() if k != "zinc.txt"}
        assert build().quarantined == 1
    away.rename(added["zinc.txt"])
    assert build().quarantined == 0
    assert contents(config) == before


def test_adding_by_hand_never_replaces_an_index(
    config: PipelineConfig, embedder: TextEmbedder, added: dict[str, Path]
) -> None:
    before = contents(config)
    config.chunking.max_tokens = 64
    config.index.rebuild = True
    with pytest.raises(MismatchError, match="other settings"):
        IndexBuilder(config, embedder).add(added["zinc.txt"])
    assert contents(config) == before


@pytest.mark.parametrize("readable", [True, False])
def test_what_was_added_by_hand_outlives_a_damaged_store_that_still_tells(
    build: Build,
    config: PipelineConfig,
    added: dict[str, Path],
    caplog: pytest.LogCaptureFixture,
    readable: bool,
) -> None:
    before = contents(config)
    store = Path(config.index.dir, "store.sqlite")
    content = store.read_bytes()
    assert b"Salbutamol opens" in content
    damaged = content.replace(b"Salbutamol opens", b"Salbutamol shuts")
    store.write_bytes(damaged if readable else b"no database at all" * 1_000)
    config.index.rebuild = True
    build()
    if readable:
        assert contents(config) == before
        assert "2 files added by hand are read again" in caplog.text
    else:
        assert contents(config) == {k: v for k, v in before.items() if k not in added}
        assert "files added by hand could not be recovered" in caplog.text
    assert not list(store.parent.glob("*.new*"))
