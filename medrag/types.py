"""The records that flow through the house: document → chunk → hit → citation → answer."""

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
    """A run of text inside a document, as a reader finds it.

    Blocks are what keeps memory flat: a document is a stream of them, however long it is.

    Attributes:
        text: the text, bounded in size by the reader.
        glue: the separator between the block before and this one: "\\n\\n" starts a new paragraph,
            " " continues a sentence (next page, next piece of a long line), "" continues a word.
        page: 1-based page number, where the format has pages.
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
        title: shown to people and put before each chunk when it is embedded.
        blocks: the text; may be a one-shot generator that raises `DocumentError` midway.
        url: where the original can be read, or "".
        metadata: everything else the source said; JSON-serialisable.
    """

    id: str
    title: str
    blocks: Iterable[Block]
    url: str = ""
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A document that could not be used, and why."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """A span of one document's cleaned text that fits the embedder's token budget.

    Attributes:
        start, end: character offsets, `cleaned[start:end] == text`.
        tokens: size of what is embedded (title, text and special tokens), in embedder tokens.
        page, section: where `start` lies, as in `Block`.
        page_starts: (offset, page) where a new page begins, at the first sentence that does.
        glue: the whitespace between the chunk before and this one, so that the chunks of a
            document give its cleaned text back exactly.
        ids: the embedder's tokens of what is embedded, so that it is tokenized only once.
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
        chunk_id: integer id inside the index, never reused.
        document: the document's id.
        score: the ranking score; higher is better; comparable within one result list only.
        similarity: cosine of query and chunk embeddings, in [-1, 1]; None if found by words only.
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
        similarity: cosine of the question and the sentence under its title and section.
        coverage: share of the question's meaning-bearing words, weighted by rarity, that the
            whole chunk, its title and section hold.
        score: by which sentences are ranked.
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
        text: without markers.
        cited: the hits it claims to rest on, numbered from 1 as in the prompt.
    """

    text: str
    cited: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Citation:
    """A span that supports a part of an answer.

    Attributes:
        marker: the n of `[n]` in the answer text, from 1.
        text: the span itself; `cleaned[start:end] == text` in the document named.
        score: how strongly the span supports the statement citing it, in [0, 1].
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
    """What `RAGPipeline.query` returns, whichever generator made it.

    Attributes:
        answer: text with `[n]` markers, or the refusal sentence.
        abstained: True when the evidence was too weak to answer.
        confidence: support for the answer in [0, 1]; also set when abstaining.
        sources: the citations, one per marker, in order.
        hits: the retrieved chunks the answer was made from, best first.
        unsupported: statements the generator made that no retrieved text supports;
            they are removed from `answer` and kept here so that nothing is lost silently.
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
    """One question with its reference answer, as question files hold it.

    Attributes:
        documents: ids of the documents that hold the answer; empty if unknown or unanswerable.
        answerable: False when the corpus is known not to hold the answer.
    """

    id: str
    question: str
    answer: str
    documents: tuple[str, ...] = ()
    answerable: bool = True
