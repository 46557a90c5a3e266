"""Split generated text into statements and the passages that each one cites."""

from __future__ import annotations

import re
from collections.abc import Collection

from ..generation.prompts import REFUSAL
from ..text.words import words
from ..types import Statement
from .evidence import sentence_spans

_MARKER = re.compile(r"\s*\[(\d+(?:\s*[,;]\s*\d+)*)\]")
_AFTER_STOP = re.compile(r"([.!?][\"'”’]*)((?:\s*\[\d[\d\s,;]*\])+)")


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
