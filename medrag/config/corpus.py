"""`corpus` and `chunking`: which documents to read, and how to cut them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from os import PathLike, fspath

from .checks import at_least, coerce_enums, positive, require


class Ocr(StrEnum):
    """What reads pages that are pictures; `auto` is RapidOCR, else Tesseract, if installed."""

    auto = "auto"
    off = "off"
    tesseract = "tesseract"  # the program, e.g. from the Debian package tesseract-ocr
    rapidocr = "rapidocr"  # the Python package


@dataclass
class FieldsConfig:
    """Names of JSONL and CSV fields; an empty name takes the first of the usual ones.

    If `text` is empty, a field `question` is read as the question that the text answers.
    """

    text: str = ""  # usual: text, contents, abstract, body, answer
    title: str = ""  # usual: title
    id: str = ""  # usual: id, _id, pmid
    url: str = ""  # usual: url


def path_list(given: object) -> list[str]:
    """One path, or any number of them, as a list of texts.

    Raises:
        ConfigError: something else was given.
    """
    paths = [given] if isinstance(given, str | PathLike) else given
    named = [*paths] if isinstance(paths, Iterable) and not isinstance(paths, bytes) else [None]
    texts = [fspath(path) for path in named if isinstance(path, str | PathLike)]
    right = len(texts) == len(named) and all(texts)
    require(right, "corpus.paths", given, "give a path or URL, or a list of them")
    return texts


@dataclass
class CorpusConfig:
    """Which documents are read, and within which limits."""

    # Files, directories or https:// URLs; one may be given as it is, without a list.
    paths: list[str] = field(default_factory=list)
    fields: FieldsConfig = field(default_factory=FieldsConfig)
    strict: bool = False  # True: an unusable document stops the build
    max_document_mb: int = 200  # largest PDF, DOCX or HTML file, in megabytes
    max_archive_mb: int = 20_000  # largest .zip or .tar, unpacked, in megabytes
    workers: int = 0  # parser processes; 0: one per CPU core, less one, 8 at most
    max_parser_mb: int = 1024  # memory of a parser process, in megabytes; Linux only
    max_parser_seconds: float = 120.0  # seconds a parser process may go without output
    ocr: Ocr = Ocr.auto  # engine for PDF pages without a text layer

    def __post_init__(self) -> None:
        coerce_enums(self)
        self.paths = path_list(self.paths)
        at_least(1, "corpus", self, "max_document_mb", "max_archive_mb")
        at_least(0, "corpus", self, "workers")
        at_least(64, "corpus", self, "max_parser_mb")
        positive("corpus", self, "max_parser_seconds")


@dataclass
class ChunkingConfig:
    """How text is cut into chunks."""

    max_tokens: int = 256  # in embedder tokens, including title and special tokens

    def __post_init__(self) -> None:
        at_least(32, "chunking", self, "max_tokens")
