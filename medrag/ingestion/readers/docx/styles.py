"""Tells how a Word file formats a run of text: hidden, struck, raised; by its styles too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_TINY = 2  # half points; nobody can read text of 1 point
_WHITE = 0xF8  # the least red, green and blue of a colour that cannot be told from white
_RAISED = 4  # half points above the line
_CHAIN_LIMIT = 20  # styles that are based on each other
_Properties = Mapping[str, "Element"]


class Look(NamedTuple):
    """How a run of text looks."""

    hidden: bool = False
    struck: bool = False
    raised: bool = False
    lowered: bool = False
    bold: bool = False
    font: str = ""


class Styles:
    """The styles of a Word file."""

    def __init__(self, sheet: Element) -> None:
        self._sheet = sheet
        styles = list(sheet.iterchildren(W + "style"))
        self._styles = {style.get(W + "styleId", ""): style for style in styles}
        self._default = next(
            (
                style.get(W + "styleId", "")
                for style in styles
                if style.get(W + "type") == "paragraph" and is_set(style.get(W + "default", "0"))
            ),
            "",
        )
        self._defaults = _children(sheet.find(f"{W}docDefaults/{W}rPrDefault/{W}rPr"))
        self._of_style = cache(self._text_properties)
        self._is_dark = cache(self._has_shading)

    def name(self, style: str) -> str:
        """Return the name of a style: lower case, in English in any edition of Word."""
        element = self._styles.get(style)
        return "" if element is None else value(element.find(W + "name")).lower()

    def look(self, run: Element | None, style: str = "", shaded: bool = False) -> Look:
        """Return how text looks.

        Args:
            run: the properties of the run (`w:rPr`).
            style: the id of the paragraph's style.
            shaded: whether there is, or may be, a colour behind the text.
        """
        style = style if style in self._styles else self._default
        direct = _children(run)
        of_run = self._of_style(value(direct.get("rStyle")))
        of_paragraph = self._of_style(style)
        ranked = (direct, of_run, of_paragraph, self._defaults)

        def get(name: str) -> Element | None:
            return next((found[name] for found in ranked if name in found), None)

        def on(name: str) -> bool:
            if name in direct:
                return is_on(direct[name])
            # In two styles of one text, such a property cancels itself.
            by_styles = is_on(of_run.get(name)) != is_on(of_paragraph.get(name))
            return by_styles or is_on(self._defaults.get(name))

        def white_on_white() -> bool:
            dark = shaded or _is_shaded(get("shd")) or self._is_dark(style)
            return not dark and value(get("highlight")) in ("", "none", "white")

        fonts = direct.get("rFonts")
        return Look(
            hidden=on("vanish")
            or _number(get("sz"), _TINY + 1) <= _TINY
            or (_is_white(get("color")) and white_on_white()),
            struck=on("strike") or on("dstrike"),
            raised=value(get("vertAlign")) == "superscript"
            or _number(get("position"), 0) >= _RAISED,
            lowered=value(get("vertAlign")) == "subscript",
            bold=on("b"),
            font="" if fonts is None else fonts.get(W + "ascii", ""),
        )

    def shades_tables(self, style: str) -> bool:
        """Tell whether a table style puts a colour behind some text."""
        parts = (part for element in self._chain(style) for part in element.iter(W + "shd"))
        return any(map(_is_shaded, parts))

    def sets_first_row_apart(self, style: str) -> bool:
        """Tell whether a table style makes the first row bold or shades it."""
        for element in self._chain(style):
            for part in element.iterchildren(W + "tblStylePr"):
                marks = (is_on(part.find(f"{W}rPr/{W}b")), _is_shaded(part.find(f".//{W}shd")))
                if part.get(W + "type") == "firstRow" and any(marks):
                    return True
        return False

    def numbering(self, style: str) -> Element | None:
        """Return the `w:numPr` of a paragraph style, which makes list items."""
        found = (element.find(f"{W}pPr/{W}numPr") for element in self._chain(style))
        return next((numbers for numbers in found if numbers is not None), None)

    def _chain(self, style: str) -> Iterator[Element]:
        """Yield a style, the one that it is based on, and so on."""
        for _ in range(_CHAIN_LIMIT):
            element = self._styles.get(style)
            if element is None:
                return
            yield element
            style = value(element.find(W + "basedOn"))

    def _text_properties(self, style: str) -> _Properties:
        found: dict[str, Element] = {}
        for element in self._chain(style):
            found = {**_children(element.find(W + "rPr")), **found}
        return found

    def _has_shading(self, style: str) -> bool:
        """Tell whether a paragraph style puts a colour behind its text."""
        return any(map(_is_shaded, (e.find(f"{W}pPr/{W}shd") for e in self._chain(style))))


def is_set(text: str) -> bool:
    """Tell whether an attribute that is on or off is on."""
    return text not in ("0", "false", "off")


def is_on(switch: Element | None) -> bool:
    """Tell whether a property that is on or off is on; one without a value is."""
    return switch is not None and is_set(switch.get(W + "val", "1"))


def value(element: Element | None) -> str:
    """Return the value of a property, or ""."""
    return "" if element is None else str(element.get(W + "val", ""))


def shades(properties: Element | None) -> bool:
    """Tell whether the properties of a paragraph, cell or table put a colour behind its text."""
    return properties is not None and _is_shaded(properties.find(W + "shd"))


def _children(properties: Element | None) -> _Properties:
    if properties is None:
        return {}
    return {child.tag.removeprefix(W): child for child in properties.iterchildren("*")}


def _is_shaded(shading: Element | None) -> bool:
    if shading is None or value(shading) == "nil":
        return False
    fill = shading.get(W + "fill") or shading.get(W + "themeFill") or "auto"
    return value(shading) not in ("", "clear") or fill.upper() not in ("AUTO", "FFFFFF")


def _is_white(color: Element | None) -> bool:
    if color is None:
        return False
    digits = value(color)
    try:
        return len(digits) == 6 and min(bytes.fromhex(digits)) >= _WHITE
    except ValueError:
        return False


def _number(element: Element | None, default: int) -> float:
    try:
        return default if element is None else float(value(element).removesuffix("pt"))
    except ValueError:
        return default
