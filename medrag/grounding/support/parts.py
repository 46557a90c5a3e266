"""Parts of a statement that are judged one by one: "both A and B", and clauses joined by "and"."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache

from .clauses import AUXILIARIES
from .forms import root
from .scoring import Judgement
from .sentences import Sentence, parse
from .vocabulary import opposites
from .windows import REFERS

_BOTH = re.compile(
    r"\b(?P<word>both|neither)\s+(?P<one>[^,;.]+?)\s+(?:and|nor)\s+(?P<rest>.+)", re.I | re.S
)
_OF = re.compile(r"\s+(?:of|in)\b")  # "a fall in" is no predicate
_JOINT = re.compile(
    r"\s*;\s*|,?\s+(?:and then|and|but|while|whereas|though|although|after which|so|which|then)\s+",
    re.I,
)
_ASIDE = re.compile(
    r"(?P<who>[^,;]{3,80}), (?:who|which|(?P<is>(?=due to|caused by|called|known as))) ?"
    r"(?P<aside>[^,;]{3,120}), (?!and |or )(?P<rest>.+)",
    re.S,
)
_MOST_JOINTS = 6  # that are tried
_TOO_MANY_JOINTS = 50  # no sentence has so many


def distributed(statement: str) -> list[str]:
    """A statement about both or neither of two things, as a statement about each; or none."""
    found = _BOTH.search(statement)
    if not found:
        return []
    neither = found["word"].lower() == "neither"
    before, one, rest = statement[: found.start()], found["one"], found["rest"]
    words = list(re.finditer(r"[\w'’-]+", rest))
    if words and words[0][0].lower() in AUXILIARIES:  # of two predicates
        return [f"{before}{'not ' * neither}{part}" for part in (one, rest)]
    verb = next(
        (
            word.start()
            for word in words[1:]
            if _is_predicate(word[0].lower()) and not _OF.match(rest, word.end())
        ),
        None,
    )
    if verb is None:  # of two objects
        return [f"{before}{'no ' * neither}{thing.strip()}" for thing in (one, rest)]
    other, predicate = rest[:verb], rest[verb:]
    if neither:
        first, _, more = predicate.partition(" ")
        predicate = f"{first} not {more}"
    return [f"{before}{subject.strip()} {predicate}" for subject in (one, other)]


def judged_in_parts(
    statement: str, judge: Callable[[str], Judgement], min_score: float
) -> Judgement:
    """The statement cut in parts that the source bears out one by one; the score is the lowest."""

    @cache
    def parted(text: str) -> Judgement:
        """The best way to cut a text in two, of which the second may be cut again."""
        for left, right in halves(text):
            first = judge(left)
            if first.score < min_score:
                continue
            second = judge(right)
            if second.score < min_score:
                second = parted(right)
            if second.score >= min_score:
                spans = tuple(sorted({*first.spans, *second.spans}))
                return Judgement(min(first.score, second.score), "", spans)
        return Judgement(0.0)

    return parted(statement)


def halves(statement: str) -> Iterator[tuple[str, str]]:
    """The ways to cut a statement in two at a conjunction; each part can stand alone."""
    if aside := _ASIDE.match(statement):  # "X, which is rare, causes Y"
        verb = "" if aside["is"] is None else "is "
        yield f"{aside['who']} {verb}{aside['aside']}", f"{aside['who']} {aside['rest']}"
    joints = list(_JOINT.finditer(statement))
    subject = next((term.word for term in parse(statement).terms), "")
    for joint in joints[:_MOST_JOINTS] if len(joints) < _TOO_MANY_JOINTS else ():
        left, right = statement[: joint.start()], statement[joint.end() :]
        if _says_something(left) and _says_something(right):
            goes_on = REFERS.match(right) or _begins_with_verb(parse(right))
            yield left, f"{subject} {right}" if goes_on else right


def _is_predicate(word: str) -> bool:
    """Whether a lower-case word is an auxiliary or names a direction."""
    return word in AUXILIARIES or root(word) in opposites()


def _says_something(part: str) -> bool:
    """Whether a part of a statement can stand alone."""
    said = parse(part)
    return len(said.terms) + len(said.quantities) > 1 and (
        not AUXILIARIES.isdisjoint(said.words)
        or any(clause.directions or len(clause.terms) > 2 for clause in said.clauses)
    )


def _begins_with_verb(said: Sentence) -> bool:
    """Whether a part of a statement lacks its subject."""
    first = said.words[0] if said.words else ""
    return _is_predicate(first) or first.endswith(("ed", "s"))
