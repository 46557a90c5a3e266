"""The measures of one question, by hand: citations, answers, refusals, rankings."""

from __future__ import annotations

from typing import Any

import pytest

from medrag.evaluation.judgement import judge
from medrag.evaluation.measures import Context, measure
from medrag.grounding import check_support
from medrag.stores.local.index import Index
from medrag.types import (
    Answer,
    AnswerSentence,
    Citation,
    Contradiction,
    Example,
    QuestionKind,
)

QUESTION = "What lowers uric acid in gout?"
LOWERS = "Allopurinol lowers uric acid and prevents further attacks."
SPREAD = "Malaria is spread by Anopheles mosquitoes."
FULL, PARTIAL = "Allopurinol lowers uric acid.", "Allopurinol is an excellent old cheap tablet."


def source(marker: int, document: str, text: str, index: Index, shift: int = 0) -> Citation:
    start = (index.document_text(document) or "").index(text) + shift
    return Citation(
        marker, document, "", text, start, start + len(text), None, "", "", 1.0
    )  # fmt: skip


@pytest.fixture
def index(notes_index: str) -> Index:
    return Index(notes_index)


def values(
    answer: Answer, index: Index, /, *, shown: bool = True, ranked: list[str] | None = None,
    gold: tuple[str, ...] = (), **known: Any,
) -> dict[str, float]:  # fmt: skip
    example = Example("q", QUESTION, **({"answer": ""} | known))
    verdict = judge(example, answer)
    return measure(Context(example, gold, ranked, shown, verdict, [1, 2]), answer, index)


def said(*texts: str, stance: str = "") -> Answer:
    sentences = tuple(AnswerSentence(text, (), 1.0, True) for text in texts)
    return Answer(QUESTION, " ".join(texts), False, 0.5, (), (), sentences, stance)


def of(section: str, found: dict[str, float]) -> dict[str, float]:
    return {
        name.partition("/")[2]: value for name, value in found.items() if name.startswith(section)
    }


def test_citations_are_weighed_as_trec_does(index: Index) -> None:
    """One citation supports fully, one in part, one not at all: 1, 0.5 and 0."""
    assert 0 < check_support(PARTIAL, LOWERS).score < 0.5
    gout, malaria = (
        source(1, "gout.txt", LOWERS, index),
        source(2, "sub/malaria.txt", SPREAD, index),
    )
    answer = Answer(
        QUESTION, "…", False, 0.5, (gout, malaria), (),
        (
            AnswerSentence(FULL, (1, 2), 1.0, True),
            AnswerSentence(PARTIAL, (1,), 0.9, True),
            AnswerSentence("It cures.", (), 0.0, False),
        ),
    )  # fmt: skip
    assert of("citations", values(answer, index)) == pytest.approx(
        {
            "precision": (1 + 0 + 0.5) / 3,
            "recall": (max(1, 0) + 0.5) / 2,
            "supported": 2 / 3,
            "contradicted": 0.0,
            "resolved": 1.0,
        }
    )
    assert of("citations", values(answer, index, shown=False)) == {}


def test_a_citation_that_quotes_another_place_is_not_resolved(index: Index) -> None:
    sources = (
        source(1, "gout.txt", LOWERS, index),
        source(2, "gout.txt", LOWERS, index, shift=1),
    )
    gone = Citation(3, "gone.txt", "", LOWERS, 0, len(LOWERS), None, "", "", 1.0)
    statement = AnswerSentence(FULL, (1,), 1.0, True)
    answer = Answer(QUESTION, "…", False, 0.5, (*sources, gone), (), (statement,))
    assert values(answer, index)["citations/resolved"] == pytest.approx(1 / 3)


def test_an_answer_without_citations_supports_nothing(index: Index) -> None:
    """A model that reads no passages."""
    bare = Answer(QUESTION, LOWERS, False, 0.5, (), ())
    assert of("citations", values(bare, index)) == {"recall": 0.0, "contradicted": 0.0}


def test_a_contradicted_answer_is_counted(index: Index) -> None:
    cited = source(1, "gout.txt", LOWERS, index)
    against = Contradiction(FULL, "it says so", source(2, "sub/malaria.txt", SPREAD, index))
    statement = AnswerSentence(FULL, (1,), 1.0, True)
    answer = Answer(QUESTION, "…", False, 0.5, (cited,), (), (statement,), contradicting=(against,))
    assert values(answer, index)["citations/contradicted"] == 1.0


@pytest.mark.parametrize(
    ("known", "answer", "expected"),
    [
        (
            {"answer": "Allopurinol lowers it.", "alternatives": ("Uric acid falls.", FULL)},
            said(FULL),
            {"right": 1, "right_when_answered": 1, "score": 1, "token_f1": 1, "rouge_l": 1},
        ),
        (
            # 1 of 2 words said, 1 of 3 wanted: 2·(1/2)·(1/3) / (1/2 + 1/3) = 2/5
            {"answer": "Drink plain water."},
            said("Eat plain."),
            {"right": 0, "right_when_answered": 0, "score": 1 / 3, "token_f1": 2 / 5,
             "rouge_l": 2 / 5},
        ),
        (
            {"kind": QuestionKind.factoid, "exact": (("allopurinol",),)},
            said(FULL),
            {"right": 1, "right_when_answered": 1, "score": 1, "exact": 1},
        ),
        (
            {"kind": QuestionKind.several, "exact": (("fever",), ("cough",), ("rash",))},
            said("Fever is seen."),
            {"right": 0, "right_when_answered": 0, "score": 1 / 3, "items_recall": 1 / 3},
        ),
        (
            {"kind": QuestionKind.yes_no, "exact": (("no",),)},
            said("It does not.", stance="no"),
            {"right": 1, "right_when_answered": 1, "score": 1, "yes_no": 1},
        ),
        (
            {"nuggets": ("allopurinol lowers it", "febuxostat lowers it", "it is taken daily")},
            said("Allopurinol lowers the acid.", "It is taken daily."),
            {"right": 1, "right_when_answered": 1, "score": 2 / 3, "nugget_recall": 2 / 3},
        ),
        (
            {"answer": FULL},  # a question is no answer, although it shares 3 of 4 words
            said("What lowers uric acid?"),
            {"right": 0, "right_when_answered": 0, "score": 0, "token_f1": 0.75, "rouge_l": 0.75},
        ),
        ({"answerable": None}, said(FULL), {}),
        ({"answerable": False}, said(FULL), {"right_when_answered": 0}),
    ],
)  # fmt: skip
def test_answers_by_hand(
    index: Index, known: dict[str, Any], answer: Answer, expected: dict[str, float]
) -> None:
    found = values(answer, index, **known)
    assert of("answers", found) == pytest.approx(expected | {"coverage": 1}, abs=1e-3)


def test_a_refused_question_scores_nothing(index: Index) -> None:
    known = {"answer": FULL, "nuggets": (FULL,), "kind": QuestionKind.factoid,
             "exact": (("allopurinol",),)}  # fmt: skip
    found = of("answers", values(said(FULL), index, shown=False, **known))
    assert found == {
        "coverage": 0, "right": 0, "score": 0, "exact": 0, "nugget_recall": 0, "token_f1": 0,
        "rouge_l": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("answerable", "shown", "expected"),
    [
        (True, True, {}),
        (True, False, {"precision": 0.0}),
        (False, True, {"recall": 0.0}),
        (False, False, {"recall": 1.0, "precision": 1.0}),
        (None, True, {}),  # unknown: it says nothing about refusals
        (None, False, {}),
    ],
)
def test_refusals_by_hand(
    index: Index, answerable: bool | None, shown: bool, expected: dict[str, float]
) -> None:
    found = values(said(FULL), index, shown=shown, answer=FULL, answerable=answerable)
    assert of("abstention", found) == expected


def test_rankings_by_hand(index: Index) -> None:
    ranked = ["x", "b", "a"]
    found = of("retrieval", values(said(FULL), index, ranked=ranked, gold=("a", "b", "c")))
    gain = 1 / 1.584962500721156 + 1 / 2  # ranks 2 and 3
    ideal = 1 + 1 / 1.584962500721156 + 1 / 2
    assert found == pytest.approx(
        {"recall@1": 0, "recall@2": 1 / 3, "mrr": 1 / 2, "ndcg@10": gain / ideal}
    )


def test_finding_nothing_counts_and_searching_nothing_does_not(index: Index) -> None:
    nothing = of("retrieval", values(said(FULL), index, ranked=[], gold=("a",)))
    assert nothing == {"recall@1": 0, "recall@2": 0, "mrr": 0, "ndcg@10": 0}
    assert of("retrieval", values(said(FULL), index, ranked=None, gold=("a",))) == {}
    assert of("retrieval", values(said(FULL), index, ranked=["a"], gold=())) == {}
