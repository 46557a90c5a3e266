"""Which questions become rows, and in which split: the limit, the groups, near duplicates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..config import DatasetConfig
from ..types import Example
from . import drawn, split_by_document
from .rows import LeftOut, Reason
from .similar import near_duplicates

_KEPT_FIRST = ("test", "validation", "train")  # of two near duplicates, that of the earlier split


@dataclass(frozen=True, slots=True)
class Selection:
    """Which questions get rows.

    Attributes:
        splits: the questions by split.
        training: all questions of the train split, with those beyond the limit.
        left_out: near duplicates.
    """

    splits: dict[str, list[Example]]
    training: list[Example]
    left_out: list[LeftOut]


def select(examples: Sequence[Example], config: DatasetConfig) -> Selection:
    """Split the questions, leave out near duplicates, and draw `dataset.limit` of the others.

    A question of train or validation that nearly repeats one before it is left out; those that are
    drawn come first. It also is if it nearly repeats one of the test split, which keeps all of its
    questions.

    Args:
        examples: of which it is known whether they are answerable, with the ids of their documents.
    """
    splits = split_by_document(examples, config.validation_share, config.test_share, config.seed)
    drawn_ones = _drawn(examples, config.limit, config.seed)
    ordered = [
        (split, example)
        for split in _KEPT_FIRST
        for example in sorted(splits[split], key=lambda one: id(one) not in drawn_ones)
    ]
    firsts = near_duplicates((one.question for _, one in ordered), config.near_duplicates)
    kept = set()
    left_out = []
    for place, first in enumerate(firsts):
        split, example = ordered[place]
        if first == place or split == "test":
            kept.add(id(example))
        elif id(example) in drawn_ones:
            other_split, other = ordered[first]
            detail = f"nearly the same as {other.id} ({other_split}): {other.question}"
            reason = Reason.near_duplicate
            left_out.append(LeftOut(example.id, split, example.question, reason, detail))
    with_rows = kept & drawn_ones
    limited = {
        split: [example for example in some if id(example) in with_rows]
        for split, some in splits.items()
    }
    training = [example for example in splits["train"] if id(example) in kept]
    return Selection(limited, training, left_out)


def _drawn(examples: Sequence[Example], limit: int, seed: int) -> set[int]:
    """The places in memory of so many questions, drawn by a hash of their ids; all for 0."""
    if not limit:
        return set(map(id, examples))
    return set(map(id, sorted(examples, key=lambda one: drawn(seed, "limit", one.id))[:limit]))
