"""The label of a row: the first statements of the reference answer that a passage bears out."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence, Set
from dataclasses import dataclass, replace

from ..generation.control import without_control
from ..generation.markers import disarmed, without_markers
from ..grounding import check_support, parse_statements
from ..grounding.candidates import has_verb, quoted
from ..grounding.form import no_answer
from ..metrics import token_recall
from ..text.words import terms, words
from ..types import Example, Hit, QuestionKind, Support

_READ = 5  # passages of the gold documents that are compared with an answer, at most
_COMMON = 3  # other documents that say a statement, from which on it tells nothing in particular
# A distractor is one that does not answer. `check_support` leans to accept; among passages about
# neighbouring subjects these bounds tell answers from them: docs/dataset.md.
_SAYS, _SHARED = 0.7, 0.5  # score, and share of the terms
# No passage says that "no"; it says the sentence after it.
_YES_NO = re.compile(r"\s*(?:yes|no)\b(?:\s*[.,;:!]|\s[–—-](?=\s)|\s*\Z)\s*", re.I)


@dataclass(frozen=True, slots=True)
class Stated:
    """A statement of a label.

    Attributes:
        text: as the reference answer has it.
        span: where the passage says it word for word, in the passage's text; None if it says it in
            other words.
        common: whether several other documents say it word for word, of something else.
    """

    text: str
    span: tuple[int, int] | None
    common: bool = False


@dataclass(frozen=True, slots=True)
class Label:
    """What a passage says of an answer.

    Attributes:
        passage: the oracle.
        statements: at least one.
        left_out: how many leading statements of the answer are not in it.
    """

    passage: Hit
    statements: tuple[Stated, ...]
    left_out: int

    @property
    def verbatim(self) -> int:
        """How many statements the passage says word for word."""
        return sum(one.span is not None for one in self.statements)

    def in_particular(self, others: Iterable[Hit]) -> Label:
        """Without what other documents say, too ("see your doctor"), unless nothing else is left.

        Args:
            others: hits of other documents.
        """
        said = {hit.document: " ".join(hit.text.split()) for hit in others}.values()
        marked = [
            replace(one, common=sum(" ".join(one.text.split()) in text for text in said) >= _COMMON)
            for one in self.statements
        ]
        kept = tuple(one for one in marked if not one.common) or tuple(marked)
        return Label(self.passage, kept, self.left_out + len(marked) - len(kept))

    def is_said_by(self, hit: Hit) -> bool:
        """Whether another passage bears out a statement, so that it answers, too."""
        about = {*terms(f"{hit.title} {hit.section} {hit.text}")}
        return any(
            _share(one.text, about) >= _SHARED and support(one.text, hit).score >= _SAYS
            for one in self.statements
            if not one.common
        )

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

    Questions, headings and repetitions of the question answer nothing and are passed over, as are
    "yes" and "no" before a sentence.

    Args:
        headings: see `no_answer`.
    """
    taken: list[str] = []
    size = 0
    yes_no = example.kind is QuestionKind.yes_no
    # References of its own, such as "[12]", are part of what it says, and no markers.
    for statement in parse_statements(without_markers(_without_yes_no(answer)), passages=0):
        if no_answer(statement.text, example.question, headings, yes_no=yes_no):
            continue
        size += len(words(statement.text))
        if taken and size > most:
            break
        taken.append(statement.text)
    return taken


def _without_yes_no(answer: str) -> str:
    begins = _YES_NO.match(answer)
    rest = answer[begins.end() :] if begins else answer
    return rest[:1].upper() + rest[1:] if begins else answer


def label_of(example: Example, passages: Sequence[Hit], most: int) -> Label | None:
    """The label of a question: the passage that bears out most, and what it bears out.

    Other reference answers are tried if no passage bears out the first one.

    Args:
        passages: of the question's documents; of equal ones that which says most word for word,
            and of these the first.
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
            return max(found, key=lambda label: (len(label.statements), label.verbatim))
    return None


def supports(statement: str, hit: Hit) -> bool:
    """Whether a passage says a statement, word for word or as `check_support` understands it."""
    return quoted(statement, hit.text) is not None or support(statement, hit).supported


def support(statement: str, hit: Hit) -> Support:
    """What `check_support` says of a statement and a passage."""
    section = " > ".join(part for part in (hit.section, hit.header) if part)
    return check_support(statement, hit.text, title=hit.title, section=section)


def _share(statement: str, about: Set[str]) -> float:
    """The share of a statement's terms that are among others."""
    wanted = terms(statement)
    return sum(term in about for term in wanted) / len(wanted) if wanted else 0.0


def _stated(statements: Iterable[str], hit: Hit) -> Iterable[Stated]:
    return (
        Stated(one, quoted(one, hit.text))
        for one in statements
        if supports(one, hit) or _is_phrase_of(one, hit)
    )


def _is_phrase_of(statement: str, hit: Hit) -> bool:
    """Whether a passage has the words of a statement without a verb: "Within one hour."."""
    said, text = (f" {' '.join(words(one))} " for one in (statement, hit.text))
    return said in text and not has_verb(statement)


def _nearest(text: str, passages: Sequence[Hit]) -> list[Hit]:
    """The passages that share most words with a text, in their order."""
    if len(passages) <= _READ:
        return [*passages]
    ranked = sorted(passages, key=lambda hit: -token_recall(hit.text, text))[:_READ]
    return [hit for hit in passages if hit in ranked]
