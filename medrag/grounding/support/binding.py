"""What a quantity is of: the terms near it, and quantities that are exchanged."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from ...text.quantities import Quantity
from ...text.words import STOPWORDS
from ..table_rows import is_row
from .alignment import matches
from .measures import MOST_AMOUNTS, PLAIN_RATE, Given, is_weight, number_of
from .sentences import Sentence, Term
from .tables import listed

_VERSUS = re.compile(r"\(\s?[^()]*\d[^()]*\s(?:versus|vs\.?|compared with)\s$", re.I)
_COMPARED = listed("comparison")
_DOSES = frozenset({"loading", "starting", "initial", "maintenance", "maximum", "bolus", "priming"})
_SEGMENT_BREAK = re.compile(
    r"[;:,.]|\((?!\s?(?:[\d<>≥≤.]|p\b|n\b|ci\b|sd\b|95))"
    r"|\b(?:and|but|while|whereas|versus|vs|compared|then|or|with (?=\d))\b"
)
_SPREAD_OF = re.compile(r"[(\[][^)\]]*\b(?:ci|confidence|iqr|interquartile|sd|range|p)\b[^)\]]*$")
_DENOMINATOR = re.compile(r"(?<=\d )(?:out )?of (?:the )?$|^of (?:the )?$")
_PAIR = re.compile(
    r"[^\d.;]{0,3}\s?(?:vs\.?|versus|compared (?:with|to)|against|and)\s(?:\d[\d,.]*\s?[\[(])?"
)
_SIDES = re.compile(
    r"\b(?:compared (?:with|to)|in comparison (?:with|to)|versus|vs\.?|than|against)\s"
)
_NAMES = re.compile(
    r"\b(?:in|for|with|of|on)\s(?P<a>[^,;.()]{1,50}?) and (?P<b>[^,;.()]{1,50}),? respectively"
)
_NO_NAME = STOPWORDS | {"group", "groups", "arm", "arms", "patients", "respectively", "subjects"}


def _says_nothing_else(given: Quantity, source: Sentence) -> bool:
    """Whether a quantity is only the spread, the whole or the time of another one."""
    before = source.lower[max(0, given.begin - 80) : given.begin]
    if _SPREAD_OF.search(before) or re.match(r"\s?(?:ci|confidence)\b", source.lower[given.end :]):
        return True
    if given.dimension == "rate":  # of "130 mL/kg per day"
        return PLAIN_RATE.match(given.text.lower()) is not None
    return not given.dimension and _DENOMINATOR.search(before) is not None


def bound_elsewhere(
    statement: Sentence,
    wanted: Quantity,
    same: Sequence[Given],
    given: Sequence[Given],
    topic: frozenset[str],
) -> Quantity | None:
    """The quantity that the source gives of what the statement gives another quantity of.

    The terms near a quantity say what it measures. Only those terms count that are near one
    quantity of the source and not near another of the same dimension.
    """
    if len(given) > MOST_AMOUNTS or any("respectively" in one.words for _, one in same):
        return None
    beside = [one for one in statement.quantities if one is not wanted]
    others = [
        pair
        for pair in given
        if pair[0].dimension == wanted.dimension
        and not pair[0].same_value(wanted)
        and not _holds_one(wanted, pair[0])
        and not _says_nothing_else(*pair)
        and is_weight(pair[0]) == is_weight(wanted)
        and not (
            any(one.same_value(pair[0]) for one in beside)
            and _in_one_segment(statement, wanted, pair[0])
        )
    ]
    if any(
        _goes_with(one, sentence, other)
        for one, sentence in same
        for other in beside
        if not any(_goes_with(far, s, other) for far, s in others)
    ):
        return None  # what the source gives with it is what the statement gives with it
    near = [t for t in _segment(statement, wanted) if t.word not in ("before", "after")]
    near = near if not near or not topic.issuperset(near[0].roots) else near[1:]
    if not others or not near:
        return None
    own: list[tuple[Term, ...]] = []
    if _second_of_two(same):  # "(4.2% versus 1.0%)": the second is of the other group
        if not (_COMPARED | {"against"}).isdisjoint(statement.words):
            return None
        far = [_segment(sentence, one) for one, sentence in others]
    elif not any(_segment(sentence, one) for one, sentence in same):
        # "Loading dose 300 mg, then 75 mg daily."
        far = [_segment(sentence, one) for one, sentence in others]
        near = [term for term in near if term.word in _DOSES]
    else:
        own = [_qualifying(sentence, one) for one, sentence in same]
        far = [_qualifying(sentence, one) for one, sentence in others]
    ours = max((_distinct_overlap(near, terms, far) for terms in own), default=0)
    overlaps = [_distinct_overlap(near, terms, own) for terms in far]
    most = max(overlaps)
    other = others[overlaps.index(most)][0]
    bounds = bool(wanted.sign) and wanted.sign == other.sign  # of two bounds the nearer one counts
    if ours and (most <= ours or not bounds):
        return None
    return other if most else None


def _goes_with(one: Quantity, sentence: Sentence, other: Quantity) -> bool:
    """Whether a segment of the source gives a quantity with another one."""
    return any(q.equals(other) for q in _beside(sentence, one) if q is not one)


def _holds_one(one: Quantity, other: Quantity) -> bool:
    """Whether a range holds a value: "2.5 (2 to 3)" are of the same thing."""
    wide, point = sorted((one, other), key=lambda q: q.low - q.high)
    return wide.low < wide.high and point.low == point.high and wide.low <= point.low <= wide.high


def paired_elsewhere(
    statement: Sentence, wanted: Quantity, given: Sequence[Given]
) -> Quantity | None:
    """What the source pairs with another quantity of the same segment, if it is not this one.

    "0.3 mg at 6 to 12 years, 0.5 mg over 12 years" does not pair 0.5 mg with 6 to 12 years.
    """
    if not _kind(wanted) or len(given) + len(statement.quantities) > MOST_AMOUNTS:
        return None
    for other in _beside(statement, wanted):
        ours = [
            one for q, s in given if q.same_value(other) for one in _beside(s, q, _kind(wanted))
        ]
        theirs = [
            one for q, s in given if q.same_value(wanted) for one in _beside(s, q, _kind(other))
        ]
        if not ours or not theirs:
            continue
        if not any(one.same_value(wanted) for one in ours):
            return ours[0]
    return None


def _beside(sentence: Sentence, quantity: Quantity, kind: str = "") -> list[Quantity]:
    """The quantities of another kind, or of one kind, in the segment of a quantity."""
    start, end = next(
        (span for span in _segments(sentence) if span[0] <= quantity.start < span[1]),
        (0, len(sentence.text)),
    )
    return [
        one
        for one in sentence.quantities
        if start <= one.start < end
        and (_kind(one) == kind if kind else _kind(one) and _kind(one) != _kind(quantity))
    ]


def _kind(quantity: Quantity) -> str:
    """What a quantity measures, as far as it can be paired with another one; or ""."""
    if quantity.dimension in ("", "rate", "clock"):
        return ""
    return "weight" if is_weight(quantity) else quantity.dimension


def swapped(statement: Sentence, wanted: Quantity, same: Sequence[Given]) -> Quantity | None:
    """The quantity that belongs to the group of the statement, if two groups are exchanged.

    "A had less pain than B (3 vs 5)" and "16 and 19 months in A and B, respectively" give the
    first quantity of A and the second of B.
    """
    if len(same) > MOST_AMOUNTS or any(len(one.quantities) > MOST_AMOUNTS for _, one in same):
        return None
    for one, sentence in same:
        for first, second in pairwise(
            q for q in sentence.quantities if q.dimension == one.dimension or not q.dimension
        ):
            if one not in (first, second) or first.same_value(second):
                continue
            if not _PAIR.fullmatch(sentence.lower, first.end, second.begin):
                continue
            sides = _sides(sentence, first, second)
            other = second if one is first else first
            counterpart = next((q for q in statement.quantities if _same_number(q, other)), None)
            if not sides or counterpart is None:
                continue
            own, theirs = sides if one is first else sides[::-1]
            for around in (_words_after, _words_before):
                near, far = around(statement, wanted), around(statement, counterpart)
                if near & theirs and not near & own and far & own and not far & theirs:
                    return other
                if near & own and far & theirs:
                    return None
    return None


def _same_number(one: Quantity, other: Quantity) -> bool:
    """Whether two quantities have one value, or one number if one lacks a unit."""
    return one.same_value(other) or (not other.dimension and number_of(one) == other.low)


def _sides(
    sentence: Sentence, first: Quantity, second: Quantity
) -> tuple[frozenset[str], frozenset[str]] | None:
    """The words that name the group of each of two quantities."""
    text = sentence.lower
    if names := _NAMES.search(text, second.end):
        one, other = _names_in(names["a"]), _names_in(names["b"])
    elif " and " in text[first.end : second.begin]:
        return None
    else:
        before = text[: first.begin]
        *_, marker = [None, *_SIDES.finditer(before)]
        if marker is None or ";" in before:
            return None
        one, other = _names_in(before[: marker.start()]), _names_in(before[marker.end() :])
    return (one - other, other - one) if one - other and other - one else None


def _names_in(text: str) -> frozenset[str]:
    """The words of a text that may name a group; of letters too, such as "arm B"."""
    return frozenset(w for w in re.findall(r"[a-z]\w*", text) if w not in _NO_NAME or w == "a")


def _words_after(sentence: Sentence, quantity: Quantity) -> frozenset[str]:
    """The names between a quantity and the next one."""
    ends = [q.begin for q in sentence.quantities if q.begin >= quantity.end]
    return _names_in(sentence.lower[quantity.end : min(ends, default=None)])


def _words_before(sentence: Sentence, quantity: Quantity) -> frozenset[str]:
    """The names between a quantity and the one before."""
    starts = [q.end for q in sentence.quantities if q.end <= quantity.begin]
    return _names_in(sentence.lower[max(starts, default=0) : quantity.begin])


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
        if before and after and not any(q.start <= cut < q.end for q in spans):
            starts.append(cut)
    return tuple(pairwise([*starts, len(text)]))
