"""A LangChain retriever over an index of medrag. It needs the extra `medrag[langchain]`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from . import as_metadata, as_pipeline, refuse_unknown, require

require("langchain_core", "langchain")

from langchain_core.callbacks import (  # noqa: E402  # checked above
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document  # noqa: E402
from langchain_core.retrievers import BaseRetriever  # noqa: E402
from pydantic import Field, SkipValidation  # noqa: E402

from ..pipeline import RAGPipeline  # noqa: E402
from ..stores import Filter  # noqa: E402


class MedragRetriever(BaseRetriever):
    """Finds the best chunks for a question.

    Each is a `Document`: its text, and in `metadata` all other fields of `Hit`, among them the
    span (`document`, `start`, `end`), `page`, `section`, `url`, `score` and `flags`. Asynchronous
    calls run in a thread; threads may share a retriever. `k` and `where` may also be given to a
    call, as in `invoke(question, k=3)`, and then replace those of the retriever.

    Args:
        source: a `RAGPipeline`, which stays yours to close, or the directory of an index.
        k: how many chunks; `retriever.k` of the pipeline by default.
        where: search only documents that pass this filter: an expression such as "year >= 2015",
            or what `parse_filter` makes of one.
        settings: those that every LangChain retriever has: `name`, `tags` and `metadata`.

    Raises:
        ArtefactError: there is no usable index in the directory.
        ConfigError: an unknown setting, or, on a call, `k` or the filter cannot be used.
        QuestionError: on a call, the question cannot be used.
    """

    source: SkipValidation[RAGPipeline] = Field(exclude=True, repr=False)
    k: int | None = None
    where: SkipValidation[Filter | str | None] = None

    def __init__(self, source: RAGPipeline | str | Path, **settings: Any) -> None:
        refuse_unknown(settings, MedragRetriever.model_fields.keys() - {"source"})
        super().__init__(**settings | {"source": as_pipeline(source)})

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        k: int | None = None,
        where: Filter | str | None = None,
        **unknown: Any,
    ) -> list[Document]:
        refuse_unknown(unknown, {"k", "where"})
        k = self.k if k is None else k
        hits = self.source.retrieve(query, k, self.where if where is None else where)
        return [
            Document(id=str(hit.chunk_id), page_content=hit.text, metadata=as_metadata(hit))
            for hit in hits
        ]

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, **settings: Any
    ) -> list[Document]:
        return await asyncio.to_thread(
            self._get_relevant_documents, query, run_manager=run_manager.get_sync(), **settings
        )
