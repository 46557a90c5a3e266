"""The stage as a whole: its files agree with each other, with the index and with the pipeline."""

from __future__ import annotations

import gzip
import html
import json
import struct
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytrec_eval

from medrag import RAGPipeline
from medrag.config import Config
from medrag.evaluate import EvaluationReport, run
from medrag.evaluation.labels import SAMPLES
from medrag.generation.prompts import REFUSAL
from medrag.manifest import Parent, read_manifest
from medrag.stores.local.index import Index
from medrag.text.words import words
from tests.conftest import NOTES
from tests.evaluation.conftest import (
    MakeConfig,
    answers,
    build_index,
    make_config,
    write_corpus,
    write_rows,
)

ROWS: list[dict[str, Any]] = [
    {"id": "1", "question": "What calms an acute attack of gout?",
     "answer": "Colchicine or naproxen calm an acute attack.", "documents": ["gout.txt"]},
    {"id": "2", "question": "What lowers uric acid and prevents further attacks of gout?",
     "answer": "Allopurinol.", "documents": ["gout.txt"]},
    {"id": "3", "question": "How is severe malaria treated?", "type": "factoid",
     "exact": ["artesunate"], "documents": ["sub/malaria.txt"]},
    # retrieval ranks another document first
    {"id": "4", "question": "Which mosquitoes spread malaria?",
     "answer": "Anopheles mosquitoes.", "documents": ["asthma.md"]},
    {"id": "5", "question": "What opens the airways within minutes in asthma?",
     "answer": "Salbutamol.", "documents": []},  # its documents are unknown
    {"id": "6", "question": "Who won the chess tournament in Reykjavik?", "answerable": False},
    {"id": "7", "question": "What is given for severe malaria?", "answerable": False},  # a trap
    {"id": "8", "question": "What causes gout?"},  # nothing is known about it
]  # fmt: skip
SYSTEMS = ["medrag", "refuses: grounding.min_confidence=1", "bm25-first-sentence"]


@dataclass
class Done:
    """A run with three systems, and what it has left."""

    config: Config
    report: EvaluationReport
    rows: dict[str, list[dict[str, Any]]]
    directory: Path

    @property
    def summary(self) -> dict[str, Any]:
        return self.report.summary


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, notes_index: str) -> Done:
    root = tmp_path_factory.mktemp("evaluate")
    write_rows(root / "questions.jsonl", [*ROWS, {"oops": 1}])
    config = make_config(root, notes_index, systems=SYSTEMS, ks=[3, 1])
    config.grounding.min_confidence = 0.0
    report = run(config)
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in answers(config):
        rows.setdefault(row["system"], []).append(row)
    return Done(config, report, rows, Path(config.evaluation.dir))


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def f1(said: str, wanted: str) -> float:
    """Independent of medrag.metrics: by multisets of words, without articles."""
    left, right = ([w for w in words(t) if w not in ("a", "an", "the")] for t in (said, wanted))
    common = sum(min(left.count(w), right.count(w)) for w in set(left))
    return 2 * common / (len(left) + len(right))


def test_the_files_are_there_and_sealed(done: Done) -> None:
    names = {path.name for path in done.directory.iterdir()}
    assert names == {
        "manifest.json", "metrics.json", "answers.jsonl", "report.html", "metrics.png",
        "biogen.json", "documents.txt.gz", "qrels.txt",
        "run-medrag.txt", "run-refuses.txt", "run-bm25-first-sentence.txt",
    }  # fmt: skip
    manifest = read_manifest(done.directory, "evaluation")
    assert set(manifest.files) == names - {"manifest.json"}
    assert manifest.counts == {"questions": 8, "left_out": 0}
    index = read_manifest(Path(done.config.index.dir), "index")
    assert manifest.parents == {"index": Parent(done.config.index.dir, index.fingerprint)}
    assert (done.report.directory, done.report.up_to_date) == (done.directory, False)
    assert done.summary == json.loads((done.directory / "metrics.json").read_text("utf-8"))
    assert not list(done.directory.parent.glob(".evaluation*"))  # nothing is left beside it


def test_each_system_has_every_question_in_order(done: Done) -> None:
    assert [*done.rows] == [*done.summary["systems"]] == ["medrag", "refuses", SYSTEMS[2]]
    for rows in done.rows.values():
        assert [row["id"] for row in rows] == [row["id"] for row in ROWS]
    assert done.summary["questions"] == {
        "all": 8, "answerable": 5, "unanswerable": 2, "unknown": 1,
    }  # fmt: skip
    assert done.summary["lines_rejected"] == 1
    (rejected,) = done.summary["rejected"]
    page = Path(done.config.evaluation.dir, "report.html").read_text(encoding="utf-8")
    assert rejected.partition(": ")[0] in page  # its place
    assert done.summary["index"]["documents"] == len(NOTES)


def test_every_figure_is_the_mean_of_what_the_answers_have(done: Done) -> None:
    checked = 0
    for system, told in done.summary["systems"].items():
        values: dict[str, list[float]] = {}
        for row in done.rows[system]:
            for name, value in row["values"].items():
                values.setdefault(name, []).append(value)
        for name, numbers in values.items():
            section, _, measure = name.partition("/")
            figure = told[section][measure]
            assert figure["value"] == pytest.approx(mean(numbers)), name
            assert figure["n"] == len(numbers), name
            assert figure["low"] - 1e-9 <= figure["value"] <= figure["high"] + 1e-9
            checked += 1
        assert told["blame"] == {
            name: Counter(row["blame"] for row in done.rows[system])[name] for name in told["blame"]
        }
    assert checked > 30
    basis = Counter(row["basis"] for row in done.rows["medrag"])
    assert done.summary["judged_by"] == dict(basis)


def test_retrieval_by_hand(done: Done) -> None:
    placed = [row for row in done.rows["medrag"] if row["gold"]]
    assert [row["id"] for row in placed] == ["1", "2", "3", "4"]
    ranks = [[name for name, _ in row["ranked"]].index(row["gold"][0]) + 1 for row in placed]
    assert ranks[:3] == [1, 1, 1]
    assert ranks[3] > 1
    told = done.summary["systems"]["medrag"]["retrieval"]
    assert {*told} == {"recall@1", "recall@3", "mrr", "ndcg@10"}
    assert told["recall@1"]["value"] == 0.75
    assert told["recall@3"]["value"] == 1.0
    assert told["mrr"]["value"] == pytest.approx(mean([1 / rank for rank in ranks]))
    ndcg_of_fourth = {2: 0.6309297535714575, 3: 0.5}[ranks[3]]  # 1 / log2(rank + 1)
    assert told["ndcg@10"]["value"] == pytest.approx((3 + ndcg_of_fourth) / 4)


def test_answers_by_hand(done: Done) -> None:
    told = {row["id"]: row for row in done.rows["medrag"]}
    assert [told[n]["right"] for n in "1236"] == [True, True, True, False]
    assert told["8"]["right"] is None
    assert "answers/right" not in told["8"]["values"]
    for number in "1245":
        row = told[number]
        bare = row["answer"]
        for source in row["sources"]:
            bare = bare.replace(f"[{source['marker']}]", "")
        assert row["shown"]
        assert row["values"]["answers/token_f1"] == pytest.approx(f1(bare, row["reference"]))
    assert "answers/token_f1" not in told["3"]["values"]  # it has an exact answer only
    assert told["3"]["values"]["answers/exact"] == 1.0
    assert told["7"]["blame"] == "wrongly answered"
    assert told["7"]["values"]["abstention/recall"] == 0.0


def test_a_system_that_refuses_everything(done: Done) -> None:
    told, rows = done.summary["systems"]["refuses"], done.rows["refuses"]
    assert told["threshold"] == 1.0
    for row in rows:
        assert (row["shown"], row["answer"], row["status"]) == (False, REFUSAL, "abstained")
    assert told["answers"]["coverage"]["value"] == 0.0
    assert told["answers"]["right"]["value"] == 0.0
    assert "right_when_answered" not in told["answers"]
    assert told["abstention"]["recall"]["value"] == 1.0
    # Two of the seven of which something is known have no answer.
    assert told["abstention"]["precision"]["value"] == pytest.approx(2 / 7)
    assert told["abstention"]["precision"]["n"] == 7
    right = sum(row["right"] is True for row in done.rows["medrag"])
    assert told["blame"]["wrongly refused"] == right > 2


def test_another_system_is_compared_pair_by_pair(done: Done) -> None:
    assert [*done.summary["differences"]] == ["refuses", SYSTEMS[2]]
    base = done.summary["systems"]["medrag"]["answers"]
    for system, told in done.summary["differences"].items():
        its = done.summary["systems"][system]["answers"]
        for measure in ("right", "coverage"):
            found = told[f"answers/{measure}"]
            assert found["difference"] == pytest.approx(
                its[measure]["value"] - base[measure]["value"]
            )
            assert found["low"] <= found["difference"] <= found["high"]
    refuses = done.summary["differences"]["refuses"]["answers/coverage"]
    assert (refuses["difference"], refuses["p"], refuses["n"]) == (-1.0, 0.0, 8)


def test_what_is_shown_is_what_the_pipeline_answers(done: Done) -> None:
    config = deepcopy(done.config)
    for minimum, system in ((0.0, "medrag"), (1.0, "refuses")):
        config.grounding.min_confidence = minimum
        with RAGPipeline(config) as rag:
            for row in done.rows[system]:
                answer = rag.query(row["question"])
                assert (row["answer"], row["shown"]) == (answer.answer, not answer.abstained)
                if row["shown"]:
                    assert row["confidence"] == pytest.approx(answer.confidence, abs=1e-6)
                assert [hit["document"] for hit in row["hits"]] == [
                    hit.document for hit in answer.hits
                ]


def test_citations_stand_in_the_documents(done: Done) -> None:
    cited = [source for row in done.rows["medrag"] for source in row["sources"]]
    assert len(cited) > 3
    with Index(done.config.index.dir) as index:
        for source in cited:
            text = index.document_text(source["document"]) or ""
            assert text[source["start"] : source["end"]] == source["text"] != ""
        wanted = sorted(index.document_ids())
    with gzip.open(done.directory / "documents.txt.gz", "rt", encoding="utf-8") as file:
        assert sorted(file.read().splitlines()) == wanted
    assert done.summary["systems"]["medrag"]["citations"]["resolved"]["value"] == 1.0


def test_trec_eval_finds_the_same_figures_in_the_runs(done: Done) -> None:
    for system in done.rows:
        with (done.directory / "qrels.txt").open(encoding="utf-8") as file:
            judged = pytrec_eval.RelevanceEvaluator(pytrec_eval.parse_qrel(file), {"ndcg_cut.10"})
        with (done.directory / f"run-{system}.txt").open(encoding="utf-8") as file:
            found = judged.evaluate(pytrec_eval.parse_run(file))
        told = done.summary["systems"][system]["retrieval"]["ndcg@10"]
        values = [one["ndcg_cut_10"] for one in found.values()]
        assert sum(values) / told["n"] == pytest.approx(told["value"])


def test_the_other_files_hold_the_same_answers(done: Done) -> None:
    biogen = json.loads((done.directory / "biogen.json").read_text(encoding="utf-8"))
    assert [one["run_name"] for one in biogen] == [*done.rows]
    for one in biogen:
        for result, row in zip(one["results"], done.rows[one["run_name"]], strict=True):
            assert result["topic_id"] == row["id"]
            assert bool(result["sentences"]) == row["shown"]
            assert result["references"] == list(
                dict.fromkeys(source["document"] for source in row["sources"])
            ) or not row["shown"]  # fmt: skip
    page = (done.directory / "report.html").read_text(encoding="utf-8")
    for row in ROWS:
        assert row["question"] in page
    data = (done.directory / "metrics.png").read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert data.endswith(b"IEND\xaeB`\x82")
    width, height = struct.unpack(">II", data[16:24])
    assert min(width, height) > 300


def test_latency_leaves_out_the_question_that_loads_the_models(done: Done) -> None:
    for system, rows in done.rows.items():
        assert [bool(row["milliseconds"]) for row in rows] == [False] + [True] * 7
        for name in ("retrieve", "query"):
            times = sorted(row["milliseconds"][name] for row in rows[1:])
            told = done.summary["systems"][system]["latency"][name]
            assert told["p50"] == pytest.approx(times[3], abs=0.051)
            assert times[3] <= told["p95"] <= times[-1] + 0.051
            assert times[0] > 0
        for row in rows[1:]:
            assert row["milliseconds"]["retrieve"] <= row["milliseconds"]["query"]


# ------------------------------------------------------------------ again


def state(config: Config) -> dict[str, tuple[int, bytes]]:
    files = Path(config.evaluation.dir).iterdir()
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def test_a_repeated_run_changes_nothing(done: Done) -> None:
    before = state(done.config)
    again = run(done.config)
    assert (again.up_to_date, again.summary) == (True, done.summary)
    assert state(done.config) == before


def test_what_has_changed_is_measured(configure: MakeConfig) -> None:
    config = configure(ROWS[:2])
    assert run(config).summary["questions"]["all"] == 2
    write_rows(Path(config.evaluation.questions), ROWS[:3])
    assert run(config).summary["questions"]["all"] == 3
    config.grounding.min_confidence = 1.0
    report = run(config)
    coverage = report.summary["systems"]["medrag"]["answers"]["coverage"]["value"]
    assert (report.up_to_date, coverage) == (False, 0.0)
    assert run(config).up_to_date
    damaged = Path(config.evaluation.dir, "answers.jsonl")
    damaged.write_bytes(damaged.read_bytes()[:-9])
    assert not run(config).up_to_date
    assert len(answers(config)) == 3


def test_a_changed_index_is_asked_again_also_that_of_one_system(
    configure: MakeConfig, tmp_path: Path
) -> None:
    corpus = write_corpus(tmp_path / "corpus", NOTES)
    other = build_index(corpus, tmp_path / "other")
    config = configure(ROWS[1:2], systems=["medrag", f"other: index.dir={other}"])
    first = run(config)
    assert run(config).up_to_date
    text = NOTES["gout.txt"].replace("Allopurinol", "Febuxostat")
    write_corpus(corpus, {"gout.txt": text})
    build_index(corpus, Path(other))
    report = run(config)
    assert not report.up_to_date
    same, changed = answers(config)
    assert "Allopurinol" in same["answer"]
    assert "Febuxostat" in changed["answer"]
    assert report.summary["systems"]["medrag"] | {"latency": 0} == (
        first.summary["systems"]["medrag"] | {"latency": 0}
    )


def test_so_many_questions_are_drawn_whatever_their_order(
    configure: MakeConfig, tmp_path: Path
) -> None:
    drawn = {}
    for name, rows in (("one", ROWS), ("other", ROWS[::-1])):
        config = configure(rows, limit=3, dir=str(tmp_path / name))
        run(config)
        drawn[name] = [row["id"] for row in answers(config)]
    assert len(drawn["one"]) == 3
    assert drawn["one"] == drawn["other"][::-1]
    assert drawn["one"] != ["1", "2", "3"]


def test_only_the_samples_are_called_samples(
    configure: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = write_rows(tmp_path / "samples" / "questions.jsonl", ROWS[:1])
    config = configure(ROWS, questions=str(rows), dir=str(tmp_path / "mine"))
    assert not run(config).summary["samples"]  # a folder of the same name elsewhere
    assert SAMPLES[1:] not in page(config)
    monkeypatch.chdir(tmp_path)
    config = configure(ROWS, questions="./samples/questions.jsonl", dir=str(tmp_path / "sampled"))
    assert run(config).summary["samples"]
    assert SAMPLES[1:] in page(config)


def page(config: Config) -> str:
    return html.unescape(Path(config.evaluation.dir, "report.html").read_text(encoding="utf-8"))
