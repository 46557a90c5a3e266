"""Where what is kept between runs lies, by the system's own rules."""

from __future__ import annotations

import os
from pathlib import Path

_USER_CACHE = "~/.cache/"


def expand(name: str) -> Path:
    """The path, with `~/.cache` where the system keeps it (XDG Base Directory Specification).

    Raises:
        RuntimeError: the user has no home directory.
    """
    cache_home = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if name.startswith(_USER_CACHE) and cache_home.is_absolute():
        return cache_home / name.removeprefix(_USER_CACHE)
    return Path(name).expanduser()
