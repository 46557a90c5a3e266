"""Benchmarks that bring their own documents: BEIR folders, PubMedQA and MedQuAD files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

from ..config import DatasetFieldsConfig
from ..errors import QuestionError
from ..manifest import replacing_file
from ..types import Example, Rejected
from .beir import CORPUS, QUERIES
from .formats import ExampleReader, Format, field_names, format_of, pubmedqa_abstract
from .questions import read_examples, read_questions
from .records import Record, records


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Questions, and the documents that they are about.

    Attributes:
        name: that of the folder, or of the file without its ending.
        examples: the document names in them resolve in an index of `corpus`.
        rejected: the records that could not be used, each with the reason.
        path: the folder or file.
    """

    name: str
    examples: list[Example] = field(repr=False)
    rejected: list[Rejected] = field(repr=False)
    path: Path

    def corpus(self, directory: Path) -> Path:
        """The JSONL file to index: that of a BEIR folder, or one written into `directory`.

        A file that has the right content already is left alone.

        Raises:
            QuestionError: the benchmark cannot be read any more.
        """
        if self.path.is_dir():
            return self.path / CORPUS
        target = directory / f"{self.name}-corpus.jsonl"  # never the benchmark itself
        if not _has_content(target, _documents(self.path)):
            with replacing_file(target) as file:
                file.writelines(_documents(self.path))
        return target


def open_benchmark(path: str | Path) -> Benchmark:
    """Read the questions of a benchmark; docs/questions.md describes the formats.

    Raises:
        QuestionError: it is none, cannot be read, or has no usable question.
    """
    path = Path(path)
    if why := _unfit(path):
        raise QuestionError(
            f"{path} is not a benchmark: {why}; give a BEIR folder ({CORPUS}, {QUERIES}, "
            "qrels/test.tsv), a PubMedQA file (ori_pqal.json, or JSONL with question, contexts "
            "and long_answer) or a MedQuAD file (JSONL with question, answer, focus and qtype)"
        )
    examples, rejected = read_questions(path, DatasetFieldsConfig())
    resolved = path.resolve()
    name = resolved.name if path.is_dir() else resolved.stem
    return Benchmark(name, examples, rejected, path)


def _unfit(path: Path) -> str:
    """Why a path is none of the three benchmarks; "" if it is one."""
    if path.is_dir():
        needed = (CORPUS, QUERIES, "qrels")
        missing = [name for name in needed if not (path / name).exists()]
        return f"the folder has no {' and no '.join(missing)}" if missing else ""
    if not path.is_file():
        return "there is no such file or folder"
    first = next((record for record in records(path) if isinstance(record, Record)), None)
    if first is None:
        return "the file has no JSON object"
    if format_of(first.row) not in (Format.pubmedqa, Format.medquad):
        return f"the fields of its first record are {field_names(first.row)}"
    return ""


def _documents(path: Path) -> Iterator[bytes]:
    """The document of each record of a PubMedQA or MedQuAD file, as a line; each id once."""
    reader = ExampleReader(DatasetFieldsConfig())
    written: set[str] = set()
    for item in read_examples(path, reader):
        if isinstance(item, Rejected):
            continue
        record, example = item
        for id_ in {*example.documents} - written:  # one or none
            written.add(id_)
            document = {"id": id_}
            if reader.format is Format.pubmedqa:
                document["text"] = pubmedqa_abstract(record.row)
            else:
                row = record.row
                fields = {"title": row.get("focus"), "text": example.answer, "url": row.get("url")}
                document |= {name: text for name, text in fields.items() if isinstance(text, str)}
            yield json.dumps(document, ensure_ascii=False).encode() + b"\n"


def _has_content(path: Path, lines: Iterator[bytes]) -> bool:
    """Whether a file consists of these lines; reads one at a time."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return all(one == other for one, other in zip_longest(file, lines))
