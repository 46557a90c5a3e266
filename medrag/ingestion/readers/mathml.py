"""Writes simple MathML formulas as text in one line: "(140 - age)/72", "x^2", "Cmax"."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree.ElementTree import Element

FORMULA = "[formula]"  # stands for one that cannot be written in one line
_MOST_PARTS = 500
_DEEPEST = 40
_TOKENS = {"mi", "mn", "mtext", "ms", "mglyph"}
_ROWS = {"math", "mrow", "mstyle", "mpadded", "merror", "menclose", "maction", "mphantom"}
_SILENT = {"annotation", "annotation-xml", "mspace", "none", "mprescripts", "maligngroup"}
_INVISIBLE = {
    "\u2061": "",
    "\u2062": " ",
    "\u2063": " ",
    "\u2064": " ",
}  # apply, times, comma, plus
_SIGNS = {"+", "-", "\u2212", "\u00b1"}  # before a term they are no operation
_SPACED = set(
    "=+-\u2212\u00b1\u2213\u00d7\u00b7\u22c5*\u00f7<>\u2264\u2265\u2248\u2260\u2192\u223c\u221d\u2261"
)
_ACCENTS = {
    "\u00af": "\u0304",
    "\u203e": "\u0304",
    "_": "\u0304",
    "^": "\u0302",
    "\u02c6": "\u0302",
}
_ACCENTS |= {"~": "\u0303", "\u02dc": "\u0303", "\u02d9": "\u0307", "\u2192": "\u20d7"}


def formula(root: Element) -> str | None:
    """Return a formula in one line; None if that would not say the same.

    Fractions, powers, indices, roots, brackets and sums are written; matrices, large formulas and
    elements that this does not know are not.

    Args:
        root: the `math` element. Namespaces of tags are ignored.
    """
    if sum(1 for _ in root.iter()) > _MOST_PARTS:
        return None
    try:
        text = " ".join(_written(root, 0).split())
    except (_TooHard, IndexError):
        return None
    return re.sub(r"(?<=[(\[]) | (?=[)\],/])", "", text) or None


class _TooHard(Exception):
    """The formula has a part that cannot be written in one line."""


def _written(element: Element, depth: int) -> str:
    if depth > _DEEPEST:
        raise _TooHard
    tag = str(element.tag).rpartition("}")[2]
    children = [_written(child, depth + 1) for child in element] if tag not in _SILENT else []
    if tag in _SILENT or (tag == "mphantom"):
        return " " if tag == "mspace" else ""
    if tag in _TOKENS:
        return " ".join((element.text or "").split()) if tag != "mtext" else element.text or ""
    if tag == "mo":
        return _operator((element.text or "").strip(), element)
    if tag in _ROWS:
        return _row(children)
    if tag == "semantics":
        return children[0]
    if tag == "mfenced":
        opened, closed = element.get("open", "("), element.get("close", ")")
        return opened + ", ".join(child.strip() for child in children) + closed
    write = _LAYOUTS.get(tag)
    if write is None:
        raise _TooHard
    return write(children)


def _operator(sign: str, element: Element) -> str:
    if sign in _INVISIBLE:
        return _INVISIBLE[sign]
    if sign in _SPACED and element.get("form") != "prefix":
        return f" {sign} "
    return f"{sign} " if sign in (",", ";") else sign


def _row(children: list[str]) -> str:
    """Join the parts of a row; words in it stay apart."""
    text = last = ""
    for part in filter(str.strip, children):
        if part.strip() in _SIGNS and (not text or last.strip() in _SPACED):
            part = part.strip()
        words = text[-1:].isalnum() and part[0].isalnum() and not (last + part).isdigit()
        text += " " * (words and len(last) + len(part) > 2) + part
        last = part
    return text or " " * bool(children)


def _whole(part: str) -> str:
    """Put a part with several terms in brackets."""
    part = part.strip()
    simple = part.replace(".", "").replace(",", "").isalnum() or (
        part[:1] == "(" and part.find(")") == len(part) - 1
    )
    return part if simple or len(part) <= 1 else f"({part})"


def _below(base: str, index: str) -> str:
    """Write an index; numbers must not run together."""
    apart = base[-1:].isdigit() and index[:1].isdigit()
    return f"{base}_{index}" if apart else f"{base}{index}"


def _over(base: str, above: str) -> str:
    if above in _ACCENTS and len(base) == 1:
        return base + _ACCENTS[above]
    if not above:
        return base
    raise _TooHard


def _sum(base: str, lower: str, upper: str = "") -> str:
    """Write limits, as of a sum."""
    limits = f"[{lower}" + (f" to {upper}]" if upper else "]")
    return f" {base.strip()}{limits} "


_LAYOUTS: dict[str, Callable[[list[str]], str]] = {
    "mfrac": lambda part: f" {_whole(part[0])}/{_whole(part[1])} ",  # "2 1/4" is not "21/4"
    "msup": lambda part: f"{_whole(part[0])}^{_whole(part[1])} ",
    "msub": lambda part: _below(part[0].strip(), part[1].strip()),
    "msubsup": lambda part: f"{_below(part[0].strip(), part[1].strip())}^{_whole(part[2])} ",
    "msqrt": lambda part: f"\u221a{_whole(_row(part))}",
    "mroot": lambda part: f"{_whole(part[0])}^(1/{part[1].strip()})",
    "mover": lambda part: _over(part[0].strip(), part[1].strip()),
    "munder": lambda part: _sum(part[0], part[1].strip()),
    "munderover": lambda part: _sum(part[0], part[1].strip(), part[2].strip()),
}
