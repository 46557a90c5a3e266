"""Whether what an answer says means yes or no to the question.

Each sentence says something to it (`sentence`), unless it shares hardly a word with it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

from ...text.quantities import quantities
from ...text.words import stem, terms, words
from ..question import Question, allows, forbids, read_question
from ..support.vocabulary import names_something
from .leave import asks_leave, prohibits
from .sentence import COMBINED, says
from .thresholds import Side, draws_line, is_of_point, sides
from .topic import asks_use, is_about, share_of

# Least share of the subjects of the question in a sentence. Chosen on half of PubMedQA and BioASQ.
_SHARED = 0.15  # that carries a stance
_VERY = 0.9  # of a sentence that is about the very thing asked
_LONGEST = 2_000  # characters of a sentence that are read
_MOST_SIDES = 50  # of a sentence that are compared with the value asked
_AS_NEAR = 0.6  # of the share of the nearest sentence: "B is not safe" says nothing about A
# A sentence that goes on about what the one before is about.
_GOES_ON = re.compile(
    r"\W*(?:it|they|(?:the|this|these|that|such)(?: [a-z]+)? (?:drugs?|medicines?|combinations?"
    r"|treatments?|vaccines?|mixture|association)|(?:the|this) combined use|this)\b"
    r"(?! (?:study|trial|review|paper|article|case|report|analysis))",
    re.I,
)
_NO_VALUE = re.compile(r"; [^:;]+: (?:not applicable|n/?a)\b(?=;|\Z)", re.I)  # a cell
_TARGET = re.compile(r"\b(?:targets?|goals?|aim)\b", re.I)
# A question of yes or no begins with a verb, maybe after a topic: "Zinc in colds: does it help?",
# "Zinc in colds: a new cure?". A misspelt "what" begins none.
_ASKS = re.compile(
    r"(?:\A|[:.,;?!–—]|--| - )\W*(?:is|are|was|were|do|does|did|can|could|should|would|will|may"
    r"|might|must|has|have|had)(?:n['’]t)?\s+\S"
    r"|(?:[:;–—]|--| - )\s*an?\s.*\?\W*\Z|\byes\s+or\s+no\b",
    re.I,
)
_GERMAN = re.compile(  # "Was" is "what"
    r"\W*was\b.*\b(?:ist|sind|und|oder|für|gegen|bei|eine[nr]?|wird|hilft|hilf|kann|ich|nicht|muss"
    r"|soll(?:te)?|bedeutet|bewirkt|macht|tun|verursacht)\b",
    re.I | re.S,
)
_ROOT = 6  # letters that forms of a word share
_EXCEPT = re.compile(
    r"\b(?:unless|except(?:ions?)?|apart from|other than)\b(?P<rest>.*)", re.I | re.S
)


def stance(question: str, sentences: Sequence[str]) -> str:
    """The answer that the sentences of an answer give to a yes/no question.

    Returns:
        "yes", "no" or "unclear"; "" for another kind of question, or if no sentence carries one.
    """
    asked = read_question(question)
    if not asked.yes_no or not _ASKS.search(question) or _GERMAN.match(question):
        return ""
    sentences = [_NO_VALUE.sub("", one[:_LONGEST]) for one in sentences]
    subjects = {stem(word) for word in asked.subjects}
    shares = _shares(asked, subjects, sentences)
    spoken = [
        (share, one)
        for share, one in zip(shares, sentences, strict=True)
        if is_about(question, one) and not _is_target(asked, one)
    ]
    said = [
        (share, answer, one)
        for share, one in spoken
        if share >= _SHARED and (answer := _turned(says(asked, subjects, one), subjects, one))
    ]
    if said and (by_value := _by_value(asked, subjects, [one for _, one in spoken])):
        return by_value
    told = _decided(asked, said)
    # What forbids may be about it by a name that is not known here: a brand, a class.
    if told == ("no" if forbids(question) else "yes") and asks_leave(asked):
        named = max(share for share, answer, _ in said if answer == told)
        others = {*sentences} - {one for _, answer, one in said if answer == told}
        if named < _VERY and any(map(prohibits, others)):
            return "unclear"
    return told


def _decided(asked: Question, said: Sequence[tuple[float, str, str]]) -> str:
    """The answer of sentences: (share of the subjects of the question, answer, sentence).

    A sentence says yes as long as it denies nothing. So a denial counts for more, unless a yes is
    about the very thing asked: then a denial that is too leaves it open, and another says nothing.
    """
    if any(_has_last(asked, text) for _, _, text in said):  # "reversible", also in "irreversible"
        said = [one for one in said if one[1] != "yes" or _has_last(asked, one[2])]
    nearest = max((share for share, _, _ in said), default=0.0)
    near = [one for one in said if one[0] >= _AS_NEAR * nearest]
    found = [answer for _, answer, _ in near]
    if "no" not in found:
        return next(iter(found), "")
    permits = forbids if forbids(asked.text) else allows
    yes = max(
        (
            share
            for share, answer, text in near
            if answer == "yes" and (not asks_use(asked) or permits(text))
        ),
        default=0.0,
    )
    if yes < _VERY:
        return "no"
    no = max(share for share, answer, _ in near if answer == "no")
    return "unclear" if no >= _VERY * yes else "yes"


def _has_last(asked: Question, sentence: str) -> bool:
    """Whether a sentence has the last thing that a question names, which is what it asks."""
    last = asked.subjects[-1] if asked.subjects else ""
    return any(word.endswith(last) or word[:_ROOT] == last[:_ROOT] for word in words(sentence))


def _is_target(asked: Question, sentence: str) -> bool:
    """Whether a sentence gives a target, and a value may be a disease: "Is it hypertension?"."""
    about_disease = quantities(asked.text) and names_something((asked.subjects or [""])[-1])
    return bool(about_disease and _TARGET.search(sentence) and not _TARGET.search(asked.text))


def _shares(asked: Question, subjects: set[str], sentences: Sequence[str]) -> list[float]:
    """The share of the subjects of a question that each sentence is about.

    "It is avoided" is about what the sentence before is about, "the combination" about the two
    things that a question joins.
    """
    shares: list[float] = []
    for sentence in sentences:
        share = share_of(subjects, sentence)
        if _GOES_ON.match(sentence) and shares:
            share = max(share, shares[-1])
        if asks_use(asked) and COMBINED.search(sentence) and not _names_other(subjects, sentence):
            share = 1.0
        shares.append(share)
    return shares


def _names_other(subjects: set[str], sentence: str) -> bool:
    """Whether a sentence names a drug, a disease or the like that is not asked about."""
    others = (word for word in words(sentence) if stem(word) not in subjects)
    return any(
        names_something(word) and not (forbids(word) or allows(word) or COMBINED.match(word))
        for word in others
    )


def _by_value(asked: Question, subjects: set[str], sentences: Sequence[str]) -> str:
    """What the lines that sentences draw say to a question with an amount; "" if it has none.

    A value within a line is what the sentence says of it. One beyond a line that allows is not
    allowed; what is beyond one that forbids is left open, as is what another exact value says.
    """
    if not quantities(asked.text):
        return ""
    within, beyond = set[str](), set[str]()
    found = [side for one in sentences for side in islice(sides(asked.text, one), _MOST_SIDES)]
    found = [side for side in found if asks_use(asked) or is_of_point(asked.text, side.text)]
    for value in {side.value for side in found}:
        own = [side for side in found if side.value == value]
        held = {
            _turned(says(asked, subjects, side.text), subjects, side.text)
            for side in own
            if side.inside
        }
        within |= held
        if not held:
            beyond |= {_beyond(asked, subjects, side) for side in own if not side.inside}
    if beyond:
        return "no" if "no" in beyond else "unclear"
    if within:
        return within.pop() if len(within) == 1 else "unclear"
    same = {(one.sign, one.low, one.high, one.dimension) for one in quantities(asked.text)}
    given = (one for text in sentences if draws_line(text) for one in quantities(text))
    return "unclear" if any((q.sign, q.low, q.high, q.dimension) not in same for q in given) else ""


def _beyond(asked: Question, subjects: set[str], side: Side) -> str:
    """What a part of a sentence says of a value that is not within its line."""
    return "no" if not side.exact and says(asked, subjects, side.text) == "yes" else "unclear"


def _turned(answer: str, subjects: set[str], sentence: str) -> str:
    """The answer, or its opposite if what is asked is the exception that a sentence names."""
    found = _EXCEPT.search(sentence)
    if not found or answer not in ("yes", "no"):
        return answer
    before, rest = (
        {*terms(part)} & subjects for part in (sentence[: found.start()], found["rest"])
    )
    return {"yes": "no", "no": "yes"}[answer] if rest - before else answer
