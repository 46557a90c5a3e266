"""Runs a command in a pseudo-terminal, types into it, and gives what a person would see."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fcntl import ioctl
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CTRL_C, CTRL_D, UP = "\x03", "\x04", "\x1b[A"
# A child that is forked from a busy test process is lost now and then, before it has run at all.
_ATTEMPTS = 3
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
    for _ in range(_ATTEMPTS):
        session, waiting = _run(arguments, typed, where, columns, environment)
        if session.raw or not waiting:
            break
    assert not waiting, f"never seen: {waiting[0][0]!r} in {session}"
    return session


def _run(
    arguments: Sequence[str],
    typed: Sequence[tuple[Wanted, str]],
    where: Path,
    columns: int,
    environment: Mapping[str, str],
) -> tuple[Session, list[tuple[Wanted, str]]]:
    """How a command ended, and what was not typed because it ended before."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(where)
        kept = {"PATH": "/usr/bin:/bin", "HF_HUB_OFFLINE": "1", "TERM": "xterm"}
        kept |= {"HOME": str(where), "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}
        kept |= {"XDG_CACHE_HOME": os.environ["XDG_CACHE_HOME"]}
        os.execve(sys.executable, [sys.executable, *arguments], kept | environment)
    ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
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
                found = wanted(process)
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
        os.kill(process, 9)
    os.close(terminal)
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    return Session(status, raw.decode(errors="replace")), waiting
