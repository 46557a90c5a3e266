"""`RAGPipeline` answers questions from an index and cites its sources."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Literal, Self, overload

from .config import PipelineConfig
from .embedding import Embedder, open_embedder
from .errors import ConfigError
from .generation import Generator, open_generator
from .generation.prompts import REFUSAL, Prompt, Reply, build_prompt, without_markers
from .grounding import check_support, ground
from .grounding.calibration import Calibration, calibration_key, load_calibration, packaged
from .grounding.contradictions import find_contradictions
from .grounding.details import missing_details, other_subject
from .grounding.evidence import SentenceVectors, is_retracted, weigh
from .grounding.signals import best_after, signals_after, signals_before
from .grounding.stance import stance
from .grounding.statements import parse_reply
from .grounding.verifier import EntailmentVerifier
from .indexing import BuildReport, IndexBuilder, config_from_manifest
from .retrieval import MAX_QUESTION, Retriever, check_question
from .retrieval.cross_encoder import READER
from .retrieval.pairs import CrossEncoder
from .stores import Filter, IndexReader, check_embedder, open_index
from .types import Answer, AnswerSentence, Citation, Evidence, Hit

_EVEN = 0.5  # of two sources that disagree, one at most is right
_OPPOSING = 10  # passages that are searched with each statement, for what says otherwise

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Draft:
    """What would be answered, before it is decided whether it is shown.

    Attributes:
        answer: a refusal only if nothing could be written or nothing of it is supported.
        signals: what its confidence is computed from, by name.
        retrieve_ms: how long the search took, in milliseconds.
    """

    answer: Answer
    signals: Mapping[str, float]
    retrieve_ms: float = 0.0


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
        model = self.config.grounding.reader
        self._reader = CrossEncoder(model, READER) if model else None
        model = self.config.grounding.verifier
        self._verifier = EntailmentVerifier(model) if model else None
        self._calibration: tuple[Calibration, bool] | None = None
        self._warned = False  # that it belongs to another reader

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

    @property
    def generator(self) -> Generator:
        """What writes the answers; the configured one is opened at first use."""
        if self._shared_generator is not None:
            return self._shared_generator
        with self._lock:
            if self._generator is None:
                self._generator = open_generator(self.config.generator)
            return self._generator

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
        return self._retriever().retrieve(question, k, where)

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

    def draft(self, question: str) -> Draft:
        """What would be answered whatever the confidence: for evaluation and calibration.

        Raises:
            As `query`.
        """
        *_, draft = self._steps(check_question(question), stream=False, least=0.0)
        assert isinstance(draft, Draft)
        return draft

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

    def _answer(self, question: str, stream: bool) -> Iterator[str | Answer]:
        """Yield the pieces of the reply, if they are streamed, and then the answer."""
        threshold = self.threshold
        for step in self._steps(question, stream, threshold):
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
                    _refusal(question, answer.confidence, answer.hits),
                    warnings=(*answer.warnings, held_back),
                )
            yield answer

    def _steps(self, question: str, stream: bool, least: float) -> Iterator[str | Draft]:
        """Yield the pieces of the reply, if they are streamed, and then the draft.

        Args:
            least: the confidence below which no reply is worth writing.
        """
        retriever = self._retriever()
        started = time.perf_counter()
        hits = retriever.retrieve(question)
        retrieve_ms = 1000 * (time.perf_counter() - started)
        vector = retriever.query_vector(question)
        evidence = weigh(question, vector, hits, self._sentences, retriever.rarity, self._reader)
        before = signals_before(question, hits, evidence)
        calibration, _ = self.calibration
        best = best_after(question, hits, retriever.rarity, calibration.weight)
        possible = calibration.probability({**before, **best})
        warnings = self._warnings(question, hits, calibration, before)
        generator = self.generator if evidence else None
        # A model is not asked to write what could not be shown. To quote costs nothing.
        if generator is None or (generator.reads_messages and possible < least):
            sure = possible if evidence else 0.0
            answer = replace(_refusal(question, sure, hits), warnings=warnings)
            yield Draft(answer, before, retrieve_ms)
            return
        prompt = self._prompt_for(generator, question, hits, evidence)
        if stream:
            reply = yield from generator.stream(prompt)
        else:
            reply = generator.generate(prompt)
        answer = self._grounded(retriever, prompt, reply, hits)
        after = signals_after(question, answer, retriever.rarity)
        certainty = calibration.probability({**before, **after})
        if answer.contradicting:
            certainty = min(certainty, _EVEN)
        answer = replace(answer, confidence=certainty, warnings=(*warnings, *answer.warnings))
        yield Draft(answer, {**before, **after}, retrieve_ms)

    def _grounded(
        self, retriever: Retriever, prompt: Prompt, reply: Reply, hits: Sequence[Hit]
    ) -> Answer:
        """The answer that a reply makes, once each statement is checked; its confidence is 0."""
        question, config = prompt.question, self.config.grounding
        quotes = (text for item in prompt.evidence for text in (item.lead, item.text))
        verbatim = {without_markers(text) for text in quotes}
        parsed = parse_reply(reply, len(prompt.contexts), verbatim)
        check = self._verifier or check_support
        grounded = ground(
            parsed.statements, hits, config.min_support, check, config.keep_unsupported
        )
        sentences = grounded.sentences + parsed.removed
        stray = parsed.stray_markers
        if not grounded.citations:
            return replace(_refusal(question, 0.0, hits, sentences), stray_markers=stray)
        sources = tuple(
            replace(source, page=retriever.index.page_at(source.document, source.start))
            for source in grounded.citations
        )
        supported = [one.text for one in sentences if one.supported]
        headings = " · ".join(_headings(source, hits) for source in sources)
        if other := other_subject(question, supported, headings):
            refusal = _refusal(question, 0.0, hits, sentences)
            said = f"what was found is about something else, not about {other}"
            return replace(refusal, stray_markers=stray, warnings=(said,))
        return Answer(
            question=question,
            answer=grounded.text,
            abstained=False,
            confidence=0.0,
            sources=sources,
            hits=tuple(hits),
            sentences=sentences,
            stance=stance(question, supported),
            stray_markers=stray,
            missing=missing_details(question, supported, headings),
            contradicting=find_contradictions(
                sentences, _opposing(retriever, supported, hits), sources
            ),
        )

    def _warnings(
        self,
        question: str,
        hits: Sequence[Hit],
        calibration: Calibration,
        before: Mapping[str, float],
    ) -> tuple[str, ...]:
        found = []
        tokens, limit = self._embedder.count_tokens(question), self._embedder.max_tokens
        if tokens > limit:
            found.append(
                f"the question has {tokens} tokens; the search by meaning read the first {limit}"
            )
        if calibration.is_unlike(before):
            found.append(
                f"the question is unlike those that the confidence was calibrated on "
                f"({calibration.questions})"
            )
        retracted = dict.fromkeys(hit.title or hit.document for hit in hits if is_retracted(hit))
        if retracted:
            found.append(f"not used, because it is retracted: {'; '.join(retracted)}")
        return tuple(found)

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
            self._calibration = None  # it is kept with the index
        del retriever  # outside the lock, because the last reference closes the files

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


def _headings(source: Citation, hits: Sequence[Hit]) -> str:
    """What a source stands under: title, sections, and the header of its table."""
    headers = (
        hit.header
        for hit in hits
        if hit.document == source.document and hit.start <= source.start < hit.end
    )
    return " · ".join((source.title, source.section, next(headers, "")))


def _opposing(retriever: Retriever, statements: Sequence[str], hits: Sequence[Hit]) -> list[Hit]:
    """Passages that may say otherwise: those of the question, and those near a statement."""
    found = {hit.chunk_id: hit for hit in hits}
    for text in statements:
        for hit in retriever.retrieve(text[:MAX_QUESTION], _OPPOSING):
            found.setdefault(hit.chunk_id, hit)
    return [hit for hit in found.values() if not is_retracted(hit)]


def _refusal(
    question: str,
    certainty: float,
    hits: Sequence[Hit],
    sentences: tuple[AnswerSentence, ...] = (),
) -> Answer:
    return Answer(question, REFUSAL, True, certainty, (), tuple(hits), sentences)
