"""What comes before what, and who does something to whom."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from typing import NamedTuple

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
_IS_NOUN = re.compile(r"\s+(?:of|are|were|have|had|may|can|could|must|should)\b")
_IS_A = re.compile(r"\b(?:is|are|was|were)\s+(?:an?\s+|the\s+)?(?:[a-z-]+\s+){0,2}$")
_AGENTS = dict(pair.split("=") for pair in listed("agents"))  # "inhibitor": "inhibit"
_BY_WHOM = re.compile(r"\s+by\b")
_IMPERATIVE = re.compile(r"(?:^|[,:;]|\band|\bthen)\s*$")
CAUSING = frozenset(
    map(root, ("cause", "lead", "result", "produce", "induce", "trigger", "precipitate", "provoke"))
)
_SIGN_OF = {"more": 1, "higher": 1, "greater": 1, "fewer": -1, "less": -1, "lower": -1}
_MORE_OR_LESS = re.compile(rf"\b({'|'.join(_SIGN_OF)})\b(?=[^.;]* than\b)")
Key = int | str  # a group of synonyms, or the roots of a term


class Role(NamedTuple):
    """Who does something to whom, and whether the passive says so."""

    verb: str
    who: frozenset[Key]
    whom: frozenset[Key]
    passive: bool = False

    def goes_with(self, other: Role) -> bool:
        """Whether both say that one does something to the other, whatever it is."""
        return bool(self.who & other.who - other.whom and self.whom & other.whom - other.who)


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
        if _compared_back(comparison.statement.lower, sentence.lower):
            continue
        theirs = roles_in(sentence, other)
        for role in roles_in(comparison.statement, clause) if theirs else ():
            same = (one for one in theirs if one.verb == role.verb)
            if any(_are_exchanged(role, one) for one in same) or _acts_back(role, theirs):
                yield OTHER_ROLES


def _compared_back(one: str, other: str) -> bool:
    """Whether one text has more of what the other has less of: "fewer falls than with B"."""
    signs = [{_SIGN_OF[word] for word in _MORE_OR_LESS.findall(text)} for text in (one, other)]
    return {1} in signs and {-1} in signs


def _acts_back(role: Role, theirs: Sequence[Role]) -> bool:
    """Whether one acts on what acts on it in the source: "X blocks Y", "X is broken down by Y"."""
    back = (one for one in theirs if one.passive != role.passive and _are_exchanged(role, one))
    acting = ((one if role.passive else role).verb in _acting() for one in back)
    return any(acting) and not any(map(role.goes_with, theirs))


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


def _are_exchanged(role: Role, other: Role) -> bool:
    """Whether who does something in one role is whom it is done to in the other."""
    # What both sides name does not tell them apart.
    a, b = role.who - role.whom, role.whom - role.who
    a2, b2 = other.who - other.whom, other.whom - other.who
    straight = len(a & a2) + len(b & b2)
    return bool(a & b2 and b & a2) and len(a & b2) + len(b & a2) >= straight


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
def roles_in(sentence: Sentence, clause: Clause) -> tuple[Role, ...]:
    """Who does what to whom in a clause; passive and "due to" are turned round."""
    text = sentence.lower[clause.start : clause.end]
    found = []
    for one in re.finditer(r"[a-z]+(?:-[a-z]+)*", text):
        word = one[0]
        name = root(word)
        start, end, turned = one.start(), one.end(), False
        first, last = 0, len(text)
        passive = False
        agent = _AGENTS.get(word, "") if _IS_A.search(text[:start]) else ""
        if (word.endswith(_NO_VERBS) or _is_agent(word)) and not agent:
            continue
        if relative := _RELATIVE.search(text[:start]):  # "conditions that cause X are"
            before = [t for t in clause.terms if t.end <= clause.start + relative.start()]
            first = before[-1].start - clause.start if before else 0
            stop = _VERB.search(text, end)
            last = stop.start() if stop else last
        if word in ("due", "because"):
            verb, turned = "cause", True
        elif agent and text.startswith(" of ", end):
            verb = _verb(root(agent))
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
            if not of and (_NOUN.search(text[:start]) or _is_plural(text, one)):
                continue  # "the patient's alert card"
            if by and _is_passive(text, one, by):
                turned, end, passive = True, by.end(), True
            elif verb in ("rise", "fall") and _WITH.match(text, end):
                turned = True  # "levels go up with X"
            elif _IS_DONE.search(text[:start]) and word.endswith(("ed", "en", "t")):
                continue  # it is not said by whom
            elif _NO_OBJECT_BUT.match(text, end):
                turned = True  # "it stops in a power cut"
            elif name == root("result") and text[end:].lstrip().startswith(("from", "of")):
                turned = True
        elif _IS_DONE.search(text[:start]) and _names_doer(text, one):
            verb, turned, passive = name, True, True
        else:
            continue
        orders = not word.endswith(("s", "ed", "ing")) and _IMPERATIVE.search(text[:start])
        left = frozenset[Key]() if orders else _side(sentence, clause, first, start)
        to = _TO.search(text, end) if turned and verb != "than" else None
        right = _side(sentence, clause, end, to.start() if to else last)
        if to:  # "is sent by X to Y"
            left |= _side(sentence, clause, to.end(), last)
        found.append(Role(verb, *((right, left) if turned else (left, right)), passive))
    return tuple(found)


def _is_plural(text: str, word: re.Match[str]) -> bool:
    """Whether what may be a verb is a noun: "attacks of gout", "falls are", "prevents attacks"."""
    if not word[0].endswith("s") or word[0].startswith("result"):
        return False
    before = text[: word.start()].split()
    last = before[-1] if before else ""
    after_verb = last.endswith("s") and root(last) in _TRANSITIVE
    return after_verb or last in _COMPARATIVES or _IS_NOUN.match(text, word.end()) is not None


def _names_doer(text: str, participle: re.Match[str]) -> bool:
    """Whether "by" and no amount follows a participle: "is broken down by the liver"."""
    by = _BY_WHOM.match(text, participle.end()) if participle[0].endswith(("ed", "en")) else None
    return by is not None and not _AMOUNT.match(text, by.end())


def _is_agent(word: str) -> bool:
    """Whether a word is what does something: "reliever", but not "trigger"."""
    one = word.removesuffix("s")
    return one.endswith("er") and not {one[:-1], one[:-2]}.isdisjoint(listed("transitive"))


def _is_passive(text: str, verb: re.Match[str], by: re.Match[str]) -> bool:
    """Whether "by" after a verb names who does it: "is caused by", "results from"."""
    word = verb[0]
    is_participle = word.endswith(("ed", "en", "t", "n")) or word == "spread"
    if not is_participle and word not in ("result", "results"):
        return False
    before = re.findall(r"[a-z']+", text[: verb.start()])[-3:]
    return by.start() - verb.end() <= 2 or not AUXILIARIES.isdisjoint(before)


def _verb(name: str) -> str:
    """One name for verbs that say the same: "lower" and "reduce", "lead to" and "cause"."""
    name = _IRREGULAR.get(name, name)
    for axis, sign in opposites().get(name, ()):
        if axis == "change":
            return "rise" if sign > 0 else "fall"
    if name in CAUSING:
        return "cause"
    groups = synonyms().get((name,))
    return str(min(groups)) if groups else name


@cache
def _acting() -> frozenset[str]:
    """Verbs whose subject acts on their object; that of "follow" and "need" does not."""
    return frozenset({"rise", "fall", "cause", *map(_verb, listed_roots("acting"))})


def _side(sentence: Sentence, clause: Clause, start: int, end: int) -> frozenset[Key]:
    """What a clause names between two offsets in it."""
    a, b = clause.start + start, clause.start + end
    return frozenset(key for term in sentence.terms if a <= term.start < b for key in _keys(term))
