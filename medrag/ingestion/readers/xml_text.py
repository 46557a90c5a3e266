"""What an XML element of an article says as running text: PubMed's and JATS's inline marks."""

from __future__ import annotations

from collections.abc import Container
from xml.etree.ElementTree import Element

from .superscripts import LOOKBACK, superscript

_APART = {"p", "title", "label", "break", "list-item", "verse-line", "td", "th"}


def spoken(element: Element, silent: Container[str] = (), before: str = "") -> str:
    """Return the text in `element`, marks such as <i> taken off, white space as it comes.

    Args:
        silent: names of the elements below it that are left out.
        before: the end of the text in front, which decides how a superscript is written.
    """
    parts = [element.text or ""]
    for child in element:
        before = (before + parts[-1])[-LOOKBACK:]
        inner = "" if child.tag in silent else spoken(child, silent, before)
        if child.tag == "sup":
            cited = element.tag == "xref" or child.find(".//xref") is not None
            inner = superscript(before, inner, citation=cited)
        elif child.tag in _APART:
            inner = f" {inner} "
        parts.append(inner + (child.tail or ""))
    return "".join(parts)
