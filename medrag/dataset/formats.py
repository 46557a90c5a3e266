"""One record of a question file as an `Example`: plain rows, BioASQ, PubMedQA and MedQuAD."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from enum import Enum
from typing import Any

from ..config import DatasetFieldsConfig
from ..ingestion.readers.reader import one_line
from ..retrieval import check_question
from ..text.cleaning import clean_text
from ..types import Example, QuestionKind
from . import question_key
from .records import Record

_QUESTION = ("question", "text")
_ANSWER = ("answer",)
_DOCUMENTS = ("documents", "document")
_ID = ("id", "_id")
_KINDS = {
    "yesno": QuestionKind.yes_no,
    "factoid": QuestionKind.factoid,
    "list": QuestionKind.several,
}
_VERDICTS = ("yes", "no", "maybe")
_PMID = re.compile(r".*/(\d+)/?")


class Format(Enum):
    """What the fields of a record mean."""

    plain = "rows"
    bioasq = "BioASQ"
    pubmedqa = "PubMedQA"
    medquad = "MedQuAD"


def format_of(row: Mapping[str, Any]) -> Format:
    """Tell the format of a file from the fields of its first record."""
    names = row.keys()
    if "body" in names and names.isdisjoint(_QUESTION):
        return Format.bioasq
    if {"question", "long_answer"} <= names and not names.isdisjoint({"contexts", "context"}):
        return Format.pubmedqa
    if {"question", "answer", "focus", "qtype"} <= names:
        return Format.medquad
    return Format.plain


def field_names(row: Mapping[str, Any]) -> str:
    """The names of the fields for a message: one line, cut if there are many."""
    return one_line(", ".join(row)) or "none"


class ExampleReader:
    """Turns the records of one file into examples.

    Attributes:
        format: that of the first record. Files whose fields have configured names are plain.
    """

    def __init__(self, fields: DatasetFieldsConfig) -> None:
        self.format: Format | None = Format.plain if any(asdict(fields).values()) else None
        self._fields = fields
        self._document_id = UniqueIds()

    def read(self, record: Record) -> Example:
        """The example of a record.

        Raises:
            ValueError, QuestionError: the record cannot be used; the message says why.
        """
        if self.format is None:
            self.format = format_of(record.row)
        match self.format:
            case Format.bioasq:
                return bioasq(record, [_pmid(name) for name in _texts(record.row, "documents")])
            case Format.pubmedqa:
                return pubmedqa(record)
            case Format.medquad:
                return medquad(record, self._document_id)
            case Format.plain:
                return plain(record, self._fields)


def plain(record: Record, fields: DatasetFieldsConfig) -> Example:
    """The example of a row of one's own."""
    row = record.row
    question = _text(row, _field(row, fields.question, _QUESTION))
    if not question:
        raise ValueError(f"no question; the fields are {field_names(row)}")
    kind = _kind(row.get(_first(row, ("kind", "type"))))
    answerable = row.get("answerable")
    if not isinstance(answerable, bool | None):
        raise ValueError(f"answerable is a {type(answerable).__name__}; it must be true or false")
    return _example(
        id=_text(row, _field(row, fields.id, _ID)) or record.name,
        question=question,
        answers=[_text(row, _field(row, fields.answer, _ANSWER)), *_texts(row, "answers")],
        documents=_texts(row, _field(row, fields.documents, _DOCUMENTS)),
        kind=kind,
        exact=_exact(row, _first(row, ("exact", "exact_answer")), kind),
        nuggets=_texts(row, "nuggets"),
        answerable=answerable,
    )


def bioasq(record: Record, documents: Sequence[str]) -> Example:
    """The example of a question of BioASQ, whose documents are named by `documents`.

    Fields: https://participants-area.bioasq.org/general_information/Task13b/
    """
    row = record.row
    kind = _kind(row.get("type"))
    return _example(
        id=_text(row, "id") or record.name,
        question=_text(row, "body"),
        answers=_texts(row, "ideal_answer"),
        documents=documents,
        kind=kind,
        exact=_exact(row, "exact_answer", kind),
    )


def pubmedqa(record: Record) -> Example:
    """The example of a question of PubMedQA; its document is its own abstract.

    Fields: https://github.com/pubmedqa/pubmedqa; those of the Hugging Face data set, too.
    """
    row = record.row
    id_ = one_line(_text(row, _first(row, ("id", "pubid", "pmid")))) or record.name
    return _example(
        id=id_,
        question=_text(row, "question"),
        answers=[_text(row, "long_answer")],
        documents=[id_] if clean_text(pubmedqa_abstract(row)) else [],
        kind=QuestionKind.yes_no,
        exact=_exact(row, _first(row, ("final_decision", "decision")), QuestionKind.yes_no),
    )


def pubmedqa_abstract(row: Mapping[str, Any]) -> str:
    """The abstract as PubMed has it: labelled sections, the conclusion last; no question."""
    inner = row.get("context")
    parts = inner if isinstance(inner, dict) else row
    texts = _texts(parts, _first(parts, ("contexts", "context")))
    labels = [*_texts(parts, "labels"), *[""] * len(texts)]
    sections = [*zip(labels, texts, strict=False), ("CONCLUSIONS", _text(row, "long_answer"))]
    return "\n\n".join(f"{label}: {text}" if label else text for label, text in sections if text)


def medquad(record: Record, document_id: Callable[[str], str]) -> Example:
    """The example of a row of MedQuAD; its document is its own answer.

    Fields: those of Ben Abacha and Demner-Fushman 2019 (https://github.com/abachaa/MedQuAD).

    Args:
        document_id: makes the id of the row unique, as it is in an index.
    """
    row = record.row
    id_ = one_line(_text(row, "id")) or record.name
    answer = _text(row, "answer")
    documents = [document_id(id_)] if clean_text(answer) else []
    return _example(
        id=documents[0] if documents else id_,
        question=_text(row, "question"),
        answers=[answer],
        documents=documents,
    )


def merge_same_questions(examples: Iterable[Example]) -> list[Example]:
    """One example for each wording, with the documents and answers of all that ask it.

    The first one gives the id and the reference answer; the others are alternatives.
    """
    merged: dict[str, Example] = {}
    for example in examples:
        key = question_key(example.question) or example.question
        first = merged.setdefault(key, example)
        if first is not example:
            answer, *others = _distinct(
                (first.answer, *first.alternatives, example.answer, *example.alternatives)
            ) or [""]
            merged[key] = replace(
                first,
                answer=answer,
                alternatives=tuple(others),
                documents=tuple(_distinct((*first.documents, *example.documents))),
                answerable=first.answerable or example.answerable,
            )
    return list(merged.values())


class UniqueIds:
    """Gives the second owner of an id `id~2`, the third `id~3`, as an index does in one file."""

    def __init__(self) -> None:
        self._asked = Counter[str]()
        self._given: set[str] = set()

    def __call__(self, id_: str) -> str:
        """The id, or the next free one."""
        while True:
            self._asked[id_] += 1
            times = self._asked[id_]
            free = id_ if times == 1 else f"{id_}~{times}"
            if free not in self._given:
                self._given.add(free)
                return free


def _example(
    *,
    id: str,
    question: str,
    answers: Iterable[str],
    documents: Iterable[str],
    kind: QuestionKind = QuestionKind.text,
    exact: tuple[tuple[str, ...], ...] = (),
    nuggets: Iterable[str] = (),
    answerable: bool | None = None,
) -> Example:
    """Check and complete an example: what has an answer or a document is answerable."""
    check_question(question)
    answer, *alternatives = _distinct(answers) or [""]
    documents, nuggets = _distinct(documents), _distinct(nuggets)
    if answerable is None and (answer or exact or nuggets or documents):
        answerable = True
    return Example(
        id=id,
        question=question,
        answer=answer,
        documents=tuple(documents),
        answerable=answerable,
        kind=kind,
        exact=exact,
        nuggets=tuple(nuggets),
        alternatives=tuple(alternatives),
    )


def _kind(value: Any) -> QuestionKind:
    letters = filter(str.isalpha, value.casefold()) if isinstance(value, str) else ""
    return _KINDS.get("".join(letters), QuestionKind.text)


def _exact(row: Mapping[str, Any], name: str, kind: QuestionKind) -> tuple[tuple[str, ...], ...]:
    """What has to be named: things with their names, from texts and lists of texts.

    BioASQ gives the names of a factoid as one list, or as lists in a list; both are one thing.
    """
    value = row.get(name)
    things = value if isinstance(value, list) else [value]
    groups = [tuple(_distinct(_texts({name: thing}, name))) for thing in things]
    names = _distinct(one for group in groups for one in group)
    if kind is QuestionKind.yes_no:
        names = _distinct(one.casefold().rstrip(".") for one in names)
        if len(names) > 1 or not set(names).issubset(_VERDICTS):
            raise ValueError(f"{name} is {', '.join(names)[:80]!r}; it must be yes, no or maybe")
    if kind in (QuestionKind.yes_no, QuestionKind.factoid):
        groups = [tuple(names)]
    return tuple(filter(None, groups))


def _pmid(name: str) -> str:
    """The PMID that a URL of PubMed ends in; anything else stays as it is."""
    found = _PMID.fullmatch(name)
    return found[1] if found else name


def _first(row: Mapping[str, Any], usual: Sequence[str]) -> str:
    """The first of the usual names that a row has, or the one to tell people about."""
    return next((name for name in usual if name in row), usual[0])


def _field(row: Mapping[str, Any], configured: str, usual: Sequence[str]) -> str:
    if configured and configured not in row:
        raise ValueError(f"no field {configured!r}; the fields are {field_names(row)}")
    return configured or _first(row, usual)


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if isinstance(value, list | dict):
        raise ValueError(f"{name} is a {type(value).__name__}, not text")
    if isinstance(value, float) and not math.isfinite(value):  # as pandas writes a missing text
        return ""
    return "" if value is None else str(value).strip()


def _texts(row: Mapping[str, Any], name: str) -> list[str]:
    """The texts of a field, in order; a text is a list of one."""
    value = row.get(name)
    items = [] if value is None else value if isinstance(value, list) else [value]
    if not all(isinstance(item, str | int | float) for item in items):
        raise ValueError(f"{name} must be a text or a list of texts")
    return [_text({name: item}, name) for item in items]


def _distinct(texts: Iterable[str]) -> list[str]:
    """Each text once, without those in which there is nothing to see."""
    return list(dict.fromkeys(filter(clean_text, texts)))
