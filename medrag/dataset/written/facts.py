"""Sentences that state one fact about one subject, found by their form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from ...grounding.candidates import has_verb
from ...grounding.roles import Role, role_of
from ...grounding.spans import sentence_spans
from ...retrieval.wording.drugs import names_drug
from ...text.words import words
from ...types import Hit
from .topics import bare, title_topic, topic_of


class Kind(StrEnum):
    """What a sentence tells about its subject."""

    definition = "definition"
    cause = "cause"
    gene = "gene"
    inheritance = "inheritance"
    diagnosis = "diagnosis"
    treatment = "treatment"
    listed = "listed"  # symptoms, risk factors, side effects …: `detail` says which
    frequency = "frequency"
    spread = "spread"
    prevention = "prevention"
    purpose = "purpose"  # `detail` is the verb: "used", "approved" …
    effect = "effect"  # `detail` is the verb in its plain form
    association = "association"
    marks = "marks"  # what it is characterised by
    dose = "dose"  # `detail` is "", "starting" or "maximum"
    section = "section"  # the first sentence under a heading; `detail` is the question's key
    cloze = "cloze"  # `detail` is what is left out


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
_LEAST_ALONE = 12  # words of a sentence with a blank whose document has no title to name
_LABEL = re.compile(r"\A(?:[A-Z][A-Za-z &/]{2,40}: |Key Points - |Summary : )")
# Words of the study, the page or the text around it.
_NOT_ALONE = re.compile(
    r"\b(?:we|our|us|et al|fig(?:ure)?s?|tables?|https?|www|click|subscribe|copyright|see|clinical"
    r" trials?|website|MedlinePlus|NINDS|NIH|NCI|resources?|HPO|vs"
    r"|Human Phenotype Ontology|following|below|above|listed"
    r"|(?:this|the present|the current) (?:study|trial|review|article|chapter|page|paper|section"
    r"|report|analysis|case|summary))\b|\b[np] ?[=<>]|\bCI\b|\[|\]| - |\.\.|\?|:\Z",
    re.I,
)
_BEGINS_ALONE = re.compile(r"[A-Z0-9][^\W_]*", re.UNICODE)

_NAME = r"(?P<topic>[^\W_][^,;:?!()\n]{1,80}?)"
_AS_WELL = r"(?: \([^()]{1,60}\))?(?:, (?:also|sometimes|commonly|often|or)\b[^,]{1,80},)?"
_HOW = (
    r"(?: (?:usually|often|typically|also|mainly|generally|sometimes|commonly|most often"
    r"|most commonly|primarily|frequently|most frequently|almost always|always|initially|now|best"
    r"|first|strongly|significantly|independently|chiefly|thought to be|believed to be))?"
)
_IS = r" (?P<be>is|are|can be|may be)" + _HOW
_SUBJECT = rf"\A(?:(?:In (?:most|some|many|rare) cases|Usually|Often), )?{_NAME}{_AS_WELL}"
_GROUPS = (
    r"signs and symptoms|symptoms?|signs?|clinical features|features|complications?|causes?"
    r"|risk factors?|side effects?|adverse effects?|types|stages|contraindications?"
    r"|treatments? of choice|drugs? of choice|tests? of choice|first-line (?:treatment|therapy)"
    r"|outlook|prognosis|triggers"
)
_QUALITY = (
    r"(?:most |more )?(?:common|frequent|main|typical|early|first|possible|serious|important|major"
    r"|usual|classic|characteristic|known|leading|long-term)"
)
_PLAIN_VERBS = {
    "inhibits": "inhibit", "blocks": "block", "reduces": "reduce", "lowers": "lower",
    "increases": "increase", "raises": "raise", "prevents": "prevent", "relieves": "relieve",
    "improves": "improve", "stimulates": "stimulate", "activates": "activate",
    "encodes": "encode", "targets": "target", "binds": "bind", "regulates": "regulate",
    "promotes": "promote", "opens": "open", "relaxes": "relax", "damages": "damage",
    "destroys": "destroy", "slows": "slow", "suppresses": "suppress", "controls": "control",
}  # fmt: skip
_ONE, _SEVERAL = "|".join(_PLAIN_VERBS), "|".join(_PLAIN_VERBS.values())

_PATTERNS = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        (
            Kind.definition,
            rf"{_SUBJECT} (?P<be>is|are) (?:an?|any|one of (?:the|several|many)) "
            r"(?!(?:\w+,? )?(?:promising|proven|valuable|useful|attractive|effective|safe|feasible"
            r"|challenging|growing|good|better|great|well-known|significant|serious|live|common)\b)"
            r"(?!(?:\w+[ -]){0,4}(?:risk|cause|complication|predictor|marker|option|choice|target"
            r"|alternative|problem|challenge|concern|result|part|reason|need|way|lack|method|tool"
            r"|approach|feature|symptom|sign|goal|issue|contributor|consequence|indicator|variety"
            r"|number|result|factor|determinant|candidate|matter|difference|addition|effect|first|alternative)s?\b)",
        ),
        (
            Kind.cause,
            rf"{_SUBJECT}(?:{_IS} (?:caused by|due to|the result of)|{_HOW} results? from) ",
        ),
        (
            Kind.gene,
            r"\A(?:Mutations|Variants|Changes) in the (?P<detail>[A-Z][A-Z0-9-]{1,10}) gene"
            r"(?: can| may)? (?:cause|are responsible for) (?P<topic>[^,;:.()]{3,70})(?=[.,])",
        ),
        (Kind.inheritance, rf"{_SUBJECT}{_IS} inherited (?:in|as) "),
        (
            Kind.diagnosis,
            rf"{_SUBJECT}{_IS} (?:diagnosed|detected|confirmed) "
            r"(?:by|with|on|using|based|through|when|if|after|from) ",
        ),
        (
            Kind.diagnosis,
            r"\A(?:Doctors|Physicians|A doctor|Your doctor|Clinicians|Health care providers)"
            rf"(?: may| can)?{_HOW} diagnose {_NAME} (?:based on|by|with|using|from|after) ",
        ),
        (
            Kind.treatment,
            rf"{_SUBJECT}{_IS} (?:treated|managed) (?:with|by|using) ",
        ),
        (
            Kind.treatment,
            r"\A(?:The )?(?:[Mm]ain |[Uu]sual |[Ss]tandard |[Ii]nitial )?[Tt]reatments? (?:of|for) "
            rf"{_NAME}{_AS_WELL}(?: may| can)?{_HOW} (?:includes?|involves?|consists? of|is|are) "
            r"(?!not\b|based\b|aimed\b)",
        ),
        (
            Kind.listed,
            rf"\A(?:The )?(?P<detail>(?i:{_QUALITY})?(?: ?(?i:{_GROUPS}))) (?:of|for|to) "
            rf"{_NAME}{_AS_WELL}(?: may| can| could)?{_HOW} (?:includes?|is|are)(?: the)? "
            r"(?!not\b|also\b|often\b|different\b|similar\b|almost\b|in\b|due\b|seen\b|more\b|less\b"
            r"|very\b|to\b|the same|complex\b|unclear\b|poorly\b|usually\b|unknown\b"
            r"|\w+ly\b|\w+ed\b|at\b|as\b|present\b)",
        ),
        (
            Kind.frequency,
            rf"{_SUBJECT} (?:occurs in|affects|(?:is|are) (?:estimated|thought|believed) to "
            r"(?:occur in|affect)|has an? (?:estimated )?(?:prevalence|incidence) of)(?= .*\d)"
            r"(?=.*\b(?:people|individuals|births|newborns|children|adults|men|women|population"
            r"|persons|babies|per)\b)",
        ),
        (
            Kind.spread,
            rf"{_SUBJECT}{_IS} (?:spread|transmitted|acquired) (?:by|through|from|via|when|in) ",
        ),
        (Kind.prevention, rf"{_SUBJECT}{_IS} (?:prevented|avoided) (?:by|with) "),
        (
            Kind.purpose,
            rf"{_SUBJECT} (?P<be>is|are){_HOW} (?P<detail>used|prescribed|indicated|approved"
            r"|recommended|given)(?: alone| with [^,.]{3,40}| in combination with [^,.]{3,40})? "
            r"(?:for|to (?:treat|prevent|relieve|reduce|control|help|lower|manage|diagnose)) ",
        ),
        (Kind.association, rf"{_SUBJECT} (?P<be>is|are){_HOW} associated with "),
        (
            Kind.marks,
            rf"{_SUBJECT} (?P<be>is|are){_HOW} (?:characteri[sz]ed|marked|defined) by ",
        ),
        (
            Kind.effect,
            rf"{_SUBJECT}(?: (?:also|directly|selectively|potently|specifically))? "
            rf"(?P<detail>{_ONE}|{_SEVERAL}) (?!it\b|them\b|this\b|that\b|these\b|to\b|by\b|in\b"
            r"|is\b|are\b|can\b|may\b|of\b|for\b|was\b|were\b|and\b|with\b|on\b)",
        ),
    )
)  # fmt: skip

_AMOUNT = re.compile(
    r"\b\d[\d.,]*(?:\s?[-–]\s?\d[\d.,]*| to \d[\d.,]*)?\s?(?:mg|mcg|micrograms?|µg|g|units|IU|mL)\b"
    r"(?:/kg|/m2|/m²| per kg)?"
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
# What points to another sentence.
_LEANS = re.compile(r"\b(?:this|these|therefore|thus|also|then|instead|otherwise)\b", re.I)
_LEFT_OUT = re.compile(
    r"(?<!and )(?<!or )(?<!to )\b\d[\d.,]*(?:[-–]\d[\d.,]*| to \d[\d.,]*)? ?"
    r"(?:%|percent|mg|mcg|mmol/L|mg/dL|mmHg|mm Hg|micromol/L|g/L|kg|mL|hours|days|weeks"
    r"|months|minutes)(?!\w)"
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
        and has_verb(sentence)
        and role_of(sentence) not in (Role.aim, Role.method)
    )


def _stated(sentence: str, hit: Hit, at: int) -> Iterator[Fact]:
    """The first fact that the form of a sentence tells."""
    for kind, pattern in _PATTERNS:
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
            plural = detail not in _PLAIN_VERBS
            if plural and not is_plural(topic):
                continue
            detail = _PLAIN_VERBS.get(detail, detail)
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
    if not re.search(rf"\b{re.escape(drug)}\b", sentence, re.I):
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
    if key and topic:
        yield Fact(Kind.section, topic, is_plural(topic), sentence, at, 0, key)


def _cloze(sentence: str, hit: Hit, at: int) -> Iterator[Fact]:
    """A sentence from which one value or drug can be left out."""
    if _REPORTED.search(sentence) or _LEANS.search(sentence):
        return
    first = sentence.split()[0]
    if not topic_of(first, "", hit.text) and not names_drug(first.lower()):
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
