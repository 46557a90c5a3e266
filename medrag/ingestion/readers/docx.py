"""Reads .docx: the body's headings, paragraphs, lists, tables and text boxes, in reading order."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from typing import TYPE_CHECKING, NamedTuple

from ...text.cleaning import clean_text
from ...types import Block, BlockKind, Document
from ..files import MEGABYTE
from .reader import HeadingPath, Source, flat, one_line
from .xml import LOOKBACK, superscript

if TYPE_CHECKING:
    from docx.document import Document as WordDocument
    from lxml.etree import _Element as Element

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"

# Deleted or moved text, properties, field codes, and phonetic guides above East Asian words.
_WITHOUT_TEXT = {
    *(_W + name for name in ("del", "moveFrom", "instrText", "delText", "delInstrText", "rt")),
    *(_W + name for name in ("pPr", "rPr", "sdtPr", "sdtEndPr", "tblPr", "trPr", "tcPr", "sectPr")),
}
_TEXT = (_W + "t", _M + "t")
_MARKS = {
    **dict.fromkeys((_W + "tab", _W + "ptab"), "\t"),
    **dict.fromkeys((_W + "br", _W + "cr"), "\n"),
    _W + "noBreakHyphen": "-",
}
_UNKNOWN = "\N{REPLACEMENT CHARACTER}"  # shows that a character is missing
_PRIVATE = re.compile("[\ue000-\uf8ff]")
# What symbol fonts draw in place of Latin-1 characters. Digits and most punctuation stay.
_SYMBOL = {code: code for code in range(0x20, 0x40)} | str.maketrans(
    "abgdezhqiklmnxoprstufcywABGDEZHQIKLMNXOPRSTUFCYW"
    '"$*-~\xa2\xa3\xa5\xab\xac\xad\xae\xaf\xb0\xb1\xb2\xb3\xb4\xb7\xb8\xb9\xba\xbb\xbc\xd6\xd7',
    "αβγδεζηθικλμνξοπρστυφχψωΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ∀∃∗−∼′≤∞↔←↑→↓°±″≥×•÷≠≡≈…√⋅",
)
_WINGDINGS = str.maketrans("lno\xa7\xa8\xdf\xe0\xe1\xe2\xe8\xf0\xfb\xfc\xfd\xfe", "●■□▪□←→↑↓➔⇨✗✓☒☑")
_OLE_MAGIC = b"\xd0\xcf\x11\xe0"  # the container of encrypted .docx and of old .doc files
_PARAGRAPHS = (_W + "p", _M + "oMathPara", _M + "oMath")  # a formula may be a paragraph


def read(source: Source) -> Iterator[Document]:
    """Yield the document. Title: its property, else the "Title" line or first heading, else name.

    Tracked changes are read as accepted. Not read: page headers and footers, footnotes and
    endnotes, comments, charts and SmartArt, the numbers that Word gives to headings and list
    items, and the table of contents, which repeats the headings.

    Raises:
        DocumentError: not a Word file, encrypted, damaged, or too large when unpacked.
    """
    import docx
    from docx.opc.exceptions import OpcError
    from lxml.etree import LxmlError

    try:
        _check_archive(source)
        word = docx.Document(str(source.path))
        # Read all of it here, so that errors of python-docx on a damaged file are caught. The file
        # is in memory anyway.
        items = list(_items(word))
        title = one_line(word.core_properties.title or "")
        author = one_line(word.core_properties.author or "")
    except (OpcError, LxmlError, zipfile.BadZipFile, zlib.error, OSError, EOFError) as error:
        raise source.error(f"not a readable Word file ({error})") from error
    except (KeyError, ValueError, AttributeError, NotImplementedError, RecursionError) as error:
        raise source.error(f"damaged Word file ({error})") from error
    if title == "Word Document":  # python-docx says so if the file has no properties
        title = ""
    title = title or next((one_line(item.text) for item in items if item.level), "")
    metadata = {"author": author} if author and author != "python-docx" else {}
    title = title or source.title
    yield Document(source.document_id, title, _blocks(items, title), metadata=metadata)


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


class _Item(NamedTuple):
    """A paragraph or a whole table."""

    text: str
    level: int = 0  # of a heading; 1 for the title line, 0 for text
    listed: bool = False  # an item of a list
    kind: BlockKind = BlockKind.text


def _blocks(items: Iterable[_Item], title: str) -> Iterator[Block]:
    """Yield headings, paragraphs, runs of list items and tables."""
    path = HeadingPath()
    for listed, group in groupby(items, lambda item: item.listed):
        if listed:
            yield Block("\n".join(f"- {item.text}" for item in group), section=str(path))
            continue
        for item in group:
            if not item.level:
                yield Block(item.text, section=str(path), kind=item.kind)
            elif one_line(item.text) != title:
                yield path.enter(item.level, item.text)
            else:  # the title again, not a section of its own
                path.leave(1)
                if item.text != title:  # the title has only a part of it
                    yield Block(item.text)


def _items(word: WordDocument) -> Iterator[_Item]:
    """Yield what has text, in one walk without recursion, however deep the tables are nested."""
    styles = _style_names(word)
    rows: list[str] = []  # finished rows of the outermost table
    cells: list[list[str]] = []  # the paragraphs of each cell of the row being read
    depth = 0  # how many tables are open
    stack: list[tuple[Element, bool]] = [(word.element, False)]
    while stack:
        node, seen = stack.pop()
        if node.tag in _PARAGRAPHS:
            text, boxes = _paragraph_text(node)
            if depth:
                cells = cells or [[]]
                cells[-1].append(text)
            else:
                yield from _paragraph(node, text, styles)
            stack.extend((box, False) for box in reversed(boxes))
            continue
        if node.tag == _W + "tr":
            # A row inside a cell ends the line of the outer row, which continues after it.
            texts = [" ".join(" ".join(cell).split()) for cell in cells]
            rows += [" | ".join(texts)] if any(texts) else []
            cells = []
        elif node.tag == _W + "tc" and not seen:
            cells.append([])
        elif node.tag == _W + "tbl":
            depth += -1 if seen else 1
            if not depth:
                yield _Item("\n".join(rows), kind=BlockKind.table)
                rows = []
        if not seen:
            stack.append((node, True))
            stack.extend((child, False) for child in reversed(_children(node)))


def _paragraph(node: Element, text: str, styles: dict[str, str]) -> Iterator[_Item]:
    """Yield a paragraph outside tables as an item, if it has text."""
    properties = node.find(_W + "pPr")
    named = None if properties is None else properties.find(_W + "pStyle")
    style = "" if named is None else styles.get(named.get(_W + "val", ""), "")
    number = style.removeprefix("heading ")
    level = 1 if style == "title" else int(number) if number != style and number.isdecimal() else 0
    contents = style == "toc heading" or re.fullmatch(r"toc \d+", style)
    if contents or not clean_text(text):
        return
    if level:  # numbered headings carry a list number too
        yield _Item(flat(text), level)
        return
    numbered = properties is not None and properties.find(_W + "numPr") is not None
    listed = numbered or style.startswith("list ")
    yield _Item(text.strip() if listed else text, listed=listed)


def _style_names(word: WordDocument) -> dict[str, str]:
    """Return the names of styles by their ids: lower case, in English in any edition of Word."""
    styles = word.styles.element.iterchildren(_W + "style")
    pairs = ((style.get(_W + "styleId", ""), style.find(_W + "name")) for style in styles)
    return {key: name.get(_W + "val", "").lower() for key, name in pairs if name is not None}


def _paragraph_text(paragraph: Element) -> tuple[str, list[Element]]:
    """Return a paragraph's text, with all tracked changes accepted, and its text boxes.

    A character of an unknown symbol font becomes U+FFFD. Formulas are written in one line:
    "(140-age)/72", "x^2", "√(x)".
    """
    pieces: list[tuple[bool, str]] = []  # whether it is a superscript, its text
    boxes: list[Element] = []
    raised, font = False, ""
    stack: list[Element | str] = list(reversed(_children(paragraph)))
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            pieces.append((False, node))
        elif node.tag in _TEXT:
            pieces.append((raised, _drawn(node.text or "", font)))
        elif node.tag == _W + "sym":
            pieces.append((raised, _symbol(node)))
        elif node.tag == _W + "txbxContent":
            boxes.append(node)
        else:
            if node.tag in (_W + "r", _M + "r"):
                raised, font = _format(node)
            if node.tag in _MARKS:
                pieces.append((raised, _MARKS[node.tag]))
            before, after = _around(node)
            stack.extend(
                piece for piece in (after, *reversed(_children(node)), before) if piece != ""
            )
    return _joined(pieces), boxes


def _children(node: Element) -> list[Element]:
    """Return the elements in `node` that hold text of the document."""
    if node.tag in _WITHOUT_TEXT:
        return []
    if node.tag == _MC + "AlternateContent":  # the same content for newer and for older programs
        ways = [*node.iterchildren(_MC + "Choice"), *node.iterchildren(_MC + "Fallback")]
        signs = (*_TEXT, _W + "sym")
        return next(([way] for way in ways if next(way.iter(*signs), None) is not None), [])
    if node.tag == _W + "sdt" and _is_on(node.find(f"{_W}sdtPr/{_W}showingPlcHdr")):
        return []  # "Click here to enter text": an empty field
    return list(node.iterchildren("*"))


def _is_on(switch: Element | None) -> bool:
    return switch is not None and switch.get(_W + "val", "1") not in ("0", "false", "off")


def _format(run: Element) -> tuple[bool, str]:
    """Return whether a run is superscript, and the name of its font, or ""."""
    position = run.find(f"{_W}rPr/{_W}vertAlign")
    fonts = run.find(f"{_W}rPr/{_W}rFonts")
    return (
        position is not None and position.get(_W + "val") == "superscript",
        "" if fonts is None else fonts.get(_W + "ascii", ""),
    )


def _symbol(sign: Element) -> str:
    """Return the character of a `w:sym`, which gives a font and a hexadecimal code."""
    digits, font = sign.get(_W + "char", ""), sign.get(_W + "font", "")
    code = int(digits, 16) if re.fullmatch("[0-9A-Fa-f]{1,4}", digits) else 0xE000
    if code <= 0xFF and font in ("Symbol", "Wingdings"):
        code += 0xF000
    return _drawn(chr(code), font)


def _drawn(text: str, font: str) -> str:
    """Return `text` with private-use characters as `font` draws them; "" is an unnamed font."""

    def drawn(sign: re.Match[str]) -> str:
        code = ord(sign[0]) - 0xF000
        table = {"": _SYMBOL, "Symbol": _SYMBOL, "Wingdings": _WINGDINGS}.get(font, {})
        return chr(table[code]) if code in table else _UNKNOWN

    return _PRIVATE.sub(drawn, text)


def _joined(pieces: list[tuple[bool, str]]) -> str:
    """Return the text of all pieces; neighbouring superscripts are one superscript."""
    parts = [""]
    for raised, group in groupby(pieces, lambda piece: piece[0]):
        part = "".join(piece for _, piece in group)
        parts.append(superscript(parts[-1][-LOOKBACK:], part) if raised else part)
    return "".join(parts)


def _around(node: Element) -> tuple[str, str]:
    """Return what to write before and after a part of a formula to keep its meaning."""
    name = node.tag.removeprefix(_M)
    if name == node.tag:
        return "", ""
    if name in ("num", "den", "sup"):
        sign = {"num": "", "den": "/", "sup": "^"}[name]
        inside = "".join(text.text or "" for text in islice(node.iter(_M + "t"), 4))
        # A single number or name needs no brackets, and an empty limit of a sum no sign.
        if re.fullmatch(r"[-+\u2212]?[\w.]*", inside):
            return (sign, "") if inside else ("", "")
        return sign + "(", ")"
    if name == "d":  # brackets are properties; the default is "("
        ends = (node.find(f"{_M}dPr/{_M}{end}") for end in ("begChr", "endChr"))
        first, last = (
            default if end is None else end.get(_M + "val", "")
            for end, default in zip(ends, "()", strict=True)
        )
        return first, last
    if name == "nary":  # a sum; the default is an integral
        sign = node.find(f"{_M}naryPr/{_M}chr")
        return ("∫" if sign is None else sign.get(_M + "val", "")), ""
    if name in ("e", "mr"):  # the lines of a case, the cells of a matrix
        previous = node.getprevious()
        return ("; " if previous is not None and previous.tag == node.tag else ""), ""
    return {"rad": ("√(", ")"), "fName": ("", " ")}.get(name, ("", ""))
