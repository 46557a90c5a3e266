"""`query(stream=True)`: the pieces as they are written, then the verified answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import assert_type

import pytest

from medrag import (
    Answer,
    CorpusConfig,
    GeneratorConfig,
    IndexConfig,
    PipelineConfig,
    RAGPipeline,
)
from medrag.config import Device, TinyModelConfig
from medrag.errors import ModelError, QuestionError
from medrag.finetuning.tiny import build_tiny_model
from medrag.generation.hf import HFGenerator
from medrag.generation.prompts import Pieces, Prompt, Reply
from medrag.indexing import IndexBuilder
from medrag.ingestion import TextEmbedder
from tests.conftest import NOTES

QUESTION = "Which drug lowers uric acid?"
UNANSWERABLE = "Who won the football match in Paris yesterday?"
SHAPE = TinyModelConfig(
    vocab_size=400, hidden_size=64, intermediate_size=128, layers=2, heads=4, kv_heads=2
)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, embedder: TextEmbedder) -> IndexConfig:
    root = tmp_path_factory.mktemp("streaming")
    (root / "gout.txt").write_text(NOTES["gout.txt"], encoding="utf-8")
    config = PipelineConfig(
        corpus=CorpusConfig(paths=[str(root / "gout.txt")]), index=IndexConfig(str(root / "index"))
    )
    IndexBuilder(config, embedder).mirror()
    return config.index


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(SHAPE, [*NOTES.values()], tmp_path_factory.mktemp("hf") / "b", seed=1)


class Scripted:
    """Writes its pieces, and remembers how often it was stopped before the end."""

    reads_messages = True

    def __init__(self, *pieces: str, fails: bool = False) -> None:
        self.pieces, self.fails, self.stopped = pieces, fails, 0

    def generate(self, prompt: Prompt) -> Reply:
        return Reply("".join(self.pieces))

    def stream(self, prompt: Prompt) -> Pieces:
        try:
            yield from self.pieces
        except GeneratorExit:
            self.stopped += 1
            raise
        if self.fails:
            raise ModelError("out of memory")
        return Reply("".join(self.pieces))

    def close(self) -> None:
        pass


def test_the_answer_comes_last_and_is_the_one_of_a_plain_query(
    index: IndexConfig, embedder: TextEmbedder
) -> None:
    pieces = ["Allopurinol lowers ", "uric acid [1]. ", "Aspirin 300 mg cures gout [1, 9]."]
    with RAGPipeline(PipelineConfig(index=index), embedder, Scripted(*pieces)) as rag:
        steps = rag.query(QUESTION, stream=True)
        assert_type(steps, Iterator[str | Answer])
        *streamed, answer = steps
        assert streamed == pieces
        plain = rag.query(QUESTION)
        assert_type(plain, Answer)
        assert answer == plain
    assert (plain.answer, plain.stray_markers) == ("Allopurinol lowers uric acid. [1]", 1)
    assert plain.unsupported == ("Aspirin 300 mg cures gout.",)


def test_quoted_sentences_are_streamed_too(index: IndexConfig, embedder: TextEmbedder) -> None:
    with RAGPipeline(PipelineConfig(index=index), embedder) as rag:
        *pieces, answer = rag.query(QUESTION, stream=True)
        assert answer == rag.query(QUESTION)
    assert "Allopurinol lowers uric acid" in "".join(map(str, pieces))


def test_a_language_model_is_streamed_and_can_be_abandoned(
    index: IndexConfig, embedder: TextEmbedder, base: Path
) -> None:
    config = PipelineConfig(index=index)
    settings = GeneratorConfig(model=str(base), max_new_tokens=12)
    with RAGPipeline(config, embedder, HFGenerator(settings, Device.cpu)) as rag:
        *pieces, answer = rag.query(QUESTION, stream=True)
        assert answer == rag.query(QUESTION)
        assert len(pieces) > 1
        assert isinstance(answer, Answer)
        assert "max_new_tokens" in answer.sentences[-1].reason  # random words have no end

    endless = GeneratorConfig(model=str(base), max_new_tokens=100_000)
    with RAGPipeline(config, embedder, HFGenerator(endless, Device.cpu)) as rag:
        steps = rag.query(QUESTION, stream=True)
        assert isinstance(next(steps), str)
        running = threading.active_count()
        del steps
        assert threading.active_count() < running


def test_nothing_is_written_for_a_question_that_has_no_answer(
    index: IndexConfig, embedder: TextEmbedder
) -> None:
    with RAGPipeline(PipelineConfig(index=index), embedder, Scripted("Paris [1].")) as rag:
        (answer,) = rag.query(UNANSWERABLE, stream=True)
        assert answer == rag.query(UNANSWERABLE)
        assert isinstance(answer, Answer) and answer.abstained


def test_a_reader_who_leaves_stops_the_generator(
    index: IndexConfig, embedder: TextEmbedder
) -> None:
    generator = Scripted("Allopurinol ", "lowers ", "uric acid [1].")
    with RAGPipeline(PipelineConfig(index=index), embedder, generator) as rag:
        for _ in rag.query(QUESTION, stream=True):
            break
        assert generator.stopped == 1
        rag.query(QUESTION, stream=True)  # never read: never started
        assert generator.stopped == 1


def test_errors_come_where_they_happen(index: IndexConfig, embedder: TextEmbedder) -> None:
    generator = Scripted("Allopurinol ", fails=True)
    with RAGPipeline(PipelineConfig(index=index), embedder, generator) as rag:
        with pytest.raises(QuestionError):  # before the first piece is asked for
            rag.query(" ", stream=True)
        steps = rag.query(QUESTION, stream=True)
        assert next(steps) == "Allopurinol "
        with pytest.raises(ModelError, match="out of memory"):
            next(steps)


def test_a_generator_that_reads_no_messages_gets_none_but_all_passages(
    index: IndexConfig, embedder: TextEmbedder, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[Prompt] = []

    class Reader(Scripted):
        def generate(self, prompt: Prompt) -> Reply:
            seen.append(prompt)
            return super().generate(prompt)

    config = PipelineConfig(index=index, generator=GeneratorConfig(context_tokens=128))
    for reads in (True, False):
        generator = Reader("Allopurinol lowers uric acid [1].")
        generator.reads_messages = reads
        with RAGPipeline(config, embedder, generator) as rag:
            rag.query(QUESTION)
    chat, plain = seen
    assert (len(chat.contexts), chat.left_out, len(chat.messages)) == (0, 1, 1)
    assert (len(plain.contexts), plain.left_out, plain.messages) == (1, 0, [])
    assert chat.evidence == plain.evidence != ()
    assert caplog.text.count("did not fit generator.context_tokens") == 1
