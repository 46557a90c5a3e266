"""Benchmarks bring their documents: what is asked about is in an index of their corpus."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medrag import CorpusConfig, IndexConfig, PipelineConfig
from medrag.dataset.benchmarks import Benchmark, open_benchmark
from medrag.dataset.questions import DocumentNames
from medrag.errors import QuestionError
from medrag.indexing import IndexBuilder
from medrag.ingestion import TextEmbedder
from medrag.stores.local.index import Index
from tests.dataset.test_formats import PUBMEDQA, QRELS, QUERIES, beir, medquad, official
from tests.dataset.test_questions import ANY_ROW, ROWS

MEDQUAD = [
    medquad("1", "What are the symptoms of gout?", "A red toe. Gout hurts."),
    medquad("1", "What are the symptoms of scurvy?", "The gums bleed."),
    medquad("1~2", "What are the symptoms of rabies?", "Fear of water."),
    medquad("a#b", "Who has gout?", "Many men."),
    medquad("b", "Who has scurvy?", "Sailors had it."),
    medquad("two  words", "Who has rabies?", "Foxes have it."),
    medquad("4", "What is gout?", "\u200b"),
    medquad(None, "What is scurvy?", "A lack of vitamin C."),
]
CORPUS = [{"_id": id_, "title": "", "text": f"Text of {id_}."} for id_ in ("d1", "d2", "d 3", "d4")]


def write(path: Path, *rows: Any) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def beir_with_corpus(folder: Path) -> Path:
    write(beir(folder, QUERIES, test=QRELS) / "corpus.jsonl", *CORPUS)
    return folder


MAKERS: dict[str, Callable[[Path], Path]] = {
    "beir": lambda root: beir_with_corpus(root / "bioasq"),
    "pubmedqa": lambda root: write(
        root / "ori_pqal.json",
        {"1234": official(), "99": official(question="Does rest help?"), "7": "bad"},
    ),
    "pubmedqa lines": lambda root: write(
        root / "pubmedqa.jsonl",
        *(PUBMEDQA | {"id": id_, "question": f"Does {id_} help?"} for id_ in ("1", "2", "1")),
        {"question": "Does nothing help?", "long_answer": None, "contexts": None},
    ),
    "medquad": lambda root: write(root / "medquad.jsonl", *MEDQUAD, "bad"),
}


@pytest.mark.parametrize("name", MAKERS)
def test_every_document_name_resolves_in_an_index_of_the_corpus(
    tmp_path: Path, embedder: TextEmbedder, name: str
) -> None:
    benchmark = open_benchmark(MAKERS[name](tmp_path))
    config = PipelineConfig(
        corpus=CorpusConfig(paths=[str(benchmark.corpus(tmp_path / "corpus"))]),
        index=IndexConfig(dir=str(tmp_path / "index")),
    )
    IndexBuilder(config, embedder).mirror()
    with Index(config.index.dir) as index:
        names = DocumentNames(index)
        names.require(benchmark.examples)
        found = [names.resolve(example.documents) for example in benchmark.examples]
        assert sum(map(len, found)) == len({id_ for ids in found for id_ in ids}) + (
            name == "pubmedqa lines"  # whose two questions have one abstract
        )
        for example, ids in zip(benchmark.examples, found, strict=True):
            assert len(ids) == len(example.documents)
            text = "\n".join(index.document_text(id_) or "" for id_ in ids)
            if name != "beir":
                assert example.answer in text
                assert example.question not in text


def test_a_row_of_medquad_has_one_name_in_both_indexes(
    tmp_path: Path, embedder: TextEmbedder
) -> None:
    """An index of the file itself, where medrag counts the ids, and one of its corpus."""
    path = MAKERS["medquad"](tmp_path)
    benchmark = open_benchmark(path)
    texts = []
    for corpus in (path, benchmark.corpus(tmp_path)):
        config = PipelineConfig(
            corpus=CorpusConfig(paths=[str(corpus)]),
            index=IndexConfig(dir=str(tmp_path / f"index of {corpus.name}")),
        )
        IndexBuilder(config, embedder).mirror()
        with Index(config.index.dir) as index:
            resolve = DocumentNames(index).resolve
            texts.append(
                [
                    [index.document_text(id_) for id_ in resolve(example.documents)]
                    for example in benchmark.examples
                ]
            )
    with_questions, without = texts
    for one, other, example in zip(with_questions, without, benchmark.examples, strict=True):
        assert [bool(text) for text in one] == [bool(text) for text in other]
        assert all(text and text.endswith(example.answer) for text in one + other)


def documents(benchmark: Benchmark, folder: Path) -> list[dict[str, Any]]:
    lines = benchmark.corpus(folder).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_a_document_of_pubmedqa_is_the_abstract_with_its_conclusion(tmp_path: Path) -> None:
    benchmark = open_benchmark(MAKERS["pubmedqa"](tmp_path))
    assert benchmark.name == "ori_pqal"
    assert [one.id for one in benchmark.rejected] == ["ori_pqal.json:7"]
    first, _ = documents(benchmark, tmp_path)
    assert first == {
        "id": "1234",
        "text": "METHODS: We asked 10 people.\n\nRESULTS: 8 felt better.\n\n"
        "CONCLUSIONS: Aspirin seems to help.",
    }


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"labels": None}, "We asked 10 people.\n\n8 felt better.\n\nCONCLUSIONS: Aspirin"),
        ({"labels": ["METHODS"]}, "METHODS: We asked 10 people.\n\n8 felt better.\n\nCONCLUSIONS:"),
        ({"contexts": ["", "8 felt better."]}, "RESULTS: 8 felt better.\n\nCONCLUSIONS:"),
        ({"contexts": "All felt better."}, "METHODS: All felt better.\n\nCONCLUSIONS:"),
        ({"contexts": ["Same.", "Same."]}, "METHODS: Same.\n\nRESULTS: Same.\n\nCONCLUSIONS:"),
        ({"long_answer": ""}, "METHODS: We asked 10 people.\n\nRESULTS: 8 felt better."),
    ],
)
def test_abstracts_with_parts_missing(tmp_path: Path, change: dict[str, Any], text: str) -> None:
    benchmark = open_benchmark(write(tmp_path / "q.jsonl", PUBMEDQA | {"id": "1"} | change))
    (document,) = documents(benchmark, tmp_path)
    assert document["text"].startswith(text)


def test_a_document_of_medquad_is_an_answer_under_its_focus(tmp_path: Path) -> None:
    benchmark = open_benchmark(MAKERS["medquad"](tmp_path))
    first, *others = documents(benchmark, tmp_path)
    assert first == {
        "id": "1",
        "title": "Gout",
        "text": "A red toe. Gout hurts.",
        "url": "http://x.org",
    }
    assert [one["id"] for one in others] == ["1~2", "1~2~2", "a#b", "b", "two words", "8"]


def test_a_beir_folder_has_its_corpus(tmp_path: Path) -> None:
    folder = MAKERS["beir"](tmp_path)
    benchmark = open_benchmark(str(folder))
    assert benchmark.name == "bioasq"
    assert [one.id for one in benchmark.examples] == ["q1", "q2", "q4"]
    assert benchmark.corpus(tmp_path / "none") == folder / "corpus.jsonl"
    assert not (tmp_path / "none").exists()


def test_a_corpus_is_written_once_and_never_over_its_source(tmp_path: Path) -> None:
    source = MAKERS["medquad"](tmp_path)
    before = source.read_bytes()
    benchmark = open_benchmark(source)
    path = benchmark.corpus(tmp_path)
    content, written = path.read_bytes(), path.stat().st_mtime_ns
    assert source.read_bytes() == before
    assert benchmark.corpus(tmp_path) == path
    assert path.stat().st_mtime_ns == written
    for other in (content[:-1], content + b"{}\n", content.replace(b"Gout", b"Goat"), b""):
        path.write_bytes(other)
        benchmark.corpus(tmp_path)
        assert path.read_bytes() == content
    assert sorted(one.name for one in tmp_path.iterdir()) == ["medquad-corpus.jsonl", source.name]


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda root: root / "none", "there is no such file or folder"),
        (lambda root: root, r"the folder has no corpus\.jsonl and no queries\.jsonl and no qrels"),
        (lambda root: beir(root / "b", test=QRELS), r"the folder has no corpus\.jsonl"),
        (
            lambda root: write(root / "q.jsonl", {"question": "Why?", "answer": "So."}),
            "the fields of its first record are question, answer",
        ),
        (lambda root: write(root / "q.json", {"questions": [{"body": "?"}]}), "record are body"),
        (lambda root: write(root / "q.jsonl"), "no JSON object"),
        (lambda root: write(root / "q.jsonl", "text"), "no JSON object"),
    ],
)
def test_anything_else_is_told_what_can_be_used(
    tmp_path: Path, make: Callable[[Path], Path], why: str
) -> None:
    with pytest.raises(QuestionError, match=f"is not a benchmark: .*{why}") as caught:
        open_benchmark(make(tmp_path))
    message = str(caught.value)
    assert all(name in message for name in ("BEIR", "PubMedQA", "MedQuAD"))
    assert "\n" not in message


@settings(deadline=None, database=None, max_examples=50)
@given(st.sampled_from([MEDQUAD[0], PUBMEDQA]), st.lists(ROWS | ANY_ROW, max_size=4))
def test_whatever_the_rows_hold_their_documents_are_in_the_corpus(
    first: dict[str, Any], rows: list[dict[str, Any]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        benchmark = open_benchmark(write(Path(folder, "q.jsonl"), first, *rows))
        ids = [one["id"] for one in documents(benchmark, Path(folder))]
        assert len(ids) == len(set(ids))
        assert {name for one in benchmark.examples for name in one.documents} == set(ids)
