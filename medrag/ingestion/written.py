"""Recognises what no user wrote: artefacts and logs of medrag, and folders of installed software.

Everything is told by its content, never by where it is: a user's own `outputs/` is read. A folder
is left out whole only if medrag made it, or if it holds nothing else that could be a document.
"""

from __future__ import annotations

import json
import re
import sqlite3
import stat
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from ..manifest import MADE_BY, MANIFEST, fingerprint

# What a build writes beside the index, in a format that medrag reads.
QUARANTINE = "quarantine.jsonl"
NOTES = "notes.jsonl"

OURS = "written by medrag or one of its tools"
SOFTWARE = "belongs to installed software"
_NAME_IT = "name it in corpus.paths to read it"

_MANIFEST_LIMIT = 4 << 20  # bytes of a manifest that medrag may have written
_HEAD = 128  # bytes at the start of a file that tell what wrote it
_CERTIFICATE = re.compile(
    rb'(\xef\xbb\xbf)?\s*\{\s*"kind"\s*:\s*"answer certificate"\s*,\s*"schema"\s*:\s*\d'
)
_SQLITE = b"SQLite format 3\0"
_CACHE_ID = bytes.fromhex("6d656401")  # the application id of an embedding cache, at byte 68
_TABLES = {"files", "rejected", "deleted", "documents", "chunks", "vectors"}  # of an index
_CACHE_TAG = b"Signature: 8a477f597d28d172789f06886806bc55"  # https://bford.info/cachedir/
_WANDB = b":W&B"  # how a run's log starts
_WANDB_RUNS = ("run-2[0-9]*_[0-9]*-*/", "offline-run-2[0-9]*_[0-9]*-*/")
_HYDRA = re.compile(rb"hydra:\s")
_FINGERPRINT = re.compile(rb'"[0-9a-f]{32}"\s*')
_HOME = re.compile(rb"^home\s*=", re.MULTILINE)


def written_in(folder: Path, entries: Collection[str]) -> Mapping[str, str]:
    """The entries of a folder that no user wrote, each with the reason; "" stands for all of it.

    Args:
        entries: all names in it, those of folders with a "/" at the end.
    """
    seen = [name for name in entries if not name.startswith(".")]
    reasons: dict[str, str] = {}
    for mark in _MARKS:
        if what := mark.found(folder, entries):
            reason = f"{mark.who} ({what}); {_NAME_IT}"
            for name in seen:
                if _matches(name, mark.own):
                    reasons.setdefault(name, reason)
            if not any(_may_be_a_document(name) for name in {*seen} - reasons.keys()):
                return {"": reason}
    return reasons


def written_file(path: Path) -> str:
    """Why a file is no document of the user; "" if it may be one. Reads only its first bytes."""
    head = _head(path)
    if _CERTIFICATE.match(head):
        return f"{OURS} (the certificate of an answer)"
    if head.startswith(_SQLITE) and head[68:72] == _CACHE_ID:
        return f"{OURS} (an embedding cache)"
    return ""


def _may_be_a_document(name: str) -> bool:
    """Whether an entry is a folder, or a file with a suffix."""
    return "." in name or name.endswith("/")


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _head(path: Path) -> bytes:
    """The first bytes of a regular file; none if it cannot be read."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait
            return b""
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError:
        return b""


# --- what a folder is -----------------------------------------------------------------------------


def _artefact(folder: Path, entries: Collection[str]) -> str:
    kind = _artefact_kind(folder / MANIFEST) if MANIFEST in entries else ""
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}" if kind else ""


def _artefact_kind(path: Path) -> str:
    """Return the kind of artefact that a manifest describes; "" if medrag did not write it."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MANIFEST_LIMIT:
            return ""
        content = json.loads(path.read_bytes())
        if not isinstance(content, dict) or not isinstance(content.get("schema"), int):
            return ""
        if content.pop("checksum", None) != fingerprint(content):
            return ""
    except (OSError, ValueError, RecursionError):
        return ""
    kind = content.get("kind")
    return kind if isinstance(kind, str) and kind in MADE_BY else ""


def _has_store(folder: Path) -> bool:
    """Whether `store.sqlite` in a folder has the tables of an index."""
    path = folder / "store.sqlite"
    # Where no build is at work there is no log, and SQLite would make one even to read.
    mode = "mode=ro" if path.with_name("store.sqlite-wal").exists() else "immutable=1"
    address = f"{path.absolute().as_uri()}?{mode}"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=1)) as store:
            names = {name for (name,) in store.execute("SELECT name FROM sqlite_master")}
    except sqlite3.Error:
        return False
    return names >= _TABLES


def _unfinished(folder: Path, entries: Collection[str]) -> str:
    found = "store.sqlite" in entries and _has_store(folder)
    return "an index whose build has not finished" if found else ""


def _tiny(folder: Path, entries: Collection[str]) -> str:
    found = {"medrag_tiny.txt", "config.json"} <= {*entries}
    return "the base model of a dry run" if found else ""


def _training(folder: Path, entries: Collection[str]) -> str:
    found = folder.name == "checkpoints" and "run.json" in entries
    found = found and _FINGERPRINT.fullmatch(_head(folder / "run.json")) is not None
    return "a training that has not finished" if found else ""


def _benchmark(folder: Path, entries: Collection[str]) -> str:
    corpus, index = f"{folder.name}-corpus.jsonl", folder / "index"
    # A user's folder may look the same but for its other documents.
    found = {name for name in entries if not name.startswith(".")} == {corpus, "index/"}
    found = found and _head(folder / corpus).startswith(b'{"id": "')
    found = found and (_artefact_kind(index / MANIFEST) == "index" or _has_store(index))
    return "a benchmark made ready" if found else ""


def _hydra(folder: Path, entries: Collection[str]) -> str:
    found = ".hydra/" in entries and _HYDRA.match(_head(folder / ".hydra/hydra.yaml"))
    return "the log of a command run by Hydra" if found else ""


def _sweep(folder: Path, entries: Collection[str]) -> str:
    found = "multirun.yaml" in entries and _HYDRA.match(_head(folder / "multirun.yaml"))
    return "the settings of a sweep run by Hydra" if found else ""


def _tracking(folder: Path, entries: Collection[str]) -> str:
    runs = (folder / name for name in entries if _matches(name, _WANDB_RUNS))
    logs = (log for run in runs for log in run.glob("run-*.wandb"))
    return "runs tracked by W&B" if any(_head(log).startswith(_WANDB) for log in logs) else ""


def _cache(folder: Path, entries: Collection[str]) -> str:
    found = "CACHEDIR.TAG" in entries and _head(folder / "CACHEDIR.TAG").startswith(_CACHE_TAG)
    return "a cache" if found else ""


def _python(folder: Path, entries: Collection[str]) -> str:
    found = "pyvenv.cfg" in entries and _HOME.search(_head(folder / "pyvenv.cfg"))
    return "a Python environment" if found else ""


def _conda(folder: Path, entries: Collection[str]) -> str:
    found = "conda-meta/" in entries and _head(folder / "conda-meta/history").startswith(b"==>")
    return "a conda environment" if found else ""


def _node(folder: Path, entries: Collection[str]) -> str:
    found = folder.name == "node_modules"
    found = found and any(any(folder.glob(at)) for at in ("*/package.json", "@*/*/package.json"))
    return "packages of Node.js" if found else ""


def _compiled(folder: Path, entries: Collection[str]) -> str:
    return "compiled Python" if folder.name == "__pycache__" else ""


@dataclass(frozen=True, slots=True)
class _Mark:
    """A kind of folder: what tells it, who makes it, and patterns of the entries that they write.

    A folder of software or logs may be a user's own one, where a tool was run: the rest is read.
    """

    found: Callable[[Path, Collection[str]], str]
    who: str
    own: tuple[str, ...] = ("*",)


_MARKS = (
    _Mark(_artefact, OURS),
    _Mark(_unfinished, OURS),
    _Mark(_tiny, OURS),
    _Mark(_training, OURS),
    _Mark(_benchmark, OURS),
    _Mark(_hydra, OURS, ("*.log",)),
    _Mark(_sweep, OURS, ("multirun.yaml", "*.log")),
    _Mark(_tracking, OURS, (*_WANDB_RUNS, "debug*.log", "latest-run")),
    _Mark(_cache, SOFTWARE),
    _Mark(
        _python,
        SOFTWARE,
        (
            "pyvenv.cfg",
            "bin/",
            "lib/",
            "lib64*",
            "include/",
            "share/",
            "etc/",
            "Lib/",
            "Scripts/",
            "Include/",
        ),
    ),
    _Mark(_conda, SOFTWARE),
    _Mark(_node, SOFTWARE, ("*/",)),  # packages are folders
    _Mark(_compiled, SOFTWARE, ("*.py[co]", "*.nb[ic]")),
)
