"""The measures of one question: of its ranking, its answer, its citations and its refusal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..grounding import check_support
from ..metrics import retrieval_measures, rouge_l, token_f1
from ..stores import IndexReader
from ..types import Answer, AnswerStatus, Citation, Example, QuestionKind
from .judgement import Verdict, holds_nugget, statements

_FULL, _PARTIAL = 1.0, 0.5  # TREC's weights of citations


@dataclass(frozen=True, slots=True)
class Context:
    """What the measures of a question need beside the answer.

    Attributes:
        ranked: names of documents, best first, without repeats; None if nothing was searched.
        shown: whether the answer is shown, not refused.
        ks: cut-offs of recall@k.
    """

    example: Example
    gold: Sequence[str]
    ranked: Sequence[str] | None
    shown: bool
    verdict: Verdict
    ks: Sequence[int]


def measure(context: Context, answer: Answer, index: IndexReader) -> dict[str, float]:
    """Every measure that applies, by "section/name", in [0, 1]."""
    found = dict(_of_answer(context, answer))
    if context.gold and context.ranked is not None:
        of_ranking = retrieval_measures(context.ranked, context.gold, context.ks)
        found |= {f"retrieval/{name}": value for name, value in of_ranking.items()}
    if context.shown:
        found |= dict(_of_citations(answer, index))
    return found


def _of_answer(context: Context, answer: Answer) -> Iterator[tuple[str, float]]:
    """An answerable question that is refused counts as answered wrongly."""
    example, verdict, shown = context.example, context.verdict, context.shown
    if example.answerable is not None:
        # The share of refusals that were right, and of unanswerable questions that were refused.
        if not shown:
            yield "abstention/precision", float(not example.answerable)
        if not example.answerable:
            yield "abstention/recall", float(not shown)
    yield "answers/coverage", float(shown)
    if verdict.right is None:
        return
    if shown:
        yield "answers/right_when_answered", float(verdict.right)
    if not example.answerable:
        return
    yield "answers/right", float(shown and verdict.right)
    score = verdict.score if shown else 0.0
    yield "answers/score", score
    if example.kind is QuestionKind.yes_no and example.exact:
        yield "answers/yes_no", float(shown and verdict.right)
    elif example.kind is QuestionKind.factoid and example.exact:
        yield "answers/exact", float(shown and verdict.right)
    elif example.kind is QuestionKind.several and example.exact:
        yield "answers/items_recall", score
    said = " ".join(statements(answer)) if shown else ""
    if example.nuggets:
        held = [holds_nugget(nugget, statements(answer)) for nugget in example.nuggets]
        yield "answers/nugget_recall", sum(held) / len(held) if shown else 0.0
    references = [text for text in (example.answer, *example.alternatives) if text]
    if references:
        yield "answers/token_f1", max(token_f1(said, text) if said else 0.0 for text in references)
        yield "answers/rouge_l", max(rouge_l(said, text) for text in references)


def _of_citations(answer: Answer, index: IndexReader) -> Iterator[tuple[str, float]]:
    """How well citations support what cites them; 1 for full support, 0.5 for partial (TREC).

    Precision is over citations, recall over statements, each by its best citation. The judge is the
    same support check that removes statements, so this finds missing and loose citations, not
    errors of the check itself.
    """
    sources = {source.marker: source for source in answer.sources}
    kept = [one for one in answer.sentences if one.supported]
    weights = [
        [_weight(one.text, sources[marker]) for marker in one.citations if marker in sources]
        for one in kept
    ]
    every = [weight for some in weights for weight in some]
    if every:
        yield "citations/precision", sum(every) / len(every)
    if kept or not answer.sentences:
        best = [max(some, default=0.0) for some in weights]
        yield "citations/recall", sum(best) / len(best) if best else 0.0
    if answer.sentences:
        yield "citations/supported", len(kept) / len(answer.sentences)
    yield "citations/contradicted", float(answer.status is AnswerStatus.conflict)
    if answer.sources:
        quoted = [_quotes(source, index) for source in answer.sources]
        yield "citations/resolved", sum(quoted) / len(quoted)


def _weight(statement: str, source: Citation) -> float:
    support = check_support(statement, source.text, title=source.title, section=source.section)
    if support.supported:
        return _FULL
    return _PARTIAL if support.score > 0.0 else 0.0


def _quotes(source: Citation, index: IndexReader) -> bool:
    """Whether a citation quotes its span of the cleaned text exactly."""
    text = index.document_text(source.document) or ""
    return text[source.start : source.end] == source.text
