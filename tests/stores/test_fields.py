"""Filters by the fields of documents: what passes, what is an error, and the file they rest on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medrag import PipelineConfig, RAGPipeline
from medrag.config import IndexKind, RetrieverMode
from medrag.errors import ConfigError
from medrag.indexing import BuildReport
from medrag.ingestion import TextEmbedder
from medrag.stores import IndexReader, both, in_documents, open_index, parse_filter
from medrag.stores.filters import AllOf, AnyOf, Comparison, Condition, Filter, Not

Build = Callable[[], BuildReport]

ROWS: list[dict[str, Any]] = [
    {
        "id": "a", "title": "Gout: a guideline", "year": 2021, "journal": "The Lancet",
        "mesh": ["Gout", "Uric Acid"], "date": "2021-03-14", "language": "eng", "free": True,
        "site": {"country": "Norway", "beds": 120},
    },
    {
        "id": "b", "title": "Gout: a systematic review", "year": "2018", "journal": "BMJ Open",
        "mesh": ["Gout"], "date": "2018-12-31T10:00:00", "language": "ger", "free": False,
        "site": {"country": "Norge", "beds": 80},
    },
    {
        "id": "c", "title": "Diät bei Gicht", "year": 1999, "journal": "lancet oncology",
        "mesh": ["Diet", "Crohn's disease"], "date": "1999-06", "language": "eng",
    },
    {"id": "d", "title": "Zinc", "journal": "Zeitschrift für Ärzte", "published": "2 May 2020"},
]  # fmt: skip


@pytest.fixture
def index(build: Build, corpus: Path, config: PipelineConfig) -> Iterator[IndexReader]:
    for path in corpus.rglob("*.*"):
        path.unlink()
    rows = [row | {"text": f"Gout is treated, says text {row['id']}."} for row in ROWS]
    (corpus / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    build()
    with open_index(config.index) as opened:
        yield opened


def passing(index: IndexReader, expression: str) -> str:
    """The last letters of the documents in which something is found, in order."""
    where = parse_filter(expression)
    found = index.search_words(["gout"], 10, where)
    hits = index.hits([chunk for chunk, _ in found])
    assert where is None or index.count_passing(where) == len(hits)
    return "".join(sorted(hit.document[-1] for hit in hits.values()))


@pytest.mark.parametrize(
    ("expression", "documents"),
    [
        ("", "abcd"),
        ("year >= 2018", "abd"),
        ("year > 2018", "ad"),
        ("year < 2018", "c"),
        ("year <= 2018.0", "bc"),
        ("year = 2018", "b"),
        ("year == 2018.0", "b"),
        ("year != 2018", "acd"),
        ("year in (1999, 2021)", "ac"),
        ("year not in (1999, 2021)", "bd"),
        ("year = 20*", "abd"),
        ("journal = the lancet", "a"),
        ("JOURNAL = 'The  Lancet'", "a"),
        ("journal = lancet*", "c"),
        ('journal = "the lan"*', "a"),
        ('journal = "the lan*"', ""),
        ("mesh = “uric acid”", "a"),
        ("mesh = ‘Uric Acid’", "a"),
        ('journal = "bmj "*', "b"),
        ('journal = "bmj o "*', ""),
        ("journal in (BMJ*, lancet oncology)", "bc"),
        ("journal = Zeitschrift fur arzte", "d"),
        ("journal = lancet", ""),
        ("mesh = gout", "ab"),
        ("mesh != gout", "cd"),
        ("mesh = Crohn's disease", "c"),
        ("mesh = gout and mesh = 'uric acid'", "a"),
        ("mesh = gout and not mesh = 'uric acid'", "b"),
        ("mesh = *", "abc"),
        ("not mesh = *", "d"),
        ("date >= 2018-12", "ab"),
        ("date > 2018-12", "a"),
        ("date <= 2018-12-31", "bc"),
        ("date < 2018", "c"),
        ("date >= 2021", "a"),
        ("date = 2018-12-31", "b"),
        ("date = 2018-12", "b"),
        ("date = 2018", "b"),
        ("date != 2018", "acd"),
        ("date >= 1999-06-15", "abc"),
        ("date < 1999-06-15", ""),
        ("year >= 2018-12", "abd"),
        ("year > 2018-12", "ad"),
        ("language = en* or year = 2018", "abc"),
        ("year = 2018 or year = 2021 and language = eng", "ab"),
        ("(year = 2018 or year = 2021) and language = eng", "a"),
        ("free = true", "a"),
        ("site.country = nor*", "ab"),
        ("site.beds > 100", "a"),
        ("evidence = guideline", "a"),
        ("evidence = systematic review", "b"),
        ("document = rows.jsonl#a", "a"),
        ("document = rows.jsonl#A", ""),
        ("source = rows.jsonl", "abcd"),
        ("file = rows*", "abcd"),
        ("flags = retracted", ""),
        ("flag = retracted", ""),
        ("dates >= 2021", "a"),
        ("title = diat*", "c"),
    ],
)
def test_what_passes(index: IndexReader, expression: str, documents: str) -> None:
    assert passing(index, expression) == documents


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("yaer > 2018", "no document has a field yaer; did you mean year?"),
        ("nothing = 1", r"the fields of this index are .*journal \(text\).*year \(number\)"),
        ("journal > 2018", "journal holds text .*compare it with =, in or"),
        ("year > recent", "compare with a number or a date"),
        ("flags = duplicate", "copies among the hits are one hit anyway"),
    ],
)
def test_a_field_that_cannot_be_compared_is_an_error(
    index: IndexReader, expression: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        passing(index, expression)


@pytest.mark.parametrize(
    "expression",
    ["year", "year >", "year = and", "= 2018", "(year = 2018", "year = 2018)", "year in 2018",
     "year in (2018", "year in ()", "not", "year = 2018 or", "year ~ 3", "year not 2018",
     "a = 'b", "a = b c = d", "and = 3 and and", "mesh = *gout*", "mesh = go*ut", "ok = not true",
     "a = b;", "a = `b`", "year > 20*", "not " * 3000 + "a = b"],
)  # fmt: skip
def test_an_expression_that_cannot_be_read_says_how_to_write_it(expression: str) -> None:
    with pytest.raises(ConfigError, match=r"write it like year >= 2015|too many brackets") as error:
        parse_filter(expression)
    assert "\n" not in str(error.value)


NAMES = st.sampled_from(["year", "journal", "mesh", "site.country"])
VALUES = st.text("abc XYZ-'.", min_size=1, max_size=8).filter(
    lambda value: value.strip() == value and not value.startswith("'")
)
CONDITIONS = st.one_of(
    st.builds(Condition, NAMES, st.just(Comparison.among), st.lists(VALUES, min_size=1).map(tuple)),
    st.builds(Condition, NAMES, st.just(Comparison.prefix), st.tuples(VALUES)),
    st.builds(
        Condition,
        NAMES,
        st.sampled_from([Comparison.below, Comparison.at_most, Comparison.above]),
        st.integers(0, 3000).map(lambda year: (str(year),)),
    ),
)
FILTERS = st.recursive(
    CONDITIONS,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(AllOf, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)


def written(where: Filter) -> str:
    if isinstance(where, Not):
        return f"not {written(where.part)}"
    if isinstance(where, AllOf | AnyOf):
        word = " and " if isinstance(where, AllOf) else " or "
        return f"({word.join(map(written, where.parts))})"
    quoted = [f'"{value}"' for value in where.values]
    if where.comparison is Comparison.among:
        return f"{where.field} in ({', '.join(quoted)})"
    if where.comparison is Comparison.prefix:
        return f"{where.field} = {quoted[0]}*"
    return f"{where.field} {where.comparison} {where.values[0]}"


@given(FILTERS)
def test_a_written_filter_is_read_as_it_was_meant(where: Filter) -> None:
    assert parse_filter(written(where)) == where


def test_two_filters_are_both_demanded(index: IndexReader) -> None:
    where = both(parse_filter("year > 2000"), parse_filter("mesh = gout"))
    assert where and index.count_passing(where) == 2
    assert both(None, None) is None and both(None, where) == both(where, None) == where


def test_the_fields_of_an_index_are_listed_with_their_kinds(index: IndexReader) -> None:
    kinds = {name: field.kind for name, field in index.fields().items()}
    assert kinds["year"] == "number" and kinds["date"] == "date" and kinds["mesh"] == "text"
    assert {"document", "file", "source", "title", "journal", "site.beds"} <= set(kinds)
    assert "text" not in kinds and "id" not in kinds


def test_a_value_that_no_document_has_is_said(
    index: IndexReader, caplog: pytest.LogCaptureFixture
) -> None:
    assert passing(index, "not language = engl") == "abcd"
    assert "no document has language = engl" in caplog.text


@pytest.mark.parametrize(
    "made",
    [
        lambda: Condition("year", Comparison.above, (2015,)),  # type: ignore[arg-type]
        lambda: Condition("year", Comparison.above, ()),
        lambda: Condition("year", Comparison.above, "2015"),  # type: ignore[arg-type]
        lambda: Condition("year", "about", ("2015",)),  # type: ignore[arg-type]
        lambda: in_documents("rows.jsonl#a"),
    ],
)
def test_a_filter_that_is_made_wrongly_is_an_error(made: Callable[[], Filter]) -> None:
    with pytest.raises(ConfigError, match="cannot be used: give a"):
        made()


ODD: list[dict[str, Any]] = [
    {"id": "Ab", "Publication Date": "2019-03-01", "change": "−8", "code": "10.1", "p": 0.00001},
    {"id": "aB", "year": "", "date": "20190301", "change": -2, "code": "10.10", "p": 0.3},
    {"id": "e", "year": "2019-05", "document": "rows.jsonl#Ab", "flags": "retracted", "p": 0.04},
    {"id": "é", "year": None, "published": 2019, "code": "7", "file": "gout.txt"},
    {"id": "n", "code": "007", "date": "1 Mar 1998"},
]


@pytest.mark.parametrize(
    ("expression", "documents"),
    [
        ("year = 2019", ["Ab", "aB", "e", "é"]),
        ("year < 2000", ["n"]),
        ("change < -5", ["Ab"]),
        ("p < 0.05", ["Ab", "e"]),
        ("p = 0.00001", ["Ab"]),
        ("code = 10.1", ["Ab"]),
        ("code = 7", ["é"]),
        ("document = rows.jsonl#Ab", ["Ab"]),
        ("document = rows.jsonl#e", ["e"]),
        ("flags = retracted", []),
        ("metadata.flags = retracted", ["e"]),
        ("file = gout.txt", []),
    ],
)
def test_values_as_people_write_them(
    expression: str, documents: list[str], build: Build, corpus: Path, config: PipelineConfig
) -> None:
    (corpus / "gout.txt").unlink()
    rows = [row | {"text": f"Gout, says text {number}."} for number, row in enumerate(ODD)]
    (corpus / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    build()
    with open_index(config.index) as index:
        where = parse_filter(expression)
        hits = index.hits([chunk for chunk, _ in index.search_words(["gout"], 10, where)])
        assert sorted(hit.document for hit in hits.values()) == sorted(
            f"rows.jsonl#{name}" for name in documents
        )


# --- through the pipeline -------------------------------------------------------------------


@pytest.mark.parametrize("mode", list(RetrieverMode))
def test_the_best_passages_never_hide_those_that_pass(
    mode: RetrieverMode, build: Build, corpus: Path, config: PipelineConfig, embedder: TextEmbedder
) -> None:
    """Two documents of three hundred pass, and the others fit the question better."""
    rows = [
        {"id": str(n), "text": f"Gout attacks are treated with colchicine {n}.", "year": 2020}
        for n in range(300)
    ]
    rows += [
        {"id": f"old{n}", "text": text, "year": 1950}
        for n, text in enumerate(("Of gout, the old view.", "Cherries, gout and joints."))
    ]
    (corpus / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    build()
    config.retriever.mode = mode
    with RAGPipeline(config, embedder) as rag:
        hits = rag.retrieve("How are gout attacks treated?", 5, where="year < 2000")
        assert {hit.document for hit in hits} == {"rows.jsonl#old0", "rows.jsonl#old1"}
    config.retriever.filter = "year < 2000"
    with RAGPipeline(config, embedder) as rag:
        hits = rag.retrieve("How are gout attacks treated?")
        assert {hit.metadata["year"] for hit in hits} == {1950}
        only = rag.retrieve("How are gout attacks treated?", where="document = rows.jsonl#old1")
        assert [hit.document for hit in only] == ["rows.jsonl#old1"]
        assert rag.retrieve("gout", where=in_documents(["rows.jsonl#7"])) == []


@pytest.mark.parametrize("kind", [IndexKind.hnsw, IndexKind.ivfpq])
def test_filters_work_in_every_kind_of_index(
    kind: IndexKind, build: Build, corpus: Path, config: PipelineConfig
) -> None:
    rows = [{"id": str(n), "text": f"Gout in {n} men.", "year": 1900 + n} for n in range(120)]
    (corpus / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    config.index.kind = kind
    build()
    with RAGPipeline(config) as rag:
        hits = rag.retrieve("gout in men", 50, where="year >= 2010 and year < 2015")
    assert {hit.metadata["year"] for hit in hits} == set(range(2010, 2015))


# --- the file -------------------------------------------------------------------------------


def years(index: IndexReader, expression: str) -> int:
    return index.count_passing(parse_filter(expression) or in_documents(()))


def test_later_builds_see_what_changed_and_readers_keep_theirs(
    build: Build, corpus: Path, config: PipelineConfig
) -> None:
    def write(name: str, year: int) -> None:
        row = {"id": name, "text": f"Gout, text {name}.", "year": year}
        (corpus / f"{name}.jsonl").write_text(json.dumps(row), encoding="utf-8")

    write("one", 2001)
    build()
    with open_index(config.index) as before:
        write("two", 2001)
        build()  # only added to
        with open_index(config.index) as after:
            assert years(after, "year = 2001") == 2
        write("one", 2002)
        build()  # changed: written again
        with open_index(config.index) as after:
            assert (years(after, "year = 2001"), years(after, "year = 2002")) == (1, 1)
        (corpus / "two.jsonl").unlink()
        build()
        with open_index(config.index) as after:
            assert (years(after, "year = 2001"), years(after, "year = 2002")) == (0, 1)
        assert years(before, "year = 2001") == 1


@pytest.mark.parametrize("damage", ["missing", "cut", "flipped", "other"])
def test_a_damaged_file_is_rebuilt(
    damage: str, build: Build, corpus: Path, config: PipelineConfig
) -> None:
    row = {"id": "one", "text": "Gout is painful.", "year": 2001}
    (corpus / "rows.jsonl").write_text(json.dumps(row), encoding="utf-8")
    build()
    (path,) = Path(config.index.dir).glob("generations/*/fields.sqlite")
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        path.write_bytes(content.replace(b"2001", b"2002"))
    else:
        path.write_bytes(b"SQLite format 3\0")
    for _ in range(2):
        with open_index(config.index) as index:
            assert (years(index, "year = 2001"), years(index, "year = 2002")) == (1, 0)
    assert path.read_bytes() == content
