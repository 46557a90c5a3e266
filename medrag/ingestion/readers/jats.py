"""Reads JATS articles (PMC .nxml): title, abstract and body, with sections, tables and captions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any
from xml.etree.ElementTree import Element

from ...types import Block, BlockKind, Document
from .reader import HeadingPath, Source, one_line
from .xml import elements, inline, spoken

_ARTICLE_LIMIT = 1 << 40  # bytes; `corpus.max_document_mb` has limited the file already
_FORMULAS = {"disp-formula", "inline-formula", "tex-math", "math", "disp-formula-group"}
_SILENT = _FORMULAS | {"object-id", "alternatives", "graphic", "media", "permissions", "ref-list"}
_SILENT |= {"alt-text", "long-desc", "sec-meta", "kwd-group", "subj-group"}
_BLOCKS = {"p", "sec", "list", "def-list", "table-wrap", "table-wrap-group", "fig", "fig-group"}
_BLOCKS |= {"boxed-text", "disp-quote", "attrib", "preformat", "verse-group", "statement"}
_BLOCKS |= {"speech", "supplementary-material", "fn"}
_FLOATS = {"table-wrap": BlockKind.table, "fig": BlockKind.caption}
_FLOAT_PARTS = {"label", "caption", "table", "table-wrap-foot"}
_NOT_INLINE = _SILENT | _BLOCKS  # elements that interrupt running text
_NOT_IN_NAMES = _NOT_INLINE | {"xref", "contrib-group"}  # hang on titles and names of authors


def read(source: Source) -> Iterator[Document]:
    """Yield the article. Its text keeps citation marks, but not formulas and references.

    An element of an unknown kind is read too: its text first, then the blocks inside it.

    Raises:
        DocumentError: as `xml.elements`, or there is no article in the file.
    """
    article = next(elements(source, "article", limit=_ARTICLE_LIMIT), None)
    if article is None:
        raise source.error("no <article> in it")
    front = article.find("front/article-meta")
    front = Element("article-meta") if front is None else front
    metadata = _metadata(article, front)
    pmcid, doi = metadata.get("pmcid"), metadata.get("doi")
    url = f"https://pmc.ncbi.nlm.nih.gov/articles/{pmcid}/" if pmcid else ""
    yield Document(
        id=source.document_id,
        title=_title(front),
        blocks=_blocks(article, front),
        url=url or (f"https://doi.org/{doi}" if doi else ""),
        metadata=metadata,
    )


def _metadata(article: Element, front: Element) -> dict[str, Any]:
    ids = {one.get("pub-id-type", ""): _line(one) for one in front.iterfind("article-id")}
    pmc = ids.get("pmcid") or ids.get("pmc") or ids.get("pmcaid") or ""
    years = [_line(year) for year in front.iterfind("pub-date/year")]
    contributors = front.iterfind("contrib-group/contrib")
    authors = [one for one in contributors if one.get("contrib-type", "author") == "author"]
    found = {
        "pmid": ids.get("pmid", ""),
        "pmcid": f"PMC{pmc.removeprefix('PMC')}" if pmc else "",
        "doi": ids.get("doi", ""),
        "journal": _line(article.find("front/journal-meta//journal-title")),
        # The earliest: an article appears on the web first and in an issue later.
        "year": min((int(year) for year in years if re.fullmatch(r"\d{4}", year)), default=None),
        "authors": [name for author in authors if (name := _name(author))],
        "keywords": [_line(word) for word in front.iterfind("kwd-group/kwd")],
    }
    return {key: value for key, value in found.items() if value}


def _title(front: Element) -> str:
    """Return title and subtitle, without footnote marks."""
    title = ""
    for part in front.iterfind("title-group/*"):
        if part.tag in ("article-title", "subtitle") and (words := inline(part, _NOT_IN_NAMES)):
            title += (" " if title[-1:] in ":.?!" else ": ") + words  # "" is in every string
    return title.strip()


def _name(author: Element) -> str:
    """Return "Ann Doe", or the name of a group; the first of several forms of one name.

    The members of a group are elements inside it, and are not the author.
    """
    first, last = _own(author, "given-names"), _own(author, "surname")
    name = one_line(f"{_line(first)} {_line(last)}")
    if name:
        return name
    whole = _own(author, "string-name")
    whole = _own(author, "collab") if whole is None else whole
    return inline(whole, _NOT_IN_NAMES)


def _own(author: Element, tag: str) -> Element | None:
    """Return the first `tag` below an author that does not belong to a member of a group."""
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
        path.enter(1, _line(abstract.find("title")) or "Abstract")
        yield from _children(abstract, path, 1)
    path.leave(1)
    for tag in ("body", "floats-group"):
        part = article.find(tag)
        if part is not None:
            yield from _children(part, path, 0)
            path.leave(1)


def _children(parent: Element, path: HeadingPath, level: int) -> Iterator[Block]:
    """Yield the blocks of a section's children; `level` counts the enclosing sections."""
    for child in parent:
        if child.tag not in _SILENT and child.tag not in ("title", "label"):
            yield from _block(child, path, level)


def _block(element: Element, path: HeadingPath, level: int) -> Iterator[Block]:
    """Yield an element of a section as a block, then the blocks inside it."""
    parts: Iterable[Element] = ()
    if element.tag == "sec":
        heading = _line(element.find("title"))
        if heading:
            yield path.enter(level + 1, heading)
        yield from _children(element, path, level + 1)
        path.leave(level + 1)
        return
    if element.tag in ("list", "def-list"):
        text = "\n".join(line for line in map(_item, element) if line)
    elif element.tag in _FLOATS:
        text = "\n".join(line for line in _float(element) if line)
        parts = [child for child in element if child.tag not in _SILENT | _FLOAT_PARTS]
    elif element.tag == "preformat":
        text = spoken(element, _SILENT)
    elif element.tag == "fn":
        text = inline(element, _SILENT)
    else:
        text = _line(element)
        parts = _blocks_in(element)
    kind = _FLOATS.get(element.tag, BlockKind.text)
    yield Block(text, section=str(path), kind=kind)
    for part in parts:
        yield from _block(part, path, level)


def _item(item: Element) -> str:
    """Return an item of a list as a line, or the title of the list."""
    if item.tag == "list-item":
        text = inline(item, _FORMULAS)
    elif item.tag == "def-item":
        meanings = [inline(meaning, _FORMULAS) for meaning in item.iterfind("def")]
        text = ": ".join(filter(None, (_line(item.find("term")), " ".join(meanings))))
    else:
        return inline(item, _FORMULAS)
    return f"- {text}" if text else ""


def _float(element: Element) -> Iterator[str]:
    """Yield the lines of a table or figure: label and caption, rows, footnotes."""
    label = _line(element.find("label"))
    parts = [inline(part, _SILENT) for caption in element.iterfind("caption") for part in caption]
    # "Table 1. Baseline. n = 20 in each group."
    yield " ".join([f"{label.rstrip('.')}." if label else "", *parts]).strip()
    for child in element:
        if child.tag in ("table", "alternatives"):
            yield from map(_row, child.iter("tr"))
        elif child.tag == "table-wrap-foot":
            yield _line(child)
            for note in _blocks_in(child):
                yield inline(note, _SILENT)


def _row(row: Element) -> str:
    cells = [inline(cell, _SILENT) for cell in row if cell.tag in ("td", "th")]
    return " | ".join(cells) if any(cells) else ""


def _blocks_in(element: Element) -> Iterator[Element]:
    """Yield the outermost elements inside an element that are blocks themselves."""
    for child in element:
        if child.tag in _BLOCKS:
            yield child
        elif child.tag not in _SILENT:
            yield from _blocks_in(child)


def _line(element: Element | None) -> str:
    """Return the running text of an element, without the blocks inside it."""
    return inline(element, _NOT_INLINE)
