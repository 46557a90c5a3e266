"""The default generator: answers in the words of the passages."""

from __future__ import annotations

from collections.abc import Iterator

from ..config import GeneratorConfig
from ..text.duplicates import Wording
from ..text.words import terms
from ..types import Evidence
from .prompts import REFUSAL, Prompt, without_markers

_REPEATS = 0.7  # share of the shorter text's words from which on another one says the same


class ExtractiveGenerator:
    """Takes its answers from `Prompt.evidence`, so it cannot invent anything."""

    def __init__(self, config: GeneratorConfig) -> None:
        self._max_sentences = config.max_sentences

    def generate(self, prompt: Prompt) -> str:
        """See `Generator.generate`; each line is one sentence of a passage and its marker."""
        chosen: list[Evidence] = []
        room = self._max_sentences
        for item in prompt.evidence:
            if not room:
                break
            if any(_repeats(item.text, other.text) for other in chosen):
                continue
            chosen.append(item)
            room -= 1
        # The best document comes first; sentences of one hit keep their order.
        ranks = {item.number: rank for rank, item in reversed(list(enumerate(chosen)))}
        chosen.sort(key=lambda item: (ranks[item.number], item.start))
        lines = [f"{without_markers(item.text)} [{item.number}]" for item in chosen]
        return "\n".join(lines) or REFUSAL

    def stream(self, prompt: Prompt) -> Iterator[str]:
        """See `Generator.stream`; there is nothing to wait for."""
        yield self.generate(prompt)

    def close(self) -> None:
        """See `Generator.close`; there is nothing to release."""


def _repeats(text: str, other: str) -> bool:
    """Tell whether one text says what the other says, or holds it."""
    if text in other or other in text or Wording(text).shared(Wording(other)) == 1.0:
        return True
    mine, its = set(terms(text)), set(terms(other))
    return len(mine & its) >= _REPEATS * max(1, min(len(mine), len(its)))
