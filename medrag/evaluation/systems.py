"""The systems of an evaluation: the pipeline with some settings changed, and simple baselines."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from ..config import Config, GeneratorKind, PipelineConfig
from ..embedding import Embedder, open_embedder
from ..errors import ConfigError
from ..generation import Generator, open_generator
from ..generation.prompts import closed_book_prompt
from ..grounding.calibration import calibration_key, load_calibration, reader_identity
from ..indexing import with_embedder_of_index
from ..manifest import fingerprint, model_identity, read_manifest
from ..pipeline import Draft, RAGPipeline
from ..text import split_sentences
from ..text.words import words
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
_FIRST_SENTENCE = ("bm25-first-sentence", "dense-first-sentence")
_LONGEST_NAME = 60  # characters, because a name becomes part of a file name


class Answers(Protocol):
    """What an evaluation asks."""

    def draft(self, question: str) -> Draft:
        """What would be answered, and how sure it is."""

    def retrieve(self, question: str, k: int) -> list[Hit] | None:
        """The best chunks; None if it reads no passages."""

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

    @contextmanager
    def open(self, rag: RAGPipeline) -> Iterator[Answers]:
        """What answers as this system does; `rag` is a pipeline with its configuration."""
        if self.name == _CLOSED_BOOK:
            with closing(open_generator(self.config.generator)) as generator:
                yield ClosedBook(generator)
        else:
            yield FirstSentence(rag) if self.name in _FIRST_SENTENCE else rag


def read_systems(config: Config, names: Sequence[str]) -> list[System]:
    """The systems that are named: built-in ones, or "NAME: SETTING=VALUE SETTING=VALUE".

    The settings of a built-in name come on top of its own.

    Raises:
        ConfigError: a name is unknown or given twice, or a setting is wrong.
        ArtefactError: a system has no index.
    """
    found: list[System] = []
    for text in names:
        name, colon, settings = (part.strip() for part in text.partition(":"))
        if not (colon or name in BUILT_IN) or not name:
            raise ConfigError(
                f"evaluation.systems: {name!r} is unknown; give one of {', '.join(BUILT_IN)}, "
                f"or settings: '{name or 'NAME'}: SETTING=VALUE'"
            )
        if any(name == other.name for other in found):
            raise ConfigError(f"evaluation.systems: {name!r} is there twice; rename one")
        if len(name) > _LONGEST_NAME:
            raise ConfigError(
                f"evaluation.systems: {name!r} has {len(name)} characters; {_LONGEST_NAME} at most"
            )
        description, own = BUILT_IN.get(name, ("as configured, with other settings", ""))
        changes = (*own.split(), *_split(settings))
        found.append(System(name, description, changes, _changed(config, changes)))
    closed = next((one for one in found if one.name == _CLOSED_BOOK), None)
    if closed and closed.config.generator.kind == GeneratorKind.extractive:
        raise ConfigError(
            "evaluation.systems: closed-book needs a language model; add generator=hf or "
            "generator=openai, with generator.model"
        )
    return found


def _split(settings: str) -> list[str]:
    try:
        changes = shlex.split(settings)
    except ValueError as error:
        raise ConfigError(f"evaluation.systems: {settings}: {error}") from error
    for change in changes:
        if not change.partition("=")[0] or "=" not in change:
            raise ConfigError(f"evaluation.systems: {change}: write settings as NAME=VALUE")
    # OmegaConf reads nothing as null; here it is an empty text, as on the command line.
    return [f"{change}''" if change.endswith("=") else change for change in changes]


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
    return with_embedder_of_index(merged)


class FirstSentence:
    """A baseline: quotes the first sentence of the first hit, no heading. As sure as it is near."""

    threshold = 0.0

    def __init__(self, rag: RAGPipeline) -> None:
        self._rag = rag

    def retrieve(self, question: str, k: int) -> list[Hit]:
        """See `Answers.retrieve`."""
        return self._rag.retrieve(question, k)

    def draft(self, question: str) -> Draft:
        """See `Answers.draft`."""
        started = time.perf_counter()
        hits = self._rag.retrieve(question)
        retrieve_ms = 1000 * (time.perf_counter() - started)
        if not hits:
            return Draft(Answer(question, "", True, 0.0, (), ()), {}, retrieve_ms)
        hit = hits[0]
        headings = [words(one) for one in (hit.title, *hit.section.split(" > "))]
        sentences = [*filter(None, map(str.strip, split_sentences(hit.text)))] or [hit.text]
        text = next((one for one in sentences if words(one) not in headings), sentences[0])
        at = hit.text.index(text)
        source = Citation.of(hit, at, at + len(text), 1, 1.0)
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
            retrieve_ms,
        )


class ClosedBook:
    """A baseline: the language model answers from memory. It is equally sure of everything."""

    threshold = 0.0

    def __init__(self, generator: Generator) -> None:
        self._generator = generator

    def retrieve(self, question: str, k: int) -> None:
        """See `Answers.retrieve`."""

    def draft(self, question: str) -> Draft:
        """See `Answers.draft`."""
        reply = self._generator.generate(closed_book_prompt(question)).text.strip()
        return Draft(Answer(question, reply, not reply, 0.5, (), ()), {})


def share_embedder(config: PipelineConfig, opened: list[tuple[object, Embedder]]) -> Embedder:
    """The embedder of a configuration; systems with the same one share it."""
    for known, embedder in opened:
        if known == config.embedder:
            return embedder
    embedder = open_embedder(config.embedder)
    opened.append((config.embedder, embedder))
    return embedder


def identity(config: PipelineConfig) -> dict[str, Any]:
    """What decides how a system answers; the index by its content, models by their weights.

    The calibration is left out, because an evaluation may change it: see `calibrations`.

    Raises:
        ArtefactError: the index is missing.
    """
    generator, grounding = config.generator, config.grounding
    index = read_manifest(Path(config.index.dir), "index")
    return {
        "index": index.fingerprint,
        "fusion": index.settings.get("fusion"),
        "embedder": asdict(config.embedder) | {"model": model_identity(config.embedder.model)},
        "retriever": {
            **asdict(config.retriever),
            "reranker": model_identity(config.retriever.reranker),
        },
        "generator": {
            **asdict(generator),
            "model": model_identity(generator.model),
            "adapter": model_identity(generator.adapter),
        },
        "grounding": {
            **asdict(grounding),
            "reader": reader_identity(grounding.reader),
            "verifier": model_identity(grounding.verifier),
        },
    }


def calibrations(systems: Sequence[System]) -> dict[str, str]:
    """The fingerprint of each system's calibration; "" for a system that has none of its own.

    Raises:
        ConfigError: the calibrations that are kept with an index cannot be read.
    """
    embedders: list[tuple[object, Embedder]] = []
    found = {}
    for system in systems:
        key = calibration_key(system.config, share_embedder(system.config, embedders).fingerprint)
        own = load_calibration(Path(system.config.index.dir), key)
        found[system.name] = fingerprint(asdict(own)) if own else ""
    return found
