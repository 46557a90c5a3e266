"""How severe a disease is that a question is about, at which stage, and by which route a drug goes.

What is true of mild disease, or of tablets, is no answer for severe disease, or injections.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..question import Question
from .kinds import Span
from .wording import DEPENDS, MECHANISM

_SEVERITIES = tuple(
    (re.compile(rf"\b{asked}\b", re.I), re.compile(rf"\b(?:{said})\b", re.I))
    for asked, said in (
        (r"mild", r"mild\w*|minor|slight\w*|less severe"),
        (r"moderate", r"moderate\w*|intermediate"),
        (
            r"severe",
            r"severe\w*|life-threatening|serious|critical\w*|fulminant|advanced|shock|emergenc\w+"
            r"|intensive|high-risk|worst|bad",
        ),
        (
            r"metastatic",
            r"metast\w+|advanced|spread|stage (?:IV|4)|disseminat\w+|unresectable|inoperable"
            r"|late-stage|secondar\w+",
        ),
        (
            r"advanced",
            r"metast\w+|advanced|spread|stage (?:III|IV|3|4)|unresectable|inoperable|late\w*"
            r"|severe\w*|end-stage",
        ),
        (
            r"locali[sz]ed",
            r"locali[sz]ed|confined|early|limited|stage (?:I|1|II|2)|resect\w*",
        ),
        (
            r"early-stage",
            r"early|stage (?:I|1|II|2)|locali[sz]ed|limited|confined",
        ),
        (r"latent", r"latent|dormant|inactive|not active"),
        (
            r"refractory",
            r"refract\w+|resist\w+|fail\w*|relaps\w*|recurr\w*|despite|salvage|not respon\w+",
        ),
        (
            r"recurrent",
            r"recurr\w*|relaps\w*|repeat\w*|again|return\w*|frequent\w*|refract\w+|second\w*",
        ),
    )
)
# A course is missing only from what is said of the other one: many names of diseases have "acute".
_COURSES = tuple(
    (re.compile(rf"\b{asked}\b", re.I), *(re.compile(rf"\b(?:{one})", re.I) for one in ways))
    for asked, *ways in (
        (
            r"acute",
            r"acute|attack|flare|episode|sudden|emergenc|exacerbation|urgent|immediate|early|onset"
            r"|at once|within",
            r"chronic|long[- ]?(?:term|run|standing)|prevent|prophyla|maintenance|lifelong|between",
        ),
        (
            r"chronic",
            r"chronic|long[- ]?(?:term|standing|lasting)|years|persist|prophyla|prevent|lifelong"
            r"|ongoing|recurr|maintenance",
            r"acute|attack|flare|sudden|emergenc|exacerbation",
        ),
    )
)
_SUBORDINATE = re.compile(r"\b(?:if|when|after|despite|while|unless)\b", re.I)
_SEVERITY_MATTERS = re.compile(
    rf"{DEPENDS.pattern}|\b(?:survival|prognosis|outlook|mortality)\b", re.I
)
# A word of severity in a name says nothing of it, and organs that fail have limits of their own.
_IN_NAME = re.compile(
    r"\s+(?:(?:\w+\s+){0,2}?(?:syndromes?|leuk\w+|phase|respiratory)"
    r"|renal|kidney|hepatic|liver|heart)\b",
    re.I,
)
_NUMBERED = re.compile(
    r"\b(?P<what>type|stage|grade|class|category)\s+(?P<number>\d|I{1,3}|IV|VI{0,3})[a-c]?\b", re.I
)
_ROMAN = {"I": "1", "II": "2", "III": "3", "IV": "4", "V": "5", "VI": "6", "VII": "7", "VIII": "8"}
_KIDNEY = re.compile(r"\b(?:ckd|kidney|renal)\b", re.I)

_ROUTES = tuple(
    (re.compile(rf"\b(?:{asked})(?!\w)", re.I), re.compile(said, re.I))
    for asked, said in (
        (
            r"oral(?:ly)?|by mouth",
            r"oral|mouth|tablet|capsule|swallow|syrup|solution|suspension|drink|\bPO\b",
        ),
        (
            r"intravenous(?:ly)?|i\.?v\.?",
            r"intravenous|\bi\.?v\b|vein|infus|drip|bolus|inject",
        ),
        (
            r"intramuscular(?:ly)?|i\.?m\.?",
            r"intramuscular|\bi\.?m\b|muscle|deltoid|thigh",
        ),
        (
            r"subcutaneous(?:ly)?|under the skin",
            r"subcutaneous|under the skin|beneath the skin|\bs\.?c\b|inject",
        ),
        (
            r"parenteral(?:ly)?|by injection",
            r"parenteral|inject|infus|intraven|intramusc|subcut|vein|muscle|\bi\.?v\b",
        ),
        (
            r"topical(?:ly)?",
            r"topical|cream|ointment|\bgel|lotion|shampoo|drops?\b|patch|applied|apply|skin",
        ),
        (r"inhaled|nebuli[sz]ed", r"inhal|nebul|puff|spacer|breath"),
        (r"intranasal(?:ly)?|nasal", r"nasal|nose|nostril"),
        (r"rectal(?:ly)?", r"rect|suppositor|enema"),
        (r"sublingual(?:ly)?", r"sublingual|tongue"),
        (r"transdermal(?:ly)?", r"transdermal|patch"),
    )
)
_NO_ROUTE = re.compile(
    r"[\s-]+(?:anti-?coag\w+|contracep\w+|cancer|hygiene|health|cavity|glucose|mucos\w+|thrush"
    r"|candid\w+|ulcers?|lichen|surgery|polyps?|immunoglobulin|microb\w+|squamous|drug users?"
    r"|absor\w+|bioavail\w+|congestion|swabs?|rehydration)\b",
    re.I,
)


def missing_manner(asked: Question, text: str, context: str) -> list[Span]:
    """Where a question names a severity, stage or route of which no word of an answer speaks."""
    if asked.yes_no:
        return []
    said = f"{context}\n{text}"
    return [*_severities(asked, said), *_stages(asked.text, said), *_routes(asked.text, said)]


def _severities(asked: Question, said: str) -> Iterator[Span]:
    """Severities and courses of a disease."""
    question = asked.text
    matters = _SEVERITY_MATTERS.search(question) and not MECHANISM.search(question)
    if not matters and asked.form is None and not _NUMBERED.search(question):
        return
    for asks, says in _SEVERITIES:
        one = asks.search(question)
        if one and not _IN_NAME.match(question, one.end()) and not says.search(said):
            yield one.span()
    for asks, says, says_other in _COURSES:
        one = asks.search(question)
        other = says_other.search(said) and not says.search(said)
        if one and other and not _IN_NAME.match(question, one.end()):
            yield one.span()


def _stages(question: str, said: str) -> Iterator[Span]:
    """Types, stages and grades with a number."""
    named = {(one["what"].lower(), _arabic(one["number"])) for one in _NUMBERED.finditer(said)}
    for one in _NUMBERED.finditer(question):
        what = one["what"].lower()
        # Of a type nothing need be said, and a stage of kidney disease may be said as its eGFR.
        staged = what in ("stage", "grade") and not _KIDNEY.search(question)
        another = any(kind == what for kind, _ in named)
        if (what, _arabic(one["number"])) not in named and (another or staged):
            yield one.span()


def _arabic(number: str) -> str:
    return _ROMAN.get(number.upper(), number)


def _routes(question: str, said: str) -> list[Span]:
    """Routes of a drug; of two that are a choice, "by mouth or by drip", one has to be said."""
    clause = _SUBORDINATE.search(question, 1)
    end = clause.start() if clause else len(question)
    asked = [(one, says) for asks, says in _ROUTES if (one := asks.search(question, 0, end))]
    missing = [
        one.span()
        for one, says in asked
        if not says.search(said) and not _NO_ROUTE.match(question, one.end())
    ]
    return [] if len(missing) < len(asked) and " or " in question else missing
