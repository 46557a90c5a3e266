"""What comes before what, and who does something to whom."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from ..table_rows import is_row
from .alignment import Comparison, is_name, matches
from .clauses import AUXILIARIES
from .forms import root
from .sentences import Clause, Sentence, Term
from .tables import listed
from .vocabulary import is_particular, listed_roots, opposites, synonyms

OTHER_ORDER = "the source has it in another order"
OTHER_ROLES = "the source says it the other way round"

_ORDER = re.compile(
    r"\b(?P<word>before|after which|after|prior to|followed by|following|preceded by|follows?"
    r"|(?<!we )(?<!were )(?<!was )(?<!, )followed(?! (?:up|for|over|until|\d))"
    r"|precedes?|then|next|finally|once(?!\s+(?:daily|an?|every|per|weekly)\b))\b",
    re.I,
)
_FIRST = re.compile(r"\bfirst\b(?=\s*[;,.]|\s+and\b)", re.I)
_LATER = re.compile(r"\b(?:afterwards?|later|second|subsequently|last|finally|thereafter)\b", re.I)
_LEFT_FIRST = frozenset({"before", "prior to", "followed by", "precede", "precedes"})
_NEXT = frozenset({"then", "next", "finally", "after which"})
_STOP = re.compile(r"[,;.]|\band then\b")
_STOP_OR_AND = re.compile(r"[,;.]|\band\b")
_NEW_PHRASE = re.compile(
    r"\s(?:the|an?|it|they|you|he|she|this|give|take|apply|check|start|stop)\s"
)
_TRANSITIVE = listed_roots("transitive") | {root("depend"), root("rely"), root("tell")}
_LESS = listed("less")
_COMPARATIVES = listed("comparatives")
_THAN = re.compile(r"\b(?:than|compared (?:with|to)|(?<!likely )(?<!compared )to)\b")
_BY = re.compile(r"\b(?:by|from)\b")
# What follows "rises" where it has no object.
_WITH = re.compile(
    r"(?:\s+\w+ly)?\s+(?:with|when|if|on|in|from|by|to|during|after|under|among|at)\s"
)
_IRREGULAR = {
    "gave": "give", "given": "give", "took": "take", "sent": "send", "led": "lead", "rose": "rise",
    root("pass"): root("infect"), root("transmit"): root("infect"), root("donate"): "give",
    root("transfer"): "give", root("tell"): root("inform"),
    root("depend"): root("need"), root("rely"): root("need"), root("require"): root("need"),
}  # fmt: skip
_REPORTING = listed_roots("reporting")
_RELATIVE = re.compile(r"\b(?:that|which|who|whose \w+)\s+$")
_NO_VERBS = ("ly", "ment", "ments", "tion", "tions", "sion", "sions")
_IS_OF = re.compile(r"\s+of\b(?!.*\b(?:is|are|include)\b)")
_NO_OBJECT_BUT = re.compile(r"\s+(?:with|in|during|when|after|if)\s")
_NO_OBJECT = re.compile(r"\s*(?:$|[,;.]|(?:and|or|of)\b)")
# "Fell by 16 %" does not say what lowered it.
_AMOUNT = re.compile(
    r"\s+(?:about |around |nearly |up to |at least |an? |one |two |three )?"
    r"(?:\d|thirds?\b|quarters?\b|half\b)"
)
_TO = re.compile(r"\bto\b")
_VERB = re.compile(r"\b(?:is|are|was|were|has|have|had|may|can|should|must|will)\b")
_ADJECTIVE = re.compile(r"\b(?:or|the|an?|any|of|in|on|to|with|for|from|without|no)\s+$")
_NOUN = re.compile(r"(?:\b(?:the|an?|any|no)|['’]s)\s+$")
_IS_DONE = re.compile(r"\b(?:is|are|was|were|be|been|being)\s+(?:\w+ly\s+)?$")
_IMPERATIVE = re.compile(r"(?:^|[,:;]|\band|\bthen)\s*$")
_CAUSING = frozenset(
    map(root, ("cause", "lead", "result", "produce", "induce", "trigger", "precipitate", "provoke"))
)

Key = int | str  # a group of synonyms, or the roots of a term
Role = tuple[str, frozenset[Key], frozenset[Key]]  # verb, who, whom


def order_differences(comparison: Comparison) -> Iterator[str]:
    """Whether a statement exchanges before and after."""
    own = _order(comparison.statement)
    if not own:
        return
    theirs = {pair for sentence in comparison.window for pair in _order(sentence)}
    same = sum(pair in theirs for pair in own)
    turned = sum((b, a) in theirs for a, b in own)
    if turned > same:
        yield OTHER_ORDER


def role_differences(comparison: Comparison) -> Iterator[str]:
    """Whether a statement exchanges who does something and to whom."""
    for clause, other, sentence in comparison.aligned:
        if clause.negations and (other.negations or other.no_change):
            continue  # neither does it
        theirs = _roles(sentence, other)
        for verb, agents, patients in _roles(comparison.statement, clause) if theirs else ():
            for verb2, agents2, patients2 in theirs:
                if verb != verb2:
                    continue
                # What both sides name does not tell them apart.
                a, b = agents - patients, patients - agents
                a2, b2 = agents2 - patients2, patients2 - agents2
                straight = len(a & a2) + len(b & b2)
                if a & b2 and b & a2 and len(a & b2) + len(b & a2) >= straight:
                    yield OTHER_ROLES


def subject_differences(comparison: Comparison) -> Iterator[str]:
    """Whether a statement says of one thing what a clause of the source says of another.

    "Folic acid reduces ulcers; folinic acid is the rescue" does not call folic acid the rescue.
    """
    for clause, other, sentence in comparison.aligned:
        own = next((t for t in clause.terms if not t.light), None)
        theirs = next((t for t in other.terms if not t.light), None)
        if (
            not own
            or not theirs
            or not (is_name(own, is_particular) and is_name(theirs, is_particular))
        ):
            continue
        if is_row(sentence.text):
            continue
        if matches(own, other.roots, other.concepts) or matches(
            theirs, comparison.statement.roots, comparison.statement.concepts
        ):
            continue
        if any(
            matches(own, one.roots, one.concepts) for one in sentence.clauses if one is not other
        ):
            yield f"the source says it of “{theirs.word}”"


@lru_cache(maxsize=2048)
def _order(sentence: Sentence) -> frozenset[tuple[Key, Key]]:
    """Pairs (earlier, later) of what a sentence names."""
    pairs: set[tuple[Key, Key]] = set()
    for one in _ORDER.finditer(sentence.text):
        word = one["word"].lower()
        left, right = _around(sentence, one, word)
        first, second = (left, right) if word in _LEFT_FIRST | _NEXT else (right, left)
        pairs |= {
            (x, y) for a in first for b in second for x in _keys(a) for y in _keys(b) if x != y
        }
    pairs |= _first_and_later(sentence)
    return frozenset(pairs)


def _first_and_later(sentence: Sentence) -> set[tuple[Key, Key]]:
    """Pairs (earlier, later) of "X first, Y afterwards"."""
    first = _FIRST.search(sentence.text)
    later = _LATER.search(sentence.text, first.end()) if first else None
    if not first or not later:
        return set()
    start = max(sentence.text.rfind(mark, 0, first.start()) for mark in ",;.(") + 1
    before = [t for t in sentence.terms if start <= t.start < first.start()]
    after = [t for t in sentence.terms if first.end() <= t.start < later.start()]
    return {(x, y) for a in before for b in after for x in _keys(a) for y in _keys(b) if x != y}


def _around(sentence: Sentence, one: re.Match[str], word: str) -> tuple[list[Term], list[Term]]:
    """What stands before and after a word of order, in the order in which it is meant."""
    text = sentence.text
    stop = (_STOP_OR_AND if word == "followed" else _STOP).search(text, one.end())
    end = stop.start() if stop else len(text)
    right = [t for t in sentence.terms if one.end() <= t.start < end]
    left = [t for t in sentence.terms if t.start < one.start() and not t.word.endswith("ly")]
    if word in ("next", "finally") and not right:  # "and the aerobic bottle next"
        comma = max(text.rfind(" and ", 0, one.start()), text.rfind(",", 0, one.start()))
        left, right = [t for t in left if t.start < comma], [t for t in left if t.start > comma]
    if left:
        return left, right
    if word != "then" and not any(t.start >= end for t in sentence.terms):
        # "After X the gel is applied": what comes later begins at the next noun phrase.
        phrase = _NEW_PHRASE.search(text, right[0].end if right else len(text))
        end = phrase.start() if phrase else end
        right = [t for t in right if t.start < end]
    return [t for t in sentence.terms if t.start >= end], right


def _keys(term: Term) -> list[Key]:
    """What a term is known by: its groups of synonyms, or its roots."""
    if term.word in ("before", "after") or term.light or term.roots[0] in _REPORTING:
        return []
    return [*term.concepts] or [" ".join(term.roots)]


@lru_cache(maxsize=2048)
def _roles(sentence: Sentence, clause: Clause) -> tuple[Role, ...]:
    """Who does what to whom in a clause; passive and "due to" are turned round."""
    text = sentence.lower[clause.start : clause.end]
    found = []
    for one in re.finditer(r"[a-z]+(?:-[a-z]+)*", text):
        word = one[0]
        name = root(word)
        start, end, turned = one.start(), one.end(), False
        first, last = 0, len(text)
        if word.endswith(_NO_VERBS) or _is_agent(word):
            continue
        if relative := _RELATIVE.search(text[:start]):  # "conditions that cause X are"
            before = [t for t in clause.terms if t.end <= clause.start + relative.start()]
            first = before[-1].start - clause.start if before else 0
            stop = _VERB.search(text, end)
            last = stop.start() if stop else last
        if word in ("due", "because"):
            verb, turned = "cause", True
        elif word in _COMPARATIVES:
            than = _THAN.search(text, end)
            if not than:
                continue
            verb, turned = "than", word in _LESS
            start, end = than.span()
        elif name in _TRANSITIVE:
            verb = _verb(name)
            by = next(
                (b for b in _BY.finditer(text, end) if not _AMOUNT.match(text, b.end())), None
            )
            if word in _COMPARATIVES | {"lower"} and text[:start].endswith((" or ", " and ")):
                continue  # "2.5 or lower"
            of = name == root("cause") and _IS_OF.match(text, end)  # "is a cause of"
            if not of and not word.endswith(("ed", "s")) and _NO_OBJECT.match(text, end):
                continue  # "poor support and"
            if word.endswith("ed") and _ADJECTIVE.search(text[:start]):
                continue  # "infected skin"
            if not of and _NOUN.search(text[:start]):
                continue  # "the patient's alert card"
            if by and _is_passive(text, one, by):
                turned, end = True, by.end()
            elif verb in ("rise", "fall") and _WITH.match(text, end):
                turned = True  # "levels go up with X"
            elif _IS_DONE.search(text[:start]) and word.endswith(("ed", "en", "t")):
                continue  # it is not said by whom
            elif _NO_OBJECT_BUT.match(text, end):
                turned = True  # "it stops in a power cut"
            elif name == root("result") and text[end:].lstrip().startswith(("from", "of")):
                turned = True
        else:
            continue
        orders = not word.endswith(("s", "ed", "ing")) and _IMPERATIVE.search(text[:start])
        left = frozenset[Key]() if orders else _side(sentence, clause, first, start)
        to = _TO.search(text, end) if turned and verb != "than" else None
        right = _side(sentence, clause, end, to.start() if to else last)
        if to:  # "is sent by X to Y"
            left |= _side(sentence, clause, to.end(), last)
        found.append((verb, right, left) if turned else (verb, left, right))
    return tuple(found)


def _is_agent(word: str) -> bool:
    """Whether a word is what does something: "reliever", but not "trigger"."""
    one = word.removesuffix("s")
    return one.endswith("er") and not {one[:-1], one[:-2]}.isdisjoint(listed("transitive"))


def _is_passive(text: str, verb: re.Match[str], by: re.Match[str]) -> bool:
    """Whether "by" after a verb names who does it: "is caused by", "results from"."""
    word = verb[0]
    if not word.endswith(("ed", "en", "t", "n")) and word not in ("result", "results"):
        return False
    before = re.findall(r"[a-z']+", text[: verb.start()])[-3:]
    return by.start() - verb.end() <= 2 or not AUXILIARIES.isdisjoint(before)


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


def _side(sentence: Sentence, clause: Clause, start: int, end: int) -> frozenset[Key]:
    """What a clause names between two offsets in it."""
    a, b = clause.start + start, clause.start + end
    return frozenset(key for term in sentence.terms if a <= term.start < b for key in _keys(term))
