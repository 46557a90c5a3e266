"""Read the tables of words beside this file."""

from __future__ import annotations

from functools import cache
from pathlib import Path


def lines(name: str) -> list[str]:
    """The lines of a table, without comments; a line that begins with a space goes on."""
    text = (Path(__file__).parent / f"{name}.txt").read_text(encoding="utf-8")
    kept = [line for line in text.split("\n") if not line.startswith("#")]
    return "\n".join(kept).replace("\n    ", " ").split("\n")


@cache
def named(name: str) -> dict[str, str]:
    """The entries "name: words" of a table."""
    parted = (line.partition(": ") for line in lines(name) if line)
    return {key: words for key, _, words in parted}


@cache
def listed(name: str) -> frozenset[str]:
    """The words of one list in lists.txt."""
    return frozenset(named("lists")[name].split())
