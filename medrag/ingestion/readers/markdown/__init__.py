"""Reads .md: what CommonMark with GitHub's tables, strikethrough and footnotes shows a reader."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from ....errors import DocumentError
from ....types import Block, BlockKind, Document, Flag
from ...files import read_chunks, split_text
from ..reader import HeadingPath, Source, flat, one_line, told_apart
from ..tables import Cell, Row, table_blocks
from .front_matter import LEFT_OUT, as_text, front_matter
from .text import Writer, parser

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_LIMIT = 1 << 14  # characters that are parsed at a time, if a paragraph or table is longer
_BATCH = 1 << 11  # characters that are parsed at a time, if there is a blank line
_DEFINITION = re.compile(r"^[ >]{0,8}\[(\^?[^\[\]\n]{1,200})\]:[ \t]*(\S*)", re.MULTILINE)
_CAPTION_LIMIT = 400  # characters; a longer paragraph is no caption
_MOST_DEFINITIONS = 100_000
_FENCE = re.compile(r"[ >]{0,12}(?:[-*+][ \t]+|\d{1,9}[.)][ \t]+)*(`{3,}(?=[^`]*\Z)|~{3,})")
_OPENING = re.compile(r" {0,3}<(!--|script\b|style\b)", re.IGNORECASE)
_ENDS = {"!--": "-->", "script": "</script>", "style": "</style>"}
_TABLE_RULE = re.compile(r"\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*\Z")
_TABLE_LABEL = re.compile(r"Tab(?:le|\.)\s+[\w.-]{1,8}\s*(?:[^\w\s]|\Z)")


def read(source: Source) -> Iterator[Document]:
    """Yield the document; the file is read while its blocks are.

    The title is `title:` in the front matter, else the first `# heading`, else the file's name.
    Other front matter becomes metadata, and `url:` the document's URL.

    Raises:
        DocumentError: the file cannot be read or decoded; later also from the blocks.
    """
    pieces = _pieces(source)
    front, unread, head = front_matter(next(pieces, ""))
    document = Document(source.document_id, "", (), left_out=+Counter({LEFT_OUT: unread}))
    walk = _Walk(parser(_definitions(source)), document)
    title = as_text(front.pop("title", "")) or walk.title(head) or source.title
    url = as_text(front.pop("url", ""))
    yield Document(
        document.id,
        title,
        walk.blocks(chain([head], pieces), title),
        url,
        front,
        flags=document.flags,
        left_out=document.left_out,
    )


def _pieces(source: Source) -> Iterator[str]:
    return (piece.replace("\r\n", "\n").replace("\r", "\n") for piece in read_chunks(source.path))


def _definitions(source: Source) -> dict[str, str]:
    """Return the targets of links and notes by their labels; they may stand after their use."""
    found: dict[str, str] = {}
    try:
        for piece in _pieces(source):
            for label, target in _DEFINITION.findall(piece):
                if len(found) < _MOST_DEFINITIONS:
                    found.setdefault(label, target[:_LIMIT])
    except DocumentError:  # raised again when the text gets there
        pass
    return found


class _Part(NamedTuple):
    """A part of the text that can be parsed alone.

    Attributes:
        text: whole lines, or a piece of a line that is too long.
        inline: whether it is such a piece.
        glue: as in `Block`, for the first block in it.
        table: whether it goes on with the table of the part before, whose header is repeated.
    """

    text: str
    inline: bool = False
    glue: str = "\n\n"
    table: bool = False


def _parts(pieces: Iterator[str], left_out: Counter[str]) -> Iterator[_Part]:
    """Cut a text where a parser sees the same in its parts; in bounded memory.

    That is before a line that follows a blank one and is not indented. Longer paragraphs, code and
    tables are cut at the end of a line.
    """
    lines: list[str] = []
    size = 0
    glue, table = "\n\n", False  # of the part that `lines` begin
    fence = ""  # the line that has opened the code
    header: list[str] = []  # of the table
    end = ""  # what ends a comment or script
    for line, piece_glue in _lines(pieces):
        if end:
            _, found, line = line.partition(end)
            if not found:
                continue
            end = ""
        if piece_glue is not None:
            if lines:
                yield _Part("\n".join(lines), False, glue, table)
            lines, size, glue, table, header = [], 0, "\n\n", False, []
            yield _Part(line, True, piece_glue)
            continue
        blank, inside = not line.strip(), fence
        if fence:
            mark = _FENCE.match(fence)
            if mark and re.fullmatch(rf"[ >]*{mark[1][0]}{{{len(mark[1])},}}\s*", line):
                fence = ""
        elif not blank and (opening := _OPENING.match(line)):
            kind = opening[1].lower()
            if _ENDS[kind] not in line[opening.end() :].lower():
                end = _ENDS[kind]
                left_out["comments"] += kind == "!--"
                lines.append("")
                continue
        elif _FENCE.match(line):
            fence = line
        starts = not blank and not inside and not line[0].isspace()
        if size > _BATCH and not lines[-1].strip() and starts:
            yield _Part("\n".join(lines), False, glue, table)
            lines, size, glue, table, header = [], 0, "\n\n", False, []
        elif size + len(line) > _LIMIT and lines:
            yield _Part("\n".join(lines), False, glue, table)
            glue, table = ("\n\n" if header or inside else " "), bool(header)
            lines = header[:] if header else [inside] if inside else []
            size = sum(map(len, lines))
        if blank:
            header = []
        elif not header and not inside and lines and "|" in line + lines[-1]:
            header = [lines[-1], line] if _TABLE_RULE.match(line) else []
        lines.append(line)
        size += len(line)
    if lines:
        yield _Part("\n".join(lines), False, glue, table)
    if end == "-->":  # a comment without an end hides the rest of the page
        left_out["hidden text"] += 1


def _lines(pieces: Iterator[str]) -> Iterator[tuple[str, str | None]]:
    """Yield each line, or the pieces of one that is too long, with the glue before the piece."""
    begun = ""  # the start of a line that the next piece continues
    glue: str | None = None  # before the rest of that line, if its start has been yielded
    for piece in pieces:
        *lines, last = (begun + piece).split("\n")
        begun = last
        for line in lines:
            if line or glue is None:
                yield line, glue
            glue = None
        if glue is not None or len(begun) > _LIMIT:
            if begun:
                for part in split_text(begun, _LIMIT):
                    yield part, "\n\n" if glue is None else glue
                    glue = " " if part[-1].isspace() else ""
            begun = ""
    if begun:
        yield begun, glue


class _Walk:
    """Turns the tokens of the parser into blocks."""

    def __init__(self, parser: MarkdownIt, document: Document) -> None:
        self._parser = parser
        self._document = document
        self._writer = Writer(document.left_out)
        self._title = ""
        self._path = HeadingPath()
        self._caption: Block | None = None  # a paragraph that may be the caption of a table
        self._named = ""  # the caption of the last table
        self._items: list[str] = []  # lines of the outermost list
        self._lists: list[str] = []  # what the next paragraph of each open list starts with
        self._note = ""  # the label of a footnote, before its first paragraph

    def title(self, head: str) -> str:
        """Return the text of the first top-level heading, or ""."""
        outside = re.sub(r"(?ms)^(`{3,}(?=[^`\n]*$)|~~~).*?^\1|<!--.*?-->", "", head)
        match = re.search(r"(?m)^#[ \t]+(\S.*)$|^(\S.*)\n={3,}[ \t]*$", outside)
        if not match:
            return ""
        writer = Writer(Counter())
        writer.tokens(self._parser.parseInline((match[1] or match[2]).rstrip(" #")))
        return one_line(writer.taken())

    def blocks(self, pieces: Iterator[str], title: str) -> Iterator[Block]:
        """Yield the blocks of a text that comes in pieces, which may end within a line."""
        self._title = title
        for part in _parts(pieces, self._document.left_out):
            if part.inline:
                tokens = self._parser.parseInline(part.text)
            else:
                tokens = self._parser.parse(part.text)
            glue = part.glue
            for block in self._walk(tokens, part):
                yield replace(block, glue=glue) if glue != "\n\n" else block
                glue = "\n\n"
        yield from self._ended()
        self._writer.finish()
        yield from self._html()
        if self._document.left_out["hidden text"]:
            self._document.flags.add(Flag.hidden_text)

    def _walk(self, tokens: Sequence[Token], part: _Part) -> Iterator[Block]:
        """Yield the blocks that the tokens of a part complete."""
        rows: list[Row] = []
        lines = part.text.split("\n")
        for token in tokens:
            kind = token.type
            if kind == "inline":
                self._writer.tokens([token])
                if part.inline:
                    yield from self._paragraph(self._writer.taken())
            elif kind == "paragraph_close":
                yield from self._html()
                if not self._writer.in_html_cell:
                    yield from self._paragraph(self._writer.taken())
            elif kind == "heading_close":
                yield from self._heading(int(token.tag[1]), self._writer.taken())
            elif kind in ("fence", "code_block"):
                yield from self._paragraph(token.content.strip("\n"), code=True)
            elif kind == "html_block":
                self._writer.block(token.content)
                yield from self._html()
            elif kind == "list_item_open":
                self._lists[-1] = f"{token.info}{token.markup} " if token.info else "- "
            elif kind in ("bullet_list_open", "ordered_list_open"):
                self._lists.append("")
            elif kind in ("bullet_list_close", "ordered_list_close"):
                self._lists.pop()
                if not self._lists and self._items:
                    items, self._items = self._items, []
                    yield from self._block(Block("\n".join(items), section=str(self._path)))
            elif kind == "note_open":
                self._note = token.content
            elif kind == "tr_open":
                rows.append(Row())
                if len(rows) > 1 and token.map:
                    self._check_width(lines[token.map[0]], len(rows[0]))
            elif kind in ("th_open", "td_open"):
                self._writer.in_cell = True
            elif kind in ("th_close", "td_close"):
                self._writer.in_cell = False
                rows[-1].append(Cell(self._writer.taken(), heading=kind == "th_close"))
            elif kind == "table_close":
                yield from self._table(rows, part)
                rows = []

    def _check_width(self, line: str, width: int) -> None:
        """Count a row with cells beyond the header, which a page does not show."""
        cells = re.split(r"(?<!\\)\|", line.strip().strip("|"), maxsplit=width)
        self._document.left_out["cells beyond the table"] += bool(
            cells[width:] and cells[width].strip()
        )

    def _table(self, rows: Sequence[Row], part: _Part) -> Iterator[Block]:
        caption, self._caption = self._caption, None
        if not part.table:
            self._named = caption.text if caption else ""
        blocks = table_blocks(rows, self._named, str(self._path))
        for block in blocks:
            if not part.table:
                yield block
            elif block.kind != BlockKind.caption:
                yield replace(block, glue="\n")

    def _heading(self, level: int, heading: str) -> Iterator[Block]:
        """Enter a section; yield its heading, unless it repeats the title."""
        yield from self._ended()
        heading = flat(heading)
        if level == 1 and heading == self._title:
            self._path.leave(1)
        elif heading:
            yield self._path.enter(level, heading)

    def _paragraph(self, text: str, code: bool = False) -> Iterator[Block]:
        """Yield a paragraph, or add it to the list that it is in."""
        if not text:
            return
        if self._note:
            text, self._note = f"[{self._note}] {text}", ""
        if self._lists:
            self._items.append(self._lists[-1] + text)
            self._lists[-1] = ""
            return
        yield from self._ended()
        block = Block(text, section=str(self._path))
        if _TABLE_LABEL.match(text) and len(text) < _CAPTION_LIMIT and not code:
            self._caption = block
        elif code:
            yield block
        else:
            yield from told_apart(block)

    def _block(self, block: Block) -> Iterator[Block]:
        yield from self._ended()
        yield block

    def _ended(self) -> Iterator[Block]:
        """Yield the paragraph that turned out not to be a caption."""
        caption, self._caption = self._caption, None
        if caption:
            yield caption

    def _html(self) -> Iterator[Block]:
        """Yield what HTML has ended."""
        finished, self._writer.finished = self._writer.finished, []
        for text, level, rows in finished:
            if rows:
                caption = text or (self._caption.text if self._caption else "")
                self._caption = None
                yield from table_blocks(rows, caption, str(self._path))
            elif level:
                yield from self._heading(level, text)
            else:
                yield from self._paragraph(text)
