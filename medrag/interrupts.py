"""Ctrl-C in the shell, and pipes that close: no traceback, from the first import to the end.

The package imports this module before all others, so that Ctrl-C during the imports of a stage is
handled, too. It does nothing in a program that only uses the package.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

STATUS = 130  # what a shell reports for a command that Ctrl-C has ended


def end_at_once() -> None:
    """Make Ctrl-C end the process without a traceback, while there is nothing to save.

    `KeyboardInterrupt` would not do: in the middle of an import it may come out as any error.
    A process that ignores Ctrl-C, such as one in the background, goes on to ignore it.
    A reader that goes away, as in `--cfg job | head -1`, ends it, too, as it ends other commands.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _end)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)


@contextmanager
def interruptible(message: str) -> Iterator[None]:
    """Let Ctrl-C stop a block: it cleans up, `message` is shown, and the process exits with 130.

    The error that leaves the block is not shown then, whatever a library made of the interrupt. A
    second Ctrl-C ends the process at once.
    """
    stopped = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopped
        stopped = True
        raise KeyboardInterrupt

    pipes = signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # a connection that breaks is an error
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, stop)
    try:
        yield
    except BaseException as error:
        if not stopped and not isinstance(error, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, lambda number, frame: os._exit(STATUS))
        _say(message)
        sys.exit(STATUS)
    finally:
        if not stopped:
            signal.signal(signal.SIGINT, before)
            signal.signal(signal.SIGPIPE, pipes)


def _end(number: int, frame: FrameType | None) -> None:
    with suppress(Exception):  # what was printed before is not lost
        sys.stdout.flush()
    _say("stopped")
    os._exit(STATUS)


def _say(message: str) -> None:
    # The terminal has written "^C" at the beginning of the line: the message takes its place.
    start = "\r" if sys.stderr.isatty() else ""
    with suppress(Exception):
        print(f"{start}{message}", file=sys.stderr, flush=True)


def _is_run_by_shell() -> bool:
    """Whether this process is `python -m medrag…` or the command `medrag`.

    Python calls the program "-m" until it has found the module, so while the package is imported.
    """
    program = sys.argv[0] if sys.argv else ""
    if program == "-m":  # of which module? A package of somebody else's may import this one
        return any(one.partition(".")[0] == "medrag" for one in sys.orig_argv)
    return program.rpartition("/")[2] == "medrag"


if _is_run_by_shell():
    end_at_once()
