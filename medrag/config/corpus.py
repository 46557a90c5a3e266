"""`corpus` and `chunking`: which documents are read, and how long a chunk is."""

from __future__ import annotations

from dataclasses import dataclass, field

from .checks import at_least, require


@dataclass
class FieldsConfig:
    """Names of the JSONL and CSV fields; an empty name means the usual ones are tried in turn."""

    text: str = ""  # else text, contents, abstract, body
    title: str = ""  # else title
    id: str = ""  # else id, _id, pmid
    url: str = ""  # else url


@dataclass
class CorpusConfig:
    """What is read."""

    paths: list[str] = field(default_factory=list)  # files, directories or https:// URLs
    fields: FieldsConfig = field(default_factory=FieldsConfig)
    strict: bool = False  # True: the first unusable document is an error
    max_document_mb: int = 200  # megabytes a single PDF, DOCX or HTML file may have
    max_archive_mb: int = 20_000  # megabytes the files in a .zip or .tar may have together
    workers: int = 0  # processes that parse; 0: one for each CPU core but one, 8 at most
    max_parser_mb: int = 1024  # megabytes one of them may take for a document; needs Linux
    max_parser_seconds: float = 120.0  # the longest it may go without giving anything

    def __post_init__(self) -> None:
        given: object = self.paths  # from Python it may be anything
        require(
            not isinstance(given, str) and all(str(path) for path in self.paths),
            "corpus.paths",
            self.paths,
            "give a list of files, directories or URLs",
        )
        at_least(1, "corpus", self, "max_document_mb", "max_archive_mb")
        at_least(0, "corpus", self, "workers")
        at_least(64, "corpus", self, "max_parser_mb")
        require(
            self.max_parser_seconds > 0,
            "corpus.max_parser_seconds",
            self.max_parser_seconds,
            "give seconds above 0",
        )


@dataclass
class ChunkingConfig:
    """How cleaned text becomes chunks."""

    max_tokens: int = 256  # embedder tokens, title and special tokens counted in

    def __post_init__(self) -> None:
        at_least(32, "chunking", self, "max_tokens")
