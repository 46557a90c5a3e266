"""Questions written by rules, offline, from the sentences of an index."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from ...config import DatasetConfig
from ...progress import progress
from ...stores import IndexReader
from ...types import Example
from .. import drawn, question_key
from ..passages import MOST, draw_documents, fit_passages
from .facts import facts
from .phrasing import phrasings

_OF_DOCUMENT = 12  # questions
_REPEATED = 2  # documents of which one sentence is used; in more, it is a phrase of the collection


def write_questions(config: DatasetConfig, index: IndexReader) -> list[Example]:
    """Write up to `dataset.limit` questions (0: 2,000) that sentences of the index answer.

    They are spread over the documents: no document gets a second one before each has got its first.
    Which documents, sentences and wordings are used is drawn by hashes, so that the same index and
    seed give the same questions. Memory does not grow with the index.

    Returns:
        Questions whose answer is a sentence of their document, word for word. The id says where it
        stands and what is asked how: "notes.jsonl#gout@120/dose/keywords".
    """
    most = config.limit or MOST
    turns: dict[int, list[Example]] = defaultdict(list)
    asked: set[str] = set()
    used: dict[str, set[str]] = defaultdict(set)
    documents = draw_documents(index, most, config.seed)
    with progress("writing", len(documents), "documents") as advance:
        for document in documents:
            turn = 0
            for example in _of_document(document, index, config.seed):
                key = question_key(example.question)
                if key in asked or len(used[example.answer] | {document}) > _REPEATED:
                    continue
                asked.add(key)
                used[example.answer].add(document)
                turns[turn].append(example)
                turn += 1
                if turn == _OF_DOCUMENT:
                    break
            advance(1)
            if len(turns[0]) >= most:
                break
    return [example for turn in sorted(turns) for example in turns[turn]][:most]


def _of_document(document: str, index: IndexReader, seed: int) -> Iterator[Example]:
    """The questions of a document: each fact in one wording, then in the others."""
    wordings: list[list[Example]] = []
    for hit in fit_passages(index, document, seed):
        for fact in facts(hit):
            made = [
                Example(
                    id=f"{document}@{fact.start}/{fact.kind}/{phrased.style}",
                    question=phrased.question,
                    answer=fact.sentence,
                    documents=(document,),
                    kind=phrased.kind,
                    exact=phrased.exact,
                )
                for phrased in phrasings(fact, hit.title, seed)
            ]
            made.sort(key=lambda example: drawn(seed, "wording", example.id))
            if made:
                wordings.append(made)
    wordings.sort(key=lambda made: drawn(seed, "fact", made[0].id))
    for turn in range(max(map(len, wordings), default=0)):
        yield from (made[turn] for made in wordings if turn < len(made))
