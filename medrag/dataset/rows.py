"""The records of the dataset: a row, a preference pair, and a question that was left out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ..generation.prompts import Message
from ..types import Example, Hit

# Raise it when the same questions and the same index give other rows.
ROWS_VERSION = 3

Context = dict[str, Any]  # a passage; see `context`


class Variant(StrEnum):
    """What a row teaches."""

    oracle = "oracle"  # the answer, from the passage that has it
    withheld = "withheld"  # the refusal: the passage that has the answer is not there
    near_miss = "near-miss"  # what an altered passage says, and not what is true
    unanswerable = "unanswerable"  # the refusal: no document answers
    unsupported = "unsupported"  # nothing: no passage bears out the reference answer; test only


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the dataset.

    Attributes:
        documents: ids of the gold documents that are in the index.
        contexts: the passages of the prompt, in order; passage `n` is cited as `[n]`. See
            `context`.
        oracle: 1-based place in `contexts` of the passage that has the answer, altered or not; 0 if
            none has.
        passage: the oracle, also where it is withheld; `NO_PASSAGE` if none is known.
        altered: what was swapped in the oracle, for a near miss: "50 mg → 5 mg".
        shares: id of the question whose passages these are; "" if they are its own.
        left_out: how many passages did not fit the prompt budget.
        completion: the reply to learn; empty for `Variant.unsupported`.

    The other fields are as in `Example`, under the names that `read_questions` knows.
    """

    id: str
    question: str
    answer: str
    answers: list[str]
    kind: str
    exact: list[list[str]]
    nuggets: list[str]
    answerable: bool
    documents: list[str]
    contexts: list[Context]
    oracle: int
    passage: Context
    variant: Variant
    altered: str
    shares: str
    left_out: int
    prompt: list[Message]
    completion: list[Message]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two replies to the prompt of a training row, of which one is better.

    Attributes:
        id: of the row.
        reason: what is wrong with the rejected one.
    """

    id: str
    prompt: list[Message]
    chosen: list[Message]
    rejected: list[Message]
    reason: str


class Reason(StrEnum):
    """Why a question has no row; those of the test split are kept."""

    near_duplicate = "near_duplicate"
    contaminated = "contaminated"
    unsupported = "unsupported"
    not_found = "not_found"
    too_long = "too_long"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A question without a row, or a test question that was kept in spite of a reason against it.

    Attributes:
        detail: the reason in words.
    """

    id: str
    split: str
    question: str
    reason: Reason
    detail: str
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """What became of one question.

    Attributes:
        left_out: why there are no rows, if there are none.
        statements_left_out: leading statements of the answer that no passage bears out.
        also_answers: passages that were no distractors, because they bear out the label.
    """

    split: str
    rows: list[Row] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    left_out: LeftOut | None = None
    statements_left_out: int = 0
    also_answers: int = 0


def context(hit: Hit, gold: Collection[str]) -> Context:
    """A passage as rows keep it.

    `text` is characters `start` to `end` of the document's cleaned text. `gold` tells whether the
    document is one of the question's. `altered` marks a text in which something was swapped on
    purpose, so that it is false.
    """
    names = ("document", "title", "section", "text", "start", "end")
    kept = {name: getattr(hit, name) for name in names}
    return {**kept, "gold": hit.document in gold, "altered": False}


NO_PASSAGE: Context = {
    "document": "", "title": "", "section": "", "text": "", "start": 0, "end": 0, "gold": False,
    "altered": False,
}  # fmt: skip


def asked(example: Example) -> dict[str, Any]:
    """The fields of a row that come from its question as they are."""
    return {
        "question": example.question,
        "answer": example.answer,
        "answers": list(example.alternatives),
        "kind": example.kind.value,
        "exact": [list(names) for names in example.exact],
        "nuggets": list(example.nuggets),
        "answerable": bool(example.answerable),
    }
