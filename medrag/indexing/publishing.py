"""The records of a build: the settings in the manifest, the quarantine, and the report."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ..config import CacheConfig, CorpusConfig, EmbedderConfig, IndexConfig, PipelineConfig
from ..embedding import Embedder
from ..manifest import replacing_file
from ..stores import Counts, EmbedderRecord, IndexSettings, IndexWriter, open_store

# Raise it when readers, cleaning or chunking give other text for the same input.
TEXT_VERSION = 3
QUARANTINE = "quarantine.jsonl"


@dataclass
class BuildReport:
    """What a build did.

    Attributes:
        added, changed, removed: documents, compared with the generation before.
        unchanged_files: files that were not read again.
        embedder: what it ran on, and why; "" if nothing was embedded.
        embedded_tokens: tokens embedded by this build, including special tokens.
        billed_tokens: tokens that the provider of a remote embedder charges for.
        embed_seconds: time it took, including the cache and storing the vectors.
        cache_lookups, cache_hits: texts looked up in the embedding cache, and found there.
        kind, recall_at_10: of the vector index; see `VectorsRecord`.
    """

    directory: Path
    counts: Counts = field(default_factory=lambda: Counts(0, 0, 0, 0))
    generation: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged_files: int = 0
    quarantined: int = 0
    embedder: str = ""
    embedded_chunks: int = 0
    embedded_tokens: int = 0
    billed_tokens: int = 0
    truncated: int = 0
    embed_seconds: float = 0.0
    cache_lookups: int = 0
    cache_hits: int = 0
    seconds: float = 0.0
    peak_mb: float = 0.0
    published: bool = False
    kind: str = ""
    recall_at_10: float = 1.0

    @property
    def embedding_rate(self) -> str:
        """Tokens per second, as text; "" before anything was embedded."""
        if not self.embed_seconds:
            return ""
        return f"{self.embedded_tokens / self.embed_seconds:,.0f} tokens/s"


def precisions(writer: IndexWriter) -> list[str]:
    """The precisions that the vectors in a store were made in."""
    return (writer.get_meta("precisions") or "").split()


def recipe(config: PipelineConfig, embedder: Embedder) -> dict[str, Any]:
    """Everything besides the corpus that decides what an index holds."""
    return {
        "text_version": TEXT_VERSION,
        "fields": asdict(config.corpus.fields),
        "chunking": asdict(config.chunking),
        "embedder": embedder.fingerprint,
    }


def index_settings(config: PipelineConfig, embedder: Embedder) -> IndexSettings:
    """The settings that the manifest of an index records."""
    return IndexSettings(
        kind=config.index.kind,
        embedder=EmbedderRecord(
            embedder.name,
            config.embedder.model,
            embedder.fingerprint,
            embedder.dimension,
            config.embedder.kind,
        ),
        embedder_config=config.embedder,
        chunking=config.chunking,
        fields=config.corpus.fields,
        cache=bool(config.cache.embeddings),
    )


def config_from_manifest(directory: str | Path) -> PipelineConfig:
    """The settings an index was built with, for opening it again, maybe on another machine.

    Raises:
        ArtefactError: no index there.
    """
    index = IndexConfig(dir=str(directory))
    made_with = open_store(index).manifest().settings
    return PipelineConfig(
        corpus=CorpusConfig(fields=made_with.fields),
        chunking=made_with.chunking,
        embedder=_portable(made_with.embedder_config),
        # An index built without the cache is also updated without it.
        cache=CacheConfig() if made_with.cache else CacheConfig(embeddings=""),
        index=replace(index, kind=made_with.kind),
    )


def _portable(made_with: EmbedderConfig) -> EmbedderConfig:
    """The model or the server of an embedder, but not the hardware it ran on."""
    kept = ("model", "kind", "base_url", "max_tokens", "dimension")
    config = EmbedderConfig(**{name: getattr(made_with, name) for name in kept})
    if config.base_url:
        # An index may come from elsewhere: a provider's key must not be sent to its address.
        config.api_key_env = "MEDRAG_EMBEDDER_KEY"
    return config


def write_quarantine(directory: Path, writer: IndexWriter) -> int:
    """Write `quarantine.jsonl`, one line per rejected document; returns how many."""
    count = 0
    with replacing_file(directory / QUARANTINE) as lines:
        for file, id_, reason in writer.rejected():
            line = json.dumps({"file": file, "id": id_, "reason": reason}, ensure_ascii=False)
            lines.write(line.encode() + b"\n")
            count += 1
    return count
