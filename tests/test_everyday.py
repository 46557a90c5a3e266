"""A pipeline in everyday use: batches, asyncio, warmup, memory, statistics, newer generations."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from medrag import Answer, PipelineConfig, RAGPipeline, RetrieverConfig
from medrag.errors import ArtefactError, ConfigError, QuestionError
from medrag.generation.prompts import Pieces, Prompt, Reply
from medrag.grounding.calibration import calibration_key, save_calibration
from medrag.indexing import BuildReport
from medrag.ingestion import TextEmbedder

Build = Callable[[], BuildReport]
QUESTIONS = (
    "What calms an acute attack of gout?",
    "What opens the airways?",
    "What spreads malaria?",
)


@pytest.fixture
def rag(build: Build, config: PipelineConfig, embedder: TextEmbedder) -> Iterator[RAGPipeline]:
    build()
    config.grounding.min_confidence = 0.0
    with RAGPipeline(config, embedder) as pipeline:
        yield pipeline


class Counting:
    """A generator that writes another text each time, and counts how many run at once."""

    reads_messages = False

    def __init__(self, patience: float = 0.0) -> None:
        """Wait `patience` seconds for a second call, until there was one."""
        self.calls = self.running = self.most = 0
        self._lock = threading.Lock()
        self._patience = patience
        self._together = threading.Event()

    def generate(self, prompt: Prompt) -> Reply:
        with self._lock:
            self.calls += 1
            self.running += 1
            self.most = max(self.most, self.running)
            call = self.calls
            if self.running > 1:
                self._together.set()
        self._together.wait(self._patience)
        time.sleep(0.05)
        with self._lock:
            self.running -= 1
        return Reply(f"Reply {call} says nothing. [1]")

    def stream(self, prompt: Prompt) -> Pieces:
        reply = self.generate(prompt)
        yield reply.text
        return reply

    def close(self) -> None:
        """Nothing is held."""


# --- batches and asyncio ----------------------------------------------------------------------


def test_a_batch_answers_each_question_in_order(rag: RAGPipeline) -> None:
    answers = rag.query_batch([*QUESTIONS, *reversed(QUESTIONS)], threads=3)
    assert answers == [rag.query(one) for one in (*QUESTIONS, *reversed(QUESTIONS))]
    assert "olchicine" in answers[0].answer and "Anopheles" in answers[2].answer


def test_a_question_that_cannot_be_asked_does_not_stop_a_batch(rag: RAGPipeline) -> None:
    asked = [QUESTIONS[0], " ", "x" * 5000, float("nan"), QUESTIONS[1]]
    first, empty, long, missing, last = rag.query_batch(iter(asked))  # type: ignore[arg-type]
    assert missing.abstained and "the question is nan; give a text" in missing.warnings
    assert not first.abstained and not last.abstained
    assert empty.abstained and "the question is empty" in empty.warnings[0]
    assert long.abstained and "the limit is 4000" in long.warnings[0]
    assert rag.query_batch([]) == []


def test_a_batch_asks_several_questions_at_once(
    build: Build, config: PipelineConfig, embedder: TextEmbedder
) -> None:
    build()
    generator = Counting(patience=60)
    with RAGPipeline(config, embedder, generator) as rag:
        rag.query_batch([f"What calms gout {n}?" for n in range(8)], threads=4)
        assert 1 < generator.most <= 4
        generator.most = 0
        rag.query_batch(QUESTIONS, threads=1)
        assert generator.most == 1
        with pytest.raises(ConfigError, match="threads=0 cannot be used"):
            rag.query_batch(QUESTIONS, threads=0)


def test_a_batch_ends_at_an_error_that_is_not_the_fault_of_a_question(
    config: PipelineConfig, embedder: TextEmbedder
) -> None:
    with RAGPipeline(config, embedder) as rag, pytest.raises(ArtefactError, match="build_index"):
        rag.query_batch(QUESTIONS)


def test_a_filter_holds_for_every_way_to_ask(rag: RAGPipeline) -> None:
    where = "document = asthma.md"
    asked = [rag.query(QUESTIONS[0], where), *rag.query_batch(QUESTIONS[:1], where)]
    asked += [asyncio.run(rag.aquery(QUESTIONS[0], where))]
    (*_, streamed) = rag.query(QUESTIONS[0], where, stream=True)
    for answer in (*asked, streamed):
        assert isinstance(answer, Answer)
        assert {hit.document for hit in answer.hits} == {"asthma.md"}
    assert {hit.document for hit in asyncio.run(rag.aretrieve("gout", 5, where))} == {"asthma.md"}
    nothing = rag.query(QUESTIONS[0], "document = nothing")
    assert nothing.abstained and "nothing was found that passes the filter" in nothing.warnings


def test_the_event_loop_goes_on_while_questions_are_answered(
    build: Build, config: PipelineConfig, embedder: TextEmbedder
) -> None:
    build()

    async def ask(rag: RAGPipeline) -> tuple[list[Answer], int]:
        ticks = 0
        waiting = asyncio.gather(*(rag.aquery(question) for question in QUESTIONS))
        while not waiting.done():
            await asyncio.sleep(0.001)
            ticks += 1
        return list(await waiting), ticks

    generator = Counting(patience=60)
    with RAGPipeline(config, embedder, generator) as rag:
        rag.warmup()
        answers, ticks = asyncio.run(ask(rag))
    assert [answer.question for answer in answers] == list(QUESTIONS)
    assert ticks > 10 and generator.most > 1


# --- warmup and statistics --------------------------------------------------------------------


def test_warmup_opens_the_index_and_calls_no_generator_that_was_passed_in(
    build: Build, config: PipelineConfig, embedder: TextEmbedder
) -> None:
    build()
    generator = Counting()
    generator.reads_messages = True  # like one that is paid for each reply
    with RAGPipeline(config, embedder, generator) as rag:
        rag.warmup()
        assert generator.calls == 0
        before = {Path(one).name for one in map(os.readlink, _open_files())}
        assert "store.sqlite" in before


def _open_files() -> list[str]:
    return [
        str(one) for one in Path("/proc/self/fd").iterdir() if one.is_symlink() and one.exists()
    ]


def test_warmup_without_an_index_says_how_to_build_one(
    config: PipelineConfig, embedder: TextEmbedder
) -> None:
    with RAGPipeline(config, embedder) as rag, pytest.raises(ArtefactError, match="build_index"):
        rag.warmup()


def test_statistics_count_what_was_asked(rag: RAGPipeline) -> None:
    rag.warmup()
    fresh = rag.stats()
    assert (fresh.questions, fresh.query_ms, fresh.retrieve_ms) == (0, 0.0, 0.0)
    assert (fresh.documents, fresh.generation, fresh.generator) == (3, 1, "extractive")
    rag.query(QUESTIONS[0])
    rag.query(QUESTIONS[0])
    rag.query("gout?", "document = nothing")
    rag.retrieve(QUESTIONS[1])
    found = rag.stats()
    assert (found.questions, found.repeated, found.abstained) == (3, 1, 1)
    assert found.retrieve_ms > 0 and 0 < found.query_ms <= found.query_ms_p95


# --- answers from memory ----------------------------------------------------------------------


def test_a_question_is_answered_from_memory_until_something_changes(
    rag: RAGPipeline, build: Build, corpus: Path
) -> None:
    first = rag.query(QUESTIONS[0])
    assert rag.query(f"  {QUESTIONS[0]} ") is first
    pieces = list(rag.query(QUESTIONS[0], stream=True))
    assert pieces == [first.answer, first]
    assert rag.query(QUESTIONS[0], "document = asthma.md") is not first
    rag.config.retriever.k = 2
    other = rag.query(QUESTIONS[0])
    assert len(other.hits) == 2
    rag.config.retriever.k = 5
    assert rag.query(QUESTIONS[0]) is first
    (corpus / "new.txt").write_text("Gout: ice calms an acute attack of gout.", encoding="utf-8")
    build()
    assert rag.query(QUESTIONS[0]) is first  # the pipeline keeps its generation
    assert rag.refresh()
    assert "new.txt" in {hit.document for hit in rag.query(QUESTIONS[0]).hits}


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_memory_is_bounded(
    limit: int, build: Build, config: PipelineConfig, embedder: TextEmbedder
) -> None:
    build()
    config.cache.answers = limit
    with RAGPipeline(config, embedder) as rag:
        first = [rag.query(question) for question in QUESTIONS]
        again = [rag.query(question) for question in reversed(QUESTIONS)][::-1]
    same = [one is other for one, other in zip(first, again, strict=True)]
    assert same == [n >= len(QUESTIONS) - limit for n in range(len(QUESTIONS))]


def test_what_a_generator_that_was_passed_in_writes_is_not_kept(
    build: Build, config: PipelineConfig, embedder: TextEmbedder
) -> None:
    build()
    generator = Counting()
    with RAGPipeline(config, embedder, generator) as rag:
        rag.query(QUESTIONS[0])
        rag.query(QUESTIONS[0])
    assert generator.calls == 2


# --- newer generations ------------------------------------------------------------------------


def rebuilt_elsewhere(config: PipelineConfig) -> None:
    """Build the index in another process."""
    code = (
        "import sys; from medrag import *; from medrag.indexing import IndexBuilder; "
        "IndexBuilder(PipelineConfig(corpus=CorpusConfig(paths=[sys.argv[1]]), "
        "index=IndexConfig(dir=sys.argv[2]))).mirror()"
    )
    command = [sys.executable, "-c", code, config.corpus.paths[0], config.index.dir]
    subprocess.run(command, check=True, capture_output=True)


@pytest.mark.parametrize("follow", [True, False])
def test_a_document_deleted_by_another_process_is_not_cited(
    follow: bool, build: Build, corpus: Path, config: PipelineConfig, embedder: TextEmbedder
) -> None:
    build()
    config.index.follow = follow
    config.grounding.min_confidence = 0.0
    with RAGPipeline(config, embedder) as rag:
        before = rag.query(QUESTIONS[0])
        assert [source.document for source in before.sources][:1] == ["gout.txt"]
        generation = rag.stats().generation
        (corpus / "gout.txt").unlink()
        rebuilt_elsewhere(config)
        if not follow:
            assert rag.query(QUESTIONS[0]) is before
            assert rag.refresh()
        after = rag.query(QUESTIONS[0])
        assert "gout.txt" not in {one.document for one in (*after.sources, *after.hits)}
        assert rag.stats().generation > generation
        assert not rag.refresh()


def test_a_query_under_way_ends_with_the_generation_it_began_with(
    build: Build, corpus: Path, config: PipelineConfig, embedder: TextEmbedder
) -> None:
    build()
    config.index.follow = True
    with RAGPipeline(config, embedder) as rag:
        steps = rag.query(QUESTIONS[0], stream=True)
        next(steps)
        (corpus / "gout.txt").unlink()
        build()
        assert "gout.txt" not in {hit.document for hit in rag.retrieve(QUESTIONS[0])}
        *_, answer = steps
    assert isinstance(answer, Answer) and "gout.txt" in {hit.document for hit in answer.hits}


def test_following_an_index_that_went_is_an_error_until_it_is_back(
    build: Build, config: PipelineConfig, embedder: TextEmbedder
) -> None:
    build()
    config.index.follow = True
    manifest = Path(config.index.dir, "manifest.json")
    with RAGPipeline(config, embedder) as rag:
        rag.query(QUESTIONS[0])
        kept = manifest.read_text(encoding="utf-8")
        manifest.unlink()
        with pytest.raises(ArtefactError, match="build_index"):
            rag.query(QUESTIONS[0])
        manifest.write_text(kept, encoding="utf-8")
        assert not rag.query(QUESTIONS[0]).abstained


def test_a_calibration_that_another_process_keeps_is_noticed(rag: RAGPipeline) -> None:
    first = rag.query(QUESTIONS[0])
    ours, _ = rag.calibration
    key = calibration_key(rag.config, rag._embedder.fingerprint, "extractive")
    save_calibration(Path(rag.config.index.dir), replace(ours, key=key, intercept=-9.0))
    assert rag.query(QUESTIONS[0]) is first
    assert rag.refresh() and not rag.refresh()
    assert rag.query(QUESTIONS[0]).confidence < first.confidence / 2


def test_settings_that_are_changed_hold_from_the_next_question_on(rag: RAGPipeline) -> None:
    assert len({hit.document for hit in rag.query(QUESTIONS[0]).hits}) == 3
    rag.config.retriever.filter = "document = asthma.md"
    assert {hit.document for hit in rag.query(QUESTIONS[0]).hits} == {"asthma.md"}
    rag.config.retriever.filter = "((bad"
    with pytest.raises(ConfigError, match="cannot be read"):
        rag.query(QUESTIONS[0])
    rag.config.retriever.filter = ""
    rag.config.generator.max_sentences = 1
    one = rag.query("What is gout, what causes it and what prevents it?")
    rag.config.generator.max_sentences = 3
    more = rag.query("What is gout, what causes it and what prevents it?")
    assert len(one.sentences) == 1 < len(more.sentences)


# --- what people write by mistake -------------------------------------------------------------


def test_mistakes_end_in_one_clear_line(rag: RAGPipeline, config: PipelineConfig) -> None:
    with pytest.raises(ConfigError, match=r"RAGPipeline\.open\(DIR\)"):
        RAGPipeline(config.index.dir)  # type: ignore[arg-type]
    with pytest.raises(QuestionError, match="the question is None; give a text"):
        rag.query(None)  # type: ignore[call-overload]
    with pytest.raises(ConfigError, match="where=5 cannot be used: give a text like"):
        rag.retrieve(QUESTIONS[0], where=5)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="query takes a single one"):
        rag.query_batch(QUESTIONS[0])
    with pytest.raises(ConfigError, match="give a list of types"):
        RetrieverConfig(prefer="guideline")  # type: ignore[arg-type]


def test_an_index_is_opened_with_settings_of_ones_own(rag: RAGPipeline) -> None:
    own = PipelineConfig(retriever=RetrieverConfig(k=1, filter="document = asthma.md"))
    own.chunking.max_tokens = 77
    own.index.follow = True
    with RAGPipeline.open(rag.config.index.dir, own) as other:
        assert [hit.document for hit in other.retrieve(QUESTIONS[0])] == ["asthma.md"]
        assert other.config.index.dir == rag.config.index.dir and other.config.index.follow
        assert other.config.chunking == rag.config.chunking
