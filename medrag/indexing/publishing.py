"""The end of a build: a generation's files are written, and a manifest makes it the current one."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..config import (
    CacheConfig,
    ChunkingConfig,
    CorpusConfig,
    EmbedderConfig,
    EmbedderKind,
    FieldsConfig,
    IndexConfig,
    IndexKind,
    PipelineConfig,
)
from ..embedding import Embedder
from ..manifest import Manifest, fsync_path, read_manifest, write_manifest
from ..stores.local.directory import generation_folder
from ..stores.local.lexical import WORDS, write_words
from ..stores.local.snapshot import Snapshot
from ..stores.local.store import Store
from ..stores.local.vectors import VECTORS, Made, write_vectors
from .report import BuildReport


class Publisher:
    """Publishes what a store holds.

    Args:
        config: what the index is made with; the manifest tells it.
        embedder: the one that its vectors are of.
        report: gets the generation, once it is published.
    """

    def __init__(
        self, store: Store, config: PipelineConfig, embedder: Embedder, report: BuildReport
    ) -> None:
        self._store = store
        self._config = config
        self._embedder = embedder
        self._report = report
        self._directory = Path(config.index.dir)

    def publish(self, snapshot: Snapshot, before: Snapshot | None, wanted: str) -> Made:
        """Write a generation's files, then the manifest that makes it the current one.

        Args:
            before: the generation that is current, if it is of the same store.
            wanted: fingerprint of the index.
        """
        build = snapshot.generation
        folder = generation_folder(self._directory, build)
        shutil.rmtree(folder, ignore_errors=True)  # left by a build that was killed
        folder.mkdir(parents=True)
        made = write_vectors(
            folder / VECTORS,
            snapshot.identity,
            snapshot.vectors(),
            self._report.counts.chunks,
            self._embedder.dimension,
            IndexKind(self._config.index.kind),
        )
        base = (
            (generation_folder(self._directory, before.generation) / WORDS, before)
            if before
            else None
        )
        write_words(folder / WORDS, snapshot, base)
        fsync_path(folder)
        fsync_path(folder.parent)
        self._store.seal(build)
        write_manifest(self._directory, self._manifest(snapshot, wanted, made))
        self._report.generation, self._report.published = build, True
        return made

    def _manifest(self, snapshot: Snapshot, wanted: str, made: Made) -> Manifest:
        return Manifest(
            kind="index",
            fingerprint=wanted,
            settings={
                "generation": snapshot.generation,
                "store": self._store.get_meta("id"),
                "corpus": snapshot.corpus_fingerprint(),
                "kind": self._config.index.kind.value,  # asked for
                "vectors": asdict(made),
                "embedder": {
                    **asdict(self._config.embedder),
                    "name": self._embedder.name,
                    "fingerprint": self._embedder.fingerprint,
                    "dimension": self._embedder.dimension,
                    "requested_dimension": self._config.embedder.dimension,
                },
                "chunking": asdict(self._config.chunking),
                "fields": asdict(self._config.corpus.fields),
                "cache": bool(self._config.cache.embeddings),
            },
            # The files of a generation can be made again, and end with checksums of their own.
            counts=asdict(self._report.counts),
        )


def config_from_manifest(directory: str | Path) -> PipelineConfig:
    """The settings an index was built with, for opening it again, maybe on another machine.

    Raises:
        ArtefactError: no index there.
    """
    settings = read_manifest(Path(directory), "index").settings
    return PipelineConfig(
        corpus=CorpusConfig(fields=FieldsConfig(**settings["fields"])),
        chunking=ChunkingConfig(**settings["chunking"]),
        embedder=_embedder_from(settings["embedder"]),
        # Who wanted no text's vector kept elsewhere wants none of a text that is added, either.
        cache=CacheConfig() if settings.get("cache", True) else CacheConfig(embeddings=""),
        index=IndexConfig(dir=str(directory), kind=settings["kind"]),
    )


def _embedder_from(record: Mapping[str, Any]) -> EmbedderConfig:
    """The model or the server, not the device that the embedder ran on."""
    kept = ("model", "kind", "base_url", "max_tokens")
    config = EmbedderConfig(**{name: record[name] for name in kept if name in record})
    if config.kind != EmbedderKind.local:
        config.dimension = record["requested_dimension"]
    if config.base_url:
        # An index may come from elsewhere: a provider's key must not be sent to its address.
        config.api_key_env = "MEDRAG_EMBEDDER_KEY"
    return config
