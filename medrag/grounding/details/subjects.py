"""Questions about two subjects: one drug or another, gout and scurvy. An answer has to name both.

A title that names one of them is not enough for it if the answer itself names only the other.
"""

from __future__ import annotations

import re

from ..support.vocabulary import names_something
from .kinds import Span
from .mentions import Mentions

_COMPARED = r"\b(?:more|less|better|worse|safer|faster|stronger|cheaper|superior|higher|lower)\b"
_ONE = r"(?P<one>(?:(?:the|a|an)\s+)?[\w'’-]+(?:\s+[\w'’-]+){0,4}?)"
_OTHER = (
    r"(?P<other>(?:(?:the|a|an)\s+)?[\w'’-]+(?:\s+[\w'’-]+){0,4}?)"
    r"(?=\s+(?:in|for|with|of|on|after|when|as|to|by|at|during|among|and|or)\b"
    r"|\s*[?.,;:()]|\s*\Z)"
)
_TWO = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        rf"\bdifferences?\b.{{0,40}}?\bbetween {_ONE} and {_OTHER}",
        rf"\b(?:distinguish(?:es)?|differentiate|discriminate|tell) {_ONE} (?:from|and) {_OTHER}",
        rf"\bcompare {_ONE} (?:with|to|and) {_OTHER}",
        rf"\b(?:advantages?|benefits?|superiority) of {_ONE} over {_OTHER}",
        rf"\A\W*(?:can|may|should|could|do) {_ONE} and (?P<other>[\w'’-]+(?: [\w'’-]+){{0,2}}?)"
        r" (?:be (?:\w+ )?(?:used|taken|given|combined|mixed|co-?\w+)|interact|together)\b",
        rf"\bhow (?:does|do) {_ONE} and (?P<other>[\w'’-]+(?: [\w'’-]+){{0,2}}?) differ\b",
        rf"\bhow (?:does|do) {_ONE} (?:compare|differ) (?:with|to|from) {_OTHER}",
        rf"\b(?:which|what)\b[^,:?]*[,:] {_ONE},? or {_OTHER}",
        rf"\b(?:better|worse|more|less|sooner|faster)\b.*?\b(?P<by>with|on|after) {_ONE} or"
        rf" (?P=by) {_OTHER}",
        rf"\A\W*(?:is|are|does|do|should|can) {_ONE} or (?P<other>[\w'’-]+)(?=.*{_COMPARED})",
        rf"\A\W*{_ONE} or {_OTHER}(?=[:,] (?:which|what)\b)",
        rf"\A\W*{_ONE} (?:vs\.?|versus) {_OTHER}",
        rf"(?P<one>[\w'’-]+(?: [\w'’-]+)?) (?:vs\.?|versus) {_OTHER}",
        rf"s (?:of|for) {_ONE} and (?:of|for) {_OTHER}",
        rf"\bhalf-?li(?:fe|ves) of {_ONE} and (?:of )?{_OTHER}",
    )
)
# Two names with no more between them than "and", or "than" in a question of yes or no.
_TWO_NAMES = re.compile(
    r"s (?:of|for) (?P<one>[\w-]+) and (?P<other>[\w-]+)(?=\s+(?:in|for|with|during)\b|\s*\?|\s*\Z)"
    rf"|\A\W*(?:is|are|does|do|was|were) (?P<first>[\w-]+) (?=.*{_COMPARED}).*"
    r"\bthan (?P<second>[\w-]+)(?=\s+(?:in|for|with|during|at|after)\b|\s*\?)",
    re.I,
)
# "Other strokes", "usual care": an answer need not name them.
_UNNAMED = re.compile(
    r"(?:(?:the|a) )?(?:other|placebo|usual|standard|conventional|controls?|no|healthy|normal)\b",
    re.I,
)
_BOTH = re.compile(
    r"\b(?:both|neither|either|each|equal\w*|same|similar\w*|alike|no (?:\w+ )?difference"
    r"|the two)\b",
    re.I,
)
_COMPARES = re.compile(
    r"\b(?:(?:more|less) \w+|better|worse|safer|faster|stronger|higher|lower|longer)\b", re.I
)
_PREFERS = re.compile(r"\b(?:prefer\w*|superior|inferior|recommend\w*|of choice)\b", re.I)
_LESS = re.compile(
    r"\b(?:less|fewer|more|lower|higher|better|worse|longer|shorter|superior|inferior)\b", re.I
)
_THAN = re.compile(r"\b(?:than|superior to|inferior to|over)\b", re.I)
_NUMBERED = re.compile(r"\b(type|stage|grade|class|phase)\s+(\w{1,3})\b", re.I)


def missing_subjects(question: str, text: str, context: str) -> list[Span]:
    """Where a question names the one of two subjects that an answer does not speak of."""
    two, joined = _two(question)
    if not two or _BOTH.search(text) or _prefers(question, text):
        return []
    (one, other) = (question[slice(*span)] for span in two)
    pairs = ((two[0], one, other), (two[1], other, one))
    said, above = Mentions(text), [Mentions(part) for part in re.split(r" · |\n", context)]
    named = [_names_own(said, own, rest) for _, own, rest in pairs]
    if joined and not any(named):
        return []  # a text on "anxiety and depression" need not name them
    if not all(named):
        shared = [head for head in above if all(_names_own(head, o, r) for _, o, r in pairs)]
        titled = shared if any(named) else above
        named = [
            already or any(_names_own(head, own, rest) for head in titled)
            for already, (_, own, rest) in zip(named, pairs, strict=True)
        ]
    return [span for is_named, (span, _, _) in zip(named, pairs, strict=True) if not is_named]


def each_subject(question: str) -> list[str]:
    """A question about two subjects as two questions, each about one; else nothing."""
    two, _ = _two(question)
    return [question[:start] + question[end:] for start, end in reversed(two)] if two else []


def _two(question: str) -> tuple[tuple[Span, Span] | None, bool]:
    """Where the names of two subjects stand, and whether they are only joined by "and"."""
    for pattern in _TWO:
        if match := pattern.search(question):
            if _UNNAMED.match(match["other"]):
                return None, False
            return (match.span("one"), match.span("other")), False
    match = _TWO_NAMES.search(question)
    if not match:
        return None, False
    names = ("one", "other") if match["one"] else ("first", "second")
    if not all(names_something(match[name].lower()) for name in names):
        return None, False
    return (match.span(names[0]), match.span(names[1])), bool(match["one"])


def _names_own(said: Mentions, subject: str, rest: str) -> bool:
    """Whether a text names a subject by what tells it from another one."""
    whole, other = Mentions(subject), Mentions(rest)
    own = Mentions(" ".join(word for word in whole.words if word not in other.words))
    if own.content:
        return said.speak_of(own, classes=False) or said.abbreviates(whole, 2)
    number = _NUMBERED.search(subject)  # "type 1" and "type 2 diabetes"
    return number is None or bool(re.search(rf"\b{number[1]}[\s-]*{number[2]}\b", said.text, re.I))


def _prefers(question: str, text: str) -> bool:
    """Whether a text chooses one of two, as it is asked to: "A is safer" says that B is less so.

    What compares A with something names that, be it the other one or not.
    """
    asked = {one.lower() for one in _COMPARES.findall(question)}
    if not asked or _THAN.search(text):
        return False
    if _THAN.search(question) and _LESS.search(text):
        return True
    chosen = asked & {one.lower() for one in _COMPARES.findall(text)}
    return bool(chosen) or _PREFERS.search(text) is not None
