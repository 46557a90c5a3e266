"""Rows of a training step as one sequence without padding: which rows, and in what order."""

from __future__ import annotations

import random
from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datasets import Dataset
    from torch import Tensor


def lengths_of(rows: Dataset) -> list[int]:
    """Tokens of every tokenised row; the ids stay on disk."""
    from pyarrow.compute import list_value_length

    ids = rows.with_format("arrow")[:].column("input_ids")
    return list(list_value_length(ids).to_pylist())


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
        rank, processes: the place among the processes of a run, and their number.
        repeat: fill the last turn with batches of the first, so that every process has equally
            many. Without it, some may have one less.
    """

    def __init__(
        self,
        sequences: Sequence[Sequence[int]],
        size: int,
        *,
        seed: int | None,
        rank: int = 0,
        processes: int = 1,
        repeat: bool = True,
    ) -> None:
        self._sequences = sequences
        self._size = size
        self._seed = seed
        self._rank = rank
        self._processes = processes
        self._repeat = repeat
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of an epoch, from 0."""
        self._epoch = epoch

    def __len__(self) -> int:
        total = -(-len(self._sequences) // self._size)
        if self._repeat:
            return -(-total // self._processes)
        return len(range(self._rank, total, self._processes))

    def __iter__(self) -> Iterator[list[int]]:
        order = list(range(len(self._sequences)))
        if self._seed is not None:
            random.Random(f"{self._seed}/{self._epoch}").shuffle(order)
        batches = [order[i : i + self._size] for i in range(0, len(order), self._size)]
        for turn in range(len(self)):
            batch = batches[(turn * self._processes + self._rank) % len(batches)]
            yield list(chain.from_iterable(self._sequences[one] for one in batch))


def flatten(rows: Sequence[Mapping[str, Any]]) -> dict[str, Tensor | int]:
    """Lay rows end to end as one sequence: nothing is padded.

    Args:
        rows: tokenised, as from `tokenize_rows`.

    Returns:
        For a batch of T tokens in R rows with A answer tokens: `input_ids` and `position_ids`
        (1, T), where positions begin at 0 in every row; `cu_seq_lens_q` (R + 1), where rows begin
        and end; `max_length_q`, the longest row; `logits_to_keep` (A), the places that predict
        answer tokens, and `labels` (A), those tokens. The names are those of transformers.
    """
    import torch

    ids = [torch.as_tensor(row["input_ids"], dtype=torch.long) for row in rows]
    answers = torch.cat([torch.as_tensor(row["completion_mask"]) for row in rows]).bool()
    lengths = torch.tensor([0, *map(len, ids)], dtype=torch.int32)
    tokens = torch.cat(ids)
    return {
        "input_ids": tokens[None],
        "position_ids": torch.cat([torch.arange(len(one)) for one in ids])[None],
        "cu_seq_lens_q": lengths.cumsum(0, dtype=torch.int32),
        "max_length_q": max(map(len, ids)),
        "logits_to_keep": answers.nonzero()[:, 0] - 1,  # a place predicts the next token
        "labels": tokens[answers],
    }
