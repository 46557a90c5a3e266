"""How many CPU cores this process may use."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path

_CONTROL_GROUPS = Path("/sys/fs/cgroup")


def usable_cores() -> int:
    """Those it is allowed to run on, and no more than a container has time for."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    quota = _quota()
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def _quota() -> float | None:
    """Cores' worth of time that a control group gives (Linux, version 2 or 1), if it bounds it."""
    with suppress(OSError, ValueError, ZeroDivisionError):
        given, period = (_CONTROL_GROUPS / "cpu.max").read_text().split()
        return None if given == "max" else int(given) / int(period)
    with suppress(OSError, ValueError, ZeroDivisionError):
        given, period = (
            (_CONTROL_GROUPS / f"cpu/cpu.cfs_{name}_us").read_text() for name in ("quota", "period")
        )
        return int(given) / int(period) if int(given) > 0 else None
    return None
