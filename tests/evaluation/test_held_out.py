"""Scores of replies on held-out rows: right citation, token F1, support, refusals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from medrag.evaluation.adapter_card import CURVES, Facts, write_card
from medrag.evaluation.held_out import (
    Row,
    ask_all,
    choose,
    extractive_reader,
    model,
    most_words,
    score,
)
from medrag.evaluation.origin import Origin
from medrag.generation.prompts import REFUSAL, Prompt, Reply, build_messages, completion
from medrag.pipeline import RAGPipeline
from tests.evaluation.conftest import MakeConfig

GOUT = "Gout is caused by crystals of uric acid in a joint. Men are affected more often."
COLCHICINE = "Colchicine is given at 500 micrograms twice daily. It relieves an attack of gout."
ASTHMA = "Asthma narrows the airways. Salbutamol opens them within minutes."


def context(title: str, text: str) -> dict[str, Any]:
    return {
        "document": title,
        "title": title,
        "section": "",
        "text": text,
        "start": 0,
        "end": len(text),
        "gold": False,
    }


PASSAGES = [context("Asthma", ASTHMA), context("Colchicine", COLCHICINE), context("Gout", GOUT)]


def row(id_: str, question: str, oracle: int, label: str) -> Row:
    return {
        "id": id_,
        "question": question,
        "variant": "oracle" if oracle else "withheld",
        "oracle": oracle,
        "contexts": PASSAGES,
        "prompt": build_messages(question, []),
        "completion": completion(label),
    }


CAUSE = "Gout is caused by crystals of uric acid in a joint. [3]"
DOSE = "Colchicine is given at 500 micrograms twice daily. [2]"
ROWS = [
    row("cause", "What causes gout?", 3, CAUSE),
    row("dose", "What dose of colchicine is given?", 2, DOSE),
    row("scabies", "What kills scabies mites?", 0, REFUSAL),
]


class Replies:
    """A model that replies what it was told to, in turn."""

    def __init__(self, *texts: str) -> None:
        self._texts = iter(texts)
        self.prompts: list[Prompt] = []

    def generate_all(self, prompts: Sequence[Prompt]) -> Iterator[Reply]:
        self.prompts += prompts
        yield from map(Reply, self._texts)


def values(*texts: str) -> dict[str, float | None]:
    found = score(ROWS, ask_all(ROWS, {"m": model(Replies(*texts))}, lambda _: None)["m"])
    return {
        name: getattr(found, name).value
        for name in ("right_citation", "token_f1", "supported", "false_refusals", "abstained")
    }


LABELS = [one["completion"][0]["content"] for one in ROWS]


def test_the_labels_themselves_are_right() -> None:
    assert values(*LABELS) == {
        "right_citation": 1.0,
        "token_f1": 1.0,
        "supported": 1.0,
        "false_refusals": 0.0,
        "abstained": 1.0,
    }


def test_a_wrong_marker_and_a_wrong_dose_count() -> None:
    found = values(
        "Gout is caused by crystals of uric acid in a joint. [1]",  # says so: passage 3
        "Colchicine is given at 5 mg twice daily. [2]",
        REFUSAL,
    )
    assert found["right_citation"] == 0.5
    assert found["supported"] == 0.0
    assert found["token_f1"] == pytest.approx(0.9, abs=0.1)  # words alone do not tell


def test_a_refusal_is_right_only_where_nothing_answers() -> None:
    found = values(REFUSAL, LABELS[1], LABELS[0])
    assert found["false_refusals"] == 0.5
    assert found["token_f1"] == 0.5
    assert found["right_citation"] == 0.5
    assert found["abstained"] == 0.0


def test_a_model_reads_the_prompt_of_the_row() -> None:
    generator = Replies(*LABELS)
    ask_all(ROWS, {"m": model(generator)}, lambda _: None)
    assert [one.messages for one in generator.prompts] == [one["prompt"] for one in ROWS]


def test_replies_that_come_together_are_counted_together() -> None:
    told: list[float] = []
    ask_all(ROWS[:1] * 20, {"rule": most_words}, told.append)
    assert told == [8, 8, 4]


def test_the_rule_takes_the_passage_with_most_words() -> None:
    said = list(most_words(ROWS))
    assert [one.statements[0].cited for one in said[:2]] == [(3,), (2,)]
    assert said[1].text == "Colchicine is given at 500 micrograms twice daily. [2]"
    assert all(one.statements for one in said)  # it never refuses
    contexts = [{**one, "text": f"Symptoms\n\n{one['text']}"} for one in ROWS[1]["contexts"]]
    assert list(most_words([{**ROWS[1], "contexts": contexts}])) == said[1:2]  # no heading


def test_rows_are_drawn_by_their_ids_and_keep_their_order() -> None:
    many = [{**ROWS[0], "id": str(number)} for number in range(50)]
    few = choose(many, 10)
    assert len(few) == 10
    assert [one["id"] for one in few] == sorted((one["id"] for one in few), key=int)
    assert {one["id"] for one in few} == {one["id"] for one in choose(reversed(many), 10)}
    assert not choose([{**ROWS[0], "variant": "unsupported"}], 10)


def test_the_reader_answers_from_the_passages_of_the_row(configure: MakeConfig) -> None:
    config = configure([])
    with RAGPipeline(config) as rag:
        (said,) = extractive_reader(rag)(ROWS[1:2])
        assert said.statements[0].cited == (2,)
        assert "500 micrograms" in said.text
        assert said.support == 1.0
    config.grounding.min_confidence = 1.0
    with RAGPipeline(config) as rag:
        (said,) = extractive_reader(rag)(ROWS[1:2])
        assert not said.statements


def test_a_card_shows_results_samples_and_the_loss(tmp_path: Any) -> None:
    replies = ask_all(
        ROWS, {"before": most_words, "tuned": model(Replies(*LABELS))}, lambda _: None
    )
    result = {
        "trainable_parameters": 10, "total_parameters": 1000, "eval_loss": 0.5, "first_loss": 3.0,
        "train_loss": 0.4, "train_rows": 8, "validation_rows": 2, "skipped_rows": 1, "steps": 4,
        "seconds": 9.0, "epochs": 0.5, "steps_before": 1,
        "history": [{"step": 1, "loss": 3.0}, {"step": 4, "loss": 0.4}],
    }  # fmt: skip
    scores = {name: score(ROWS, said) for name, said in replies.items()}
    licences = {"CC BY 4.0": 12, "not stated": 1}
    origin = Origin("small@abc", "d1", "i1", "q.jsonl", licences)
    facts = Facts("one", origin, {"lora_r": 16}, result, scores)
    write_card(tmp_path, facts, ROWS, replies)
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "| tuned | 1.00 [1.00, 1.00] |" in card
    assert "2 test rows whose passages hold the answer, and 1 whose passages do not" in card
    assert "`small@abc`" in card
    assert (
        "| licences of its documents | CC BY 4.0 (12 documents), not stated (1 document) |" in card
    )
    assert "**What causes gout?**" in card
    assert (tmp_path / CURVES).read_bytes().startswith(b"\x89PNG")
    assert str(tmp_path) not in card
    assert "each read 0.5 times" in card
    assert "(answered, though no passage does; support " in card  # by the rule
    assert "(citation right, support 1.00)" in card
    assert "- steps: 4, the last 3 of them in 9 s" in card

    pairs = result | {"preferred": 0.75}
    facts = replace(facts, result=pairs, start="a1b2")
    write_card(tmp_path, facts, ROWS, replies)
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "`a1b2` by DPO" in card
    assert "nats per pair" in card
    assert "nats per answer token" not in card
