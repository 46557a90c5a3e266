"""Answers with the best sentences of the retrieved chunks, word for word."""

from __future__ import annotations

from collections.abc import Iterator

from ..config import GeneratorConfig
from ..types import Evidence
from .prompts import REFUSAL, Prompt, without_markers

# A further sentence is taken if its score is at least this share of the best one's.
_NEARLY = 0.9


class ExtractiveGenerator:
    """Takes its answers from `Prompt.evidence`, so it cannot invent anything."""

    def __init__(self, config: GeneratorConfig) -> None:
        self._max_sentences = config.max_sentences

    def generate(self, prompt: Prompt) -> str:
        """See `Generator.generate`; each line is one sentence of a passage and its marker."""
        return "\n".join(self._lines(prompt)) or REFUSAL

    def stream(self, prompt: Prompt) -> Iterator[str]:
        """See `Generator.stream`."""
        yield self.generate(prompt)

    def close(self) -> None:
        """See `Generator.close`; there is nothing to release."""

    def _lines(self, prompt: Prompt) -> list[str]:
        chosen: list[Evidence] = []
        for item in prompt.evidence:
            good = item.score >= _NEARLY * prompt.evidence[0].score
            if len(chosen) == self._max_sentences or not good:
                break
            if all(item.text != other.text for other in chosen):
                chosen.append(item)
        # The best document comes first; sentences of one hit keep their order.
        ranks = {item.number: rank for rank, item in reversed(list(enumerate(chosen)))}
        chosen.sort(key=lambda item: (ranks[item.number], item.start))
        return [f"{without_markers(item.text)} [{item.number}]" for item in chosen]
