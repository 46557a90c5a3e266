"""The question sets that the reranker is trained on and tested with, read from public files.

Each set is split by document: no question, passage or answer is on both sides.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Question:
    """A question, and the passages that answer it.

    Attributes:
        gold: ids of passages.
        answer: if not "", only chunks of a gold passage that hold this text count.
        about: the subject of the passages, which stands in for a title.
        related: ids of passages from the same article as the gold one.
    """

    text: str
    gold: list[str]
    answer: str = ""
    about: str = ""
    related: list[str] = field(default_factory=list)


@dataclass
class QuestionSet:
    """Passages by id, each with a title or "", and questions over them."""

    name: str
    passages: dict[str, tuple[str, str]] = field(default_factory=dict)
    questions: list[Question] = field(default_factory=list)


def medquad(path: Path) -> tuple[QuestionSet, QuestionSet]:
    """MedQuAD: 43 % of the groups of documents to train on, 12 % to test with.

    Documents that share a question or an answer are one group.
    """
    rows = list(_rows(path))
    groups = _Groups()
    for row in rows:
        groups.join(f"f{row['file']}", f"q{_plain(row['question'])}")
        groups.join(f"f{row['file']}", f"a{_plain(row['answer'])[:500]}")
    members: dict[str, list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        members[groups.of(f"f{row['file']}")].append(number)
    train, test = QuestionSet("MedQuAD, train"), QuestionSet("MedQuAD, held out")
    asked: dict[str, Question] = {}  # a question is in one group
    for numbers in members.values():
        share = _share("medquad" + min(rows[number]["file"] for number in numbers))
        part = test if share < 0.12 else train
        for number in numbers if share < 0.55 else ():
            row = rows[number]
            part.passages[f"m{number}"] = ("", row["answer"])
            key = _plain(row["question"])
            if key not in asked:
                asked[key] = Question(row["question"], [], about=row["focus"])
                part.questions.append(asked[key])
            asked[key].gold.append(f"m{number}")
    return train, test


def bioasq(folder: Path) -> tuple[QuestionSet, QuestionSet]:
    """BioASQ in BEIR's format: a quarter of the questions to test with, with their own snippets."""
    passages = {row["_id"]: (row["title"], row["text"]) for row in _rows(folder / "corpus.jsonl")}
    gold: dict[str, list[str]] = defaultdict(list)
    groups = _Groups()
    lines = (folder / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines()[1:]
    for question, passage, relevance in (line.split("\t") for line in lines):
        if int(relevance) > 0:
            gold[question].append(passage)
            groups.join(f"q{question}", f"d{passage}")
    first: dict[str, str] = {}
    for question in gold:
        group = groups.of(f"q{question}")
        first[group] = min(first.get(group, question), question)
    train, test = QuestionSet("BioASQ, train"), QuestionSet("BioASQ, held out")
    texts = {row["_id"]: row["text"] for row in _rows(folder / "queries.jsonl")}
    for question, found in gold.items():
        share = _share("bioasq" + first[groups.of(f"q{question}")])
        part = test if share < 0.25 else train
        part.questions.append(Question(texts[question], found))
        part.passages.update({passage: passages[passage] for passage in found})
    return train, test


def pubmedqa(path: Path) -> tuple[QuestionSet, QuestionSet]:
    """PubMedQA: the conclusion is the answer, among all sections of all abstracts.

    30 % of the abstracts are to test with.
    """
    train, test = QuestionSet("PubMedQA, train"), QuestionSet("PubMedQA, held out")
    for row in _rows(path):
        part = test if _share("pubmedqa" + row["id"]) < 0.3 else train
        sections = {
            f"x{row['id']}-{number}-{row['labels'][number]}": ("", text)
            for number, text in enumerate(row["contexts"])
        }
        conclusion = f"x{row['id']}-c"
        part.passages.update(sections, **{conclusion: ("", row["long_answer"])})
        related = [*sections, conclusion]
        part.questions.append(Question(row["question"], [conclusion], related=related))
    return train, test


def covidqa(questions: Path, documents: Path) -> QuestionSet:
    """COVID-QA: which chunk of 98 articles holds the answer; for tests only."""
    found = QuestionSet("COVID-QA")
    for row in _rows(documents):
        found.passages[row["id"]] = (row["text"].partition("\n")[0][:200], row["text"])
    for row in _rows(questions):
        found.questions.append(Question(row["question"], [row["document"]], row["answer"]))
    return found


def holds(text: str, answer: str) -> bool:
    """Tell whether a chunk holds an answer, or one half of a long one."""
    wanted, given = _plain(answer), _plain(text)
    middle = len(wanted) // 2
    halves = wanted[: middle + 1], wanted[middle:]
    return wanted in given or (len(wanted) > 60 and any(half in given for half in halves))


def is_background(passage: str) -> bool:
    """Tell by its id whether a section of an abstract cannot hold the result."""
    names = ("BACKGROUND", "OBJECTIVE", "AIM", "PURPOSE", "INTRODUCTION")
    return any(name in passage.upper() for name in names)


class _Groups:
    """Disjoint sets: things that are joined, directly or through others, are in one group."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}

    def of(self, one: str) -> str:
        """The name of its group."""
        while (parent := self._parents.setdefault(one, one)) != one:
            self._parents[one] = one = self._parents[parent]
        return one

    def join(self, one: str, other: str) -> None:
        self._parents[self.of(one)] = self.of(other)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def _plain(text: str) -> str:
    return " ".join(text.lower().split()).rstrip(" ?")


def _share(key: str) -> float:
    """A number in [0, 1) that depends on the key alone."""
    return int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) / 2**32


def write_passages(path: Path, passages: Iterable[tuple[str, tuple[str, str]]]) -> None:
    """Write passages as a corpus."""
    with path.open("w", encoding="utf-8") as file:
        for name, (title, text) in passages:
            file.write(json.dumps({"id": name, "title": title, "text": text}) + "\n")
