"""A build after an interrupted or incomplete one gives the same result as a first build."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from medrag import CorpusConfig, EmbedderConfig, IndexConfig, PipelineConfig, RAGPipeline
from medrag.config import Backend, Device, RetrieverConfig, RetrieverMode
from medrag.errors import CorpusError
from medrag.indexing import BuildReport, IndexBuilder
from medrag.ingestion import TextEmbedder
from medrag.manifest import read_manifest
from medrag.stores import IndexReader, check_embedder
from medrag.stores.local import LocalWriter
from medrag.stores.local.index import Index

ROWS = 500  # two commits, and some
ARTICLE = (
    "<PubmedArticle><MedlineCitation><PMID>{0}</PMID><Article><ArticleTitle>{1}</ArticleTitle>"
    "<Abstract><AbstractText>{1} is treated.</AbstractText></Abstract></Article>"
    "</MedlineCitation></PubmedArticle>"
)


class Interrupted(TextEmbedder):
    """Ctrl-C while the texts of the second commit are embedded."""

    calls = 0

    def embed_ids(self, rows: Sequence[Sequence[int]], *args: Any) -> Any:
        self.calls += 1
        if self.calls == 2:
            raise KeyboardInterrupt
        return super().embed_ids(rows, *args)


@pytest.fixture
def config(tmp_path: Path, tiny: Path) -> PipelineConfig:
    """An index of a directory with one note."""
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus/keep.txt").write_text("Gout is treated with allopurinol.")
    return PipelineConfig(
        corpus=CorpusConfig(paths=[str(tmp_path / "corpus")], workers=1),
        embedder=EmbedderConfig(model=str(tiny), backend=Backend.torch, device=Device.cpu),
        index=IndexConfig(dir=str(tmp_path / "index")),
    )


def mirror(config: PipelineConfig) -> BuildReport:
    return IndexBuilder(config).mirror()


def texts(config: PipelineConfig) -> dict[str, str | None]:
    with Index(config.index.dir) as index:
        return {id_: index.document_text(id_) for id_ in index.document_ids()}


def rows(word: str, count: int = ROWS) -> str:
    found = ({"id": str(number), "text": f"Row {number}: {word}."} for number in range(count))
    return "".join(json.dumps(row) + "\n" for row in found)


def articles(*numbers: int) -> str:
    parts = "".join(ARTICLE.format(number, f"Disease {number}") for number in numbers)
    return f"<PubmedArticleSet>{parts}</PubmedArticleSet>"


def quarantined(config: PipelineConfig) -> list[str]:
    lines = Path(config.index.dir, "quarantine.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["id"] for line in lines]


# --- broken off ---------------------------------------------------------------------------------


def test_a_file_that_was_half_read_and_is_gone_leaves_nothing(config: PipelineConfig) -> None:
    file = Path(config.corpus.paths[0], "wrong.jsonl")
    file.write_text(rows("wrong"))
    with pytest.raises(KeyboardInterrupt):
        IndexBuilder(config, Interrupted(config.embedder)).mirror()
    file.unlink()
    mirror(config)
    assert list(texts(config)) == ["keep.txt"]


def test_a_file_that_was_half_read_and_put_back_is_as_it_was(config: PipelineConfig) -> None:
    file = Path(config.corpus.paths[0], "rows.jsonl")
    file.write_text(rows("old"))
    mirror(config)
    before = texts(config)
    file.write_text(rows("new"))
    with pytest.raises(KeyboardInterrupt):
        IndexBuilder(config, Interrupted(config.embedder)).mirror()
    file.write_text(rows("old"))
    mirror(config)
    assert texts(config) == before


def test_a_file_added_by_hand_and_half_read_is_finished(
    config: PipelineConfig, tmp_path: Path
) -> None:
    mirror(config)
    added = tmp_path / "added.jsonl"
    added.write_text(rows("added"))
    with pytest.raises(KeyboardInterrupt):
        IndexBuilder(config, Interrupted(config.embedder)).add(added)
    assert list(texts(config)) == ["keep.txt"]
    more = tmp_path / "more.txt"
    more.write_text("Malaria is spread by mosquitoes.")
    IndexBuilder(config).add(more)
    assert len(texts(config)) == ROWS + 2
    IndexBuilder(config).remove(added)
    assert sorted(texts(config)) == ["keep.txt", "more.txt"]


def test_nothing_of_a_mirror_that_broke_off_is_published_by_hand(
    config: PipelineConfig, tmp_path: Path
) -> None:
    Path(config.corpus.paths[0], "rows.jsonl").write_text(rows("new"))
    more = tmp_path / "more.txt"
    more.write_text("Malaria is spread by mosquitoes.")
    with pytest.raises(KeyboardInterrupt):
        IndexBuilder(config, Interrupted(config.embedder)).mirror()
    for change in (IndexBuilder(config).add, IndexBuilder(config).remove):
        with pytest.raises(CorpusError, match="did not finish; run it again first"):
            change(more)
    mirror(config)
    IndexBuilder(config).add(more)
    assert len(texts(config)) == ROWS + 2
    assert mirror(config).published is False  # nothing to do; that is an end, too
    IndexBuilder(config).remove(more)


def test_a_restored_store_takes_no_file_of_what_was_published_since(
    config: PipelineConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A generation of the same number was published, over other documents."""
    corpus, store = Path(config.corpus.paths[0]), Path(config.index.dir, "store.sqlite")
    mirror(config)
    old = store.read_bytes()
    (corpus / "x.txt").write_text("Malaria is spread by mosquitoes.")
    mirror(config)
    store.write_bytes(old)
    (corpus / "x.txt").unlink()
    (corpus / "y.txt").write_text("Asthma is relieved by salbutamol.")
    seal = LocalWriter.seal

    def stopped(self: LocalWriter, generation: int) -> None:
        seal(self, generation)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(LocalWriter, "seal", stopped)
        with pytest.raises(KeyboardInterrupt):
            mirror(config)
    mirror(config)
    lexical = replace(config, retriever=RetrieverConfig(mode=RetrieverMode.lexical))
    with RAGPipeline(lexical) as rag:
        assert rag.retrieve("mosquitoes") == []
        assert [hit.document for hit in rag.retrieve("salbutamol")] == ["y.txt"]


# --- not usable then, usable now ----------------------------------------------------------------


def test_one_of_two_files_with_the_same_document_may_go(config: PipelineConfig) -> None:
    corpus = Path(config.corpus.paths[0])
    (corpus / "a.xml").write_text(articles(1, 2))
    (corpus / "b.xml").write_text(articles(2, 3))
    mirror(config)
    assert quarantined(config) == ["PMID:2"]
    (corpus / "a.xml").unlink()
    report = mirror(config)
    assert sorted(texts(config)) == ["PMID:2", "PMID:3", "keep.txt"]
    assert (report.quarantined, report.unchanged_files) == (0, 1)


def test_a_document_may_move_to_a_file_that_is_read_before(config: PipelineConfig) -> None:
    corpus = Path(config.corpus.paths[0])
    (corpus / "a.xml").write_text(articles(1))
    (corpus / "b.xml").write_text(articles(2, 3))
    mirror(config)
    (corpus / "a.xml").write_text(articles(1, 2))
    (corpus / "b.xml").write_text(articles(3))
    report = mirror(config)
    assert sorted(texts(config)) == ["PMID:1", "PMID:2", "PMID:3", "keep.txt"]
    assert (report.quarantined, report.unchanged_files) == (0, 1)


def test_a_document_of_the_corpus_comes_back_when_the_one_added_by_hand_goes(
    config: PipelineConfig, tmp_path: Path
) -> None:
    added = tmp_path / "added.xml"
    added.write_text(articles(1))
    mirror(config)
    IndexBuilder(config).add(added)
    Path(config.corpus.paths[0], "a.xml").write_text(articles(1, 2))
    assert mirror(config).quarantined == 1
    IndexBuilder(config).remove(added)
    assert mirror(config).quarantined == 0
    assert sorted(texts(config)) == ["PMID:1", "PMID:2", "keep.txt"]


def test_a_document_of_a_file_added_by_hand_comes_back_when_the_corpus_drops_it(
    config: PipelineConfig, tmp_path: Path
) -> None:
    (Path(config.corpus.paths[0]) / "a.xml").write_text(articles(1))
    mirror(config)
    added = tmp_path / "added.xml"
    added.write_text(articles(1, 2))
    assert IndexBuilder(config).add(added).quarantined == 1
    (Path(config.corpus.paths[0]) / "a.xml").unlink()
    assert mirror(config).quarantined == 0
    assert sorted(texts(config)) == ["PMID:1", "PMID:2", "keep.txt"]


def test_a_raised_limit_lets_in_what_was_above_it(config: PipelineConfig) -> None:
    file = Path(config.corpus.paths[0], "big.html")
    file.write_text("<p>" + "Gout is treated with allopurinol. " * 40_000 + "</p>")
    low = replace(config, corpus=replace(config.corpus, max_document_mb=1))
    assert mirror(low).quarantined == 1
    assert mirror(low).unchanged_files == 2  # the same limit: it is not read again
    assert mirror(config).quarantined == 0
    assert "big.html" in texts(config)


def test_strict_finds_what_was_quarantined_before(config: PipelineConfig) -> None:
    Path(config.corpus.paths[0], "rows.jsonl").write_text(rows("new", 2) + "{")
    assert mirror(config).quarantined == 1
    with pytest.raises(CorpusError, match=r"rows\.jsonl#3"):
        mirror(replace(config, corpus=replace(config.corpus, strict=True)))


def test_an_entry_that_is_written_otherwise_is_the_same_one(
    config: PipelineConfig, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/b.txt").write_text("Asthma is relieved by salbutamol.")

    def of(entry: str) -> PipelineConfig:
        paths = [entry, str(tmp_path / "other")]
        return replace(config, corpus=replace(config.corpus, paths=paths))

    entry = config.corpus.paths[0]
    mirror(of(entry))
    (tmp_path / "link").symlink_to(entry)
    mirror(of(f"{tmp_path}/link//"))
    (tmp_path / "link").unlink()
    mirror(of(f"{tmp_path}/link/"))
    assert sorted(texts(config)) == ["b.txt", "keep.txt"]


# --- readers in this process --------------------------------------------------------------------


def test_threads_may_share_an_index(config: PipelineConfig) -> None:
    """They share one connection to SQLite."""
    mirror(config)
    with Index(config.index.dir) as index, ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: index.hits([1]), range(2_000)))
    assert {hits[1].document for hits in found} == {"keep.txt"}


def test_an_index_that_was_replaced_holds_nothing(config: PipelineConfig, tmp_path: Path) -> None:
    mirror(config)
    more = tmp_path / "more.txt"
    with RAGPipeline(config) as rag:
        for number in range(4):
            more.write_text(f"Note {number} about malaria.")
            rag.ingest_document(more)
            rag.query("malaria")
            rag.remove_document(more)
            rag.query("malaria")
        held = [
            str(link.readlink()) for link in Path("/proc/self/fd").glob("*") if link.is_symlink()
        ]
    assert len(list(Path(config.index.dir, "generations").iterdir())) == 2
    assert sum(link == str(Path(config.index.dir, "store.sqlite")) for link in held) == 1


def test_what_is_removed_while_the_index_is_being_opened_is_gone(
    config: PipelineConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror(config)
    more = tmp_path / "more.txt"
    more.write_text("Malaria is spread by mosquitoes.")
    check, opening, go_on = check_embedder, Event(), Event()

    def slowly(index: IndexReader, embedder: TextEmbedder) -> None:
        opening.set()
        go_on.wait(60)
        check(index, embedder)

    with RAGPipeline(config) as rag, ThreadPoolExecutor(2) as threads:
        rag.ingest_document(more)
        before = read_manifest(Path(config.index.dir), "index")
        monkeypatch.setattr("medrag.pipeline.check_embedder", slowly)
        asking = threads.submit(rag.retrieve, "malaria")
        opening.wait(60)
        removing = threads.submit(rag.remove_document, more)
        while read_manifest(Path(config.index.dir), "index") == before:
            time.sleep(0.01)
        go_on.set()
        assert "more.txt" in {hit.document for hit in asking.result()}
        removing.result()
        assert "more.txt" not in {hit.document for hit in rag.retrieve("malaria")}
