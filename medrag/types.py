"""The records that the packages share: document → chunk → hit → citation → answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from .notebook import answer_html, citation_html, hit_html

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Metadata = Mapping[str, Any]


class BlockKind(StrEnum):
    """What a block of text was in its source."""

    text = "text"
    question = "question"  # that the text after it answers; never an answer itself
    table = "table"  # a line for each row: "column: value; column: value"
    caption = "caption"  # of a table or figure
    transcript = "transcript"  # of speech


class Flag(StrEnum):
    """What a reader of a text should know about it before relying on it."""

    ocr = "ocr"  # read from a picture of the page
    low_ocr_confidence = "low OCR confidence"  # and probably with mistakes
    tables_as_lines = "tables as lines"  # rows may stand without their columns
    truncated = "truncated"  # a part of the document could not be read, and is missing
    retracted = "retracted"
    corrected = "corrected"  # a correction of it was published
    concern = "expression of concern"
    superseded = "superseded"  # a newer version of it was published
    hidden_text = "hidden text left out"
    duplicate = "duplicate"  # a document before it, by name, says the same


# Flags that hold for a passage; the others hold for the whole document.
PASSAGE_FLAGS = frozenset({Flag.ocr, Flag.low_ocr_confidence, Flag.tables_as_lines})


@dataclass(frozen=True, slots=True)
class Block:
    """A run of text in a document, as a reader finds it.

    A document is a stream of blocks, so memory does not grow with its length.

    Attributes:
        text: the text, bounded in size by the reader.
        glue: the separator between the previous block and this one: "\\n\\n" starts a paragraph,
            " " continues a sentence (next page, next piece of a long line), "" continues a word.
        page: 1-based page number, if the format has pages.
        section: heading path, e.g. "Treatment > Children"; "" above the first heading.
        kind: what the text was in its source.
        header: what each part of a table needs before it to be understood: its caption.
        flags: those that hold for this block, but not for the whole document.
    """

    text: str
    glue: str = "\n\n"
    page: int | None = None
    section: str = ""
    kind: BlockKind = BlockKind.text
    header: str = ""
    flags: frozenset[Flag] = frozenset()


@dataclass(frozen=True, slots=True)
class Document:
    """One readable unit of a corpus: a file, a JSONL or CSV row, or a PubMed article.

    Attributes:
        id: stable name from the source: path in the corpus, `path#row`, `PMID:n`, or the URL.
        title: shown in answers, and embedded together with each chunk.
        blocks: the text; may be a one-shot generator that raises `DocumentError` midway.
        url: where to read the original, or "".
        metadata: anything else from the source; JSON-serialisable.
        version: orders the revisions of a document with one id; the greatest string is the newest.
            "" if the source has no revisions.
        flags: what holds for all of it.
        left_out: how often something was left out, by reason ("hidden text").

    Readers may add to `metadata`, `flags` and `left_out` until the blocks have been read.
    """

    id: str
    title: str
    blocks: Iterable[Block]
    url: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    version: str = ""
    flags: set[Flag] = field(default_factory=set)
    left_out: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Deleted:
    """A document that its source has withdrawn, whichever file holds it.

    Attributes:
        version: the last one that is withdrawn; see `Document`. "" withdraws them all.
    """

    id: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A document that could not be used, with the reason."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """A span of one document's cleaned text that fits the embedder's token budget.

    Attributes:
        start, end: character offsets, `cleaned[start:end] == text`.
        tokens: size of the embedded text (title, header, text and special tokens), in embedder
            tokens.
        page, section: those at `start`, as in `Block`.
        page_starts: (offset, page) of each new page, at the first sentence on it.
        glue: the whitespace between the previous chunk and this one, so that the chunks of a
            document joined give its cleaned text exactly.
        ids: the embedder's token ids of the embedded text, so that it is tokenized only once.
        header: as in `Block`, if the chunk starts within a table. It is not part of `text`.
        flags: those of its blocks.
    """

    text: str
    start: int
    end: int
    tokens: int
    page: int | None = None
    section: str = ""
    glue: str = ""
    page_starts: tuple[tuple[int, int], ...] = ()
    ids: Sequence[int] = ()
    header: str = ""
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk found for a query.

    Attributes:
        chunk_id: integer id in the index, never reused.
        document: id of the document.
        score: the hits are ranked by it; higher is better. Compare it within one result list only.
        similarity: cosine of question and chunk, in [-1, 1]; None if only words were searched.
        header: the caption of the table that `text` continues, or "".
        flags: what to know before relying on the text; see `Flag`.
        duplicates: ids of other documents that were found with the same text.
        evidence: type of evidence that the document is, see `EvidenceType`; "" if unknown.
        glue: the white space between the chunk before it and this one, as in `Chunk`.
    """

    chunk_id: int
    document: str
    title: str
    text: str
    start: int
    end: int
    page: int | None
    section: str
    url: str
    score: float
    similarity: float | None = None
    metadata: Metadata = field(default_factory=dict)
    header: str = ""
    flags: tuple[str, ...] = ()
    duplicates: tuple[str, ...] = ()
    evidence: str = ""
    glue: str = ""

    def to_dict(self) -> dict[str, Any]:
        """All of it, as JSON has it."""
        return _fields_as_json(self)

    def __repr__(self) -> str:
        flags = f", {', '.join(self.flags)}" if self.flags else ""
        return f"Hit({_span(self)}, score {self.score:.3f}{flags}: {_short(self.text)})"

    def _repr_html_(self) -> str:
        return hit_html(self.to_dict())


@dataclass(frozen=True, slots=True)
class Evidence:
    """One sentence, list or table row of a hit.

    Attributes:
        number: position of the hit in the list, from 1; the n of `[n]`.
        start, end: character offsets in the document's cleaned text.
        similarity: cosine of the question and the sentence with its title and section.
        coverage: share of the question's terms, weighted by rarity, that occur in the chunk, its
            title or its section.
        score: the sentences are ranked by it.
        row: for a row of a table, the share of the question's terms that occur in the row and its
            headings; 0 if it lacks a number of the question. 0 for all other text.
        lead: the sentence before it, if it cannot be understood without ("It is given daily");
            "" otherwise.
        logit: what the reader model makes of it as an answer; None if it was not read.
        adds: whether it is worth saying beside the best piece.
    """

    number: int
    text: str
    start: int
    end: int
    similarity: float
    coverage: float
    score: float
    row: float = 0.0
    lead: str = ""
    logit: float | None = None
    adds: bool = True


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence of an answer.

    Attributes:
        text: the sentence without its markers.
        cited: the hits that it cites, numbered from 1 as in the prompt.
    """

    text: str
    cited: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Support:
    """How well a source bears out a statement.

    Attributes:
        supported: whether `score` reaches the bound that was set.
        score: 1 if the source says it, 0 if it says something else or nothing of the kind; between
            where the check cannot tell.
        reason: what differs, in plain words ("the source says 50 mcg, not 50 mg"); "" if nothing.
        spans: the sentences of the source that were compared, as (start, end) in its text.
    """

    supported: bool
    score: float
    reason: str = ""
    spans: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerSentence:
    """One statement of an answer, kept or removed.

    Attributes:
        text: the statement without markers.
        citations: markers of the sources that support it; empty if nothing does.
        support: see `Support.score`.
        supported: False for a statement that was removed, or is kept and marked as unsupported.
        reason: why it is not supported, in words; "" if it is.
    """

    text: str
    citations: tuple[int, ...]
    support: float
    supported: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Citation:
    """A span that supports a part of an answer.

    Attributes:
        marker: the n of `[n]` in the answer text, from 1.
        text: the span; `cleaned[start:end] == text` in the cleaned text of `document`.
        score: how well the span supports the statement that cites it, in [0, 1].
        flags, duplicates, evidence: as in `Hit`.
    """

    marker: int
    document: str
    title: str
    text: str
    start: int
    end: int
    page: int | None
    section: str
    url: str
    score: float
    flags: tuple[str, ...] = ()
    duplicates: tuple[str, ...] = ()
    evidence: str = ""

    @classmethod
    def of(cls, hit: Hit, start: int, end: int, marker: int, score: float) -> Self:
        """A span of a hit, `hit.text[start:end]`, as a source."""
        return cls(
            marker, hit.document, hit.title, hit.text[start:end], hit.start + start,
            hit.start + end, hit.page, hit.section, hit.url, score, hit.flags, hit.duplicates,
            hit.evidence,
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """All of it, as JSON has it."""
        return _fields_as_json(self)

    def __repr__(self) -> str:
        flags = f", {', '.join(self.flags)}" if self.flags else ""
        return f"Citation([{self.marker}] {_span(self)}{flags}: {_short(self.text)})"

    def _repr_html_(self) -> str:
        return citation_html(self.to_dict())


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A passage that says otherwise than a statement of an answer.

    Attributes:
        statement: the statement, as in `Answer.sentences`.
        reason: what differs ("the source says 50 mg, not 100 mg").
        source: the span that says otherwise; its marker follows those of `Answer.sources`, and its
            score is how much of the subject both share, in [0, 1].
    """

    statement: str
    reason: str
    source: Citation


class AnswerStatus(StrEnum):
    """What an answer is worth at a glance."""

    answered = "answered"
    partial = "partial"  # a detail that was asked for is missing: `Answer.missing`
    conflict = "conflict"  # documents disagree: `Answer.contradicting`
    abstained = "abstained"


@dataclass(frozen=True, slots=True)
class Answer:
    """What `RAGPipeline.query` returns.

    Attributes:
        answer: text with `[n]` markers, or the refusal sentence.
        abstained: True when the evidence was too weak to answer.
        confidence: estimated probability, in [0, 1], that the answer is right; when abstaining,
            that what would have been answered is.
        sources: the citations, one per marker, in order.
        hits: the retrieved chunks, best first.
        sentences: the statements that were written, each with its support, also those that were
            removed from `answer` because nothing supports them.
        stance: "yes", "no" or "unclear" to a yes/no question, as the evidence says; "" otherwise.
        stray_markers: how many markers in the generated text cited passages that were not given;
            they were removed.
        missing: details that the question asks for and the answer does not give ("maximum").
        contradicting: passages that say otherwise than the answer.
        warnings: what else a reader should know: a question that was cut, a question unlike those
            that the confidence was calibrated on.
    """

    question: str
    answer: str
    abstained: bool
    confidence: float
    sources: tuple[Citation, ...]
    hits: tuple[Hit, ...]
    sentences: tuple[AnswerSentence, ...] = ()
    stance: str = ""
    stray_markers: int = 0
    missing: tuple[str, ...] = ()
    contradicting: tuple[Contradiction, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def status(self) -> AnswerStatus:
        """`conflict` outweighs `partial`."""
        if self.abstained:
            return AnswerStatus.abstained
        if self.contradicting:
            return AnswerStatus.conflict
        return AnswerStatus.partial if self.missing else AnswerStatus.answered

    @property
    def unsupported(self) -> tuple[str, ...]:
        """The statements that no retrieved text supports."""
        return tuple(one.text for one in self.sentences if not one.supported)

    @property
    def flags(self) -> tuple[str, ...]:
        """The flags of all sources, each once: what to know before relying on the answer."""
        return tuple(dict.fromkeys(flag for source in self.sources for flag in source.flags))

    def to_dict(self) -> dict[str, Any]:
        """All of it, as JSON has it, with `status`, `unsupported` and `flags`."""
        derived = {"unsupported": list(self.unsupported), "flags": list(self.flags)}
        return {**_fields_as_json(self), "status": self.status.value, **derived}

    def __repr__(self) -> str:
        number = len(self.sources)
        sources = "1 source" if number == 1 else f"{number} sources"
        about = f"{self.status.value}, confidence {self.confidence:.2f}, {sources}"
        return f"Answer({about}: {_short(self.answer)})"

    def _repr_html_(self) -> str:
        return answer_html(self.to_dict())


def _fields_as_json(record: DataclassInstance) -> dict[str, Any]:
    return {one.name: _as_json(getattr(record, one.name)) for one in fields(record)}


def _as_json(value: Any) -> Any:
    """Dataclasses as objects and tuples as lists."""
    if is_dataclass(value) and not isinstance(value, type):
        return _fields_as_json(value)
    if isinstance(value, Mapping):
        return {str(name): _as_json(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(part) for part in value]
    return value


_SHOWN = 80  # characters of a text in a `repr`


def _short(text: str) -> str:
    """The beginning of a text, on one line, in quotes."""
    line = " ".join(text.split())
    return f"“{line}”" if len(line) <= _SHOWN else f"“{line[: _SHOWN - 2].rstrip()} …”"


def _span(found: Hit | Citation) -> str:
    return f"{found.document} {found.start}–{found.end}"


class QuestionKind(StrEnum):
    """What kind of answer a question of an evaluation set wants; decides how it is judged."""

    yes_no = "yes/no"
    factoid = "factoid"  # one thing: `Example.exact` holds its names
    several = "list"  # several things, each with its names
    text = "text"  # a sentence or more, or unknown


@dataclass(frozen=True, slots=True)
class Example:
    """A question with its reference answer, from a question set.

    Attributes:
        answer: the reference answer; "" if none is known.
        documents: ids of the documents that contain the answer; empty if unknown or unanswerable.
        answerable: False if the corpus is known not to contain the answer; None if nothing tells.
        kind: what kind of answer it wants.
        exact: what has to be named, each thing by all its names; for a yes/no question one of
            "yes", "no" and "maybe".
        nuggets: the facts that a good answer holds, one by one.
        alternatives: other reference answers, as good as `answer`.
    """

    id: str
    question: str
    answer: str
    documents: tuple[str, ...] = ()
    answerable: bool | None = True
    kind: QuestionKind = QuestionKind.text
    exact: tuple[tuple[str, ...], ...] = ()
    nuggets: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()
