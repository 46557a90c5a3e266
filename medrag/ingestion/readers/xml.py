"""Parses untrusted XML within limits, and turns its elements and superscripts into plain text."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from itertools import zip_longest
from typing import BinaryIO
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from ..files import Unpacked
from .formulas import math_text
from .reader import Source, flat

# Returns the text of a child, given the text in front of it; None to read the child as usual.
Special = Callable[[Element, str], str | None]

SLASH = re.compile(r"\s?[/\u2044\u2215]\s?")  # of a fraction, between a superscript and a subscript
LOOKBACK = 16  # characters before a superscript that decide how it is written
_DEPTH_LIMIT = 200  # nested elements; the code that reads them is recursive
_RECORD_LIMIT = 64 << 20  # bytes of XML between two records
_SET_APART = {"p", "title", "label", "break", "list-item", "verse-line", "td", "th", "sec", "def"}
_SET_APART |= {"term", "attrib", "speaker", "list", "def-list", "disp-quote", "caption", "tr"}
_SIGN = r"[-+\u2212\u2013]?"
_NUMBERS = re.compile(rf"{_SIGN}\d+(?:\.\d+)?(?:[-\u2013]\d+)?{_SIGN}")  # 9, -3, 4.5, 2+, 3-5
_REFERENCES = re.compile(r"\d+(?:[-\u2013]\d+)?")  # 3, 3-5; a sign in front makes it an exponent
_FRACTION = re.compile(r"\d{1,2}[/\u2044\u2215]\d{1,2}")
_YEAR = re.compile(r"(?<![\d.,])(?:19|20)\d\d\Z")
_WORD_END = re.compile(r"(?:[^\W\d_]{4}|[.,;:?!\u201d])\Z")  # units are shorter ("cm", "min")


def root_tag(source: Source) -> str:
    """Return the name of the root element, without its namespace.

    Raises:
        DocumentError: as `elements`.
    """
    with source.path.open("rb") as file:
        for event, element in _events(_Input(file, source), source):
            if event == "start":
                return element.tag.rpartition("}")[2]
    return ""


def elements(source: Source, *records: str, limit: int = _RECORD_LIMIT) -> Iterator[Element]:
    """Yield each finished element of these names, then forget it and everything before it.

    Names are without namespaces. Memory is that of the largest record.

    Args:
        source: the file; unpacked while it is read if its suffix ends in .gz.
        records: names of the elements.
        limit: bytes of XML that a record may have.

    Raises:
        DocumentError: malformed XML, broken gzip or a gzip bomb (after the records before it),
            an entity declaration, nesting that is too deep, a record above `limit`.
    """
    with source.path.open("rb") as file:
        data = _Input(file, source, limit)
        above: list[Element] = []
        for event, element in _events(data, source):
            if event == "start":
                above.append(element)
                continue
            above.pop()
            element.tag = element.tag.rpartition("}")[2]
            if element.tag in records:
                yield element
                for finished in (element, *above):
                    finished.clear()
                data.start_record()


def _events(data: _Input, source: Source) -> Iterator[tuple[str, Element]]:
    """Yield ("start" or "end", element)."""
    depth = 0
    try:
        for event, element in iterparse(data, events=("start", "end")):
            depth += 1 if event == "start" else -1
            if depth > _DEPTH_LIMIT:
                raise source.error(f"XML nested deeper than {_DEPTH_LIMIT} elements")
            yield event, element
    except ParseError as error:
        raise source.error(f"malformed XML at line {error.position[0]} ({error.msg})") from error
    except DefusedXmlException as error:
        raise source.error("XML entities are not allowed; put their text in place") from error
    except (LookupError, ValueError) as error:  # an encoding that the parser does not know
        raise source.error(f"XML in an unknown encoding ({error}); save it as UTF-8") from error


class _Input:
    """The bytes the parser asks for; refuses a record above a limit."""

    def __init__(self, file: BinaryIO, source: Source, limit: int = _RECORD_LIMIT) -> None:
        self._gzipped = source.suffix.endswith(".gz")
        self._bytes = Unpacked(file, gzipped=self._gzipped)
        self._source = source
        self._limit = limit
        self._record_start = 0  # in unpacked bytes

    def start_record(self) -> None:
        self._record_start = self._bytes.total

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes, b"" at the end."""
        try:
            data = self._bytes.read(size)
        except (OSError, EOFError, zlib.error) as error:
            problem = "broken gzip" if self._gzipped else "cannot be read"
            raise self._source.error(f"{problem} ({error}); copy it again") from error
        if self._bytes.total - self._record_start > self._limit:
            raise self._source.error(f"one record is above {self._limit >> 20} MiB; split it")
        return data


def inline(element: Element | None, special: Special | None = None) -> str:
    """Return the text in `element` cleaned, on one line; "" for None. `special`: as `spoken`."""
    return "" if element is None else flat(spoken(element, special))


def spoken(element: Element, special: Special | None = None, before: str = "") -> str:
    """Return the text in `element` without markup such as <i>; white space stays as it is.

    MathML is written as text, or as "[formula]" where that is not possible.

    Args:
        element: read with everything below it.
        special: reads some of the elements below it.
        before: the end of the text in front, which decides how a superscript is written.
    """
    parts = [element.text or ""]
    children = list(element)
    for child, following in zip_longest(children, children[1:]):
        before = (before + parts[-1])[-LOOKBACK:]
        text = _numerator(child, following, before)
        tail = "/" if text else child.tail or ""
        if text is None and special:
            text = special(child, before)
        if text is None and child.tag == "math":
            text = math_text(child) or "[formula]"
        elif text is None:
            text = spoken(child, special, before)
            if child.tag == "sup":
                text = superscript(before, text)
            elif child.tag == "sub":
                text = subscript(before, text)
            elif child.tag in _SET_APART:
                text = f" {text} "
        if child.tag in ("sub", "sup") and text[-1:].isdigit() and tail[:1].isdigit():
            text += " "  # "10^3 155"
        parts.append(text + tail)
    return "".join(parts)


def _numerator(child: Element, following: Element | None, before: str) -> str | None:
    """Return the top of a fraction; None for another element."""
    if child.tag != "sup" or following is None or following.tag != "sub":
        return None
    number = "".join(child.itertext()).strip()
    if not number.isdecimal() or not SLASH.fullmatch(child.tail or ""):
        return None
    return numerator(before, number)


def numerator(before: str, number: str) -> str:
    """Return what to append to `before` for the top of a fraction: 2½ is "2 1/2"."""
    return f" {number}" if before[-1:].isdigit() else number


def subscript(before: str, inside: str) -> str:
    """Return what to append to `before` for a subscript; "_" keeps two numbers apart: "10_2"."""
    return f"_{inside}" if before[-1:].isdigit() and inside[:1].isdigit() else inside


def superscript(before: str, inside: str, citation: bool = False) -> str:
    """Return what to append to `before` for the superscript `inside`.

    - A citation is set off by a space ("in 2015 3", "a trial 3-5", "warfarin [7]"). A superscript
      is a citation if the caller says so; if it has a comma, a semicolon or brackets; or if it is
      a number after a year, after a word of at least four letters, or after a sentence.
    - A fraction after a digit is set off too: "2 1/2".
    - Any other number after a digit or a closing bracket is a power or a charge and gets "^":
      "10^9/L", "SO4^2-", "(height in m)^2".
    - The rest stays as it is: "m2", "Na+", "1st", "131I".

    Args:
        before: the text in front, at least its last `LOOKBACK` characters.
        inside: the text of the superscript.
        citation: whether the markup shows that it refers to something, for example by a link.
    """
    mark = inside.strip()
    if not mark or not before or before[-1].isspace():
        return inside
    after_text = _YEAR.search(before) or _WORD_END.search(before)
    cited = citation or re.search(r"[,;()\[\]]", mark)
    if cited or (after_text and _REFERENCES.fullmatch(mark)):
        return " " + inside.lstrip()
    if before[-1].isdigit() and _FRACTION.fullmatch(mark):
        return numerator(before, mark)
    if (before[-1].isdigit() or before[-1] in ")]") and _NUMBERS.fullmatch(mark):
        return "^" + inside.lstrip()
    return inside
