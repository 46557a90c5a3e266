"""Stage 3: dataset → adapter, retriever or reranker. `python -m medrag.train +experiment=qlora`"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from .cli import launch
from .config import Config, TrainTarget
from .embedding.local.folder import locate
from .errors import ArtefactError, ConfigError, MedragError, MismatchError, PreflightError
from .evaluation.adapters import REPLIES, measure_adapter, replies_table
from .evaluation.held_out import Scores, scores_table
from .evaluation.loss_curves import CURVES, HISTORY
from .evaluation.origin import origin_of
from .evaluation.reranker_card import write_reranker_card
from .evaluation.retriever_card import RetrieverFacts, write_retriever_card
from .evaluation.student_card import write_student_card
from .evaluation.training_summary import TrainReport, summary_table
from .finetuning.generator import train_generator
from .finetuning.plan import plan
from .finetuning.preferences import train_preferences
from .finetuning.preflight import preflight
from .finetuning.reranker import train_reranker
from .finetuning.retriever import train_retriever
from .finetuning.student import train_student
from .finetuning.tiny import TINY
from .hardware import is_main_process
from .manifest import (
    MANIFEST,
    Artefact,
    Manifest,
    Parent,
    file_sha256,
    kind_of,
    model_identity,
    open_artefact,
    read_manifest,
)
from .progress import console, peak_mb
from .retrieval.cross_encoder import PACKAGED, RERANKER
from .stores import open_index
from .tracking import Resumable, track
from .workplace import check_place, sole_writer

_PLACES = {  # the settings that name the directories
    TrainTarget.generator: "finetune.dir",
    TrainTarget.preferences: "preference_tuning.dir",
    TrainTarget.retriever: "retriever_tuning.dir",
    TrainTarget.student: "distil.dir",
    TrainTarget.reranker: "reranker_tuning.dir",
}

_CARDS = {  # an adapter has its own, with replies
    TrainTarget.retriever: write_retriever_card,
    TrainTarget.student: write_student_card,
    TrainTarget.reranker: write_reranker_card,
}

# Called with a finished directory, before it replaces the old one, and the training's result.
Seal = Callable[[Path, Any], None]


def run(config: Config) -> TrainReport:
    """Train what `train.target` names, unless the same one is already there.

    Raises:
        PreflightError: the run cannot start on this machine; nothing was loaded.
        ArtefactError: the dataset, or the adapter to start from, is missing or damaged.
        MismatchError: dry run only: the index has changed since the dataset was made from it.
        DivergenceError: the loss ran away or is not finite; nothing was saved.
        MedragError: the run was stopped; the same command continues it.
    """
    match config.train.target:
        case TrainTarget.retriever:
            return _train(config, _retriever(config), _tune_retriever)
        case TrainTarget.student:
            return _train(config, _student(config), _distil)
        case TrainTarget.reranker:
            return _train(config, _reranker(config), _tune_reranker)
        case TrainTarget.preferences:
            return _train(config, _preferred(config), _tune_preferences)
    try:
        return _train(config, _adapter(config), _tune_generator)
    except ArtefactError:
        preflight(config.finetune)  # lists everything that is missing, the dataset included
        raise


def show_plan(config: Config) -> None:
    """Print what a run of the generator needs and takes.

    Raises:
        ConfigError: another model is to be trained.
        PreflightError: the run cannot start; says why.
    """
    if config.train.target != TrainTarget.generator:
        raise ConfigError(
            f"train.preflight_only=true is for train.target=generator, not {config.train.target}"
        )
    found = plan(config.finetune, _texts(config))
    console.print(found)
    if found.problem:
        raise PreflightError(found.problem)


def _train(
    config: Config, artefact: Artefact, tune: Callable[[Config, list[str], Seal], object]
) -> TrainReport:
    """The steps of every training: skip if up to date, track, train, measure, seal."""
    dry_run = artefact.settings.get("base_model") == TINY
    report = TrainReport(artefact.kind, artefact.directory, {}, dry_run)
    if found := artefact.found():
        return replace(report, counts=dict(found.counts), up_to_date=True)
    place = _PLACES[config.train.target]
    check_place(artefact.directory, artefact.kind, place)

    def seal(fresh: Path, result: Any) -> None:
        report.counts.update(asdict(result), peak_mb=peak_mb())
        if artefact.kind == "adapter":
            scores = _measure(fresh, config, artefact, report.counts)
            report.counts["held_out"] = {name: asdict(one) for name, one in scores.items()}
        if write_card := _CARDS.get(config.train.target):
            write_card(fresh, _facts(artefact, report.counts))
        history = report.counts.pop("history")
        (fresh / HISTORY).write_text(json.dumps(history), encoding="utf-8")
        artefact.seal(fresh, report.counts)

    kept = Resumable(artefact.directory / "wandb.json", artefact.fingerprint)
    # The first of several processes writes.
    alone = sole_writer(artefact.directory, place) if is_main_process() else nullcontext()
    with alone, track(config.tracking, "train", artefact.settings, kept) as tracked:
        tune(config, tracked.reports_to, seal)
        tracked.summary(report.counts)
        tracked.artifact(artefact.directory)
        replies = artefact.directory / REPLIES
        if replies.is_file():
            tracked.table("replies", *replies_table(replies))
        curves = artefact.directory / CURVES
        if curves.is_file():
            tracked.image("loss", curves)
    return report


def _measure(
    fresh: Path, config: Config, artefact: Artefact, result: dict[str, Any]
) -> dict[str, Scores]:
    """Answer held-out rows before and after, and write the model card."""
    dataset = read_manifest(Path(config.finetune.dataset), "dataset")
    if dataset.fingerprint != artefact.parents["dataset"].fingerprint:
        raise MismatchError(
            f"the dataset in {config.finetune.dataset} was replaced during the training, and its "
            "test rows may have been trained on; put the old one back, and the same command "
            "finishes without training again"
        )
    start = artefact.parents.get("adapter")
    base = str(result["base_model"])
    name = Path(base).name if Path(base).is_dir() else base  # no path: it says nothing elsewhere
    facts = {
        "name": artefact.directory.name,
        "settings": artefact.settings,
        "result": result,
        "start": start.fingerprint if start else "",
    }
    before = start.path if start else ""
    identity = f"{name}@{result['base_weights']}".rstrip("@")
    return measure_adapter(fresh, base, identity, before, config, dataset, facts)


def _facts(artefact: Artefact, result: Mapping[str, Any]) -> RetrieverFacts:
    """What the card of a retriever, a student or a reranker tells."""
    base = Path(result["base_model"])
    name = "all-MiniLM-L6-v2" if base == locate("") else base.name
    identity = f"{name}@{model_identity(str(base)).rpartition('@')[2]}"
    if artefact.settings.get("base_model") == PACKAGED:
        identity = f"medrag's reranker@{artefact.made_from['base'].rpartition('@')[2]}"
    dataset = read_manifest(Path(artefact.parents["dataset"].path), "dataset")
    return RetrieverFacts(
        artefact.directory.name, origin_of(identity, dataset), artefact.settings, result
    )


def _adapter(config: Config) -> Artefact:
    settings = asdict(config.finetune)
    if config.finetune.base_model != TINY:
        del settings["tiny"]
    return _artefact("adapter", settings, config.finetune.base_model)


def _preferred(config: Config) -> Artefact:
    """An adapter that is made from another one."""
    tuning = config.preference_tuning
    if Path(tuning.dir).resolve() == Path(tuning.adapter).resolve():
        raise ConfigError(
            f"preference_tuning.dir={tuning.dir} is the adapter that it starts from; choose "
            "another folder"
        )
    start = open_artefact(Path(tuning.adapter), "adapter")
    settings = {**asdict(config.finetune), **asdict(tuning)}
    for name in ("tiny", "adapter"):
        del settings[name]
    base = str(start.counts["base_model"])
    parent = {"adapter": Parent(tuning.adapter, start.fingerprint)}
    return _artefact("adapter", settings, base, parent)


def _retriever(config: Config) -> Artefact:
    return _artefact(
        "retriever", asdict(config.retriever_tuning), config.retriever_tuning.base_model
    )


def _student(config: Config) -> Artefact:
    return _artefact("retriever", asdict(config.distil), config.distil.teacher)


def _reranker(config: Config) -> Artefact:
    return _artefact("reranker", asdict(config.reranker_tuning), config.reranker_tuning.base_model)


def _artefact(
    kind: str, settings: dict[str, Any], base: str, parents: Mapping[str, Parent] | None = None
) -> Artefact:
    """An artefact made with some settings from a dataset, a base model and perhaps others."""
    directory, folder = Path(settings.pop("dir")), settings.pop("dataset")
    dataset = Parent(folder, open_artefact(Path(folder), "dataset").fingerprint)
    parents = {"dataset": dataset, **(parents or {})}
    if (Path(base) / MANIFEST).is_file():  # a tuned model, which is tuned further
        if Path(base).resolve() == directory.resolve():
            raise ConfigError(f"{base} is the model to start from; choose another folder for this")
        with suppress(MedragError):
            of_base = kind_of(Path(base))
            parents[of_base] = Parent(base, read_manifest(Path(base), of_base).fingerprint)
    return Artefact(
        kind=kind,
        directory=directory,
        settings=settings,
        made_from={
            "settings": settings,
            "base": _base_identity(kind, base),
            **{name: parent.fingerprint for name, parent in parents.items()},
        },
        parents=parents,
    )


def _base_identity(kind: str, model: str) -> str:
    if kind == "reranker" and model == PACKAGED:
        return f"{model}@{file_sha256(RERANKER.changes)[:16]}"
    return model_identity(model)


def _tune_generator(config: Config, report_to: list[str], seal: Seal) -> None:
    preflight(config.finetune)
    name = Path(config.finetune.dir).name
    train_generator(config.finetune, _texts(config), report_to=report_to, run_name=name, seal=seal)


def _tune_preferences(config: Config, report_to: list[str], seal: Seal) -> None:
    tuning = config.preference_tuning
    name = Path(tuning.dir).name
    train_preferences(config.finetune, tuning, report_to=report_to, run_name=name, seal=seal)


def _tune_retriever(config: Config, report_to: list[str], seal: Seal) -> None:
    name = Path(config.retriever_tuning.dir).name
    train_retriever(config.retriever_tuning, report_to=report_to, run_name=name, seal=seal)


def _distil(config: Config, report_to: list[str], seal: Seal) -> None:
    name = Path(config.distil.dir).name
    train_student(config.distil, report_to=report_to, run_name=name, seal=seal)


def _tune_reranker(config: Config, report_to: list[str], seal: Seal) -> None:
    name = Path(config.reranker_tuning.dir).name
    train_reranker(config.reranker_tuning, report_to=report_to, run_name=name, seal=seal)


def _texts(config: Config) -> Iterator[str]:
    """What the tokenizer of a dry run is trained on; nothing otherwise."""
    if config.finetune.base_model == TINY:
        yield from corpus_texts(open_artefact(Path(config.finetune.dataset), "dataset"))


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


def main(config: Config) -> None:
    """Run the stage and print its summary, or only the plan of a run."""
    if config.train.preflight_only:
        show_plan(config)
        return
    report = run(config)
    if not is_main_process():
        return  # the first one of several tells what they made
    console.print(summary_table(report))
    if held_out := report.counts.get("held_out"):
        console.print(scores_table({name: Scores.read(one) for name, one in held_out.items()}))
        console.print(f"The model card has intervals, samples and curves: {report.directory}")


if __name__ == "__main__":
    launch(main)
