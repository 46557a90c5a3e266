"""Sentences that state one fact about one subject, found by their form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ...grounding.candidates import has_verb
from ...grounding.roles import Role, role_of
from ...grounding.spans import sentence_spans
from ...retrieval.wording.drugs import names_drug
from ...text.words import words
from ...types import Hit
from .patterns import PATTERNS, PLAIN_VERBS, Kind
from .topics import bare, leans, title_topic, topic_of


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact that a passage states.

    Attributes:
        topic: its subject, as a question names it.
        plural: whether the subject is more than one thing.
        sentence: verbatim, as the passage has it.
        start: its character offset in the document.
        subject_end: where its subject ends, in characters of the sentence; 0 if it does not begin
            with it.
        detail: see `Kind`.
        where: what the fact is limited to, for the question: " in adults", or "".
    """

    kind: Kind
    topic: str
    plural: bool
    sentence: str
    start: int
    subject_end: int = 0
    detail: str = ""
    where: str = ""


_LEAST_WORDS, _MOST_WORDS = 6, 45
_NEAR = 60  # characters between a drug and its dose
_LEAST_ALONE = 15  # words of a sentence with a blank whose document has no title to name
_LABEL = re.compile(r"\A(?:[A-Z][A-Za-z &/]{2,40}: |Key Points - |Summary : )")
# Words of the study, the page or the text around it.
_NOT_ALONE = re.compile(
    r"\b(?:we|our|us|et al|fig(?:ure)?s?|tables?|https?|www|click|subscribe|copyright|see|clinical"
    r" trials?|website|MedlinePlus|NINDS|NIH|NCI|resources?|HPO|vs"
    r"|Human Phenotype Ontology|the following|listed|(?:described|mentioned|shown) (?:above|below)"
    r"|(?:this|the present|the current) (?:study|trial|review|article|chapter|page|paper|section"
    r"|report|analysis|case|summary))\b|\bsuch (?!as\b)|\b[np] ?[=<>]|\bCI\b|\[|\]| - |\.\.|\?"
    r"|:\Z",
    re.I,
)
_BEGINS_ALONE = re.compile(r"[A-Z0-9][^\W_]*", re.UNICODE)

_AMOUNT = re.compile(
    r"\b\d[\d.,]*(?:\s?[-–]\s?\d[\d.,]*| to \d[\d.,]*)?\s?(?:mg|mcg|micrograms?|µg|g|units|IU|mL)\b"
    r"(?!/(?:min|d?L))(?:/kg|/m2|/m²| per kg)?"
)
_DOSING = re.compile(
    r"\b(?:is|are|be) (?:\w+ )?(?:given|taken|started|used|repeated|recommended|increased|added"
    r"|offered|injected)\b|\b(?:usual|recommended|standard|commonly|starting|maximum|maintenance"
    r"|loading|initial|low-dose|give|take|start)\b|\bthe (?:\w+ )?dose (?:is|of)\b",
    re.I,
)
_REPORTED = re.compile(
    r"\b(?:was|were|had|did|underwent|became)\b"
    r"|(?<!\bis )(?<!\bare )(?<!\bbe )(?<!\bbeen )\b(?:received|showed|found|reported|reduced"
    r"|randomi[sz]ed|observed|assigned|caused|developed|experienced|increased|decreased|improved"
    r"|occurred|remained|reached|revealed|demonstrated|suggested|completed|achieved|identified"
    r"|proved|appeared)\b|dose-depend|\b(?:mice|rats)\b",
    re.I,
)
_GROUP = re.compile(r"\b(adults|children|infants|pregnancy|older people|pregnant women)\b", re.I)
# What is not done, or rules something out, is no answer to how it is treated or diagnosed.
_AFFIRMED = ("treatment", "diagnosis")
_SAYS_NOT = re.compile(
    r"\b(?:no|not|never|cannot|without|neither|nor|unlikely|negative|avoid(?:s|ed|ing)?)\b|n't\b",
    re.I,
)
# An interaction is no effect of a drug.
_OF_ANOTHER = re.compile(
    r"\b(?:effect|effects|effectiveness|efficacy|levels?|concentrations?|absorption|clearance"
    r"|metabolism|excretion|toxicity) of\b"
)
_HEADINGS = (
    (r"signs and symptoms|symptoms|clinical features|presentation|features", "symptoms"),
    (r"(?:[\w-]+ ){0,2}(?:treatments?|management|therapy)|treating", "treatment"),
    (r"causes?|aetiology|etiology|pathophysiology|contributors", "causes"),
    (r"diagnosis|tests?|investigations?|diagnosing", "diagnosis"),
    (r"prevention|preventing", "prevention"),
    (r"complications", "complications"),
    (r"prognosis|outlook", "outlook"),
    (r"risk factors", "risk factors"),
    (r"side effects|adverse effects|unwanted effects", "side effects"),
    (r"inheritance", "inheritance"),
    (r"epidemiology|frequency|prevalence", "frequency"),
)
_LEFT_OUT = re.compile(
    r"(?<!and )(?<!or )(?<!to )(?<![/\d])\b\d[\d.,]*(?:[-–]\d[\d.,]*| to \d[\d.,]*)? ?"
    r"(?:%|percent|mg|mcg|mmol/L|mg/dL|mmHg|mm Hg|micromol/L|g/L|kg|mL|hours|days|weeks"
    r"|months|minutes)(?![\w/])"
)


def facts(hit: Hit) -> Iterator[Fact]:
    """The facts in a passage that can be understood without the text around it."""
    heading = hit.section.rpartition(" > ")[2]
    spans = sentence_spans(hit.text)
    # The first passage under a heading begins with it.
    first = spans[1] if heading and len(spans) > 1 and hit.text.startswith(f"{heading}\n") else None
    for start, end in spans:
        is_first = (start, end) == first
        sentence = hit.text[start:end]
        label = _LABEL.match(sentence)
        if label:
            start, sentence = start + label.end(), sentence[label.end() :]
        if not _stands_alone(sentence):
            continue
        at = hit.start + start
        found = [*_stated(sentence, hit, at), *_dose(sentence, hit, at)]
        yield from found
        if not found and is_first:
            yield from _under_heading(heading, sentence, hit, at)
        if not found:
            yield from _cloze(sentence, hit, at)


def _stands_alone(sentence: str) -> bool:
    count = len(words(sentence))
    return (
        _LEAST_WORDS <= count <= _MOST_WORDS
        and sentence.endswith(".")
        and "\n" not in sentence
        and sentence.count("(") == sentence.count(")")
        and _BEGINS_ALONE.match(sentence) is not None
        and not _NOT_ALONE.search(sentence)
        and role_of(sentence) not in (Role.aim, Role.method)
    )


def _stated(sentence: str, hit: Hit, at: int) -> Iterator[Fact]:
    """The first fact that the form of a sentence tells."""
    for kind, pattern in PATTERNS:
        found = pattern.match(sentence)
        if not found:
            continue
        named = found.groupdict()
        subject = named["topic"]
        topic = topic_of(subject, hit.title, hit.text)
        if not topic:
            continue
        detail = (named.get("detail") or "").strip()
        verb = named.get("be") or ""
        plural = verb == "are" or (verb != "is" and is_plural(topic))
        if kind is Kind.effect:
            if _OF_ANOTHER.search(sentence):
                continue
            plural = detail not in PLAIN_VERBS
            if plural and not is_plural(topic):
                continue
            detail = PLAIN_VERBS.get(detail, detail)
        begins = kind not in (Kind.gene, Kind.treatment, Kind.listed, Kind.diagnosis)
        end = found.end("topic") if begins and found.start("topic") == 0 else 0
        yield Fact(kind, topic, plural, sentence, at, end, detail)
        return


def is_plural(topic: str) -> bool:
    head = bare(topic).split(" of ")[0]
    return head.endswith("s") and not head.endswith(("ss", "us", "is"))


def _dose(sentence: str, hit: Hit, at: int) -> Iterator[Fact]:
    drugs = {word for word in words(sentence) if names_drug(word)}
    amount = _AMOUNT.search(sentence)
    if (
        len(drugs) != 1
        or not amount
        or "%" in sentence
        or not _DOSING.search(sentence)
        or _REPORTED.search(sentence)
    ):
        return
    drug = drugs.pop()
    named = re.search(rf"\b{re.escape(drug)}\b", sentence, re.I)
    if not named or abs(named.start() - amount.start()) > _NEAR:
        return
    low = sentence.lower()
    detail = "starting" if re.search(r"\b(?:start(?:ed|ing)?|initial)\b", low) else ""
    if "maximum" in low:
        detail = "" if detail else "maximum"
    groups = {found.lower() for found in _GROUP.findall(sentence)}
    where = f" in {groups.pop()}" if len(groups) == 1 else ""
    about = title_topic(hit.title, hit.text)
    if about and not where and not any(names_drug(word) for word in words(about)):
        where = f" in {bare(about)}"
    yield Fact(Kind.dose, drug, False, sentence, at, 0, detail, where)


def _under_heading(heading: str, sentence: str, hit: Hit, at: int) -> Iterator[Fact]:
    named = heading.strip().lower()
    key = next((key for pattern, key in _HEADINGS if re.fullmatch(pattern, named)), "")
    topic = title_topic(hit.title, hit.text)
    if key and topic and not (key in _AFFIRMED and _SAYS_NOT.search(sentence)):
        yield Fact(Kind.section, topic, is_plural(topic), sentence, at, 0, key)


def _cloze(sentence: str, hit: Hit, at: int) -> Iterator[Fact]:
    """A sentence from which one value or drug can be left out."""
    if leans(sentence) or not has_verb(sentence) or _REPORTED.search(sentence):
        return
    values = _LEFT_OUT.findall(sentence)
    drugs = [word for word in re.findall(r"[A-Za-z-]+", sentence) if names_drug(word.lower())]
    items = values if len(values) == 1 else drugs if len(drugs) == 1 and not values else []
    if not items or sentence.count(items[0]) != 1:
        return
    topic = title_topic(hit.title, hit.text)
    if {*words(items[0])} & {*words(hit.title)} or (
        not topic and len(words(sentence)) < _LEAST_ALONE
    ):
        return  # the title would give it away; or little says what it is about
    yield Fact(Kind.cloze, topic, False, sentence, at, 0, items[0])
