"""Embedders that run on this machine; this file makes them safe for threads and forks."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_loading = threading.RLock()


class loaded_once(Generic[T]):  # a decorator
    """Like `functools.cached_property`, but one thread computes while the others wait."""

    def __init__(self, load: Callable[[Any], T]) -> None:
        self._load = load
        self.__doc__ = load.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type | None = None) -> T:
        # From now on Python finds the value in the instance and does not come here.
        with _loading:
            if self._name not in instance.__dict__:
                instance.__dict__[self._name] = self._load(instance)
            value: T = instance.__dict__[self._name]
            return value


def _renew_lock() -> None:
    """In a forked process: another thread of the parent may have held the old lock."""
    global _loading
    _loading = threading.RLock()


os.register_at_fork(after_in_child=_renew_lock)

# The tokenizer's threads do not survive a fork: a child would wait for them forever. Unless the
# variable is set, the library warns at every fork.
if "TOKENIZERS_PARALLELISM" not in os.environ:
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    os.register_at_fork(
        after_in_child=partial(os.environ.__setitem__, "TOKENIZERS_PARALLELISM", "false")
    )
