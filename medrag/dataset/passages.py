"""Which passages of an index questions are written about: drawn by hashes, and fit for it."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import nsmallest

from ..stores import IndexReader
from ..types import Flag, Hit
from . import drawn

MOST = 2_000  # questions that are written, unless `dataset.limit` says otherwise
_DOCUMENTS = 20  # looked through at most, for each question that is wanted
_PASSAGES = 40  # of a document
# What should not be taught.
_UNFIT = frozenset(
    {
        Flag.retracted,
        Flag.concern,
        Flag.superseded,
        Flag.duplicate,
        Flag.low_ocr_confidence,
        Flag.tables_as_lines,
    }
)


def draw_documents(index: IndexReader, questions: int, seed: int) -> list[str]:
    """Ids of the documents to write about, in the order of a hash. Memory does not grow with them.

    Args:
        questions: how many are wanted.
    """
    most = _DOCUMENTS * questions
    return nsmallest(most, index.document_ids(), key=lambda id_: drawn(seed, "written", id_))


def fit_passages(index: IndexReader, document: str, seed: int) -> Iterator[Hit]:
    """The passages of a document that may be asked about, in text order; of a long one, some.

    Retracted, superseded and repeated documents have none, and neither have tables.
    """
    chunks = index.document_chunk_ids(document)
    chosen = nsmallest(_PASSAGES, chunks, key=lambda chunk: drawn(seed, document, str(chunk)))
    found = index.hits(sorted(chosen))
    for chunk in sorted(chosen):
        hit = found[chunk]
        if not _UNFIT.intersection(hit.flags) and not hit.header:
            yield hit
