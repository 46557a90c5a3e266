"""`RAGPipeline` answers questions from an index and cites its sources."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Literal, Self, overload

from .answering import Answerer, Draft, refusal
from .config import GeneratorKind, PipelineConfig
from .embedding import Embedder, open_embedder
from .errors import ConfigError, QuestionError
from .generation import Generator, open_generator
from .generation.prompts import Prompt, build_prompt
from .grounding.calibration import (
    CALIBRATIONS,
    Calibration,
    calibration_key,
    load_calibration,
    packaged,
)
from .grounding.evidence import SentenceVectors
from .grounding.verifier import EntailmentVerifier
from .indexing import BuildReport, IndexBuilder, config_from_manifest
from .retrieval import Retriever, check_question
from .retrieval.cross_encoder import READER
from .retrieval.pairs import CrossEncoder
from .stores import Filter, IndexReader, as_filter, check_embedder, open_index
from .types import Answer, Hit

__all__ = ["Draft", "PipelineStats", "RAGPipeline"]

_REMEMBERED = 1000  # latest times that the statistics are made of
_THREADS = 4  # at once, by default, for a batch

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PipelineStats:
    """What a pipeline answers from, and how it has gone since it was made.

    Attributes:
        index: where the index is.
        generation: of the index; every build that changes something publishes a new one.
        embedder, generator: by name.
        calibrated: whether the confidence is calibrated for this embedder and reader.
        questions: asked so far; `repeated` of them were answered from memory.
        abstained: how many of them were not answered.
        retrieve_ms, query_ms: median time of the latest 1,000 searches and whole answers, in
            milliseconds; 0.0 before the first. `query_ms_p95`: 19 of 20 answers took at most this.
    """

    index: str
    generation: int
    documents: int
    chunks: int
    embedder: str
    generator: str
    calibrated: bool
    questions: int
    repeated: int
    abstained: int
    retrieve_ms: float
    query_ms: float
    query_ms_p95: float


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
        given: object = config  # may be anything when it comes from Python
        if given is not None and not isinstance(given, PipelineConfig):
            raise ConfigError(
                f"RAGPipeline({given!r}) cannot be used: give a PipelineConfig, or open an index "
                "with RAGPipeline.open(DIR)"
            )
        self.config = config or PipelineConfig()
        self._embedder = embedder or open_embedder(self.config.embedder)
        self._sentences = SentenceVectors(self._embedder)
        self._shared_generator = generator
        self._lock = Lock()  # guards what is opened at first use
        self._changing = Lock()  # threads that change the index take turns
        self._opened: Retriever | None = None
        self._generator: Generator | None = None
        self._generator_of = ""  # the settings that it was opened with
        model = self.config.grounding.reader
        self._reader = CrossEncoder(model, READER) if model else None
        model = self.config.grounding.verifier
        self._verifier = EntailmentVerifier(model) if model else None
        self._calibration: tuple[Calibration, bool] | None = None
        self._warned = False  # that it belongs to another reader
        self._made_of = ""  # the settings that the index was opened with
        self._calibrated = 0  # when the calibrations beside it were written
        # Answers by what decides them, the least recently used first.
        self._answers: OrderedDict[tuple[object, ...], Answer] = OrderedDict()
        self._counts: Counter[str] = Counter()
        self._times: dict[str, deque[float]] = {
            name: deque(maxlen=_REMEMBERED) for name in ("retrieve", "query")
        }

    @classmethod
    def open(cls, directory: str | Path, config: PipelineConfig | None = None) -> Self:
        """A pipeline over an existing index, with the settings it was built with.

        Args:
            config: how to search and answer; the settings of documents, chunks and embedder come
                from the index.

        Raises:
            ArtefactError: there is no usable index in `directory`.
        """
        return cls(config_from_manifest(directory, config))

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

    @property
    def generator(self) -> Generator:
        """What writes the answers; the configured one is opened at first use."""
        if self._shared_generator is not None:
            return self._shared_generator
        made_of = repr(self.config.generator)
        old = None
        with self._lock:
            if self._generator is None or self._generator_of != made_of:
                old, self._generator = self._generator, open_generator(self.config.generator)
                self._generator_of = made_of
            generator = self._generator
        if old is not None:
            old.close()
        return generator

    @property
    def generator_name(self) -> str:
        """What writes the answers: the configured kind, or the class of one that was passed in."""
        own = self._shared_generator
        return self.config.generator.kind.value if own is None else type(own).__name__

    def retrieve(
        self, question: str, k: int | None = None, where: Filter | str | None = None
    ) -> list[Hit]:
        """The best chunks for a question, without an answer.

        Args:
            k: how many; `retriever.k` by default.
            where: search only documents that pass this filter ("year >= 2015"), and
                `retriever.filter` as well; see docs/filters.md.

        Raises:
            QuestionError: the question is empty or too long.
            ConfigError: the filter cannot be read, or names a field that no document has.
            ArtefactError: there is no usable index.
        """
        started = time.perf_counter()
        hits = self._retriever().retrieve(question, k, where)
        self._times["retrieve"].append(time.perf_counter() - started)
        return hits

    async def aretrieve(
        self, question: str, k: int | None = None, where: Filter | str | None = None
    ) -> list[Hit]:
        """`retrieve` in a thread, so that the event loop goes on."""
        return await asyncio.to_thread(self.retrieve, question, k, where)

    @overload
    def query(
        self, question: str, where: Filter | str | None = None, *, stream: Literal[False] = False
    ) -> Answer: ...

    @overload
    def query(
        self, question: str, where: Filter | str | None = None, *, stream: Literal[True]
    ) -> Iterator[str | Answer]: ...

    def query(
        self, question: str, where: Filter | str | None = None, *, stream: bool = False
    ) -> Answer | Iterator[str | Answer]:
        """Answer a question from the index, or say that the documents do not contain the answer.

        The same question is answered from memory (`cache.answers`) until the index or a setting
        changes.

        Args:
            where: see `retrieve`.
            stream: return an iterator over the text as the generator writes it, in pieces, and at
                the end the `Answer`. Only the answer is verified: it may lack parts of the text.
                Abandoning the iterator stops the generator.

        Raises:
            QuestionError: the question is empty or too long.
            ConfigError: see `retrieve`.
            ArtefactError: there is no usable index.
            ModelError, HttpError: the generator or the verifier cannot be loaded or reached.
        """
        steps = self._answer(check_question(question), as_filter(where), stream)
        if stream:
            return steps
        (answer,) = steps
        assert isinstance(answer, Answer)
        return answer

    async def aquery(self, question: str, where: Filter | str | None = None) -> Answer:
        """`query` in a thread, so that the event loop goes on."""
        return await asyncio.to_thread(self.query, question, where)

    def query_batch(
        self,
        questions: Iterable[str],
        where: Filter | str | None = None,
        *,
        threads: int = _THREADS,
    ) -> list[Answer]:
        """Answer many questions, several at once; the answers are in the order of the questions.

        A question that cannot be asked (empty, too long) does not stop the others: its answer is a
        refusal with a warning that says why.

        Args:
            where: see `retrieve`.
            threads: how many at once.

        Raises:
            As `query`, but no QuestionError.
        """
        if isinstance(questions, str):
            raise ConfigError("query_batch takes a list of questions; query takes a single one")
        if threads < 1:
            raise ConfigError(f"threads={threads} cannot be used: give 1 or more")

        def ask(question: str) -> Answer:
            try:
                return self.query(question, where)
            except QuestionError as error:
                return replace(refusal(str(question), 0.0, ()), warnings=(str(error),))

        with ThreadPoolExecutor(threads, "medrag-query") as pool:
            waiting = [pool.submit(ask, question) for question in questions]
            try:
                return [one.result() for one in waiting]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def draft(self, question: str, hits: Sequence[Hit] | None = None) -> Draft:
        """What would be answered whatever the confidence: for evaluation and calibration.

        Args:
            hits: answer from these, best first, instead of searching.

        Raises:
            As `query`.
        """
        question = check_question(question)
        steps = self._answerer().steps(question, None, stream=False, least=0.0, given=hits)
        *_, draft = steps
        assert isinstance(draft, Draft)
        return draft

    def warmup(self) -> None:
        """Open the index and load every model now, so that the first question is a fast one.

        Raises:
            As `query`.
        """
        # A text of the index is a question that surely brings something to read. A chat model that
        # was passed in, or is paid for each request, is not asked.
        question = check_question(next(self.index.texts())[:200])
        is_free = self.config.generator.kind != GeneratorKind.openai
        least = 0.0 if is_free and self._shared_generator is None else 2.0
        for _ in self._answerer().steps(question, None, stream=False, least=least):
            pass

    def refresh(self) -> bool:
        """Open the index again if a newer generation or calibration is there; tells whether.

        With `index.follow`, this is done before every question.
        """
        with self._lock:
            is_old = self._opened is not None and not (
                self._opened.index.is_current() and self._calibrated == self._calibration_stamp()
            )
        if is_old:
            self._close_index()
        return is_old

    def stats(self) -> PipelineStats:
        """What this pipeline answers from, and how it has gone so far.

        Raises:
            ArtefactError: there is no usable index.
        """
        index = self.index
        _, is_calibrated = self.calibration
        with self._lock:
            counts = dict(self._counts)
            times = {name: sorted(times) for name, times in self._times.items()}
        return PipelineStats(
            index=index.location,
            generation=index.generation,
            documents=index.counts.documents,
            chunks=index.counts.chunks,
            embedder=self._embedder.name,
            generator=self.generator_name,
            calibrated=is_calibrated,
            questions=counts.get("questions", 0),
            repeated=counts.get("repeated", 0),
            abstained=counts.get("abstained", 0),
            retrieve_ms=_milliseconds(times["retrieve"], 0.5),
            query_ms=_milliseconds(times["query"], 0.5),
            query_ms_p95=_milliseconds(times["query"], 0.95),
        )

    @property
    def threshold(self) -> float:
        """The confidence from which on an answer is shown, 0..1.

        Raises:
            ConfigError: `grounding.target_risk` is set, and no threshold keeps that risk, or
                nothing is known about the risk of this embedder and reader.
        """
        target = self.config.grounding.target_risk
        if not target:
            return self.config.grounding.min_confidence
        calibration, is_own = self.calibration
        threshold = calibration.threshold(target) if is_own else None
        if threshold is None:
            why = (
                f"the lowest risk on {calibration.questions} is {calibration.least_risk():.2f}"
                if is_own
                else "the confidence is not calibrated for this embedder and reader"
            )
            raise ConfigError(
                f"grounding.target_risk={target} cannot be used: {why}; give a higher one, or "
                "calibrate on (more of) your own questions: python -m medrag.evaluate "
                "evaluation.calibrate=true evaluation.questions=FILE"
            )
        return threshold

    def _answer(self, question: str, where: Filter | None, stream: bool) -> Iterator[str | Answer]:
        """Yield the pieces of the reply, if they are streamed, and then the answer."""
        started = time.perf_counter()
        answerer = self._answerer()
        index = answerer.retriever.index
        # One that was passed in may write something else each time.
        remembers = self._shared_generator is None and self.config.cache.answers > 0
        made_of = index.fingerprint, index.generation, self._calibrated, repr(self.config)
        key = (question, where, *made_of)
        with self._lock:
            self._counts["questions"] += 1
            known = self._answers.get(key)
            if known is not None:
                self._answers.move_to_end(key)
                self._counts["repeated"] += 1
                self._counts["abstained"] += known.abstained
        if known is not None:
            if stream:
                yield known.answer
            yield known
            return
        threshold = self.threshold
        for step in answerer.steps(question, where, stream, threshold):
            if isinstance(step, str):
                yield step
                continue
            answer = step.answer
            if not answer.abstained and answer.confidence < threshold:
                held_back = (
                    f"an answer was held back, because {answer.confidence:.2f} is below the "
                    f"threshold of {threshold:.2f}"
                )
                answer = replace(
                    refusal(question, answer.confidence, answer.hits),
                    warnings=(*answer.warnings, held_back),
                )
            with self._lock:
                self._counts["abstained"] += answer.abstained
                self._times["retrieve"].append(step.retrieve_ms / 1000)
                self._times["query"].append(time.perf_counter() - started)
                if remembers:
                    self._answers[key] = answer
                    if len(self._answers) > self.config.cache.answers:
                        self._answers.popitem(last=False)
            yield answer

    def _answerer(self) -> Answerer:
        """What answers one question, to its end from one generation of the index."""
        retriever = self._retriever()
        calibration, _ = self.calibration
        return Answerer(
            self.config,
            self._embedder,
            retriever,
            self._sentences,
            self._reader,
            self._verifier,
            calibration,
            lambda: self.generator,
        )

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
        if self.config.index.follow:
            self.refresh()
        made_of = repr((self.config.index, self.config.retriever))
        with self._lock:
            is_changed = self._opened is not None and self._made_of != made_of
        if is_changed:
            self._close_index()
        with self._lock:
            if self._opened is None:
                self._made_of, self._calibrated = made_of, self._calibration_stamp()
                index = open_index(self.config.index)
                try:
                    check_embedder(index, self._embedder)
                except BaseException:
                    index.close()
                    raise
                self._opened = Retriever(index, self._embedder, self.config.retriever)
            return self._opened

    def _calibration_stamp(self) -> int:
        """Changes when calibrations are kept with the index; 0 if there are none."""
        try:
            return (Path(self.config.index.dir) / CALIBRATIONS).stat().st_mtime_ns
        except OSError:
            return 0

    def _close_index(self) -> None:
        """Let the next query open the index again; queries under way keep theirs open."""
        with self._lock:
            retriever, self._opened = self._opened, None
            self._calibration = None  # it is kept with the index
        del retriever  # outside the lock, because the last reference closes the files

    @property
    def calibration(self) -> tuple[Calibration, bool]:
        """What makes a confidence of the signals, and whether it belongs to this reader.

        Raises:
            ArtefactError: there is no usable index.
            ConfigError: the calibration that is kept with the index cannot be read.
        """
        self._retriever()
        with self._lock:
            if self._calibration is None:
                key = calibration_key(self.config, self._embedder.fingerprint, self.generator_name)
                own = load_calibration(Path(self.config.index.dir), key)
                if own is None and not self._warned:
                    self._warned = True
                    _log.warning(
                        "confidence is calibrated for the packaged MiniLM and the default "
                        "settings, not for %s with these: the pipeline may answer or abstain too "
                        "often. Calibrate it on your questions: python -m medrag.evaluate "
                        "evaluation.calibrate=true evaluation.questions=FILE",
                        self._embedder.name,
                    )
                self._calibration = own or packaged(self._reader is not None), own is not None
            return self._calibration


def _milliseconds(times: Sequence[float], share: float) -> float:
    """The time that a share of sorted times in seconds do not exceed; 0.0 if there are none."""
    return round(1000 * times[min(len(times) - 1, int(share * len(times)))], 2) if times else 0.0
