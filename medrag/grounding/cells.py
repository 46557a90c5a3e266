"""What the cells of a row say of what a question states, or asks for: positive, high, yes, no."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from ..text.words import STOPWORDS, stem, terms, words
from .question import NOT_FORBIDDEN, Question, allows, forbids

# What a test or a value can be, by axis: a cell with one of them rules out the others.
_FINDINGS = {
    "absent": r"negative|absen(?:t|ce)|non-?reactive|not (?:present|detected|reactive|found)"
    r"|undetect(?:ed|able)",
    "present": r"positive|present|presence|reactive|detect(?:ed|able)",
    "high": r"high|higher|raised?|elevated|increased?|↑",
    "low": r"low|lower|reduced?|decreased?|↓",
    "normal": r"normal|unchanged",
}
_AXES = (frozenset({"absent", "present"}), frozenset({"high", "low", "normal"}))
_FINDING = re.compile(
    "|".join(rf"(?P<{name}>(?<![\w-])(?:{words_})(?![\w-]))" for name, words_ in _FINDINGS.items()),
    re.I,
)
_ALTERNATIVES = re.compile(rf"(?:{_FINDING.pattern.replace('?P<', '?P<x')}),? or\b", re.I)
_FINDING_WORDS = 5  # a longer cell tells more than a finding
_GAP = 3  # words between a finding and what it is of: "negative for", "is"
_BREAK = re.compile(r"[;:,.?!]|\b(?:but|with|without|whereas)\b", re.I)
_PARENTHESIS = re.compile(r"\s*\([^)]*\)")
# "HBsAg" and "anti-HBc": their last small letter is the first one of the name in words.
_ANTIGEN = re.compile(r"[A-Z]{2,}([a-z])Ag")
_ANTIBODY = re.compile(r"anti-?[A-Z]{2,}([a-z])", re.I)

_MARK = re.compile(
    r"\W*(?:(?P<yes>yes|✓|✔|✅|☑|present|positive|\+)"
    r"|(?P<no>no|none|never|absent|negative|[–—-]|[✗✘✕×❌]))(?=\W*\Z|\s*[,;(.–—]\s?)",
    re.I,
)
# A question for the things that have a property: "which drugs", "who", "the drugs that".
_WHICH = re.compile(
    r"\bwho\b|\b(?:list|name)\b|\bwhat are the \w+(?: \w+)? (?:that|which)\b"
    r"|\b(?:which|what) (?P<wanted>(?!(?:is|are|was|were|does|do|did|should|can|could|must|may|will"
    r"|would|has|have|happens|if|about)\b)[\w-]+)",
    re.I,
)
_DENIES = re.compile(r"\b(?:not|no|never|without|lacks?|cannot)\b|n['’]t\b", re.I)
_ABOUT = 0.5  # share of the words of a column that a question about it has
_PREFIX = 6  # letters that the forms of a long word share

Cells = Sequence[tuple[str, str]]  # (column, value)


def agrees(row: Cells, question: Question) -> bool | None:
    """Whether the cells say of their columns what a question states of them: "TSH is high".

    Returns:
        None if it states nothing of them. A question for yes or no states nothing: it asks.
    """
    if question.yes_no or _FINDING.search(question.text) is None:
        return None
    found = {name: _findings(value) for name, value in row if len(words(value)) <= _FINDING_WORDS}
    stated = _stated(question.text, tuple(name for name, own in found.items() if own))
    told = [
        not own.isdisjoint(said)
        for name, said in stated.items()
        for axis in _AXES
        if axis & said and (own := axis & found[name])
    ]
    return all(told) if told else None


def has_property(row: Cells, question: Question) -> bool | None:
    """Whether the thing in the first cell has the property that a question asks for.

    "Which drugs are safe in pregnancy?" asks for the rows with "yes" under "Safe in pregnancy".

    Returns:
        None if the question asks for something else, names the thing or a finding, or no cell
        tells.
    """
    which = _WHICH.search(question.text)
    if question.yes_no or which is None or len(row) < 2 or agrees(row, question) is not None:
        return None
    asked = {stem(word) for word in question.topic} - {stem((which["wanted"] or "").lower())}
    if asked & {*terms(row[0][1])}:
        return None
    wanted = not _is_denied(question.text)
    shared = Counter(term for name, _ in row for term in {*terms(name)})
    told = [
        has == wanted
        for name, value in row[1:]
        if _is_about(name, asked, shared) and (has := _has(name, value)) is not None
    ]
    if not told:
        return None
    several = not wanted or re.search(r"\bor\b", question.text, re.I)
    return any(told) if several else all(told)


def _has(name: str, value: str) -> bool | None:
    """What a cell says of the property that its column names."""
    mark = _MARK.match(value)
    if mark is None and forbids(value) == allows(value):
        return None
    has = mark["yes"] is not None if mark else allows(value)
    # "Contraindicated in pregnancy: yes" allows nothing.
    return has != _is_denied(name) if mark else has


def _is_denied(text: str) -> bool:
    text = NOT_FORBIDDEN.sub("", text)
    return forbids(text) or _DENIES.search(text) is not None


def _is_about(name: str, asked: set[str], shared: Counter[str]) -> bool:
    """Whether a question asks about a column, by the words that no other column has."""
    own = [term for term in dict.fromkeys(terms(name)) if shared[term] == 1]
    own = [term for term in own if not (allows(term) or forbids(term))] or own
    held = sum(any(_alike(term, other) for other in asked) for term in own)
    return held > 0 and held >= _ABOUT * len(own)


def _alike(one: str, other: str) -> bool:
    """Whether two stems are of one word, or one ends with the other: "haemodialysis"."""
    short, long = sorted((one, other), key=len)
    return one == other or (
        len(short) >= _PREFIX and (long[:_PREFIX] == short[:_PREFIX] or long.endswith(short))
    )


def _findings(text: str) -> frozenset[str]:
    return frozenset(one.lastgroup for one in _FINDING.finditer(text) if one.lastgroup)


class _Part(NamedTuple):
    """A finding, or the name of a column, in a question."""

    start: int
    end: int
    what: str


@lru_cache(maxsize=256)
def _stated(question: str, names: tuple[str, ...]) -> dict[str, frozenset[str]]:
    """By column, what a question says of it: after its name, or before it, as it does first."""
    if _ALTERNATIVES.search(question):
        return {}
    findings = [
        _Part(*one.span(), one.lastgroup) for one in _FINDING.finditer(question) if one.lastgroup
    ]
    named = [part for name in dict.fromkeys(names) for part in _mentions(question, name, names)]
    if not named:
        return {}
    named.sort()
    blank = _without(question, named)
    after = named[0].start < findings[0].start
    found: dict[str, frozenset[str]] = {}
    taken: set[_Part] = set()
    for is_after in (after, not after):
        for part in named:
            if part.what in found:
                continue
            near = [
                one
                for one in findings
                if (is_after == (one.start >= part.end))
                and (is_after == after or one not in taken)
                and _is_near(blank, part, one)
            ]
            if near:
                one = near[0] if is_after else near[-1]
                found[part.what] = frozenset({one.what})
                taken.add(one)
    return found


def _is_near(text: str, one: _Part, other: _Part) -> bool:
    between = text[min(one.end, other.end) : max(one.start, other.start)]
    return not _BREAK.search(between) and len(words(between)) <= _GAP


def _without(text: str, parts: Sequence[_Part]) -> str:
    for part in parts:
        text = text[: part.start] + " " * (part.end - part.start) + text[part.end :]
    return text


def _mentions(question: str, name: str, names: tuple[str, ...]) -> list[_Part]:
    """Where a question names a column: in full, by a word that no other has, or spelled out."""
    patterns = []
    own = _PARENTHESIS.sub("", name)
    parts = words(own)
    others = {term for one in names if one != name for term in terms(one)}
    last = next((w for w in reversed(parts) if w not in STOPWORDS and stem(w) not in others), "")
    if parts:
        patterns += [r"[\s-]+".join(map(re.escape, parts))]
    if last and not _FINDING.fullmatch(last):
        patterns.append(re.escape(last))
    if found := _ANTIGEN.fullmatch(own):
        patterns.append(rf"{found[1]}\w* antigens?")
    if found := _ANTIBODY.fullmatch(own):
        patterns.append(rf"{found[1]}\w* antibod\w+|antibod\w+ to (?:the )?{found[1]}\w*")
    for pattern in patterns:
        whole = re.compile(rf"(?<![\w-])(?:{pattern})s?(?![\w-])", re.I)
        if mentions := [_Part(*one.span(), name) for one in whole.finditer(question)]:
            return mentions
    return []
