"""Cores, instructions, memory and disk space are those this process may use, not all there are."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from medrag import hardware

ALL = len(os.sched_getaffinity(0))
RAM = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of the kernel's control groups."""
    monkeypatch.setattr(hardware, "_CONTROL_GROUPS", tmp_path)
    return tmp_path


def write(folder: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, ALL),
        ({"cpu.max": "max 100000\n"}, ALL),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "150000 100000\n"}, min(2, ALL)),
        ({"cpu.max": "6400000 100000\n"}, min(64, ALL)),
        ({"cpu.max": "what\n"}, ALL),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, ALL),
        ({"cpu/cpu.cfs_quota_us": "90000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
    ],
)
def test_a_container_bounds_the_cores(files: dict[str, str], expected: int, groups: Path) -> None:
    write(groups, files)
    assert hardware.usable_cores() == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, RAM),
        ({"memory.max": "max\n"}, RAM),
        ({"memory.max": "268435456\n"}, 268435456),
        ({"memory/memory.limit_in_bytes": "268435456\n"}, 268435456),
        ({"memory/memory.limit_in_bytes": "9223372036854771712\n"}, RAM),
    ],
)
def test_a_container_bounds_the_memory(files: dict[str, str], expected: int, groups: Path) -> None:
    write(groups, files)
    assert hardware.memory_limit() == expected


@pytest.fixture
def cpuinfo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file in place of /proc/cpuinfo."""
    monkeypatch.setattr(hardware, "_CPUINFO", tmp_path / "cpuinfo")
    hardware.cpu_has_bf16.cache_clear()
    yield tmp_path / "cpuinfo"
    hardware.cpu_has_bf16.cache_clear()


@pytest.mark.parametrize(
    ("line", "bf16"),
    [
        ("flags\t\t: fpu avx2 fma", False),
        ("flags\t\t: fpu avx2 avx_vnni", False),
        ("flags\t\t: avx512_vnni avx512_bf16", True),
        ("flags\t\t: avx512_vnni avx512_bf16 amx_bf16 amx_tile amx_int8", True),
        ("Features\t: fp asimd asimddp bf16", True),
        ("model name\t: avx512_bf16", False),
    ],
)
def test_the_instructions_are_those_of_the_cpu(line: str, bf16: bool, cpuinfo: Path) -> None:
    cpuinfo.write_text(f"processor\t: 0\n{line}\n")
    assert hardware.cpu_has_bf16() == bf16


def test_without_cpuinfo_no_instruction_is_known(cpuinfo: Path) -> None:
    assert not hardware.cpu_has_bf16()


def test_the_free_disk_space_is_that_of_the_nearest_folder(tmp_path: Path) -> None:
    free = hardware.disk_free(tmp_path / "not" / "there")
    assert abs(free - shutil.disk_usage(tmp_path).free) < 1 << 30
