"""The records of a question file, one at a time, whether it holds lines, a list or an object."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from ..errors import QuestionError
from ..types import Rejected

_TABLES = (".csv", ".tsv", ".tab", ".xlsx", ".xls", ".ods", ".parquet")


@dataclass(frozen=True, slots=True)
class Record:
    """One JSON object of a question file.

    Attributes:
        place: where it stands, for people: "questions.jsonl:3".
        name: its line, its position from 1, or its key; the id of a record that gives none.
    """

    place: str
    name: str
    row: dict[str, Any]


@contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    """A file of UTF-8 text, with or without a byte order mark.

    Raises:
        QuestionError: it cannot be read, or the block finds that it is not UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            yield file
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        why = why or str(error)
        raise unreadable(path, why) from error


def unreadable(path: Path, why: str) -> QuestionError:
    """The error for a file that cannot be read."""
    return QuestionError(
        f"{path} cannot be read: {why}; give a question file as in docs/questions.md"
    )


def records(path: Path) -> Iterator[Record | Rejected]:
    """Yield each record, or why it cannot be used.

    The file has an object on each line (JSONL), and then is read line by line. Or it is one JSON
    value: a list of objects; BioASQ's object with the list `questions`; or PubMedQA's object with
    an object for each PMID, whose field names become lower-case.

    Raises:
        QuestionError: the file cannot be read, or is a table.
    """
    if path.suffix.lower() in _TABLES:
        raise QuestionError(
            f"{path} is a {path.suffix} file; questions are read from JSON Lines, an object like "
            '{"question": "…", "answer": "…"} on each line: see docs/questions.md'
        )
    with opened(path) as file:
        entries = _entries(file)
        file.seek(0)
        for name, entry in _lines(file) if entries is None else entries:
            place = f"{path.name}:{name}"
            try:
                yield Record(place, name, as_row(_parsed(entry) if entries is None else entry))
            except ValueError as error:
                yield Rejected(place, str(error))


def _lines(file: TextIO) -> Iterator[tuple[str, str]]:
    return ((str(number), line) for number, line in enumerate(file, 1) if line.strip())


def _entries(file: TextIO) -> Iterable[tuple[str, Any]] | None:
    """The named entries of a file that is one JSON value; None if its lines are the records."""
    first = next(filter(str.strip, file), "")
    try:
        whole = _parsed(first)
    except ValueError:
        text = first + file.read()
        try:
            whole = _parsed(text)
        except ValueError:
            return None
    else:
        if any(map(str.strip, file)):
            return None
    if isinstance(whole, dict) and isinstance(whole.get("questions"), list):
        whole = whole["questions"]
    if isinstance(whole, list):
        return ((str(number), entry) for number, entry in enumerate(whole, 1))
    if isinstance(whole, dict) and any(
        isinstance(entry, dict) and "QUESTION" in entry for entry in whole.values()
    ):
        return ((key, _pubmedqa(key, entry)) for key, entry in whole.items())
    return None


def _pubmedqa(pmid: str, entry: Any) -> Any:
    if not isinstance(entry, dict):
        return entry
    return {name.lower(): value for name, value in entry.items()} | {"id": pmid}


def as_row(entry: Any) -> dict[str, Any]:
    """A JSON object that can be written again; raises ValueError for anything else."""
    if not isinstance(entry, dict):
        raise ValueError("not a JSON object")
    try:
        json.dumps(entry, ensure_ascii=False).encode()
    except (
        ValueError,
        TypeError,
        RecursionError,
    ) as error:  # half a character cannot be written again
        raise ValueError(f"not usable JSON: {error}") from error
    return entry


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error
