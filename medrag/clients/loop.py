"""An event loop in a background thread, for code that is not async."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from threading import Lock, Thread
from typing import Any, TypeVar

T = TypeVar("T")


class EventLoopThread:
    """An event loop in a background thread, which runs coroutines for code that is not async.

    The loop starts at first use. Threads may share it, and it also works where a loop is already
    running, as in a notebook. A forked child starts its own loop.
    """

    _lock: Lock
    _running: tuple[asyncio.AbstractEventLoop, Thread] | None

    def __init__(self) -> None:
        self._forget()
        _loop_threads.add(self)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine and return its result; an interrupt cancels it."""
        future = self.start(coroutine)
        try:
            return future.result()
        finally:
            future.cancel()  # does nothing if it is done

    def start(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Start a coroutine and return at once; the future holds its result."""
        with self._lock:
            if self._running is None:
                loop = asyncio.new_event_loop()
                thread = Thread(target=_serve, args=(loop,), daemon=True)
                thread.start()
                self._running = loop, thread
                # Dropped without `close`, it must not keep its thread forever.
                weakref.finalize(self, _stop, loop).atexit = False
            return asyncio.run_coroutine_threadsafe(coroutine, self._running[0])

    def close(self, last: Callable[[], Coroutine[Any, Any, object]] | None = None) -> None:
        """Wait for what is running, then run `last` and stop; a later call starts a new loop.

        Args:
            last: releases what belongs to this loop, such as `AsyncHttpClient.close`.
        """

        async def finish() -> None:
            running = asyncio.all_tasks() - {asyncio.current_task()}
            await asyncio.gather(*running, return_exceptions=True)
            if last is not None:
                await last()

        with self._lock:
            if self._running is None:
                return
            loop, thread = self._running
            self._running = None
            ending = asyncio.run_coroutine_threadsafe(finish(), loop)
        try:
            ending.result()
        finally:
            _stop(loop)
            thread.join()

    def _forget(self) -> None:
        """Have no loop: at first, and in a forked child, where its thread does not run."""
        self._lock, self._running = Lock(), None


_loop_threads: weakref.WeakSet[EventLoopThread] = weakref.WeakSet()


def _forget_loops() -> None:
    for thread in list(_loop_threads):
        thread._forget()


os.register_at_fork(after_in_child=_forget_loops)


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()


def _stop(loop: asyncio.AbstractEventLoop) -> None:
    with suppress(RuntimeError):  # it is closed
        loop.call_soon_threadsafe(loop.stop)
