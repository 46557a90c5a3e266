"""Join passages that were one piece of text before it was cut into chunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..types import Hit

_PARAGRAPH = "\n\n"  # between two paragraphs, lists or tables


def join_neighbours(hits: Sequence[Hit]) -> list[Hit]:
    """The hits, with neighbours inside one paragraph, list or table as one at the best one's place.

    A chunk ends where its token budget does, so a list may begin in one and end in the next. A
    joined hit has the best one's id and scores, the span from the first to the last, and the flags
    of all.
    """
    by_end = {(hit.document, hit.end): number for number, hit in enumerate(hits)}
    first_of = list(range(len(hits)))  # of the run that a hit belongs to
    for number in sorted(range(len(hits)), key=lambda number: hits[number].start):
        hit = hits[number]
        before = by_end.get((hit.document, hit.start - len(hit.glue)))
        if before is not None and before != number and _belong_together(hits[before], hit):
            first_of[number] = first_of[before]
    runs: dict[int, list[int]] = {}
    for number, first in enumerate(first_of):
        runs.setdefault(first, []).append(number)  # the best one comes first
    return [_joined([hits[number] for number in run]) for run in runs.values()]


def _belong_together(one: Hit, other: Hit) -> bool:
    return bool(other.glue) and _PARAGRAPH not in other.glue and one.section == other.section


def _joined(run: Sequence[Hit]) -> Hit:
    if len(run) == 1:
        return run[0]
    best = run[0]
    first, *others = sorted(run, key=lambda hit: hit.start)
    return replace(
        best,
        text=first.text + "".join(hit.glue + hit.text for hit in others),
        start=first.start,
        end=others[-1].end,
        page=first.page,
        header=first.header,
        glue=first.glue,
        flags=tuple(dict.fromkeys(flag for hit in run for flag in hit.flags)),
        duplicates=tuple(dict.fromkeys(other for hit in run for other in hit.duplicates)),
    )
