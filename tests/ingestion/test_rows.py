"""Records through `read_documents`: PubMed metadata, odd JSON numbers, columns of one name."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest

from medrag.config import CorpusConfig, FieldsConfig
from medrag.errors import DocumentError
from medrag.ingestion.readers import read_documents
from medrag.text.cleaning import clean_blocks
from medrag.types import BlockKind, Document, Rejected


def read(
    path: Path, content: str, fields: FieldsConfig | None = None
) -> list[tuple[Document, list[str]]]:
    """Return a file's documents and the texts of their blocks."""
    path.write_text(content)
    found = []
    for item in read_documents(path, path.name, CorpusConfig(fields=fields or FieldsConfig())):
        assert isinstance(item, Document), item
        found.append((item, [block.text for block in clean_blocks(item.blocks)]))
    return found


def author(name: str) -> str:
    return f"<Author><LastName>{name}</LastName></Author>"


@pytest.mark.parametrize(
    ("of_chapter", "of_book", "expected"),
    [
        ("authors", "editors", ["Chapter"]),
        ("authors", "authors", ["Chapter"]),
        ("editors", "authors", ["Book"]),
        ("editors", "editors", None),
    ],
)
def test_a_book_chapter_has_its_own_authors_and_doi(
    tmp_path: Path, of_chapter: str, of_book: str, expected: list[str] | None
) -> None:
    ((document, _),) = read(
        tmp_path / "f.xml",
        "<PubmedArticleSet><PubmedBookArticle><BookDocument><PMID>7</PMID><ArticleIdList>"
        '<ArticleId IdType="bookaccession">NBK1</ArticleId><ArticleId IdType="doi">10.2/y'
        "</ArticleId></ArticleIdList><Book><BookTitle>GeneReviews</BookTitle>"
        f'<AuthorList Type="{of_book}">{author("Book")}</AuthorList>'
        '<ELocationID EIdType="doi">10.2/book</ELocationID></Book>'
        f'<ArticleTitle>C</ArticleTitle><AuthorList Type="{of_chapter}">{author("Chapter")}'
        "</AuthorList><Abstract><AbstractText>A.</AbstractText></Abstract></BookDocument>"
        "</PubmedBookArticle></PubmedArticleSet>",
    )
    assert document.metadata.get("authors") == expected
    assert document.metadata["doi"] == "10.2/y"


def test_superscripts_of_an_abstract_do_not_change_numbers(tmp_path: Path) -> None:
    ((document, texts),) = read(
        tmp_path / "f.xml",
        "<PubmedArticleSet><PubmedArticle><PMID>1</PMID>"
        "<ArticleTitle><b>10</b><sup>9</sup> cells</ArticleTitle><Abstract><AbstractText>"
        "Over 10<i><sup>-3</sup></i>/L of HCO<sub>3</sub>, Na<sup>+</sup> in 2015<sup>3</sup>."
        "</AbstractText></Abstract></PubmedArticle></PubmedArticleSet>",
    )
    assert document.title == "10^9 cells"
    assert texts == ["Over 10^-3/L of HCO3, Na+ in 2015 3."]


def test_numbers_beyond_json_become_none(tmp_path: Path) -> None:
    row = '{"text": "a", "id": 1e999, "x": [1e999, -1e999, 1.5, NaN], "half": "\\ud83d"}'
    for line in (row, row.replace("\\ud83d", "")):
        ((document, _),) = read(tmp_path / "f.jsonl", line)
        assert document.id == "f.jsonl#1"
        assert document.metadata["x"] == [None, None, 1.5, None]
        json.dumps(dict(document.metadata), allow_nan=False)


def test_columns_with_the_same_name_are_all_kept(tmp_path: Path) -> None:
    content = "id,text,text,,note~2,note,note,,text\n1,A,B,c,d,e,f,g,H\n2,,B,,,,,,\n"
    (document, texts), (_, less) = read(tmp_path / "f.csv", content)
    assert (document.id, texts, less) == ("f.csv#1", ["A\n\nB\n\nH"], ["B"])
    assert document.metadata == {"": "c", "note~2": "d", "note": "e", "note~3": "f", "~2": "g"}
    (document, texts), _ = read(tmp_path / "f.csv", content, FieldsConfig(text="text~2"))
    assert (texts, document.metadata["text"]) == (["B"], "A")


def test_keys_that_occur_twice_in_an_object_are_all_kept(tmp_path: Path) -> None:
    row = '{"text": "A", "n": 1, "text": "B", "n": {"x": 2, "x": 3}, "text": null}'
    ((document, texts),) = read(tmp_path / "f.jsonl", row)
    assert texts == ["A\n\nB"]
    assert document.metadata == {"n": 1, "n~2": {"x": 2, "x~2": 3}}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["f.csv", "f.tsv"])
def test_columns_may_be_separated_by_other_signs(tmp_path: Path, name: str, delimiter: str) -> None:
    rows = [["id", "note", "text"], ["a", '"x; y"', '"Give 0,5 mg; then 1,5 mg, | or\t2."']]
    content = "\n".join(map(delimiter.join, rows))
    expected = ("f", {"note": "x; y"}, ["Give 0,5 mg; then 1,5 mg, | or 2."])
    for start in ("", "\ufeff", "\n", f"sep={delimiter}\r\n"):
        ((document, texts),) = read(tmp_path / name, start + content)
        assert (document.id[0], document.metadata, texts) == expected


def test_semicolons_in_the_text_of_a_file_with_commas(tmp_path: Path) -> None:
    ((document, texts),) = read(tmp_path / "f.csv", "text,dose; unit;text\na; b; c,5; mg\n")
    assert (texts, document.metadata) == (["a; b; c"], {"dose; unit;text": "5; mg"})


def test_a_header_may_end_with_a_delimiter(tmp_path: Path) -> None:
    content = "id;text;\n1;A;\n2;B\n3;C;;;\n4;D;more\n"
    documents = read(tmp_path / "f.csv", content)
    assert [(texts, dict(document.metadata)) for document, texts in documents] == [
        (["A"], {}),
        (["B"], {}),
        (["C"], {}),
        (["D"], {"": "more"}),
    ]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    ("name", "content"),
    [("f.csv", "id\ttext\n1\t≥5 µg\n2\tab\n"), ("f.jsonl", '{"text": "≥5 µg"}\n{"text": "ab"}')],
)
def test_utf_16_as_excel_writes_it(tmp_path: Path, name: str, content: str, encoding: str) -> None:
    path = tmp_path / name
    data = ("\ufeff" + content).encode(encoding)
    path.write_bytes(data)
    assert [list(item.blocks)[-1].text for item in read_documents(path, name, CorpusConfig())] == [
        "≥5 µg",
        "ab",
    ]
    path.write_bytes(data + "\n1\tc".encode(encoding) + b"\0")  # half a character
    assert isinstance(list(read_documents(path, name, CorpusConfig()))[-1], Rejected)


@pytest.mark.parametrize(
    ("row", "question", "text"),
    [
        ({"question": "Why rest?", "answer": "It heals."}, "Why rest?", "It heals."),
        ({"question": "Gout", "answer": "Gout is painful."}, "Gout", "Gout is painful."),
        (
            {"question": "Why rest?", "text": "WHY REST ? It heals."},
            "Why rest?",
            "It heals.",
        ),
        ({"title": "Rest, or ice?", "text": "Rest or ice? Both."}, "Rest or ice?", "Both."),
        (
            {"text": "What is (are) Gout ? Gout is painful. Why?"},
            "What is (are) Gout ?",
            "Gout is painful. Why?",
        ),
        ({"text": "Question: Ice? Answer: Yes."}, "Question: Ice?", "Answer: Yes."),
        ({"text": "Q1: Is ice used\nA1: Yes."}, "Q1: Is ice used", "A1: Yes."),
        ({"text": "Question: Is ice used? It is."}, "Question: Is ice used?", "It is."),
        ({"text": "What is gout?"}, "", "What is gout?"),
        ({"title": "Gout", "text": "Gout hurts. Why? Crystals."}, "", "Gout hurts. Why? Crystals."),
        ({"text": "Is it (or not?) a cure: no."}, "", "Is it (or not?) a cure: no."),
        (
            {"text": "Q fever: a zoonosis. Vitamin A: no."},
            "",
            "Q fever: a zoonosis. Vitamin A: no.",
        ),
    ],
)
def test_a_question_is_told_from_its_answer(
    tmp_path: Path, row: dict[str, str], question: str, text: str
) -> None:
    path = tmp_path / "f.jsonl"
    path.write_text(json.dumps(row))
    (document,) = read_documents(path, path.name, CorpusConfig())
    assert isinstance(document, Document)
    blocks = list(document.blocks)
    assert "".join(b.text for b in blocks if b.kind == BlockKind.question) == question
    assert [b.text for b in blocks if b.kind == BlockKind.text] == [text]
    assert document.metadata == {}
    assert document.title == (row.get("title") or question or text)


def test_a_text_that_starts_with_another_question_keeps_it(tmp_path: Path) -> None:
    row = {"question": "Why rest?", "answer": "Is ice better? No."}
    ((_, texts),) = read(tmp_path / "f.jsonl", json.dumps(row))
    assert texts == ["Why rest?", "Is ice better?", "No."]


def test_a_configured_text_has_no_question(tmp_path: Path) -> None:
    row = {"question": "Why rest?", "answer": "It heals.", "text": "x"}
    ((document, texts),) = read(tmp_path / "f.jsonl", json.dumps(row), FieldsConfig(text="answer"))
    assert (texts, document.metadata) == (["It heals."], {"question": "Why rest?", "text": "x"})


def test_a_column_without_a_name_may_be_the_id_and_nothing_else(tmp_path: Path) -> None:
    ((document, _),) = read(tmp_path / "f.csv", ",text,n\n0,Rest.,2\n")  # as pandas writes it
    assert (document.id, document.title, document.url) == ("f.csv#0", "Rest.", "")
    assert document.metadata == {"n": "2"}


def table(path: Path, content: str, title: str = "F") -> list[str]:
    """Return the lines of a file that is read as one table."""
    ((document, texts),) = read(path, content)
    assert (document.id, document.title, document.metadata) == (path.name, title, {})
    return [line for text in texts for line in text.split("\n")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["f.csv", "f.tsv"])
def test_a_file_without_a_text_is_a_table(tmp_path: Path, name: str, delimiter: str) -> None:
    rows = [
        ["Drug", "Route", '"Dose, mg; |"', "Note"],
        ["Ibuprofen", "oral", "400", '"with food,\nnot in ""AKI"""'],
        ["", "", "", ""],
        ["Analgesics", "", "", ""],
        ["Morphine", "", "≤ 10", ""],
        ["", "rectal", "20"],
    ]
    content = "\n".join(map(delimiter.join, rows))
    assert table(tmp_path / name, content) == [
        'Drug: Ibuprofen; Route: oral; Dose, mg; |: 400; Note: with food, not in "AKI"',
        "Drug: Analgesics",
        "Drug: Morphine; Dose, mg; |: ≤ 10",
        "Route: rectal; Dose, mg; |: 20",
    ]


def test_the_delimiter_of_a_table_is_that_of_its_rows_too(tmp_path: Path) -> None:
    content = "Drug;Dose, mg;Most, mg\nIron;65;\nZinc;4,5;25\n"
    assert table(tmp_path / "zinc_and-iron.csv", content, "Zinc and iron") == [
        "Drug: Iron; Dose, mg: 65",
        "Drug: Zinc; Dose, mg: 4,5; Most, mg: 25",
    ]


def test_numbers_of_time_may_name_columns(tmp_path: Path) -> None:
    content = "Drug,0-2 months,>12 years,2024\nGentamicin,5 mg/kg,7 mg/kg,120\n"
    assert table(tmp_path / "f.csv", content) == [
        "Drug: Gentamicin; 0-2 months: 5 mg/kg; >12 years: 7 mg/kg; 2024: 120"
    ]


def test_a_large_table_names_its_columns_in_every_block(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    with path.open("w") as file:
        file.write("Drug,Dose\n")
        file.writelines(f"Drug {n},{n} mg\n" for n in range(20_000))
    tracemalloc.start()
    try:
        items = read_documents(path, path.name, CorpusConfig())
        document = next(items)
        assert isinstance(document, Document)
        count = 0
        for block in clean_blocks(document.blocks):
            assert block.kind == BlockKind.table
            for line in block.text.split("\n"):
                assert line == f"Drug: Drug {count}; Dose: {count} mg"
                count += 1
        assert count == 20_000
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_bad_rows_of_a_table_are_rejected_after_it(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes(b'Drug,Dose\nIron,65\nCaf\xe9,1\nZinc,5,7\nTin,"a "b" c"\nLead,0\n')
    items = list(read_documents(path, path.name, CorpusConfig()))
    reasons = [(item.id, item.reason) for item in items if isinstance(item, Rejected)]
    assert [id_ for id_, _ in reasons] == ["f.csv#3", "f.csv#4", "f.csv#5"]
    assert 'in Excel as the file type "CSV UTF-8"' in reasons[0][1]
    assert reasons[1][1] == "line 4: 3 fields, but the header has 2"
    path.write_bytes(b"Drug,Dose\n" + b"Iron,65\n" * 9_000 + b"Zinc,5,7\n" * 1_000)
    found = read_documents(path, path.name, CorpusConfig())
    document = next(found)
    assert isinstance(document, Document)
    with pytest.raises(DocumentError, match=r"1,000 rows cannot be used; the first: line 9002: 3"):
        list(document.blocks)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("Drug,Dose\n", "a header without rows"),
        ("Drug,Dose\n\n,\n", "a header without rows"),
        ("Drug,Dose\nIron,65,x\n", "line 2: 3 fields, but the header has 2"),
        ("Drug\nIron\n", "the first line does not name two columns or more"),
        ("Formulary of 2024,,\nDrug,Dose,Note\n", "the first line does not name two columns"),
        ("Ibuprofen,oral,400 mg\nIron,oral,65 mg\n", "the first line has numbers"),
        ("PMID,Abstract\n1,Rest.\n", "fields here: PMID, Abstract; set corpus.fields.text"),
        (",".join(f"g{n}" for n in range(1_001)) + "\n1", "more than 1,000 columns"),
    ],
)
def test_a_file_that_is_no_table_gives_a_reason(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "f.csv"
    path.write_text(content)
    (item,) = read_documents(path, path.name, CorpusConfig())
    assert isinstance(item, Rejected)
    assert reason in item.reason


def test_a_configured_text_makes_documents_of_the_rows(tmp_path: Path) -> None:
    content = "Drug;Dose\nIron;65 mg\n"
    ((document, texts),) = read(tmp_path / "f.csv", content, FieldsConfig(text="Dose"))
    assert (document.id, texts, document.metadata) == ("f.csv#2", ["65 mg"], {"Drug": "Iron"})
