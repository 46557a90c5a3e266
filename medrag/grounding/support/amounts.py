"""Quantities of a statement that its source does not give, or gives of something else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from ...text.quantities import Quantity
from .alignment import matches
from .clauses import Sentence, Term

_SIGN_WORDS = {"<": "below ", "<=": "at most ", ">": "above ", ">=": "at least ", "": ""}


def quantity_differences(
    statement: Sentence, window: Sequence[Sentence], context: Sequence[Sentence]
) -> list[str]:
    """Quantities of the statement that the source does not give, or gives of something else."""
    given = [(one, sentence) for sentence in window for one in sentence.quantities]
    around = [one for sentence in context for one in sentence.quantities]
    reasons = []
    for wanted in statement.quantities:
        if _spans(wanted, given):
            continue
        same = [pair for pair in given if _equal(statement, wanted, pair[0], pair[1])]
        if same:
            if reason := _bound_elsewhere(statement, wanted, same, given):
                reasons.append(reason)
            continue
        if any(wanted.equals(one) for one in around) or _derived(wanted, statement, window):
            continue
        if wanted.text.lower().startswith(("the first", "first")):
            continue  # "the first day" is "day 1" and "at the start"
        reasons.append(_quantity_reason(wanted, [one for one, _ in given]))
    return reasons


def _equal(statement: Sentence, wanted: Quantity, given: Quantity, sentence: Sentence) -> bool:
    if wanted.equals(given):
        return True
    if not wanted.dimension and given.dimension and _bare(wanted, given):
        return wanted.sign == given.sign
    if (
        not given.dimension
        and wanted.dimension
        and _bare(given, wanted)
        and any(one.dimension == wanted.dimension for one in sentence.quantities)
    ):
        return wanted.sign == given.sign  # "6.6 days vs 10.92"
    unit = re.sub(r"[\d.,·±+−–\s-]+", "", wanted.text)
    if (
        not given.dimension
        and wanted.dimension
        and _bare(given, wanted)
        and f"({unit})" in sentence.text
    ):
        return wanted.sign == given.sign  # "Weight (kg) 61.2"
    if given.high < 0 < wanted.low and any(
        sign < 0 for clause in statement.clauses for _, sign in clause.directions.get("change", ())
    ):  # "fell by 34 %" for "-34 %"
        given = replace(given, low=-given.low, high=-given.high)
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
        and wanted.same_value(given)
        and wanted.high < 3 * 366
        and given.sign == "<="
        and (wanted.sign == "<" or statement.text[: wanted.start].lower().endswith(" in "))
    ):
        return True  # "within a year" and "in under twelve months"
    cell = _cell(sentence.text, given)
    return (
        (wanted.sign == "<=" and re.match(r"\s*max|.*\b(?:max(?:imum)?|upper|limit)\b", cell, re.I) is not None)
        or (wanted.sign == ">=" and re.match(r"\s*min|.*\b(?:min(?:imum)?|lower)\b", cell, re.I) is not None)
        or (not wanted.sign and given.sign in ("<=", ">=") and re.search(r"\bmax|\bmin", sentence.text, re.I) is not None)
    )  # fmt: skip


def _spans(wanted: Quantity, given: Sequence[tuple[Quantity, Sentence]]) -> bool:
    """Whether a sentence gives both ends of a range on their own: "from 5 (SD 1) to 7 (SD 2)"."""
    if wanted.low == wanted.high:
        return False
    ends = [replace(wanted, low=end, high=end) for end in (wanted.low, wanted.high)]
    return all(any(end.same_value(one) for one, _ in given) for end in ends)


def _bare(wanted: Quantity, given: Quantity) -> bool:
    """Whether a number without a unit is the number of a quantity with one."""
    text = re.sub(r"\s?(?:±|\+/-|\+-).*", "", given.text.split("/")[0]).replace("−", "-")
    numbers = re.findall(r"(?<![\d.])-?\d+(?:[.,]\d+)*", text)
    return [float(n.replace(",", "")) for n in numbers if n.count(".") < 2][:2] in (
        [wanted.low], [wanted.low, wanted.high],
    )  # fmt: skip


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
    if any("respectively" in one.words for _, one in same):
        return ""
    beside = [one for one in statement.quantities if one is not wanted]
    others = [
        pair for pair in given
        if pair[0].dimension == wanted.dimension and not pair[0].same_value(wanted)
        and not (any(one.same_value(pair[0]) for one in beside) and _in_one_cell(statement, wanted, pair[0]))
    ]  # fmt: skip
    if not others:
        return ""
    near = [t for t in _segment(statement, wanted) if t.word not in ("before", "after")]
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
    if best <= 0.0 and best_other >= 1.0 and any(own):
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
            return [
                t for t in sentence.terms if a <= t.start < b and t.word not in ("vs", "versus")
            ]
    return list(sentence.terms)
