"""The loss of the retriever: the answer among all passages of a batch, and a teacher's ranking."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

_SCALE = 20.0  # of a cosine, before the softmax


@cache  # imports sentence-transformers
def list_loss_class() -> Any:
    import torch
    from sentence_transformers.sentence_transformer.losses import (
        CachedMultipleNegativesRankingLoss,
        DistillKLDivLoss,
    )

    class ListLoss(CachedMultipleNegativesRankingLoss):  # type: ignore[misc]  # untyped library
        """Contrastive loss with cached gradients (Gao et al. 2021, arXiv:2101.06983), plus the
        divergence from a teacher's softmax over each list (Lin et al. 2020, arXiv:2010.11386).

        Args:
            at_once: texts of a forward pass.
            distillation: weight of the divergence.
            dimensions: lengths of vectors that are trained as well, by their first numbers
                (Kusupati et al. 2022, "Matryoshka", arXiv:2205.13147).
            bf16: compute the forward pass in it.
        """

        def __init__(
            self,
            model: Any,
            *,
            at_once: int,
            distillation: float,
            dimensions: Sequence[int],
            bf16: bool,
        ) -> None:
            super().__init__(model, scale=_SCALE, mini_batch_size=at_once)
            self._distillation = distillation
            self._dimensions = [*dimensions]
            self._bf16 = bf16
            self._teacher_loss = DistillKLDivLoss(
                model, student_temperature=1.0, teacher_temperature=1.0
            )

        def embed_minibatch(self, *args: Any, **kwargs: Any) -> Any:
            device = next(self.model.parameters()).device.type
            with torch.autocast(device, torch.bfloat16) if self._bf16 else nullcontext():
                embedded, state = super().embed_minibatch(*args, **kwargs)
            return embedded.float(), state

        def calculate_loss(
            self,
            reps: list[list[Tensor]],
            labels: Tensor | None = None,
            *,
            with_backward: bool = False,
        ) -> Tensor:
            """Mean over the lengths of vectors.

            Args:
                reps: a list of vectors for each column: question, answer, negatives.
                labels: a teacher's scores [lists, passages].
            """
            losses = []
            lengths = self._dimensions or [reps[0][0].shape[1]]
            for length in lengths:
                cut = [[part[:, :length] for part in column] for column in reps]
                loss = super().calculate_loss(cut, with_backward=False)
                if labels is not None:
                    columns = [torch.nn.functional.normalize(torch.cat(one), dim=1) for one in cut]
                    columns[0] = columns[0] * _SCALE
                    told = self._teacher_loss.compute_loss_from_embeddings(columns, labels)
                    loss = loss + self._distillation * told
                losses.append(loss / len(lengths))
            total = torch.stack(losses).sum()
            if with_backward:
                total.backward()
                total = total.detach()
            return total

    return ListLoss
