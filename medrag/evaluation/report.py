"""Show an evaluation as a table, a plot, and a file with every question and answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from . import Outcome

_LABELS = {
    "token_f1": "token F1, answerable questions",
    "token_f1_when_answered": "token F1, answered questions",
    "gold_unknown": "answerable, but no gold document is known",
    "right_document_when_answered": "answers that cite a gold document",
    "coverage": "coverage (share answered)",
    "abstention_precision": "abstention precision (refusals that were right)",
    "abstention_recall": "abstention recall (unanswerable refused)",
    "citations_resolved": "citations that quote their span exactly",
    "unsupported_statements": "unsupported statements removed",
    "area_under_risk_coverage": "area under risk–coverage (0 is perfect)",
    "mrr": "MRR",
    "ndcg@10": "nDCG@10",
}

_SOURCE = ("marker", "document", "start", "end", "page", "text")  # of a citation, in answers.jsonl


def metrics_table(summary: Mapping[str, Any], title: str) -> Table:
    """The metrics as a table for the terminal."""
    table = Table(title=title, title_justify="left", show_header=False, pad_edge=False)
    table.add_column("metric")
    table.add_column("value", justify="right")
    for section in ("retrieval", "answers"):
        table.add_row(f"[bold]{section}[/bold]", "")
        for name, value in summary[section].items():
            table.add_row(f"  {_LABELS.get(name, name)}", _number(value))
        table.add_section()
    return table


def _number(value: float | int | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else f"{value:,}"


def write_outcomes(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write one JSON line per question, with its answer, sources and ranked documents."""
    with path.open("w", encoding="utf-8") as file:
        for outcome in outcomes:
            answer = outcome.answer
            row = {
                "id": outcome.example.id,
                "question": outcome.example.question,
                "reference": outcome.example.answer,
                "answerable": outcome.example.answerable,
                "answer": answer.answer,
                "abstained": answer.abstained,
                "confidence": answer.confidence,
                "token_f1": outcome.f1,
                "gold": list(outcome.gold),
                "ranked": list(outcome.ranked),
                "sources": [
                    {name: getattr(source, name) for name in _SOURCE} for source in answer.sources
                ],
                "unsupported": list(answer.unsupported),
            }
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def plot(path: Path, summary: Mapping[str, Any], title: str) -> None:
    """Draw recall@k and the risk–coverage curve as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.8), dpi=130, layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    left, right = figure.subplots(1, 2)
    recall = {
        int(name.removeprefix("recall@")): value
        for name, value in summary["retrieval"].items()
        if name.startswith("recall@") and value is not None
    }
    left.set_title(f"retrieval, {summary['retrieval']['questions']} questions", fontsize=9)
    positions = range(len(recall))
    bars = left.bar(positions, list(recall.values()), color="#2a6f97", width=0.6)
    left.bar_label(bars, fmt="%.2f", fontsize=8, padding=2)
    left.set_xticks(positions, [str(k) for k in recall])
    left.set(ylim=(0, 1.1), xlabel="k (documents)", ylabel="recall@k")
    curve = summary["risk_coverage"]
    answers = summary["answers"]
    right.set_title(f"answers, {answers['questions']} questions", fontsize=9)
    right.plot([p[0] for p in curve], [p[1] for p in curve], color="#2a6f97", lw=1.8)
    right.axvline(answers["coverage"], color="#bc4749", ls="--", lw=1)
    right.annotate(
        f" answered: {answers['coverage']:.0%}",
        (answers["coverage"], 0.97),
        xycoords=("data", "axes fraction"),
        va="top",
        ha="right" if answers["coverage"] > 0.6 else "left",
        fontsize=8,
        color="#bc4749",
    )
    top = max([0.2, *(point[1] for point in curve)])
    right.set(
        xlim=(0, 1.02), ylim=(0, top * 1.15), xlabel="coverage", ylabel="risk (wrong or uncited)"
    )
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
    figure.savefig(path)
