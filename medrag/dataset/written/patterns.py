"""The forms of sentences that state a fact, and what each kind of them tells."""

from __future__ import annotations

import re
from enum import StrEnum


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
PLAIN_VERBS = {
    "inhibits": "inhibit", "blocks": "block", "reduces": "reduce", "lowers": "lower",
    "increases": "increase", "raises": "raise", "prevents": "prevent", "relieves": "relieve",
    "improves": "improve", "stimulates": "stimulate", "activates": "activate",
    "encodes": "encode", "targets": "target", "binds": "bind", "regulates": "regulate",
    "promotes": "promote", "opens": "open", "relaxes": "relax", "damages": "damage",
    "destroys": "destroy", "slows": "slow", "suppresses": "suppress", "controls": "control",
}  # fmt: skip
_ONE, _SEVERAL = "|".join(PLAIN_VERBS), "|".join(PLAIN_VERBS.values())

PATTERNS = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        (
            Kind.definition,
            rf"{_SUBJECT} (?P<be>is|are) (?:an?|any|one of (?:the|several|many)) "
            r"(?!(?:\w+,? )?(?:promising|proven|valuable|useful|attractive|effective|safe|feasible"
            r"|challenging|growing|good|better|great|well-known|significant|serious|live|common|little|main)\b)"
            r"(?!(?:\w+[ -]){0,4}(?:risk|cause|complication|predictor|marker|option|choice|target"
            r"|alternative|problem|challenge|concern|result|part|reason|need|way|lack|method|tool"
            r"|approach|feature|symptom|sign|goal|issue|contributor|consequence|indicator|variety"
            r"|number|result|factor|determinant|candidate|matter|difference|addition|effect|first|alternative|responsibility)s?\b)",
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
            rf"{_NAME}{_AS_WELL}(?: may| can| could)?{_HOW} "
            r"(?:includes? |is (?:an?|the) |are (?=[^,.]+, [^.]+ and [^.]+\.\Z))",
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
            r"|is\b|are\b|can\b|may\b|of\b|for\b|was\b|were\b|and\b|with\b|on\b|than\b)",
        ),
    )
)  # fmt: skip
