"""What differs between a statement and the sentences of a source that it is compared with.

Each function returns reasons in plain words; no reason, no difference. Negation has a scope within
its clause, after NegEx (Chapman et al. 2001, doi:10.1006/jbin.2001.1029) and ConText (Harkema et
al. 2009, doi:10.1016/j.jbi.2009.05.002). Terms and quantities are compared between aligned clauses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from ...text.quantities import Quantity
from .clauses import AUXILIARIES, Clause, Sentence, Term
from .vocabulary import hedges, opposites, root

_SIGN_WORDS = {"<": "below ", "<=": "at most ", ">": "above ", ">=": "at least ", "": ""}


def said(terms: Iterable[Term], roots: frozenset[str], concepts: frozenset[int]) -> list[Term]:
    """Those of the terms that a text with these roots and concepts says."""
    return [term for term in terms if matches(term, roots, concepts)]


def matches(term: Term, roots: frozenset[str], concepts: frozenset[int]) -> bool:
    """Tell whether a text with these roots and groups of synonyms says a term."""
    if term.concepts & concepts or all(one in roots for one in term.roots):
        return True
    return len(term.roots) == 1 and any(_alike(term.roots[0], other) for other in roots)


def _alike(one: str, other: str) -> bool:
    """Tell whether two roots are forms of a word: "varic" and "varice"."""
    shorter, longer = sorted((one, other), key=len)
    return len(shorter) >= 5 and longer.startswith(shorter) and len(longer) - len(shorter) <= 3


# --- quantities ---------------------------------------------------------------------------------


def quantity_differences(
    statement: Sentence, window: Sequence[Sentence], context: Sequence[Sentence]
) -> list[str]:
    """Quantities of the statement that the source does not give, or gives of something else."""
    given = [(one, sentence) for sentence in window for one in sentence.quantities]
    around = [one for sentence in context for one in sentence.quantities]
    reasons = []
    for wanted in statement.quantities:
        same = [pair for pair in given if _equal(wanted, pair[0], pair[1])]
        if same:
            if reason := _bound_elsewhere(statement, wanted, same, given):
                reasons.append(reason)
            continue
        if any(wanted.equals(one) for one in around) or _derived(wanted, statement, window):
            continue
        reasons.append(_quantity_reason(wanted, [one for one, _ in given]))
    return reasons


def _equal(wanted: Quantity, given: Quantity, sentence: Sentence) -> bool:
    if wanted.equals(given):
        return True
    if not wanted.same_value(given):
        return False
    if wanted.dimension != given.dimension:
        # A bare number may lack the unit that a column or the context gives it.
        bare = not wanted.dimension or (
            not given.dimension and wanted.dimension not in ("time", "rate")
        )
        if not bare or (wanted.dimension and not _is_row(sentence.text)):
            return False
    if wanted.sign == given.sign:
        return True
    if (
        wanted.dimension == "time"
        and {wanted.sign, given.sign} == {"<", "<="}
        and high_is_a_term(wanted, given)
    ):
        return True  # "within a year" and "in under twelve months"
    cell = _cell(sentence.text, given)
    return (
        (wanted.sign == "<=" and re.match(r"\s*max|.*\b(?:max(?:imum)?|upper|limit)\b", cell, re.I) is not None)
        or (wanted.sign == ">=" and re.match(r"\s*min|.*\b(?:min(?:imum)?|lower)\b", cell, re.I) is not None)
        or (not wanted.sign and given.sign in ("<=", ">=") and re.search(r"\bmax|\bmin", sentence.text, re.I) is not None)
    )  # fmt: skip


def high_is_a_term(one: Quantity, other: Quantity) -> bool:
    """Whether a time is how long something takes, as opposed to an age."""
    return one.same_value(other) and one.high < 3 * 366


def _derived(wanted: Quantity, statement: Sentence, window: Sequence[Sentence]) -> bool:
    """ "Max doses/24 h: 4" is four times in 24 hours; "one dose" is a single one; "days 1 and 2"."""
    if wanted.dimension == "rate":
        for sentence in window:
            numbers = [one.low for one in sentence.quantities if not one.dimension]
            rates = [one.low for one in sentence.quantities if one.dimension == "rate"]
            if any(abs(n * r - wanted.low) < 1e-6 for n in numbers for r in rates):
                return True
        if any(one.dimension == "rate" for sentence in window for one in sentence.quantities):
            return False
        words = {word for sentence in window for word in sentence.words}
        return abs(wanted.low - 1.0) < 1e-6 and bool(
            words & {"bedtime", "night", "morning", "evening"}
        )
    if wanted.dimension == "" and wanted.low == wanted.high == 1.0 and not wanted.sign:
        return True
    if wanted.dimension == "" and wanted.low == 0.0:
        return any(
            sentence.clauses and any(c.negations for c in sentence.clauses) for sentence in window
        )
    if wanted.dimension == "":
        digits = re.sub(r"\D", "", wanted.text)
        return bool(digits) and any(
            digits in re.findall(r"\d+", word)
            for sentence in window
            for word in re.findall(r"[A-Za-z-]+\d+|\d+(?:st|nd|rd|th)", sentence.text)
        )
    if wanted.dimension == "share":
        return any(
            abs(a.low / b.low - wanted.low) < 0.006
            for sentence in window
            for a, b in pairwise([one for one in sentence.quantities if not one.dimension])
            if b.low
        )
    return False


def _quantity_reason(wanted: Quantity, given: Sequence[Quantity]) -> str:
    said_as = f"{_SIGN_WORDS[wanted.sign]}{wanted.text}"
    alike = sorted(
        (one for one in given if one.dimension == wanted.dimension or one.same_value(wanted)
         or re.sub(r"[^\d.]", "", one.text) == re.sub(r"[^\d.]", "", wanted.text)),
        key=lambda one: (not one.same_value(wanted), one.dimension != wanted.dimension),
    )  # fmt: skip
    if alike:
        return f"the source says {_SIGN_WORDS[alike[0].sign]}{alike[0].text}, not {said_as}"
    return f"the source does not give {said_as}"


def _is_row(text: str) -> bool:
    cells = text.split("; ")
    return len(cells) > 1 and sum(": " in cell for cell in cells) > 1


def _cell(text: str, quantity: Quantity) -> str:
    start = max(text.rfind("; ", 0, quantity.start), text.rfind(", ", 0, quantity.start), -2) + 2
    return text[start : quantity.start]


def _bound_elsewhere(
    statement: Sentence,
    wanted: Quantity,
    same: Sequence[tuple[Quantity, Sentence]],
    given: Sequence[tuple[Quantity, Sentence]],
) -> str:
    """Whether the source gives the quantity for something else than the statement does.

    The terms near a quantity say what it measures. Only those terms count that are near one
    quantity of the source and not near another of the same dimension.
    """
    beside = [one for one in statement.quantities if one is not wanted]
    others = [
        pair for pair in given
        if pair[0].dimension == wanted.dimension and not pair[0].same_value(wanted)
        and not (any(one.same_value(pair[0]) for one in beside) and _in_one_cell(statement, wanted, pair[0]))
    ]  # fmt: skip
    if not others:
        return ""
    near = _segment(statement, wanted)
    if not near:
        return ""
    best, best_other, other = -1.0, -1.0, others[0][0]
    own = [_segment(sentence, one) for one, sentence in same]
    far = [_segment(sentence, one) for one, sentence in others]
    for terms, rest in [(terms, far) for terms in own]:
        best = max(best, _distinct_overlap(near, terms, rest))
    for (one, _), terms in zip(others, far, strict=True):
        overlap = _distinct_overlap(near, terms, own)
        if overlap > best_other:
            best_other, other = overlap, one
    if best <= 0.0 and best_other >= 1.0:
        return f"the source says {other.text} there, not {wanted.text}"
    return ""


def _distinct_overlap(
    near: Sequence[Term], terms: Sequence[Term], rest: Sequence[Sequence[Term]]
) -> float:
    """How many terms near a quantity are in one segment of the source, but not in all others."""
    roots = frozenset(one for term in terms for one in term.roots)
    concepts = frozenset(one for term in terms for one in term.concepts)
    total = 0.0
    for term in near:
        if not matches(term, roots, concepts):
            continue
        elsewhere = [
            matches(term, frozenset(o for t in other for o in t.roots), frozenset(o for t in other for o in t.concepts))
            for other in rest
        ]  # fmt: skip
        if not all(elsewhere) or not elsewhere:
            total += 1.0
    return total


def _in_one_cell(statement: Sentence, wanted: Quantity, other: Quantity) -> bool:
    """Whether the statement names both quantities in one segment: "50 to 99 kg receive 40 mg"."""
    same = [one for one in statement.quantities if one.same_value(other)]
    near = _segment(statement, wanted)
    return any(_segment(statement, one) == near for one in same)


_SEGMENT_BREAK = re.compile(
    r"[;:,.()]|\b(?:and|but|while|whereas|versus|vs|compared|then|or|with (?=\d))\b"
)


def _segment(sentence: Sentence, quantity: Quantity) -> list[Term]:
    """The terms around a quantity that say what it measures, up to the next break with a quantity."""
    text = sentence.text.lower()
    if _is_row(text):
        start = text.rfind("; ", 0, quantity.start) + 2 if "; " in text[: quantity.start] else 0
        end = text.find("; ", quantity.end)
        return [t for t in sentence.terms if start <= t.start < (end if end >= 0 else len(text))]
    cuts = [
        0,
        *(
            one.start()
            for one in _SEGMENT_BREAK.finditer(text)
            if not any(q.start < one.start() < q.end for q in sentence.quantities)
        ),
        len(text),
    ]
    # Pieces without a quantity of their own join the one after them.
    spans: list[list[int]] = []
    for a, b in pairwise(cuts):
        held = any(a <= q.start < b for q in sentence.quantities)
        if spans and not spans[-1][2]:
            spans[-1][1] = b
            spans[-1][2] = held
        else:
            spans.append([a, b, int(held)])
    if len(spans) > 1 and not spans[-1][2]:
        spans[-2][1] = spans[-1][1]
        spans.pop()
    for a, b, _ in spans:
        if a <= quantity.start < b:
            return [term for term in sentence.terms if a <= term.start < b]
    return list(sentence.terms)


# --- negation, direction, opposites ---------------------------------------------------------------


def polarity_differences(statement: Sentence, window: Sequence[Sentence]) -> list[str]:
    """Clauses that deny what the source says, or turn its direction round."""
    reasons = []
    for clause in statement.clauses:
        aligned = _aligned(clause, window)
        if aligned is None:
            continue
        other, sentence = aligned
        if reason := _polarity(clause, other, statement, sentence):
            reasons.append(reason)
    return reasons


def _aligned(clause: Clause, window: Sequence[Sentence]) -> tuple[Clause, Sentence] | None:
    """The clause of the source that shares most with a clause."""
    best, found = 0.0, None
    for sentence in window:
        for other in sentence.clauses:
            roots = frozenset(one for term in other.terms for one in term.roots)
            concepts = frozenset(one for term in other.terms for one in term.concepts)
            shared = sum(0.3 if term.light else 1.0 for term in said(clause.terms, roots, concepts))
            shared += sum(
                1.0 for q in clause.quantities if any(q.same_value(o) for o in other.quantities)
            )
            shared += 0.25 * len(clause.directions.keys() & other.directions.keys())
            if shared > best + 1e-9:
                best, found = shared, (other, sentence)
    return found


def _polarity(one: Clause, other: Clause, statement: Sentence, source: Sentence) -> str:
    agreed = False
    changes = [axis for axis in ("change", "benefit") if axis in one.directions]
    zero = other.no_change or source.not_significant
    if changes and zero and not one.no_change and not statement.not_significant:
        signs = {sign for axis in changes for _, sign in one.directions[axis]}
        if signs - {0}:
            return "the source reports no such difference"
    if (
        one.no_change
        and not zero
        and any(
            sign for axis in ("change", "benefit") for _, sign in other.directions.get(axis, ())
        )
        and not other.negations
    ):
        return "the source reports a difference"
    for axis in one.directions.keys() & other.directions.keys():
        if axis in ("change", "benefit") and (one.no_change or other.no_change):
            agreed = agreed or (one.no_change == other.no_change)
            continue
        pair = _opposed(one.directions[axis], other.directions[axis])
        if pair is True:
            agreed = agreed or axis in (
                "do",
                "change",
                "benefit",
                "cause",
                "act",
                "known",
                "presence",
            )
        elif pair:
            word = _word(source, pair)
            return f"the source says the opposite (“{word}”)"
    if one.no_change and zero:
        return ""
    if agreed:
        return ""
    if (_denials(one, other) + _denials(other, one)) % 2:
        return "the source denies it" if other.negations else "the source says it without “not”"
    return ""


def _denials(clause: Clause, other: Clause) -> int:
    """How often a clause turns its meaning round, other than by directions that both name."""
    count = clause.negations
    for axis, directions in clause.directions.items():
        if (
            axis in ("benefit", "presence", "do", "response", "worth", "known", "normal")
            and axis not in other.directions
        ):
            # "Ineffective" and "no effect": the word has the sign -1 on its own.
            base = [sign for _, sign in directions]
            count += any(sign < 0 for sign in base) and not clause.negations
    return count


def _opposed(one: list[tuple[str, int]], other: list[tuple[str, int]]) -> bool | str:
    """True if the directions agree; the root in the source that says the opposite; "" if unclear."""
    for name, sign in one:
        for other_name, other_sign in other:
            if name == other_name:
                return True if sign == other_sign else name
    (_, sign), (name, other_sign) = one[0], other[0]
    if sign == other_sign:
        return True
    if any(sign == s for _, s in other):
        return ""
    return name


def _word(sentence: Sentence, wanted: str) -> str:
    return next((word for word in sentence.words if root(word) == wanted), wanted)


def absence_differences(statement: Sentence, window: Sequence[Sentence]) -> list[str]:
    """ "With" where the source has "without", or the other way round."""
    for term in statement.terms:
        if term.light or term.word in ("without", "before", "after"):
            continue
        same = [
            other for sentence in window for other in sentence.terms
            if other.roots == term.roots or (term.concepts and term.concepts & other.concepts)
        ]  # fmt: skip
        if (
            same
            and all(other.absent != term.absent for other in same)
            and not any(clause.negations for clause in statement.clauses)
            and not any(clause.negations for sentence in window for clause in sentence.clauses)
        ):
            return [f"the source says it {'without' if same[0].absent else 'with'} {term.word}"]
    return []


# --- who, for whom, how ---------------------------------------------------------------------------


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
        if missing and held and not (slot in _LOOSE and held & classes):
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
    """Whether the source is about pregnancy or birth, which says that it is about women."""
    return any("pregnancy" in one.slots for one in (*window, *context))


_LOOSE = frozenset({"route", "food", "body", "who", "germ", "vessel"})
_MUST = frozenset({"age", "species", "sex", "pregnancy"})


def _merged(sentences: Sequence[Sentence]) -> dict[str, frozenset[int]]:
    merged: dict[str, frozenset[int]] = {}
    for sentence in sentences:
        for slot, classes in sentence.slots.items():
            merged[slot] = merged.get(slot, frozenset()) | classes
    return merged


# --- certainty and conditions -----------------------------------------------------------------------


def certainty_differences(statement: Sentence, window: Sequence[Sentence]) -> list[str]:
    """Hedges of the source that the statement drops, and certainty that it adds."""
    strong, weak, associations, causal, sure = hedges()
    reasons = []
    for clause in statement.clauses:
        aligned = _aligned(clause, window)
        if aligned is None:
            continue
        other, sentence = aligned
        own, theirs = _all_words(statement), _all_words(sentence, other)
        own_roots, their_roots = {root(w) for w in own}, {root(w) for w in theirs}
        hedged = [w for w in theirs if w in strong]
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
        if hedged and not (set(own) & strong or own_roots & strong or set(own) & weak or open_):
            reasons.append(f"the source says “{hedged[0]}”")
        if their_roots & associations and not their_roots & {"cause", "caus"}:
            if own_roots & (causal_roots - their_roots) and not own_roots & associations:
                reasons.append("the source names an association, not a cause")
        said_causal = own_roots & causal_roots - {"because", "due", "responsibl"}
        whole = {root(w) for one in window for w in one.words}
        if (
            said_causal
            and not clause.negations
            and not whole & (causal_roots | associations | _EFFECTS)
        ):
            reasons.append("the source does not say that one causes the other")
        softened = [w for w in theirs if w in weak]
        if softened and set(own) & sure and not set(theirs) & sure:
            reasons.append(f"the source says “{softened[0]}”")
        elif (
            set(own) & (sure - {"all", "every"}) and not set(theirs) & sure and not clause.negations
        ):
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


_EFFECTS = frozenset(
    root(w)
    for w in "after from with reason why make makes reduce increase lower raise effect lead give cut stop bring damage harm precipitate contribute account come arise follow risk shorten delay block keep inhibit".split()
)
causal_roots = frozenset(
    root(w)
    for w in "cause causes lead leads result due because prevent prevents protects produce induces trigger triggers responsible".split()
)


def _all_words(sentence: Sentence, clause: Clause | None = None) -> list[str]:
    text = sentence.text[clause.start : clause.end].lower() if clause else sentence.text.lower()
    return re.findall(r"[a-z]+(?:-[a-z]+)*", text)


_CONDITION = re.compile(
    r"\b(?P<word>only (?:if|when|after|in|for|with|where|once|under|by|to)|if|unless|except(?: (?:in|for|when|if|that|where))?|provided(?: that)?|as long as|until|other than|apart from|so long as|on condition|in the absence of|in case of|when|once(?! (?:an?|daily|every|per|weekly|a)\b)|where|after|following|whose|without|not (?:in|for|if|when)|but not|excluding|subject to)\b",
    re.I,
)
_STRICT = re.compile(
    r"only|unless|except|provided|if|long as|condition|apart|other than|but not|excluding|not (?:in|for|if|when)|subject",
    re.I,
)


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
            outside = [
                t for t in sentence.terms if not one.start() <= t.start < stop and not t.light
            ]
            if not inside:
                continue
            roots, concepts = statement.roots, statement.concepts
            kept = said(inside, roots, concepts)
            rest = said(outside, roots, concepts)
            if len(kept) * 2 < len(inside) and (rest or not outside):
                listed = re.search(r",[^;.]*\b(?:or|and)\b", sentence.text[stop:])
                tail = [t for t in sentence.terms if t.start >= stop and not t.light]
                if (not strict and kept) or (listed and said(tail, roots, concepts)):
                    continue
                found.append(
                    (
                        f"the source says it holds “{sentence.text[one.start() : stop]}”",
                        0.0 if strict else 0.45,
                    )
                )
    return found


# --- order and roles --------------------------------------------------------------------------------

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
        aligned = _aligned(clause, window)
        if aligned is None:
            continue
        other, sentence = aligned
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
    for w in "make cause inhibit increase reduce lower raise induce prevent block treat trigger precede "
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
