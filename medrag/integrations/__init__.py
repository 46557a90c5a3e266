"""medrag as a part of other frameworks: LangChain and LlamaIndex. Each needs its extra."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..pipeline import RAGPipeline
from ..types import Hit


def require(module: str, extra: str) -> None:
    """Import the library of an extra.

    Raises:
        ConfigError: it is not installed; names the command that installs it.
    """
    try:
        import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise  # the library is there, and something that it needs is not
        raise ConfigError(
            f"medrag.integrations.{extra.replace('-', '_')} needs the package "
            f"{module.partition('.')[0].replace('_', '-')}; install it: "
            f"pip install 'medrag[{extra}]'"
        ) from error


def as_pipeline(source: RAGPipeline | str | Path) -> RAGPipeline:
    """A pipeline as it is, or one over the index in a directory.

    Raises:
        ArtefactError: there is no usable index in the directory.
    """
    return source if isinstance(source, RAGPipeline) else RAGPipeline.open(source)


def refuse_unknown(given: Iterable[str], known: Collection[str]) -> None:
    """Check the names of keyword arguments.

    Raises:
        ConfigError: one is unknown; names those that exist.
    """
    if unknown := sorted({*given} - {*known}):
        raise ConfigError(
            f"MedragRetriever has no setting {', '.join(unknown)}; it has "
            f'{", ".join(sorted(known))}: MedragRetriever(source, k=5, where="year >= 2015") '
            "returns 5 chunks of the documents that pass a filter"
        )


def as_metadata(hit: Hit) -> dict[str, Any]:
    """Everything that a hit says besides its text, as values that JSON has.

    The fields are those of `Hit`, with `document_metadata` for the metadata of its document. Text
    and span fit exactly: `cleaned[start:end]` of the document is the text of the hit.
    """
    fields = asdict(hit)
    del fields["text"]
    fields["document_metadata"] = fields.pop("metadata")
    plain: dict[str, Any] = json.loads(json.dumps(fields))  # tuples become lists
    return plain
