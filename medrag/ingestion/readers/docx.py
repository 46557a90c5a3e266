"""Reads .docx: the body's headings, paragraphs, lists, tables and text boxes, in reading order."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ...errors import DocumentError
from ...text.cleaning import clean_text
from ...types import Block, Document
from .reader import MEGABYTE, HeadingPath, one_line, readable_stem
from .xml import LOOKBACK, superscript

if TYPE_CHECKING:
    from docx.document import Document as WordDocument
    from lxml.etree import _Element as Element

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"

# Deleted or moved away, properties, the code of a field, and the sound above East Asian words.
_WITHOUT_TEXT = {
    *(W + name for name in ("del", "moveFrom", "instrText", "delText", "delInstrText", "rt")),
    *(W + name for name in ("pPr", "rPr", "sdtPr", "sdtEndPr", "tblPr", "trPr", "tcPr", "sectPr")),
}
_TEXT = (W + "t", M + "t")
_MARKS = {
    **dict.fromkeys((W + "tab", W + "ptab"), "\t"),
    **dict.fromkeys((W + "br", W + "cr"), "\n"),
    W + "noBreakHyphen": "-",
}
_UNKNOWN = "\N{REPLACEMENT CHARACTER}"  # shows that a sign is missing
_PRIVATE = re.compile("[\ue000-\uf8ff]")
# What the symbol fonts draw in place of a Latin-1 character. Digits and most marks stay.
_SYMBOL = {code: code for code in range(0x20, 0x40)} | str.maketrans(
    "abgdezhqiklmnxoprstufcywABGDEZHQIKLMNXOPRSTUFCYW"
    '"$*-~\xa2\xa3\xa5\xab\xac\xad\xae\xaf\xb0\xb1\xb2\xb3\xb4\xb7\xb8\xb9\xba\xbb\xbc\xd6\xd7',
    "αβγδεζηθικλμνξοπρστυφχψωΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ∀∃∗−∼′≤∞↔←↑→↓°±″≥×•÷≠≡≈…√⋅",
)
_WINGDINGS = str.maketrans("lno\xa7\xa8\xdf\xe0\xe1\xe2\xe8\xf0\xfb\xfc\xfd\xfe", "●■□▪□←→↑↓➔⇨✗✓☒☑")
_OLE_MAGIC = b"\xd0\xcf\x11\xe0"  # the container of encrypted .docx and of old .doc files
_PARAGRAPHS = (W + "p", M + "oMathPara", M + "oMath")  # a formula may also stand by itself


def read(path: Path, document_id: str, max_mb: int) -> Document:
    """Return the document. Title: its property, else the "Title" line or first heading, else name.

    Tracked changes are read as accepted. Not read: page headers and footers, footnotes and
    endnotes, comments, charts and SmartArt, the numbers that Word gives to headings and list
    items, and the table of contents, which repeats the headings.

    Args:
        max_mb: megabytes that the parts of the file may have together once unpacked.

    Raises:
        DocumentError: not a Word file, encrypted, damaged, or too large unpacked.
    """
    import docx
    from docx.opc.exceptions import OpcError
    from lxml.etree import LxmlError

    try:
        _check_archive(path, max_mb)
        word = docx.Document(str(path))
        # Read whole here, where what python-docx may raise on a damaged file can be told apart;
        # the file is in memory in any case.
        items = list(_items(word))
        title = one_line(word.core_properties.title or "")
        author = one_line(word.core_properties.author or "")
    except (OpcError, LxmlError, zipfile.BadZipFile, zlib.error, OSError, EOFError) as error:
        raise DocumentError(f"{path.name}: not a readable Word file ({error})") from error
    except (KeyError, ValueError, AttributeError, NotImplementedError, RecursionError) as error:
        raise DocumentError(f"{path.name}: damaged Word file ({error})") from error
    if title == "Word Document":  # python-docx's own, where the file has no properties
        title = ""
    title = title or next((one_line(item.text) for item in items if item.level), "")
    metadata = {"author": author} if author and author != "python-docx" else {}
    title = title or readable_stem(path)
    return Document(document_id, title, _blocks(items, title), metadata=metadata)


def _check_archive(path: Path, max_mb: int) -> None:
    """Refuse a file by its zip directory alone, before anything is unpacked.

    The sizes written there bind: Python's zip reader unpacks no more than they say.
    """
    with path.open("rb") as file:
        if file.read(4) == _OLE_MAGIC:
            raise DocumentError(f"{path.name}: encrypted, or an old .doc file; save it as .docx")
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
    if any(part.flag_bits & 1 for part in parts):
        raise DocumentError(f"{path.name}: encrypted")
    unpacked = sum(part.file_size for part in parts) / MEGABYTE
    if unpacked > max_mb:
        raise DocumentError(
            f"{path.name}: unpacks to {unpacked:.0f} MB, above corpus.max_document_mb={max_mb}"
        )


class _Item(NamedTuple):
    """A paragraph or a whole table."""

    text: str
    level: int = 0  # of a heading; 1 for the title line, 0 for text
    listed: bool = False  # an item of a list


def _blocks(items: Iterable[_Item], title: str) -> Iterator[Block]:
    """Yield headings, paragraphs, runs of list items and tables."""
    path = HeadingPath()
    for listed, group in groupby(items, lambda item: item.listed):
        if listed:
            yield Block("\n".join(f"- {item.text}" for item in group), section=str(path))
            continue
        for item in group:
            if not item.level:
                yield Block(item.text, section=str(path))
            elif one_line(item.text) != title:
                path.enter(item.level, item.text)
                yield Block(item.text, section=str(path))
            else:  # the title again, not a section of its own
                path.leave(1)
                if item.text != title:  # which is cut where the line is long
                    yield Block(item.text)


def _items(word: WordDocument) -> Iterator[_Item]:
    """Yield what has text. One walk without recursion, whatever the tables are nested in."""
    styles = _style_names(word)
    rows: list[str] = []  # finished rows of the outermost table
    cells: list[list[str]] = []  # the paragraphs of each cell of the row being read
    depth = 0  # tables around this place
    stack: list[tuple[Element, bool]] = [(word.element, False)]
    while stack:
        node, seen = stack.pop()
        if node.tag in _PARAGRAPHS:
            text, boxes = paragraph_text(node)
            if depth:
                cells = cells or [[]]
                cells[-1].append(text)
            else:
                yield from _paragraph(node, text, styles)
            stack.extend((box, False) for box in reversed(boxes))
            continue
        if node.tag == W + "tr":
            # A row inside a cell ends the line of the row around it, which goes on below it.
            texts = [" ".join(" ".join(cell).split()) for cell in cells]
            rows += [" | ".join(texts)] if any(texts) else []
            cells = []
        elif node.tag == W + "tc" and not seen:
            cells.append([])
        elif node.tag == W + "tbl":
            depth += -1 if seen else 1
            if not depth:
                yield _Item("\n".join(rows))
                rows = []
        if not seen:
            stack.append((node, True))
            stack.extend((child, False) for child in reversed(children(node)))


def _paragraph(node: Element, text: str, styles: dict[str, str]) -> Iterator[_Item]:
    """Yield the item that a paragraph outside tables makes; none if it has no text."""
    properties = node.find(W + "pPr")
    named = None if properties is None else properties.find(W + "pStyle")
    style = "" if named is None else styles.get(named.get(W + "val", ""), "")
    number = style.removeprefix("heading ")
    level = 1 if style == "title" else int(number) if number != style and number.isdecimal() else 0
    contents = style == "toc heading" or re.fullmatch(r"toc \d+", style)
    if contents or not clean_text(text):
        return
    if level:  # numbered headings carry a list number too
        yield _Item(" ".join(clean_text(text).split()), level)
        return
    numbered = properties is not None and properties.find(W + "numPr") is not None
    listed = numbered or style.startswith("list ")
    yield _Item(text.strip() if listed else text, listed=listed)


def _style_names(word: WordDocument) -> dict[str, str]:
    """Return the name of each style, lower case and English in any edition of Word, by its id."""
    styles = word.styles.element.iterchildren(W + "style")
    pairs = ((style.get(W + "styleId", ""), style.find(W + "name")) for style in styles)
    return {key: name.get(W + "val", "").lower() for key, name in pairs if name is not None}


def paragraph_text(paragraph: Element) -> tuple[str, list[Element]]:
    """Return a paragraph's text as it reads with all changes accepted, and its text boxes.

    A sign of a symbol font that is not known here comes out as U+FFFD. Formulas are written in
    one line: "(140-age)/72", "x^2", "√(x)".
    """
    pieces: list[tuple[bool, str]] = []  # whether it is a superscript, its text
    boxes: list[Element] = []
    raised, font = False, ""
    stack: list[Element | str] = list(reversed(children(paragraph)))
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            pieces.append((False, node))
        elif node.tag in _TEXT:
            pieces.append((raised, _drawn(node.text or "", font)))
        elif node.tag == W + "sym":
            pieces.append((raised, _symbol(node)))
        elif node.tag == W + "txbxContent":
            boxes.append(node)
        else:
            if node.tag in (W + "r", M + "r"):
                raised, font = _format(node)
            if node.tag in _MARKS:
                pieces.append((raised, _MARKS[node.tag]))
            before, after = _around(node)
            stack.extend(
                piece for piece in (after, *reversed(children(node)), before) if piece != ""
            )
    return _joined(pieces), boxes


def children(node: Element) -> list[Element]:
    """Return the elements in `node` that hold text of the document as it stands."""
    if node.tag in _WITHOUT_TEXT:
        return []
    if node.tag == _MC + "AlternateContent":  # the same thing for newer and for older programs
        ways = [*node.iterchildren(_MC + "Choice"), *node.iterchildren(_MC + "Fallback")]
        signs = (*_TEXT, W + "sym")
        return next(([way] for way in ways if next(way.iter(*signs), None) is not None), [])
    if node.tag == W + "sdt" and _is_on(node.find(f"{W}sdtPr/{W}showingPlcHdr")):
        return []  # "Click here to enter text": nobody has filled the field in
    return list(node.iterchildren("*"))


def _is_on(switch: Element | None) -> bool:
    return switch is not None and switch.get(W + "val", "1") not in ("0", "false", "off")


def _format(run: Element) -> tuple[bool, str]:
    """Return whether a run is superscript, and its font where it names one."""
    position = run.find(f"{W}rPr/{W}vertAlign")
    fonts = run.find(f"{W}rPr/{W}rFonts")
    return (
        position is not None and position.get(W + "val") == "superscript",
        "" if fonts is None else fonts.get(W + "ascii", ""),
    )


def _symbol(sign: Element) -> str:
    """Return the character that a `w:sym` asks for by its font and a hexadecimal code."""
    digits, font = sign.get(W + "char", ""), sign.get(W + "font", "")
    code = int(digits, 16) if re.fullmatch("[0-9A-Fa-f]{1,4}", digits) else 0xE000
    if code <= 0xFF and font in ("Symbol", "Wingdings"):
        code += 0xF000
    return _drawn(chr(code), font)


def _drawn(text: str, font: str) -> str:
    """Return `text` with its private characters as `font` draws them, "" for an unnamed font."""

    def drawn(sign: re.Match[str]) -> str:
        code = ord(sign[0]) - 0xF000
        table = {"": _SYMBOL, "Symbol": _SYMBOL, "Wingdings": _WINGDINGS}.get(font, {})
        return chr(table[code]) if code in table else _UNKNOWN

    return _PRIVATE.sub(drawn, text)


def _joined(pieces: list[tuple[bool, str]]) -> str:
    """Return the text of all pieces; neighbouring superscript ones are one superscript."""
    text: list[str] = []
    position = 0
    while position < len(pieces):
        end = position
        while end < len(pieces) and pieces[end][0] == pieces[position][0]:
            end += 1
        part = "".join(piece for _, piece in pieces[position:end])
        text.append(
            superscript(text[-1][-LOOKBACK:] if text else "", part) if pieces[position][0] else part
        )
        position = end
    return "".join(text)


def _around(node: Element) -> tuple[str, str]:
    """Return what to write before and after a part of a formula, so that it keeps its meaning."""
    name = node.tag.removeprefix(M)
    if name == node.tag:
        return "", ""
    if name in ("num", "den", "sup"):
        sign = {"num": "", "den": "/", "sup": "^"}[name]
        inside = "".join(text.text or "" for text in islice(node.iter(M + "t"), 4))
        # An empty limit of a sum has no sign; a longer part than that is no single number or name.
        if re.fullmatch(r"[-+\u2212]?[\w.]*", inside):
            return (sign, "") if inside else ("", "")
        return sign + "(", ")"
    if name == "d":  # the brackets are properties, and "(" where not given
        ends = (node.find(f"{M}dPr/{M}{end}") for end in ("begChr", "endChr"))
        first, last = (
            default if end is None else end.get(M + "val", "")
            for end, default in zip(ends, "()", strict=True)
        )
        return first, last
    if name == "nary":  # a sum, or an integral where not given
        sign = node.find(f"{M}naryPr/{M}chr")
        return ("∫" if sign is None else sign.get(M + "val", "")), ""
    if name in ("e", "mr"):  # the lines of a case, the cells of a matrix
        previous = node.getprevious()
        return ("; " if previous is not None and previous.tag == node.tag else ""), ""
    return {"rad": ("√(", ")"), "fName": ("", " ")}.get(name, ("", ""))
