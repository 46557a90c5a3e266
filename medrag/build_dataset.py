"""Stage 2: questions → QA dataset. `python -m medrag.build_dataset dataset.questions=FILE`"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from . import __version__
from .cli import launch
from .config import Config
from .dataset import SPLITS
from .dataset.card import Tally, write_card
from .dataset.licences import licences
from .dataset.questions import DocumentNames, questions_hash
from .dataset.raft import RowMaker
from .dataset.rows import ROWS_VERSION
from .dataset.selection import Selection, select
from .dataset.similar import EvaluationSets
from .dataset.sources import Questions, open_questions
from .dataset.store import Journal, write_lines, write_tables
from .errors import ModelError, QuestionError
from .finetuning.row_view import RowView, view
from .generation import smollm2
from .generation.loading import load_tokenizer
from .generation.prompts import build_messages
from .indexing import with_embedder_of_index
from .manifest import Artefact, Parent, fingerprint, model_identity, read_manifest
from .pipeline import RAGPipeline
from .progress import console, progress
from .tracking import track
from .types import Example, Rejected
from .workplace import check_place, prepare, workplace

_UNKNOWN = (
    "it has neither an answer nor a document, so it may be answerable or not; add "
    '"answerable": false if it is not'
)


@dataclass(frozen=True)
class DatasetReport:
    """The result of a build; `counts` are those in the manifest and the card."""

    directory: Path
    counts: dict[str, Any]
    up_to_date: bool


def run(config: Config) -> DatasetReport:
    """Build the dataset in `dataset.dir`, unless the same one is already there.

    What is made goes to disk question by question. A run that was stopped goes on where it was, and
    gives the same files as one that was not.

    Raises:
        ConfigError: `dataset.dir` holds something else.
        QuestionError: the question file cannot be used or names a document that is not in the
            index, or the train split would be empty.
        ArtefactError, MismatchError: there is no index, or another embedder made it.
        BusyError: another process is building into the same directory.
        DiskError: the disk is full or read-only.
    """
    directory = Path(config.dataset.dir)
    with RAGPipeline(with_embedder_of_index(config)) as rag:
        questions = open_questions(config.dataset, rag.index)
        index = Parent(config.index.dir, rag.index.fingerprint)
        dataset = _artefact(config, index, questions.identity)
        if found := dataset.found():
            return DatasetReport(directory, dict(found.counts), up_to_date=True)
        check_place(directory, dataset.kind, "dataset.dir")
        selected, unknown, maker = _ready(config, rag, questions)
        splits = selected.splits
        counts: dict[str, Any] = {}
        with (
            track(config.tracking, "build_dataset", dataset.settings) as tracked,
            workplace(directory, "dataset.dir") as work,
        ):
            # A teacher that is asked again may write other questions.
            asked = [(split, repr(one)) for split in SPLITS for one in splits[split]]
            asked += [("shared", repr(one)) for one in selected.training]
            prepare(work, fingerprint([dataset.fingerprint, asked]))
            with Journal(work / "made.jsonl") as journal:
                _make(splits, maker, journal)
                with dataset.replacing(counts) as fresh:
                    tally = Tally()
                    unread = [*questions.rejected, *unknown]
                    others: dict[str, Sequence[Any]] = {
                        "left_out": selected.left_out,
                        "rejected": unread,
                    }
                    write_lines(fresh, tally.watched(journal), others)
                    write_tables(fresh, work, dataset.fingerprint)
                    counts |= tally.counts(selected, questions.rejected, unknown)
                    counts |= questions.counts
                    counts["licences"] = licences(rag.index, tally.documents)
                    if not counts["train"]["rows"]:
                        raise QuestionError(_without_rows(counts["train"]))
                    write_card(fresh, counts, config.dataset, dataset.parents["index"])
            tracked.summary(counts)
            tracked.artifact(directory)
    return DatasetReport(directory, counts, up_to_date=False)


def show_preview(config: Config) -> None:
    """Print the first `dataset.preview` rows of the train split; nothing is written.

    Tokens are those of `finetune.base_model`, or of the packaged small model if that one's
    tokenizer is not at hand.

    Raises:
        As `run`; ModelError if neither tokenizer is there.
    """
    tokenizer = _tokenizer(config.finetune.base_model)
    with RAGPipeline(with_embedder_of_index(config)) as rag:
        selected, _, maker = _ready(config, rag, open_questions(config.dataset, rag.index))
        rows: list[RowView] = []
        for example in selected.splits["train"]:
            made = maker.make(example, "train")
            if made.left_out:
                console.print(f"left out: {example.id}: {made.left_out.detail}", markup=False)
            for row in made.rows:
                rows.append(view(asdict(row), tokenizer))
                console.print(rows[-1])
            if len(rows) >= config.dataset.preview:
                break
    limit = config.finetune.max_length
    too_long = sum(row.length > limit for row in rows)
    longest = max((row.length for row in rows), default=0)
    console.print(
        f"{len(rows)} rows, the longest has {longest} tokens; {too_long} are longer than "
        f"finetune.max_length={limit}, and training would leave them out",
        highlight=False,
    )


def _tokenizer(model: str) -> Any:
    try:
        return load_tokenizer(model)
    except ModelError as error:
        console.print(f"tokens are counted as {smollm2.NAME} does: {error}", markup=False)
        return load_tokenizer(smollm2.NAME)


def _ready(
    config: Config, rag: RAGPipeline, questions: Questions
) -> tuple[Selection, list[Rejected], RowMaker]:
    """The questions that get rows, the unknown ones, and the row maker."""
    examples = questions.examples
    names = DocumentNames(rag.index)
    names.require(examples)
    known = [names.with_ids(one) for one in examples if one.answerable is not None]
    unknown = [Rejected(one.id, _UNKNOWN) for one in examples if one.answerable is None]
    selected = select(known, config.dataset)
    if not selected.splits["train"]:
        raise QuestionError(_no_training(config, unknown))
    maker = RowMaker(
        rag,
        names,
        config.dataset,
        _held_out(config),
        training=selected.training,
        written=questions.written,
    )
    return selected, unknown, maker


def _make(splits: dict[str, list[Example]], maker: RowMaker, journal: Journal) -> None:
    """Make the rows of every question that is not yet in the journal."""
    ordered = [(split, example) for split in SPLITS for example in splits[split]]
    with progress("rows", len(ordered), "questions") as advance:
        advance(journal.done)
        for split, example in ordered[journal.done :]:
            journal.append(maker.make(example, split))
            advance(1)


def _held_out(config: Config) -> EvaluationSets | None:
    sets = config.dataset.decontaminate
    return EvaluationSets.read(sets) if sets else None


def _no_training(config: Config, unknown: Sequence[Rejected]) -> str:
    source = config.dataset.questions or "the written questions"
    left_out = f" ({len(unknown)} left out: {_UNKNOWN})" if unknown else ""
    return (
        f"{source}: no question is left for training{left_out}; give more questions, or lower "
        "dataset.test_share and dataset.validation_share"
    )


def _artefact(config: Config, index: Parent, questions: str) -> Artefact:
    dataset = asdict(config.dataset)
    del dataset["dir"], dataset["preview"]
    reranker = model_identity(config.retriever.reranker)
    settings = {
        "dataset": dataset,
        "retriever": {**asdict(config.retriever), "reranker": reranker},
        "fusion": read_manifest(Path(config.index.dir), "index").settings.get("fusion"),
        "context_tokens": config.generator.context_tokens,
    }
    return Artefact(
        kind="dataset",
        directory=Path(config.dataset.dir),
        settings=settings,
        made_from={
            "medrag": __version__,
            "settings": settings,
            "index": index.fingerprint,
            "questions": questions,
            "decontaminate": [questions_hash(path) for path in config.dataset.decontaminate],
            "prompt": build_messages("", []),
            "rows": ROWS_VERSION,
        },
        parents={"index": index},
    )


def _without_rows(counts: Mapping[str, int]) -> str:
    why = ", ".join(
        f"{count} {name.removeprefix('dropped_').replace('_', ' ')}"
        for name, count in counts.items()
        if name.startswith("dropped_") and count
    )
    return (
        f"no question of the train split gets a row: {why}. Check that the index holds the "
        "documents of these questions, and that they say the answers; docs/dataset.md explains "
        "the reasons"
    )


def summary_table(report: DatasetReport) -> Table:
    """Rows per split, for the terminal."""
    state = "  (up to date)" if report.up_to_date else ""
    table = Table(title=f"dataset in {report.directory}{state}", title_justify="left")
    table.add_column("")
    for split in SPLITS:
        table.add_column(split, justify="right")
    names = dict.fromkeys(name for split in SPLITS for name in report.counts[split])
    for name in names:
        values = [report.counts[split].get(name, "") for split in SPLITS]
        if any(values):
            table.add_row(name.replace("_", " "), *(str(value) for value in values))
    rejected = {
        "that could not be used": report.counts["rejected_questions"],
        "of which nothing tells whether the corpus answers": report.counts["unknown_questions"],
    }
    notes = [
        f"rejected.jsonl: {count} question{'s' if count > 1 else ''} {why}"
        for why, count in rejected.items()
        if count
    ]
    test = report.counts["test"]
    if test["rows"] and not test["rows_withheld"] + test["rows_unanswerable"]:
        notes.append(
            "no test row lacks the answer, so they do not show whether a model refuses; add "
            "questions, or raise dataset.test_share"
        )
    table.caption = "\n".join(notes) or None
    table.caption_justify = "left"
    return table


def main(config: Config) -> None:
    """Run the stage and print its summary, or show some rows."""
    if config.dataset.preview:
        show_preview(config)
        return
    console.print(summary_table(run(config)))


if __name__ == "__main__":
    launch(main)
