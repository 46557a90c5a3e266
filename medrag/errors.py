"""The exceptions. Each message says what happened, where, and how to fix it."""

from __future__ import annotations


class MedragError(Exception):
    """Base of all errors that medrag raises on purpose. Stages print it and exit with status 2."""


class ConfigError(MedragError):
    """A setting is unknown, has the wrong type, or contradicts another."""


class CorpusError(MedragError):
    """The corpus cannot be used: a path is missing, or it has no readable document."""


class DocumentError(MedragError):
    """A document cannot be used. A build quarantines it unless `corpus.strict=true`."""


class ArtefactError(MedragError):
    """An index, dataset, model or evaluation is missing or damaged."""


class MismatchError(ArtefactError):
    """Two artefacts do not belong together, such as an index and the embedder that searches it."""


class FormatError(MismatchError):
    """An artefact has a format that this version of medrag does not read."""


class BusyError(ArtefactError):
    """Another process is writing to the same directory."""


class DiskError(ArtefactError):
    """The disk is full or read-only. Everything committed before is intact."""


class QuestionError(MedragError):
    """A question or a question file cannot be used."""


class ModelError(MedragError):
    """A model is missing, damaged, or of a kind that cannot be loaded here."""


class PreflightError(MedragError):
    """A training run cannot start on this machine. The message lists everything that is missing."""


class DivergenceError(MedragError):
    """A training has gone wrong: its loss or its gradient is not finite, or its loss ran away."""


class HttpError(MedragError):
    """An HTTP request failed, and retries did not help.

    Attributes:
        status: the last HTTP status, or None if no response arrived.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
