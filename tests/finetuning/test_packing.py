"""Rows are packed without a cut or a loss, and their order depends on seed and epoch alone."""

from __future__ import annotations

import random
from itertools import chain

import pytest
import torch

from medrag.finetuning.packing import Batches, flatten, pack


def test_no_row_is_cut_or_lost_and_sequences_are_full() -> None:
    numbers = random.Random(1)
    lengths = [numbers.choice([30, 100, 300, 700]) + n % 50 for n in range(500)]
    sequences = pack(lengths, 1024)
    assert sorted(chain.from_iterable(sequences)) == list(range(500))
    assert max(sum(lengths[row] for row in one) for one in sequences) <= 1024
    assert sum(lengths) / (1024 * len(sequences)) > 0.95


def test_a_row_as_long_as_a_sequence_is_alone() -> None:
    assert pack([10, 4, 6, 10], 10) == [[0], [3], [2, 1]]


def epoch(number: int, **options: int) -> list[list[int]]:
    batches = Batches([[2 * i, 2 * i + 1] for i in range(10)], 2, seed=7, **options)
    batches.set_epoch(number)
    assert len(list(batches)) == len(batches)
    return list(batches)


def test_the_order_is_that_of_the_epoch() -> None:
    assert epoch(1) == epoch(1) != epoch(0)
    assert sorted(chain.from_iterable(epoch(1))) == list(range(20))


def test_processes_together_see_what_one_sees() -> None:
    turns = zip(epoch(1, rank=0, processes=2), epoch(1, rank=1, processes=2), strict=True)
    alone = epoch(1)
    assert list(chain.from_iterable(turns)) == [*alone, alone[0]]  # 5 batches in 3 turns


def test_processes_have_equally_many_batches() -> None:
    sequences = [[row] for row in range(5)]
    seen = [list(Batches(sequences, 1, seed=None, rank=rank, processes=2)) for rank in range(2)]
    assert seen == [[[0], [2], [4]], [[1], [3], [0]]]


def test_rows_lie_end_to_end() -> None:
    batch = flatten(
        [
            {"input_ids": [5, 6, 7], "completion_mask": [0, 1, 1]},
            {"input_ids": [8, 9], "completion_mask": [0, 1]},
        ]
    )
    wanted = {
        "input_ids": [[5, 6, 7, 8, 9]],
        "position_ids": [[0, 1, 2, 0, 1]],
        "cu_seq_lens_q": [0, 3, 5],
        "logits_to_keep": [0, 1, 3],
        "labels": [6, 7, 9],
    }
    assert batch.pop("max_length_q") == 3
    assert {name: torch.as_tensor(value).tolist() for name, value in batch.items()} == wanted


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_every_process_has_equally_many_steps(processes: int) -> None:
    assert len({len(epoch(0, rank=r, processes=processes)) for r in range(processes)}) == 1
