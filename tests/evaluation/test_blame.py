"""Whose fault a wrong answer is: each kind really happens, in a real index."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from medrag import RAGPipeline
from medrag.config import Config, GeneratorConfig
from medrag.dataset.formats import ExampleReader
from medrag.dataset.questions import DocumentNames
from medrag.dataset.records import Record as Row
from medrag.evaluation.outcomes import ask
from medrag.evaluation.records import Blame, Record
from tests.evaluation.conftest import MakeConfig, build_index, make_config, write_corpus
from tests.generation.conftest import endpoint as endpoint
from tests.generation.endpoint import Endpoint

GOUT = {"question": "What lowers uric acid and prevents further attacks of gout?",
        "answer": "Allopurinol.", "documents": ["gout.txt"]}  # fmt: skip


def asked(
    configure: MakeConfig, row: dict[str, Any], *, minimum: float = 0.0, k: int = 5,
    model: Endpoint | None = None,
) -> Record:  # fmt: skip
    """The record of one question of a pipeline."""
    config = configure([])
    config.grounding.min_confidence, config.retriever.k = minimum, k
    if model:
        config.generator = GeneratorConfig(
            kind="openai",  # type: ignore[arg-type]  # a plain string, as people write it
            base_url=model.url,
            model="some-model",
        )
    fields = config.evaluation.fields
    example = ExampleReader(fields).read(Row("questions.jsonl:1", "1", row))
    with RAGPipeline(config) as rag:
        gold = DocumentNames(rag.index).resolve(example.documents)
        return ask("medrag", rag, rag.index, example, gold, [1])


def test_a_right_answer_is_nobodys_fault(configure: MakeConfig) -> None:
    record = asked(configure, GOUT)
    assert (record.right, record.shown, record.blame) == (True, True, Blame.none)


def test_wrongly_answered(configure: MakeConfig) -> None:
    trap = {"question": "What lowers uric acid in cats?", "answerable": False}
    record = asked(configure, trap)
    assert (record.right, record.shown, record.blame) == (False, True, Blame.wrongly_answered)
    refused = asked(configure, trap, minimum=1.0)
    assert (refused.shown, refused.blame) == (False, Blame.none)


def test_a_refusal_of_what_no_document_answers_is_right_whatever_the_draft(
    configure: MakeConfig, endpoint: Endpoint
) -> None:
    trap = {"question": "What lowers uric acid in cats?", "answerable": False}
    held_back = asked(configure, trap, minimum=1.0)
    endpoint.says("The documents do not say.")
    nothing_to_say = asked(configure, trap, model=endpoint)
    assert held_back.draft
    assert not nothing_to_say.draft
    for record in (held_back, nothing_to_say):
        assert (record.shown, record.right, record.draft_right) == (False, True, False)
        assert record.why == "rightly refused: no document answers the question"


def test_not_retrieved(configure: MakeConfig) -> None:
    row = GOUT | {"documents": ["asthma.md"], "answer": "Salbutamol."}
    record = asked(configure, row, k=1)
    assert [hit["document"] for hit in record.hits] == ["gout.txt"]
    assert (record.right, record.blame) == (False, Blame.not_retrieved)


def test_wrongly_refused(configure: MakeConfig) -> None:
    record = asked(configure, GOUT, minimum=1.0)
    assert (record.shown, record.right, record.draft_right) == (False, False, True)
    assert "Allopurinol" in record.draft
    assert "Allopurinol" not in record.answer
    assert record.blame == Blame.wrongly_refused


def test_a_right_no_that_is_held_back_is_wrongly_refused(tmp_path: Path) -> None:
    notes = {"pair.txt": "An ACE inhibitor should not be combined with an ARB, as potassium rises."}
    index = build_index(write_corpus(tmp_path / "corpus", notes), tmp_path / "index")
    row = {"question": "Should lisinopril and an ARB be combined?", "documents": ["pair.txt"],
           "kind": "yes/no", "exact": ["no"], "answer": "No."}  # fmt: skip

    def configure(_: object) -> Config:
        return make_config(tmp_path, index)

    record = asked(configure, row, minimum=1.0)
    assert "should not be combined" in record.draft
    assert (record.shown, record.right, record.draft_right) == (False, False, True)
    assert record.blame == Blame.wrongly_refused


def test_retrieved_but_not_used(configure: MakeConfig) -> None:
    row = GOUT | {"answer": "Crystals in a joint of the toe.", "kind": "factoid",
                  "exact": ["big toe"]}  # fmt: skip
    record = asked(configure, row)
    assert "gout.txt" in {hit["document"] for hit in record.hits}
    assert record.sources[0]["document"] == "gout.txt"  # the right document, a wrong sentence
    assert (record.right, record.blame) == (False, Blame.not_used)


def test_wrong_where_the_documents_are_unknown(configure: MakeConfig) -> None:
    record = asked(configure, GOUT | {"answer": "Febuxostat.", "documents": []})
    assert (record.right, record.blame) == (False, Blame.wrong)


@pytest.mark.parametrize(
    ("reply", "shown"),
    [
        # The statement that is right is in no document.
        ("Febuxostat lowers uric acid. [1] Colchicine or naproxen calm an acute attack. [1]", True),
        ("Febuxostat lowers uric acid. [1]", False),
    ],
)
def test_unsupported(configure: MakeConfig, endpoint: Endpoint, reply: str, shown: bool) -> None:
    endpoint.says(reply)
    record = asked(configure, GOUT | {"answer": "Febuxostat."}, model=endpoint)
    removed = [one["text"] for one in record.statements if not one["supported"]]
    assert removed == ["Febuxostat lowers uric acid."]
    assert (record.shown, record.right, record.blame) == (shown, False, Blame.unsupported)


def test_a_question_of_which_nothing_is_known_is_nobodys_fault(configure: MakeConfig) -> None:
    for minimum in (0.0, 1.0):
        record = asked(configure, {"question": "Who calms gout?"}, minimum=minimum)
        assert (record.answerable, record.blame) == (None, Blame.none)


def test_a_model_that_says_nothing_has_no_draft(configure: MakeConfig, endpoint: Endpoint) -> None:
    endpoint.says("The documents do not say.")
    record = asked(configure, GOUT, model=endpoint)
    assert (record.draft, record.confidence, record.right) == ("", 0.0, False)
    assert (record.shown, record.blame) == (False, Blame.not_used)
    assert record.values["answers/right"] == 0.0
