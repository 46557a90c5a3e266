"""For whom, how surely and on what condition: what limits a statement and its source."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from ...text.words import stem
from .alignment import Comparison, said
from .clauses import AUXILIARIES
from .forms import root
from .sentences import Clause, Sentence, parse
from .tables import listed
from .vocabulary import listed_roots

_LISTED = frozenset({"organ", "joint", "digit", "germ", "who", "body"})
_MUST = frozenset({"age", "species", "sex", "pregnancy"})
_OF_ONE_SEX = listed_roots("of one sex")
_HUMAN = 1  # class of the slot "species"

_STRONG, _WEAK, _SURE = listed("hedges"), listed("weak hedges"), listed("sure")
_HEDGES = listed_roots("hedges")
_ASSOCIATIONS = listed_roots("associations")
_EFFECTS = listed_roots("effects")
_CAUSAL = listed_roots("causal")
_CLEARLY_CAUSAL = _CAUSAL - {root("because"), root("due"), root("responsible")}
# Without them a sentence says something else: "the lethal dose", "allergy to it".
_HEADS = listed("heads")
_HEAD_ROOTS = listed_roots("heads") | {root("lack"), root("allergic"), root("cautious")}
_ENDS_USE = frozenset(map(root, ("stop", "quit", "cease", "discontinue", "prevent")))
_FRAME = re.compile(  # what follows is not said to be so
    r"\b(?:whether|people (?:think|believe|say)|a myth|far from|anything but|claims? that"
    r"|claimed that|hopes? that|hoped that"
    r"|it is (?:dangerous|wrong|unsafe) to|no proof|is false|are false|this is wrong)\b"
)
_ONLY, _ONLY_THERE = listed("exclusive words"), listed("exclusive in the source")
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
_NO_HEDGES = frozenset({"appearance", "appearances"})
_SEEMS = frozenset({"to", "that", "likely", "safe", "effective", "not"})
_ADJECTIVES = frozenset({"potential", "possible", "probable", "suspected", "apparent"})
_NOT_ALL = re.compile(r"\bnot (?:all|every|everyone|everybody|each|always)\b")
_NONE = re.compile(r"\b(?:no|none|never|nobody|neither|n['’]t any|not any)\b")
_SOME = re.compile(r"\b(?:all|every|everyone|always|some|most|many|only|sometimes|necessarily)\b")
_OPEN = frozenset({"clear", "known", "certain", "establish", "proven", "prov", "shown", "show"})
_ALLOWED = frozenset({"allowed", "permitted", "allow"})
_CONSIDER = frozenset({"consider", "considered"})
_OPTIONAL = _CONSIDER | {"may", "can", "could", "might", "option", "optional"}

_CONDITION = re.compile(
    r"\b(?P<word>(?<=[a-z]s )who|(?<=people )who|(?<=those )who"
    r"|only (?:if|when|after|in|for|with|where|once|under|by|to)|if|unless"
    r"|except(?: (?:in|for|when|if|that|where))?|provided(?: that)?|as long as|until|other than"
    r"|apart from|so long as|on condition|in the absence of|in case of|when"
    r"|once(?! (?:an?|daily|every|per|weekly|a)\b)|where|after|following|whose|without"
    r"|not (?:in|for|if|when)|but not|excluding|subject to)\b",
    re.I,
)
_STRICT = re.compile(
    r"only|unless|except|provided|if|long as|condition|apart|other than|but not|excluding"
    r"|not (?:in|for|if|when)|subject",
    re.I,
)
_MOST_CONDITIONS = 20  # of a sentence
_SUBORDINATE = re.compile(r"(?<=\S)\s(?:before|after|until|once|when|while)\b[^,;.]*", re.I)
_TIMES = ("after", "following", "where", "once")
_STOP = re.compile(r"[,;.:)]")
_LISTED_AFTER = re.compile(r",[^;.]*\b(?:or|and)\b")
# How much of the score remains if a condition is dropped that is not strict.
_TIME_LEFT, _CONDITION_LEFT = 0.75, 0.45


def slot_differences(comparison: Comparison) -> Iterator[str]:
    """Populations, routes, times of day and the like that the source names otherwise."""
    named = comparison.statement.slots
    here, around = _merged(comparison.window), _merged(comparison.context)
    for slot, classes in named.items():
        held = here.get(slot, frozenset())
        missing = classes - held - around.get(slot, frozenset())
        several = slot not in _MUST and ((len(held) > 1 and slot in _LISTED) or held & classes)
        if missing and held and not several:
            yield f"the source is about another {slot}"
        elif missing and slot in _MUST and not _is_implied(slot, missing, comparison):
            yield f"the source does not name this {slot}"
    animals = here.get("species", frozenset()) - {_HUMAN}
    if animals and not named.get("species", frozenset()) & animals:
        yield "the source is about animals or cells"


def certainty_differences(comparison: Comparison) -> Iterator[str]:
    """Hedges of the source that the statement drops, and certainty that it adds."""
    statement = comparison.statement
    own = _all_words(statement)
    own_roots = {root(word) for word in own}
    window_words = {word for one in comparison.window for word in one.words}
    window_roots = {root(word) for word in window_words}
    denied = any(clause.negations for clause in statement.clauses)
    negated = any(clause.negations for one in comparison.window for clause in one.clauses)
    for sentence in {pair[2].text: pair[2] for pair in comparison.aligned}.values():
        frame = _FRAME.search(sentence.lower)
        if frame and not _FRAME.search(statement.lower) and _OPEN.isdisjoint(own_roots):
            yield f"the source says “{frame[0]}”"
    if not _ONLY.isdisjoint(own) and _ONLY_THERE.isdisjoint(window_words):
        yield "the source does not say “only”"
    parts = {one[0] for s in comparison.window for one in _PART_OF.finditer(s.lower)}
    if _says_all(statement) and parts and _ALL.isdisjoint(window_words) and not denied:
        yield f"the source says “{min(parts)}”, not “all”"
    if any(map(_denies_all, comparison.window)) and _denies_any(statement):
        yield "the source says “not all”"
    for clause, other, sentence in comparison.aligned:
        theirs = _all_words(sentence, other)
        their_roots = {root(word) for word in theirs}
        heads = [word for word in theirs if word in _HEADS]
        known = own_roots | comparison.topic
        if heads and _HEAD_ROOTS.isdisjoint(known) and _ENDS_USE.isdisjoint(known):
            yield f"the source says it of “{heads[0]}”"
        softened = [word for word in theirs if word in _WEAK]
        added = [word for word in own if word in _SURE and not (word == "never" and negated)]
        hedged = [word for word in _hedges(sentence, other) if _says(word, statement)]
        hedges = (
            not _STRONG.isdisjoint(own)
            or any(root(word) in _HEDGES for word in own if word not in _NO_HEDGES)
            or (set(own) & _WEAK - set(theirs))
            or not _ALLOWED.isdisjoint(own)
            or (denied and own_roots & _OPEN)
        )
        if hedged and not hedges:
            yield f"the source says “{hedged[0][0]}”"
        associated = their_roots & _ASSOCIATIONS and not their_roots & {"cause", "caus"}
        if associated and own_roots & (_CAUSAL - their_roots) and not own_roots & _ASSOCIATIONS:
            yield "the source names an association, not a cause"
        causes = own_roots & _CLEARLY_CAUSAL and not clause.negations
        if causes and not window_roots & (_CAUSAL | _ASSOCIATIONS | _EFFECTS):
            yield "the source does not say that one causes the other"
        if softened and added and _SURE.isdisjoint(theirs):
            yield f"the source says “{softened[0]}”"
        elif (
            not clause.negations
            and window_words.isdisjoint(_SURE)
            and any(root(word) not in window_roots for word in set(added) - _EVERY)
        ):
            yield f"the source does not say “{added[0]}”"
        if not _CONSIDER.isdisjoint(theirs) and _OPTIONAL.isdisjoint(own):
            yield "the source says “consider”"


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
        if word in _NO_HEDGES or (word.startswith("appear") and after not in _SEEMS):
            continue
        found.append((word, after if word in _ADJECTIVES else ""))
    return found


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


def dropped_conditions(statement: Sentence, window: Sequence[Sentence]) -> list[tuple[str, float]]:
    """Conditions of the source that a statement drops, each with how much of its score remains."""
    found = []
    for sentence in window:
        for one in islice(_CONDITION.finditer(sentence.text), _MOST_CONDITIONS):
            end = _STOP.search(sentence.text, one.end())
            stop = end.start() if end else len(sentence.text)
            if _is_dropped(statement, sentence, one, stop):
                words = sentence.text[one.end() : stop].lower().split()
                is_time = one["word"].lower() in _TIMES and AUXILIARIES.isdisjoint(words)
                left = _TIME_LEFT if is_time else _CONDITION_LEFT
                left = 0.0 if _STRICT.search(one["word"]) else left
                found.append(
                    (f"the source says it holds “{sentence.text[one.start() : stop]}”", left)
                )
    return found


def _is_dropped(statement: Sentence, source: Sentence, one: re.Match[str], stop: int) -> bool:
    """Whether a statement says what a condition of the source is for, but not the condition.

    Args:
        stop: where the condition ends.
    """
    strict = _STRICT.search(one["word"]) is not None
    roots, concepts = statement.roots, statement.concepts
    within = [t for t in source.terms if one.end() <= t.start < stop]
    inside = [t for t in within if not t.light] or (within if strict else [])
    others = {t.roots for t in source.terms if t not in within}
    inside = [t for t in inside if t.roots not in others] or inside
    kept = said(inside, roots, concepts)
    if not inside or (kept and not strict):
        return False
    both = re.match(r"\s*both\b", source.text[one.end() : stop])
    if len(kept) * 2 >= len(inside) and not (both and len(kept) < len(inside)):
        return False
    limits = [q for q in source.quantities if one.end() <= q.start < stop]
    if limits and all(any(q.equals(own) for own in statement.quantities) for q in limits):
        return False
    first, last = _part(source, one.start(), one.end())
    around = [
        t for t in source.terms if first < t.start < last and not one.start() <= t.start < stop
    ]
    outside = [t for t in around if not t.light] or around
    main = parse(_SUBORDINATE.sub(" ", statement.text))
    if outside and not said(outside, main.roots, main.concepts):
        amounts = [
            q
            for q in source.quantities
            if first < q.start < last and not one.start() <= q.start < stop
        ]
        if not any(q.same_value(own) for q in amounts for own in statement.quantities):
            return False
    # Of a list of conditions the statement may name another one.
    tail = [t for t in source.terms if t.start >= stop and not t.light]
    fronted = not source.text[: one.start()].strip()
    listed_after = _LISTED_AFTER.search(source.text[stop:]) and not fronted
    return not (listed_after and said(tail, roots, concepts))


def _part(source: Sentence, start: int, end: int) -> tuple[int, int]:
    """What a condition at start..end is a condition of: its clause, or what stands between ";"."""
    text = source.text
    first = max(text.rfind(mark, 0, start) for mark in ";:")
    after = [at for mark in ";:" if (at := text.find(mark, end)) >= 0]
    last = min(after, default=len(text))
    clauses = source.clauses
    for at, clause in enumerate(clauses):
        if clause.start <= start < clause.end:
            if any(t.end <= start for t in clause.terms):
                return max(first, clause.start - 1), min(last, clause.end)
            if at:  # "X is avoided unless …"
                return max(first, clauses[at - 1].start - 1), min(last, clause.end)
    return first, last


def _is_implied(slot: str, classes: frozenset[int], comparison: Comparison) -> bool:
    """Whether a source means humans, or one sex by pregnancy or an organ, without naming them."""
    if slot == "species":
        return classes == {_HUMAN}
    return slot == "sex" and any(
        "pregnancy" in one.slots or not _OF_ONE_SEX.isdisjoint(one.roots)
        for one in (*comparison.window, *comparison.context)
    )


def _merged(sentences: Sequence[Sentence]) -> dict[str, frozenset[int]]:
    """By slot, the classes that any of the sentences names."""
    merged: dict[str, frozenset[int]] = {}
    for sentence in sentences:
        for slot, classes in sentence.slots.items():
            merged[slot] = merged.get(slot, frozenset()) | classes
    return merged


def _all_words(sentence: Sentence, clause: Clause | None = None) -> list[str]:
    """The lower-case words of a sentence, or of one of its clauses, stop words too."""
    text = sentence.text[clause.start : clause.end].lower() if clause else sentence.lower
    return re.findall(r"[a-z]+(?:-[a-z]+)*", text)
