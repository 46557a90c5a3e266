"""What a reader is, what it is given, and what readers share: titles, headings, line ends."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from ...config import CorpusConfig
from ...errors import DocumentError
from ...text.cleaning import clean_text
from ...types import Block, BlockKind, Deleted, Document, Rejected

_TITLE_LIMIT = 300  # characters; a title is put before every chunk, so it must stay small
_HEADING_LIMIT = 120  # characters of a heading in a heading path
_RETRACTED = re.compile(
    r"\A\W*(?:retracted|withdrawn)(?:\s+article)?\s*[]:)]"
    r"|[\[(](?:retracted|withdrawn)(?:\s+article)?[\])]\W*\Z",
    re.IGNORECASE,
)
_NARROW = 45  # characters; columns of prose are wider, lists and addresses are not
_QUESTION_LIMIT = 400  # characters of a question that a text starts with
_ASKS = (
    r"(?:Wh(?:at|en|ere|ich|o|om|ose|y)|How|Is|Are|Do|Does|Did|Can|Could|Should|Will|Has|Have)\b"
)
_QUESTION = re.compile(_ASKS + r"[^.!?:;]*\?")
_LABELLED = re.compile(r"\W{0,3}Q(?:uestion)?(?: ?\d{1,4})?(?:\s?:|(?<=\d)\.\s)")
_ANSWER = re.compile(r"\bA(?:nswer)?(?: ?\d{1,4})?\s?:")


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read.

    Attributes:
        path: the file; a regular file that is not empty.
        document_id: its id: its POSIX path in the corpus.
        suffix: the supported suffix that its name ends with, in lower case.
        corpus: field names of rows, and the size limit for files that are held in memory.
        alive: a slow reader calls it now and then, so that it is not taken for one that hangs.
    """

    path: Path
    document_id: str
    suffix: str
    corpus: CorpusConfig
    alive: Callable[[], None]

    @property
    def title(self) -> str:
        """A title made from the file's name: "acute-gout_2.txt" gives "Acute gout 2"."""
        stem = self.path.name[: -len(self.suffix)]
        words = one_line(re.sub(r"[-_\s]+", " ", stem))
        return words[:1].upper() + words[1:]

    def error(self, reason: str) -> DocumentError:
        """Return the error that says why this file cannot be used."""
        return DocumentError(f"{self.path.name}: {reason}")


class Reader(Protocol):
    """A module that reads files of one format."""

    def read(self, source: Source) -> Iterator[Document | Rejected | Deleted]:
        """Yield the documents in a file.

        Titles may be empty or long, and blocks may be empty or too long: `read_documents` fixes
        that. Import heavy libraries inside this function.

        Raises:
            DocumentError: the file, or the rest of it, cannot be used. `Source.error` makes it.
        """


def flat(text: str) -> str:
    """Return `text` cleaned, on one line."""
    return " ".join(clean_text(text).split())


def one_line(text: str, limit: int = _TITLE_LIMIT) -> str:
    """Return `text` cleaned, on one line, cut at a word with "…" beyond `limit` characters."""
    line = flat(text[: 20 * limit])
    if len(line) <= limit:
        return line
    return line[:limit].rsplit(" ", 1)[0].rstrip(",;:") + "…"


def is_question(line: str) -> bool:
    """Tell whether a line is a question by its label or its mark: "Q: …", "What is gout?"."""
    return line.rstrip(" *_#").endswith("?") or bool(_LABELLED.match(line))


def split_question(text: str, known: Sequence[str] = ()) -> tuple[str, str]:
    """Split off the question that `text` starts with, if an answer follows it.

    It is one of the `known` questions, or is labelled ("Question: …? Answer: …"), or starts with
    a word that asks and ends with the first question mark ("What is gout? Gout is …").

    Returns:
        the question, or "", and the rest.
    """
    head = text[:_QUESTION_LIMIT]
    for question in filter(None, map(str.strip, known)):
        end = len(question)
        ends = question.endswith("?") or head[end : end + 1] == "\n"
        if ends and head[:end].casefold() == question.casefold():
            return _parted(text, end)
    mark = head.find("?") + 1
    labelled = _LABELLED.match(head)
    if labelled and (answer := _ANSWER.search(head, labelled.end())):
        return _parted(text, answer.start())
    if mark:
        asked = flat(head[:mark])
        plain = re.match(_ASKS, asked) and not re.search(r"[.!:;]\s", asked)
        if (labelled or plain) and text[mark : mark + 1].isspace():
            return _parted(text, mark)
        if letters(asked) in map(letters, known):
            return _parted(text, mark)
    return "", text


def asks(paragraph: str) -> bool:
    """Tell whether a paragraph is one question."""
    return len(paragraph) <= _QUESTION_LIMIT and _QUESTION.fullmatch(paragraph) is not None


def told_apart(block: Block) -> Iterator[Block]:
    """Yield a paragraph as a question, as a labelled question and its answer, or as it is."""
    text = block.text
    labelled = "Q" in text[:4] and _LABELLED.match(text)  # the test is for speed
    if not labelled and not text.endswith("?"):
        yield block
        return
    asked, rest = split_question(text) if labelled else ("", text)
    if asked:
        yield replace(block, text=asked, kind=BlockKind.question)
        yield replace(block, text=rest, glue="\n\n")
    elif asks(text) or (labelled and len(text) <= _QUESTION_LIMIT):
        yield replace(block, kind=BlockKind.question)
    else:
        yield block


def _parted(text: str, at: int) -> tuple[str, str]:
    question, rest = text[:at].strip(), text[at:].lstrip()
    return (question, rest) if any(map(str.isalnum, rest[:20])) else ("", text)


def letters(text: str) -> str:
    """Return only the letters and digits of `text`, to compare it by; the case does not matter."""
    return "".join(filter(str.isalnum, text)).casefold()


def says_retracted(title: str) -> bool:
    """Tell whether a title says that its article was retracted: "RETRACTED: …", "… [Withdrawn]"."""
    return _RETRACTED.search(title) is not None


class HeadingPath:
    """The headings above a place in a document, e.g. "Treatment > Children"."""

    def __init__(self) -> None:
        self._path: list[tuple[int, str]] = []

    def enter(self, level: int, heading: str) -> Block:
        """Step below `heading`, out of headings of the same or deeper levels (1 is the top).

        Returns:
            the heading as a block of the new section; a question if it asks one.
        """
        self.leave(level)
        self._path.append((level, one_line(heading, _HEADING_LIMIT)))
        kind = BlockKind.question if is_question(heading) else BlockKind.text
        return Block(heading, section=str(self), kind=kind)

    def leave(self, level: int) -> None:
        """Step out of the headings of `level` and deeper."""
        while self._path and self._path[-1][0] >= level:
            self._path.pop()

    def __str__(self) -> str:
        return " > ".join(heading for _, heading in self._path if heading)


def breaks_on_purpose(line: str, following: str, width: int) -> bool:
    """Tell whether a line end is meant, or only wraps a paragraph.

    A wrapped line ends because the next word does not fit. So a line end is meant if that word
    would have fitted easily into `width`, the length in characters of the longest lines around.
    """
    word = following.split(None, 1)[0] if following.strip() else ""
    return len(line) + 1 + len(word) <= 0.8 * max(width, _NARROW)
