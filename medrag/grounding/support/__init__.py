"""Does a source say what a statement says? `check_support` compares meaning, not words."""

from __future__ import annotations

import re
from functools import cache

from ...types import Support
from ..candidates import quoted
from .contrasts import affirmed, contrast
from .order import OTHER_ORDER, OTHER_ROLES
from .parts import distributed, judged_in_parts
from .scoring import Judgement, judge
from .sentences import parse
from .windows import Passage, read

_THREE_MONTHS = re.compile(
    r"\b(?P<nth>first|second|middle|third|last|final) (?:three|3) months of"
    r" (?:a |the |her |their )?pregnancy\b",
    re.I,
)
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
    statement, source = _readable(statement), _readable(source)
    passage = read(source, _readable(title), _readable(section))
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
    if told := _contrasted(statement, passage, title, section, best.score >= min_score):
        best = told
    score = round(best.score, 3)
    supported = 0.0 < score >= min_score
    reason = "" if supported else best.reason or "the source does not say it"
    return Support(supported, score, reason, best.spans)


def _contrasted(
    statement: str, passage: Passage, title: str, section: str, supported: bool
) -> Judgement | None:
    """The judgement by the part of a sentence that says one thing of two: "A but not B".

    Returns:
        None if no sentence draws such a contrast, or the statement draws one itself.
    """
    said, turned = parse(statement), affirmed(statement)
    if contrast(statement) or any(clause.denied for clause in said.clauses):
        return None
    best = None
    for sentence, span in zip(passage.sentences, passage.spans, strict=True):
        if not (both := contrast(sentence.text)):
            continue
        is_denied = both.is_of_other(said)
        if supported and not (is_denied and not turned):
            continue
        text = both.denied if is_denied else both.affirmed
        asked = parse(turned) if is_denied and turned else said
        found = judge(asked, read(text, title, section))
        if is_denied and not turned:
            if found.score:
                return Judgement(0.0, f"the source denies it of {both.other.text.strip()}", (span,))
        elif best is None or found.score > best.score:
            best = Judgement(found.score, found.reason, (span,))
    return best if best and best.score else None


def _readable(text: str) -> str:
    """The text with "?" for what is no character, and trimesters named so; its length stays."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    return _THREE_MONTHS.sub(_trimester, text)


def _trimester(found: re.Match[str]) -> str:
    """ "First trimester" for "first three months of pregnancy", with spaces to the same length."""
    nth = {"middle": "second", "last": "third", "final": "third"}
    name = f"{nth.get(found['nth'].lower(), found['nth'])} trimester"
    return name.ljust(len(found[0]))
