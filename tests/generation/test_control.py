"""No text becomes a control token, whatever the tokenizer; mistral-common is the outside judge."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import mistral_common
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mistral_common.protocol.instruct.messages import UserMessage
from mistral_common.protocol.instruct.request import InstructRequest
from mistral_common.tokens.tokenizers.mistral import MistralTokenizer
from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)
from transformers import LlamaTokenizer, PreTrainedTokenizerFast
from transformers.tokenization_mistral_common import MistralCommonBackend

from medrag.config import TinyModelConfig
from medrag.errors import ModelError
from medrag.finetuning.tiny import CHAT_TEMPLATE, build_tiny_model
from medrag.generation.control import as_data, render, with_control, without_control
from medrag.generation.loading import load_tokenizer
from medrag.generation.prompts import build_messages
from medrag.types import Hit
from tests.generation.injections import INJECTIONS

SHAPE = TinyModelConfig(
    vocab_size=400, hidden_size=64, intermediate_size=128, layers=2, heads=4, kv_heads=2
)
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SPECIAL = [
    "<unk>", "<s>", "</s>", "<pad>", "<mask>", "<eos>", "<|im_start|>", "<|im_end|>", "<|eot_id|>",
    "<|start_header_id|>", "<|end_header_id|>", "<start_of_turn>", "<end_of_turn>", "[INST]",
    "[/INST]", "<<SYS>>", "<</SYS>>", "<|endoftext|>", "<|system|>", "<|end|>", ">>QUESTION<<",
    ">>ANSWER<<", "<｜User｜>", "<｜Assistant｜>", "<｜end▁of▁sentence｜>", "[TOOL_CALLS]",
    "[SYSTEM_PROMPT]", "[control_7]", "|||IP|||",
]  # fmt: skip
TAGS = ["<think>", "</think>", "<tool_call>", "</tool_call>"]  # added, but not marked as special
OFFICIAL = {
    "tokenizer.model.v1": MistralTokenizer.v1,
    "mistral_instruct_tokenizer_240216.model.v2": MistralTokenizer.v2,
    "mistral_instruct_tokenizer_240323.model.v3": MistralTokenizer.v3,
}


def byte_level(normalizer: Any = None) -> PreTrainedTokenizerFast:
    """A tokenizer with the control tokens of every family."""
    bpe = Tokenizer(models.BPE(unk_token="<unk>"))
    bpe.normalizer = normalizer
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=SPECIAL[:1],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator(["Metformin is for diabetes."], trainer)
    marks = [AddedToken(text, special=True, normalized=normalizer is not None) for text in SPECIAL]
    bpe.add_special_tokens(marks)
    bpe.add_tokens(
        [AddedToken(text, special=False) for text in [*TAGS, "metformin", "COVID-19", "  "]]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, unk_token="<unk>", eos_token="<|im_end|>", chat_template=CHATML
    )


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root = tmp_path_factory.mktemp("tokenizers")
    found: dict[str, Any] = {
        "tiny": load_tokenizer(
            str(build_tiny_model(SHAPE, ["Metformin is for diabetes."] * 9, root / "tiny", seed=1))
        ),
        "byte-level": byte_level(),
        "byte-level with NFKC": byte_level(normalizers.NFKC()),
    }
    data = Path(mistral_common.__file__).parent / "data"
    for name in OFFICIAL:
        (root / name).mkdir()
        shutil.copy(data / name, root / name / "tokenizer.model")
        found[name] = LlamaTokenizer.from_pretrained(root / name)
        found[name].chat_template = CHAT_TEMPLATE.replace("' [INST] '", "'[INST] '")
    found["tekken"] = MistralCommonBackend(data / "tekken_240911.json")
    return found


NAMES = ["tiny", "byte-level", "byte-level with NFKC", *OFFICIAL]


def control_tokens(tokenizer: Any, ids: list[int]) -> list[str]:
    marks = {*SPECIAL, *TAGS, *tokenizer.all_special_tokens}
    return [t for t in tokenizer.convert_ids_to_tokens(ids) if t in marks]


@pytest.mark.parametrize("name", [*NAMES, "tekken"])
def test_control_tokens_come_from_the_template_only(tokenizers: dict[str, Any], name: str) -> None:
    tokenizer = tokenizers[name]

    def ids(text: str) -> list[int]:
        message = {"role": "user", "content": text}
        found: list[int] = render(tokenizer, [message])["input_ids"][0].tolist()
        return found

    own = control_tokens(tokenizer, ids("x"))
    assert own
    texts = [*INJECTIONS.values(), *SPECIAL, *TAGS, "".join([*SPECIAL, *TAGS])]
    for text in [*texts, *build_prompts(texts)]:
        assert control_tokens(tokenizer, ids(text)) == own, text
    # The words that are left are all there.
    assert "metformin 500 mg, if < 5 or > 7" in tokenizer.decode(
        ids("metformin 500 mg, if < 5 or > 7")
    )


def build_prompts(texts: list[str]) -> list[str]:
    hits = [Hit(1, "a", t[:30], t, 0, len(t), None, t[-30:], "", score=1.0) for t in texts]
    return [build_messages("What?", hits)[0]["content"]]


def test_without_it_they_would_be_control_tokens(tokenizers: dict[str, Any]) -> None:
    """The tests above can fail."""
    for name in NAMES:
        ids = tokenizers[name]("a </s> b", add_special_tokens=False)["input_ids"]
        assert "</s>" in tokenizers[name].convert_ids_to_tokens(ids)


@pytest.mark.parametrize("name", OFFICIAL)
def test_a_prompt_is_read_as_by_the_official_tokenizer(
    tokenizers: dict[str, Any], name: str
) -> None:
    """Mistral's own library never takes text for control tokens."""
    official = OFFICIAL[name]().instruct_tokenizer
    for text in build_prompts(list(INJECTIONS.values())):
        request = InstructRequest(messages=[UserMessage(content=text)])
        judged = official.encode_instruct(request).tokens
        tokenizer = tokenizers[name]
        ids = render(tokenizer, [{"role": "user", "content": text}])["input_ids"][0].tolist()
        marks = range(32 if name.endswith("v1") else 800)  # control and byte tokens come first
        control = {i for i in marks if not tokenizer.convert_ids_to_tokens(i).startswith("<0x")}
        assert [i for i in ids if i in control] == [i for i in judged if i in control]
        assert "".join(tokenizer.decode(ids).split()) == "".join(tokenizer.decode(judged).split())


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([*SPECIAL, *TAGS, "<", ">", "|", "[", "]", "/s", " ", "‹"])))
def test_no_combination_slips_through(parts: list[str]) -> None:
    tokenizer = _BYTE_LEVEL
    text = as_data("".join(parts), tokenizer)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert control_tokens(tokenizer, ids) == []


_BYTE_LEVEL = byte_level()


def test_what_slips_through_all_the_same_is_an_error() -> None:
    """Such as a tokenizer that takes lookalikes for the tokens."""
    odd = byte_level(
        normalizers.Sequence([normalizers.Replace("‹", "<"), normalizers.Replace("›", ">")])
    )
    with pytest.raises(ModelError, match="control tokens"):
        render(odd, [{"role": "user", "content": "a </s> b"}])
    assert render(odd, [{"role": "user", "content": "a b"}])["input_ids"].shape[0] == 1


@pytest.mark.parametrize(
    "text",
    [
        "K+ <3.5 or >5", "p<0.001, n>5", "a < b > c", "a<b and b>c", "[0.7-0.9]", "[see note]",
        "x<y", "<5 mg>", "[Smith 2019]", "[Na+]", "5 > 3", "-> <-", "10<x<20", "[A]", "[IV]",
        "metformin in COVID-19",
    ],
)  # fmt: skip
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert without_control(text) == text
    assert as_data(text, _BYTE_LEVEL) == text


@pytest.mark.parametrize(
    "text", ["a </s> b", "[INST] x [/INST]", "<<SYS>>", "[BMI] and <i>E. coli</i>"]
)
def test_it_can_be_undone(text: str) -> None:
    assert without_control(text) != text
    assert with_control(without_control(text)) == text
