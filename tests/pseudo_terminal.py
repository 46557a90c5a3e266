"""Runs a command in a pseudo-terminal, types into it, and gives what a person would see."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fcntl import ioctl
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CTRL_C, CTRL_D, UP = "\x03", "\x04", "\x1b[A"
# Takes the terminal at its standard input as its own, then becomes the command. A fork of the test
# process would have to do this in Python, and its many threads make that crash now and then.
_BECOME = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)
_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]")

# What to wait for: a text, a time in seconds, or what the process with an id has done.
Wanted = str | float | Callable[[int], bool]


def guarded(process: int) -> bool:
    """Whether a process has imported `medrag.interrupts`, which handles SIGINT and then SIGPIPE.

    Python itself handles SIGINT, too, but ignores SIGPIPE.
    """
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    masks = {name: int(mask, 16) for name, mask in re.findall(r"Sig(Ign|Cgt):\s*(\w+)", status)}
    handled, ignored = (1 << number - 1 for number in (signal.SIGINT, signal.SIGPIPE))
    return bool(masks["Cgt"] & handled) and not masks["Ign"] & ignored


@dataclass(frozen=True)
class Session:
    """How a command ended, and all that it wrote; `text` has no codes of the terminal."""

    status: int
    raw: str

    @property
    def text(self) -> str:
        return _CODES.sub("", self.raw).replace("\r\n", "\n")


def in_terminal(
    arguments: Sequence[str],
    typed: Sequence[tuple[Wanted, str]],
    where: Path,
    columns: int = 80,
    **environment: str,
) -> Session:
    """Run `python ARGUMENTS` in a terminal.

    Args:
        typed: pairs of what to wait for and what to type then. A text is waited for in what has
            been written after what was waited for before, a number is a time in seconds after that,
            and a function is asked about the process.
    """
    kept = {"PATH": "/usr/bin:/bin", "HF_HUB_OFFLINE": "1", "TERM": "xterm"}
    kept |= {"HOME": str(where), "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}
    kept |= {"XDG_CACHE_HOME": os.environ["XDG_CACHE_HOME"]}
    terminal, its_end = pty.openpty()
    ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    child = subprocess.Popen(
        [sys.executable, "-c", _BECOME, *arguments],
        stdin=its_end,
        stdout=its_end,
        stderr=its_end,
        cwd=where,
        env=kept | environment,
        start_new_session=True,
    )
    os.close(its_end)
    raw, seen, waiting = b"", 0, list(typed)
    started = since = time.monotonic()
    while time.monotonic() - started < 60:
        if waiting:
            wanted, keys = waiting[0]
            if isinstance(wanted, str):
                at = raw.find(wanted.encode(), seen)
                found = at >= 0
                seen = at + len(wanted.encode()) if found else seen
            elif isinstance(wanted, float):
                found = time.monotonic() - since >= wanted
            else:
                found = wanted(child.pid)
            if found:
                since = time.monotonic()
                os.write(terminal, keys.encode())
                del waiting[0]
        if select.select([terminal], [], [], 0.01)[0]:
            try:
                piece = os.read(terminal, 65536)
            except OSError:  # Linux: the process has ended
                break
            if not piece:
                break
            raw += piece
    else:
        child.kill()
    os.close(terminal)
    session = Session(child.wait(), raw.decode(errors="replace"))
    assert not waiting, f"never seen: {waiting[0][0]!r} in {session}"
    return session
