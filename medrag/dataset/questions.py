"""Read question files, and find their documents in an index."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ..config import DatasetFieldsConfig
from ..errors import QuestionError
from ..retrieval import check_question
from ..stores import IndexReader
from ..types import Example, Rejected

_QUESTION = ("question", "text")
_ANSWER = ("answer",)
_DOCUMENTS = ("documents", "document")
_ID = ("id", "_id")


def read_questions(
    path: str | Path, fields: DatasetFieldsConfig
) -> tuple[list[Example], list[Rejected]]:
    """Read a JSONL file of questions.

    A question is answerable unless its row says `"answerable": false`, or gives neither an
    answer nor documents that hold one.

    Returns:
        The questions, and the lines that could not be used, each with the reason.

    Raises:
        QuestionError: the file is missing, or has no usable question.
    """
    path = Path(path)
    examples: list[Example] = []
    rejected: list[Rejected] = []
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    try:
                        examples.append(_example(line, number, fields))
                    except (ValueError, QuestionError) as error:
                        rejected.append(Rejected(f"{path.name}:{number}", str(error)))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise QuestionError(f"{path} cannot be read: {why}; give a JSONL file") from error
    if not examples:
        first = f"; {rejected[0].id}: {rejected[0].reason}" if rejected else ""
        raise QuestionError(f"{path} has no usable question{first}")
    return examples, rejected


def _example(line: str, number: int, fields: DatasetFieldsConfig) -> Example:
    try:
        row = json.loads(line)
        json.dumps(row, ensure_ascii=False).encode()  # a lone surrogate cannot be written
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(row, dict):
        raise ValueError("not a JSON object")
    question = _text(row, fields.question, _QUESTION)
    if not question:
        raise ValueError(f"no question; the fields are {', '.join(row)}")
    check_question(question)
    answer = _text(row, fields.answer, _ANSWER)
    documents = _field(row, fields.documents, _DOCUMENTS) or []
    if isinstance(documents, str):
        documents = [documents]
    if not isinstance(documents, list):
        raise ValueError("documents must be a name or a list of names")
    answerable = row.get("answerable")
    if answerable is None:
        answerable = bool(answer or documents)
    if not isinstance(answerable, bool):
        raise ValueError(f"answerable is {answerable!r}; it must be true or false")
    if answerable and not (answer or documents):
        raise ValueError("answerable, but has neither an answer nor documents")
    return Example(
        id=_text(row, fields.id, _ID) or str(number),
        question=question,
        answer=answer,
        documents=tuple(str(document) for document in documents),
        answerable=answerable,
    )


def _text(row: dict[str, Any], configured: str, usual: Sequence[str]) -> str:
    value = _field(row, configured, usual)
    if isinstance(value, list | dict):
        raise ValueError(f"{configured or usual[0]} is a {type(value).__name__}, not text")
    return "" if value is None else str(value).strip()


def _field(row: dict[str, Any], configured: str, usual: Sequence[str]) -> Any:
    if configured:
        if configured not in row:
            raise ValueError(f"no field {configured!r}; the fields are {', '.join(row)}")
        return row[configured]
    return next((row[name] for name in usual if name in row), None)


class DocumentNames:
    """Finds the documents that a question file names.

    A name is a document's id, or the part of it after `#` or `PMID:`, so that existing question
    sets need no rewriting.
    """

    def __init__(self, index: IndexReader) -> None:
        self._index = index

    def resolve(self, names: Sequence[str]) -> list[str]:
        """Ids of the named documents that are in the index."""
        return list(dict.fromkeys(id_ for name in names for id_ in self._ids.get(name, ())))

    def with_ids(self, example: Example) -> Example:
        """The example with the ids of its documents added to the names it gives them.

        A document is then recognised by every name: "notes.jsonl#gout" in one row, "gout" in
        another.
        """
        return replace(example, documents=(*example.documents, *self.resolve(example.documents)))

    @cached_property
    def _ids(self) -> dict[str, list[str]]:
        every = list(self._index.document_ids())
        short: dict[str, list[str]] = defaultdict(list)
        for id_ in every:
            short[id_.split("#")[-1].removeprefix("PMID:")].append(id_)
        return short | {id_: [id_] for id_ in every}
