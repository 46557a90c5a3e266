"""Which questions become rows, and in which split: the limit, the groups, near duplicates."""

from __future__ import annotations

from collections.abc import Sequence

from ..config import DatasetConfig
from ..types import Example
from . import drawn, split_by_document
from .rows import LeftOut, Reason
from .similar import near_duplicates

_KEPT_FIRST = ("test", "validation", "train")  # of two near duplicates, that of the earlier split


def select(
    examples: Sequence[Example], config: DatasetConfig
) -> tuple[dict[str, list[Example]], list[LeftOut]]:
    """Draw `dataset.limit` questions, split them, and leave out near duplicates.

    A question of train or validation that nearly repeats one before it is left out. It also is if
    it nearly repeats one of the test split, which keeps all of its questions.

    Args:
        examples: of which it is known whether they are answerable, with the ids of their documents.

    Returns:
        The questions by split, and those that were left out.
    """
    splits = split_by_document(
        _limited(examples, config.limit, config.seed),
        config.validation_share,
        config.test_share,
        config.seed,
    )
    ordered = [(split, example) for split in _KEPT_FIRST for example in splits[split]]
    firsts = near_duplicates((one.question for _, one in ordered), config.near_duplicates)
    kept: dict[str, list[Example]] = {split: [] for split in splits}
    left_out = []
    for place, first in enumerate(firsts):
        split, example = ordered[place]
        if first == place or split == "test":
            kept[split].append(example)
            continue
        other_split, other = ordered[first]
        detail = f"nearly the same as {other.id} ({other_split}): {other.question}"
        left_out.append(LeftOut(example.id, split, example.question, Reason.near_duplicate, detail))
    return kept, left_out


def _limited(examples: Sequence[Example], limit: int, seed: int) -> list[Example]:
    """So many of the questions, drawn by a hash of their ids, in their order; all for 0."""
    if not limit:
        return [*examples]
    draw = sorted(examples, key=lambda example: drawn(seed, "limit", example.id))
    chosen = set(map(id, draw[:limit]))
    return [example for example in examples if id(example) in chosen]
