"""Who writes the answer: the `Generator` protocol, and the default, which quotes the passages."""

from __future__ import annotations

from typing import Protocol

from ..config import GeneratorConfig, GeneratorKind
from .extractive import ExtractiveGenerator
from .prompts import Pieces, Prompt, Reply

__all__ = ["ExtractiveGenerator", "Generator", "open_generator"]


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
