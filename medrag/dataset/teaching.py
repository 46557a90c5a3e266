"""Questions and answers that a teacher writes for the passages of an index."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from ..clients import parse_json
from ..config import DatasetConfig, TeacherConfig
from ..errors import HttpError, QuestionError
from ..generation.prompts import question_writing_messages
from ..grounding import check_support, parse_statements
from ..grounding.form import no_answer
from ..progress import progress
from ..retrieval import check_question
from ..stores import IndexReader
from ..types import Example, Hit, Rejected
from . import question_key
from .passages import MOST, draw_documents, fit_passages
from .replies import Replies, TeacherReply
from .teacher import CHARACTERS, LONGEST, Teacher

_HOPELESS = 10  # failures in a row after which the endpoint is given up
_WRONG_SETTINGS = {400, 401, 403, 404, 405}  # statuses that every request would get
_FENCE = re.compile(r"\A```(?:json)?\s*(.*?)\s*```\Z", re.DOTALL)
_NOT_ALONE = re.compile(
    r"\b(?:the|this|that|above|given) (?:passage|text|document|excerpt|paragraph|article)\b", re.I
)


@dataclass
class Taught:
    """What a teacher wrote, and what it took.

    Attributes:
        rejected: the passages of which nothing came, each with the reason.
        prompt_tokens, reply_tokens: of all replies, also of those that were on disk.
    """

    examples: list[Example] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    prompt_tokens: int = 0
    reply_tokens: int = 0

    @property
    def tokens(self) -> int:
        """Of prompts and replies together."""
        return self.prompt_tokens + self.reply_tokens

    def cost(self, config: TeacherConfig) -> float:
        """In the currency of `price_in` and `price_out`."""
        return (self.prompt_tokens * config.price_in + self.reply_tokens * config.price_out) / 1e6


def replies_file(config: DatasetConfig) -> Path:
    """Where the replies of a teacher are kept: beside the dataset, as they come."""
    directory = Path(config.dir)
    return directory.with_name(f"{directory.name}.teacher.jsonl")


def teach(config: DatasetConfig, index: IndexReader) -> Taught:
    """Have up to `dataset.limit` questions (0: 2,000) written, one for each document.

    Every reply is on disk before the next request, under the hash of the model and the messages. So
    after a kill, nothing is asked twice. An answer is kept only if `check_support` finds each of
    its statements in the passage. A passage whose request fails or whose reply is of no use is
    skipped, and listed. It stops at `max_tokens` with what it has.

    Raises:
        ConfigError: the address or the model is missing.
        HttpError: the endpoint refuses the settings, or failed 10 times in a row.
        BusyError: another process has the file of replies.
        QuestionError: nothing of use was written.
    """
    teacher = Teacher(config.teacher)
    taught = Taught()
    file = replies_file(config)
    with Replies(file) as replies:
        try:
            _ask(teacher, config, index, replies, taught)
        except HttpError as error:
            raise HttpError(
                f"{error}. {len(replies)} replies are in {file}; the same command goes on",
                status=error.status,
            ) from None
        finally:
            teacher.close()
    if not taught.examples:
        first = f"; {taught.rejected[0].id}: {taught.rejected[0].reason}" if taught.rejected else ""
        raise QuestionError(
            f"{config.teacher.model} wrote no usable question for {len(taught.rejected)} "
            f"passages{first}; try another model, or raise dataset.teacher.max_tokens"
        )
    return taught


def _drawn_passages(config: DatasetConfig, index: IndexReader, most: int) -> Iterator[Hit]:
    """One passage of each document, then the next one of each, and so on."""
    documents = draw_documents(index, most, config.seed)
    turn = 0
    while documents:
        longer = []
        for document in documents:
            passages = [*fit_passages(index, document, config.seed)]
            if turn < len(passages):
                yield passages[turn]
            if turn + 1 < len(passages):
                longer.append(document)
        documents, turn = longer, turn + 1


def _ask(
    teacher: Teacher, config: DatasetConfig, index: IndexReader, replies: Replies, taught: Taught
) -> None:
    """Ask about passage after passage until there are enough questions or the tokens are used.

    What becomes of the passages is settled in their order, so that a run that was stopped gives the
    same questions as one that was not.
    """
    most = config.limit or MOST
    passages = _drawn_passages(config, index, most)
    waiting: deque[tuple[Hit, Future[TeacherReply]]] = deque()
    asked: set[str] = set()
    failures = 0
    with progress("teacher", most, "questions") as advance:
        try:
            while len(taught.examples) < most:
                while len(waiting) < config.teacher.concurrency and (hit := next(passages, None)):
                    if not _affords(config.teacher, hit, taught, len(waiting)):
                        passages = iter(())
                        break
                    waiting.append((hit, teacher.ask(hit, replies)))
                if not waiting:
                    return
                hit, reply = waiting.popleft()
                try:
                    made = _example(reply.result(), hit)
                except HttpError as error:
                    failures += 1
                    if error.status in _WRONG_SETTINGS or failures >= _HOPELESS:
                        raise
                    taught.rejected.append(Rejected(_place(hit), f"the teacher failed: {error}"))
                    continue
                failures = 0
                taught.prompt_tokens += reply.result().prompt_tokens
                taught.reply_tokens += reply.result().reply_tokens
                if isinstance(made, str):
                    taught.rejected.append(Rejected(_place(hit), made))
                elif (key := question_key(made.question)) in asked:
                    taught.rejected.append(Rejected(_place(hit), "the question was asked before"))
                else:
                    asked.add(key)
                    taught.examples.append(made)
                    advance(1, _spent(config.teacher, taught))
        finally:
            for _, reply in waiting:
                reply.cancel()


def _affords(config: TeacherConfig, hit: Hit, taught: Taught, waiting: int) -> bool:
    """Whether the tokens that are left are enough, also for the requests that are under way."""
    characters = len(question_writing_messages(hit)[0]["content"])
    return taught.tokens + (waiting + 1) * (characters // CHARACTERS + LONGEST) <= config.max_tokens


def _spent(config: TeacherConfig, taught: Taught) -> str:
    """For the line of progress."""
    priced = config.price_in or config.price_out
    return f"{taught.tokens:,} tokens{f', cost {taught.cost(config):.2f}' if priced else ''}"


def _example(reply: TeacherReply, hit: Hit) -> Example | str:
    """The question in a reply, or why it is of no use."""
    if reply.cut:
        return "the reply was cut off"
    fenced = _FENCE.match(reply.text.strip())
    try:
        written = parse_json(fenced[1] if fenced else reply.text)
        question, answer = written["question"], written["answer"]
        if {*written} != {"question", "answer"}:
            raise ValueError
        question, answer = (" ".join(text.split()) for text in (question, answer))
        f"{question}{answer}".encode()  # half a character is an error
    except (ValueError, LookupError, TypeError, AttributeError):
        return "the reply is not the JSON that was asked for"
    if not question or not answer:
        return "the teacher found nothing to ask about"
    try:
        check_question(question)
    except QuestionError as error:
        return str(error)
    if _NOT_ALONE.search(question):
        return "the question speaks of its passage"
    statements = parse_statements(answer, passages=0)
    if not statements or all(no_answer(one.text, question, ()) for one in statements):
        return "the answer says nothing"
    for one in statements:
        found = check_support(one.text, hit.text, title=hit.title, section=hit.section)
        if not found.supported:
            return f"the passage does not bear out the answer: {found.reason}"
    return Example(
        id=f"{_place(hit)}/teacher", question=question, answer=answer, documents=(hit.document,)
    )


def _place(hit: Hit) -> str:
    return f"{hit.document}@{hit.start}"
