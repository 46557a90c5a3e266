"""What a tuning of the retriever reads: lists of its dataset and index, and held-out questions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..config import DatasetConfig, EmbedderKind, RetrieverConfig, RetrieverTuneConfig, Writer
from ..dataset.written import write_questions
from ..embedding import open_embedder
from ..embedding.local.embedder import TextEmbedder
from ..errors import ConfigError, MismatchError
from ..indexing import config_from_manifest
from ..ingestion.chunking import Chunker
from ..manifest import atomic_write, open_artefact
from ..progress import progress
from ..retrieval import Retriever
from ..stores import IndexReader, open_index
from ..types import Hit
from . import load_dataset
from .held_out_ranking import Asked, HeldOutRanking, asked_in
from .ranking_lists import ListMaker, RankingList
from .teachers import VECTORS, Teacher, choose_teacher

_TRIAL = 150  # written questions by which the teacher is chosen
_OTHERS = 150  # questions written from held-out documents, that show what is forgotten
_KEPT = (
    "asked",
    "written",
    "skipped_rows",
    "without_negatives",
    "topped_up",
    "teacher",
    "round_trip",
)

# A question, the passage that answers it, and the ids of the documents that do.
_Pair = tuple[str, Hit, tuple[str, ...]]


@dataclass
class Material:
    """What a run is made of; see `RetrieverResult`.

    Attributes:
        base_model: the encoder to start from.
        sets: held-out questions by name; the first one chooses the mix.
        test: those that the result is measured on; None if there are none.
    """

    base_model: str
    lists: list[RankingList] = field(default_factory=list)
    asked: int = 0
    written: int = 0
    skipped_rows: int = 0
    without_negatives: int = 0
    topped_up: int = 0
    teacher: str = VECTORS
    round_trip: Mapping[str, float] = field(default_factory=dict)
    sets: dict[str, HeldOutRanking] = field(default_factory=dict)
    test: HeldOutRanking | None = None


def gather(config: RetrieverTuneConfig, work: Path) -> Material:
    """Read the dataset, and make lists of its questions and of written ones.

    Args:
        work: where the lists are kept, for a run that continues.

    Raises:
        ArtefactError: there is no dataset, or no index.
        MismatchError: the index has changed since the dataset was made from it.
        ConfigError: the index was made with an embedder that cannot be tuned.
    """
    dataset = load_dataset(Path(config.dataset))
    parent = open_artefact(Path(config.dataset), "dataset").parents["index"]
    settings = config_from_manifest(parent.path)
    if settings.embedder.kind != EmbedderKind.local and not config.base_model:
        raise ConfigError(
            f"the index {parent.path} was made with {settings.embedder.model} on a server, which "
            "cannot be tuned here; name an encoder with retriever_tuning.base_model="
        )
    material = Material(config.base_model or settings.embedder.model)
    chunker = Chunker(TextEmbedder(settings.embedder), settings.chunking.max_tokens)

    def text(hit: Hit) -> str:
        return chunker.embedded_text(hit.title, hit.text, hit.header)

    with open_index(settings.index) as index:
        if index.fingerprint != parent.fingerprint:
            raise MismatchError(
                f"the index {parent.path} has changed since the dataset {config.dataset} was made "
                "from it; rebuild the dataset"
            )
        retriever = Retriever(index, open_embedder(settings.embedder), RetrieverConfig())
        held_out = {
            document
            for split in ("validation", "test")
            for row in dataset.get(split, ())
            for document in row["documents"]
        }
        writing = _Writing(index, config, held_out)
        if not _restore(material, work / "lists.json"):
            _add_lists(material, config, dataset["train"], retriever, text, writing)
            _keep(material, work / "lists.json")
        _add_held_out(material, config, dataset, retriever, text, writing.others)
    return material


class _Writing:
    """Questions written from the documents of an index: held-out ones and the others apart."""

    def __init__(self, index: IndexReader, config: RetrieverTuneConfig, held_out: set[str]) -> None:
        self.held_out = held_out
        self.training: list[_Pair] = []
        self.others: list[Asked] = []
        if not config.written_questions:
            return
        wanted = DatasetConfig(
            questions="", writer=Writer.rules, limit=config.written_questions, seed=config.seed
        )
        for example in write_questions(wanted, index):
            (document,) = example.documents
            if document in held_out:
                self.others.append(Asked(example.question, frozenset({document})))
            elif passage := _passage_at(index, document, _place(example.id)):
                self.training.append((example.question, passage, (document,)))


def _place(id_: str) -> int:
    """Where a written question's sentence begins: "notes.jsonl#gout@120/dose/keywords"."""
    return int(id_.rpartition("@")[2].partition("/")[0])


def _passage_at(index: IndexReader, document: str, start: int) -> Hit | None:
    """The chunk of a document that holds a character offset."""
    hits = index.hits(index.document_chunk_ids(document)).values()
    return next((hit for hit in hits if hit.start <= start < hit.end), None)


def _pairs(rows: Iterable[Mapping[str, Any]], index: IndexReader) -> Iterator[_Pair]:
    """The questions of a split and the passages that hold their answers; none that was altered."""
    for row in rows:
        passage = row["passage"]
        if not passage["document"] or passage["altered"] or row["shares"]:
            continue
        if hit := _passage_at(index, passage["document"], passage["start"]):
            yield row["question"], hit, tuple(row["documents"])


def _add_lists(
    material: Material,
    config: RetrieverTuneConfig,
    rows: Sequence[Mapping[str, Any]],
    retriever: Retriever,
    text: Callable[[Hit], str],
    writing: _Writing,
) -> None:
    """Make the lists, by the teacher that finds most."""
    asked = [*_pairs(rows, retriever.index)]
    material.skipped_rows = len(rows) - len(asked)
    pairs = [*asked, *writing.training]
    teacher = Teacher(VECTORS, {}, None)
    if config.distillation and config.negatives and writing.training:
        trial = [(question, passage) for question, passage, _ in writing.training[:_TRIAL]]
        teacher = choose_teacher(retriever, trial)
    material.teacher, material.round_trip = teacher.name, teacher.round_trip
    spare = [passage for _, passage, _ in pairs]
    maker = ListMaker(
        retriever, text, teacher.rank, config.negatives, held_out=writing.held_out, spare=spare
    )
    with progress("lists", len(pairs), "questions") as advance:
        for number, (question, passage, documents) in enumerate(pairs):
            if made := maker.make(question, passage, documents):
                material.lists.append(made)
                material.asked += number < len(asked)
                material.written += number >= len(asked)
            advance(1)
    material.without_negatives = len(pairs) - len(material.lists)
    material.topped_up = maker.topped_up


def _add_held_out(
    material: Material,
    config: RetrieverTuneConfig,
    dataset: Mapping[str, Any],
    retriever: Retriever,
    text: Callable[[Hit], str],
    others: Sequence[Asked],
) -> None:
    most = config.held_out_questions
    found = {
        "validation questions": asked_in(dataset.get("validation", ()), most),
        "written questions": others[: min(_OTHERS, most)],
    }
    for name, asked in found.items():
        if asked:
            material.sets[name] = HeldOutRanking(asked, retriever, text)
    if test := asked_in(dataset.get("test", ()), most):
        material.test = HeldOutRanking(test, retriever, text)


def _keep(material: Material, file: Path) -> None:
    """Keep what took long, for a run that continues."""
    kept = {name: getattr(material, name) for name in _KEPT}
    lists = [
        {**asdict(one), "answers": sorted(one.answers), "shown": sorted(one.shown)}
        for one in material.lists
    ]
    atomic_write(file, json.dumps({**kept, "lists": lists}, ensure_ascii=False))


def _restore(material: Material, file: Path) -> bool:
    """Read what an interrupted run has kept; false if it has not come so far."""
    if not file.is_file():
        return False
    kept = json.loads(file.read_text(encoding="utf-8"))
    for name in _KEPT:
        setattr(material, name, kept[name])
    material.lists = [
        RankingList(
            question=one["question"],
            passages=tuple(one["passages"]),
            answers=frozenset(one["answers"]),
            shown=frozenset(one["shown"]),
            scores=tuple(one["scores"]),
        )
        for one in kept["lists"]
    ]
    return True
