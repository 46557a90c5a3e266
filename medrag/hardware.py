"""What this machine gives to this process: CPU cores and instructions, a GPU, memory, disk space.

Nothing here imports a library, so that any part of the package may ask at any time.
"""

from __future__ import annotations

import ctypes
import math
import os
import shutil
from contextlib import suppress
from functools import cache
from pathlib import Path

_CONTROL_GROUPS = Path("/sys/fs/cgroup")
_CPUINFO = Path("/proc/cpuinfo")
_GPU_DRIVERS = ("/dev/nvidiactl", "/dev/kfd")  # NVIDIA, AMD


def is_main_process() -> bool:
    """Whether this is the first process of those that `torchrun` or `accelerate launch` started."""
    return os.environ.get("RANK", "0") == "0"


def usable_cores() -> int:
    """CPU cores this process may use: bounded by its affinity and its container's CPU quota."""
    # joblib.cpu_count() agrees, but takes 0.2 s to import and fails on a malformed quota.
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    quota = _cpu_quota()
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def _cpu_quota() -> float | None:
    """The control group's quota in cores (Linux, version 2 or 1); None if it has none."""
    with suppress(OSError, ValueError, ZeroDivisionError):
        given, period = (_CONTROL_GROUPS / "cpu.max").read_text().split()
        return None if given == "max" else int(given) / int(period)
    with suppress(OSError, ValueError, ZeroDivisionError):
        given, period = (
            (_CONTROL_GROUPS / f"cpu/cpu.cfs_{name}_us").read_text() for name in ("quota", "period")
        )
        return int(given) / int(period) if int(given) > 0 else None
    return None


@cache
def cpu_has_bf16() -> bool:
    """True if Linux lists native bf16 products; without them bf16 is far slower than fp32."""
    with suppress(OSError):
        for line in _CPUINFO.read_text(encoding="ascii", errors="replace").splitlines():
            name, _, flags = line.partition(":")
            if name.strip() in ("flags", "Features"):  # x86, ARM
                return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(flags.split())
    return False


def has_gpu_driver() -> bool:
    """True if a GPU driver is installed; tells when importing torch to look for a GPU pays."""
    return any(Path(file).exists() for file in _GPU_DRIVERS) or bool(shutil.which("nvidia-smi"))


def memory_limit() -> int:
    """Bytes of RAM this process may use: the machine's, or less if its container has a limit."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):  # version 2, version 1
        with suppress(OSError, ValueError):
            limits.append(int((_CONTROL_GROUPS / name).read_text()))
    return min(limits)


def disk_free(path: str | Path) -> int:
    """Bytes that are free on the disk of a path, which need not exist yet."""
    place = Path(path).absolute()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def release_memory() -> None:
    """Give free memory between used blocks back to the system, where the C library can (glibc)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
