"""A fact as a question: in full, in keywords, as a claim to check, in lay words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum

from ...grounding.aspects import asked_aspects
from ...text.words import terms
from ...types import QuestionKind
from .. import drawn
from ..near_miss import BLANK, swaps
from .facts import Fact, is_plural
from .patterns import Kind
from .topics import bare, lay_name


class Style(StrEnum):
    """How a question is worded."""

    question = "question"
    keywords = "keywords"
    claim = "claim"
    lay = "lay"
    cloze = "cloze"


# {t}: the topic; {n}: without its article; {be}, {do}: "is" or "are", "does" or "do".
_QUESTIONS = {
    Kind.definition: "What {be} {t}?",
    Kind.cause: "What causes {t}?",
    Kind.gene: "Mutations in which gene cause {t}?",
    Kind.inheritance: "How {be} {t} inherited?",
    Kind.diagnosis: "How {be} {t} diagnosed?",
    Kind.treatment: "How {be} {t} treated?",
    Kind.listed: "What {be} the {d} of {t}?",
    Kind.frequency: "How common {be} {t}?",
    Kind.spread: "How {be} {t} spread?",
    Kind.prevention: "How can {t} be prevented?",
    Kind.purpose: "What {be} {t} {d} for?",
    Kind.effect: "What is the effect of {t}?",
    Kind.association: "What {be} {t} associated with?",
    Kind.marks: "What {be} {t} characterized by?",
    Kind.dose: "What is the {d} dose of {t}{where}?",
}
_KEYWORDS = {
    Kind.definition: "{n} definition",
    Kind.cause: "{n} cause",
    Kind.gene: "{n} gene",
    Kind.inheritance: "{n} inheritance pattern",
    Kind.diagnosis: "{n} diagnosis",
    Kind.treatment: "{n} treatment",
    Kind.listed: "{n} {d}",
    Kind.frequency: "{n} prevalence",
    Kind.spread: "{n} transmission",
    Kind.prevention: "{n} prevention",
    Kind.purpose: "{n} uses",
    Kind.effect: "{n} effect",
    Kind.association: "{n} associations",
    Kind.marks: "{n} characteristics",
    Kind.dose: "{t} {d} dose{where}",
}
# Of verbs that need no direction; others ask for the effect.
_ACTS_ON = frozenset(
    ("inhibit", "block", "encode", "target", "bind", "activate", "regulate", "stimulate")
)
_LAY = {
    Kind.definition: "Can you explain what {t} {be}?",
    Kind.cause: "Why do people get {n}?",
    Kind.inheritance: "Does {n} run in families, and how is it passed on?",
    Kind.diagnosis: "How do doctors find out that someone has {n}?",
    Kind.treatment: "What can be done about {n}?",
    Kind.frequency: "How many people have {n}?",
    Kind.spread: "How do you catch {n}?",
    Kind.prevention: "What can I do to prevent {n}?",
    Kind.purpose: "What do people get {n} for?",
    Kind.effect: "What {do} {t} do?",
    Kind.dose: "How much {t} should be taken{where}?",
}
_SECTIONS = {
    "symptoms": ("What are the symptoms of {t}?", "How would I notice that I have {n}?"),
    "treatment": ("How is {t} treated?", "What can be done about {n}?"),
    "causes": ("What are the causes of {t}?", "Why do people get {n}?"),
    "diagnosis": ("How is {t} diagnosed?", "How do doctors find out that someone has {n}?"),
    "prevention": ("How can {t} be prevented?", "What can I do to prevent {n}?"),
    "complications": ("What are the complications of {t}?", "What can happen if I have {n}?"),
    "outlook": ("What is the outlook for {t}?", "What can someone with {n} expect?"),
    "risk factors": ("Who is at risk of {t}?", "Who is likely to get {n}?"),
    "side effects": ("What are the side effects of {t}?", "What harm can {n} do?"),
    "inheritance": ("How is {t} inherited?", "Does {n} run in families, and how?"),
    "frequency": ("How common is {t}?", "How many people have {n}?"),
}
# Where a sentence goes on to tell more, so that a claim may end before it.
_TAIL = re.compile(
    r"(?:,? (?:in|of|by|to|for|from|with) which|, (?:which|who|where|and|because|but|so|with"
    r"|including|such as|leading|resulting|causing|most|especially|usually|typically)\b| because"
    r"| which | that )"
)
_LEAST_CLAIM, _LEAST_TAIL = 6, 4  # words
_WRONG = 0.7  # share of claims that are altered, where something can be
_PAIRS = (
    ("dominant", "recessive"),
    ("benign", "malignant"),
    ("rare", "common"),
    ("acute", "chronic"),
    ("bacterial", "viral"),
)
_OPPOSITES = {one: other for a, b in _PAIRS for one, other in ((a, b), (b, a))}
_OPPOSITE = re.compile(rf"\b(?:{'|'.join(_OPPOSITES)})\b")
_LEAST_SAID = 4  # terms of a claim beside its subject
_NEW = 2  # terms of the sentence that neither question nor title has


class Phrased:
    """A question made of a fact.

    Attributes:
        exact: what has to be named, as in `Example`.
    """

    __slots__ = ("exact", "kind", "question", "style")

    def __init__(
        self,
        style: Style,
        question: str,
        kind: QuestionKind = QuestionKind.text,
        exact: tuple[tuple[str, ...], ...] = (),
    ) -> None:
        self.style = style
        self.question = question
        self.kind = kind
        self.exact = exact


def phrasings(fact: Fact, title: str, seed: int) -> Iterator[Phrased]:
    """The questions that the sentence of a fact answers, in all styles that fit.

    A question is left out if its sentence tells little more than it and the title do, or does not
    speak of the side of the subject that it asks about.
    """
    made = [*_worded(fact, seed)]
    aspects = asked_aspects(made[0].question)
    for phrased in made:
        known = {*terms(phrased.question), *terms(title)}
        new = {*terms(fact.sentence)} - known
        needed = 1 if phrased.exact else _NEW
        if phrased.style in (Style.claim, Style.cloze) or (
            len(new) >= needed and all(one.said.search(fact.sentence) for one in aspects)
        ):
            yield phrased


def _worded(fact: Fact, seed: int) -> Iterator[Phrased]:
    if fact.kind is Kind.cloze:
        blank = fact.sentence.replace(fact.detail, BLANK)
        is_named = {*terms(fact.topic)} <= {*terms(fact.sentence)}
        about = "" if is_named else f" about {fact.topic}"
        question = f"Fill in the blank{about}: “{blank}”"
        yield Phrased(Style.cloze, question, QuestionKind.factoid, ((fact.detail,),))
        return
    if fact.kind is Kind.section:
        asked, by_laymen = _SECTIONS[fact.detail]
        yield Phrased(Style.question, _fill(asked, fact, fact.topic))
        yield Phrased(Style.keywords, f"{bare(fact.topic)} {fact.detail}")
        yield Phrased(Style.lay, _fill(by_laymen, fact, lay_name(fact.topic) or fact.topic))
        return
    exact = ((fact.detail,),) if fact.kind is Kind.gene else ()
    kind = QuestionKind.factoid if exact else QuestionKind.text
    asked = _QUESTIONS[fact.kind]
    if fact.detail in _ACTS_ON:
        asked = "What {do} {t} {d}?"
    yield Phrased(Style.question, _fill(asked, fact, fact.topic), kind, exact)
    yield Phrased(Style.keywords, _fill(_KEYWORDS[fact.kind], fact, fact.topic))
    # "How do you catch a mad dog bite?": what people say is not always a name of the disease.
    lay = "" if fact.kind in (Kind.spread, Kind.prevention) else lay_name(fact.topic)
    if lay:
        named = replace(fact, plural=is_plural(lay))
        yield Phrased(Style.lay, _fill(_LAY.get(fact.kind, asked), named, lay))
    elif fact.kind in _LAY:
        yield Phrased(Style.lay, _fill(_LAY[fact.kind], fact, fact.topic))
    yield from _claim(fact, seed)


def _fill(template: str, fact: Fact, topic: str) -> str:
    detail = fact.detail
    plural = fact.plural
    if fact.kind is Kind.listed:
        detail = detail[:1].lower() + detail[1:]
        plural = not re.search(r"(?:choice|line \w+|outlook|prognosis|[^s])\Z", detail)
    text = template.format(
        t=topic,
        n=bare(topic),
        d=detail,
        be="are" if plural else "is",
        do="do" if plural else "does",
        where=fact.where,
    )
    text = " ".join(text.split())
    return text if template.startswith("{") else text[:1].upper() + text[1:]


def _claim(fact: Fact, seed: int) -> Iterator[Phrased]:
    """The first part of the sentence as a claim; half of the claims are altered to be wrong."""
    tail = next(
        (
            cut
            for cut in _TAIL.finditer(fact.sentence, fact.subject_end + 1)
            if len(fact.sentence[: cut.start()].split()) >= _LEAST_CLAIM
        ),
        None,
    )
    if not fact.subject_end or not tail or "(" in fact.sentence[: tail.start()]:
        return
    if len(fact.sentence[tail.start() :].split()) < _LEAST_TAIL:
        return
    if tail[0] == ", and" and "," in fact.sentence[: tail.start()]:
        return  # the end of a list
    said = fact.sentence[fact.subject_end : tail.start()].rstrip(" ,")
    if len(terms(said)) < _LEAST_SAID:
        return
    verdict = "yes"
    if drawn(seed, "claim", fact.sentence) < _WRONG and (wrong := _altered(said)):
        said, verdict = wrong, "no"
    question = f"Is it true that {fact.topic}{said}?"
    yield Phrased(Style.claim, question, QuestionKind.yes_no, ((verdict,),))


def _altered(said: str) -> str:
    """A claim with one thing turned into its opposite or another value; "" if there is none."""
    found = _OPPOSITE.search(said)
    if found:
        return said[: found.start()] + _OPPOSITES[found[0]] + said[found.end() :]
    return next((swap.apply(said) for swap in swaps(said, 0, len(said))), "")
