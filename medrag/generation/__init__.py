"""Who writes the answer: the `Generator` protocol, and the default, which quotes the passages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ..config import GeneratorConfig, GeneratorKind
from ..text.duplicates import Wording
from ..types import Evidence
from .prompts import REFUSAL, Prompt, without_markers

# A further sentence is taken if its score is at least this share of the best one's.
_NEARLY = 0.9


class Generator(Protocol):
    """Answers prompts. Threads may share one; it loads or connects at first use.

    An answer cites passage `n` of its prompt as `[n]`, or is the refusal sentence.
    """

    def generate(self, prompt: Prompt) -> str:
        """The whole answer.

        Raises:
            ModelError, HttpError: the model cannot be loaded or reached.
        """

    def stream(self, prompt: Prompt) -> Iterator[str]:
        """The answer in pieces, as they are written; raises as `generate` does."""

    def close(self) -> None:
        """Release what is held. Answers under way are finished; a later call starts again."""


class ExtractiveGenerator:
    """Takes its answers from `Prompt.evidence`, so it cannot invent anything."""

    def __init__(self, config: GeneratorConfig) -> None:
        self._max_sentences = config.max_sentences

    def generate(self, prompt: Prompt) -> str:
        """See `Generator.generate`; each line is one sentence of a passage and its marker."""
        chosen: list[Evidence] = []
        wordings: list[Wording] = []
        for item in prompt.evidence:
            good = item.score >= _NEARLY * prompt.evidence[0].score
            if len(chosen) == self._max_sentences or not good:
                break
            wording = Wording(item.text)
            if all(wording.shared(other) < 1.0 for other in wordings):
                chosen.append(item)
                wordings.append(wording)
        # The best document comes first; sentences of one hit keep their order.
        ranks = {item.number: rank for rank, item in reversed(list(enumerate(chosen)))}
        chosen.sort(key=lambda item: (ranks[item.number], item.start))
        lines = [f"{without_markers(item.text)} [{item.number}]" for item in chosen]
        return "\n".join(lines) or REFUSAL

    def stream(self, prompt: Prompt) -> Iterator[str]:
        yield self.generate(prompt)

    def close(self) -> None:
        """See `Generator.close`; there is nothing to release."""


def open_generator(config: GeneratorConfig) -> Generator:
    """The generator of a configuration; nothing is loaded or sent yet.

    Raises:
        ConfigError: a setting that this generator needs is missing.
    """
    if config.kind == GeneratorKind.hf:
        from .hf import HFGenerator

        return HFGenerator(config)
    if config.kind == GeneratorKind.openai:
        from .openai import OpenAIGenerator

        return OpenAIGenerator(config)
    return ExtractiveGenerator(config)
