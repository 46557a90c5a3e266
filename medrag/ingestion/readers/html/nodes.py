"""Questions about the elements of a parsed HTML page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_FORMULA_PARTS, _FORMULA_DEPTH = 500, 50  # elements, and elements in each other, of a formula
# Elements that may be drawn as any other, by their style or role.
PLAIN_INLINE = {"span", "font", "small", "i", "b", "em", "strong"}
_RAISED = re.compile(r"vertical-align\s*:\s*(?:super|\d)", re.IGNORECASE)
_BLOCK_STYLE = re.compile(
    r"display\s*:\s*(?:block|flex|grid|flow-root|list-item|table)", re.IGNORECASE
)
_ROLES_APART = {"row", "cell", "gridcell", "columnheader", "rowheader", "listitem", "paragraph"}


def children(node: LexborNode) -> Iterator[LexborNode]:
    child = node.child
    while child is not None:
        if child.is_element_node:
            yield child
        child = child.next


def next_element(node: LexborNode) -> LexborNode | None:
    """Return the element after an element."""
    other = node.next
    while other is not None and not other.is_element_node:
        other = other.next
    return other


def beside(node: LexborNode) -> int:
    """Return the number of the picture after a formula, 0 if there is none."""
    other = next_element(node)
    if other is None:
        return 0
    attributes = other.attributes
    drawn = other.tag in ("img", "svg") or attributes.get("aria-hidden") == "true"
    return other.mem_id if drawn else 0


def following(node: LexborNode) -> str:
    """Return the start of the text after an element."""
    after = node.next
    return (after.text_content or "")[:3] if after is not None and after.is_text_node else ""


def text_of(node: LexborNode, scripts: bool = False) -> str:
    """Return the text in an element that is left out, with or without that of scripts."""
    if node.tag == "template":  # what is in it is no part of the page
        return re.sub(r"<[^>]*>", "", node.html or "")
    if node.tag in ("input", "iframe"):
        return node.attributes.get("srcdoc" if node.tag == "iframe" else "value") or node.text()
    if node.tag == "svg":  # not the names of icons
        return " ".join(text.text() for text in node.css("text"))
    if scripts or node.css_first("script, style") is None:
        return node.text()
    parts = (child for child in node.traverse(include_text=True) if child.is_text_node)
    return "".join(
        child.text_content or ""
        for child in parts
        if child.parent is not None and child.parent.tag not in ("script", "style")
    )


def copied(node: LexborNode) -> Element | None:
    """Return a copy of a formula, without comments; None if it is too large for one line."""
    root = Element(node.tag or "", _named(node))
    stack = [(node, root, 1)]
    parts = 0
    while stack:
        source, copy, depth = stack.pop()
        parts += 1
        if parts > _FORMULA_PARTS or depth > _FORMULA_DEPTH:
            return None
        child = source.child
        while child is not None:
            if child.is_text_node:
                copy.text = (copy.text or "") + (child.text_content or "")
            elif child.is_element_node:
                stack.append((child, SubElement(copy, child.tag or "", _named(child)), depth + 1))
            child = child.next
    return root


def _named(node: LexborNode) -> dict[str, str]:
    return {name: value or "" for name, value in node.attributes.items()}


def drawn_as(node: LexborNode, tag: str) -> str:
    """Return the element that an inline element is drawn as, by its own style or role."""
    attributes = node.attributes
    style = attributes.get("style") or ""
    if style and _RAISED.search(style):
        return "sup"
    apart = (style and _BLOCK_STYLE.search(style)) or attributes.get("role") in _ROLES_APART
    return "div" if apart else tag
