"""What a build says about documents: flags, what was left out, and notes.jsonl."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from medrag import CacheConfig, CorpusConfig, IndexConfig, PipelineConfig, RetrieverConfig
from medrag.build_index import summary_table
from medrag.indexing import BuildReport, IndexBuilder
from medrag.ingestion import TextEmbedder
from medrag.progress import console
from medrag.retrieval import Retriever
from medrag.stores import in_documents, open_index
from tests.ingestion.test_pubmed import record, relation

Build = Callable[[], BuildReport]


@pytest.fixture
def build(tmp_path: Path, embedder: TextEmbedder) -> Build:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    retracted = record(1, "Drug Q halves mortality in sepsis.", relation("RetractionIn"))
    sound = record(2, "Rest helps in influenza.").replace(
        "</Abstract>", "<CopyrightInformation>Someone</CopyrightInformation></Abstract>"
    )
    (corpus / "set.xml").write_text(f"<PubmedArticleSet>{retracted}{sound}</PubmedArticleSet>")
    for name in ("one.txt", "two.txt"):
        (corpus / name).write_text("Gout\n\nColchicine eases an attack of gout.")
    config = PipelineConfig(
        corpus=CorpusConfig(paths=[str(corpus)], workers=1),
        index=IndexConfig(dir=str(tmp_path / "index")),
        cache=CacheConfig(embeddings=""),
    )
    return lambda: IndexBuilder(config, embedder).mirror()


@pytest.fixture
def retriever(build: Build, tmp_path: Path, embedder: TextEmbedder) -> Iterator[Retriever]:
    build()
    with open_index(tmp_path / "index") as index:
        yield Retriever(index, embedder, RetrieverConfig())


def notes(tmp_path: Path) -> list[dict[str, object]]:
    lines = (tmp_path / "index" / "notes.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_the_summary_counts_flags_and_what_was_left_out(build: Build) -> None:
    report = build()
    assert dict(report.flags) == {"retracted": 1, "duplicate": 1}
    assert dict(report.left_out) == {"copyright notices": 1}
    with console.capture() as captured:
        console.print(summary_table(report))
    shown = " ".join(captured.get().split())
    assert "1 retracted" in shown
    assert "1 copyright notices" in shown
    assert "notes │ 3" in shown


def test_the_next_build_still_knows(build: Build) -> None:
    first, second = build(), build()
    assert not second.published
    assert (first.flags, first.left_out, first.notes) == (
        second.flags,
        second.left_out,
        second.notes,
    )


def test_notes_that_are_gone_are_written_again(build: Build, tmp_path: Path) -> None:
    first = build()
    path = tmp_path / "index" / "notes.jsonl"
    text = path.read_text()
    path.unlink()
    assert build().notes == first.notes
    assert path.read_text() == text


def test_each_document_has_its_note(build: Build, tmp_path: Path) -> None:
    build()
    assert notes(tmp_path) == [
        {"file": "set.xml", "id": "PMID:1", "flags": ["retracted"], "left_out": {}},
        {"file": "set.xml", "id": "PMID:2", "flags": [], "left_out": {"copyright notices": 1}},
        {"file": "two.txt", "id": "two.txt", "flags": ["duplicate"], "left_out": {}},
    ]


def test_what_is_skipped_is_listed(build: Build, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    (corpus / "set").mkdir()
    (corpus / "set" / "corpus.jsonl").write_text('{"_id": "a", "title": "A", "text": "Rest."}\n')
    (corpus / "set" / "queries.jsonl").write_text('{"_id": "q", "text": "What helps?"}\n')
    report = build()
    assert report.quarantined == 0
    (note,) = [note for note in notes(tmp_path) if "reason" in note]
    assert note["id"] == "set/queries.jsonl"
    (corpus / "set" / "queries.jsonl").unlink()
    build()
    assert not [note for note in notes(tmp_path) if "reason" in note]


def test_hits_have_flags(retriever: Retriever) -> None:
    (best, *_) = retriever.retrieve("Does drug Q lower mortality?")
    assert (best.document, best.flags) == ("PMID:1", ("retracted",))
    (best, *_) = retriever.retrieve("What helps in influenza?")
    assert (best.document, best.flags) == ("PMID:2", ())


def test_the_second_of_two_equal_documents_is_a_duplicate(retriever: Retriever) -> None:
    question = "What eases an attack of gout?"
    (best, *_) = retriever.retrieve(question)
    assert (best.document, best.flags, best.duplicates) == ("one.txt", (), ("two.txt",))
    (second,) = retriever.retrieve(question, where=in_documents({"two.txt"}))
    assert (second.document, second.flags) == ("two.txt", ("duplicate",))
