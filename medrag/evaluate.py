"""Stage 4: index + question set → metrics. `python -m medrag.evaluate evaluation.questions=FILE`"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from . import __version__
from .cli import launch
from .config import Config
from .dataset.questions import read_questions
from .dataset.splits import leaks
from .errors import MismatchError, QuestionError
from .evaluation.report import metrics_table, plot, write_outcomes
from .evaluation.run import run_questions, summarise
from .manifest import (
    MANIFEST,
    Manifest,
    Parent,
    describe_files,
    file_sha256,
    fingerprint,
    is_current,
    model_identity,
    open_artefact,
    replacing_directory,
    write_manifest,
)
from .pipeline import RAGPipeline
from .progress import console, progress
from .tracking import track
from .types import Example


@dataclass(frozen=True)
class EvaluationReport:
    """What was measured; `summary` is the content of `metrics.json`."""

    directory: Path
    summary: dict[str, Any]
    up_to_date: bool


def run(config: Config) -> EvaluationReport:
    """Evaluate the pipeline over a question set, unless the same run is there already.

    Writes `metrics.json`, `metrics.png`, and `answers.jsonl` with every question and answer.

    Raises:
        QuestionError: the question file cannot be used.
        ArtefactError, MismatchError: the index, or a tuned model with its dataset, cannot be used.
    """
    directory = Path(config.evaluation.dir)
    examples, rejected = read_questions(config.evaluation.questions, config.evaluation.fields)
    if config.evaluation.limit:
        examples = examples[: config.evaluation.limit]
    with RAGPipeline(config) as rag:
        parents = {"index": Parent(config.index.dir, rag.index.manifest.fingerprint)}
        given = len(examples)
        examples, tuned = without_leaks(config, examples)
        left_out = given - len(examples)
        parents |= tuned
        settings = _settings(config)
        wanted = fingerprint(
            {
                "medrag": __version__,
                "settings": settings,
                "parents": {name: parent.fingerprint for name, parent in parents.items()},
                "questions": file_sha256(Path(config.evaluation.questions)),
            }
        )
        if is_current(directory, "evaluation", wanted):
            summary = json.loads((directory / "metrics.json").read_text(encoding="utf-8"))
            return EvaluationReport(directory, summary, up_to_date=True)
        ks = sorted(config.evaluation.ks)
        with track(config.tracking, "evaluate", settings) as tracked:
            with progress("evaluating", len(examples), "questions") as advance:
                outcomes = run_questions(rag, examples, 5 * max(10, *ks), advance)
            summary = {
                "generator": config.generator.kind.value,
                "questions_file": config.evaluation.questions,
                "lines_rejected": len(rejected),
                "left_out_seen_in_training": left_out,
                **summarise(outcomes, ks),
            }
            with replacing_directory(directory) as fresh:
                (fresh / "metrics.json").write_text(
                    json.dumps(summary, indent=2) + "\n", encoding="utf-8"
                )
                write_outcomes(fresh / "answers.jsonl", outcomes)
                plot(fresh / "metrics.png", summary, _title(config))
                write_manifest(
                    fresh,
                    Manifest(
                        kind="evaluation",
                        fingerprint=wanted,
                        parents=parents,
                        settings=settings,
                        counts={"questions": len(outcomes), "left_out": left_out},
                        files=describe_files(fresh),
                    ),
                )
            tracked.summary({name: summary[name] for name in ("retrieval", "answers")})
            tracked.image("metrics", directory / "metrics.png")
    return EvaluationReport(directory, summary, up_to_date=False)


def without_leaks(
    config: Config, examples: list[Example]
) -> tuple[list[Example], dict[str, Parent]]:
    """Leave out the questions that the adapter, or the tuned retriever, in use was trained on.

    Returns:
        The remaining questions, and the tuned models as parent artefacts.

    Raises:
        ArtefactError: a tuned model or its dataset is gone, so a leak cannot be ruled out.
        QuestionError: every question was seen in training.
    """
    tuned = {"adapter": config.generator.adapter, "retriever": config.embedder.model}
    if not (Path(tuned["retriever"]) / MANIFEST).is_file():  # not tuned here
        tuned["retriever"] = ""
    parents: dict[str, Parent] = {}
    train: list[tuple[str, tuple[str, ...]]] = []
    for kind, folder in tuned.items():
        if folder:
            model = open_artefact(Path(folder), kind)
            parents[kind] = Parent(folder, model.fingerprint)
            train += [(question, ()) for question in _trained_on(folder, model.parents["dataset"])]
    seen = set(leaks(train, [(example.question, ()) for example in examples])[0])
    kept = [example for example in examples if example.question not in seen]
    if not kept:
        raise QuestionError(
            f"every question of {config.evaluation.questions} was seen in training; evaluate on "
            f"the dataset's test split: evaluation.questions={config.dataset.dir}/test.jsonl"
        )
    return kept, parents


def _trained_on(model: str, dataset: Parent) -> Iterator[str]:
    """The questions of the train split of the dataset that a model was made from."""
    if open_artefact(Path(dataset.path), "dataset").fingerprint != dataset.fingerprint:
        raise MismatchError(
            f"{model} was trained on another dataset than the one now in {dataset.path}, so its "
            "training questions are unknown; train it anew"
        )
    with (Path(dataset.path) / "train.jsonl").open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)["question"]


def _settings(config: Config) -> dict[str, Any]:
    evaluation = asdict(config.evaluation)
    del evaluation["dir"]
    return {
        "evaluation": evaluation,
        "retriever": asdict(config.retriever),
        "generator": {
            **asdict(config.generator),
            "model": model_identity(config.generator.model),
        },
        "grounding": asdict(config.grounding),
    }


def _title(config: Config) -> str:
    questions = Path(config.evaluation.questions).name
    return f"{questions} · {config.retriever.mode} retrieval · {config.generator.kind} answers"


def main(config: Config) -> None:
    """Run the stage and print its table."""
    report = run(config)
    state = " (up to date)" if report.up_to_date else ""
    console.print(metrics_table(report.summary, f"evaluation in {report.directory}{state}"))


if __name__ == "__main__":
    launch(main)
