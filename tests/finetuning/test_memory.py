"""The estimate of a run's memory: the formulas, and what autograd really keeps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medrag.config import FineTuneConfig
from medrag.finetuning.memory import GB, MISTRAL_7B, ModelShape, estimate_memory


def test_mistral_has_as_many_parameters_as_its_model_card_says() -> None:
    assert MISTRAL_7B.linear_parameters + MISTRAL_7B.other_parameters == 7_241_732_096


def test_the_estimate_follows_the_formulas() -> None:
    config = FineTuneConfig()
    estimate = estimate_memory(config, MISTRAL_7B)
    assert estimate.adapters == 41_943_040 * 10  # the known size of r=16 on all linear layers
    plain = estimate_memory(replace(config, double_quant=False), MISTRAL_7B)
    saved_bits = (plain.weights - estimate.weights) * 8 / MISTRAL_7B.linear_parameters
    assert saved_bits == pytest.approx(0.373, abs=1e-3)  # QLoRA, section 3
    kept = estimate_memory(replace(config, gradient_checkpointing=False), MISTRAL_7B)
    assert kept.activations > 10 * estimate.activations
    assert 10 * GB < estimate.total < 16 * GB


def test_the_estimate_covers_what_a_layer_keeps_for_its_backward_pass() -> None:
    """Measured with autograd's own hooks, in the formats of a GPU run."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import MistralConfig, MistralForCausalLM

    shape, tokens = ModelShape(300, 128, 448, 1, 4, 1, 32), 256

    def kept_bytes(layers: int) -> int:
        model = MistralForCausalLM(
            MistralConfig(
                vocab_size=shape.vocab,
                hidden_size=shape.hidden,
                intermediate_size=shape.intermediate,
                num_hidden_layers=layers,
                num_attention_heads=shape.heads,
                num_key_value_heads=shape.kv_heads,
                sliding_window=None,
            )
        ).to(torch.bfloat16)
        lora = LoraConfig(r=16, lora_dropout=0.05, target_modules="all-linear")
        adapted = get_peft_model(model, lora).train()
        adapted.enable_input_require_grads()
        weights = {p.untyped_storage().data_ptr() for p in adapted.parameters()}
        sizes: dict[int, int] = {}

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in weights:
                sizes[storage.data_ptr()] = storage.nbytes()
            return tensor

        hooks = torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor)
        with hooks, torch.autocast("cpu", torch.bfloat16):
            adapted(input_ids=torch.randint(0, shape.vocab, (1, tokens)), use_cache=False)
            return sum(sizes.values())

    config = FineTuneConfig(batch_size=1, max_length=tokens, gradient_checkpointing=False)
    measured = kept_bytes(3) - kept_bytes(2)
    estimated = estimate_memory(config, shape).activations
    assert measured <= estimated <= 1.6 * measured
