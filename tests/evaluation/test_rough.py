"""What people do to an evaluation: odd questions, odd names, places that cannot be written."""

from __future__ import annotations

import fcntl
import json
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from medrag.config import GeneratorConfig
from medrag.dataset.questions import read_questions
from medrag.errors import (
    BusyError,
    ConfigError,
    DiskError,
    MedragError,
    MismatchError,
    QuestionError,
)
from medrag.evaluate import run
from medrag.evaluation.asking import ask_all
from medrag.evaluation.changes import read_documents
from medrag.evaluation.systems import System, read_systems
from medrag.stores.local.index import Index
from tests.conftest import NOTES
from tests.evaluation.conftest import MakeConfig, answers, build_index, write_corpus, write_rows
from tests.generation.conftest import endpoint as endpoint
from tests.generation.endpoint import Endpoint
from tests.ingestion.test_pubmed import record, relation

GOUT: dict[str, Any] = {
    "id": "1", "question": "What lowers uric acid and prevents further attacks of gout?",
    "answer": "Allopurinol.", "documents": ["gout.txt"],
}  # fmt: skip


def readable(directory: str) -> None:
    """The files are there and can be read."""
    folder = Path(directory)
    json.loads((folder / "metrics.json").read_bytes())
    json.loads((folder / "biogen.json").read_bytes())
    assert (folder / "report.html").read_text(encoding="utf-8").endswith("</html>")
    assert (folder / "metrics.png").read_bytes().startswith(b"\x89PNG")


# ------------------------------------------------------------------ questions


@pytest.mark.parametrize(
    "rows",
    [
        [GOUT],
        [{"question": "Why?"}],
        [{"question": "Why?"}, {"question": "?!"}],  # nothing is known about any
        [{"question": "Who won?", "answerable": False}],
        [{"question": "Does rest help?", "type": "yesno", "exact": "maybe"}],
        [GOUT, GOUT, GOUT | {"id": "2"}],
    ],
    ids=["one", "one unknown", "unknown", "unanswerable", "maybe", "repeated"],
)
def test_few_questions(configure: MakeConfig, rows: list[dict[str, Any]]) -> None:
    config = configure(rows, systems=["medrag", "bm25-first-sentence"])
    summary = run(config).summary
    assert summary["questions"]["all"] == len(rows)
    assert len({(row["system"], row["id"]) for row in answers(config)}) == 2 * len(rows)
    readable(config.evaluation.dir)


@pytest.mark.parametrize("content", ["", "\n\n", "{}", "[]", '{"question": ""}\n', "text\n"])
def test_no_usable_question_is_one_line(configure: MakeConfig, content: str) -> None:
    config = configure([])
    Path(config.evaluation.questions).write_text(content, encoding="utf-8")
    with pytest.raises(QuestionError, match="has no usable question") as told:
        run(config)
    assert "\n" not in str(told.value)
    Path(config.evaluation.questions).unlink()
    with pytest.raises(QuestionError, match="cannot be read"):
        run(config)


def test_any_characters(configure: MakeConfig) -> None:
    odd = [
        "a/b",
        "a b",
        "a\nb",
        "../up",
        "ß\u2028\u0085x",
        "",
        "💊",
        "%20",
        "'\"<script>",
        "x" * 500,
    ]
    rows = [
        GOUT | {"id": id_, "question": f"What lowers uric acid {id_}?",
                "answer": f"Allopurinol\u2028{id_}"}
        for id_ in odd
    ]  # fmt: skip
    rows.append(GOUT | {"id": "long", "question": "why " * 5000})
    config = configure(rows, systems=["medrag", "a/b <c> é: retriever.k=3"])
    summary = run(config).summary
    assert summary["lines_rejected"] == 1  # the long one
    found = [row for row in answers(config) if row["system"] == "medrag"]
    assert [row["question"] for row in found] == [row["question"].strip() for row in rows[:-1]]
    assert [row["reference"] for row in found] == [row["answer"].strip() for row in rows[:-1]]
    assert len({row["id"] for row in found}) == len(odd)
    assert run(config).up_to_date
    readable(config.evaluation.dir)
    page = Path(config.evaluation.dir, "report.html").read_text(encoding="utf-8")
    assert "<script>?" not in page


def test_a_huge_answer_and_a_huge_reference(configure: MakeConfig, endpoint: Endpoint) -> None:
    endpoint.says("Allopurinol lowers uric acid. " * 500)
    config = configure([GOUT | {"answer": "Allopurinol. " * 500}], systems=["closed-book"])
    config.generator = GeneratorConfig(
        kind="openai",  # type: ignore[arg-type]  # a plain string, as people write it
        base_url=endpoint.url,
        model="some-model",
    )
    summary = run(config).summary
    assert summary["systems"]["closed-book"]["answers"]["right"]["value"] == 1.0
    (row,) = answers(config)
    assert len(row["answer"]) > 8_000
    readable(config.evaluation.dir)


def test_a_model_that_fails_keeps_what_was_done(
    configure: MakeConfig, endpoint: Endpoint, tmp_path: Path
) -> None:
    config = configure([GOUT, GOUT | {"id": "2"}], systems=["dense", "closed-book"])
    config.generator = GeneratorConfig(
        kind="openai",  # type: ignore[arg-type]  # a plain string, as people write it
        base_url=endpoint.url,
        model="some-model",
        timeout_s=0.5,
    )
    endpoint.status = 400
    with pytest.raises(MedragError):
        run(config)
    assert not Path(config.evaluation.dir).exists()
    endpoint.status = 200
    endpoint.says("Allopurinol lowers uric acid [1].")
    asked = len(endpoint.asked)
    run(config)
    assert len(endpoint.asked) == asked + 4
    assert len(answers(config)) == 4


# ------------------------------------------------------------------ corpora


def test_a_retracted_document_is_no_source(configure: MakeConfig, tmp_path: Path) -> None:
    gone = record(1, "Drug Q halves mortality in sepsis.", relation("RetractionIn"))
    corpus = write_corpus(
        tmp_path / "corpus", NOTES | {"set.xml": f"<PubmedArticleSet>{gone}</PubmedArticleSet>"}
    )
    index = build_index(corpus, tmp_path / "index")
    row = {"id": "1", "question": "What halves mortality in sepsis?", "answer": "Drug Q.",
           "documents": ["PMID:1"]}  # fmt: skip
    config = configure([row], index)
    config.grounding.min_confidence = 0.0
    run(config)
    (answer,) = answers(config)
    assert "retracted" in next(h["flags"] for h in answer["hits"] if h["document"] == "PMID:1")
    assert "PMID:1" not in {source["document"] for source in answer["sources"]}
    assert answer["values"]["retrieval/recall@1"] == 1.0
    assert any("retracted" in warning for warning in answer["warnings"])
    readable(config.evaluation.dir)


def test_names_of_files_with_any_characters(configure: MakeConfig, tmp_path: Path) -> None:
    names = ["a b.txt", "a\nb.txt", "ß%20.txt", "x#y\\n.txt"]
    corpus = write_corpus(tmp_path / "corpus", {name: NOTES["gout.txt"] + name for name in names})
    index = build_index(corpus, tmp_path / "index")
    rows = [
        GOUT | {"id": str(n), "documents": [name], "question": f"{GOUT['question']} {n}"}
        for n, name in enumerate(names)
    ]
    config = configure(rows, index)
    run(config)
    with Index(index) as opened:
        ids = {*opened.document_ids()}
    assert {name for row in answers(config) for name in row["gold"]} == ids
    assert len(ids) == len(names)
    assert read_documents(Path(config.evaluation.dir, "documents.txt.gz")) == ids
    again = configure(rows, index, against=config.evaluation.dir, dir=str(tmp_path / "again"))
    assert run(again).summary["against"]["changed"] == 0


# ------------------------------------------------------------------ places


@pytest.mark.parametrize("under", ["", "/below", "/deep/below"])
def test_a_file_in_the_place_of_the_evaluation(
    configure: MakeConfig, tmp_path: Path, under: str
) -> None:
    file = tmp_path / "mine"
    file.write_text("mine")
    config = configure([GOUT], dir=f"{file}{under}")
    with pytest.raises((ConfigError, DiskError), match="mine") as told:
        run(config)
    assert "\n" not in str(told.value)
    assert "evaluation.dir" in str(told.value)
    assert file.read_text() == "mine"


@pytest.mark.parametrize("of", ["files", "an index", "here"])
def test_what_is_no_evaluation_is_not_replaced(
    configure: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, of: str
) -> None:
    folder = write_corpus(tmp_path / "mine", {"thesis.txt": "Years of work."})
    if of == "an index":
        folder = Path(build_index(folder, tmp_path / "index"))
    before = sorted(folder.rglob("*"))
    monkeypatch.chdir(folder)
    config = configure([GOUT], dir="." if of == "here" else str(folder))
    with pytest.raises(ConfigError, match=r"would be replaced.*give a new directory"):
        run(config)
    assert sorted(folder.rglob("*")) == before


def test_an_empty_directory_and_an_evaluation_are_replaced(
    configure: MakeConfig, tmp_path: Path
) -> None:
    (tmp_path / "evaluation").mkdir()
    config = configure([GOUT])
    run(config)
    (tmp_path / "evaluation" / "manifest.json").write_text("{")  # damaged: nobody knows what it is
    with pytest.raises(ConfigError, match="would be replaced"):
        run(config)


@pytest.mark.skipif(not Path("/sys").is_dir(), reason="there is no place where root cannot write")
def test_a_place_that_is_read_only(configure: MakeConfig) -> None:
    config = configure([GOUT], dir="/sys/evaluation")
    with pytest.raises(DiskError, match=r"/sys/.*choose another evaluation\.dir") as told:
        run(config)
    assert "\n" not in str(told.value)


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_is_full_keeps_what_is_done(configure: MakeConfig, tmp_path: Path) -> None:
    rows = [GOUT | {"id": str(n), "question": f"{GOUT['question']} {n}"} for n in range(30)]
    config = configure(rows)
    with pytest.raises(DiskError, match="goes on with what is done"), no_file_beyond(80_000):
        run(config)
    (kept,) = (tmp_path / ".evaluation.part" / "answers").glob("*.jsonl")
    done = kept.read_bytes().count(b"\n")
    assert 1 <= done < 30
    run(config)
    found = answers(config)
    assert [row["id"] for row in found] == [row["id"] for row in rows]
    # What was done then was not asked again: these questions alone have loaded the models.
    assert [bool(row["milliseconds"]) for row in found].count(False) == 2
    assert not found[done]["milliseconds"]


def test_what_is_left_of_another_run_is_not_used(configure: MakeConfig, tmp_path: Path) -> None:
    config = configure([GOUT])
    work = tmp_path / ".evaluation.part" / "answers"
    write_rows(work / "0-medrag.jsonl", [{"system": "medrag", "id": "1", "answer": "forged"}])
    (work / "made-from.txt").write_text("something else")
    run(config)
    assert "Allopurinol" in answers(config)[0]["answer"]
    assert not work.parent.exists()


# ------------------------------------------------------------------ others at the same time


def test_a_second_evaluation_into_the_same_directory_has_to_wait(configure: MakeConfig) -> None:
    config = configure([GOUT])
    work = Path(config.evaluation.dir).with_name(f".{Path(config.evaluation.dir).name}.part")
    work.mkdir()
    held = os.open(work, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    with pytest.raises(BusyError, match="another process is writing to"):
        run(config)
    os.close(held)
    assert run(config).summary["questions"]["all"] == 1


class Meanwhile(list[System]):
    """Systems, of which another build publishes before the second is asked."""

    def __init__(self, systems: list[System], build: Callable[[], object]) -> None:
        super().__init__(systems)
        self._build = build

    def __iter__(self) -> Iterator[System]:
        first, *others = super().__iter__()
        yield first
        self._build()
        yield from others


def test_systems_are_not_compared_on_two_states_of_an_index(
    configure: MakeConfig, tmp_path: Path
) -> None:
    corpus = write_corpus(tmp_path / "own", {"gout.txt": NOTES["gout.txt"]})
    config = configure([GOUT], systems=["medrag", "lexical"])
    config.index.dir = build_index(corpus, tmp_path / "own-index")

    def change() -> None:
        write_corpus(tmp_path / "own", {"more.txt": "More\n\nRest helps a sprain to heal."})
        build_index(corpus, tmp_path / "own-index")

    systems = Meanwhile(read_systems(config, config.evaluation.systems), change)
    examples, _ = read_questions(config.evaluation.questions, config.evaluation.fields)
    (tmp_path / "work").mkdir()
    with pytest.raises(MismatchError, match="changed while it was evaluated"):
        ask_all(config, systems, examples, tmp_path / "work" / "answers", "made-from")
