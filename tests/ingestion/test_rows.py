"""Records through `read_documents`: PubMed metadata, odd JSON numbers, columns of one name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from medrag.config import CorpusConfig, FieldsConfig
from medrag.ingestion.readers import read_documents
from medrag.text.cleaning import clean_blocks
from medrag.types import Document


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
    content = "id,text,text,,text~2,,text\n1,A,B,c,d,e,F\n"
    ((document, texts),) = read(tmp_path / "f.csv", content)
    assert (document.id, texts) == ("f.csv#1", ["A"])
    assert document.metadata == {"text~2": "B", "": "c", "text~2~2": "d", "~2": "e", "text~3": "F"}
    ((_, texts),) = read(tmp_path / "f.csv", content, FieldsConfig(text="text~2"))
    assert texts == ["B"]


def test_a_column_without_a_name_may_be_the_id_and_nothing_else(tmp_path: Path) -> None:
    ((document, _),) = read(tmp_path / "f.csv", ",text,n\n0,Rest.,2\n")  # as pandas writes it
    assert (document.id, document.title, document.url) == ("f.csv#0", "Rest.", "")
    assert document.metadata == {"n": "2"}
