"""What a question names: drugs, and conditions or other things, where they stand in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from .grounding.aspects import asked_aspects
from .grounding.question import groups, read_question
from .grounding.support.drugs import drug_class_names, names_drug
from .grounding.support.forms import root
from .grounding.support.vocabulary import names_something
from .text.words import STOPWORDS, words

_TOKEN = re.compile(r"[^\W_](?:[\w'’.-]*\w)?")
# What the table of drug classes does not list, and what is said instead of a name.
_DRUGS = frozenset("insulin lithium iron vaccine statin antibiotic steroid".split())  # noqa: SIM905
# Nouns that complete a name but are none.
_OF = re.compile(r" of (?:the )?", re.I)
_TYPE = re.compile(r"\b(?:type|stage|grade) (?:\d|[IVX]+) $", re.I)  # before a name
_COMPLETING = frozenset(
    """
    disease diseases syndrome cancer infection failure disorder deficiency impairment injury
    attack virus inhibitors inhibitor acid
    """.split()  # noqa: SIM905
)
# Verbs and qualities that a question says of its subject, and sides of it: they name nothing.
_SAID = frozenset(
    """
    work works worked working interact interacts affect affects raise raises lower lowers reduce
    reduces increase increases relieve relieves improve improves worsen worsens spread spreads last
    lasts happen happens occur occurs begin begins develop develops differ differs compare mean
    means cross crosses damage damages make makes made look feel recover become matter matters help
    helps hurt need needs contagious infectious hereditary curable reversible fatal serious common
    rare dangerous safe harmful addictive better best worse good bad normal high low suddenly long
    lasting soon fast quickly quick effective known okay ok thanks thank hello please go going
    food meals morning night evening surgery bed home
    mechanism action interaction interactions contraindication contraindications half-life overdose
    antidote duration route onset monitoring prognosis role kind type starting recommended usual
    main day days week weeks month months year years age old person persons people someone anyone
    patient patients mechanism mechanisms name names word say more one ones thing things
    mg mcg µg μg g kg ml mmol iu unit units milligram milligrams microgram micrograms
    tablet tablets water question answer source sources
    side effect effects true false found against versus vs towards than there
    drug drugs medicine medicines medication medications condition conditions first-line
    second-line third-line incubation period
    """.split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class Subject:
    """Something that a question names.

    Attributes:
        start, end: where its name stands.
        is_drug: a drug or a class of drugs.
        is_known: a drug, a disease or the like that the tables of medrag know.
    """

    text: str
    start: int
    end: int
    is_drug: bool
    is_known: bool

    @property
    def is_plural(self) -> bool:
        """By its ending: "statins", but not "diabetes"."""
        last = self.text.split()[-1].lower()
        return last.endswith("s") and not last.endswith(("ss", "us", "is", "tes", "les", "mps"))


def subjects(question: str) -> list[Subject]:
    """What a question names, in order; words side by side are one name ("type 2 diabetes")."""
    naming = {*read_question(question).subjects}
    found: list[list[re.Match[str]]] = []
    previous = None  # the word before, if a name can go on
    for token in _TOKEN.finditer(question):
        word = token[0].lower()
        goes_on = previous is not None and question[previous.end() : token.start()] == " "
        if goes_on and (word.isdigit() or word in _COMPLETING):
            found[-1].append(token)
            previous = token
        elif not _names(word, naming):
            previous = None
        elif goes_on:
            found[-1].append(token)
            previous = token
        else:
            found.append([token])
            previous = token
    named = [_subject(question, tokens) for tokens in found]
    return _joined(question, named)


def _joined(question: str, named: list[Subject]) -> list[Subject]:
    """ "Cancer of the lung" is one name; of "course of measles" only the measles are."""
    kept: list[Subject] = []
    for one in named:
        before = kept[-1] if kept else None
        if before and _OF.fullmatch(question[before.end : one.start]) and not before.is_drug:
            kept.pop()
            if before.is_known and not one.is_drug:
                whole = question[before.start : one.end]
                one = Subject(whole, before.start, one.end, False, True)
        kept.append(one)
    return kept


@cache
def is_drug(word: str) -> bool:
    """Whether a word names a drug or a class of drugs, in the singular or plural."""
    low = word.lower()
    return names_drug(low) or root(low) in drug_class_names() or low.removesuffix("s") in _DRUGS


def _names(word: str, naming: set[str]) -> bool:
    if word.isdigit() or word in STOPWORDS | _SAID or asked_aspects(word) or groups(word):
        return False
    if is_drug(word) or names_something(word):
        return True
    return any(part in naming for part in words(word)) and not word.endswith("ed")


def _subject(question: str, tokens: list[re.Match[str]]) -> Subject:
    while len(tokens) > 1 and tokens[-1][0].isdigit():
        tokens = tokens[:-1]
    start, end = tokens[0].start(), tokens[-1].end()
    if kind := _TYPE.search(question[:start]):
        start = kind.start()
    drug = any(is_drug(token[0]) for token in tokens)
    known = drug or any(names_something(token[0].lower()) for token in tokens)
    name = question[start:end]
    if drug and start == 0 and name.istitle():  # only because it begins the question
        name = name.lower()
    return Subject(name, start, end, drug, known)
