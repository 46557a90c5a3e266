"""The default generator: answers in the words of the passages."""

from __future__ import annotations

from collections.abc import Iterator

from ..config import GeneratorConfig
from ..text.duplicates import Wording
from ..text.words import terms
from ..types import Evidence
from .prompts import REFUSAL, Prompt, without_markers

_REPEATS = 0.7  # share of the shorter text's words from which on another one says the same
_FEW = 5  # terms; a shorter text repeats another one only in the same words


class ExtractiveGenerator:
    """Takes its answers from `Prompt.evidence`, so it cannot invent anything."""

    def __init__(self, config: GeneratorConfig) -> None:
        self._max_sentences = config.max_sentences

    def generate(self, prompt: Prompt) -> str:
        """See `Generator.generate`; each line is one sentence of a passage and its marker.

        What cannot be understood alone is said with the sentence before it, if both fit.
        """
        chosen: list[tuple[Evidence, list[str]]] = []
        room = self._max_sentences
        for item in prompt.evidence:
            said = [text for _, texts in chosen for text in texts]
            if not room:
                break
            if any(_repeats(item.text, other) for other in said):
                continue
            texts = [item.text]
            if item.lead and room > 1 and not any(_repeats(item.lead, other) for other in said):
                texts.insert(0, item.lead)
            chosen.append((item, texts))
            room -= len(texts)
        # The best document comes first; sentences of one hit keep their order.
        ranks = {item.number: rank for rank, (item, _) in reversed(list(enumerate(chosen)))}
        chosen.sort(key=lambda one: (ranks[one[0].number], one[0].start))
        lines = [
            f"{without_markers(text)} [{item.number}]" for item, texts in chosen for text in texts
        ]
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
    shorter = min(len(mine), len(its))
    return shorter >= _FEW and len(mine & its) >= _REPEATS * shorter
