"""What a tuning of the retriever reads: lists of its dataset and index, and held-out questions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..config import RetrieverTuneConfig
from ..manifest import atomic_write
from ..progress import progress
from .dataset_index import DatasetIndex, Pair, open_dataset_index
from .held_out_ranking import HeldOutRanking, asked_in
from .ranking_lists import ListMaker, RankingList
from .teachers import VECTORS, Teacher, choose_teacher

_TRIAL = 150  # written questions by which the teacher is chosen
WRITTEN = "written questions"
_OTHERS = 60  # questions written from held-out documents, that show what is forgotten
_KEPT = (
    "asked",
    "written",
    "skipped_rows",
    "without_negatives",
    "topped_up",
    "teacher",
    "round_trip",
)


@dataclass
class Material:
    """What a run is made of; see `RetrieverResult`.

    Attributes:
        base_model: the encoder to start from.
        sets: held-out questions by name, which choose the mix: of each collection, and written.
        test: those that the result is measured on, by collection.
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
    test: dict[str, HeldOutRanking] = field(default_factory=dict)


def gather(config: RetrieverTuneConfig, work: Path) -> Material:
    """Read the dataset, and make lists of its questions and of written ones.

    Args:
        work: where the lists are kept, for a run that continues.

    Raises: see `open_dataset_index`.
    """
    setting = "retriever_tuning.base_model"
    with open_dataset_index(config.dataset, config.base_model, setting) as opened:
        material = Material(opened.base_model)
        training, others = opened.written(config.written_questions)
        if not _restore(material, work / "lists.json"):
            _add_lists(material, config, opened, training)
            _keep(material, work / "lists.json")
        most = config.held_out_questions
        validation = asked_in(opened.splits.get("validation", ()), most)
        if others and most:
            validation[WRITTEN] = others[: min(_OTHERS, most)]
        test = asked_in(opened.splits.get("test", ()), most)
        for asked, sets in ((validation, material.sets), (test, material.test)):
            for name, some in asked.items():
                sets[name] = HeldOutRanking(some, opened.retriever, opened.text)
    return material


def _pairs(rows: Iterable[Mapping[str, Any]], opened: DatasetIndex) -> Iterator[Pair]:
    """The questions of a split and the passages that hold their answers; none that was altered."""
    for row in rows:
        passage = row["passage"]
        if not passage["document"] or passage["altered"] or row["shares"]:
            continue
        hit = opened.passage_at(passage["document"], passage["start"])
        if hit and not opened.is_held_out(hit):
            yield row["question"], hit, tuple(row["documents"])


def _add_lists(
    material: Material,
    config: RetrieverTuneConfig,
    opened: DatasetIndex,
    written: Sequence[Pair],
) -> None:
    """Make the lists, by the teacher that finds most."""
    rows = opened.splits["train"]
    asked = [*_pairs(rows, opened)]
    material.skipped_rows = len(rows) - len(asked)
    pairs = [*asked, *written]
    teacher = Teacher(VECTORS, {}, None)
    if config.distillation and config.negatives and written:
        trial = [(question, passage) for question, passage, _ in written[:_TRIAL]]
        teacher = choose_teacher(opened.retriever, trial)
    material.teacher, material.round_trip = teacher.name, teacher.round_trip
    maker = ListMaker(
        opened.retriever,
        opened.text,
        teacher.rank,
        config.negatives,
        is_held_out=opened.is_held_out,
        spare=[passage for _, passage, _ in pairs],
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
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        return False  # damaged: it is made again
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
