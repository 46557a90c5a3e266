"""The default generator: answers in the words of the passages."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..config import GeneratorConfig
from ..text.duplicates import Wording, said
from ..text.words import terms
from .prompts import REFUSAL, Pieces, Prompt, Reply, without_markers

_REPEATS = 0.7  # share of the shorter text's words from which on another one says the same
_NOT = re.compile(r"\b(?:not|no|never|without|cannot|avoid)\b|n['’]t\b", re.I)
_ROW = re.compile(r"(?P<column>[^:;]+): [^;]+(?=; [^:;]+: )")  # its first cell
_FEW = 5  # terms; a shorter text repeats another one only in the same words


class ExtractiveGenerator:
    """Takes its answers from `Prompt.evidence`, so it cannot invent anything."""

    reads_messages = False

    def __init__(self, config: GeneratorConfig) -> None:
        self._max_sentences = config.max_sentences

    def generate(self, prompt: Prompt) -> Reply:
        """See `Generator.generate`; each line is one sentence of a passage and its marker.

        What cannot be understood alone is said with the sentence before it, if both fit.
        """
        said: list[str] = []
        lines: list[str] = []
        for item in prompt.evidence:
            if len(said) == self._max_sentences:
                break
            if not item.adds or _is_said(item.text, said):
                continue
            if item.lead and len(said) + 2 <= self._max_sentences and not _is_said(item.lead, said):
                said.append(item.lead)
                lines.append(f"{without_markers(item.lead)} [{item.number}]")
            said.append(item.text)
            lines.append(f"{without_markers(item.text)} [{item.number}]")
        return Reply("\n".join(lines) or REFUSAL)

    def stream(self, prompt: Prompt) -> Pieces:
        """See `Generator.stream`; there is nothing to wait for."""
        reply = self.generate(prompt)
        yield reply.text
        return reply

    def close(self) -> None:
        """See `Generator.close`; there is nothing to release."""


def _is_said(text: str, said: Sequence[str]) -> bool:
    return any(_repeats(text, other) for other in said)


def _repeats(text: str, other: str) -> bool:
    """Tell whether one text says what the other says, or holds it."""
    if _NOT.findall(text) != _NOT.findall(other):
        return False  # one denies what the other says
    row, other_row = _ROW.match(text), _ROW.match(other)
    if row and other_row and row["column"] == other_row["column"] and row[0] != other_row[0]:
        return False  # rows of a table about two things
    if text in other or other in text or Wording(said(text)).shared(Wording(said(other))) == 1.0:
        return True
    mine, its = set(terms(text)), set(terms(other))
    shorter = min(len(mine), len(its))
    return shorter >= _FEW and len(mine & its) >= _REPEATS * shorter
