"""Errors of the file system end in one line that blames the right path."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from medrag import PipelineConfig
from medrag.errors import DiskError
from medrag.indexing import BuildReport
from medrag.stores.local.directory import generation_folder, hold_current, writing

Build = Callable[[], BuildReport]


@pytest.mark.parametrize("under", ["", "/deep/below"])
def test_a_file_in_the_place_of_the_index(build: Build, config: PipelineConfig, under: str) -> None:
    file = Path(config.index.dir)
    file.write_text("mine")
    config.index.dir += under
    with pytest.raises(DiskError, match=r"a file is in the way of .*index\.dir") as caught:
        build()
    assert str(caught.value).startswith(f"{config.index.dir} cannot be written: ")
    assert "\n" not in str(caught.value)
    assert file.read_text() == "mine"


def test_an_error_elsewhere_is_not_blamed_on_the_index(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    elsewhere = tmp_path / "file" / "cache"
    with pytest.raises(DiskError) as caught, writing(tmp_path / "index"):
        elsewhere.mkdir()
    assert str(caught.value) == f"{elsewhere}: Not a directory"


def test_an_error_on_the_way_to_the_index_is_blamed_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("no directory")
    directory = tmp_path / "file" / "index"
    with pytest.raises(DiskError, match="cannot be written") as caught, writing(directory):
        Path("file/index/downloads").mkdir()  # relative, and the same place
    assert str(directory) in str(caught.value)


def test_opening_while_a_build_removes_what_another_reader_made(
    build: Build, config: PipelineConfig
) -> None:
    """The folder of the generation may vanish between two calls of a reader."""
    build()
    folder = generation_folder(Path(config.index.dir), 1)
    for file in folder.iterdir():
        file.unlink()
    remove = """
import contextlib, os, sys
while True:
    with contextlib.suppress(OSError):
        os.rmdir(sys.argv[1])
"""
    with subprocess.Popen([sys.executable, "-c", remove, str(folder)]) as remover:
        try:
            for _ in range(1_500):
                _, held = hold_current(Path(config.index.dir))  # how an index is opened
                os.close(held)
        finally:
            remover.kill()
