"""BioASQ, PubMedQA, MedQuAD and BEIR as question sets, told apart by their content."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from medrag.config import DatasetFieldsConfig
from medrag.dataset.questions import questions_hash, read_questions
from medrag.errors import QuestionError
from medrag.types import Example, QuestionKind, Rejected

PUBMED = "http://www.ncbi.nlm.nih.gov/pubmed/"


def read(path: Path, content: Any) -> tuple[list[Example], list[Rejected]]:
    """Read a file with one JSON value, or with a list of lines."""
    if isinstance(content, list):
        content = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in content)
    text = content if isinstance(content, str) else json.dumps(content, indent=2)
    path.write_text(text, encoding="utf-8")
    return read_questions(path, DatasetFieldsConfig())


def only(path: Path, content: Any) -> Example:
    (example,), rejected = read(path, content)
    assert rejected == []
    return example


# --- BioASQ ---------------------------------------------------------------------------------------

BIOASQ = {
    "id": "5a",
    "body": "Which gene causes Lynch syndrome?",
    "type": "factoid",
    "documents": [f"{PUBMED}123", f"{PUBMED}45/", f"{PUBMED}123", "678", "http://x.org/a1"],
    "ideal_answer": ["MSH2 does.", "It is MSH2."],
    "exact_answer": ["MSH2", "hMSH2"],
    "concepts": [],
    "snippets": [{"text": "MSH2", "document": f"{PUBMED}123"}],
}


@pytest.mark.parametrize("indent", [None, 2])
def test_a_bioasq_file(tmp_path: Path, indent: int | None) -> None:
    content = json.dumps({"questions": [BIOASQ]}, indent=indent)
    assert only(tmp_path / "any.name", content) == Example(
        id="5a",
        question="Which gene causes Lynch syndrome?",
        answer="MSH2 does.",
        documents=("123", "45", "678", "http://x.org/a1"),
        answerable=True,
        kind=QuestionKind.factoid,
        exact=(("MSH2", "hMSH2"),),
        alternatives=("It is MSH2.",),
    )


@pytest.mark.parametrize(
    ("type_", "exact_answer", "kind", "exact"),
    [
        ("factoid", [["MSH2", "hMSH2"]], QuestionKind.factoid, (("MSH2", "hMSH2"),)),
        ("factoid", [["MSH2"], ["hMSH2"]], QuestionKind.factoid, (("MSH2", "hMSH2"),)),
        ("factoid", "MSH2", QuestionKind.factoid, (("MSH2",),)),
        ("list", [["a", "A"], ["b"]], QuestionKind.several, (("a", "A"), ("b",))),
        ("list", ["a", "b"], QuestionKind.several, (("a",), ("b",))),
        ("yesno", "Yes.", QuestionKind.yes_no, (("yes",),)),
        ("yesno", ["no"], QuestionKind.yes_no, (("no",),)),
        ("yesno", "", QuestionKind.yes_no, ()),
        ("summary", None, QuestionKind.text, ()),
        ("summary", [], QuestionKind.text, ()),
        ("essay", None, QuestionKind.text, ()),
        (None, None, QuestionKind.text, ()),
    ],
)
def test_bioasq_answers_of_every_type(
    tmp_path: Path, type_: Any, exact_answer: Any, kind: QuestionKind, exact: Any
) -> None:
    row = BIOASQ | {"type": type_, "exact_answer": exact_answer}
    example = only(tmp_path / "q.json", {"questions": [row]})
    assert (example.kind, example.exact) == (kind, exact)


def test_bioasq_questions_of_a_running_task_are_neither_answerable_nor_not(tmp_path: Path) -> None:
    example = only(
        tmp_path / "q.json", {"questions": [{"id": "1", "body": "Why?", "type": "list"}]}
    )
    assert (example.answerable, example.documents, example.answer) == (None, (), "")


def test_bad_bioasq_questions_are_rejected_by_their_position(tmp_path: Path) -> None:
    bad = [
        "text",
        BIOASQ | {"body": " "},
        BIOASQ | {"type": "yesno", "exact_answer": "perhaps"},
        BIOASQ | {"documents": [{"url": "x"}]},
    ]
    examples, rejected = read(tmp_path / "q.json", {"questions": [bad[0], BIOASQ, *bad[1:]]})
    assert len(examples) == 1
    assert [(one.id, one.reason.split(";")[0]) for one in rejected] == [
        ("q.json:1", "not a JSON object"),
        ("q.json:3", "the question is empty"),
        ("q.json:4", "exact_answer is 'perhaps'"),
        ("q.json:5", "documents must be a text or a list of texts"),
    ]


# --- PubMedQA -------------------------------------------------------------------------------------

PUBMEDQA = {
    "question": "Does aspirin help?",
    "contexts": ["We asked 10 people.", "8 felt better."],
    "labels": ["METHODS", "RESULTS"],
    "long_answer": "Aspirin seems to help.",
}
HELPS = Example(
    id="1234",
    question="Does aspirin help?",
    answer="Aspirin seems to help.",
    documents=("1234",),
    answerable=True,
    kind=QuestionKind.yes_no,
    exact=(("yes",),),
)


def official(**changes: Any) -> dict[str, Any]:
    row = PUBMEDQA | {"final_decision": "yes", "year": "2001"} | changes
    return {name if name == "final_decision" else name.upper(): row[name] for name in row}


def test_the_official_pubmedqa_file(tmp_path: Path) -> None:
    assert only(tmp_path / "q", {"1234": official()}) == HELPS
    unlabelled = official()
    del unlabelled["final_decision"]
    bad = {"7": "text", "8": official(final_decision="so"), "9": official(question=[])}
    examples, rejected = read(tmp_path / "q", {"1234": official(), "5": unlabelled, **bad})
    assert [(one.id, one.exact) for one in examples] == [("1234", (("yes",),)), ("5", ())]
    assert [one.id for one in rejected] == ["q:7", "q:8", "q:9"]


@pytest.mark.parametrize(
    "row",
    [
        PUBMEDQA | {"id": "1234", "decision": "yes"},
        PUBMEDQA | {"pmid": 1234, "final_decision": "yes"},
        {  # as the Hugging Face data set has it
            "pubid": 1234,
            "question": PUBMEDQA["question"],
            "context": {"contexts": PUBMEDQA["contexts"], "labels": PUBMEDQA["labels"]},
            "long_answer": PUBMEDQA["long_answer"],
            "final_decision": "yes",
        },
    ],
)
def test_pubmedqa_in_lines(tmp_path: Path, row: dict[str, Any]) -> None:
    assert only(tmp_path / "q.jsonl", [row]) == HELPS


def test_a_pubmedqa_row_without_a_text_names_no_document(tmp_path: Path) -> None:
    row = {"id": "1", "question": "Why?", "contexts": [], "long_answer": ""}
    example = only(tmp_path / "q.jsonl", [row])
    assert (example.documents, example.answerable) == ((), None)


# --- MedQuAD --------------------------------------------------------------------------------------


def medquad(id_: str | None, question: str, answer: str | None) -> dict[str, Any]:
    row = {"id": id_, "question": question, "answer": answer, "focus": "Gout", "qtype": "symptoms"}
    return row | {"source": "NIH", "url": "http://x.org", "file": "1.xml"}


def test_a_question_of_medquad_has_the_answers_of_all_its_rows(tmp_path: Path) -> None:
    examples, rejected = read(
        tmp_path / "q.jsonl",
        [
            medquad("1", "What are the symptoms of Gout ?", "A red toe."),
            medquad("1", "How is gout treated?", "With colchicine."),
            medquad("2", "what are the symptoms of GOUT", "Pain."),
            medquad("3", "What are the symptoms of gout?", "A red toe."),
            medquad(None, "What are the symptoms of gout?", ""),
            medquad("4", "What is gout?", None),
            medquad("5", "", "An answer."),
        ],
    )
    assert examples == [
        Example(
            id="1",
            question="What are the symptoms of Gout ?",
            answer="A red toe.",
            documents=("1", "2", "3"),
            alternatives=("Pain.",),
        ),
        # a repeated id is called as in an index
        Example("1~2", "How is gout treated?", "With colchicine.", ("1~2",)),
        Example("4", "What is gout?", "", (), None),
    ]
    assert [one.id for one in rejected] == ["q.jsonl:7"]


def test_a_later_row_answers_the_question_of_one_without_an_answer(tmp_path: Path) -> None:
    rows = [medquad("1", "Why?", ""), medquad("2", "Why?", "So.")]
    assert only(tmp_path / "q.jsonl", rows) == Example("1", "Why?", "So.", ("2",))


# --- telling them apart ---------------------------------------------------------------------------


def test_a_list_of_rows(tmp_path: Path) -> None:
    rows = [{"question": "Why?"}, "odd", {"question": "How?", "answer": "So."}]
    examples, (rejected,) = read(tmp_path / "q.json", json.dumps(rows, indent=1))
    assert [(one.id, one.answerable) for one in examples] == [("1", None), ("3", True)]
    assert rejected == Rejected("q.json:2", "not a JSON object")


def test_the_first_record_that_can_be_read_tells_the_format(tmp_path: Path) -> None:
    lines = [
        "{oops}",
        medquad("a", "Why?", "So."),
        {"id": "b", "question": "How?", "answer": "So."},
    ]
    examples, rejected = read(tmp_path / "q.jsonl", lines)
    assert [one.documents for one in examples] == [("a",), ("b",)]
    assert [one.id for one in rejected] == ["q.jsonl:1"]


def test_configured_fields_make_every_format_plain(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(json.dumps(medquad("a", "Why?", "So.") | {"gold": "d"}))
    (example,), _ = read_questions(path, DatasetFieldsConfig(documents="gold"))
    assert example.documents == ("d",)
    path.write_text(json.dumps({"questions": [BIOASQ]}))
    (example,), _ = read_questions(path, DatasetFieldsConfig(question="body"))
    assert example.answer == ""


@pytest.mark.parametrize("content", ["", "\n \n", "{}", "[]", '{"questions": []}', '"text"', "7"])
def test_files_without_a_question(tmp_path: Path, content: str) -> None:
    with pytest.raises(QuestionError, match="no usable question"):
        read(tmp_path / "q.json", content)


@pytest.mark.parametrize("content", [{"questions": [BIOASQ]}, {"1234": official()}])
def test_a_byte_order_mark_changes_nothing(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "q.json"
    expected = read(path, content)
    for text in (json.dumps(content), json.dumps(content, indent=2)):
        path.write_text(text, encoding="utf-8-sig")
        assert read_questions(path, DatasetFieldsConfig()) == expected


# --- BEIR -----------------------------------------------------------------------------------------

QUERIES = [
    {"_id": "q1", "text": "Why?"},
    {"_id": "q2", "text": "Does it?", "metadata": {"type": "yesno", "exact_answer": "no"}},
    {"_id": "q3", "text": "Of another split?"},
    {"_id": "q4", "text": "How?", "metadata": {"ideal_answer": "So.", "url": "x"}},
]
QRELS = "query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\td2\t0\nq1\td 3\t2\nq2\td1\t0\nq4\td4\t1\n"


def beir(folder: Path, queries: list[Any] = QUERIES, **qrels: str) -> Path:
    (folder / "qrels").mkdir(parents=True)
    lines = (line if isinstance(line, str) else json.dumps(line) for line in queries)
    (folder / "queries.jsonl").write_text("\n".join(lines), encoding="utf-8")
    for name, content in qrels.items():
        (folder / "qrels" / f"{name}.tsv").write_text(content, encoding="utf-8")
    return folder


def ids(folder: Path) -> list[str]:
    return [one.id for one in read_questions(folder, DatasetFieldsConfig())[0]]


@pytest.mark.parametrize(
    "qrels", [QRELS, QRELS.partition("\n")[2], f"\ufeff{QRELS}".replace("\n", "\r\n")]
)
def test_a_beir_folder(tmp_path: Path, qrels: str) -> None:
    examples, rejected = read_questions(beir(tmp_path / "b", test=qrels), DatasetFieldsConfig())
    assert examples == [
        Example("q1", "Why?", "", ("d1", "d 3")),
        Example("q2", "Does it?", "", (), True, QuestionKind.yes_no, (("no",),)),
        Example("q4", "How?", "So.", ("d4",)),
    ]
    assert rejected == []


def test_a_query_without_a_relevant_document_may_be_answerable(tmp_path: Path) -> None:
    folder = beir(tmp_path / "b", [QUERIES[0]], test="q1\td1\t0\n")
    ((example,), _) = read_questions(folder, DatasetFieldsConfig())
    assert example.answerable is None


def test_which_judgements_of_a_beir_folder_are_used(tmp_path: Path) -> None:
    one, other = "q1\td1\t1\n", "q4\td1\t1\n"
    assert ids(beir(tmp_path / "a", train=other, dev=other, test=one)) == ["q1"]
    assert ids(beir(tmp_path / "b", train=other, dev=one)) == ["q1"]
    assert ids(beir(tmp_path / "c", train=one)) == ["q1"]
    with pytest.raises(QuestionError, match=r"has a\.tsv, b\.tsv; keep one .* test\.tsv"):
        ids(beir(tmp_path / "d", a=one, b=one))
    with pytest.raises(QuestionError, match=r"without queries\.jsonl and qrels/\*\.tsv"):
        ids(beir(tmp_path / "e"))


def test_bad_lines_of_a_beir_folder(tmp_path: Path) -> None:
    qrels = "q1\td1\t1\nq1\td1\nq1 d1 1\nq1\td1\tmany\nq9\td1\t1\n\nq5\td1\t1\n"
    queries = [*QUERIES[:1], QUERIES[0] | {"text": "Again?"}, "{oops}", {"_id": "q5", "text": [1]}]
    folder = beir(tmp_path / "b", queries, test=qrels)
    examples, rejected = read_questions(folder, DatasetFieldsConfig())
    assert [(one.question, one.documents) for one in examples] == [("Why?", ("d1",))]
    assert [one.id for one in rejected] == [
        "test.tsv:2",
        "test.tsv:3",
        "test.tsv:4",
        "queries.jsonl:2",
        "queries.jsonl:3",
        "queries.jsonl:4",
        "test.tsv: q9",
    ]


def test_a_beir_folder_of_two_unrelated_parts(tmp_path: Path) -> None:
    folder = beir(tmp_path / "b", test="x\td1\t1\n")
    with pytest.raises(
        QuestionError, match=r"no usable question; test\.tsv: x: queries\.jsonl has"
    ):
        ids(folder)


def test_the_hash_of_a_question_set_follows_its_content(tmp_path: Path) -> None:
    folder = beir(tmp_path / "b", test=QRELS)
    first = questions_hash(folder)
    (folder / "corpus.jsonl").write_text("{}")
    assert questions_hash(folder) == first
    (folder / "qrels/test.tsv").write_text(QRELS + "q3\td1\t1\n")
    second = questions_hash(folder)
    (folder / "queries.jsonl").write_text("{}")
    assert len({first, second, questions_hash(folder)}) == 3
    assert questions_hash(folder / "queries.jsonl") != questions_hash(folder / "qrels/test.tsv")


def test_what_pandas_writes_for_a_missing_text_is_none(tmp_path: Path) -> None:
    row = '{"question": "What?", "answer": NaN, "documents": [NaN, "d"], "answers": [2.5, NaN]}'
    example = only(tmp_path / "rows.jsonl", [row])
    assert (example.answer, example.documents) == ("2.5", ("d",))
