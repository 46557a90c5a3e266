"""Recognises what no user wrote: artefacts and logs of medrag, and folders of installed software.

Everything is told by its content, never by where it is: a user's own `outputs/` is read.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Collection
from pathlib import Path

from ..manifest import MADE_BY, MANIFEST

# What a build writes beside the index, in a format that medrag reads.
QUARANTINE = "quarantine.jsonl"
NOTES = "notes.jsonl"

OURS = "written by medrag or one of its tools"
SOFTWARE = "belongs to installed software"
_NAME_IT = "name it in corpus.paths to read it"

_MANIFEST_LIMIT = 4 << 20  # bytes of a manifest that medrag may have written
_HEAD = 128  # bytes at the start of a file that tell what wrote it
_CERTIFICATE = b'{\n  "kind": "answer certificate"'
_SQLITE = b"SQLite format 3\0"
_CACHE_ID = bytes.fromhex("6d656401")  # the application id of an embedding cache, at byte 68
_TAG = "CACHEDIR.TAG"  # https://bford.info/cachedir/
_CACHE_TAG = b"Signature: 8a477f597d28d172789f06886806bc55"
# Entries (folders end with "/") that only these programs put into a folder together.
_MARKS = (
    ({"store.sqlite", ".lock"}, OURS, "an index whose build has not finished"),
    ({"medrag_tiny.txt"}, OURS, "the base model of a dry run"),
    ({"multirun.yaml"}, OURS, "the logs of a sweep run by Hydra"),
    ({"pyvenv.cfg"}, SOFTWARE, "a Python environment"),
    ({"conda-meta/"}, SOFTWARE, "a conda environment"),
)
# Names that the tools themselves fix.
_NAMES = {"node_modules": "packages of Node.js", "__pycache__": "compiled Python"}


def written_folder(folder: Path, entries: Collection[str]) -> str:
    """Why a folder holds nothing that the user wrote; "" if it may.

    Args:
        entries: all names in it, those of folders with a "/" at the end.
    """
    kind, what = _recognised(folder, {*entries})
    return f"{kind} ({what}); {_NAME_IT}" if what else ""


def written_file(path: Path) -> str:
    """The same for a file that medrag cannot read as a document."""
    head = _head(path) if path.name.endswith((".json", ".sqlite")) else b""
    if head.startswith(_CERTIFICATE):
        return f"{OURS} (the certificate of an answer)"
    if head.startswith(_SQLITE) and head[68:72] == _CACHE_ID:
        return f"{OURS} (an embedding cache)"
    return ""


def _recognised(folder: Path, entries: set[str]) -> tuple[str, str]:
    """Who wrote a folder, and what it is; two empty strings if the user may have."""
    if MANIFEST in entries and (kind := _artefact_kind(folder / MANIFEST)):
        return OURS, f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
    if ".hydra/" in entries and (folder / ".hydra/hydra.yaml").is_file():
        return OURS, "the log of a command run by Hydra"
    if folder.name == "wandb" and any(n.startswith(("run-", "offline-run-")) for n in entries):
        return OURS, "runs tracked by W&B"
    if folder.name == "checkpoints" and "run.json" in entries:
        return OURS, "a training that has not finished"
    if {f"{folder.name}-corpus.jsonl", "index/"} <= entries:
        return OURS, "a benchmark made ready"
    if _TAG in entries and _head(folder / _TAG).startswith(_CACHE_TAG):
        return SOFTWARE, "a cache"
    if what := _NAMES.get(folder.name):
        return SOFTWARE, what
    return next(((who, what) for marks, who, what in _MARKS if marks <= entries), ("", ""))


def _head(path: Path) -> bytes:
    """The first bytes of a regular file; none if it cannot be read."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait
            return b""
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError:
        return b""


def _artefact_kind(path: Path) -> str:
    """Return the kind of artefact that a manifest describes; "" if medrag did not write it."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MANIFEST_LIMIT:
            return ""
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return ""
    signed = {"kind", "fingerprint", "package_version", "checksum"}
    if not isinstance(content, dict) or not signed <= content.keys():
        return ""
    kind = content["kind"]
    return kind if isinstance(kind, str) and kind in MADE_BY else ""
