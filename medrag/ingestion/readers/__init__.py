"""Reads one file as documents: the table of formats, and what every reader's output goes through.

To add a format, write a module with a `read` function as in `Reader` and add a line to `FORMATS`.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import NamedTuple, cast

from ...config import CorpusConfig
from ...errors import DocumentError
from ...text.cleaning import clean_text
from ...types import Block, Deleted, Document, Rejected
from ..files import MEGABYTE, split_text
from .reader import Reader, Source, one_line

BLOCK_LIMIT = 1 << 16  # the most characters in a block
_NO_TEXT = "no text"


class Format(NamedTuple):
    """One line of the table.

    Attributes:
        module: the module in this package that reads it, a `Reader`; imported when it is needed.
        suffixes: in lower case; the case of a file's name does not matter.
        root: the root element, which tells XML formats with the same suffixes apart.
        streamed: True if memory does not grow with the file. `corpus.max_document_mb` limits the
            size of all other files.
    """

    module: str
    suffixes: tuple[str, ...]
    root: str = ""
    streamed: bool = False


_XML = (".xml", ".xml.gz", ".nxml")
FORMATS = (
    Format("text", (".txt",), streamed=True),
    Format("markdown", (".md",), streamed=True),
    Format("html", (".html", ".htm")),
    Format("rows", (".jsonl", ".csv", ".tsv"), streamed=True),
    Format("pdf", (".pdf",)),
    Format("docx", (".docx",)),
    Format("pubmed", _XML, root="PubmedArticleSet", streamed=True),
    Format("jats", _XML, root="article"),
    Format("jats", _XML, root="pmc-articleset", streamed=True),
    Format("jats", _XML, root="articles", streamed=True),
    Format("jats", _XML, root="OAI-PMH", streamed=True),
    Format("jats", _XML, root="GetRecord", streamed=True),
    Format("jats", _XML, root="ListRecords", streamed=True),
)
SUFFIXES = tuple(dict.fromkeys(suffix for format_ in FORMATS for suffix in format_.suffixes))


def read_documents(
    path: Path, document_id: str, corpus: CorpusConfig, alive: Callable[[], None] = lambda: None
) -> Iterator[Document | Rejected | Deleted]:
    """Yield the documents of one file, and a Rejected with the reason for each unusable one.

    If the file is one document, its id is `document_id`. Rows of JSONL and CSV files have the id
    `document_id#ROW`, PubMed articles `PMID:n`, articles of a JATS collection `document_id#PMCID`
    (or PMID, DOI, number). Errors before a document's first text give a
    Rejected; later ones raise DocumentError from the document's `blocks`. Read the blocks of a
    document before asking for the next document.

    Args:
        path: the file.
        document_id: the file's id: its POSIX path in the corpus.
        corpus: field names of rows, and the size limit for files that are held in memory.
        alive: called now and then by a reader that may take long between two blocks.
    """
    name = path.name.lower()
    suffix = next((suffix for suffix in SUFFIXES if name.endswith(suffix)), "")
    source = Source(path, document_id, suffix, corpus, alive)
    items = 0
    try:
        for item in _read(source):
            items += 1
            yield _checked(item, source) if isinstance(item, Document) else item
        if not items:
            yield Rejected(document_id, _NO_TEXT)
    except DocumentError as error:
        yield Rejected(document_id, str(error).removeprefix(f"{path.name}: "))


def _read(source: Source) -> Iterator[Document | Rejected | Deleted]:
    """Check the file, then run its reader."""
    if not source.suffix:
        raise source.error(f"unknown suffix; medrag reads {' '.join(SUFFIXES)}")
    try:
        info = source.path.stat()
        if not stat.S_ISREG(info.st_mode):  # opening a pipe would wait forever
            raise source.error("not a regular file")
        source.path.open("rb").close()  # an unreadable file fails here, whatever its format
    except OSError as error:
        raise source.error(f"cannot be opened: {error.strerror or error}") from error
    if not info.st_size:
        raise source.error(_NO_TEXT)
    format_ = _format(source)
    limit = source.corpus.max_document_mb
    if not format_.streamed and info.st_size > limit * MEGABYTE:
        size = f"{info.st_size / MEGABYTE:.1f} MB"
        raise source.error(f"{size}, above corpus.max_document_mb={limit}")
    reader = cast(Reader, import_module(f".{format_.module}", __name__))
    yield from reader.read(source)


def _format(source: Source) -> Format:
    """Return the format of a file, by its suffix and, for XML, by its root element."""
    formats = [format_ for format_ in FORMATS if source.suffix in format_.suffixes]
    if not formats[0].root:
        return formats[0]
    from .xml import root_tag

    found = root_tag(source)
    for format_ in formats:
        if format_.root == found:
            return format_
    first = {format_.module: format_.root for format_ in reversed(formats)}
    known = " and ".join(f"<{root}> ({module})" for module, root in reversed(first.items()))
    raise source.error(f"XML root is <{found}>; medrag reads {known}")


def _checked(document: Document, source: Source) -> Document | Rejected:
    """Return the document with a title and bounded blocks, once its first text has been read.

    Raises:
        DocumentError: reading up to the first text failed.
    """
    blocks = _bounded(document.blocks)
    for first in blocks:
        if clean_text(first.text):
            title = one_line(document.title) or source.title
            return replace(document, title=title, blocks=chain((first,), blocks))
    return Rejected(document.id, _NO_TEXT)


def _bounded(blocks: Iterable[Block]) -> Iterator[Block]:
    """Yield the blocks, with those longer than `BLOCK_LIMIT` cut into pieces that glue together."""
    for block in blocks:
        if len(block.text) <= BLOCK_LIMIT:
            yield block
            continue
        glue = block.glue
        for piece in split_text(block.text, BLOCK_LIMIT):
            yield replace(block, text=piece, glue=glue)
            glue = "\n\n" if piece.endswith("\n\n") else " " if piece[-1].isspace() else ""
