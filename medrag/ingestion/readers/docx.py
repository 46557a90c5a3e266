"""Reads .docx: the body's paragraphs, lists and tables, in reading order."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import DocumentError
from ...types import Block, Document
from .common import MEGABYTE, HeadingPath, one_line, readable_stem

if TYPE_CHECKING:
    from docx.document import Document as WordDocument
    from docx.table import Table
    from docx.text.paragraph import Paragraph

_OLE_MAGIC = b"\xd0\xcf\x11\xe0"  # the container of encrypted .docx and of old .doc files


def read(path: Path, document_id: str, max_mb: int) -> Document:
    """Return the document. Title: its property, else the "Title" line or first heading, else name.

    Page headers, footnotes and text boxes are not read: python-docx does not show them.

    Args:
        max_mb: megabytes that the parts of the file may have together once unpacked.

    Raises:
        DocumentError: not a Word file, encrypted, damaged, or too large unpacked.
    """
    import docx
    from docx.opc.exceptions import OpcError
    from lxml.etree import LxmlError

    try:
        _check_archive(path, max_mb)
        word = docx.Document(str(path))
        paragraphs = ((_level(paragraph), paragraph.text) for paragraph in word.paragraphs)
        title = one_line(word.core_properties.title or "")
        title = title or next((one_line(text) for level, text in paragraphs if level), "")
        author = one_line(word.core_properties.author or "")
        # Read whole here, where what python-docx may raise on a damaged file can be told apart;
        # the file is in memory in any case.
        blocks = list(_blocks(word, title))
    except (OpcError, LxmlError, zipfile.BadZipFile, zlib.error, OSError, EOFError) as error:
        raise DocumentError(f"{path.name}: not a readable Word file ({error})") from error
    except (KeyError, ValueError, AttributeError, NotImplementedError, RecursionError) as error:
        raise DocumentError(f"{path.name}: damaged Word file ({error})") from error
    metadata = {"author": author} if author and author != "python-docx" else {}
    return Document(document_id, title or readable_stem(path), blocks, metadata=metadata)


def _check_archive(path: Path, max_mb: int) -> None:
    """Refuse a file by its zip directory alone, before anything is unpacked.

    The sizes written there bind: Python's zip reader unpacks no more than they say.
    """
    with path.open("rb") as file:
        if file.read(4) == _OLE_MAGIC:
            raise DocumentError(f"{path.name}: encrypted, or an old .doc file; save it as .docx")
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
    if any(part.flag_bits & 1 for part in parts):
        raise DocumentError(f"{path.name}: encrypted")
    unpacked = sum(part.file_size for part in parts) / MEGABYTE
    if unpacked > max_mb:
        raise DocumentError(
            f"{path.name}: unpacks to {unpacked:.0f} MB, above corpus.max_document_mb={max_mb}"
        )


def _blocks(word: WordDocument, title: str) -> Iterator[Block]:
    """Yield headings, paragraphs, runs of list items and tables."""
    from docx.table import Table

    path = HeadingPath()
    items = word.iter_inner_content()
    for is_list, group in groupby(items, lambda i: not isinstance(i, Table) and _is_item(i)):
        if is_list:
            lines = [f"- {one.text.strip()}" for one in group if not isinstance(one, Table)]
            yield Block("\n".join(line for line in lines if line != "- "), section=str(path))
            continue
        for item in group:
            if isinstance(item, Table):
                yield Block("\n".join(_rows(item)), section=str(path))
                continue
            heading = one_line(item.text)
            level = _level(item)
            if level and heading == title:
                path.leave(1)
            elif level and heading:
                path.enter(level, heading)
                yield Block(heading, section=str(path))
            else:
                yield Block(item.text, section=str(path))


def _style(paragraph: Paragraph) -> str:
    return (paragraph.style.name if paragraph.style else None) or ""


def _level(paragraph: Paragraph) -> int:
    """Return a heading's level, 1 for the title line, 0 for text."""
    style = _style(paragraph)
    if style == "Title":
        return 1
    number = style.removeprefix("Heading ")
    return int(number) if number != style and number.isdecimal() else 0


def _is_item(paragraph: Paragraph) -> bool:
    if _level(paragraph):
        return False  # numbered headings carry a list number too
    properties = paragraph._p.pPr  # the public side of python-docx does not tell
    numbered = properties is not None and properties.numPr is not None
    return numbered or _style(paragraph).startswith("List ")


def _rows(table: Table) -> Iterator[str]:
    """Yield a table's rows as "a | b"; a cell merged over columns counts once."""
    for row in table.rows:
        cells = [cell for _, (cell, *_) in groupby(row.cells, lambda cell: cell._tc)]
        texts = [" ".join(cell.text.split()) for cell in cells]
        if any(texts):
            yield " | ".join(texts)
