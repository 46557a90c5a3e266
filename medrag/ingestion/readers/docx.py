"""Reads .docx: the body's headings, paragraphs, lists, tables and text boxes, in reading order."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ...errors import DocumentError
from ...types import Block, Document
from ..processors import clean_text
from .common import MEGABYTE, HeadingPath, one_line, readable_stem
from .word_text import M, W, children, paragraph_text

if TYPE_CHECKING:
    from docx.document import Document as WordDocument
    from lxml.etree import _Element as Element

_OLE_MAGIC = b"\xd0\xcf\x11\xe0"  # the container of encrypted .docx and of old .doc files
_PARAGRAPHS = (W + "p", M + "oMathPara", M + "oMath")  # a formula may also stand by itself


def read(path: Path, document_id: str, max_mb: int) -> Document:
    """Return the document. Title: its property, else the "Title" line or first heading, else name.

    Tracked changes are read as accepted. Not read: page headers and footers, footnotes and
    endnotes, comments, charts and SmartArt, the numbers that Word gives to headings and list
    items, and the table of contents, which repeats the headings.

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
        # Read whole here, where what python-docx may raise on a damaged file can be told apart;
        # the file is in memory in any case.
        items = list(_items(word))
        title = one_line(word.core_properties.title or "")
        author = one_line(word.core_properties.author or "")
    except (OpcError, LxmlError, zipfile.BadZipFile, zlib.error, OSError, EOFError) as error:
        raise DocumentError(f"{path.name}: not a readable Word file ({error})") from error
    except (KeyError, ValueError, AttributeError, NotImplementedError, RecursionError) as error:
        raise DocumentError(f"{path.name}: damaged Word file ({error})") from error
    if title == "Word Document":  # python-docx's own, where the file has no properties
        title = ""
    title = title or next((one_line(item.text) for item in items if item.level), "")
    metadata = {"author": author} if author and author != "python-docx" else {}
    title = title or readable_stem(path)
    return Document(document_id, title, _blocks(items, title), metadata=metadata)


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


class _Item(NamedTuple):
    """A paragraph or a whole table."""

    text: str
    level: int = 0  # of a heading; 1 for the title line, 0 for text
    listed: bool = False  # an item of a list


def _blocks(items: Iterable[_Item], title: str) -> Iterator[Block]:
    """Yield headings, paragraphs, runs of list items and tables."""
    path = HeadingPath()
    for listed, group in groupby(items, lambda item: item.listed):
        if listed:
            yield Block("\n".join(f"- {item.text}" for item in group), section=str(path))
            continue
        for item in group:
            if not item.level:
                yield Block(item.text, section=str(path))
            elif one_line(item.text) != title:
                path.enter(item.level, item.text)
                yield Block(item.text, section=str(path))
            else:  # the title again, not a section of its own
                path.leave(1)
                if item.text != title:  # which is cut where the line is long
                    yield Block(item.text)


def _items(word: WordDocument) -> Iterator[_Item]:
    """Yield what has text. One walk without recursion, whatever the tables are nested in."""
    styles = _style_names(word)
    rows: list[str] = []  # finished rows of the outermost table
    cells: list[list[str]] = []  # the paragraphs of each cell of the row being read
    depth = 0  # tables around this place
    stack: list[tuple[Element, bool]] = [(word.element, False)]
    while stack:
        node, seen = stack.pop()
        if node.tag in _PARAGRAPHS:
            text, boxes = paragraph_text(node)
            if depth:
                cells = cells or [[]]
                cells[-1].append(text)
            else:
                yield from _paragraph(node, text, styles)
            stack.extend((box, False) for box in reversed(boxes))
            continue
        if node.tag == W + "tr":
            # A row inside a cell ends the line of the row around it, which goes on below it.
            texts = [" ".join(" ".join(cell).split()) for cell in cells]
            rows += [" | ".join(texts)] if any(texts) else []
            cells = []
        elif node.tag == W + "tc" and not seen:
            cells.append([])
        elif node.tag == W + "tbl":
            depth += -1 if seen else 1
            if not depth:
                yield _Item("\n".join(rows))
                rows = []
        if not seen:
            stack.append((node, True))
            stack.extend((child, False) for child in reversed(children(node)))


def _paragraph(node: Element, text: str, styles: dict[str, str]) -> Iterator[_Item]:
    """Yield the item that a paragraph outside tables makes; none if it has no text."""
    properties = node.find(W + "pPr")
    named = None if properties is None else properties.find(W + "pStyle")
    style = "" if named is None else styles.get(named.get(W + "val", ""), "")
    number = style.removeprefix("heading ")
    level = 1 if style == "title" else int(number) if number != style and number.isdecimal() else 0
    contents = style == "toc heading" or re.fullmatch(r"toc \d+", style)
    if contents or not clean_text(text):
        return
    if level:  # numbered headings carry a list number too
        yield _Item(" ".join(clean_text(text).split()), level)
        return
    numbered = properties is not None and properties.find(W + "numPr") is not None
    listed = numbered or style.startswith("list ")
    yield _Item(text.strip() if listed else text, listed=listed)


def _style_names(word: WordDocument) -> dict[str, str]:
    """Return the name of each style, lower case and English in any edition of Word, by its id."""
    styles = word.styles.element.iterchildren(W + "style")
    pairs = ((style.get(W + "styleId", ""), style.find(W + "name")) for style in styles)
    return {key: name.get(W + "val", "").lower() for key, name in pairs if name is not None}
