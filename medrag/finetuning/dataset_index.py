"""A dataset with the index that it was made from, opened together for a training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config import DatasetConfig, EmbedderKind, RetrieverConfig, Writer
from ..dataset import question_key
from ..dataset.written import write_questions
from ..embedding import open_embedder
from ..embedding.local.embedder import TextEmbedder
from ..errors import ConfigError, MismatchError
from ..indexing import config_from_manifest
from ..ingestion.chunking import Chunker
from ..manifest import open_artefact
from ..retrieval import Retriever
from ..stores import IndexReader, open_index
from ..text.word_runs import WordRuns
from ..types import Hit
from . import load_dataset
from .held_out_ranking import Asked

_RUN = 5  # words
_NEAR_COPY = 0.8  # share of its runs of words that a copy has in common with held-out passages

# A question, the passage that answers it, and the ids of the documents that do.
Pair = tuple[str, Hit, tuple[str, ...]]


@dataclass(frozen=True)
class DatasetIndex:
    """What a training of an encoder reads.

    Attributes:
        base_model: the encoder of the index, or the one that was asked for.
        splits: rows by split.
        held_out: documents of validation and test, of which training must see nothing.
        held_out_runs: those of their passages, to know copies by.
    """

    base_model: str
    splits: Mapping[str, Sequence[Mapping[str, Any]]]
    index: IndexReader
    retriever: Retriever
    chunker: Chunker
    held_out: frozenset[str]
    held_out_runs: WordRuns

    def text(self, hit: Hit) -> str:
        """A passage as the index embeds it."""
        return self.chunker.embedded_text(hit.title, hit.text, hit.header)

    def passage_at(self, document: str, start: int) -> Hit | None:
        """The chunk of a document that holds a character offset."""
        hits = self.index.hits(self.index.document_chunk_ids(document)).values()
        return next((hit for hit in hits if hit.start <= start < hit.end), None)

    def is_held_out(self, hit: Hit) -> bool:
        """Whether a passage is of a document of validation or test, or a near copy of one."""
        if not self.held_out.isdisjoint((hit.document, *hit.duplicates)):
            return True
        shared = self.held_out_runs.shared(question_key(hit.text).split())
        return bool(shared.size and shared.mean() >= _NEAR_COPY)

    def written(self, number: int) -> tuple[list[Pair], list[Asked]]:
        """Questions that rules write from the index: of documents to train on, and held-out ones.

        They are always the same, so that trainings with other seeds can be compared.

        Args:
            number: of both together.
        """
        training: list[Pair] = []
        others: list[Asked] = []
        if not number:
            return training, others
        wanted = DatasetConfig(questions="", writer=Writer.rules, limit=number)
        for example in write_questions(wanted, self.index):
            (document,) = example.documents
            if document in self.held_out:
                others.append(Asked(example.question, frozenset({document})))
            elif (
                passage := self.passage_at(document, _place(example.id))
            ) and not self.is_held_out(passage):
                training.append((example.question, passage, (document,)))
        return training, others


def _texts_of(index: IndexReader, documents: Iterable[str]) -> Iterator[list[str]]:
    """The passages of documents, as words."""
    for document in documents:
        for hit in index.hits(index.document_chunk_ids(document)).values():
            yield question_key(hit.text).split()


def _place(id_: str) -> int:
    """Where a written question's sentence begins: "notes.jsonl#gout@120/dose/keywords"."""
    return int(id_.rpartition("@")[2].partition("/")[0])


@contextmanager
def open_dataset_index(folder: str, model: str, setting: str) -> Iterator[DatasetIndex]:
    """Open a dataset and its index.

    Args:
        model: the encoder to use; empty: that of the index.
        setting: names it, for errors.

    Raises:
        ArtefactError: there is no dataset, or no index.
        MismatchError: the index has changed since the dataset was made from it.
        ConfigError: the index was made with an embedder that cannot be trained.
    """
    splits = load_dataset(Path(folder))
    parent = open_artefact(Path(folder), "dataset").parents["index"]
    settings = config_from_manifest(parent.path)
    if settings.embedder.kind != EmbedderKind.local and not model:
        raise ConfigError(
            f"the index {parent.path} was made with {settings.embedder.model} on a server, which "
            f"cannot be tuned here; name an encoder with {setting}="
        )
    with open_index(settings.index) as index:
        if index.fingerprint != parent.fingerprint:
            raise MismatchError(
                f"the index {parent.path} has changed since the dataset {folder} was made from it; "
                "rebuild the dataset"
            )
        held_out = frozenset(
            document
            for split in ("validation", "test")
            for row in splits.get(split, ())
            for document in row["documents"]
        )
        yield DatasetIndex(
            base_model=model or settings.embedder.model,
            splits=splits,
            index=index,
            retriever=Retriever(index, open_embedder(settings.embedder), RetrieverConfig()),
            chunker=Chunker(TextEmbedder(settings.embedder), settings.chunking.max_tokens),
            held_out=held_out,
            held_out_runs=WordRuns(_texts_of(index, held_out), _RUN),
        )
