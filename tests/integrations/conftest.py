"""An index over notes in several formats, and the pipeline that both integrations are given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from medrag import CorpusConfig, IndexConfig, PipelineConfig, RAGPipeline
from medrag.indexing import IndexBuilder
from medrag.ingestion import TextEmbedder
from tests.conftest import NOTES

ROWS: list[dict[str, object]] = [
    {
        "id": "iron",
        "title": "Iron",
        "text": "Iron deficiency is treated with oral iron.",
        "year": 2012,
    },
    {
        "id": "zinc",
        "title": "Zinc",
        "text": "Zinc deficiency is treated with oral zinc.",
        "year": 2021,
        "url": "https://example.org/zinc",
        "authors": ["Ann Doe", "José Ríos"],
    },
]
TABLE = """
# Doses

## Children

| Age | Dose |
|---|---|
| 0–7 days | 5 mg |
| 8–28 days | 6 mg |
"""


@pytest.fixture(scope="module")
def pipeline(
    tmp_path_factory: pytest.TempPathFactory, embedder: TextEmbedder
) -> Iterator[RAGPipeline]:
    root = tmp_path_factory.mktemp("integration")
    for name, text in (NOTES | {"doses.md": TABLE}).items():
        path = root / "corpus" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    rows = "\n".join(json.dumps(row) for row in ROWS)
    Path(root / "corpus/rows.jsonl").write_text(rows, encoding="utf-8")
    config = PipelineConfig(
        corpus=CorpusConfig(paths=[str(root / "corpus")]),
        index=IndexConfig(dir=str(root / "index")),
    )
    IndexBuilder(config, embedder).mirror()
    with RAGPipeline(config, embedder) as rag:
        yield rag
