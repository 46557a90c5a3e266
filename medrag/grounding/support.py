"""Tie every statement of an answer to the span that supports it, and drop what nothing supports."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..generation.prompts import REFUSAL, without_markers
from ..text.words import terms, words
from ..types import Citation, Hit, Statement
from .evidence import sentence_spans

_MARKER = re.compile(r"\s*\[(\d+(?:\s*[,;]\s*\d+)*)\]")
_AFTER_STOP = re.compile(r"([.!?][\"'”’]*)((?:\s*\[\d[\d\s,;]*\])+)")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NEGATION = re.compile(r"\b(?:no|not|nor|never|neither|none|cannot|without)\b|n['’]t\b", re.I)


@dataclass(frozen=True, slots=True)
class Grounded:
    """An answer whose statements all rest on a span of a retrieved chunk."""

    text: str
    citations: tuple[Citation, ...]
    unsupported: tuple[str, ...]


def parse_statements(text: str) -> list[Statement]:
    """Split generated text into statements and the `[n]` that follow each; none for a refusal."""
    if text.strip().lower().startswith(REFUSAL.lower().rstrip(".")):
        return []
    # "It is so. [1]" and "It is so [1]." mean the same; one form keeps markers with their sentence.
    text = _AFTER_STOP.sub(lambda found: f" {' '.join(found[2].split())}{found[1]}", text)
    statements: list[Statement] = []
    for start, end in sentence_spans(text):
        sentence = text[start:end]
        cited = [int(n) for group in _MARKER.findall(sentence) for n in re.findall(r"\d+", group)]
        bare = _MARKER.sub("", sentence).strip()
        if words(bare):
            statements.append(Statement(bare, tuple(dict.fromkeys(cited))))
    return statements


def ground(statements: Sequence[Statement], hits: Sequence[Hit], min_support: float) -> Grounded:
    """Find for each statement the sentence, or pair of sentences, that supports it best.

    A statement that cites hits is checked against those, one that cites none against all. It is
    kept when its best span holds at least `min_support` of its terms and every number in it, and
    denies something just where the statement does: neither a dose nor a "not" may be made up.

    Returns:
        The kept statements, each followed by the marker of its citation, numbered anew from 1.
    """
    parts: list[str] = []
    unsupported: list[str] = []
    citations: dict[tuple[str, int, int], Citation] = {}
    for statement in statements:
        candidates = [n for n in statement.cited if 1 <= n <= len(hits)]
        if not statement.cited:
            candidates = list(range(1, len(hits) + 1))
        best: tuple[float, Hit, int, int] | None = None
        for number in candidates:
            hit = hits[number - 1]
            support, start, end = best_span(statement.text, hit)
            if best is None or support > best[0]:
                best = support, hit, start, end
        if best is None or best[0] < min_support or best[0] == 0.0:
            unsupported.append(statement.text)
            continue
        support, hit, start, end = best
        key = (hit.document, hit.start + start, hit.start + end)
        if key not in citations:
            citations[key] = _citation(len(citations) + 1, hit, start, end, support)
        parts.append(f"{statement.text} [{citations[key].marker}]")
    return Grounded(" ".join(parts), tuple(citations.values()), tuple(unsupported))


def best_span(statement: str, hit: Hit) -> tuple[float, int, int]:
    """(support in [0, 1], start, end) of the span of a hit that supports a statement best.

    Offsets are within `hit.text`. Support is the share of the statement's terms that the span,
    or the title and section it stands under, holds; 0 when the span holds none of them itself,
    lacks a number of the statement, or only one of the two has a "not".
    """
    spans = sentence_spans(hit.text)
    for start, end in spans:
        if without_markers(hit.text[start:end]) == statement:
            return 1.0, start, end
    wanted = set(terms(statement))
    under = f"{hit.title} {hit.section}"
    heading = set(terms(under))
    numbers = _numbers(statement, named=set(pairwise(words(under))))
    denies = _denies(statement)
    alike = [(a, b) for a, b in spans if _denies(hit.text[a:b]) == denies]
    pairs = [(a[0], b[1]) for a, b in pairwise(spans) if a in alike and b in alike]
    best = (0.0, 0, 0)
    for start, end in [*alike, *pairs]:
        text = hit.text[start:end]
        held = wanted.intersection(terms(text))
        if not held or not numbers <= _numbers(text):
            continue
        support = len(held | (wanted & heading)) / len(wanted)
        # A pair must earn its length: the shorter span wins a tie.
        if support > best[0] + 1e-9:
            best = (support, start, end)
    return best


def _numbers(text: str, named: Collection[tuple[str, str]] = ()) -> set[str]:
    """The numbers in a text, units cut off, but for those that are part of a name ("type 2")."""
    return {
        number
        for before, word in pairwise(["", *words(text)])
        if (before, word) not in named
        for number in _NUMBER.findall(word)
    }


def _denies(text: str) -> bool:
    return _NEGATION.search(text) is not None


def _citation(marker: int, hit: Hit, start: int, end: int, support: float) -> Citation:
    return Citation(
        marker=marker,
        document=hit.document,
        title=hit.title,
        text=hit.text[start:end],
        start=hit.start + start,
        end=hit.start + end,
        page=hit.page,
        section=hit.section,
        url=hit.url,
        score=support,
    )
