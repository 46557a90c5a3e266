"""A build mirrors its corpus: nothing twice, nothing lost, nothing embedded again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from medrag import ChunkingConfig, MedragError, PipelineConfig
from medrag.config import Backend, Device, EmbedderConfig, Precision
from medrag.errors import ArtefactError, ConfigError, CorpusError, MismatchError
from medrag.indexing import BuildReport, IndexBuilder, config_from_manifest
from medrag.ingestion import TextEmbedder, clean_text
from medrag.manifest import read_manifest
from medrag.stores import check_embedder
from medrag.stores.local.index import Index
from tests.conftest import NOTES

Build = Callable[[], BuildReport]


def quarantined(config: PipelineConfig) -> dict[str, str]:
    lines = Path(config.index.dir, "quarantine.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["id"]: row["reason"] for row in map(json.loads, lines)}


def contents(config: PipelineConfig) -> dict[str, str | None]:
    with Index(config.index.dir) as index:
        return {id_: index.document_text(id_) for id_ in index.document_ids()}


def twin_of(embedder: TextEmbedder, folder: Path) -> TextEmbedder:
    """The same weights, pooled in another way: vectors of the same size in another space."""
    for path in embedder.folder.rglob("*"):
        if path.is_file() and path.suffix in {".json", ".txt", ".safetensors"}:
            target = folder / path.relative_to(embedder.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    pooling = folder / "1_Pooling/config.json"
    options = json.loads(pooling.read_text())
    options |= {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    pooling.write_text(json.dumps(options))
    return TextEmbedder(EmbedderConfig(model=str(folder), backend=Backend.torch))


def test_every_document_is_there_with_its_cleaned_text(
    build: Build, config: PipelineConfig
) -> None:
    report = build()
    assert (report.added, report.changed, report.removed, report.truncated) == (3, 0, 0, 0)
    texts = contents(config)
    assert list(texts) == ["asthma.md", "gout.txt", "sub/malaria.txt"]
    body = NOTES["gout.txt"].removeprefix("Gout\n\n")
    assert texts["gout.txt"] == clean_text(body)
    manifest = read_manifest(Path(config.index.dir), "index")
    assert manifest.counts["documents"] == 3
    assert manifest.counts["chunks"] == report.counts.chunks


def test_the_same_corpus_again_changes_nothing(build: Build, config: PipelineConfig) -> None:
    build()
    before = Path(config.index.dir, "manifest.json").read_bytes()
    report = build()
    assert (report.embedded_chunks, report.unchanged_files, report.published) == (0, 3, False)
    assert Path(config.index.dir, "manifest.json").read_bytes() == before


def test_a_touched_file_is_hashed_but_not_read_again(build: Build, corpus: Path) -> None:
    build()
    os.utime(corpus / "gout.txt", ns=(1, 1))
    report = build()
    assert (report.unchanged_files, report.changed, report.published) == (3, 0, False)


def test_changed_added_and_removed_files_are_followed(
    build: Build, corpus: Path, config: PipelineConfig
) -> None:
    first = build()
    (corpus / "gout.txt").write_text("Gout\n\nFebuxostat is an alternative.", encoding="utf-8")
    (corpus / "sub/malaria.txt").unlink()
    (corpus / "flu.txt").write_text("Influenza\n\nOseltamivir is given early.", encoding="utf-8")
    report = build()
    assert (report.added, report.changed, report.removed) == (1, 1, 1)
    assert report.generation == first.generation + 1
    texts = contents(config)
    assert list(texts) == ["asthma.md", "flu.txt", "gout.txt"]
    assert texts["gout.txt"] == "Febuxostat is an alternative."


@pytest.mark.backends
def test_only_new_text_is_embedded(build: Build, corpus: Path) -> None:
    build()
    (corpus / "gout.txt").rename(corpus / "moved.txt")
    report = build()
    assert (report.added, report.removed, report.embedded_chunks) == (1, 1, 0)


def test_chunk_ids_are_never_reused(build: Build, corpus: Path, config: PipelineConfig) -> None:
    def ids() -> set[int]:
        with Index(config.index.dir) as index:
            return {chunk for chunk, _ in index.all_vectors()}

    build()
    seen = ids()
    for number in range(3):
        text = f"Gout\n\nVersion {number} of this note."
        (corpus / "gout.txt").write_text(text, encoding="utf-8")
        build()
        fresh = ids() - seen
        assert len(fresh) == 1
        assert min(fresh) > max(seen)
        seen |= fresh


def test_the_build_gives_the_same_fingerprint_wherever_it_is_done(
    build: Build, config: PipelineConfig, embedder: TextEmbedder, tmp_path: Path
) -> None:
    build()
    other = replace(config, index=replace(config.index, dir=str(tmp_path / "other")))
    IndexBuilder(other, embedder).mirror()
    prints = {read_manifest(Path(c.index.dir), "index").fingerprint for c in (config, other)}
    assert len(prints) == 1


BAD_FILES = {
    "empty.txt": b"",
    "binary.txt": b"abc\x00def",
    "latin.txt": b"caf\xe9 au lait is not UTF-8",
    "broken.pdf": b"%PDF-1.4 this is no PDF",
    "broken.docx": b"PK\x03\x04 this is no DOCX",
    "bomb.xml": b'<!DOCTYPE a [<!ENTITY b "cc"><!ENTITY d "&b;&b;">]><article>&d;</article>',
    "picture.png": b"\x89PNG",
}


def test_bad_files_are_quarantined_with_reasons_and_the_build_goes_on(
    build: Build, corpus: Path, config: PipelineConfig
) -> None:
    for name, content in BAD_FILES.items():
        (corpus / name).write_bytes(content)
    rows = '{"id": "a", "text": "Zinc is a metal."}\n{oops}\n{"id": "b", "text": ""}\n'
    (corpus / "rows.jsonl").write_text(rows, encoding="utf-8")
    config.corpus.paths.append("no/such/path")
    report = build()
    reasons = quarantined(config)
    away = str(Path("no/such/path").absolute())
    assert set(BAD_FILES) | {"rows.jsonl#2", "rows.jsonl#3", away} == set(reasons)
    assert report.quarantined == len(reasons)
    assert "byte 3" in reasons["binary.txt"]
    assert "exist" in reasons[away]
    assert list(contents(config)) == ["asthma.md", "gout.txt", "rows.jsonl#a", "sub/malaria.txt"]
    # Files that did not change are not read again, but what was wrong with them is still known.
    assert build().quarantined == report.quarantined


def test_a_fixed_file_leaves_the_quarantine(
    build: Build, corpus: Path, config: PipelineConfig
) -> None:
    (corpus / "note.txt").write_bytes(b"")
    assert build().quarantined == 1
    (corpus / "note.txt").write_text("Now there is text in it.", encoding="utf-8")
    assert build().quarantined == 0
    assert "note.txt" in contents(config)


def test_strict_makes_the_first_bad_document_an_error(
    build: Build, corpus: Path, config: PipelineConfig
) -> None:
    (corpus / "bad.txt").write_bytes(b"\x00")
    config.corpus.strict = True
    with pytest.raises(CorpusError, match=r"bad\.txt"):
        build()


def test_an_empty_corpus_is_an_error_that_says_why(
    tmp_path: Path, config: PipelineConfig, build: Build
) -> None:
    config.corpus.paths = []
    with pytest.raises(CorpusError, match=r"corpus\.paths"):
        build()
    (tmp_path / "nothing").mkdir()
    config.corpus.paths = [str(tmp_path / "nothing")]
    with pytest.raises(CorpusError, match="no usable document"):
        build()


def test_a_root_that_is_away_does_not_empty_the_index(
    build: Build, corpus: Path, config: PipelineConfig, tmp_path: Path
) -> None:
    other = tmp_path / "more"
    other.mkdir()
    (other / "flu.txt").write_text("Influenza is a virus.", encoding="utf-8")
    config.corpus.paths.append(str(other))
    build()
    other.rename(tmp_path / "unmounted")
    report = build()
    assert report.removed == 0
    assert "flu.txt" in contents(config)
    assert str(other) in quarantined(config)


def test_rows_that_share_an_id_are_all_kept(
    build: Build, corpus: Path, config: PipelineConfig
) -> None:
    rows = [{"id": "x", "text": f"Row number {n} of three."} for n in range(3)]
    (corpus / "r.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    build()
    texts = contents(config)
    assert [texts[i] for i in ("r.jsonl#x", "r.jsonl#x~2", "r.jsonl#x~3")] == [
        row["text"] for row in rows
    ]
    assert build().published is False


def test_the_same_name_under_two_roots_is_reported(
    build: Build, corpus: Path, config: PipelineConfig, tmp_path: Path
) -> None:
    (tmp_path / "two").mkdir()
    (tmp_path / "two/gout.txt").write_text("Another note on gout.", encoding="utf-8")
    config.corpus.paths.append(str(tmp_path / "two"))
    build()
    assert quarantined(config) == {
        f"{tmp_path}/two/gout.txt": f"same name as in {corpus}; index one directory above"
    }


def test_other_settings_are_refused_until_rebuild_is_asked_for(
    build: Build, config: PipelineConfig, corpus: Path
) -> None:
    (corpus / "long.txt").write_text("Aspirin thins the blood. " * 100, encoding="utf-8")
    build()
    before = contents(config)
    config.chunking = ChunkingConfig(max_tokens=64)
    with pytest.raises(MismatchError, match=r"max_tokens.*index\.rebuild=true"):
        build()
    config.index.rebuild = True
    report = build()
    assert report.counts.chunks > 10
    assert contents(config) == before
    assert config_from_manifest(config.index.dir).chunking.max_tokens == 64


def test_a_precision_that_the_index_does_not_hold_is_not_passed_over(
    config: PipelineConfig, corpus: Path, tiny: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def build(precision: Precision) -> BuildReport:
        config.embedder = EmbedderConfig(model=str(tiny), precision=precision, device=Device.cpu)
        return IndexBuilder(config).mirror()

    build(Precision.int8)
    build(Precision.int8)
    assert not caplog.records
    config.index.rebuild = True
    with pytest.raises(MismatchError, match=r"vectors in int8, .*precision=fp32, delete"):
        build(Precision.fp32)
    config.index.rebuild = False
    (corpus / "new.txt").write_text("Zinc is a metal.", encoding="utf-8")
    report = build(Precision.fp32)
    assert (report.embedded_chunks, "fp32" in report.embedder) == (1, True)
    (warning,) = (r.getMessage() for r in caplog.records if "vectors" in r.getMessage())
    assert "int8; only new texts get embedder.precision=fp32" in warning
    caplog.clear()
    build(Precision.auto)
    assert not caplog.records


def test_chunks_longer_than_the_embedder_reads_are_refused(
    config: PipelineConfig, embedder: TextEmbedder
) -> None:
    config.chunking = ChunkingConfig(max_tokens=512)
    with pytest.raises(ConfigError, match="256"):
        IndexBuilder(config, embedder)


def test_a_reader_keeps_its_generation_during_and_after_a_build(
    build: Build, corpus: Path, config: PipelineConfig
) -> None:
    build()
    with Index(config.index.dir) as reader:
        before = {id_: reader.document_text(id_) for id_ in reader.document_ids()}
        (corpus / "gout.txt").unlink()
        (corpus / "asthma.md").write_text("# Asthma\n\nRewritten.", encoding="utf-8")
        build()
        assert {i: reader.document_text(i) for i in reader.document_ids()} == before
        assert len(reader.vectors) == reader.counts.chunks
    assert "gout.txt" not in contents(config)


def test_a_damaged_faiss_file_is_rebuilt_from_the_store(
    build: Build, config: PipelineConfig
) -> None:
    build()
    (path,) = Path(config.index.dir).glob("generations/*/vectors.faiss")
    good = path.read_bytes()
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 1
    for damage in (bytes(flipped), good[:-10], b""):
        path.write_bytes(damage)
        with Index(config.index.dir) as index:
            assert len(index.vectors) == index.counts.chunks
        assert path.read_bytes() == good
    path.unlink()
    with Index(config.index.dir) as index:
        assert len(index.vectors) == index.counts.chunks


def test_a_store_and_a_manifest_of_different_indexes_are_refused(
    build: Build, config: PipelineConfig, embedder: TextEmbedder, tmp_path: Path
) -> None:
    build()
    other = replace(config, index=replace(config.index, dir=str(tmp_path / "other")))
    IndexBuilder(other, embedder).mirror()
    manifest = Path(other.index.dir, "manifest.json").read_bytes()
    Path(config.index.dir, "manifest.json").write_bytes(manifest)
    with pytest.raises(MismatchError, match="different indexes"):
        Index(config.index.dir)


def test_a_store_that_is_no_database_is_a_clear_error(build: Build, config: PipelineConfig) -> None:
    build()
    store = Path(config.index.dir, "store.sqlite")
    store.write_bytes(b"not a database" * 100)
    with pytest.raises(ArtefactError, match=r"store\.sqlite"):
        Index(config.index.dir)
    store.unlink()
    with pytest.raises(ArtefactError, match="missing"):
        Index(config.index.dir)


def test_another_embedder_of_the_same_dimension_is_refused(
    build: Build, config: PipelineConfig, embedder: TextEmbedder, tmp_path: Path
) -> None:
    build()
    other = twin_of(embedder, tmp_path / "twin")
    with Index(config.index.dir) as index, pytest.raises(MismatchError, match="embedder"):
        check_embedder(index, other)
    with pytest.raises(MismatchError, match="rebuild"):
        IndexBuilder(config, other).mirror()


@pytest.mark.backends
def test_another_embedder_takes_over_no_vector_of_a_build_that_broke_off(
    build: Build, config: PipelineConfig, corpus: Path, embedder: TextEmbedder, tmp_path: Path
) -> None:
    rows = [json.dumps({"text": f"Note {number} on gout."}) for number in range(250)]
    (corpus / "notes.jsonl").write_text("\n".join([*rows, "no row"]), encoding="utf-8")
    config.corpus.strict = True
    with pytest.raises(CorpusError, match="line 251"):
        build()  # most rows are stored and embedded by then
    config.corpus.strict = False
    other = twin_of(embedder, tmp_path / "twin")
    IndexBuilder(config, other).mirror()
    with Index(config.index.dir) as index:
        (chunk,) = index.document_chunk_ids("notes.jsonl#1")
        hit = index.hits([chunk])[chunk]
        (expected,) = other.embed([f"{hit.title}\n{hit.text}"])
        assert index.chunk_vectors([chunk])[chunk] @ expected > 0.999


def test_every_error_of_the_index_is_a_medrag_error(tmp_path: Path) -> None:
    with pytest.raises(MedragError, match=r"python -m medrag\.build_index"):
        Index(tmp_path)
