"""What a sentence claims: its clauses and terms, with the headings that it is understood with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache

from ...text.quantities import quantities
from ...text.words import STOPWORDS
from ..support.abbreviations import Abbreviations, with_both_forms
from ..support.alignment import is_name, matches
from ..support.clauses import AUXILIARIES
from ..support.forms import root
from ..support.sentences import Clause, Sentence, Term, parse
from ..support.vocabulary import is_particular, kinds, listed_roots, opposites, slots
from ..support.windows import REFERS
from ..table_rows import is_row

_ELLIPTIC = re.compile(
    r"\b(?:this|these|such)\b(?! (?:trial|study|review|analysis|meta-analysis|cohort)\b)"
    r"|\baffected (?:individuals|people|persons|children|adults|family)\b"
    r"|\b(?:with|of|by|for|in) the (?:condition|disorder|disease|syndrome|illness|infection)\b"
)
# "Raises blood pressure" is no name, unlike "raised blood pressure": a light word parts the two.
_RAISES = re.compile(
    r"\b(?:(?:rais|lower)(?:es|s|ing)|(?:can|may|will|could|does|do|did|not|to) (?:raise|lower))"
    r"(?=\s+[a-z])"
)
_FRONTED = re.compile(r"((?:In|For|During|With|Among) (?:(?!who|which|that)[\w-]+ ?){1,5}),\s+")
_UNLIKE = re.compile(r"\b(?:unlike|in contrast to|as opposed to) [^,;]{1,60},\s*", re.I)
_OR_MORE = re.compile(
    r"\s+or\s+(?:(?P<up>more|higher|greater|above|over|older)|less|lower|below)\b"
)

# Axes (`support/tables/opposites.txt`) whose words only say which way things go, but for a few that
# also name what goes there.
_DIRECTIONS = frozenset({"do", "change", "benefit", "cause", "make", "worth", "same"})
_NAMED_TOO = frozenset(
    map(root, ("gain", "loss", "lost", "lose", "grow", "grown", "shrink", "triple", "double"))
)
# Axes whose words tell one kind of a thing from another: "sporadic", "early".
_QUALITIES = frozenset(
    {"genes", "symptoms", "sides", "typicality", "rhythm", "permanence", "size", "years", "depth",
     "when", "heat", "normal", "complete", "urgency", "drugs", "origin", "presence", "awake",
     "pain", "magnitude", "strength", "weight", "curable", "reversible", "voluntary"}
)  # fmt: skip
# What says little about the topic, beside what the support check calls light.
_PLAIN = frozenset(
    """
    account adult adults advised affect affected affects against analyses analysis anova around
    associated association average called ceiling comparison comparisons conclusion conclusions
    condition considered consist consists contains contraindicated daily day days define defined
    defines definition develop develops diagnose diagnosed diagnostic difference disease disorder
    dose doses during effect even every exceed exceeds fail failed failing fails findings
    first-line following formulary found given happens harmful human humans illness impact initial
    intake intergroup intragroup involved last lasts limit loading made maintain maintained
    maintenance make makes maximum mean measures median minimum must need needed needs normal
    normally occur occurs offer offered only ought part patient patients people person plasma
    played plays receive received receives recommendation recommended regarded regression repeated
    reported required requires result results role seen serum should show showed shown significant
    significantly standard starting statistical statistically stay stays taken target then therapy
    treated treatment up upwards use used using usual usually
    """.split()  # noqa: SIM905
)
PREFERRED = re.compile(  # what is recommended above others
    r"\bfirst[- ](?:line|choice)\b"
    r"|\b(?:drug|treatment|therapy|agent|antibiotic|method|test) of (?:first )?choice\b"
)
# Whom "in pregnancy" also names.
_WOMEN = frozenset(map(root, ("woman", "women", "mother", "mothers")))
_PREGNANCY = frozenset(
    map(root, ("pregnant", "pregnancy", "breastfeeding", "breastfeed", "lactation", "lactating"))
)
_BOUNDS = frozenset({"upper limit", "lower limit"})
NOTHING = frozenset({"placebo", "placebos", "sham"})  # being equal to it is having no effect
# Without one of these a claim is about something else, even its opposite: "stopping smoking".
_DECISIVE = frozenset(
    """
    absence allergy control controls deficiency heritability intervention lack lifetime loss
    overdose poor resistance sensitivity specificity stopping toxicity untreated withdrawal
    without
    """.split()  # noqa: SIM905
)


@dataclass(frozen=True)
class Sayings:
    """Roots and groups of synonyms of some sentences."""

    roots: frozenset[str]
    concepts: frozenset[int]

    @classmethod
    def of(cls, *sentences: Sentence) -> Sayings:
        """Those of some sentences together."""
        return cls(
            frozenset[str]().union(*(one.roots for one in sentences)),
            frozenset[int]().union(*(one.concepts for one in sentences)),
        )

    @classmethod
    def of_terms(cls, terms: Sequence[Term]) -> Sayings:
        """Those of some terms together."""
        return cls(
            frozenset(one for term in terms for one in term.roots),
            frozenset(one for term in terms for one in term.concepts),
        )

    def have(self, term: Term) -> bool:
        """Tell whether they name the same as a term; a kind of it is not the same."""
        if self.roots.issuperset(term.roots) or not self.concepts.isdisjoint(term.concepts):
            return True
        if len(term.roots) > 1:  # "incubation" is "incubation period"
            telling = {*term.roots} - listed_roots("light")
            return bool(telling) and self.roots.issuperset(telling)
        return matches(replace(term, concepts=frozenset()), self.roots, frozenset())


@dataclass(frozen=True, eq=False)
class Claim:
    """A sentence and what it is understood with.

    Attributes:
        sentence: see `read_sentence`.
        title, section: of its document; empty if it has none.
        before: the sentences that it refers to, the nearest first.
    """

    sentence: Sentence
    title: tuple[Sentence, ...] = ()
    section: tuple[Sentence, ...] = ()
    before: tuple[Sentence, ...] = ()

    @property
    def heading(self) -> tuple[Sentence, ...]:
        """Title and section."""
        return self.title + self.section

    @cached_property
    def here(self) -> Sayings:
        """What is said in the sentence and in those that it refers to."""
        return Sayings.of(self.sentence, *self.before)

    @cached_property
    def known(self) -> Sayings:
        """What is said in the sentence and in all that it is understood with."""
        return Sayings.of(self.sentence, *self.before, *self.heading)


@dataclass(frozen=True, eq=False)
class Part:
    """A clause of a claim."""

    claim: Claim
    clause: Clause

    @property
    def sentence(self) -> Sentence:
        """The sentence of the claim."""
        return self.claim.sentence

    @cached_property
    def text(self) -> str:
        """The clause in lower case."""
        return self.sentence.lower[self.clause.start : self.clause.end]


@dataclass(frozen=True)
class Difference:
    """What a clause of a source says otherwise than one of a statement, if both are of one thing.

    Attributes:
        reason: in words.
        alike: how many quantities, and kinds of them ("maximum"), both have.
        least_said: share of the terms of either that the other has to say.
        least_here: share that the source itself has to say, and not only its headings.
        opposed: the roots of opposite states of one thing, if they differ in that: "reversible" and
            "irreversible".
    """

    reason: str
    alike: int = 0
    least_said: float = 0.6
    least_here: float = 0.3
    opposed: frozenset[str] = frozenset()


def refers(text: str) -> bool:
    """Tell whether a sentence leaves its subject to what stands before it."""
    return REFERS.match(text) is not None or _ELLIPTIC.search(text.lower()) is not None


def read_sentence(text: str, short: Abbreviations) -> Sentence:
    """Take a sentence apart, in a form in which it can be compared.

    A row of a table becomes one clause, "in gout" before it a part of it. "38 °C or more" becomes
    "at least 38 °C", "raises blood pressure" is parted, and what it is only set off against
    ("unlike ibuprofen, …") is left out.
    """
    return with_both_forms(parse(_comparable(text)), short)


@lru_cache(maxsize=2048)
def _comparable(text: str) -> str:
    if is_row(text):
        text = ", ".join(cell[:1].lower() + cell[1:] for cell in text.split("; "))
        text = text.replace(": ", " ")
    text = _RAISES.sub(r"\g<0> own", _UNLIKE.sub("", text))
    if (whom := _FRONTED.match(text)) and AUXILIARIES.isdisjoint(whom[0].lower().split()):
        text = f"{whom[1]} {text[whom.end() :]}"
    if _OR_MORE.search(text):
        for one in reversed(quantities(text)):
            if bound := _OR_MORE.match(text, one.end):
                word = "at least" if bound["up"] else "at most"
                text = f"{text[: one.begin]}{word} {text[one.begin : one.end]}{text[bound.end() :]}"
    return text


def content(clause: Clause) -> list[Term]:
    """The terms that say what a clause is about, without those that take a stance on it."""
    implied = frozenset() if _PREGNANCY.isdisjoint(clause.roots) else _WOMEN
    return [
        one
        for one in clause.terms
        if is_decisive(one)
        or not (
            one.word in _BOUNDS or implied.issuperset(one.roots) or is_plain(one) or _is_route(one)
        )
    ]


def _is_route(term: Term) -> bool:
    """Whether a term only names a route, which is compared as a circumstance."""
    return any(slot == "route" for slot, _ in slots().get(term.roots, ()))


@cache
def _is_plain(word: str) -> bool:
    """Whether a lower-case word says little, or only which way things go."""
    if word in _PLAIN or word in STOPWORDS or root(word) in listed_roots("light"):
        return True
    directed = opposites().get(root(word), ())
    return root(word) not in _NAMED_TOO and any(axis in _DIRECTIONS for axis, _ in directed)


def is_decisive(term: Term) -> bool:
    """Tell whether a claim without a term is about something else."""
    return not _DECISIVE.isdisjoint(term.word.split())


def names(term: Term) -> bool:
    """Tell whether a term names a thing or one of two opposites: no other word may stand for it."""
    if listed_roots("verbs").issuperset(term.roots):
        return False
    return term.name or is_decisive(term) or is_name(term) or qualifies(term)


def qualifies(term: Term) -> bool:
    """Tell whether a term tells one kind of a thing from its opposite: "reversible"."""
    directed = opposites().get(term.roots[0], ()) if len(term.roots) == 1 else ()
    return any(axis in _QUALITIES for axis, _ in directed)


def is_plain(term: Term) -> bool:
    """Tell whether a term says little about the topic, such as "adults" or "usual dose"."""
    return term.light or (not is_decisive(term) and all(map(_is_plain, term.word.split())))


def is_topic(term: Term) -> bool:
    """Tell whether a term names what a document may be about: one disease or drug.

    Wide names ("infection"), names of classes ("antiemetics") and qualities ("reversible") are
    none.
    """
    if is_plain(term) or qualifies(term) or not is_name(term, is_particular):
        return False
    if term.concepts:
        return term.concepts.isdisjoint(kinds())
    return not term.word.endswith("s") or term.word.endswith(("is", "us", "ss"))
