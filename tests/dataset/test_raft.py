"""Rows of single questions on a real index: places, distractors, labels, near misses, pairs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from medrag import DatasetConfig, RAGPipeline
from medrag.dataset.labels import label_of
from medrag.dataset.questions import DocumentNames
from medrag.dataset.raft import RowMaker
from medrag.dataset.rows import Made, Row, Variant
from medrag.dataset.similar import EvaluationSets
from medrag.generation.prompts import REFUSAL
from medrag.grounding import check_support, parse_statements
from medrag.ingestion import TextEmbedder
from medrag.types import Example
from tests.dataset.small_index import pipeline_over

DRUGS = [
    "Vexamide", "Torlidol", "Quinarol", "Bremazine", "Foltamide", "Nexidol", "Harbazine",
    "Oltrazol",
]  # fmt: skip
NOTES = {
    "zolpamide": (
        "Zolpamide",
        "Zolpamide. Zolpamide is given at 50 mg twice daily in adults. It must not be taken with "
        "grapefruit [12]. The tablet says <|im_end|> on its foil.",
    ),
    # A copy but for the mark of a reference, and a passage that answers in other words.
    "copy": (
        "Zolpamide",
        "Zolpamide. Zolpamide is given at 50 mg twice daily in adults. It must not be taken with "
        "grapefruit. Hence the tablet says <|im_end|> on its foil.",
    ),
    # Nearly the same words that say otherwise: no distractor either.
    "draft": (
        "Zolpamide draft",
        "Zolpamide. Zolpamide is never given at 50 mg twice daily in adults. It must not be taken "
        "with grapefruit [12]. The tablet says <|im_end|> on its foil.",
    ),
    "list": ("Hospital list", "For adults, zolpamide is given at 50 mg twice daily in this ward."),
    **{
        name.lower(): (
            name,
            f"{name} is given at {10 + n} mg once daily in adults. Ask your nurse before you stop "
            f"it. It was first sold in the town of {name[::-1].title()}.",
        )
        for n, name in enumerate(DRUGS)
    },
}
DOSE = Example(
    "dose",
    "What is the dose of zolpamide in adults?",
    "Zolpamide dose in adults. Zolpamide is given at 50 mg twice daily in adults.",
    ("zolpamide",),
)


@pytest.fixture(scope="module")
def rag(tmp_path_factory: pytest.TempPathFactory, embedder: TextEmbedder) -> Iterator[RAGPipeline]:
    with pipeline_over(NOTES, tmp_path_factory.mktemp("raft"), embedder) as opened:
        yield opened


SETTINGS = DatasetConfig(oracle_probability=1.0, near_miss_share=0.0)


def make(
    rag: RAGPipeline, example: Example, config: DatasetConfig = SETTINGS, split: str = "train"
) -> Made:
    return RowMaker(rag, DocumentNames(rag.index), config).make(example, split)


def only(made: Made) -> Row:
    (row,) = made.rows
    return row


def said(row: Row) -> str:
    return row.completion[0]["content"]


def named(number: int) -> Example:
    return replace(DOSE, id=f"q{number}")


def test_the_place_of_the_oracle_is_uniform_and_depends_on_the_id_alone(rag: RAGPipeline) -> None:
    rows = [only(make(rag, named(n))) for n in range(60)]
    places = Counter(row.oracle for row in rows)
    assert set(places) == {1, 2, 3, 4, 5}
    assert max(places.values()) <= 24  # of 12 expected: 1 of 10,000 draws has more
    for row in rows:
        assert row.contexts[row.oracle - 1]["document"].endswith("#zolpamide")
        others = [one for place, one in enumerate(row.contexts, 1) if place != row.oracle]
        first = [one for place, one in enumerate(rows[0].contexts, 1) if place != rows[0].oracle]
        assert others == first  # in the order of retrieval
    assert only(make(rag, named(7))) == rows[7]
    moved = [
        only(make(rag, named(n), replace(SETTINGS, seed=14))).oracle != rows[n].oracle
        for n in range(10)
    ]
    assert any(moved)


def test_no_distractor_is_a_copy_or_answers(rag: RAGPipeline) -> None:
    made = make(rag, DOSE)
    documents = [one["document"].partition("#")[2] for one in only(made).contexts]
    assert len(documents) == 5
    assert "copy" not in documents
    assert "list" not in documents
    assert "draft" not in documents
    assert made.also_answers == 1
    # They are there to be found.
    found = [hit.document.partition("#")[2] for hit in rag.retrieve(DOSE.question, 5)]
    assert {"list", "draft"} <= {*found}


def test_hard_distractors_come_first(rag: RAGPipeline) -> None:
    row = only(make(rag, DOSE, replace(SETTINGS, num_distractors=2)))
    wanted = [hit.document for hit in rag.retrieve(DOSE.question, 8)]
    left = [name for name in wanted if name.partition("#")[2] in map(str.lower, DRUGS)]
    others = [one["document"] for one in row.contexts if not one["gold"]]
    assert others == left[:2]


def test_the_whole_index_may_be_too_few_distractors(rag: RAGPipeline) -> None:
    row = only(make(rag, DOSE, replace(SETTINGS, num_distractors=50)))
    assert len(row.contexts) == len(DRUGS) + 1


def test_a_long_prompt_loses_distractors_but_never_the_oracle(
    rag: RAGPipeline, embedder: TextEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [only(make(rag, DOSE))]
    while len(rows[-1].contexts) > 1:
        used = embedder.count_tokens(rows[-1].prompt[0]["content"])
        assert used <= rag.config.generator.context_tokens
        monkeypatch.setattr(rag.config.generator, "context_tokens", used - 1)
        rows.append(only(make(rag, DOSE)))
    assert [(len(row.contexts), row.left_out) for row in rows] == [(5 - n, n) for n in range(5)]
    others = [[one["document"] for one in row.contexts if not one["gold"]] for row in rows]
    for row, kept in zip(rows, others, strict=True):
        assert kept == others[0][: len(kept)]  # the last ones went first
        assert row.contexts[row.oracle - 1] == row.passage
        assert parse_statements(said(row))[0].cited == (row.oracle,)
    monkeypatch.setattr(rag.config.generator, "context_tokens", 100)
    made = make(rag, DOSE)
    assert made.left_out is not None
    assert (made.rows, made.left_out.reason) == ([], "too_long")


def test_the_label_is_what_the_passage_says_as_the_prompt_shows_it(rag: RAGPipeline) -> None:
    answer = (
        "What is the dose? Zolpamide is given at 50 mg twice daily in adults. It must not be taken "
        "with grapefruit [12]. The tablet says <|im_end|> on its foil. It cures gout in a day."
    )
    made = make(rag, replace(DOSE, answer=answer))
    row = only(made)
    n = row.oracle
    assert said(row) == (
        f"Zolpamide is given at 50 mg twice daily in adults. [{n}] It must not be taken with "
        f"grapefruit {{12}}. [{n}] The tablet says ‹|im_end|› on its foil. [{n}]"
    )
    assert made.statements_left_out == 1  # nothing bears out the last one
    shown = " ".join(row.prompt[0]["content"].replace("\n| ", " ").split())
    for statement in said(row).split(f" [{n}]"):
        assert statement.strip() in shown
    assert row.answer == answer


def test_headings_questions_and_echoes_are_no_answer(rag: RAGPipeline) -> None:
    echo = "The dose of zolpamide in adults. Zolpamide."
    made = make(rag, replace(DOSE, answer=echo))
    assert made.rows == []
    assert made.left_out is not None
    assert made.left_out.reason == "unsupported"
    kept = only(make(rag, replace(DOSE, answer=echo), split="test"))
    assert (kept.variant, kept.oracle, kept.completion) == ("unsupported", 0, [])


def test_a_few_words_are_an_answer_if_the_passage_has_them(rag: RAGPipeline) -> None:
    row = only(make(rag, replace(DOSE, answer="50 mg twice daily.")))
    assert said(row) == f"50 mg twice daily. [{row.oracle}]"
    assert make(rag, replace(DOSE, answer="Twice daily at 70 mg.")).rows == []


@pytest.mark.parametrize("before", ["Yes. ", "No, ", "No – "])
def test_yes_and_no_before_a_sentence_are_no_part_of_the_label(
    rag: RAGPipeline, before: str
) -> None:
    example = replace(DOSE, answer=f"{before}it must not be taken with grapefruit.")
    assert said(only(make(rag, example))).startswith("It must not be taken with grapefruit")
    kept = replace(DOSE, answer="No tablet says more.")  # that one is a word of the sentence
    assert only(make(rag, kept, split="test")).variant == Variant.unsupported
    alone = make(rag, replace(DOSE, answer="No."))
    assert alone.rows == []
    assert alone.left_out is not None
    assert alone.left_out.reason == "unsupported"


def test_of_two_passages_that_bear_it_out_the_label_is_of_the_one_that_says_it(
    rag: RAGPipeline,
) -> None:
    """The list says so, too, in other words."""
    hits = {hit.document.partition("#")[2]: hit for hit in rag.retrieve(DOSE.question, 20)}
    listed, quoting = hits["list"], hits["zolpamide"]
    assert label_of(DOSE, [listed], 60) is not None
    for passages in ([listed, quoting], [quoting, listed]):
        label = label_of(DOSE, passages, 60)
        assert label is not None
        assert label.passage == quoting


def test_the_label_ends_with_the_last_sentence_that_fits(rag: RAGPipeline) -> None:
    answer = NOTES["zolpamide"][1]
    rows = [
        only(make(rag, replace(DOSE, answer=answer), replace(SETTINGS, max_answer_words=most)))
        for most in (60, 20, 5)
    ]
    sizes = [len(parse_statements(said(row))) for row in rows]
    assert sizes == [3, 2, 1]
    assert all(said(row).endswith(f". [{row.oracle}]") for row in rows)


def test_another_reference_answer_will_do(rag: RAGPipeline) -> None:
    other = replace(DOSE, answer="It is a matter of taste.", alternatives=(DOSE.answer,))
    row = only(make(rag, other))
    assert said(row) == f"Zolpamide is given at 50 mg twice daily in adults. [{row.oracle}]"
    assert row.answer == other.answer


def test_what_every_document_says_is_no_label_beside_something_else(rag: RAGPipeline) -> None:
    answer = "Vexamide is given at 10 mg once daily in adults. Ask your nurse before you stop it."
    example = Example("v", "What is the dose of vexamide?", answer, ("vexamide",))
    made = make(rag, example)
    row = only(made)
    assert said(row) == f"Vexamide is given at 10 mg once daily in adults. [{row.oracle}]"
    assert made.statements_left_out == 1
    alone = replace(example, answer="Ask your nurse before you stop it.")
    row = only(make(rag, alone))
    assert said(row) == f"Ask your nurse before you stop it. [{row.oracle}]"
    assert len(row.contexts) == 5  # the others say it of other drugs


def test_a_withheld_oracle_makes_the_refusal_right(rag: RAGPipeline) -> None:
    config = replace(SETTINGS, oracle_probability=0.7)
    rows = [only(make(rag, named(n), config)) for n in range(60)]
    withheld = [row for row in rows if row.variant == "withheld"]
    assert 8 <= len(withheld) <= 29  # of 18 expected
    for row in withheld:
        assert said(row) == REFUSAL
        assert row.oracle == 0
        assert row.passage["document"].endswith("#zolpamide")
        assert len(row.contexts) == 5
        for one in row.contexts:
            source = f"{one['title']}: {one['text']}"
            assert not check_support("Zolpamide is given at 50 mg twice daily.", source).supported
    kept = [row for row in rows if row.variant == "oracle"]
    assert kept == [only(make(rag, named(int(row.id[1:])))) for row in kept]


def near_misses(rag: RAGPipeline, example: Example, count: int) -> list[Made]:
    config = replace(SETTINGS, near_miss_share=1.0)
    return [make(rag, replace(example, id=f"n{n}"), config) for n in range(count)]


def test_a_near_miss_says_what_the_altered_passage_says(rag: RAGPipeline) -> None:
    example = replace(DOSE, question="How is zolpamide taken?", answer=NOTES["zolpamide"][1])
    swapped = set()
    for made in near_misses(rag, example, 12):
        true, row = made.rows
        assert row.id == f"{true.id}#near-miss"
        assert (row.variant, row.oracle) == (Variant.near_miss, true.oracle)
        old, new = row.altered.split(" → ")
        swapped.add(row.altered)
        altered, before = row.contexts[row.oracle - 1], true.contexts[row.oracle - 1]
        assert altered == row.passage
        assert [one["altered"] for one in row.contexts].count(True) == 1
        assert altered["altered"]
        assert altered["text"] == before["text"].replace(old, new, 1)
        assert row.contexts[: row.oracle - 1] == true.contexts[: row.oracle - 1]
        assert row.prompt[0]["content"].count(new) > true.prompt[0]["content"].count(new)
        assert new in said(row)
        assert said(row) != said(true)
        (pair,) = [pair for pair in made.pairs if pair.id == row.id]
        assert (pair.prompt, pair.chosen) == (row.prompt, row.completion)
        assert pair.rejected == true.completion
        assert row.altered in pair.reason
        # The judge agrees, one statement at a time.
        judged = [
            all(
                check_support(one.text, altered["text"], title=altered["title"]).supported
                for one in parse_statements(text)
            )
            for text in (said(row), said(true))
        ]
        assert judged == [True, False]
    assert len(swapped) > 2


def test_a_passage_about_others_than_the_question_does_not_answer(rag: RAGPipeline) -> None:
    refused = 0
    for made in near_misses(rag, DOSE, 12):
        _, row = made.rows
        is_about_others = row.altered == "adults → children"
        assert (said(row) == REFUSAL) == is_about_others
        refused += is_about_others
    assert refused


def test_test_rows_are_never_altered(rag: RAGPipeline) -> None:
    made = make(rag, DOSE, replace(SETTINGS, near_miss_share=1.0), split="test")
    assert only(made).variant == "oracle"
    assert made.pairs == []


def test_pairs_prefer_the_label_and_the_right_passage(rag: RAGPipeline) -> None:
    config = replace(SETTINGS, oracle_probability=0.7)
    reasons = Counter[str]()
    rows = 0
    for n in range(90):
        made = make(rag, named(n), config)
        row = only(made)
        rows += row.variant == "oracle"
        for pair in made.pairs:
            reasons[pair.reason] += 1
            assert (pair.id, pair.prompt, pair.chosen) == (row.id, row.prompt, row.completion)
            rejected = pair.rejected[0]["content"]
            if row.variant == "withheld":
                cited = {number for one in parse_statements(rejected) for number in one.cited}
                assert cited <= set(range(1, 6))
                assert rejected != REFUSAL
            elif rejected != REFUSAL:
                wrong = parse_statements(rejected)
                assert [one.text for one in wrong] == [
                    one.text for one in parse_statements(said(row))
                ]
                assert all(one.cited != (row.oracle,) for one in wrong)
    assert reasons["no passage says it"] == 90 - rows
    refusal, citation = (
        reasons["a passage has the answer"],
        reasons["it cites a passage that does not say it"],
    )
    assert refusal > 2
    assert citation > 2
    assert 0.15 < (refusal + citation) / rows < 0.55


def test_a_question_whose_documents_are_unknown_takes_what_bears_it_out(rag: RAGPipeline) -> None:
    row = only(make(rag, replace(DOSE, documents=())))
    assert (row.documents, row.variant) == ([], "oracle")
    assert "50 mg twice daily" in row.passage["text"]
    assert [one["gold"] for one in row.contexts].count(True) == 1
    assert row.contexts[row.oracle - 1]["gold"]


def test_what_shares_words_with_an_evaluation_set_is_left_out(
    rag: RAGPipeline, tmp_path: Path
) -> None:
    held_out = tmp_path / "held.jsonl"
    shared = "zolpamide is given at 50 mg twice daily in adults"
    held_out.write_text(
        json.dumps({"question": f"Is it true that {shared.upper()}?", "answer": "-"})
    )
    maker = RowMaker(rag, DocumentNames(rag.index), SETTINGS, EvaluationSets.read([str(held_out)]))
    made = maker.make(DOSE, "train")
    assert made.rows == []
    assert made.left_out is not None
    assert (made.left_out.reason, made.left_out.kept) == ("contaminated", False)
    assert shared in made.left_out.detail
    kept = maker.make(DOSE, "test")
    assert len(kept.rows) == 1
    assert kept.left_out is not None
    assert kept.left_out.kept
    other = replace(
        DOSE, question="What must not be taken?", answer="It must not be taken with grapefruit."
    )
    assert maker.make(other, "train").left_out is None
