"""Does a source say what a statement says? `check_support` compares meaning, not words."""

from __future__ import annotations

from functools import cache

from ...types import Support
from ..candidates import quoted
from .order import OTHER_ORDER, OTHER_ROLES
from .parts import distributed, judged_in_parts
from .scoring import Judgement, judge
from .sentences import parse
from .windows import read

_LONGEST = 2_000  # characters of a statement


def check_support(
    statement: str, source: str, *, title: str = "", section: str = "", min_score: float = 0.5
) -> Support:
    """Judge whether a source, with its title and section, bears out a whole statement.

    Statement and source are taken apart into clauses, terms and quantities. The score is the share
    of the statement's terms that the best sentences of the source say. It is 0 if they differ from
    the statement in a quantity, a negation, a direction, who or whom it is about, how certain it
    is, its conditions, its order or its roles.

    Args:
        statement: one sentence of an answer, without markers.
        source: the passage.
        min_score: the score from which on a statement is supported, 0..1.
    """
    if len(statement) > _LONGEST:
        return Support(False, 0.0, "the statement is too long to check")
    statement, source = _encodable(statement), _encodable(source)
    passage = read(source, _encodable(title), _encodable(section))
    span = quoted(statement, source)
    if span and (span[0] in passage.told or "\n" in source[slice(*span)]):
        return Support(True, 1.0, "", (span,))
    said = parse(statement)
    if not said.terms and not said.quantities:
        return Support(False, 0.0, "it says nothing")

    @cache
    def judged(part: str) -> Judgement:
        """How well the passage bears out a part of the statement."""
        return judge(parse(part), passage)

    best = judged(statement)
    if parts := distributed(statement):  # "both A and B rise": each has to
        best = min([best, *map(judged, parts)], key=lambda one: one.score)
    elif best.score < min_score and best.reason not in (OTHER_ORDER, OTHER_ROLES):
        # Clauses that different sentences bear out, one by one.
        parted = judged_in_parts(statement, judged, min_score)
        best = max(best, parted, key=lambda one: one.score)
    score = round(best.score, 3)
    supported = 0.0 < score >= min_score
    reason = "" if supported else best.reason or "the source does not say it"
    return Support(supported, score, reason, best.spans)


def _encodable(text: str) -> str:
    """The text with "?" for what is no character; its length stays."""
    return text.encode("utf-8", "replace").decode("utf-8")
