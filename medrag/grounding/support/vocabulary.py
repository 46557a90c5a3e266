"""The words that a support check knows: synonyms, opposites, and groups that exclude each other."""

from __future__ import annotations

from functools import cache

from .forms import is_technical, root, roots
from .tables import lines, listed, named


@cache
def synonyms() -> dict[tuple[str, ...], frozenset[int]]:
    """For the roots of a word or phrase, the numbers of the groups of synonyms it belongs to."""
    found: dict[tuple[str, ...], set[int]] = {}
    for number, line in enumerate(lines("synonyms")):
        for entry in line.split(",") if line else ():
            found.setdefault(roots(entry), set()).add(number)
    return {entry: frozenset(numbers) for entry, numbers in found.items()}


@cache
def is_medical(group: int) -> bool:
    """Tell whether a group of synonyms names a disease, a drug, an organ or the like."""
    return group < lines("synonyms").index("")  # an empty line stands before everyday words


@cache
def names_something(word: str) -> bool:
    """Tell whether a lower-case word names a drug, a disease or the like; routes do not."""
    groups = synonyms().get((root(word),), frozenset())
    return (root(word),) not in slots() and (is_technical(word) or any(map(is_medical, groups)))


@cache
def opposites() -> dict[str, list[tuple[str, int]]]:
    """For a root, the directions that it names: (axis, 1 or -1)."""
    found: dict[str, list[tuple[str, int]]] = {}
    for axis, table in named("opposites").items():
        for side, sign in zip(table.split("|"), (1, -1), strict=True):
            for name in {root(word) for word in side.split()}:
                found.setdefault(name, []).append((axis, sign))
    return found


@cache
def slots() -> dict[tuple[str, ...], list[tuple[str, int]]]:
    """For the roots of a word or phrase: (slot, class), of which a text usually means one."""
    found: dict[tuple[str, ...], list[tuple[str, int]]] = {}
    for slot, table in named("exclusive").items():
        for number, names in enumerate(table.split("|")):
            for name in names.split("+"):
                found.setdefault(roots(name.strip()), []).append((slot, number))
    return found


@cache
def listed_roots(name: str) -> frozenset[str]:
    """The roots of the words of one list in lists.txt."""
    return frozenset(root(word) for word in listed(name))
