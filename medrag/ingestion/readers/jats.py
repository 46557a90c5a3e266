"""Reads JATS articles (PMC .nxml): title, abstract and body, with sections, tables and captions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from ...errors import DocumentError
from ...types import Block, Document
from .reader import HeadingPath, one_line
from .xml import elements, spoken

_ARTICLE_LIMIT = 1 << 40  # bytes; the caller has looked at the file's size already
_FORMULAS = {"disp-formula", "inline-formula", "tex-math", "math", "disp-formula-group"}
_SILENT = _FORMULAS | {"object-id", "alternatives", "graphic", "media", "permissions", "ref-list"}
_SILENT |= {"alt-text", "long-desc", "sec-meta", "kwd-group", "subj-group"}
_BLOCKS = {"p", "sec", "list", "def-list", "table-wrap", "table-wrap-group", "fig", "fig-group"}
_BLOCKS |= {"boxed-text", "disp-quote", "attrib", "preformat", "verse-group", "statement"}
_BLOCKS |= {"speech", "supplementary-material", "fn"}
_APART = _SILENT | _BLOCKS  # what no running text goes on through
_MARKS = _APART | {"xref", "contrib-group"}  # hang on titles and names
_FLOAT_PARTS = {"label", "caption", "table", "table-wrap-foot"}


def read(path: Path, document_id: str) -> Document:
    """Return the article; citation marks stay in its text, formulas and references do not.

    A part of a kind not known here is read all the same: its text, then the parts in it.

    Raises:
        DocumentError: as `safe_xml.elements`, or there is no article in the file.
    """
    article = next(elements(path, "article", limit=_ARTICLE_LIMIT), None)
    if article is None:
        raise DocumentError(f"{path.name}: no <article> in it")
    front = article.find("front/article-meta")
    front = Element("article-meta") if front is None else front
    metadata = _metadata(article, front)
    pmcid, doi = metadata.get("pmcid"), metadata.get("doi")
    url = f"https://pmc.ncbi.nlm.nih.gov/articles/{pmcid}/" if pmcid else ""
    return Document(
        id=document_id,
        title=_title(front),
        blocks=_blocks(article, front),
        url=url or (f"https://doi.org/{doi}" if doi else ""),
        metadata=metadata,
    )


def _metadata(article: Element, front: Element) -> dict[str, Any]:
    ids = {one.get("pub-id-type", ""): _inline(one) for one in front.iterfind("article-id")}
    pmc = ids.get("pmcid") or ids.get("pmc") or ids.get("pmcaid") or ""
    years = [_inline(year) for year in front.iterfind("pub-date/year")]
    contributors = front.iterfind("contrib-group/contrib")
    authors = [one for one in contributors if one.get("contrib-type", "author") == "author"]
    found = {
        "pmid": ids.get("pmid", ""),
        "pmcid": f"PMC{pmc.removeprefix('PMC')}" if pmc else "",
        "doi": ids.get("doi", ""),
        "journal": _inline(article.find("front/journal-meta//journal-title")),
        # The earliest: an article appears on the web first and in an issue later.
        "year": min((int(year) for year in years if re.fullmatch(r"\d{4}", year)), default=None),
        "authors": [name for author in authors if (name := _name(author))],
        "keywords": [_inline(word) for word in front.iterfind("kwd-group/kwd")],
    }
    return {key: value for key, value in found.items() if value}


def _title(front: Element) -> str:
    """Return title and subtitle, without the marks of their footnotes."""
    title = ""
    for part in front.iterfind("title-group/*"):
        if part.tag in ("article-title", "subtitle") and (words := _inline(part, _MARKS)):
            title += (" " if title[-1:] in ":.?!" else ": ") + words  # "" is in any text
    return title.strip()


def _name(author: Element) -> str:
    """Return "Ann Doe", from `name` or `string-name` and among alternatives the first; or a group.

    A group's members stand inside it and are not the author.
    """
    first, last = _own(author, "given-names"), _own(author, "surname")
    name = one_line(f"{_inline(first)} {_inline(last)}")
    if name:
        return name
    whole = _own(author, "string-name")
    whole = _own(author, "collab") if whole is None else whole
    return _inline(whole, _MARKS)


def _own(author: Element, tag: str) -> Element | None:
    """Return the first `tag` below an author, but not one of the members of a group."""
    for child in author:
        found = child if child.tag == tag else None
        if found is None and child.tag != "contrib-group":
            found = _own(child, tag)
        if found is not None:
            return found
    return None


def _blocks(article: Element, front: Element) -> Iterator[Block]:
    path = HeadingPath()
    for abstract in front.iterfind("abstract"):
        path.enter(1, _inline(abstract.find("title")) or "Abstract")
        yield from _children(abstract, path, 1)
    path.leave(1)
    for tag in ("body", "floats-group"):
        part = article.find(tag)
        if part is not None:
            yield from _children(part, path, 0)
            path.leave(1)


def _children(parent: Element, path: HeadingPath, level: int) -> Iterator[Block]:
    """Yield the blocks of a section's children; `level` counts the sections around them."""
    for child in parent:
        if child.tag not in _SILENT and child.tag not in ("title", "label"):
            yield from _block(child, path, level)


def _block(element: Element, path: HeadingPath, level: int) -> Iterator[Block]:
    """Yield what a part of a section says; one of no known kind is its text, then its parts."""
    parts: Iterable[Element] = ()
    if element.tag == "sec":
        heading = _inline(element.find("title"))
        if heading:
            path.enter(level + 1, heading)
            yield Block(heading, section=str(path))
        yield from _children(element, path, level + 1)
        path.leave(level + 1)
        return
    if element.tag in ("list", "def-list"):
        text = "\n".join(line for line in map(_item, element) if line)
    elif element.tag in ("table-wrap", "fig"):
        text = "\n".join(line for line in _float(element) if line)
        parts = [child for child in element if child.tag not in _SILENT | _FLOAT_PARTS]
    elif element.tag == "preformat":
        text = spoken(element, _SILENT)
    elif element.tag == "fn":
        text = _inline(element, _SILENT)
    else:
        text = _inline(element)
        parts = _blocks_in(element)
    yield Block(text, section=str(path))
    for part in parts:
        yield from _block(part, path, level)


def _item(item: Element) -> str:
    """Return an item of a list as a line, or the list's own title."""
    if item.tag == "list-item":
        text = _inline(item, _FORMULAS)
    elif item.tag == "def-item":
        meanings = [_inline(meaning, _FORMULAS) for meaning in item.iterfind("def")]
        text = ": ".join(filter(None, (_inline(item.find("term")), " ".join(meanings))))
    else:
        return _inline(item, _FORMULAS)
    return f"- {text}" if text else ""


def _float(element: Element) -> Iterator[str]:
    """Yield the lines of a table or figure: label and caption, rows, footnotes."""
    label = _inline(element.find("label"))
    parts = [_inline(part, _SILENT) for caption in element.iterfind("caption") for part in caption]
    # "Table 1. Baseline. n = 20 in each group."
    yield " ".join([f"{label.rstrip('.')}." if label else "", *parts]).strip()
    for child in element:
        if child.tag in ("table", "alternatives"):
            yield from map(_row, child.iter("tr"))
        elif child.tag == "table-wrap-foot":
            yield _inline(child)
            for note in _blocks_in(child):
                yield _inline(note, _SILENT)


def _row(row: Element) -> str:
    cells = [_inline(cell, _SILENT) for cell in row if cell.tag in ("td", "th")]
    return " | ".join(cells) if any(cells) else ""


def _blocks_in(element: Element) -> Iterator[Element]:
    """Yield the parts of an element that are blocks of their own, outermost ones only."""
    for child in element:
        if child.tag in _BLOCKS:
            yield child
        elif child.tag not in _SILENT:
            yield from _blocks_in(child)


def _inline(element: Element | None, silent: set[str] = _APART) -> str:
    """Return an element's running text on one line, without the parts in `silent`."""
    return "" if element is None else re.sub(r"\s+", " ", spoken(element, silent)).strip()
