"""What a label or a heading says of what stands under it: "Pregnancy: avoid", "Side effects"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from .alignment import Comparison, said
from .polarity import is_negative
from .sentences import Sentence, parse

_PARTS = re.compile(r"; | \| |(?<=[^\d])\. |\n")
_LABELLED = re.compile(
    r"\s*(?:[^:]{3,60} [–—-] )?(?P<label>[^:]{3,60}):\s+(?P<value>\S.{0,60})"
    r"|\s*(?P<term>[^:]{3,60}?) [–—-]\s+(?P<told>\S.{0,60})",
    re.S,
)
_WHOLE = r"(?:no|none|nil|never|[✗✘✕×❌–—-])"
_FORBIDS = re.compile(
    rf"\s*(?:{_WHOLE}\W*\Z"
    r"|(?:not(?! (?:needed|necessary|required|affected))|do not|must not|never|avoid\w*|withh[eo]ld"
    r"|contra-?indicated|unsafe|unsuitable|unlicensed|incompatible|inadvisable|inappropriate"
    r"|prohibited|forbidden|banned)\b(?P<rest>.*))",
    re.S,
)
_LONGEST_LABEL = 8  # words before a bare "no" that may be its label
_ALLOWS = re.compile(
    r"\b(?:may|can|could|might|allowed|permitted|possible|compatible|licensed|acceptable|safe)\b"
)
_LIMITS = re.compile(
    r"\b(?:if|after|before|unless|except|when|until|only|above|below|over|under|first|second|third"
    r"|other)\b|\d"
)
_ADVERSE = re.compile(r"side[ -]effects?|adverse|undesirable effects|overdos|poisoning", re.I)
_TREATS = re.compile(
    r"\b(?:treats?|treated with|treatment of|relieves?|cures?|used? (?:for|to treat|in)"
    r"|works? (?:for|in)|helps?|indicated)\b"
)


def label_differences(comparison: Comparison) -> Iterator[str]:
    """What a label forbids and the statement allows; side effects that it takes for uses."""
    statement = comparison.statement
    for text in _labels(comparison):
        for label, value in _labelled(text):
            forbids = _FORBIDS.match(value)
            if not forbids or not _permits(statement, parse(label)):
                continue
            # "Pregnancy: avoid in the third trimester" may allow it in the second one.
            if not ((forbids["rest"] or "").strip(" .") and _LIMITS.search(statement.lower)):
                yield f"the source says “{label}: {value.strip(' .')}”"
    texts = [one.lower for one in comparison.window]
    adverse = next((one.text for one in comparison.context if _ADVERSE.search(one.text)), "")
    if adverse and _TREATS.search(statement.lower) and not any(map(_TREATS.search, texts)):
        yield f"the source says it under “{adverse}”"


def _labels(comparison: Comparison) -> Iterator[str]:
    """The sentences that are compared; a heading with the sentence under it, as a label."""
    for sentence in comparison.window:
        yield sentence.lower
    for heading, sentence in pairwise(comparison.passage):
        if heading in comparison.window and heading.text[-1:].isalnum():
            yield f"{heading.lower}: {sentence.lower}"


def _labelled(text: str) -> Iterator[tuple[str, str]]:
    """(label, value) of "Pregnancy: avoid", of cells, and of a cell with "✗" after another one."""
    before = ""
    for part in _PARTS.split(text):
        if found := _LABELLED.match(part):
            yield (found["label"] or found["term"]).strip(), found["value"] or found["told"]
        elif before and len(before.split()) <= _LONGEST_LABEL and _FORBIDS.match(part):
            yield before, part
        before = part.strip()


def _permits(statement: Sentence, label: Sentence) -> bool:
    """Whether a statement says that what a label names may be done, or may be used there."""
    wanted = [term for term in label.terms if not term.light]
    held = said(wanted, statement.roots, statement.concepts)
    if not (wanted or label.quantities) or len(held) < len(wanted):
        return False
    if not all(any(q.equals(own) for own in statement.quantities) for q in label.quantities):
        return False
    clauses = [
        clause
        for clause in statement.clauses
        if said(wanted, clause.roots, clause.concepts) or not wanted
    ]
    if not any(clause.directions for clause in clauses):
        clauses = list(statement.clauses)  # "while breastfeeding" is part of what it limits
    return not any(map(is_negative, clauses)) and any(
        any(sign > 0 for _, sign in clause.directions.get("do", ()))
        or _ALLOWS.search(statement.lower, clause.start, clause.end)
        for clause in clauses
    )
