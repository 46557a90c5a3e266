"""Every stage on samples/, as a person would type it: `make demo`.

Index → dataset of questions that rules write from it → QLoRA of a small model, with replies before
and after → evaluation → three questions → two claims about a dose. A second run skips what is up to
date. Results go to outputs/, or to the directory that DEMO_OUTPUTS names; DEMO_TRAINING replaces
the settings of the training.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from medrag import RAGPipeline, check_support
from medrag.answer_view import show
from medrag.evaluation.held_out import Scores, scores_table
from medrag.manifest import read_manifest

ROOT = Path(__file__).resolve().parent.parent
OUTPUTS = os.environ.get("DEMO_OUTPUTS", "outputs")
TRAINING = os.environ.get(
    "DEMO_TRAINING", "finetune.max_minutes=4 finetune.held_out_rows=24"
).split()
ADAPTER = "models/smollm2-qlora"
QUESTIONS = (
    "Is aspirin safe for children with influenza?",
    "How soon must antibiotics be given in septic shock?",
    "Which antibodies are found in myasthenia gravis?",  # no sample document says
)

SMALL = "+experiment=qlora_cpu"

# The same dose in other words, and another one; see docs/grounding.md.
DOSE = "How is allopurinol started in gout?"
CLAIMS = (
    "Allopurinol is begun at a dose of at most 0.1 g daily.",
    "Allopurinol is begun at a dose of at most 300 mg daily.",
)

console = Console()


def stages() -> list[list[str]]:
    """The commands; they name other directories only if DEMO_OUTPUTS is set."""
    moved = OUTPUTS != "outputs"
    index = [f"index.dir={OUTPUTS}/index"] if moved else []
    dataset = [f"dataset.dir={OUTPUTS}/dataset"] if moved else []
    tracking = [f"tracking.dir={OUTPUTS}/runs"] if moved else []
    training = [f"finetune.dataset={OUTPUTS}/dataset"] if moved else []
    training += [f"finetune.dir={OUTPUTS}/{ADAPTER}"] if moved else []
    evaluation = [f"evaluation.dir={OUTPUTS}/evaluation"] if moved else []
    questions = "samples/questions.jsonl"
    return [
        ["build_index", "corpus.paths=[samples/corpus]", *index, *tracking],
        ["build_dataset", SMALL, "dataset.questions=", *index, *dataset, *tracking],
        ["train", SMALL, *TRAINING, *training, *tracking],
        ["evaluate", f"evaluation.questions={questions}", *index, *evaluation, *tracking],
    ]


def run(stage: list[str]) -> float:
    """Run one stage in its own process, and return its seconds."""
    command_line = escape(shlex.join(stage))  # Rich would read [DIR] as markup
    console.print(f"\n[bold cyan]$[/] [bold]python -m medrag.{command_line}[/]", soft_wrap=True)
    started = time.monotonic()
    command = [sys.executable, "-m", f"medrag.{stage[0]}", *stage[1:]]
    finished = subprocess.run(command, cwd=ROOT, check=False)
    if finished.returncode:
        console.print(f"[red]the demo stops here: medrag.{stage[0]} failed[/]")
        sys.exit(finished.returncode)
    return time.monotonic() - started


def summary(seconds: dict[str, float]) -> Table:
    """The artefacts, where they are, and their numbers."""
    index = read_manifest(Path(OUTPUTS, "index"), "index").counts
    dataset = read_manifest(Path(OUTPUTS, "dataset"), "dataset").counts
    adapter = read_manifest(Path(OUTPUTS, ADAPTER), "adapter").counts
    metrics = json.loads(Path(OUTPUTS, "evaluation/metrics.json").read_text(encoding="utf-8"))
    table = Table.grid(padding=(0, 2))
    rows: list[tuple[str, str, str, str]] = [
        (
            "index",
            f"{OUTPUTS}/index",
            f"{index['documents']} documents, {index['chunks']} chunks, {index['tokens']:,} tokens",
            "build_index",
        ),
        (
            "dataset",
            f"{OUTPUTS}/dataset",
            " / ".join(str(dataset[name]["rows"]) for name in ("train", "validation", "test"))
            + " rows (train / validation / test)",
            "build_dataset",
        ),
        (
            "adapter",
            f"{OUTPUTS}/{ADAPTER}",
            f"SmolLM2-135M, NF4 QLoRA, {adapter['steps']} steps, "
            f"loss {adapter['first_loss']:.2f} → {adapter['train_loss']:.2f}",
            "train",
        ),
        ("evaluation", f"{OUTPUTS}/evaluation", numbers(metrics), "evaluate"),
    ]
    for name, where, what, stage in rows:
        table.add_row(
            f"[bold]{name}[/]", f"[cyan]{where}[/]", what, f"[dim]{seconds[stage]:.0f} s[/]"
        )
    return table


def numbers(metrics: dict[str, Any]) -> str:
    """The evaluation in one line."""
    figures = metrics["systems"]["medrag"]

    def value(section: str, name: str) -> float:
        return float(figures[section][name]["value"])

    return (
        f"recall@5 {value('retrieval', 'recall@5'):.2f}, "
        f"{value('answers', 'coverage'):.0%} answered, "
        f"{value('answers', 'right_when_answered'):.0%} of these right, "
        f"{value('citations', 'resolved'):.0%} of citations quote exactly"
    )


def before_and_after() -> Table:
    """Replies of the small model before and after its training, beside the default reader."""
    held_out = read_manifest(Path(OUTPUTS, ADAPTER), "adapter").counts["held_out"]
    return scores_table({name: Scores.read(one) for name, one in held_out.items()})


def next_commands() -> Table:
    """Commands to try next."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for what, command in (
        ("ask more", "medrag.ask"),
        ("index your own documents", "medrag.build_index 'corpus.paths=\\[DIR]'"),
        ("tune the retriever", "medrag.train +experiment=retriever"),
        (
            "answer with the small model",
            f"medrag.ask generator=hf generator.adapter={OUTPUTS}/{ADAPTER}",
        ),
        ("tune Mistral-7B, on a GPU", "medrag.train +experiment=qlora"),
    ):
        table.add_row(what, f"[bold]python -m {command}[/]")
    table.add_row("read the evaluation", f"[cyan]{OUTPUTS}/evaluation/report.html[/]")
    return table


def show_claims(rag: RAGPipeline) -> None:
    """Check what a model might say about a dose against the passage that it would cite."""
    hit = rag.retrieve(DOSE)[0]
    console.print(f"\n[dim]checked against {escape(hit.document)}, {escape(hit.section)}[/]")
    for claim in CLAIMS:
        support = check_support(claim, hit.text, title=hit.title, section=hit.section)
        verdict = (
            "[green]supported[/]" if support.supported else f"[red]removed:[/] {support.reason}"
        )
        console.print(f"“{claim}” {verdict}", soft_wrap=True)


def main() -> None:
    """Run every stage, ask three questions, check two claims, and suggest what to try next."""
    os.chdir(ROOT)
    seconds = {stage[0]: run(stage) for stage in stages()}
    console.rule("three questions")
    with RAGPipeline.open(f"{OUTPUTS}/index") as rag:
        for question in QUESTIONS:
            console.print(f"\n[bold magenta]? {question}[/]")
            show(rag.query(question))
        console.rule("two claims about a dose")
        show_claims(rag)
    console.print()
    console.print(before_and_after())
    console.print(Panel(summary(seconds), title="what was made", title_align="left"))
    console.print(
        Panel(
            next_commands(),
            title="next, after `source .venv/bin/activate`",
            title_align="left",
        )
    )
    console.print(
        f"[dim]{sum(seconds.values()):.0f} s in total. The small model has learned the format; "
        "medrag answers with the extractive reader by default. Not medical advice.[/]"
    )


if __name__ == "__main__":
    main()
