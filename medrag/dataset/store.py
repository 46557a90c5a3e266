"""Rows on disk: a journal while they are made, JSONL files and a `DatasetDict` at the end."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from . import SPLITS
from .rows import Made

_SYNCED = 50  # questions between two moments at which what was made is certainly on disk
_BATCH = 100  # rows that are in memory while the tables are written


class Journal:
    """What became of each question, a line each, appended as it is made.

    A kill loses the line that was being written, at most; a power cut, those since the last sync.
    Opening it cuts off a line that is not whole.

    Attributes:
        done: how many questions are in it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.done = whole = 0
        path.touch()
        with path.open("rb+") as file:
            for line in file:
                if not _is_whole(line):
                    break
                whole += len(line)
                self.done += 1
            file.truncate(whole)
        self._file = path.open("ab")

    def append(self, made: Made) -> None:
        """Add what became of the next question."""
        self._file.write(json.dumps(asdict(made), ensure_ascii=False).encode() + b"\n")
        self._file.flush()
        self.done += 1
        if self.done % _SYNCED == 0:
            os.fsync(self._file.fileno())

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The fields of `Made` for each question, one in memory at a time."""
        with self._path.open(encoding="utf-8") as file:
            yield from map(json.loads, file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()


def write_lines(
    directory: Path, journal: Iterable[dict[str, Any]], others: Mapping[str, Sequence[Any]]
) -> None:
    """Write the JSONL files: one of each split, of the pairs, and of what was left out.

    Args:
        journal: read once, a question at a time.
        others: more records, by the file that they begin.
    """
    names = dict.fromkeys((*SPLITS, "preferences", "left_out", *others))
    with ExitStack() as stack:
        files = {
            name: stack.enter_context((directory / f"{name}.jsonl").open("w", encoding="utf-8"))
            for name in names
        }

        def write(name: str, records: Iterable[dict[str, Any]]) -> None:
            files[name].writelines(json.dumps(one, ensure_ascii=False) + "\n" for one in records)

        for name, records in others.items():
            write(name, map(asdict, records))
        for made in journal:
            write(made["split"], made["rows"])
            write("preferences", made["pairs"])
            write("left_out", [made["left_out"]] if made["left_out"] else [])


def write_tables(directory: Path, work: Path, fingerprint: str) -> None:
    """Write what is in the JSONL files as a `datasets.DatasetDict`, in constant memory.

    `preferences` has columns of its own, so it is a `Dataset` in a folder of that name.

    Args:
        work: a folder for temporary files.
        fingerprint: of the dataset; without it the files would differ each time.
    """
    from datasets import DatasetDict, disable_progress_bars

    disable_progress_bars()
    tables = {
        name: table
        for name in (*SPLITS, "preferences")
        if (table := _table(directory / f"{name}.jsonl", work, fingerprint))  # not an empty one
    }
    if pairs := tables.pop("preferences", None):
        pairs.save_to_disk(str(directory / "preferences"))
    DatasetDict(tables).save_to_disk(str(directory))


def _table(path: Path, work: Path, fingerprint: str) -> Any:
    """The records of a JSONL file as a `Dataset` that lies in a file."""
    from datasets import Dataset, DatasetInfo
    from datasets.arrow_writer import ArrowWriter
    from datasets.table import MemoryMappedTable

    features = _features(path.stem)
    file = work / f"{path.stem}.arrow"
    with path.open(encoding="utf-8") as lines:
        writer = ArrowWriter(features=features, path=str(file), writer_batch_size=_BATCH)
        for line in lines:
            writer.write(json.loads(line))
        count, _ = writer.finalize() if writer.schema else (0, 0)
    if not count:
        return None
    return Dataset(
        MemoryMappedTable.from_file(str(file)),
        info=DatasetInfo(features=features),
        fingerprint=f"{fingerprint}-{path.stem}",
    )


def _features(name: str) -> Any:
    from datasets import Features, List, Value

    text, number, flag = Value("string"), Value("int64"), Value("bool")
    message = {"role": text, "content": text}
    pair = {
        "id": text,
        "prompt": List(message),
        "chosen": List(message),
        "rejected": List(message),
        "reason": text,
    }
    if name == "preferences":
        return Features(pair)
    context = dict.fromkeys(("document", "title", "section", "text"), text)
    context |= {"start": number, "end": number, "gold": flag, "altered": flag}
    return Features(
        {
            "id": text,
            "question": text,
            "answer": text,
            "answers": List(text),
            "kind": text,
            "exact": List(List(text)),
            "nuggets": List(text),
            "answerable": flag,
            "documents": List(text),
            "contexts": List(context),
            "oracle": number,
            "passage": context,
            "variant": text,
            "altered": text,
            "shares": text,
            "left_out": number,
            "prompt": List(message),
            "completion": List(message),
        }
    )


def _is_whole(line: bytes) -> bool:
    try:
        return line.endswith(b"\n") and isinstance(json.loads(line), dict)
    except ValueError:
        return False
