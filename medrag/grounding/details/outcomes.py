"""Outcomes that a question asks about: deaths, bleeding, recurrence.

Fewer falls are no fewer deaths. A text that tells how often something happens must give a
frequency, which a dose is not.
"""

from __future__ import annotations

import re

from ...text.words import words
from ..question import Question
from ..support.forms import is_technical
from ..support.vocabulary import is_particular, other_names
from .kinds import Span
from .mentions import Mentions

_CHANGES = (
    r"(?:reduc|lower|prevent|decreas|increas|improv|rais|prolong|shorten|affect|influenc|lessen|cut"
    r"|caus|extend|chang)\w*"
)
_COMPARED = (
    r"(?:low|high|rar|few|less|more|short|long|better|worse|reduc|increas|decreas|common)\w*"
)
# Each: how a question names an outcome, and how a text speaks of it.
_OUTCOMES = tuple(
    (
        re.compile(
            rf"\b{_CHANGES}\s+(?:the\s+)?(?:[\w-]+\s+){{0,3}}?(?P<by>{asked})\b(?!-)"
            rf"|\b(?:is|are|was|were)\s+(?:the\s+)?(?:[\w-]+\s+){{0,2}}?(?P<of>{asked})\s+"
            rf"(?:rates?\s+)?(?:\w+\s+)?{_COMPARED}\b",
            re.I,
        ),
        re.compile(said, re.I),
    )
    for asked, said in (
        (
            r"mortality|deaths?|dying",
            r"\b(?:mortal|fatal|death|die[sd]?\b|dying|dead|surviv|lethal|kill|alive|live[sd]?\b|life)",
        ),
        (
            r"survival",
            r"\b(?:mortal|fatal|death|die[sd]?\b|dying|dead|surviv|alive|live[sd]?\b|life|DFS|OS\b|PFS)",
        ),
        (
            r"recurrences?|relapses?",
            r"recur|relaps|return|again|repeat|second|come back|remission|flare|reinfect|rebleed",
        ),
        (
            r"bleeding|ha?emorrhages?",
            r"bleed|bled\b|ha?emorrhag|blood loss|transfus|clotting|\w+rrhagi",
        ),
        (
            r"(?:hospital\s+)?admissions?|hospitali[sz]ations?",
            r"admi(?:ssion|t)|hospital|inpatient|ward",
        ),
        (
            r"duration",
            r"durat|short|long|last|sooner|earlier|quick|\b(?:hour|day|week|month|year)s?\b|time",
        ),
    )
)
# What happens to people: "prevent hip fractures", "reduce the risk of stroke".
_HAPPENS = re.compile(
    r"(?:\A\W*|[:.?] )(?:do|does|did|can|could|will|would|may)\b.*?"
    r"\b(?:prevent\w*|caus(?:es?|ing)|protect\w* (?:against|from)|(?:reduc|lower|rais|increas)\w*"
    r"(?: the)? (?:(?:risk|rate|number|incidence) of)?)\s+(?P<what>(?:[\w-]+ ){0,2}?[\w-]+)"
    r"(?=\W*\Z| (?:in|with|after|among|during|for|by|when|if|on)\b)",
    re.I,
)
_HOW_OFTEN = re.compile(
    r"\b(?P<often>how (?:often|frequently))\s+(?:do|does|did|is|are|was|were)\b.*?"
    r"\b(?:occur\w*|happen\w*|develop\w*|seen|observed|reported|follows?|arise|complicat\w*)\b"
    r"|\bwhat (?:is|are|was|were) (?:the )?(?:[\w-]+ ){0,2}?(?P<rate>(?!heart|flow|filtration"
    r"|infusion|respiratory|pulse|metabolic|sedimentation|growth|drip|glomerular|basal|breathing)"
    r"[\w-]+ rates?)(?= (?:of|with|on|in|after|for|among)\b)",
    re.I,
)
_PERSONS_IN = re.compile(
    r"\b(?P<many>how many (?:patients|people|participants|subjects|adults|women|men|children))"
    r"(?= (?:were|was)(?: \w+)? (?:in|into|by|to) (?:the )?(?-i:[A-Z])"
    r"|.*\b(?:took part|participated|randomi[sz]ed|enrolled|recruited)\b)",
    re.I,
)
_PERSONS = re.compile(
    r"(?<![\d.,])\d[\d,]*(?![\d.]*\d)(?! ?%| ?per ?cent| ?m?c?g\b"
    r"| (?:years|months|weeks|days|hours)\b)",
    re.I,
)
_DOSE = re.compile(
    r"\d[\d.,]*(?:\s*(?:to|-|–)\s*\d[\d.,]*)?\s*(?:m?c?g|micrograms?|milligrams?|grams?|units|IU|ml"
    r"|tablets?|capsules?|mmol)\b",
    re.I,
)
_FREQUENCY = re.compile(
    r"%|\bper ?cent\b|\b(?:rare|common|uncommon|frequen|infrequen|often|seldom|usual|occasional"
    r"|most|few|many|half|third|quarter|majority|never|always|sometimes|unknown|low|high|similar)\w*"
    r"|\b(?:in|of|out of) (?:every )?\d|\bone in\b|\bper (?:\d|patient|person|million)"
    r"|\d ?/ ?\d|\d of\b|\b(?:cases|times|patients|people)\b",
    re.I,
)


def missing_outcomes(asked: Question, text: str, context: str) -> list[Span]:
    """Where a question asks whether or how often something happens of which no word speaks."""
    found: list[Span] = []
    if asked.yes_no and text:
        one = _HAPPENS.search(asked.text)
        if one and _is_unspoken(Mentions(one["what"]), Mentions(f"{context}\n{text}")):
            found.append(one.span("what"))
        for asks, says in _OUTCOMES:
            one = asks.search(asked.text)
            if one and not says.search(f"{context}\n{text}"):
                found.append(one.span("by" if one["by"] else "of"))
    one = _HOW_OFTEN.search(asked.text)
    if one and _DOSE.search(text) and not _FREQUENCY.search(_DOSE.sub(" ", text)):
        found.append(one.span("often" if one["often"] else "rate"))
    one = _PERSONS_IN.search(asked.text)
    if one and re.search(r"\d", text) and not _PERSONS.search(text):
        found.append(one.span("many"))
    return found


def _is_unspoken(what: Mentions, said: Mentions) -> bool:
    """Whether a known disease or event is not spoken of.

    Its abbreviation will do, or a word of a synonym: a stroke is a "cerebrovascular event".
    """
    if not any(map(is_particular, what.groups)) or said.speak_of(what):
        return False
    if any(
        is_technical(word) and word in said.words
        for name in what.content
        for word in words(" ".join(other_names(name)))
    ):
        return False
    initial = what.content[-1][0] if what.content else ""
    return not any(initial in short.lower() for short in re.findall(r"\b[A-Z]{2,5}\b", said.text))
