"""Write a Llama or Mistral model as a GGUF file, with an Ollama Modelfile, and read it back.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Weights are in fp16, norms in
fp32.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from ..progress import progress

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
_NORMAL, _CONTROL, _ADDED, _UNUSED, _BYTE = 1, 3, 4, 5, 6  # kinds of tokens
# How texts are split: as tokenizers name it, and llama.cpp.
_BYTES = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
_DIGITS = {"type": "Digits", "individual_digits": True}
_SPLITTING = {"gpt-2": [_BYTES], "smollm": [_DIGITS, _BYTES]}
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
    _add_tokenizer(writer, tokenizer, model.config.vocab_size)
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


def _add_tokenizer(writer: Any, tokenizer: PreTrainedTokenizerBase, size: int) -> None:
    """Its tokens, how they are joined, the control tokens, and the chat template.

    Args:
        size: rows of the embedding matrix; there may be more than tokens.

    Raises:
        ModelError: it is neither that of SmolLM2 nor that of Mistral.
    """
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    model = content["model"]
    template = tokenizer.chat_template
    if model["type"] != "BPE":
        raise _refused(f"it is of the kind {model['type']}")
    if not isinstance(template, str):
        raise _refused("it does not have one chat template")
    if len(tokenizer) > size:
        raise _refused(f"it has {len(tokenizer):,} tokens, and the model {size:,}")
    tokens = [f"[PAD{number}]" for number in range(size)]
    kinds = [_UNUSED] * size
    control = {one["id"] for one in content["added_tokens"] if one["special"]}
    added = tokenizer.get_added_vocab()
    for token, number in {**model["vocab"], **added}.items():
        tokens[number] = token
        kinds[number] = _ADDED if token in added else _NORMAL
        kinds[number] = _CONTROL if number in control else kinds[number]
    if model.get("byte_fallback"):  # Mistral's
        _check_pieces(content)
        first = 3 + 256  # <unk>, <s>, </s> and the bytes; then the longer a piece waits, the lower
        writer.add_tokenizer_model("llama")
        writer.add_token_list(tokens)
        writer.add_token_scores([float(min(0, first - number)) for number in range(size)])
        writer.add_add_space_prefix(_adds_space(tokenizer))
        writer.add_add_bos_token(_rendered(tokenizer).startswith(tokenizer.bos_token or "\0"))
        kinds = [
            _BYTE if token.startswith("<0x") else kind
            for token, kind in zip(tokens, kinds, strict=True)
        ]
    else:
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(_splitting(content))
        writer.add_token_list(tokens)
        merges = [one if isinstance(one, str) else " ".join(one) for one in model["merges"]]
        writer.add_token_merges(merges)
    writer.add_token_types(kinds)
    for add, number in (
        (writer.add_bos_token_id, tokenizer.bos_token_id),
        (writer.add_eos_token_id, tokenizer.eos_token_id),
        (writer.add_unk_token_id, tokenizer.unk_token_id),
        (writer.add_pad_token_id, tokenizer.pad_token_id),
    ):
        if number is not None:
            add(number)
    writer.add_chat_template(template)


def _refused(why: str) -> ModelError:
    return ModelError(
        f"the tokenizer cannot be written as GGUF, because {why}; use export.gguf=false"
    )


def _steps(step: dict[str, Any] | None, name: str) -> list[dict[str, Any]]:
    """The steps of a sequence, or the only one."""
    return list(step.get(name, [step])) if step else []


def _splitting(content: dict[str, Any]) -> str:
    """llama.cpp's name of how a text is split before its bytes are joined.

    Raises:
        ModelError: it has none, or the text is changed before.
    """
    if content["normalizer"]:
        raise _refused(f"it changes texts ({content['normalizer']['type']})")
    steps = _steps(content["pre_tokenizer"], "pretokenizers")
    for name, wanted in _SPLITTING.items():
        if len(steps) == len(wanted) and all(map(_has, steps, wanted)):
            return name
    raise _refused(f"it splits texts by {' and '.join(one['type'] for one in steps) or 'nothing'}")


def _has(step: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return all(step.get(key) == value for key, value in wanted.items())


def _check_pieces(content: dict[str, Any]) -> None:
    """Whether pieces with ▁ for a space are joined in the order of their numbers, as in Mistral's.

    Raises:
        ModelError: they are not.
    """
    steps = _steps(content["normalizer"], "normalizers")
    steps += _steps(content["pre_tokenizer"], "pretokenizers")
    if odd := {one["type"] for one in steps} - {"Prepend", "Replace", "Metaspace"}:
        raise _refused(f"it changes or splits texts ({', '.join(sorted(odd))})")
    vocab = content["model"]["vocab"]
    pairs = [one.split(" ") if isinstance(one, str) else one for one in content["model"]["merges"]]
    made = [vocab["".join(pair)] for pair in pairs]
    if made != sorted(made):
        raise _refused("its pieces are not numbered in the order in which they are joined")


def _adds_space(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether it puts a space before each text between control tokens.

    Raises:
        ModelError: before some of them.
    """
    roles = ("user", "assistant", "user")
    chat = str(
        tokenizer.apply_chat_template([{"role": r, "content": "a"} for r in roles], tokenize=False)
    )
    control = [re.escape(token) for token in tokenizer.all_special_tokens]
    between = re.compile("|".join(sorted(control, key=len, reverse=True)))
    texts = between.split(chat)
    pieces = between.split("".join(tokenizer.tokenize(chat, add_special_tokens=False)))
    added = {
        len(piece) - len(piece.lstrip("▁")) > len(text) - len(text.lstrip(" "))
        for text, piece in zip(texts, pieces, strict=True)
        if text
    }
    if len(added) > 1:
        raise _refused("it puts a space before some texts of a chat, and not before others")
    return added == {True}


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
    chat = _rendered(tokenizer)
    lines = [f"FROM ./{_MODEL}"]
    if "<|im_start|>" in chat:
        lines.append(f'TEMPLATE """{_CHATML}"""')
        lines += [f'SYSTEM """{found[1]}"""'] if (found := _SYSTEM.search(chat)) else []
    elif "[INST]" in chat:  # Ollama writes the token before it, and no space
        before = chat.split("[INST]")[0].removeprefix(str(tokenizer.bos_token))
        lines.append(f'TEMPLATE """{before}{_INST}"""')
    lines += ["PARAMETER temperature 0", f'PARAMETER stop "{tokenizer.eos_token}"']
    return "\n".join(lines) + "\n"


def _rendered(tokenizer: PreTrainedTokenizerBase) -> str:
    """A chat without a system message: some templates add one."""
    messages = [{"role": "user", "content": ""}]
    return str(tokenizer.apply_chat_template(messages, tokenize=False))
