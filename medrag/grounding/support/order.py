"""What comes before what, and who does something to whom."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .alignment import aligned
from .clauses import AUXILIARIES, Clause, Sentence, Term
from .forms import root
from .tables import listed
from .vocabulary import listed_roots, opposites, synonyms

_ORDER = re.compile(
    r"\b(?P<word>before|after|prior to|followed by|following|preceded by|followed|follows?|precedes?|then|next|finally|once)\b"
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
        stop = re.compile(r"[,;.]|\band\b" if word == "followed" else r"[,;.]|\band then\b").search(
            text, one.end()
        )
        end = stop.start() if stop else len(text)
        right = [t for t in sentence.terms if one.end() <= t.start < end]
        left = [t for t in sentence.terms if t.start < one.start() and not t.word.endswith("ly")]
        if word in ("next", "finally") and not right:  # "and the aerobic bottle next"
            cut = max(text.rfind(" and ", 0, one.start()), text.rfind(",", 0, one.start()))
            left, right = [t for t in left if t.start < cut], [t for t in left if t.start > cut]
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
        if word in ("then", "next", "finally", "last") or word in (
            "before",
            "prior to",
            "followed by",
            "until",
            "precede",
            "precedes",
            "preceded",
        ):
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


def role_differences(
    statement: Sentence, window: Sequence[Sentence], context: Sequence[Sentence]
) -> list[str]:
    """Whether a statement exchanges who does something and to whom."""
    for clause in statement.clauses:
        pair = aligned(clause, window, context)
        if pair is None:
            continue
        other, sentence = pair
        for verb, agents, patients in _roles(statement, clause):
            for verb2, agents2, patients2 in _roles(sentence, other):
                if verb != verb2:
                    continue
                # What both sides name does not tell them apart.
                a, b = agents - patients, patients - agents
                a2, b2 = agents2 - patients2, patients2 - agents2
                straight = len(a & a2) + len(b & b2)
                if a & b2 and b & a2 and len(a & b2) + len(b & a2) >= straight:
                    return ["the source says it the other way round"]
    return []


_TO_VERB = listed_roots("transitive")
_LESS = listed("less")
_COMPARE = listed("comparatives")


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
            left = _side(sentence, clause, 0, than.start())
            right = _side(sentence, clause, than.end(), len(text))
            found.append(("than", right, left) if word in _LESS else ("than", left, right))
            continue
        elif name in _TO_VERB:
            verb = _verb(name)
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
            if verb in ("rise", "fall") and _WITH.match(text, one.end()):
                flipped = True  # "levels go up with X"
            if name == root("result") and text[one.end() :].lstrip().startswith(("from", "of")):
                flipped = True
        else:
            continue
        left = _side(sentence, clause, 0, one.start())
        right = _side(sentence, clause, one.end(), len(text))
        found.append((verb, right, left) if flipped else (verb, left, right))
    return found


_WITH = re.compile(r"\s+(?:with|when|if|on|in response to)\s")
_IRREGULAR = {
    "gave": "give",
    "given": "give",
    "took": "take",
    "sent": "send",
    "led": "lead",
    "rose": "rise",
}
_CAUSING = frozenset(map(root, ("cause", "lead", "result", "produce", "induce", "trigger")))


def _verb(name: str) -> str:
    """One name for verbs that say the same: "lower" and "reduce", "lead to" and "cause"."""
    name = _IRREGULAR.get(name, name)
    for axis, sign in opposites().get(name, ()):
        if axis == "change":
            return "rise" if sign > 0 else "fall"
    if name in _CAUSING:
        return "cause"
    groups = synonyms().get((name,))
    return str(min(groups)) if groups else name


def _side(sentence: Sentence, clause: Clause, start: int, end: int) -> frozenset[object]:
    a, b = clause.start + start, clause.start + end
    return frozenset(key for term in sentence.terms if a <= term.start < b for key in _keys(term))
