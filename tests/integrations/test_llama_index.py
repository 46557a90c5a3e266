"""The LlamaIndex retriever, in the real library: calls, query engines, and spans that fit."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from llama_index.core import QueryBundle
from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import MetadataMode, TextNode

from medrag import RAGPipeline
from medrag.errors import ArtefactError, ConfigError, QuestionError
from medrag.integrations.llama_index import MedragRetriever
from medrag.stores import parse_filter

QUESTIONS = ["What prevents gout?", "How is malaria spread?", "What dose at 10 days?"]


@pytest.fixture
def retriever(pipeline: RAGPipeline) -> MedragRetriever:
    return MedragRetriever(pipeline, k=3)


@pytest.mark.parametrize("question", QUESTIONS)
def test_nodes_are_the_hits_with_spans_in_the_cleaned_text(
    retriever: MedragRetriever, pipeline: RAGPipeline, question: str
) -> None:
    found = retriever.retrieve(question)
    hits = pipeline.retrieve(question, 3)
    assert [(one.text, one.score) for one in found] == [(hit.text, hit.score) for hit in hits]
    for one, hit in zip(found, hits, strict=True):
        node = one.node
        assert isinstance(node, TextNode)
        cleaned = pipeline.index.document_text(node.metadata["document"])
        assert cleaned is not None
        assert cleaned[node.start_char_idx : node.end_char_idx] == node.text
        assert node.id_ == f"{hit.document}#{hit.start}-{hit.end}"
    assert len({one.node.node_id for one in found}) == len(found)


def test_metadata_has_everything_else_and_is_json(retriever: MedragRetriever) -> None:
    (best, *_) = retriever.retrieve("oral zinc")
    said = best.node.metadata
    assert json.loads(json.dumps(said)) == said
    assert (said["document"], said["title"]) == ("rows.jsonl#zinc", "Zinc")
    assert said["document_metadata"]["year"] == 2021
    assert json.loads(best.node.to_json())["metadata"] == said


def test_a_model_is_shown_title_and_section_but_no_scores(retriever: MedragRetriever) -> None:
    (best, *_) = retriever.retrieve("What dose at 10 days?")
    shown = best.node.get_content(MetadataMode.LLM)
    assert "section: Children" in shown and "6 mg" in shown
    assert "chunk_id" not in shown and "score" not in shown
    assert best.node.get_content(MetadataMode.EMBED) == best.text


def test_async_finds_the_same(retriever: MedragRetriever) -> None:
    async def together() -> list[list[str]]:
        all_found = await asyncio.gather(*(retriever.aretrieve(one) for one in QUESTIONS))
        return [[one.text for one in found] for found in all_found]

    assert asyncio.run(together()) == [
        [one.text for one in retriever.retrieve(QueryBundle(question))] for question in QUESTIONS
    ]


def test_in_a_query_engine(retriever: MedragRetriever) -> None:
    engine = RetrieverQueryEngine.from_args(retriever, llm=MockLLM())
    response = engine.query("What prevents gout?")
    assert "Allopurinol lowers uric acid" in str(response)  # the mock repeats its prompt
    assert response.source_nodes[0].node.metadata["document"] == "gout.txt"


def test_k_filter_and_directory(pipeline: RAGPipeline) -> None:
    (found,) = MedragRetriever(pipeline.config.index.dir, k=1).retrieve("oral iron")
    assert found.node.metadata["document"] == "rows.jsonl#iron"
    recent = MedragRetriever(pipeline, where="year >= 2015").retrieve("oral iron")
    assert {one.node.metadata["document"] for one in recent} == {"rows.jsonl#zinc"}
    assert len(MedragRetriever(pipeline).retrieve("oral")) == len(pipeline.retrieve("oral"))


def test_errors_are_those_of_medrag(pipeline: RAGPipeline, tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="build_index"):
        MedragRetriever(tmp_path)
    with pytest.raises(QuestionError):
        MedragRetriever(pipeline).retrieve("  ")
    with pytest.raises(ConfigError, match="k=0"):
        MedragRetriever(pipeline, k=0).retrieve("What prevents gout?")
    with pytest.raises(ConfigError, match="yaer"):
        MedragRetriever(pipeline, where="yaer >= 2015").retrieve("What prevents gout?")


@pytest.mark.parametrize("unknown", ["filter", "filters", "similarity_top_k", "wehre"])
def test_an_unknown_setting_is_an_error(pipeline: RAGPipeline, unknown: str) -> None:
    with pytest.raises(ConfigError, match=f"no setting {unknown};.*where="):
        MedragRetriever(pipeline, k=2, **{unknown: "year = 2003"})


def test_a_filter_may_be_parsed(pipeline: RAGPipeline) -> None:
    found = MedragRetriever(pipeline, where=parse_filter("year >= 2015")).retrieve("oral iron")
    assert {one.node.metadata["document"] for one in found} == {"rows.jsonl#zinc"}
