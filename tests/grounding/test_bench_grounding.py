"""The pairs written by hand, and the benchmark of support checks on them and on made ones."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.grounding.test_verifier import THREE, save_model

ROOT = Path(__file__).parents[2]
PAIRS = Path(__file__).parent / "pairs"
TRUE_KINDS = {
    "verbatim", "number_format", "unit_conversion", "abbreviation", "passive_voice", "reordered",
    "subset", "synonym", "pronoun_resolved", "merged_sentences", "negated_faithful",
    "hedged_faithful", "table_row",
}  # fmt: skip
FALSE_KINDS = {
    "number", "decimal_point", "unit", "unit_per_weight", "comparator", "range", "sign", "exponent",
    "negation_added", "negation_dropped", "negation_scope", "direction", "antonym", "entity_drug",
    "entity_disease", "entity_population", "role_swap", "quantity_swap", "frequency_duration",
    "route", "certainty", "missing_condition", "time_order", "study_result", "combination",
}  # fmt: skip


def read(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (PAIRS / name).read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("name", ["dev_1.jsonl", "test_1.jsonl"])
def test_pairs_are_whole_and_balanced(name: str) -> None:
    pairs = read(name)
    for pair in pairs:
        assert list(pair) == [
            "id", "title", "section", "source", "statement", "supported", "kind"
        ]  # fmt: skip
        assert all(
            pair[field].strip() == pair[field] != "" for field in pair if field != "supported"
        )
        assert pair["supported"] is (pair["kind"] in TRUE_KINDS)
        # Only a verbatim statement is a sentence of its source.
        assert (pair["statement"] in pair["source"]) is (pair["kind"] == "verbatim"), pair["id"]
    counts = Counter(pair["kind"] for pair in pairs)
    assert set(counts) == TRUE_KINDS | FALSE_KINDS
    assert min(counts[kind] for kind in TRUE_KINDS) >= 4
    assert min(counts[kind] for kind in FALSE_KINDS) >= 2
    assert sum(counts[kind] for kind in TRUE_KINDS) >= 60
    assert sum(counts[kind] for kind in FALSE_KINDS) >= 60


def test_no_pair_is_in_both_halves() -> None:
    pairs = [*read("dev_1.jsonl"), *read("test_1.jsonl")]
    for field in ("id", "title", "source", "statement"):
        (_, most), *_ = Counter(pair[field] for pair in pairs).most_common(1)
        assert most == 1, field


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "scripts")


@pytest.mark.parametrize(
    ("kind", "sentence", "expected"),
    [
        ("decimal_point", "Give 0.5 mg at night.", "Give 5 mg at night."),
        ("unit", "Give 5 mg at night.", "Give 5 g at night."),
        ("unit_per_weight", "Give 5 mg/kg at night.", "Give 5 mg at night."),
        ("comparator", "Stop if it is above 5 mmol.", "Stop if it is below 5 mmol."),
        ("sign", "The mean score was -1.5 in men.", "The mean score was +1.5 in men."),
        ("negation_added", "Gout can come back.", "Gout cannot come back."),
        ("negation_dropped", "Do not take it with milk.", "Take it with milk."),
        ("negation_scope", "Use it in men, but not in women.", "Use it in women but not in men."),
        ("direction", "The drug reduced pain in gout.", "The drug increased pain in gout."),
        ("role_swap", "Gout causes a hot joint.", "A hot joint causes gout."),
        (
            "quantity_swap",
            "Take 10 mg in the morning and 5 mg in the evening.",
            "Take 5 mg in the morning and 10 mg in the evening.",
        ),
        ("route", "The dose is given orally.", "The dose is given intravenously."),
        ("certainty", "Coffee may prevent gout.", "Coffee will prevent gout."),
        (
            "missing_condition",
            "The dose is slowly doubled unless the eGFR is low.",
            "The dose is slowly doubled.",
        ),
        ("time_order", "Take it before a meal.", "Take it after a meal."),
        ("study_result", "Pain did not differ in men.", "Pain differed significantly in men."),
    ],
)
def test_mutants(scripts: None, kind: str, sentence: str, expected: str) -> None:
    place = importlib.import_module("grounding_rules").Place("", sentence, "")
    mutants = importlib.import_module("grounding_mutants").MUTANTS
    assert set(mutants) == FALSE_KINDS
    assert mutants[kind](place, Random(1)) == expected


def test_a_weaker_bound_is_not_called_a_false_number(scripts: None) -> None:
    """At least 6 is also at least 3."""
    place = importlib.import_module("grounding_rules").Place("", "Wait at least 6 days.", "")
    assert importlib.import_module("grounding_mutants").MUTANTS["number"](place, Random(1)) is None


@pytest.mark.parametrize(
    ("kind", "sentence", "expected"),
    [
        ("number_format", "We saw 1,200 patients.", "We saw 1200 patients."),
        ("unit_conversion", "Wait for three weeks here.", "Wait for 21 days here."),
        ("passive_voice", "Gout causes hot joints.", "Hot joints are caused by gout."),
        ("reordered", "If pain lasts, the dose is halved.", "The dose is halved if pain lasts."),
        ("subset", "Signs include fever, cough and pain.", "Signs include fever and pain."),
        ("negated_faithful", "It does not spread.", "It doesn't spread."),
        ("table_row", "Age: 6 years; Dose: 5 mg", "For age 6 years, the dose is 5 mg."),
    ],
)
def test_rewordings(scripts: None, kind: str, sentence: str, expected: str) -> None:
    place = importlib.import_module("grounding_rules").Place("", sentence, "")
    rewordings = importlib.import_module("grounding_rewordings").REWORDINGS
    assert set(rewordings) == TRUE_KINDS
    assert rewordings[kind](place, Random(1)) == expected


def test_rewordings_that_need_a_neighbour(scripts: None) -> None:
    rules = importlib.import_module("grounding_rules")
    rewordings = importlib.import_module("grounding_rewordings").REWORDINGS
    place = rules.Place("Gout is a disease of the joints.", "It is treated early.", "")
    assert rewordings["pronoun_resolved"](place, Random(1)) == "Gout is treated early."
    place = rules.Place("Atrial fibrillation (AF) is common.", "AF needs treatment.", "")
    found = rewordings["abbreviation"](place, Random(1))
    assert found == "Atrial fibrillation needs treatment."


def bench(*arguments: str, out: Path) -> tuple[dict[str, Any], str]:
    done = subprocess.run(
        [sys.executable, "scripts/bench_grounding.py", *arguments, "--out", str(out)],
        cwd=ROOT, env={"PYTHONPATH": str(ROOT), "NO_PROXY": "*"}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    return json.loads(out.read_text(encoding="utf-8")), done.stdout


def test_the_benchmark_on_sentences_of_the_samples(tmp_path: Path) -> None:
    halves = {}
    for half in ("dev", "test"):
        results, printed = bench("samples/corpus", "--half", half, out=tmp_path / f"{half}.json")
        halves[half] = results["Made from sentences"]
        for check in ("overlap", "rules"):
            found = halves[half][check]
            assert found["removed"]["verbatim"]["share"] == 0.0
            assert found["p50_ms"] <= found["p95_ms"]
            for cell in found["removed"].values():
                assert 0.0 <= cell["low"] <= cell["share"] <= cell["high"] <= 1.0
        assert "all false" in printed
    # The overlap of words tells a negation that was added, but no exchanged drug.
    removed = halves["dev"]["overlap"]["removed"]
    assert removed["negation_added"]["share"] > 0.9
    assert removed["entity_drug"]["share"] < 0.1
    # Each sentence is in one half.
    whole, _ = bench("samples/corpus", "--per-kind", "9999", out=tmp_path / "all.json")
    count = whole["Made from sentences"]["overlap"]["removed"]["entity_drug"]["count"]
    assert count == sum(
        one["overlap"]["removed"]["entity_drug"]["count"] for one in halves.values()
    )


def test_a_verifier_judges_after_the_rules(tmp_path: Path) -> None:
    """One that finds entailment nowhere leaves only what is in the source word for word."""
    model = save_model(tmp_path / "no", THREE, bias=-1000.0)
    results, _ = bench(
        "--pairs", str(PAIRS / "dev_1.jsonl"), "--verifier", model, out=tmp_path / "out.json"
    )
    rules, both = (results["Written by hand"][name] for name in ("rules", "rules + verifier"))
    assert rules["removed"]["all true"]["share"] < 0.5
    for kind, cell in both["removed"].items():
        if kind != "all true":
            assert cell["share"] == (0.0 if kind == "verbatim" else 1.0), kind


@pytest.fixture
def endpoint() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that says yes to statements without "never", after thinking aloud."""
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(sent)
            statement = sent["messages"][0]["content"].partition("Statement: ")[2]
            said = (
                "no" if "never" in statement.partition("\n")[0] else "<think>no?</think>\n**Yes**."
            )
            said = "Perhaps." if "perhaps" in statement else said
            body = json.dumps({"choices": [{"message": {"content": said}}]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_chat_endpoint_is_asked_about_each_pair(
    endpoint: tuple[str, list[dict[str, Any]]], tmp_path: Path
) -> None:
    url, asked = endpoint
    pairs = tmp_path / "pairs.jsonl"
    statements = {
        "Gout is never cured.": False,
        "Gout is cured by milk.": False,
        "Gout may be perhaps cured.": True,
        "Gout can come back.": True,
    }
    rows = [
        {
            "id": str(n), "title": "Gout", "section": "Course", "source": "It can come back.",
            "statement": statement, "supported": supported,
            "kind": "subset" if supported else "antonym",
        }
        for n, (statement, supported) in enumerate(statements.items())
    ]  # fmt: skip
    pairs.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    results, printed = bench(
        "--pairs", str(pairs), "--endpoint", url, "--model", "judge", out=tmp_path / "out.json"
    )
    removed = results["Written by hand"]["judge"]["removed"]
    assert removed["antonym"]["share"] == 0.5
    assert removed["subset"]["share"] == 0.5
    assert "1 replies were neither yes nor no, and count as no: 'Perhaps.'" in printed
    said = {sent["messages"][0]["content"] for sent in asked}
    assert len(said) == len(rows)
    assert all(sent["model"] == "judge" and sent["temperature"] == 0 for sent in asked)
    (prompt,) = [text for text in said if "come back.\n\nDoes" in text]
    assert "Gout\nCourse\nIt can come back." in prompt
