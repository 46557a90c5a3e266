"""For whom, how surely and on what condition: what limits a statement and its source."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...text.words import stem
from .alignment import aligned, said
from .clauses import AUXILIARIES, Clause, Sentence
from .forms import root
from .tables import listed
from .vocabulary import listed_roots


def slot_differences(
    statement: Sentence, window: Sequence[Sentence], context: Sequence[Sentence]
) -> list[str]:
    """Populations, routes, times of day and the like that the source names otherwise."""
    reasons = []
    here = _merged(window)
    around = _merged(context)
    for slot, classes in statement.slots.items():
        held = here.get(slot, frozenset())
        missing = classes - held - around.get(slot, frozenset())
        several = slot not in _MUST and ((len(held) > 1 and slot in _LISTED) or held & classes)
        if missing and held and not several:
            reasons.append(f"the source is about another {slot}")
        elif missing and slot in _MUST and not (slot == "species" and missing == {1}):
            if slot == "sex" and held_words(window, context):
                continue
            reasons.append(f"the source does not name this {slot}")
    animals = here.get("species", frozenset()) - {1}
    if animals and not statement.slots.get("species", frozenset()) & animals:
        reasons.append("the source is about animals or cells")
    return reasons


def held_words(window: Sequence[Sentence], context: Sequence[Sentence]) -> bool:
    """Whether the source is about pregnancy, or an organ that one sex has."""
    return any("pregnancy" in one.slots or one.roots & _OF_ONE_SEX for one in (*window, *context))


_OF_ONE_SEX = listed_roots("of one sex")
_LISTED = frozenset({"organ", "joint", "digit", "germ", "who", "body"})
_MUST = frozenset({"age", "species", "sex", "pregnancy"})


def _merged(sentences: Sequence[Sentence]) -> dict[str, frozenset[int]]:
    merged: dict[str, frozenset[int]] = {}
    for sentence in sentences:
        for slot, classes in sentence.slots.items():
            merged[slot] = merged.get(slot, frozenset()) | classes
    return merged


def certainty_differences(
    statement: Sentence, window: Sequence[Sentence], context: Sequence[Sentence]
) -> list[str]:
    """Hedges of the source that the statement drops, and certainty that it adds."""
    strong, weak, sure = listed("hedges"), listed("weak hedges"), listed("sure")
    associations = listed_roots("associations")
    reasons = []
    for clause in statement.clauses:
        pair = aligned(clause, window, context)
        if pair is None:
            continue
        other, sentence = pair
        own, theirs = _all_words(statement), _all_words(sentence, other)
        own_roots, their_roots = {root(w) for w in own}, {root(w) for w in theirs}
        held_sure = {word for one in window for word in one.words} & sure
        hedged = [w for w in theirs if w in strong or stem(w) in strong]
        open_ = any(c.negations for c in statement.clauses) and own_roots & {
            "clear",
            "known",
            "certain",
            "establish",
            "proven",
            "prov",
            "shown",
            "show",
        }
        softer = (set(own) & weak - set(theirs)) or {"allowed", "permitted", "allow"} & set(own)
        if hedged and not (
            set(own) & strong or own_roots & (strong | listed_roots("hedges")) or softer or open_
        ):
            reasons.append(f"the source says “{hedged[0]}”")
        if their_roots & associations and not their_roots & {"cause", "caus"}:
            if own_roots & (_CAUSAL - their_roots) and not own_roots & associations:
                reasons.append("the source names an association, not a cause")
        said_causal = own_roots & _CAUSAL - {root("because"), root("due"), root("responsible")}
        whole = {root(w) for one in window for w in one.words}
        if said_causal and not clause.negations and not whole & (_CAUSAL | associations | _EFFECTS):
            reasons.append("the source does not say that one causes the other")
        softened = [w for w in theirs if w in weak]
        if softened and set(own) & sure and not set(theirs) & sure:
            reasons.append(f"the source says “{softened[0]}”")
        elif set(own) & (sure - {"all", "every"}) and not held_sure and not clause.negations:
            reasons.append(f"the source does not say “{next(w for w in own if w in sure)}”")
        if {"consider", "considered"} & set(theirs) and not {
            "consider",
            "considered",
            "may",
            "can",
            "could",
            "might",
            "option",
            "optional",
        } & set(own):
            reasons.append("the source says “consider”")
    return reasons


_EFFECTS = listed_roots("effects")
_CAUSAL = listed_roots("causal")


def _all_words(sentence: Sentence, clause: Clause | None = None) -> list[str]:
    text = sentence.text[clause.start : clause.end].lower() if clause else sentence.text.lower()
    return re.findall(r"[a-z]+(?:-[a-z]+)*", text)


_CONDITION = re.compile(
    r"\b(?P<word>(?<=[a-z]s )who|(?<=people )who|(?<=those )who|only (?:if|when|after|in|for|with|where|once|under|by|to)|if|unless|except(?: (?:in|for|when|if|that|where))?|provided(?: that)?|as long as|until|other than|apart from|so long as|on condition|in the absence of|in case of|when|once(?! (?:an?|daily|every|per|weekly|a)\b)|where|after|following|whose|without|not (?:in|for|if|when)|but not|excluding|subject to)\b",
    re.I,
)
_STRICT = re.compile(
    r"only|unless|except|provided|if|long as|condition|apart|other than|but not|excluding|not (?:in|for|if|when)|subject",
    re.I,
)


_TIMES = ("after", "following", "where", "once")


def dropped_conditions(statement: Sentence, window: Sequence[Sentence]) -> list[tuple[str, float]]:
    """Conditions of the source that a statement drops, each with how much of its score remains."""
    found = []
    for sentence in window:
        for one in _CONDITION.finditer(sentence.text):
            end = re.compile(r"[,;.:)]").search(sentence.text, one.end())
            stop = end.start() if end else len(sentence.text)
            strict = _STRICT.search(one["word"]) is not None
            within = [t for t in sentence.terms if one.end() <= t.start < stop]
            inside = [t for t in within if not t.light] or (within if strict else [])
            apart = [
                t
                for t in inside
                if not any(t.roots == o.roots for o in sentence.terms if o not in within)
            ]
            inside = apart or inside
            first = max(sentence.text.rfind(mark, 0, one.start()) for mark in ";:")
            last = min(
                (at for mark in ";:" if (at := sentence.text.find(mark, one.end())) >= 0),
                default=len(sentence.text),
            )
            outside = [
                t
                for t in sentence.terms
                if first < t.start < last and not one.start() <= t.start < stop and not t.light
            ]
            if not inside:
                continue
            roots, concepts = statement.roots, statement.concepts
            kept = said(inside, roots, concepts)
            rest = said(outside, roots, concepts) or [
                q
                for q in sentence.quantities
                if first < q.start < last
                and not one.start() <= q.start < stop
                and any(q.same_value(own) for own in statement.quantities)
            ]
            if len(kept) * 2 < len(inside) and (rest or not outside):
                listed = re.search(r",[^;.]*\b(?:or|and)\b", sentence.text[stop:])
                tail = [t for t in sentence.terms if t.start >= stop and not t.light]
                fronted = not sentence.text[: one.start()].strip()
                if (not strict and kept) or (
                    listed and not fronted and said(tail, roots, concepts)
                ):
                    continue
                found.append(
                    (
                        f"the source says it holds “{sentence.text[one.start() : stop]}”",
                        0.0
                        if strict
                        else 0.75
                        if one["word"].lower() in _TIMES
                        and not set(sentence.text[one.end() : stop].lower().split()) & AUXILIARIES
                        else 0.45,
                    )
                )
    return found
