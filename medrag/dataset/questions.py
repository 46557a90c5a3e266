"""Read question files of every usual format, and find their documents in an index."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from textwrap import shorten

from ..config import DatasetFieldsConfig
from ..errors import QuestionError
from ..ingestion.readers.reader import one_line
from ..manifest import file_sha256, fingerprint
from ..stores import IndexReader
from ..types import Example, Rejected
from . import document_names
from .beir import QUERIES, qrels_file, read_beir
from .formats import ExampleReader, Format, UniqueIds, merge_same_questions
from .records import Record, records, unreadable

_SHOWN = 3  # unknown document names in an error
_NEAREST = 2  # ids shown for each of them
_ALIKE = 50.0  # of 100, from which on an id is near a name


def read_questions(
    path: str | Path, fields: DatasetFieldsConfig
) -> tuple[list[Example], list[Rejected]]:
    """Read the questions of a file or of a BEIR folder; docs/questions.md describes the formats.

    The content tells the format. A repeated id becomes `id~2`.

    Args:
        fields: names of the fields; if any is given, the records are plain rows.

    Returns:
        The questions, and the records that could not be used, each with the reason.

    Raises:
        QuestionError: the file is missing or cannot be read, or has no usable question.
    """
    path = Path(path)
    if path.is_dir():
        return _usable(path, *read_beir(path))
    return examples_from(records(path), path, fields)


def examples_from(
    found: Iterable[Record | Rejected], source: str | Path, fields: DatasetFieldsConfig
) -> tuple[list[Example], list[Rejected]]:
    """As `read_questions`, from records that were read from anywhere.

    Args:
        source: what they were read from, for errors.
    """
    reader = ExampleReader(fields)
    examples: list[Example] = []
    rejected: list[Rejected] = []
    for item in _examples(found, reader):
        if isinstance(item, Rejected):
            rejected.append(item)
        else:
            examples.append(item[1])
    if reader.format is Format.medquad:
        examples = merge_same_questions(examples)
    return _usable(source, examples, rejected)


def _usable(
    source: str | Path, examples: list[Example], rejected: list[Rejected]
) -> tuple[list[Example], list[Rejected]]:
    """The examples with unique ids; raises QuestionError if there are none."""
    if not examples:
        first = f"; {rejected[0].id}: {rejected[0].reason}" if rejected else ""
        raise QuestionError(f"{source} has no usable question{first}")
    unique = UniqueIds()
    return [replace(example, id=unique(example.id)) for example in examples], rejected


def read_examples(path: Path, reader: ExampleReader) -> Iterator[tuple[Record, Example] | Rejected]:
    """Yield the example of each record of a file, or why there is none.

    Raises:
        QuestionError: the file cannot be read.
    """
    return _examples(records(path), reader)


def _examples(
    found: Iterable[Record | Rejected], reader: ExampleReader
) -> Iterator[tuple[Record, Example] | Rejected]:
    for record in found:
        if isinstance(record, Rejected):
            yield record
            continue
        try:
            example = reader.read(record)
        except (ValueError, QuestionError) as error:
            yield Rejected(record.place, str(error))
        else:
            yield record, example


def questions_hash(path: str | Path) -> str:
    """Identifies the content of a question file, or of the files of a BEIR folder that are read.

    Raises:
        QuestionError: the file is missing or cannot be read.
    """
    path = Path(path)
    try:
        if path.is_dir():
            return fingerprint([file_sha256(path / QUERIES), file_sha256(qrels_file(path))])
        return file_sha256(path)
    except OSError as error:
        raise unreadable(path, error.strerror or str(error)) from error


class DocumentNames:
    """Finds the documents that a question file names.

    A name is one of `document_names`: a document's id, or the part of it after `#` or `PMID:`, so
    that existing question sets need no rewriting.
    """

    def __init__(self, index: IndexReader) -> None:
        self._index = index

    def resolve(self, names: Sequence[str]) -> list[str]:
        """Ids of the named documents that are in the index."""
        return list(dict.fromkeys(id_ for name in names for id_ in self._find(name)))

    def with_ids(self, example: Example) -> Example:
        """The example with the ids of its documents added to the names it gives them.

        A document is then recognised by every name: "notes.jsonl#gout" in one row, "gout" in
        another.
        """
        return replace(example, documents=(*example.documents, *self.resolve(example.documents)))

    def require(self, examples: Iterable[Example], gone: Collection[str] = ()) -> None:
        """Check that every document that the examples name is in the index.

        Args:
            gone: ids of documents that may be missing, because an earlier index had them.

        Raises:
            QuestionError: some are not; the message has the first of them, with the nearest ids.
        """
        names: dict[str, str] = {}
        for example in examples:
            for name in example.documents:
                names.setdefault(name, example.question)
        former = {name for id_ in gone for name in document_names(id_)}
        unknown = [name for name in names if not self._find(name) and name not in former]
        if unknown:
            shown = "; ".join(map(self._described, unknown[:_SHOWN]))
            more = "; …" if len(unknown) > _SHOWN else ""
            first = shorten(one_line(names[unknown[0]]), 60, placeholder=" …")
            raise QuestionError(
                f"{len(unknown):,} of {len(names):,} document names in the questions are not in "
                f"the index {self._index.location}: {shown}{more}. The first stands in the row of "
                f"{first!r}. Index these documents with "
                "medrag.build_index, or correct the names; docs/questions.md says how they resolve"
            )

    def _described(self, name: str) -> str:
        """An unknown name, and the ids that are most like it."""
        from rapidfuzz import fuzz, process

        matches = process.extract(
            one_line(name),
            list(self._ids),
            scorer=fuzz.ratio,
            processor=str.casefold,
            limit=2 * _NEAREST,  # the nearest may be two names of one document
            score_cutoff=_ALIKE,
        )
        ids = dict.fromkeys(id_ for match in matches for id_ in self._ids[match[0]])
        nearest = ", ".join(one_line(id_) for id_ in list(ids)[:_NEAREST])
        return f"{one_line(name)!r} ({f'nearest: {nearest}' if nearest else 'no id is like it'})"

    def _find(self, name: str) -> list[str]:
        """Rows have their ids on one line, without invisible characters; names may not."""
        return self._ids.get(name) or self._ids.get(one_line(name), [])

    @cached_property
    def _ids(self) -> dict[str, list[str]]:
        """Ids by name. A name that is more of one id than of another means the former."""
        ranks: dict[str, int] = {}
        ids: dict[str, list[str]] = {}
        for id_ in self._index.document_ids():
            for rank, name in enumerate(document_names(id_)):
                if rank < ranks.get(name, rank + 1):
                    ranks[name], ids[name] = rank, []
                if rank == ranks[name]:
                    ids[name].append(id_)
        return ids
