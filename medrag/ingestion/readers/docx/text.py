"""Turns a paragraph of a Word file into text: what is shown on paper, with its marks apart."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from itertools import groupby, islice
from typing import TYPE_CHECKING, NamedTuple

from ..xml import LOOKBACK, SLASH, numerator, superscript
from .styles import Look, Styles, W, is_on, is_set, shades, value

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_V = "{urn:schemas-microsoft-com:vml}"

_PROPERTIES = {
    *(W + name for name in ("pPr", "rPr", "sdtPr", "sdtEndPr", "tblPr", "tblPrEx", "trPr", "tcPr")),
    *(W + name for name in ("sectPr", "smartTagPr", "customXmlPr", "rubyPr", "tblGrid")),
}
DELETED = (W + "del", W + "moveFrom")
_TEXT = (W + "t", M + "t", _A + "t")
_MARKS = {
    **dict.fromkeys((W + "tab", W + "ptab"), "\t"),
    **dict.fromkeys((W + "br", W + "cr"), "\n"),
    W + "noBreakHyphen": "-",
}
_DATES = ("dayShort", "dayLong", "monthShort", "monthLong", "yearShort", "yearLong")
_LEFT_OUT = {
    **dict.fromkeys(DELETED, "deleted text"),
    W + "delText": "deleted text",
    W + "rt": "phonetic guides",
    W + "pgNum": "page furniture",
    W + "commentReference": "comments",
    W + "contentPart": "drawings",
    **dict.fromkeys((W + name for name in _DATES), "dates that the program fills in"),
    W + "altChunk": "embedded documents",
    W + "subDoc": "embedded documents",
    "{urn:schemas-microsoft-com:office:office}OLEObject": "embedded objects",
    "{http://schemas.openxmlformats.org/drawingml/2006/chart}chart": "charts",
    "{http://schemas.microsoft.com/office/drawing/2014/chartex}chart": "charts",
    "{http://schemas.openxmlformats.org/drawingml/2006/diagram}relIds": "diagrams",
}
_SHOWN = ("", "raised", "lowered", "mark")
_NOTES = {W + "footnoteReference": "footnote", W + "endnoteReference": "endnote"}
_CITATION = re.compile(
    r"\s*(?:CITATION\b|ADDIN\s+(?:ZOTERO_ITEM|\S*CITE|\S*CITATION|Citavi|NE\.Ref|PAPERS2))", re.I
)
_CITATION_TAG = re.compile(r"(?:mendeley|zotero|csl)\w*citation", re.I)
_REFERENCE_ANCHOR = re.compile(r"(?!_Ref\d{6})_?(?:ENREF|bib|cite|ref)\w*\d\Z", re.I)
_REFERENCES = re.compile(r"[\s,;()\[\]\u2013\u2014-]*\d[\s\d,;()\[\]\u2013\u2014-]*")
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_SYMBOL_FIELD = re.compile(r"\s*SYMBOL\s+(0x[0-9a-f]+|\d+)(?:.*?\\f\s+\"?([\w ]+))?", re.I)
_LETTER = "(?:[a-hj-mo-w]|[*†‡§¶‖#]{1,3})"  # not the letters that stand for numbers
_LETTERS = re.compile(rf"{_LETTER}(?:\s?,\s?{_LETTER})*")
_UNKNOWN = "\N{REPLACEMENT CHARACTER}"  # shows that a character is missing
_PRIVATE = re.compile("[\ue000-\uf8ff]")
# What symbol fonts draw in place of Latin-1 characters. Digits and most punctuation stay.
_SYMBOL = {code: code for code in range(0x20, 0x40)} | str.maketrans(
    "abgdezhqiklmnxoprstufcywABGDEZHQIKLMNXOPRSTUFCYW"
    '"$*-~\xa2\xa3\xa5\xab\xac\xad\xae\xaf\xb0\xb1\xb2\xb3\xb4\xb7\xb8\xb9\xba\xbb\xbc\xd6\xd7',
    "αβγδεζηθικλμνξοπρστυφχψωΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ∀∃∗−∼′≤∞↔←↑→↓°±″≥×•÷≠≡≈…√⋅",
)
_WINGDINGS = str.maketrans("lno\xa7\xa8\xdf\xe0\xe1\xe2\xe8\xf0\xfb\xfc\xfd\xfe", "●■□▪□←→↑↓➔⇨✗✓☒☑")


class _Piece(NamedTuple):
    """A part of a paragraph.

    Attributes:
        kind: "" for text, "raised", "lowered", "mark" for that of a note, "struck", or why it is
            left out.
    """

    kind: str
    text: str = ""


class _Field:
    """A field: its code, which is not shown, then its result."""

    def __init__(self, start: Element) -> None:
        self.form = start.find(W + "ffData")
        self.code = ""
        self.result: int | None = None  # where it starts, when the code is over


class _End(NamedTuple):
    """The end of something that may be a citation, and where its pieces start."""

    start: int


class Paragraphs:
    """Reads paragraphs; knows which fields are open.

    Args:
        styles: those of the file.
        refer: is told the kind and id of each note that is referred to, and whether the text has
            a mark for it; gives its mark.
        left_out: counts what is left out, by reason.

    Attributes:
        own_mark: that of the note which is being read.
    """

    def __init__(
        self, styles: Styles, refer: Callable[[str, str, bool], str], left_out: Counter[str]
    ) -> None:
        self._styles = styles
        self._refer = refer
        self._left_out = left_out
        self._fields: list[_Field] = []
        self.own_mark = ""

    def text(
        self, paragraph: Element, in_cell: bool = False, shaded: bool = False
    ) -> tuple[str, list[Element | str]]:
        """Return a paragraph's text, with all tracked changes accepted, and its text boxes.

        A character of an unknown symbol font becomes U+FFFD. Formulas are written in one line:
        "(140-age)/72", "x^2", "√(x)".

        Args:
            paragraph: a `w:p`, or a formula.
            in_cell: whether it is in a table, where raised letters refer to notes.
            shaded: whether there may be a colour behind it.
        """
        pieces: list[_Piece] = []
        boxes: list[Element | str] = []
        properties = paragraph.find(W + "pPr")
        style = value(None if properties is None else properties.find(W + "pStyle"))
        shaded = shaded or shades(properties)
        look = self._styles.look(None, style, shaded)
        custom = False  # the next text is the mark of a note
        stack: list[Element | _Piece | _End] = list(reversed(visible_children(paragraph)))
        while stack:
            node = stack.pop()
            if isinstance(node, _Piece):
                pieces.append(node)
                continue
            if isinstance(node, _End):
                _cite(pieces, node.start)
                continue
            tag = node.tag
            if tag == W + "fldChar":
                self._field(node, pieces, look)
            elif tag == W + "instrText":
                if self._fields and self._fields[-1].result is None:
                    self._fields[-1].code += node.text or ""
            elif reason := why_left_out(node):
                pieces.append(_Piece(reason, "?" if tag not in DELETED or has_text(node) else ""))
            elif tag == W + "txbxContent":
                boxes.append(node)
            elif tag == _A + "txBody":
                lines = node.iterchildren(_A + "p")
                boxes.append(
                    "\n".join("".join(t.text or "" for t in p.iter(_A + "t")) for p in lines)
                )
            elif tag == _V + "textpath":
                boxes.append(node.get("string", ""))
            elif tag in _NOTES:
                custom = is_set(node.get(W + "customMarkFollows", "0"))
                if not look.hidden:
                    mark = self._refer(_NOTES[tag], node.get(W + "id", ""), custom)
                    pieces.append(_Piece("mark", mark))
            elif tag in (W + "footnoteRef", W + "endnoteRef"):
                pieces.append(_Piece("mark", self.own_mark))
            elif (text := _written(node, look.font)) is not None:
                if not self._in_code():
                    pieces.append(_Piece("mark" if custom else _kind(look), text))
            else:
                if tag in (W + "r", M + "r"):
                    look, custom = self._styles.look(node.find(W + "rPr"), style, shaded), False
                before, after = _around(node)
                parts = [_Piece("", before), *visible_children(node), _Piece("", after)]
                stack.extend([_End(len(pieces))] if _may_cite(node) else [])
                stack.extend(reversed(parts if before or after else parts[1:-1]))
        # A field may go on in the next paragraph, but a code that has no end must hide no text.
        self._fields = [field for field in self._fields if field.result is not None]
        for field in self._fields:
            field.result = -1
        return self._joined(pieces, in_cell), boxes

    def _field(self, node: Element, pieces: list[_Piece], look: Look) -> None:
        """Start a field, end its code, or end it."""
        kind = node.get(W + "fldCharType")
        if kind == "begin":
            self._fields.append(_Field(node))
        elif kind == "separate" and self._fields:
            self._fields[-1].result = len(pieces)
        elif kind == "end" and self._fields:
            field = self._fields.pop()
            start = len(pieces) if field.result is None else field.result
            if start >= 0 and _CITATION.match(field.code):
                _cite(pieces, start)
            elif start == len(pieces) and not self._in_code():
                pieces.append(_without_result(field, look))

    def _in_code(self) -> bool:
        return any(field.result is None for field in self._fields)

    def _joined(self, pieces: list[_Piece], in_cell: bool) -> str:
        """Return the text of all pieces; neighbouring superscripts are one superscript."""
        groups = [
            (kind, "".join(piece.text for piece in group))
            for kind, group in groupby(pieces, lambda piece: piece.kind)
        ]
        text, apart, raised = "", False, False
        for number, (kind, part) in enumerate(groups):
            following = next((t for k, t in groups[number + 1 :] if k in _SHOWN and t), "")
            if kind not in _SHOWN:
                if part.strip():
                    self._left_out["deleted text" if kind == "struck" else kind] += 1
                apart = apart or kind == "struck"
                if kind == "reference marks" and not following[:1].isalnum():
                    text = text.rstrip(" ")
            elif kind == "raised" and _is_numerator(groups[number : number + 3]):
                text += f"{numerator(text, part.strip())}/"
                groups[number + 1] = "", ""
            elif kind == "mark" or (
                kind == "raised" and _is_note_mark(text, part, following, in_cell)
            ):
                space = "" if not text or text[-1].isspace() or text[-1] in "([" else " "
                text += f"{space}[{part.strip()}]" if part.strip() else ""
                apart = True
            elif part:
                if apart and part[0].isalnum() and (text[-1:].isalnum() or text.endswith("]")):
                    text += " "
                elif raised and part[0].isdigit() and text[-1:].isdigit():
                    text += " "  # "10^9 5"
                apart, raised = False, kind == "raised"
                text += superscript(text[-LOOKBACK:], part) if kind == "raised" else part
        return text


def visible_children(node: Element) -> list[Element]:
    """Return the elements in `node` that hold text of the document."""
    if node.tag in _PROPERTIES:
        return []
    if node.tag == _MC + "AlternateContent":  # the same content for newer and for older programs
        ways = [*node.iterchildren(_MC + "Choice"), *node.iterchildren(_MC + "Fallback")]
        return [way for way in ways if has_text(way)][:1] or ways[:1]
    return list(node.iterchildren("*"))


def why_left_out(node: Element) -> str:
    """Return why an element is left out with all that is in it, or ""."""
    tag = node.tag
    if tag == W + "sdt" and is_on(node.find(f"{W}sdtPr/{W}showingPlcHdr")):
        return "empty fields"  # "Click here to enter text"
    if tag == M + "phant" and not is_set(_math_value(node, "phant", "show", "1")):
        return "hidden text"
    return _LEFT_OUT.get(tag, "")


def has_text(node: Element) -> bool:
    """Tell whether there is text in an element, deleted or not."""
    signs = (*_TEXT, W + "delText", W + "sym")
    return any(sign.text or sign.tag == W + "sym" for sign in node.iter(*signs))


def _written(node: Element, font: str) -> str | None:
    """Return the text that an element stands for; None if it is no text."""
    if node.tag in _TEXT:
        return _drawn(node.text or "", font)
    if node.tag == W + "sym":
        return _symbol(node.get(W + "char", ""), node.get(W + "font", ""))
    return _MARKS.get(node.tag)


def _kind(look: Look) -> str:
    if look.hidden or look.struck:
        return "hidden text" if look.hidden else "struck"
    return "raised" if look.raised else "lowered" if look.lowered else ""


def _may_cite(node: Element) -> bool:
    """Tell whether the text in an element is a citation, if it is only numbers."""
    if node.tag == W + "fldSimple":
        return bool(_CITATION.match(node.get(W + "instr", "")))
    if node.tag == W + "hyperlink":
        return bool(_REFERENCE_ANCHOR.match(node.get(W + "anchor", "")))
    properties = node.find(W + "sdtPr") if node.tag == W + "sdt" else None
    if properties is None:
        return False
    tag = value(properties.find(W + "tag"))
    return properties.find(W + "citation") is not None or bool(_CITATION_TAG.match(tag))


def _cite(pieces: list[_Piece], start: int) -> None:
    """Leave the pieces of a citation out, if they are only numbers."""
    text = "".join(piece.text for piece in pieces[start:] if piece.kind in _SHOWN)
    if _REFERENCES.fullmatch(text) and not _YEAR.search(text):
        pieces[start:] = [_Piece("reference marks", text)]


def _without_result(field: _Field, look: Look) -> _Piece:
    """Return what a field shows that has no result of its own."""
    form, code = field.form, field.code
    if symbol := _SYMBOL_FIELD.match(code):
        return _Piece(_kind(look), _symbol(f"{int(symbol[1], 0):X}", (symbol[2] or "").strip()))
    if re.match(r"\s*EQ\b", code):
        return _Piece("formulas", code)
    if form is not None and (box := form.find(W + "checkBox")) is not None:
        state = box.find(W + "checked")
        state = box.find(W + "default") if state is None else state
        return _Piece(_kind(look), "☒" if is_on(state) else "☐")
    if form is not None and (choice := form.find(W + "ddList")) is not None:
        entries = [value(entry) for entry in choice.iterchildren(W + "listEntry")]
        chosen = choice.find(W + "result")
        number = value(choice.find(W + "default") if chosen is None else chosen)
        return _Piece(_kind(look), "".join(entries[int(number) if number.isdecimal() else 0 :][:1]))
    return _Piece("")


def _is_note_mark(before: str, mark: str, following: str, in_cell: bool) -> bool:
    """Tell whether a superscript is the mark of a note: "5ᵃ mg", "ᵃ Not in children."."""
    mark = mark.strip()
    if not before.strip():  # the note itself
        if mark.isdigit():
            return len(mark) < 3 and bool(re.match(r"\s+\w|[A-Z][a-z]{3}", following))
        return bool(_LETTERS.fullmatch(mark)) and bool(following.strip())
    if before[-1].isspace() or not _LETTERS.fullmatch(mark):
        return False
    return in_cell or not mark.isalnum() or not before[-1].isalpha()


def _is_numerator(groups: list[tuple[str, str]]) -> bool:
    """Tell whether a superscript is the top of a fraction: a slash and a subscript follow."""
    if [kind for kind, _ in groups] != ["raised", "", "lowered"]:
        return False
    above, slash, below = (text.strip() for _, text in groups)
    return above.isdecimal() and below.isdecimal() and SLASH.fullmatch(slash) is not None


def _symbol(digits: str, font: str) -> str:
    """Return the character with a hexadecimal code in a font."""
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


def _math_value(node: Element, owner: str, name: str, default: str) -> str:
    """Return the value of a property of a part of a formula, e.g. of a bracket."""
    found = node.find(f"{M}{owner}Pr/{M}{name}")
    return default if found is None else str(found.get(M + "val", ""))


def _around(node: Element) -> tuple[str, str]:
    """Return what to write before and after a part of a formula to keep its meaning."""
    name = node.tag.removeprefix(M)
    if name == node.tag:
        return "", ""
    if name in ("num", "den", "sup"):
        sign = {"num": "", "den": "/", "sup": "^"}[name]
        inside = "".join(text.text or "" for text in islice(node.iter(M + "t"), 4))
        # A single number or name needs no brackets, and an empty limit of a sum no sign.
        if re.fullmatch(r"[-+\u2212]?[\w.]*", inside):
            return (sign, "") if inside else ("", "")
        return sign + "(", ")"
    if name == "d":  # brackets are properties; the default is "("
        return _math_value(node, "d", "begChr", "("), _math_value(node, "d", "endChr", ")")
    if name == "nary":  # a sum; the default is an integral
        return _math_value(node, "nary", "chr", "∫"), ""
    if name in ("e", "mr"):  # the lines of a case, the cells of a matrix
        previous = node.getprevious()
        return ("; " if previous is not None and previous.tag == node.tag else ""), ""
    return {"rad": ("√(", ")"), "fName": ("", " ")}.get(name, ("", ""))
