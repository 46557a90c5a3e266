"""What a sentence says to a question without "not": refusals, leave, manner, numbers alone."""

from __future__ import annotations

import re
from collections.abc import Callable

from ...text.words import words
from ..question import Question, forbids
from .topic import asks_use

_LEAVE = re.compile(r"\W*(?:can|may|should|could|must)\b", re.I)
# What refuses something, in words other than those of `question.forbids`.
_REFUSES = re.compile(
    r"\b(?:advised? to (?:bottle|formula)[- ]feed|suspend(?:ed)?|left out|leave out|preclud\w+"
    r"|(?:must|should|has to|have to|needs? to) be (?:cleared|corrected|treated|stopped|excluded"
    r"|stabili[sz]ed|controlled|removed)(?: \w+){0,5} before"
    r"|of no (?:\w+ )?(?:value|use|benefit)|no place"
    r"|(?:recommend|advis|argu|counsel|caution)\w* against"
    r"|(?:harms?|risks?|dangers?)\b[^.;]{0,60}\boutweigh(?:s|ed)? (?:\w+ ){0,2}benefits?"
    r"|(?:best|should be|must be|is|are|to be)"
    r" (?:deferred|postponed|delayed|discontinued|withheld))\b",
    re.I,
)
_SWALLOWED = re.compile(r"\bswallow\w* (?:\w+ )?whole\b", re.I)
_ASKS_BROKEN = re.compile(r"\b(?:open|crush|chew|split|halv|broken|break|cut|dissolv)\w*", re.I)
_NO_CAUSE = re.compile(
    r"\b(?:no|without) (?:\w+ )?(?:reason|need|cause|indication) (?:to|for) "
    r"(?:stop|avoid|withh[eo]ld|discontinu|interrupt|withdraw|omit)\w*",
    re.I,
)
_ASKS_STOP = re.compile(
    r"\b(?:stopp?(?:ed)?|discontinued?|withdrawn|withh[eo]ld|interrupted|omitted|suspended)\b", re.I
)
# A drug that does no harm to what it may harm may be used.
_HARMLESS = re.compile(
    r"(?:\b(?:do|does|did) not|n['’]t|\bunlikely to|\bnot expected to) (?:\w+ly )?"
    r"(?:affect|harm|alter|change|interact|interfere|raise|cause (?:harm|problems))\b",
    re.I,
)
_NONE = re.compile(
    r"\bno (?:\w+ ){0,2}(?:antidote|vaccine|cure|treatment|test|marker|remedy)\b", re.I
)
_ASKS_BEING = re.compile(r"\W*(?:is|are) there\b", re.I)
_RESERVED = re.compile(r"\breserved? for\b", re.I)
_ASKS_NEED = re.compile(r"\b(?:necessary|needed|required|essential|mandatory)\b", re.I)
_ENOUGH = re.compile(r"\balone (?:is|are|was|were) (?:sufficient|enough|adequate)\b", re.I)
_AFTER = re.compile(
    r"\b(?:after|once|until)\b[^.;]*\b(?:settled|resolved|subsided|over|passed|gone|cleared)\b",
    re.I,
)
_DURING = re.compile(r"\bduring\b|\bin the acute\b", re.I)
_FAST = re.compile(r"\b(?:abrupt|sudden|at once|immediate|overnight)(?:ly)?\b", re.I)
_SLOW = re.compile(r"\b(?:gradual(?:ly)?|slowly|taper\w*|step by step|over (?:\w+ )?weeks)\b", re.I)
_WHOLLY = re.compile(r"\b(?:complete|full|entire|total)ly\b", re.I)
_IN_PART = re.compile(r"\b(?:only|partial\w*|partly|incomplete\w*)\b", re.I)
# Pairs of which a question has the one and a sentence the other, without what the question has.
_MANNERS = ((_FAST, _SLOW), (_WHOLLY, _IN_PART), (_DURING, _AFTER))
_INTERVAL = re.compile(
    r"\b(?:ci|confidence interval)\b\W{0,3}(?P<low>\d+\.\d+)\s?(?:to|-|–|,)\s?(?P<high>\d+\.\d+)",
    re.I,
)
_SHARE = re.compile(r"\d(?:\.\d+)?\s?%")
_VERDICT = re.compile(
    r"\b(?:\w{3,}er|more|less|fewer|reduc\w+|increas\w+|decreas\w+|improv\w+|prevent\w*|rais\w+|rose"
    r"|fell|differ\w*|significant\w*|similar|same|superior|inferior|caus\w+|benefit\w*|effective\w*)\b",
    re.I,
)
_ASKS_EFFECT = re.compile(
    r"\b(?:reduc|increas|decreas|improv|prevent|lower|rais|lessen|cut|affect|shorten|prolong)\w*",
    re.I,
)


def verdict(asked: Question, sentence: str) -> str | None:
    """What a sentence says by its verdict alone: "yes", "no" or "unclear"; None if it has none."""
    for rule in _RULES:
        if told := rule(asked, sentence):
            return told
    return None


def _by_numbers(asked: Question, sentence: str) -> str:
    """The answer of two shares: no if the interval of their ratio holds 1, else it is left open."""
    if not _ASKS_EFFECT.search(asked.text):
        return ""
    interval = _INTERVAL.search(sentence)
    if interval and float(interval["low"]) < 1.0 < float(interval["high"]):
        return "no"
    bare = len(_SHARE.findall(sentence)) >= 2 and not interval
    return "unclear" if bare and not _VERDICT.search(_SHARE.sub(" ", sentence)) else ""


def _by_manner(asked: Question, sentence: str) -> str:
    """No, if it is done in another manner or at another time than the question asks about."""
    return (
        "no"
        if any(
            one.search(asked.text) and other.search(sentence) and not one.search(sentence)
            for one, other in _MANNERS
        )
        else ""
    )


def _by_leave(asked: Question, sentence: str) -> str:
    """What gives or refuses leave."""
    if not (asks_use(asked) or _LEAVE.match(asked.text)):
        return ""
    stops = forbids(asked.text) or _ASKS_STOP.search(asked.text) is not None
    if _NO_CAUSE.search(sentence):
        return "no" if stops else "yes"
    if _HARMLESS.search(sentence) and asks_use(asked):
        return "no" if stops else "yes"
    refusal = _REFUSES.search(sentence)
    if refusal and not forbids(sentence):
        same = refusal[0].split()[-1].lower() in asked.text.lower()  # "Should it be delayed?"
        return "yes" if stops or same else "no"
    reserved = _RESERVED.search(sentence)
    if (
        reserved
        and not stops
        and {*words(sentence[reserved.end() :])}.isdisjoint(words(asked.text))
    ):
        return "unclear"
    return "no" if _SWALLOWED.search(sentence) and _ASKS_BROKEN.search(asked.text) else ""


def _by_need(asked: Question, sentence: str) -> str:
    """No, if something else is enough, or if there is none, or it is of no use."""
    if _ASKS_NEED.search(asked.text) and _ENOUGH.search(sentence):
        return "no"
    if _ASKS_BEING.match(asked.text) and _NONE.search(sentence):
        return "no"
    refused = _REFUSES.search(sentence) and not forbids(asked.text)
    asks = re.search(r"\b(?:useful|possible|helpful|done|recommended|of use)\b", asked.text, re.I)
    return "no" if refused and asks else ""


_RULES: tuple[Callable[[Question, str], str], ...] = (_by_leave, _by_need, _by_manner, _by_numbers)
