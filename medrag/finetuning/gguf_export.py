"""Write a Llama or Mistral model as a GGUF file, with an Ollama Modelfile, and read it back.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Weights are in fp16, norms in
fp32.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from ..progress import progress
from .gguf_tokenizer import add_tokenizer, rendered

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_ARCHITECTURES = ("llama", "mistral")  # both are "llama" in GGUF
_LAYER = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
_ALL_F16 = 1  # the kind of file
_MODEL = "model.gguf"
_SYSTEM = re.compile(r"<\|im_start\|>system\n(.*?)<\|im_end\|>", re.S)

# The chat templates of both models in the language of Ollama; it has its own for other models.
_CHATML = """\
{{- range .Messages }}<|im_start|>{{ .Role }}
{{ .Content }}<|im_end|>
{{ end }}<|im_start|>assistant
"""
_INST = """\
[INST] {{ if .System }}{{ .System }}

{{ end }}{{ .Prompt }} [/INST]"""


def write_gguf(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path, name: str
) -> None:
    """Write `model.gguf` and `Modelfile`, and compare what is read back with the model.

    Raises:
        ModelError: the architecture, a part of it or the tokenizer is not one of those that are
            trained here, or the file does not hold what was written.
    """
    from gguf import GGUFWriter

    kind = model.config.model_type
    if kind not in _ARCHITECTURES:
        raise ModelError(
            f"a {kind} model cannot be written as GGUF, only {' and '.join(_ARCHITECTURES)}; use "
            "export.gguf=false"
        )
    tensors = dict(_tensors(model))
    if odd := [*_odd(model, tensors)]:
        raise ModelError(
            f"this model cannot be written as GGUF, because it has {' and '.join(odd)}; use "
            "export.gguf=false"
        )
    path = folder / _MODEL
    writer = GGUFWriter(path, "llama")
    _describe(writer, model.config, name)
    add_tokenizer(writer, tokenizer, model.config.vocab_size)
    for tensor, values in tensors.items():
        writer.add_tensor(tensor, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    _check(path, tensors)
    (folder / "Modelfile").write_text(_modelfile(tokenizer), encoding="utf-8")


def _odd(model: PreTrainedModel, tensors: Mapping[str, NDArray[Any]]) -> Iterator[str]:
    """What llama.cpp would leave out of the model, or compute otherwise."""
    config = model.config
    if config.rope_parameters["rope_type"] != "default":
        yield f"positions of the kind {config.rope_parameters['rope_type']}"
    if config.hidden_act != "silu":
        yield f"the activation {config.hidden_act}"
    if any(one.dtype == np.float16 and not np.isfinite(one).all() for one in tensors.values()):
        yield "weights that are too large for fp16"
    parameters = sum(one.numel() for one in model.parameters())  # tied ones are counted once
    if parameters != sum(one.size for one in tensors.values()):
        yield "weights of other kinds, such as biases"


def _describe(writer: Any, config: Any, name: str) -> None:
    writer.add_name(name)
    writer.add_file_type(_ALL_F16)
    writer.add_vocab_size(config.vocab_size)
    # A window that slides is full attention up to its length.
    window = getattr(config, "sliding_window", None) or config.max_position_embeddings
    writer.add_context_length(min(window, config.max_position_embeddings))
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    width = config.head_dim or config.hidden_size // config.num_attention_heads
    writer.add_rope_dimension_count(width)
    writer.add_key_length(width)
    writer.add_value_length(width)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)


def _tensors(model: Any) -> Iterator[tuple[str, NDArray[Any]]]:
    """The weights by their names in GGUF."""
    config = model.config
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    state = model.state_dict()
    yield "token_embd.weight", _half(state["model.embed_tokens.weight"])
    yield "output_norm.weight", _full(state["model.norm.weight"])
    if not config.tie_word_embeddings:
        yield "output.weight", _half(state["lm_head.weight"])
    for layer in range(config.num_hidden_layers):
        for ours, theirs in _LAYER.items():
            values = state[f"model.layers.{layer}.{ours}.weight"]
            if count := heads.get(theirs):
                # GGUF pairs the neighbours of a head for the rotation, transformers its two halves.
                values = values.view(count, 2, -1, values.shape[1]).transpose(1, 2)
                values = values.reshape(-1, values.shape[-1])
            name = f"blk.{layer}.{theirs}.weight"
            yield name, _full(values) if theirs.endswith("norm") else _half(values)


def _half(values: Any) -> NDArray[np.float16]:
    return np.ascontiguousarray(values.float().cpu().numpy().astype(np.float16))


def _full(values: Any) -> NDArray[np.float32]:
    return np.ascontiguousarray(values.float().cpu().numpy())


def _check(path: Path, tensors: dict[str, NDArray[Any]]) -> None:
    """Read the file, and compare every weight.

    Raises:
        ModelError: one differs or is missing.
    """
    from gguf import GGUFReader

    found = {one.name: one.data for one in GGUFReader(path).tensors}
    with progress("checking", len(tensors), "tensors") as advance:
        for name, values in tensors.items():
            if name not in found or not np.array_equal(found[name].reshape(values.shape), values):
                raise ModelError(f"{path} was not written well: {name} differs; export it again")
            advance(1)


def _modelfile(tokenizer: PreTrainedTokenizerBase) -> str:
    """How Ollama runs it: `ollama create NAME -f Modelfile`."""
    chat = rendered(tokenizer)
    lines = [f"FROM ./{_MODEL}"]
    if "<|im_start|>" in chat:
        lines.append(f'TEMPLATE """{_CHATML}"""')
        lines += [f'SYSTEM """{found[1]}"""'] if (found := _SYSTEM.search(chat)) else []
    elif "[INST]" in chat:  # Ollama writes the token before it, and no space
        before = chat.split("[INST]")[0].removeprefix(str(tokenizer.bos_token))
        lines.append(f'TEMPLATE """{before}{_INST}"""')
    lines += ["PARAMETER temperature 0", f'PARAMETER stop "{tokenizer.eos_token}"']
    return "\n".join(lines) + "\n"
