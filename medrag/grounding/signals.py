"""What tells how likely an answer is right: numbers from the search, the reader and the checks.

They are chosen and weighted on questions with known answers: `calibration.py`, docs/lab-log.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import mean

from ..text.words import stem, terms
from ..types import Answer, Evidence, Hit
from .aspects import defines
from .evidence import Rarity
from .fitting import share_said
from .question import Question, read_question

_AGREE = 5  # pieces of evidence after the best one that may say the same
# From the words of the question in a row to the similarity of a sentence that is as likely right.
_ROW_SLOPE, _ROW_INTERCEPT = 1.0, -0.37
KNOWN_BEFORE = 9  # signals, the first ones
EITHER_WAY = frozenset({"asks yes or no", "asks for a quantity", "words asked"})
_WORDS_SAID = "words of the question in the answer"
_UNREAD = -4.0  # the logit of evidence where no model reads, or there is none


def signals_before(
    question: str, hits: Sequence[Hit], evidence: Sequence[Evidence]
) -> dict[str, float]:
    """What is known before an answer is written.

    Args:
        evidence: as `weigh` gives it, best first.
    """
    asked = read_question(question)
    best = evidence[0] if evidence else None
    nearest = max((one.similarity for one in evidence), default=0.0)
    if best and best.row:
        # Rows are lists of values: their vectors are unlike any question, but their words tell.
        nearest = max(nearest, _ROW_SLOPE * best.row + _ROW_INTERCEPT)
    return {
        "similarity of the best evidence": nearest,
        "rare words in the best evidence": max((one.coverage for one in evidence), default=0.0),
        "logit of the first evidence": _logit(best),
        "subjects of the question in the evidence": _subjects(asked, best, hits),
        "other evidence says the same": _agreement(evidence, {*map(stem, asked.topic)}),
        "asks yes or no": float(asked.yes_no),
        "asks for a quantity": float(asked.form is not None),
        "is defined": float(
            best is not None and asked.defines and defines(best.text, asked.subjects)
        ),
        "words asked": math.log1p(len({*asked.topic})),
    }


def signals_after(question: str, answer: Answer, rarity: Rarity) -> dict[str, float]:
    """What the answer and its checks add.

    Args:
        rarity: weight of a word, larger for words that few chunks contain.
    """
    asked = read_question(question)
    kept = [one for one in answer.sentences if one.supported]
    headings = " ".join(f"{one.title} {one.section}" for one in answer.sources)
    said = f"{headings} {' '.join(one.text for one in kept)}"
    return {
        _WORDS_SAID: share_said(_weights(asked, rarity), said),
        "support": min((one.support for one in kept), default=0.0),
        "statements kept": len(kept) / len(answer.sentences) if answer.sentences else 0.0,
        "details given": float(not answer.missing),
        "yes or no is told, if asked": float(not asked.yes_no or answer.stance in ("yes", "no")),
    }


def best_after(
    question: str, hits: Sequence[Hit], rarity: Rarity, weight: Callable[[str], float]
) -> dict[str, float]:
    """The signals of an answer that could not be better, for a bound on the confidence.

    What no hit says, no answer can say that is supported.

    Args:
        weight: of a signal, by its name.
    """
    names = signals_after("", Answer("", "", True, 0.0, (), ()), rarity)
    said = " ".join(f"{hit.title} {hit.section} {hit.text}" for hit in hits)
    words = share_said(_weights(read_question(question), rarity), said)
    return {name: float(weight(name) > 0.0) for name in names} | {_WORDS_SAID: words}


def _weights(asked: Question, rarity: Rarity) -> dict[str, float]:
    return {stem(word): rarity(word) for word in asked.topic}


def _logit(evidence: Evidence | None) -> float:
    return _UNREAD if evidence is None or evidence.logit is None else evidence.logit


def _subjects(asked: Question, best: Evidence | None, hits: Sequence[Hit]) -> float:
    """The share of the question's subjects that the best evidence or its headings name."""
    subjects = [stem(word) for word in asked.subjects]
    if not subjects:
        return 1.0
    if best is None:
        return 0.0
    hit = hits[best.number - 1]
    named = {*terms(f"{hit.title} {hit.section} {hit.header} {best.lead} {best.text}")}
    return sum(word in named for word in subjects) / len(subjects)


def _agreement(evidence: Sequence[Evidence], asked: set[str]) -> float:
    """How much of what the best evidence adds to the question other evidence says, too."""
    if not evidence:
        return 0.0
    new = {*terms(evidence[0].text)} - asked
    others = [{*terms(one.text)} for one in evidence[1 : _AGREE + 1]]
    if not new or not others:
        return 0.0
    return mean(sum(word in other for other in others) / len(others) for word in new)
