"""The extractive generator: which sentences it takes, and that they survive parsing as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medrag.config import GeneratorConfig
from medrag.generation import ExtractiveGenerator
from medrag.generation.prompts import REFUSAL, Prompt, Reply, without_markers
from medrag.grounding import ground, parse_statements
from medrag.grounding.spans import sentence_spans
from medrag.text.words import words
from medrag.types import Evidence, Hit, Statement


def hit(text: str) -> Hit:
    return Hit(1, "gout.txt", "Gout", text, 0, len(text), None, "", "", score=1.0)


def extract(evidence: Sequence[Evidence], max_sentences: int) -> list[Statement]:
    """What the pipeline makes of the generator's reply."""
    generator = ExtractiveGenerator(GeneratorConfig(max_sentences=max_sentences))
    prompt = Prompt("?", (), [], evidence=tuple(evidence))
    reply = generator.generate(prompt)
    assert "".join(generator.stream(prompt)) == reply.text
    generator.close()
    return parse_statements(reply.text, {without_markers(item.text) for item in evidence})


def piece(score: float, text: str, number: int = 1, start: int = 0) -> Evidence:
    return Evidence(number, text, start, start + len(text), score, 1.0, score)


def test_the_best_sentence_comes_first() -> None:
    evidence = [
        piece(1.00, "Third.", number=2, start=50),
        piece(0.99, "First.", number=1, start=0),
        piece(0.98, "Second.", number=2, start=10),
        piece(0.97, "Fourth.", number=1, start=70),
    ]
    taken = [(s.text, s.cited) for s in extract(evidence, 3)]
    assert taken == [("Third.", (2,)), ("First.", (1,)), ("Second.", (2,))]


def test_always_as_many_as_asked_for_and_no_repeats() -> None:
    evidence = [
        piece(1.0, "Same words.", number=1),
        piece(1.0, "Same words.", number=2),
        piece(0.95, "Other words."),
        piece(0.5, "Weak words."),
    ]
    assert [s.text for s in extract(evidence, 2)] == ["Same words.", "Other words."]
    assert [s.text for s in extract(evidence, 5)] == ["Same words.", "Other words.", "Weak words."]
    assert [s.text for s in extract(evidence, 1)] == ["Same words."]
    assert extract([], 2) == []


@pytest.mark.parametrize(
    "again",
    [
        "Colchicine calms an acute attack of gout.",
        "An acute attack of gout is calmed by colchicine within a day.",
        "In adults, colchicine calms an acute attack of gout within a day or two.",
        "Drugs: - colchicine calms an acute attack of gout within a day - rest",
    ],
)
def test_nested_and_nearly_equal_sentences_are_said_once(again: str) -> None:
    first = "Colchicine calms an acute attack of gout within a day"
    other = "Allopurinol prevents the next ones."
    evidence = [piece(1.0, first), piece(0.9, again, number=2), piece(0.5, other, start=90)]
    assert [s.text for s in extract(evidence, 2)] == [first, other]


def test_rows_about_two_things_are_no_repeats() -> None:
    rows = [
        f"Drug: {name}; Monitoring: blood level and kidney function; Narrow range: Yes"
        for name in ("Lithium", "Theophylline")
    ]
    said = extract([piece(0.9, rows[0]), piece(0.8, rows[1])], 2)
    assert [one.text for one in said] == rows
    again = extract([piece(0.9, rows[0]), piece(0.8, rows[0], 2)], 2)
    assert [one.text for one in again] == rows[:1]


def test_what_adds_nothing_is_not_said() -> None:
    best, noise = piece(0.9, "Allopurinol lowers uric acid."), piece(0.8, "Serum is yellow.")
    said = extract([best, replace(noise, adds=False)], 2)
    assert [one.text for one in said] == [best.text]


def test_what_needs_the_sentence_before_is_said_with_it_if_both_fit() -> None:
    lead = "Febuxostat lowers uric acid."
    daily = replace(piece(1.0, "It is taken once a day.", start=30), lead=lead)
    other = piece(0.9, "The big toe hurts most.", number=2)
    assert [(s.text, s.cited) for s in extract([daily, other], 2)] == [
        (lead, (1,)),
        (daily.text, (1,)),
    ]
    assert [s.text for s in extract([daily, other], 1)] == [daily.text]
    assert [s.text for s in extract([daily, other], 3)] == [lead, daily.text, other.text]
    known = piece(1.0, lead)
    assert [s.text for s in extract([known, daily, other], 3)] == [lead, daily.text, other.text]


def test_references_of_the_source_are_not_taken_for_markers_of_the_answer() -> None:
    text = "Allopurinol lowers uric acid [12]. The age was 45 [38, 52] years."
    evidence = [piece(1.0, text[a:b], start=a) for a, b in sentence_spans(text)]
    grounded = ground(extract(evidence, 2), [hit(text)], 0.5)
    assert grounded.text == (
        "Allopurinol lowers uric acid (12). [1] The age was 45 (38, 52) years. [2]"
    )
    assert [c.text for c in grounded.citations] == [text[a:b] for a, b in sentence_spans(text)]


def test_without_evidence_it_refuses() -> None:
    assert ExtractiveGenerator(GeneratorConfig()).generate(Prompt("?", (), [])) == Reply(REFUSAL)


FRAGMENTS = ["Gout hurts.", "(see", "Fig. 2)", "“Why?”", "e.g. this", "Dr.", "- ", "1. ", "|", "\n"]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([*FRAGMENTS, REFUSAL, "[1]", "Then (a. b", "c) d."])).map(" ".join))
def test_a_sentence_of_a_passage_stays_one_statement(text: str) -> None:
    """Out of their passage, some sentences would be split further, or read as a refusal."""
    spans = [(a, b) for a, b in sentence_spans(text) if words(text[a:b])]
    evidence = [piece(1.0, text[a:b], number, start=a) for number, (a, b) in enumerate(spans, 1)]
    found = extract(evidence, len(spans) + 1)
    said = [statement.text for statement in found]
    texts = [without_markers(item.text) for item in evidence]
    assert said == [text for text in dict.fromkeys(texts) if text in said]
    assert bool(said) is bool(texts)
    assert all(len(statement.cited) == 1 for statement in found)
