"""Start a child process that parses, send it requests, receive its messages, and end it."""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...errors import CorpusError

FRAME_LIMIT = 16 << 20  # bytes in a message
NONSENSE = "its parser sent something unreadable"
_PIPE = 1 << 20  # bytes of messages that may wait
_START_SECONDS = 60.0  # for the process to start, on a busy machine
_LENGTH = 4  # bytes that hold the length of a message


# The only environment variables that a child gets: it must not see the keys of services.
_PASSED_ON = (
    "PATH", "HOME", "TMPDIR", "TZ", "LANG", "LANGUAGE", "LD_LIBRARY_PATH", "TESSDATA_PREFIX",
)  # fmt: skip
_PASSED_ON_FROM = ("LC_", "PYTHON", "DYLD_")


class DeathError(Exception):
    """The process has ended or must be ended; the message says why."""


class ParserProcess:
    """A process that runs `parser.py`.

    Args:
        setup: its first request.
        seconds: the longest it may go without a message.
        megabytes: its memory limit, for error messages.

    Raises:
        CorpusError: it cannot be started.
    """

    def __init__(self, setup: Mapping[str, Any], seconds: float, megabytes: int) -> None:
        self._seconds = seconds
        self._megabytes = megabytes
        self._ready = False
        self._received = bytearray()
        # Not stdout: a library may print there.
        self._output, messages = os.pipe()
        try:
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", "medrag.ingestion.parsing.parser", str(messages)],
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=[messages],
                process_group=0,  # Ctrl-C goes to the parent, which ends its children
                env=_environment(),
            )
        except OSError as error:
            os.close(self._output)
            raise CorpusError(f"no process can be started to parse documents: {error}") from error
        finally:
            os.close(messages)
        if sys.platform == "linux":
            with suppress(OSError):  # this user may not have pipes of that size
                fcntl.fcntl(self._output, fcntl.F_SETPIPE_SZ, _PIPE)
        self._poll = select.poll()
        self._poll.register(self._output, select.POLLIN)
        self.send(json.dumps(setup).encode())

    def send(self, request: bytes) -> None:
        """Send a request; if the process has died, `receive` finds out."""
        assert self._child.stdin is not None
        with suppress(BrokenPipeError):
            self._child.stdin.write(request + b"\n")

    def receive(self) -> Any:
        """The next message.

        Raises:
            DeathError: the process will send no more.
            CorpusError: the process did not start.
        """
        if not self._ready:
            try:
                self._frame(_START_SECONDS)
            except DeathError as death:
                raise CorpusError(f"cannot parse documents: {death} at its start") from death
            self._ready = True
        try:
            return json.loads(self._frame(self._seconds))
        except (ValueError, RecursionError) as error:
            raise DeathError(NONSENSE) from error

    def _frame(self, seconds: float) -> bytes:
        deadline = time.monotonic() + seconds
        received = self._received
        while True:
            end = _LENGTH + int.from_bytes(received[:_LENGTH], "big")
            if end > _LENGTH + FRAME_LIMIT:
                raise DeathError(NONSENSE)
            if len(received) >= max(end, _LENGTH + 1):
                frame = bytes(received[_LENGTH:end])
                del received[:end]
                return frame
            if not self._poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise DeathError(
                    f"its parser sent nothing for corpus.max_parser_seconds={seconds:g}"
                )
            data = os.read(self._output, _PIPE)
            if not data:
                raise DeathError(self._how_it_ended())
            received += data

    def _how_it_ended(self) -> str:
        try:
            status = self._child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "its parser stopped sending"
        if status >= 0:
            return f"its parser ended with status {status}"
        return (
            f"its parser crashed ({signal.Signals(-status).name}), or needs more memory than "
            f"corpus.max_parser_mb={self._megabytes}"
        )

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        with self._child, suppress(ProcessLookupError, PermissionError):  # it may have ended
            os.killpg(self._child.pid, signal.SIGKILL)  # with the OCR program that it may run
        os.close(self._output)


def _environment() -> dict[str, str]:
    passed_on = {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED_ON or name.startswith(_PASSED_ON_FROM)
    }
    search = [str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")]
    return {
        **passed_on,
        "PYTHONPATH": os.pathsep.join(filter(None, search)),
        "TOKENIZERS_PARALLELISM": "false",
        "OMP_NUM_THREADS": "1",
        # glibc gives the memory of large arrays back, so that OCR stays within the limit.
        "MALLOC_ARENA_MAX": "1",
        "MALLOC_MMAP_THRESHOLD_": "8000000",
        "MALLOC_TRIM_THRESHOLD_": "64000000",
    }
