"""Causal attention of a CPU in training: plain matrix products, block of queries by block."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

BLOCK = 256  # queries whose scores are computed at once


def attend_in_blocks(
    query: Tensor, key: Tensor, value: Tensor, scale: float, ends: Sequence[int]
) -> Tensor:
    """Attention within rows that lie end to end; each token sees those before it in its row.

    The kernel of `scaled_dot_product_attention` for the CPU takes two to three times as long in
    bf16, most of it in the backward pass.

    Args:
        query, key, value: (1, heads, tokens, width of a head); keys and values may have fewer
            heads, which the query heads share.
        ends: where the rows end, the last one at the number of tokens.

    Returns:
        (1, heads, tokens, width of a head).
    """
    attended: Tensor = _attention().apply(query, key, value, scale, ends)
    return attended


@cache  # imports torch
def _attention() -> Any:
    import torch
    from torch.autograd import Function

    class BlockAttention(Function):  # type: ignore[misc]  # untyped library
        @staticmethod
        def forward(
            ctx: Any, q: Tensor, k: Tensor, v: Tensor, scale: float, ends: Sequence[int]
        ) -> Tensor:
            (_, heads, _, width), shared = q.shape, k.shape[1]
            q = (q * scale).view(shared, heads // shared, -1, width)
            k, v = k[0], v[0]
            out = torch.empty_like(q)
            saved = []
            for first, start, end in _blocks(ends):
                scores = _stack(q, start, end) @ k[:, first:end].transpose(1, 2)
                scores = scores.view(shared, -1, end - start, end - first)
                scores[..., start - first :].masked_fill_(_future(end - start), -math.inf)
                weights = torch.softmax(scores, -1).view(shared, -1, end - first)
                attended = weights @ v[:, first:end]
                out[:, :, start:end] = attended.view(shared, -1, end - start, width)
                saved.append(weights)
            ctx.save_for_backward(q, k, v, *saved)
            ctx.scale, ctx.ends = scale, ends
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
            for weights, (first, start, end) in zip(saved, _blocks(ctx.ends), strict=True):
                above = _stack(grad, start, end)
                v_grad[:, first:end] += weights.transpose(1, 2) @ above
                below = above @ v[:, first:end].transpose(1, 2)
                scores = torch._softmax_backward_data(below, weights, -1, weights.dtype)
                part = (scores @ k[:, first:end]).mul_(ctx.scale)
                q_grad[:, :, start:end] = part.view(shared, -1, end - start, width)
                k_grad[:, first:end] += scores.transpose(1, 2) @ _stack(q, start, end)
            found = q_grad.view(1, -1, q.shape[2], width)
            return found, k_grad.to(k.dtype)[None], v_grad.to(v.dtype)[None], None, None

    return BlockAttention


def _blocks(ends: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Start of the row, start and end of each block of queries."""
    first = 0
    for end in ends:
        size = math.ceil((end - first) / math.ceil((end - first) / BLOCK))
        for start in range(first, end, size):
            yield first, start, min(start + size, end)
        first = end


def _stack(heads: Tensor, start: int, end: int) -> Tensor:
    """Positions of all query heads of a key head, one head after another."""
    return heads[:, :, start:end].reshape(heads.shape[0], -1, heads.shape[-1])


@cache
def _future(size: int) -> Tensor:
    import torch

    return torch.ones(size, size, dtype=torch.bool).triu(1)
