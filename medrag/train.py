"""Stage 3: dataset → adapter, retriever or reranker. `python -m medrag.train +experiment=qlora`"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.table import Table

from .cli import launch
from .config import (
    Config,
    FineTuneConfig,
    RerankerTuneConfig,
    RetrieverTuneConfig,
    TrainTarget,
)
from .errors import ArtefactError, MismatchError
from .finetuning.generator import train_generator
from .finetuning.preflight import preflight
from .finetuning.reranker import train_reranker
from .finetuning.retriever import train_retriever
from .finetuning.tiny import TINY
from .manifest import Artefact, Manifest, Parent, file_sha256, model_identity, open_artefact
from .progress import console, peak_mb
from .retrieval.cross_encoder import PACKAGED, RERANKER
from .stores import open_index
from .tracking import track

_TuneConfig = FineTuneConfig | RetrieverTuneConfig | RerankerTuneConfig
# Called with a finished directory, before it replaces the old one, and the training's result.
Seal = Callable[[Path, Any], None]


@dataclass(frozen=True)
class TrainReport:
    """The result of a training; `counts` are those in its manifest."""

    kind: str
    directory: Path
    counts: dict[str, Any]
    dry_run: bool
    up_to_date: bool = False


def run(config: Config) -> TrainReport:
    """Train an adapter, the retriever or the reranker, unless the same one is already there.

    Raises:
        PreflightError: the run cannot start on this machine; nothing was loaded.
        ArtefactError: the dataset is missing or damaged.
        MismatchError: dry run only: the index has changed since the dataset was made from it.
        MedragError: the run was stopped; the same command continues it.
    """
    if config.train.target == TrainTarget.retriever:
        return _train("retriever", config.retriever_tuning, config, _tune_retriever)
    if config.train.target == TrainTarget.reranker:
        return _train("reranker", config.reranker_tuning, config, _tune_reranker)
    try:
        return _train("adapter", config.finetune, config, _tune_generator)
    except ArtefactError:
        preflight(config.finetune)  # lists everything that is missing, the dataset included
        raise


def _train(
    kind: str,
    settings_of: _TuneConfig,
    config: Config,
    tune: Callable[[Config, Manifest, list[str], Seal], Any],
) -> TrainReport:
    """The steps of every training: skip if up to date, track, train, seal with a manifest."""
    dataset = open_artefact(Path(settings_of.dataset), "dataset")
    artefact = _artefact(kind, settings_of, Parent(settings_of.dataset, dataset.fingerprint))
    report = TrainReport(kind, artefact.directory, {}, dry_run=settings_of.base_model == TINY)
    if found := artefact.found():
        return replace(report, counts=dict(found.counts), up_to_date=True)

    def seal(fresh: Path, result: Any) -> None:
        report.counts.update(asdict(result), peak_mb=peak_mb())
        del report.counts["history"]
        artefact.seal(fresh, report.counts)

    with track(config.tracking, "train", artefact.settings) as tracked:
        tune(config, dataset, ["wandb"] if tracked.enabled else [], seal)
        tracked.summary(report.counts)
    return report


def _artefact(kind: str, settings_of: _TuneConfig, dataset: Parent) -> Artefact:
    settings = asdict(settings_of)
    del settings["dir"], settings["dataset"]
    if settings_of.base_model != TINY:
        settings.pop("tiny", None)
    return Artefact(
        kind=kind,
        directory=Path(settings_of.dir),
        settings=settings,
        made_from={
            "settings": settings,
            "base": _base_identity(kind, settings_of.base_model),
            "dataset": dataset.fingerprint,
        },
        parents={"dataset": dataset},
    )


def _base_identity(kind: str, model: str) -> str:
    if kind == "reranker" and model == PACKAGED:
        return f"{model}@{file_sha256(RERANKER.changes)[:16]}"
    return model_identity(model)


def _tune_generator(config: Config, dataset: Manifest, report_to: list[str], seal: Seal) -> None:
    preflight(config.finetune)
    texts = corpus_texts(dataset) if config.finetune.base_model == TINY else iter(())
    name = Path(config.finetune.dir).name
    train_generator(config.finetune, texts, report_to=report_to, run_name=name, seal=seal)


def _tune_retriever(config: Config, dataset: Manifest, report_to: list[str], seal: Seal) -> None:
    name = Path(config.retriever_tuning.dir).name
    train_retriever(config.retriever_tuning, report_to=report_to, run_name=name, seal=seal)


def _tune_reranker(config: Config, dataset: Manifest, report_to: list[str], seal: Seal) -> None:
    name = Path(config.reranker_tuning.dir).name
    train_reranker(config.reranker_tuning, report_to=report_to, run_name=name, seal=seal)


def corpus_texts(dataset: Manifest) -> Iterator[str]:
    """The chunks of a dataset's index; the dry run trains its tokenizer on them.

    Raises:
        ArtefactError: the index is missing or damaged.
        MismatchError: the index has changed since the dataset was made from it.
    """
    parent = dataset.parents["index"]
    with open_index(parent.path) as index:
        if index.fingerprint != parent.fingerprint:
            raise MismatchError(
                f"the index {parent.path} has changed since the dataset was made from it "
                f"({parent.fingerprint[:8]} → {index.fingerprint[:8]}); rebuild the dataset: "
                f"python -m medrag.build_dataset dataset.questions=FILE index.dir={parent.path}"
            )
        yield from index.texts()


def summary_table(report: TrainReport) -> Table:
    """The result of a training, for the terminal."""
    state = " (up to date)" if report.up_to_date else ""
    table = Table(
        title=f"{report.kind} in {report.directory}{state}", title_justify="left", show_header=False
    )
    counts = report.counts
    if report.dry_run:
        table.add_row(
            "[yellow]dry run[/yellow]", "a small random model, whose text is not meant to be read"
        )
    if report.kind == "adapter":
        trained, total = counts["trainable_parameters"], counts["total_parameters"]
        table.add_row("trained", f"{trained:,} of {total:,} parameters ({trained / total:.1%})")
        skipped = f"{counts['skipped_rows']:,} too long, left out"
        table.add_row("rows", f"{counts['train_rows']:,}  ({skipped})")
    elif report.kind == "reranker":
        skipped = f"{counts['skipped_rows']:,} rows have no gold passage, or no other"
        table.add_row("lists", f"{counts['lists']:,}  ({skipped})")
    else:
        skipped = f"{counts['skipped_rows']:,} rows have no gold passage"
        table.add_row("pairs", f"{counts['pairs']:,}  ({skipped})")
        table.add_row("passages cut for training", f"{counts['truncated']:,}")
    table.add_row("loss", f"{counts['first_loss']:.3f} → {counts['train_loss']:.3f} nats")
    if counts.get("eval_loss") is not None:
        table.add_row("validation loss", f"{counts['eval_loss']:.3f} nats")
    table.add_row("steps", f"{counts['steps']:,} in {counts['seconds']:.1f} s")
    table.add_row("peak memory", f"{counts['peak_mb']:,.0f} MB")
    if report.kind == "retriever":
        table.add_row("to use it", f"embedder.model={report.directory} index.dir=NEW_DIR")
    if report.kind == "reranker":
        table.add_row("to use it", f"retriever.reranker={report.directory}")
    return table


def main(config: Config) -> None:
    """Run the stage and print its summary."""
    console.print(summary_table(run(config)))


if __name__ == "__main__":
    launch(main)
