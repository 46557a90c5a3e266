"""Compare a run with another index, another evaluation or another model, question by question."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ..config import Config, EmbedderKind, GeneratorKind, IndexConfig
from ..errors import ConfigError
from ..indexing import with_embedder_of_index
from ..manifest import read_manifest
from ..pipeline import RAGPipeline
from ..stores import open_index
from ..types import Example
from .asking import ask_all
from .changes import (
    DOCUMENTS,
    changes,
    kind_of,
    read_documents,
    records_of,
    summary_of,
)
from .records import Record
from .systems import System


def comparison_key(config: Config, system: System) -> str:
    """Identifies what a system is compared with: its kind and fingerprint.

    Raises:
        ArtefactError: it is neither an index nor an evaluation nor an adapter.
        ConfigError: it is an adapter, and the system has no model that reads one.
    """
    path = Path(config.evaluation.against)
    kind = kind_of(path)
    if kind == "adapter" and system.config.generator.kind != GeneratorKind.hf:
        raise ConfigError(
            f"evaluation.against={path} is an adapter, which {system.name!r} does not read; add "
            "generator=hf, with the generator.model that it was trained on"
        )
    return f"{kind} {read_manifest(path, kind).fingerprint}"


def compare(
    config: Config,
    system: System,
    now: Sequence[Record],
    examples: Sequence[Example],
    work: Path,
    fingerprint: str,
) -> dict[str, Any]:
    """The answers that differ from those of `evaluation.against`, each with the reasons.

    An index or an adapter is asked the same questions now; an evaluation has its answers.

    Args:
        now: the records of `system`.
        work, fingerprint: as for `ask_all`.
    """
    path = Path(config.evaluation.against)
    kind = kind_of(path)
    if kind == "evaluation":
        before, documents_before = records_of(path, system.name), read_documents(path / DOCUMENTS)
    else:
        other = _with(system, kind, str(path))
        asked = ask_all(config, [other], examples, work, fingerprint, "asking the other one")
        before = {record.id: record for record in asked[other.name]}
        documents_before = _documents(other)
    documents_now = _documents(system)
    found = list(changes(before, now, documents_before, documents_now))
    both = sum(
        record.id in before and before[record.id].question == record.question for record in now
    )
    return {
        "directory": str(path),
        "kind": kind,
        **summary_of(found, both),
        "changes": [asdict(one) for one in found],
    }


def _with(system: System, kind: str, path: str) -> System:
    """The system with another index, and the embedder of that, or with another adapter."""
    config = deepcopy(system.config)
    if kind == "index":
        config.index = IndexConfig(dir=path)
        config.embedder = replace(config.embedder, kind=EmbedderKind.local, model="")
        return replace(system, config=with_embedder_of_index(config))
    config.generator.adapter = path
    return replace(system, config=config)


def documents_of(config: Config) -> set[str]:
    """Ids of the documents that `evaluation.against` knows; none for an adapter.

    Raises:
        ArtefactError: it is neither an index nor an evaluation nor an adapter.
    """
    path = Path(config.evaluation.against)
    kind = kind_of(path)
    if kind == "evaluation":
        return read_documents(path / DOCUMENTS)
    if kind == "adapter":
        return set()
    with open_index(path) as index:
        return {*index.document_ids()}


def _documents(system: System) -> set[str]:
    with RAGPipeline(system.config) as rag:
        return {*rag.index.document_ids()}
