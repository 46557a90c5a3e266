"""Rows that share passages: other training questions, answered by one of them or by none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from medrag import DatasetConfig, RAGPipeline
from medrag.dataset.questions import DocumentNames
from medrag.dataset.raft import RowMaker
from medrag.dataset.rows import Row
from medrag.generation.prompts import REFUSAL
from medrag.ingestion import TextEmbedder
from medrag.types import Example
from tests.dataset.small_index import pipeline_over

DRUGS = ("Vexamide", "Torlidol", "Quinarol", "Bremazine", "Foltamide", "Nexidol")
SETTINGS = DatasetConfig(
    num_distractors=2, oracle_probability=1.0, near_miss_share=0.0, shared_questions=3
)


def dose(name: str) -> str:
    return f"{name} is given at {10 * (1 + DRUGS.index(name))} mg once daily in adults."


QUESTIONS = [
    Example(name.lower(), f"What is the dose of {name} in adults?", dose(name), (name.lower(),))
    for name in DRUGS
]


@pytest.fixture(scope="module")
def rag(tmp_path_factory: pytest.TempPathFactory, embedder: TextEmbedder) -> Iterator[RAGPipeline]:
    root = tmp_path_factory.mktemp("shared")
    texts = {name.lower(): f"{dose(name)} Ask your nurse first." for name in DRUGS}
    # Another document answers the question about Nexidol, too.
    texts["ward"] = f"{dose('Nexidol')} It is kept in the ward."
    notes = {id_: (id_, text) for id_, text in texts.items()}
    with pipeline_over(notes, root, embedder) as opened:
        yield opened


def rows_of(
    rag: RAGPipeline,
    example: Example,
    config: DatasetConfig = SETTINGS,
    split: str = "train",
    training: list[Example] = QUESTIONS,
) -> list[Row]:
    maker = RowMaker(rag, DocumentNames(rag.index), config, training=training)
    return maker.make(example, split).rows


def said(row: Row) -> str:
    return row.completion[0]["content"]


def test_each_passage_is_asked_for_its_own_question(rag: RAGPipeline) -> None:
    own, *others = rows_of(rag, QUESTIONS[0])
    assert len(others) == 2
    assert {row.oracle for row in (own, *others)} == {1, 2, 3}
    for row in others:
        name = row.question.split()[5]
        assert said(row) == f"{dose(name)} [{row.oracle}]"
        assert row.id == f"{name.lower()}@{own.id}"
        assert row.shares == own.id
        assert [one["text"] for one in row.contexts] == [one["text"] for one in own.contexts]
        asked = row.prompt[-1]["content"]
        assert asked.replace(row.question, own.question) == own.prompt[-1]["content"]
        assert [one["gold"] for one in row.contexts].index(True) + 1 == row.oracle
    assert own.shares == ""


def test_a_question_about_other_documents_is_refused(rag: RAGPipeline) -> None:
    refusing = replace(SETTINGS, oracle_probability=0.0, shared_questions=1)
    own, *others = rows_of(rag, QUESTIONS[0], refusing)
    assert len(others) == 1
    there = {one["document"] for one in own.contexts}
    for row in (own, *others):
        assert (said(row), row.oracle, row.variant) == (REFUSAL, 0, "withheld")
        assert row.passage["document"] not in there
        assert row.contexts == own.contexts or not row.shares


def test_a_question_that_another_passage_answers_is_not_refused(rag: RAGPipeline) -> None:
    for example in QUESTIONS:
        for row in rows_of(rag, example, replace(SETTINGS, oracle_probability=0.5)):
            if said(row) == REFUSAL and row.question == QUESTIONS[-1].question:
                assert not any("Nexidol" in one["text"] for one in row.contexts)
            elif row.question == QUESTIONS[-1].question:
                assert sum("Nexidol" in one["text"] for one in row.contexts) == 1


def test_both_kinds_are_drawn(rag: RAGPipeline) -> None:
    shared = [
        row
        for example in QUESTIONS
        for row in rows_of(rag, example, replace(SETTINGS, oracle_probability=0.5))[1:]
    ]
    refused = sum(said(row) == REFUSAL for row in shared)
    assert 0 < refused < len(shared)


def test_the_own_row_does_not_depend_on_the_others(rag: RAGPipeline) -> None:
    alone = rows_of(rag, QUESTIONS[1], replace(SETTINGS, shared_questions=0))
    assert rows_of(rag, QUESTIONS[1])[:1] == alone == rows_of(rag, QUESTIONS[1], training=[])


def test_only_training_rows_share_passages(rag: RAGPipeline) -> None:
    assert len(rows_of(rag, QUESTIONS[0], split="test")) == 1
    assert len(rows_of(rag, QUESTIONS[0], split="validation")) == 1
    some = [one for one in QUESTIONS if one.id != "torlidol"]
    asked = {row.question for one in some for row in rows_of(rag, one, training=some)}
    assert QUESTIONS[1].question not in asked  # it is held out


def test_a_question_without_an_answer_is_not_asked_again(rag: RAGPipeline) -> None:
    wrong = [replace(one, answer="It is blue and it floats on water.") for one in QUESTIONS[1:]]
    assert len(rows_of(rag, QUESTIONS[0], training=[QUESTIONS[0], *wrong])) == 1


def test_passages_of_its_own_documents_refuse_no_question(rag: RAGPipeline) -> None:
    """A question may name several documents, which answer it in other words."""
    both = [replace(one, documents=(one.id, "vexamide")) for one in QUESTIONS[1:]]
    config = replace(SETTINGS, oracle_probability=0.5)
    rows = [
        row
        for n in range(20)
        for row in rows_of(rag, replace(QUESTIONS[0], id=f"v{n}"), config, training=both)
    ]
    shared = [row for row in rows if row.shares]
    assert not [
        row for row in shared if said(row) == REFUSAL and any(one["gold"] for one in row.contexts)
    ]
