"""Stage 4: index + question set → metrics. `python -m medrag.evaluate evaluation.questions=FILE`"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from . import __version__
from .cli import launch
from .config import Config, CorpusConfig
from .dataset.benchmarks import Benchmark, open_benchmark
from .dataset.questions import DocumentNames, questions_hash, read_questions
from .evaluation.asking import ask_all
from .evaluation.calibrating import calibrate, halves
from .evaluation.changes import ANSWERS, DOCUMENTS, write_documents
from .evaluation.comparing import compare, comparison_key, documents_of
from .evaluation.exports import wandb_tables, write_biogen, write_trec_runs
from .evaluation.html import write_report
from .evaluation.leaks import Unseen, without_leaks
from .evaluation.records import Record
from .evaluation.report import changes_table, metrics_table, plot
from .evaluation.summary import SECTIONS, summarise
from .evaluation.systems import System, calibrations, identity, read_systems
from .evaluation.tuning import tune_fusion
from .indexing import IndexBuilder, with_embedder_of_index
from .manifest import Artefact, Parent, fingerprint
from .pipeline import RAGPipeline
from .progress import console
from .tracking import track
from .types import Example, Rejected
from .workplace import check_place, workplace

METRICS, REPORT, PLOT, BIOGEN = "metrics.json", "report.html", "metrics.png", "biogen.json"
_SAMPLES = "samples/questions.jsonl"
_OF_BENCHMARK = ["medrag", "dense", "lexical", "bm25-first-sentence", "dense-first-sentence"]
_REJECTED = 20  # lines of a question file of which metrics.json says why they cannot be used


@dataclass(frozen=True)
class EvaluationReport:
    """The result of an evaluation; `summary` is the content of `metrics.json`."""

    directory: Path
    summary: dict[str, Any]
    up_to_date: bool


def run(config: Config) -> EvaluationReport:
    """Evaluate one or more systems over a question set, unless the same run is already there.

    Writes `metrics.json`, `answers.jsonl` with every question and answer, `report.html` to read,
    `metrics.png`, TREC run files and `biogen.json`. A run that is stopped goes on where it was.

    Raises:
        QuestionError: the question file cannot be used, or names documents that are not there.
        ConfigError: the systems cannot be used, there is too little to calibrate on, or the
            evaluation would replace something else.
        ArtefactError, MismatchError: the index, or a tuned model with its dataset, cannot be used.
        DiskError: the disk is full or read-only.
    """
    directory = Path(config.evaluation.dir)
    check_place(directory, "evaluation", "evaluation.dir")
    config, benchmark = _prepared(config)
    systems = read_systems(config, config.evaluation.systems)
    unseen, rejected = _questions(config, systems, benchmark)
    fitted, asked = list[Example](), unseen.examples
    if config.evaluation.calibrate or config.evaluation.tune_fusion:
        fitted, asked = halves(unseen.examples)
    with RAGPipeline(config) as rag:
        # A document that was removed since is a reason for a change, and no misspelt name.
        gone = documents_of(config) if config.evaluation.against else ()
        DocumentNames(rag.index).require(unseen.examples, gone)
        # First: confidence depends on the hits.
        tuning = tune_fusion(config, fitted, asked) if config.evaluation.tune_fusion else None
        index = Parent(config.index.dir, rag.index.fingerprint)
        evaluation = _artefact(config, systems, {"index": index, **unseen.models})
        if evaluation.found():
            summary = json.loads((directory / METRICS).read_text(encoding="utf-8"))
            if summary.get("calibrations") == calibrations(systems):
                return EvaluationReport(directory, summary, up_to_date=True)
        with (
            workplace(directory, "evaluation.dir") as work,
            track(config.tracking, "evaluate", evaluation.settings) as tracked,
        ):
            about = _about(config, benchmark, unseen, rejected) | {"index": _index(config, rag)}
            if tuning:
                about["fusion"] = tuning.summary()
            if config.evaluation.calibrate:
                about["calibrated_on"] = _calibrated(config, rag, fitted, work, evaluation)
            about["calibrations"] = calibrations(systems)
            made_from = fingerprint([evaluation.fingerprint, about["calibrations"]])
            records = ask_all(config, systems, asked, work / "answers", made_from)
            settings = _settings(systems)
            about["unlike"] = _unlike(rag, systems, records)
            summary = about | summarise(records, config.evaluation.resamples, settings)
            if config.evaluation.against:
                first, place = systems[0], work / "against"
                summary["against"] = compare(
                    config, first, records[first.name], asked, place, made_from
                )
            counts = {"questions": len(asked), "left_out": unseen.left_out}
            with evaluation.replacing(counts) as fresh:
                _write(fresh, summary, records, _title(config))
                write_documents(fresh / DOCUMENTS, rag.index)
            tracked.summary(_for_comparison(summary))
            tracked.artifact(directory)
            tracked.image("metrics", directory / PLOT)
            every = [record for some in records.values() for record in some]
            for name, (columns, rows) in wandb_tables(every).items():
                tracked.table(name, columns, rows)
    return EvaluationReport(directory, summary, up_to_date=False)


def _calibrated(
    config: Config, rag: RAGPipeline, fitted: Sequence[Example], work: Path, evaluation: Artefact
) -> int:
    """Fit the confidence of the configured system; returns on how many questions."""
    # A wanted risk sets the threshold by the calibration that is yet to come.
    plain = replace(config, grounding=replace(config.grounding, target_risk=0.0))
    system = System("calibration", "as configured", (), plain)
    place = work / "calibration"
    asked = ask_all(config, [system], fitted, place, evaluation.fingerprint, "calibrating")
    return len(calibrate(config, rag.index.embedder.fingerprint, asked[system.name]).scores)


def _unlike(
    rag: RAGPipeline, systems: Sequence[System], records: Mapping[str, Sequence[Record]]
) -> str:
    """The questions of the calibration, if those that were asked are unlike them; else ""."""
    configured = [record for one in systems if not one.settings for record in records[one.name]]
    calibration, _ = rag.calibration
    signals = [one.signals for one in configured if one.signals]  # a baseline has none
    return calibration.questions if calibration.are_unlike(signals) else ""


def _prepared(config: Config) -> tuple[Config, Benchmark | None]:
    """The configuration of the index to ask; that of a benchmark is built, or updated."""
    config = deepcopy(config)
    path = config.evaluation.benchmark
    if not path:
        config.evaluation.systems = config.evaluation.systems or ["medrag"]
        return with_embedder_of_index(config), None
    benchmark = open_benchmark(path)
    place = Path(config.evaluation.benchmarks) / benchmark.name
    place.mkdir(parents=True, exist_ok=True)
    config.corpus = CorpusConfig(paths=[str(benchmark.corpus(place))])
    config.index.dir = str(place / "index")
    config.evaluation.systems = config.evaluation.systems or _OF_BENCHMARK
    IndexBuilder(config).mirror()
    return config, benchmark


def _questions(
    config: Config, systems: Sequence[System], benchmark: Benchmark | None
) -> tuple[Unseen, list[Rejected]]:
    if benchmark:
        given, rejected = benchmark.examples, benchmark.rejected
    else:
        given, rejected = read_questions(config.evaluation.questions, config.evaluation.fields)
    return without_leaks(config, systems, _drawn(given, config.evaluation.limit)), rejected


def _drawn(examples: Sequence[Example], limit: int) -> list[Example]:
    """So many of the questions, drawn by a hash of their ids, in their order; all for 0."""

    def place(example: Example) -> str:
        return sha256(example.id.encode("utf-8", "replace")).hexdigest()

    if not limit:
        return [*examples]
    kept = {id(one) for one in sorted(examples, key=place)[:limit]}
    return [one for one in examples if id(one) in kept]


def _artefact(config: Config, systems: Sequence[System], parents: Mapping[str, Parent]) -> Artefact:
    evaluation = asdict(config.evaluation)
    for place in ("dir", "benchmarks"):
        del evaluation[place]
    settings = {
        "evaluation": evaluation,
        "systems": {one.name: identity(one.config) for one in systems},
    }
    return Artefact(
        kind="evaluation",
        directory=Path(config.evaluation.dir),
        settings=settings,
        made_from={
            "medrag": __version__,
            "settings": settings,
            "parents": {name: parent.fingerprint for name, parent in parents.items()},
            "questions": questions_hash(config.evaluation.benchmark or config.evaluation.questions),
            "against": comparison_key(config, systems[0]) if config.evaluation.against else "",
        },
        parents=parents,
    )


def _about(
    config: Config, benchmark: Benchmark | None, unseen: Unseen, rejected: Sequence[Rejected]
) -> dict[str, Any]:
    return {
        "medrag": __version__,
        "questions_file": config.evaluation.benchmark or config.evaluation.questions,
        "samples": not benchmark
        and Path(config.evaluation.questions).resolve() == Path(_SAMPLES).resolve(),
        "lines_rejected": len(rejected),
        "rejected": [f"{one.id}: {one.reason}" for one in rejected[:_REJECTED]],
        "left_out_seen_in_training": unseen.left_out,
        "shared_documents": unseen.documents,
        "calibrated_on": 0,
    }


def _index(config: Config, rag: RAGPipeline) -> dict[str, Any]:
    counts = rag.index.counts
    return {
        "directory": config.index.dir,
        "fingerprint": rag.index.fingerprint,
        "documents": counts.documents,
        "chunks": counts.chunks,
        "embedder": rag.index.embedder.name,
    }


def _settings(systems: Sequence[System]) -> dict[str, dict[str, Any]]:
    return {
        one.name: {
            "description": one.description,
            "settings": list(one.settings),
            "generator": str(one.config.generator.kind),
            "target_risk": one.config.grounding.target_risk,
        }
        for one in systems
    }


def _title(config: Config) -> str:
    return Path(config.evaluation.benchmark or config.evaluation.questions).name


def _write(
    fresh: Path, summary: dict[str, Any], records: Mapping[str, Sequence[Record]], title: str
) -> None:
    every = [record for some in records.values() for record in some]
    (fresh / METRICS).write_text(
        json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    with (fresh / ANSWERS).open("w", encoding="utf-8") as file:
        file.writelines(record.line() for record in every)
    plot(fresh / PLOT, summary, title)
    write_report(fresh / REPORT, summary, every)
    write_trec_runs(fresh, every)
    write_biogen(fresh / BIOGEN, every)


def _for_comparison(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The values that W&B compares runs by, under SYSTEM/SECTION/MEASURE."""
    return {
        name: {
            section: {measure: figure["value"] for measure, figure in one[section].items()}
            for section in SECTIONS
        }
        for name, one in summary["systems"].items()
    }


def main(config: Config) -> None:
    """Run the stage and print its table."""
    report = run(config)
    state = " (up to date)" if report.up_to_date else ""
    if tuning := report.summary.get("fusion"):
        console.print(tuning["told"])
    console.print(metrics_table(report.summary, f"evaluation in {report.directory}{state}"))
    if against := report.summary.get("against"):
        console.print(changes_table(against))
    console.print(f"to read: {report.directory / REPORT}")


if __name__ == "__main__":
    launch(main)
