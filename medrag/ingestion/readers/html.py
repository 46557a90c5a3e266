"""Reads .html: what a page says, without its menus, scripts and controls."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import DocumentError
from ...text.cleaning import clean_text
from ...types import Block, Document
from .reader import HeadingPath, one_line, readable_stem
from .xml import LOOKBACK, superscript

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_INVISIBLE = {"head", "noscript", "script", "style", "template"}
_DROPPED = {
    "audio",
    "canvas",
    "dialog",
    "footer",
    "iframe",
    "input",
    "math",
    "nav",
    "object",
    "option",
    "select",
    "svg",
    "textarea",
    "video",
}
_DROPPED_OUTSIDE = {"button": "heading", "header": "article", "aside": "article"}
_PLACES = {
    **dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), "heading"),  # an accordion's button
    **dict.fromkeys(("article", "main"), "article"),  # its own head, its warning boxes
}
_HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
_BREAKING = {
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "caption",
    "center",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "form",
    "header",
    "hgroup",
    "hr",
    "html",
    "legend",
    "listing",
    "main",
    "p",
    "pre",
    "search",
    "section",
    "summary",
    "xmp",
}  # elements that start and end a paragraph
_GROUPS = {"ul", "ol", "menu", "dir", "table"}  # one block each, a line for each item or row


def read(path: Path, document_id: str) -> Document:
    """Return the page. Title: `<title>`, else the first `<h1>`, else the file's name.

    Not read: menus, page headers and footers, side columns, what stands in form fields, formulas
    in MathML, the texts that stand for images, and what scripts would add.

    Raises:
        DocumentError: the file cannot be read, or its bytes are not text in its encoding (BOM,
            else the charset that a `<meta>` names, else UTF-8).
        MemoryError: there is not enough for the whole page.
    """
    from selectolax.lexbor import LexborHTMLParser, SelectolaxError

    try:
        tree = LexborHTMLParser(_decoded(path))
    except SelectolaxError as error:  # any text is a page; it fails for want of memory
        raise MemoryError from error
    title_tag, first_heading = tree.css_first("title"), tree.css_first("h1")
    title = one_line(title_tag.text()) if title_tag else ""
    title = title or (one_line(first_heading.text()) if first_heading else "")
    link = tree.css_first('link[rel="canonical"]')
    url = (link.attributes.get("href") or "") if link else ""
    root = tree.body or tree.root
    return Document(
        id=document_id,
        title=title or readable_stem(path),
        blocks=_Walk(title).blocks(root) if root else (),
        url=url if url.startswith(("http://", "https://")) else "",
    )


def _decoded(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DocumentError(f"{path.name}: cannot be read: {error.strerror}") from error
    bom, codec = next((pair for pair in _BOMS if data.startswith(pair[0])), (b"", ""))
    data = data[len(bom) :]
    if not bom:
        codec = _declared(data[:1024])
        nul = data.find(0)
        if nul >= 0:
            raise DocumentError(f"{path.name}: binary data (NUL byte at byte {nul})")
    try:
        return data.decode(codec)
    except UnicodeError as error:  # not every codec says where
        where = f" at byte {error.start}" if isinstance(error, UnicodeDecodeError) else ""
        raise DocumentError(
            f"{path.name}: invalid {codec.upper()}{where}; save it as UTF-8"
        ) from error


def _declared(head: bytes) -> str:
    """Return the codec that a page's start declares, or UTF-8."""
    match = _CHARSET.search(head)
    label = match[1].decode("ascii", "replace").lower() if match else "utf-8"
    try:
        b"x".decode(label, "replace")  # refuses the codecs that are no text encodings
        name = codecs.lookup(label).name
    except (LookupError, UnicodeError):
        return "utf-8"
    if name.startswith("utf-16"):  # the <meta> was read as ASCII, so it cannot be true
        return "utf-8"
    # Browsers read pages that call themselves Latin-1 or ASCII as Windows-1252.
    return "cp1252" if name in ("iso8859-1", "ascii") else name


class _Walk:
    """Goes through the tree once, without recursion, and cuts its text into blocks."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._path = HeadingPath()
        self._text: list[str] = []  # the paragraph, item or row being read
        self._lines: list[str] = []  # finished items or rows of the outermost list or table
        self._depth = 0  # lists and tables around this place
        self._verbatim = 0  # <pre> around this place
        self._places: Counter[str] = Counter()  # headings and articles around this place
        self._superscripts = 0  # <sup> around this place
        self._raised_from = 0  # where in `_text` the outermost of them starts
        self._cited = False  # whether it refers to something

    def blocks(self, root: LexborNode) -> Iterator[Block]:
        """Yield the blocks below `root`."""
        stack: list[tuple[LexborNode, bool]] = [(root, False)]
        while stack:
            node, seen = stack.pop()
            tag = node.tag or ""
            if seen:
                yield from self._leave(tag)
            elif node.is_text_node:
                text = node.text_content or ""
                self._text.append(text if self._verbatim else re.sub(r"\s+", " ", text))
            elif tag in _INVISIBLE or node.is_comment_node:
                continue
            elif tag in _DROPPED or self._is_outside(tag):
                self._text.append(" ")  # a button parts the words around it
            else:
                if tag == "sup":
                    self._raise(node)
                elif tag in _PLACES:
                    self._places[_PLACES[tag]] += 1
                yield from self._enter(tag)
                stack.append((node, True))
                child = node.last_child
                while child is not None:
                    stack.append((child, False))
                    child = child.prev
        yield from self._flush()

    def _enter(self, tag: str) -> Iterator[Block]:
        if tag == "br":
            self._text.append("\n")
        elif tag in ("li", "tr"):
            self._line()
            self._text.append("- " if tag == "li" else "")
        elif tag in _GROUPS:
            if self._depth:
                self._line()
            else:
                yield from self._flush()
            self._depth += 1
        elif tag in _HEADINGS or tag in _BREAKING:
            yield from self._break()
        self._verbatim += tag == "pre"

    def _is_outside(self, tag: str) -> bool:
        place = _DROPPED_OUTSIDE.get(tag)
        return place is not None and not self._places[place]

    def _raise(self, node: LexborNode) -> None:
        """Note where a superscript starts, and whether it is or holds a link."""
        self._superscripts += 1
        if self._superscripts == 1:
            self._raised_from = len(self._text)
            alone = node.parent and node.parent.tag == "a" and not node.prev and not node.next
            self._cited = bool(alone) or node.css_first("a") is not None

    def _lower(self) -> None:
        """Write the superscript that ends here so that it does not run into what is before it."""
        self._superscripts -= 1
        if not self._superscripts:
            inside = "".join(self._text[self._raised_from :])
            del self._text[self._raised_from :]
            before = "".join(self._text[-LOOKBACK:])[-LOOKBACK:]
            self._text.append(superscript(before, inside, self._cited))

    def _leave(self, tag: str) -> Iterator[Block]:
        self._verbatim -= tag == "pre"
        if tag in _PLACES:
            self._places[_PLACES[tag]] -= 1
        if tag == "sup":
            self._lower()
        elif tag in ("td", "th"):
            self._text.append(" | ")
        elif tag in ("li", "tr", "caption"):
            self._line()
        elif tag in _GROUPS:
            self._line()
            self._depth -= 1
            if not self._depth:
                yield from self._flush()
        elif tag in _HEADINGS and not self._depth:
            heading = " ".join(clean_text("".join(self._text)).split())
            self._text.clear()
            level = _HEADINGS[tag]
            short = one_line(heading)
            if level == 1 and heading and self._title.startswith(short):
                self._path.leave(1)  # the title again, not a section of its own
                if heading != short:  # which the title has only in part
                    yield Block(heading)
            elif heading:
                self._path.enter(level, heading)
                yield Block(heading, section=str(self._path))
        elif tag in _HEADINGS or tag in _BREAKING:
            yield from self._break()

    def _break(self) -> Iterator[Block]:
        """End a paragraph; inside an item or a cell that is only a space."""
        if self._depth:
            self._text.append(" ")
        else:
            yield from self._flush()

    def _line(self) -> None:
        """End an item or a row."""
        text = re.sub(r"\s+", " ", "".join(self._text)).strip().removesuffix("|").rstrip()
        if text.strip("-| "):
            self._lines.append(text)
        self._text.clear()

    def _flush(self) -> Iterator[Block]:
        """Yield the list, table or paragraph that ends here."""
        text = "\n".join([*self._lines, re.sub(r" *\n *", "\n", "".join(self._text))])
        self._lines.clear()
        self._text.clear()
        if text.strip():
            yield Block(text.strip(), section=str(self._path))
