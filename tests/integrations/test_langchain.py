"""The LangChain retriever, in the real library: calls, chains, and spans that fit."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from langchain_core.documents import Document
from langchain_core.language_models import FakeListChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnablePassthrough

from medrag import RAGPipeline
from medrag.errors import ArtefactError, ConfigError, QuestionError
from medrag.integrations.langchain import MedragRetriever

QUESTIONS = ["What prevents gout?", "How is malaria spread?", "What dose at 10 days?"]


@pytest.fixture
def retriever(pipeline: RAGPipeline) -> MedragRetriever:
    return MedragRetriever(pipeline, k=3)


@pytest.mark.parametrize("question", QUESTIONS)
def test_documents_are_the_hits_with_spans_in_the_cleaned_text(
    retriever: MedragRetriever, pipeline: RAGPipeline, question: str
) -> None:
    found = retriever.invoke(question)
    hits = pipeline.retrieve(question, 3)
    assert [one.metadata["chunk_id"] for one in found] == [hit.chunk_id for hit in hits]
    for document in found:
        where = document.metadata
        cleaned = pipeline.index.document_text(where["document"])
        assert cleaned is not None
        assert cleaned[where["start"] : where["end"]] == document.page_content


def test_metadata_has_everything_else_and_is_json(retriever: MedragRetriever) -> None:
    (best, *_) = retriever.invoke("oral zinc")
    said = best.metadata
    assert json.loads(json.dumps(said)) == said
    assert (said["document"], said["title"]) == ("rows.jsonl#zinc", "Zinc")
    assert said["url"] == "https://example.org/zinc"
    assert said["document_metadata"]["authors"] == ["Ann Doe", "José Ríos"]
    assert said["similarity"] > 0.3 and said["score"] > 0
    assert (said["page"], said["flags"], said["duplicates"], said["header"]) == (None, [], [], "")
    assert {"section", "evidence"} <= said.keys()
    (dose, *_) = retriever.invoke("What dose at 10 days?")
    assert dose.metadata["section"] == "Children"


def test_batch_and_async_find_the_same(retriever: MedragRetriever) -> None:
    one_by_one = [retriever.invoke(question) for question in QUESTIONS]
    assert retriever.batch(QUESTIONS) == one_by_one

    async def both() -> list[list[Document]]:
        first = await retriever.ainvoke(QUESTIONS[0])
        return [first, *await retriever.abatch(QUESTIONS[1:])]

    assert asyncio.run(both()) == one_by_one


def test_in_a_chain_with_a_chat_model(retriever: MedragRetriever) -> None:
    shown: list[str] = []

    def numbered(documents: list[Document]) -> str:
        text = "\n".join(f"[{n}] {one.page_content}" for n, one in enumerate(documents, 1))
        shown.append(text)
        return text

    chain = (
        {"context": retriever | RunnableLambda(numbered), "question": RunnablePassthrough()}
        | ChatPromptTemplate.from_template("{context}\n\n{question}")
        | FakeListChatModel(responses=["Allopurinol does. [1]"])
        | StrOutputParser()
    )
    assert chain.invoke("What prevents gout?") == "Allopurinol does. [1]"
    assert "Allopurinol lowers uric acid" in shown[0]


def test_k_is_that_of_the_pipeline_unless_it_is_given(pipeline: RAGPipeline) -> None:
    default = MedragRetriever(pipeline).invoke("oral iron")
    assert len(default) == len(pipeline.retrieve("oral iron"))
    assert len(MedragRetriever(pipeline, k=1).invoke("oral iron")) == 1


def test_a_filter_decides_which_documents_are_searched(pipeline: RAGPipeline) -> None:
    found = MedragRetriever(pipeline, where="year >= 2015").invoke("oral iron")
    assert {one.metadata["document"] for one in found} == {"rows.jsonl#zinc"}


def test_the_directory_of_an_index_is_enough(pipeline: RAGPipeline) -> None:
    place = pipeline.config.index.dir
    for source in (place, Path(place)):
        (best,) = MedragRetriever(source, k=1).invoke("What prevents gout?")
        assert best.metadata["document"] == "gout.txt"


def test_errors_are_those_of_medrag(pipeline: RAGPipeline, tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="build_index"):
        MedragRetriever(tmp_path)
    with pytest.raises(QuestionError):
        MedragRetriever(pipeline).invoke("  ")
    with pytest.raises(ConfigError, match="k=0"):
        MedragRetriever(pipeline, k=0).invoke("What prevents gout?")
    with pytest.raises(ConfigError, match="yaer"):
        MedragRetriever(pipeline, where="yaer >= 2015").invoke("What prevents gout?")
