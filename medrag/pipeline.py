"""`RAGPipeline` answers questions from an index and cites its sources."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Literal, Self, overload

from .config import PipelineConfig
from .embedding import Embedder, open_embedder
from .generation import Generator, open_generator
from .generation.prompts import REFUSAL, Prompt, build_prompt, without_markers
from .grounding import check_support, ground
from .grounding.evidence import (
    CALIBRATIONS,
    PACKAGED_MINILM,
    Calibration,
    SentenceVectors,
    confidence,
    weigh,
)
from .grounding.stance import stance
from .grounding.statements import parse_reply
from .grounding.verifier import EntailmentVerifier
from .indexing import BuildReport, IndexBuilder, config_from_manifest
from .retrieval import Retriever, check_question
from .stores import IndexReader, check_embedder, open_index
from .types import Answer, AnswerSentence, Evidence, Hit

_log = logging.getLogger(__name__)


class RAGPipeline:
    """Answers questions from one index.

    The constructor loads no model and opens no file; the first query does. Threads may share a
    pipeline: each model is loaded once. Use it as a context manager, or call `close`.

    Args:
        config: see `PipelineConfig`; `RAGPipeline.open(dir)` reads it from the index.
        embedder: a loaded one to share; by default the pipeline opens the configured one.
        generator: likewise; the pipeline does not close it.
    """

    def __init__(
        self,
        config: PipelineConfig | None = None,
        embedder: Embedder | None = None,
        generator: Generator | None = None,
    ) -> None:
        self.config = config or PipelineConfig()
        self._embedder = embedder or open_embedder(self.config.embedder)
        self._sentences = SentenceVectors(self._embedder)
        self._shared_generator = generator
        self._lock = Lock()  # guards what is opened at first use
        self._changing = Lock()  # threads that change the index take turns
        self._opened: Retriever | None = None
        self._generator: Generator | None = None
        model = self.config.grounding.verifier
        self._verifier = EntailmentVerifier(model) if model else None

    @classmethod
    def open(cls, directory: str | Path) -> Self:
        """A pipeline over an existing index, with the settings it was built with.

        Raises:
            ArtefactError: there is no usable index in `directory`.
        """
        return cls(config_from_manifest(directory))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close index and models; queries under way finish, and a later one opens them again."""
        self._close_index()
        with self._lock:
            generator, self._generator = self._generator, None
        if generator is not None:
            generator.close()
        if self._verifier is not None:
            self._verifier.close()

    @property
    def index(self) -> IndexReader:
        """The opened index, pinned to the generation that was current at first use.

        Raises:
            ArtefactError: there is no index, or it is damaged.
            MismatchError: it was built with another embedder.
        """
        return self._retriever().index

    def retrieve(self, question: str, k: int | None = None) -> list[Hit]:
        """The best chunks for a question, without an answer.

        Args:
            k: how many; `retriever.k` by default.

        Raises:
            QuestionError: the question is empty or too long.
            ArtefactError: there is no usable index.
        """
        return self._retriever().retrieve(question, k)

    @overload
    def query(self, question: str, *, stream: Literal[False] = False) -> Answer: ...

    @overload
    def query(self, question: str, *, stream: Literal[True]) -> Iterator[str | Answer]: ...

    def query(self, question: str, *, stream: bool = False) -> Answer | Iterator[str | Answer]:
        """Answer a question from the index, or say that the documents do not contain the answer.

        Args:
            stream: return an iterator over the text as the generator writes it, in pieces, and at
                the end the `Answer`. Only the answer is verified: it may lack parts of the text.
                Abandoning the iterator stops the generator.

        Raises:
            QuestionError: the question is empty or too long.
            ArtefactError: there is no usable index.
            ModelError, HttpError: the generator or the verifier cannot be loaded or reached.
        """
        steps = self._answer(check_question(question), stream)
        if stream:
            return steps
        (answer,) = steps
        assert isinstance(answer, Answer)
        return answer

    def _answer(self, question: str, stream: bool) -> Iterator[str | Answer]:
        """Yield the pieces of the reply, if they are streamed, and then the answer."""
        retriever = self._retriever()
        hits = retriever.retrieve(question)
        vector = retriever.query_vector(question)
        evidence = weigh(question, vector, hits, self._sentences, retriever.rarity)
        certainty = confidence(evidence, self._calibration)
        if certainty < self.config.grounding.min_confidence:
            yield _refusal(question, certainty, hits)
            return
        generator = self._open_generator()
        prompt = self._prompt_for(generator, question, hits, evidence)
        if stream:
            reply = yield from generator.stream(prompt)
        else:
            reply = generator.generate(prompt)
        verbatim = {without_markers(text) for item in evidence for text in (item.lead, item.text)}
        parsed = parse_reply(reply, len(prompt.contexts), verbatim)
        check = self._verifier or check_support
        config = self.config.grounding
        grounded = ground(
            parsed.statements, hits, config.min_support, check, config.keep_unsupported
        )
        sentences = grounded.sentences + parsed.removed
        if not grounded.citations:
            answer = _refusal(question, certainty, hits, sentences)
        else:
            sources = tuple(
                replace(source, page=retriever.index.page_at(source.document, source.start))
                for source in grounded.citations
            )
            answer = Answer(
                question=question,
                answer=grounded.text,
                abstained=False,
                confidence=certainty,
                sources=sources,
                hits=tuple(hits),
                sentences=sentences,
                stance=stance(question, [one.text for one in sentences if one.supported]),
            )
        yield replace(answer, stray_markers=parsed.stray_markers)

    def prompt(self, question: str, hits: Sequence[Hit]) -> Prompt:
        """The prompt for a chat model: the question and as many hits as fit the token budget."""
        budget = self.config.generator.context_tokens
        return build_prompt(check_question(question), hits, budget, self._embedder.count_tokens)

    def ingest_document(self, path: str | Path) -> BuildReport:
        """Add one file or URL to the index, which is created if needed; then it is searchable.

        Raises:
            CorpusError: the document cannot be used; the message says why.
            BusyError: another process is building into the same directory.
        """
        with self._changing:
            report = IndexBuilder(self.config, self._embedder).add(path)
        self._close_index()
        return report

    def remove_document(self, path: str | Path) -> BuildReport:
        """Remove a file or URL that was added with `ingest_document` from the index.

        Raises:
            CorpusError: it was not added that way, or the index would be empty.
            BusyError: another process is building into the same directory.
        """
        with self._changing:
            report = IndexBuilder(self.config, self._embedder).remove(path)
        self._close_index()
        return report

    def _retriever(self) -> Retriever:
        """Searches the opened index; a query uses the same one to its end."""
        with self._lock:
            if self._opened is None:
                index = open_index(self.config.index)
                try:
                    check_embedder(index, self._embedder)
                except BaseException:
                    index.close()
                    raise
                self._opened = Retriever(index, self._embedder, self.config.retriever)
            return self._opened

    def _close_index(self) -> None:
        """Let the next query open the index again; queries under way keep theirs open."""
        with self._lock:
            retriever, self._opened = self._opened, None
        del retriever  # outside the lock, because the last reference closes the files

    def _open_generator(self) -> Generator:
        if self._shared_generator is not None:
            return self._shared_generator
        with self._lock:
            if self._generator is None:
                self._generator = open_generator(self.config.generator)
            return self._generator

    def _prompt_for(
        self,
        generator: Generator,
        question: str,
        hits: Sequence[Hit],
        evidence: Sequence[Evidence],
    ) -> Prompt:
        if not generator.reads_messages:
            return Prompt(question, tuple(hits), [], evidence=tuple(evidence))
        prompt = self.prompt(question, hits)
        if prompt.left_out:
            _log.warning(
                "%d of %d passages did not fit generator.context_tokens=%d and were left out",
                prompt.left_out,
                len(hits),
                self.config.generator.context_tokens,
            )
        return replace(prompt, evidence=tuple(evidence))

    @cached_property  # so that it warns once
    def _calibration(self) -> Calibration:
        calibration = CALIBRATIONS.get(self._embedder.fingerprint)
        if calibration is None:
            _log.warning(
                "confidence is calibrated for the packaged MiniLM, not for %s: the pipeline may "
                "answer or abstain too often. Measure it with python -m medrag.evaluate and adjust "
                "grounding.min_confidence",
                self._embedder.name,
            )
        return calibration or PACKAGED_MINILM


def _refusal(
    question: str,
    certainty: float,
    hits: Sequence[Hit],
    sentences: tuple[AnswerSentence, ...] = (),
) -> Answer:
    return Answer(question, REFUSAL, True, certainty, (), tuple(hits), sentences)
