"""Compare a run with another index, another evaluation or another model, question by question."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..config import Config, EmbedderConfig, IndexConfig, PipelineConfig
from ..dataset.questions import DocumentNames
from ..indexing import with_embedder_of_index
from ..manifest import read_manifest
from ..pipeline import RAGPipeline
from ..progress import progress
from ..types import Example
from .changes import (
    DOCUMENTS,
    changes,
    kind_of,
    read_documents,
    records_of,
    summary_of,
)
from .outcomes import ask
from .records import Record
from .systems import System


def comparison_key(against: str) -> str:
    """Identifies what is compared with: its kind and fingerprint.

    Raises:
        ArtefactError: it is neither an index nor an evaluation nor an adapter.
    """
    kind = kind_of(Path(against))
    return f"{kind} {read_manifest(Path(against), kind).fingerprint}"


def compare(
    config: Config, system: System, now: Sequence[Record], examples: Sequence[Example]
) -> dict[str, Any]:
    """The answers that differ from those of `evaluation.against`, each with the reasons.

    An index or an adapter is asked the same questions now; an evaluation has its answers.

    Args:
        now: the records of `system`.
    """
    path = Path(config.evaluation.against)
    kind = kind_of(path)
    with RAGPipeline(system.config) as rag:
        documents_now = {*rag.index.document_ids()}
    if kind == "evaluation":
        before, documents_before = records_of(path, system.name), read_documents(path / DOCUMENTS)
    else:
        other = _with(system.config, kind, str(path))
        before, documents_before = _asked(other, examples, config.evaluation.ks)
    found = list(changes(before, now, documents_before, documents_now))
    both = sum(record.id in before for record in now)
    return {
        "directory": str(path),
        "kind": kind,
        **summary_of(found, both),
        "changes": [asdict(one) for one in found],
    }


def _with(config: PipelineConfig, kind: str, path: str) -> PipelineConfig:
    other = deepcopy(config)
    if kind == "index":
        other.index = IndexConfig(dir=path)
        other.embedder = EmbedderConfig()
        return with_embedder_of_index(other)
    other.generator.adapter = path
    return other


def _asked(
    config: PipelineConfig, examples: Sequence[Example], ks: Sequence[int]
) -> tuple[dict[str, Record], set[str]]:
    """The records of another pipeline by question, and the documents of its index."""
    found = {}
    with (
        RAGPipeline(config) as rag,
        progress("asking the other one", len(examples), "questions") as advance,
    ):
        names = DocumentNames(rag.index)
        for example in examples:
            gold = names.resolve(example.documents)
            found[example.id] = ask("", rag, rag.index, example, gold, ks)
            advance(1)
        return found, {*rag.index.document_ids()}
