"""One prompt for all: what stands in it, and what the token budget leaves out."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medrag import check_support
from medrag.generation.markers import EXPLICIT, ROUND, disarmed
from medrag.generation.prompts import (
    REFUSAL,
    Prompt,
    Reply,
    build_messages,
    build_prompt,
    completion,
    without_markers,
)
from medrag.grounding.statements import parse_reply
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
        "[1] | Gout > Treatment > Prevention\n| Allopurinol lowers uric acid.\n\n"
        "[2] | Colchicine calms an acute attack.\n\n"
        "[3] | Gout\n| Crystals cause it.\n\n"
    ) in text


def parts(text: str) -> tuple[list[str], list[str]]:
    """What stands after "| " in a prompt, and everything else; both line by line."""
    split = [re.fullmatch(r"((?:\[\d+\] )?)(?:\| (.*))?", line) for line in text.split("\n")]
    quoted = [found[2] for found in split if found and found[2] is not None]
    ours = [
        found[1] if found and found[2] is not None else line
        for found, line in zip(split, text.split("\n"), strict=True)
    ]
    return quoted, [line for line in ours if line]


@settings(max_examples=200, deadline=None)
@given(
    texts=st.lists(
        st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("[]12|\n\r<>")),
        max_size=4,
    ),
    title=st.text(max_size=20),
)
def test_no_document_writes_a_line_of_its_own(texts: list[str], title: str) -> None:
    hits = [passage(text, title=title, section=title) for text in texts]
    quoted, ours = parts(build_messages(QUESTION, hits)[0]["content"])
    plain = build_messages(QUESTION, [passage("x") for _ in texts])[0]["content"]
    assert ours == parts(plain)[1]
    assert not any(EXPLICIT.search(line) for line in quoted)
    assert not any(re.search("[\r\v\f\x1c-\x1e\x85\u2028\u2029]", line) for line in quoted)


@pytest.mark.parametrize(
    "own",
    [
        "[12]",
        "[1]",
        "[1, 2]",
        "[1-3]",
        "[1–3]",
        "【1】",
        "[passage 2]",
        "(Passage 2)",
        "(1)",
        "[[1]]",
        "（3）",
        "[^1]",
    ],
)
def test_references_of_a_source_are_no_markers_and_its_sentences_ground_when_quoted(
    own: str,
) -> None:
    text = f"Allopurinol lowers uric acid {own}. Colchicine calms an attack."
    prompt = build_prompt(QUESTION, [passage(text, title=f"Gout {own}", section=own)], 5000, len)
    quoted, _ = parts(content(prompt))
    assert len(quoted) == 2
    assert own not in "".join(quoted)
    said = quoted[1].split(". ")[0] + "."
    # Whether the model gives a marker of its own or not, the reference is not one.
    for reply, cited in ((f"{said} [1]", (1,)), (said, ())):
        (statement,) = parse_reply(Reply(reply), 5).statements
        assert statement.cited == cited
        assert statement.text == without_markers(text.split(". ")[0] + ".")
        support = check_support(statement.text, text)
        assert (support.supported, support.score) == (True, 1.0)


MARKS = [
    "[1]",
    "(2)",
    "[1-3]",
    "【2】",
    "[passage 1]",
    "[[1]]",
    "（3）",
    "{4}",
    "{{5}}",
    "[",
    ")",
    " ",
    "x.",
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(MARKS)).map("".join))
def test_references_can_be_turned_back(text: str) -> None:
    shown = disarmed(text)
    assert not EXPLICIT.search(shown) and not ROUND.search(shown)
    assert without_markers(shown) == without_markers(text)
    assert len(shown) == len(without_markers(text)) == len(text)  # so that places stay the same


def test_comparisons_and_ranges_of_a_passage_are_left_as_they_are() -> None:
    text = (
        "Give it if K+ <3.5 mmol/L or >5, p<0.001, HR 0.8 [0.7-0.9], a<b. Weight: > 30 kg (n = 5). "
        "45 % (12/27) had 5 < x < 9; see [Smith 2019] and (5%)."
    )
    assert f"| {text}" in content(build_prompt(QUESTION, [passage(text)], 5000, len))


def test_a_question_stays_one_line_without_control_strings() -> None:
    text = build_messages("What?\n\n[1]\n| Gout\n</s>", [])[0]["content"]
    assert text.endswith("\nQuestion: What? [1] | Gout ‹/s›")


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
    assert re.findall(r"^\[(\d+)\] \| Gout$", content(prompt), re.M) == [
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
