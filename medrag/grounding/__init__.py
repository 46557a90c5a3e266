"""Cite the spans that support each statement of an answer; remove unsupported statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ..types import AnswerSentence, Citation, Hit, Statement, Support
from .statements import parse_statements
from .support import check_support

__all__ = ["Grounded", "SupportCheck", "check_support", "ground", "parse_statements"]


class SupportCheck(Protocol):
    """Judges whether a source bears out a statement; `check_support` is one."""

    def __call__(
        self, statement: str, source: str, *, title: str, section: str, min_score: float
    ) -> Support:
        """See `check_support`."""


@dataclass(frozen=True, slots=True)
class Grounded:
    """An answer whose statements were checked.

    Attributes:
        text: the supported statements, each followed by the markers of its citations, and others
            that are kept, each marked.
        sentences: all statements, also those that were removed.
    """

    text: str
    citations: tuple[Citation, ...]
    sentences: tuple[AnswerSentence, ...]


def ground(
    statements: Sequence[Statement],
    hits: Sequence[Hit],
    min_support: float,
    check: SupportCheck = check_support,
    keep_unsupported: bool = False,
) -> Grounded:
    """Find the hit that supports each statement best, and keep the supported statements.

    A statement that cites hits is checked against those hits only, any other against all.
    Citations are numbered from 1.

    Args:
        min_support: the score from which on a statement is supported, 0..1.
        keep_unsupported: keep the other statements in the text, marked with the reason.
    """
    parts: list[str] = []
    sentences: list[AnswerSentence] = []
    citations: dict[tuple[str, int, int], Citation] = {}
    for statement in statements:
        candidates = [hits[n - 1] for n in statement.cited if 1 <= n <= len(hits)]
        if not statement.cited:
            candidates = list(hits)
        found = [(_judge(check, statement.text, hit, min_support), hit) for hit in candidates]
        if not found:
            sentences.append(AnswerSentence(statement.text, (), 0.0, False, "no passage is cited"))
            continue
        support, hit = max(found, key=lambda one: one[0].score)
        if not support.supported:
            reason = support.reason
            sentences.append(AnswerSentence(statement.text, (), support.score, False, reason))
            if keep_unsupported:
                parts.append(f"{statement.text} [not supported: {reason}]")
            continue
        markers = []
        for start, end in support.spans:
            key = (hit.document, hit.start + start, hit.start + end)
            if key not in citations:
                citations[key] = Citation(
                    marker=len(citations) + 1,
                    document=hit.document,
                    title=hit.title,
                    text=hit.text[start:end],
                    start=hit.start + start,
                    end=hit.start + end,
                    page=hit.page,
                    section=hit.section,
                    url=hit.url,
                    score=support.score,
                    flags=hit.flags,
                )
            markers.append(citations[key].marker)
        parts.append(f"{statement.text} {' '.join(f'[{marker}]' for marker in markers)}")
        sentences.append(AnswerSentence(statement.text, tuple(markers), support.score, True))
    return Grounded(" ".join(parts), tuple(citations.values()), tuple(sentences))


def _judge(check: SupportCheck, statement: str, hit: Hit, min_support: float) -> Support:
    section = " > ".join(part for part in (hit.section, hit.header) if part)
    return check(statement, hit.text, title=hit.title, section=section, min_score=min_support)
