"""Read the tables of names beside this file."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from ....text.words import words


def _lines(name: str) -> Iterator[str]:
    text = (Path(__file__).parent / f"{name}.txt").read_text(encoding="utf-8")
    return (line for line in text.splitlines() if line and not line.startswith("#"))


@cache
def groups(name: str) -> tuple[tuple[tuple[str, ...], ...], ...]:
    """The groups of a table, one a line: names that mean the same, each as its words.

    The names before the colon come first: they are the ones that texts of the trade use.
    """
    return tuple(
        tuple(tuple(words(entry)) for entry in line.replace(":", ",").split(",") if entry.strip())
        for line in _lines(name)
    )


@cache
def listed(name: str) -> frozenset[str]:
    """The words of a table that is only a list."""
    return frozenset(word for line in _lines(name) for word in line.split())
