"""From one file to documents: finds the reader for a suffix and turns its failures into reasons."""

from __future__ import annotations

import stat
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from ...config import CorpusConfig
from ...errors import DocumentError
from ...text.cleaning import clean_text
from ...types import Block, Document, Rejected
from .reader import MEGABYTE, bounded, one_line, readable_stem

SUFFIXES = (
    *(".txt", ".md", ".html", ".htm", ".jsonl", ".csv"),
    *(".pdf", ".docx", ".xml", ".xml.gz", ".nxml"),
)  # what can be read; case does not matter
_NO_TEXT = "no text"


def read_documents(
    path: Path, document_id: str, corpus: CorpusConfig
) -> Iterator[Document | Rejected]:
    """Yield the documents of one file, and what in it cannot be used with the reason.

    A file that is one document yields a Document of id `document_id`; rows of JSONL and CSV have
    the id `document_id#ROW`, PubMed articles `PMID:n`. What is found wrong before the first text
    is a Rejected; what is found midway raises DocumentError out of the document's `blocks`.
    Read a document's blocks before asking for the next document.

    Args:
        path: the file.
        document_id: the file's id: its posix path in the corpus.
        corpus: field names of rows and the size limit for PDF, DOCX, HTML and JATS.
    """
    name = path.name + ": "
    count = 0
    try:
        for item in _read(path, document_id, corpus):
            count += 1
            yield _checked(item, path) if isinstance(item, Document) else item
        if not count:
            yield Rejected(document_id, _NO_TEXT)
    except DocumentError as error:
        yield Rejected(document_id, str(error).removeprefix(name))


def _read(path: Path, document_id: str, corpus: CorpusConfig) -> Iterator[Document | Rejected]:
    """Call the reader that the suffix asks for."""
    suffix = _suffix(path)
    if not suffix:
        raise DocumentError(f"{path.name}: unknown suffix; readable are {' '.join(SUFFIXES)}")
    try:
        info = path.stat()
        if not stat.S_ISREG(info.st_mode):  # opening a pipe would wait for ever
            raise DocumentError(f"{path.name}: not a regular file")
        path.open("rb").close()  # a forbidden file fails here, whatever its format
    except OSError as error:
        why = error.strerror or str(error)
        raise DocumentError(f"{path.name}: cannot be opened: {why}") from error
    if not info.st_size:
        raise DocumentError(f"{path.name}: {_NO_TEXT}")
    limit = corpus.max_document_mb

    def check_size() -> None:
        if info.st_size > limit * MEGABYTE:
            size = f"{info.st_size / MEGABYTE:.1f} MB"
            raise DocumentError(f"{path.name}: {size}, above corpus.max_document_mb={limit}")

    if suffix in (".txt", ".md"):
        from . import text

        yield text.read(path, document_id, markdown=suffix == ".md")
    elif suffix == ".jsonl":
        from . import rows

        yield from rows.read_jsonl(path, document_id, corpus.fields)
    elif suffix == ".csv":
        from . import rows

        yield from rows.read_csv(path, document_id, corpus.fields)
    elif suffix in (".html", ".htm"):
        from . import html

        check_size()
        yield html.read(path, document_id)
    elif suffix == ".pdf":
        from . import pdf

        check_size()
        yield pdf.read(path, document_id)
    elif suffix == ".docx":
        from . import docx

        check_size()
        yield docx.read(path, document_id, limit)
    else:
        from . import jats, pubmed
        from .xml import root_tag

        root = root_tag(path)
        if root == "PubmedArticleSet":
            yield from pubmed.read(path, document_id)
        elif root == "article":
            check_size()
            yield jats.read(path, document_id)
        else:
            raise DocumentError(
                f"{path.name}: XML root is <{root}>; readable are <PubmedArticleSet> (PubMed) "
                "and <article> (JATS)"
            )


def _suffix(path: Path) -> str:
    """Return the known suffix that `path` ends with, lower case, or ""."""
    name = path.name.lower()
    return next((suffix for suffix in reversed(SUFFIXES) if name.endswith(suffix)), "")


def _checked(document: Document, path: Path) -> Document | Rejected:
    """Return the document once it has shown some text, its blocks bounded and its title in shape.

    Raises:
        DocumentError: reading up to the first text failed.
    """
    blocks = bounded(document.blocks)
    for first in blocks:
        if clean_text(first.text):
            title = one_line(document.title) or readable_stem(path)
            return replace(document, title=title, blocks=_resumed(first, blocks))
    return Rejected(document.id, _NO_TEXT)


def _resumed(first: Block, rest: Iterable[Block]) -> Generator[Block, None, None]:
    """Yield a block that was looked at ahead of time, then the others."""
    yield first
    yield from rest
