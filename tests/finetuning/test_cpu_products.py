"""The fast products of a CPU give what PEFT and PyTorch give."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import Any

import pytest
import torch
from bitsandbytes.nn import Linear4bit
from peft import LoraConfig, get_peft_model
from torch.nn.functional import scaled_dot_product_attention

from medrag.config import Device
from medrag.finetuning.cpu_adapters import use_fast_adapters
from medrag.finetuning.cpu_attention import BLOCK, Span, attend_in_blocks
from medrag.finetuning.tiny import build_tiny_model
from medrag.generation.loading import load_causal_lm
from tests.finetuning.small_run import SHAPE, TEXTS


def in_fp32(base: str) -> Any:
    """A small model in NF4 that computes in fp32, so that numbers can be compared closely."""
    model = load_causal_lm(base, device=Device.cpu, four_bit=True)
    torch.nn.Module.float(model)
    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.compute_dtype = module.weight.quant_state.dtype = torch.float32
    return model


def adapted(base: str, **options: Any) -> Any:
    """The same with adapters that are not zero."""
    torch.manual_seed(0)
    model = in_fp32(base)
    settings = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", **options)
    model = get_peft_model(model, settings)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    return model.train()


def loss_and_gradients(model: Any) -> tuple[float, dict[str, torch.Tensor]]:
    ids = torch.arange(5, 45)[None]
    loss = model(input_ids=ids, labels=ids, use_cache=False).loss
    loss.backward()
    return float(loss), {
        name: parameter.grad
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(build_tiny_model(SHAPE, TEXTS, tmp_path_factory.mktemp("base") / "tiny", seed=1))


def test_fast_adapters_give_the_loss_and_the_gradients_of_peft(base: str) -> None:
    loss, gradients = loss_and_gradients(adapted(base))
    fast = adapted(base)
    assert use_fast_adapters(fast)
    fast_loss, fast_gradients = loss_and_gradients(fast)
    assert fast_loss == pytest.approx(loss, rel=1e-5)
    assert gradients.keys() == fast_gradients.keys()
    for name, gradient in gradients.items():
        assert torch.allclose(fast_gradients[name], gradient, rtol=1e-3, atol=1e-6), name


@pytest.mark.parametrize(
    "options", [{"lora_dropout": 0.1}, {"use_dora": True}, {"lora_bias": True}]
)
def test_other_adapters_stay_as_they_are(base: str, options: dict[str, Any]) -> None:
    model = adapted(base, **options)
    assert not use_fast_adapters(model)
    assert not any("forward" in vars(module) for module in model.modules())


def test_adapters_can_be_switched_off(base: str) -> None:
    model = adapted(base)
    use_fast_adapters(model)
    ids = torch.arange(5, 45)[None]
    with torch.no_grad():
        on = model(input_ids=ids).logits
        with model.disable_adapter():
            off = model(input_ids=ids).logits
    plain = in_fp32(base)
    assert torch.allclose(off, plain(input_ids=ids).logits, atol=1e-5)
    assert not torch.allclose(on, off, atol=1e-2)


@pytest.mark.parametrize("heads", [(4, 4), (6, 2)])
def test_attention_in_blocks_is_causal_attention_of_each_row(heads: tuple[int, int]) -> None:
    torch.manual_seed(0)
    lengths = (1, 7, BLOCK, BLOCK + 1, 3 * BLOCK - 5)
    given = [
        torch.randn(1, count, sum(lengths), 16, requires_grad=True)
        for count in (heads[0], heads[1], heads[1])
    ]
    ends = [0, *accumulate(lengths)]
    found = attend_in_blocks(*given, 0.25, [Span(0, 0, *one) for one in pairwise(ends)])
    weights = torch.randn_like(found)
    (found * weights).sum().backward()
    gradients = [one.grad.clone() for one in given]
    for one in given:
        one.grad = None
    rows = [
        scaled_dot_product_attention(*row, is_causal=True, scale=0.25, enable_gqa=True)
        for row in zip(*(one.split(lengths, dim=2) for one in given), strict=True)
    ]
    wanted = torch.cat(rows, dim=2)
    (wanted * weights).sum().backward()
    assert torch.allclose(found, wanted, atol=1e-5)
    for gradient, one in zip(gradients, given, strict=True):
        assert torch.allclose(gradient, one.grad, atol=1e-4)


def test_a_row_does_not_see_another() -> None:
    torch.manual_seed(0)
    rows = [Span(0, 0, 0, 12), Span(0, 0, 12, 20)]
    given = [torch.randn(1, 2, 20, 8) for _ in range(3)]
    found = attend_in_blocks(*given, 0.3, rows)
    for one in given:
        one[:, :, :12] = 9.0
    assert torch.equal(attend_in_blocks(*given, 0.3, rows)[:, :, 12:], found[:, :, 12:])


@pytest.mark.parametrize("shared", [1, BLOCK - 1, BLOCK + 3])
def test_a_row_sees_what_it_shares_with_an_earlier_one(shared: int) -> None:
    torch.manual_seed(0)
    first, second = BLOCK + 9, BLOCK + 2
    given = [torch.randn(1, 4, first + second, 8, requires_grad=True) for _ in range(3)]
    rows = [Span(0, 0, 0, first), Span(0, shared, first, first + second)]
    found = attend_in_blocks(*given, 0.3, rows)
    weights = torch.randn_like(found)
    gradients = torch.autograd.grad((found * weights).sum(), given)
    one = scaled_dot_product_attention(
        *(each[:, :, :first] for each in given), is_causal=True, scale=0.3
    )
    other = scaled_dot_product_attention(
        *(torch.cat([each[:, :, :shared], each[:, :, first:]], dim=2) for each in given),
        is_causal=True,
        scale=0.3,
    )
    wanted = torch.cat([one, other[:, :, shared:]], dim=2)
    assert torch.allclose(found, wanted, atol=1e-5)
    expected = torch.autograd.grad((wanted * weights).sum(), given)
    for gradient, right in zip(gradients, expected, strict=True):
        assert torch.allclose(gradient, right, atol=1e-4)
