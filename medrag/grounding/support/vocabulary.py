"""The words that a support check knows: synonyms, opposites, and groups that exclude each other."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from .forms import american, is_technical, root, roots
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
    return group < _blocks()[2]


@cache
def is_particular(group: int) -> bool:
    """Tell whether a group of synonyms names one disease, drug, germ or test."""
    return group < _blocks()[0]


@cache
def is_organ(group: int) -> bool:
    """Tell whether a group of synonyms names a part of the body."""
    return _blocks()[0] < group < _blocks()[1]


@cache
def _blocks() -> list[int]:
    """Where the blocks of the table of synonyms end, at its empty lines."""
    return [number for number, line in enumerate(lines("synonyms")) if not line]


class Kinds(NamedTuple):
    """What is a kind of something: groups of synonyms, roots, endings and beginnings of roots."""

    groups: frozenset[int]
    roots: frozenset[str]
    endings: tuple[str, ...]
    beginnings: tuple[str, ...]


@cache
def kinds() -> dict[int, Kinds]:
    """By group of synonyms, what is a kind of it: "pain" has "colic"."""
    found = {}
    for wide, table in named("kinds").items():
        names = [name.strip() for name in table.split(",")]
        plain = [roots(name) for name in names if "*" not in name]
        kind = Kinds(
            frozenset[int]().union(*(synonyms().get(one, ()) for one in plain)),
            frozenset(one[0] for one in plain if len(one) == 1),
            tuple(root(american(name[1:])) for name in names if name.startswith("*")),
            tuple(name[:-1] for name in names if name.endswith("*")),
        )
        for group in synonyms().get(roots(wide), ()):
            found[group] = kind
    return found


@cache
def kinds_of(groups: frozenset[int]) -> tuple[Kinds, ...]:
    """What is a kind of any of these groups of synonyms."""
    return tuple(kinds()[one] for one in groups if one in kinds())


@cache
def names_something(word: str) -> bool:
    """Tell whether a lower-case word names a drug, a disease or the like; routes do not."""
    groups = synonyms().get((root(word),), frozenset())
    return (root(word),) not in slots() and (is_technical(word) or any(map(is_medical, groups)))


@cache
def other_names(word: str) -> frozenset[str]:
    """Other names of what a lower-case word names, and of the drugs that it is one of."""
    groups = set(synonyms().get((root(word),), ()))
    groups |= {
        g for g, kind in kinds().items() if kind.endings and root(word).endswith(kind.endings)
    }
    return frozenset(
        entry.strip().replace("-", " ")
        for group in groups
        for entry in lines("synonyms")[group].split(",")
    )


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
