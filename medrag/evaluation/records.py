"""What happened to one question of one system: a record, kept as one line of JSON.

Everything that an evaluation shows (figures, report, comparisons) is computed from these lines, so
a run that was stopped goes on where it was, and a later one can be compared with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from ..errors import ArtefactError


class Blame(StrEnum):
    """Why a question was not dealt with as it should have been; the first that holds."""

    none = ""
    wrongly_answered = "wrongly answered"  # no document answers it
    not_retrieved = "not retrieved"  # no document that answers was among the hits
    wrongly_refused = "wrongly refused"  # what was held back is right
    unsupported = "unsupported"  # a removed statement is right, and nothing else is
    not_used = "retrieved, not used"  # a document that answers was there
    wrong = "wrong"  # which documents answer is unknown


@dataclass
class Record:
    """A question, what a system made of it, and what that is worth.

    Attributes:
        reference: the reference answer, or "".
        exact: what has to be named, as text; "" if nothing in particular.
        answerable: as in `Example`.
        gold: ids of the documents that hold the answer and are in the index.
        answer: what is shown: the answer, or the refusal sentence.
        draft: the answer that would be shown if nothing were held back; "" if there is none.
        shown: False for a refusal.
        confidence: of the draft, 0..1.
        threshold: the confidence from which on a draft is shown.
        signals: what the confidence is computed from.
        right: whether what is shown is right, be it an answer or a refusal; None if nothing tells.
        draft_right: whether the draft is right, shown or not; None if nothing tells.
        basis, why: see `Verdict`.
        statements: text, citations (markers), support, supported, reason of each.
        sources: marker, document, title, start, end, page, section, text, flags of each citation.
        contradicting: statement, reason, and the source as above, of each.
        hits: document, title, start, end, score, text, flags of what the reader saw, best first.
        ranked: (document, score) of the documents, best first, for retrieval measures.
        documents: SHA-256 of the text of each document that is cited or hit.
        values: one number for each measure ("answers/right"); a measure that does not apply is
            not there.
        milliseconds: how long `retrieve` and `query` took.
    """

    system: str
    id: str
    question: str
    kind: str
    reference: str
    exact: str
    answerable: bool | None
    gold: list[str]
    answer: str
    draft: str
    shown: bool
    status: str
    confidence: float
    threshold: float
    right: bool | None
    draft_right: bool | None
    basis: str
    why: str
    blame: str
    stance: str = ""
    missing: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    signals: dict[str, float] = field(default_factory=dict)
    statements: list[dict[str, Any]] = field(default_factory=list)
    sources: list[dict[str, Any]] = field(default_factory=list)
    contradicting: list[dict[str, Any]] = field(default_factory=list)
    hits: list[dict[str, Any]] = field(default_factory=list)
    ranked: list[tuple[str, float]] = field(default_factory=list)
    documents: dict[str, str] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)
    milliseconds: dict[str, float] = field(default_factory=dict)

    def line(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False) + "\n"

    @classmethod
    def parse(cls, line: bytes) -> Self:
        """The record of a line.

        Raises:
            ValueError, TypeError: the line is cut, or has other fields.
        """
        if not line.endswith(b"\n"):
            raise ValueError("the line has no end")
        return cls(**json.loads(line))


def read_records(path: Path) -> Iterator[Record]:
    """The records of a file, in order.

    Raises:
        ArtefactError: a line cannot be read; maybe another version of medrag has written it.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield Record.parse(line)
            except (ValueError, TypeError) as error:
                raise ArtefactError(
                    f"{path}:{number} is no record of this version of medrag ({error}); run that "
                    "evaluation again"
                ) from error
