"""Who writes the answer: the `Generator` protocol, and the default, which quotes the passages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ..config import GeneratorConfig, GeneratorKind
from .extractive import ExtractiveGenerator
from .prompts import Prompt

__all__ = ["ExtractiveGenerator", "Generator", "open_generator"]


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
