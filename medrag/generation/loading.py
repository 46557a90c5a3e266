"""Find and load tokenizers, causal models and their adapters, without remote code or pickles."""

from __future__ import annotations

import json
import logging
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import Device
from ..errors import ModelError
from ..hardware import cpu_has_bf16
from ..manifest import MANIFEST, model_identity
from . import smollm2

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

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


def resolve(model: str) -> str:
    """The folder or hub id that a name stands for: that of the packaged model, or itself.

    Raises:
        ModelError: it is the packaged model, which is not installed, or cannot be kept.
    """
    return str(smollm2.locate()) if model == smollm2.NAME else model


def weights_hash(model: str) -> str:
    """Identifies the weights of a model by what they are, not by where; "" for one on the hub.

    A training keeps it with its adapter, as `base_weights` in the counts of the manifest.
    """
    return model_identity(resolve(model)).partition("@")[2]


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
    """Load the tokenizer of a model: a folder, a hub id, or "smollm2" for the packaged one.

    Raises:
        ModelError: it cannot be found, or it has no chat template, as with base models that were
            not trained to answer.
    """
    from transformers import AutoTokenizer

    source = checked(model, weights=False)
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            source, trust_remote_code=False, local_files_only=Path(source).is_dir()
        )
    except (OSError, ValueError) as error:
        raise ModelError(unreachable(model, "tokenizer", error)) from error
    if not tokenizer.chat_template:
        raise ModelError(
            f"the tokenizer of {model} has no chat template; use an instruction-tuned model"
        )
    return tokenizer


def load_causal_lm(
    model: str,
    *,
    device: Device,
    four_bit: bool,
    double_quant: bool = True,
    adapter: str = "",
    to_shard: bool = False,
) -> PreTrainedModel:
    """Load a causal language model in eval mode, quietly.

    A folder is read without any network call. A hub id is looked up on the hub, unless
    HF_HUB_OFFLINE is set. No remote code is run and no pickled weights are opened.

    Args:
        model: folder or hub id of the base model; "smollm2" for the packaged one.
        four_bit: store the linear layers as NF4 (Dettmers et al. 2023, arXiv:2305.14314); they
            are dequantised to `compute_dtype` for each product.
        double_quant: quantise the scales of the 4-bit blocks too; saves 0.37 bits per parameter.
        adapter: folder of a LoRA adapter for the model; "" for none. Into weights that are not in
            4 bits it is merged, so that it costs no time.
        to_shard: leave the weights on the CPU, because the device has room for a part of them.

    Raises:
        ModelError: the weights or the adapter are missing, unreachable or do not match: the adapter
            was trained on other weights, or a part of it would not be used.
    """
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM
    from transformers.utils.quantization_config import BitsAndBytesConfig

    target = resolve_device(device)
    dtype = compute_dtype(target)
    source = checked(model)
    _quiet()
    try:
        network: Any = AutoModelForCausalLM.from_pretrained(
            source,
            dtype=dtype,
            device_map={"": "cpu" if to_shard else target},
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=Path(source).is_dir(),
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
        raise ModelError(unreachable(model, "weights", error)) from error
    if four_bit and target.type == "cpu":
        keep_cpu_weights_unpacked(network)
    if adapter:
        network = _with_adapter(network, model, adapter)
        if not four_bit:
            network = _merged(network, adapter)
    return network.eval()


def _quiet() -> None:
    """Turn off what libraries say while they load, and a user can do nothing about."""
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    # It looks for a faster kernel in a package that medrag does not use.
    logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)


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
    """The base model that a LoRA adapter was trained on, as the adapter names it.

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


def _with_adapter(network: Any, model: str, adapter: str) -> Any:
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors import SafetensorError, safe_open

    adapter_base(adapter)  # a clear error for a folder without an adapter
    file = Path(adapter) / "adapter_model.safetensors"
    if not file.is_file():
        raise ModelError(f"{adapter} has no adapter_model.safetensors; train the adapter again")
    trained_on = _trained_on(adapter)
    if trained_on and (here := weights_hash(model)) != trained_on:
        raise ModelError(
            f"the adapter in {adapter} was trained on other weights than those of {model} "
            f"({trained_on[:8]}, not {here[:8] or 'known'}); name its own base with "
            "generator.model=, or train it again"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # parts that do not match are an error below
            adapted = PeftModel.from_pretrained(network, adapter, local_files_only=True)
        with safe_open(file, "pt") as content:
            given = set(content.keys())
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise _does_not_match(model, adapter, _first_line(error)) from error
    wanted = set(get_peft_model_state_dict(adapted, save_embedding_layers=False))
    if missing := sorted(wanted - given):
        why = f"{len(missing)} of the {len(wanted)} weights it should have are missing"
        raise _does_not_match(model, adapter, f"{why} ({missing[0]} …)")
    if unused := sorted(given - wanted - set(adapted.state_dict())):  # it may hold base weights
        why = f"{len(unused)} of its {len(given)} weights have no place in it"
        raise _does_not_match(model, adapter, f"{why} ({unused[0]} …)")
    return adapted


def _merged(adapted: Any, adapter: str) -> Any:
    """The base with the adapter added to its weights."""
    try:
        return adapted.merge_and_unload(safe_merge=True)
    except ValueError as error:
        raise ModelError(
            f"the adapter in {adapter} has weights that are no numbers; train it again"
        ) from error


def _trained_on(adapter: str) -> str:
    """The hash of the weights that an adapter of medrag was trained on; "" if it is not known."""
    try:
        manifest = json.loads((Path(adapter) / MANIFEST).read_text(encoding="utf-8"))
        return str(manifest["counts"]["base_weights"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _does_not_match(model: str, adapter: str, why: str) -> ModelError:
    return ModelError(f"the adapter in {adapter} does not match the base model {model}: {why}")


def checked(model: str, *, weights: bool = True) -> str:
    """The usable folder or possible hub id that a name stands for.

    Raises:
        ModelError: it is neither.
    """
    if not model:
        raise ModelError("no model is set; give a folder, a hub id, or smollm2 (generator.model=…)")
    source = resolve(model)
    folder = Path(source)
    if folder.is_dir():
        if weights and (problem := folder_problem(folder)):
            raise ModelError(f"{model} cannot be used as a model: it {problem}")
    elif not is_hub_id(model):
        raise ModelError(f"there is no model folder {model}, and it is not a hub id (owner/name)")
    return source


def unreachable(model: str, part: str, error: Exception) -> str:
    """Why a part of a model could not be loaded, and what to do about it."""
    here = Path(resolve(model)).is_dir()
    where = "" if here else " (no such folder, so it was taken as a hub id)"
    return (
        f"the {part} of {model} could not be loaded{where}. Reason: {_first_line(error)} "
        "Give the folder of a downloaded model, or a hub id if the hub is reachable."
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
