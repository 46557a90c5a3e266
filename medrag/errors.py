"""The exception tree: every error a user can cause says what, where and how to mend it."""

from __future__ import annotations


class MedragError(Exception):
    """Base of all errors medrag raises on purpose; a stage prints it as one line and exits 2."""


class ConfigError(MedragError):
    """A setting is unknown, has the wrong type, or contradicts another."""


class CorpusError(MedragError):
    """The corpus as a whole cannot be used: a path is missing, or nothing in it could be read."""


class DocumentError(MedragError):
    """One document cannot be used. A build quarantines it unless `corpus.strict=true`."""


class ArtefactError(MedragError):
    """An artefact directory is missing, damaged, or not what its manifest says."""


class MismatchError(ArtefactError):
    """Two artefacts that must belong together do not; the message names both sides."""


class FormatError(MismatchError):
    """An artefact is sound, but of a format that this version does not read."""


class BusyError(ArtefactError):
    """Another process is building into the same directory."""


class DiskError(ArtefactError):
    """The disk is full, or may not be written; what was committed before is whole."""


class QuestionError(MedragError):
    """A question, or a file of questions, cannot be used."""


class ModelError(MedragError):
    """Model weights are missing, altered, or of a kind that cannot be loaded here."""


class PreflightError(MedragError):
    """A training run cannot start on this machine; the message lists what is missing."""


class HttpError(MedragError):
    """An HTTP request failed for good.

    `status` is the last HTTP status seen, or None when no response arrived.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
