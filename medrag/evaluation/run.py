"""Ask every question of a set and measure retrieval, answers and abstention."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..dataset.questions import DocumentNames
from ..metrics import (
    area_under_risk_coverage,
    ndcg_at_k,
    recall_at_k,
    reciprocal_rank,
    risk_coverage,
    token_f1,
)
from ..pipeline import RAGPipeline
from ..types import Answer, Example


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened to one question.

    Attributes:
        gold: ids of the documents that hold the answer and are in the index.
        ranked: documents in the order their best chunk was ranked, without repeats.
        answer: None when answers were not asked for.
        resolved: citations whose span stands in the cleaned text exactly as quoted.
    """

    example: Example
    gold: tuple[str, ...]
    ranked: tuple[str, ...]
    answer: Answer
    resolved: int

    @property
    def f1(self) -> float:
        """Token F1 of the answer against the reference; 0 when abstained."""
        return (
            0.0 if self.answer.abstained else token_f1(_unmarked(self.answer), self.example.answer)
        )

    @property
    def right(self) -> bool:
        """True when it was answerable and the answer cites a document that holds the answer."""
        cited = {source.document for source in self.answer.sources}
        return self.example.answerable and bool(cited.intersection(self.gold))


def run_questions(
    rag: RAGPipeline,
    examples: Sequence[Example],
    depth: int,
    advance: Callable[[float], None],
) -> list[Outcome]:
    """Ask each question once.

    Args:
        depth: how many chunks are ranked for the retrieval metrics.
        advance: called with 1 after each question.
    """
    names = DocumentNames(rag.index.snapshot)
    outcomes = []
    for example in examples:
        hits = rag.retrieve(example.question, depth)
        answer = rag.query(example.question)
        resolved = 0
        for source in answer.sources:
            text = rag.index.snapshot.document_text(source.document) or ""
            resolved += text[source.start : source.end] == source.text
        outcomes.append(
            Outcome(
                example=example,
                gold=tuple(names.resolve(example.documents)),
                ranked=tuple(dict.fromkeys(hit.document for hit in hits)),
                answer=answer,
                resolved=resolved,
            )
        )
        advance(1)
    return outcomes


def summarise(outcomes: Sequence[Outcome], ks: Sequence[int]) -> dict[str, Any]:
    """The metrics of a run, as plain numbers; None where there was nothing to measure.

    Retrieval is measured over the questions whose gold documents are known and in the index.
    `abstention_precision` is the share of refusals that were right, `abstention_recall` the share
    of unanswerable questions that were refused. Risk is the share of answers that cite no
    document holding the answer; any answer to an unanswerable question counts as wrong. Questions
    whose gold documents are not known cannot be judged so, and are counted in `gold_unknown`.
    """
    placed = [outcome for outcome in outcomes if outcome.gold]
    answerable = [outcome for outcome in outcomes if outcome.example.answerable]
    unanswerable = [outcome for outcome in outcomes if not outcome.example.answerable]
    answered = [outcome for outcome in outcomes if not outcome.answer.abstained]
    refused = [outcome for outcome in outcomes if outcome.answer.abstained]
    judged = [outcome for outcome in outcomes if outcome.gold or not outcome.example.answerable]
    citations = sum(len(outcome.answer.sources) for outcome in outcomes)
    curve = risk_coverage(
        [outcome.answer.confidence for outcome in judged],
        [float(_would_be_right(outcome)) for outcome in judged],
    )
    return {
        "retrieval": {
            "questions": len(placed),
            **{f"recall@{k}": _mean(recall_at_k(o.ranked, o.gold, k) for o in placed) for k in ks},
            "mrr": _mean(reciprocal_rank(o.ranked, o.gold) for o in placed),
            "ndcg@10": _mean(ndcg_at_k(o.ranked, o.gold, 10) for o in placed),
        },
        "answers": {
            "questions": len(outcomes),
            "answerable": len(answerable),
            "answered": len(answered),
            "token_f1": _mean(o.f1 for o in answerable if o.example.answer),
            "token_f1_when_answered": _mean(
                o.f1 for o in answerable if o.example.answer and not o.answer.abstained
            ),
            "gold_unknown": len(outcomes) - len(judged),
            "right_document_when_answered": _mean(
                float(o.right) for o in judged if not o.answer.abstained
            ),
            "coverage": len(answered) / len(outcomes) if outcomes else None,
            "abstention_precision": _mean(float(not o.example.answerable) for o in refused),
            "abstention_recall": _mean(float(o.answer.abstained) for o in unanswerable),
            "citations": citations,
            "citations_resolved": sum(o.resolved for o in outcomes),
            "unsupported_statements": sum(len(o.answer.unsupported) for o in outcomes),
            "area_under_risk_coverage": area_under_risk_coverage(curve),
        },
        "risk_coverage": [list(point) for point in curve],
    }


def _would_be_right(outcome: Outcome) -> bool:
    """Whether answering was, or would have been, right: for refusals the first hit decides."""
    if outcome.answer.sources:
        return outcome.right
    first = outcome.ranked[0] if outcome.ranked else ""
    return outcome.example.answerable and first in outcome.gold


def _unmarked(answer: Answer) -> str:
    text = answer.answer
    for source in answer.sources:
        text = text.replace(f" [{source.marker}]", "")
    return text


def _mean(values: Any) -> float | None:
    numbers = list(values)
    return sum(numbers) / len(numbers) if numbers else None
