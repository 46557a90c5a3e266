"""What an answer says otherwise than a reference. To leave something out is no difference.

A difference is another value, direction, negation, subject, route or label ("CD8" for "CD4"), or
roles that are exchanged ("A inhibits B" for "B inhibits A").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, product

from ..grounding import check_support
from ..grounding.contradictions import find_contradictions
from ..grounding.question import groups, read_question
from ..grounding.support.alignment import Comparison, matches
from ..grounding.support.amounts import quantity_differences
from ..grounding.support.forms import root
from ..grounding.support.kinds import kind_differences, paired_differences
from ..grounding.support.order import (
    CAUSING,
    order_differences,
    role_differences,
    subject_differences,
)
from ..grounding.support.polarity import denied_terms, polarity_differences
from ..grounding.support.sentences import Clause, Sentence, parse
from ..grounding.support.vocabulary import listed_roots, opposites
from ..text import split_sentences
from ..text.quantities import quantities
from ..text.words import terms
from ..types import AnswerSentence, Hit
from .focus import NO_VERBS, drugs

_TELLING, _SAME_WORDS = 4, 0.75  # terms of a statement; share of them that a reference has
_LONGEST = 80  # terms of a sentence of a reference; longer ones are rows of tables
# What else the support check finds may only be left out: a condition, a "may", a name.
_REAL: tuple[Callable[[Comparison], Iterator[str]], ...] = (
    quantity_differences,
    polarity_differences,
    denied_terms,
    kind_differences,
    paired_differences,
    order_differences,
    role_differences,
    subject_differences,
)
_UNSAID = "the source does not"  # begins a reason that is no difference
_SAYS = "the source says"  # begins a reason that names what is said in its place
_LABEL = re.compile(
    r"\b(?P<stem>[A-Za-z]{1,6})-?(?P<label>\d{1,2}[A-Za-z]?)(?![\w.,]*\d)\b"
    r"|\b(?P<noun>types?|factors?|vitamins?|hepatitis|kinase|stage|grade|class|interleukin"
    r"|ha?emophilia|complement|chromosome|interferon)[ -](?P<name>\d{1,2}[A-Za-z]?|[IVX]{1,4}"
    r"|[A-K]\d{0,2}|alpha|beta|gamma)\b|\b(?P<antibody>Ig)(?P<class>[ADEGM])\d?\b"
    r"|\b(?P<metal>[Cc]alcium|[Ss]odium|[Pp]otassium|[Mm]agnesium|[Zz]inc|[Ff]errous|[Ss]ilver)"
    r" (?P<salt>(?!(?:des|in|out|be|prov)\w?ide|despite|state|rate)\w{3,}(?:ate|ide|ite|ium))\b"
)
_SAME_STEM = {"interleukin": "il", "haemophilia": "hemophilia"}
_BY = re.compile(r"\s+(?:\w+ly\s+)?by\b")
_QUOTED = re.compile(r"“(\w+)”")
_IS_DONE = re.compile(r"\b(?:is|are|was|were|be|been|being)\s+(?:\w+ly\s+)?\Z")
_OF_WHICH = re.compile(r"\b(?:to|by|from|in|on|with|for) (?:which|whom)\b")
_RELATIVE = re.compile(r"[,\s]+(?:which|that|who)\b|[;:]")


def difference(question: str, reference: str, first: str, said: Sequence[str]) -> str:
    """What an answer says otherwise than a reference, in words; "" if nothing.

    Args:
        reference: the whole of it.
        first: the first sentences of it, which have to hold what is asked for.
        said: the statements of the answer.
    """
    found = chain(
        (contradicts(text, reference) for text in said),
        (_other_quantity(question, first, said),),
        _other_labels(question, first, " ".join(said)),
        _other_routes(question, first, " ".join(said)),
        _other_drugs(question, first, " ".join(said)),
        _other_people(question, first, " ".join(said)),
    )
    return next(filter(None, found), "")


def contradicts(statement: str, reference: str) -> str:
    """What a statement says otherwise than a reference; "" if nothing.

    A statement in nearly the words of a sentence has to agree with it in every value and direction.
    """
    told = AnswerSentence(statement, (), 1.0, True)
    whole = Hit(0, "", "", reference, 0, len(reference), None, "", "", 0.0)
    if found := find_contradictions([told], [whole], ()):
        return found[0].reason
    said = parse(statement)
    sentences = [parse(one) for one in split_sentences(reference)]
    near = [
        one for one in sentences if len(one.terms) <= _LONGEST and _share(said, one) >= _SAME_WORDS
    ]
    if any(exchanged(said, one) for one in near):
        return "the reference says it the other way round"
    support = check_support(statement, reference) if near else None
    if support is None or support.supported or support.reason.startswith(_UNSAID):
        return ""
    if not support.reason.startswith(_SAYS):  # a denial of something else, if words are lacking
        near = [one for one in near if _share(said, one) == 1.0]
    real = near and _opposed(support.reason)
    real = real or any(support.reason in _differences(said, one) for one in near)
    return support.reason if real else ""


def _share(said: Sentence, sentence: Sentence) -> float:
    """The share of a statement's words that a sentence has; 1 if it lacks words of direction only.

    0 for a statement of a few words, which may speak of anything.
    """
    plain = {one for term in said.terms for one in term.roots} - opposites().keys()
    if len(plain) >= _TELLING and plain <= sentence.roots:
        return 1.0
    own = {*terms(said.text)}
    return len(own & {*terms(sentence.text)}) / len(own) if len(own) >= _TELLING else 0.0


def _opposed(reason: str) -> bool:
    """Whether a reason quotes two words of opposite meaning: "protects" and "causes"."""
    ours, theirs, *_ = (*_QUOTED.findall(reason), "", "")
    signs = opposites().get(root(ours), ())
    return any((axis, -sign) in opposites().get(root(theirs), ()) for axis, sign in signs)


def _differences(said: Sentence, sentence: Sentence) -> Iterator[str]:
    comparison = Comparison(said, [sentence], [])
    return chain.from_iterable(one(comparison) for one in _REAL)


def exchanged(said: Sentence, sentence: Sentence) -> bool:
    """Whether a statement makes the subject of a verb its object.

    The new subject has to be in the sentence as well: another one is no exchange.
    """
    return any(
        verb == other
        and who
        and who <= sentence.roots
        and who.isdisjoint(subject)
        and subject
        and len(subject & whom) >= _SAME_WORDS * len(subject)
        for (verb, who, whom), (other, subject, _) in product(_roles(said), _roles(sentence))
    )


def _roles(sentence: Sentence) -> Iterator[tuple[str, frozenset[str], frozenset[str]]]:
    """Verbs, who does it, and to whom, by roots; a passive is turned round."""
    for clause in sentence.clauses:
        text = sentence.lower[clause.start : clause.end]
        for one in re.finditer(r"[a-z]{3,}", text):
            verb = root(one[0])
            if verb in CAUSING:
                verb = "cause"
            elif verb not in listed_roots("transitive") or one[0].endswith(NO_VERBS):
                continue
            by = _BY.match(text, one.end())
            if _OF_WHICH.search(text[: one.start()]) or (
                not by and _IS_DONE.search(text[: one.start()])
            ):
                continue  # "to which it binds", "they are protected from it"
            stop = _RELATIVE.search(text, one.end())
            left = _named(clause, 0, one.start())
            right = _named(clause, by.end() if by else one.end(), stop.start() if stop else None)
            left, right = left - right, right - left
            yield (verb, right, left) if by else (verb, left, right)


def _named(clause: Clause, start: int, end: int | None) -> frozenset[str]:
    """The roots of what a clause names between two offsets in it."""
    last = clause.end if end is None else clause.start + end
    return frozenset(
        one
        for term in clause.terms
        if clause.start + start <= term.start < last
        and not term.light
        and not term.word.endswith("ly")
        for one in term.roots
    )


def _other_quantity(question: str, reference: str, said: Sequence[str]) -> str:
    """The quantity of a reference in whose place an answer has another; "" if there is none.

    Only if a quantity is asked for: other texts may well speak of other quantities.
    """
    if read_question(question).form is None:
        return ""
    given = [one for text in said for one in quantities(text)]
    for wanted in quantities(reference):
        rivals = [one for one in given if one.dimension == wanted.dimension]
        if rivals and not any(one.same_value(wanted) for one in rivals):
            return f"the reference says {wanted.text}, not {rivals[0].text}"
    return ""


def _other_labels(question: str, reference: str, said: str) -> Iterator[str]:
    """What an answer gives another number or letter than a reference: "CD8" for "CD4"."""
    asked, wanted, given = map(_labels, (question, reference, said))
    for stem in wanted.keys() & given.keys():
        right, others = (one[stem] - asked.get(stem, set()) for one in (wanted, given))
        if right and others and right.isdisjoint(others):
            yield f"the reference says {stem} {min(right)}, not {min(others)}"


def _labels(text: str) -> dict[str, set[str]]:
    """By lower-case word, the numbers and letters that follow it."""
    found: dict[str, set[str]] = {}
    for one in _LABEL.finditer(text):
        stem = (one["stem"] or one["noun"] or one["antibody"] or one["metal"]).lower()
        stem = stem if stem == "hepatitis" else stem.removesuffix("s")
        label = (one["label"] or one["name"] or one["class"] or one["salt"]).lower()
        found.setdefault(_SAME_STEM.get(stem, stem), set()).add(label)
    return found


def _other_routes(question: str, reference: str, said: str) -> Iterator[str]:
    """Whether an answer only names other routes than a reference: by mouth for into a vein."""
    asked, wanted, given = (
        parse(text).slots.get("route", frozenset()) for text in (question, reference, said)
    )
    first = parse(reference)
    if not drugs(first) and not any(one.dimension for one in first.quantities):
        return  # "a patch of skin" is no route if nothing is given
    if wanted - asked and given - asked and wanted.isdisjoint(given):
        yield "the reference names another route"


def _other_drugs(question: str, reference: str, said: str) -> Iterator[str]:
    """Whether an answer only names other drugs than a reference."""
    asked, answered = parse(question), parse(said)
    wanted, given = (
        [one for one in drugs(parse(text)) if not matches(one, asked.roots, asked.concepts)]
        for text in (reference, said)
    )
    if wanted and given and not any(matches(x, answered.roots, answered.concepts) for x in wanted):
        yield f"the reference says “{wanted[0].word}”, not “{given[0].word}”"


def _other_people(question: str, reference: str, said: str) -> Iterator[str]:
    """Whether an answer only names people whom a reference does not: women for men."""
    asked, wanted, given = map(groups, (question, reference, said))
    for axis in ("sex", "state"):
        right, others = (one.get(axis, frozenset()) for one in (wanted, given))
        if axis not in asked and right and others and right.isdisjoint(others):
            yield f"the reference says “{min(right)}”, not “{min(others)}”"
