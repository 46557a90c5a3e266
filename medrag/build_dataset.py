"""Stage 2: questions → QA dataset. `python -m medrag.build_dataset dataset.questions=FILE`"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.table import Table

from . import __version__
from .cli import launch
from .config import Config
from .dataset.questions import DocumentNames, read_questions
from .dataset.rows import Row, is_grounded, make_row, write_card
from .dataset.splits import SPLITS, leaks, split_by_document
from .errors import QuestionError
from .generation.prompts import build_messages
from .manifest import (
    Manifest,
    Parent,
    describe_files,
    file_sha256,
    fingerprint,
    is_current,
    read_manifest,
    replacing_directory,
    write_manifest,
)
from .pipeline import RAGPipeline
from .progress import console, progress
from .tracking import track


@dataclass(frozen=True)
class DatasetReport:
    """What was built; `counts` are those of the manifest and the card."""

    directory: Path
    counts: dict[str, Any]
    up_to_date: bool


def run(config: Config) -> DatasetReport:
    """Build the dataset in `dataset.dir`, unless the same one is there already.

    Raises:
        QuestionError: the question file cannot be used, or a split would be empty of training rows.
        ArtefactError, MismatchError: the index is missing or was made with another embedder.
    """
    directory = Path(config.dataset.dir)
    examples, rejected = read_questions(config.dataset.questions, config.dataset.fields)
    with RAGPipeline(config) as rag:
        parent = Parent(config.index.dir, rag.index.manifest.fingerprint)
        settings = _settings(config)
        wanted = fingerprint(
            {
                "medrag": __version__,
                "settings": settings,
                "index": parent.fingerprint,
                "questions": file_sha256(Path(config.dataset.questions)),
                "prompt": build_messages("", []),
            }
        )
        if is_current(directory, "dataset", wanted):
            counts = dict(read_manifest(directory, "dataset").counts)
            return DatasetReport(directory, counts, up_to_date=True)
        with track(config.tracking, "build_dataset", settings) as tracked:
            names = DocumentNames(rag.index.snapshot)
            # Under all its names a document is one: "notes.jsonl#gout" here, "gout" there.
            examples = [
                replace(example, documents=(*example.documents, *names.resolve(example.documents)))
                for example in examples
            ]
            splits = split_by_document(
                examples, config.dataset.validation_share, config.dataset.test_share,
                config.dataset.seed,
            )  # fmt: skip
            if not splits["train"]:
                raise QuestionError(
                    f"{config.dataset.questions}: no question is left for training; give more "
                    "questions, or lower dataset.test_share and dataset.validation_share"
                )
            rows: dict[str, list[Row]] = {name: [] for name in SPLITS}
            dropped = Counter[str]()
            with progress("contexts", len(examples), "questions") as advance:
                for split, members in splits.items():
                    for example in members:
                        documents = names.resolve(example.documents)
                        row = make_row(example, documents, rag, insert_gold=split != "test")
                        if split == "test" or is_grounded(row):
                            rows[split].append(row)
                        else:
                            dropped[split] += 1
                        advance(1)
            counts = _counts(rows, dropped, len(rejected))
            tracked.summary(counts)
        with replacing_directory(directory) as fresh:
            _save(fresh, rows)
            (fresh / "rejected.jsonl").write_text(
                "".join(json.dumps(asdict(item), ensure_ascii=False) + "\n" for item in rejected),
                encoding="utf-8",
            )
            write_card(fresh, counts, config.dataset.questions, parent)
            write_manifest(
                fresh,
                Manifest(
                    kind="dataset",
                    fingerprint=wanted,
                    parents={"index": parent},
                    settings=settings,
                    counts=counts,
                    files=describe_files(fresh),
                ),
            )
    return DatasetReport(directory, counts, up_to_date=False)


def _settings(config: Config) -> dict[str, Any]:
    dataset = asdict(config.dataset)
    del dataset["dir"]
    return {
        "dataset": dataset,
        "retriever": asdict(config.retriever),
        "context_tokens": config.generator.context_tokens,
    }


def _counts(rows: dict[str, list[Row]], dropped: Counter[str], rejected: int) -> dict[str, Any]:
    """Everything a reader of the dataset should know, counted from the rows themselves."""
    counts: dict[str, Any] = {"rejected_questions": rejected}
    for split, members in rows.items():
        tally = Counter[str]()
        for row in members:
            tally["answerable"] += row.answerable
            tally["unanswerable"] += not row.answerable
            tally["gold_retrieved"] += row.gold_rank > 0 and not row.inserted
            tally["gold_inserted"] += row.inserted
            tally["gold_missing"] += row.answerable and row.gold_rank == 0
            tally["gold_unknown"] += row.answerable and not row.documents
            tally["contexts_left_out"] += row.left_out
        tally["dropped_unsupported"] = dropped[split]
        counts[split] = {"rows": len(members), **dict(tally)}
    train = [(row.question, row.documents) for row in rows["train"]]
    for split in ("validation", "test"):
        other = [(row.question, row.documents) for row in rows[split]]
        questions, documents = leaks(train, other)
        counts[split] |= {
            "questions_shared_with_train": len(questions),
            "documents_shared_with_train": len(documents),
        }
    return counts


def _save(directory: Path, rows: dict[str, list[Row]]) -> None:
    """Save as a `datasets.DatasetDict`, and as JSONL for everything else."""
    from datasets import Dataset, DatasetDict, Features, List, Value, disable_progress_bars

    disable_progress_bars()
    text, number, flag = Value("string"), Value("int64"), Value("bool")
    message = {"role": text, "content": text}
    features = Features(
        {
            "id": text,
            "question": text,
            "answer": text,
            "answerable": flag,
            "documents": List(text),
            "contexts": List(
                {
                    "document": text,
                    "title": text,
                    "section": text,
                    "text": text,
                    "start": number,
                    "end": number,
                    "gold": flag,
                }
            ),
            "gold_rank": number,
            "inserted": flag,
            "left_out": number,
            "prompt": List(message),
            "completion": List(message),
        }
    )
    records = {split: [asdict(row) for row in members] for split, members in rows.items()}
    DatasetDict(
        {
            split: Dataset.from_list(members, features=features)
            for split, members in records.items()
            if members  # a split without rows could be saved, but not loaded again
        }
    ).save_to_disk(str(directory))
    for split, members in records.items():
        with (directory / f"{split}.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in members)


def summary_table(report: DatasetReport) -> Table:
    """Rows per split, for the terminal."""
    state = "  (up to date)" if report.up_to_date else ""
    table = Table(title=f"dataset in {report.directory}{state}", title_justify="left")
    table.add_column("")
    for split in SPLITS:
        table.add_column(split, justify="right")
    names = list(dict.fromkeys(name for split in SPLITS for name in report.counts[split]))
    for name in names:
        values = [report.counts[split].get(name, "") for split in SPLITS]
        table.add_row(name.replace("_", " "), *(str(value) for value in values))
    return table


def main(config: Config) -> None:
    """Run the stage and print its summary."""
    console.print(summary_table(run(config)))


if __name__ == "__main__":
    launch(main)
