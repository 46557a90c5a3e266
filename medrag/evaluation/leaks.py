"""What an evaluation must not measure with: questions and documents that a model was trained on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..config import Config, PipelineConfig
from ..dataset import leaks
from ..errors import MismatchError, QuestionError
from ..manifest import MANIFEST, Parent, open_artefact
from ..types import Example
from .systems import System


@dataclass(frozen=True)
class Unseen:
    """The questions of a set that no tuned model in use was trained on.

    Attributes:
        left_out: how many questions of the set were seen in training.
        documents: names of the documents of the remaining questions that were.
        models: the tuned models in use, by kind; a second one of a kind is "adapter 2".
    """

    examples: list[Example]
    left_out: int = 0
    documents: list[str] = field(default_factory=list)
    models: dict[str, Parent] = field(default_factory=dict)


def without_leaks(config: Config, systems: Sequence[System], examples: Sequence[Example]) -> Unseen:
    """Leave out the questions that an adapter, retriever or reranker in use was trained on.

    Raises:
        ArtefactError: a tuned model or its dataset is missing, so a leak cannot be ruled out.
        MismatchError: the dataset has changed since the model was trained on it.
        QuestionError: every question was seen in training.
    """
    parents: dict[str, Parent] = {}
    train: list[tuple[str, list[str]]] = []
    for kind, folder in dict.fromkeys(one for system in systems for one in _tuned(system.config)):
        found = open_artefact(Path(folder), kind)
        count = sum(name.split()[0] == kind for name in parents)
        parents[f"{kind} {count + 1}" if count else kind] = Parent(folder, found.fingerprint)
        train += _trained_on(folder, found.parents["dataset"])
    asked = [(one.question, one.documents) for one in examples]
    seen = {*leaks(train, asked)[0]}
    kept = [example for example in examples if example.question not in seen]
    if not kept:
        raise QuestionError(
            f"every question of {config.evaluation.benchmark or config.evaluation.questions} was "
            "seen in training; evaluate on the dataset's test split: "
            f"evaluation.questions={config.dataset.dir}/test.jsonl"
        )
    shared = leaks(train, [(one.question, one.documents) for one in kept])[1]
    return Unseen(kept, len(examples) - len(kept), shared, parents)


def _tuned(config: PipelineConfig) -> Iterator[tuple[str, str]]:
    """Kind and folder of each model that medrag may have trained."""
    if config.generator.adapter:
        yield "adapter", config.generator.adapter
    models = {"retriever": config.embedder.model, "reranker": config.retriever.reranker}
    for kind, model in models.items():
        if model and (Path(model) / MANIFEST).is_file():  # else not tuned by medrag
            yield kind, model


def _trained_on(model: str, dataset: Parent) -> Iterator[tuple[str, list[str]]]:
    """The training questions of the dataset that a model was made from, with their documents."""
    if open_artefact(Path(dataset.path), "dataset").fingerprint != dataset.fingerprint:
        raise MismatchError(
            f"{model} was trained on another dataset than the one now in {dataset.path}, so its "
            "training questions are unknown; restore that dataset, or run medrag.train again"
        )
    with (Path(dataset.path) / "train.jsonl").open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            yield row["question"], row.get("documents", [])
