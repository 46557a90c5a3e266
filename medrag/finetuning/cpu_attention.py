"""Causal attention of a CPU in training: plain matrix products, block of queries by block."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

BLOCK = 256  # queries whose scores are computed at once


class Span(NamedTuple):
    """A row in a sequence: tokens `start` to `end`, and those it shares with a row before it."""

    shared_start: int
    shared_end: int
    start: int
    end: int


def attend_in_blocks(
    query: Tensor, key: Tensor, value: Tensor, scale: float, rows: Sequence[Span]
) -> Tensor:
    """Attention within rows that lie end to end; each token sees those before it in its row.

    The kernel of `scaled_dot_product_attention` for the CPU takes two to three times as long in
    bf16, most of it in the backward pass.

    Args:
        query, key, value: (1, heads, tokens, width of a head); keys and values may have fewer
            heads, which the query heads share.
        rows: without gaps, in order. A token also sees those that its row shares.

    Returns:
        (1, heads, tokens, width of a head).
    """
    attended: Tensor = _attention().apply(query, key, value, scale, rows)
    return attended


@cache  # imports torch
def _attention() -> Any:
    import torch
    from torch.autograd import Function

    class BlockAttention(Function):  # type: ignore[misc]  # untyped library
        @staticmethod
        def forward(
            ctx: Any, q: Tensor, k: Tensor, v: Tensor, scale: float, rows: Sequence[Span]
        ) -> Tensor:
            (_, heads, _, width), shared = q.shape, k.shape[1]
            q = (q * scale).view(shared, heads // shared, -1, width)
            k, v = k[0], v[0]
            out = torch.empty_like(q)
            saved = []
            for row, start, end in _blocks(rows):
                keys, values = _seen(k, row, end), _seen(v, row, end)
                scores = _stack(q, start, end) @ keys.transpose(1, 2)
                scores = scores.view(shared, -1, end - start, keys.shape[1])
                scores[..., start - end :].masked_fill_(_future(end - start), -math.inf)
                weights = torch.softmax(scores, -1).view(shared, -1, keys.shape[1])
                out[:, :, start:end] = (weights @ values).view(shared, -1, end - start, width)
                saved.append(weights)
            ctx.save_for_backward(q, k, v, *saved)
            ctx.scale, ctx.rows = scale, rows
            return out.view(1, heads, -1, width)

        @staticmethod
        def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
            q, k, v, *saved = ctx.saved_tensors
            shared, _, _, width = q.shape
            grad = grads[0].reshape(q.shape)
            q_grad = torch.empty_like(q)
            # Blocks add up here, in fp32.
            k_grad = torch.zeros_like(k, dtype=torch.float32)
            v_grad = torch.zeros_like(v, dtype=torch.float32)
            for weights, (row, start, end) in zip(saved, _blocks(ctx.rows), strict=True):
                above = _stack(grad, start, end)
                _add(v_grad, row, end, weights.transpose(1, 2) @ above)
                below = above @ _seen(v, row, end).transpose(1, 2)
                scores = torch._softmax_backward_data(below, weights, -1, weights.dtype)
                part = (scores @ _seen(k, row, end)).mul_(ctx.scale)
                q_grad[:, :, start:end] = part.view(shared, -1, end - start, width)
                _add(k_grad, row, end, scores.transpose(1, 2) @ _stack(q, start, end))
            found = q_grad.view(1, -1, q.shape[2], width)
            return found, k_grad.to(k.dtype)[None], v_grad.to(v.dtype)[None], None, None

    return BlockAttention


def _blocks(rows: Sequence[Span]) -> Iterator[tuple[Span, int, int]]:
    """The row, and the start and end of each block of its queries."""
    for row in rows:
        length = row.end - row.start
        size = math.ceil(length / math.ceil(length / BLOCK))
        for start in range(row.start, row.end, size):
            yield row, start, min(start + size, row.end)


def _seen(heads: Tensor, row: Span, end: int) -> Tensor:
    """The tokens of a row up to `end`, with those that it shares."""
    own = heads[:, row.start : end]
    if row.shared_start == row.shared_end:
        return own
    import torch

    return torch.cat([heads[:, row.shared_start : row.shared_end], own], dim=1)


def _add(total: Tensor, row: Span, end: int, gradient: Tensor) -> None:
    """Add the gradient of what `_seen` gives."""
    shared = row.shared_end - row.shared_start
    total[:, row.shared_start : row.shared_end] += gradient[:, :shared]
    total[:, row.start : end] += gradient[:, shared:]


def _stack(heads: Tensor, start: int, end: int) -> Tensor:
    """Positions of all query heads of a key head, one head after another."""
    return heads[:, :, start:end].reshape(heads.shape[0], -1, heads.shape[-1])


@cache
def _future(size: int) -> Tensor:
    import torch

    return torch.ones(size, size, dtype=torch.bool).triu(1)
