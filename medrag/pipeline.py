"""`RAGPipeline`: questions in, grounded answers with sources out; nothing loads before use."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from threading import Lock
from typing import Self

from .config import GeneratorKind, PipelineConfig
from .embedding import Embedder, open_embedder
from .generation.extractive import extract
from .generation.hf import HFGenerator
from .generation.openai import OpenAIGenerator
from .generation.prompts import REFUSAL, Prompt, build_prompt
from .grounding.evidence import Rarity, confidence, weigh
from .grounding.support import ground, parse_statements
from .indexing import BuildReport, IndexBuilder, config_from_manifest
from .retrieval import Retriever, check_question
from .stores.local.index import Index
from .types import Answer, Evidence, Hit, Statement

_log = logging.getLogger(__name__)


class RAGPipeline:
    """Answers questions from one index.

    Constructing it loads no model and opens no file; the first query does. Use it as a context
    manager, or call `close`.

    Args:
        config: see `PipelineConfig`; `RAGPipeline.open(dir)` takes it from the index itself.
        embedder: one that is loaded already, to be shared; else one is made from the config.
    """

    def __init__(
        self, config: PipelineConfig | None = None, embedder: Embedder | None = None
    ) -> None:
        self.config = config or PipelineConfig()
        self._embedder = embedder or open_embedder(self.config.embedder)
        self._opened: _Reader | None = None
        self._opening = Lock()

    @classmethod
    def open(cls, directory: str | Path) -> Self:
        """A pipeline over an existing index, with the settings the index was built with.

        Raises:
            ArtefactError: there is no usable index in `directory`.
        """
        return cls(config_from_manifest(directory))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the index and of the models; a later query opens them again."""
        self._forget_reader()
        if generator := self.__dict__.pop("_generator", None):
            generator.close()

    @property
    def index(self) -> Index:
        """The opened index, pinned to the generation that was current at first use.

        Raises:
            ArtefactError: no index, or a damaged one.
            MismatchError: it was made with another embedder.
        """
        return self._reader().index

    def _reader(self) -> _Reader:
        """The opened index and what goes with it; a query keeps to the one that it began with."""
        with self._opening:
            if self._opened is None:
                self._opened = _Reader.open(self.config, self._embedder)
            return self._opened

    def _forget_reader(self) -> _Reader | None:
        """Let the next query open the index anew; returns what was open.

        Queries under way keep it open until they are done.
        """
        with self._opening:
            reader, self._opened = self._opened, None
        return reader

    @cached_property
    def _generator(self) -> HFGenerator | OpenAIGenerator:
        if self.config.generator.kind == GeneratorKind.openai:
            return OpenAIGenerator(self.config.generator)
        return HFGenerator(self.config.generator)

    def retrieve(self, question: str, k: int | None = None) -> list[Hit]:
        """The best chunks for a question, without an answer.

        Args:
            k: how many; `retriever.k` by default.

        Raises:
            QuestionError: the question is empty.
            ArtefactError: there is no usable index.
        """
        return self._reader().retriever.retrieve(question, k)

    def query(self, question: str) -> Answer:
        """Answer a question from the index, or say that the documents do not hold the answer.

        Raises:
            QuestionError: the question is empty.
            ArtefactError: there is no usable index.
            ModelError, HttpError: the generator cannot be reached.
        """
        question = check_question(question)
        reader = self._reader()
        hits = reader.retriever.retrieve(question)
        evidence = weigh(question, hits, self._embedder, reader.rarity)
        certainty = confidence(evidence)
        if certainty < self.config.grounding.min_confidence:
            return _refusal(question, certainty, hits)
        statements = self._write(question, hits, evidence)
        grounded = ground(statements, hits, self.config.grounding.min_support)
        if not grounded.citations:
            return _refusal(question, certainty, hits, grounded.unsupported)
        snapshot = reader.index.snapshot
        sources = tuple(
            replace(source, page=snapshot.page_at(source.document, source.start))
            for source in grounded.citations
        )
        return Answer(
            question=question,
            answer=grounded.text,
            abstained=False,
            confidence=certainty,
            sources=sources,
            hits=tuple(hits),
            unsupported=grounded.unsupported,
        )

    def prompt(self, question: str, hits: Sequence[Hit]) -> Prompt:
        """What a chat model is asked: the question over as many hits as the budget holds."""
        budget = self.config.generator.context_tokens
        return build_prompt(check_question(question), hits, budget, self._count_tokens)

    def ingest_document(self, path: str | Path) -> BuildReport:
        """Add one file or URL to the index, made if there is none; searchable when this returns.

        Raises:
            CorpusError: the document cannot be used, and why.
            BusyError: another process is building into the same directory.
        """
        report = IndexBuilder(self.config, self._embedder).add(path)
        self._forget_reader()
        return report

    def remove_document(self, path: str | Path) -> BuildReport:
        """Take a file or URL that `ingest_document` added out of the index; gone on return.

        Raises:
            CorpusError: it was not added by hand, or nothing would be left.
            BusyError: another process is building into the same directory.
        """
        report = IndexBuilder(self.config, self._embedder).remove(path)
        self._forget_reader()
        return report

    def _write(
        self, question: str, hits: Sequence[Hit], evidence: Sequence[Evidence]
    ) -> list[Statement]:
        if self.config.generator.kind == GeneratorKind.extractive:
            return extract(evidence, self.config.generator.max_sentences)
        prompt = self.prompt(question, hits)
        if prompt.left_out:
            _log.warning(
                "%d of %d passages did not fit generator.context_tokens=%d and were not shown",
                prompt.left_out,
                len(hits),
                self.config.generator.context_tokens,
            )
        return parse_statements(self._generator.generate(prompt.messages))

    def _count_tokens(self, text: str) -> int:
        return self._embedder.count_tokens(text)


@dataclass(frozen=True)
class _Reader:
    """One opened index, and what searches and weighs by it."""

    index: Index
    retriever: Retriever
    rarity: Rarity

    @classmethod
    def open(cls, config: PipelineConfig, embedder: Embedder) -> Self:
        index = Index(config.index.dir)
        try:
            index.check_embedder(embedder)
        except BaseException:
            index.close()
            raise
        return cls(index, Retriever(index, embedder, config.retriever), _rarity(index))


def _rarity(index: Index) -> Rarity:
    chunks = int(index.manifest.counts["chunks"])

    @lru_cache(maxsize=4096)
    def rarity(word: str) -> float:
        return math.log(1.0 + chunks / (1.0 + index.words.frequency(word)))

    return rarity


def _refusal(
    question: str, certainty: float, hits: Sequence[Hit], unsupported: tuple[str, ...] = ()
) -> Answer:
    return Answer(question, REFUSAL, True, certainty, (), tuple(hits), unsupported)
