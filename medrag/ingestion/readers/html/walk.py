"""Walks the tree of an HTML page once, and cuts what it says into blocks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ....types import Block, BlockKind, Document, Flag
from ..formulas import math_text
from ..reader import HeadingPath, flat, one_line
from ..tables import Row
from ..xml import LOOKBACK, SLASH, numerator, subscript, superscript
from .marks import Marks
from .nodes import PLAIN_INLINE, beside, copied, drawn_as, following, next_element, text_of
from .styles import HIDDEN, Sight
from .table import Table, captions_table, cell_of, is_layout, section_of

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

_REFERENCES, _FORMULAS, _PICTURES = "reference marks", "formulas", "pictures"
_FURNITURE, _EMBEDDED = "page furniture", "embedded content"
_SPACE = re.compile(r"\s+")
_LINE_END = re.compile(r"(?<! ) *\n *")
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
_NESTED_TABLES = 3  # deeper ones are taken for layout


class Walk:
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
        self._tables: list[Table | None] = []  # open; None for layout
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
            if tag in PLAIN_INLINE:
                tag = drawn_as(node, tag)
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
                self._leave_out(_UNREAD[tag], text_of(node, scripts=True))
        elif tag in _DROPPED or self._is_outside(tag) or node.mem_id in self._trails:
            self._text.append(" ")  # a button separates the words around it
            self._leave_out(_DROPPED.get(tag, _FURNITURE), text_of(node))
        elif tag in ("img", "area"):
            self._see(node)
        elif tag == "math":
            self._calculate(node)
        elif tag == "a" and not self._sight.reason and self._is_mark(node):
            pass
        elif not self._sight.enters(node):
            if self._is_formula(node):
                return False
            self._leave_out(HIDDEN, text_of(node))
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
        if inner is None or text_of(node).strip() != text_of(inner).strip():
            return False
        self._drawn = beside(node)
        return bool(self._drawn)

    def _calculate(self, node: LexborNode) -> None:
        """Write a formula."""
        if self._sight.reason:
            self._leave_out(self._sight.reason, text_of(node), self._sight.source)
            return
        copy = copied(node)
        text = math_text(copy) if copy is not None else ""
        if not text:
            self._document.left_out[_FORMULAS] += 1
        if text[:1].isdigit() and self._before()[-1:].isdigit():
            text = f" {text}"  # "2" and the formula "1/4" are "2 1/4"
        self._text.append(text or "[formula]")
        parent = node.parent
        if parent is not None and not self._drawn and node.prev is None and node.next is None:
            self._drawn = beside(parent)

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
            if self._cells >= _NESTED_TABLES or is_layout(node):
                yield from self._break()
                self._tables.append(None)
                return
            if not self._cells:
                yield from self._flush()
            self._tables.append(Table(self._text))
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
            rows = table.part(section_of(node))
            if rows:
                rows[-1].append(cell_of(node, self._said(), not self._plain))
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
        elif _begins(before) and self._marks.starts_note(mark, following(node)):
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
        elif tag == "figcaption" and not self._cells and captions_table(node):
            self._caption = self._said()
            self._text.clear()
        elif tag == "figure" and self._caption:  # without its table
            yield from self._break()
            yield Block(self._caption, section=str(self._path), kind=BlockKind.caption)
            self._caption = ""
        elif tag == "dt" and (meaning := next_element(node)) is not None and _is_line(meaning):
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


def _is_line(meaning: LexborNode) -> bool:
    """Tell whether the element after a `<dt>` is a `<dd>` without paragraphs."""
    return meaning.tag == "dd" and meaning.css_first("p, div, ul, ol, dl, table, h3, h4") is None
