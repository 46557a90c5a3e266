"""Score a statement against a source: how much the best window says, and what differs there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from .abbreviations import Abbreviations, abbreviated_roots, is_expanded, with_both_forms
from .alignment import Comparison, has_kind, matches
from .amounts import quantity_differences
from .certainty import certainty_differences
from .comparing import comparing_differences
from .conditions import dropped_conditions
from .forms import is_technical
from .kinds import kind_differences, paired_differences
from .labels import label_differences
from .measures import is_given
from .order import order_differences, role_differences, subject_differences
from .polarity import absence_differences, denied_terms, polarity_differences
from .populations import slot_differences
from .quotation import quotation_difference
from .scope import scope_differences
from .sentences import Sentence, Term
from .vocabulary import is_organ, is_particular, listed_roots, opposites
from .windows import Passage, Window

_EASE = 0.66  # so that a third of the terms is worth 0.5: rewordings share no more; docs/lab-log.md
_LIGHT = 0.15  # weight of a term that says little about the topic
_IN_HEADING = 0.85  # of a term that only the title or the section has
_BEFORE = 0.6  # of one that only the sentences before have
_DIRECTED = 0.9  # of a term whose direction the source names with another word
_JOINED = 2  # windows that are tried with one more sentence
_TOLD = 0.6  # share of the terms of that sentence that the statement has to say
_IN_PART = 0.6  # of a phrase of which the source has a word: "tooth decay" and "decay"
_PER_SENTENCE = 0.02  # what a sentence more costs, so that of two windows the shorter is taken
_BEHIND = 0.05  # windows that say so much less than the best one are not considered
_CONDITION = re.compile(r"(?<=\w) (?:if|when) ")

# Endings of the names of drugs, diseases, germs and substances.
_BUILT = re.compile(
    r"[a-z]{3}(?:ine|in|ol|ide|ate|one|am|azole|ab|ib|statin|pril|sartan|vir|cin|fen|xaban|lukast"
    r"|itis|osis|oma|a?emia|pathy|penia|trophy|plegia|algia|rrh?o?ea|virus|ella|ium|ase|ism)s?$"
)


class Judgement(NamedTuple):
    """How well a source bears out a statement: score, why not, and the sentences compared."""

    score: float
    reason: str = ""
    spans: tuple[tuple[int, int], ...] = ()


def judge(said: Sentence, passage: Passage) -> Judgement:
    """Judge a statement by the window of a source that bears it out best."""
    said = with_both_forms(said, passage.short)
    if quoted := quotation_difference(said, passage.sentences, passage.heading):
        reason, at = quoted
        comparison = Comparison(said, [passage.sentences[at]], [])
        reason = next(_differences(comparison), reason)
        return Judgement(0.0, reason, (passage.spans[at],))
    rated = []
    for window in passage.windows:
        coverage, missing = _coverage(said, window, passage.short)
        rated.append((coverage - _PER_SENTENCE * (len(window.sentences) - 1), missing, window))
    rated.sort(key=lambda one: -one[0])
    best = Judgement(0.0)
    for coverage, missing, window in rated:
        score = max(0.0, coverage) ** _EASE
        if coverage < rated[0][0] - _BEHIND or (best.spans and score <= best.score):
            break
        found = _judged(said, passage, window, score, missing)
        if found.score > best.score + 1e-9 or not best.spans:
            best = found
    if best.score == 0.0:
        # What one sentence lacks, another one that the statement tells as well may say.
        for coverage, _, window in rated[:_JOINED]:
            for wider in _joined(said, window, passage):
                more, missing = _coverage(said, wider, passage.short)
                if more > coverage + _BEHIND:
                    score = max(0.0, more - _PER_SENTENCE) ** _EASE
                    best = max(
                        best,
                        _judged(said, passage, wider, score, missing),
                        key=lambda one: one.score,
                    )
    return best


def _judged(
    said: Sentence, passage: Passage, window: Window, score: float, missing: str
) -> Judgement:
    """The judgement by one window.

    Args:
        score: by the terms alone.
        missing: a name that the window does not mention.
    """
    comparison = Comparison(said, window.sentences, window.context, passage.sentences)
    conditions = dropped_conditions(said, window.sentences)
    reason = next(
        chain(
            _differences(comparison),
            (why for why, left in conditions if left == 0.0),
            _unsaid(said, window),
            [f"the source does not mention {missing}"] if missing else [],
        ),
        "",
    )
    left = min((left for _, left in conditions), default=1.0)
    return Judgement(0.0 if reason else score * left, reason, window.spans)


def _joined(said: Sentence, window: Window, passage: Passage) -> Iterator[Window]:
    """The window with one more sentence near it, most of which the statement says."""
    inside = [at for at, span in enumerate(passage.spans) if span in window.spans]
    if not inside or len(inside) > 2:
        return
    telling = {one.spans[0] for one in passage.windows}  # no headings, no questions
    for at in range(max(0, inside[0] - 2), min(len(passage.spans), inside[-1] + 3)):
        content = [term for term in passage.sentences[at].terms if not term.light]
        told = sum(matches(term, said.roots, said.concepts) for term in content)
        if at in inside or not content or told < _TOLD * len(content):
            continue
        if passage.spans[at] not in telling:
            continue
        numbers = sorted({*inside, at})
        if not all(_is_about(said, passage.sentences[n]) for n in numbers):
            continue
        yield Window(
            [passage.sentences[n] for n in numbers],
            window.heading,
            window.context,
            tuple(passage.spans[n] for n in numbers),
        )


def _is_about(said: Sentence, sentence: Sentence) -> bool:
    """Whether a statement says the first thing that a sentence names: its subject, most often."""
    first = next((term for term in sentence.terms if not term.light), None)
    return first is None or matches(first, said.roots, said.concepts)


def _differences(comparison: Comparison) -> Iterator[str]:
    """What differs between a statement and a window, in words."""
    for differences in (
        quantity_differences,
        polarity_differences,
        absence_differences,
        denied_terms,
        slot_differences,
        scope_differences,
        label_differences,
        kind_differences,
        paired_differences,
        certainty_differences,
        comparing_differences,
        order_differences,
        role_differences,
        subject_differences,
    ):
        yield from differences(comparison)


def _coverage(said: Sentence, window: Window, short: Abbreviations) -> tuple[float, str]:
    """Share of the statement's terms that a window says, and the name that it does not mention."""
    abbreviated = abbreviated_roots(said, window.sentences)
    total = held = inside = 0.0
    missing = ""
    for term in said.terms:
        weight = _LIGHT if term.light else 1.0
        total += weight
        if matches(term, window.roots, window.concepts) or is_expanded(
            term, window.sentences, window.roots, short
        ):
            held += weight
            inside += weight
        elif matches(term, window.all_roots, window.all_concepts) or is_expanded(
            term, window.context, window.context_roots, short
        ):
            titled = matches(term, window.heading_roots, window.heading_concepts)
            held += weight * (_IN_HEADING if titled else _BEFORE)
        elif abbreviated.issuperset(term.roots):
            held += weight
        elif len(term.roots) == 1 and _directed(term, said, window):
            held += weight * _DIRECTED
        else:
            parts = {*term.roots} - listed_roots("light") if len(term.roots) > 1 else set()
            in_part = not window.all_roots.isdisjoint(parts)
            held += weight * _IN_PART * in_part
            if not term.light and not missing and _is_missing(term, said, window, in_part):
                missing = term.word
    # Whether their values agree is compared elsewhere; here they are part of what is said.
    given = [one for sentence in window.sentences for one in sentence.quantities]
    found = sum(is_given(one, given) for one in said.quantities)
    if not inside and not found:
        return 0.0, missing
    return (held + found) / (total + len(said.quantities)), missing


def _unsaid(said: Sentence, window: Window) -> Iterator[str]:
    """The clauses of the statement of which the source mentions nothing, as a reason."""
    main = _main_part(said)
    if main and not any(matches(t, window.all_roots, window.all_concepts) for t in main):
        yield f"the source does not say “{main[0].word}”"
    for clause in said.clauses if len(said.clauses) > 1 else ():
        content = [term for term in clause.terms if not term.light]
        told = any(
            matches(term, window.all_roots, window.all_concepts)
            or not window.all_roots.isdisjoint(term.roots)
            for term in content
        )
        if len(content) > 1 and not told and not clause.quantities:
            text = said.text[clause.start : clause.end].strip(" ,.;")
            if text:
                yield f"the source does not say “{text}”"


def _main_part(said: Sentence) -> list[Term]:
    """The terms of an instruction, without the condition at its end: "Lie down if …"."""
    condition = _CONDITION.search(said.text)
    if not condition or not said.terms or said.terms[0].start:
        return []
    return [term for term in said.terms if term.start < condition.start() and not term.light]


def _is_missing(term: Term, said: Sentence, window: Window, in_part: bool) -> bool:
    """Whether a window that lacks the name of something is about something else.

    Either it has another such name in its place, or what this is a kind of; or the name is built
    like one of a drug or disease.

    Args:
        in_part: whether the window has a word of the name: for "breast cancer" only "lung cancer"
            is another then, for "tooth decay" nothing is.
    """
    if term.word.endswith("ed"):
        return False  # what is done is told in many words
    kind = _kind(term)
    if kind == "name" and not term.concepts and _BUILT.search(term.word):
        return True
    others = (other for sentence in window.sentences for other in sentence.terms if not other.light)
    return bool(kind) and any(
        has_kind(other, frozenset(term.roots), term.concepts)
        if matches(other, said.roots, said.concepts)
        else _kind(other) == kind or (_kind(other) and not said.roots.isdisjoint(other.roots))
        for other in others
        if not (in_part and set(other.roots).isdisjoint(term.roots))
    )


@lru_cache(maxsize=4096)
def _kind(term: Term) -> str:
    """What a term names that can take the place of another: a drug or disease, a part of the body.

    A sign, a person and what is done are no names: they are told in many words.
    """
    if len(term.roots) == 1 and term.roots[0] in opposites():
        return ""
    if any(map(is_particular, term.concepts)):
        return "name"
    if term.concepts:
        return "organ" if any(map(is_organ, term.concepts)) else ""
    words = re.findall(r"[a-z]+", term.word)
    rare = any(len(word) > 3 and is_technical(word) for word in words)
    return "name" if term.name or rare else ""


def _directed(term: Term, said: Sentence, window: Window) -> bool:
    """Whether the source has another word for the direction that a term names."""
    return any(
        name in term.roots and sign in window.directions.get(axis, ())
        for axis, signs in said.clauses[term.clause].directions.items()
        for name, sign in signs
    )
