"""Reads JATS articles (PMC .nxml): title, abstract and body, with sections, tables and captions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from ...errors import DocumentError
from ...types import Block, Document
from .common import HeadingPath, one_line
from .safe_xml import elements

_ARTICLE_LIMIT = 1 << 40  # bytes; the caller has looked at the file's size already
_FORMULAS = {"disp-formula", "inline-formula", "tex-math", "math", "disp-formula-group"}
_SILENT = _FORMULAS | {"object-id", "alternatives", "graphic", "media", "permissions", "fn"}
_FLOATS = {"table-wrap", "fig", "boxed-text", "list", "def-list", "disp-quote", "fig-group"}


def read(path: Path, document_id: str) -> Document:
    """Return the article; citation marks stay in its text, formulas and references do not.

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
        title=_inline(front.find("title-group/article-title")),
        blocks=_blocks(article, front),
        url=url or (f"https://doi.org/{doi}" if doi else ""),
        metadata=metadata,
    )


def _metadata(article: Element, front: Element) -> dict[str, Any]:
    ids = {one.get("pub-id-type", ""): _inline(one) for one in front.iterfind("article-id")}
    pmc = ids.get("pmcid") or ids.get("pmc") or ids.get("pmcaid") or ""
    years = [_inline(year) for year in front.iterfind("pub-date/year")]
    authors = front.iterfind("contrib-group/contrib[@contrib-type='author']")
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


def _name(author: Element) -> str:
    first, last = author.find("name/given-names"), author.find("name/surname")
    return one_line(f"{_inline(first)} {_inline(last)}") or _inline(author.find("collab"))


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
        if child.tag == "sec":
            heading = _inline(child.find("title"))
            if heading:
                path.enter(level + 1, heading)
                yield Block(heading, section=str(path))
            yield from _children(child, path, level + 1)
            path.leave(level + 1)
        elif child.tag in _FLOATS:
            yield from _float(child, path, level)
        elif child.tag == "p":
            yield Block(_inline(child), section=str(path))
            for inner in _floats_in(child):
                yield from _float(inner, path, level)


def _float(element: Element, path: HeadingPath, level: int) -> Iterator[Block]:
    """Yield a table, figure, list, box or quotation."""
    if element.tag == "list":
        items = [_inline(item, _FORMULAS) for item in element.iterfind("list-item")]
        text = "\n".join(f"- {item}" for item in items if item)
    elif element.tag == "def-list":
        pairs = [
            (_inline(item.find("term")), _inline(item.find("def")))
            for item in element.iterfind("def-item")
        ]
        text = "\n".join(f"- {term}: {meaning}" for term, meaning in pairs)
    elif element.tag in ("table-wrap", "fig"):
        rows = [_row(row) for row in element.iter("tr")]
        notes = [_inline(note) for note in element.iterfind("table-wrap-foot//p")]
        text = "\n".join(line for line in (_caption(element), *rows, *notes) if line)
    else:
        yield from _children(element, path, level)
        return
    yield Block(text, section=str(path))


def _caption(element: Element) -> str:
    """Return a float's label and caption: "Table 1. Baseline. n = 20 in each group."."""
    label = _inline(element.find("label"))
    parts = [_inline(part) for caption in element.iterfind("caption") for part in caption]
    return " ".join([f"{label.rstrip('.')}." if label else "", *parts]).strip()


def _row(row: Element) -> str:
    cells = [_inline(cell) for cell in row if cell.tag in ("td", "th")]
    return " | ".join(cells) if any(cells) else ""


def _floats_in(element: Element) -> Iterator[Element]:
    """Yield the floats inside a paragraph, outermost ones only."""
    for child in element:
        if child.tag in _FLOATS:
            yield child
        else:
            yield from _floats_in(child)


def _inline(element: Element | None, silent: set[str] = _SILENT | _FLOATS) -> str:
    """Return an element's running text on one line, without the parts in `silent`."""
    return "" if element is None else re.sub(r"\s+", " ", _spoken(element, silent)).strip()


def _spoken(element: Element, silent: set[str]) -> str:
    parts = [element.text or ""]
    for child in element:
        if child.tag not in silent:
            gap = " " if child.tag in ("p", "title", "break", "list-item", "label") else ""
            parts += [gap, _spoken(child, silent), gap]
        parts.append(child.tail or "")
    return "".join(parts)
