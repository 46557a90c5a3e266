"""Rows of a training step as one sequence without padding: which rows, and in what order."""

from __future__ import annotations

import random
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datasets import Dataset
    from torch import Tensor

_ALIKE = 0.5  # share of a row from which on its beginning is worth sharing


def lengths_of(rows: Dataset) -> list[int]:
    """Tokens of every tokenised row; the ids stay on disk."""
    from pyarrow.compute import list_value_length

    ids = rows.with_format("arrow")[:].column("input_ids")
    return list(list_value_length(ids).to_pylist())


def with_same_beginning(
    rows: Iterable[Mapping[str, Any]], most: int
) -> tuple[list[list[int]], list[int]]:
    """Put neighbouring rows together that begin alike, so that the beginning is computed once.

    Args:
        rows: tokenised, as from `tokenize_rows`.
        most: tokens of a group, the beginning counted once.

    Returns:
        The numbers of the rows of each group, and the tokens of each group.
    """
    groups: list[list[int]] = []
    lengths: list[int] = []
    first: Mapping[str, Any] = {}
    for number, row in enumerate(rows):
        shared = _shared(first, row) if groups else 0
        added = len(row["input_ids"]) - shared
        if shared and lengths[-1] + added <= most:
            groups[-1].append(number)
            lengths[-1] += added
        else:
            groups.append([number])
            lengths.append(added + shared)
            first = row
    return groups, lengths


def _shared(first: Mapping[str, Any], row: Mapping[str, Any]) -> int:
    """How many tokens a row need not compute, because it begins as another one; 0 if few.

    The place that predicts the first answer token is its own.
    """
    import numpy as np

    one, other = first["input_ids"], row["input_ids"]
    size = max(0, min(len(one), int(np.argmax(row["completion_mask"])) - 1))
    differ = np.flatnonzero(np.not_equal(one[:size], other[:size]))
    alike = int(differ[0]) if len(differ) else size
    return alike if alike > len(other) * _ALIKE else 0


def pack(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Put rows together into sequences of at most `capacity` tokens; none is cut or left out.

    Best fit decreasing: the longest row first, each into the fullest sequence with room for it.

    Args:
        lengths: tokens of every row, each at most `capacity`.

    Returns:
        The numbers of the rows of each sequence.
    """
    sequences: list[list[int]] = []
    with_room: dict[int, list[int]] = {}  # free tokens → sequences
    rooms: list[int] = []  # those sizes, sorted
    for row in sorted(range(len(lengths)), key=lambda row: (-lengths[row], row)):
        nearest = bisect_left(rooms, lengths[row])
        if nearest == len(rooms):
            place, free = len(sequences), capacity
            sequences.append([])
        else:
            free = rooms[nearest]
            place = with_room[free].pop()
            if not with_room[free]:
                del with_room[free], rooms[nearest]
        sequences[place].append(row)
        left = free - lengths[row]
        if left:
            if left not in with_room:
                with_room[left] = []
                insort(rooms, left)
            with_room[left].append(place)
    return sequences


class Batches:
    """The rows of every forward pass: the batch sampler of a data loader.

    The order depends on the seed, the epoch and the place in it alone, so a run that continues
    sees the same rows as one that was not disturbed. Several processes take turns: together, they
    see what one process with as many forward passes per step would see.

    Args:
        sequences: numbers of the rows of each sequence.
        size: sequences per forward pass.
        seed: of the order; None keeps the sequences in theirs.
        rank, processes: the place among the processes of a run, and their number. The last turn is
            filled with batches of the first, so that every process has equally many.
    """

    def __init__(
        self,
        sequences: Sequence[Sequence[int]],
        size: int,
        *,
        seed: int | None,
        rank: int = 0,
        processes: int = 1,
    ) -> None:
        self._sequences = sequences
        self._size = size
        self._seed = seed
        self._rank = rank
        self._processes = processes
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of an epoch, from 0."""
        self._epoch = epoch

    def __len__(self) -> int:
        total = -(-len(self._sequences) // self._size)
        return -(-total // self._processes)

    def __iter__(self) -> Iterator[list[int]]:
        order = list(range(len(self._sequences)))
        if self._seed is not None:
            random.Random(f"{self._seed}/{self._epoch}").shuffle(order)
        batches = [order[i : i + self._size] for i in range(0, len(order), self._size)]
        for turn in range(len(self)):
            batch = batches[(turn * self._processes + self._rank) % len(batches)]
            yield list(chain.from_iterable(self._sequences[one] for one in batch))


def flatten(rows: Sequence[Mapping[str, Any]], *, share: bool = False) -> dict[str, Tensor | int]:
    """Lay rows end to end as one sequence: nothing is padded.

    Args:
        rows: tokenised, as from `tokenize_rows`.
        share: leave out the beginning of a row that begins as the row before it, or as the one
            that this row shares its beginning with.

    Returns:
        For a batch of T tokens in R rows with A answer tokens: `input_ids` and `position_ids`
        (1, T), where positions begin at 0 in every row; `cu_seq_lens_q` (R + 1), where rows begin
        and end; `max_length_q`, the longest row; `logits_to_keep` (A), the places that predict
        answer tokens, and `labels` (A), those tokens. The names are those of transformers. With
        `share` also `beginnings` (R, 2): which tokens before its own a row sees; its positions go
        on from there.
    """
    import torch

    beginnings = _beginnings(rows) if share else [(0, 0)] * len(rows)
    skipped = [end - start for start, end in beginnings]
    ids = [
        torch.as_tensor(row["input_ids"][skip:], dtype=torch.long)
        for row, skip in zip(rows, skipped, strict=True)
    ]
    answers = torch.cat(
        [
            torch.as_tensor(row["completion_mask"][skip:])
            for row, skip in zip(rows, skipped, strict=True)
        ]
    ).bool()
    lengths = torch.tensor([0, *map(len, ids)], dtype=torch.int32)
    tokens = torch.cat(ids)
    places = [torch.arange(skip, skip + len(one)) for one, skip in zip(ids, skipped, strict=True)]
    laid = {
        "input_ids": tokens[None],
        "position_ids": torch.cat(places)[None],
        "cu_seq_lens_q": lengths.cumsum(0, dtype=torch.int32),
        "max_length_q": max(len(row["input_ids"]) for row in rows),
        "logits_to_keep": answers.nonzero()[:, 0] - 1,  # a place predicts the next token
        "labels": tokens[answers],
    }
    return laid | ({"beginnings": torch.tensor(beginnings)} if share else {})


def tokens_of(batch: Mapping[str, Any]) -> int:
    """Tokens of the rows of a batch; those that rows share count in each of them."""
    shared = int(batch["beginnings"].diff().sum()) if "beginnings" in batch else 0
    return int(batch["input_ids"].numel()) + shared


def _beginnings(rows: Sequence[Mapping[str, Any]]) -> list[tuple[int, int]]:
    """Where the tokens lie, in the sequence, that each row shares with one before it."""
    found: list[tuple[int, int]] = []
    first: Mapping[str, Any] = {}
    start = end = 0
    for row in rows:
        shared = _shared(first, row) if first else 0
        if not shared:
            first, start = row, end
        found.append((start, start + shared) if shared else (0, 0))
        end += len(row["input_ids"]) - shared
    return found
