"""Which side of a subject a question asks about: what it is, its cause, its treatment and so on.

"What are the treatments for X?" is not answered by the causes of X, however often they name it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..text.words import words


class Aspect(NamedTuple):
    """A side of a subject: how a question asks for it, and how a text speaks of it."""

    asked: re.Pattern[str]
    said: re.Pattern[str]


def _aspect(asked: str, said: str) -> Aspect:
    return Aspect(re.compile(rf"\b(?:{asked})\b", re.I), re.compile(rf"\b(?:{said})\b", re.I))


_ASPECTS = (
    _aspect(
        r"treat(?:ed|ments?)|therap(?:y|ies)|manag(?:ed?|ement)|cured?",
        r"treat\w*|therap\w+|manag\w+|medications?|medicines?|drugs?|surg\w+|cured?|relie[fv]\w*"
        r"|supplement\w*|transplant\w*|antibiotics?|injections?|prescri\w+|doses?|\w*steroids?"
        r"|rehabilitation|diet\w*|exercises?|avoid\w*",
    ),
    _aspect(
        r"symptoms?|signs?|features|manifestations?|present(?:s|ation)?",
        r"symptoms?|signs?|features?|characteri[sz]ed|manifest\w*|present(?:s|ing)? with"
        r"|experience\w*|develop\w*|complain\w*|appear\w*|abnormalit\w+|include\w*",
    ),
    _aspect(
        r"causes?|caused|why|etiology|aetiology|due to|genetic changes|origins?",
        r"caus\w+|due to|results? from|resulting from|mutations?|because|leads? to|trigger\w*"
        r"|responsible|unknown|produced by|occurs? when|changes in|deletions?|variants?",
    ),
    _aspect(
        r"complications?|consequences?",
        r"complicat\w+|leads? to|cause|result in|consequences?|damage|failure|risk of",
    ),
    _aspect(
        r"how many people|how common|how rare|prevalence|incidence|frequency",
        r"\d+ (?:in|of|per|out of)|\d+ (?:people|individuals|cases|families|births)|prevalen\w+"
        r"|inciden\w+|common|rare\w*|million|thousand|affects?|occurs? in|unknown",
    ),
    _aspect(
        r"inherit(?:ed|ance)?|hereditary|runs? in (?:the )?famil(?:y|ies)|genetic\?",
        r"inherit\w*|autosomal|dominant|recessive|x-linked|hereditary|sporadic|familial|family"
        r"|families",
    ),
    _aspect(
        r"diagnos(?:ed?|es|is)|tests?|detected|screened",
        r"diagnos\w+|tests?|testing|exam\w*|scans?|imaging|biops\w+|screen\w*|detect\w*|measure\w*"
        r"|x-rays?|history|ultrasound",
    ),
    _aspect(
        r"outlook|prognosis|life expectancy|survival",
        r"outlook|prognos\w+|survi\w+|expectancy|recover\w*|mortality|die[sd]?|death|fatal|live[sd]?"
        r"|remission|permanent\w*|chance",
    ),
    _aspect(
        r"prevent(?:ed|ion)?|avoided",
        r"prevent\w*|avoid\w*|reduc\w+|protect\w*|lower\w*|vaccin\w+|risk|should",
    ),
    _aspect(
        r"at risk|risk factors?|risks?",
        r"risks?|more likely|more common|factors?|chance|susceptible|older|exposed|exposure",
    ),
    _aspect(
        r"(?:side|adverse) (?:effects?|events?|reactions?)",
        r"(?:side|unwanted) effects?|adverse|\w*toxic\w*|causes?|tolera\w+|AEs?",
    ),
    _aspect(
        r"stag(?:es?|ing)",
        r"stag\w+|grades?|phases?",
    ),
)  # fmt: skip
_ASKING = r"(?:what|which|who|whom|whose|when|where|why|how)"
_FIRST = re.compile(
    rf"\W*(?:(?:at|in|for|from|by|to|with|on|of)\s+{_ASKING}|{_ASKING}|list|name|describe|give|is|are|was|were|do|does|did|can|could|should|may"
    r"|must|has|have)\b",
    re.I,
)
# Where another question begins in the same sentence: "… and how long is it given?". What follows
# "which are" only tells more about something.
_NEXT = re.compile(
    rf"(?:,|\band\b)\s*(?:and\s+)?(?=(?:(?:at|in|for|from|by|to|with)\s+)?{_ASKING}\b)"
    r"(?!(?:which|who|whom|whose)\s+(?:is|are|was|were|has|have|had|do|does|did|may|can|could)\b)",
    re.I,
)
_ASKS = re.compile(
    r"\W*(?P<what>(?:what|which) (?:is|are|were|was) (?:the )?(?:[\w-]+ ){0,3}?"
    r"(?:\w+) (?:of|for|in|to|with)\b|what (?:causes|treats|prevents)\b"
    r"|how (?:is|are|can|do you|to|might|should) (?:[\w-]+ ){0,6}?"
    r"(?:treat|diagnose|prevent|manage|detect|cure)(?:e?d)?\b|(?:who is )?at risk\b"
    r"|is .* inherited\b)",
    re.I,
)
_DEFINES = re.compile(
    r"\W*(?:what (?:is|are|\(are\)|is \(are\)|does(?=.*\b(?:mean|stand for|do)\W*\Z))|define"
    r"|describe|explain|what['’]s)\b"
    r"(?P<rest>.*)",
    re.I | re.S,
)
_COPULA = re.compile(
    r"\b(?:refers? to|means|(?:is|are|was)\s+(?:\w+ly\s+)?(?!(?:also|not|often|more|less|to|in|by"
    r"|at|on|being|thought|known|\w+ed|\w+wn)\b)\w)",
    re.I,
)
# "X may cause scars" tells no cause of X.
_CAUSES = re.compile(
    r"\b(?:(?:can|may|might|could|will)(?: also)? (?:cause|lead to|result in)|causes|leads to"
    r"|results in)\b",
    re.I,
)
_CAUSED = re.compile(r"\b(?:caused by|due to|because|results? from|responsible|mutations?)\b", re.I)
_ASKS_CAUSE = re.compile(r"\W*what (?:causes|leads to)\b|.*\bcauses? of\b", re.I | re.S)
_ASKS_PREVENTION = re.compile(r"\W*what (?:prevents|treats|relieves|helps|lowers|reduces)\b", re.I)
_RAISES = re.compile(
    r"\b(?:raises?|causes?|triggers?|worsens?|increases?|provokes?|brings? on)\b", re.I
)
_PREVENTS = re.compile(
    r"\b(?:prevent|avoid|reduc|lower|protect|reliev|treat|help|stop|less)\w*\b", re.I
)
_NO_DEFINITION = re.compile(
    r"\A\s*(?:the|some|common|main|typical|possible|usual|most)\b|\bof\b|\b\w{3,}ed\b", re.I
)
_NAME = 8  # words of a subject, at most
_BEGINNING = 160  # characters in which a definition has its verb


def asked_aspects(question: str) -> tuple[Aspect, ...]:
    """The sides of its subject that a question asks about; none if it names none."""
    return tuple(one for one in _ASPECTS if one.asked.search(question))


def asks_aspect(question: str) -> bool:
    """Whether a question asks for an aspect itself: "What are the treatments for X?"."""
    found = _ASKS.match(question)
    return found is not None and any(one.asked.search(found["what"]) for one in _ASPECTS)


def clauses(question: str) -> list[tuple[int, int]]:
    """Where the questions stand that one asks: "What is the dose", "how long is it given?"."""
    found = list(_NEXT.finditer(question)) if _FIRST.match(question) else []
    starts = [0, *(one.end() for one in found)]
    return list(zip(starts, [*(one.start() for one in found), len(question)], strict=True))


def asks_definition(question: str) -> bool:
    """Whether a question asks what something is, and nothing else about it."""
    found = _DEFINES.match(question)
    return (
        found is not None
        and not asked_aspects(question)
        and not _NO_DEFINITION.search(found["rest"])
        and len(clauses(question)) == 1
        and len(found["rest"].split()) <= _NAME
    )


def defines(text: str, subject: list[str]) -> bool:
    """Whether a text says what its subject is: "Gout is a form of arthritis".

    Args:
        subject: the words that name it, in lower case.
    """
    copula = _COPULA.search(text[:_BEGINNING])
    if not copula or not subject:
        return False
    before = words(text[: copula.start()])
    return 2 * len({*before} & {*subject}) >= len({*subject})


def tells_effect(text: str, question: str, subject: list[str]) -> bool:
    """Whether a text answers the opposite question.

    It says what the subject causes, where the question asks what causes it; or what raises it,
    where the question asks what prevents it.
    """
    if _ASKS_PREVENTION.match(question) and _RAISES.search(text) and not _PREVENTS.search(text):
        return True
    verb = _CAUSES.search(text)
    if not verb or not _ASKS_CAUSE.match(question) or _CAUSED.search(text):
        return False
    before, after = {*words(text[: verb.start()])}, {*words(text[verb.end() :])}
    return bool(before & {*subject}) and not after & {*subject}
