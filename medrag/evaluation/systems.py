"""The systems of an evaluation: the pipeline with some settings changed, and simple baselines."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Protocol

from ..config import Config, GeneratorKind, PipelineConfig
from ..embedding import Embedder
from ..errors import ConfigError
from ..generation import Generator, open_generator
from ..generation.prompts import closed_book_prompt
from ..pipeline import Draft, RAGPipeline
from ..text import split_sentences
from ..types import Answer, AnswerSentence, Citation, Hit

# By name: what it is, and which settings it changes.
BUILT_IN = {
    "medrag": ("as configured", ""),
    "hybrid": ("hybrid retrieval", "retriever.mode=hybrid"),
    "dense": ("dense retrieval", "retriever.mode=dense"),
    "lexical": ("BM25", "retriever.mode=lexical"),
    "bm25-first-sentence": (
        "baseline: first sentence of BM25's first hit, never refuses",
        "retriever.mode=lexical",
    ),
    "dense-first-sentence": (
        "baseline: first sentence of the nearest chunk, never refuses",
        "retriever.mode=dense",
    ),
    "closed-book": ("baseline: the language model without passages, never refuses", ""),
}
_CLOSED_BOOK = "closed-book"


class Answers(Protocol):
    """What an evaluation asks."""

    def draft(self, question: str) -> Draft:
        """What would be answered, and how sure it is."""

    def retrieve(self, question: str, k: int) -> list[Hit]:
        """The best chunks."""

    @property
    def threshold(self) -> float:
        """The confidence from which on a draft is shown."""


@dataclass(frozen=True)
class System:
    """A way to answer, by name.

    Attributes:
        settings: those in which it differs from the configuration.
    """

    name: str
    description: str
    settings: tuple[str, ...]
    config: PipelineConfig

    def open(self, rag: RAGPipeline) -> Answers:
        """What answers as this system does; `rag` is a pipeline with its configuration."""
        if self.name == _CLOSED_BOOK:
            return ClosedBook(open_generator(self.config.generator))
        return FirstSentence(rag) if self.name.endswith("-first-sentence") else rag


def read_systems(config: Config, names: Sequence[str]) -> list[System]:
    """The systems that are named: built-in ones, or "NAME: SETTING=VALUE SETTING=VALUE".

    Raises:
        ConfigError: a name is unknown or given twice, or a setting is wrong.
    """
    found: list[System] = []
    for text in names:
        name, colon, settings = (part.strip() for part in text.partition(":"))
        description = "as configured, with other settings"
        if not colon:
            if name not in BUILT_IN:
                raise ConfigError(
                    f"evaluation.systems: {name!r} is unknown; give one of {', '.join(BUILT_IN)}, "
                    f"or settings: '{name or 'NAME'}: SETTING=VALUE'"
                )
            description, settings = BUILT_IN[name]
        if any(name == other.name for other in found):
            raise ConfigError(f"evaluation.systems: {name!r} is there twice; rename one")
        changes = tuple(shlex.split(settings))
        found.append(System(name, description, changes, _changed(config, changes)))
    closed = next((one for one in found if one.name == _CLOSED_BOOK), None)
    if closed and closed.config.generator.kind == GeneratorKind.extractive:
        raise ConfigError(
            "evaluation.systems: closed-book needs a language model; add generator=hf or "
            "generator=openai, with generator.model"
        )
    return found


def _changed(config: PipelineConfig, changes: Sequence[str]) -> PipelineConfig:
    """A copy of the pipeline's part of a configuration, with some settings changed."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    parts = {name: deepcopy(getattr(config, name)) for name in PipelineConfig.__annotations__}
    try:
        structured = OmegaConf.structured(PipelineConfig(**parts))
        merged = OmegaConf.to_object(
            OmegaConf.merge(structured, OmegaConf.from_dotlist([*changes]))
        )
    except OmegaConfBaseException as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"evaluation.systems: {' '.join(changes)}: {reason}") from error
    assert isinstance(merged, PipelineConfig)
    return merged


class FirstSentence:
    """A baseline: quotes the first sentence of the first hit. As sure as the hit is near."""

    threshold = 0.0

    def __init__(self, rag: RAGPipeline) -> None:
        self._rag = rag

    def retrieve(self, question: str, k: int) -> list[Hit]:
        """See `Answers.retrieve`."""
        return self._rag.retrieve(question, k)

    def draft(self, question: str) -> Draft:
        """See `Answers.draft`."""
        hits = self._rag.retrieve(question)
        if not hits:
            return Draft(Answer(question, "", True, 0.0, (), ()), {})
        hit = hits[0]
        text = split_sentences(hit.text)[0]
        at = hit.start + hit.text.index(text)
        source = Citation(
            1, hit.document, hit.title, text, at, at + len(text), hit.page, hit.section, hit.url,
            1.0, hit.flags,
        )  # fmt: skip
        # BM25 has no upper bound; a cosine has.
        sure = hit.score / (1.0 + hit.score) if hit.similarity is None else max(0.0, hit.similarity)
        return Draft(
            Answer(
                question=question,
                answer=f"{text} [1]",
                abstained=False,
                confidence=min(1.0, sure),
                sources=(source,),
                hits=tuple(hits),
                sentences=(AnswerSentence(text, (1,), 1.0, True),),
            ),
            {},
        )


class ClosedBook:
    """A baseline: the language model answers from memory. It is equally sure of everything."""

    threshold = 0.0

    def __init__(self, generator: Generator) -> None:
        self._generator = generator

    def retrieve(self, question: str, k: int) -> list[Hit]:
        """Nothing: it reads no passages."""
        return []

    def draft(self, question: str) -> Draft:
        """See `Answers.draft`."""
        reply = self._generator.generate(closed_book_prompt(question)).text.strip()
        return Draft(Answer(question, reply, not reply, 0.5, (), ()), {})


def share_embedder(config: PipelineConfig, opened: list[tuple[object, Embedder]]) -> Embedder:
    """The embedder of a configuration; systems with the same one share it."""
    from ..embedding import open_embedder

    for known, embedder in opened:
        if known == config.embedder:
            return embedder
    embedder = open_embedder(config.embedder)
    opened.append((config.embedder, embedder))
    return embedder
