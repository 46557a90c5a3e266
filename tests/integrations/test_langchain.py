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
from langchain_core.runnables import (
    ConfigurableField,
    RunnableConfig,
    RunnableLambda,
    RunnablePassthrough,
)

from medrag import RAGPipeline
from medrag.errors import ArtefactError, ConfigError, QuestionError
from medrag.integrations.langchain import MedragRetriever
from medrag.stores import parse_filter

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


def test_a_call_may_have_its_own_k_and_filter(pipeline: RAGPipeline) -> None:
    retriever = MedragRetriever(pipeline, k=3, where="year < 2015")

    def documents(found: list[Document]) -> list[str]:
        return [one.metadata["document"] for one in found]

    assert documents(retriever.invoke("oral iron")) == ["rows.jsonl#iron"]
    assert documents(retriever.invoke("oral iron", where="year >= 2015")) == ["rows.jsonl#zinc"]
    parsed = parse_filter("year >= 2015")
    assert documents(retriever.invoke("oral iron", where=parsed)) == ["rows.jsonl#zinc"]
    found = asyncio.run(retriever.ainvoke("oral iron", where=parsed))
    assert documents(found) == ["rows.jsonl#zinc"]
    assert len(MedragRetriever(pipeline, k=3).invoke("oral iron", k=2)) == 2
    with pytest.raises(ConfigError, match="k=0"):
        retriever.invoke("oral iron", k=0)


def test_a_filter_may_be_parsed(pipeline: RAGPipeline) -> None:
    found = MedragRetriever(pipeline, where=parse_filter("year >= 2015")).invoke("oral iron")
    assert {one.metadata["document"] for one in found} == {"rows.jsonl#zinc"}


@pytest.mark.parametrize("unknown", ["filter", "search_kwargs", "wehre", "top_k"])
def test_an_unknown_setting_is_an_error(pipeline: RAGPipeline, unknown: str) -> None:
    given = {unknown: "year = 2003"}
    with pytest.raises(ConfigError, match=f"no setting {unknown};.*where="):
        MedragRetriever(pipeline, k=2, **given)
    retriever = MedragRetriever(pipeline, k=2, name="notes", tags=["a"], metadata={"b": 1})
    assert (retriever.name, retriever.tags, retriever.metadata) == ("notes", ["a"], {"b": 1})
    with pytest.raises(ConfigError, match=f"no setting {unknown};.*where="):
        retriever.invoke("oral iron", None, **given)
    with pytest.raises(ConfigError, match=f"no setting {unknown};.*where="):
        asyncio.run(retriever.ainvoke("oral iron", None, **given))


def test_settings_can_be_made_configurable(pipeline: RAGPipeline) -> None:
    retriever = MedragRetriever(pipeline, k=3).configurable_fields(
        k=ConfigurableField(id="k"), where=ConfigurableField(id="where")
    )
    assert len(retriever.invoke("oral iron")) == 3
    asked = RunnableConfig(configurable={"k": 1, "where": "year >= 2015"})
    (found,) = retriever.invoke("oral iron", asked)
    assert found.metadata["document"] == "rows.jsonl#zinc"
    assert len(retriever.with_config(configurable={"k": 2}).invoke("oral iron")) == 2


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
