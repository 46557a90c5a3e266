"""What a label or a heading says of what stands under it: "Pregnancy: avoid", "Side effects"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .alignment import Comparison, said
from .polarity import is_negative
from .sentences import parse

_LABELLED = re.compile(
    r"(?:\A|[;.|] )\s*(?P<label>[^:;.|]{3,40})(?::| –| -) (?P<value>[^;.|]{1,40})"
)
_NO = re.compile(
    r"(?:no|none|never|not\b.*|avoid\w*|contra-?indicated|unsafe|do not\b.*|✗|✘|×|forbidden)\W*\Z"
)
_ADVERSE = re.compile(r"side[ -]effects?|adverse|undesirable effects|overdos|poisoning", re.I)
_TREATS = re.compile(
    r"\b(?:treats?|treated with|treatment of|relieves?|cures?|used? (?:for|to treat|in)"
    r"|works? (?:for|in)|helps?|indicated)\b"
)


def label_differences(comparison: Comparison) -> Iterator[str]:
    """What a label forbids and the statement allows; side effects that it takes for uses."""
    statement = comparison.statement
    for sentence in comparison.window:
        for one in _LABELLED.finditer(sentence.lower):
            if not _NO.match(one["value"]):
                continue
            label = [term for term in parse(one["label"]).terms if not term.light]
            for clause in statement.clauses:
                named = label and len(said(label, clause.roots, clause.concepts)) == len(label)
                allowed = any(sign > 0 for _, sign in clause.directions.get("do", ()))
                if named and allowed and not is_negative(clause):
                    yield f"the source says “{one[0].strip(' ;.|')}”"
    texts = [one.lower for one in comparison.window]
    adverse = next((one.text for one in comparison.context if _ADVERSE.search(one.text)), "")
    if adverse and _TREATS.search(statement.lower) and not any(map(_TREATS.search, texts)):
        yield f"the source says it under “{adverse}”"
