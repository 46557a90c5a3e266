"""Merge an adapter into whole weights, so that it can be used without medrag.

An adapter was trained on weights in 4 bits. It can be added to the original weights, which are more
exact, or to the 4-bit ones as they compute, which it was made for. Both are made, and the one with
the lower loss on held-out rows is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import Device
from ..generation.loading import adapter_base, load_causal_lm, load_tokenizer
from ..progress import progress
from .tokenising import ids_of

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

ORIGINAL, DEQUANTISED = "original", "dequantised"
AS_TRAINED = "4-bit and adapter"

# Token ids of a row, and where its answer begins.
_Row = tuple[list[int], int]


@dataclass(frozen=True)
class Merged:
    """A model that has the adapter in its weights.

    Attributes:
        model: in bf16.
        into: "original" or "dequantised" weights.
        losses: in nats per answer token, by what was merged into; and of "4-bit and adapter", as it
            was trained. Empty if there were no rows.
        agreement: share of answer tokens that the merged model finds as likely the first as the
            model in 4 bits; None if there were no rows.
        rows: how many were measured.
    """

    model: PreTrainedModel
    into: str
    losses: dict[str, float]
    agreement: float | None
    rows: int


def merge_adapter(adapter: str, rows: Sequence[dict[str, Any]], device: Device) -> Merged:
    """Merge both ways, and keep the better one.

    Args:
        adapter: its folder.
        rows: held-out rows of a dataset, with `prompt` and `completion`; without any, the original
            weights are merged into, unmeasured.

    Raises:
        ModelError: the adapter or its base cannot be loaded, or do not belong together.
    """

    base = adapter_base(adapter)
    tokenizer = load_tokenizer(adapter)
    encoded = [ids_of(tokenizer, row["prompt"], row["completion"]) for row in rows]
    with progress("merging", 3, "models") as advance:
        adapted = load_causal_lm(base, device=device, four_bit=True, adapter=adapter)
        loss: dict[str, float] = {}
        loss[AS_TRAINED], wanted = _measured(adapted, encoded)
        dequantised = dict(_dequantised(adapted))
        del adapted
        advance(1)
        made: dict[str, tuple[PreTrainedModel, float]] = {}
        for into in (ORIGINAL, DEQUANTISED) if encoded else (ORIGINAL,):
            model = _whole(base, device, adapter, dequantised if into == DEQUANTISED else {})
            loss[into], found = _measured(model, encoded)
            same = sum(one == other for one, other in zip(found, wanted, strict=True))
            made[into] = (model, same / max(1, len(wanted)))
            advance(1)
    into = min(made, key=lambda name: loss[name])
    model, agreement = made[into]
    if not encoded:
        return Merged(model, into, {}, None, 0)
    return Merged(model, into, loss, agreement, len(encoded))


def _whole(base: str, device: Device, adapter: str, weights: dict[str, Tensor]) -> PreTrainedModel:
    """The base with some of its weights replaced, and then the adapter merged into it."""
    import torch
    from peft import PeftModel

    model = load_causal_lm(base, device=device, four_bit=False)
    model = model.to(torch.bfloat16)
    own = dict(model.named_parameters())
    with torch.no_grad():
        for name, weight in weights.items():
            own[name].copy_(weight)
    # The sum is taken in bf16, as the result is.
    merged = PeftModel.from_pretrained(model, adapter).merge_and_unload(safe_merge=True)
    kept: PreTrainedModel = merged.eval()
    return kept


def _dequantised(adapted: Any) -> Iterator[tuple[str, Tensor]]:
    """The 4-bit weights as they compute, by their names in the base model."""
    from bitsandbytes.functional import dequantize_4bit
    from bitsandbytes.nn.modules import Linear4bit

    for name, module in adapted.get_base_model().named_modules():
        if isinstance(module, Linear4bit):
            weight = module.weight
            plain = name.removesuffix(".base_layer")
            yield f"{plain}.weight", dequantize_4bit(weight.data, weight.quant_state)


def _measured(model: Any, rows: Sequence[_Row]) -> tuple[float, list[int]]:
    """The loss in nats per answer token, and for each the token that is thought most likely."""
    import torch

    total, likely = 0.0, []
    for ids, start in rows:
        given = torch.tensor([ids], device=model.device)
        with torch.inference_mode():
            logits = model(input_ids=given, use_cache=False).logits[0, start - 1 : -1].float()
        total += float(torch.nn.functional.cross_entropy(logits, given[0, start:], reduction="sum"))
        likely += logits.argmax(-1).tolist()
    return total / max(1, len(likely)), likely


def save_merged(merged: Merged, adapter: str, folder: Path) -> None:
    """Write the weights, as safetensors, with the tokenizer and its chat template."""
    merged.model.save_pretrained(str(folder))
    load_tokenizer(adapter).save_pretrained(str(folder))
