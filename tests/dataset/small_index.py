"""A pipeline over a small index, for the rows of single questions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from medrag import CorpusConfig, IndexConfig, PipelineConfig, RAGPipeline
from medrag.indexing import IndexBuilder
from medrag.ingestion import TextEmbedder


@contextmanager
def pipeline_over(
    notes: Mapping[str, tuple[str, str]], root: Path, embedder: TextEmbedder
) -> Iterator[RAGPipeline]:
    """Index notes, given as title and text by id, and open the index."""
    lines = [
        json.dumps({"id": id_, "title": title, "text": text})
        for id_, (title, text) in notes.items()
    ]
    (root / "notes.jsonl").write_text("\n".join(lines), encoding="utf-8")
    config = PipelineConfig(
        corpus=CorpusConfig(paths=[str(root / "notes.jsonl")]),
        index=IndexConfig(dir=str(root / "index")),
    )
    IndexBuilder(config, embedder).mirror()
    with RAGPipeline(config, embedder) as opened:
        yield opened
