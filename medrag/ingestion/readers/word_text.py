"""The characters of a Word paragraph: its runs, symbols, superscripts and formulas."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from .superscripts import LOOKBACK, superscript

if TYPE_CHECKING:
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
