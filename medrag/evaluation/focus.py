"""Which parts of an answer are about what was asked: the same people, the same drug, no title."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, dropwhile

from ..grounding.candidates import has_verb
from ..grounding.question import fits, forbids, groups
from ..grounding.support.alignment import is_name, matches
from ..grounding.support.drugs import names_drug
from ..grounding.support.forms import is_technical, root
from ..grounding.support.order import CAUSING
from ..grounding.support.sentences import Clause, Sentence, Term, parse
from ..grounding.support.vocabulary import listed_roots, opposites
from ..text.words import terms, words

_PRONOUN = re.compile(r"\b(?:its?|they|their|this|these|such|with|by|to|than)\b", re.I)
_NOBODY = 2  # what `fits` says of a text that names nobody
_SHORT = 6  # words of a bare name
_NUMBERED = re.compile(
    r"\b(?P<noun>[a-z]{4,})[ -](?P<number>\d{1,2}[a-z]?|[ivx]{1,4})\b"
    r"(?!\s*(?:%|[mµ]?c?g\b|m?l\b|mmhg|/|\.\d|,\d|to\b|or\b|-|–|\w+ly\b|times\b|hours?\b"
    r"|minutes?\b|days?\b|weeks?\b|months?\b|years?\b))"
)
_ROMAN = {"i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6", "x": "10"}
_PREFIXES = (("hyper", "hypo"), ("macro", "micro"), ("tachy", "brady"))
_JOINTS = re.compile(
    r";\s+|,\s+(?=(?:and|while|whereas|followed by)\b)|\s+(?=(?:whereas|followed by)\b)"
)
_FOLLOWS = re.compile(r"(?:and |while |whereas )?followed by\b", re.I)
# How a clause begins that goes on about what the one before it is about.
_GOES_ON = re.compile(
    r"(?:(?:and|while|whereas|then) )*(?:(?:it|its|they|their|this|these|those|both|who|which)\b"
    r"|an? \w+ (?:for|that|which|used)\b"
    r"|the \w+ (?:is|are|was|were|can|may|has|have|then|\w{3,}s)\b)",
    re.I,
)
_POINTS_BACK = re.compile(r"\b(?:its?|their|them)\b", re.I)
_JOINED = re.compile(r"(?:(?:and|while|whereas|then) )+", re.I)
_LESSER = re.compile(  # what a clause says that does not answer: "rarely X", "another is X"
    r"\b(?:not?|never|neither|nor|cannot|without|rare\w*|seldom|sometimes|occasional\w*|less"
    r"|second|third|many|several|various|also|another|other|former\w*|alternativ\w*)\b|n['’]t\b",
    re.I,
)
_IS_SO = re.compile(r"\s+(?:do|does|did|is|are|was|were)\W*\Z", re.I)  # "Naloxone does."
_PREPOSITION = re.compile(r"\W*(?:in|for|with|after|before|at|on|if|when|yes|no)\b", re.I)
NO_VERBS = (
    "ly", "ment", "ments", "tion", "tions", "sion", "sions", "or", "ors", "er", "ers", "ing",
)  # fmt: skip
_BARE = 2  # words of a question that a bare name at the beginning weighs as much as


@dataclass(frozen=True, slots=True)
class Role:
    """A clause of an answer.

    Attributes:
        weight: how many of the question's words say that it answers.
        bare: whether it only names something, at the beginning.
    """

    text: str
    weight: int
    bare: bool = False


def about(question: str, known: Iterable[str], text: str) -> str:
    """The part of a statement that is about what was asked; "" if none of it is.

    A clause for other people ("in children" for "in adults") is left out, and so is one whose
    subject is another drug than the one in the question, or another of its kind ("ataxia 3" for
    "ataxia 2").

    Args:
        known: what a right answer may say; what it names is no other subject.
    """
    asked, wanted = parse(question), [parse(one) for one in (question, *known)]
    whom, said = groups(question), parse(text)
    if _other_number(_numbered(question), _numbered(text)):
        return ""
    kept, meant = [], True
    for clause in said.clauses:
        named = groups(said.text[clause.start : clause.end])
        if (
            fits(whom, named) == 0
            or _other_drug(asked, wanted, said, clause)
            or _is_opposite(asked, wanted, clause)
        ):
            meant = False
        elif fits(whom, named) > _NOBODY and named:
            meant = True  # until then, "and repeated after an hour" goes with what is before it
        if meant:
            kept.append(clause)
    if len(kept) == len(said.clauses):
        return text
    return " ".join(said.text[one.start : one.end].strip(" ,;") for one in kept)


def is_bare_name(text: str) -> bool:
    """Tell whether a text only names something: "Naloxone.", or says that it does."""
    named = words(_IS_SO.sub("", text))
    return len(named) <= _SHORT and not has_verb(" ".join(named)) and any(map(is_technical, named))


def is_elliptic(text: str) -> bool:
    """Tell whether a text answers with a name and an auxiliary: "Naloxone does."."""
    return is_bare_name(text) and _IS_SO.search(text) is not None


def roles(question: str, names: Iterable[str], text: str) -> list[Role]:
    """The clauses of a statement, weighed: of two things named, the one with the question's
    predicate is the answer ("A causes it, and B is harmless").

    A clause that only goes on about the one before it belongs to it. A clause about the question's
    subject ("Pellagra is rare"), a denial, or what is said to be second weighs nothing.

    Args:
        names: of what is asked for; their words are no part of the predicate.
    """
    asked = {*terms(question)} - {term for name in names for term in terms(name)}
    clauses: list[str] = []
    for part in filter(None, _JOINTS.split(text)):
        if clauses and _goes_on(part, asked):
            clauses[-1] = f"{clauses[-1]}, {part}"
        else:
            clauses.append(part)
    refused = forbids(question)
    first = Role(clauses[0], _BARE, bare=True) if clauses and _is_bare(clauses[0]) else None
    weighed = [Role(one, _weight(one, asked, refused)) for one in clauses]
    return [first, *weighed[1:]] if first else weighed


def _goes_on(part: str, asked: set[str]) -> bool:
    """Whether a part of a sentence has no subject of its own."""
    if _FOLLOWS.match(part):
        return False
    own = _JOINED.sub("", part, count=1)
    if not _has_predicate(own) or _GOES_ON.match(part) or has_verb((own.split() or [""])[0]):
        return True
    return _POINTS_BACK.search(part) is not None and not asked.isdisjoint(terms(part))


def _has_predicate(text: str) -> bool:
    """Whether a text has a verb, if only one like "rises" or "treats"."""
    return has_verb(text) or any(map(_is_verb, words(text)[1:]))


def _is_verb(word: str) -> bool:
    own = "" if word.endswith(NO_VERBS) else root(word)
    return own in listed_roots("transitive") or own in CAUSING or own in opposites()


def _is_bare(text: str) -> bool:
    """Whether a clause only names something, technical or not: "The ulnar nerve"."""
    named = _IS_SO.sub("", text)
    return (
        len(words(named)) <= _SHORT and not _has_predicate(named) and not _PREPOSITION.match(named)
    )


def _weight(clause: str, asked: set[str], refused: bool) -> int:
    """How many of the question's words a clause has, if it says more than their subject."""
    found = terms(clause)
    rest = found[1:] if found and found[0] in asked else found
    said = dropwhile(lambda one: one in asked and not _is_verb(one), rest)
    if asked.isdisjoint(said) or (not refused and _LESSER.search(clause)):
        return 0
    return len(asked.intersection(found))


def drugs(sentence: Sentence) -> list[Term]:
    """The drugs that a sentence names, as far as their endings tell."""
    return list(filter(_is_drug, sentence.terms))


def _other_drug(
    asked: Sentence, wanted: Iterable[Sentence], said: Sentence, clause: Clause
) -> bool:
    """Whether a clause begins with another drug than the one in the question."""
    own = drugs(asked)
    if not own or any(matches(one, said.roots, said.concepts) for one in own):
        return False
    subject = next(filter(_is_drug, clause.terms), None)
    if subject is None or any(matches(subject, one.roots, one.concepts) for one in wanted):
        return False
    before = said.text[clause.start : subject.start]
    return not has_verb(before) and _PRONOUN.search(before) is None


def _is_opposite(asked: Sentence, wanted: Iterable[Sentence], clause: Clause) -> bool:
    """Whether a clause is about the opposite of something in the question: "hyper-" for "hypo-"."""
    said = {term.word for term in clause.terms}
    turned = {_turned(term.word) for term in asked.terms if term.word not in said} - {""}
    return any(
        term.word in turned and not any(matches(term, one.roots, one.concepts) for one in wanted)
        for term in clause.terms
    )


def _turned(word: str) -> str:
    """A word with the opposite prefix; "" if it has none."""
    pairs = chain(_PREFIXES, ((other, one) for one, other in _PREFIXES))
    return next((new + word[len(old) :] for old, new in pairs if word.startswith(old)), "")


def _other_number(asked: dict[str, set[str]], given: dict[str, set[str]]) -> bool:
    """Whether something only has other numbers than in the question: "type 1" for "type 2".

    "1A" is a kind of "1".
    """
    return any(
        not any(x.startswith(y) or y.startswith(x) for x in asked[one] for y in given[one])
        for one in asked.keys() & given.keys()
    )


def _numbered(text: str) -> dict[str, set[str]]:
    """By word, the numbers and letters that follow it."""
    found: dict[str, set[str]] = {}
    for one in _NUMBERED.finditer(text.lower()):
        noun = one["noun"].removesuffix("s")
        found.setdefault(noun, set()).add(_ROMAN.get(one["number"], one["number"]))
    return found


def _is_drug(term: Term) -> bool:
    return names_drug(term.word) and is_name(term)
