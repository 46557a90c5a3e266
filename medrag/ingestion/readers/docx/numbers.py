"""Counts the items of lists as Word does, where their numbers are plain: "1." or "1)"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from .styles import W, value

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_PLAIN = re.compile(r"%1[.)]\Z")
BULLET = "- "


class Numbers:
    """The numbered lists of a file. Lists of the same definition share one count.

    Args:
        roots: of the part "numbering", if there is one.
    """

    def __init__(self, roots: Iterable[Element]) -> None:
        self._lists: dict[str, Element] = {}
        self._definitions: dict[str, Element] = {}
        self._counts: dict[str, int] = {}  # by definition
        self._begun: set[str] = set()
        for root in roots:
            for child in root.iterchildren(W + "num"):
                self._lists[child.get(W + "numId", "")] = child
            for child in root.iterchildren(W + "abstractNum"):
                self._definitions[child.get(W + "abstractNumId", "")] = child

    def mark(self, properties: Element) -> str:
        """Count an item with these `w:numPr`; return what stands before its text."""
        list_id = value(properties.find(W + "numId"))
        found = self._lists.get(list_id)
        definition = "" if found is None else value(found.find(W + "abstractNumId"))
        if value(properties.find(W + "ilvl")) not in ("", "0") or found is None:
            return BULLET
        override = _first_level(found, "lvlOverride")
        own = None if override is None else override.find(W + "lvl")
        level = _first_level(self._definitions.get(definition), "lvl") if own is None else own
        text = "" if level is None else value(level.find(W + "lvlText"))
        if level is None or value(level.find(W + "numFmt")) != "decimal" or not _PLAIN.match(text):
            return BULLET
        again = None if override is None else override.find(W + "startOverride")
        if definition not in self._counts or (again is not None and list_id not in self._begun):
            start = value(level.find(W + "start") if again is None else again)
            self._counts[definition] = int(start) - 1 if start.isdecimal() else -1
        self._begun.add(list_id)
        self._counts[definition] += 1
        return text.replace("%1", str(self._counts[definition])) + " "


def _first_level(parent: Element | None, name: str) -> Element | None:
    """Return the child with this name that is about the outermost level."""
    levels: Mapping[str, Element] = {
        child.get(W + "ilvl", ""): child
        for child in (() if parent is None else parent.iterchildren(W + name))
    }
    return levels.get("0")
