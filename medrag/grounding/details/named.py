"""Drugs and diseases that a question names and an answer does not speak of.

What is told of gentamicin is no answer for vancomycin. A synonym, an abbreviation, a class or a
member of the class will do, but of diuretics, "thiazide diuretics" do not include furosemide.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from ...text.words import words
from ..question import Question
from ..support.drugs import covers, drug_classes, names_drug
from ..support.forms import is_technical, root
from ..support.vocabulary import is_organ, is_particular, kinds, synonyms
from .kinds import Span
from .mentions import Mentions, without

_DISEASE = re.compile(
    r"(?:itis|(?<!gn)(?<!opt)(?<!mit)(?<!hypn)(?<!stom)osis|[aeo]emia|omas?"
    r"|[aeo]pathy|algia|uria|penia|plegia|rrh?o?ea|iasis|epsy|asthenia"
    r"|porphyria|dystrophy)\Z"
)
_ABBREVIATION = re.compile(r"(?<![\w-])[a-z]?[A-Z][A-Za-z]?[A-Z0-9][A-Z0-9a-z]{0,4}(?!\w)")
# Of names that differ only in this, each is something else.
_DESIGNATED = re.compile(
    r"\b(?P<name>hepatitis|influenza|vitamin|factor|ha?emophilia|interleukin|neurofibromatosis)"
    r"[\s-]+(?P<letter>(?-i:[A-EKX])\d{0,2}|\d{1,2}|(?-i:[IVX]{1,4}))\b",
    re.I,
)
_TEST = re.compile(
    r"\b(?:sensitivity|specificity|accuracy|predictive value) of (?:an? |the )?(?P<name>[\w-]+)"
    r"(?=\W*\Z| (?:in|for|to|as|tests?|assays?|levels?|testing)\b)",
    re.I,
)
_LEFT_OUT = re.compile(
    r"\b(?:instead of|other than|besides|except(?: for)?|apart from|without|rather than|replac\w+"
    r"|alternatives? to|substitutes? for|allerg\w+ to|intoleran\w+ (?:of|to)|fail\w* (?:on|of|to)"
    r"|resist\w+ to|(?:not|n['’]t) (?:tolerate|take|have)|cannot (?:tolerate|take|have)|from|off"
    r"|after|before|stopping|despite|on)\s+(?:the |an? )?(?:[\w-]+ (?:or|and) )?\Z",
    re.I,
)
_IS_LEFT_OUT = re.compile(
    r"[\s-]+(?:(?:is|are|was|has|have|does|do|cannot|can)\b.{0,15}?)?(?:allerg\w+|intoleran\w+"
    r"|fail\w*|resist\w+|contra-?indicated|tolerated|unsuitable|unavailable|not\b|refractory|naive)",
    re.I,
)
_PRONOUN = re.compile(r"\b(?:it|its|they|their|them|the (?:drug|medicine|disease))\b", re.I)
# Questions whose answer names another drug, whatever they are about.
_WANTS_DRUG = re.compile(
    r"\b(?:which|what) (?:[\w-]+ ){0,2}?(?:drugs?|medicines?|agents?|raises?|lowers?|increases?"
    r"|reduces?|(?:is|should be) (?:given|used))\b"
    r"|\b(?:antidot|treat|manag|revers|interact)\w*\b",
    re.I,
)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_PHRASE = 4  # words of a phrase in the table of synonyms, at most
_LETTERS = 5  # of a name that is looked for within other words: "hyperleptinemia"
_CHOICE = re.compile(r"\b(?:or|versus|vs|than)\b", re.I)
_WHY = re.compile(r"\W*why\b", re.I)
_SHORT = 3  # letters of an abbreviation, which may be spelled out


class Name(NamedTuple):
    """A name in a text: the word, and whether it is that of a drug or of a disease."""

    word: str
    is_drug: bool


def missing_names(asked: Question, answer: Sequence[str], context: str) -> list[Span]:
    """Where a question names a drug or disease of which neither an answer nor its context speaks.

    It is missing only if another one is named instead, or one of two drugs that act on each other:
    a reply need not say again what it is about.
    """
    unspoken = _unspoken(asked, answer, context)
    drugs = [one for one in _asked_names(asked) if one.is_drug]
    if _WHY.match(asked.text) or (len(drugs) > 1 and _CHOICE.search(asked.text)):
        return []  # "A is safer" speaks of B; what of two is left out, `subjects.py` tells
    others = _rivals(asked, answer)
    together = asked.yes_no and len(drugs) > 1 and any(one not in unspoken for one in drugs)
    found = [
        _span(one.word, asked.text)
        for one in unspoken
        if _is_replaced(one, others, asked, answer, context) or (one.is_drug and together)
    ]
    said = Mentions("\n".join((context, *answer)))
    return [
        *filter(None, found),
        *_designations(asked.text, said.text),
        *(
            one.span("name")
            for one in _TEST.finditer(asked.text)
            if is_technical(one["name"].lower()) and not said.speak_of(Mentions(one["name"]))
        ),
    ]


def other_name(asked: Question, answer: Sequence[str], context: str) -> str:
    """What a question is about, if an answer speaks of nothing that it names, but of another one.

    Returns:
        The name of a drug or disease in the words of the question, or "".
    """
    said = Mentions("\n".join((context, *answer)))
    unspoken = _unspoken(asked, answer, context)
    if not answer or _PRONOUN.search(answer[0]):
        return ""
    names = _asked_names(asked)
    drugs = [one for one in names if one.is_drug]
    others = _rivals(asked, answer[:1])
    if drugs and all(one in unspoken for one in drugs):
        main = drugs[0]  # whatever disease it is for
    elif not drugs and names and all(one in unspoken for one in names):
        rest = [Mentions(one) for one in asked.subjects if one not in {name.word for name in names}]
        if any(one.is_medical and said.speak_of(one) for one in rest):
            return ""
        main = names[0]
    else:
        return ""
    if main.is_drug and _WANTS_DRUG.search(asked.text):
        others = [one for one in others if _share_class(main, one)]
    span = _span(main.word, asked.text) if _has_sibling(main, others) else None
    return asked.text[slice(*span)] if span else ""


def _unspoken(asked: Question, answer: Sequence[str], context: str) -> list[Name]:
    """The names in a question of which neither an answer nor its context speaks."""
    names = _asked_names(asked)
    if not names or not answer:
        return []
    text, above = _narrowed("\n".join(answer)), _narrowed(context)
    own, both = Mentions(text), Mentions(f"{above}\n{text}")
    rivals = _rivals(asked, answer)
    return [
        one
        for one in names
        if not _is_named(one, both)
        and not _in_phrase(one, asked.text, both)
        and not _by_class(one, own)
        and (_has_sibling(one, rivals) or not _by_class(one, both))
    ]


def _asked_names(asked: Question) -> list[Name]:
    """The names in a question that an answer has to speak of, or of which it must name another.

    Not of what is left out: "instead of metformin", "if metformin is contraindicated".
    """
    found = []
    for one in _names(asked.subjects):
        span = _span(one.word, asked.text)
        if span and not (
            _LEFT_OUT.search(asked.text[: span[0]]) or _IS_LEFT_OUT.match(asked.text, span[1])
        ):
            found.append(one)
    return found


def _names(listed: Sequence[str]) -> list[Name]:
    """The names of drugs and diseases among some words."""
    return [Name(word, is_drug) for word in listed if (is_drug := _is_drug(word)) is not None]


def _rivals(asked: Question, answer: Sequence[str]) -> list[Name]:
    """The names in an answer that the question does not have.

    Of diseases, only those that their ending tells: "cold water" and an unknown drug are none.
    """
    new = dict.fromkeys(words(without(" ".join(answer), asked.text)))
    return [one for one in _names([*new]) if one.is_drug or _DISEASE.search(one.word)]


@cache
def _is_drug(word: str) -> bool | None:
    """Whether a word names a drug (True) or a disease (False), or None if it names neither."""
    plain = root(word)
    groups = synonyms().get((plain,), frozenset())
    if not (is_technical(word) or groups) or any(group in kinds() for group in groups):
        return None  # a class, such as "carcinoma", is said in too many ways
    if word.endswith("ing") or len(word) <= _SHORT:
        return None  # "grafting"
    if names_drug(word):
        return True
    return False if _DISEASE.search(word) or any(map(is_particular, groups)) else None


def _is_named(name: Name, said: Mentions) -> bool:
    """Whether a text has a name, a synonym of it, or what may be its abbreviation."""
    one = Mentions(name.word)
    if not one.groups.isdisjoint(said.groups) or said.abbreviates(one, 2):
        return True
    cut = name.word[: max(_LETTERS, len(name.word) - 2)]
    if any(cut in word or _is_misspelt(name.word, word) for word in said.words):
        return True
    if name.is_drug:
        return False
    return said.speak_of(one) or any(
        name.word[0] in short.lower() for short in _ABBREVIATION.findall(said.text)
    )


def _is_misspelt(one: str, other: str) -> bool:
    """Whether two long words differ in one letter."""
    if len(one) <= _LETTERS or one[0] != other[0] or abs(len(one) - len(other)) > 1:
        return False
    at = next((n for n, pair in enumerate(zip(one, other, strict=False)) if len({*pair}) > 1), 0)
    return (
        one[at + 1 :] == other[at + 1 :]
        or one[at:] == other[at + 1 :]
        or (one[at + 1 :] == other[at:])
    )


def _in_phrase(name: Name, question: str, said: Mentions) -> bool:
    """Whether a name is part of a longer one that a text speaks of: "glandular fever"."""
    plain, one = [root(word) for word in words(question)], root(name.word)
    return any(
        one in phrase and not synonyms().get(phrase, frozenset()).isdisjoint(said.groups)
        for length in range(2, _PHRASE + 1)
        for phrase in (tuple(plain[at : at + length]) for at in range(len(plain)))
    )


def _is_replaced(
    name: Name, others: Sequence[Name], asked: Question, answer: Sequence[str], context: str
) -> bool:
    """Whether an answer tells of another drug or disease what is asked about one.

    The antidote that a question asks for is a drug too, but none that stands for another, unless
    it stands in a title.
    """
    alike = [one for one in others if one.is_drug == name.is_drug]
    if not name.is_drug or any(_share_class(name, one) for one in alike):
        return bool(alike)
    if _PRONOUN.search(answer[0]):
        return False
    titled = not {*words(context)}.isdisjoint(one.word for one in alike)
    return len(alike) > (1 if _WANTS_DRUG.search(asked.text) and not titled else 0)


def _share_class(one: Name, other: Name) -> bool:
    """Whether two drugs are of one class."""
    pairs = [(root(name.word), Mentions(name.word).groups) for name in (one, other)]
    return any(all(covers(kind, *pair) for pair in pairs) for kind in drug_classes())


def _by_class(name: Name, said: Mentions) -> bool:
    """Whether a text speaks of a class that a name is one of."""
    plain, groups = root(name.word), Mentions(name.word).groups
    return any(covers(kinds()[wide], plain, groups) for wide in said.groups if wide in kinds())


def _has_sibling(name: Name, others: Sequence[Name]) -> bool:
    """Whether one of several names is of the same kind as a name."""
    return any(other.is_drug == name.is_drug for other in others)


def _narrowed(text: str) -> str:
    """A text without the names of classes that stand after one of their kinds.

    Plurals of abbreviations lose their "s", because the table of synonyms has none.
    """
    parts = re.split(r"(\s+)", re.sub(r"(?<=[A-Z])s\b", "", text))
    for at in range(2, len(parts), 2):
        before, word = (Mentions(parts[n]) for n in (at - 2, at))
        wide = [kinds()[one] for one in word.groups if one in kinds() and not is_organ(one)]
        if before.roots and any(covers(kind, before.roots[-1], before.groups) for kind in wide):
            parts[at] = ""
    return "".join(parts)


def _designations(question: str, said: str) -> Iterator[Span]:
    """Names with a letter or number, of which a text has only another one: hepatitis C, not B."""
    named = {(one["name"].lower(), one["letter"].upper()) for one in _DESIGNATED.finditer(said)}
    for one in _DESIGNATED.finditer(question):
        name, letter = one["name"].lower(), one["letter"].upper()
        if (name, letter) not in named and any(other == name for other, _ in named):
            yield one.span()


def _span(word: str, question: str) -> Span | None:
    """Where a lower-case word stands in the last sentence of a question, not as part of another.

    What is told before the question itself, an answer need not say again.
    """
    begin = max(question.rfind(stop, 0, len(question) - 2) for stop in (". ", "? ")) + 1
    name = re.compile(rf"(?<![\w-]){re.escape(word)}\w*(?!-\w)", re.I)
    one = name.search(question, begin)
    return _with_phrase(one.span(), question) if one else None


def _with_phrase(span: Span, question: str) -> Span:
    """A word with the others of the longest name in the table that it is part of there."""
    places = [one.span() for one in _WORD.finditer(question)]
    plain = [root(question[slice(*place)].lower()) for place in places]
    for length in range(_PHRASE, 1, -1):
        for at in range(len(places) - length + 1):
            first, last = places[at], places[at + length - 1]
            inside = first[0] <= span[0] and span[1] <= last[1]
            if inside and tuple(plain[at : at + length]) in synonyms():
                return first[0], last[1]
    return span
