"""Stage 3: dataset → adapter, by QLoRA. `python -m medrag.train +experiment=qlora`"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from .cli import launch
from .config import Config
from .finetuning import TINY, preflight, train_generator
from .index import Index
from .manifest import (
    Manifest,
    Parent,
    describe_files,
    fingerprint,
    is_current,
    open_artefact,
    read_manifest,
    write_manifest,
)
from .progress import console, peak_mb
from .tracking import track


@dataclass(frozen=True)
class TrainReport:
    """What was trained; `counts` are those of the adapter's manifest."""

    directory: Path
    counts: dict[str, Any]
    dry_run: bool
    up_to_date: bool


def run(config: Config) -> TrainReport:
    """Train the adapter in `finetune.dir`, unless the same one is there already.

    Raises:
        PreflightError: this machine, or what lies on it, cannot run it; nothing was loaded.
        ArtefactError: the dataset is missing or damaged.
        MedragError: the run was stopped; the same command continues it.
    """
    finetune = config.finetune
    directory = Path(finetune.dir)
    preflight(finetune)
    dataset = open_artefact(Path(finetune.dataset), "dataset")
    parent = Parent(finetune.dataset, dataset.fingerprint)
    settings = asdict(finetune)
    del settings["dir"], settings["dataset"]
    dry_run = finetune.base_model == TINY
    if not dry_run:
        del settings["tiny"]
    wanted = fingerprint({"settings": settings, "dataset": parent.fingerprint})
    if is_current(directory, "adapter", wanted):
        counts = dict(read_manifest(directory, "adapter").counts)
        return TrainReport(directory, counts, dry_run, up_to_date=True)
    with track(config.tracking, "train", settings) as tracked:
        result = train_generator(
            finetune,
            corpus_texts(dataset) if dry_run else [],
            report_to=["wandb"] if tracked.enabled else [],
            run_name=directory.name,
        )
        counts = {name: value for name, value in asdict(result).items() if name != "history"}
        counts["peak_mb"] = peak_mb()
        tracked.summary(counts)
    write_manifest(
        directory,
        Manifest(
            kind="adapter",
            fingerprint=wanted,
            parents={"dataset": parent},
            settings=settings,
            counts=counts,
            files=describe_files(directory),
        ),
    )
    return TrainReport(directory, counts, dry_run, up_to_date=False)


def corpus_texts(dataset: Manifest) -> Iterator[str]:
    """The chunks of the index a dataset was made from; the dry run's tokenizer learns from them."""
    with Index(dataset.parents["index"].path) as index:
        yield from index.snapshot.texts()


def summary_table(report: TrainReport) -> Table:
    """What came out, for the terminal."""
    state = " (up to date)" if report.up_to_date else ""
    table = Table(
        title=f"adapter in {report.directory}{state}", title_justify="left", show_header=False
    )
    counts = report.counts
    if report.dry_run:
        table.add_row("[yellow]dry run[/yellow]", "random small model: its text is not meant to be read")
    share = counts["trainable_parameters"] / counts["total_parameters"]
    table.add_row(
        "trained", f"{counts['trainable_parameters']:,} of {counts['total_parameters']:,} "
        f"parameters ({share:.1%})",
    )  # fmt: skip
    table.add_row("rows", f"{counts['train_rows']:,}  ({counts['skipped_rows']:,} left out: too long)")
    table.add_row("loss", f"{counts['first_loss']:.3f} → {counts['train_loss']:.3f} nats/token")
    if counts["eval_loss"] is not None:
        table.add_row("validation loss", f"{counts['eval_loss']:.3f} nats/token")
    table.add_row("steps", f"{counts['steps']:,} in {counts['seconds']:.1f} s")
    table.add_row("peak memory", f"{counts['peak_mb']:,.0f} MB")
    return table


def main(config: Config) -> None:
    """Run the stage and print its summary."""
    console.print(summary_table(run(config)))


if __name__ == "__main__":
    launch(main)
