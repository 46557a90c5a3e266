"""Attention for rows that lie end to end in one sequence: each row sees itself alone."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from .cpu_attention import Span, attend_in_blocks

if TYPE_CHECKING:
    import torch

ROWWISE = "medrag_rowwise"  # the name under which transformers finds it


def use_rowwise_attention(model: Any) -> None:
    """Let a model of transformers attend within rows only; `flatten` says where rows begin.

    The cost grows with the squares of the rows' lengths, not with that of their sum, and no mask
    is built. On a GPU it is one kernel for all rows (Dao 2023, "FlashAttention-2",
    arXiv:2307.08691), which comes with torch; on a CPU it is products of blocks.
    """
    from transformers import AttentionInterface

    AttentionInterface.register(ROWWISE, _attend)
    model.set_attn_implementation(ROWWISE)


def _attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: None,
    *,
    cu_seq_lens_q: torch.Tensor,
    max_length_q: int,
    beginnings: torch.Tensor | None = None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention within rows.

    Args:
        query, key, value: (1, heads, tokens, width of a head); keys and values may have fewer
            heads.
        beginnings: which tokens of an earlier row each row sees, too; see `flatten`. Only on a CPU
            and without a window.
        sliding_window: how many tokens a token sees, itself included; None: all before it.

    Returns:
        (1, tokens, heads, width of a head), and no weights.
    """
    import torch
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    if query.is_cuda:
        from torch.nn.attention.varlen import varlen_attn

        attended = varlen_attn(
            *(one[0].transpose(0, 1).to(value.dtype) for one in (query, key, value)),
            cu_seq_lens_q,
            cu_seq_lens_q,
            max_length_q,
            max_length_q,
            scale=scaling,
            window_size=((sliding_window or 0) - 1, 0),
            enable_gqa=True,
        )
        return attended[None], None
    ends = cu_seq_lens_q.tolist()
    if not sliding_window or max_length_q <= sliding_window:
        scale = query.shape[-1] ** -0.5 if scaling is None else scaling
        shared = [(0, 0)] * (len(ends) - 1) if beginnings is None else beginnings.tolist()
        rows = [
            Span(shared_start, shared_end, start, end)
            for (shared_start, shared_end), (start, end) in zip(shared, pairwise(ends), strict=True)
        ]
        return attend_in_blocks(query, key, value, scale, rows).transpose(1, 2), None
    outputs = []
    for start, end in pairwise(ends):
        window = None
        if sliding_window and end - start > sliding_window:
            window = torch.ones(end - start, end - start, dtype=torch.bool, device=query.device)
            window = window.tril().triu(1 - sliding_window)[None, None]
        row = (one[:, :, start:end] for one in (query, key, value))
        outputs.append(sdpa_attention_forward(module, *row, window, scaling=scaling, **options)[0])
    return torch.cat(outputs, dim=1), None
