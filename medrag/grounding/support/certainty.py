"""How surely, how often and of how many a statement says something."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ...text.words import stem
from .alignment import Comparison, said
from .forms import root
from .sentences import Clause, Sentence
from .tables import listed
from .vocabulary import listed_roots

_STRONG, _WEAK, _SURE = listed("hedges"), listed("weak hedges"), listed("sure")
_HEDGES = listed_roots("hedges")
_ASSOCIATIONS = listed_roots("associations")
_EFFECTS = listed_roots("effects")
_CAUSAL = listed_roots("causal")
_PREVENTING = frozenset(map(root, ("prevent", "protect", "prevention", "protection")))
# Without them a sentence says something else: "the lethal dose", "allergy to it".
_HEADS = listed("heads")
_HEAD_ROOTS = listed_roots("heads") | {root("lack"), root("allergic"), root("cautious")}
_ENDS_USE = frozenset(map(root, ("stop", "quit", "cease", "discontinue", "prevent")))
_FRAME = re.compile(  # what follows is not said to be so
    r"\b(?:whether|people (?:think|believe|say)|a myth|far from|anything but|claims? that"
    r"|claimed that|hopes? that|hoped that"
    r"|it is (?:dangerous|wrong|unsafe) to|no proof|is false|are false|this is wrong)\b"
)
_EXCLUSIVE = listed("exclusive in the source")
_ALL = listed("all")
_EVERY = frozenset({"all", "every"})
_ALL_OF = re.compile(
    r"\b(?:all|(?:every|each)(?! (?:\d|one|two|three|four|six|eight|twelve|time|other|second|minute"
    r"|hour|day|night|morning|evening|week|month|year)))\b"
)
_PART_OF = re.compile(
    r"\b(?:most|many|few|several|majority|some(?! \d)|minority|half)\b(?! (?:of )?(?:an? |the )?"
    r"(?:hour|day|year|time))"
)
_AMONG = re.compile(r"\b(?:among|one of) (?:the )?(?:more|most|commoner|commonest|main|leading)\b")
_THE_MOST = re.compile(r"\bthe (?:most|commonest|main|leading|chief)\b")
_NO_HEDGES = frozenset({"appearance", "appearances"})
_SEEMS = re.compile(r"\bappear(?:s|ed)? (?:to|that|likely|safe|effective|not)\b")
_PERMITTED = [["be", done] for done in ("taken", "swallowed", "eaten", "stored", "mixed")]
_SUPPOSES = re.compile(
    r"\b(?:if|when|while|once)\b[^,;.]*"
    # "Ptosis that blocks vision (needs surgery)"
    r"|(?:^|[,;] )[^,;.]*?\b(?:that|which|who|whom|whose)\s(?:\w+\s){1,5}?"
    r"(?=(?:needs?|requires?|should|must|is|are|can|has|have)\b)"
)
_ADJECTIVES = frozenset({"potential", "possible", "probable", "suspected", "apparent"})
_NOT_ALL = re.compile(r"\bnot (?:all|every|everyone|everybody|each|always)\b")
_NONE = re.compile(r"\b(?:no|none|never|nobody|neither|n['’]t any|not any)\b")
_SOME = re.compile(r"\b(?:all|every|everyone|always|some|most|many|only|sometimes|necessarily)\b")
_OPEN = frozenset({"clear", "known", "certain", "establish", "proven", "prov", "shown", "show"})
_PERMISSIVE = frozenset({"may", "can", "could", "might", "consider", "optional", "option"})
_ALLOWED = frozenset({"allowed", "permitted", "allow"})
_CONSIDER = frozenset({"consider", "considered"})
_OPTIONAL = _CONSIDER | {"may", "can", "could", "might", "option", "optional"}


def certainty_differences(comparison: Comparison) -> Iterator[str]:
    """Hedges of the source that the statement drops, and certainty that it adds."""
    yield from _frames(comparison)
    yield from _of_how_many(comparison)
    for clause, other, sentence in comparison.aligned:
        yield from _drops(comparison, other, sentence)
        yield from _causes(comparison, clause, other, sentence)
        yield from _adds(comparison, clause, other, sentence)


def _frames(comparison: Comparison) -> Iterator[str]:
    """What the source only asks, reports or calls false: "a myth", "whether"."""
    statement = comparison.statement
    own_roots = {root(word) for word in _all_words(statement)}
    for sentence in {pair[2].text: pair[2] for pair in comparison.aligned}.values():
        frame = _FRAME.search(sentence.lower)
        if frame and not _FRAME.search(statement.lower) and _OPEN.isdisjoint(own_roots):
            yield f"the source says “{frame[0]}”"


def _of_how_many(comparison: Comparison) -> Iterator[str]:
    """ "Only", "all" and "the most" where the source says less."""
    statement, window = comparison.statement, comparison.window
    there = _words_of(window)
    if statement.words[:1] == ("only",) and _EXCLUSIVE.isdisjoint(there):
        yield "the source does not say “only”"
    parts = {one[0] for s in window for one in _PART_OF.finditer(s.lower)}
    denied = any(clause.negations for clause in statement.clauses)
    if _says_all(statement) and parts and _ALL.isdisjoint(there) and not denied:
        yield f"the source says “{min(parts)}”, not “all”"
    among = next((one for s in window if (one := _AMONG.search(s.lower))), None)
    if among and _THE_MOST.search(statement.lower) and not _AMONG.search(statement.lower):
        yield f"the source says “{among[0]}”"
    if any(map(_denies_all, window)) and _denies_any(statement):
        yield "the source says “not all”"


def _drops(comparison: Comparison, other: Clause, sentence: Sentence) -> Iterator[str]:
    """What a clause of the source limits its meaning with, and the statement leaves out."""
    statement = comparison.statement
    own, theirs = _all_words(statement), _all_words(sentence, other)
    known = {root(word) for word in own} | comparison.topic
    heads = [word for word in theirs if word in _HEADS]
    if heads and _HEAD_ROOTS.isdisjoint(known) and _ENDS_USE.isdisjoint(known):
        yield f"the source says it of “{heads[0]}”"
    hedged = [word for word in _hedges(sentence, other) if _says(word, statement)]
    if hedged and not _is_hedged(statement, theirs) and not _is_condition(other, statement):
        yield f"the source says “{hedged[0][0]}”"
    if not _CONSIDER.isdisjoint(theirs) and _OPTIONAL.isdisjoint(own):
        yield "the source says “consider”"


def _is_hedged(statement: Sentence, theirs: Sequence[str]) -> bool:
    """Whether a statement hedges, in whatever words.

    Args:
        theirs: the words of a clause of the source.
    """
    own = _all_words(statement)
    verbs = {root(word) for word in theirs}
    denied = any(clause.negations for clause in statement.clauses)
    return (
        not _STRONG.isdisjoint(own)
        or any(root(word) in _HEDGES for word in own if word not in _NO_HEDGES)
        or bool(set(own) & _WEAK - set(theirs))
        or not _ALLOWED.isdisjoint(own)
        # "Repeatable" is "may be repeated".
        or any(word[-4:] in ("able", "ible") and root(word[:-4]) in verbs for word in own)
        or (denied and not _OPEN.isdisjoint(map(root, own)))
    )


def _causes(
    comparison: Comparison, clause: Clause, other: Clause, sentence: Sentence
) -> Iterator[str]:
    """Causes that the statement names where the source names an association or nothing."""
    own_roots = {root(word) for word in _all_words(comparison.statement)}
    their_roots = {root(word) for word in _all_words(sentence, other)}
    associated = their_roots & _ASSOCIATIONS and not their_roots & {"cause", "caus"}
    if associated and own_roots & (_CAUSAL - their_roots) and not own_roots & _ASSOCIATIONS:
        yield "the source names an association, not a cause"
    there = {root(word) for word in _words_of(comparison.window)}
    told = there & (_CAUSAL | _ASSOCIATIONS | _EFFECTS) | comparison.topic & _PREVENTING
    if own_roots & _PREVENTING and not clause.negations and not told:
        yield "the source does not say that one prevents the other"


def _adds(
    comparison: Comparison, clause: Clause, other: Clause, sentence: Sentence
) -> Iterator[str]:
    """Certainty that the statement adds: "always" where the source says "often" or nothing."""
    statement, there = comparison.statement, _words_of(comparison.window)
    theirs = _all_words(sentence, other)
    negated = any(clause.negations for one in comparison.window for clause in one.clauses)
    weak = not _PERMISSIVE.isdisjoint(there)
    added = [
        word
        for word in _all_words(statement)
        if word in _SURE
        and not (word == "never" and negated)
        and (word != "must" or (weak and word not in there))
        and (word not in _EVERY or _says_all(statement))
    ]
    softened = [word for word in theirs if word in _WEAK]
    if softened and added and _SURE.isdisjoint(theirs):
        yield f"the source says “{softened[0]}”"
    elif not clause.negations and there.isdisjoint(_SURE):
        roots = {root(word) for word in there}
        if any(root(word) not in roots for word in set(added) - _EVERY - {"will"}):
            yield f"the source does not say “{added[0]}”"


def _words_of(window: Sequence[Sentence]) -> frozenset[str]:
    """The words of some sentences."""
    return frozenset(word for one in window for word in one.words)


def _hedges(sentence: Sentence, clause: Clause) -> list[tuple[str, str]]:
    """The hedges of a clause, each with the word after it if it hedges only that word."""
    words = _all_words(sentence, clause)
    found = []
    for at, word in enumerate(words):
        after = words[at + 1] if at + 1 < len(words) else ""
        if word not in _STRONG and stem(word) not in _STRONG:
            continue
        if word == "may" and (after == "not" or "only" in words[:at]):
            continue  # it forbids or allows
        if word in _NO_HEDGES or (word.startswith("appear") and not _SEEMS.search(sentence.lower)):
            continue
        if word == "likely" and at and words[at - 1] in ("more", "less", "most", "least", "as"):
            continue  # it compares
        if word == "possible" and words[at - 1 : at] in (["as"], ["if"], ["where"], ["when"]):
            continue  # "as soon as possible"
        if word == "may" and words[at + 1 : at + 3] in _PERMITTED:
            continue
        found.append((word, after if word in _ADJECTIVES else ""))
    return found


def _is_condition(clause: Clause, statement: Sentence) -> bool:
    """Whether a statement only supposes what a clause says: "if it …", "people whom it …"."""
    held = said([t for t in statement.terms if not t.light], clause.roots, clause.concepts)
    parts = [
        one.span()
        for one in _SUPPOSES.finditer(statement.lower)
        if len(one[0]) < len(statement.text.rstrip(" ."))  # something is said of it
    ]
    return bool(held) and all(any(a <= t.start < b for a, b in parts) for t in held)


def _says(hedge: tuple[str, str], statement: Sentence) -> bool:
    """Whether a statement says what a hedge of the source is about."""
    return not hedge[1] or root(hedge[1]) in statement.roots


def _says_all(statement: Sentence) -> bool:
    """Whether a statement is about all of something; "each year" is about none."""
    return _ALL_OF.search(statement.lower) is not None


def _denies_all(sentence: Sentence) -> bool:
    """Whether a sentence says that something does not hold of all: "not every patient"."""
    return _NOT_ALL.search(sentence.lower) is not None


def _denies_any(sentence: Sentence) -> bool:
    """Whether a sentence says that something holds of none: "no patient", "never"."""
    return _NONE.search(sentence.lower) is not None and not _SOME.search(sentence.lower)


def _all_words(sentence: Sentence, clause: Clause | None = None) -> list[str]:
    """The lower-case words of a sentence, or of one of its clauses, stop words too."""
    text = sentence.text[clause.start : clause.end].lower() if clause else sentence.lower
    return re.findall(r"[a-z]+(?:-[a-z]+)*", text)
