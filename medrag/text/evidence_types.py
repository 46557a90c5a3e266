"""Tell what kind of evidence a document is: a guideline, a trial, a case report and so on.

The publication types of its metadata say it best. Without them, a document says it of itself: as
the head of a part of its title ("…: a randomized trial", not "a call for randomized trials"), by
its MeSH headings, or in a sentence of its abstract on its own methods ("We searched MEDLINE").
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

_NEAR = 140  # characters around a telling word in which its sentence is read
_OPENING = 1500  # characters of an abstract in which its methods are looked for


class EvidenceType(StrEnum):
    """What kind of evidence a document is; a document of several kinds has the first of them."""

    protocol = "protocol"  # of a study or review: it has no results
    guideline = "guideline"
    systematic_review = "systematic review"  # with or without a meta-analysis
    randomized_trial = "randomized trial"
    clinical_trial = "clinical trial"  # of another kind
    case_control_study = "case-control study"
    cohort_study = "cohort study"  # prospective or retrospective
    cross_sectional_study = "cross-sectional study"
    case_report = "case report"  # of one patient or a few
    review = "review"
    laboratory_study = "laboratory study"  # in animals or in vitro
    opinion = "opinion"  # an editorial, a letter, a comment


_T = EvidenceType
# Names of PubMed's publication types and of JATS's article types, in lower case, without hyphens.
_PUBLICATION_TYPES = {
    "clinical trial protocol": _T.protocol,
    "protocol": _T.protocol,
    "study protocol": _T.protocol,
    "guideline": _T.guideline,
    "guidelines": _T.guideline,
    "practice guideline": _T.guideline,
    "consensus development conference": _T.guideline,
    "consensus development conference, nih": _T.guideline,
    "consensus statement": _T.guideline,
    "systematic review": _T.systematic_review,
    "meta analysis": _T.systematic_review,
    "network meta analysis": _T.systematic_review,
    "randomized controlled trial": _T.randomized_trial,
    "randomised controlled trial": _T.randomized_trial,
    "equivalence trial": _T.randomized_trial,
    "pragmatic clinical trial": _T.randomized_trial,
    "clinical trial": _T.clinical_trial,
    "clinical study": _T.clinical_trial,
    "controlled clinical trial": _T.clinical_trial,
    "adaptive clinical trial": _T.clinical_trial,
    "clinical trial, phase i": _T.clinical_trial,
    "clinical trial, phase ii": _T.clinical_trial,
    "clinical trial, phase iii": _T.clinical_trial,
    "clinical trial, phase iv": _T.clinical_trial,
    "case reports": _T.case_report,
    "case report": _T.case_report,
    "review": _T.review,
    "review article": _T.review,
    "scoping review": _T.review,
    "editorial": _T.opinion,
    "letter": _T.opinion,
    "comment": _T.opinion,
    "article commentary": _T.opinion,
    "discussion": _T.opinion,
    "reply": _T.opinion,
    "news": _T.opinion,
}
_MESH = {
    "case-control studies": _T.case_control_study,
    "cohort studies": _T.cohort_study,
    "retrospective studies": _T.cohort_study,
    "prospective studies": _T.cohort_study,
    "longitudinal studies": _T.cohort_study,
    "follow-up studies": _T.cohort_study,
    "cross-sectional studies": _T.cross_sectional_study,
}
# Types that a title may name more exactly.
_BROAD = {_T.clinical_trial, _T.review, _T.opinion, _T.case_report}
_ORDER = {type_: place for place, type_ in enumerate(EvidenceType)}

_RANDOM = r"(?<!non )(?<!non-)randomi[sz]ed"
_STUDY = r"(?:trials?|study|studies|evaluation|experiment|comparison|rct)"
_ANIMALS = (
    "mice|mouse|murine|rats?|rabbits?|pigs?|piglets?|dogs?|zebrafish|hamsters?|guinea pigs?|"
    "macaques?|sheep|drosophila|canines?|swine|porcine"
)
_IN_LABORATORY = re.compile(
    rf"in vitro(?! fertili)|\b(?:in|of)(?: \w+){{0,3}} (?:{_ANIMALS}|cell lines?)\b(?! bites?)"
    rf"|\b(?:{_ANIMALS}|animal) models?\b"
)
# No other noun follows, as in "guideline adherence".
_HEAD = (
    r"(?=\s*(?:$|[,\[])| (?:\w+ing|\W*\d|of|in|for|on|from|with|without|among|to|and|or|by|"
    r"at|vs|versus|that|is|as|between|after|during|based|update)\b)"
)
# What the noun of a title says, the first that fits; a title calls itself by it.
_NOUNS: tuple[tuple[EvidenceType, re.Pattern[str]], ...] = tuple(
    (type_, re.compile(rf"(?<![\w-])(?:{pattern}){_HEAD}"))
    for type_, pattern in (
        (
            _T.protocol,
            r"protocol(?= (?:for|of) )|(?:study|trial|review) protocol|rationale and design",
        ),
        (
            _T.systematic_review,
            r"(?:systematic|cochrane|umbrella)(?: \w+){0,2} (?:review|overview)|"
            r"(?:meta|metaanalysis|meta-analysis|meta-analyses)(?:[- ]analy(?:sis|ses))?"
            r"|meta-regression|pooled analysis",
        ),
        (
            _T.guideline,
            r"(?:(?:practice|clinical|consensus|management|treatment) )?guidelines?"
            r"|(?:consensus|position|recommendation) (?:statement|recommendations?|report)"
            r"|expert consensus|consensus conference|recommendations",
        ),
        (
            _T.randomized_trial,
            rf"{_RANDOM}(?:[,/]? [\w-]+){{0,5}}[,]? {_STUDY}|rct"
            rf"|(?:double|triple)[- ]blind(?:ed)?(?:,? [\w-]+){{0,3}} {_STUDY}",
        ),
        (
            _T.clinical_trial,
            r"(?:(?:phase [\div/]+[ab]?|open-label|single-arm|uncontrolled|nonrandomi[sz]ed|"
            r"non-randomi[sz]ed|pilot|feasibility|clinical|controlled),? (?:[\w/-]+,? ){0,3}"
            r"(?:trial)|phase [\div/]+[ab]?(?: [\w-]+){0,2} study)",
        ),
        (_T.case_control_study, r"case[- ]control(?:led)?(?: [\w-]+){0,2} (?:study|analysis)"),
        (
            _T.cohort_study,
            r"(?:(?:prospective|retrospective|longitudinal|observational|follow-up|registry|"
            r"registry-based|cohort|historical)(?:,? [\w-]+){0,3} "
            r"(?:study|analysis|review|survey|cohort|investigation|evaluation|comparison)|cohort)",
        ),
        (
            _T.cross_sectional_study,
            r"cross-sectional(?: [\w-]+){0,3} (?:study|survey|analysis)|cross-sectional",
        ),
        (
            _T.case_report,
            r"case (?:reports?|series|presentation|study)|case(?= of )|(?:two|three|four) cases"
            r"|reports? of (?:a|an|one|two|three|four|five|six|\d) (?:[\w-]+ )?cases?",
        ),
        (
            _T.laboratory_study,
            r"(?:in vitro|animal|experimental|preclinical)(?: [\w-]+){0,2} study",
        ),
        (
            _T.review,
            r"(?:(?:literature|narrative|scoping|critical|comprehensive|brief|mini|concise|short|"
            r"clinical|state-of-the-art) |mini-?)?review(?: article| of (?:the )?\w+)?"
            r"|overview|state of the art|what's new",
        ),
        (_T.opinion, r"letter to the editor|editorial|commentary|viewpoint|reply to"),
    )
)
# A quick look: most titles have none of them.
_NAMED = re.compile(
    "protocol|review|overview|meta|guideline|consensus|statement|recommendation|random|rct|blind|"
    "trial|phase|case|cohort|prospective|retrospective|longitudinal|observational|follow-up|"
    "registr|historical|cross-sectional|study|pooled|state of the art|what's new|letter|"
    "editorial|comment|viewpoint|reply|rationale"
)
_PARTS = re.compile(r"[:;.?!](?:\s+|$)|\s[-–—]\s|[—–]\s|\(")
# A noun is what a title is about, and not what the document is, after any of these.
_ABOUT = re.compile(
    r"\b(?:about|against|among|and|as|at|by|for|from|in|into|of|on|or|regarding|than|through|to|"
    r"under|using|versus|via|vs|with|within|without|"
    r"do|does|did|is|are|was|were|can|could|should|will|would|why|how|what|when|where|which|who|"
    r"need|toward|towards|peer|medical|chart|record|utilization|drug|self|"
    r"implementing|comparing|following|applying|evaluating|assessing|developing|"
    r"improving|reporting|conducting|interpreting|understanding|designing|no|more)\b"
)
# But these lead to the document's own study: "results of a …", "in a randomized trial".
_OWN = re.compile(
    r"(?:^|\b)(?:(?:results?|findings?|outcomes?|analys[ei]s|evidence|data|report|follow-up|"
    r"experience|update|lessons|substudy|extension)(?: \w+)? (?:of|from)|in|from) "
    r"(?:a|an|one|two|the first|our)\b(?P<rest>[^:]*)$"
)

_WE = (
    r"(?:we|the authors)(?: \w+)? (?:conducted|performed|did|undertook|carried out|report|present|"
    r"describe|designed|used)"
)
_THIS = r"(?:this|our|the present|the current|present)(?: was| is)?(?: \w+)?"
_SELF = (
    rf"(?:\b(?:{_WE}|this (?:was|is|study was|study is)|design|methods|setting|in this|in our|"
    rf"the present study was|using)[:,]? (?:an? |the )?|\b{_THIS} |(?:^|[.:] )an? )"
)
_MODIFIERS = r"(?:[\w/–-]+,? ){0,6}?"
# Another study, which the abstract only mentions.
_OTHERS = r"\b(?! (?:found|show|suggest|report|ha[sd]|have|demonstrat|conclud|indicat))"
_OPENINGS: tuple[tuple[EvidenceType, tuple[str, ...], re.Pattern[str]], ...] = tuple(
    (type_, gates, re.compile(pattern))
    for type_, gates, pattern in (
        (
            _T.laboratory_study,
            ("mice", "rats", "rabbits", "cells ", "zebrafish", "in vitro"),
            rf"\b(?:{_ANIMALS}) (?:\([^)]*\) )?(?:were|was|received|treated|fed|with)\b"
            r"|\bcells (?:\([^)]*\) )?were (?:treated|cultured|incubated|exposed|transfected)\b"
            r"|\b(?:we|was|were)[^.]{0,60} in vitro\b",
        ),
        (
            _T.systematic_review,
            ("systematic", "search", "meta-analy"),
            rf"{_SELF}{_MODIFIERS}(?:systematic(?: \w+)? (?:review|search)|meta-analysis){_OTHERS}"
            r"|\bsystematic(?: \w+){0,2} search(?:es)? (?:of|was|were|in)\b"
            r"|\b(?:we|were|was)(?: \w+){0,2} search(?:ed)?\b[^.]{0,60}"
            r"(?:medline|pubmed|embase|cochrane|databases)"
            r"|(?:medline|pubmed|embase|cochrane|databases)\b[^.]{0,80} (?:were|was)"
            r" (?:\w+ )?searched\b",
        ),
        (
            _T.randomized_trial,
            ("random", "double-blind", "double blind"),
            r"\b(?:were|was|we|underwent)(?: \w+)? (?:(?:then|also|centrally|equally) )?"
            r"(?:randomi[sz]ed(?! (?:controlled|trials|clinical|studies))|"
            r"(?:randomly|randomi[sz]ed)(?:,? \w+)? (?:assigned|allocated|divided|assign))\b"
            rf"|{_SELF}{_MODIFIERS}(?:{_RANDOM}|double[- ]blind)(?:,? [\w-]+){{0,5}}"
            rf" {_STUDY}{_OTHERS}",
        ),
        (
            _T.clinical_trial,
            ("single-arm", "open-label", "phase "),
            rf"{_SELF}{_MODIFIERS}(?:single-arm|open-label|phase [\div]+[ab]?)(?:,? [\w-]+){{0,4}}"
            r" (?:trial|study)\b",
        ),
        (
            _T.case_control_study,
            ("case-control", "case–control", "case control"),
            rf"{_SELF}{_MODIFIERS}case[-– ]control(?:led)?(?: \w+)? (?:study|analysis)\b",
        ),
        (
            _T.cross_sectional_study,
            ("cross-sectional", "cross sectional"),
            rf"{_SELF}{_MODIFIERS}cross[- ]sectional\b",
        ),
        (
            _T.cohort_study,
            ("cohort", "spective", "longitudinal", "observational"),
            rf"{_SELF}{_MODIFIERS}(?:cohort|prospective|retrospective|longitudinal)"
            r"(?:,? [\w-]+){0,4} (?:study|analysis|review|evaluation|survey)\b"
            r"|\bretrospective(?:ly)? (?:\w+ )?(?:review|reviewed|analy[sz]ed|evaluated|identified|"
            r"studied|collected|compared)\b"
            r"|\breviewed retrospectively\b"
            r"|\bprospectively (?:followed|enrolled|collected|studied)\b",
        ),
        (
            _T.case_report,
            ("case", "-year-old", "year old"),
            r"\bwe (?:\w+ )?(?:report|present|describe) (?:on )?(?:a|an|the|two|three|\d)"
            r"(?: [\w-]+){0,3} (?:cases?|\d+-(?:year|month|day)|patients?|wom[ae]n|m[ae]n|boys?|"
            r"girls?)\b"
            r"|(?:^|\. )(?:a|an) (?:[\w-]+ ){0,2}\d+[- ](?:year|month|day|week)[- ]old\b[^.]{0,60}"
            r" (?:presented|was (?:admitted|referred|diagnosed))",
        ),
        (
            _T.review,
            ("review",),
            r"\b(?:in this|this|the present|our)(?: \w+)? (?:review|overview)\b"
            r"|\bhere,? we review\b|\bwe review (?:the|current|recent|what)\b",
        ),
    )
)


def evidence_type(title: str, metadata: Mapping[str, Any], opening: str) -> str:
    """The kind of evidence that a document is, as a value of `EvidenceType`; "" if unknown.

    Args:
        metadata: `publication_types` and `mesh` as of PubMed, or `article_type` as of JATS.
        opening: the first characters of its text; the first 1,500 are read.
    """
    declared = _declared(metadata)
    if declared and declared not in _BROAD:
        return declared
    named = _named(title)
    if declared:
        return min(declared, named, key=_ORDER.__getitem__) if named else declared
    return named or _by_mesh(metadata) or _described(title, opening) or ""


def _declared(metadata: Mapping[str, Any]) -> EvidenceType | None:
    found = [
        type_
        for key in ("publication_types", "publication_type", "article_type")
        for name in _texts(metadata.get(key))
        if (type_ := _PUBLICATION_TYPES.get(name.lower().replace("-", " ")))
    ]
    return min(found, key=_ORDER.__getitem__, default=None)


def _by_mesh(metadata: Mapping[str, Any]) -> EvidenceType | None:
    headings = [name.lower() for name in _texts(metadata.get("mesh"))]
    found = [type_ for name in headings if (type_ := _MESH.get(name))]
    if not found and "animals" in headings and "humans" not in headings:
        return _T.laboratory_study
    return min(found, key=_ORDER.__getitem__, default=None)


def _texts(value: object) -> Iterable[str]:
    if isinstance(value, str):
        return (value,)
    return [one for one in value if isinstance(one, str)] if isinstance(value, list | tuple) else ()


def _named(title: str) -> EvidenceType | None:
    """What a title calls the document."""
    title = title.lower()
    if not _NAMED.search(title):
        return None
    parts = [part for part in _PARTS.split(title) if part.strip()]
    found: list[EvidenceType] = []
    for part in parts:
        for type_, noun in _NOUNS:
            match = noun.search(part)
            if match and _is_own(part[: match.start()], match[0]):
                found.append(type_)
    return min(found, key=_ORDER.__getitem__, default=None)


def _is_own(before: str, noun: str) -> bool:
    if own := _OWN.search(before):
        return not noun.endswith("s") and not _ABOUT.search(own["rest"])
    return not _ABOUT.search(before)


def _described(title: str, opening: str) -> EvidenceType | None:
    """What an abstract says of its own methods."""
    title, opening = title.lower(), opening[:_OPENING].lower()
    if _IN_LABORATORY.search(title):
        return _T.laboratory_study
    for type_, gates, pattern in _OPENINGS:
        for gate in gates:
            place = opening.find(gate)
            while place >= 0:
                if pattern.search(opening, max(0, place - _NEAR), place + _NEAR):
                    return type_
                place = opening.find(gate, place + _NEAR // 2)
    return None
