"""Where the questions of a dataset come from: a file, the hub, rules, or a teacher."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..config import DatasetConfig, Writer
from ..generation.prompts import question_writing_messages
from ..manifest import fingerprint
from ..stores import IndexReader
from ..types import Example, Hit, Rejected
from .hub import HUB, HubRows
from .questions import examples_from, questions_hash, read_questions
from .teaching import teach
from .written import write_questions


@dataclass(frozen=True)
class _Found:
    examples: list[Example]
    rejected: list[Rejected] = field(default_factory=list)
    counts: dict[str, Any] = field(default_factory=dict)


class Questions:
    """The questions of a dataset, read or written when they are first looked at.

    Attributes:
        identity: of what they are read or written from, for a fingerprint; known at once.
        written: whether they are written from the index.
    """

    def __init__(self, identity: str, written: bool, find: Callable[[], _Found]) -> None:
        self.identity = identity
        self.written = written
        self._find = find

    @cached_property
    def _found(self) -> _Found:
        return self._find()

    @property
    def examples(self) -> list[Example]:
        """The questions; raises what `read_questions` or `teach` raise."""
        return self._found.examples

    @property
    def rejected(self) -> list[Rejected]:
        """The records that could not be used, or passages of which nothing came, with reasons."""
        return self._found.rejected

    @property
    def counts(self) -> dict[str, Any]:
        """The tokens and the cost of a teacher; empty for others."""
        return self._found.counts


def open_questions(config: DatasetConfig, index: IndexReader) -> Questions:
    """The questions that `dataset.questions` names, or that `dataset.writer` writes.

    - a path: a question file or a BEIR folder; docs/questions.md describes the formats.
    - "hub:OWNER/NAME": a dataset on the hub, whose rows have one of these formats.
    - "": written from the passages of the index, by rules or by a teacher.

    Raises:
        QuestionError: the file or the dataset is missing or cannot be read.
    """
    if config.questions.startswith(HUB):
        rows = HubRows(config)

        def read() -> _Found:
            return _Found(*examples_from(rows, config.questions, config.fields))

        return Questions(rows.identity, False, read)
    if config.questions:
        path, fields = config.questions, config.fields
        return Questions(questions_hash(path), False, lambda: _Found(*read_questions(path, fields)))
    if config.writer is Writer.rules:
        return Questions("rules", True, lambda: _Found(write_questions(config, index)))
    asked = question_writing_messages(Hit(0, "", "", "", 0, 0, None, "", "", 0.0))
    return Questions(
        fingerprint([config.teacher.model, asked]), True, lambda: _taught(config, index)
    )


def _taught(config: DatasetConfig, index: IndexReader) -> _Found:
    taught = teach(config, index)
    counts = {
        "teacher_prompt_tokens": taught.prompt_tokens,
        "teacher_reply_tokens": taught.reply_tokens,
        "teacher_cost": round(taught.cost(config.teacher), 4),
    }
    return _Found(taught.examples, taught.rejected, counts)
