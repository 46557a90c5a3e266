"""Measure what answers hold, beside two simple ways to answer.

    python scripts/bench_answers.py --bioasq DIR --medquad FILE --pubmedqa FILE [--work DIR]
        [--half develop|report] [--questions N] [KEY=VALUE ...]

`--bioasq` is a BEIR folder (corpus.jsonl, queries.jsonl) whose queries have BioASQ's `type` and
`exact_answer` in `metadata`. `--medquad` and `--pubmedqa` are the JSONL files of these sets. Each
may be left out. Questions are split by a hash of their id: the `develop` half is for choosing
rules, the `report` half (default) for numbers. Indexes are built below `--work` and reused.
`KEY=VALUE` are settings of the pipeline, such as `grounding.min_confidence=0`.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import md5
from pathlib import Path
from statistics import mean, quantiles
from typing import Any

from rich.console import Console
from rich.table import Table

from medrag import Answer, RAGPipeline
from medrag.text import split_sentences
from medrag.text.words import words

Row = dict[str, Any]
WAYS: dict[str, Callable[[Answer], str]] = {
    "medrag": lambda answer: "" if answer.abstained else answer.answer,
    "first hit, whole": lambda answer: answer.hits[0].text if answer.hits else "",
    "first hit, first sentence": lambda answer: (
        split_sentences(answer.hits[0].text)[0] if answer.hits else ""
    ),
}


def read(path: Path) -> Iterator[Row]:
    """The rows of a JSONL file."""
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def in_half(name: str, half: str) -> bool:
    """Whether a question belongs to a half; even hashes are for developing."""
    even = int(md5(name.encode(), usedforsecurity=False).hexdigest(), 16) % 2 == 0
    return even is (half == "develop")


def holds(text: str, names: Sequence[str]) -> bool:
    """Whether a text has one of the names, as whole words without regard to case."""
    said = f" {' '.join(words(text))} "
    return any(words(name) and f" {' '.join(words(name))} " in said for name in names)


def open_index(work: Path, name: str, rows: Iterator[Row], settings: Sequence[str]) -> RAGPipeline:
    """Build the index of some documents, unless it is there, and open it."""
    corpus = work / f"{name}.jsonl"
    with corpus.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    command = [sys.executable, "-m", "medrag.build_index", "tracking.wandb=disabled"]
    places = [f"corpus.paths=[{corpus}]", f"index.dir={work / name}", f"tracking.dir={work}"]
    subprocess.run([*command, *places], check=True, stdout=subprocess.DEVNULL)
    rag = RAGPipeline.open(work / name)
    for setting in settings:
        key, _, value = setting.partition("=")
        group, _, field_name = key.partition(".")
        part = getattr(rag.config, group)
        setattr(part, field_name, type(getattr(part, field_name))(json.loads(value)))
    return rag


@dataclass
class Measured:
    """Values by what was measured and by the way to answer, one for each question."""

    values: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    milliseconds: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, way: str, value: float) -> None:
        """Add what one question gave."""
        self.values.setdefault(name, {}).setdefault(way, []).append(value)

    def ask(self, rag: RAGPipeline, question: str) -> Answer:
        """Ask a question, and note how long it and its search took."""
        started = time.perf_counter()
        rag.retrieve(question)
        retrieved = time.perf_counter()
        answer = rag.query(question)
        asked = time.perf_counter()
        self.milliseconds.setdefault("retrieve", []).append(1000 * (retrieved - started))
        self.milliseconds.setdefault("query", []).append(1000 * (asked - retrieved))
        self.add("answers with a question in them", "medrag", "?" in answer.answer)
        return answer


def bioasq(rag: RAGPipeline, queries: Sequence[Row], measured: Measured) -> None:
    """Exact answers held in the text of answers, and the stance of yes/no questions."""
    for row in queries:
        kind, exact = row["metadata"]["type"], row["metadata"]["exact_answer"]
        if kind not in ("factoid", "list", "yesno") or not exact:
            continue
        answer = measured.ask(rag, row["text"])
        if kind == "yesno":
            stance(measured, "BioASQ yes/no accuracy", answer, exact)
            continue
        items = [[item] if isinstance(item, str) else item for item in exact]
        measured.add(f"BioASQ {kind}: refused", "medrag", answer.abstained)
        for way, take in WAYS.items():
            text = take(answer)
            held = [holds(text, names) for names in items]
            if kind == "factoid":
                measured.add("BioASQ factoid: exact answer held", way, any(held))
            else:
                measured.add("BioASQ list: items held", way, mean(held))


def stance(measured: Measured, name: str, answer: Answer, right: str) -> None:
    """Compare the stance with yes, no or maybe; without a stance an answer counts as wrong."""
    said = {"unclear": "maybe"}.get(answer.stance, answer.stance)
    right = right.lower()
    measured.add(name, "medrag", said == right)
    measured.add(name, "always yes", right == "yes")
    measured.add(f"{name.rpartition(' ')[0].rstrip(':')}: with a stance", "medrag", bool(said))
    if said:
        measured.add(f"{name}, of those with a stance", "medrag", said == right)
        measured.add(f"{name}, of those with a stance", "always yes", right == "yes")


def abstracts(path: Path, conclusions: bool) -> Iterator[Row]:
    """PubMedQA's abstracts, with or without the conclusion that answers the question."""
    for row in read(path):
        parts = [f"{a}: {b}" for a, b in zip(row["labels"], row["contexts"], strict=True)]
        parts += [f"CONCLUSIONS: {row['long_answer']}"] if conclusions else []
        yield {"id": row["id"], "text": "\n".join(parts)}


def qa_documents(path: Path) -> Iterator[Row]:
    """A fifth of MedQuAD's documents, each with its question before the text."""
    for number, row in enumerate(read(path)):
        if int(md5(row["file"].encode(), usedforsecurity=False).hexdigest(), 16) % 5 == 0:
            text = f"{row['question']}\n{row['answer']}"
            yield {"id": str(number), "title": row["focus"], "text": text, "asked": row["question"]}


def interval(values: Sequence[float], rounds: int = 1000) -> tuple[float, float]:
    """The 95 % bootstrap interval of a mean."""
    draw = random.Random(0)
    means = sorted(mean(draw.choices(values, k=len(values))) for _ in range(rounds))
    return means[int(0.025 * rounds)], means[int(0.975 * rounds) - 1]


def show(measured: Measured) -> None:
    """Print one row for each measure and way."""
    table = Table("measure", "way", "n", "mean", "95 %")
    for name, ways in measured.values.items():
        for way, values in ways.items():
            low, high = interval(values)
            table.add_row(
                name, way, str(len(values)), f"{mean(values):.3f}", f"{low:.3f} to {high:.3f}"
            )
    for name, values in measured.milliseconds.items():
        cuts = quantiles(values, n=20)
        table.add_row(
            f"{name}, ms", "p50, p95", str(len(values)), f"{cuts[9]:.1f}", f"{cuts[18]:.1f}"
        )
    Console(width=100).print(table)


def main() -> None:
    """Read the options, build, ask and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    for name in ("bioasq", "medquad", "pubmedqa"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--work", type=Path, default=Path("outputs/bench-answers"))
    parser.add_argument("--half", choices=("develop", "report"), default="report")
    parser.add_argument("--questions", type=int, default=300, help="at most, of MedQuAD")
    parser.add_argument("settings", nargs="*")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    measured = Measured()

    def indexed(name: str, rows: Iterator[Row]) -> RAGPipeline:
        return open_index(options.work.resolve(), name, rows, options.settings)

    if options.bioasq:
        with indexed("bioasq", read(options.bioasq / "corpus.jsonl")) as rag:
            rag.query("Which drug is given?")  # loads the models
            queries = read(options.bioasq / "queries.jsonl")
            bioasq(rag, [row for row in queries if in_half(row["_id"], options.half)], measured)
    if options.pubmedqa:
        for name, conclusions in (("abstracts", True), ("abstracts without conclusions", False)):
            rows = abstracts(options.pubmedqa, conclusions)
            with indexed(name.replace(" ", "-"), rows) as rag:
                for row in read(options.pubmedqa):
                    if in_half(row["id"], options.half):
                        answer = measured.ask(rag, row["question"])
                        stance(measured, f"PubMedQA {name}: accuracy", answer, row["decision"])
    if options.medquad:
        asked = [row for row in qa_documents(options.medquad) if in_half(row["id"], options.half)]
        with indexed("medquad", qa_documents(options.medquad)) as rag:
            for row in random.Random(0).sample(asked, min(options.questions, len(asked))):
                answer = measured.ask(rag, row["asked"])
                measured.add("MedQuAD: answers with a question", "medrag", "?" in answer.answer)
                measured.add("MedQuAD: refused", "medrag", answer.abstained)
    show(measured)


if __name__ == "__main__":
    main()
