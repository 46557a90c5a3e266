"""Reads .docx: headings, paragraphs, lists, tables, notes and text boxes, in reading order."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from ....text.cleaning import clean_text
from ....types import Block, BlockKind, Document, Flag
from ...files import MEGABYTE
from ..reader import HeadingPath, Source, flat, one_line, told_apart
from ..tables import Cell, Row, resolved, table_blocks
from .numbers import BULLET, Numbers
from .styles import Styles, W, is_on, is_set, shades, value
from .text import DELETED, M, Paragraphs, has_text, visible_children, why_left_out

if TYPE_CHECKING:
    from docx.document import Document as WordDocument
    from lxml.etree import _Element as Element

_OLE_MAGIC = b"\xd0\xcf\x11\xe0"  # the container of encrypted .docx and of old .doc files
_PARAGRAPHS = (W + "p", M + "oMathPara", M + "oMath")  # a formula may be a paragraph
_ANCHOR = "{http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing}anchor"
_TABLE_LABEL = re.compile(r"Tab(?:le|\.)\s+(?:\w{1,3}[-.])?(?:\d+|[IVXLC]+)\s*(?:[^\w\s]|[A-Z]|\Z)")
_CAPTION_LIMIT = 400  # characters; a longer paragraph is no caption unless its style says so
_REPEATED = 200  # characters of a cell that are repeated in each of the rows that it spans
_NAME_LIMIT = 60  # characters of the name of a column
_VALUE = re.compile(r"[\d<>≤≥=±~+\u2212\u2013.(-]")  # what a number starts with
_ROMAN = (
    *((100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv")),
    (1, "i"),
)


def read(source: Source) -> Iterator[Document]:
    """Yield the document. Title: its property, else the "Title" line or first heading, else name.

    Tracked changes are read as accepted. A footnote or endnote follows the paragraph, list or
    table that refers to it. Not read: page headers and footers, comments, charts and SmartArt, the
    numbers that Word gives to headings, and to list items unless they are plain ("1."), and the
    table of contents, which repeats the headings.

    Raises:
        DocumentError: not a Word file, encrypted, damaged, or too large when unpacked.
    """
    import docx
    from docx.opc.exceptions import OpcError
    from lxml.etree import LxmlError

    left_out: Counter[str] = Counter()
    try:
        _check_archive(source)
        word = docx.Document(str(source.path))
        # Read all of it here, so that errors of python-docx on a damaged file are caught. The file
        # is in memory anyway.
        items = _Body(word, left_out).items()
        title = one_line(word.core_properties.title or "")
        author = one_line(word.core_properties.author or "")
    except (OpcError, LxmlError, zipfile.BadZipFile, zlib.error, OSError, EOFError) as error:
        raise source.error(f"not a readable Word file ({error})") from error
    except (KeyError, ValueError, AttributeError, NotImplementedError, RecursionError) as error:
        raise source.error(f"damaged Word file ({error})") from error
    if title == "Word Document":  # python-docx says so if the file has no properties
        title = ""
    title = title or next((one_line(item.text) for item in items if item.level), "")
    yield Document(
        id=source.document_id,
        title=title or source.title,
        blocks=_blocks(items, title or source.title),
        metadata={"author": author} if author and author != "python-docx" else {},
        flags={Flag.hidden_text} if left_out["hidden text"] else set(),
        left_out=+left_out,  # without zeros
    )


def _check_archive(source: Source) -> None:
    """Refuse a file by its zip directory alone, before anything is unpacked.

    Python's zip reader unpacks no more than the sizes given there.
    """
    with source.path.open("rb") as file:
        if file.read(4) == _OLE_MAGIC:
            raise source.error(
                "encrypted, or an old .doc file; save it as .docx without a password"
            )
    with zipfile.ZipFile(source.path) as archive:
        parts = archive.infolist()
    if any(part.flag_bits & 1 for part in parts):
        raise source.error("encrypted; save it without a password")
    unpacked = sum(part.file_size for part in parts) / MEGABYTE
    limit = source.corpus.max_document_mb
    if unpacked > limit:
        raise source.error(f"unpacks to {unpacked:.0f} MB, above corpus.max_document_mb={limit}")


@dataclass
class _Item:
    """A paragraph, or a whole table.

    Attributes:
        text: of the paragraph; the caption of a table.
        level: of a heading; 1 for the title line, 0 for text.
        listed: what stands before an item of a list: "- " or "1. ".
        kind: of its block.
        captions: whether it names the table before or after it, if there is one.
        rows: of the table.
        notes: the texts of the notes that it refers to.
    """

    text: str
    level: int = 0
    listed: str = ""
    kind: BlockKind = BlockKind.text
    captions: bool = False
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def _blocks(items: Sequence[_Item], title: str) -> Iterator[Block]:
    """Yield headings, paragraphs, runs of list items, tables and notes."""
    path = HeadingPath()
    for listed, group in groupby(items, lambda item: item.listed != ""):
        found = list(group)
        if listed:
            notes = [note for item in found for note in item.notes]
            found = [_Item("\n".join(f"{item.listed}{item.text}" for item in found), notes=notes)]
        for item in found:
            section = str(path)
            if item.kind == BlockKind.table:
                yield from table_blocks(item.rows, item.text, section)
            elif not item.level:
                yield from told_apart(Block(item.text, section=section, kind=item.kind))
            elif one_line(item.text) != title:
                yield path.enter(item.level, item.text)
            else:  # the title again, not a section of its own
                path.leave(1)
                if item.text != title:  # the title has only a part of it
                    yield Block(item.text)
            for note in item.notes:
                yield Block(note, section=str(path))


def _captioned(items: list[_Item]) -> list[_Item]:
    """Return the items with each caption of a table in the table.

    A caption between two tables belongs to the one below it, unless the captions that stand by one
    table alone are more often below theirs.
    """

    def is_table(number: int) -> bool:
        return 0 <= number < len(items) and items[number].kind == BlockKind.table

    captions = [number for number, item in enumerate(items) if item.captions]
    above = sum(is_table(number + 1) and not is_table(number - 1) for number in captions)
    below = sum(is_table(number - 1) and not is_table(number + 1) for number in captions)
    sides = (-1, 1) if below > above else (1, -1)
    used = set()
    for number in captions:
        for side in sides:
            table = items[number + side] if is_table(number + side) else None
            if table is not None and not table.text:
                table.text = items[number].text
                table.notes = [*items[number].notes, *table.notes]
                used.add(number)
                break
    return [item for number, item in enumerate(items) if number not in used]


class _Notes:
    """The footnotes and endnotes of a file, and those that wait to be read."""

    def __init__(self, word: WordDocument) -> None:
        self._notes: dict[tuple[str, str], Element] = {}
        self._marks: dict[tuple[str, str], str] = {}
        self._styles = {"footnote": "decimal", "endnote": "lowerRoman"}
        self.waiting: list[tuple[Element, str]] = []  # with their marks
        for kind, usual in self._styles.items():
            style = word.settings.element.find(f"{W}{kind}Pr/{W}numFmt")
            self._styles[kind] = value(style) or usual
            for root in _parts(word, kind + "s"):
                for note in root.iterchildren(W + kind):
                    self._notes.setdefault((kind, note.get(W + "id", "")), note)

    def refer(self, kind: str, number: str, custom: bool) -> str:
        """Let a note wait to be read, if there is one.

        Returns:
            its mark; "" if the text shows a `custom` one.
        """
        key = kind, number
        if key in self._notes and key not in self._marks:
            count = 1 + sum(seen == kind and mark != "" for (seen, _), mark in self._marks.items())
            self._marks[key] = "" if custom else _numeral(count, self._styles[kind])
            self.waiting.append((self._notes[key], self._marks[key]))
        return self._marks.get(key, "" if custom else "?")


def _numeral(number: int, style: str) -> str:
    """Return a number as notes are numbered: 3, c, iii or ‡."""
    if style.endswith("Letter"):
        text = chr(ord("a") + (number - 1) % 26) * (1 + (number - 1) // 26)
    elif style.endswith("Roman"):
        text = ""
        for size, letters in _ROMAN:
            text += letters * (number // size)
            number %= size
    elif style == "chicago":
        text = "*†‡§"[(number - 1) % 4] * (1 + (number - 1) // 4)
    else:
        text = str(number)
    return text.upper() if style.startswith("upper") else text


def _parts(word: WordDocument, kind: str) -> Iterator[Element]:
    """Yield the root elements of the parts of a kind, such as "footnotes"."""
    from docx.oxml.parser import parse_xml

    for relation in word.part.rels.values():
        if not relation.is_external and relation.reltype.endswith(f"/relationships/{kind}"):
            yield parse_xml(relation.target_part.blob)


class _Body:
    """Walks the body of a file: what is a paragraph, a table, a cell."""

    def __init__(self, word: WordDocument, left_out: Counter[str]) -> None:
        self._root = word.element
        self._left_out = left_out
        self._styles = Styles(word.styles.element)
        self._notes = _Notes(word)
        self._numbers = Numbers(_parts(word, "numbering"))
        self._paragraphs = Paragraphs(self._styles, self._notes.refer, left_out)
        for kind in ("header", "footer"):
            left_out["page furniture"] += sum(map(has_text, _parts(word, kind)))

    def items(self) -> list[_Item]:
        """Return what has text; each table has its caption."""
        # White text may stand on a page with a colour, or on a picture behind it.
        behind = (is_set(anchor.get("behindDoc", "0")) for anchor in self._root.iter(_ANCHOR))
        shaded = self._root.find(W + "background") is not None or any(behind)
        items = list(self._items(self._root, shaded))
        return _captioned(items) + [_Item(note) for note in self._read_notes()]

    def _items(self, container: Element, shaded: bool, in_cell: bool = False) -> Iterator[_Item]:
        """Yield the items in an element.

        Args:
            shaded: whether there is, or may be, a colour behind them.
        """
        carried = ""  # from paragraphs whose end is deleted or hidden
        for node in self._found(container, *_PARAGRAPHS, W + "tbl"):
            if node.tag == W + "tbl":
                yield from self._table(node, shaded)
                continue
            text, boxes = self._paragraphs.text(node, in_cell, shaded)
            text = carried + text
            carried = text if _is_joined(node) else ""
            if not carried:
                yield from self._paragraph(node, text, in_cell)
            for box in boxes:
                if isinstance(box, str):
                    yield from [_Item(box)] if clean_text(box) else []
                else:
                    yield from self._items(box, shaded=True)
        if clean_text(carried):
            yield _Item(carried)

    def _found(self, container: Element, *tags: str) -> Iterator[Element]:
        """Yield the first elements with these tags on each way down."""
        stack = list(reversed(visible_children(container)))
        while stack:
            node = stack.pop()
            if reason := why_left_out(node):
                self._left_out[reason] += node.tag not in DELETED or has_text(node)
            elif node.tag in tags:
                yield node
            else:
                stack.extend(reversed(visible_children(node)))

    def _paragraph(self, node: Element, text: str, in_cell: bool) -> Iterator[_Item]:
        """Yield a paragraph as an item, if it has text."""
        properties = node.find(W + "pPr")
        named = None if properties is None else properties.find(W + "pStyle")
        style = self._styles.name(value(named))
        number = style.removeprefix("heading ")
        level = int(number) if number != style and number.isdecimal() else int(style == "title")
        numbers = None if properties is None else properties.find(W + "numPr")
        numbers = self._styles.numbering(value(named)) if numbers is None else numbers
        mark = BULLET if numbers is None or level else self._numbers.mark(numbers)
        contents = style == "toc heading" or re.fullmatch(r"toc \d+", style)
        if contents or not clean_text(text):
            return
        item = _Item(text)
        if level:  # numbered headings carry a list number too
            item = _Item(flat(text), level)
        elif style == "caption":
            item = _Item(flat(text), kind=BlockKind.caption)
            item.captions = not item.text.startswith("Fig")
        elif len(text) < _CAPTION_LIMIT and _TABLE_LABEL.match(text.lstrip()):
            item.captions = True
        elif style.startswith("list ") or _is_numbered(properties):
            item = _Item(text.strip(), listed=mark)
        if not in_cell:  # those of a table follow it
            item.notes = self._read_notes()
        yield item

    def _read_notes(self) -> list[str]:
        """Return the texts of the notes that wait; each begins with its mark."""
        found = []
        waiting, self._notes.waiting = self._notes.waiting, []
        for note, mark in waiting:
            self._paragraphs.own_mark = mark
            text = self._text(note, shaded=False, in_cell=False)
            if text:
                begins = not mark or text.startswith(f"[{mark}]")
                found.append(text if begins else f"[{mark}] {text}")
        return found

    def _text(self, container: Element, shaded: bool, in_cell: bool) -> str:
        """Return the text of a cell or note, on one line."""
        parts = []
        for item in self._items(container, shaded, in_cell):
            blocks = table_blocks(item.rows, item.text)
            lines = [line for block in blocks for line in block.text.splitlines()]
            parts += [" / ".join(lines) if item.rows else item.text, *item.notes]
        return flat(" ".join(parts))

    def _table(self, table: Element, shaded: bool) -> Iterator[_Item]:
        """Yield a table; or, if it only frames other content, what is in it."""
        properties = table.find(W + "tblPr")
        style = value(None if properties is None else properties.find(W + "tblStyle"))
        shaded = shaded or shades(properties) or self._styles.shades_tables(style)
        rows = [(row, list(self._cells(row))) for row in self._rows(table)]
        single = [cells[0] for _, cells in rows if len(cells) == 1]
        frames = len(rows) == 1 or any(cell.find(f".//{W}tbl") is not None for cell in single)
        if len(single) == len(rows) and frames:
            for cell in single:
                yield from self._items(cell, shaded or shades(cell.find(W + "tcPr")))
            return
        found = _Item("", kind=BlockKind.table)
        above: dict[int, str] = {}  # texts of the cells that go on in the next row, by column
        for row, cells in rows:
            found.rows.append(self._row(row, cells, above, shaded))
        found.notes = self._read_notes()
        self._mark_header(found, properties, style)
        yield found

    def _rows(self, table: Element) -> Iterator[Element]:
        for row in self._found(table, W + "tr"):
            properties = row.find(W + "trPr")
            if properties is not None and properties.find(W + "del") is not None:
                self._left_out["deleted text"] += has_text(row)
            elif properties is not None and is_on(properties.find(W + "hidden")):
                self._left_out["hidden text"] += has_text(row)
            else:
                yield row

    def _cells(self, row: Element) -> Iterator[Element]:
        for cell in self._found(row, W + "tc"):
            if cell.find(f"{W}tcPr/{W}cellDel") is None:
                yield cell
            else:
                self._left_out["deleted text"] += has_text(cell)

    def _row(
        self, row: Element, cells: Sequence[Element], above: dict[int, str], shaded: bool
    ) -> Row:
        """Read a row; `above` has the cells that go on in it, and gets those that go on below."""
        made = Row(header=is_on(row.find(f"{W}trPr/{W}tblHeader")))
        if before := _count(row.find(f"{W}trPr/{W}gridBefore")):
            made.append(Cell("", columns=before))
        column = before
        going_on: dict[int, str] = {}
        for cell in cells:
            properties = cell.find(W + "tcPr")
            text = self._text(cell, shaded or shades(properties), in_cell=True)
            span = max(1, _count(cell.find(f"{W}tcPr/{W}gridSpan")))
            beside = cell.find(f"{W}tcPr/{W}hMerge")
            if made and beside is not None and value(beside) != "restart":
                last = made[-1]
                made[-1] = Cell(f"{last.text} {text}", columns=last.columns + span)
            else:
                merged = _merged(cell)
                if merged == "continue" and column in above:
                    text = text or above[column]
                if merged:
                    going_on[column] = one_line(text, _REPEATED)
                bold = self._is_bold(cell) or shades(properties)
                made.append(Cell(text, columns=span, bold=bold))
            column += span
        above.clear()
        above.update(going_on)
        return made

    def _mark_header(self, table: _Item, properties: Element | None, style: str) -> None:
        """Mark the header that the table's style shows; make a title row the caption."""
        grid = resolved(table.rows)
        width = max(map(len, grid), default=0)
        if len(grid) > 2 and not table.text and _is_title(grid, width):
            table.text = grid.pop(0)[0].text
            del table.rows[0]
        if len(grid) < 2 or width < 2:
            return
        if _has_first_row(properties):
            apart = self._styles.sets_first_row_apart(style) or _has_names(grid[0])
            table.rows[0].header = table.rows[0].header or apart

    def _is_bold(self, cell: Element) -> bool:
        runs = [run for run in cell.iter(W + "r") if has_text(run)]
        return bool(runs) and all(
            self._styles.look(run.find(W + "rPr"), _paragraph_style(run)).bold for run in runs
        )


def _is_joined(paragraph: Element) -> bool:
    """Tell whether the end of a paragraph is deleted or hidden, so that the next one continues it.

    `w:specVanish` hides the end of a heading that stands in one line with its text.
    """
    mark = paragraph.find(f"{W}pPr/{W}rPr")
    if mark is None:
        return False
    deleted = any(mark.find(tag) is not None for tag in DELETED)
    return deleted or (is_on(mark.find(W + "vanish")) and not is_on(mark.find(W + "specVanish")))


def _is_numbered(properties: Element | None) -> bool:
    numbers = None if properties is None else properties.find(W + "numPr")
    return numbers is not None and value(numbers.find(W + "numId")) != "0"


def _has_first_row(properties: Element | None) -> bool:
    """Tell whether a table asks for a first row of its own; Word asks for it unless told not to."""
    look = None if properties is None else properties.find(W + "tblLook")
    if look is None:
        return False
    flags = value(look)
    number = int(flags, 16) if re.fullmatch("[0-9A-Fa-f]{1,8}", flags) else 0
    return is_set(look.get(W + "firstRow", "1" if number & 0x20 else "0"))


def _has_names(cells: Sequence[Cell]) -> bool:
    """Tell whether a row has a short name, each another, in each of at least three columns."""
    texts = {cell.text for cell in cells if cell.text and not _VALUE.match(cell.text)}
    return len(texts) == len(cells) > 2 and all(len(text) <= _NAME_LIMIT for text in texts)


def _paragraph_style(run: Element) -> str:
    paragraph = next(run.iterancestors(W + "p"), None)
    return "" if paragraph is None else value(paragraph.find(f"{W}pPr/{W}pStyle"))


def _merged(cell: Element) -> str:
    """Return "restart" or "continue" if a cell is merged with those below or above it, else ""."""
    merge = cell.find(f"{W}tcPr/{W}vMerge")
    if merge is not None:
        return str(merge.get(W + "val", "continue"))
    tracked = cell.find(f"{W}tcPr/{W}cellMerge")  # a merge as a tracked change
    state = "" if tracked is None else tracked.get(W + "vMerge", "")
    return {"rest": "restart", "cont": "continue"}.get(state, "")


def _count(element: Element | None) -> int:
    number = value(element)
    return int(number) if re.fullmatch(r"\d{1,4}", number) else 0


def _is_title(grid: list[list[Cell]], width: int) -> bool:
    """Tell whether the first row is one cell across the table, and no other row is."""
    across = [len(row) == width and all(cell is row[0] for cell in row) for row in grid]
    return width > 1 and across[0] and not any(across[1:]) and bool(grid[0][0].text)
