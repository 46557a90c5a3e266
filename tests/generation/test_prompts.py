"""One prompt for all: what stands in it, and what the token budget leaves out."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medrag.generation.prompts import REFUSAL, Prompt, build_messages, build_prompt, completion
from medrag.types import Hit

QUESTION = "What lowers uric acid?"


def passage(text: str, title: str = "Gout", section: str = "") -> Hit:
    return Hit(1, "gout.txt", title, text, 0, len(text), None, section, "", score=1.0)


def count_words(text: str) -> int:
    return len(text.split())


def content(prompt: Prompt) -> str:
    (message,) = prompt.messages
    assert message["role"] == "user"
    return message["content"]


HITS = [
    passage("Allopurinol lowers uric acid.", section="Treatment > Prevention"),
    passage("Colchicine calms an acute attack.", title=""),
    passage("Crystals cause it."),
]


def test_question_and_numbered_contexts_stand_in_one_user_message() -> None:
    text = content(build_prompt(QUESTION, HITS, 1000, count_words))
    assert text.endswith(f"Question: {QUESTION}")
    assert (
        "[1] Gout > Treatment > Prevention\nAllopurinol lowers uric acid.\n\n"
        "[2] Colchicine calms an acute attack.\n\n"
        "[3] Gout\nCrystals cause it.\n\n"
    ) in text


def test_the_refusal_sentence_and_the_marker_are_in_the_instructions() -> None:
    instructions = content(build_prompt(QUESTION, HITS, 1000, count_words)).split("Passages:")[0]
    assert REFUSAL in instructions
    assert "[1]" in instructions


def test_the_prompt_is_build_messages_on_its_own_contexts() -> None:
    for budget in (60, 70, 1000):
        prompt = build_prompt(QUESTION, HITS, budget, count_words)
        assert prompt.messages == build_messages(QUESTION, prompt.contexts)


def test_without_a_context_the_prompt_says_so() -> None:
    prompt = build_prompt(QUESTION, [], 1000, count_words)
    assert (prompt.contexts, prompt.left_out) == ((), 0)
    assert "Passages:\n\n(none)\n\n" in content(prompt)


def test_a_context_that_does_not_fit_is_left_out_whole_and_counted() -> None:
    full = count_words(content(build_prompt(QUESTION, HITS, 1000, count_words)))
    assert build_prompt(QUESTION, HITS, full, count_words).left_out == 0
    prompt = build_prompt(QUESTION, HITS, full - 1, count_words)
    assert (prompt.contexts, prompt.left_out) == (tuple(HITS[:2]), 1)
    assert "Crystals" not in content(prompt)


def test_a_worse_context_never_takes_the_place_of_a_better_one() -> None:
    long, short = passage("word " * 200), passage("Short.")
    prompt = build_prompt(QUESTION, [long, short], 150, count_words)
    assert (prompt.contexts, prompt.left_out) == ((), 2)


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 60), max_size=8),
    budget=st.integers(0, 400),
)
def test_as_many_of_the_best_contexts_as_the_budget_holds(lengths: list[int], budget: int) -> None:
    hits = [passage("word " * length) for length in lengths]
    prompt = build_prompt(QUESTION, hits, budget, count_words)
    shown = len(prompt.contexts)
    assert prompt.contexts == tuple(hits[:shown])
    assert prompt.left_out == len(hits) - shown
    assert re.findall(r"^\[(\d+)\] Gout$", content(prompt), re.M) == [
        str(number) for number in range(1, shown + 1)
    ]
    if shown:
        assert count_words(content(prompt)) <= budget
    if shown < len(hits):
        more = build_messages(QUESTION, hits[: shown + 1])[0]["content"]
        assert count_words(more) > budget


@pytest.mark.parametrize("reply", [REFUSAL, "Allopurinol lowers it [1]."])
def test_the_reply_to_learn_is_one_assistant_message(reply: str) -> None:
    assert completion(reply) == [{"role": "assistant", "content": reply}]
