"""From documents to the first answer: medrag beside sentence-transformers and FAISS by hand.

    python scripts/bench_ingest.py CORPUS [--pubmedqa FILE] [--documents 2000] [--out outputs/bench]
    python scripts/bench_ingest.py CORPUS --against CHECKOUT [--pairs 5]

CORPUS is MedQuAD as JSONL (`id`, `focus`, `question`, `answer`); its first unique answers are the
documents. The first form prints a table with ratios, and writes ingest.json and ingest.png to
--out. It skips the steps that are already in ingest.json, and takes half an hour on two cores.

The second form compares this checkout with another one, such as a worktree of an earlier commit:
the same steps in turn, this, other, this, other. It prints medians and the ratio of each pair.

The quality gate compares the default embedder with torch in fp32: nDCG@10 of exact search over the
first 256 tokens of each document, for the question that belongs to it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from medrag import EmbedderConfig
from medrag.config import Backend, Precision
from medrag.ingestion import TextEmbedder
from medrag.metrics import retrieval_measures

ROOT = Path(__file__).resolve().parents[1]
WAYS = ("hand", "medrag")
LARGER = 3  # times as many documents, to see what grows
NAMES = {"hand": "sentence-transformers + FAISS by hand", "medrag": "medrag"}
Run = dict[str, Any]


class Bench:
    """The corpus and the files of a run; steps run the medrag of one checkout."""

    def __init__(self, source: Path, documents: int, out: Path) -> None:
        self.root = ROOT
        self.work = out / "ingest-work"
        self.corpus, self.larger = self.work / "corpus.jsonl", self.work / "larger.jsonl"
        self.changed, self.questions = self.work / "changed.jsonl", self.work / "questions.txt"
        self.work.mkdir(parents=True, exist_ok=True)
        rows = first_unique(source, LARGER * documents)
        lines = [
            json.dumps({"id": r["id"], "title": r["focus"], "text": r["answer"]}) for r in rows
        ]
        more = json.dumps({"id": "new", "title": "New", "text": "One more document about gout."})
        for path, content in (
            (self.corpus, lines[:documents]),
            (self.larger, lines),
            (self.changed, [*lines[:documents], more]),
            (self.questions, [" ".join(r["question"].split()) for r in rows[:220]]),
        ):
            path.write_text("\n".join(content) + "\n", encoding="utf-8")

    def index(self, way: str) -> Path:
        return self.work / f"{way}-index"

    def command(self, way: str, step: str, corpus: Path, index: Path) -> list[str]:
        script = self.root / "scripts/ingest_ways.py"
        return [sys.executable, *map(str, (script, way, step, corpus, index, self.questions))]

    def run(
        self, way: str, step: str, corpus: Path | None = None, index: Path | None = None
    ) -> Run:
        """Run a step in its own process; adds its seconds from start to end."""
        command = self.command(way, step, corpus or self.corpus, index or self.index(way))
        started = time.perf_counter()
        done = subprocess.run(
            command, stdout=subprocess.PIPE, check=True, text=True, env=self.environment()
        )
        seconds = time.perf_counter() - started
        return {"seconds": seconds, **json.loads(done.stdout.splitlines()[-1])}

    def environment(self) -> dict[str, str]:
        """With the checkout's medrag before an installed one."""
        return os.environ | {"PYTHONPATH": str(self.root)}


def first_unique(source: Path, count: int) -> list[dict[str, str]]:
    rows: dict[str, dict[str, str]] = {}
    with source.open(encoding="utf-8") as file:
        for row in map(json.loads, file):
            rows.setdefault(row["answer"], row)
            if len(rows) == count:
                break
    return list(rows.values())


def build(bench: Bench) -> Run:
    found: Run = {}
    for way in WAYS:
        shutil.rmtree(bench.index(way), ignore_errors=True)
        found[way] = bench.run(way, "build")
        found[way]["tokens_per_s"] = found[way]["tokens"] / found[way]["seconds"]
    return found


def forward(bench: Bench) -> Run:
    return bench.run("medrag", "forward")


def unchanged(bench: Bench) -> Run:
    return {"medrag": min((bench.run("medrag", "build") for _ in range(3)), key=seconds)}


def slope(bench: Bench) -> Run:
    """Three times as many documents, to see how much the peak grows per 10,000 chunks."""
    index = bench.work / "medrag-larger"
    shutil.rmtree(index, ignore_errors=True)
    return {"medrag": bench.run("medrag", "build", bench.larger, index)}


def first_answer(bench: Bench) -> Run:
    """Median of five new processes each, taking turns."""
    runs: dict[str, list[Run]] = {way: [] for way in WAYS}
    for _ in range(6):
        for way in WAYS:
            runs[way].append(bench.run(way, "answer"))
    return {
        way: {
            "seconds": statistics.median(run["seconds"] for run in some[1:]),
            "peak_mib": max(run["peak_mib"] for run in some),
        }
        for way, some in runs.items()
    }


def query(bench: Bench) -> Run:
    return {way: bench.run(way, "query") for way in WAYS}


def kill(bench: Bench) -> Run:
    """SIGKILL while a new index replaces a good one: can it still be searched?"""
    return {way: outcome(bench, way) for way in WAYS}


def outcome(bench: Bench, way: str) -> str:
    index = bench.work / f"{way}-killed"
    file = index / "index.faiss"
    before = bench.run(way, "look")["hits"]
    for _ in range(5):  # it may miss the moment
        shutil.rmtree(index, ignore_errors=True)
        shutil.copytree(bench.index(way), index)
        known = {path: path.stat().st_size for path in index.rglob("*.faiss")}
        command = bench.command(way, "build", bench.changed, index)
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, env=bench.environment()
        ) as process:
            while process.poll() is None:
                if way == "hand":
                    saving = file.stat().st_size < known[file]
                else:
                    saving = any(path not in known for path in index.glob("generations/*/*.faiss"))
                if saving:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                time.sleep(0.0003)  # writing takes milliseconds, but looking must not take a core
        if process.returncode == -signal.SIGKILL:
            break
    else:
        return "never caught while saving"
    try:
        after = bench.run(way, "look", index=index)["hits"]
    except subprocess.CalledProcessError:
        return "old index lost"
    if after != before:
        return "other results"
    bench.run(way, "build", bench.changed, index)
    return "nothing lost; the next build continues"


def quality(pairs: dict[str, list[tuple[str, str]]]) -> Run:
    """nDCG@10 of the default embedder and of torch in fp32, for each set of (question, text)."""
    embedders = {
        "default": TextEmbedder(),
        "torch fp32": TextEmbedder(EmbedderConfig(backend=Backend.torch, precision=Precision.fp32)),
    }
    return {
        name: {which: dense_ndcg(embedder, some) for which, embedder in embedders.items()}
        for name, some in pairs.items()
    }


def dense_ndcg(embedder: TextEmbedder, pairs: Iterable[tuple[str, str]]) -> float:
    questions, texts = zip(*pairs, strict=True)
    vectors, asked = embedder.embed_documents(texts), embedder.embed_queries(questions)
    best = np.argsort(-(asked @ vectors.T), axis=1, kind="stable")[:, :10]
    scores = [
        retrieval_measures([str(i) for i in top], [str(row)], [10])["ndcg@10"]
        for row, top in enumerate(best)
    ]
    return float(np.mean(scores))


def read_pairs(source: Path, documents: int, pubmedqa: Path | None) -> dict[str, Any]:
    rows = first_unique(source, documents)
    pairs = {"MedQuAD": [(row["question"], row["answer"]) for row in rows]}
    if pubmedqa:
        with pubmedqa.open(encoding="utf-8") as file:
            read = [json.loads(line) for line in file]
        pairs["PubMedQA"] = [(row["question"], " ".join(row["contexts"])) for row in read]
    return pairs


def seconds(run: Run) -> float:
    return float(run["seconds"])


def rows_of(results: Run) -> list[tuple[str, str, dict[str, float | str]]]:
    """(figure, goal, value by way) of each line of the table."""
    made, larger = results["build"], results["slope"]
    grown = larger["medrag"]["peak_mib"] - made["medrag"]["peak_mib"]
    per_10k = grown / (larger["medrag"]["chunks"] - made["medrag"]["chunks"]) * 1e4
    peak = {way: made[way]["peak_mib"] + made[way]["child_mib"] for way in WAYS}
    first, asked = results["first_answer"], results["query"]
    share = results["unchanged"]["medrag"]["seconds"] / made["medrag"]["seconds"]
    bare = (
        made["medrag"]["tokens_per_s"] / results["forward"][made["medrag"]["embedder"].split()[0]]
    )
    return [
        ("tokens/s, whole build", "4 times", {w: made[w]["tokens_per_s"] for w in WAYS}),
        ("seconds, whole build", "", {w: made[w]["seconds"] for w in WAYS}),
        ("share of the bare forward loop", "≥ 0.9", {"medrag": bare}),
        ("peak RSS with parsers, MiB", "≤ 700", peak),
        ("MiB per 10k more chunks", "≤ 17", {"medrag": per_10k}),
        ("first answer, new process, s", "≤ 1.5", {w: first[w]["seconds"] for w in WAYS}),
        ("warm query p50, ms", "≤ 4", {w: asked[w]["p50_ms"] for w in WAYS}),
        ("warm query p50, dense only, ms", "≤ 4", {"medrag": asked["medrag"]["dense"]["p50_ms"]}),
        ("unchanged rebuild, share of the first", "≤ 0.01", {"medrag": share}),
        ("SIGKILL while saving", "nothing lost", results["kill"]),
        *(
            (f"nDCG@10 {name}, loss against torch fp32", "≤ 0.005",
             {"medrag": scores["torch fp32"] - scores["default"]})
            for name, scores in results["quality"].items()
        ),
    ]  # fmt: skip


def show(results: Run) -> None:
    made = results["build"]["medrag"]
    table = Table(title=f"{made['chunks']:,} chunks, {made['tokens']:,} tokens; {made['embedder']}")
    for column in ("", "goal", "by hand", "medrag", "medrag / by hand"):
        table.add_column(column)
    for what, goal, values in rows_of(results):
        hand, ours = values.get("hand", ""), values["medrag"]
        both = isinstance(hand, float) and isinstance(ours, float)
        ratio = f"{ours / hand:.2f}" if both and hand else ""  # type: ignore[operator]
        table.add_row(what, goal, figure(hand), figure(ours), ratio)
    Console(width=120).print(table)


def against(bench: Bench, other: Path, pairs: int) -> None:
    """Build, rebuild, open and query with this checkout and another one in turn."""
    taken: list[dict[Path, dict[str, float]]] = []
    for number in range(-1, pairs):  # the first pair converts the model and warms the disk cache
        pair = {root: figures(bench, root) for root in (ROOT, other)}
        if number >= 0:
            taken.append(pair)
            print(json.dumps({str(root): row for root, row in pair.items()}), file=sys.stderr)
    table = Table(title=f"this checkout against {other.name}, {pairs} pairs")
    for column in ("", "this", "other", "this / other", "of each pair"):
        table.add_column(column)
    for name in taken[0][ROOT]:
        ours, theirs = ([pair[root][name] for pair in taken] for root in (ROOT, other))
        ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
        medians = (statistics.median(values) for values in (ours, theirs))
        each = " ".join(f"{ratio:.3f}" for ratio in ratios)
        table.add_row(name, *map(figure, medians), f"{statistics.median(ratios):.3f}", each)
    Console(width=120).print(table)


def figures(bench: Bench, root: Path) -> dict[str, float]:
    bench.root = root
    shutil.rmtree(bench.index("medrag"), ignore_errors=True)
    made = bench.run("medrag", "build")
    again, first, asked = (bench.run("medrag", step) for step in ("build", "answer", "query"))
    return {
        "tokens/s, whole build": made["tokens"] / made["seconds"],
        "seconds, whole build": made["seconds"],
        "seconds, unchanged rebuild": again["seconds"],
        "peak RSS with parsers, MiB": made["peak_mib"] + made["child_mib"],
        "first answer, new process, s": first["seconds"],
        "warm query p50, ms": asked["p50_ms"],
        "warm query p50, dense only, ms": asked["dense"]["p50_ms"],
    }


def figure(value: float | str) -> str:
    if isinstance(value, str):
        return value
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.4f}"


def plot(results: Run, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    found = {what: values for what, _, values in rows_of(results)}
    wanted = {
        "tokens/s, whole build": 4 * found["tokens/s, whole build"]["hand"],
        "peak RSS with parsers, MiB": 700.0,
        "first answer, new process, s": 1.5,
        "warm query p50, ms": 4.0,
    }
    shown, axes = pyplot.subplots(1, 4, figsize=(12, 3.6))
    for axis, (what, goal) in zip(axes, wanted.items(), strict=True):
        values = [found[what][way] for way in WAYS]
        bars = axis.bar(["by hand", "medrag"], values, color=["#7f8c8d", "#c0392b"], width=0.6)
        axis.bar_label(
            bars,
            labels=[figure(value) for value in values],
            padding=2,
            bbox={"fc": "white", "ec": "none", "pad": 0.5},
        )
        axis.axhline(goal, color="black", lw=0.8, ls="--")
        axis.margins(y=0.15)
        axis.set_title(what, fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
    made = results["build"]["medrag"]
    shown.suptitle(
        f"{made['chunks']:,} chunks of MedQuAD, {made['embedder']}; dashed: goal", fontsize=11
    )
    shown.tight_layout()
    shown.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--pubmedqa", type=Path)
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=Path("outputs/bench"))
    parser.add_argument("--against", type=Path, metavar="CHECKOUT")
    parser.add_argument("--pairs", type=int, default=5)
    options = parser.parse_args()
    bench = Bench(options.corpus, options.documents, options.out)
    if options.against:
        against(bench, options.against.resolve(), options.pairs)
        return
    TextEmbedder().embed_documents(["Models are converted before anything is timed."])
    kept = options.out / "ingest.json"
    results: Run = json.loads(kept.read_text()) if kept.exists() else {}
    steps: dict[str, Callable[[], Run]] = {
        step.__name__: lambda step=step: step(bench)  # type: ignore[misc]
        for step in (build, forward, unchanged, first_answer, query, kill, slope)
    }
    steps["quality"] = lambda: quality(
        read_pairs(options.corpus, options.documents, options.pubmedqa)
    )
    for name, step in steps.items():
        if name not in results:
            results[name] = step()
            print(name, json.dumps(results[name]), file=sys.stderr, flush=True)
            kept.write_text(json.dumps(results, indent=2) + "\n")
    show(results)
    plot(results, options.out / "ingest.png")


if __name__ == "__main__":
    main()
