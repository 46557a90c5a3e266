"""Ask the questions of a set that no model was trained on, and measure what comes out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config import Config
from ..dataset import leaks
from ..dataset.questions import DocumentNames
from ..errors import MismatchError, QuestionError
from ..manifest import MANIFEST, Parent, open_artefact
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


def without_leaks(
    config: Config, examples: list[Example]
) -> tuple[list[Example], dict[str, Parent]]:
    """Leave out the questions that the adapter, retriever or reranker in use was trained on.

    Returns:
        The remaining questions, and the tuned models as parent artefacts.

    Raises:
        ArtefactError: a tuned model or its dataset is missing, so a leak cannot be ruled out.
        MismatchError: the dataset has changed since the model was trained on it.
        QuestionError: every question was seen in training.
    """
    tuned = {"adapter": config.generator.adapter}
    models = {"retriever": config.embedder.model, "reranker": config.retriever.reranker}
    for kind, model in models.items():
        if model and (Path(model) / MANIFEST).is_file():  # else not tuned by medrag
            tuned[kind] = model
    parents: dict[str, Parent] = {}
    train: list[tuple[str, tuple[str, ...]]] = []
    for kind, folder in tuned.items():
        if folder:
            found = open_artefact(Path(folder), kind)
            parents[kind] = Parent(folder, found.fingerprint)
            train += [(question, ()) for question in _trained_on(folder, found.parents["dataset"])]
    seen = set(leaks(train, [(example.question, ()) for example in examples])[0])
    kept = [example for example in examples if example.question not in seen]
    if not kept:
        raise QuestionError(
            f"every question of {config.evaluation.questions} was seen in training; evaluate on "
            f"the dataset's test split: evaluation.questions={config.dataset.dir}/test.jsonl"
        )
    return kept, parents


def _trained_on(model: str, dataset: Parent) -> Iterator[str]:
    """The training questions of the dataset that a model was made from."""
    if open_artefact(Path(dataset.path), "dataset").fingerprint != dataset.fingerprint:
        raise MismatchError(
            f"{model} was trained on another dataset than the one now in {dataset.path}, so its "
            "training questions are unknown; restore that dataset, or run medrag.train again"
        )
    with (Path(dataset.path) / "train.jsonl").open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)["question"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened to one question.

    Attributes:
        gold: ids of the documents that hold the answer and are in the index.
        ranked: ids of documents by their best chunk, without repeats.
        resolved: how many citations quote their span of the cleaned text exactly.
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
        """True when the question was answerable and the answer cites a gold document."""
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
        depth: how many chunks to rank for the retrieval metrics.
        advance: called with 1 after each question.
    """
    names = DocumentNames(rag.index)
    outcomes = []
    for example in examples:
        hits = rag.retrieve(example.question, depth)
        answer = rag.query(example.question)
        resolved = 0
        for source in answer.sources:
            text = rag.index.document_text(source.document) or ""
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
    """The metrics of a run, as plain numbers; None if there was nothing to measure.

    Retrieval is measured over the questions whose gold documents are known and in the index.
    `abstention_precision` is the share of refusals that were right, `abstention_recall` the share
    of unanswerable questions that were refused. Risk is the share of answers that cite no gold
    document; any answer to an unanswerable question counts as wrong. An answerable question without
    a known gold document cannot be judged and is counted in `gold_unknown`.
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
    """Whether the answer was right, or for a refusal, whether the first hit was."""
    if outcome.answer.sources:
        return outcome.right
    first = outcome.ranked[0] if outcome.ranked else ""
    return outcome.example.answerable and first in outcome.gold


def _unmarked(answer: Answer) -> str:
    text = answer.answer
    for source in answer.sources:
        text = text.replace(f" [{source.marker}]", "")
    return text


def _mean(values: Iterable[float]) -> float | None:
    numbers = list(values)
    return sum(numbers) / len(numbers) if numbers else None
