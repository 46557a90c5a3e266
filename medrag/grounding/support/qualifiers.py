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
from .vocabulary import listed_roots, slots

_LISTED = frozenset({"organ", "joint", "digit", "germ", "who", "body"})
_MUST = frozenset({"age", "species", "sex", "pregnancy"})
_OF_ONE_SEX = listed_roots("of one sex")
_HUMAN = 1  # class of the slot "species"
_FROM_ANIMALS = re.compile(  # humans are meant
    r"\b(?:by|pet|wild|contact with|exposure to|allerg(?:ic|y) to|caught from|spread from)"
    r"(?: an?| the| infected| other| pet| wild)* (?:cat|dog|rat|mouse|mice|rodent|animal|pig|monkey"
    r"|rabbit|sheep|primate)s?\b"
    r"|\b(?:cat|dog|rat|animal|monkey|rabbit|pig|rodent|sheep)s?[ -](?:bites?|scratch|hair|dander"
    r"|fur|allerg|meat|f?a?eces|litter|flea|tapeworm|owner|saliva|product|dropping|urine|contact)"
)
_CULTURED = re.compile(r"\bcultured (?:[\w-]+ ){0,2}cells?\b")
_PREGNANT = 0  # class of the slot "pregnancy"
_OF_PREGNANCY = listed_roots("of pregnancy")
_OLDER = 4  # class of the slot "age" that phrases name
_INFANT = 0  # class of the slot "age"
_OF_BIRTH = listed_roots("of birth")
# The years of the classes of the slot "age".
_YEARS = ((0, 2), (0, 18), (10, 21), (18, 130), (50, 130), (16, 40))
_AGE = re.compile(
    r"\b(?:(?:aged?|ages|people|patients|adults|children|anyone|everyone|those|men|women|boys"
    r"|girls|infants|babies)(?: who are| aged)? "
    r"(?P<before>over|under|above|below|older than|younger than|at least|between|from|of)?"
    r"(?: the age of)? ?(?P<low>\d{1,2})(?![\d.,]*\d)(?: ?(?:to|–|-|and) ?(?P<high>\d{1,3}))?"
    r"|(?P<old>\d{1,3})[ -]year[ -]olds?|(?P<of>\d{1,2}) years (?:of age|old))"
    r"(?P<months> months)?(?: years)?(?: of age| old)?"
    r"(?P<after> (?:and|or) (?:over|older|above|under|younger))?"
    r"(?! ?(?:%|mg|kg|g|ml|weeks?|days?|cm)\b)"
)

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
    r"\b(?:if|when|while|once|who|whom|whose)\b[^,;.]*"
    # "Ptosis that blocks vision (needs surgery)"
    r"|(?:^|[,;] )[^,;.]*?\b(?:that|which)\s(?:\w+\s){1,5}?"
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

_CONDITION = re.compile(
    r"\b(?P<word>(?<=[a-z]s )who|(?<=people )who|(?<=those )who"
    r"|only (?:if|when|after|in|for|with|where|once|under|by|to|within|during|until|at|on|from"
    r"|before|while)|if|unless"
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
_ALWAYS = re.compile(r"\b(?:regardless|irrespective) of\b|\bno matter\b|\bin everyone\b")
_SEVERAL = re.compile(r"\s*(?:(?:at least|any) )?(?:both|two|three|four|all) of\b", re.I)
_SEVERAL_OF = re.compile(r"\b(?:both|two|three|four|all) of\b")
_EVEN = re.compile(r"\beven (?:if|when|where|in|with|under|after|during)\b")
_PRONOUN = re.compile(r"\s*(?:it|they|this|he|she)\b")
_STOP = re.compile(r"[,;.:)]")
_LISTED_AFTER = re.compile(r",[^;.]*\b(?:or|and)\b")
# How much of the score remains if a condition is dropped that is not strict.
_TIME_LEFT, _CONDITION_LEFT = 0.75, 0.45


def slot_differences(comparison: Comparison) -> Iterator[str]:
    """Populations, routes, times of day and the like that the source names otherwise."""
    named = comparison.statement.slots
    here, around = _merged(comparison.window), _merged(comparison.context)
    for slot, classes in named.items():
        if slot == "age":
            classes = _ages_named(comparison.statement, classes)
        held = here.get(slot, frozenset())
        missing = classes - held - around.get(slot, frozenset())
        if not missing or (slot in _MUST and _is_implied(slot, missing, comparison)):
            continue
        several = slot not in _MUST and (
            (len(held) > 1 and slot in _LISTED) or (held & classes and held <= classes)
        )
        if held and not several:
            yield f"the source is about another {slot}"
        elif slot in _MUST and not held:
            yield f"the source does not name this {slot}"
    species = here.get("species", frozenset())
    if species.isdisjoint(named.get("species", frozenset()) | {_HUMAN}) and any(
        map(_is_about_animals, comparison.window)
    ):
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
    if statement.words[:1] == ("only",) and _EXCLUSIVE.isdisjoint(window_words):
        yield "the source does not say “only”"
    parts = {one[0] for s in comparison.window for one in _PART_OF.finditer(s.lower)}
    if _says_all(statement) and parts and _ALL.isdisjoint(window_words) and not denied:
        yield f"the source says “{min(parts)}”, not “all”"
    among = next((one for s in comparison.window if (one := _AMONG.search(s.lower))), None)
    if among and _THE_MOST.search(statement.lower) and not _AMONG.search(statement.lower):
        yield f"the source says “{among[0]}”"
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
        weak = any(one in _PERMISSIVE for one in window_words)
        added = [
            word
            for word in own
            if word in _SURE
            and not (word == "never" and negated)
            and (word != "must" or (weak and word not in window_words))
            and (word not in _EVERY or _says_all(statement))
        ]
        hedged = [word for word in _hedges(sentence, other) if _says(word, statement)]
        hedges = (
            not _STRONG.isdisjoint(own)
            or any(root(word) in _HEDGES for word in own if word not in _NO_HEDGES)
            or (set(own) & _WEAK - set(theirs))
            or not _ALLOWED.isdisjoint(own)
            or any(word.endswith(("able", "ible")) for word in own)  # "repeatable"
            or (denied and own_roots & _OPEN)
        )
        if hedged and not hedges and not _is_condition(other, statement):
            yield f"the source says “{hedged[0][0]}”"
        associated = their_roots & _ASSOCIATIONS and not their_roots & {"cause", "caus"}
        if associated and own_roots & (_CAUSAL - their_roots) and not own_roots & _ASSOCIATIONS:
            yield "the source names an association, not a cause"
        prevents = own_roots & _PREVENTING and not clause.negations
        told = window_roots & (_CAUSAL | _ASSOCIATIONS | _EFFECTS) | comparison.topic & _PREVENTING
        if prevents and not told:
            yield "the source does not say that one prevents the other"
        if softened and added and _SURE.isdisjoint(theirs):
            yield f"the source says “{softened[0]}”"
        elif (
            not clause.negations
            and window_words.isdisjoint(_SURE)
            and any(root(word) not in window_roots for word in set(added) - _EVERY - {"will"})
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
    parts = [one.span() for one in _SUPPOSES.finditer(statement.lower)]
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
    always = _ALWAYS.search(statement.lower) and not _ALWAYS.search(source.lower)
    if always or (strict and _EVEN.search(statement.lower) and not _EVEN.search(source.lower)):
        return True  # "even if" says the opposite
    roots, concepts = statement.roots, statement.concepts
    within = [t for t in source.terms if one.end() <= t.start < stop]
    inside = [t for t in within if not t.light] or (within if strict else [])
    others = {t.roots for t in source.terms if t not in within}
    inside = [t for t in inside if t.roots not in others] or inside
    kept = said(inside, roots, concepts)
    if not inside or (kept and not strict):
        return False
    if _SEVERAL.match(source.text, one.end()) and not _SEVERAL_OF.search(statement.lower):
        limits = [q for q in source.quantities if q.start >= one.end()]
        met = sum(any(q.same_value(own) for own in statement.quantities) for q in limits)
        return 0 < met < 2 or (not met and bool(said(inside, roots, concepts)))
    if _PRONOUN.match(source.text, one.end()) and one["word"].lower() in statement.words:
        return False  # "if it is lost" may be said with other words
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
    """Whether a source means whom a statement names, or anyone, without saying so."""
    if slot == "species":
        return classes == {_HUMAN} and not any(map(_is_about_animals, comparison.window))
    around = (*comparison.window, *comparison.context)
    roots = frozenset[str]().union(*(one.roots for one in around))
    if slot == "pregnancy":
        return classes == {_PREGNANT} and not _OF_PREGNANCY.isdisjoint(roots)
    if slot == "sex":
        if any("pregnancy" in one.slots for one in around) or not _OF_ONE_SEX.isdisjoint(roots):
            return True
    elif spans := [span for one in comparison.window for span in _ages(one.lower)]:
        of_class = [_YEARS[number] for number in classes]
        return any(max(a, low) < min(b, high) for a, b in spans for low, high in of_class)
    elif _INFANT in classes and not _OF_BIRTH.isdisjoint(roots):
        return True
    if slot == "age" and any("pregnancy" in one.slots for one in comparison.window):
        return False
    # What is said of nobody in particular holds for each.
    elsewhere = _merged([*around, *comparison.passage]).get(slot, frozenset())
    return not elsewhere or (classes <= elsewhere and slot not in _merged(around))


def _ages_named(statement: Sentence, classes: frozenset[int]) -> frozenset[int]:
    """The ages that a statement names; of "under 3" only if these are years of a person."""
    figures = bool(_ages(statement.lower)) and "months" not in statement.words
    pairs = (pair for one in statement.roots for pair in slots().get((one,), ()))
    words = {number for slot, number in pairs if slot == "age"}
    return classes if figures else classes & (words | {_OLDER})


def _is_about_animals(sentence: Sentence) -> bool:
    """Whether a sentence is about animals or cells, and not about humans bitten by a dog."""
    species = sentence.slots.get("species", frozenset())
    if _CULTURED.search(sentence.lower):
        return True
    return bool(species - {_HUMAN}) and not _FROM_ANIMALS.search(sentence.lower)


def _ages(text: str) -> list[tuple[float, float]]:
    """The ages that a text names in figures, in years."""
    found = []
    for one in _AGE.finditer(text):
        low = int(one["low"] or one["old"] or one["of"]) / (12 if one["months"] else 1)
        before, after = one["before"] or "", one["after"] or ""
        if "und" in before or "younger" in before or "below" in before or "und" in after:
            found.append((0.0, low))
        elif one["high"]:
            found.append((low, float(one["high"])))
        elif before or after:
            found.append((low, 130.0))
        else:
            found.append((low, low + 1))
    return found


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
