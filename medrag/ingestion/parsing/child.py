"""A child process that parses: started, asked, listened to for so long, and ended."""

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
from .parser import FRAME_LIMIT

NONSENSE = "its parser gave something unreadable"
_PIPE = 1 << 20  # bytes of messages that may wait
_START_SECONDS = 60.0  # for the process to start, on a busy machine
_LENGTH = 4  # bytes of a message that say how many follow


# All that a child is told of this process's environment: keys of services are none of its business.
_PASSED_ON = ("PATH", "HOME", "TMPDIR", "TZ", "LANG", "LANGUAGE", "LD_LIBRARY_PATH")
_PASSED_ON_FROM = ("LC_", "PYTHON", "DYLD_")


class DeathError(Exception):
    """The process has ended, or had to be ended; the message says why."""


class ParserProcess:
    """One `medrag.ingestion.parsing.parser`.

    Args:
        setup: what the worker wants to know at its start.
        seconds: the longest it may go without a message.
        megabytes: the memory it may take, for messages.

    Raises:
        CorpusError: it cannot be started.
    """

    def __init__(self, setup: Mapping[str, Any], seconds: float, megabytes: int) -> None:
        self._seconds = seconds
        self._megabytes = megabytes
        self._ready = False
        self._received = bytearray()
        # Not stdout: what a library prints must not get between the messages.
        self._output, messages = os.pipe()
        try:
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", "medrag.ingestion.parsing.parser", str(messages)],
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=[messages],
                process_group=0,  # Ctrl-C is for the parent, which ends its children
                env=_environment(),
            )
        except OSError as error:
            os.close(self._output)
            raise CorpusError(f"no process to parse documents can be started: {error}") from error
        finally:
            os.close(messages)
        if sys.platform == "linux":
            with suppress(OSError):  # more than this user may have in pipes
                fcntl.fcntl(self._output, fcntl.F_SETPIPE_SZ, _PIPE)
        self._poll = select.poll()
        self._poll.register(self._output, select.POLLIN)
        self.send(json.dumps(setup).encode())

    def send(self, request: bytes) -> None:
        """Ask for something; a process that has died is found out when it is listened to."""
        assert self._child.stdin is not None
        with suppress(BrokenPipeError):
            self._child.stdin.write(request + b"\n")

    def receive(self) -> Any:
        """The next message.

        Raises:
            DeathError: there will be none.
            CorpusError: there is none at all.
        """
        if not self._ready:
            try:
                self._frame(_START_SECONDS)
            except DeathError as death:
                raise CorpusError(f"no document can be parsed: {death} at its start") from death
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
                    f"its parser gave nothing for corpus.max_parser_seconds={seconds:g}"
                )
            data = os.read(self._output, _PIPE)
            if not data:
                raise DeathError(self._how_it_ended())
            received += data

    def _how_it_ended(self) -> str:
        try:
            status = self._child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "its parser gave no more"
        if status >= 0:
            return f"its parser ended with status {status}"
        return (
            f"its parser crashed ({signal.Signals(-status).name}), or needs more memory than "
            f"corpus.max_parser_mb={self._megabytes}"
        )

    def stop(self) -> None:
        """End the process, whatever it is at."""
        with self._child:
            self._child.kill()
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
    }
