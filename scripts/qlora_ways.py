"""A Mistral with random 4-bit weights and three ways to train it; bench_qlora.py runs them."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import BitsAndBytesConfig, MistralConfig, MistralForCausalLM
from transformers.quantizers.auto import AutoHfQuantizer

from medrag.config import Device, FineTuneConfig
from medrag.finetuning.trainer import build_trainer
from medrag.generation.loading import compute_dtype, keep_cpu_weights_unpacked


def random_model(shape: MistralConfig, device: torch.device, double_quant: bool) -> Any:
    """A Mistral with random weights, as `load_causal_lm(..., four_bit=True)` would load it."""
    from bitsandbytes.nn import Linear4bit, Params4bit

    shape = deepcopy(shape)  # a trainer may set its attention
    dtype = compute_dtype(device)
    quantizer = AutoHfQuantizer.from_config(
        BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=double_quant,
            bnb_4bit_compute_dtype=dtype,
        ),
        pre_quantized=False,
    )
    with torch.device("meta"):
        model = MistralForCausalLM(shape).to(dtype)
    # Linear layers, but not lm_head, become Linear4bit.
    quantizer.preprocess_model(model, device_map=None)
    with device:
        model.model.rotary_emb = type(model.model.rotary_emb)(shape)
    for module in model.modules():
        for name, old in list(module.named_parameters(recurse=False)):
            if old.dim() == 1:  # the weights of a norm
                value = torch.ones(old.shape, dtype=dtype, device=device)
            else:
                value = torch.empty(old.shape, dtype=dtype, device=device).normal_(std=0.02)
            new = torch.nn.Parameter(value, requires_grad=False)
            if isinstance(module, Linear4bit):
                new = Params4bit(value, requires_grad=False, **old.__dict__).to(device)
            setattr(module, name, new)
    quantizer.postprocess_model(model)
    model.hf_quantizer = quantizer
    if device.type == "cpu":
        keep_cpu_weights_unpacked(model)
    return model.eval()


def train_medrag(config: FineTuneConfig, model: Any, tokenizer: Any, rows: Dataset) -> Any:
    return build_trainer(
        config, model, tokenizer, {"train": rows}, Path(config.dir), report_to=[], run_name="bench"
    )


def train_trl(config: FineTuneConfig, model: Any, tokenizer: Any, rows: Dataset) -> Any:
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    args = SFTConfig(
        output_dir=config.dir,
        max_steps=config.max_steps,
        per_device_train_batch_size=config.batch_size,
        gradient_accumulation_steps=config.gradient_accumulation,
        gradient_checkpointing=config.gradient_checkpointing,
        max_length=None,
        save_strategy="no",
        report_to="none",
        use_cpu=config.device == Device.cpu,
        bf16=config.device == Device.cuda,
    )
    return SFTTrainer(
        model=model,
        processing_class=tokenizer,
        train_dataset=rows,
        peft_config=lora(config),
        args=args,
    )


def lora(config: FineTuneConfig) -> Any:
    from peft import LoraConfig

    return LoraConfig(
        r=config.lora_r,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


class Bare:
    """The loop without a trainer; it has the two methods of one that `measure` calls."""

    def __init__(self, config: FineTuneConfig, model: Any, tokenizer: Any, rows: Dataset) -> None:
        from peft import get_peft_model

        if config.gradient_checkpointing:
            model.gradient_checkpointing_enable({"use_reentrant": False})
            model.enable_input_require_grads()
        self.config, self.rows, self.model = config, rows, get_peft_model(model, lora(config))

    def add_callback(self, clock: Any) -> None:
        self.clock = clock

    def train(self) -> None:
        config, device = self.config, self.clock.device
        batches = self.rows.with_format("torch", device=device).iter(config.batch_size)
        weights = [p for p in self.model.parameters() if p.requires_grad]
        optimiser = torch.optim.AdamW(weights, lr=config.learning_rate, fused=True)
        self.model.train()
        for _ in range(config.max_steps):
            for _ in range(config.gradient_accumulation):
                ids = next(batches)["input_ids"]
                with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                    loss = self.model(input_ids=ids, labels=ids, use_cache=False).loss
                (loss / config.gradient_accumulation).backward()
            optimiser.step()
            optimiser.zero_grad()
            self.clock.on_step_end()


TRAINERS: dict[str, Callable[..., Any]] = {"medrag": train_medrag, "trl": train_trl, "bare": Bare}
