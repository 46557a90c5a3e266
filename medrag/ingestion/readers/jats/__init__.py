"""Reads JATS articles (PMC .nxml): front matter, sections, tables, notes, status of the article."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from xml.etree.ElementTree import Element

from ....types import Block, BlockKind, Document, Flag
from ..reader import HeadingPath, Source, one_line, says_retracted
from ..tables import CAPTION_LIMIT, Cell, Row, table_blocks
from ..xml import elements, inline, root_tag
from .table import rows
from .text import LEFT_OUT, RunningText, bracketed, has_text

_ARTICLE_LIMIT = 1 << 40  # bytes; `corpus.max_document_mb` has limited the file already
# Elements that start a section, with the heading for those that have none.
_SECTIONS = {"sec": "", "app": "Appendix", "ack": "Acknowledgements", "glossary": "Glossary"}
_SECTIONS |= {"notes": "", "fn-group": "", "app-group": "", "abstract": "Abstract"}
_SECTIONS |= {"trans-abstract": "Abstract"}
_FIGURES = {"fig", "chem-struct-wrap"}
_HEADINGS = {"title", "label", "subtitle"}
_NOTICES = re.compile(r"retraction|correction|erratum|corrigendum|addendum|concern|withdrawal")
# What a link from an article to another says about the article itself.
_LINKS = {
    **dict.fromkeys(("retraction-forward", "retraction", "partial-retraction"), Flag.retracted),
    **dict.fromkeys(("retracted-by", "withdrawal", "withdrawal-forward"), Flag.retracted),
    **dict.fromkeys(("partial-retraction-forward", "removal"), Flag.retracted),
    **dict.fromkeys(("correction-forward", "correction", "corrected-by"), Flag.corrected),
    **dict.fromkeys(("erratum", "erratum-forward", "corrigendum", "addendum"), Flag.corrected),
    **dict.fromkeys(("update", "update-forward", "updated-by", "republication"), Flag.superseded),
    **dict.fromkeys(("superseded-by", "new-version", "replaced-by"), Flag.superseded),
    **dict.fromkeys(("concern-forward", "expression-of-concern-forward"), Flag.concern),
    **dict.fromkeys(("expression-of-concern", "concern"), Flag.concern),
}
# Parts of the front matter: read as metadata, or the reason for leaving them out.
_IN_METADATA = {"article-id", "pub-date", "kwd-group"}
_IN_METADATA |= {"related-article", "related-object", "article-meta"}
_DETAILS = {"aff", "email", "address", "role", "degrees", "bio", "author-comment", "contrib-id"}
_DETAILS |= {"on-behalf-of", "ext-link", "uri", "prefix", "suffix", "anonymous", "fn", "etal"}
_NOT_IN_NAMES = {"xref", "contrib-group", "fn", "label"}  # hang on names of authors
_READ_IN_FRONT = {"abstract", "trans-abstract", "notes", "supplementary-material", "product"}


def read(source: Source) -> Iterator[Document]:
    """Yield each article of the file. Its text keeps notes and formulas, but not references.

    The only article of a file has the file's id. An article in a collection, even in one of a
    single article, has `file#ID`, with the first that it has of PMCID, PMID, DOI and its number in
    the file: adding an article to a collection changes no id.

    An element of an unknown kind is read too: its text first, then the blocks inside it.

    Raises:
        DocumentError: as `xml.elements`, after the articles before the damage; or there is no
            article in the file.
    """
    if root_tag(source) == "article":
        yield _document(source, next(elements(source, "article", limit=_ARTICLE_LIMIT)), 0)
        return
    number = 0
    for number, article in enumerate(elements(source, "article"), start=1):
        yield _document(source, article, number)
    if not number:
        raise source.error("no <article> in it")


def _document(source: Source, article: Element, number: int) -> Document:
    """Return one article; `number` counts those of a collection from 1."""
    front = _front(article)
    left_out: Counter[str] = Counter()
    flags: set[Flag] = set()
    text = RunningText(article, left_out, flags)
    title = _title(front, text)
    metadata = _metadata(article, front)
    flags |= _status(metadata, title)
    pmcid, doi = metadata.get("pmcid"), metadata.get("doi")
    url = f"https://pmc.ncbi.nlm.nih.gov/articles/{pmcid}/" if pmcid else ""
    name = pmcid or metadata.get("pmid") or doi or number
    return Document(
        id=f"{source.document_id}#{name}" if number else source.document_id,
        title=title,
        blocks=_Article(article, text).blocks(notice=title if _is_notice(metadata) else ""),
        url=url or (f"https://doi.org/{doi}" if doi else ""),
        metadata=metadata,
        flags=flags,
        left_out=left_out,
    )


def _front(article: Element) -> Element:
    """Return the metadata element of an article or sub-article, an empty one if there is none."""
    places = (article.find(path) for path in ("front/article-meta", "front-stub", "front"))
    return next((place for place in places if place is not None), Element("article-meta"))


def _is_notice(metadata: dict[str, Any]) -> bool:
    """Tell whether an article is about the status of another one."""
    kind = str(metadata.get("article_type", "")).lower()
    return bool(_NOTICES.search(kind)) and not kind.startswith("retracted")


def _status(metadata: dict[str, Any], title: str) -> set[Flag]:
    """Return what its type, its title and its links to others say about an article."""
    kind = str(metadata.get("article_type", "")).lower()
    notice = _is_notice(metadata)
    flags = set()
    if kind.startswith(("retracted", "withdrawn")):
        flags.add(Flag.retracted)
    if says_retracted(title) and not notice:
        flags.add(Flag.retracted)
    for link in metadata.get("related", ()):
        # In a notice "retraction" can name the retracted article too.
        if link["type"] in _LINKS and (not notice or link["type"].endswith("-forward")):
            flags.add(_LINKS[link["type"]])
    return flags


def _related(article: Element) -> list[dict[str, str]]:
    """Return the links to other articles, each as its type and an id, which may be ""."""
    links = []
    for part in article:
        if part.tag in ("sub-article", "response"):
            continue
        for link in part.iter("related-article"):
            links.append((link.get("related-article-type", ""), link))
        for link in part.iter("related-object"):
            links.append((link.get("link-type", "") or link.get("content-type", ""), link))
    found = []
    for kind, link in links:
        href = next((value for key, value in link.attrib.items() if key.endswith("}href")), "")
        name = href or link.get("document-id", "") or link.get("object-id", "") or _line(link)
        name = re.sub(r"^(https?://(dx\.)?doi\.org/|doi:)", "", one_line(name))
        entry = {"type": re.sub(r"[\s_]+", "-", kind.strip().lower()), "id": name}
        if entry not in found:
            found.append(entry)
    return found


def _metadata(article: Element, front: Element) -> dict[str, Any]:
    ids = {one.get("pub-id-type", ""): _line(one) for one in front.iterfind("article-id")}
    pmc = ids.get("pmcid") or ids.get("pmc") or ids.get("pmcaid") or ""
    years = [_line(year) for year in front.iterfind("pub-date/year")]
    contributors = front.iterfind("contrib-group/contrib")
    authors = [one for one in contributors if one.get("contrib-type", "author") == "author"]
    found = {
        "article_type": article.get("article-type", ""),
        "related": _related(article),
        "pmid": ids.get("pmid", ""),
        "pmcid": f"PMC{pmc.removeprefix('PMC')}" if pmc else "",
        "doi": ids.get("doi", ""),
        "journal": _line(article.find("front/journal-meta//journal-title")),
        "license": _license(front),
        # The earliest: an article appears on the web first and in an issue later.
        "year": min((int(year) for year in years if re.fullmatch(r"\d{4}", year)), default=None),
        "authors": [name for author in authors if (name := _name(author))],
        "keywords": [
            words
            for group in front.iterfind("kwd-group")
            for tag in ("kwd", "compound-kwd")
            for word in group.iter(tag)
            if (words := _line(word))
        ],
    }
    return {key: value for key, value in found.items() if value}


def _license(front: Element) -> str:
    """The address of the licence, or what the article says of it: "https://…/licenses/by/4.0/"."""
    for given in front.iterfind("permissions/license"):
        links = [
            link.strip()
            for one in given.iter()
            for name, link in one.attrib.items()
            if name.rpartition("}")[2] == "href"
        ]
        if told := next(filter(None, links), "") or one_line(inline(given)):
            return told
    return ""


def _title(front: Element, text: RunningText) -> str:
    """Return title and subtitle, without footnote marks."""
    title = ""
    for part in front.iterfind("title-group/*"):
        if part.tag in ("article-title", "subtitle") and (words := text.title(part)):
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
    return _line(whole)


def _own(author: Element, tag: str) -> Element | None:
    """Return the first `tag` below an author that does not belong to a member of a group."""
    for child in author:
        found = child if child.tag == tag else None
        if found is None and child.tag != "contrib-group":
            found = _own(child, tag)
        if found is not None:
            return found
    return None


def _line(element: Element | None) -> str:
    """Return a name or id without the marks and lists that hang on it."""
    return inline(element, lambda child, _: "" if child.tag in _NOT_IN_NAMES else None)


class _Article:
    """Walks through an article once."""

    def __init__(self, article: Element, text: RunningText) -> None:
        self._article = article
        self._text = text
        self._path = HeadingPath()

    def blocks(self, notice: str) -> Iterator[Block]:
        """Yield all blocks, or `notice` if there are none."""
        silent = True
        for block in self._contents(self._article, 0):
            silent = silent and not block.text.strip()
            yield block
        if silent and notice:
            yield Block(notice)

    def _contents(self, article: Element, level: int) -> Iterator[Block]:
        """Yield the blocks of an article, or of one within it."""
        front = _front(article)
        yield from self._front_matter(article, front, level)
        for part in article:
            if part.tag in ("sub-article", "response"):
                yield from self._inner(part, level)
            elif part.tag not in ("front", "front-stub", "processing-meta"):
                yield from self._children(part, level)
            self._path.leave(level + 1)

    def _front_matter(self, article: Element, front: Element, level: int) -> Iterator[Block]:
        """Yield abstracts and other text before the body; count once what kinds are left out."""
        reasons = set()
        around = article.find("front")
        others = [] if around is None or around is front else list(around)
        for part in [*front, *others]:
            if part.tag in _READ_IN_FRONT:
                yield from self._block(part, level)
                self._path.leave(level + 1)
            elif part.tag == "contrib-group":
                reasons |= {"author details"} if _has_details(part) else set()
            elif part.tag == "title-group":
                reasons |= {LEFT_OUT[one.tag] for one in part if one.tag in LEFT_OUT}
            elif part.tag == "journal-meta":
                reasons |= {"publication details"} if len(part) > 1 else set()
            elif part.tag not in _IN_METADATA and has_text(part):
                reasons.add(LEFT_OUT.get(part.tag, "publication details"))
        for reason in sorted(reasons):
            self._text.count(reason)

    def _inner(self, article: Element, level: int) -> Iterator[Block]:
        """Yield a sub-article or response as a section with its own title."""
        title = _title(_front(article), self._text)
        if title:
            yield self._path.enter(level + 1, title)
        yield from self._contents(article, level + 1)

    def _children(self, parent: Element, level: int) -> Iterator[Block]:
        """Yield the blocks of a section's children; `level` counts the enclosing sections."""
        for child in parent:
            if child.tag not in _HEADINGS:
                yield from self._block(child, level)

    def _block(self, element: Element, level: int) -> Iterator[Block]:
        """Yield an element of a section as blocks, then the floats that its text mentions."""
        tag = element.tag
        if self._text.leaves_out(element):
            return
        if tag in _SECTIONS:
            yield from self._section(element, level)
        elif tag in ("list", "def-list"):
            yield self._made("\n".join(filter(None, self._items(element))))
        elif tag == "table-wrap":
            yield from self._table(element, level)
        elif tag in _FIGURES:
            yield self._made(self._caption(element), BlockKind.caption)
            for child in element:
                if child.tag not in ("label", "caption"):
                    yield from self._block(child, level)
        elif tag in ("table", "array"):
            yield from self._rows(element)
        elif tag in ("preformat", "code"):
            yield self._made(self._text.lines(element))
        elif tag == "fn":
            yield self._made(self._text.note(element))
        elif tag in ("question", "option"):
            for block in self._pieces(element, level):
                kind = BlockKind.question if block.kind == BlockKind.text else block.kind
                yield replace(block, kind=kind)
        else:
            yield from self._pieces(element, level)
        yield from self._floats(level)

    def _floats(self, level: int) -> Iterator[Block]:
        floats, self._text.floats = self._text.floats, []
        for element in floats:
            yield from self._block(element, level)

    def _pieces(self, element: Element, level: int) -> Iterator[Block]:
        for piece in self._text.pieces(element):
            if isinstance(piece, str):
                yield self._made(piece)
            else:
                yield from self._block(piece, level)

    def _made(self, text: str, kind: BlockKind = BlockKind.text) -> Block:
        return Block(text, section=str(self._path), kind=kind)

    def _section(self, element: Element, level: int) -> Iterator[Block]:
        label = self._text.line(element.find("label"))
        title = self._text.line(element.find("title"))
        heading = f"{label} {title}" if label and title else label or title
        if heading:
            block = self._path.enter(level + 1, heading)
            if not element.tag.endswith("abstract"):
                yield block
        elif _SECTIONS[element.tag]:
            language = next((v for k, v in element.attrib.items() if k.endswith("}lang")), "")
            name = _SECTIONS[element.tag]
            translated = element.tag == "trans-abstract" and language
            self._path.enter(level + 1, f"{name} ({language})" if translated else name)
        else:
            yield from self._children(element, level)
            return
        yield from self._floats(level + 1)
        yield from self._children(element, level + 1)
        self._path.leave(level + 1)

    def _items(self, element: Element) -> Iterator[str]:
        """Yield the lines of a list: its title, then its items and those of inner lists."""
        for child in element:
            text, inner = self._text.item(child)
            yield f"- {text}" if text and child.tag in ("list-item", "def-item") else text
            for one in inner:
                yield from self._items(one)

    def _caption(self, element: Element) -> str:
        """Return label and caption: "Table 1. Baseline. n = 20 in each group."."""
        label = self._text.line(element.find("label"))
        text = f"{label.rstrip('.')}." if label else ""
        for caption in element.iterfind("caption"):
            for part in [caption] if (caption.text or "").strip() else caption:
                line = self._text.line(part)
                stop = "." if text and text[-1].isalnum() and line else ""
                text = f"{text}{stop} {line}".strip()
        return text

    def _table(self, element: Element, level: int) -> Iterator[Block]:
        """Yield caption, rows and notes of a table."""
        with self._text.in_table(element):
            caption = self._caption(element)
            yield self._made(caption, BlockKind.caption)
            header = one_line(caption, CAPTION_LIMIT)
            tables = [one for child in element if (one := _table_in(child)) is not None]
            for child in element:
                table = _table_in(child)
                if table is not None:
                    for block in self._rows(table, caption):
                        if block.kind != BlockKind.caption:
                            yield block
                elif child.tag in ("graphic", "alternatives", "media") and not tables:
                    self._text.count("tables as pictures")
                    yield replace(self._made("[table as picture]", BlockKind.table), header=header)
                elif child.tag == "table-wrap-foot":
                    for note in child:
                        for block in self._block(note, level):
                            text = bracketed(block.text)
                            yield replace(block, text=text, kind=BlockKind.caption, header=header)
                elif child.tag not in ("label", "caption"):
                    yield from self._block(child, level)
            yield from self._floats(level)

    def _rows(self, table: Element, caption: str = "") -> Iterator[Block]:
        found = rows(table, self._text.line)
        if table.tag == "array":  # has no header: its first column names the others
            found = [Row(_named(row)) for row in found]
        yield from table_blocks(found, caption, section=str(self._path), labels=True)


def _has_details(group: Element) -> bool:
    """Tell whether more is said of the authors than their names."""
    others = any(one.tag in _DETAILS and has_text(one) for one in group.iter())
    return others or any(one.get("contrib-type", "author") != "author" for one in group)


def _named(row: Row) -> Iterator[Cell]:
    for number, cell in enumerate(row):
        yield cell._replace(heading=not number and len(row) > 1)


def _table_in(element: Element) -> Element | None:
    """Return the table that an element is, or that is one of its forms."""
    if element.tag == "alternatives":
        return element.find("table")
    return element if element.tag == "table" else None
