"""Parses XML from anyone: no entities, bounded depth and size, bounded gunzip, errors by line."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Container, Iterator
from pathlib import Path
from typing import BinaryIO
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from ...errors import DocumentError

_DEPTH_LIMIT = 200  # elements inside one another; the readers below go down by recursion
_RECORD_LIMIT = 64 << 20  # bytes of XML that may pass between two records
_RATIO_LIMIT = 200  # unpacked to packed bytes; real PubMed files have about 10
_RATIO_FROM = 64 << 20  # unpacked bytes above which the ratio counts


def root_tag(path: Path) -> str:
    """Return the name of the root element, without its namespace.

    Raises:
        DocumentError: as `elements`.
    """
    with path.open("rb") as file:
        for event, element, _ in _events(_Source(file, path), path):
            if event == "start":
                return element.tag.rpartition("}")[2]
    return ""


def elements(path: Path, *records: str, limit: int = _RECORD_LIMIT) -> Iterator[Element]:
    """Yield each finished element of these names; afterwards it and all before it are forgotten.

    Names come without their namespaces. Memory is that of the largest record.

    Args:
        limit: bytes of XML that a record may have.

    Raises:
        DocumentError: malformed XML or a broken or bomb-like gzip (after the records before it),
            an entity declaration, too deep nesting, a record above `limit`.
    """
    with path.open("rb") as file:
        source = _Source(file, path, limit)
        root: Element | None = None
        for event, element, forget in _events(source, path):
            if event == "start":
                root = element if root is None else root
                continue
            element.tag = element.tag.rpartition("}")[2]
            if element.tag in records:
                yield element
                element.clear()
                if root is not None:
                    root.clear()
                forget()


def _events(source: _Source, path: Path) -> Iterator[tuple[str, Element, Callable[[], None]]]:
    """Yield (start or end, element, call this when a record is done)."""
    depth = 0
    try:
        for event, element in iterparse(source, events=("start", "end")):
            depth += 1 if event == "start" else -1
            if depth > _DEPTH_LIMIT:
                raise DocumentError(f"{path.name}: XML nested deeper than {_DEPTH_LIMIT} elements")
            yield event, element, source.forget
    except ParseError as error:
        line = error.position[0]
        raise DocumentError(f"{path.name}: malformed XML at line {line} ({error.msg})") from error
    except DefusedXmlException as error:
        raise DocumentError(f"{path.name}: XML entities are not allowed") from error
    except (LookupError, ValueError) as error:  # an encoding that the parser does not know
        raise DocumentError(f"{path.name}: XML in an unknown encoding ({error})") from error


class _Source:
    """What the parser reads from: the file's bytes, unpacked if its name ends in .gz, counted."""

    def __init__(self, file: BinaryIO, path: Path, limit: int = _RECORD_LIMIT) -> None:
        self._packed = file
        self._zipped = path.name.lower().endswith(".gz")
        self._file = gzip.GzipFile(fileobj=file) if self._zipped else file
        self._name = path.name
        self._limit = limit
        self._total = 0  # bytes given out
        self._mark = 0  # of which up to the last record

    def forget(self) -> None:
        """Start counting anew for the next record."""
        self._mark = self._total

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes, b"" at the end."""
        try:
            data = self._file.read(size)
        except (OSError, EOFError, zlib.error) as error:
            what = "broken gzip" if self._zipped else "cannot be read"
            raise DocumentError(f"{self._name}: {what} ({error})") from error
        self._total += len(data)
        if self._zipped and self._total > max(_RATIO_FROM, _RATIO_LIMIT * self._packed.tell()):
            raise DocumentError(
                f"{self._name}: gzip unpacks to more than {_RATIO_LIMIT} times its size"
            )
        if self._total - self._mark > self._limit:
            raise DocumentError(f"{self._name}: one record is above {self._limit >> 20} MiB")
        return data


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


LOOKBACK = 16  # characters before a superscript that decide how it is written

_SIGN = r"[-+\u2212\u2013]?"
_NUMBERS = re.compile(rf"{_SIGN}\d+(?:\.\d+)?(?:[-\u2013]\d+)?{_SIGN}")  # 9, -3, 4.5, 2+, 3-5
_REFERENCES = re.compile(r"\d+(?:[-\u2013]\d+)?")  # 3, 3-5; a sign in front makes it an exponent
_YEAR = re.compile(r"(?<![\d.,])(?:19|20)\d\d\Z")
_WORD_END = re.compile(r"(?:[^\W\d_]{4}|[.,;:?!\u201d])\Z")  # no unit is as long ("cm", "min")


def superscript(before: str, inside: str, citation: bool = False) -> str:
    """Return what to append to `before` for the superscript `inside`.

    - A citation is set off by a space ("in 2015 3", "a trial 3-5", "warfarin [7]"). It is one
      where the caller knows so, or where it has a comma, a semicolon or brackets, or is a number
      behind a year, behind a word of at least four letters or behind a sentence's end.
    - Any other number behind a digit or a closing bracket is a power or a charge and gets "^":
      "10^9/L", "SO4^2-", "(height in m)^2".
    - The rest stays as it is: "m2", "Na+", "1st", "131I".

    Args:
        before: the text in front, at least its last `LOOKBACK` characters.
        inside: the text of the superscript.
        citation: whether the markup says that it refers to something, e.g. by a link.
    """
    mark = inside.strip()
    if not mark or not before or before[-1].isspace():
        return inside
    behind_text = _YEAR.search(before) or _WORD_END.search(before)
    cited = citation or re.search(r"[,;()\[\]]", mark)
    if cited or (behind_text and _REFERENCES.fullmatch(mark)):
        return " " + inside.lstrip()
    if (before[-1].isdigit() or before[-1] in ")]") and _NUMBERS.fullmatch(mark):
        return "^" + inside.lstrip()
    return inside
