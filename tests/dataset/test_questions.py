"""Question files as people have them: accepted lines, rejected lines, document names."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medrag import PipelineConfig
from medrag.config import DatasetFieldsConfig
from medrag.dataset.questions import DocumentNames, read_questions
from medrag.errors import QuestionError
from medrag.indexing import BuildReport
from medrag.stores.local.index import Index
from medrag.types import Example, Rejected


def read(
    folder: Path, *rows: Any, fields: DatasetFieldsConfig | None = None
) -> tuple[list[Example], list[Rejected]]:
    """Read the rows as a file; strings are written as they are, everything else as JSON."""
    path = folder / "q.jsonl"
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines), encoding="utf-8")
    return read_questions(path, fields or DatasetFieldsConfig())


def only(folder: Path, row: Any, fields: DatasetFieldsConfig | None = None) -> Example:
    (example,), rejected = read(folder, row, fields=fields)
    assert rejected == []
    return example


@pytest.mark.parametrize(
    ("row", "example"),
    [
        (
            {"id": "a", "question": " Why? ", "answer": " So. ", "documents": ["d", "e"]},
            Example("a", "Why?", "So.", ("d", "e"), True),
        ),
        ({"_id": 7, "text": "Why?", "document": "d"}, Example("7", "Why?", "", ("d",), True)),
        ({"id": 0, "question": "Why?", "answer": 42}, Example("0", "Why?", "42", (), True)),
        (
            {"question": "Why?", "documents": [12, "e"]},
            Example("1", "Why?", "", ("12", "e"), True),
        ),
        ({"question": "Why?", "answer": None, "id": None}, Example("1", "Why?", "", (), False)),
        # the order of the usual names counts, not that of the row
        ({"text": "a passage", "question": "Why?"}, Example("1", "Why?", "", (), False)),
    ],
)
def test_the_usual_field_names(tmp_path: Path, row: dict[str, Any], example: Example) -> None:
    assert only(tmp_path, row) == example


def test_fields_by_other_names(tmp_path: Path) -> None:
    row = {"question": "no", "body": "Why?", "ideal": "So.", "gold": "d", "key": "k", "id": "no"}
    fields = DatasetFieldsConfig(question="body", answer="ideal", documents="gold", id="key")
    assert only(tmp_path, row, fields) == Example("k", "Why?", "So.", ("d",), True)


def test_a_missing_configured_field_is_named(tmp_path: Path) -> None:
    with pytest.raises(QuestionError, match=r"q\.jsonl:1: no field 'body'.*are question, answer"):
        read(
            tmp_path, {"question": "a", "answer": "b"}, fields=DatasetFieldsConfig(question="body")
        )


@pytest.mark.parametrize(
    ("row", "answerable"),
    [
        ({"answer": "So."}, True),
        ({"answer": ""}, False),
        ({}, False),
        ({"answer": "So.", "answerable": True}, True),
        ({"answer": "So.", "answerable": False}, False),  # an explicit value comes first
        ({"answer": "So.", "answerable": None}, True),  # no explicit value
    ],
)
def test_what_counts_as_answerable(tmp_path: Path, row: dict[str, Any], answerable: bool) -> None:
    assert only(tmp_path, {"question": "Why?", **row}).answerable is answerable


BAD = [
    ("{oops}", "not JSON"),
    ('["a", "b"]', "not a JSON object"),
    ("null", "not a JSON object"),
    ({"answer": "So.", "title": "t"}, "no question; the fields are answer, title"),
    ({"question": "  "}, "no question"),
    ({"question": ["Why?"]}, "question is a list, not text"),
    ({"question": "Why?", "answer": {"text": "So."}}, "answer is a dict, not text"),
    ({"question": "Why?", "documents": {"a": 1}}, "must be a name or a list of names"),
    ({"question": "Why?", "answer": "So.", "answerable": "no"}, "must be true or false"),
    ({"question": "Why?", "answerable": True}, "neither an answer nor documents"),
    ({"question": "Why? " * 1000}, "the limit is 4000"),  # would stop the stage later
    ('{"question": "a \\ud800 half"}', "surrogates"),  # could not be written again
]


@pytest.mark.parametrize(("row", "reason"), BAD)
def test_a_bad_line_is_rejected_and_the_rest_kept(tmp_path: Path, row: Any, reason: str) -> None:
    good = {"question": "Why?", "answer": "So."}
    examples, (rejected,) = read(tmp_path, good, "", row, good)
    assert [example.id for example in examples] == ["1", "4"]  # empty lines are counted, not kept
    assert rejected.id == "q.jsonl:3"
    assert reason in rejected.reason


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text('{"question": "Why?"}\n', encoding="utf-8-sig")
    examples, rejected = read_questions(path, DatasetFieldsConfig())
    assert (len(examples), rejected) == (1, [])


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    def refuse(path: Path, why: str) -> None:
        with pytest.raises(QuestionError, match=why) as caught:
            read_questions(path, DatasetFieldsConfig())
        assert str(path) in str(caught.value)

    refuse(tmp_path / "nothing.jsonl", "No such file")
    refuse(tmp_path, "directory")
    path = tmp_path / "q.jsonl"
    path.write_bytes(b"")
    refuse(path, "no usable question$")
    path.write_text("\n{oops}\n{worse}\n")
    refuse(path, r"no usable question; q\.jsonl:2: not JSON")
    path.write_bytes(b'{"question": "caf\xe9?"}\n')
    refuse(path, "not UTF-8")


def test_documents_are_found_by_the_names_people_use(
    config: PipelineConfig, build: Callable[[], BuildReport], corpus: Path
) -> None:
    (corpus / "rows.jsonl").write_text(
        '{"id": "zinc", "text": "Zinc is a metal."}\n{"id": "5", "text": "Five a day."}\n'
        '{"id": "gout.txt", "text": "A row named as a file is."}\n'
    )
    (corpus / "more.csv").write_text("id,text\nzinc,Zinc is taken for a cold.\n")
    (corpus / "set.xml").write_text(
        "<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>99000001</PMID><Article>"
        "<ArticleTitle>Tin</ArticleTitle><Abstract><AbstractText>Tin is soft.</AbstractText>"
        "</Abstract></Article></MedlineCitation></PubmedArticle></PubmedArticleSet>"
    )
    build()
    with Index(config.index.dir) as index:
        resolve = DocumentNames(index).resolve
        assert resolve(["sub/malaria.txt"]) == ["sub/malaria.txt"]
        assert resolve(["rows.jsonl#5"]) == ["rows.jsonl#5"]
        assert resolve(["5"]) == ["rows.jsonl#5"]
        assert resolve(["99000001"]) == resolve(["PMID:99000001"]) == ["PMID:99000001"]
        # a row id in two files means both; a full id means only itself
        assert resolve(["zinc"]) == ["more.csv#zinc", "rows.jsonl#zinc"]
        assert resolve(["gout.txt"]) == ["gout.txt"]
        # unknown names and repeats are dropped, and the order is kept
        assert resolve(["5", "malaria.txt", "", "gout.txt", "rows.jsonl#5"]) == [
            "rows.jsonl#5",
            "gout.txt",
        ]
        assert resolve([]) == []
