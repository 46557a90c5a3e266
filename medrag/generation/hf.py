"""Answers with a causal language model: 4-bit on a GPU, full precision on a CPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import Device, GeneratorConfig
from ..errors import ModelError
from .models import adapter_base, load_causal_lm, load_tokenizer, resolve_device

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class HFGenerator:
    """A causal model with an optional LoRA adapter; nothing is loaded before it is needed.

    `config.model` may stay empty when an adapter is given: the adapter names its base.
    """

    def __init__(self, config: GeneratorConfig, device: Device = Device.auto) -> None:
        self._config = config
        self._device = device
        self._tokenizer: PreTrainedTokenizerBase | None = None
        self._model: PreTrainedModel | None = None

    def generate(self, messages: Sequence[Mapping[str, str]]) -> str:
        """Answer a conversation by greedy decoding; returns the new text only.

        Args:
            messages: `{"role": …, "content": …}` each, the last one the user's.

        Raises:
            ModelError: the model cannot be loaded, or its chat template refuses the messages.
        """
        import torch
        from jinja2 import TemplateError
        from transformers.generation.configuration_utils import GenerationConfig

        tokenizer: Any = self._load_tokenizer()
        model: Any = self._load_model()
        try:
            inputs = tokenizer.apply_chat_template(
                [dict(message) for message in messages],
                add_generation_prompt=True,
                return_dict=True,
                return_tensors="pt",
            ).to(model.device)
        except TemplateError as error:
            raise ModelError(f"the model's chat template refuses the prompt: {error}") from error
        # Not the model's own settings: they may ask for sampling.
        greedy = GenerationConfig(
            do_sample=False,
            max_new_tokens=self._config.max_new_tokens,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.eos_token_id,  # one prompt a batch: nothing is padded
        )
        with torch.inference_mode():
            output = model.generate(**inputs, generation_config=greedy)
        prompt_tokens = inputs["input_ids"].shape[1]
        text = tokenizer.decode(output[0, prompt_tokens:], skip_special_tokens=True)
        return str(text).strip()

    def count_tokens(self, text: str) -> int:
        """Size of a text in this model's tokens, special tokens left out."""
        tokenizer = self._load_tokenizer()
        return len(tokenizer(text, add_special_tokens=False)["input_ids"])

    def close(self) -> None:
        """Let go of the model and its memory; a later call loads it again."""
        if self._model is not None and self._model.device.type == "cuda":
            import torch

            self._model = None
            torch.cuda.empty_cache()
        self._model = None
        self._tokenizer = None

    def _load_tokenizer(self) -> PreTrainedTokenizerBase:
        if self._tokenizer is None:
            adapter = self._config.adapter
            # medrag saves the tokenizer with the adapter; adapters from elsewhere may lack it.
            own = adapter and (Path(adapter) / "tokenizer_config.json").is_file()
            self._tokenizer = load_tokenizer(adapter if own else self._base())
        return self._tokenizer

    def _load_model(self) -> PreTrainedModel:
        if self._model is None:
            on_gpu = resolve_device(self._device).type == "cuda"
            self._model = load_causal_lm(
                self._base(),
                device=self._device,
                four_bit=self._config.load_in_4bit and on_gpu,
                adapter=self._config.adapter,
            )
        return self._model

    def _base(self) -> str:
        config = self._config
        return config.model or (adapter_base(config.adapter) if config.adapter else "")
