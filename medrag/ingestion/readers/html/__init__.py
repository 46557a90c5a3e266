"""Reads .html: what a page says to who looks at it, without its menus, scripts and controls."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement

from ....types import Block, BlockKind, Document, Flag
from ...files import BOMS
from ..formulas import math_text
from ..reader import HeadingPath, Source, flat, one_line
from ..tables import Cell, Row, table_blocks
from ..xml import LOOKBACK, SLASH, numerator, subscript, superscript
from .marks import Marks
from .styles import HIDDEN, Sight

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

_REFERENCES, _FORMULAS, _PICTURES = "reference marks", "formulas", "pictures"
_FURNITURE, _EMBEDDED = "page furniture", "embedded content"
_SPACE = re.compile(r"\s+")
_LINE_END = re.compile(r"(?<! ) *\n *")
_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_UNREAD = {
    **dict.fromkeys(("head", "style"), ""),
    **dict.fromkeys(("noembed", "noframes", "noscript", "template"), HIDDEN),
    "script": _FURNITURE,
    "rp": "",  # brackets around `rt`, written anyway
}
_DROPPED = {
    **dict.fromkeys(("nav", "datalist", "input", "optgroup", "option", "select"), _FURNITURE),
    "textarea": _FURNITURE,
    **dict.fromkeys(("applet", "audio", "embed", "iframe", "object", "video"), _EMBEDDED),
    **dict.fromkeys(("canvas", "svg"), _PICTURES),
}
_DROPPED_OUTSIDE = {"button": "heading", **dict.fromkeys(("header", "footer", "aside"), "article")}
_SPECIAL = {*_UNREAD, *_DROPPED, *_DROPPED_OUTSIDE, "a", "area", "img", "math"}
_HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
_PLACES = {
    **dict.fromkeys(_HEADINGS, "heading"),  # has the button of an accordion
    **dict.fromkeys(("article", "main"), "article"),  # has a header, boxes and notes of its own
    "figcaption": "caption",
}
_BREAKING = {"address", "article", "aside", "blockquote", "body", "caption", "center", "dd"}
_BREAKING |= {"details", "dialog", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer"}
_BREAKING |= {"form", "header", "hgroup", "hr", "html", "legend", "listing", "main", "p", "pre"}
_BREAKING |= {"search", "section", "summary", "xmp"}  # elements that start and end a paragraph
_PARTS_OF_TABLES = {"table", "caption", "thead", "tbody", "tfoot", "tr", "td", "th"}
_BOLD = {"b", "strong", "h1", "h2", "h3", "h4", "h5", "h6"}
_BOLD_STYLE = re.compile(r"\bfont(?:-weight)?\s*:[^;]*\b(?:bold(?:er)?|[6-9]00)\b", re.IGNORECASE)
_TRAIL = ", ".join(
    f'[{name}*="breadcrumb" i]' for name in ("class", "id", "aria-label", "itemtype")
)
_PROSE = {*_HEADINGS, "p", "table", "pre", "blockquote"}
_TRAIL_LIMIT = 500  # characters; what is longer has more than the trail
_LISTS = {"ul", "ol", "menu", "dir"}  # one block each, one line for each item
_AROUND = {"q": ("\u201c", "\u201d"), "rt": ("(", ")")}  # what a browser draws around them

_REFERENCE = "\0"  # stands for a reference mark until what is around it is known; never in a page
_BRACKETED = re.compile(r"\s{0,8}[\[(]([\s,;\d\0\u2013-]+)[\])]")
_UNBRACKETED = re.compile(r"[^\S\n]{0,8}\0(?:[\s,;\u2013-]*\0)*")
_ALT_LIMIT = 40  # characters; a picture with more to say is a figure
_FORMULA_PARTS, _FORMULA_DEPTH = 500, 50  # elements, and elements in each other, of a formula
_CELL_OF_PROSE = 200  # characters; cells of tables have fewer on average
_SPANS = 100  # cells that span the same row and are followed
_NESTED_TABLES = 3  # deeper ones are taken for layout


# Elements that may be drawn as any other, by their style or role.
_PLAIN_INLINE = {"span", "font", "small", "i", "b", "em", "strong"}
_RAISED = re.compile(r"vertical-align\s*:\s*(?:super|\d)", re.IGNORECASE)
_BLOCK_STYLE = re.compile(
    r"display\s*:\s*(?:block|flex|grid|flow-root|list-item|table)", re.IGNORECASE
)
_ROLES_APART = {"row", "cell", "gridcell", "columnheader", "rowheader", "listitem", "paragraph"}


def read(source: Source) -> Iterator[Document]:
    """Yield the page. Its title is the `<title>`, else the first `<h1>`, else the file's name.

    What is left out is counted in `Document.left_out`:

    - "hidden text": what is not seen on the page, see `html_styles.Sight`; `<noscript>`.
    - "deleted text": `<del>`, `<s>`, `<strike>`, and text that a style strikes through.
    - "reference marks": numbers that lead to a list of references, see `html_marks.Marks`.
    - "formulas": MathML that cannot be written in one line; "[formula]" stands for it.
    - "pictures": alternative texts, unless they are short and stand within text or in a table's
      cell; text in drawings.
    - "embedded content": what `<iframe>`, `<object>`, `<video>` and the like hold.
    - "page furniture": menus, page headers and footers, sidebars, buttons, form fields, scripts.

    Anything that scripts would add is not read.

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
    document = Document(
        id=source.document_id,
        title=title or source.title,
        blocks=(),
        url=url if url.startswith(("http://", "https://")) else "",
    )
    root = tree.body or tree.root
    if root is not None:
        blocks = _Walk(tree, title, document).blocks(root)
        document = replace(document, blocks=blocks)  # with the same flags and counts
    yield document


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


class _Table:
    """A table being read."""

    def __init__(self, around: list[str]) -> None:
        self.around = around  # the text before it, in the cell that it is in
        self.caption = ""
        self.rows: list[Row] = []
        self.foot: list[Row] = []  # may stand before the body
        self._start = 0  # of the part being read, in its list

    def part(self, tag: str) -> list[Row]:
        """Return the rows of the part that a "thead", "tbody" or "tfoot" adds to."""
        return self.foot if tag == "tfoot" else self.rows

    def start(self, tag: str) -> None:
        """Start a part."""
        self._start = len(self.part(tag))

    def end(self, tag: str) -> None:
        """End a part, and the cells that claim to span rows below it."""
        for left, row in enumerate(reversed(self.part(tag)[self._start :]), 1):
            row[:] = [cell._replace(rows=min(cell.rows or left, left)) for cell in row]

    def blocks(self, section: str) -> Iterator[Block]:
        """Yield it.

        A line across the whole table is a part of its caption above the column headings, a note
        at its end, and elsewhere a heading of the rows below it. It is such a heading at the top
        too, if there is another between the rows.
        """
        rows = self.rows + self.foot
        width = max((sum(cell.columns for cell in row) for row in rows), default=0)
        for row in self.foot:
            if len(row) == 1:  # a note, although it does not say that it is across the table
                row[0] = row[0]._replace(columns=max(1, width))
        rows = _filled(rows)
        start, end = 0, len(rows)
        while start < end and _is_across(rows[start], width):
            start += 1
        while end > start and _is_across(rows[end - 1], width):
            end -= 1
        above = [row[0].text for row in rows[:start]]
        body = [_labelled(row, width) for row in rows[start:end]]
        first = body[0] if body else Row()
        heads = sum(1 for _ in takewhile(_is_header, body))
        groups = [_is_across(row, width) for row in body[heads:]]
        if above and (not heads or (any(groups) and not groups[0])):
            body.insert(0, Row([Cell(above.pop(), columns=width)]))
        guess = not any(cell.heading and cell.text.strip() for cell in first)
        caption = " ".join([self.caption, *above])
        yield from table_blocks(body, caption, section, guess_header=guess)
        for row in rows[end:]:
            yield Block(row[0].text, "\n", section=section)


def _is_header(row: Row) -> bool:
    return row.header or all(cell.heading for cell in row)


def _labelled(row: Row, width: int) -> Row:
    """Return a row in which headings of rows cannot be taken for those of columns."""
    if _is_across(row, width):
        return Row(cell._replace(heading=False) for cell in row)
    values = [cell for cell in row if not cell.heading]
    if row.header or not values:
        return row
    named = any(cell.text.strip() for cell in values)
    return Row(cell._replace(heading=cell.heading and named and cell.rows == 1) for cell in row)


def _filled(rows: Iterable[Row]) -> list[Row]:
    """Leave out the rows without text, such as deleted ones; cells that span them get shorter."""
    kept: list[Row] = []
    spans: list[tuple[Row, int, int]] = []  # row, place in it, the last row that it spans
    for number, row in enumerate(rows):
        spans = [span for span in spans if span[2] >= number][:_SPANS]
        if all(cell.rows == 1 and not cell.text.strip() for cell in row):
            for above, place, _ in spans:
                above[place] = above[place]._replace(rows=above[place].rows - 1)
            continue
        kept.append(row)
        for place, cell in enumerate(row):
            if cell.rows > 1:
                spans.append((row, place, number + cell.rows - 1))
    return kept


def _is_across(row: Row, width: int) -> bool:
    """Tell whether a row is one cell across a table of several columns."""
    return len(row) == 1 and row[0].columns >= width > 1 and row[0].rows == 1


class _Walk:
    """Walks the tree once, without recursion, and cuts its text into blocks."""

    def __init__(self, tree: LexborHTMLParser, title: str, document: Document) -> None:
        self._title = title
        self._document = document
        self._sight = Sight(tree)
        self._marks = Marks(tree)
        self._trails = _trails(tree)
        self._heavy = _heavy(tree)
        self._path = HeadingPath()
        self._text: list[str] = []  # the paragraph, item or cell being read
        self._lines: list[str] = []  # finished items of the outermost list
        self._lists = 0  # open
        self._tables: list[_Table | None] = []  # open; None for layout
        self._cells = 0  # open data tables
        self._bold = 0  # open elements in bold type
        self._plain = False  # whether other type is in the cell
        self._caption = ""  # of the figure being read, until its table takes it
        self._verbatim = 0  # open <pre>
        self._places: Counter[str] = Counter()  # open headings, articles and captions
        self._superscripts = 0  # open <sup>
        self._raised_from = 0  # where in `_text` the outermost <sup> starts
        self._cited = False  # whether it refers to something
        self._gap = ""  # what stood here was left out; see `_bridged`
        self._meaning = 0  # a <dd> that goes on in the line of its <dt>
        self._unseen = 0  # the element whose text was left out last
        self._drawn = 0  # a picture of a formula that was read

    def blocks(self, root: LexborNode) -> Iterator[Block]:
        """Yield the blocks below `root`."""
        stack: list[tuple[LexborNode, bool]] = [(root, False)]
        sight = self._sight
        styled = not sight.plain or bool(self._trails)
        while stack:
            node, seen = stack.pop()
            tag = node.tag or ""
            if tag in _PLAIN_INLINE:
                tag = _drawn_as(node, tag)
            if seen:
                yield from self._leave(node, tag)
                if styled:
                    sight.leaves(node)
            elif node.is_text_node:
                text = node.text_content or ""
                if sight.reason:
                    self._leave_out(sight.reason, text, sight.source)
                    continue
                text = text if self._verbatim else _SPACE.sub(" ", text)
                self._plain = self._plain or not (self._bold or text.isspace())
                self._text.append(self._bridged(text) if self._gap else text)
            elif node.is_comment_node or (
                (styled or tag in _SPECIAL) and self._is_unread(node, tag)
            ):
                continue
            else:
                yield from self._enter(node, tag)
                stack.append((node, True))
                child = node.last_child
                while child is not None:
                    stack.append((child, False))
                    child = child.prev
                if tag == "figure":
                    self._caption_first(node, stack)
        yield from self._flush()

    def _is_unread(self, node: LexborNode, tag: str) -> bool:
        """Step into an element; or tell that it is left out, or read as a whole here."""
        if self._drawn and node.mem_id == self._drawn:
            self._drawn = 0
        elif tag in _UNREAD:
            if _UNREAD[tag]:
                self._leave_out(_UNREAD[tag], _text_of(node, scripts=True))
        elif tag in _DROPPED or self._is_outside(tag) or node.mem_id in self._trails:
            self._text.append(" ")  # a button separates the words around it
            self._leave_out(_DROPPED.get(tag, _FURNITURE), _text_of(node))
        elif tag in ("img", "area"):
            self._see(node)
        elif tag == "math":
            self._calculate(node)
        elif tag == "a" and not self._sight.reason and self._is_mark(node):
            pass
        elif not self._sight.enters(node):
            if self._is_formula(node):
                return False
            self._leave_out(HIDDEN, _text_of(node))
        else:
            return False
        return True

    def _is_outside(self, tag: str) -> bool:
        place = _DROPPED_OUTSIDE.get(tag)
        return place is not None and not self._places[place]

    def _leave_out(self, reason: str, text: str, source: int = 0) -> None:
        """Count what is left out if it has text, once for each element that is the reason."""
        if not text.strip():
            return
        if not source or source != self._unseen:
            self._document.left_out[reason] += 1
        self._unseen = source
        if reason == HIDDEN:
            self._document.flags.add(Flag.hidden_text)
        if text[0].isspace() or text[-1].isspace():
            self._gap = " "
        elif re.search(r"[^\W\d_]{3}", text):
            self._gap = self._gap or "word"

    def _bridged(self, text: str) -> str:
        """Return text that follows something left out; the words around it must not run together.

        They do not if there was white space or a word between them. What a letter or a number left
        in the midst of a word or number stays together: "met<del>a</del>formin", "1<del>0</del>5".
        A number that follows a raised or lowered one is another: "10^3 155".
        """
        before = next((part[-1] for part in reversed(self._text[-LOOKBACK:]) if part), " ")
        after = text[:1]
        apart = {
            " ": (before.isalnum() or before == "]") and after.isalnum(),
            "word": before.isalpha() and after.isalpha(),
            "number": before.isdigit() and after.isdigit(),
        }[self._gap]
        self._gap = ""
        return f" {text}" if apart else text

    def _caption_first(self, figure: LexborNode, stack: list[tuple[LexborNode, bool]]) -> None:
        """Let the caption of a figure be read before its table."""
        if figure.css_first("table") is None:
            return
        for at in range(len(stack) - 1, -1, -1):
            node = stack[at][0]
            if node.mem_id == figure.mem_id:
                break
            if node.tag == "figcaption":
                stack.append(stack.pop(at))
                break

    def _is_formula(self, node: LexborNode) -> bool:
        """Tell whether a hidden element is a formula whose picture is drawn beside it."""
        inner = node.css_first("math")
        if inner is None or _text_of(node).strip() != _text_of(inner).strip():
            return False
        self._drawn = _beside(node)
        return bool(self._drawn)

    def _calculate(self, node: LexborNode) -> None:
        """Write a formula."""
        if self._sight.reason:
            self._leave_out(self._sight.reason, _text_of(node), self._sight.source)
            return
        copy = _element(node)
        text = math_text(copy) if copy is not None else ""
        if not text:
            self._document.left_out[_FORMULAS] += 1
        if text[:1].isdigit() and self._before()[-1:].isdigit():
            text = f" {text}"  # "2" and the formula "1/4" are "2 1/4"
        self._text.append(text or "[formula]")
        parent = node.parent
        if parent is not None and not self._drawn and node.prev is None and node.next is None:
            self._drawn = _beside(parent)

    def _see(self, image: LexborNode) -> None:
        """Write a short text for a picture within text or in a cell; count others."""
        attributes = image.attributes
        alt = " ".join((attributes.get("alt") or "").split())
        if not alt or self._sight.reason:
            return
        if not self._sight.enters(image):
            return
        self._sight.leaves(image)
        beside = any(
            other is not None and other.is_text_node and (other.text_content or "").strip()
            for other in (image.prev, image.next)
        )
        if len(alt) <= _ALT_LIMIT and (beside or self._cells):
            self._text.append(alt)
        else:
            self._leave_out(_PICTURES, alt)

    def _is_mark(self, link: LexborNode) -> bool:
        """Write a link that is a mark of a source or note, and tell whether it is one."""
        raised = bool(self._superscripts) or (
            link.child is not None and link.child.tag == "sup" and link.child.next is None
        )
        kind, mark = self._marks.kind(link, raised)
        if kind == "reference":
            self._text.append(_REFERENCE)
            self._document.left_out[_REFERENCES] += len(re.split(r"[,;]", mark))
        elif kind == "note":
            self._text.append(f"[{mark}]" if self._superscripts else f"{self._space()}[{mark}]")
            self._gap = " "
        elif kind == "back":
            self._document.left_out[_FURNITURE] += 1
        return bool(kind)

    def _enter(self, node: LexborNode, tag: str) -> Iterator[Block]:
        """Start an element; yield what it ends."""
        self._bold += tag in _BOLD or node.mem_id in self._heavy
        if tag == "sup":
            self._raise(node)
        elif tag == "br":
            self._text.append("\n")
        elif tag == "sub":
            if self._text and self._text[-1] == "\u2044":
                self._text[-1] = "/"
            self._text.append(
                subscript(self._before(), node.text()[:1]).removesuffix(node.text()[:1])
            )
        elif tag in _AROUND:
            self._text.append("" if self._sight.reason else _AROUND[tag][0])
        elif tag in _PARTS_OF_TABLES:
            yield from self._enter_table(node, tag)
        elif tag == "li":
            self._start_item(node)
        elif tag in _LISTS:
            if self._cells:
                self._text.append(" ")
            elif self._lists:
                self._line()
            else:
                yield from self._flush()
            self._lists += not self._cells
        elif tag == "dd" and node.mem_id == self._meaning:
            pass
        elif tag in _HEADINGS or tag in _BREAKING:
            yield from self._break()
        self._verbatim += tag == "pre"
        if tag in _PLACES:
            self._places[_PLACES[tag]] += 1

    def _enter_table(self, node: LexborNode, tag: str) -> Iterator[Block]:
        if tag == "table":
            if self._cells >= _NESTED_TABLES or _is_layout(node):
                yield from self._break()
                self._tables.append(None)
                return
            if not self._cells:
                yield from self._flush()
            self._tables.append(_Table(self._text))
            self._cells += 1
            self._text = []
            return
        table = self._tables[-1] if self._tables else None
        if table is None:
            yield from self._break()
        elif tag == "tr":
            part = (node.parent.tag if node.parent else "") or ""
            table.part(part).append(Row(header=part == "thead"))
        elif tag in ("td", "th", "caption"):
            self._text.clear()
            self._plain = False
        else:
            table.start(tag)

    def _leave_table(self, node: LexborNode, tag: str) -> Iterator[Block]:
        table = self._tables[-1] if self._tables else None
        if tag == "table" and self._tables:
            self._tables.pop()
        if table is None:
            yield from self._break()
        elif tag == "caption":
            table.caption = f"{table.caption} {self._said()}".strip()
            self._text.clear()
        elif tag in ("td", "th"):
            rows = table.part(_section(node))
            if rows:
                rows[-1].append(_cell(node, self._said(), not self._plain))
            self._text.clear()
        elif tag in ("thead", "tbody", "tfoot"):
            table.end(tag)
        elif tag == "table":
            self._text = table.around
            self._cells -= 1
            if self._cells:
                lines = (block.text for block in table.blocks(""))
                self._text.append(" " + "; ".join(lines).replace("\n", "; ") + " ")
                return
            table.caption = table.caption or self._caption
            self._caption = ""
            yield from table.blocks(str(self._path))

    def _start_item(self, item: LexborNode) -> None:
        """Start an item of a list; one that is a note begins with the mark that leads to it."""
        if self._cells:
            before = self._before().rstrip()
            self._text.append(
                ", " if before[-1:].isalnum() or before[-1:] in (")", "]", "%") else " "
            )
        else:
            self._line()
            self._text.append("- ")
        mark = self._marks.noted.get(item.mem_id)
        if mark and item.parent and item.parent.tag == "ol":
            self._text.append(f"[{mark}] ")

    def _raise(self, node: LexborNode) -> None:
        """Note where a superscript starts, and whether it is or holds a link."""
        self._superscripts += 1
        if self._superscripts == 1:
            self._raised_from = len(self._text)
            alone = node.parent and node.parent.tag == "a" and not node.prev and not node.next
            self._cited = bool(alone) or node.css_first("a") is not None or self._marks.cites(node)

    def _lower(self, node: LexborNode) -> None:
        """Write the superscript that ends here apart from the text before it."""
        self._superscripts -= 1
        if self._superscripts:
            return
        inside = "".join(self._text[self._raised_from :])
        del self._text[self._raised_from :]
        mark = inside.strip()
        before = self._before()
        if _is_numerator(node, mark):
            self._text.append(numerator(before, mark))
        elif _REFERENCE in mark and not mark.strip(" ,;[]()\u2013-" + _REFERENCE):
            self._text.append(_REFERENCE)
        elif self._marks.is_source(node, mark):
            self._text.append(_REFERENCE)
            self._document.left_out[_REFERENCES] += 1
        elif self._marks.is_note(mark, before, bool(self._cells)):
            self._text.append(f" [{mark}]")
            self._gap = " "
        elif _begins(before) and self._marks.starts_note(mark, _following(node)):
            self._text.append(f"[{mark}] ")
        else:
            self._text.append(superscript(before, inside, self._cited))
            self._gap = self._gap or "number"

    def _before(self) -> str:
        """Return the end of the text so far."""
        return "".join(self._text[-LOOKBACK:])[-LOOKBACK:]

    def _space(self) -> str:
        """Return the space that sets a mark apart from the text so far."""
        before = self._before()
        return " " if before and not before[-1].isspace() and before[-1] not in "[(" else ""

    def _leave(self, node: LexborNode, tag: str) -> Iterator[Block]:
        """End an element; yield what it completes."""
        self._bold -= tag in _BOLD or node.mem_id in self._heavy
        if tag == "sup":
            self._lower(node)
        elif tag == "sub":
            self._gap = self._gap or "number"
        elif tag in _AROUND:
            self._text.append("" if self._sight.reason else _AROUND[tag][1])
        elif tag in _PARTS_OF_TABLES:
            yield from self._leave_table(node, tag)
        elif tag == "li":
            if not self._cells:
                self._line()
        elif tag in _LISTS and not self._cells:
            self._line()
            self._lists -= 1
            if not self._lists:
                yield from self._flush()
        elif tag in _HEADINGS and not self._lists and not self._cells:
            yield from self._head(_HEADINGS[tag])
        elif tag == "figcaption" and not self._cells and _captions_table(node):
            self._caption = self._said()
            self._text.clear()
        elif tag == "figure" and self._caption:  # without its table
            yield from self._break()
            yield Block(self._caption, section=str(self._path), kind=BlockKind.caption)
            self._caption = ""
        elif tag == "dt" and (meaning := _next(node)) is not None and _is_line(meaning):
            self._meaning = meaning.mem_id
            self._text.append(": " if self._before().rstrip()[-1:].isalnum() else " ")
        elif tag in _HEADINGS or tag in _BREAKING:
            yield from self._break()
        self._verbatim -= tag == "pre"
        if tag in _PLACES:
            self._places[_PLACES[tag]] -= 1

    def _head(self, level: int) -> Iterator[Block]:
        """Yield the heading that ends here, unless it only says the title again."""
        heading = flat(self._said())
        self._text.clear()
        short = one_line(heading)
        if level == 1 and heading and self._title.startswith(short):
            self._path.leave(1)  # the title again, not a section of its own
            if heading != short:  # the title has only a part of it
                yield Block(heading)
        elif heading:
            yield self._path.enter(level, heading)

    def _break(self) -> Iterator[Block]:
        """End a paragraph, or write a space inside an item or a cell."""
        if self._lists or self._cells:
            self._text.append(" ")
        else:
            yield from self._flush(BlockKind.caption if self._places["caption"] else BlockKind.text)

    def _line(self) -> None:
        """End an item."""
        text = _SPACE.sub(" ", self._said()).strip()
        if text.strip("- "):
            self._lines.append(text)
        self._text.clear()

    def _flush(self, kind: BlockKind = BlockKind.text) -> Iterator[Block]:
        """Yield the list or paragraph that ends here."""
        text = "\n".join([*self._lines, _LINE_END.sub("\n", self._said())])
        self._lines.clear()
        self._text.clear()
        if text.strip():
            yield Block(text.strip(), section=str(self._path), kind=kind)

    def _said(self) -> str:
        """Return the text so far without its reference marks."""
        text = "".join(self._text)
        if _REFERENCE in text:
            text = _BRACKETED.sub(lambda m: _REFERENCE if _REFERENCE in m[1] else m[0], text)
            text = _UNBRACKETED.sub(_closed, text)
        return text


def _trails(tree: LexborHTMLParser) -> set[int]:
    """Return the elements that only say where the page is in its site: "Home > Drugs > Iron"."""
    return {
        node.mem_id
        for node in tree.css(_TRAIL)
        if node.tag not in ("html", "body", "main", "article")
        and len(node.text()) <= _TRAIL_LIMIT
        and all(part.tag not in _PROSE or part.mem_id == node.mem_id for part in node.traverse())
    }


def _heavy(tree: LexborHTMLParser) -> set[int]:
    """Return the elements whose own style makes them bold."""
    styled = tree.css('[style*="font" i]')
    return {n.mem_id for n in styled if _BOLD_STYLE.search(n.attributes.get("style") or "")}


def _is_numerator(raised: LexborNode, mark: str) -> bool:
    """Tell whether a superscript is the top of a fraction: a slash and a subscript follow."""
    slash = raised.next
    if slash is None or not slash.is_text_node or not mark.isdecimal():
        return False
    text, below = slash.text_content or "", slash.next
    lower = below.text() if below is not None and below.tag == "sub" else ""
    return (SLASH.fullmatch(text) is not None and lower.strip().isdecimal()) or bool(
        re.match(r"\u2044\d", text)
    )


def _begins(before: str) -> bool:
    """Tell whether a paragraph, a line or a sentence begins after this text."""
    return not before.strip() or (before[-1].isspace() and before.rstrip(" ")[-1] in "\n.;")


def _closed(match: re.Match[str]) -> str:
    """Return what to write for reference marks: a space between words."""
    before = match.string[: match.start()][-1:]
    after = match.string[match.end() : match.end() + 1]
    return " " if after.isalnum() and before and not (before.isspace() or before in "[(") else ""


def _captions_table(caption: LexborNode) -> bool:
    figure = caption.parent
    return figure is not None and figure.tag == "figure" and figure.css_first("table") is not None


def _is_layout(table: LexborNode) -> bool:
    """Tell whether a table only arranges text, which then is read as running text."""
    if table.attributes.get("role") in ("presentation", "none"):
        return True
    rows = [[cell for cell in _children(row) if cell.tag in ("td", "th")] for row in _rows(table)]
    if not any(len(row) > 1 for row in rows):
        return True
    cells = [cell for row in rows for cell in row]
    named = any(cell.tag == "th" for cell in cells)
    if named or any(child.tag in ("caption", "thead") for child in _children(table)):
        return False
    if any(cell.css_first("h1, h2, h3, h4, h5, h6, table, article, section") for cell in cells):
        return True
    return sum(len(cell.text()) for cell in cells) > _CELL_OF_PROSE * len(cells)


def _rows(table: LexborNode) -> Iterator[LexborNode]:
    """Yield the rows of a table, without those of tables in it."""
    for child in _children(table):
        if child.tag == "tr":
            yield child
        elif child.tag in ("thead", "tbody", "tfoot"):
            yield from (row for row in _children(child) if row.tag == "tr")


def _children(node: LexborNode) -> Iterator[LexborNode]:
    child = node.child
    while child is not None:
        if child.is_element_node:
            yield child
        child = child.next


def _section(cell: LexborNode) -> str:
    """Return what part of the table a cell is in: "thead", "tbody" or "tfoot"."""
    section = cell.parent.parent if cell.parent else None
    return (section.tag if section else "") or ""


def _cell(node: LexborNode, text: str, bold: bool) -> Cell:
    attributes = node.attributes
    rows, columns = (
        int(value) if (value := (attributes.get(name) or "").strip()).isdecimal() else 1
        for name in ("rowspan", "colspan")
    )
    heading = node.tag == "th"
    return Cell(text, min(rows, 65_534), max(1, min(columns, 1_000)), heading, bold=bold)


def _next(node: LexborNode) -> LexborNode | None:
    """Return the element after an element."""
    other = node.next
    while other is not None and not other.is_element_node:
        other = other.next
    return other


def _is_line(meaning: LexborNode) -> bool:
    """Tell whether the element after a `<dt>` is a `<dd>` without paragraphs."""
    return meaning.tag == "dd" and meaning.css_first("p, div, ul, ol, dl, table, h3, h4") is None


def _beside(node: LexborNode) -> int:
    """Return the number of the picture after a formula, 0 if there is none."""
    other = _next(node)
    if other is None:
        return 0
    attributes = other.attributes
    drawn = other.tag in ("img", "svg") or attributes.get("aria-hidden") == "true"
    return other.mem_id if drawn else 0


def _following(node: LexborNode) -> str:
    """Return the start of the text after an element."""
    after = node.next
    return (after.text_content or "")[:3] if after is not None and after.is_text_node else ""


def _text_of(node: LexborNode, scripts: bool = False) -> str:
    """Return the text in an element that is left out, with or without that of scripts."""
    if node.tag == "template":  # what is in it is no part of the page
        return re.sub(r"<[^>]*>", "", node.html or "")
    if node.tag in ("input", "iframe"):
        return node.attributes.get("srcdoc" if node.tag == "iframe" else "value") or node.text()
    if node.tag == "svg":  # not the names of icons
        return " ".join(text.text() for text in node.css("text"))
    if scripts or node.css_first("script, style") is None:
        return node.text()
    parts = (child for child in node.traverse(include_text=True) if child.is_text_node)
    return "".join(
        child.text_content or ""
        for child in parts
        if child.parent is not None and child.parent.tag not in ("script", "style")
    )


def _element(node: LexborNode) -> Element | None:
    """Return a copy of a formula, without comments; None if it is too large for one line."""
    root = Element(node.tag or "", _named(node))
    stack = [(node, root, 1)]
    parts = 0
    while stack:
        source, copy, depth = stack.pop()
        parts += 1
        if parts > _FORMULA_PARTS or depth > _FORMULA_DEPTH:
            return None
        child = source.child
        while child is not None:
            if child.is_text_node:
                copy.text = (copy.text or "") + (child.text_content or "")
            elif child.is_element_node:
                stack.append((child, SubElement(copy, child.tag or "", _named(child)), depth + 1))
            child = child.next
    return root


def _named(node: LexborNode) -> dict[str, str]:
    return {name: value or "" for name, value in node.attributes.items()}


def _drawn_as(node: LexborNode, tag: str) -> str:
    """Return the element that an inline element is drawn as, by its own style or role."""
    attributes = node.attributes
    style = attributes.get("style") or ""
    if style and _RAISED.search(style):
        return "sup"
    apart = (style and _BLOCK_STYLE.search(style)) or attributes.get("role") in _ROLES_APART
    return "div" if apart else tag
