"""A LangChain retriever over an index of medrag. It needs the extra `medrag[langchain]`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import as_metadata, as_pipeline, require

require("langchain_core", "langchain")

from langchain_core.callbacks import CallbackManagerForRetrieverRun  # noqa: E402  # checked above
from langchain_core.documents import Document  # noqa: E402
from langchain_core.retrievers import BaseRetriever  # noqa: E402
from pydantic import PrivateAttr  # noqa: E402

from ..pipeline import RAGPipeline  # noqa: E402


class MedragRetriever(BaseRetriever):
    """Finds the best chunks for a question.

    Each is a `Document`: its text, and in `metadata` all other fields of `Hit`, among them the
    span (`document`, `start`, `end`), `page`, `section`, `url`, `score` and `flags`. Asynchronous
    calls run in a thread; threads may share a retriever.

    Args:
        source: a `RAGPipeline`, which stays yours to close, or the directory of an index.
        k: how many chunks; `retriever.k` of the pipeline by default.
        where: search only documents that pass this filter, such as "year >= 2015".

    Raises:
        ArtefactError: there is no usable index in the directory.
        QuestionError, ConfigError: on a call, the question, `k` or the filter cannot be used.
    """

    k: int | None = None
    where: str | None = None
    _pipeline: RAGPipeline = PrivateAttr()

    def __init__(self, source: RAGPipeline | str | Path, **settings: Any) -> None:
        super().__init__(**settings)
        self._pipeline = as_pipeline(source)

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        hits = self._pipeline.retrieve(query, self.k, self.where)
        return [
            Document(id=str(hit.chunk_id), page_content=hit.text, metadata=as_metadata(hit))
            for hit in hits
        ]
