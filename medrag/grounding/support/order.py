"""What comes before what, and who does something to whom."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .alignment import aligned
from .clauses import AUXILIARIES, Clause, Sentence, Term
from .vocabulary import opposites, root

_ORDER = re.compile(
    r"\b(?P<word>before|after|prior to|followed by|following|preceded by|follows?|precedes?|then|until|once)\b"
    r"(?!\s+(?:daily|an?|every|per|weekly)\b)",
    re.I,
)


def order_differences(statement: Sentence, window: Sequence[Sentence]) -> list[str]:
    """Whether a statement exchanges before and after."""
    own = _order(statement)
    theirs = {pair for sentence in window for pair in _order(sentence)}
    same = sum(pair in theirs for pair in own)
    turned = sum((b, a) in theirs for a, b in own)
    return ["the source has it in another order"] if turned > same else []


def _order(sentence: Sentence) -> set[tuple[object, object]]:
    """Pairs (earlier, later) of terms."""
    pairs: set[tuple[object, object]] = set()
    text = sentence.text
    for one in _ORDER.finditer(text):
        word = one["word"].lower()
        stop = re.compile(r"[,;.]|\band then\b").search(text, one.end())
        end = stop.start() if stop else len(text)
        right = [t for t in sentence.terms if one.end() <= t.start < end]
        left = [t for t in sentence.terms if t.start < one.start()]
        if not left:
            if word != "then" and not any(
                t.start >= end for t in sentence.terms
            ):  # "After X the gel is applied"
                cut = re.compile(
                    r"\s(?:the|an?|it|they|you|he|she|this|give|take|apply|check|start|stop)\s"
                ).search(text, right[0].end if right else len(text))
                end = cut.start() if cut else end  # at the next noun phrase
                right = [t for t in right if t.start < end]
            left = [t for t in sentence.terms if t.start >= end]
        if word == "then":
            first, second = left, right
        elif word in ("before", "prior to", "followed by", "until", "precede", "precedes"):
            first, second = left, right
        else:
            first, second = right, left
        for a in first:
            for b in second:
                pairs |= {(x, y) for x in _keys(a) for y in _keys(b) if x != y}
    return pairs


def _keys(term: Term) -> list[object]:
    if term.word in ("before", "after") or term.light:
        return []
    return [*term.concepts] or [" ".join(term.roots)]


def role_differences(statement: Sentence, window: Sequence[Sentence]) -> list[str]:
    """Whether a statement exchanges who does something and to whom."""
    for clause in statement.clauses:
        pair = aligned(clause, window)
        if pair is None:
            continue
        other, sentence = pair
        for verb, agents, patients in _roles(statement, clause):
            for verb2, agents2, patients2 in _roles(sentence, other):
                if verb != verb2:
                    continue
                crossed = len(agents & patients2) + len(patients & agents2)
                straight = len(agents & agents2) + len(patients & patients2)
                if (
                    agents & patients2
                    and patients & agents2
                    and not agents & agents2
                    and crossed > straight - 2
                ):
                    if crossed >= straight:
                        return ["the source says it the other way round"]
    return []


_ROLE_WORDS = {
    "than": None, "due": -1, "because": -1, "from": -1,
}  # fmt: skip
_TO_VERB = frozenset(
    root(w)
    for w in "give donate send pass make cause inhibit increase reduce lower raise induce prevent block treat trigger precede "
    "displace potentiate enhance activate stimulate suppress produce lead result worsen improve relieve exceed "
    "outperform replace mask mimic antagonize compete bind transmit infect spread affect predict follow delay slow "
    "accelerate impair promote protect elevate decrease diminish convert metabolize support drive stop start "
    "resemble contain release absorb refer supervise monitor inform call alert assist report notify".split()
)
_LESS = frozenset(
    "inferior worse smaller lower less fewer slower shorter weaker rarer earlier".split()
)
_COMPARE = frozenset(
    "superior inferior preferred better worse safer larger smaller higher lower more less fewer greater faster slower longer shorter stronger weaker cheaper commoner rarer earlier later".split()
)


def _roles(
    sentence: Sentence, clause: Clause
) -> list[tuple[str, frozenset[object], frozenset[object]]]:
    """(verb, who, whom) of the verbs of a clause; passive and "due to" are turned round."""
    text = sentence.text.lower()[clause.start : clause.end]
    found = []
    for one in re.finditer(r"[a-z]+(?:-[a-z]+)*", text):
        word = one[0]
        name = root(word)
        if word in ("due", "because"):
            verb, flipped = "cause", True
        elif word in _COMPARE:
            than = re.compile(r"\b(?:than|to)\b").search(text, one.end())
            if not than:
                continue
            left = _side(sentence, clause, 0, one.start())
            right = _side(sentence, clause, than.end(), len(text))
            found.append(("than", right, left) if word in _LESS else ("than", left, right))
            continue
        elif name in _TO_VERB:
            signs = [sign for axis, sign in opposites().get(name, ()) if axis == "change"]
            verb = (
                ("rise" if signs[0] > 0 else "fall")
                if signs
                else "cause"
                if name
                in (
                    root("cause"),
                    root("lead"),
                    root("result"),
                    root("produce"),
                    root("induce"),
                    root("trigger"),
                )
                else name
            )
            before = re.findall(r"[a-z']+", text[: one.start()])[-3:]
            by = re.compile(r"\b(?:by|from)\b").search(text, one.end())
            flipped = (
                by is not None
                and (
                    word.endswith(("ed", "en", "t", "n"))
                    or word in ("result", "results", "resulted")
                )
                and (any(w in AUXILIARIES for w in before) or by.start() - one.end() <= 2)
            )
            if flipped and by:
                found.append(
                    (
                        verb,
                        _side(sentence, clause, by.end(), len(text)),
                        _side(sentence, clause, 0, one.start()),
                    )
                )
                continue
            if word in ("results", "result", "resulted") and text[one.end() :].lstrip().startswith(
                "from"
            ):
                flipped = True
        else:
            continue
        left = _side(sentence, clause, 0, one.start())
        right = _side(sentence, clause, one.end(), len(text))
        found.append((verb, right, left) if flipped else (verb, left, right))
    return found


def _side(sentence: Sentence, clause: Clause, start: int, end: int) -> frozenset[object]:
    a, b = clause.start + start, clause.start + end
    return frozenset(key for term in sentence.terms if a <= term.start < b for key in _keys(term))
