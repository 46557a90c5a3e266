"""Where the clauses of a sentence begin: at marks, conjunctions, and predicates after a comma."""

from __future__ import annotations

from collections.abc import Sequence

from .forms import root
from .tables import listed
from .vocabulary import listed_roots, opposites

AUXILIARIES = listed("auxiliaries")
_BREAKS = frozenset(";:()[].!?—–")
_JOINTS = listed("joints")
_LABEL = 8  # words before a colon, at most
_LISTS = frozenset({"and", "or", "then"})
_NO_SUBJECT = frozenset({",", "which", "who", "that", "of"})
_SUBJECTS = listed("subjects")
_VERBS = listed_roots("verbs")


def clause_starts(words: Sequence[str]) -> set[int]:
    """The numbers of the words that begin a clause, of the words and marks of a sentence."""
    starts: set[int] = set()
    predicate = False  # whether the clause so far has one
    begin = last = 0  # of the cell, if it is a row; of the clause
    for at, word in enumerate(words):
        cell = begin == last and at - begin <= _LABEL
        # "Stop: 7 days before" in a cell says nothing of what to do.
        amount = begin > 0 and at + 1 < len(words) and words[at + 1][0].isdigit()
        if word == ":" and not predicate and cell and not amount:
            continue  # "Children: not recommended" is one clause
        if word == ";":
            begin = at + 1
        if word in _BREAKS and at + 1 < len(words):
            starts.add(last := at + 1)
            predicate = False
        elif _joins(words, at, predicate):
            starts.add(last := at)
            predicate = False
        else:
            relative = words[at - 1 : at] in (["who"], ["which"], ["that"])
            changes = _is_change(word) or (_is_plural(words, at - 1) and _is_change(f"{word}s"))
            predicate = predicate or (not relative and (word in AUXILIARIES or changes))
    return starts


def _joins(words: Sequence[str], at: int, predicate: bool) -> bool:
    """Whether a word joins a clause to one that may have a predicate."""
    word = words[at]
    after = words[at + 1] if at + 1 < len(words) else ""
    if word in _JOINTS and at:
        # "While breastfeeding" has the subject of the clause before.
        return not (word == "while" and after.endswith("ing"))
    if word not in _LISTS and word != ",":
        return False
    if word == "," and not predicate and words[at + 1 : at + 2] and words[at + 1] in AUXILIARIES:
        return False  # "oils, such as baby oil, are"
    return (
        (word == "," and words[at + 1 : at + 2] in (["with"], ["only"]))
        or _begins_clause(words, at + 1)
        or (predicate and _holds_predicate(words, at + 1))
    )


def _is_change(word: str) -> bool:
    """Whether a word is a verb of change: "rises", "fell", "improved"."""
    return word.endswith(("s", "ed", "ell", "ose", "ew")) and any(
        axis in ("change", "benefit") for axis, _ in opposites().get(root(word), ())
    )


def _is_plural(words: Sequence[str], at: int) -> bool:
    """Whether a plural stands here, so that "lower" after it is a verb: "combined pills lower"."""
    return (
        at >= 0 and len(words[at]) > 3 and words[at].endswith("s") and not words[at].endswith("ss")
    )


def _holds_predicate(words: Sequence[str], at: int) -> bool:
    """Whether a noun phrase and a predicate follow: "and arterial carbon dioxide falls"."""
    for ahead in range(at, min(at + 7, len(words))):
        word = words[ahead]
        if any(word in table for table in (_BREAKS, _JOINTS, _LISTS, _NO_SUBJECT)):
            return False
        if ahead > at and (word in AUXILIARIES or _is_change(word)):
            return words[ahead + 1 : ahead + 2] not in (["in"], ["of"])
    return False


def _begins_clause(words: Sequence[str], at: int) -> bool:
    """Whether a predicate or a subject stands here, after "and" or an adverb."""
    while at < len(words) and (words[at] in _LISTS or words[at].endswith("ly")):
        at += 1
    if at >= len(words):
        return False
    word = words[at]
    if word in AUXILIARIES or word in _SUBJECTS or word in ("n't", "not", "never", "to"):
        return True
    directed = opposites().get(root(word), ())
    verb = root(word) in _VERBS or any(
        axis in ("do", "change", "benefit", "cause", "act") for axis, _ in directed
    )
    # "increase in" and "use of" are nouns, "higher doses" an adjective.
    return (
        verb
        and not word.endswith(("er", "tion", "ment"))
        and words[at + 1 : at + 2] not in (["in"], ["of"], ["and"])
    )
