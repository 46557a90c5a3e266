"""What a build did, in numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ..stores import Counts


@dataclass
class BuildReport:
    """What a build did.

    Attributes:
        added, changed, removed: documents, compared with the generation before.
        unchanged_files: files that were not read again.
        embedder: what it ran on, and why; "" where nothing was embedded.
        embedded_tokens: work of the embedder in this build, special tokens counted in.
        billed_tokens: charged for by the provider of a remote embedder.
        embed_seconds: time it took, the cache and the storing of the vectors counted in.
        cache_lookups, cache_hits: texts looked for in the embedding cache, and found there.
        kind, recall_at_10: of the FAISS file, see `Made`.
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
        """For people; "" before anything was embedded."""
        if not self.embed_seconds:
            return ""
        return f"{self.embedded_tokens / self.embed_seconds:,.0f} tokens/s"
