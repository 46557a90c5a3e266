"""Revisions and deletions of PubMed records: the newest wins, whatever the order of the files."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import pytest

from medrag import CacheConfig, CorpusConfig, IndexConfig, PipelineConfig
from medrag.indexing import BuildReport, IndexBuilder
from medrag.ingestion import TextEmbedder
from medrag.stores import open_index
from tests.ingestion.test_pubmed import record

Build = Callable[[], BuildReport]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    return folder


@pytest.fixture
def build(corpus: Path, tmp_path: Path, embedder: TextEmbedder) -> Build:
    config = PipelineConfig(
        corpus=CorpusConfig(paths=[str(corpus)], workers=1),
        index=IndexConfig(dir=str(tmp_path / "index")),
        cache=CacheConfig(embeddings=""),
    )
    return lambda: IndexBuilder(config, embedder).mirror()


def write(path: Path, *records: str) -> None:
    path.write_text(f"<PubmedArticleSet>{''.join(records)}</PubmedArticleSet>")


def withdrawal(pmid: int, version: str = "1") -> str:
    return f'<DeleteCitation><PMID Version="{version}">{pmid}</PMID></DeleteCitation>'


def texts(tmp_path: Path) -> dict[str, str | None]:
    with open_index(tmp_path / "index") as index:
        return {name: index.document_text(name) for name in index.document_ids()}


def lines(tmp_path: Path, name: str) -> list[dict[str, str]]:
    text = (tmp_path / "index" / name).read_text()
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("names", list(permutations(["a.xml", "b.xml", "c.xml"])))
def test_the_newest_version_wins_in_any_order(
    build: Build, corpus: Path, tmp_path: Path, names: tuple[str, ...]
) -> None:
    doses = ["50 mg", "5 mg", "15 mg"]
    for name, dose, version in zip(names, doses, ["1", "3", "2"], strict=True):
        write(corpus / name, record(1, f"The dose is {dose}.", version=version))
    report = build()
    assert texts(tmp_path) == {"PMID:1": "The dose is 5 mg."}
    assert (report.counts.documents, report.quarantined, report.notes) == (1, 0, 2)
    assert (report.added, report.changed, report.removed) == (1, 0, 0)
    assert all("superseded" in note["reason"] for note in lines(tmp_path, "notes.jsonl"))
    assert not build().published


def test_two_versions_in_one_file(build: Build, corpus: Path, tmp_path: Path) -> None:
    new, old = record(1, "New.", version="2"), record(1, "Old.")
    write(corpus / "a.xml", old, new, old)
    build()
    assert texts(tmp_path) == {"PMID:1": "New."}
    write(corpus / "a.xml", new, old, record(2, "Other."))
    build()
    assert texts(tmp_path) == {"PMID:1": "New.", "PMID:2": "Other."}


def test_an_older_version_returns_when_the_newer_one_goes(
    build: Build, corpus: Path, tmp_path: Path
) -> None:
    write(corpus / "a.xml", record(1, "Old."), record(2, "Other."))
    build()
    write(corpus / "b.xml", record(1, "New.", version="2"))
    report = build()
    assert (report.added, report.changed, report.removed) == (0, 1, 0)
    assert texts(tmp_path) == {"PMID:1": "New.", "PMID:2": "Other."}
    (corpus / "b.xml").unlink()
    build()
    assert texts(tmp_path) == {"PMID:1": "Old.", "PMID:2": "Other."}


@pytest.mark.parametrize("update", ["0.xml", "z.xml"])
@pytest.mark.parametrize("at_once", [True, False])
def test_a_deleted_record_is_gone_until_the_deletion_is(
    build: Build, corpus: Path, tmp_path: Path, update: str, at_once: bool
) -> None:
    write(corpus / "m.xml", record(1, "Withdrawn."), record(2, "Kept."))
    if not at_once:
        build()
    write(corpus / update, withdrawal(1))
    report = build()
    assert texts(tmp_path) == {"PMID:2": "Kept."}
    assert report.quarantined == 0
    expected = (1, 0, 0) if at_once else (0, 0, 1)
    assert (report.added, report.changed, report.removed) == expected
    (note,) = lines(tmp_path, "notes.jsonl")
    assert (note["id"], note["reason"]) == ("PMID:1", f"deleted by {update}")
    write(corpus / "m.xml", record(1, "Withdrawn, still."), record(2, "Kept."))
    build()
    assert texts(tmp_path) == {"PMID:2": "Kept."}
    (corpus / update).unlink()
    build()
    assert texts(tmp_path) == {"PMID:1": "Withdrawn, still.", "PMID:2": "Kept."}


def test_a_deletion_does_not_reach_a_newer_version(
    build: Build, corpus: Path, tmp_path: Path
) -> None:
    write(corpus / "a.xml", record(1, "Second.", version="2"), withdrawal(1), record(2, "Other."))
    build()
    assert texts(tmp_path) == {"PMID:1": "Second.", "PMID:2": "Other."}


def test_equal_versions_in_two_files_are_quarantined(
    build: Build, corpus: Path, tmp_path: Path
) -> None:
    write(corpus / "a.xml", record(1, "One."))
    write(corpus / "b.xml", record(1, "Two."))
    assert build().quarantined == 1
    assert texts(tmp_path) == {"PMID:1": "One."}
    (quarantined,) = lines(tmp_path, "quarantine.jsonl")
    assert quarantined["reason"] == "already in a.xml; remove one of the two"
