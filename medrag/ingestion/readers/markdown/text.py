"""Turns the inline markup and raw HTML of Markdown into the text that a page shows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import TYPE_CHECKING, NamedTuple

from ..tables import Cell, Row
from ..xml import LOOKBACK, SLASH, superscript

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

_NOTE = re.compile(r"\[\^([^\]\s]+)\](:?)[ \t]*")
_STRUCK = re.compile(r"~(?![~\s])[^~\n]*[^~\s]~(?![~\w])")  # as GitHub, but "5~10 or 20~30" stays
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param"}
_VOID |= {"source", "track", "wbr"}
_MAY_STAY_OPEN = {"p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "option"}
_DELETED = {"del", "s", "strike"}
_UNSHOWN = {"script", "style", "template", "title"}
_BREAKING = {"address", "article", "aside", "blockquote", "center", "dd", "details", "div", "dl"}
_BREAKING |= {"dt", "figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header"}
_BREAKING |= {"hr", "li", "main", "nav", "ol", "p", "pre", "section", "summary", "table", "ul"}
_HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|font-size\s*:\s*0(?![.\d]*[1-9])"
    r"|opacity\s*:\s*0(?![.\d]*[1-9])",
    re.IGNORECASE,
)
_REFERENCES = re.compile(r"\s*\[?\s*\d{1,3}(?:[-\u2013,;\s]+\d{1,3})*\s*\]?\s*")
_EMPTY_BRACKETS = re.compile(r"[ ]?[\[(][\s,;\u2013-]*[\])]")
_LETTERS = re.compile(r"[a-z]|[*†‡§¶‖#]{1,3}")
_ITEM = re.compile(r"\s*(?:[•‣–]|\(?\d{1,3}[.)]|\(?[a-z]\))\s+\S")
_DEPTH_LIMIT = 200  # open elements of HTML
_ROWS_LIMIT = 1000  # rows of a table in HTML that are held


def parser(definitions: Mapping[str, str]) -> MarkdownIt:
    """Return a parser of CommonMark with GitHub's tables, strikethrough and footnotes.

    Args:
        definitions: the targets of links by label, and of footnotes by "^" and label.
    """
    from markdown_it import MarkdownIt
    from markdown_it.common.utils import normalizeReference

    made = MarkdownIt("commonmark", {"store_labels": True}).enable(["table", "strikethrough"])
    links = {
        normalizeReference(label): {"title": "", "href": made.normalizeLink(target), "map": [0, 0]}
        for label, target in definitions.items()
        if not label.startswith("^") and target
    }
    notes = {label[1:] for label in definitions if label.startswith("^")}

    def note(state: StateInline, silent: bool) -> bool:
        match = _NOTE.match(state.src, state.pos)
        if not match or match[1] not in notes:
            return False
        if not silent:
            state.push("note", "", 0).content = match[1]
        state.pos += len(match[1]) + 3
        return True

    def struck(state: StateInline, silent: bool) -> bool:
        before = state.src[state.pos - 1 : state.pos]
        if state.src[state.pos] != "~" or before == "~" or before.isalnum():
            return False
        match = _STRUCK.match(state.src, state.pos)
        if not match:
            return False
        if not silent:
            state.push("struck", "", 0).content = match[0]
        state.pos = match.end()
        return True

    made.inline.ruler.before("link", "note", note)
    made.inline.ruler.before("strikethrough", "struck", struck)
    made.block.ruler.before("reference", "note", _note_block, {"alt": ["paragraph", "reference"]})
    made.core.ruler.before("block", "links", lambda state: state.env.update(references=links))
    return made


def _note_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read "[^label]: text", with the indented lines below it, between two tokens "note"."""
    begin = state.bMarks[start] + state.tShift[start]
    match = _NOTE.match(state.src, begin, state.eMarks[start])
    if state.is_code_block(start) or not match or not match[2]:
        return False
    if silent:
        return True
    kept = state.bMarks[start], state.tShift[start], state.sCount[start], state.parentType
    state.push("note_open", "", 1).content = match[1]
    state.bMarks[start], state.tShift[start] = match.end(), 0
    state.sCount[start] = state.blkIndent = state.blkIndent + 4
    state.parentType = "footnote"
    state.md.block.tokenize(state, start, end)
    state.blkIndent -= 4
    state.bMarks[start], state.tShift[start], state.sCount[start], state.parentType = kept
    state.push("note_close", "", -1)
    return True


@dataclass(slots=True)
class _Element:
    """An open element.

    Attributes:
        reason: why its text is left out, "" if it is not, or "unshown" if it is no text.
        start: where its text starts in what is written.
        target: of a link.
        said: whether it has text that is left out.
    """

    tag: str
    reason: str = ""
    start: int = 0
    target: str = ""
    said: bool = False


class Finished(NamedTuple):
    """What HTML has ended.

    Attributes:
        text: a paragraph or heading; the caption of a table.
        level: of a heading.
        rows: of a table.
    """

    text: str
    level: int = 0
    rows: Sequence[Row] = ()


class Writer(HTMLParser):
    """Collects the text of a paragraph; HTML may be open over many.

    Args:
        left_out: counts what is left out, by reason.

    Attributes:
        finished: what HTML has ended; the caller takes it away.
        in_cell: whether a cell of a Markdown table is read.
    """

    def __init__(self, left_out: Counter[str]) -> None:
        super().__init__(convert_charrefs=True)
        self.finished: list[Finished] = []
        self.in_cell = False
        self._left_out = left_out
        self._text: list[str] = []
        self._open: list[_Element] = []
        self._apart = False  # text was left out here that a reader saw struck
        self._raised_number = False  # whether a superscript was written last
        self._cited = False  # references were left out of this paragraph
        self._tables = 0  # open tables
        self._rows: list[Row] = []  # of the outermost table
        self._cell: Cell | None = None  # that is being read
        self._caption = ""

    # --- the inline markup of Markdown --------------------------------------------------------

    def tokens(self, tokens: Sequence[Token]) -> None:
        """Write inline tokens."""
        flat = [child for token in tokens for child in token.children or ()]
        following = [""] * bool(flat)  # the text after each token, from the last token to the first
        for token in reversed(flat[1:]):
            following.append(token.content or following[-1])
        for token, after in zip(flat, reversed(following), strict=True):
            if token.type == "softbreak":
                self.write("\n" if _ITEM.match(after) else " ")
            elif token.type == "hardbreak":
                self.write("\n")
            elif token.type == "html_inline":
                self.feed(token.content)
            elif token.type == "image":
                self.write(self._alternative(token.children or []))
            elif token.type == "note":
                self.write(f"{' ' if self._before()[-1:].strip() else ''}[{token.content}]")
                self._apart = True
            elif token.type == "struck":
                self._left_out["deleted text"] += not self._reason()
                self._apart = True
            elif token.type == "s_open":
                self.handle_starttag("s", [])
            elif token.type == "s_close":
                self.handle_endtag("s")
            elif token.type == "link_open":
                target = str(token.attrs.get("href", ""))
                # "[1]" with a target elsewhere, which a page shows as a number alone
                target = "" if token.meta.get("label") else target
                self._push(_Element("a", target=target or "?"))
            elif token.type == "link_close":
                self.handle_endtag("a")
            elif token.type.startswith(("em_", "strong_")):
                # "2*3*4" is a product, whatever a page makes of it.
                if self._before()[-1:].isdigit() and after[:1].isdigit():
                    self.write(token.markup)
            else:
                self.write(token.content)

    def _alternative(self, tokens: Sequence[Token]) -> str:
        """Return the text in place of an image."""
        return "".join(t.content for t in tokens if t.type != "html_inline")

    # --- HTML ---------------------------------------------------------------------------------

    def block(self, html: str) -> None:
        """Read a block of raw HTML."""
        self.feed(html)
        if self.rawdata:  # a tag or comment without an end hides the rest of its block
            self._left_out["hidden text"] += any(map(str.isalnum, self.rawdata))
            self.rawdata = ""

    def finish(self) -> None:
        """End what HTML has left open."""
        while self._tables:
            self._end("table")
        self._break()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag in _BREAKING and not self._reason():
            self._break()
        hidden = "hidden" in values or values.get("aria-hidden") == "true"
        reason = ""
        if tag in _UNSHOWN:
            reason = "unshown"
        elif hidden or _HIDING.search(values.get("style", "")):
            reason = "hidden text"
        elif tag in _DELETED:
            reason = "deleted text"
        if tag == "br":
            self.write("\n")
        elif tag == "img":
            self.write(values.get("alt", ""))
        elif tag not in _VOID and (reason or tag not in _MAY_STAY_OPEN):
            self._push(_Element(tag, reason, target=values.get("href", "?")))
        if not self._reason():
            self._start(tag, values)

    def handle_endtag(self, tag: str) -> None:
        places = [n for n, element in enumerate(self._open) if element.tag == tag]
        hidden = bool(self._reason())
        if places:
            element = self._open[places[-1]]
            del self._open[places[-1] :]
            self._apart |= element.reason == "deleted text"
            if tag == "sup":
                self._lower(element)
            elif tag == "sub":
                self._divide(element)
            elif tag == "a":
                self._link(element)
        if not hidden:
            self._end(tag)

    def handle_data(self, data: str) -> None:
        pre = any(element.tag == "pre" for element in self._open)
        self.write(data if pre else re.sub(r"\s+", " ", data))

    def handle_comment(self, data: str) -> None:
        self._left_out["comments"] += any(map(str.isalnum, data))

    def unknown_decl(self, data: str) -> None:
        self.handle_comment(data)

    # --- what is written ----------------------------------------------------------------------

    def write(self, text: str) -> None:
        """Add text, unless an open element hides it."""
        if not text:
            return
        for element in self._open:
            if element.reason:
                if text.strip() and not element.said and element.reason != "unshown":
                    element.said = True
                    self._left_out[element.reason] += 1
                return
        before = self._before()[-1:]
        if self._raised_number and before.isdigit() and text[0].isdigit():
            self._text.append(" ")  # "10^9 5"
        elif self._apart and text[0].isalnum() and (before.isalnum() or before == "]"):
            self._text.append(" ")
        self._apart = self._raised_number = False
        self._text.append(text)

    def taken(self) -> str:
        """Return the paragraph that was written, and start another."""
        text = "".join(self._text)
        if self._cited:
            text = _EMPTY_BRACKETS.sub("", text)
        self._text.clear()
        self._apart = self._cited = False
        for element in self._open:
            element.start = 0
        return text.strip()

    @property
    def in_html_cell(self) -> bool:
        """Whether a cell of a table in HTML is open."""
        return self._cell is not None

    def _before(self) -> str:
        return "".join(self._text[-LOOKBACK:])[-LOOKBACK:]

    def _reason(self) -> str:
        return next((element.reason for element in self._open if element.reason), "")

    def _push(self, element: _Element) -> None:
        if len(self._open) < _DEPTH_LIMIT:
            element.start = len(self._text)
            self._open.append(element)

    def _lower(self, element: _Element) -> None:
        """Write a superscript apart from the text before it."""
        inside = "".join(self._text[element.start :])
        del self._text[element.start :]
        before, mark = self._before(), inside.strip()
        if self._cited and not any(map(str.isalnum, mark)):
            return  # only commas between references
        if (self.in_cell or self._cell) and _LETTERS.fullmatch(mark) and before[-1:].strip():
            self.write(f" [{mark}]")
            self._apart = True
        elif inside:
            self._text.append(superscript(before, inside))
            self._raised_number = True

    def _divide(self, below: _Element) -> None:
        """Write "2", a superscript, a slash and a subscript as a fraction: "2 1/2"."""
        *_, above, slash = "", "", *self._text[: below.start][-2:]
        if re.fullmatch(r"\^\d+", above) and SLASH.fullmatch(slash):
            self._text[below.start - 2 : below.start] = [f" {above[1:]}", "/"]

    def _link(self, element: _Element) -> None:
        """Leave a link out that is only the number of a reference in the same document."""
        inside = "".join(self._text[element.start :])
        if not _REFERENCES.fullmatch(inside):
            return
        if element.target.startswith("#"):
            del self._text[element.start :]
            self._left_out["reference marks"] += 1
            self._cited = True
        elif element.target == "?" or self._before_link(element)[-1:].strip():
            number = inside.strip().strip("[]")
            space = " " if self._before_link(element)[-1:].strip() else ""
            self._text[element.start :] = [f"{space}[{number}]"]

    def _before_link(self, element: _Element) -> str:
        return "".join(self._text[max(0, element.start - LOOKBACK) : element.start])

    # --- blocks of HTML -----------------------------------------------------------------------

    def _break(self) -> None:
        """End a paragraph, or write a space within a cell."""
        if self._tables:
            self._text.append(" ")
        elif text := self.taken():
            self.finished.append(Finished(text))

    def _start(self, tag: str, values: Mapping[str, str]) -> None:
        if tag == "li" and not self._tables:
            self._text.append("- ")
        elif tag == "table":
            self._tables += 1
        elif self._tables == 1 and tag in ("tr", "td", "th", "caption"):
            self._end_cell()
            if tag == "tr":
                self._row()
            elif tag == "caption":
                self._cell = Cell("caption")
            else:
                rows, columns = (_count(values.get(name, "")) for name in ("rowspan", "colspan"))
                self._cell = Cell("", rows, columns, tag == "th")

    def _end(self, tag: str) -> None:
        if tag in ("h1", "h2", "h3", "h4", "h5", "h6") and not self._tables:
            if text := self.taken():
                self.finished.append(Finished(text, level=int(tag[1])))
        elif tag == "table" and self._tables:
            self._tables -= 1
            if not self._tables:
                self._end_cell()
                self.finished.append(Finished(self._caption, rows=self._rows))
                self._rows, self._caption = [], ""
        elif self._tables == 1 and tag in ("tr", "td", "th", "caption"):
            self._end_cell()
        elif tag in _BREAKING:
            self._break()

    def _row(self) -> None:
        if len(self._rows) >= _ROWS_LIMIT:
            heads = [row for row in self._rows[:4] if all(cell.heading for cell in row)]
            self.finished.append(Finished(self._caption, rows=self._rows))
            self._rows = heads
        self._rows.append(Row())

    def _end_cell(self) -> None:
        """Add the text since the cell's start to the table; text outside cells stands above it."""
        text, cell, self._cell = self.taken(), self._cell, None
        if cell is None:
            if text:
                self.finished.append(Finished(text))
        elif cell.text == "caption":
            self._caption = text
        else:
            if not self._rows:
                self._rows.append(Row())
            self._rows[-1].append(cell._replace(text=text))


def _count(number: str) -> int:
    return int(number) if re.fullmatch(r"\d{1,4}", number) else 1
