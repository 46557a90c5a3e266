"""The records that the packages share: document → chunk → hit → citation → answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Metadata = Mapping[str, Any]


class BlockKind(StrEnum):
    """What a block of text was in its source."""

    text = "text"
    table = "table"  # a line for each row, cells separated by " | "
    caption = "caption"  # of a figure
    transcript = "transcript"  # of speech


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
    """

    text: str
    glue: str = "\n\n"
    page: int | None = None
    section: str = ""
    kind: BlockKind = BlockKind.text


@dataclass(frozen=True, slots=True)
class Document:
    """One readable unit of a corpus: a file, a JSONL or CSV row, or a PubMed article.

    Attributes:
        id: stable name from the source: path in the corpus, `path#row`, `PMID:n`, or the URL.
        title: shown in answers, and embedded together with each chunk.
        blocks: the text; may be a one-shot generator that raises `DocumentError` midway.
        url: where to read the original, or "".
        metadata: anything else from the source; JSON-serialisable.
    """

    id: str
    title: str
    blocks: Iterable[Block]
    url: str = ""
    metadata: Metadata = field(default_factory=dict)


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
        tokens: size of the embedded text (title, text and special tokens), in embedder tokens.
        page, section: those at `start`, as in `Block`.
        page_starts: (offset, page) of each new page, at the first sentence on it.
        glue: the whitespace between the previous chunk and this one, so that the chunks of a
            document joined give its cleaned text exactly.
        ids: the embedder's token ids of the embedded text, so that it is tokenized only once.
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


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk found for a query.

    Attributes:
        chunk_id: integer id in the index, never reused.
        document: id of the document.
        score: the hits are ranked by it; higher is better. Compare it within one result list only.
        similarity: cosine of question and chunk, in [-1, 1]; None if only words were searched.
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


@dataclass(frozen=True, slots=True)
class Evidence:
    """One sentence of a hit.

    Attributes:
        number: position of the hit in the list, from 1; the n of `[n]`.
        start, end: character offsets in the document's cleaned text.
        similarity: cosine of the question and the sentence with its title and section.
        coverage: share of the question's terms, weighted by rarity, that occur in the chunk, its
            title or its section.
        score: the sentences are ranked by it.
    """

    number: int
    text: str
    start: int
    end: int
    similarity: float
    coverage: float
    score: float


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
class Citation:
    """A span that supports a part of an answer.

    Attributes:
        marker: the n of `[n]` in the answer text, from 1.
        text: the span; `cleaned[start:end] == text` in the cleaned text of `document`.
        score: how well the span supports the statement that cites it, in [0, 1].
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


@dataclass(frozen=True, slots=True)
class Answer:
    """What `RAGPipeline.query` returns.

    Attributes:
        answer: text with `[n]` markers, or the refusal sentence.
        abstained: True when the evidence was too weak to answer.
        confidence: estimated probability, in [0, 1], that the hits contain the answer; also set
            when abstaining.
        sources: the citations, one per marker, in order.
        hits: the retrieved chunks, best first.
        unsupported: generated statements that no retrieved text supports; they are removed from
            `answer`.
    """

    question: str
    answer: str
    abstained: bool
    confidence: float
    sources: tuple[Citation, ...]
    hits: tuple[Hit, ...]
    unsupported: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Example:
    """A question with its reference answer, from a question file.

    Attributes:
        documents: ids of the documents that contain the answer; empty if unknown or unanswerable.
        answerable: False if the corpus is known not to contain the answer.
    """

    id: str
    question: str
    answer: str
    documents: tuple[str, ...] = ()
    answerable: bool = True
