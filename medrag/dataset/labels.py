"""The label of a row: the first statements of the reference answer that a passage bears out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ..generation.control import without_control
from ..generation.markers import disarmed
from ..grounding import check_support, parse_statements
from ..grounding.candidates import quoted
from ..grounding.form import no_answer
from ..metrics import token_recall
from ..text.words import words
from ..types import Example, Hit, QuestionKind

_READ = 5  # passages of the gold documents that are compared with an answer, at most
_SHARED = 0.25  # of the words of a statement, which a passage that bears it out has in any case


@dataclass(frozen=True, slots=True)
class Stated:
    """A statement of a label.

    Attributes:
        text: as the reference answer has it.
        span: where the passage says it word for word, in the passage's text; None if it says it in
            other words.
    """

    text: str
    span: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Label:
    """What a passage says of an answer.

    Attributes:
        passage: the oracle.
        statements: at least one.
        left_out: how many leading statements of the answer the passage does not bear out.
    """

    passage: Hit
    statements: tuple[Stated, ...]
    left_out: int

    def reply(self, marker: int) -> str:
        """The reply that cites the passage after each statement, in the words of the prompt."""
        shown = (self.shown(statement) for statement in self.statements)
        return " ".join(f"{text} [{marker}]" for text in shown)

    def shown(self, statement: Stated) -> str:
        """A statement on one line, as the prompt shows the passage: see `prompts`."""
        text = statement.text
        if statement.span:
            text = self.passage.text[slice(*statement.span)]
        return disarmed(without_control(" ".join(text.split())))


def leading(
    example: Example, answer: str, headings: Collection[tuple[str, ...]], most: int
) -> list[str]:
    """The first statements of an answer, up to `most` words; whole ones, so the first may be more.

    Questions, headings and repetitions of the question answer nothing and are passed over.

    Args:
        headings: see `no_answer`.
    """
    taken: list[str] = []
    size = 0
    yes_no = example.kind is QuestionKind.yes_no
    for statement in parse_statements(answer, passages=0):
        if no_answer(statement.text, example.question, headings, yes_no=yes_no):
            continue
        size += len(words(statement.text))
        if taken and size > most:
            break
        taken.append(statement.text)
    return taken


def label_of(example: Example, passages: Sequence[Hit], most: int) -> Label | None:
    """The label of a question: the passage that bears out most, and what it bears out.

    Other reference answers are tried if no passage bears out the first one.

    Args:
        passages: of the question's documents; of equal ones the first is taken.
        most: words of the label; see `leading`.
    """
    headings = {
        tuple(words(part))
        for hit in passages
        for part in (hit.title, *hit.section.split(" > "), hit.header)
    }
    for answer in (example.answer, *example.alternatives):
        statements = leading(example, answer, headings, most)
        found = [
            Label(hit, kept, len(statements) - len(kept))
            for hit in _nearest(" ".join(statements), passages)
            if (kept := tuple(_stated(statements, hit)))
        ]
        if found:
            return max(found, key=lambda label: len(label.statements))
    return None


def supports(statement: str, hit: Hit) -> bool:
    """Whether a passage says a statement, word for word or as `check_support` understands it."""
    if quoted(statement, hit.text):
        return True
    section = " > ".join(part for part in (hit.section, hit.header) if part)
    # Most passages share too little to be worth a check, which takes milliseconds.
    if token_recall(f"{hit.title}\n{section}\n{hit.text}", statement) < _SHARED:
        return False
    return check_support(statement, hit.text, title=hit.title, section=section).supported


def _stated(statements: Iterable[str], hit: Hit) -> Iterable[Stated]:
    return (Stated(one, quoted(one, hit.text)) for one in statements if supports(one, hit))


def _nearest(text: str, passages: Sequence[Hit]) -> list[Hit]:
    """The passages that share most words with a text, in their order."""
    if len(passages) <= _READ:
        return [*passages]
    ranked = sorted(passages, key=lambda hit: -token_recall(hit.text, text))[:_READ]
    return [hit for hit in passages if hit in ranked]
