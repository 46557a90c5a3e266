"""Clients of the outside world: the one place from which the project speaks HTTP."""

from .http import AsyncHttpClient, Download

__all__ = ["AsyncHttpClient", "Download"]
