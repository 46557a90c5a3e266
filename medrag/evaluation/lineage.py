"""Artefacts below a folder: what each was made from, and what was made from it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.markup import escape
from rich.tree import Tree

from ..dataset import SPLITS, document_names
from ..embedding.local.folder import ModelFolder
from ..errors import ArtefactError, FormatError, MedragError
from ..manifest import MANIFEST, Manifest, Parent, kind_of, read_manifest
from ..stores import open_index


@dataclass(frozen=True, slots=True)
class Found:
    """An artefact on disk.

    Attributes:
        embedder: for an index, the tuned retriever that embedded it.
    """

    directory: Path
    manifest: Manifest
    embedder: Parent | None = None

    @property
    def kind(self) -> str:
        return self.manifest.kind

    @property
    def parents(self) -> dict[str, Parent]:
        """Those of the manifest, and the embedder."""
        own = dict(self.manifest.parents)
        return own | {"retriever": self.embedder} if self.embedder else own

    @property
    def key(self) -> tuple[str, str]:
        """What a child names it by: its kind, and its fingerprint."""
        return self.kind, self.manifest.fingerprint


@dataclass(frozen=True)
class Lineage:
    """All artefacts below a folder, the oldest first.

    Attributes:
        unreadable: why a manifest cannot be read, by its folder.
    """

    found: Sequence[Found]
    unreadable: Mapping[Path, str] = field(default_factory=dict)

    def parents(self, one: Found) -> Iterator[tuple[str, Parent, Found | None]]:
        """What it was made from: (kind, as it names it, where it is now if it is there)."""
        for kind, parent in one.parents.items():
            same = [other for other in self.found if other.key == (kind, parent.fingerprint)]
            place = Path(parent.path).resolve()
            here = [other for other in same if other.directory.resolve() == place]
            yield kind, parent, next(iter([*here, *same]), None)  # before a copy of it

    def children(self, one: Found) -> list[Found]:
        """What was made from it."""
        return [
            other
            for other in self.found
            if any((kind, parent.fingerprint) == one.key for kind, parent in other.parents.items())
        ]

    def descendants(self, one: Found) -> list[Found]:
        """What was made from it, and from that; each once."""
        found: dict[Path, Found] = {}
        waiting = self.children(one)
        while waiting:
            child = waiting.pop(0)
            if child.directory not in found:
                found[child.directory] = child
                waiting += self.children(child)
        return [*found.values()]

    def at(self, directory: Path) -> Found | None:
        """The artefact in a folder."""
        wanted = directory.resolve()
        return next((one for one in self.found if one.directory.resolve() == wanted), None)


def find_artefacts(root: Path) -> Lineage:
    """Read the manifest of every artefact below a folder, and of what they were made from.

    Raises:
        ArtefactError: there is no such folder.
    """
    if not root.is_dir():
        raise ArtefactError(f"there is no folder {root}; name the one with your artefacts")
    found: list[Found] = []
    unreadable: dict[Path, str] = {}
    for place, folders, files in os.walk(root):
        # A folder that begins with "." is unfinished, or was moved aside.
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if MANIFEST not in files:
            continue
        directory = Path(place)
        try:
            found.append(Found(directory, read_manifest(directory, kind_of(directory))))
        except (ArtefactError, FormatError) as error:
            unreadable[directory] = str(error)
    for one in found:  # grows: parents may lie elsewhere
        for kind, parent in one.manifest.parents.items():
            key = (kind, parent.fingerprint)
            if all(other.key != key for other in found):
                with suppress(ArtefactError, FormatError):
                    manifest = read_manifest(Path(parent.path), kind)
                    if manifest.fingerprint == parent.fingerprint:
                        found.append(Found(Path(parent.path), manifest))
    spaces = _vector_spaces(found)
    found = [replace(one, embedder=spaces.get(_space_of(one))) for one in found]
    found.sort(key=lambda one: (one.manifest.created_at, str(one.directory)))
    return Lineage(found, unreadable)


def _space_of(one: Found) -> str:
    """The vector space of an index whose embedder is not the packaged one; otherwise ""."""
    made_with = one.manifest.settings.get("embedder", {}) if one.kind == "index" else {}
    return str(made_with["fingerprint"]) if made_with.get("model") else ""


def _vector_spaces(found: Sequence[Found]) -> dict[str, Parent]:
    """The tuned retrievers by the vector space of their weights as they are now."""
    spaces: dict[str, Parent] = {}
    if any(map(_space_of, found)):  # to know a retriever by its weights takes a while
        for one in found:
            if one.kind == "retriever":
                with suppress(MedragError):
                    space = ModelFolder(str(one.directory)).fingerprint
                    spaces.setdefault(space, Parent(str(one.directory), one.manifest.fingerprint))
    return spaces


def tree_of(one: Found, lineage: Lineage) -> Tree:
    """An artefact with what it was made from, and what was made from it."""
    tree = Tree(f"[bold]{_named(one)}[/bold]")
    if one.parents:
        _add_parents(tree.add("made from"), one, lineage)
    if children := lineage.children(one):
        branch = tree.add("used by")
        for child in children:
            _add_children(branch, child, lineage)
    return tree


def _add_parents(branch: Tree, one: Found, lineage: Lineage) -> None:
    for kind, parent, found in lineage.parents(one):
        if found:
            _add_parents(branch.add(_named(found)), found, lineage)
        else:
            branch.add(
                f"{kind} {escape(parent.path)} [dim]{parent.fingerprint[:8]}[/dim] "
                "[yellow]changed since, or not here[/yellow]"
            )


def _add_children(branch: Tree, one: Found, lineage: Lineage) -> None:
    own = branch.add(_named(one))
    for child in lineage.children(one):
        _add_children(own, child, lineage)


def _named(one: Found) -> str:
    when = one.manifest.created_at[:16].replace("T", " ")
    place = escape(str(one.directory))
    return f"{one.kind} {place} [dim]{one.manifest.fingerprint[:8]} · {when}[/dim]"


@dataclass(frozen=True, slots=True)
class Affected:
    """An artefact that a document went into.

    Attributes:
        how: in words.
        rows: for a dataset, the ids of the rows with it, by split.
    """

    artefact: Found
    how: str
    rows: dict[str, list[str]] = field(default_factory=dict)


def affected(document: str, lineage: Lineage) -> tuple[list[Affected], list[str]]:
    """Where a document went, such as one that was retracted: indexes, rows, and what learned them.

    An index that has changed since may no longer have it, but a dataset that was made from it has.

    Args:
        document: its id, or the part of it after `#` or `PMID:`.

    Returns:
        What it went into, and what could not be looked through, with the reasons.
    """
    result: dict[Path, Affected] = {}
    unread = [*lineage.unreadable.values()]
    for one in lineage.found:
        rows: dict[str, list[str]] = {}
        try:
            if one.kind == "index" and (ids := _in_index(one.directory, document)):
                result[one.directory] = Affected(one, f"holds {', '.join(ids)}")
        except MedragError as error:
            unread.append(f"index {one.directory} cannot be looked through: {error}")
        for split in SPLITS if one.kind == "dataset" else ():
            try:
                rows |= _rows_with(one, split, document)
            except ArtefactError as error:  # what other splits have is told all the same
                unread.append(f"dataset {one.directory} cannot be looked through: {error}")
        if rows:
            counts = ", ".join(f"{len(ids)} {split} rows" for split, ids in rows.items())
            result[one.directory] = Affected(one, counts, rows)
    # A dataset tells for certain what was learned, so it comes before its index.
    for source in sorted(result.values(), key=lambda one: one.artefact.kind == "index"):
        for child in lineage.descendants(source.artefact):
            if how := _how(child, source):
                result.setdefault(child.directory, Affected(child, how))
                for made in lineage.descendants(child):
                    result.setdefault(made.directory, Affected(made, f"made of {child.directory}"))
    return [*result.values()], unread


def _how(child: Found, source: Affected) -> str:
    """How what was made from something affected is affected itself; "" if it is not."""
    origin = source.artefact
    if origin.kind == "index":
        # A dataset has been looked through; an encoder also learns from the index.
        if child.kind == "evaluation":
            return f"asked {origin.directory}"
        settings = child.manifest.settings
        if child.kind == "retriever" and settings.get("max_texts"):  # a student
            return f"learned passages of {origin.directory}, perhaps of it"
        if child.kind == "retriever" and (
            settings.get("written_questions") or settings.get("negatives")
        ):
            return f"learned from passages of {origin.directory}, perhaps of it"
        return ""
    if child.kind == "dataset":
        return ""  # its rows have been looked through
    if child.kind == "index":
        return f"embedded by what learned from {origin.directory}"
    if child.kind == "evaluation":
        return f"measures what learned from {origin.directory}"
    if source.rows.get("train"):
        return f"learned from {origin.directory}"
    # The best of its states, or mixes, was chosen by validation rows.
    what = "chosen by rows of" if source.rows.get("validation") else "measured with"
    return f"{what} {origin.directory}"


def _in_index(directory: Path, document: str) -> list[str]:
    with open_index(str(directory)) as index:
        return [id_ for id_ in index.document_ids() if _is(document, id_)]


def _rows_with(one: Found, split: str, document: str) -> dict[str, list[str]]:
    """The ids of the rows of a split whose passages or documents are of a document, if any.

    Raises:
        ArtefactError: rows are missing, or cannot be read.
    """
    path = one.directory / f"{split}.jsonl"
    read = 0
    ids: list[str] = []
    try:
        with path.open(encoding="utf-8") as file:
            for row in map(json.loads, file):
                read += 1
                if _is_in(document, row):
                    ids.append(row["id"])
        wanted = one.manifest.counts[split]["rows"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ArtefactError(f"{path} cannot be read ({error!r})") from None
    if read != wanted:
        raise ArtefactError(f"{path} has {read:,} rows instead of {wanted:,}")
    return {split: ids} if ids else {}


def _is_in(document: str, row: dict[str, object]) -> bool:
    passages = [row["passage"], *_as_list(row["contexts"])]
    ids: Set[str] = {*map(str, _as_list(row["documents"]))}
    ids |= {str(one["document"]) for one in passages if isinstance(one, dict)}
    return any(_is(document, id_) for id_ in ids)


def _is(document: str, id_: str) -> bool:
    return not {document, document.removeprefix("PMID:")}.isdisjoint(document_names(id_))


def _as_list(value: object) -> Iterable[object]:
    return value if isinstance(value, list) else ()
