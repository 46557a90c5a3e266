"""The end of a build: a generation's files are written, and a manifest makes it the current one."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path

from ..config import (
    CacheConfig,
    ChunkingConfig,
    CorpusConfig,
    EmbedderConfig,
    FieldsConfig,
    IndexConfig,
    IndexKind,
    PipelineConfig,
)
from ..embedding.local.embedder import TextEmbedder
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
        self, store: Store, config: PipelineConfig, embedder: TextEmbedder, report: BuildReport
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
                    "name": self._embedder.name,
                    "fingerprint": self._embedder.fingerprint,
                    "dimension": self._embedder.dimension,
                    **asdict(self._config.embedder),
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
        # The model, not the device it ran on.
        embedder=EmbedderConfig(model=settings["embedder"]["model"]),
        # Who wanted no text's vector kept elsewhere wants none of a text that is added, either.
        cache=CacheConfig() if settings.get("cache", True) else CacheConfig(embeddings=""),
        index=IndexConfig(dir=str(directory), kind=settings["kind"]),
    )
