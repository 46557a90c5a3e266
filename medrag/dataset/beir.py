"""Read the questions of a BEIR folder: queries.jsonl and the judgements in qrels/."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ..errors import QuestionError
from ..types import Example, Rejected
from .formats import bioasq
from .records import Record, opened, records

QUERIES = "queries.jsonl"
CORPUS = "corpus.jsonl"
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?")
_SPLITS = ("test.tsv", "dev.tsv")
_ANSWERS = ("type", "ideal_answer", "exact_answer")  # of BioASQ, in `metadata`


def read_beir(folder: Path) -> tuple[list[Example], list[Rejected]]:
    """The queries that are judged, with the documents whose score is above 0.

    Other queries belong to another split, and are left out. BioASQ's answers are taken from a
    query's `metadata`. Format: Thakur et al. 2021, "BEIR" (https://github.com/beir-cellar/beir).

    Returns:
        The questions, and the lines that cannot be used, each with the reason.

    Raises:
        QuestionError: a file is missing or cannot be read.
    """
    relevant: dict[str, list[str]] = {}
    examples: list[Example] = []
    rejected: list[Rejected] = []
    judgements = qrels_file(folder)
    for line in _judgements(judgements):
        if isinstance(line, Rejected):
            rejected.append(line)
        else:
            query, document, score = line
            relevant.setdefault(query, []).extend([document] if score > 0 else [])
    found = set()
    for record in records(folder / QUERIES):
        if isinstance(record, Rejected):
            rejected.append(record)
            continue
        id_ = str(record.row.get("_id", ""))
        if id_ in found:
            rejected.append(Rejected(record.place, f"the _id {id_} stands on a line before"))
        elif id_ in relevant:
            found.add(id_)
            try:
                examples.append(_example(record, id_, relevant[id_]))
            except (ValueError, QuestionError) as error:
                rejected.append(Rejected(record.place, str(error)))
    rejected += [
        Rejected(f"{judgements.name}: {id_}", f"{QUERIES} has no query of this id")
        for id_ in relevant
        if id_ not in found
    ]
    return examples, rejected


def qrels_file(folder: Path) -> Path:
    """The judgements to use: those of the test split, else of dev, else the only ones.

    Raises:
        QuestionError: there are none, or it is unclear which to use.
    """
    files = {path.name: path for path in sorted((folder / "qrels").glob("*.tsv"))}
    if not files or not (folder / QUERIES).is_file():
        raise QuestionError(
            f"{folder} is a directory without {QUERIES} and qrels/*.tsv, so not a BEIR folder; "
            "give a question file or a BEIR folder"
        )
    for name in _SPLITS:
        if name in files:
            return files[name]
    if len(files) > 1:
        raise QuestionError(
            f"{folder}/qrels has {', '.join(files)}; keep one of them, or rename it to test.tsv"
        )
    return next(iter(files.values()))


def _judgements(path: Path) -> Iterator[tuple[str, str, float] | Rejected]:
    """Query, document and score of each line; a first line without a score is the header."""
    with opened(path) as file:
        for number, line in enumerate(file, 1):
            cells = [cell.strip() for cell in line.split("\t")]
            if len(cells) == 3 and _NUMBER.fullmatch(cells[2]):
                yield cells[0], cells[1], float(cells[2])
            elif any(cells) and not (number == 1 and len(cells) == 3):
                reason = "not a query, a document and a score with tabs between them"
                yield Rejected(f"{path.name}:{number}", reason)


def _example(record: Record, id_: str, documents: list[str]) -> Example:
    metadata = record.row.get("metadata")
    row = {"id": id_, "body": record.row.get("text")}
    if isinstance(metadata, dict):
        row |= {name: metadata.get(name) for name in _ANSWERS}
    return bioasq(Record(record.place, record.name, row), documents)
