"""Other paths replace what an index held, and the build says so if that is most of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from medrag import PipelineConfig, build_index
from medrag.indexing import BuildReport, IndexBuilder
from medrag.ingestion import TextEmbedder

Mirror = Callable[..., BuildReport]


@pytest.fixture
def mirror(config: PipelineConfig, embedder: TextEmbedder) -> Mirror:
    def run(*paths: Path, rebuild: bool = False) -> BuildReport:
        changed = replace(
            config,
            corpus=replace(config.corpus, paths=[str(path) for path in paths]),
            index=replace(config.index, rebuild=rebuild),
        )
        return IndexBuilder(changed, embedder).mirror()

    return run


def folder(path: Path, *names: str) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    for name in names:
        (path / f"{name}.txt").write_text(f"{name} is treated in the clinic.\n", encoding="utf-8")
    return path


ONE = [f"one{n}" for n in range(6)]


def test_another_folder_in_place_of_the_first_is_a_warning(mirror: Mirror, tmp_path: Path) -> None:
    one, two = folder(tmp_path / "one", *ONE), folder(tmp_path / "two", "a", "b")
    assert mirror(one).warning == ""
    report = mirror(two)
    assert (report.added, report.removed) == (2, 6)
    for part in ("6 of the 6 documents", f"from {one},", "index.dir=", f"[{one},{two}]"):
        assert part in report.warning
    assert mirror(two).warning == ""  # said once
    assert "2 of the 2" in mirror(one).warning


def test_a_rebuild_says_it_as_well(mirror: Mirror, tmp_path: Path) -> None:
    one, two = folder(tmp_path / "one", *ONE), folder(tmp_path / "two", "a")
    mirror(one)
    assert "6 of the 6" in mirror(two, rebuild=True).warning


def test_more_than_half_is_a_warning_and_less_is_none(mirror: Mirror, tmp_path: Path) -> None:
    one = folder(tmp_path / "one", *ONE)
    few, many = folder(tmp_path / "few", "a", "b"), folder(tmp_path / "many", *"cdefghi")
    mirror(one, few, many)
    assert mirror(few, many).warning == ""  # 6 of 15
    assert "7 of the 9 documents" in mirror(few).warning
    mirror(few, folder(tmp_path / "four", *"wxyz"))
    assert mirror(few).warning == ""  # 4 of 6: few, and others stay


@pytest.mark.parametrize("kept", [0, 1])
def test_files_that_are_gone_are_no_warning(mirror: Mirror, tmp_path: Path, kept: int) -> None:
    one, two = folder(tmp_path / "one", *ONE), folder(tmp_path / "two", "a")
    mirror(one, two)
    for name in ONE[kept:]:
        (one / f"{name}.txt").unlink()
    assert mirror(one, two).warning == ""


def test_the_folder_above_or_a_moved_one_is_no_warning(mirror: Mirror, tmp_path: Path) -> None:
    one = folder(tmp_path / "all/one", *ONE)
    mirror(one)
    assert mirror(tmp_path / "all").warning == ""  # other ids, the same documents
    moved = tmp_path / "moved"
    (tmp_path / "all").rename(moved)
    assert mirror(moved).warning == ""


def test_a_part_of_what_was_named_is_a_warning(mirror: Mirror, tmp_path: Path) -> None:
    folder(tmp_path / "all/one", *ONE)
    part = folder(tmp_path / "all/part", "a")
    mirror(tmp_path / "all")
    assert "7 of the 7" in mirror(part).warning


def test_the_shell_shows_it_last(
    monkeypatch: pytest.MonkeyPatch, config: PipelineConfig, tmp_path: Path
) -> None:
    shown = Console(record=True, width=400)
    monkeypatch.setattr(build_index, "console", shown)
    report = BuildReport(tmp_path, warning="6 documents of [one] go")
    monkeypatch.setattr(build_index, "run", lambda config: report)
    build_index.main(config)  # type: ignore[arg-type]
    assert shown.export_text().splitlines()[-1] == "warning: 6 documents of [one] go"
