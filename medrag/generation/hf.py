"""Answers with a causal language model: 4-bit on a GPU, full precision on a CPU."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

from ..config import Device, GeneratorConfig
from ..errors import ModelError
from ..hardware import cpu_has_bf16
from .control import render
from .prompts import Pieces, Prompt, Reply

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class HFGenerator:
    """A causal model with an optional LoRA adapter; it loads at first use, once for all threads.

    `config.model` may be empty if there is an adapter: the adapter names its base.
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
        import torch
        from transformers.generation.configuration_utils import GenerationConfig

        # Not the model's own settings: they may ask for sampling.
        own = model.generation_config.eos_token_id  # a turn may end otherwise than a text
        ends = {tokenizer.eos_token_id, *(own if isinstance(own, list) else [own])} - {None}
        greedy = GenerationConfig(
            do_sample=False,
            max_new_tokens=self._config.max_new_tokens,
            eos_token_id=sorted(ends),
            pad_token_id=tokenizer.eos_token_id,  # one prompt per batch: nothing is padded
        )
        with torch.inference_mode():
            output = model.generate(**inputs, generation_config=greedy, **options)
        written = output[0, inputs["input_ids"].shape[1] :]
        text = str(tokenizer.decode(written, skip_special_tokens=True)).strip()
        full = len(written) >= self._config.max_new_tokens
        return Reply(text, cut=full and int(written[-1]) not in ends)

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


_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


def folder_problem(folder: Path) -> str:
    """What is missing in a model folder; "" if it has a config, safe weights and a tokenizer."""
    if not (folder / "config.json").is_file():
        return "holds no config.json"
    if not any(folder.glob("*.safetensors")):
        return "holds no *.safetensors weights (other formats can run code and are not loaded)"
    index = folder / "model.safetensors.index.json"
    if index.is_file():  # large models come in parts; an interrupted download has only some
        parts = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        absent = [name for name in parts if not (folder / name).is_file()]
        if absent:
            return f"lacks {len(absent)} of {len(parts)} weight files ({absent[0]} …)"
    if not any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer.model")):
        return "holds no tokenizer.json or tokenizer.model"
    return ""


def is_hub_id(model: str) -> bool:
    """True if a name has the form of a model id on the hub."""
    return _HUB_ID.fullmatch(model) is not None


def resolve_device(device: Device) -> torch.device:
    """The device that a model will run on; `auto` is a GPU if there is one.

    Raises:
        ModelError: the device is `cuda`, but there is no usable GPU.
    """
    import torch

    if device is not Device.cpu and torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    if device is Device.cuda:
        raise ModelError("device=cuda, but there is no usable CUDA GPU; use device=cpu or auto")
    return torch.device("cpu")


def compute_dtype(device: torch.device) -> torch.dtype:
    """bf16 on a GPU and on CPUs with bf16 instructions; fp32 elsewhere, where bf16 is slow."""
    import torch

    return torch.bfloat16 if device.type == "cuda" or cpu_has_bf16() else torch.float32


def load_tokenizer(model: str) -> PreTrainedTokenizerBase:
    """Load the tokenizer of a model folder or hub id.

    Raises:
        ModelError: it cannot be found, or it has no chat template, as with base models that were
            not trained to answer.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            _checked(model, weights=False),
            trust_remote_code=False,
            local_files_only=Path(model).is_dir(),
        )
    except (OSError, ValueError) as error:
        raise ModelError(_unreachable(model, "tokenizer", error)) from error
    if not tokenizer.chat_template:
        raise ModelError(
            f"the tokenizer of {model} has no chat template; use an instruction-tuned model"
        )
    return tokenizer


def load_causal_lm(
    model: str, *, device: Device, four_bit: bool, double_quant: bool = True, adapter: str = ""
) -> PreTrainedModel:
    """Load a causal language model in eval mode.

    A folder is read without any network call. A hub id is looked up on the hub, unless
    HF_HUB_OFFLINE is set. No remote code is run and no pickled weights are opened.

    Args:
        model: folder or hub id of the base model.
        four_bit: store the linear layers as NF4 (Dettmers et al. 2023, arXiv:2305.14314); they
            are dequantised to `compute_dtype` for each product.
        double_quant: quantise the scales of the 4-bit blocks too; saves 0.37 bits per parameter.
        adapter: folder of a LoRA adapter for the model; "" for none.

    Raises:
        ModelError: the weights or the adapter are missing, unreachable or do not match.
    """
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM
    from transformers.utils.quantization_config import BitsAndBytesConfig

    target = resolve_device(device)
    dtype = compute_dtype(target)
    try:
        network: Any = AutoModelForCausalLM.from_pretrained(
            _checked(model),
            dtype=dtype,
            device_map={"": target},
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=Path(model).is_dir(),
            quantization_config=BitsAndBytesConfig(
                load_in_4bit=True,
                bnb_4bit_quant_type="nf4",
                bnb_4bit_use_double_quant=double_quant,
                bnb_4bit_compute_dtype=dtype,
            )
            if four_bit
            else None,
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelError(_unreachable(model, "weights", error)) from error
    if four_bit and target.type == "cpu":
        keep_cpu_weights_unpacked(network)
    if adapter:
        network = _with_adapter(network, adapter)
    return network.eval()


def keep_cpu_weights_unpacked(network: torch.nn.Module) -> None:
    """Keep bitsandbytes from repacking 4-bit weights in place on CPUs with AVX512-BF16.

    In bitsandbytes 0.50.2 the first forward pass in eval mode repacks `weight.data` for a fast
    inference kernel. The backward pass reads it in the old layout, so every training step after
    an evaluation gets a wrong gradient, silently. The layers ask this flag before they repack.
    """
    from bitsandbytes.nn.modules import Linear4bit

    for module in network.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = False


def adapter_base(adapter: str) -> str:
    """Folder or hub id of the base model that a LoRA adapter was trained on, as the adapter says.

    Raises:
        ModelError: the folder has no readable adapter.
    """
    path = Path(adapter) / "adapter_config.json"
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["base_model_name_or_path"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"no LoRA adapter in {adapter} ({type(error).__name__} at adapter_config.json); "
            "train one with: python -m medrag.train +experiment=qlora"
        ) from error


def _with_adapter(network: Any, adapter: str) -> Any:
    from peft import PeftModel
    from safetensors import SafetensorError

    adapter_base(adapter)  # a clear error for a folder without an adapter
    if not (Path(adapter) / "adapter_model.safetensors").is_file():
        raise ModelError(f"{adapter} has no adapter_model.safetensors; train the adapter again")
    try:
        return PeftModel.from_pretrained(network, adapter, local_files_only=True)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelError(
            f"the adapter in {adapter} does not match the base model {network.name_or_path}: "
            f"{_first_line(error)}"
        ) from error


def _checked(model: str, *, weights: bool = True) -> str:
    """The name itself, if it is a usable folder or a possible hub id."""
    if not model:
        raise ModelError("no model is set; give a folder or a hub id (generator.model=…)")
    folder = Path(model)
    if folder.is_dir():
        if weights and (problem := folder_problem(folder)):
            raise ModelError(f"{model} cannot be used as a model: it {problem}")
    elif not is_hub_id(model):
        raise ModelError(f"there is no model folder {model}, and it is not a hub id (owner/name)")
    return model


def _unreachable(model: str, part: str, error: Exception) -> str:
    where = "" if Path(model).is_dir() else " (no such folder, so it was taken as a hub id)"
    return (
        f"the {part} of {model} could not be loaded{where}. Reason: {_first_line(error)} "
        "Give the folder of a downloaded model, or a hub id if the hub is reachable."
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
