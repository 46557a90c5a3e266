"""Whether a sentence speaks of what a yes/no question asks about: its things, its circumstances.

A sentence about another drug, another outcome or another condition says nothing to the question.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from ...text.words import STOPWORDS, stem, terms, words
from ..details.mentions import Mentions
from ..question import Question, fits, groups
from ..support.clauses import AUXILIARIES
from ..support.forms import root
from ..support.sentences import parse
from ..support.vocabulary import Kinds, kinds, names_something, opposites, synonyms
from ..table_rows import is_row
from .directions import names_counterpart

# Slots (`support/tables/exclusive.txt`) of circumstances: what holds for one class of them may not
# hold for another.
_SLOTS = frozenset(
    {"course", "severity", "trimester", "type", "order", "pressure", "side", "level", "thyroid",
     "stage", "line", "pregnancy", "setting", "operation", "menopause", "smoker", "immunity",
     "laterality", "vitamin", "hepatitis", "strength", "joint", "limb", "stain", "vaccine"}
)  # fmt: skip
# Words that name a circumstance if something that both texts name follows: "before surgery".
_ORDERS = tuple(
    (re.compile(rf"\b(?:{one})\b(?P<what>(?:\W+\w+){{1,4}})", re.I),
     re.compile(rf"\b(?:{other})\b(?P<what>(?:\W+\w+){{1,4}})", re.I))
    for one, other in (("before|prior to", "after|following"), ("with", "without"))
)  # fmt: skip
_STATES = tuple(
    (re.compile(rf"\b(?:{one})\b", re.I), re.compile(rf"\b(?:{other})\b", re.I))
    for one, other in (
        ("high|raised|elevated|increased", "low|reduced|decreased"),
        ("early", "late"),
        ("positive", "negative"),
        ("normal", "abnormal"),
        ("present", "absent"),
        ("stable", "unstable"),
    )
)
_CONDITION = re.compile(
    r"\b(?:if|when|where|once|in|with|for|on|at|during|after|before|among|by)\b.*", re.I | re.S
)
_ASKS_FIT = re.compile(r"\b(?:compatible|advisable|acceptable|okay|ok)\b", re.I)
_GOES_ON = re.compile(r"\b(?:it|they|them|this|these|that|both|combin\w+)\b", re.I)
_AXES = frozenset({"change", "benefit", "cause"})
_STATED = frozenset({"is", "are", "was", "were"})
_NO_VERB = re.compile(r".*(?:ed|ing|ful|tive|ial|ment|tion|ity|more|less|better|er)\Z(?<!lower)")
_LONGEST = 4  # words of a name in the tables
_ENDING = 6  # letters that name a class at the end of a name: "simvastatin"


def is_about(question: str, sentence: str) -> bool:
    """Tell whether a sentence speaks of the drug, the outcome and the circumstances asked about.

    What it does not name at all is left to who reads the sentences before it, if it goes on about
    them: "It was lower".
    """
    return not in_other_circumstances(question, sentence) and not _is_of_other_things(
        question, sentence
    )


def asks_use(asked: Question) -> bool:
    """Whether a question asks if something may be used."""
    return asked.about_use or _ASKS_FIT.search(asked.text) is not None


def share_of(subjects: set[str], text: str) -> float:
    """The share of the subjects of a question, as stems, that a text names, 0..1."""
    return len(subjects & {*terms(text)}) / max(1, len(subjects))


def in_other_circumstances(question: str, sentence: str) -> bool:
    """Tell whether a text is about others: chronic where the question says acute."""
    asked, told = parse(question).slots, parse(sentence).slots
    if any(asked[slot].isdisjoint(told[slot]) for slot in asked.keys() & told.keys() & _SLOTS):
        return True
    whom, about = groups(question), groups(sentence)
    whom.pop("sex", None)
    if "age" in whom and not fits({"age": whom["age"]}, about):
        return True
    return any(
        _differ(question, sentence, *pair) or _differ(question, sentence, *pair[::-1])
        for pair in _ORDERS
    ) or any(
        _contrast(question, sentence, *pair) or _contrast(question, sentence, *pair[::-1])
        for pair in _STATES
    )


def _differ(question: str, text: str, one: re.Pattern[str], other: re.Pattern[str]) -> bool:
    """Whether a question has the one and a text only the other, of the same thing."""
    if one.search(text) or other.search(question):
        return False
    return any(
        not _stems(asked["what"]).isdisjoint(_stems(told["what"]))
        for asked in one.finditer(question)
        for told in other.finditer(text)
    )


def _contrast(question: str, text: str, one: re.Pattern[str], other: re.Pattern[str]) -> bool:
    """Whether the condition of a question has the one, and that of a text only the other."""
    asked, told = _CONDITION.search(question), _CONDITION.search(text)
    if not asked or not told or one.search(told[0]) or other.search(asked[0]):
        return False
    if not one.search(asked[0]) or not other.search(told[0]):
        return False
    left = _stems(one.sub(" ", asked[0]))
    return not left.isdisjoint(_stems(other.sub(" ", told[0])))


def _stems(text: str) -> frozenset[str]:
    """The stems of the words of a text that say something."""
    return frozenset(stem(word) for word in words(text) if word not in STOPWORDS)


def _is_of_other_things(question: str, sentence: str) -> bool:
    """Whether a sentence does not name the thing that acts, or what it acts on."""
    if _GOES_ON.search(sentence):
        return False
    told, asked = Mentions(sentence), Mentions(question)
    if told.abbreviates(asked, 2):
        return False  # "MDA" for "mass drug administration"
    parts = _parts(question)
    if parts and names_counterpart(question, sentence):
        parts = parts[:1]  # "hypokalaemia" says no to "hyperkalaemia"
    if parts:
        return not all(_speaks(told, Mentions(part)) for part in parts)
    name = next((word for word in words(question) if _is_name(word)), "")
    if not name or _speaks(told, Mentions(name)):
        return False
    others = [word for word in _subject(sentence) if _is_name(word)]
    return bool(others) and not any(_speaks(asked, Mentions(word)) for word in others)


@lru_cache(maxsize=256)
def _parts(question: str) -> tuple[str, ...]:
    """What a question says acts, and on what: "vitamin D", "fractures"; none if it asks otherwise.

    "Is recurrence lower with apixaban?" has "recurrence" and "apixaban".
    """
    plain = words(question)
    start = next((at for at, word in enumerate(plain) if word in AUXILIARIES), None)
    if start is None or start:
        return ()
    stated = plain[0] in _STATED
    for at in range(2, len(plain)):
        word = plain[at]
        axes = {axis for axis, _ in opposites().get(root(word), ())} & _AXES
        if axes and (stated or not _NO_VERB.match(word)):
            rest = plain[at + 1 :]
            return (" ".join(plain[1:at]), " ".join(rest)) if rest else (" ".join(plain[1:at]),)
    return ()


def _is_name(word: str) -> bool:
    """Whether a word names a drug, a disease or the like; a number does not."""
    return word.isalpha() and names_something(word)


def _subject(sentence: str) -> list[str]:
    """The words before the predicate of a sentence, or of the first cell of a row."""
    if is_row(sentence):
        return words(sentence.split("; ")[0].partition(": ")[2])
    plain = words(sentence)
    end = next((at for at, word in enumerate(plain) if word in AUXILIARIES), 0)
    return plain[:end]


def _speaks(told: Mentions, asked: Mentions) -> bool:
    """Whether a text names anything that another names, a class of it, or one of the class."""
    if not asked.content or told.speak_of(asked, classes=False):
        return True
    theirs = [root(word) for word in told.content]
    if any(
        root(word).endswith(one) for word in asked.content for one in theirs if len(one) >= _ENDING
    ):
        return True
    return any(_is_kind(asked, kind) for kind in _classes(told)) or any(
        _is_kind(told, kind) for kind in _classes(asked)
    )


def _classes(text: Mentions) -> Iterator[Kinds]:
    """The classes that a text names as such: not "diuretics" in "thiazide diuretics"."""
    plain = text.roots
    for at in range(len(plain)):
        for end in range(at + 1, min(at + _LONGEST, len(plain)) + 1):
            for group in synonyms().get(tuple(plain[at:end]), ()):
                kind = kinds().get(group)
                if kind and not _is_qualified(plain, at, end, kind):
                    yield kind


def _is_qualified(plain: list[str], at: int, end: int, kind: Kinds) -> bool:
    """Whether the word before the name of a class says which of its kinds is meant."""
    if not at:
        return False
    both = synonyms().get(tuple(plain[at - 1 : end]), frozenset())
    alone = synonyms().get((plain[at - 1],), frozenset())
    return plain[at - 1] in kind.roots or not kind.groups.isdisjoint(both | alone)


def _is_kind(text: Mentions, kind: Kinds) -> bool:
    """Whether a text names a kind of a class."""
    return not kind.groups.isdisjoint(text.groups) or any(
        one in kind.roots
        or (bool(kind.endings) and one.endswith(kind.endings))
        or (bool(kind.beginnings) and one.startswith(kind.beginnings))
        for one in text.roots
    )
