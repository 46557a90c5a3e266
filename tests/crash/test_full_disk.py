"""A full disk ends a build in one line, leaves the last index whole, and does no lasting harm."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.conftest import Crashes, Update, check_then_continue

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "point",
    [
        "vectors half written",
        "words half written",
        "manifest begun",
        "manifest renamed",
        "quarantine written",
    ],
)
def test_no_space_left_at_a_named_moment(
    crashes: Crashes, update: Update, index: Path, point: str
) -> None:
    outcome = crashes.build(update.corpus, index, point=point, full=True)
    assert outcome.error.startswith(f"DiskError: {index} cannot be written: the disk is full (")
    assert "MB are free); free some space" in outcome.error
    assert "\n" not in outcome.error
    check_then_continue(crashes, update, index)


@pytest.mark.parametrize("largest_file", [0.1, 0.5, 0.9])
def test_a_file_may_not_grow(
    crashes: Crashes, update: Update, index: Path, largest_file: float
) -> None:
    """The kernel refuses SQLite's writes, at some share of what its log has to grow to."""
    limit = int(largest_file * update.log_bytes)
    outcome = crashes.build(update.corpus, index, largest_file=limit)
    assert outcome.error.startswith(f"DiskError: {index} cannot be written: ")
    assert "check the disk, its quota, and ulimit -f" in outcome.error
    check_then_continue(crashes, update, index)


def test_no_space_left_for_a_download(
    crashes: Crashes, index: Path, update: Update, page: str
) -> None:
    settings = {"corpus": {"paths": [str(update.corpus), page]}}
    outcome = crashes.build(
        update.corpus, index, settings=settings, point="download half written", full=True
    )
    assert outcome.error.startswith(f"DiskError: {index} cannot be written: the disk is full (")
    assert crashes.state(index) == update.before
    crashes.must_build(update.corpus, index, settings=settings)
    assert crashes.state(index)["texts"][page] == "Gout is treated with allopurinol."


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few MB; `mount -o remount,size=` gives it another size."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("only root can mount a small disk")
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let root mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def resize(disk: Path, size: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], check=True)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.4, 0.6, 0.8, 0.95])
def test_a_disk_that_is_really_full(
    crashes: Crashes, update: Update, small_disk: Path, share: float
) -> None:
    """The disk ends at some share of what a build needs on top of the index there is."""
    index = small_disk / "index"
    shutil.copytree(update.base, index)
    used = shutil.disk_usage(small_disk).used
    resize(small_disk, used + int(share * update.most_bytes))
    outcome = crashes.build(update.corpus, index)
    assert outcome.error.startswith(f"DiskError: {index} cannot be written: "), outcome
    resize(small_disk, 64 << 20)
    check_then_continue(crashes, update, index)
