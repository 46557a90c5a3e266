"""Cite the spans that support each statement of an answer; remove unsupported statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ..types import AnswerSentence, Citation, Hit, Statement, Support
from .evidence import is_retracted
from .statements import parse_statements
from .support import check_support
from .support.parts import halves

__all__ = ["Grounded", "SupportCheck", "check_support", "ground", "parse_statements"]


_Place = tuple[Hit, int, int]  # a hit, start and end in its text


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
    """Find the hits that support each statement, and keep the supported statements.

    A statement that cites hits is checked against those hits only, any other against all. Nothing
    is supported by a retracted article.
    Citations are numbered from 1.

    Args:
        min_support: the score from which on a statement is supported, 0..1.
        keep_unsupported: keep the other statements in the text, marked with the reason.
    """
    parts: list[str] = []
    sentences: list[AnswerSentence] = []
    citations: dict[tuple[str, int, int], Citation] = {}
    for statement in statements:
        cited = [hits[n - 1] for n in statement.cited if 1 <= n <= len(hits)]
        candidates = [hit for hit in cited or hits if not is_retracted(hit)]
        if statement.cited and not cited:
            candidates = []
        score, reason, places = _find(statement.text, candidates, min_support, check)
        if cited and not candidates:
            reason = "only a retracted article is cited"
        if not places:
            sentences.append(AnswerSentence(statement.text, (), score, False, reason))
            if keep_unsupported:
                parts.append(f"{statement.text} [not supported: {reason}]")
            continue
        markers = []
        for hit, start, end in places:
            key = (hit.document, hit.start + start, hit.start + end)
            if key not in citations:
                marker = len(citations) + 1
                citations[key] = Citation.of(hit, start, end, marker, score)
            if citations[key].marker not in markers:
                markers.append(citations[key].marker)
        parts.append(f"{statement.text} {' '.join(f'[{marker}]' for marker in markers)}")
        sentences.append(AnswerSentence(statement.text, tuple(markers), score, True))
    return Grounded(" ".join(parts), tuple(citations.values()), tuple(sentences))


def _find(
    statement: str, hits: Sequence[Hit], min_support: float, check: SupportCheck
) -> tuple[float, str, list[_Place]]:
    """The support of a statement, why there is none, and where it is supported."""
    support, hit = _best(statement, hits, min_support, check)
    if hit is None:
        return 0.0, "no passage is cited", []
    if support.supported:
        return support.score, "", [(hit, *span) for span in support.spans]
    for parts in halves(statement) if len(hits) > 1 else ():  # each part in a passage of its own
        found = [_best(part, hits, min_support, check) for part in parts]
        if all(one.supported for one, _ in found):
            places = [(hit, *span) for one, hit in found if hit for span in one.spans]
            return min(one.score for one, _ in found), "", places
    return support.score, support.reason, []


def _best(
    statement: str, hits: Sequence[Hit], min_support: float, check: SupportCheck
) -> tuple[Support, Hit | None]:
    """The hit that supports a statement best."""
    best, found = Support(False, -1.0), None
    for hit in hits:
        section = " > ".join(part for part in (hit.section, hit.header) if part)
        support = check(
            statement, hit.text, title=hit.title, section=section, min_score=min_support
        )
        if support.score > best.score:
            best, found = support, hit
    return best, found
