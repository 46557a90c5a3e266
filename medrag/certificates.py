"""Certificates: what an answer rests on, in a file that `medrag.verify` checks later."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import __version__
from .config import GeneratorKind, GroundingConfig, IndexConfig
from .decoding import decoded, each_once
from .embedding.cache.redis import without_secrets
from .errors import ArtefactError, DiskError, FormatError, MedragError, MismatchError
from .manifest import atomic_write, model_identity
from .stores import Counts, IndexReader, open_store
from .types import Answer, AnswerSentence, AnswerStatus, Citation

if TYPE_CHECKING:
    from .pipeline import RAGPipeline

KIND = "answer certificate"
SCHEMA = 1
_LARGEST = 8_000_000  # bytes; a file that is larger is no certificate


@dataclass(frozen=True, slots=True)
class Source:
    """A cited span; see `Citation`.

    Attributes:
        sha256: of `text`, in UTF-8.
        document_sha256: of the whole cleaned text of the document, in UTF-8.
    """

    marker: int
    document: str
    title: str
    url: str
    start: int
    end: int
    page: int | None
    section: str
    flags: tuple[str, ...]
    text: str
    sha256: str
    document_sha256: str


@dataclass(frozen=True, slots=True)
class Opposing:
    """A span that says otherwise than a statement of the answer; see `Contradiction`."""

    statement: str
    reason: str
    source: Source


@dataclass(frozen=True, slots=True)
class Passage:
    """A retrieved chunk: its place, and the SHA-256 of its text."""

    document: str
    start: int
    end: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Model:
    """A model that was used.

    Attributes:
        name: a folder (relative to the certificate in its file, absolute in memory), a hub id, or
            the name on a server.
        weights: of a folder, the hash in its `model_identity`; "" otherwise.
    """

    name: str
    weights: str


@dataclass(frozen=True, slots=True)
class IndexRecord:
    """The index that was asked.

    Attributes:
        location: its directory; relative and absolute as in `Model.name`.
        generation: None if another one was published before the certificate was made.
        embedder: name of the embedder that it was made with.
    """

    location: str
    fingerprint: str
    generation: int | None
    counts: Counts
    embedder: str
    embedder_fingerprint: str


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that decide an answer, without secrets."""

    retriever: Mapping[str, Any]
    generator: Mapping[str, Any]
    grounding: GroundingConfig


@dataclass(frozen=True, slots=True)
class Risk:
    """How sure the answer had to be, and what is known about answers that are as sure.

    Attributes:
        threshold: the confidence from which on answers were shown.
        wrong: the share of wrong answers among those of the calibration that were as sure or
            surer; None if none was.
        calibrated_on: the questions of the calibration; for people.
        is_own: False if it was fitted for another embedder or reader.
    """

    threshold: float
    wrong: float | None
    calibrated_on: str
    is_own: bool


@dataclass(frozen=True, slots=True)
class Certificate:
    """What an answer rests on.

    Attributes:
        created_at: UTC, ISO 8601.
        status, …, stance: as in `Answer`.
        statements: all that were written, also those that were removed from the answer.
        contradicting: what was found against the answer.
        hits: the retrieved chunks, best first.
        generator: its kind, or the class of a generator that was passed to `RAGPipeline`.
        models: those that have a name, by role: embedder, generator, adapter, reranker,
            reader, verifier.
    """

    package_version: str
    created_at: str
    question: str
    answer: str
    status: AnswerStatus
    abstained: bool
    confidence: float
    risk: Risk
    missing: tuple[str, ...]
    warnings: tuple[str, ...]
    stance: str
    statements: tuple[AnswerSentence, ...]
    sources: tuple[Source, ...]
    contradicting: tuple[Opposing, ...]
    hits: tuple[Passage, ...]
    index: IndexRecord
    generator: str
    models: Mapping[str, Model]
    settings: Settings

    @property
    def all_sources(self) -> tuple[Source, ...]:
        """The spans that the answer cites, and those that contradict it."""
        return (*self.sources, *(one.source for one in self.contradicting))


def text_sha256(text: str) -> str:
    """SHA-256 of a text in UTF-8, in hexadecimal digits."""
    return sha256(text.encode("utf-8", "replace")).hexdigest()


def generation_of(where: IndexConfig, index: IndexReader) -> int | None:
    """The generation that an opened index shows; None if another was published since."""
    manifest = open_store(where).manifest()
    return manifest.generation if manifest.fingerprint == index.fingerprint else None


# --- making one -----------------------------------------------------------------------------------


def certify(rag: RAGPipeline, answer: Answer) -> Certificate:
    """The certificate of an answer that this pipeline has just given; also of an abstention.

    Raises:
        MismatchError: the index that the pipeline now has open does not hold what the answer names.
        ArtefactError: the index is damaged.
    """
    config, index = rag.config, rag.index
    document_text = cache(index.document_text)

    def checked(document: str, start: int, end: int, text: str) -> str:
        whole = document_text(document)
        if whole is None or whole[start:end] != text:
            raise MismatchError(
                f"{index.location} has changed since the answer was given: {document} does not say "
                "the same any more; ask again"
            )
        return whole

    def source(one: Citation) -> Source:
        whole = checked(one.document, one.start, one.end, one.text)
        return Source(
            one.marker, one.document, one.title, one.url, one.start, one.end, one.page, one.section,
            one.flags, one.text, text_sha256(one.text), text_sha256(whole),
        )  # fmt: skip

    for hit in answer.hits:
        checked(hit.document, hit.start, hit.end, hit.text)
    generator = asdict(config.generator)
    del generator["api_key_env"]
    generator["base_url"] = without_secrets(config.generator.base_url)
    return Certificate(
        package_version=__version__,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        question=answer.question,
        answer=answer.answer,
        status=answer.status,
        abstained=answer.abstained,
        confidence=answer.confidence,
        risk=_risk(rag, answer.confidence),
        missing=answer.missing,
        warnings=answer.warnings,
        stance=answer.stance,
        statements=answer.sentences,
        sources=tuple(map(source, answer.sources)),
        contradicting=tuple(
            Opposing(one.statement, one.reason, source(one.source)) for one in answer.contradicting
        ),
        hits=tuple(
            Passage(hit.document, hit.start, hit.end, text_sha256(hit.text)) for hit in answer.hits
        ),
        index=IndexRecord(
            str(Path(index.location).resolve()),
            index.fingerprint,
            generation_of(config.index, index),
            index.counts,
            index.embedder.name,
            index.embedder.fingerprint,
        ),
        generator=rag.generator_name,
        models=_models(rag),
        settings=Settings(asdict(config.retriever), generator, replace(config.grounding)),
    )


def _risk(rag: RAGPipeline, confidence: float) -> Risk:
    calibration, is_own = rag.calibration
    wrong = calibration.risk(confidence)
    return Risk(rag.threshold, wrong, calibration.questions, is_own)


def _models(rag: RAGPipeline) -> dict[str, Model]:
    config = rag.config
    names = {
        "embedder": rag.index.embedder.model,
        "reranker": config.retriever.reranker,
        "reader": config.grounding.reader,
        "verifier": config.grounding.verifier,
    }
    if rag.generator_name in (GeneratorKind.hf, GeneratorKind.openai):
        names |= {"generator": config.generator.model, "adapter": config.generator.adapter}
    return {role: _model(name) for role, name in names.items() if name}


def _model(name: str) -> Model:
    if not Path(name).is_dir():
        return Model(name, "")
    return Model(str(Path(name).resolve()), model_identity(name).rpartition("@")[2])


# --- writing and reading --------------------------------------------------------------------------


def write(path: Path, certificate: Certificate) -> None:
    """Write a certificate as JSON, atomically, with a SHA-256 over its whole content.

    What is no character (half of one, from a model's reply) is written as "?".

    Raises:
        DiskError: the file cannot be written.
    """
    if path.is_dir():
        raise DiskError(f"{path} is a directory; name a file for the certificate")
    folder = path.parent.resolve()
    moved = _with_paths(certificate, lambda place: os.path.relpath(Path(place).resolve(), folder))
    content = {"kind": KIND, "schema": SCHEMA, **asdict(moved)}
    text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    content = json.loads(text.encode("utf-8", "replace"))
    content["sha256"] = _digest(content)
    try:
        atomic_write(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    except OSError as error:
        raise DiskError(f"{path} cannot be written ({error.strerror}); choose another") from error


def read(path: Path) -> tuple[Certificate, bool]:
    """Read a certificate.

    Returns:
        The certificate, and whether its content is the one that was written. Whoever edits a
        certificate can also compute its SHA-256 again: it is no signature.

    Raises:
        ArtefactError: the file cannot be read, or is no certificate.
        FormatError: another version of medrag wrote it.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise ArtefactError(f"{path} cannot be read ({error.strerror})") from error
    try:
        if len(data) > _LARGEST:
            raise ValueError(f"it is larger than {_LARGEST:,} bytes")
        content = json.loads(data, object_pairs_hook=each_once)
        if not isinstance(content, dict) or content.get("kind") != KIND:
            raise ValueError(f'its "kind" is not "{KIND}"')
        if content.get("schema") != SCHEMA:
            raise FormatError(
                f"{path} is a certificate in another format than {SCHEMA}, which medrag "
                f"{__version__} reads; ask again, or check it with the version that wrote it"
            )
        recorded = content.pop("sha256", None)
        intact = recorded == _digest(content)
        certificate: Certificate = decoded(Certificate, content)
    except RecursionError as error:
        raise ArtefactError(f"{path} is no certificate: it is nested too deeply") from error
    except FormatError:
        raise
    except (ValueError, MedragError) as error:
        raise ArtefactError(f"{path} is no certificate: {error}") from error
    folder = path.parent.resolve()
    return _with_paths(certificate, lambda place: os.path.normpath(folder / place)), intact


def _with_paths(certificate: Certificate, change: Callable[[str], str]) -> Certificate:
    """The certificate with other paths of its index and of its models' folders."""
    index = replace(certificate.index, location=change(certificate.index.location))
    models = {
        role: replace(model, name=change(model.name)) if model.weights else model
        for role, model in certificate.models.items()
    }
    return replace(certificate, index=index, models=models)


def _digest(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()
