"""What an index was made with and what it holds: the typed form of its manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

from ..config import ChunkingConfig, EmbedderConfig, FieldsConfig, IndexKind
from ..errors import FormatError
from ..manifest import REBUILD_INDEX, Manifest


@dataclass(frozen=True, slots=True)
class Counts:
    """How much an index holds."""

    documents: int
    chunks: int
    tokens: int
    characters: int


@dataclass(frozen=True, slots=True)
class Content:
    """The content of one generation of an index.

    Attributes:
        fingerprint: hash over the id and content of every document.
    """

    counts: Counts
    fingerprint: str


@dataclass(frozen=True, slots=True)
class EmbedderRecord:
    """The embedder that an index was made with: how to find it again, and its vector space."""

    name: str
    model: str
    fingerprint: str
    dimension: int


@dataclass(frozen=True, slots=True)
class VectorsRecord:
    """How an index searches its vectors.

    Attributes:
        kind: what was made; never `auto`.
        parameters: the ones that decide speed and recall.
        recall_at_10: share of the ten nearest chunks that a search finds, measured when the index
            was built; 1 by definition when the search is exact.
    """

    kind: IndexKind
    parameters: Mapping[str, int]
    recall_at_10: float


@dataclass(frozen=True)
class IndexSettings:
    """The settings an index is made with.

    Attributes:
        kind: what was asked for; see `VectorsRecord` for what was made.
        cache: whether vectors were also kept in the embedding cache.
    """

    kind: IndexKind
    embedder: EmbedderRecord
    embedder_config: EmbedderConfig
    chunking: ChunkingConfig
    fields: FieldsConfig
    cache: bool


@dataclass(frozen=True)
class IndexManifest:
    """The manifest of an index, typed.

    Attributes:
        fingerprint: hash of the content and of the settings that decide it.
        generation: number of the published generation.
        store: id of the store that the index was published from.
    """

    fingerprint: str
    generation: int
    store: str
    content: Content
    settings: IndexSettings
    vectors: VectorsRecord

    def to_manifest(self) -> Manifest:
        """As it is written to `manifest.json`."""
        return Manifest(
            kind="index",
            fingerprint=self.fingerprint,
            settings={
                "generation": self.generation,
                "store": self.store,
                "corpus": self.content.fingerprint,
                "vectors": asdict(self.vectors),
                **asdict(self.settings),
            },
            # No files: those of a generation carry checksums, and are rebuilt from the store.
            counts=asdict(self.content.counts),
        )

    @classmethod
    def from_manifest(cls, manifest: Manifest, directory: Path) -> Self:
        """The manifest of the index in a directory, typed.

        Raises:
            FormatError: it has other fields, because another version of medrag wrote it.
        """
        given = manifest.settings
        try:
            made_with = given["embedder"]
            settings = IndexSettings(
                kind=IndexKind(given["kind"]),
                embedder=EmbedderRecord(
                    *(made_with[name] for name in ("name", "model", "fingerprint", "dimension"))
                ),
                # Older manifests only name the model.
                embedder_config=EmbedderConfig(
                    **given.get("embedder_config", {"model": made_with["model"]})
                ),
                chunking=ChunkingConfig(**given["chunking"]),
                fields=FieldsConfig(**given["fields"]),
                cache=given.get("cache", True),
            )
            vectors = given["vectors"]
            return cls(
                manifest.fingerprint,
                given["generation"],
                given["store"],
                Content(Counts(**manifest.counts), given["corpus"]),
                settings,
                replace(VectorsRecord(**vectors), kind=IndexKind(vectors["kind"])),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise FormatError(
                f"{directory} was made by medrag {manifest.package_version}, whose indexes this "
                f"one cannot read ({error}); rebuild it: {REBUILD_INDEX.format(dir=directory)}"
            ) from error
