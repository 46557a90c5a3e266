"""Held-out rows of a dataset, answered by several systems: who cites, quotes and abstains right.

Each system reads the same passages, in the prompt of the row. Nothing is searched, and nothing is
corrected: the figures say what a model writes by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import Any, Protocol, Self

from rich.table import Table

from ..generation.hf import TOGETHER
from ..generation.prompts import REFUSAL, Prompt, Reply
from ..grounding import check_support
from ..grounding.candidates import has_verb
from ..grounding.statements import parse_reply, parse_statements
from ..metrics import token_f1
from ..pipeline import RAGPipeline
from ..statistics import Bootstrap, Figure
from ..text.words import terms
from ..types import Hit, Statement

Row = Mapping[str, Any]  # of a dataset; see `medrag.dataset.rows.Row`

_SUPPORTED = 0.5  # of `Support.score`, the default of `grounding.min_support`
_RESAMPLES = 1000
_SEARCHED = 50  # hits whose order the reader takes over
_JUDGED = ("oracle", "withheld", "unanswerable")  # variants with a label that can be judged


@dataclass(frozen=True, slots=True)
class Said:
    """What a system replied to a row.

    Attributes:
        statements: empty if it refused; they cite passages of the row, from 1.
        support: how well the cited passages bear out the weakest statement, 0..1; 0 if it refused.
    """

    text: str
    statements: tuple[Statement, ...]
    support: float


@dataclass(frozen=True, slots=True)
class Scores:
    """How a system did on held-out rows; shares of 0..1 with 95 % intervals.

    Attributes:
        right_citation: of the rows that hold an answer, those whose first marker is the oracle's.
        token_f1: mean over these rows, against the label; a refusal counts 0.
        supported: of these rows, those whose every statement its cited passages bear out.
        false_refusals: of these rows, those that were refused.
        abstained: of the rows without an answer, those that were refused.
    """

    right_citation: Figure
    token_f1: Figure
    supported: Figure
    false_refusals: Figure
    abstained: Figure

    @classmethod
    def read(cls, figures: Mapping[str, Mapping[str, Any]]) -> Self:
        """The scores that `dataclasses.asdict` has made plain values."""
        return cls(**{name: Figure(**figure) for name, figure in figures.items()})


System = Callable[[Sequence[Row]], Iterable[Said]]  # replies in the order of the rows

MEASURES = {
    "right_citation": "right citation",
    "token_f1": "token F1",
    "supported": "all supported",
    "false_refusals": "false refusals",
    "abstained": "abstains",
}


def scores_table(scores: Mapping[str, Scores]) -> Table:
    """Systems and their scores, for the terminal; intervals are in the model card."""
    some = next(iter(scores.values()))
    table = Table(
        title=f"{some.right_citation.n} held-out rows with an answer, {some.abstained.n} without",
        title_justify="left",
    )
    table.add_column("")
    for name in scores:
        table.add_column(name, justify="right")
    for measure, label in MEASURES.items():
        figures = [getattr(one, measure).value for one in scores.values()]
        table.add_row(label, *("–" if value is None else f"{value:.2f}" for value in figures))
    return table


def choose(rows: Iterable[Row], limit: int) -> list[Row]:
    """At most `limit` rows with a label, drawn by a hash of their ids, in their order."""
    judged = [row for row in rows if row["variant"] in _JUDGED]
    drawn = sorted(judged, key=lambda row: sha256(row["id"].encode()).digest())[:limit]
    kept = {row["id"] for row in drawn}
    return [row for row in judged if row["id"] in kept]


def ask_all(
    rows: Sequence[Row], systems: Mapping[str, System], advance: Callable[[float], None]
) -> dict[str, list[Said]]:
    """The replies of each system, in the order of the rows; `advance` is told how many came."""
    replies: dict[str, list[Said]] = {}
    for name, answer in systems.items():
        replies[name] = []
        said = iter(answer(rows))
        # Counted one by one, the first of a batch would seem to have taken the time of all.
        while some := [*islice(said, TOGETHER)]:
            replies[name] += some
            advance(len(some))
    return replies


def score(rows: Sequence[Row], replies: Sequence[Said]) -> Scores:
    """The scores of one system's replies, in the order of the rows."""
    held: dict[str, dict[str, float]] = {
        name: {} for name in ("right_citation", "token_f1", "supported", "false_refusals")
    }
    abstained: dict[str, float] = {}
    for row, said in zip(rows, replies, strict=True):
        id_, refused = row["id"], not said.statements
        if not row["oracle"]:
            abstained[id_] = float(refused)
            continue
        first = next((number for one in said.statements for number in one.cited), 0)
        label = " ".join(one.text for one in parse_statements(row["completion"][0]["content"]))
        text = " ".join(one.text for one in said.statements)
        held["right_citation"][id_] = float(first == row["oracle"])
        held["token_f1"][id_] = token_f1(text, label)
        held["supported"][id_] = float(said.support >= _SUPPORTED)
        held["false_refusals"][id_] = float(refused)
    bootstrap = Bootstrap([row["id"] for row in rows], _RESAMPLES)
    means = {name: bootstrap.mean(values) for name, values in held.items()}
    return Scores(**means, abstained=bootstrap.mean(abstained))


class _Model(Protocol):
    def generate_all(self, prompts: Sequence[Prompt]) -> Iterator[Reply]: ...


def model(generator: _Model) -> System:
    """A language model, asked as in answering; its reply is taken as it comes."""

    def answer(rows: Sequence[Row]) -> Iterator[Said]:
        prompts = [Prompt(row["question"], tuple(_passages(row)), row["prompt"]) for row in rows]
        for row, reply in zip(rows, generator.generate_all(prompts), strict=True):
            yield _said(reply.text, parse_reply(reply, len(row["contexts"])).statements, row)

    return answer


def most_words(rows: Iterable[Row]) -> Iterator[Said]:
    """The rule to beat: the passage with most words of the question, and its first sentence."""
    return map(_most_words, rows)


def _most_words(row: Row) -> Said:
    asked = set(terms(row["question"]))

    def shared(number: int) -> tuple[int, int]:
        context = row["contexts"][number - 1]
        return len(asked & set(terms(f"{context['title']} {context['text']}"))), -number

    if not row["contexts"]:
        return Said(REFUSAL, (), 0.0)
    best = max(range(1, len(row["contexts"]) + 1), key=shared)
    sentences = parse_statements(row["contexts"][best - 1]["text"], passages=0)
    sentences = [one for one in sentences if has_verb(one.text)] or sentences  # no headings
    statements = tuple(Statement(one.text, (best,)) for one in sentences[:1])
    return _said(_marked(statements), statements, row)


def extractive_reader(rag: RAGPipeline) -> System:
    """medrag's default: quotes the best sentences, and refuses below its threshold."""

    def answer(row: Row) -> Said:
        found = [(hit.document, hit.start) for hit in rag.retrieve(row["question"], _SEARCHED)]
        places = {place: rank for rank, place in reversed([*enumerate(found)])}
        passages = _passages(row)
        passages.sort(key=lambda hit: places.get((hit.document, hit.start), len(found)))
        draft = rag.draft(row["question"], passages)
        if draft.answer.abstained or draft.answer.confidence < rag.threshold:
            return Said(REFUSAL, (), 0.0)
        cited = {
            source.marker: hit.chunk_id
            for source in draft.answer.sources
            for hit in passages
            if hit.document == source.document and hit.start <= source.start < hit.end
        }
        statements = tuple(
            Statement(one.text, tuple(cited[marker] for marker in one.citations))
            for one in draft.answer.sentences
            if one.supported
        )
        return _said(_marked(statements), statements, row)

    return lambda rows: map(answer, rows)


def _said(text: str, statements: Sequence[Statement], row: Row) -> Said:
    def support(one: Statement) -> float:
        scores = []
        for number in one.cited:
            context = row["contexts"][number - 1]
            found = check_support(
                one.text, context["text"], title=context["title"], section=context["section"]
            )
            scores.append(found.score)
        return max(scores, default=0.0)

    weakest = min(map(support, statements), default=0.0)
    return Said(text, tuple(statements), weakest)


def _marked(statements: Sequence[Statement]) -> str:
    return " ".join(
        f"{one.text} {''.join(f'[{number}]' for number in one.cited)}" for one in statements
    )


def _passages(row: Row) -> list[Hit]:
    return [_as_hit(context, at) for at, context in enumerate(row["contexts"], 1)]


def _as_hit(context: Mapping[str, Any], number: int) -> Hit:
    """A passage of a row; its place in the row stands for the id that chunks of an index have."""
    return Hit(
        chunk_id=number,
        document=context["document"],
        title=context["title"],
        text=context["text"],
        start=context["start"],
        end=context["end"],
        page=None,
        section=context["section"],
        url="",
        score=0.0,
    )
