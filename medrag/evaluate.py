"""Stage 4: index + question set → metrics. `python -m medrag.evaluate evaluation.questions=FILE`"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from . import __version__
from .cli import launch
from .config import Config
from .dataset.questions import read_questions
from .evaluation import run_questions, summarise, without_leaks
from .evaluation.report import metrics_table, plot, write_outcomes
from .manifest import Artefact, Parent, file_sha256, model_identity
from .pipeline import RAGPipeline
from .progress import console, progress
from .tracking import track


@dataclass(frozen=True)
class EvaluationReport:
    """The result of an evaluation; `summary` is the content of `metrics.json`."""

    directory: Path
    summary: dict[str, Any]
    up_to_date: bool


def run(config: Config) -> EvaluationReport:
    """Evaluate the pipeline over a question set, unless the same run is already there.

    Writes `metrics.json`, `metrics.png`, and `answers.jsonl` with every question and answer.

    Raises:
        QuestionError: the question file cannot be used.
        ArtefactError, MismatchError: the index, or a tuned model with its dataset, cannot be used.
    """
    directory = Path(config.evaluation.dir)
    given, rejected = read_questions(config.evaluation.questions, config.evaluation.fields)
    if config.evaluation.limit:
        given = given[: config.evaluation.limit]
    with RAGPipeline(config) as rag:
        index = Parent(config.index.dir, rag.index.fingerprint)
        examples, tuned = without_leaks(config, given)
        left_out = len(given) - len(examples)
        evaluation = _artefact(config, {"index": index, **tuned})
        if evaluation.found():
            summary = json.loads((directory / "metrics.json").read_text(encoding="utf-8"))
            return EvaluationReport(directory, summary, up_to_date=True)
        ks = sorted(config.evaluation.ks)
        with track(config.tracking, "evaluate", evaluation.settings) as tracked:
            with progress("evaluating", len(examples), "questions") as advance:
                outcomes = run_questions(rag, examples, 5 * max(10, *ks), advance)
            summary = {
                "generator": config.generator.kind.value,
                "questions_file": config.evaluation.questions,
                "lines_rejected": len(rejected),
                "left_out_seen_in_training": left_out,
                **summarise(outcomes, ks),
            }
            with evaluation.replacing({"questions": len(outcomes), "left_out": left_out}) as fresh:
                content = json.dumps(summary, indent=2) + "\n"
                (fresh / "metrics.json").write_text(content, encoding="utf-8")
                write_outcomes(fresh / "answers.jsonl", outcomes)
                plot(fresh / "metrics.png", summary, _title(config))
            tracked.summary({name: summary[name] for name in ("retrieval", "answers")})
            tracked.image("metrics", directory / "metrics.png")
    return EvaluationReport(directory, summary, up_to_date=False)


def _artefact(config: Config, parents: Mapping[str, Parent]) -> Artefact:
    evaluation, generator = asdict(config.evaluation), asdict(config.generator)
    del evaluation["dir"]
    reranker = model_identity(config.retriever.reranker)
    settings = {
        "evaluation": evaluation,
        "retriever": {**asdict(config.retriever), "reranker": reranker},
        "generator": {**generator, "model": model_identity(config.generator.model)},
        "grounding": asdict(config.grounding),
    }
    return Artefact(
        kind="evaluation",
        directory=Path(config.evaluation.dir),
        settings=settings,
        made_from={
            "medrag": __version__,
            "settings": settings,
            "parents": {name: parent.fingerprint for name, parent in parents.items()},
            "questions": file_sha256(Path(config.evaluation.questions)),
        },
        parents=parents,
    )


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
