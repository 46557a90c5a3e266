"""Cut any iterable into bounded batches (`itertools.batched`, for Python 3.11)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of `size` items, the last one shorter; nothing more is held in memory."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
