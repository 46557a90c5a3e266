"""Whether a sentence gives the leave that a yes means: "may it be used?", "is it enough alone?".

That nothing denies it is not enough here: a wrong yes can do harm, and no answer does none.
"""

from __future__ import annotations

import re

from ...text.words import stem, terms
from ..details.mentions import Mentions
from ..question import NOT_FORBIDDEN, Question, allows, forbids
from .topic import asks_use

_ASKS_ENOUGH = re.compile(r"\b(?:alone|enough|sufficient|adequate|on (?:its|their) own)\b", re.I)
# "Can I drive …", "May people with epilepsy swim …": what they may do is the verb.
_ASKS_DOING = re.compile(
    r"\W*(?:can|may|should|could|must)(?:n['’]t| not)?"
    r" (?:i|we|you|he|she|they|one|someone|anyone) (?:still |ever |also )?(?P<verb>\w+)",
    re.I,
)
_NO_ACT = frozenset({"be", "have", "get", "go", "do", "still", "take", "use", "give", "eat"})
_ASKS_SAFE = re.compile(r"\bsafe(?:ly|ty)?\b", re.I)
_NOT_FOR = re.compile(r"\bnot (?:for|to be)\b|\bno longer\b", re.I)
# What makes something less than safe, without forbidding it.
_CAUTION = re.compile(
    r"\b(?:must|should|need(?:s|ed)? to|ha(?:s|ve) to) be"
    r" (?:discussed|warned|told|informed|counsel\w+|monitored|checked|watched|weighed)\b"
    r"|\b(?:caution\w*|warn\w*|precautions?|(?:adverse|side)[ -](?:effects?|events?|reactions?)"
    r"|(?<!low )(?<!no )risks? of)\b",
    re.I,
)


def asks_leave(asked: Question) -> bool:
    """Whether a yes means that something may be used or done, or needs nothing beside it."""
    return (
        asks_use(asked)
        or _ASKS_DOING.match(asked.text) is not None
        or _ASKS_ENOUGH.search(asked.text) is not None
    )


def prohibits(text: str) -> bool:
    """Tell whether a text forbids anything, to whomever: "must not", "not for", "no longer"."""
    return forbids(text) or _NOT_FOR.search(NOT_FORBIDDEN.sub(" ", text)) is not None


def given(asked: Question, clause: str, sentence: str) -> str:
    """Check the leave that a clause seems to give because it denies nothing.

    Args:
        clause: the one that decides.
        sentence: the whole, whose other clauses may forbid.

    Returns:
        "yes" if it does give leave, "no" if it forbids; "unclear" if it is given with a caution or
        to another thing than the one that is asked about; "" if the clause gives none.
    """
    if prohibits(clause) and not allows(clause):
        return "no"
    if prohibits(sentence) and not _names_first(asked, clause):
        return "unclear"
    if _ASKS_SAFE.search(asked.text) and _CAUTION.search(clause):
        return "unclear"
    if _ASKS_ENOUGH.search(asked.text) and not asks_use(asked):
        return "yes" if _ASKS_ENOUGH.search(clause) else ""
    doing = _ASKS_DOING.match(asked.text)
    if doing and doing["verb"].lower() not in _NO_ACT:
        return "yes" if allows(clause) or stem(doing["verb"].lower()) in terms(clause) else ""
    return "yes" if allows(clause) or not _ASKS_SAFE.search(asked.text) else ""


def _names_first(asked: Question, clause: str) -> bool:
    """Whether a clause names the first thing that a question names, itself or by a synonym."""
    first = Mentions(asked.subjects[0] if asked.subjects else "")
    told = Mentions(clause)
    return (
        not first.content
        or told.speak_of(first, classes=False)
        or told.abbreviates(Mentions(asked.text), 2)
    )
