"""Ask a question, judge what comes out, and say whose fault a failure is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from typing import Any

from ..generation.prompts import REFUSAL, without_markers
from ..stores import IndexReader
from ..types import Answer, Citation, Example, Hit
from .judgement import Basis, Verdict, judge
from .measures import Context, measure
from .records import Blame, Record
from .systems import Answers

_SOURCE = ("marker", "document", "title", "start", "end", "page", "section", "text")
_HIT = ("document", "title", "start", "end", "score", "text")
_REFUSED = Verdict(True, Basis.unanswerable, "rightly refused: no document answers the question")


def ask(
    system: str,
    answers: Answers,
    index: IndexReader,
    example: Example,
    gold: Sequence[str],
    ks: Sequence[int],
) -> Record:
    """Ask one question, and record everything about it.

    Args:
        gold: ids of the documents that answer it and are in the index.
        ks: cut-offs of recall@k.
    """
    started = time.perf_counter()
    draft = answers.draft(example.question)
    query_ms = 1000 * (time.perf_counter() - started)
    answer = draft.answer
    # Five chunks a document are enough for a ranking of documents.
    deep = answers.retrieve(example.question, 5 * max(10, *ks))
    ranked = None if deep is None else _ranked(deep)
    shown = not answer.abstained and answer.confidence >= answers.threshold
    verdict = judge(example, answer)
    told = verdict if shown else _of_refusal(example, verdict)
    order = None if ranked is None else [name for name, _ in ranked]
    context = Context(example, gold, order, shown, verdict, ks)
    spent = {"query": round(query_ms, 2)}
    if ranked is not None:
        spent["retrieve"] = round(draft.retrieve_ms, 2)
    return Record(
        system=system,
        id=example.id,
        question=example.question,
        kind=example.kind.value,
        reference=example.answer,
        exact="; ".join(" / ".join(names) for names in example.exact),
        answerable=example.answerable,
        gold=list(gold),
        answer=answer.answer if shown else REFUSAL,
        draft="" if answer.abstained else answer.answer,
        shown=shown,
        status=answer.status.value if shown else "abstained",
        confidence=round(0.0 if answer.abstained else answer.confidence, 6),
        threshold=answers.threshold,
        right=told.right,
        draft_right=verdict.right,
        basis=told.basis.value,
        why=told.why,
        blame=_blame(example, answer, gold, verdict, shown).value,
        stance=answer.stance,
        missing=list(answer.missing),
        warnings=list(answer.warnings),
        signals={name: round(value, 6) for name, value in draft.signals.items()},
        statements=[asdict(one) for one in answer.sentences],
        sources=[_source(one) for one in answer.sources],
        contradicting=[
            {"statement": one.statement, "reason": one.reason, "source": _source(one.source)}
            for one in answer.contradicting
        ],
        hits=[
            {**{name: getattr(hit, name) for name in _HIT}, "flags": [str(f) for f in hit.flags]}
            for hit in answer.hits
        ],
        ranked=ranked or [],
        documents=_hashes(index, answer),
        values=measure(context, answer, index),
        milliseconds=spent,
    )


def _of_refusal(example: Example, draft: Verdict) -> Verdict:
    """What a refusal is worth; why a draft was wrong stays, because a reader wants to know."""
    if example.answerable is False:
        return _REFUSED
    known = example.answerable is not None and draft.right is not None
    return replace(draft, right=False if known else None)


def _ranked(hits: Sequence[Hit]) -> list[tuple[str, float]]:
    """Documents by their best chunk, without repeats."""
    best: dict[str, float] = {}
    for hit in hits:
        best.setdefault(hit.document, round(hit.score, 6))
    return list(best.items())


def _source(source: Citation) -> dict[str, Any]:
    return {
        **{name: getattr(source, name) for name in _SOURCE},
        "flags": [str(flag) for flag in source.flags],
    }


def _hashes(index: IndexReader, answer: Answer) -> dict[str, str]:
    names = [hit.document for hit in answer.hits]
    names += [one.source.document for one in answer.contradicting]
    return {
        name: sha256((index.document_text(name) or "").encode()).hexdigest()
        for name in dict.fromkeys(names)
    }


def _blame(
    example: Example, answer: Answer, gold: Sequence[str], verdict: Verdict, shown: bool
) -> Blame:
    """Why a question was not dealt with as it should have been."""
    if example.answerable is None or verdict.right is None or (shown and verdict.right):
        return Blame.none
    if not example.answerable:
        return Blame.wrongly_answered if shown else Blame.none
    if not shown and verdict.right:
        return Blame.wrongly_refused
    if gold and not {hit.document for hit in answer.hits} & {*gold}:
        return Blame.not_retrieved
    for text in answer.unsupported:
        alone = Answer(example.question, without_markers(text), False, 0.0, (), answer.hits)
        if judge(example, alone).right:
            return Blame.unsupported
    return Blame.not_used if gold else Blame.wrong
