"""One question from its search to a checked draft: retrieve, weigh, write, ground, rate."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from .config import PipelineConfig
from .embedding import Embedder
from .generation import Generator
from .generation.prompts import REFUSAL, Prompt, Reply, build_prompt, without_markers
from .grounding import check_support, ground
from .grounding.calibration import Calibration
from .grounding.contradictions import find_contradictions
from .grounding.details import missing_details, other_subject
from .grounding.evidence import SentenceVectors, is_retracted, weigh
from .grounding.signals import best_after, signals_after, signals_before
from .grounding.stance import stance
from .grounding.statements import parse_reply
from .grounding.verifier import EntailmentVerifier
from .retrieval import MAX_QUESTION, Retriever
from .retrieval.pairs import CrossEncoder
from .stores import Filter
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


@dataclass(frozen=True, slots=True)
class Answerer:
    """What answers questions from one opened index.

    Attributes:
        reader: reads the best candidates with the question; None for rules alone.
        verifier: judges statements after the rules; None for rules alone.
        open_generator: gives the generator, which is loaded at the first call.
    """

    config: PipelineConfig
    embedder: Embedder
    retriever: Retriever
    sentences: SentenceVectors
    reader: CrossEncoder | None
    verifier: EntailmentVerifier | None
    calibration: Calibration
    open_generator: Callable[[], Generator]

    def steps(
        self,
        question: str,
        where: Filter | None,
        stream: bool,
        least: float,
        given: Sequence[Hit] | None = None,
    ) -> Iterator[str | Draft]:
        """Yield the pieces of the reply, if they are streamed, and then the draft.

        Args:
            least: the confidence below which no reply is worth writing.
            given: answer from these hits, best first, instead of searching.
        """
        retriever, calibration = self.retriever, self.calibration
        started = time.perf_counter()
        hits = retriever.retrieve(question, where=where) if given is None else given
        retrieve_ms = 1000 * (time.perf_counter() - started)
        asked = question
        # What was found is weighed against what was searched: a name as the index writes it.
        texts = [f"{hit.title} {hit.section} {hit.text}" for hit in hits]
        question, named = retriever.wording_of(asked).as_named_in(texts)
        vector = retriever.query_vector(question)
        evidence = weigh(question, vector, hits, self.sentences, retriever.rarity, self.reader)
        before = signals_before(question, hits, evidence)
        best = best_after(question, hits, retriever.rarity, calibration.weight)
        possible = calibration.probability({**before, **best})
        warnings = self._warnings(asked, named, hits, before, where)
        generator = self.open_generator() if evidence else None
        # A model is not asked to write what could not be shown. To quote costs nothing.
        if generator is None or (generator.reads_messages and possible < least):
            sure = possible if evidence else 0.0
            answer = replace(refusal(asked, sure, hits), warnings=warnings)
            yield Draft(answer, before, retrieve_ms)
            return
        prompt = self._prompt_for(generator, question, hits, evidence)
        if stream:
            reply = yield from generator.stream(prompt)
        else:
            reply = generator.generate(prompt)
        answer = self._grounded(prompt, reply, hits, where)
        after = signals_after(question, answer, retriever.rarity)
        certainty = calibration.probability({**before, **after})
        if answer.contradicting:
            certainty = min(certainty, _EVEN)
        answer = replace(
            answer,
            question=asked,
            confidence=certainty,
            warnings=(*warnings, *answer.warnings),
        )
        yield Draft(answer, {**before, **after}, retrieve_ms)

    def _grounded(
        self, prompt: Prompt, reply: Reply, hits: Sequence[Hit], where: Filter | None
    ) -> Answer:
        """The answer that a reply makes, once each statement is checked; its confidence is 0."""
        question, config = prompt.question, self.config.grounding
        quotes = (text for item in prompt.evidence for text in (item.lead, item.text))
        verbatim = {without_markers(text) for text in quotes}
        parsed = parse_reply(reply, len(prompt.contexts), verbatim)
        check = self.verifier or check_support
        grounded = ground(
            parsed.statements, prompt.contexts, config.min_support, check, config.keep_unsupported
        )
        sentences = grounded.sentences + parsed.removed
        stray = parsed.stray_markers
        if not grounded.citations:
            return replace(refusal(question, 0.0, hits, sentences), stray_markers=stray)
        sources = tuple(
            replace(source, page=self.retriever.index.page_at(source.document, source.start))
            for source in grounded.citations
        )
        supported = [one.text for one in sentences if one.supported]
        headings = " · ".join(_headings(source, hits) for source in sources)
        if other := other_subject(question, supported, headings):
            said = f"what was found is about something else, not about {other}"
            refused = refusal(question, 0.0, hits, sentences)
            return replace(refused, stray_markers=stray, warnings=(said,))
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
                sentences, self._opposing(supported, hits, where), sources
            ),
        )

    def _opposing(
        self, statements: Sequence[str], hits: Sequence[Hit], where: Filter | None
    ) -> list[Hit]:
        """Passages that may say otherwise: those of the question, and those near a statement."""
        found = {hit.chunk_id: hit for hit in hits}
        for text in statements:
            for hit in self.retriever.retrieve(text[:MAX_QUESTION], _OPPOSING, where):
                found.setdefault(hit.chunk_id, hit)
        return [hit for hit in found.values() if not is_retracted(hit)]

    def _warnings(
        self,
        question: str,
        named: Sequence[tuple[str, str]],
        hits: Sequence[Hit],
        before: Mapping[str, float],
        where: Filter | None,
    ) -> tuple[str, ...]:
        found = []
        tokens, limit = self.embedder.count_tokens(question), self.embedder.max_tokens
        if tokens > limit:
            found.append(
                f"the question has {tokens} tokens; the search by meaning read the first {limit}"
            )
        found += [
            f"read “{written}” as “{read}”"
            for written, read in (*self.retriever.wording_of(question).changes, *named)
        ]
        found += [
            f"no document has “{written}”; “{read}” was searched, and may be something else"
            for written, read in self.retriever.wording_of(question).guesses
        ]
        if not hits and (where or self.config.retriever.filter):
            found.append("nothing was found that passes the filter")
        if self.calibration.is_unlike(before):
            found.append(
                f"the question is unlike those that the confidence was calibrated on "
                f"({self.calibration.questions})"
            )
        retracted = dict.fromkeys(hit.title or hit.document for hit in hits if is_retracted(hit))
        if retracted:
            found.append(f"not used, because it is retracted: {'; '.join(retracted)}")
        return tuple(found)

    def _prompt_for(
        self,
        generator: Generator,
        question: str,
        hits: Sequence[Hit],
        evidence: Sequence[Evidence],
    ) -> Prompt:
        if not generator.reads_messages:
            return Prompt(question, tuple(hits), [], evidence=tuple(evidence))
        budget = self.config.generator.context_tokens
        prompt = build_prompt(question, hits, budget, self.embedder.count_tokens)
        if prompt.left_out:
            _log.warning(
                "%d of %d passages did not fit generator.context_tokens=%d and were left out",
                prompt.left_out,
                len(hits),
                budget,
            )
        return replace(prompt, evidence=tuple(evidence))


def _headings(source: Citation, hits: Sequence[Hit]) -> str:
    """What a source stands under: title, sections, and the header of its table."""
    headers = (
        hit.header
        for hit in hits
        if hit.document == source.document and hit.start <= source.start < hit.end
    )
    return " · ".join((source.title, source.section, next(headers, "")))


def refusal(
    question: str,
    certainty: float,
    hits: Sequence[Hit],
    sentences: tuple[AnswerSentence, ...] = (),
) -> Answer:
    """The answer that the documents do not contain one."""
    return Answer(question, REFUSAL, True, certainty, (), tuple(hits), sentences)
