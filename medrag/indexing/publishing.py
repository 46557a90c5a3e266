"""The records of a build: the settings in the manifest, the quarantine, and the report."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from ..config import (
    CorpusConfig,
    EmbedderConfig,
    EmbedderKind,
    PipelineConfig,
)
from ..embedding import Embedder
from ..ingestion.written import NOTES, QUARANTINE
from ..manifest import replacing_file
from ..stores import (
    QUARANTINED,
    Counts,
    EmbedderRecord,
    IndexSettings,
    IndexWriter,
    RejectCode,
    open_store,
)
from .reasons import Group

# Raise it when readers, cleaning or chunking give other text for the same input.
TEXT_VERSION = 4

_C = TypeVar("_C", bound=PipelineConfig)


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
        flags, left_out: see `Content`.
        notes: lines in `notes.jsonl`.
        skipped: files and folders that hold no document of the user, by who wrote them.
        warning: that most documents are gone because other `corpus.paths` were named, or "".
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
    flags: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    notes: int = 0
    skipped: Mapping[str, Group] = field(default_factory=dict)
    warning: str = ""

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


def config_from_manifest(
    directory: str | Path, config: PipelineConfig | None = None
) -> PipelineConfig:
    """The settings an index was built with, for opening it again, maybe on another machine.

    Args:
        config: how to answer; its settings of documents, chunks and embedder are not used, except
            on what the embedder runs.

    Raises:
        ArtefactError: no index there.
    """
    given = config or PipelineConfig()
    index = replace(given.index, dir=str(directory))
    made_with = open_store(index).manifest().settings
    hardware = {name: getattr(given.embedder, name) for name in _HARDWARE}
    return replace(
        given,
        corpus=CorpusConfig(fields=made_with.fields),
        chunking=made_with.chunking,
        embedder=replace(_portable(made_with.embedder_config), **hardware),
        # An index built without the cache is also updated without it.
        cache=given.cache if made_with.cache else replace(given.cache, embeddings=""),
        index=replace(index, kind=made_with.kind),
    )


def with_embedder_of_index(config: _C) -> _C:
    """The configuration with the embedder of its index, unless another one is named.

    Where the model runs (device, backend, precision) stays as configured.

    Raises:
        ArtefactError: no index there.
    """
    if config.embedder.model or config.embedder.kind != EmbedderKind.local:
        return config
    made_with = _portable(open_store(config.index).manifest().settings.embedder_config)
    hardware = {name: getattr(config.embedder, name) for name in _HARDWARE}
    return replace(config, embedder=replace(made_with, **hardware))


# What an embedder runs on; the vectors are the same.
_HARDWARE = ("device", "backend", "precision", "batch_tokens")


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
    return _write_lines(directory / QUARANTINE, _reasons(writer, QUARANTINED))


def write_notes(directory: Path, writer: IndexWriter, content: str) -> int:
    """Write `notes.jsonl`: what was left out on purpose, and the flags; returns how many lines.

    One line for each document that has a flag or of which something was left out, and for each
    one that is not in the index although nothing is wrong with it. If the file is as it would be
    written, it is not written again: nearly every article has a note.

    Args:
        content: fingerprint of the documents.
    """
    others = [code for code in RejectCode if code not in QUARANTINED]
    made_of = sha256(content.encode())
    for row in _reasons(writer, others):
        made_of.update(repr(row).encode())
    made_of_before, _, count = (writer.get_meta("notes") or "").partition(" ")
    if made_of_before == made_of.hexdigest() and (directory / NOTES).exists():
        return int(count)
    described: Iterable[dict[str, object]] = (
        {"file": file, "id": id_, "flags": flags, "left_out": left_out}
        for file, id_, flags, left_out in writer.described()
    )
    lines = _write_lines(directory / NOTES, chain(_reasons(writer, others), described))
    with writer.transaction():
        writer.set_meta("notes", f"{made_of.hexdigest()} {lines}")
    return lines


def _reasons(writer: IndexWriter, codes: Collection[RejectCode]) -> Iterator[dict[str, object]]:
    for file, id_, reason in writer.rejected(codes):
        yield {"file": file, "id": id_, "reason": reason}


def _write_lines(path: Path, rows: Iterable[dict[str, object]]) -> int:
    count = 0
    with replacing_file(path) as lines:
        for row in rows:
            lines.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
            count += 1
    return count
