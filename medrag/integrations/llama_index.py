"""A LlamaIndex retriever over an index of medrag. It needs the extra `medrag[llama-index]`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from . import as_metadata, as_pipeline, refuse_unknown, require

require("llama_index.core", "llama-index")

from llama_index.core.base.base_retriever import BaseRetriever  # noqa: E402  # checked above
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode  # noqa: E402

from ..pipeline import RAGPipeline  # noqa: E402
from ..stores import Filter  # noqa: E402


class MedragRetriever(BaseRetriever):
    """Finds the best chunks for a question.

    Each is a `NodeWithScore`: a `TextNode` with the text, its span in `start_char_idx` and
    `end_char_idx`, and all other fields of `Hit` in `metadata`. A language model is shown title,
    section and page of a node; an embedder, nothing but the text. Asynchronous calls run in a
    thread; threads may share a retriever.

    Args:
        source: a `RAGPipeline`, which stays yours to close, or the directory of an index.
        k: how many chunks; `retriever.k` of the pipeline by default.
        where: search only documents that pass this filter: an expression such as "year >= 2015",
            or what `parse_filter` makes of one.

    Raises:
        ArtefactError: there is no usable index in the directory.
        ConfigError: an unknown setting, or, on a call, `k` or the filter cannot be used.
        QuestionError: on a call, the question cannot be used.
    """

    def __init__(
        self,
        source: RAGPipeline | str | Path,
        k: int | None = None,
        where: Filter | str | None = None,
        **unknown: Any,
    ) -> None:
        refuse_unknown(unknown, ("k", "where"))
        self._pipeline = as_pipeline(source)
        self._k = k
        self._where = where
        super().__init__()

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        hits = self._pipeline.retrieve(query_bundle.query_str, self._k, self._where)
        found = []
        for hit in hits:
            metadata = as_metadata(hit)
            unseen = [name for name in metadata if name not in ("title", "section", "page")]
            node = TextNode(
                id_=f"{hit.document}#{hit.start}-{hit.end}",
                text=hit.text,
                start_char_idx=hit.start,
                end_char_idx=hit.end,
                metadata=metadata,
                excluded_llm_metadata_keys=unseen,
                excluded_embed_metadata_keys=list(metadata),
            )
            found.append(NodeWithScore(node=node, score=hit.score))
        return found

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._retrieve, query_bundle)
