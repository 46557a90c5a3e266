"""Clients of the outside world: the one place from which the project speaks HTTP."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .http import AsyncHttpClient, Download

__all__ = ["AsyncHttpClient", "Download"]


def __getattr__(name: str) -> Any:
    # Most work needs no HTTP; httpx is imported when a client is first named.
    if name in __all__:
        return getattr(import_module(".http", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
