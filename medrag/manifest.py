"""Artefacts that can be trusted: fingerprints, atomic writes, manifests and lineage."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Self

from . import __version__
from .errors import ArtefactError, FormatError, MismatchError

SCHEMA = 2
MANIFEST = "manifest.json"

# The command that makes each kind of artefact; errors name it.
MADE_BY = {
    "index": "python -m medrag.build_index 'corpus.paths=[DIR]' index.dir={dir}",
    "dataset": "python -m medrag.build_dataset dataset.questions=FILE dataset.dir={dir}",
    "adapter": "python -m medrag.train +experiment=qlora finetune.dir={dir}",
    "retriever": "python -m medrag.train +experiment=retriever retriever_tuning.dir={dir}",
    "reranker": "python -m medrag.train +experiment=reranker reranker_tuning.dir={dir}",
    "evaluation": "python -m medrag.evaluate evaluation.dir={dir}",
    "export": "python -m medrag.export MODEL",
    # Any command that embeds makes it, in the user's cache directory.
    "encoder": "python -m medrag.build_index 'corpus.paths=[DIR]'",
    # There too: SmolLM2, converted by any command that uses it.
    "generator": "python -m medrag.ask QUESTION generator=hf generator.model=smollm2",
}
# An index is only replaced when that is asked for.
REBUILD_INDEX = f"{MADE_BY['index']} index.rebuild=true"


@dataclass(frozen=True)
class FileEntry:
    """Size in bytes and SHA-256 of one file of an artefact."""

    size: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Self:
        """The size and hash that a file has now."""
        return cls(path.stat().st_size, file_sha256(path))


@dataclass(frozen=True)
class Parent:
    """An artefact that another was made from: its directory, and its fingerprint at that time.

    On disk the path is relative to the artefact that names it, so a tree of artefacts can be moved,
    and read from any working directory.
    """

    path: str
    fingerprint: str


@dataclass(frozen=True)
class Manifest:
    """The content of an artefact's `manifest.json`.

    Attributes:
        fingerprint: hash of the inputs and of the settings that matter.
        parents: the artefacts this one was made from, by kind.
        files: every file that readers rely on, by its path relative to the directory.
    """

    kind: str
    fingerprint: str
    parents: Mapping[str, Parent] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    counts: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, FileEntry] = field(default_factory=dict)
    schema: int = SCHEMA
    package_version: str = __version__
    created_at: str = ""


def fingerprint(value: Any) -> str:
    """A 32-character hash of any JSON-like value, independent of key order."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, read in constant memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def model_identity(model: str) -> str:
    """Identifies a model: a folder by its path and weights, anything else by its name.

    Only the size and the first and last MiB of each weights file are hashed, so that 14 GB need no
    full read.
    """
    digest = hashlib.sha256()
    for path in sorted(Path(model).glob("*.safetensors")) if model else ():
        size = path.stat().st_size
        with path.open("rb") as file:
            digest.update(f"{path.name}\0{size}\0".encode() + file.read(1 << 20))
            file.seek(max(0, size - (1 << 20)))
            digest.update(file.read())
    return f"{model}@{digest.hexdigest()[:16]}" if model and Path(model).is_dir() else model


def fsync_path(path: Path) -> None:
    """Force a file's content, or a directory's entries, onto the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def atomic_write(path: Path, content: str | bytes) -> None:
    """Write a file so that a crash leaves the old content or the new, never a mixture."""
    with replacing_file(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def replacing_file(path: Path) -> Iterator[BinaryIO]:
    """A new file that replaces `path` when the block succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Always the same name, so that the next write removes what a kill has left.
    temporary = path.with_name(f".{path.name}.new")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    fsync_path(path.parent)


@contextmanager
def replacing_directory(directory: Path) -> Iterator[Path]:
    """Build a directory beside its final place, and swap it in when the block succeeds.

    A crash leaves the old directory in place, or moved aside; then the next call brings it back.
    An exception removes the unfinished directory.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    aside = directory.with_name(f".{directory.name}.old")
    recover_directory(directory)
    fresh = directory.with_name(f".{directory.name}.new")
    for left in (aside, fresh):  # of a run that was killed
        shutil.rmtree(left, ignore_errors=True)
    fresh.mkdir()
    try:
        yield fresh
        mode = fresh.stat().st_mode & 0o666
        for path in fresh.rglob("*"):
            if path.is_file():
                path.chmod(mode)  # safetensors writes files that nobody else may read
            fsync_path(path)
        fsync_path(fresh)
        if directory.exists():
            directory.replace(aside)
        fresh.replace(directory)
        fsync_path(directory.parent)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        recover_directory(directory)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def recover_directory(directory: Path) -> None:
    """Bring back a directory that a crash between two renames has left moved aside."""
    directory = directory.absolute()  # "." has no name
    if not directory.name:
        return  # the root of the file system
    aside = directory.with_name(f".{directory.name}.old")
    if aside.exists() and not directory.exists():
        aside.replace(directory)


def describe_files(directory: Path) -> dict[str, FileEntry]:
    """Size and hash of every file below `directory`, except the manifest itself."""
    return {
        path.relative_to(directory).as_posix(): FileEntry.of(path)
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Write `manifest.json` atomically; from this moment on the artefact exists."""
    content = asdict(manifest)
    for parent in content["parents"].values():
        parent["path"] = os.path.relpath(parent["path"], directory)
    content["created_at"] = datetime.now(UTC).isoformat(timespec="seconds")
    content["checksum"] = fingerprint(content)
    atomic_write(directory / MANIFEST, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def read_manifest(directory: Path, kind: str) -> Manifest:
    """Read the manifest of an artefact.

    Raises:
        ArtefactError: there is none, or it cannot be read; names the command that makes it.
        MismatchError: the directory holds another kind of artefact.
        FormatError: it was written in another format.
    """
    path = directory / MANIFEST
    make = MADE_BY[kind].format(dir=directory)
    recover_directory(directory)
    if not path.exists():
        raise ArtefactError(f"no {kind} in {directory}; make one with: {make}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        # First of all, because the kind or the format may be damaged.
        if content.pop("checksum") != fingerprint(content):
            raise ValueError("its content does not match its checksum")
        if content["kind"] != kind:
            raise MismatchError(
                f"{directory} holds a {content['kind']}, not a {kind}; make one with: {make}"
            )
        if content["schema"] != SCHEMA:
            remake = REBUILD_INDEX.format(dir=directory) if kind == "index" else make
            raise FormatError(
                f"{directory} has format {content['schema']} and was written by medrag "
                f"{content.get('package_version')}; this is medrag {__version__}, which reads "
                f"format {SCHEMA}; rebuild it: {remake}"
            )
        for parent in content["parents"].values():
            parent["path"] = os.path.normpath(directory / parent["path"])
        content["parents"] = {name: Parent(**p) for name, p in content["parents"].items()}
        content["files"] = {name: FileEntry(**f) for name, f in content["files"].items()}
        return Manifest(**content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtefactError(
            f"{path} cannot be read ({type(error).__name__}: {error}); rebuild it: {make}"
        ) from error


def kind_of(directory: Path) -> str:
    """The kind of artefact in a folder.

    Raises:
        ArtefactError: there is none, or its manifest names a kind that is not medrag's.
    """
    path = directory / MANIFEST
    recover_directory(directory)
    try:
        kind = str(json.loads(path.read_text(encoding="utf-8"))["kind"])
    except FileNotFoundError as error:
        raise ArtefactError(f"{directory} is no artefact of medrag: no {MANIFEST}") from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ArtefactError(f"{path} cannot be read ({error})") from error
    if kind not in MADE_BY:
        raise ArtefactError(f"{path} is of a kind that medrag does not know: {kind}")
    return kind


def damaged_files(directory: Path, manifest: Manifest) -> list[str]:
    """Names of the files whose size or hash does not match the manifest."""
    return [
        name
        for name, entry in manifest.files.items()
        if not (directory / name).is_file() or FileEntry.of(directory / name) != entry
    ]


def open_artefact(directory: Path, kind: str) -> Manifest:
    """Read a manifest and check every file it names.

    Raises:
        ArtefactError: missing, unreadable or damaged; names the files and the command that fixes
            it.
    """
    manifest = read_manifest(directory, kind)
    damaged = damaged_files(directory, manifest)
    if damaged:
        raise ArtefactError(
            f"{directory} is damaged (size or hash of {', '.join(damaged)} does not match the "
            f"manifest); rebuild it: {MADE_BY[kind].format(dir=directory)}"
        )
    return manifest


def is_current(directory: Path, kind: str, wanted: str) -> bool:
    """True if an undamaged artefact with the wanted fingerprint is already there."""
    try:
        return open_artefact(directory, kind).fingerprint == wanted
    except (ArtefactError, FileNotFoundError):  # the latter while it is being replaced
        return False


@dataclass(frozen=True)
class Artefact:
    """A directory that a stage makes, and what it is made from.

    Attributes:
        settings: kept in the manifest, and in the tracked run.
        made_from: everything that decides the content: settings, inputs and parents. Two artefacts
            made from the same have the same fingerprint.
        parents: the artefacts it is made from, by kind.
    """

    kind: str
    directory: Path
    settings: Mapping[str, Any]
    made_from: Mapping[str, Any]
    parents: Mapping[str, Parent]

    @property
    def fingerprint(self) -> str:
        """That of everything it is made from."""
        return fingerprint(self.made_from)

    def found(self) -> Manifest | None:
        """The manifest in `directory`, if the same artefact is already there and undamaged."""
        if is_current(self.directory, self.kind, self.fingerprint):
            return read_manifest(self.directory, self.kind)
        return None

    @contextmanager
    def replacing(self, counts: Mapping[str, Any]) -> Iterator[Path]:
        """An empty directory to write into; it replaces `directory`, sealed, when the block ends.

        On an exception `directory` stays as it is.
        """
        with replacing_directory(self.directory) as fresh:
            yield fresh
            self.seal(fresh, counts)

    def seal(self, fresh: Path, counts: Mapping[str, Any]) -> None:
        """Write the manifest over the files in `fresh`; `counts` are for people."""
        manifest = Manifest(
            kind=self.kind,
            fingerprint=self.fingerprint,
            parents=self.parents,
            settings=self.settings,
            counts=counts,
            files=describe_files(fresh),
        )
        write_manifest(fresh, manifest)
