"""Details that a question asks for and an answer does not give: "maximum", "in children".

"What is the maximum daily dose of metformin?" is answered only in part by "Metformin is started at
500 mg once daily". Rules on words find this; no model does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ...text.words import terms
from ..aspects import asks_definition
from ..question import Question, read_question
from .circumstances import missing_circumstances, other_groups
from .forms import missing_forms
from .kinds import Span, missing_kinds
from .manner import missing_manner
from .mentions import Mentions
from .named import missing_names, other_name
from .outcomes import missing_outcomes
from .parts import each_part, missing_parts, questions_apart
from .reasons import missing_reasons
from .values import missing_values

__all__ = ["missing_details", "other_subject"]

_AUXILIARY = re.compile(
    r"\b(?:is|are|was|were|do|does|did|can|could|should|would|will|may|might|must|has|have|had)\b",
    re.I,
)
_TITLE = re.compile(r"[:,]")
_ASKS_LIMIT = re.compile(
    r"\W*(?:is|are) there (?:an?|any) (?:[\w-]+ ){0,3}?(?:limits?|maximum|minimum|cut-?off"
    r"|threshold)\b",
    re.I,
)
_VERB = re.compile(
    r"\b(?:is|are|was|were|be|been|has|have|had|does|do|did|can|could|should|must|may|might|will"
    r"|gives?|takes?|treats?|causes?|reduces?|raises?|lowers?|helps?|starts?|begins?|works?|shows?"
    r"|uses?|needs?|occurs?|includes?|relieves?|prevents?|stops?|leads?|increases?|decreases?"
    r"|improves?|affects?|means|remains?|depends|begins|comes?|goes|lasts?|follows|appears?"
    r"|becomes?|contains?|produces?|binds?|blocks?|protects?|requires?|responds?|develops?"
    r"|provides?|varies|crosses|damages|tolerates?|carr(?:y|ies)|removes?|allows?|makes?|inhibits?"
    r"|results)\b",
    re.I,
)
_CLAUSE = re.compile(r"\b(?:because|since|which|who|that|if|when|unless|after|as)\b.*", re.I | re.S)
_GOES_ON = re.compile(r"\W*(?:it|its|they|their|these|this|that|he|she)\b", re.I)
_REPLY = 14  # words of a bare reply, at most


def missing_details(question: str, answer: Sequence[str], context: str = "") -> tuple[str, ...]:
    """The details that a question asks for and an answer does not give.

    Args:
        answer: the statements of the answer.
        context: titles and sections that the statements stand under; what they say counts.

    Returns:
        Each missing detail in the words of the question, in their order: "maximum", "in children".
        Nothing for a definition. For a question of yes or no, only the patients, conditions,
        outcomes and subjects that it names.
    """
    if asks_definition(question):
        return ()
    missing = _names(question, _missing(question, answer, context))
    if missing or any(map(_GOES_ON.match, answer)) or any(each_part(question)):
        return missing
    # Statements that each lack something do not make one answer, unless one goes on about another.
    alone = [_names(question, _missing(question, [one], context)) for one in answer]
    return alone[0] if alone and all(alone) else ()


def other_subject(question: str, answer: Sequence[str], context: str = "") -> str:
    """The drug, disease or test that a question is about, if an answer speaks of another one.

    Args:
        answer: the statements of the answer.
        context: titles and sections that the statements stand under.

    Returns:
        Its name in the words of the question, if neither the answer nor the context has it, a
        synonym or its class, and the first statement names another one; else "".
    """
    return other_name(_read(question), answer, context)


def _missing(question: str, answer: Sequence[str], context: str) -> list[Span]:
    """Where the words stand that ask for what is missing."""
    if apart := questions_apart(question):
        found: list[Span] = []
        for (start, end), subject in apart:
            about = [one for one in answer if Mentions(one).speak_of(subject)]
            spans = _missing(question[start:end], about, context) if about else [(0, end - start)]
            found += [(start + low, start + high) for low, high in spans]
        return found
    asked = _read(question)
    text = " ".join(answer)
    found = missing_parts(asked, text, context) + missing_outcomes(asked, text, context)
    found += missing_names(asked, answer, context)
    bare = not asked.yes_no and _is_bare_reply(question, text)
    if not asked.yes_no:
        found += missing_kinds(question, text, context, bare)
        found += missing_values(asked, answer, context)
    found += missing_forms(asked, text, context)
    if not bare:
        found += missing_circumstances(asked, text, context)
        found += missing_manner(asked, text, context)
        found += missing_reasons(asked, answer)
    else:
        found += other_groups(asked, text, context)
    return found


def _read(question: str) -> Question:
    """What a question asks for; "Is there an upper limit?" asks for it, not for yes or no."""
    asked = read_question(question)
    has_verb = _AUXILIARY.search(question) or _TITLE.search(question)
    if _ASKS_LIMIT.match(question) or not has_verb:  # "Antibiotic of choice for Lyme disease?"
        return replace(asked, yes_no=False)
    return asked


def _is_bare_reply(question: str, text: str) -> bool:
    """Whether a text such as "Two points." means what was asked without saying it again."""
    return (
        0 < len(text.split()) <= _REPLY
        and not _VERB.search(_CLAUSE.sub("", text))
        and {*terms(question)}.isdisjoint(terms(text))
    )


def _names(question: str, found: list[Span]) -> tuple[str, ...]:
    """The words of the question at some spans; what stands within another span is left out."""
    outer: list[Span] = []
    for start, end in sorted(found, key=lambda span: (span[0], -span[1])):
        if not outer or end > outer[-1][1]:
            outer.append((start, end))
    return tuple(dict.fromkeys(question[start:end].strip() for start, end in outer))
