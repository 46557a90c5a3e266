"""Describe a tokenizer in a GGUF file, so that llama.cpp reads a chat as transformers does."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from ..errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_NORMAL, _CONTROL, _ADDED, _UNUSED, _BYTE = 1, 3, 4, 5, 6  # kinds of tokens
# How texts are split: as tokenizers name it, and llama.cpp.
_BYTES = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
_DIGITS = {"type": "Digits", "individual_digits": True}
_SPLITTING = {"gpt-2": [_BYTES], "smollm": [_DIGITS, _BYTES]}


def add_tokenizer(writer: Any, tokenizer: PreTrainedTokenizerBase, size: int) -> None:
    """Its tokens, how they are joined, the control tokens, and the chat template.

    Args:
        writer: a `GGUFWriter`.
        size: rows of the embedding matrix; there may be more than tokens.

    Raises:
        ModelError: it is not like that of SmolLM2 or that of Mistral.
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
        plain = _ADDED if token in added else _NORMAL
        kinds[number] = _CONTROL if number in control else plain
    if model.get("byte_fallback"):  # Mistral's
        _check_pieces(content)
        first = 3 + 256  # <unk>, <s>, </s> and the bytes; then the longer a piece waits, the lower
        writer.add_tokenizer_model("llama")
        writer.add_token_list(tokens)
        writer.add_token_scores([float(min(0, first - number)) for number in range(size)])
        writer.add_add_space_prefix(_adds_space(tokenizer))
        writer.add_add_bos_token(rendered(tokenizer).startswith(tokenizer.bos_token or "\0"))
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


def rendered(tokenizer: PreTrainedTokenizerBase) -> str:
    """A chat without a system message: some templates add one."""
    messages = [{"role": "user", "content": ""}]
    return str(tokenizer.apply_chat_template(messages, tokenize=False))
