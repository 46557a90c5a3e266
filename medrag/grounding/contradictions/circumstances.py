"""Do two claims hold in other circumstances: other people, routes, stages, settings, conditions?"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache, lru_cache

from ..support.conditions import dropped_conditions
from ..support.forms import root
from ..support.sentences import Sentence, parse
from ..support.tables import named
from ..support.vocabulary import listed_roots
from .claims import PREFERRED, Claim, Part, names

# Slots (`support/tables/exclusive.txt`) that matter even if only one of two claims names them.
_STRICT = frozenset(
    {"age", "sex", "species", "route", "pregnancy", "severity", "course", "pressure", "type",
     "order", "trimester", "setting", "smoker", "operation", "menopause", "immunity",
     "laterality", "fat", "salt", "strength", "calories", "stage", "vaccine"}
)  # fmt: skip
# What is meant where nothing is named: adults, humans, by mouth.
_DEFAULTS = {"age": frozenset({3}), "species": frozenset({1}), "route": frozenset({0})}
# Drugs that are hardly ever given by mouth, so "5 mg/kg daily" leaves out only how.
_INJECTED = re.compile(
    r"\b(?:\w+(?:micin|parin|mab|penem)|amikacin|tobramycin|streptomycin|vancomycin|teicoplanin"
    r"|ceftriaxone|insulin)\b"
)
_WHOM = frozenset({"age", "sex", "species", "pregnancy", "trimester"})
_PREGNANT = frozenset({0})  # class of the slot "pregnancy"
_FIRST_LINE = frozenset({0})  # class of the slot "line"
_END = (
    r"stop(?:ped|s)?|discontinu(?:e[ds]?)|withdr[ae]wn?|withdraws|ceased?|omitted|missed|skipped"
    r"|tapered|weaned|removed|reduced"
)
_ONCE_STOPPED = re.compile(
    rf"\b(?:after|when|once|if|upon|until|since|as soon as)\b[^.;]*?\b(?:{_END})\b"
    rf"|\b(?:who|that) (?:have |has |had )?(?:{_END}|quit)\b"
)
_STOPPING = re.compile(
    r"\b(?:stopping|discontinuing|discontinuation|withdrawing|withdrawal|cessation|tapering|ceasing"
    r"|weaning|quitting|omitting|skipping|reversal|reversing|removal|removing|abstinence)\b"
)
_IF_ONE_HAS_IT = re.compile(r"\bif (?:you|they|someone) (?:have|has|gets?|develops?) (?:it|this)\b")
_CONSEQUENCE = re.compile(r"[,;\s]*(?:so|therefore|thus|hence|because|but|and)\b")
_SETTINGS = {
    "kidney": r"renal|kidneys?|egfr|creatinine clearance|(?:ha?emo)?dialysis|nephro\w+",
    "liver": r"hepatic|liver|cirrhosis",
    "early birth": r"preterm|premature",
    "critical": r"intensive care|critically ill|ventilated",
    "end of life": r"palliative|terminal(?:ly)?",
}
_SETTING = {name: re.compile(rf"\b(?:{words})\b") for name, words in _SETTINGS.items()}
_ORDER = re.compile(r"\b(?:(?P<before>before|prior to|ahead of)|(?P<after>after|following))\b")
_GIVEN_WHEN = re.compile(
    r"\b(?:given|taken|used|started|begun|received|administered|performed|done)"
    r" (?:before|prior to|after|following)\b"
)
_LABELLED = re.compile(  # "haemophilia A", "factor VIII", "type 2"
    r"\b(?P<word>[A-Za-z]{4,})[ -](?P<label>[A-K]|[IVX]{1,4}"
    r"|(?:(?<=[Tt]ype.)|(?<=[Ss]tage.)|(?<=[Gg]rade.)|(?<=[Pp]hase.)|(?<=[Ff]actor.))\d)\b"
)
_NUMBERED = re.compile(
    r"\b(?P<word>[A-Za-z]{4,})[ -](?P<label>\d{1,2})\b(?!\s*(?:%|m?g|m[lL]|\.\d))"
)
_TITLE_WORD = re.compile(r"[^\W_]+(?:\.\d+)?(?:['’]s\b)?")

Slots = dict[str, frozenset[int]]  # see `Sentence.slots`


def differ_in_circumstances(one: Part, other: Part) -> bool:
    """Tell whether two clauses are about others, or one has a condition that the other lacks."""
    return (
        _exclude(_slots(one), _slots(other), _left_open(one.claim, other.claim))
        or _differ_in_line(one, other)
        or _differ_in_labels(one.sentence, other.sentence, _LABELLED)
        or any(
            _are_siblings(a, b, one.claim, other.claim)
            for a in one.claim.title
            for b in other.claim.title
        )
        or any(
            _differ_in_labels(a, b, _NUMBERED) for a in one.claim.title for b in other.claim.title
        )
        or _settings(one.claim) != _settings(other.claim)
        or {_order(one.text), _order(other.text)} == {"before", "after"}
        or _is_stopped(one) != _is_stopped(other)
        or len([part for part in (one, other) if _GIVEN_WHEN.search(part.text)]) == 1
        or _has_own_condition(one.claim, other.claim)
        or _has_own_condition(other.claim, one.claim)
    )


def _left_open(one: Claim, other: Claim) -> frozenset[str]:
    """The slots that only one of two may name: the route of what is injected in any case."""
    texts = (text.lower for claim in (one, other) for text in (claim.sentence, *claim.heading))
    return frozenset({"route"}) if any(map(_INJECTED.search, texts)) else frozenset()


def _exclude(one: Slots, other: Slots, left_open: frozenset[str]) -> bool:
    """Whether two name other classes of a slot, or only one names some.

    Args:
        left_open: slots that only one may name.
    """
    for slot in one.keys() | other.keys():
        ours, theirs = one.get(slot, frozenset()), other.get(slot, frozenset())
        if ours and theirs:
            if ours.isdisjoint(theirs):
                return True
        elif slot in _STRICT - left_open and (ours | theirs) - _DEFAULTS.get(slot, frozenset()):
            return True
    return False


def _differ_in_line(one: Part, other: Part) -> bool:
    """Whether only one names a line of treatment; what is first-line is also just recommended."""
    lines = [part for part in (one, other) if "line" in part.sentence.slots]
    return len(lines) == 1 and (
        lines[0].sentence.slots["line"] != _FIRST_LINE or not preferred(lines[0])
    )


def preferred(part: Part) -> str:
    """The words with which a clause calls something first-line or the first choice, or ""."""
    clause = part.clause
    against = clause.negations or any(sign < 0 for _, sign in clause.directions.get("do", ()))
    found = None if against else PREFERRED.search(part.text)
    return found[0] if found else ""


def _is_stopped(part: Part) -> bool:
    """Whether a claim is about what follows when something is stopped."""
    found = _STOPPING.search(part.text) or _ONCE_STOPPED.search(part.sentence.lower)
    return found is not None


def _slots(part: Part) -> Slots:
    """By slot, the classes that a clause names, or else what it is understood with.

    What follows from it ("…, so it is used in pregnancy") is left out; of the title and of the
    sentences before counts only whom they name.
    """
    claim, sentence = part.claim, part.sentence
    if _CONSEQUENCE.match(sentence.lower, part.clause.end):
        sentence = parse(sentence.text[: part.clause.end])
    texts = (sentence, *claim.before, *claim.heading)
    found: Slots = {}
    for one in texts:
        for slot, classes in one.slots.items():
            if slot in _WHOM or one in (sentence, *claim.section):
                found.setdefault(slot, classes)
    if not listed_roots("of pregnancy").isdisjoint(sentence.roots):
        found.setdefault("pregnancy", _PREGNANT)
    if "pregnancy" in found:
        found.pop("sex", None)
    if "age" in found and not any(_age().search(one.lower) for one in texts):
        del found["age"]  # "below 2.5 mU/L"
    return found


@cache
def _age() -> re.Pattern[str]:
    """What names an age, or makes a number one."""
    classes = named("exclusive")["age"].split("|")
    words = "|".join(entry.strip() for names in classes for entry in names.split("+"))
    return re.compile(rf"\b(?:aged?|ages|years?|months?|old|{words})(?:s|ren)?\b")


def _settings(claim: Claim) -> frozenset[str]:
    """The settings that a claim or its heading names."""
    texts = [one.lower for one in (claim.sentence, *claim.before, *claim.heading)]
    return frozenset(name for name, words in _SETTING.items() if any(map(words.search, texts)))


def _order(text: str) -> str:
    """Whether a clause is about what is before or after something, if about one of them."""
    found = {str(one.lastgroup) for one in _ORDER.finditer(text)}
    return found.pop() if len(found) == 1 else ""


def _has_own_condition(one: Claim, other: Claim) -> bool:
    """Whether a claim has a condition that the other, with its headings, does not name."""
    known = replace(other.sentence, roots=other.known.roots, concepts=other.known.concepts)
    if _IF_ONE_HAS_IT.search(one.sentence.lower) and "if" not in other.sentence.words:
        return True
    return bool(dropped_conditions(known, [one.sentence]))


def _are_siblings(title: Sentence, other: Sentence, one: Claim, two: Claim) -> bool:
    """Whether two titles name kinds of one thing, "head lice" and "body lice", that neither claim
    names of the other."""
    ours, theirs = (_TITLE_WORD.findall(text.lower)[::-1] for text in (title, other))
    if not any(map(names, title.terms[-1:])):
        return False
    for n, words in enumerate(zip(ours, theirs, strict=False)):
        kind, its = (root(word.removesuffix("'s").removesuffix("’s")) for word in words)
        if kind != its:
            return n > 0 and kind not in two.known.roots and its not in one.known.roots
    return False


def _differ_in_labels(one: Sentence, other: Sentence, pattern: re.Pattern[str]) -> bool:
    """Whether two name another type, stage or vitamin: "haemophilia A" and "B"."""
    ours, theirs = _labels(one.text, pattern), _labels(other.text, pattern)
    return any(ours[word].isdisjoint(theirs[word]) for word in ours.keys() & theirs.keys())


@lru_cache(maxsize=2048)
def _labels(text: str, pattern: re.Pattern[str]) -> dict[str, frozenset[str]]:
    """By lower-case word, the letters and numbers that follow it."""
    found: dict[str, frozenset[str]] = {}
    for one in pattern.finditer(text):
        word = one["word"].lower()
        found[word] = found.get(word, frozenset()) | {one["label"]}
    return found
