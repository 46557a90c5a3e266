"""Any question set is evaluated; a benchmark brings its documents, which are indexed once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medrag.errors import QuestionError
from medrag.evaluate import run
from medrag.manifest import read_manifest
from tests.evaluation.conftest import MakeConfig, answers, build_index, make_config, write_rows

DOCUMENTS = [
    {"_id": "11", "title": "Gout", "text": "Allopurinol lowers uric acid in gout. It is a tablet."},
    {"_id": "22", "title": "Malaria", "text": "Severe malaria is treated with artesunate."},
    {"_id": "33", "title": "Scurvy", "text": "Scurvy is treated with vitamin C and oranges."},
]
PUBMED = "http://www.ncbi.nlm.nih.gov/pubmed/"
BIOASQ = [
    {"id": "a", "body": "What lowers uric acid in gout?", "type": "factoid",
     "documents": [f"{PUBMED}11"], "exact_answer": [["allopurinol", "allopurinol tablets"]],
     "ideal_answer": ["Allopurinol."]},
    {"id": "b", "body": "Is severe malaria treated with artesunate?", "type": "yesno",
     "documents": [f"{PUBMED}22"], "exact_answer": "yes", "ideal_answer": ["Yes, it is."]},
    {"id": "c", "body": "How can scurvy be treated?", "type": "list",
     "documents": [f"{PUBMED}33"], "exact_answer": [["vitamin C", "ascorbic acid"], ["oranges"]],
     "ideal_answer": ["With vitamin C."]},
    {"id": "d", "body": "How is malaria treated?", "type": "summary",
     "documents": [f"{PUBMED}22"], "ideal_answer": ["With artesunate."]},
]  # fmt: skip
PUBMEDQA = [
    {"id": row["_id"], "question": f"Does anything help against {row['title'].lower()}?",
     "contexts": [row["text"]], "labels": ["RESULTS"], "long_answer": "Yes, it helps.",
     "final_decision": "yes"}
    for row in DOCUMENTS
]  # fmt: skip
MEDQUAD = [
    {"id": row["_id"], "question": f"What are the treatments for {row['title']}?", "qtype": "t",
     "answer": row["text"], "focus": row["title"], "source": "s", "url": "https://example.org"}
    for row in DOCUMENTS
]  # fmt: skip
MODES = ["medrag", "dense", "lexical", "bm25-first-sentence", "dense-first-sentence"]


def beir(folder: Path) -> Path:
    write_rows(folder / "corpus.jsonl", DOCUMENTS)
    queries = [
        {"_id": row["id"], "text": row["body"],
         "metadata": {name: row.get(name) for name in ("type", "exact_answer", "ideal_answer")}}
        for row in BIOASQ
    ]  # fmt: skip
    write_rows(folder / "queries.jsonl", [*queries, {"_id": "e", "text": "Of another split?"}])
    lines = [f"{row['id']}\t{row['documents'][0].removeprefix(PUBMED)}\t1" for row in BIOASQ]
    (folder / "qrels").mkdir()
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "\n".join(lines))
    return folder


def bioasq(path: Path) -> Path:
    path.write_text(json.dumps({"questions": BIOASQ}, indent=1), encoding="utf-8")
    return path


SETS: dict[str, Callable[[Path], Path]] = {
    "bioasq": lambda root: bioasq(root / "bioasq.json"),
    "beir": lambda root: beir(root / "folder"),
    "pubmedqa": lambda root: write_rows(root / "pubmedqa.jsonl", PUBMEDQA),
    "medquad": lambda root: write_rows(root / "medquad.jsonl", MEDQUAD),
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("sets")
    rows = [{**row, "id": row["_id"]} for row in DOCUMENTS]
    write_rows(root / "corpus" / "corpus.jsonl", rows)
    return build_index(root / "corpus", root / "index")


@pytest.mark.parametrize("name", SETS)
def test_a_set_over_an_index_that_is_there(index: str, tmp_path: Path, name: str) -> None:
    config = make_config(tmp_path, index, questions=str(SETS[name](tmp_path)))
    config.grounding.min_confidence = 0.0
    summary = run(config).summary
    told = summary["systems"]["medrag"]
    asked = {"bioasq": BIOASQ, "beir": BIOASQ, "pubmedqa": PUBMEDQA, "medquad": MEDQUAD}[name]
    assert summary["questions"] == {
        "all": len(asked), "answerable": len(asked), "unanswerable": 0, "unknown": 0,
    }  # fmt: skip
    assert told["retrieval"]["recall@3"] == {
        "value": 1.0, "low": 1.0, "high": 1.0, "n": len(asked),
    }  # fmt: skip
    if name in ("bioasq", "beir"):
        assert summary["judged_by"] == {"exact answer": 2, "yes or no": 1, "reference": 1}
        for measure in ("exact", "yes_no", "items_recall"):
            assert told["answers"][measure]["n"] == 1
        assert told["answers"]["right"]["value"] >= 0.75
        assert summary["majority"] == {"answer": "yes", "share": 1.0, "n": 1}
    if name == "pubmedqa":
        assert summary["majority"] == {"answer": "yes", "share": 1.0, "n": 3}
        assert told["answers"]["yes_no"]["n"] == 3
    if name == "medquad":
        assert told["answers"]["right"] == {"value": 1.0, "low": 1.0, "high": 1.0, "n": 3}


@pytest.mark.parametrize("name", ["beir", "pubmedqa", "medquad"])
def test_a_benchmark_is_indexed_once_and_asked_in_every_way(tmp_path: Path, name: str) -> None:
    path = SETS[name](tmp_path)
    systems = [] if name == "beir" else ["dense"]
    config = make_config(tmp_path, str(tmp_path / "unused"), benchmark=str(path), systems=systems)
    report = run(config)
    modes = systems or MODES
    assert [*report.summary["systems"]] == modes
    assert [*report.summary["differences"]] == modes[1:]
    assert report.summary["index"]["documents"] == len(DOCUMENTS)
    assert report.summary["questions_file"] == str(path)
    assert not report.summary["samples"]
    for mode in modes:
        assert report.summary["systems"][mode]["retrieval"]["recall@3"]["value"] == 1.0
    assert {row["system"] for row in answers(config)} == {*modes}
    index = tmp_path / "benchmarks" / path.stem / "index"
    made = read_manifest(index, "index")
    assert run(config).up_to_date
    assert read_manifest(index, "index") == made
    assert not (tmp_path / "unused").exists()


def test_a_benchmark_whose_documents_have_changed_is_indexed_again(tmp_path: Path) -> None:
    path = beir(tmp_path / "folder")
    config = make_config(tmp_path, "unused", benchmark=str(path), systems=["dense"], limit=2)
    first = run(config).summary
    assert first["questions"]["all"] == 2
    more = {"_id": "44", "title": "Rest", "text": "Rest helps in influenza."}
    write_rows(path / "corpus.jsonl", [*DOCUMENTS, more])
    report = run(config)
    assert (report.up_to_date, report.summary["index"]["documents"]) == (False, 4)
    assert report.summary["index"]["fingerprint"] != first["index"]["fingerprint"]


@pytest.mark.parametrize("missing", ["corpus.jsonl", "queries.jsonl", "qrels"])
def test_what_is_no_benchmark_is_told(tmp_path: Path, missing: str) -> None:
    path = beir(tmp_path / "folder")
    shutil.rmtree(path / missing) if missing == "qrels" else (path / missing).unlink()
    config = make_config(tmp_path, "unused", benchmark=str(path))
    with pytest.raises(QuestionError, match=f"not a benchmark: the folder has no {missing}"):
        run(config)
    assert not (tmp_path / "benchmarks").exists()


def test_a_name_that_resolves_nowhere_stops_the_run_with_the_nearest(
    configure: MakeConfig,
) -> None:
    rows: list[dict[str, Any]] = [
        {"id": "1", "question": "What lowers uric acid?", "documents": ["gout.txt"]},
        {"id": "2", "question": "What calms gout?", "documents": ["gouty.txt", "zzz"]},
    ]
    config = configure(rows)
    with pytest.raises(
        QuestionError,
        match=r"2 of 3 document names .* 'gouty\.txt' \(nearest: gout\.txt.*'zzz' \(no id is like",
    ) as told:
        run(config)
    assert "\n" not in str(told.value)
    assert not Path(config.evaluation.dir).exists()
    assert not [*Path(config.evaluation.dir).parent.glob(".evaluation*")]  # nothing was asked
