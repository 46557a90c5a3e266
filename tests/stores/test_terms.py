"""The words and definitions of an index: counted right, however the index came about."""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from medrag import PipelineConfig
from medrag.errors import ArtefactError
from medrag.indexing import BuildReport, IndexBuilder
from medrag.ingestion import TextEmbedder
from medrag.stores import open_index
from medrag.stores.local.index import Index
from medrag.stores.local.snapshot import Snapshot
from medrag.stores.local.terms import TERMS, TermIndex, write_terms

Build = Callable[[], BuildReport]
LUNG = (
    "Lungs\n\nChronic obstructive pulmonary disease (COPD) narrows the airways. Bronchodilators "
    "such as albuterol (Ventolin) help in COPD."
)


def content(directory: str) -> dict[str, list[tuple[object, ...]]]:
    """All rows of the file of the current generation, by table."""
    with Index(directory) as index:
        path = Path(directory) / "generations" / f"{index.generation:06d}" / TERMS
    with sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True) as database:
        return {
            table: database.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
            for table in ("words", "definitions")
        }


def test_words_are_counted_by_chunk_and_definitions_are_found(
    build: Build, corpus: Path, config: PipelineConfig
) -> None:
    (corpus / "lung.txt").write_text(LUNG)
    build()
    with open_index(config.index) as index:  # type: ignore[attr-defined]
        assert index.terms.chunks_with("gout") == 1
        assert index.terms.chunks_with("copd") == 1  # once, though the text names it twice
        assert index.terms.chunks_with("attacks") == index.terms.chunks_with("attack") == 1
        assert index.terms.chunks_with("unheard") == 0
        assert index.meanings(["copd", "ventolin", "gout"]) == [
            ("copd", "chronic obstructive pulmonary disease", 1),
            ("ventolin", "albuterol", 1),
        ]
        assert index.names_of(["albuterol"]) == [("ventolin", "albuterol", 1)]
        assert index.meanings([]) == index.names_of(["unheard"]) == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("colchicin", "colchicine"), ("alopurinol", "allopurinol"), ("salbutamoll", "salbutamol"),
     ("xolchicine", "colchicine"), ("malariya", "malaria"), ("gotu", "gout")],
)  # fmt: skip
def test_words_like_a_misspelt_one_are_found(
    build: Build, config: PipelineConfig, typed: str, meant: str
) -> None:
    build()
    with open_index(config.index) as index:  # type: ignore[attr-defined]
        near = dict(index.near_words(typed))
        assert near[meant] == 1
        assert len(near) < 5
        assert index.near_words("") == index.near_words("%") == index.near_words("zzz") == []


def test_the_content_does_not_depend_on_the_way(
    build: Build, corpus: Path, config: PipelineConfig, embedder: TextEmbedder, tmp_path: Path
) -> None:
    build()
    for number, change in enumerate(
        (
            lambda: (corpus / "lung.txt").write_text(LUNG),
            lambda: (corpus / "lung.txt").write_text(LUNG.replace("COPD", "CAO")),
            lambda: (corpus / "gout.txt").unlink(),
            lambda: (corpus / "lung.txt").rename(corpus / "air.txt"),
        )
    ):
        change()
        build()
        new = replace(config, index=replace(config.index, dir=str(tmp_path / f"new{number}")))
        IndexBuilder(new, embedder).mirror()
        assert content(config.index.dir) == content(new.index.dir)
    assert not any("uric" in row for row in content(config.index.dir)["words"])


def test_only_what_changed_is_read(
    build: Build, corpus: Path, config: PipelineConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    build()
    read: list[int] = []
    texts = Snapshot.texts_to_find
    build_file = write_terms

    def counted(*args: object, **options: object) -> object:
        for row in texts(*args, **options):  # type: ignore[arg-type]
            read.append(row[0])
            yield row

    def only_here(*args: object) -> None:
        monkeypatch.setattr(Snapshot, "texts_to_find", counted)
        build_file(*args)  # type: ignore[arg-type]
        monkeypatch.setattr(Snapshot, "texts_to_find", texts)

    monkeypatch.setattr("medrag.stores.local.write_terms", only_here)
    (corpus / "lung.txt").write_text(LUNG)
    build()
    assert len(read) == 1
    read.clear()
    (corpus / "gout.txt").unlink()
    build()
    assert len(read) == 1


def test_an_index_of_an_older_version_gets_the_file_quietly(
    build: Build, config: PipelineConfig, caplog: pytest.LogCaptureFixture
) -> None:
    build()
    (path,) = Path(config.index.dir).glob(f"generations/*/{TERMS}")
    path.unlink()
    with caplog.at_level(logging.WARNING), Index(config.index.dir) as index:
        assert index.near_words("alopurinol") == [("allopurinol", 1)]
    assert path.exists() and caplog.records == []


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_a_damaged_file_is_rebuilt_and_that_is_said(
    build: Build, config: PipelineConfig, caplog: pytest.LogCaptureFixture, share: float
) -> None:
    build()
    (path,) = Path(config.index.dir).glob(f"generations/*/{TERMS}")
    good = content(config.index.dir)
    data = bytearray(path.read_bytes())
    data[int(share * len(data))] ^= 1
    path.write_bytes(data)
    with Index(config.index.dir) as index:
        assert index.near_words("alopurinol") == [("allopurinol", 1)]
    assert "damaged" in caplog.text
    assert content(config.index.dir) == good


def test_a_damaged_file_is_no_base_for_the_next_one(
    build: Build, corpus: Path, config: PipelineConfig, embedder: TextEmbedder, tmp_path: Path
) -> None:
    build()
    (path,) = Path(config.index.dir).glob(f"generations/*/{TERMS}")
    path.write_bytes(path.read_bytes()[:-40])
    (corpus / "lung.txt").write_text(LUNG)
    build()
    new = replace(config, index=replace(config.index, dir=str(tmp_path / "new")))
    IndexBuilder(new, embedder).mirror()
    assert content(config.index.dir) == content(new.index.dir)


def test_an_open_file_may_be_removed_and_threads_may_share_it(
    build: Build, config: PipelineConfig, tmp_path: Path
) -> None:
    build()
    with Index(config.index.dir) as index:
        path = tmp_path / TERMS
        write_terms(path, index, None)
    terms = TermIndex(path)
    shutil.rmtree(config.index.dir)
    path.unlink()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(terms.near_words, ["alopurinol", "colchicin"] * 50))
    assert found == [[("allopurinol", 1)], [("colchicine", 1)]] * 50


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / TERMS
    path.write_bytes(b"no database, but long enough to look like a file of some kind" * 20)
    with pytest.raises(ArtefactError, match="remove it"):
        TermIndex(path)
