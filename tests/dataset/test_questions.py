"""Question files as people have them: accepted lines, rejected lines, document names."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medrag import PipelineConfig
from medrag.config import DatasetFieldsConfig
from medrag.dataset.questions import DocumentNames, read_questions
from medrag.errors import QuestionError
from medrag.indexing import BuildReport
from medrag.stores.local.index import Index
from medrag.types import Example, QuestionKind, Rejected


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


def example(
    id: str = "1",
    question: str = "Why?",
    answer: str = "",
    documents: tuple[str, ...] = (),
    answerable: bool | None = True,
    **others: Any,
) -> Example:
    return Example(id, question, answer, documents, answerable, **others)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            {"id": "a", "question": " Why? ", "answer": " So. ", "documents": ["d", "e"]},
            example("a", answer="So.", documents=("d", "e")),
        ),
        ({"_id": 7, "text": "Why?", "document": "d"}, example("7", documents=("d",))),
        ({"id": 0, "question": "Why?", "answer": 42}, example("0", answer="42")),
        ({"question": "Why?", "documents": [12, "e", "12"]}, example(documents=("12", "e"))),
        ({"question": "Why?", "document": 12}, example(documents=("12",))),
        ({"question": "Why?", "answer": None, "id": None}, example(answerable=None)),
        # the order of the usual names counts, not that of the row
        ({"text": "a passage", "question": "Why?"}, example(answerable=None)),
        (
            {"question": "Why?", "answers": ["So.", "Thus."]},
            example(answer="So.", alternatives=("Thus.",)),
        ),
        (
            {"question": "Why?", "answers": ["So.", " Thus. ", ""], "answer": "Thus."},
            example(answer="Thus.", alternatives=("So.",)),
        ),
        ({"question": "Why?", "answers": "So."}, example(answer="So.")),
        ({"question": "Why?", "nuggets": ["a", "b", "a"]}, example(nuggets=("a", "b"))),
        (
            {"question": "Why?", "kind": "factoid", "exact": ["ASS", "aspirin"]},
            example(kind=QuestionKind.factoid, exact=(("ASS", "aspirin"),)),
        ),
        (
            {"question": "Why?", "type": "list", "exact_answer": ["a", ["b", "B"]]},
            example(kind=QuestionKind.several, exact=(("a",), ("b", "B"))),
        ),
        (
            {"question": "Why?", "type": "Yes/No", "exact": "YES"},
            example(kind=QuestionKind.yes_no, exact=(("yes",),)),
        ),
        ({"question": "Why?", "exact": 42}, example(exact=(("42",),))),
        ({"question": "Why?", "type": "summary"}, example(answerable=None)),
        ({"question": "Why?", "type": ["odd"]}, example(answerable=None)),
    ],
)
def test_the_usual_field_names(tmp_path: Path, row: dict[str, Any], expected: Example) -> None:
    assert only(tmp_path, row) == expected


def test_fields_by_other_names(tmp_path: Path) -> None:
    row = {"question": "no", "body": "Why?", "ideal": "So.", "gold": "d", "key": "k", "id": "no"}
    fields = DatasetFieldsConfig(question="body", answer="ideal", documents="gold", id="key")
    assert only(tmp_path, row, fields) == example("k", answer="So.", documents=("d",))


def test_a_missing_configured_field_is_named(tmp_path: Path) -> None:
    with pytest.raises(QuestionError, match=r"q\.jsonl:1: no field 'body'.*are question, answer"):
        read(
            tmp_path, {"question": "a", "answer": "b"}, fields=DatasetFieldsConfig(question="body")
        )


@pytest.mark.parametrize(
    ("row", "answerable"),
    [
        ({"answer": "So."}, True),
        ({"documents": ["d"]}, True),
        ({"nuggets": ["So."]}, True),
        ({"exact": ["So."]}, True),
        ({"answer": ""}, None),
        ({"documents": []}, None),
        ({}, None),
        ({"answer": "So.", "answerable": True}, True),
        ({"answer": "So.", "answerable": False}, False),  # an explicit value comes first
        ({"documents": ["d"], "answerable": False}, False),
        ({"answerable": True}, True),
        ({"answer": "So.", "answerable": None}, True),  # no explicit value
    ],
)
def test_what_counts_as_answerable(
    tmp_path: Path, row: dict[str, Any], answerable: bool | None
) -> None:
    assert only(tmp_path, {"question": "Why?", **row}).answerable is answerable


BAD = [
    ("{oops}", "not JSON"),
    ('["a", "b"]', "not a JSON object"),
    ("null", "not a JSON object"),
    ({"answer": "So.", "title": "t"}, "no question; the fields are answer, title"),
    ({"question": "  "}, "no question"),
    ({"a\nb": 1}, "no question; the fields are a b"),
    ({"question": ["Why?"]}, "question is a list, not text"),
    ({"question": "Why?", "answer": {"text": "So."}}, "answer is a dict, not text"),
    ({"question": "Why?", "documents": {"a": 1}}, "documents must be a text or a list of texts"),
    ({"question": "Why?", "document": ["a", None]}, "document must be a text or a list of texts"),
    ({"question": "Why?", "answers": [["So."]]}, "answers must be a text or a list of texts"),
    ({"question": "Why?", "nuggets": {"a": 1}}, "nuggets must be a text or a list of texts"),
    ({"question": "Why?", "exact": [[["a"]]]}, "exact must be a text or a list of texts"),
    ({"question": "Why?", "kind": "yesno", "exact": "so"}, "must be yes, no or maybe"),
    ({"question": "Why?", "kind": "yesno", "exact": ["yes", "no"]}, "must be yes, no or maybe"),
    ({"question": "Why?", "answer": "So.", "answerable": "no"}, "must be true or false"),
    ({"question": "Why? " * 1000}, "the limit is 4000"),  # would stop the stage later
    ('{"question": "a \\ud800 half"}', "surrogates"),  # could not be written again
    (100_000 * "[", "not JSON"),  # deeper than Python follows
    (f'{{"question": "Why?", "id": {5000 * "1"}}}', "not JSON"),  # longer than Python reads
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


def test_a_repeated_id_gets_a_suffix(tmp_path: Path) -> None:
    rows = [{"id": id_, "question": f"Why {n}?"} for n, id_ in enumerate("aab")]
    examples, _ = read(tmp_path, *rows, {"id": "a~2", "question": "Why not?"})
    assert [one.id for one in examples] == ["a", "a~2", "b", "a~2~2"]


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    def refuse(path: Path, why: str) -> None:
        with pytest.raises(QuestionError, match=why) as caught:
            read_questions(path, DatasetFieldsConfig())
        assert str(path) in str(caught.value)

    for name in ("q.csv", "Q.CSV", "q.tsv", "q.xlsx"):
        (tmp_path / name).write_text("question,answer\nWhat is COPD?,a lung disease\n")
        refuse(tmp_path / name, "JSON Lines")
    (tmp_path / "csv").write_text('{"question": "What is COPD?"}\n')
    assert read_questions(tmp_path / "csv", DatasetFieldsConfig())[0]
    refuse(tmp_path / "nothing.jsonl", "No such file")
    refuse(tmp_path, "directory")
    path = tmp_path / "q.jsonl"
    path.write_bytes(b"")
    refuse(path, "no usable question$")
    path.write_text("\n{oops}\n{worse}\n")
    refuse(path, r"no usable question; q\.jsonl:2: not JSON")
    path.write_bytes(b'{"question": "caf\xe9?"}\n')
    refuse(path, "not UTF-8")
    path.write_bytes(10_000 * b'{"question": "Why?"}\n' + b"\xe9")  # far behind the start
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


def test_names_that_resolve_nowhere_are_told_at_once(
    config: PipelineConfig, build: Callable[[], BuildReport], corpus: Path
) -> None:
    (corpus / "rows.jsonl").write_text('{"id": "zinc", "text": "Zinc is a metal."}\n')
    build()
    with Index(config.index.dir) as index:
        names = DocumentNames(index)
        known = example(documents=("gout.txt", "zinc", "rows.jsonl#zinc", "rows.jsonl#\u200bzinc"))
        names.require([known, example()])
        unknown = ("Gout.TXT", "zincc", "sub/malaria", "gout.txt", "qqqqqqqq", "a\nb")
        with pytest.raises(QuestionError) as caught:
            names.require([known, example(documents=unknown), example(documents=unknown)])
    message = str(caught.value)
    assert message.startswith(
        f"5 of 9 document names in the questions are not in the index {index.location}: "
    )
    assert "'Gout.TXT' (nearest: gout.txt)" in message
    assert "'zincc' (nearest: rows.jsonl#zinc)" in message
    assert "'sub/malaria' (nearest: sub/malaria.txt); …" in message
    assert "qqqqqqqq" not in message
    assert "\n" not in message
    with Index(config.index.dir) as index, pytest.raises(QuestionError) as caught:
        DocumentNames(index).require([example(documents=("qqqqqqqq", "a\nb"))])
    assert "'qqqqqqqq' (no id is like it); 'a b'" in str(caught.value)


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"id": "a#b"}, "a#b"),  # ids that hold the mark themselves
        ({"id": "two  words\u200b"}, "two  words\u200b"),  # an index keeps them on one line
        ({"id": "gout"}, "gout~2"),  # the second document of this id in one file
    ],
)
def test_a_name_is_found_as_the_file_spells_it(
    config: PipelineConfig,
    build: Callable[[], BuildReport],
    corpus: Path,
    row: dict[str, Any],
    name: str,
) -> None:
    rows = [{"id": "gout", "text": "One."}, {"id": "b", "text": "Two."}, row | {"text": "Three."}]
    (corpus / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    build()
    with Index(config.index.dir) as index:
        (found,) = DocumentNames(index).resolve([name])
        assert index.document_text(found) == "Three."


FIELDS = """
    question text body answer answers long_answer ideal_answer exact exact_answer nuggets kind type
    documents document contexts context labels decision final_decision id _id pubid answerable focus
    qtype questions QUESTION
""".split()  # noqa: SIM905
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["yes", "yesno", "factoid", "list", "http://x/pubmed/12", "Why?"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=3), inner, max_size=6)
    ),
    max_leaves=12,
)
ASKED: list[dict[str, Any]] = [
    {"question": "Why?"},
    {"text": "How?", "kind": "yesno"},
    {"body": "Which?", "type": "factoid"},
    {"question": "Does it?", "long_answer": "It does.", "contexts": ["It did."]},
    {"question": "What?", "answer": "That.", "focus": "It", "qtype": "information"},
]
ANY_ROW = st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=10)
SMALL = SCALARS | st.lists(SCALARS, max_size=2)
ROWS = st.builds(
    lambda given, asked: given | asked,
    st.dictionaries(st.sampled_from(FIELDS), SMALL, max_size=4),
    st.sampled_from(ASKED),
)


@settings(deadline=None, database=None)
@given(
    st.lists(ROWS | ANY_ROW | VALUES, max_size=4),
    st.sampled_from(["lines", "list", "BioASQ", "keys"]),
)
def test_any_json_gives_questions_or_reasons(values: list[Any], container: str) -> None:
    whole = {
        "lines": "\n".join(map(json.dumps, values)),
        "list": json.dumps(values, indent=1),
        "BioASQ": json.dumps({"questions": values}),
        "keys": json.dumps({str(n): value for n, value in enumerate(values)}),
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "q.json")
        path.write_text(whole[container], encoding="utf-8")
        try:
            examples, rejected = read_questions(path, DatasetFieldsConfig())
        except QuestionError as error:
            assert str(path) in str(error)
            return
        ids = [one.id for one in examples]
        assert len(set(ids)) == len(ids)
        for one in examples:
            assert one.question
            if one.answer or one.exact or one.nuggets or one.documents:
                assert one.answerable is not None
            if one.kind is QuestionKind.yes_no:
                assert one.exact in ((), (("yes",),), (("no",),), (("maybe",),))
        if container == "list" and not any("focus" in value for value in map(fields_of, values)):
            assert len(rejected) + len(examples) == len(values)  # MedQuAD alone is merged
        again = write_again(Path(folder, "again.jsonl"), examples)
        assert read_questions(again, DatasetFieldsConfig()) == (examples, [])


def fields_of(value: Any) -> list[str]:
    return list(value) if isinstance(value, dict) else []


def write_again(path: Path, examples: list[Example]) -> Path:
    """Write examples as rows of one's own."""
    rows = [asdict(one) | {"kind": one.kind.value, "answers": one.alternatives} for one in examples]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path
