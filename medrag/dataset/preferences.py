"""Preference pairs: for the prompt of a training row, its label and a reply that is worse.

They are for DPO: Rafailov et al. 2023, arXiv:2305.18290.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..generation.prompts import REFUSAL, completion
from . import drawn
from .labels import Label
from .rows import Pair, Row, Variant

_SHARE = 1 / 3  # of the rows with the oracle, that give a pair


def pairs_of(rows: Sequence[Row], label: Label, seed: int) -> list[Pair]:
    """The pairs of a question's rows.

    Args:
        label: what the oracle says, unaltered and wherever it is.
        seed: with the id of a row it decides which wrong reply is taken.
    """
    pairs = []
    for row in rows:
        for rejected, reason in _rejected(row, label, seed):
            pairs.append(Pair(row.id, row.prompt, row.completion, completion(rejected), reason))
    return pairs


def _rejected(row: Row, label: Label, seed: int) -> Iterator[tuple[str, str]]:
    """A worse reply to a row and what is wrong with it, or none."""
    places = [n for n in range(1, len(row.contexts) + 1) if n != row.oracle]
    wrong = places[int(drawn(seed, "wrong place", row.id) * len(places))] if places else 0
    if row.variant is Variant.near_miss:
        yield label.reply(row.oracle), f"the passage says otherwise: {row.altered}"
    elif row.variant is Variant.withheld and wrong:
        yield label.reply(wrong), "no passage says it"
    elif row.variant is Variant.oracle:
        draw = drawn(seed, "pair", row.id)
        if draw < _SHARE / 2:
            yield REFUSAL, "a passage has the answer"
        elif draw < _SHARE and wrong:
            yield label.reply(wrong), "it cites a passage that does not say it"
