"""Conversations in, token ids out: with the ids that answering gives, and a mask of the answer."""

from __future__ import annotations

from collections import Counter
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelError
from ..generation.control import render

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

# Why a row is left out.
TOO_LONG = "too long"
NO_ANSWER = "no answer"
NOT_RENDERED = "not possible in the chat template"


def tokenize_rows(
    rows: Dataset,
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
    file: Path,
    *,
    reuse: bool = False,
) -> tuple[Dataset, dict[str, int]]:
    """Turn conversations into token ids, and leave out the rows that cannot be trained on.

    Long rows are not cut: the answer stands at the end. Text in a row never becomes a control
    token; see `medrag.generation.control`. What a chat template writes after the end of the turn
    is dropped, because answering stops there.

    Args:
        rows: with `prompt` and `completion` as lists of messages.
        file: the Arrow table to write, so that memory does not grow with the rows.
        reuse: read the table if it exists, because another process of this run wrote it.

    Returns:
        Columns `input_ids` and `completion_mask` (1 on answer tokens, including the end of turn);
        every row has at most `max_length` ids and at least one answer token. And how many rows
        were left out, by reason.
    """
    from datasets import Features, List, Value

    left_out: Counter[str] = Counter()

    def tokenize(batch: dict[str, list[Any]]) -> dict[str, list[list[int]]]:
        kept: dict[str, list[list[int]]] = {"input_ids": [], "completion_mask": []}
        for prompt, completion in zip(batch["prompt"], batch["completion"], strict=True):
            try:
                ids, start = ids_of(tokenizer, prompt, completion)
            except ModelError:
                left_out[NOT_RENDERED] += 1
                continue
            if start == len(ids):
                left_out[NO_ANSWER] += 1
            elif len(ids) > max_length:
                left_out[TOO_LONG] += 1
            else:
                kept["input_ids"].append(ids)
                kept["completion_mask"].append([0] * start + [1] * (len(ids) - start))
        return kept

    tokenised = rows.map(
        tokenize,
        batched=True,
        batch_size=100,
        remove_columns=rows.column_names,
        features=Features(
            {"input_ids": List(Value("int32")), "completion_mask": List(Value("int8"))}
        ),
        cache_file_name=str(file),
        load_from_cache_file=reuse,
        desc=f"Tokenising {file.stem} rows",
    )
    return tokenised, dict(left_out)


def ids_of(tokenizer: Any, prompt: list[Any], completion: list[Any]) -> tuple[list[int], int]:
    """The ids of a conversation, and where the answer begins."""
    asked = render(tokenizer, prompt)["input_ids"][0].tolist()
    ids = render(tokenizer, [*prompt, *completion], answered=True)["input_ids"][0].tolist()
    # Some tokenizers join the last piece of the prompt and the first of the answer.
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(asked, ids, strict=False))
    start = len(list(alike))
    if not completion[-1]["content"].strip():
        return ids, len(ids)
    if tokenizer.eos_token_id in ids[start:]:
        ids = ids[: len(ids) - ids[::-1].index(tokenizer.eos_token_id)]
    return ids, start


def check_rows(
    rows: Dataset, tokenizer: PreTrainedTokenizerBase, vocabulary: int, max_length: int
) -> list[str]:
    """What is wrong with tokenised rows, a line each; empty if a model can learn from them.

    Args:
        rows: as from `tokenize_rows`.
        vocabulary: entries of the model's embedding.
    """
    problems = []
    if not len(rows):
        problems.append(
            f"no training row fits finetune.max_length={max_length} tokens; raise it, or build "
            "the dataset with a smaller generator.context_tokens"
        )
    bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
    found: Counter[str] = Counter()
    largest = len(tokenizer) - 1
    for batch in rows.iter(1000):
        for ids, mask in zip(batch["input_ids"], batch["completion_mask"], strict=True):
            learned = [token for token, kept in zip(ids, mask, strict=True) if kept]
            found["unlabelled"] += not learned
            found["open"] += bool(learned) and eos not in learned
            found["doubled"] += bos is not None and ids[:2] == [bos, bos]
            largest = max(largest, *ids)
    if found["unlabelled"]:
        problems.append(f"{found['unlabelled']} rows have no answer token to learn")
    if found["open"]:
        token = f"{tokenizer.eos_token!r}"
        if tokenizer.pad_token_id == eos:
            token += ", which is also the padding token and may have been masked with it,"
        problems.append(
            f"the answers of {found['open']} rows do not end with the end of turn: {token} is "
            "missing; the model would not learn to stop. Fix the chat template of its tokenizer"
        )
    if found["doubled"]:
        problems.append(
            f"{found['doubled']} rows begin with {tokenizer.bos_token!r} twice: both the chat "
            "template and the tokenizer add it. Remove it from one of them"
        )
    if largest >= vocabulary:
        problems.append(
            f"the tokenizer has {largest + 1:,} tokens, and the model's embedding "
            f"{vocabulary:,}; they do not belong together"
        )
    return problems
