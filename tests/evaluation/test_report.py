"""An evaluation in the terminal and as plots: what is written, at which width, and robustness."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console, RenderableType

from medrag.evaluation.plots import PANELS, panel_svg, plot
from medrag.evaluation.records import Record
from medrag.evaluation.report import changes_table, metrics_table
from tests.evaluation.made_records import made, refused, summary_of, wrong

RECORDS = [
    *(make(id, system=system) for system in ("hybrid", "dense", "lexical", "best [of] 3")
      for make, id in ((made, "q1"), (made, "q2"), (refused, "q4"))),
    *(make("q3", system=system, confidence=sure)
      for system, make, sure in (("hybrid", made, 0.7), ("dense", wrong, 0.9),
                                 ("lexical", wrong, 0.3), ("best [of] 3", made, 0.6))),
]  # fmt: skip


def shown(what: RenderableType, width: int) -> list[str]:
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(what)
    return [line.rstrip() for line in captured.get().splitlines()]


def row(lines: list[str], label: str) -> list[str]:
    line = next(line for line in lines if line.strip().startswith(label))
    return line.strip().removeprefix(label).split()


def figure(value: float | None, low: float | None, high: float | None, n: int) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "n": n}


def test_each_figure_stands_with_its_interval_under_its_system() -> None:
    summary = summary_of(RECORDS[:6])
    first, second = summary["systems"].values()
    first["answers"]["right"] = figure(0.7234, 0.61, 0.83, 65)
    second["answers"]["right"] = figure(0.5, 0.48, 0.519, 65)  # narrow
    first["answers"]["token_f1"] = figure(0.25, None, None, 60)
    second["answers"]["token_f1"] = figure(None, None, None, 0)
    first["answers"]["coverage"] = figure(1.0, 1.0, 1.0, 70)
    second["answers"]["coverage"] = figure(0.9, 0.8, 1.0, 68)
    lines = shown(metrics_table(summary, "the title"), 80)
    assert lines[0] == "the title"
    assert lines[1] == "3 questions: 2 answerable, 1 unanswerable"
    assert row(lines, "n ") == ["hybrid", "dense"]
    assert row(lines, "right answers") == ["65", "72.3", "61–83", "50.0", "48.0–51.9"]
    assert row(lines, "token F1") == ["60", "25.0", "–"]
    assert row(lines, "answered") == ["≥68", "100.0", "100–100", "90.0", "80–100"]
    assert row(lines, "retrieve") == ["3.2", "/", "3.2", "3.2", "/", "3.2"]
    assert row(lines, "query") == ["120", "/", "120", "120", "/", "120"]
    assert lines[-1] == "* The interval of the difference excludes 0."
    assert "Judged by: reference 2 · no document answers 1" in "\n".join(lines)


def test_a_measure_without_a_label_keeps_its_name_and_a_system_without_it_has_a_dash() -> None:
    summary = summary_of(RECORDS[:6])
    summary["systems"]["hybrid"]["answers"]["spelling"] = figure(0.5, None, None, 3)
    summary["systems"]["hybrid"]["style"] = {"questions": 12, "tone": 0.25}
    lines = shown(metrics_table(summary, ""), 80)
    assert row(lines, "spelling") == ["3", "50.0", "–"]
    assert row(lines, "questions") == ["12", "–"]  # a count is no share
    assert row(lines, "tone")[-2:] == ["25.0", "–"]


def test_what_went_wrong_is_counted_by_system() -> None:
    lines = shown(metrics_table(summary_of(RECORDS), ""), 120)
    assert row(lines, "retrieved, not used") == ["0", "1", "1", "0"]
    assert not any("wrongly refused" in line for line in lines)  # nothing of the kind


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_systems_that_do_not_fit_beside_each_other_follow_below(width: int) -> None:
    lines = shown(metrics_table(summary_of(RECORDS), ""), width)
    assert max(map(len, lines)) <= width
    headers = [line.split()[1:] for line in lines if line.split()[:1] == ["n"]]
    assert [*chain(*headers)] == ["hybrid", "dense", "lexical", "best", "[of]", "3"]
    assert len(headers) == {60: 4, 80: 2, 100: 1, 120: 1}[width]


def test_differences_are_marked_when_their_interval_excludes_zero() -> None:
    summary = summary_of(RECORDS[:6])
    one = {"p": 0.01, "n": 3}
    summary["differences"]["dense"] = {
        "answers/right": {"difference": -0.1, "low": -0.2, "high": -0.01, **one},
        "answers/coverage": {"difference": 0.0421, "low": 0.0, "high": 0.09, **one},
    }
    lines = shown(metrics_table(summary, ""), 80)
    start = next(at for at, line in enumerate(lines) if line.startswith("minus hybrid"))
    assert lines[start].split() == ["minus", "hybrid", "n", "dense"]
    assert row(lines[start:], "right answers") == ["3", "−10.0", "−20.0", "to", "−1.0", "*"]
    assert row(lines[start:], "answered") == ["3", "+4.2", "0.0", "to", "+9.0"]


def test_what_was_left_out_is_said() -> None:
    summary = summary_of(
        RECORDS[:3],
        samples=True,
        lines_rejected=1,
        left_out_seen_in_training=1200,
        shared_documents=["a", "b", "c", "d"],
        calibrated_on=40,
        majority={"answer": "yes", "share": 0.625, "n": 8},
    )
    lines = shown(metrics_table(summary, ""), 120)
    assert lines[2:8] == [
        "medrag's own samples: says little about other corpora",
        "the confidence was fitted on 40 other questions of the set",
        "left out, unreadable: 1 line of the question file",
        "left out, as a model was trained on them: 1,200 questions",
        "also used in training: 4 documents (a, b, c…)",
        'always "yes" gets 62.5 % of the yes/no questions right',
    ]
    plain = shown(metrics_table(summary_of(RECORDS[:3]), ""), 120)
    assert plain[2] == ""


def test_one_system_has_nothing_to_be_compared_with() -> None:
    lines = shown(metrics_table(summary_of(RECORDS[:3]), ""), 80)
    assert not any("minus" in line or "excludes" in line for line in lines)


def test_changes_are_listed_with_their_reasons_and_the_rest_is_counted() -> None:
    changes = [
        {"id": f"q{n}", "question": f"Question {n}?", "before": "", "now": "",
         "verdict": "right → wrong", "reasons": ["document revised: [a].txt", "other hits"]}
        for n in range(23)
    ]  # fmt: skip
    against = {
        "directory": "outputs/old", "kind": "index", "asked": 82, "changed": 23,
        "verdicts": {"right → wrong": 23},
        "reasons": {"document revised": 23, "other hits": 23}, "changes": changes,
    }  # fmt: skip
    lines = shown(changes_table(against), 80)
    assert lines[0] == "23 of 82 answers changed, compared with the index in outputs/old"
    assert lines[1] == "right → wrong 23 · document revised 23 · other hits 23"
    assert "Question 19?" in "\n".join(lines)
    assert "document revised: [a].txt" in "\n".join(lines)
    assert "Question 20?" not in "\n".join(lines)
    assert lines[-1] == "… and 3 more in metrics.json"
    nothing = {**against, "changed": 0, "verdicts": {}, "reasons": {}, "changes": []}
    assert shown(changes_table(nothing), 80)[0].startswith("0 of 82 answers changed")


# ------------------------------------------------------------------ plots


def texts(svg: str) -> list[str]:
    return [
        node.text or "" for node in ElementTree.fromstring(svg).iter() if node.tag.endswith("text")
    ]


@pytest.mark.parametrize("samples", [True, False])
def test_the_png_is_one_picture(samples: bool, tmp_path: Path) -> None:
    path = tmp_path / "metrics.png"
    plot(path, summary_of(RECORDS, samples=samples), "title with $ and _")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_panels_say_what_is_drawn() -> None:
    summary = summary_of(RECORDS)
    risk = texts(panel_svg(summary, "risk and coverage"))
    assert {"share of all questions answered", "share of shown answers that are wrong"} <= {*risk}
    assert {"hybrid", "dense", "lexical", "best [of] 3", "wanted: 10% wrong"} <= {*risk}
    wrongs = texts(panel_svg(summary, "what went wrong"))
    assert {"questions that went wrong, of 4", "retrieved, not used"} <= {*wrongs}
    assert wrongs.count("1") >= 2  # in the bars of two systems
    assert "share of the gold documents found" in texts(panel_svg(summary, "retrieval"))
    assert "share of the group that is right" in texts(panel_svg(summary, "calibration"))


@pytest.mark.parametrize("name", PANELS)
def test_a_panel_is_an_element_for_any_page(name: str) -> None:
    svg = panel_svg(summary_of(RECORDS), name)
    assert svg.startswith("<svg viewBox=")
    assert "<style" not in svg  # it would hold for the page
    assert "currentColor" in svg
    assert "http" not in svg
    assert panel_svg(summary_of(RECORDS), name) == svg


def test_ids_of_panels_do_not_meet() -> None:
    found = []
    for name in PANELS:
        tree = ElementTree.fromstring(panel_svg(summary_of(RECORDS), name))
        ids = [node.attrib["id"] for node in tree.iter() if "id" in node.attrib]
        used = [node.attrib["href"][1:] for node in tree.iter() if "href" in node.attrib]
        assert {*used} <= {*ids}
        found += ids
    assert len(found) == len({*found})


def test_names_are_drawn_as_they_are() -> None:
    records = [
        made("q1", system="$x^2$ <b>"),
        wrong("q1", system="_under"),
        wrong("q1", system="x" * 99),
    ]
    summary = summary_of(records)
    for name in ("what went wrong", "risk and coverage"):
        drawn = texts(panel_svg(summary, name))
        assert {"$x^2$ <b>", "under", "x" * 23 + "…"} <= {*drawn}


@pytest.mark.parametrize(
    "records",
    [
        [made("q1", values={}, milliseconds={}, ranked=[])],
        [refused("q1", draft="", right=None, answerable=None, values={})],
    ],
    ids=["no measures", "nothing is known"],
)
def test_nothing_to_show_is_no_error(records: list[Record], tmp_path: Path) -> None:
    summary = summary_of(records)
    assert shown(metrics_table(summary, ""), 80)
    plot(tmp_path / "p.png", summary, "")
    assert "nothing to show" in texts(panel_svg(summary, "retrieval"))
