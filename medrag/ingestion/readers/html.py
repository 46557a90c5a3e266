"""Reads .html: what a page says, without its menus, scripts and controls."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...types import Block, BlockKind, Document
from ..files import BOMS
from .reader import HeadingPath, Source, flat, one_line
from .xml import LOOKBACK, superscript

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_INVISIBLE = {"head", "noscript", "script", "style", "template"}
_DROPPED = {"audio", "canvas", "dialog", "footer", "iframe", "input", "math", "nav", "object"}
_DROPPED |= {"option", "select", "svg", "textarea", "video"}
_DROPPED_OUTSIDE = {"button": "heading", "header": "article", "aside": "article"}
_HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
_PLACES = {
    **dict.fromkeys(_HEADINGS, "heading"),  # has the button of an accordion
    **dict.fromkeys(("article", "main"), "article"),  # has a header and warning boxes of its own
    "figcaption": "caption",
}
_BREAKING = {"address", "article", "aside", "blockquote", "body", "caption", "center", "dd"}
_BREAKING |= {"details", "div", "dl", "dt", "fieldset", "figcaption", "figure", "form", "header"}
_BREAKING |= {"hgroup", "hr", "html", "legend", "listing", "main", "p", "pre", "search", "section"}
_BREAKING |= {"summary", "xmp"}  # elements that start and end a paragraph
_GROUPS = {"ul", "ol", "menu", "dir", "table"}  # one block each, one line for each item or row


def read(source: Source) -> Iterator[Document]:
    """Yield the page. Its title is the `<title>`, else the first `<h1>`, else the file's name.

    Not read: menus, page headers and footers, sidebars, the content of form fields, MathML
    formulas, alternative texts of images, and anything that scripts would add.

    Raises:
        DocumentError: the file cannot be read, or is not text in its encoding (by its BOM, else by
            the charset that a `<meta>` names, else UTF-8).
        MemoryError: there is not enough for the whole page.
    """
    from selectolax.lexbor import LexborHTMLParser, SelectolaxError

    try:
        tree = LexborHTMLParser(_decoded(source))
    except SelectolaxError as error:  # any text is a page: it fails only for lack of memory
        raise MemoryError from error
    titles = [one_line(node.text()) for tag in ("title", "h1") if (node := tree.css_first(tag))]
    title = next(filter(None, titles), "")
    link = tree.css_first('link[rel="canonical"]')
    url = (link.attributes.get("href") or "") if link else ""
    root = tree.body or tree.root
    yield Document(
        id=source.document_id,
        title=title or source.title,
        blocks=_Walk(title).blocks(root) if root else (),
        url=url if url.startswith(("http://", "https://")) else "",
    )


def _decoded(source: Source) -> str:
    try:
        data = source.path.read_bytes()
    except OSError as error:
        raise source.error(f"cannot be read: {error.strerror}") from error
    bom, codec = next((pair for pair in BOMS if data.startswith(pair[0])), (b"", ""))
    data = data[len(bom) :]
    if not bom:
        codec = _declared(data[:1024])
        nul = data.find(0)
        if nul >= 0:
            raise source.error(f"binary data (NUL byte at byte {nul})")
    try:
        return data.decode(codec)
    except UnicodeError as error:  # not every codec says where
        where = f" at byte {error.start}" if isinstance(error, UnicodeDecodeError) else ""
        raise source.error(f"invalid {codec.upper()}{where}; save it as UTF-8") from error


def _declared(head: bytes) -> str:
    """Return the codec that the start of a page declares, or UTF-8."""
    match = _CHARSET.search(head)
    label = match[1].decode("ascii", "replace").lower() if match else "utf-8"
    try:
        b"x".decode(label, "replace")  # refuses codecs that are not text encodings
        name = codecs.lookup(label).name
    except (LookupError, UnicodeError):
        return "utf-8"
    if name.startswith("utf-16"):  # the <meta> was read as ASCII, so this cannot be true
        return "utf-8"
    # Like browsers, read pages that call themselves Latin-1 or ASCII as Windows-1252.
    return "cp1252" if name in ("iso8859-1", "ascii") else name


class _Walk:
    """Walks the tree once, without recursion, and cuts its text into blocks."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._path = HeadingPath()
        self._text: list[str] = []  # the paragraph, item or row being read
        self._lines: list[str] = []  # finished items or rows of the outermost list or table
        self._depth = 0  # open lists and tables
        self._verbatim = 0  # open <pre>
        self._places: Counter[str] = Counter()  # open headings, articles and captions
        self._superscripts = 0  # open <sup>
        self._raised_from = 0  # where in `_text` the outermost <sup> starts
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
                self._text.append(" ")  # a button separates the words around it
            else:
                yield from self._enter(node, tag)
                stack.append((node, True))
                child = node.last_child
                while child is not None:
                    stack.append((child, False))
                    child = child.prev
        yield from self._flush()

    def _enter(self, node: LexborNode, tag: str) -> Iterator[Block]:
        """Start an element; yield what it ends."""
        if tag == "sup":
            self._raise(node)
        elif tag == "br":
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
        if tag in _PLACES:
            self._places[_PLACES[tag]] += 1

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
        """Write the superscript that ends here apart from the text before it."""
        self._superscripts -= 1
        if not self._superscripts:
            inside = "".join(self._text[self._raised_from :])
            del self._text[self._raised_from :]
            before = "".join(self._text[-LOOKBACK:])[-LOOKBACK:]
            self._text.append(superscript(before, inside, self._cited))

    def _leave(self, tag: str) -> Iterator[Block]:
        """End an element; yield what it completes."""
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
                yield from self._flush(BlockKind.table if tag == "table" else BlockKind.text)
        elif tag in _HEADINGS and not self._depth:
            heading = flat("".join(self._text))
            self._text.clear()
            level = _HEADINGS[tag]
            short = one_line(heading)
            if level == 1 and heading and self._title.startswith(short):
                self._path.leave(1)  # the title again, not a section of its own
                if heading != short:  # the title has only a part of it
                    yield Block(heading)
            elif heading:
                yield self._path.enter(level, heading)
        elif tag in _HEADINGS or tag in _BREAKING:
            yield from self._break()
        self._verbatim -= tag == "pre"
        if tag in _PLACES:
            self._places[_PLACES[tag]] -= 1

    def _break(self) -> Iterator[Block]:
        """End a paragraph, or write a space inside an item or a cell."""
        if self._depth:
            self._text.append(" ")
        else:
            yield from self._flush(BlockKind.caption if self._places["caption"] else BlockKind.text)

    def _line(self) -> None:
        """End an item or a row."""
        text = re.sub(r"\s+", " ", "".join(self._text)).strip().removesuffix("|").rstrip()
        if text.strip("-| "):
            self._lines.append(text)
        self._text.clear()

    def _flush(self, kind: BlockKind = BlockKind.text) -> Iterator[Block]:
        """Yield the list, table or paragraph that ends here."""
        text = "\n".join([*self._lines, re.sub(r" *\n *", "\n", "".join(self._text))])
        self._lines.clear()
        self._text.clear()
        if text.strip():
            yield Block(text.strip(), section=str(self._path), kind=kind)
