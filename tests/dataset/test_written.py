"""Questions written by rules: each is good English, and its answer stands in its document."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from medrag import DatasetConfig, PipelineConfig
from medrag.dataset import question_key
from medrag.dataset.sources import open_questions
from medrag.stores import IndexReader, open_index
from medrag.types import Example, QuestionKind
from tests.dataset.written_corpus import NOTES, build_index


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> PipelineConfig:
    folder = tmp_path_factory.mktemp("written")
    flagged = {
        "withdrawn": ("Blorosis", "Blorosis is a rare disease that is caused by a wrong diet."),
    }
    return build_index(folder, tiny, NOTES | flagged)


def write(indexed: PipelineConfig, **settings: object) -> list[Example]:
    with open_index(indexed.index) as index:
        return open_questions(DatasetConfig(questions="", **settings), index).examples  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def examples(indexed: PipelineConfig) -> list[Example]:
    return write(indexed)


def asked(examples: list[Example], kind: str, style: str) -> list[str]:
    return [one.question for one in examples if one.id.endswith(f"/{kind}/{style}")]


@pytest.mark.parametrize(
    ("kind", "style", "question"),
    [
        ("definition", "question", "What is gout?"),
        ("definition", "keywords", "hypertension definition"),
        ("definition", "lay", "Can you explain what high blood pressure is?"),
        ("cause", "question", "What causes scurvy?"),
        ("cause", "lay", "Why do people get scurvy?"),
        ("listed", "question", "What are the symptoms of scurvy?"),
        ("gene", "question", "Mutations in which gene cause Marfan syndrome?"),
        ("inheritance", "question", "How is Marfan syndrome inherited?"),
        ("frequency", "question", "How common is Marfan syndrome?"),
        ("treatment", "question", "How is hypertension treated?"),
        ("effect", "question", "What does warfarin block?"),
        ("purpose", "question", "What is warfarin used for?"),
        ("spread", "question", "How is rabies spread?"),
        ("prevention", "question", "How can rabies be prevented?"),
        ("dose", "question", "What is the dose of colchicine in gout?"),
    ],
)
def test_a_sentence_becomes_a_question_as_people_ask_it(
    examples: list[Example], kind: str, style: str, question: str
) -> None:
    assert question in asked(examples, kind, style)


def test_every_answer_stands_word_for_word_in_its_document(
    indexed: PipelineConfig, examples: list[Example]
) -> None:
    with open_index(indexed.index) as index:
        for one in examples:
            (document,) = one.documents
            text = index.document_text(document)
            start = int(one.id.split("@")[1].split("/")[0])
            assert text is not None
            assert text[start : start + len(one.answer)] == one.answer
            assert question_key(one.answer) != question_key(one.question)
            assert one.answerable


def test_what_cannot_be_understood_alone_is_not_asked_about(examples: list[Example]) -> None:
    answers = {one.answer for one in examples}
    assert not answers & {"We studied gout for years.", "It hurts."}


def test_what_is_not_so_answers_nothing(tmp_path: Path, tiny: Path) -> None:
    """A refusal, an interaction, attacks of something, and a value within a ratio."""
    notes = {
        "asthma": (
            "Asthma",
            "Acute attacks are treated with a reliever from an inhaler and oxygen by a mask. "
            "Rifampicin reduces the effect of oral contraceptives that hold an oestrogen. The "
            "albumin of most adults who are well stays below 30 mg/mmol of their creatinine. The "
            "pressure of the blood of most adults who are well stays below 140/90 mmHg at rest.",
        ),
    }
    corpus = tmp_path / "gout.md"
    corpus.write_text(
        "# Gout\n\n## Treatment\n\nBed rest is no longer recommended as a treatment of gout.\n"
    )
    config = build_index(tmp_path / "notes", tiny, notes, corpus)
    (blank,) = write(config)
    assert blank.exact == (("Rifampicin",),)


def test_a_gene_and_a_blank_say_what_has_to_be_named(examples: list[Example]) -> None:
    (gene,) = [one for one in examples if one.id.endswith("/gene/question")]
    assert (gene.kind, gene.exact) == (QuestionKind.factoid, (("FBN1",),))
    (blank,) = [one for one in examples if one.id.endswith("/cloze/cloze")]
    assert blank.exact == (("72 hours",),)
    assert "____" in blank.question
    assert "72" not in blank.question
    assert blank.question.startswith("Fill in the blank about warfarin: “The effect")


def test_a_claim_is_the_first_part_of_a_sentence_and_may_be_wrong(indexed: PipelineConfig) -> None:
    found = {
        one.question: one.exact
        for seed in range(6)
        for one in write(indexed, seed=seed)
        if one.id.endswith("/claim")
    }
    right = "Is it true that scurvy is caused by a lack of vitamin C?"
    assert found.get(right, (("yes",),)) == (("yes",),)
    wrong = [question for question, exact in found.items() if exact == (("no",),)]
    rights = [question for question, exact in found.items() if exact == (("yes",),)]
    assert any("not" in question or "recessive" in question for question in wrong)
    assert not any("recessive" in question or " not " in question for question in rights)


def test_no_document_gets_a_second_question_before_each_has_one(indexed: PipelineConfig) -> None:
    few = write(indexed, limit=len(NOTES) + 1)
    assert len({one.documents for one in few}) == len(NOTES) + 1
    assert len(few) == len(NOTES) + 1
    assert len(write(indexed, limit=3)) == 3


def test_the_same_seed_writes_the_same_and_no_question_twice(
    indexed: PipelineConfig, examples: list[Example]
) -> None:
    assert write(indexed) == examples
    keys = [question_key(one.question) for one in examples]
    assert len(set(keys)) == len(keys)
    assert len({one.id for one in examples}) == len(examples)
    assert write(indexed, seed=1)[0] != examples[0] or write(indexed, seed=2)[0] != examples[0]


def test_a_flagged_document_is_never_taught(indexed: PipelineConfig) -> None:
    class Flagged:
        """The index, with a flag on one document, as it is on a retracted article."""

        def __init__(self, index: IndexReader) -> None:
            self._index = index

        def __getattr__(self, name: str) -> object:
            return getattr(self._index, name)

        def hits(self, chunks: list[int]) -> dict[int, object]:
            found = self._index.hits(chunks)
            return {
                id_: replace(hit, flags=("retracted",)) if "gout" in hit.document else hit
                for id_, hit in found.items()
            }

    with open_index(indexed.index) as index:
        settings = DatasetConfig(questions="")
        named = open_questions(settings, Flagged(index)).examples  # type: ignore[arg-type]
    assert named
    assert not any("gout" in one.documents[0] for one in named)
