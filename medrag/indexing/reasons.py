"""Says in a few lines why many documents are not in an index: by reason, with examples."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_SHOWN = 3  # names of each group
_LINES = 18  # of reasons; a first and a last line come on top
_WIDTH = 78  # columns; a terminal has 80
_NUMBER = re.compile(r"\d+")
_PLACE = re.compile(r"(?:line|article) \d+: ")  # the name of the document says it, too


@dataclass(slots=True)
class Group:
    """Documents that are not in an index for one reason.

    Attributes:
        count: how many there are.
        first: the names of the first ones.
        reason: their reason; where they differ in numbers only, with N for each number.
    """

    count: int
    first: list[str]
    reason: str

    @property
    def names(self) -> str:
        """The first names, and how many follow."""
        rest = self.count - len(self.first)
        return ", ".join(self.first) + (f" and {rest:,} more" if rest else "")


def grouped(rejected: Iterable[tuple[str, str]]) -> dict[str, Group]:
    """Group documents, given as (name, reason), by reasons that differ in numbers only."""
    groups: dict[str, Group] = {}
    for name, told in rejected:
        reason = _PLACE.sub("", told, count=1)
        alike = _NUMBER.sub("N", reason)
        group = groups.setdefault(alike, Group(0, [], reason))
        group.count += 1
        if reason != group.reason:
            group.reason = alike
        if len(group.first) < _SHOWN:
            group.first.append(name)
    return groups


def skipped_by(rejected: Iterable[tuple[str, str]]) -> dict[str, Group]:
    """Group what was skipped, given as (name, reason), by who wrote it: "written by medrag"."""
    return grouped((name, reason.partition(" (")[0]) for name, reason in rejected)


def nothing_usable(
    paths: Sequence[str], groups: Mapping[str, Group], listed_in: Sequence[str]
) -> str:
    """The message for a corpus without a usable document: every reason, the most frequent first.

    Args:
        listed_in: the files that have all of them.
    """
    first = f"no usable document under {', '.join(paths)}"
    if not groups:
        return f"{first}; it has no files"
    most_first = sorted(groups.values(), key=lambda group: -group.count)
    if len(most_first) == 1 and most_first[0].count == 1:
        (name,) = most_first[0].first
        return f"{first}: {'' if name in paths else f'{name}: '}{most_first[0].reason}"
    lines = [f"{first}:"]
    left = sum(group.count for group in most_first)
    width = len(f"{most_first[0].count:,}")
    for group in most_first:
        indent = " " * (width + 4)
        said = textwrap.wrap(
            f"{group.count:>{width},} × {group.reason}",
            _WIDTH,
            initial_indent="  ",
            subsequent_indent=f" {indent}",
        )
        said += textwrap.wrap(
            group.names, _WIDTH, initial_indent=f" {indent}", subsequent_indent=f" {indent}"
        )[:2]
        if len(lines) + len(said) > _LINES:
            lines.append(f"  and {left:,} more in {' and '.join(listed_in)}")
            return "\n".join(lines)
        lines += said
        left -= group.count
    lines.append(f"All are listed in {' and '.join(listed_in)}")
    return "\n".join(lines)
