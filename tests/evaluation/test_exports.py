"""What other tools get: trec_eval reads the runs and finds our figures; BioGen and W&B rows."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import unquote

import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from medrag.evaluation.exports import wandb_tables, write_biogen, write_trec_runs
from medrag.evaluation.records import Record
from medrag.metrics import retrieval_measures
from tests.evaluation.made_records import made, refused, wrong

ODD = "notes 2/böse datei.txt#α%20\u00a0x\ty"


def ndcg(directory: Path, run: Path) -> dict[str, float]:
    with (directory / "qrels.txt").open(encoding="utf-8") as file:
        judged = pytrec_eval.RelevanceEvaluator(pytrec_eval.parse_qrel(file), {"ndcg_cut.10"})
    with run.open(encoding="utf-8") as file:
        found = judged.evaluate(pytrec_eval.parse_run(file))
    return {unquote(name): values["ndcg_cut_10"] for name, values in found.items()}


def test_trec_eval_finds_the_same_ndcg(tmp_path: Path) -> None:
    records = [
        made("q 1", gold=["a", ODD], ranked=[("b", 0.9), (ODD, 0.8), ("a", -0.1)]),
        made("q2", gold=["c"], ranked=[("a", 5.0), ("b", 4.0), ("c", 3.0)]),
        refused("q3"),  # nothing answers it
        made("q4", gold=["d"], ranked=[]),
        made("q 1", system="dense 2", gold=["a", ODD], ranked=[("a", 0.9)]),
    ]
    hybrid, dense, qrels = write_trec_runs(tmp_path, records)
    assert [one.name for one in (hybrid, dense, qrels)] == [
        "run-hybrid.txt", "run-dense 2.txt", "qrels.txt",
    ]  # fmt: skip
    wanted = {
        record.id: retrieval_measures([name for name, _ in record.ranked], record.gold, [1])
        for record in records[:2]
    }
    assert ndcg(tmp_path, hybrid) == pytest.approx(
        {name: values["ndcg@10"] for name, values in wanted.items()}
    )
    assert 0 < ndcg(tmp_path, hybrid)["q 1"] < ndcg(tmp_path, hybrid)["q2"] + 0.5 < 1.2
    lines = qrels.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 4  # each document of each question once
    first = hybrid.read_text(encoding="utf-8").splitlines()[0].split()
    assert first == ["q%201", "Q0", "b", "1", "0.899999976", "hybrid"]
    assert dense.read_text(encoding="utf-8").split()[-1] == "dense%202"


scores = st.one_of(
    st.sampled_from([0.0, 1.0, 0.1, 0.1 + 1e-12, 1e-45, -1.0]),
    st.floats(-1e6, 1e6, allow_subnormal=False),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(scores, min_size=2, max_size=12))
def test_the_ranking_survives_equal_and_rising_scores(
    tmp_path_factory: pytest.TempPathFactory, given_scores: list[float]
) -> None:
    directory = tmp_path_factory.mktemp("runs")
    names = [f"d{n}" for n in range(len(given_scores))]
    records = [
        made(gold, gold=[gold], ranked=[*zip(names, given_scores, strict=True)]) for gold in names
    ]
    run, _ = write_trec_runs(directory, records)
    wanted = {gold: retrieval_measures(names, [gold], [1])["ndcg@10"] for gold in names}
    assert ndcg(directory, run) == pytest.approx(wanted)


def test_names_come_back_from_a_run(tmp_path: Path) -> None:
    run, _ = write_trec_runs(tmp_path, [made("q", ranked=[(ODD, 1.0), ("a%b", 0.5)])])
    names = [line.split(" ")[2] for line in run.read_text(encoding="utf-8").splitlines()]
    assert [unquote(name) for name in names] == [ODD, "a%b"]
    assert not any(character.isspace() for name in names for character in name)


def test_a_system_may_have_any_name(tmp_path: Path) -> None:
    written = write_trec_runs(tmp_path / ".", [made("q", system="../a: b=c")])
    assert [one.name for one in written] == ["run-..%2Fa%3A b%3Dc.txt", "qrels.txt"]
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted(one.name for one in written)


def test_biogen_has_each_sentence_with_the_documents_that_it_cites(tmp_path: Path) -> None:
    first = made("116")
    record = made(
        "116",
        statements=[
            {"text": "It lowers uric acid.", "citations": [1, 2, 3], "support": 1.0,
             "supported": True, "reason": ""},
            {"text": "It cures.", "citations": [], "support": 0.0, "supported": False,
             "reason": "no"},
            {"text": "First [line] drug", "citations": [2, 9], "support": 1.0, "supported": True,
             "reason": ""},
        ],
        sources=[
            {**first.sources[0], "marker": 1, "document": "PMID:9876"},
            {**first.sources[0], "marker": 2, "document": "gout.txt"},
            {**first.sources[0], "marker": 3, "document": "PMID:9876"},
        ],
    )  # fmt: skip
    memory = made("117", statements=[], sources=[], answer="Drink. Rest.", draft="Drink. Rest.")
    path = tmp_path / "biogen.json"
    write_biogen(path, [record, memory, refused("118"), made("116", system="dense")])
    runs = json.loads(path.read_text(encoding="utf-8"))
    assert [(run["run_name"], len(run["results"])) for run in runs] == [("hybrid", 3), ("dense", 1)]
    assert runs[0]["results"] == [
        {
            "topic_id": "116",
            "answer": "It lowers uric acid [9876, gout.txt]. First (line) drug [gout.txt].",
            "references": ["9876", "gout.txt"],
            "sentences": [
                {"text": "It lowers uric acid.", "citations": ["9876", "gout.txt"]},
                {"text": "First [line] drug", "citations": ["gout.txt"]},
            ],
        },
        {
            "topic_id": "117",
            "answer": "Drink. Rest.",
            "references": [],
            "sentences": [
                {"text": "Drink.", "citations": []},
                {"text": "Rest.", "citations": []},
            ],
        },
        {"topic_id": "118", "answer": "", "references": [], "sentences": []},
    ]


def test_wandb_gets_a_table_for_each_system_with_plain_values() -> None:
    records: list[Record] = [made("q1"), wrong("q2", missing=["dose"]), refused("q3"),
                             made("q1", system="dense", right=None)]  # fmt: skip
    tables = wandb_tables(records)
    assert list(tables) == ["hybrid", "dense"]
    columns, rows = tables["hybrid"]
    found = [dict(zip(columns, row, strict=True)) for row in rows]
    assert [(one["id"], one["verdict"], one["blame"]) for one in found] == [
        ("q1", "right", ""),
        ("q2", "wrong", "retrieved, not used"),
        ("q3", "right", ""),
    ]
    assert found[0]["reference"] == "Allopurinol."
    assert found[0]["confidence"] == 0.8
    assert found[1]["missing"] == "dose"
    assert (found[0]["cited"], found[0]["gold"]) == ("gout.txt", "gout.txt")
    assert found[2]["answer"] == "I do not know."
    assert found[2]["draft"].startswith("Allopurinol")
    assert tables["dense"][1][0][columns.index("verdict")] == "unknown"
    values = [value for row in rows for value in row]
    assert {type(value) for value in values} <= {str, float, bool, type(None)}
