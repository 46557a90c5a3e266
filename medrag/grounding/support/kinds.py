"""Which one of several: type 2, the second season, arm A, "X and Y are 1 and 2, respectively"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .alignment import Comparison, matches, said
from .forms import root
from .sentences import Sentence, parse

_NAME = r"(?:\d+[a-z]?|[ivx]+[ab]?|[a-d])"
_NUMBERED = re.compile(
    r"\b(?P<noun>type|grade|stage|phase|class|group|arm|category|cohort)s?\s"
    rf"(?P<names>{_NAME}\b(?:(?:,| and| or)+ {_NAME}\b)*)"
)
_ORDINALS = {
    "1st": "first", "2nd": "second", "3rd": "third", "4th": "fourth", "5th": "fifth",
    "6th": "sixth",
}  # fmt: skip
_ORDERED = re.compile(
    r"\b(?P<name>first|second|third|fourth|fifth|sixth|1st|2nd|3rd|[456]th|(?:19|20)\d\d)[ -]"
    r"(?P<nouns>[a-z]+(?: [a-z]+)?)"
)
_NOT_AFTER = frozenset({"and", "or", "of", "to", "in", "on", "for", "the", "a", "by", "with"})
_RESPECTIVELY = re.compile(r",? respectively\b")
_AND = re.compile(r",? and ")
_EDGE = re.compile(r"[,;.:()]|\b(?:in|at|of|for|with|to|was|were|is|are|had|by|from|targeting)\s")


def kind_differences(comparison: Comparison) -> Iterator[str]:
    """What the source says of another kind: of type 3, not of type 2."""
    for noun, names in _kinds(comparison.statement).items():
        named = [(one, _kinds(one).get(noun, set())) for one in comparison.window]
        others = [(one, other) for one, other in named if other and names.isdisjoint(other)]
        if len(names) > 1 or not others:
            continue
        name, other = min(names), min(others[0][1])
        around = [one for one, own in named if names <= own]
        if not around:
            yield f"the source says “{other}”, not “{name}” ({noun})"
        around += comparison.context
        for term in comparison.statement.terms:
            if term.light or any(said([term], one.roots, one.concepts) for one in around):
                continue
            if any(said([term], one.roots, one.concepts) for one, _ in others):
                yield f"the source says that of “{other}”, not of “{name}” ({noun})"


def paired_differences(comparison: Comparison) -> Iterator[str]:
    """What the source gives to another of two: "A and B had 1 and 2, respectively"."""
    statement = comparison.statement
    if "respectively" in statement.words:
        return
    for sentence in comparison.window:
        for first, second in _pairs(sentence.lower):
            ends = [_places(statement, text) for text in (*first, *second)]
            for one, other in ((0, 1), (1, 0)):
                right, wrong = ends[2 + one], ends[2 + other]
                near = _gap(ends[one], right), _gap(ends[one], wrong)
                if near[1] < near[0]:
                    yield f"the source gives “{second[one]}” for “{first[one]}”"


def _pairs(text: str) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    """The two names and the two things that "respectively" gives them, in lower case."""
    for end in _RESPECTIVELY.finditer(text):
        before = text[: end.start()]
        joints = list(_AND.finditer(before))
        if len(joints) < 2:
            continue
        found = [
            (_last(before[: joint.start()]), _first(before[joint.end() :])) for joint in joints
        ]
        for names in found[:-1]:
            yield names, found[-1]


def _last(text: str) -> str:
    """The words at the end of a text that belong together."""
    text = re.sub(r"\s*\([^()]*\)\s*$", "", text)
    return _EDGE.split(text)[-1].strip()


def _first(text: str) -> str:
    """The words at the beginning of a text that belong together."""
    return _EDGE.split(text)[0].strip()


def _places(statement: Sentence, text: str) -> list[int]:
    """Where a statement says what a name or a quantity says."""
    other = parse(text)
    if other.quantities:
        wanted = other.quantities[0]
        return [
            q.start for q in statement.quantities if q.same_value(wanted) or q.text.startswith(text)
        ]
    content = [term for term in other.terms if not term.light] or list(other.terms)
    return [
        term.start
        for term in statement.terms
        if any(matches(term, frozenset(one.roots), one.concepts) for one in content)
    ]


def _gap(one: list[int], other: list[int]) -> float:
    """How far apart the nearest two places are."""
    return min((abs(a - b) for a in one for b in other), default=float("inf"))


def _kinds(sentence: Sentence) -> dict[str, set[str]]:
    """The kinds that a sentence names by number, letter or order: {"type": {"2"}}."""
    found: dict[str, set[str]] = {}
    for one in _NUMBERED.finditer(sentence.lower):
        names = set(re.findall(r"\w+", one["names"])) - {"and", "or"}
        found.setdefault(one["noun"], set()).update(names)
    for one in _ORDERED.finditer(sentence.lower):
        for word in one["nouns"].split():
            if word in _NOT_AFTER:
                break
            found.setdefault(root(word), set()).add(_ORDINALS.get(one["name"], one["name"]))
    return found
