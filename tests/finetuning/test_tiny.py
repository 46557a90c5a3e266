"""The dry run's model has Mistral's prompt format, and the same bytes every time."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import TemplateError
from mistral_common.protocol.instruct.messages import AssistantMessage, UserMessage
from mistral_common.protocol.instruct.request import InstructRequest
from mistral_common.tokens.tokenizers.mistral import MistralTokenizer

from medrag.config import TinyModelConfig
from medrag.errors import ConfigError
from medrag.finetuning.tiny import build_tiny_model
from medrag.generation.loading import load_tokenizer

SHAPE = TinyModelConfig(
    vocab_size=400, hidden_size=64, intermediate_size=128, layers=2, heads=4, kv_heads=2
)
TEXTS = ["Metformin is the first-line drug for type 2 diabetes.", "Fièvre: ≥ 38 °C\n\nRest."] * 20
QUESTION = "Use the sources.\n\n[1] Metformin: 500 mg twice a day…\n\nQuestion: which  dose?"
ANSWER = "500 mg twice a day. [1]"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(SHAPE, TEXTS, tmp_path_factory.mktemp("tiny") / "base", seed=3)


def test_prompts_are_those_of_the_official_mistral_tokenizer(tiny: Path) -> None:
    official = MistralTokenizer.v1().instruct_tokenizer
    ours = load_tokenizer(str(tiny))
    user, assistant = UserMessage(content=QUESTION), AssistantMessage(content=ANSWER)
    for messages in ([user], [user, assistant], [user, assistant, user]):
        encoded = official.encode_instruct(InstructRequest(messages=messages))
        # Its pieces write a space as ▁ and a line break as a byte.
        pieces = "".join(official.tokenizer.id_to_piece(i) for i in encoded.tokens)
        judged = pieces.replace("▁", " ").replace("<0x0A>", "\n")
        plain = [{"role": str(m.role), "content": m.content} for m in messages]
        assert ours.apply_chat_template(plain, tokenize=False) == judged
        ids = ours.apply_chat_template(plain)["input_ids"]
        assert ours.decode(ids) == judged
        # The "start" and "end of turn" tokens are at the same places in the text.
        marks = {
            official.tokenizer.bos_id: ours.bos_token_id,
            official.tokenizer.eos_id: ours.eos_token_id,
        }
        assert [marks[i] for i in encoded.tokens if i in marks] == [
            i for i in ids if i in marks.values()
        ]


def test_the_prompt_is_the_start_of_the_prompt_with_its_answer(tiny: Path) -> None:
    tokenizer = load_tokenizer(str(tiny))
    prompt = [{"role": "user", "content": QUESTION}]
    for answer in (ANSWER, "", "(a)", "\nNo."):
        whole = [*prompt, {"role": "assistant", "content": answer}]
        start = tokenizer.apply_chat_template(prompt, add_generation_prompt=True)["input_ids"]
        ids = tokenizer.apply_chat_template(whole)["input_ids"]
        assert ids[: len(start)] == start
        assert tokenizer.decode(ids[len(start) :]) == f" {answer}</s>"


@pytest.mark.parametrize("roles", [["system", "user"], ["assistant"], ["user", "user"]])
def test_other_role_orders_are_refused(tiny: Path, roles: list[str]) -> None:
    messages = [{"role": role, "content": "x"} for role in roles]
    with pytest.raises(TemplateError, match="roles must alternate"):
        load_tokenizer(str(tiny)).apply_chat_template(messages)


@pytest.mark.parametrize("wrong", [{"hidden_size": 100}, {"kv_heads": 3}, {"heads": 0}])
def test_impossible_shapes_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=r"finetune\.tiny\."):
        TinyModelConfig(**wrong)


def test_any_text_survives_the_tokenizer(tiny: Path) -> None:
    tokenizer = load_tokenizer(str(tiny))
    text = "μg, 10⁻³, 中文, 🩺\ttab  two spaces\n"
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


def test_the_same_input_gives_the_same_bytes(tiny: Path, tmp_path: Path) -> None:
    again = build_tiny_model(SHAPE, iter(TEXTS), tmp_path / "again", seed=3)
    files = sorted(path.name for path in tiny.iterdir())
    assert "model.safetensors" in files
    assert files == sorted(path.name for path in again.iterdir())
    for name in files:
        assert (tiny / name).read_bytes() == (again / name).read_bytes(), name


def test_a_current_model_is_kept_and_another_input_makes_another(tmp_path: Path) -> None:
    target = tmp_path / "base"
    weights = build_tiny_model(SHAPE, TEXTS, target, seed=3) / "model.safetensors"
    first = weights.stat()
    build_tiny_model(SHAPE, TEXTS, target, seed=3)
    assert weights.stat().st_ino == first.st_ino
    before = weights.read_bytes()
    build_tiny_model(SHAPE, TEXTS, target, seed=4)
    assert weights.read_bytes() != before
    assert [path.name for path in tmp_path.iterdir()] == ["base"]  # and nothing beside it
