"""NEFTune: noise on the embeddings of training rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def with_noise(embedded: Tensor, ends: Tensor, alpha: float) -> Tensor:
    """Add uniform noise of ±α/√(L·d) to rows of L tokens and width d.

    Source: Jain et al. 2023, arXiv:2310.05914. That of transformers would take all rows of a
    sequence for one long row, and add less.

    Args:
        embedded: (1, tokens, d), rows end to end.
        ends: (rows + 1), where they begin and end.
    """
    import torch

    lengths = ends.diff().repeat_interleave(ends.diff())[None, :, None]
    size = alpha / (lengths * embedded.shape[-1]).sqrt()
    return embedded + size.to(embedded.dtype) * torch.empty_like(embedded).uniform_(-1, 1)
