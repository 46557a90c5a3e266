"""Cite the span that supports each statement of an answer; remove unsupported statements."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from ..generation.prompts import REFUSAL, without_markers
from ..text.words import terms, words
from ..types import Citation, Hit, Statement
from .evidence import sentence_spans

_MARKER = re.compile(r"\s*\[(\d+(?:\s*[,;]\s*\d+)*)\]")
_AFTER_STOP = re.compile(r"([.!?][\"'”’]*)((?:\s*\[\d[\d\s,;]*\])+)")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NEGATION = re.compile(r"\b(?:no|not|nor|never|neither|none|cannot|without)\b|n['’]t\b", re.I)


class SupportCheck(Protocol):
    """Finds the span of a hit that supports a statement best; `best_span` is one."""

    def __call__(self, statement: str, hit: Hit) -> tuple[float, int, int]:
        """Support in [0, 1], start and end of the best span; the offsets are within `hit.text`."""


@dataclass(frozen=True, slots=True)
class Grounded:
    """An answer that consists of supported statements only.

    Attributes:
        text: the supported statements, each followed by the marker of its citation.
        unsupported: the statements that were removed.
    """

    text: str
    citations: tuple[Citation, ...]
    unsupported: tuple[str, ...]


def parse_statements(text: str, verbatim: Collection[str] = ()) -> list[Statement]:
    """Split generated text into statements and the `[n]` that follow each; none for a refusal.

    Args:
        verbatim: sentences of the passages. If every line of the text is one of these, each line is
            a statement: some sentences would be split further when taken out of their passage.
    """
    lines = [_statement(line) for line in text.splitlines()]
    if all(line.text in verbatim for line in lines):
        return lines
    if text.strip().lower().startswith(REFUSAL.lower().rstrip(".")):
        return []
    # "It is so. [1]" becomes "It is so [1].", which keeps the marker with its sentence.
    text = _AFTER_STOP.sub(lambda found: f" {' '.join(found[2].split())}{found[1]}", text)
    statements = [_statement(text[start:end]) for start, end in sentence_spans(text)]
    return [statement for statement in statements if words(statement.text)]


def _statement(sentence: str) -> Statement:
    cited = [int(n) for group in _MARKER.findall(sentence) for n in re.findall(r"\d+", group)]
    return Statement(_MARKER.sub("", sentence).strip(), tuple(dict.fromkeys(cited)))


def best_span(statement: str, hit: Hit) -> tuple[float, int, int]:
    """The `SupportCheck` by words and numbers: the best sentence or pair of sentences of a hit.

    Support is the share of the statement's terms that occur in the span, its title or its section.
    It is 0 if the span itself has none of these terms, lacks a number of the statement, or if only
    one of the two is negated.
    """
    spans = sentence_spans(hit.text)
    for start, end in spans:
        if without_markers(hit.text[start:end]) == statement:
            return 1.0, start, end
    wanted = set(terms(statement))
    under = f"{hit.title} {hit.section} {hit.header}"
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
        # The shorter span wins a tie.
        if support > best[0] + 1e-9:
            best = (support, start, end)
    return best


def ground(
    statements: Sequence[Statement],
    hits: Sequence[Hit],
    min_support: float,
    check: SupportCheck = best_span,
) -> Grounded:
    """Find the span that supports each statement best, and keep the supported statements.

    A statement that cites hits is checked against those hits only, any other against all. It is
    kept if its support is above 0 and at least `min_support`. Citations are numbered from 1.
    """
    parts: list[str] = []
    unsupported: list[str] = []
    citations: dict[tuple[str, int, int], Citation] = {}
    for statement in statements:
        candidates = [hits[n - 1] for n in statement.cited if 1 <= n <= len(hits)]
        if not statement.cited:
            candidates = list(hits)
        found = [(*check(statement.text, hit), hit) for hit in candidates]
        support, start, end, hit = max(found, key=lambda one: one[0], default=(0.0, 0, 0, None))
        if hit is None or support < min_support or support == 0.0:
            unsupported.append(statement.text)
            continue
        key = (hit.document, hit.start + start, hit.start + end)
        if key not in citations:
            citations[key] = Citation(
                marker=len(citations) + 1,
                document=hit.document,
                title=hit.title,
                text=hit.text[start:end],
                start=hit.start + start,
                end=hit.start + end,
                page=hit.page,
                section=hit.section,
                url=hit.url,
                score=support,
                flags=hit.flags,
            )
        parts.append(f"{statement.text} [{citations[key].marker}]")
    return Grounded(" ".join(parts), tuple(citations.values()), tuple(unsupported))


def _numbers(text: str, named: Collection[tuple[str, str]] = ()) -> set[str]:
    """The numbers in a text without their units; those in a name ("type 2") are left out."""
    return {
        number
        for before, word in pairwise(["", *words(text)])
        if (before, word) not in named
        for number in _NUMBER.findall(word)
    }


def _denies(text: str) -> bool:
    return _NEGATION.search(text) is not None
