"""Make the small Mistral-architecture model of the dry run: a tokenizer and random weights."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ..config import TinyModelConfig
from ..manifest import fingerprint, recover_directory, replacing_directory

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

TINY = "tiny"  # the value of `finetune.base_model` that asks for it

# Enough to learn 4,096 merges well, and bounded however large the corpus is.
_TEXT_BUDGET = 4_000_000  # characters
_RECIPE = "medrag_tiny.txt"
_FORMAT = 1

# The prompt format of Mistral-7B-Instruct-v0.2: no system role, user and assistant in turn.
CHAT_TEMPLATE = """\
{{- bos_token -}}
{%- for message in messages -%}
    {%- if message.role != ('user' if loop.index0 is even else 'assistant') -%}
        {{- raise_exception('roles must alternate user, assistant, user; there is no system') -}}
    {%- endif -%}
    {%- if message.role == 'user' -%}
        {{- ' [INST] ' + message.content + ' [/INST]' -}}
    {%- else -%}
        {{- ' ' + message.content + eos_token -}}
    {%- endif -%}
{%- endfor -%}
"""


def build_tiny_model(
    config: TinyModelConfig, texts: Iterable[str], directory: Path, seed: int
) -> Path:
    """Build the model in `directory`, unless it is already there, made from the same input.

    The tokenizer is a byte-level BPE, so it can write any text; it is trained on the first four
    million characters of the texts. The weights are random: training starts from nothing, and the
    model's text is not meant to be read. The same input gives the same bytes.

    Returns:
        `directory`, in the format of transformers, weights as safetensors.
    """
    sample = list(_up_to(_TEXT_BUDGET, texts))
    digest = hashlib.sha256("\0".join(sample).encode()).hexdigest()
    recipe = fingerprint(
        {"format": _FORMAT, "shape": asdict(config), "seed": seed, "texts": digest}
    )
    recover_directory(directory)
    made_by = directory / _RECIPE
    if made_by.is_file() and made_by.read_text(encoding="utf-8") == recipe:
        return directory
    with replacing_directory(directory) as fresh:
        tokenizer = _train_tokenizer(sample, config.vocab_size)
        tokenizer.save_pretrained(fresh)
        _save_random_mistral(config, tokenizer, fresh, seed)
        (fresh / _RECIPE).write_text(recipe, encoding="utf-8")
    return directory


def _up_to(characters: int, texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield text[:characters]
        characters -= len(text)
        if characters <= 0:
            return


def _train_tokenizer(texts: list[str], vocab_size: int) -> PreTrainedTokenizerFast:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=["<unk>", "<s>", "</s>", "<pad>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    # Every prompt has the two instruction marks; a corpus does not.
    bpe.train_from_iterator([*texts, *[" [INST] [/INST]"] * 100], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        chat_template=CHAT_TEMPLATE,
    )


def _save_random_mistral(
    config: TinyModelConfig, tokenizer: PreTrainedTokenizerFast, directory: Path, seed: int
) -> None:
    import torch
    from transformers import MistralConfig, MistralForCausalLM

    shape = MistralConfig(
        vocab_size=len(tokenizer),
        hidden_size=config.hidden_size,
        intermediate_size=config.intermediate_size,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        num_key_value_heads=config.kv_heads,
        max_position_embeddings=32768,
        sliding_window=None,  # v0.2 has none, unlike v0.1
        # 0.02 at Mistral's width. The frozen output layer must be able to tell tokens apart: with
        # 0.02 at a width of 256 the loss stayed above 3 nats.
        initializer_range=0.02 * math.sqrt(4096 / config.hidden_size),
        rope_parameters={"rope_type": "default", "rope_theta": 1_000_000.0},
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):  # leaves the caller's random state alone
        torch.manual_seed(seed)
        model = MistralForCausalLM(shape)
    model.save_pretrained(directory)
