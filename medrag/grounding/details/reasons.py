"""Questions for a reason or a mechanism, where an answer only says again what was asked.

"Sarolin must not be stopped suddenly" does not tell why it must not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...text.words import stem, terms
from ..question import Question
from .kinds import Span
from .mentions import Mentions, without

_WHY = re.compile(r"\A\W*(?:(?:please )?(?:tell me|explain)[:,]? )?(why|for what reason)\b", re.I)
_HOW = re.compile(
    r"\A\W*(how) (?:does|do|did) (?!.*\b(?:differ|compare|present|feel|look|know|tell)\b)"
    r"(?!(?:you|I|we|one|doctors?|people|patients?)\b)",
    re.I,
)
_BECAUSE = re.compile(
    r"\b(?:because|since|as|due to|owing to|thanks to|reason\w*|so that|in order to|therefore|thus"
    r"|hence|which|by|through|via|cause[sd]?|results?|leads?|lest|otherwise|risk|to \w+"
    r"|(?:mak|block|inhibit|stop|reduc|increas|rais|lower|harm|damag|impair|slow|widen|relax|bind"
    r"|interfer)(?:e|es|s|ing)?)\b",
    re.I,
)
# What says how much, how often, to whom or how well tells no reason.
_NO_REASON = re.compile(
    r"\b(?:mg|mcg|g|kg|ml|dos(?:e|es|age)|dail\w*|once|twice|times|hours?|days?|weeks?|months?"
    r"|years?|patients?|people|adults?|children|given|taken|used|recommended|usual\w*|often|well"
    r"|every|each|one|two|three|four|six|very|should|must|can|may|also|only|treatment|continu\w+|start\w*|max\w*|min\w*|drug|tablets?|morning|night|\d[\d.,]*)\b",
    re.I,
)


def missing_reasons(asked: Question, answer: Sequence[str]) -> list[Span]:
    """Where a question asks why or how, and no statement has a word that could tell it."""
    one = _WHY.match(asked.text) or _HOW.match(asked.text)
    if not one or not answer:
        return []
    first, *others = (_told(line, asked.text) for line in answer)
    known = {*map(stem, asked.subjects[1:])}
    if first or any(
        told and (_BECAUSE.search(line) or known & {*terms(line)})
        for told, line in zip(others, answer[1:], strict=True)
    ):
        return []
    return [one.span(1)]


def _told(line: str, question: str) -> bool:
    """Whether a statement says more than the question, and not only how much or to whom."""
    rest = without(line, question)
    known = Mentions(question).groups
    new = [
        word
        for word in Mentions(_NO_REASON.sub(" ", rest)).content
        if not known & Mentions(word).groups
    ]
    return len(new) > 1 or (bool(new) and _BECAUSE.search(rest) is not None)
