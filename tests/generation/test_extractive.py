"""The extractive generator: which sentences it takes, and that they survive parsing as they are."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from medrag.config import GeneratorConfig
from medrag.generation import ExtractiveGenerator
from medrag.generation.prompts import REFUSAL, Prompt, Reply, without_markers
from medrag.grounding import ground, parse_statements
from medrag.grounding.evidence import sentence_spans
from medrag.text.duplicates import same_text_key
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


def test_the_best_sentences_are_taken_in_reading_order() -> None:
    evidence = [
        piece(1.00, "Third.", number=2, start=50),
        piece(0.99, "First.", number=1, start=0),
        piece(0.98, "Second.", number=2, start=10),
        piece(0.97, "Fourth.", number=1, start=70),
    ]
    taken = [(s.text, s.cited) for s in extract(evidence, 3)]
    assert taken == [("Second.", (2,)), ("Third.", (2,)), ("First.", (1,))]


def test_no_more_than_asked_for_no_repeats_and_nothing_weak() -> None:
    evidence = [
        piece(1.0, "Same words.", number=1),
        piece(1.0, "Same words.", number=2),
        piece(0.95, "Other words."),
        piece(0.5, "Weak words."),
    ]
    assert [s.text for s in extract(evidence, 5)] == ["Same words.", "Other words."]
    assert [s.text for s in extract(evidence, 1)] == ["Same words."]
    assert extract([], 2) == []


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
    # Of sentences in the same words, the first is said.
    first = {same_text_key(item.text): item.text for item in reversed(evidence)}
    unique = [item.text for item in evidence if first.get(same_text_key(item.text)) == item.text]
    unique = list(dict.fromkeys(unique))
    found = extract(evidence, len(spans) + 1)
    assert [statement.text for statement in found] == [without_markers(text) for text in unique]
    assert all(len(statement.cited) == 1 for statement in found)
