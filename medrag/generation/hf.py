"""Answers with a causal language model: 4-bit on a GPU, full precision on a CPU.

An answer copies from its passages. So on a CPU, where a pass over several tokens takes hardly more
time than one over a single token, the words that follow in the prompt are guessed, and those that
greedy decoding would have written are kept: prompt lookup, a form of speculative decoding (Saxena
2023, https://github.com/apoorvumang/prompt-lookup-decoding).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

from ..config import Device, GeneratorConfig
from .control import render
from .loading import adapter_base, load_causal_lm, load_tokenizer, resolve_device
from .prompts import Pieces, Prompt, Reply

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


_GUESSED = 10  # tokens copied from the prompt and checked in one pass
TOGETHER = 8  # prompts that `generate_all` answers at once


class HFGenerator:
    """A causal model with an optional LoRA adapter; it loads at first use, once for all threads.

    `config.model` is a folder, a hub id, or "smollm2" for the packaged model.
    It may be empty if there is an adapter: the adapter names its base.
    """

    reads_messages = True

    def __init__(self, config: GeneratorConfig, device: Device = Device.auto) -> None:
        self._config = config
        self._device = device
        self._lock = Lock()
        self._tokenizer: PreTrainedTokenizerBase | None = None
        self._model: PreTrainedModel | None = None

    def generate(self, prompt: Prompt) -> Reply:
        """Answer by greedy decoding; see `Generator.generate`.

        Raises:
            ModelError: the model cannot be loaded, or its chat template rejects the messages.
        """
        tokenizer, model, inputs = self._prepare(prompt)
        return self._run(tokenizer, model, inputs)

    def generate_all(self, prompts: Sequence[Prompt]) -> Iterator[Reply]:
        """As `generate` for each prompt, several at once, which takes less time.

        In bf16, several prompts are rounded otherwise than one, so a text may differ now and then.
        """
        import torch

        with self._lock:
            tokenizer: Any = self._load_tokenizer()
            model: Any = self._load_model()
            rows = [render(tokenizer, one.messages)["input_ids"][0] for one in prompts]
        greedy = self._greedy(tokenizer, model)
        for start in range(0, len(rows), TOGETHER):
            batch = rows[start : start + TOGETHER]
            width = max(map(len, batch))
            ids = torch.full((len(batch), width), greedy.pad_token_id)
            mask = torch.zeros_like(ids)
            for row, own in enumerate(batch):
                ids[row, width - len(own) :] = own
                mask[row, width - len(own) :] = 1
            inputs = {"input_ids": ids.to(model.device), "attention_mask": mask.to(model.device)}
            for written in self._written(model, inputs, greedy, {}):
                yield self._reply(tokenizer, written, greedy.eos_token_id)

    def stream(self, prompt: Prompt) -> Pieces:
        """As `generate`, in pieces; see `Generator.stream`."""
        from transformers import TextIteratorStreamer

        tokenizer, model, inputs = self._prepare(prompt)
        streamer = TextIteratorStreamer(tokenizer, skip_prompt=True, skip_special_tokens=True)
        abandoned = Event()  # whoever reads the pieces may stop before the end

        def write() -> Reply:
            try:
                stop = [lambda ids, scores: abandoned.is_set()]
                return self._run(
                    tokenizer, model, inputs, streamer=streamer, stopping_criteria=stop
                )
            finally:
                streamer.end()  # after an error too, or the loop below would wait forever

        with ThreadPoolExecutor(max_workers=1) as thread:
            writing = thread.submit(write)
            try:
                yield from streamer
            finally:
                abandoned.set()
            return writing.result()

    def count_tokens(self, text: str) -> int:
        """Size of a text in this model's tokens, special tokens left out."""
        with self._lock:
            tokenizer = self._load_tokenizer()
            return len(tokenizer(text, add_special_tokens=False)["input_ids"])

    def close(self) -> None:
        """Release the model and its memory; see `Generator.close`."""
        with self._lock:
            on_gpu = self._model is not None and self._model.device.type == "cuda"
            self._model = self._tokenizer = None
        if on_gpu:
            import torch

            torch.cuda.empty_cache()

    def _prepare(self, prompt: Prompt) -> tuple[Any, Any, Any]:
        """Tokenizer, model and the tokens of a prompt.

        Later steps use these, not `self`, so that `close` does not disturb them.
        """
        with self._lock:  # fast tokenizers must not be used by two threads at once
            tokenizer: Any = self._load_tokenizer()
            model: Any = self._load_model()
            inputs = render(tokenizer, prompt.messages).to(model.device)
        return tokenizer, model, inputs

    def _run(self, tokenizer: Any, model: Any, inputs: Any, **options: Any) -> Reply:
        greedy = self._greedy(tokenizer, model)
        if model.device.type == "cpu":
            greedy.prompt_lookup_num_tokens = _GUESSED
        (written,) = self._written(model, inputs, greedy, options)
        return self._reply(tokenizer, written, greedy.eos_token_id)

    def _greedy(self, tokenizer: Any, model: Any) -> Any:
        """Settings of greedy decoding. Not the model's own: they may ask for sampling."""
        from transformers.generation.configuration_utils import GenerationConfig

        own = model.generation_config.eos_token_id  # a turn may end otherwise than a text
        ends = {tokenizer.eos_token_id, *(own if isinstance(own, list) else [own])} - {None}
        return GenerationConfig(
            do_sample=False,
            max_new_tokens=self._config.max_new_tokens,
            eos_token_id=sorted(ends),
            pad_token_id=tokenizer.eos_token_id,
        )

    def _written(self, model: Any, inputs: Any, greedy: Any, options: Any) -> list[list[int]]:
        """The tokens after each prompt."""
        import torch

        with torch.inference_mode():
            output = model.generate(**inputs, generation_config=greedy, **options)
        written: list[list[int]] = output[:, inputs["input_ids"].shape[1] :].tolist()
        return written

    def _reply(self, tokenizer: Any, written: list[int], ends: list[int]) -> Reply:
        """The reply up to its end; what follows pads a batch."""
        own = next((at for at, token in enumerate(written) if token in ends), len(written))
        text = str(tokenizer.decode(written[:own], skip_special_tokens=True)).strip()
        return Reply(text, cut=own == len(written) >= self._config.max_new_tokens)

    def _load_tokenizer(self) -> PreTrainedTokenizerBase:
        if self._tokenizer is None:
            adapter = self._config.adapter
            # medrag saves the tokenizer with the adapter; other adapters may lack it.
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
