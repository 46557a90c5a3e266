"""LoRA on 4-bit layers of a CPU: the base product and the adapter as one function."""

from __future__ import annotations

import types
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def use_fast_adapters(model: Any) -> bool:
    """Compute plain LoRA layers on NF4 weights in the type of the activations.

    PEFT casts all activations to fp32 for the adapters, which takes longer than the products. The
    adapters stay in fp32 here, too, and so do their gradients. Layers with dropout, DoRA, a bias or
    several adapters stay as they are.

    Returns:
        Whether all adapters are computed so.
    """
    from peft.tuners.lora import LoraLayer
    from peft.tuners.lora.bnb import Linear4bit

    every = True
    for module in model.modules():
        if isinstance(module, Linear4bit) and _is_plain(module):
            module.forward = types.MethodType(_forward, module)
        elif isinstance(module, LoraLayer):
            every = False
    return every


def _is_plain(module: Any) -> bool:
    if len(module.active_adapters) != 1 or module.base_layer.bias is not None:
        return False
    (name,) = module.active_adapters
    dropout = getattr(module.lora_dropout[name], "p", 0.0)
    return not (dropout or module.lora_bias[name] or name in module.lora_variant)


def _forward(self: Any, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    if self.disable_adapters or self.merged:
        plain: Tensor = type(self).forward(self, x, *args, **kwargs)
        return plain
    (name,) = self.active_adapters
    down, up = self.lora_A[name].weight, self.lora_B[name].weight
    adapted: Tensor = _product().apply(x, self.base_layer.weight, down, up, self.scaling[name])
    return adapted


@cache  # imports torch
def _product() -> Any:
    from torch.autograd import Function

    class AdaptedProduct(Function):  # type: ignore[misc]  # untyped library
        """`x W' + s (x A') B'` with a frozen W in 4 bits.

        It keeps x and the narrow `x A'` for the backward pass. W is dequantised in both passes:
        that is under 1 % of a step, so keeping it is not worth the memory.
        """

        @staticmethod
        def forward(
            ctx: Any, x: Tensor, packed: Any, down: Tensor, up: Tensor, scale: float
        ) -> Tensor:
            flat = x.reshape(-1, x.shape[-1])
            low_down, low_up = down.to(x.dtype), (up * scale).to(x.dtype)
            inner = flat @ low_down.t()
            out = flat @ _dense(packed, x.dtype).t()
            out.addmm_(inner, low_up.t())
            ctx.save_for_backward(flat, inner, low_down, low_up)
            ctx.packed, ctx.scale, ctx.dtype = packed, scale, down.dtype
            return out.view(*x.shape[:-1], -1)

        @staticmethod
        def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
            (grad,) = grads
            flat, inner, low_down, low_up = ctx.saved_tensors
            shape, grad = grad.shape, grad.reshape(-1, grad.shape[-1])
            inner_grad = grad @ low_up
            up_grad = (grad.t() @ inner).to(ctx.dtype) * ctx.scale
            down_grad = (inner_grad.t() @ flat).to(ctx.dtype)
            x_grad = None
            if ctx.needs_input_grad[0]:
                x_grad = grad @ _dense(ctx.packed, grad.dtype)
                x_grad.addmm_(inner_grad, low_down)
                x_grad = x_grad.view(*shape[:-1], -1)
            return x_grad, None, down_grad, up_grad, None

    return AdaptedProduct


def _dense(packed: Any, dtype: Any) -> Tensor:
    from bitsandbytes.functional import dequantize_4bit

    dense: Tensor = dequantize_4bit(packed.data, packed.quant_state).to(dtype)
    return dense
