"""Quantities of a statement that its source does not give, or gives of something else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

from ...text.quantities import Quantity
from ..table_rows import is_row
from .alignment import Comparison, matches
from .forms import root
from .sentences import Sentence, Term
from .tables import listed

_SIGN_WORDS = {"<": "below ", "<=": "at most ", ">": "above ", ">=": "at least ", "": ""}
_UPPER = re.compile(r"\s*max|.*\b(?:max(?:imum)?|upper|limit)\b", re.I)
_LOWER = re.compile(r"\s*min|.*\b(?:min(?:imum)?|lower)\b", re.I)
_LIMIT = re.compile(r"\bmax|\bmin", re.I)
_THREE_YEARS = 3 * 366  # days
_NIGHTLY = frozenset({"bedtime", "night", "morning", "evening"})
_VERSUS = re.compile(r"\(\s?[^()]*\d[^()]*\s(?:versus|vs\.?|compared with)\s$", re.I)
_COMPARED = listed("comparison")
_EXCLUDED = re.compile(r"(?:, not|\bnot|\brather than|\binstead of)\s+$")
_WORD_AFTER = re.compile(r"[\s-]*([a-z]+)")
_MOST_AMOUNTS = 40  # that are compared with each other
_OF_THEM = re.compile(r"\s+of (?:the|these|them)\b", re.I)
_AGED = re.compile(r"[\d\w]+[ -]?(?:year|month|week|day)s?[ -]olds?\b", re.I)
_SPREAD = re.compile(r"\s?(?:±|\+/-|\+-).*")
_NUMBERED = re.compile(r"[A-Za-z-]+\d+|\d+(?:st|nd|rd|th)")
_SEGMENT_BREAK = re.compile(
    r"[;:,.]|\((?!\s?[\d<>≥≤.])"
    r"|\b(?:and|but|while|whereas|versus|vs|compared|then|or|with (?=\d))\b"
)

Given = tuple[Quantity, Sentence]  # a quantity of the source and its sentence


def quantity_differences(comparison: Comparison) -> Iterator[str]:
    """Quantities of the statement that the source does not give, or gives of something else."""
    statement, window = comparison.statement, comparison.window
    given = [
        (one, sentence)
        for sentence in window
        for one in sentence.quantities
        if not _EXCLUDED.search(sentence.lower[: one.begin])
    ]
    around = [one for sentence in comparison.context for one in sentence.quantities]
    for wanted in statement.quantities:
        if _gives_both_ends(wanted, given):
            continue
        same = [pair for pair in given if _is_same(statement, wanted, *pair)]
        if same:
            if other := _bound_elsewhere(statement, wanted, same, given):
                yield f"the source says {other.text} there, not {wanted.text}"
            continue
        limit = any(wanted.same_value(one) for one, _ in given)
        if wanted.sign and not limit and any(_lies_within(wanted, one) for one, _ in given):
            continue
        if any(wanted.equals(one) for one in around) or _is_derived(statement, wanted, window):
            continue
        if wanted.text.lower().startswith(("the first", "first")):
            continue  # "the first day" is "day 1" and "at the start"
        yield _reason(wanted, [one for one, _ in given])


def _is_same(statement: Sentence, wanted: Quantity, given: Quantity, source: Sentence) -> bool:
    """Whether a quantity of the source is the one that the statement gives."""
    if wanted.equals(given):
        return True
    if {wanted.dimension, given.dimension} == {"", "rate"}:
        return False  # three tablets are not three times a day
    if not wanted.dimension and given.dimension and _is_number_of(wanted, given):
        return wanted.sign == given.sign
    if not given.dimension and wanted.dimension and _is_number_of(given, wanted):
        # "6.6 days vs 10.92", "Weight (kg) 61.2"
        unit = re.sub(r"[\d.,·±+−–\s-]+", "", wanted.text)
        beside = any(one.dimension == wanted.dimension for one in source.quantities)
        if beside or f"({unit})" in source.text:
            return wanted.sign == given.sign
    if given.high < 0 < wanted.low and any(
        sign < 0 for clause in statement.clauses for _, sign in clause.directions.get("change", ())
    ):  # "fell by 34 %" for "-34 %"
        given = replace(given, low=-given.low, high=-given.high)
    if (
        _AGED.match(statement.text, wanted.start)
        and given.low < given.high
        and (
            wanted.dimension == given.dimension == "time" and given.low <= wanted.low <= given.high
        )
    ):
        return True  # "a 3-year-old" and "children of 1 to 4 years"
    if not wanted.same_value(given) or not _may_share_unit(wanted, given, source):
        return False
    return wanted.sign == given.sign or _allows_sign(statement, wanted, given, source)


def _lies_within(wanted: Quantity, given: Quantity) -> bool:
    """Whether a value of the source lies clearly on the side of a bound: 8 and "more than 6"."""
    if given.sign or wanted.dimension != given.dimension or not wanted.dimension:
        return False
    if wanted.sign in (">", ">="):
        return given.low > wanted.high
    return wanted.sign in ("<", "<=") and given.high < wanted.low


def _may_share_unit(wanted: Quantity, given: Quantity, source: Sentence) -> bool:
    """Whether two quantities of one value may have one unit that only one of them is given."""
    if wanted.dimension == given.dimension or not wanted.dimension:
        return True
    # A bare number may lack the unit that a column gives it.
    bare = not given.dimension and wanted.dimension not in ("time", "rate")
    return bare and is_row(source.text)


def _allows_sign(statement: Sentence, wanted: Quantity, given: Quantity, source: Sentence) -> bool:
    """Whether a quantity of the source may be said with another comparator."""
    within = wanted.sign == "<" or statement.text[: wanted.start].lower().endswith(" in ")
    is_short = wanted.dimension == "time" and wanted.high < _THREE_YEARS
    if is_short and within and given.sign == "<=":
        return True  # "within a year" and "in under twelve months"
    cell = _cell(source.text, given)
    return (
        (wanted.sign == "<=" and _UPPER.match(cell) is not None)
        or (wanted.sign == ">=" and _LOWER.match(cell) is not None)
        or (
            not wanted.sign
            and given.sign in ("<=", ">=")
            and _LIMIT.search(source.text) is not None
            and _LIMIT.search(statement.text) is not None
        )
    )


def _gives_both_ends(wanted: Quantity, given: Sequence[Given]) -> bool:
    """Whether the source gives the ends of a range on their own: "from 5 (SD 1) to 7 (SD 2)"."""
    if wanted.low == wanted.high:
        return False
    ends = [replace(wanted, low=end, high=end) for end in (wanted.low, wanted.high)]
    return all(any(end.same_value(one) for one, _ in given) for end in ends)


def _is_number_of(bare: Quantity, measured: Quantity) -> bool:
    """Whether a number without a unit is the number of a quantity with one."""
    numbers = _numbers_in(measured.text)
    return numbers in ((bare.low,), (bare.low, bare.high))


@lru_cache(maxsize=2048)
def _numbers_in(text: str) -> tuple[float, ...]:
    """The first two numbers of a quantity as it is written, without its spread."""
    plain = _SPREAD.sub("", text.split("/")[0]).replace("−", "-")
    numbers = re.findall(r"(?<![\d.])-?\d+(?:[.,]\d+)*", plain)
    return tuple(float(n.replace(",", "")) for n in numbers if n.count(".") < 2)[:2]


def _next_word(sentence: Sentence, quantity: Quantity) -> str:
    """The root of the word after a quantity: what it counts."""
    found = _WORD_AFTER.match(sentence.lower, quantity.end)
    return root(found[1]) if found else ""


def _is_derived(statement: Sentence, wanted: Quantity, window: Sequence[Sentence]) -> bool:
    """Whether the source says a quantity without giving it.

    "Max doses/24 h: 4" is four times in 24 hours; "one dose" is a single one; "days 1 and 2".
    """
    if wanted.dimension == "rate":
        return _is_derived_rate(wanted, window)
    if wanted.dimension == "share":
        pairs = (
            pair
            for sentence in window
            for pair in pairwise(one for one in sentence.quantities if not one.dimension)
        )
        return any(b.low and abs(a.low / b.low - wanted.low) < 0.006 for a, b in pairs)
    if wanted.dimension:
        return False
    if wanted.low == wanted.high == 1.0 and not wanted.sign:
        thing = _next_word(statement, wanted)
        return not any(  # "one of the following" is not "two of the following", nor one tablet two
            _OF_THEM.match(one.text, q.end) or (thing and thing == _next_word(one, q))
            for one in window
            for q in one.quantities
        )
    if wanted.low == 0.0:
        return any(clause.negations for sentence in window for clause in sentence.clauses)
    digits = re.sub(r"\D", "", wanted.text)
    return bool(digits) and any(
        digits in re.findall(r"\d+", word)
        for sentence in window
        for word in _NUMBERED.findall(sentence.text)
    )


def _is_derived_rate(wanted: Quantity, window: Sequence[Sentence]) -> bool:
    """Whether the source says a rate as a number per time, or as a time of the day."""
    for sentence in window:
        numbers = [one.low for one in sentence.quantities if not one.dimension]
        rates = [one.low for one in sentence.quantities if one.dimension == "rate"]
        if any(abs(number * rate - wanted.low) < 1e-6 for number in numbers for rate in rates):
            return True
    if any(one.dimension == "rate" for sentence in window for one in sentence.quantities):
        return False
    nightly = any(not _NIGHTLY.isdisjoint(sentence.words) for sentence in window)
    return abs(wanted.low - 1.0) < 1e-6 and nightly


def _reason(wanted: Quantity, given: Sequence[Quantity]) -> str:
    """What the source says instead of a quantity, in words."""
    said_as = f"{_SIGN_WORDS[wanted.sign]}{wanted.text}"
    digits = re.sub(r"[^\d.]", "", wanted.text)
    alike = [
        one
        for one in given
        if one.dimension == wanted.dimension
        or one.same_value(wanted)
        or re.sub(r"[^\d.]", "", one.text) == digits
    ]
    if not alike:
        return f"the source does not give {said_as}"
    best = min(alike, key=lambda q: (not q.same_value(wanted), q.dimension != wanted.dimension))
    return f"the source says {_SIGN_WORDS[best.sign]}{best.text}, not {said_as}"


def _cell(text: str, quantity: Quantity) -> str:
    """What stands before a quantity in its cell of a table or its part of a list."""
    start = max(text.rfind("; ", 0, quantity.start), text.rfind(", ", 0, quantity.start), -2) + 2
    return text[start : quantity.start]


def _bound_elsewhere(
    statement: Sentence, wanted: Quantity, same: Sequence[Given], given: Sequence[Given]
) -> Quantity | None:
    """The quantity that the source gives of what the statement gives another quantity of.

    The terms near a quantity say what it measures. Only those terms count that are near one
    quantity of the source and not near another of the same dimension.
    """
    if len(given) > _MOST_AMOUNTS or any("respectively" in one.words for _, one in same):
        return None
    beside = [one for one in statement.quantities if one is not wanted]
    others = [
        pair
        for pair in given
        if pair[0].dimension == wanted.dimension
        and not pair[0].same_value(wanted)
        and not (
            any(one.same_value(pair[0]) for one in beside)
            and _in_one_segment(statement, wanted, pair[0])
        )
    ]
    near = [t for t in _segment(statement, wanted) if t.word not in ("before", "after")]
    if not others or not near:
        return None
    if _second_of_two(same):  # "(4.2% versus 1.0%)": the second is of the other group
        if not _COMPARED.isdisjoint(statement.words):
            return None
        own, far = [], [_segment(sentence, one) for one, sentence in others]
    elif not any(_segment(sentence, one) for one, sentence in same):
        return None
    else:
        own = [_qualifying(sentence, one) for one, sentence in same]
        far = [_qualifying(sentence, one) for one, sentence in others]
    if any(_distinct_overlap(near, terms, far) for terms in own):
        return None
    overlaps = [_distinct_overlap(near, terms, own) for terms in far]
    most = max(overlaps)
    return others[overlaps.index(most)][0] if most else None


def _second_of_two(same: Sequence[Given]) -> bool:
    """Whether a quantity is only the second of "(4.2% versus 1.0%)"."""
    return all(
        _VERSUS.search(source.text[: one.start])
        and source.text[one.end : one.end + 1] in (")", ",", ";")
        for one, source in same
    )


def _qualifying(sentence: Sentence, quantity: Quantity) -> tuple[Term, ...]:
    """The terms that tell a quantity from others: not the subject before all of them."""
    terms = _segment(sentence, quantity)
    amounts = [one for one in sentence.quantities if one.dimension == quantity.dimension]
    if is_row(sentence.text) or len(amounts) < 2:
        return terms
    after = tuple(term for term in terms if term.start > amounts[0].start)
    # "In adults 5 mg and in children 2 mg": the qualifier comes first.
    later = ((_segment(sentence, one), one) for one in amounts[1:])
    comes_first = any(some and some[0].start < one.start for some, one in later)
    return terms if comes_first and not after else after


def _distinct_overlap(
    near: Sequence[Term], terms: Sequence[Term], rest: Sequence[Sequence[Term]]
) -> int:
    """How many terms near a quantity are in one segment of the source, but not in all others."""
    return sum(
        _holds(terms, term) and not (rest and all(_holds(other, term) for other in rest))
        for term in near
    )


def _holds(segment: Sequence[Term], term: Term) -> bool:
    """Whether a segment of the source says a term."""
    roots = frozenset(one for other in segment for one in other.roots)
    concepts = frozenset(one for other in segment for one in other.concepts)
    return matches(term, roots, concepts)


def _in_one_segment(statement: Sentence, wanted: Quantity, other: Quantity) -> bool:
    """Whether the statement names both quantities in one segment: "50 to 99 kg receive 40 mg"."""
    near = _segment(statement, wanted)
    same = (one for one in statement.quantities if one.same_value(other))
    return any(_segment(statement, one) == near for one in same)


@lru_cache(maxsize=2048)
def _segment(sentence: Sentence, quantity: Quantity) -> tuple[Term, ...]:
    """The terms around a quantity that say what it measures."""
    start, end = next(
        (span for span in _segments(sentence) if span[0] <= quantity.start < span[1]),
        (0, len(sentence.text)),
    )
    versus = () if is_row(sentence.text) else ("vs", "versus")
    return tuple(t for t in sentence.terms if start <= t.start < end and t.word not in versus)


@lru_cache(maxsize=2048)
def _segments(sentence: Sentence) -> tuple[tuple[int, int], ...]:
    """Parts of a sentence that each measure something: cells, or pieces that have a quantity."""
    text = sentence.lower
    if is_row(text):
        cuts = [one.end() for one in re.finditer("; ", text)]
        return tuple(pairwise([0, *cuts, len(text) + 1]))
    # A piece without a quantity joins the one after it, or the one before it at the end.
    spans = sentence.quantities
    starts = [0]
    for one in _SEGMENT_BREAK.finditer(text):
        cut = one.start()
        before = any(starts[-1] <= q.start < cut for q in spans)
        after = any(cut <= q.start for q in spans)
        if before and after and not any(q.start < cut < q.end for q in spans):
            starts.append(cut)
    return tuple(pairwise([*starts, len(text)]))
