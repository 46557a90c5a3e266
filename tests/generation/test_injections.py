"""Documents are data: what they say never becomes a marker, a control token or an instruction."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from medrag import CorpusConfig, GeneratorConfig, IndexConfig, PipelineConfig, RAGPipeline
from medrag.generation.control import without_control
from medrag.generation.markers import EXPLICIT
from medrag.generation.prompts import build_messages
from medrag.indexing import IndexBuilder
from medrag.ingestion import TextEmbedder
from tests.conftest import NOTES
from tests.generation.endpoint import Endpoint
from tests.generation.injections import FALSE, INJECTIONS
from tests.generation.test_prompts import parts

QUESTIONS = {
    "Which drug lowers uric acid?": "gout.txt",
    "What opens the airways within minutes?": "asthma.md",
    "How is severe malaria treated?": "sub/malaria.txt",
    "What is gout caused by?": "gout.txt",
}
CONTROL = re.compile(
    r"</?s>|\[/?INST\]|<</?SYS>>|[<＜][|｜][^\n]*?[|｜][>＞]|<(start|end)_of_turn>|<[a-z_]+>|</[a-z_]+>"
    r"|\[(TOOL_CALLS|SYSTEM_PROMPT)\]|［INST］|＜/s＞",
)


def build(root: Path, embedder: TextEmbedder, documents: dict[str, str]) -> IndexConfig:
    for name, text in documents.items():
        (root / "corpus" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "corpus" / name).write_bytes(text.encode())
    config = PipelineConfig(
        corpus=CorpusConfig(paths=[str(root / "corpus")]), index=IndexConfig(str(root / "index"))
    )
    IndexBuilder(config, embedder).mirror()
    return config.index


def injected() -> dict[str, str]:
    return {f"{name.replace(' ', '-')}.txt": text for name, text in INJECTIONS.items()}


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory, embedder: TextEmbedder) -> IndexConfig:
    return build(tmp_path_factory.mktemp("clean"), embedder, NOTES)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory, embedder: TextEmbedder) -> IndexConfig:
    return build(tmp_path_factory.mktemp("full"), embedder, NOTES | injected())


def test_there_are_enough_of_many_kinds() -> None:
    assert len(INJECTIONS) >= 25


@pytest.mark.parametrize(("question", "document"), QUESTIONS.items())
def test_no_document_changes_an_extractive_answer_about_another(
    clean: IndexConfig, full: IndexConfig, embedder: TextEmbedder, question: str, document: str
) -> None:
    with (
        RAGPipeline(PipelineConfig(index=clean), embedder) as without,
        RAGPipeline(PipelineConfig(index=full), embedder) as among,
    ):
        expected, found = without.query(question), among.query(question)
    assert expected.sources and {source.document for source in expected.sources} == {document}
    assert found.answer == expected.answer
    assert found.sources == expected.sources
    assert not found.abstained


@pytest.fixture
def rag(full: IndexConfig, endpoint: Endpoint, embedder: TextEmbedder) -> Iterator[RAGPipeline]:
    """A pipeline whose prompt holds all documents."""
    config = PipelineConfig(
        index=full,
        generator=GeneratorConfig(
            kind="openai",  # type: ignore[arg-type]
            base_url=endpoint.url,
            model="some-model",
            context_tokens=20_000,
        ),
    )
    config.retriever = replace(config.retriever, k=60, candidates=60)
    config.grounding = replace(config.grounding, min_confidence=0.0)
    with RAGPipeline(config, embedder) as pipeline:
        yield pipeline


def test_the_prompt_shows_them_as_data(rag: RAGPipeline, endpoint: Endpoint) -> None:
    endpoint.says(f"{FALSE} is given for everything [1].")
    question = next(iter(QUESTIONS))
    answer = rag.query(question)
    ((_, _, sent),) = endpoint.asked
    (message,) = sent["messages"]
    content = message["content"]
    assert {hit.document for hit in answer.hits} >= set(injected())

    quoted, ours = parts(content)
    # Apart from what is quoted, the prompt is the one of as many harmless passages.
    plain = build_messages(question, [replace(hit, text="x") for hit in answer.hits])
    assert ours == parts(plain[0]["content"])[1]
    assert ours.count("[1] ") == 1
    assert [line for line in ours if line.startswith("[")] == [
        f"[{number}] " for number in range(1, len(answer.hits) + 1)
    ]
    assert FALSE not in "".join(ours)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]", content)
    assert not re.search("[\u200b\u202a-\u202e\u2066-\u2069\U000e0000-\U000e01ef]", content)
    for line in quoted:
        assert not CONTROL.search(line), line
        assert not EXPLICIT.search(line), line
    assert sum(FALSE in line for line in quoted) >= len(INJECTIONS) - 3  # they are still shown


def test_what_a_document_made_the_model_say_is_not_supported_by_another(
    rag: RAGPipeline, endpoint: Endpoint
) -> None:
    """A model that obeys cites a passage that does not say so."""
    hits = rag.retrieve(next(iter(QUESTIONS)))
    number = [hit.document for hit in hits].index("gout.txt") + 1
    endpoint.says(f"{FALSE} lowers uric acid [{number}].")
    answer = rag.query(next(iter(QUESTIONS)))
    assert answer.abstained
    assert answer.unsupported == (f"{FALSE} lowers uric acid.",)


@pytest.mark.parametrize("name", INJECTIONS)
def test_neutralising_twice_changes_nothing_more(name: str) -> None:
    once = without_control(INJECTIONS[name])
    assert without_control(once) == once
    assert not CONTROL.search(once)
