"""Who writes the answer: the `Generator` protocol, and the default, which quotes the passages."""

from __future__ import annotations

from typing import Protocol

from ..config import GeneratorConfig, GeneratorKind
from ..text.duplicates import Wording
from ..types import Evidence
from .prompts import REFUSAL, Pieces, Prompt, Reply, without_markers

# A further sentence is taken if its score is at least this share of the best one's.
_NEARLY = 0.9


class Generator(Protocol):
    """Answers prompts. Threads may share one; it loads or connects at first use.

    An answer cites passage `n` of its prompt as `[n]`, or is the refusal sentence.

    Attributes:
        reads_messages: True if it answers from `Prompt.messages`, which the token budget bounds.
            For a generator that does not, no messages are made, and all hits are its passages.
    """

    reads_messages: bool

    def generate(self, prompt: Prompt) -> Reply:
        """The whole answer.

        Raises:
            ModelError, HttpError: the model cannot be loaded or reached.
        """

    def stream(self, prompt: Prompt) -> Pieces:
        """The answer in pieces, as they are written; raises as `generate` does.

        Returns:
            A Python generator that yields the pieces and returns the whole reply, as in
            `reply = yield from generator.stream(prompt)`. Closing it stops the writing.
        """

    def close(self) -> None:
        """Release what is held. Answers under way are finished; a later call starts again."""


class ExtractiveGenerator:
    """Takes its answers from `Prompt.evidence`, so it cannot invent anything."""

    reads_messages = False

    def __init__(self, config: GeneratorConfig) -> None:
        self._max_sentences = config.max_sentences

    def generate(self, prompt: Prompt) -> Reply:
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
        return Reply("\n".join(lines) or REFUSAL)

    def stream(self, prompt: Prompt) -> Pieces:
        reply = self.generate(prompt)
        yield reply.text
        return reply

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
