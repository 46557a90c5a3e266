"""The replies of a teacher on disk: appended as they come, and found again by what was asked."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from ..errors import ArtefactError, BusyError
from ..types import Hit


@dataclass(frozen=True, slots=True)
class TeacherReply:
    """What a teacher wrote.

    Attributes:
        cut: whether it reached a limit, so that its end may be missing.
        prompt_tokens, reply_tokens: as the server counts them.
    """

    text: str
    cut: bool
    prompt_tokens: int
    reply_tokens: int


class Replies:
    """A JSONL file of replies, by the hash of the request. Each is on disk when `add` returns.

    A kill loses the line that was being written, at most; opening the file cuts such a line off.

    Raises (on opening):
        BusyError: another process has it.
        ArtefactError: a line of it is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._found: dict[str, TeacherReply] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._read(path)
        except BlockingIOError:
            self._file.close()
            raise BusyError(
                f"another process is adding to {path}; wait for it, or choose another dataset.dir"
            ) from None
        except BaseException:
            self._file.close()
            raise

    def _read(self, path: Path) -> None:
        self._file.seek(0)
        whole = 0
        for number, line in enumerate(self._file, 1):
            if not line.endswith(b"\n"):
                break
            try:
                row = json.loads(line)
                self._found[row["key"]] = TeacherReply(**row["reply"])
            except (ValueError, LookupError, TypeError):
                raise ArtefactError(
                    f"{path}:{number} is damaged; remove that line, or the file to ask everything "
                    "again"
                ) from None
            whole += len(line)
        self._file.truncate(whole)

    def get(self, key: str) -> TeacherReply | None:
        """The reply to a request that was made before, or None."""
        return self._found.get(key)

    def add(self, key: str, hit: Hit, reply: TeacherReply) -> None:
        """Keep a reply, with the place of its passage for people."""
        row = {"key": key, "document": hit.document, "start": hit.start, "reply": asdict(reply)}
        self._file.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._found[key] = reply

    def __len__(self) -> int:
        return len(self._found)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()
