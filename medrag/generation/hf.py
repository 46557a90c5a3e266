"""Answers with a causal language model: 4-bit on a GPU, full precision on a CPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import Device, GeneratorConfig
from ..errors import ModelError
from ..hardware import cpu_has_bf16

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase
import json
import re

if TYPE_CHECKING:
    import torch
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


_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


def folder_problem(folder: Path) -> str:
    """What a model folder lacks, or "" when it holds a config, safe weights and a tokenizer."""
    if not (folder / "config.json").is_file():
        return "holds no config.json"
    if not any(folder.glob("*.safetensors")):
        return "holds no *.safetensors weights (other formats can run code and are not loaded)"
    index = folder / "model.safetensors.index.json"
    if index.is_file():  # large models come in parts; an interrupted download lacks some
        parts = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        absent = [name for name in parts if not (folder / name).is_file()]
        if absent:
            return f"lacks {len(absent)} of {len(parts)} weight files ({absent[0]} …)"
    if not any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer.model")):
        return "holds no tokenizer.json or tokenizer.model"
    return ""


def is_hub_id(model: str) -> bool:
    """True when a name that is no folder here can be the name of a model on the hub."""
    return _HUB_ID.fullmatch(model) is not None


def resolve_device(device: Device) -> torch.device:
    """The device a model will run on; `auto` takes a GPU if there is one.

    Raises:
        ModelError: a GPU was asked for and there is none.
    """
    import torch

    if device is Device.cpu:
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    if device is Device.cuda:
        raise ModelError("device=cuda, but no usable CUDA GPU is here; use device=cpu or auto")
    return torch.device("cpu")


def compute_dtype(device: torch.device) -> torch.dtype:
    """bf16 on a GPU and on CPUs with bf16 instructions; fp32 elsewhere, where bf16 is slow."""
    import torch

    if device.type == "cuda":
        return torch.bfloat16
    return torch.bfloat16 if cpu_has_bf16() else torch.float32


def load_tokenizer(model: str) -> PreTrainedTokenizerBase:
    """Load the tokenizer of a model folder or hub id.

    Raises:
        ModelError: it cannot be found, or it has no chat template (it belongs to a base model
            that was never taught to answer).
    """
    from transformers import AutoTokenizer

    source = {"local_files_only": True} if Path(model).is_dir() else {}
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            _checked(model, weights=False), trust_remote_code=False, **source
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

    A folder is read without any network call. A hub id asks the hub, unless HF_HUB_OFFLINE is set.
    No remote code is run and no pickled weights are opened.

    Args:
        model: folder or hub id of the base model.
        four_bit: store the linear layers as NF4 (Dettmers et al. 2023, arXiv:2305.14314); they
            are dequantised to `compute_dtype` for each product.
        double_quant: quantise the scales of the 4-bit blocks too, 0.37 bits a parameter less.
        adapter: folder of a LoRA adapter to put on the model; "" for none.

    Raises:
        ModelError: weights or adapter are missing, unreachable or do not fit each other.
    """
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM
    from transformers.utils.quantization_config import BitsAndBytesConfig

    target = resolve_device(device)
    dtype = compute_dtype(target)
    options: dict[str, Any] = {"local_files_only": True} if Path(model).is_dir() else {}
    if four_bit:
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=double_quant,
            bnb_4bit_compute_dtype=dtype,
        )
    try:
        network: Any = AutoModelForCausalLM.from_pretrained(
            _checked(model),
            dtype=dtype,
            device_map={"": target},
            use_safetensors=True,
            trust_remote_code=False,
            **options,
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
    """Folder or hub id of the base model that a LoRA adapter says it was trained on.

    Raises:
        ModelError: the folder holds no readable adapter.
    """
    path = Path(adapter) / "adapter_config.json"
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["base_model_name_or_path"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"no LoRA adapter in {adapter} ({type(error).__name__} at adapter_config.json); "
            "make one with: python -m medrag.train +experiment=qlora"
        ) from error


def _with_adapter(network: Any, adapter: str) -> Any:
    from peft import PeftModel
    from safetensors import SafetensorError

    adapter_base(adapter)  # one clear error for a folder without an adapter
    if not (Path(adapter) / "adapter_model.safetensors").is_file():
        raise ModelError(f"{adapter} holds no adapter_model.safetensors; train the adapter anew")
    try:
        return PeftModel.from_pretrained(network, adapter, local_files_only=True)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelError(
            f"the adapter in {adapter} does not fit the base model {network.name_or_path}: "
            f"{_first_line(error)}"
        ) from error


def _checked(model: str, *, weights: bool = True) -> str:
    """The name itself, once it is known to be a usable folder or a possible hub id."""
    if not model:
        raise ModelError("no model is named; give a folder or a hub id (generator.model=…)")
    folder = Path(model)
    if folder.is_dir():
        if weights and (problem := folder_problem(folder)):
            raise ModelError(f"{model} cannot be used as a model: it {problem}")
    elif not is_hub_id(model):
        raise ModelError(f"there is no model folder {model}, and it is no hub id (owner/name)")
    return model


def _unreachable(model: str, part: str, error: Exception) -> str:
    where = "" if Path(model).is_dir() else "; no such folder is here, so it was taken for a hub id"
    return (
        f"the {part} of {model} could not be loaded{where}. Reason: {_first_line(error)} "
        "Give the folder of a downloaded model, or a hub id while the hub is reachable."
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
