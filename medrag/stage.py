"""What every stage does around its work: skip it if up to date, and seal the result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .manifest import (
    Manifest,
    Parent,
    describe_files,
    fingerprint,
    is_current,
    read_manifest,
    replacing_directory,
    write_manifest,
)


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

    def found(self) -> Manifest | None:
        """The manifest in `directory`, if the same artefact is already there and undamaged."""
        if is_current(self.directory, self.kind, fingerprint(self.made_from)):
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
            fingerprint=fingerprint(self.made_from),
            parents=self.parents,
            settings=self.settings,
            counts=counts,
            files=describe_files(fresh),
        )
        write_manifest(fresh, manifest)
