"""The result of a training, as a table for the terminal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from ..terminal import plain
from .reranker_card import reranking_gain
from .retriever_card import gain, told


@dataclass(frozen=True)
class TrainReport:
    """The result of a training; `counts` are those in its manifest."""

    kind: str
    directory: Path
    counts: dict[str, Any]
    dry_run: bool
    up_to_date: bool = False


def summary_table(report: TrainReport) -> Table:
    """The result of a training, for the terminal."""
    state = " (up to date)" if report.up_to_date else ""
    table = Table(
        title=plain(f"{report.kind} in {report.directory}{state}"),
        title_justify="left",
        show_header=False,
    )
    counts = report.counts
    if report.dry_run:
        table.add_row(
            "[yellow]dry run[/yellow]", "a small random model, whose text is not meant to be read"
        )
    if report.kind == "adapter":
        trained, total = counts["trainable_parameters"], counts["total_parameters"]
        table.add_row("trained", f"{trained:,} of {total:,} parameters ({trained / total:.1%})")
        read = f"each read {counts['epochs']:.1f} times, {counts['skipped_rows']:,} left out"
        of_pairs = "preferred" in counts
        table.add_row("pairs" if of_pairs else "rows", f"{counts['train_rows']:,}  ({read})")
        if of_pairs:
            table.add_row("better reply preferred", f"{counts['preferred']:.0%} of the last pairs")
    elif report.kind == "reranker":
        skipped = f"{counts['skipped_rows']:,} rows have no gold passage, or no other"
        table.add_row("lists", f"{counts['lists']:,}  ({skipped})")
    elif "layers" in counts:
        read = f"{counts['passages']:,} passages, {counts['questions']:,} questions"
        table.add_row("texts", read)
        sizes = (counts["parameters"] / 1e6, counts["teacher_parameters"] / 1e6)
        table.add_row("layers", f"{counts['layers']} of {counts['teacher_layers']}")
        table.add_row("parameters", f"{sizes[0]:.1f} of {sizes[1]:.1f} million")
        speeds = (counts["speed"], counts["teacher_speed"])
        ratio = speeds[0] / speeds[1]
        table.add_row("passages/s", f"{speeds[0]:.0f}, teacher {speeds[1]:.0f} (× {ratio:.1f})")
    else:
        table.add_row("questions", f"{counts['asked']:,}, and {counts['written']:,} written")
        table.add_row("questions in a batch", f"{counts['mean_batch']:.1f}")
        table.add_row("questions in no batch", f"{counts['unused']:,}")
        table.add_row("questions without negatives", f"{counts['without_negatives']:,}")
        table.add_row("rows without an own passage", f"{counts['skipped_rows']:,}")
        table.add_row("teacher", counts["teacher"])
        table.add_row("passages cut for training", f"{counts['truncated']:,}")
    is_student = "layers" in counts
    unit = "squared distance of vectors" if is_student else "nats"
    table.add_row("loss", f"{counts['first_loss']:.3f} → {counts['train_loss']:.3f} {unit}")
    if counts.get("eval_loss") is not None:
        table.add_row("validation loss", f"{counts['eval_loss']:.3f} nats")
    before = counts.get("steps_before", 0)
    since = f", with the last {counts['steps'] - before:,} steps" if before else ""
    table.add_row("steps", f"{counts['steps']:,}")
    table.add_row("time of the whole run", f"{counts['seconds']:,.0f} s{since}")
    table.add_row("peak memory", f"{counts['peak_mb']:,.0f} MB")
    if report.kind == "retriever":
        if "share" in counts:
            table.add_row("tuned weights in the mix", f"{counts['share']:.0%}")
        table.add_row("teacher → student" if is_student else "measured", told(counts))
        for row in counts["measured"][1:] if counts.get("chosen", 1.0) else ():
            table.add_row(plain(f"  {row['name']}"), gain(row))
        use = plain(f"embedder.model={report.directory} index.dir=NEW_DIR")
        table.add_row("to use it", use if counts.get("share", 1.0) else "no need: it is its base")
    if report.kind == "reranker":
        table.add_row("measured", reranking_gain(counts["measured"]))
        table.add_row("to use it", plain(f"retriever.reranker={report.directory}"))
    return table
